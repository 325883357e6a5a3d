"""Sweeps: strap and spindle muscles, an ellipse carried along a curve between two attachments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshes.curves import arc_length, catmull_rom, profile, tangents
from meshes.fields import Field

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sweep:
    """A muscle as ellipses along an axis.

    Parameters
    ----------
    axis : (n, 3) array
        Curve of centroids from origin to insertion, mm.
    width_dir : (n, 3) array
        Unit direction of the wide half-axis at each point, square to the axis.
    half_width, half_thick : (n,) arrays
        Half-axes, mm.
    tendon : (n,) array
        Share of tendon along the axis.
    """

    axis: Array
    width_dir: Array
    half_width: Array
    half_thick: Array
    tendon: Array

    def field(self) -> Field:
        """Return the sweep as a field."""
        tree = cKDTree(self.axis)
        along = tangents(self.axis)
        step = float(np.linalg.norm(np.diff(self.axis, axis=0), axis=1).mean())

        def distance(p: Array) -> Array:
            _, i = tree.query(p, workers=-1)
            t = np.einsum("ij,ij->i", p - self.axis[i], along[i]) / step
            station = np.clip(i + t, 0, len(self.axis) - 1)
            low = np.minimum(station.astype(np.int64), len(self.axis) - 2)
            part = station - low

            def at(values: Array) -> Array:
                f = part[:, None] if values.ndim == 2 else part
                return np.asarray(values[low] * (1 - f) + values[low + 1] * f)

            wide, forward = at(self.width_dir), at(along)
            d = p - at(self.axis)
            over = np.einsum("ij,ij->i", d, forward) * ((station <= 0) | (station >= len(self.axis) - 1))
            w = np.einsum("ij,ij->i", d, wide)
            h = np.einsum("ij,ij->i", d, np.cross(forward, wide))
            rw, rh = at(self.half_width), at(self.half_thick)
            cap = np.minimum(rw, rh)
            k0 = np.sqrt((w / rw) ** 2 + (h / rh) ** 2 + (over / cap) ** 2)
            k1 = np.sqrt((w / rw**2) ** 2 + (h / rh**2) ** 2 + (over / cap**2) ** 2)
            return np.asarray(np.where(k1 > 1e-9, k0 * (k0 - 1.0) / np.maximum(k1, 1e-9), -cap))

        reach = float(max(self.half_width.max(), self.half_thick.max())) + 0.5
        return Field(distance, self.axis.min(axis=0) - reach, self.axis.max(axis=0) + reach)

    def fibres_at(self, points: ArrayLike) -> tuple[Array, Array, Array]:
        """Return fibre directions (n, 3), grain (n, 2) mm and tendon share (n,) at `points`."""
        p = np.asarray(points, dtype=np.float64)
        _, i = cKDTree(self.axis).query(p, workers=-1)
        along = tangents(self.axis)
        d = p - self.axis[i]
        w = np.einsum("ij,ij->i", d, self.width_dir[i])
        h = np.einsum("ij,ij->i", d, np.cross(along, self.width_dir)[i])
        # the angle is folded at the flat sides, so that the grain has no seam
        around = np.arccos(np.clip(w / np.maximum(np.hypot(w, h), 1e-9), -1, 1))
        mean = float(np.mean(self.half_width + self.half_thick)) / 2
        return along[i], np.column_stack([arc_length(self.axis)[i], around * mean]), self.tendon[i]


def sweep(
    nodes: ArrayLike,
    *,
    width: Sequence[tuple[float, float]],
    thickness: Sequence[tuple[float, float]],
    wide_along: ArrayLike,
    tendon: tuple[float, float] = (0.12, 0.12),
    step_mm: float = 0.5,
) -> Sweep:
    """Return a sweep through centroid `nodes` (n, 3).

    Parameters
    ----------
    nodes : (n, 3) array
        Centroids from origin to insertion, mm.
    width, thickness : sequences of (fraction along, mm)
        Full axes of the ellipse at fractions of the length.
    wide_along : (3,) or (2, 3) array
        Direction of the wide axis, or of the wide axis at both ends; made square to the curve.
    tendon : (float, float)
        Shares of the length that are tendon at origin and insertion.
    """
    axis = catmull_rom(nodes, step_mm)
    u = arc_length(axis) / arc_length(axis)[-1]
    ends = np.atleast_2d(np.asarray(wide_along, dtype=np.float64))
    wide = ends[0] + (ends[-1] - ends[0]) * u[:, None]
    along = tangents(axis)
    wide = wide - np.einsum("ij,ij->i", wide, along)[:, None] * along
    wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-9)
    w, h = np.array(width), np.array(thickness)
    share = np.maximum(_share(u, tendon[0]), _share(1 - u, tendon[1]))
    return Sweep(axis, wide, 0.5 * profile(w[:, 0], w[:, 1], u), 0.5 * profile(h[:, 0], h[:, 1], u), share)


def _share(u: Array, length: float) -> Array:
    if length <= 0:
        return np.zeros_like(u)
    return np.clip((length * 1.5 - u) / length, 0.0, 1.0)
