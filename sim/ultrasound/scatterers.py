"""Scatterers locked to the tissue: Gaussian noise whose grain fits the beam, and lattices to lay it in the head.

Speckle must move with the tissue, and change as slowly when the probe is swept as the beam is thick. The grain of the noise is
therefore as
fine as the samples along the beam, as the lines across, and as long as part of the slice in elevation. A lattice of such grains
lies still in the head;
of 720 lattices, one for each of as many orientations, those four that suit the probe's best are blended.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
SHAPE = (4, 32, 512)  # elevation, lateral, axial: half a megabyte stays close to each core; the compiled loops know these sizes
GRAIN_STEPS = (1.2, 1.0, 1.54)  # deviation of a grain in steps of the texture
ORIENTATIONS = 720
BLENDED = 4
SHARPNESS = 3.0  # of the change from one lattice to the next
HALF_TURNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


@cache
def texture(seed: int) -> Floats:
    """Return complex Gaussian noise (2, 4 * 32 * 512), real and imaginary parts of deviation 1, periodic, with the grain of
    `GRAIN_STEPS`.
    """
    rng = np.random.default_rng([seed, 1])
    out = rng.standard_normal((2, *SHAPE), dtype=np.float32)
    for axis, grain in enumerate(GRAIN_STEPS):
        out = gaussian_filter1d(out, grain, axis=axis + 1, mode="wrap", truncate=3.5)
    out = out - out.mean(axis=(1, 2, 3), keepdims=True)
    out = (out / out.std(axis=(1, 2, 3), keepdims=True)).reshape(2, -1)
    out.setflags(write=False)
    return np.asarray(out, dtype=np.float32)


@cache
def orientations() -> Array:
    """Return rotation matrices (720, 3, 3) spread evenly over all orientations.

    References
    ----------
    Alexa 2022, doi 10.1109/CVPR52688.2022.00811: super-Fibonacci spirals.
    """
    s = np.arange(ORIENTATIONS) + 0.5
    r, big = np.sqrt(s / ORIENTATIONS), np.sqrt(1 - s / ORIENTATIONS)
    a, b = 2 * np.pi * s / np.sqrt(2.0), 2 * np.pi * s / 1.533751168755204288118041
    x, y, z, w = r * np.sin(a), r * np.cos(a), big * np.sin(b), big * np.cos(b)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def lattices(axes: Array, grain_mm: tuple[float, float, float], seed: int) -> tuple[Array, Floats]:
    """Return the lattices that suit a probe's orientation, and their shares.

    Parameters
    ----------
    axes : (3, 3) array
        Columns: lateral, elevation, axis of the probe, RAS.
    grain_mm : (float, float, float)
        Deviation of a grain: lateral, elevation, axial.
    seed : int

    Returns
    -------
    (4, 3, 4) array
        From mm RAS to steps of the texture (lateral, elevation, axial): matrix and shift.
    (4,) array
        Shares; their squares sum to 1. The best first.
    """
    every = orientations()
    # a grain is its own mirror image, so that half turns about its axes change nothing: 1 + 2 cos of the least turn
    ways = (axes[None] * HALF_TURNS[:, None, :]).reshape(4, 9)
    agreement = (every.reshape(-1, 9) @ ways.T).max(axis=1)
    turn = np.arccos(np.clip((agreement - 1) / 2, -1, 1))
    best = np.argsort(turn, kind="stable")[: BLENDED + 1]
    share = np.maximum(turn[best[-1]] - turn[best[:-1]], 0.0) + 1e-9
    share = share**SHARPNESS
    share /= np.sqrt((share**2).sum())
    steps = np.array([GRAIN_STEPS[1] / grain_mm[0], GRAIN_STEPS[0] / grain_mm[1], GRAIN_STEPS[2] / grain_mm[2]])
    out = np.zeros((BLENDED, 3, 4))
    for row, k in zip(out, best[:-1], strict=True):
        row[:, :3] = every[k].T * steps[:, None]
        row[:, 3] = _shifts(seed)[k]
    return out, share.astype(np.float32)


@cache
def _shifts(seed: int) -> Array:
    """Where each lattice begins in the texture (720, 3), so that no two lay the same noise at one place."""
    return np.random.default_rng([seed, 2]).uniform(0, [SHAPE[1], SHAPE[0], SHAPE[2]], (ORIENTATIONS, 3))
