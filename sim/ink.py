"""Smooth lines, discs and arrows on a picture, by coverage: no oversampling, exact to a fraction of a pixel.

A picture is (height, width, 3), or (height, width, 4) with its opacity last and colours not multiplied by it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

TOUCH = 3


def line(pixels: Pixels, start: ArrayLike, end: ArrayLike, width_px: float, colour: Array, *, opacity: float = 1.0) -> None:
    """Draw a line with round ends onto `pixels`, in place."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    along = b - a
    window = _window(pixels, np.minimum(a, b), np.maximum(a, b), width_px / 2 + 1)
    if window is None:
        return
    rows, columns, x, y = window
    share = np.clip(((x - a[0]) * along[0] + (y - a[1]) * along[1]) / max(float(along @ along), 1e-12), 0, 1)
    distance = np.hypot(x - a[0] - share * along[0], y - a[1] - share * along[1])
    _blend(pixels, rows, columns, np.clip(width_px / 2 - distance + 0.5, 0, min(1.0, width_px)) * opacity, colour)


def polyline(pixels: Pixels, points: ArrayLike, width_px: float, colour: Array, *, opacity: float = 1.0) -> None:
    """Draw a line through points (n, 2) with round ends and joints, laid on once however it bends, in place."""
    path = np.asarray(points, dtype=np.float64)
    window = _window(pixels, path.min(axis=0), path.max(axis=0), width_px / 2 + 1)
    if window is None:
        return
    rows, columns, x, y = window
    distance = np.full(np.broadcast_shapes(x.shape, y.shape), np.inf)
    for a, b in pairwise(path):
        along = b - a
        share = np.clip(((x - a[0]) * along[0] + (y - a[1]) * along[1]) / max(float(along @ along), 1e-12), 0, 1)
        np.minimum(distance, np.hypot(x - a[0] - share * along[0], y - a[1] - share * along[1]), out=distance)
    _blend(pixels, rows, columns, np.clip(width_px / 2 - distance + 0.5, 0, min(1.0, width_px)) * opacity, colour)


def disc(pixels: Pixels, centre: ArrayLike, radius_px: float, colour: Array, *, opacity: float = 1.0) -> None:
    """Draw a filled disc onto `pixels`, in place."""
    c = np.asarray(centre, dtype=np.float64)
    window = _window(pixels, c, c, radius_px + 1)
    if window is None:
        return
    rows, columns, x, y = window
    _blend(pixels, rows, columns, np.clip(radius_px - np.hypot(x - c[0], y - c[1]) + 0.5, 0, 1) * opacity, colour)


def arrow_strokes(start: ArrayLike, end: ArrayLike, width_px: float) -> list[Array]:
    """Return the lines (2, 2) of an arrow with an open head at its end; a short one has no head."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    length = float(np.hypot(*(b - a)))
    if length < 4 * width_px:
        return [np.stack([a, b])]
    way = (b - a) / length
    head = min(4.5 * width_px, 0.4 * length)
    ends = [b - head * (way + side * np.array([-way[1], way[0]])) for side in (-0.55, 0.55)]
    return [np.stack([a, b]), *(np.stack([b, e]) for e in ends)]


def rectangle(pixels: Pixels, x0: float, y0: float, x1: float, y1: float, colour: Array) -> None:
    """Fill a rectangle on whole pixels, in place."""
    height, width = pixels.shape[:2]
    rows = slice(max(0, round(y0)), min(height, max(round(y1), round(y0) + 1)))
    columns = slice(max(0, round(x0)), min(width, max(round(x1), round(x0) + 1)))
    pixels[rows, columns, :3] = np.round(colour * 255)
    pixels[rows, columns, 3:] = 255


def stamp(pixels: Pixels, x: int, y: int, cover: NDArray[np.uint8], colour: Array) -> None:
    """Lay a colour through a mask (rows, columns), 255 where it covers, whose corner stands at (x, y), in place."""
    height, width = pixels.shape[:2]
    top, left, bottom, right = max(y, 0), max(x, 0), min(y + cover.shape[0], height), min(x + cover.shape[1], width)
    if top < bottom and left < right:
        part = cover[top - y : bottom - y, left - x : right - x]
        _blend(pixels, slice(top, bottom), slice(left, right), part / 255.0, colour)


def fade(pixels: Pixels, paper: Array, margin_px: int) -> None:
    """Let a drawing run out into the paper over `margin_px` at each border that it touches, in place.

    A drawing with opacity, its colours multiplied by it, runs out into nothing.
    """
    height, width = pixels.shape[:2]
    n = max(1, min(margin_px, height // 3, width // 3))
    ramp = (np.arange(n) + 0.5) / n
    ramp = ramp * ramp * (3 - 2 * ramp)
    ground = np.round(paper * 255).astype(np.int16) if pixels.shape[2] == 3 else np.zeros(4, dtype=np.int16)
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
    if pixels.shape[2] == 3:
        part[...] = np.round(part + cover[..., None] * (np.asarray(colour) * 255 - part))
        return
    under = part[..., 3] / 255.0 * (1 - cover)
    total = cover + under
    share = (cover / np.maximum(total, 1e-9))[..., None]
    part[..., :3] = np.round(part[..., :3] + share * (np.asarray(colour) * 255 - part[..., :3]))
    part[..., 3] = np.round(total * 255)
