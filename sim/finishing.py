"""What is done to a drawing when it is laid on its page: depth behind edges, borders that run out, print-safe colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim import ink
from sim.cameras import View
from sim.canvas import Drawing
from sim.shading import depth_light, surroundings
from sim.theme import Theme

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

DEPTH_SIGMA_MM = 1.7
STRIP_PX = 256
COARSE_PX = 1500


def finished(drawing: Drawing, view: View, theme: Theme, floor: int, margin_px: int) -> Pixels:
    """Return the pixels of a drawing down to row `floor`, its borders faded over `margin_px`; the drawing itself is changed.

    With opacity, the colours are not multiplied by it any more.
    """
    _deepen(drawing, view.px_per_mm)
    pixels = drawing.pixels[:floor]
    ink.fade(pixels, theme.paper, margin_px)
    return pixels if pixels.shape[2] == 3 else _apart(pixels)


def _apart(pixels: Pixels) -> Pixels:
    """Pixels with opacity, their colours divided by it."""
    out = pixels.copy()
    for top in range(0, len(out), STRIP_PX):
        part = out[top : top + STRIP_PX]
        opacity = np.maximum(part[..., 3:], 1).astype(np.float32) / 255
        part[..., :3] = np.minimum(np.round(part[..., :3] / opacity), 255)
    return out


def _deepen(drawing: Drawing, px_per_mm: float) -> None:
    """Darken the drawing behind the edges of nearer things, in place, some rows at a time to spare memory."""
    rows, columns = drawing.depth_mm.shape
    step = max(1, max(rows, columns) // COARSE_PX)
    sigma = float(np.clip(DEPTH_SIGMA_MM * px_per_mm / step, 1.0, 0.012 * max(rows, columns) / step))
    coarse = surroundings(drawing.depth_mm[::step, ::step], sigma)
    for top in range(0, rows, STRIP_PX):
        strip = slice(top, min(top + STRIP_PX, rows))
        around = _enlarged(coarse, np.arange(top, strip.stop) / step, np.arange(columns) / step)
        part = drawing.pixels[strip, :, :3]
        part[...] = part * depth_light(drawing.depth_mm[strip], around)[..., None] + 0.5


def _enlarged(grid: NDArray[np.float32], rows: Array, columns: Array) -> NDArray[np.float32]:
    """A grid read between its nodes at fractional rows and columns."""
    if (rows % 1 == 0).all() and (columns % 1 == 0).all():
        return grid[np.ix_(rows.astype(np.int64), columns.astype(np.int64))]
    i, j = np.minimum(rows.astype(np.int64), grid.shape[0] - 2), np.minimum(columns.astype(np.int64), grid.shape[1] - 2)
    v = np.minimum(rows - i, 1).astype(np.float32)[:, None]
    u = np.minimum(columns - j, 1).astype(np.float32)[None]
    low = grid[i][:, j] * (1 - u) + grid[i][:, j + 1] * u
    high = grid[i + 1][:, j] * (1 - u) + grid[i + 1][:, j + 1] * u
    return np.asarray(low * (1 - v) + high * v, dtype=np.float32)
