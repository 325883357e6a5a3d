"""Compiled: points that send sound back, laid on lines and samples. Imported only where a frame is made."""

from __future__ import annotations

from typing import Any

import numpy as np

from meshes.compiled import njit

F = np.float32


@njit(cache=True, nogil=True, fastmath=True)
def add_points(real: Any, line: Any, sample: Any, amplitude: Any) -> None:
    """Add points to `real` (lines, samples): shared between the two nearest lines, with the scatterers' grain along the beam.

    `line`, `sample`, `amplitude` (n,) are fractional; what lies outside is left out.
    """
    lines, samples = real.shape
    for p in range(len(line)):
        x = line[p]
        if x < 0 or x > lines - 1 or sample[p] < -4 or sample[p] > samples + 4:
            continue
        i = min(int(x), lines - 2)
        u = x - i
        middle = int(sample[p] + F(0.5))
        for s in range(max(middle - 3, 0), min(middle + 4, samples)):
            d = (F(s) - sample[p]) * F(1.0 / 0.77)
            g = amplitude[p] * np.exp(F(-0.5) * d * d)
            real[i, s] += (1 - u) * g
            real[i + 1, s] += u * g


@njit(cache=True, nogil=True, fastmath=True)
def dim_below(real: Any, imaginary: Any, line: Any, sample: Any, share: Any) -> None:
    """Dim what lies behind points: on each line the strongest `share` (0 to 1) is taken from all deeper samples."""
    lines, samples = real.shape
    worst = np.zeros(lines, dtype=np.float32)
    first = np.full(lines, samples, dtype=np.int32)
    for p in range(len(line)):
        i = int(line[p] + F(0.5))
        if i < 0 or i >= lines:
            continue
        if share[p] > worst[i]:
            worst[i], first[i] = share[p], int(sample[p] + F(2.0))
    for i in range(lines):
        keep = F(1.0) - worst[i]
        for s in range(max(first[i], 0), samples):
            real[i, s] *= keep
            imaginary[i, s] *= keep


@njit(cache=True, nogil=True)
def mark(seen: Any, line: Any, sample: Any, half: Any, label: Any) -> None:
    """Write a label within `half` samples of points."""
    lines, samples = seen.shape
    for p in range(len(line)):
        i = int(line[p] + F(0.5))
        if i < 0 or i >= lines:
            continue
        for s in range(max(int(sample[p] - half + F(0.5)), 0), min(int(sample[p] + half + F(1.5)), samples)):
            seen[i, s] = label
