"""A compiled search for the nearest point of a line. Imported only where a tube is asked many times."""

from __future__ import annotations

from typing import Any

import numpy as np

from meshes.compiled import njit

BLOCK = 64  # points that are looked at together
SLACK = 1e-9  # mm, for rounding


@njit(cache=True, nogil=True)
def nearest_of_line(points: Any, line: Any) -> Any:
    """Return the index (n,) int64 of the point of a line (m, 3) that is nearest to each of `points` (n, 3), mm.

    Points that follow each other are often neighbours: of a block of them, only those points of the line are compared that can
    be the nearest to any of it. The answer is that of comparing all; of two that are as near, the first.
    """
    out = np.empty(len(points), dtype=np.int64)
    far, held = np.empty(len(line)), np.empty(len(line), dtype=np.int64)
    for start in range(0, len(points), BLOCK):
        end = min(start + BLOCK, len(points))
        x, y, z = points[(start + end) // 2]
        wide = 0.0
        for k in range(start, end):
            dx, dy, dz = points[k, 0] - x, points[k, 1] - y, points[k, 2] - z
            wide = max(wide, dx * dx + dy * dy + dz * dz)
        least = np.inf
        for j in range(len(line)):
            dx, dy, dz = line[j, 0] - x, line[j, 1] - y, line[j, 2] - z
            far[j] = dx * dx + dy * dy + dz * dz
            least = min(least, far[j])
        reach = np.sqrt(least) + 2.0 * np.sqrt(wide) + SLACK
        count = 0
        for j in range(len(line)):
            if far[j] <= reach * reach:
                held[count] = j
                count += 1
        for k in range(start, end):
            best, found = np.inf, 0
            for n in range(count):
                j = held[n]
                dx, dy, dz = points[k, 0] - line[j, 0], points[k, 1] - line[j, 1], points[k, 2] - line[j, 2]
                square = dx * dx + dy * dy + dz * dz
                if square < best:
                    best, found = square, j
            out[k] = found
    return out
