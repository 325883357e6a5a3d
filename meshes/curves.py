"""Smooth curves through named nodes: interpolation, arc length, frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from meshes._check import check_points

Array = NDArray[np.float64]


def arc_length(points: ArrayLike) -> Array:
    """Return the length walked from the first to each point of a polyline (n, 3), in its unit."""
    p = np.asarray(points, dtype=np.float64)
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(p, axis=0), axis=1))])


def resample(points: ArrayLike, spacing: float) -> Array:
    """Return a polyline with even steps of about `spacing`, ends kept."""
    p = check_points("points", points)
    s = arc_length(p)
    n = max(int(round(s[-1] / spacing)), 1) + 1
    t = np.linspace(0.0, s[-1], n)
    return np.column_stack([np.interp(t, s, p[:, i]) for i in range(3)])


def point_at(points: ArrayLike, fraction: float) -> Array:
    """Return the point at `fraction` (0 to 1) of the arc length of a polyline."""
    p = check_points("points", points)
    s = arc_length(p)
    return np.array([np.interp(fraction * s[-1], s, p[:, i]) for i in range(3)])


def catmull_rom(nodes: ArrayLike, spacing: float = 1.0) -> Array:
    """Return a centripetal Catmull-Rom curve through `nodes` (n, 3), sampled every `spacing` mm.

    References
    ----------
    Yuksel, Schaefer, Keyser 2011, doi 10.1016/j.cad.2010.08.008: the centripetal form has no cusp and no
    self-crossing within a span.
    """
    p = _distinct(check_points("nodes", nodes))
    if len(p) < 3:
        return resample(p, spacing)
    ends = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(ends, axis=0), axis=1)))])
    pieces = []
    for i in range(1, len(ends) - 2):
        n = max(int(np.ceil(np.linalg.norm(ends[i + 1] - ends[i]) / spacing)) * 2, 4)
        pieces.append(_span(ends[i - 1 : i + 3], t[i - 1 : i + 3], n))
    return resample(np.vstack([*pieces, p[-1:]]), spacing)


def _distinct(p: Array) -> Array:
    """Return `p` without points that repeat the one before: a span of no length would throw a loop."""
    return np.asarray(p[np.concatenate([[True], np.linalg.norm(np.diff(p, axis=0), axis=1) > 1e-6])])


def _span(p: Array, t: Array, n: int) -> Array:
    """Return `n` points of one Catmull-Rom span (Barry and Goldman's pyramid), end excluded."""
    u = np.linspace(t[1], t[2], n, endpoint=False)[:, None]

    def mix(a: Array, b: Array, ta: float, tb: float) -> Array:
        return ((tb - u) * a + (u - ta) * b) / max(tb - ta, 1e-12)

    a1, a2, a3 = (mix(p[i], p[i + 1], t[i], t[i + 1]) for i in range(3))
    b1, b2 = mix(a1, a2, t[0], t[2]), mix(a2, a3, t[1], t[3])
    return mix(b1, b2, t[1], t[2])


def serrated(line: ArrayLike, outward: ArrayLike, *, wave: float, swing: float) -> Array:
    """Return `line` with the teeth of a suture: two waves of different length across it, none at its ends.

    Parameters
    ----------
    line : (n, 3) array
        Smooth course, mm, in steps well under `wave`.
    outward : (n, 3) array
        Unit normals of the surface that it lies on.
    wave, swing : float
        Length of the longer wave, and its reach to either side, mm.
    """
    p = check_points("line", line)
    s = arc_length(p)
    across = np.cross(tangents(p), np.asarray(outward, dtype=np.float64))
    fade = np.minimum(1.0, np.minimum(s, s[-1] - s) / wave)
    teeth = np.sin(2 * np.pi * s / wave) + 0.6 * np.sin(2 * np.pi * s / (0.43 * wave) + 1.0)
    return np.asarray(p + across * (swing * fade * teeth)[:, None])


def tangents(points: ArrayLike) -> Array:
    """Return unit tangents (n, 3) of a polyline."""
    p = check_points("points", points)
    d = np.gradient(p, axis=0)
    return np.asarray(d / np.maximum(np.linalg.norm(d, axis=1), 1e-12)[:, None])


def profile(stations: ArrayLike, values: ArrayLike, at: ArrayLike) -> Array:
    """Return a shape-preserving interpolation of `values` given at `stations`, read `at` others."""
    return np.asarray(PchipInterpolator(stations, values)(np.clip(at, np.min(stations), np.max(stations))))
