"""Sums and least values over every box of cells of some size, and masks with a rim: where a text has room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def grown(mask: Mask, cells: int) -> Mask:
    """Return a mask with a rim of some cells."""
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(mask, iterations=cells))


def sums(grid: NDArray[np.bool_] | Array, wide: int, high: int) -> Array:
    """Return the sum over every box of some size, by its first row and column."""
    total = np.zeros((grid.shape[0] + 1, grid.shape[1] + 1))
    total[1:, 1:] = grid.astype(np.float64).cumsum(axis=0).cumsum(axis=1)
    return np.asarray(total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide])


def least(grid: Array, wide: int, high: int) -> Array:
    """Return the least value in every box of some size, by its first row and column."""
    from scipy.ndimage import minimum_filter

    low = minimum_filter(grid, size=(high, wide), mode="nearest", origin=(-(high // 2), -(wide // 2)))
    return np.asarray(low[: grid.shape[0] - high + 1, : grid.shape[1] - wide + 1])
