"""The edge of a bone across the slice: sound that passes beside it fades evenly, not from one elevation plane to the next.

The planes stand for a slice that has a thickness. Where the middle of it meets bone and its outer planes still pass, the share
that passes shrinks along the bone's edge until the whole slice is stopped. Planes alone would show that as a step: a ruled line.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GRAZING = 1  # lines


def passing(bone_mm: Array, same_mm: float) -> tuple[Array, Array]:
    """Return from which depth, and by how much, the echoes of each beam are weakened by bone beside it.

    Parameters
    ----------
    bone_mm : (lines, planes) array
        Depth of the first bone; a large number if there is none.
    same_mm : float
        Depths that differ by less belong to one bone.

    Returns
    -------
    (lines, planes) arrays
        Depth, mm; factor of the amplitude beyond it, 0 to 1.
    """
    lines, planes = bone_mm.shape
    depth, factor = np.full(bone_mm.shape, 1e9), np.ones(bone_mm.shape)
    middle = planes // 2
    for e in range(planes):
        if e == middle:
            continue
        inner = bone_mm[:, e + 1 if e < middle else e - 1]
        outer = bone_mm[:, e]
        for first, after in _stretches(outer > inner + same_mm, inner, same_mm):
            begins = first > 0 and _meet(outer[first - 1], inner[first], same_mm)
            ends = after < lines and _meet(outer[after], inner[after - 1], same_mm)
            if begins or ends:
                at = (np.arange(first, after) - first + 0.5) / (after - first)
                share = np.minimum(at if begins else 1.0, 1 - at if ends else 1.0) * (2.0 if begins and ends else 1.0)
                depth[first:after, e], factor[first:after, e] = inner[first:after], share
                # a grazing beam may miss what was found by strides
                for there, rim in ((begins, slice(max(first - GRAZING, 0), first)), (ends, slice(after, after + GRAZING))):
                    if there:
                        depth[rim, e], factor[rim, e] = inner[rim], 0.0
    return depth, factor


def _meet(a: float, b: float, same_mm: float) -> bool:
    return bool(abs(a - b) < same_mm)


def _stretches(passes: NDArray[np.bool_], inner: Array, same_mm: float) -> list[tuple[int, int]]:
    """First and one past the last line of each stretch in which a plane passes beside one and the same bone."""
    breaks = np.flatnonzero((passes[1:] != passes[:-1]) | (np.abs(np.diff(inner)) >= same_mm)) + 1
    edges = [0, *(int(b) for b in breaks), len(passes)]
    return [(a, b) for a, b in pairwise(edges) if passes[a]]
