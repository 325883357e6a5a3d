"""Smooth lines, discs and arrows on a picture, by coverage: no oversampling, exact to a fraction of a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

TOUCH = 3


def line(pixels: Pixels, start: ArrayLike, end: ArrayLike, width_px: float, colour: Array, *, opacity: float = 1.0) -> None:
    """Draw a line with round ends onto `pixels` (height, width, 3), in place."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    along = b - a
    window = _window(pixels, np.minimum(a, b), np.maximum(a, b), width_px / 2 + 1)
    if window is None:
        return
    rows, columns, x, y = window
    share = np.clip(((x - a[0]) * along[0] + (y - a[1]) * along[1]) / max(float(along @ along), 1e-12), 0, 1)
    distance = np.hypot(x - a[0] - share * along[0], y - a[1] - share * along[1])
    _blend(pixels, rows, columns, np.clip(width_px / 2 - distance + 0.5, 0, min(1.0, width_px)) * opacity, colour)


def disc(pixels: Pixels, centre: ArrayLike, radius_px: float, colour: Array, *, opacity: float = 1.0) -> None:
    """Draw a filled disc onto `pixels` (height, width, 3), in place."""
    c = np.asarray(centre, dtype=np.float64)
    window = _window(pixels, c, c, radius_px + 1)
    if window is None:
        return
    rows, columns, x, y = window
    _blend(pixels, rows, columns, np.clip(radius_px - np.hypot(x - c[0], y - c[1]) + 0.5, 0, 1) * opacity, colour)


def arrow(pixels: Pixels, start: ArrayLike, end: ArrayLike, width_px: float, colour: Array) -> None:
    """Draw a line with an open head at its end, in place."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    line(pixels, a, b, width_px, colour)
    length = float(np.hypot(*(b - a)))
    if length < 4 * width_px:
        return
    way = (b - a) / length
    head = min(4.5 * width_px, 0.4 * length)
    for side in (-0.55, 0.55):
        line(pixels, b, b - head * (way + side * np.array([-way[1], way[0]])), width_px, colour)


def rectangle(pixels: Pixels, x0: float, y0: float, x1: float, y1: float, colour: Array) -> None:
    """Fill a rectangle on whole pixels, in place."""
    height, width = pixels.shape[:2]
    rows = slice(max(0, round(y0)), min(height, max(round(y1), round(y0) + 1)))
    columns = slice(max(0, round(x0)), min(width, max(round(x1), round(x0) + 1)))
    pixels[rows, columns] = np.round(colour * 255)


def fade(pixels: Pixels, paper: Array, margin_px: int) -> None:
    """Let a drawing run out into the paper over `margin_px` at each border that it touches, in place."""
    height, width = pixels.shape[:2]
    n = max(1, min(margin_px, height // 3, width // 3))
    ramp = (np.arange(n) + 0.5) / n
    ramp = ramp * ramp * (3 - 2 * ramp)
    ground = np.round(paper * 255).astype(np.int16)
    turned = np.swapaxes(pixels, 0, 1)
    for view in (pixels, pixels[::-1], turned, turned[::-1]):
        if np.abs(view[0].astype(np.int16) - ground).max() > TOUCH:
            view[:n] = np.round(ground + ramp[:, None, None] * (view[:n].astype(np.float32) - ground))


def _window(pixels: Pixels, low: Array, high: Array, margin: float) -> tuple[slice, slice, Array, Array] | None:
    """The rows and columns that a shape may touch, and the centres of their pixels; None outside the picture."""
    height, width = pixels.shape[:2]
    x0, y0 = (max(0, int(np.floor(v - margin))) for v in low)
    x1, y1 = min(width, int(np.ceil(high[0] + margin)) + 1), min(height, int(np.ceil(high[1] + margin)) + 1)
    if x0 >= x1 or y0 >= y1:
        return None
    return slice(y0, y1), slice(x0, x1), np.arange(x0, x1)[None, :] + 0.5, np.arange(y0, y1)[:, None] + 0.5


def _blend(pixels: Pixels, rows: slice, columns: slice, cover: Array, colour: Array) -> None:
    """Lay a colour over a part of the picture."""
    part = pixels[rows, columns]
    part[...] = np.round(part + cover[..., None] * (np.asarray(colour) * 255 - part))
