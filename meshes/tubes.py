"""Nerves and vessels: tubes along smooth curves, with branches that blend into the trunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshes.curves import arc_length, profile, resample, tangents
from meshes.fields import Field, smooth_union

Array = NDArray[np.float64]
MANY = 2000  # points beyond which compiled loops pay
ASKED_MM = 8.0


@dataclass(frozen=True)
class Tube:
    """A curve with a radius along it.

    Parameters
    ----------
    points : (n, 3) array
        Axis from origin to end, mm.
    radius_mm : (n,) array
        Radius at each point.
    """

    points: Array
    radius_mm: Array

    def field(self, step_mm: float = 0.25) -> Field:
        """Return the inside of the tube as a field, with round ends."""
        axis = resample(self.points, step_mm)
        s = arc_length(self.points)
        radius = np.interp(np.linspace(0, s[-1], len(axis)), s, self.radius_mm)
        along, tree = tangents(axis), cKDTree(axis)

        def nearest_of(p: Array) -> NDArray[np.int64]:
            from meshes.nearest_line import nearest_of_line

            return np.asarray(nearest_of_line(np.ascontiguousarray(p), axis))

        def distance(p: Array) -> Array:
            i = nearest_of(p) if len(p) > MANY else tree.query(p)[1]
            d = p - axis[i]
            t = np.clip(np.einsum("ij,ij->i", d, along[i]), -step_mm, step_mm)
            t = np.where((i == 0) & (t < 0) | (i == len(axis) - 1) & (t > 0), 0.0, t)
            return np.asarray(np.linalg.norm(d - t[:, None] * along[i], axis=1) - radius[i])

        reach = float(radius.max())
        return Field(distance, axis.min(axis=0) - reach, axis.max(axis=0) + reach)


def tube(points: ArrayLike, radii: Sequence[tuple[float, float]]) -> Tube:
    """Return a tube along `points` (n, 3) with radii given as (fraction of length, mm)."""
    p = np.asarray(points, dtype=np.float64)
    s = arc_length(p)
    table = np.array(radii, dtype=np.float64)
    return Tube(p, profile(table[:, 0], table[:, 1], s / s[-1]))


def joined(tubes: Sequence[Tube], blend: float = 0.4) -> Field:
    """Return tubes as one field, blended where a branch leaves its trunk."""
    return tubes[0].field() if len(tubes) == 1 else smooth_union([_boxed(t.field()) for t in tubes], blend)


def _boxed(form: Field) -> Field:
    """Return a field that is not asked beyond `ASKED_MM` of its box: there it says how far the box is, which is less."""

    def distance(p: Array) -> Array:
        out = np.linalg.norm(p - np.clip(p, form.lower, form.upper), axis=1)
        near = out < ASKED_MM
        if near.any():
            out[near] = form.distance(p[near])
        return np.asarray(out)

    return Field(distance, form.lower, form.upper)
