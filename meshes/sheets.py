"""Sheets and straps: a thickness over a mid-surface that fibres run along.

The mid-surface is a grid (along, across) of points lofted through named rows: an attachment curve,
optional rows on the way, the other attachment curve. It is wrapped over what lies beneath, so that
the same muscle stays right when a bone or a patient changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from meshes.curves import arc_length, catmull_rom
from meshes.fields import Field, gradient

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sheet:
    """A muscle as thickness over a grid of mid-surface points.

    Parameters
    ----------
    points : (n_along, n_across, 3) array
        Mid-surface, mm; fibres run along the first axis.
    half_mm : (n_along, n_across) array
        Half the thickness at each point.
    tendon : (n_along, n_across) array
        Share of tendon, 0 to 1.
    """

    points: Array
    half_mm: Array
    tendon: Array

    def field(self, neighbours: int = 6) -> Field:
        """Return the sheet as a field, rounded at its edges."""
        cloud, normals, half, _ = self._cloud()
        tree = cKDTree(cloud)

        def distance(p: Array) -> Array:
            gap, near = tree.query(p, k=neighbours, workers=-1)
            weight = 1.0 / np.maximum(gap, 0.05) ** 2
            weight /= weight.sum(axis=1, keepdims=True)
            centre = np.einsum("ij,ijk->ik", weight, cloud[near])
            normal = np.einsum("ij,ijk->ik", weight, normals[near])
            normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
            d = p - centre
            across = np.einsum("ij,ij->i", d, normal)
            beside = np.linalg.norm(d - across[:, None] * normal, axis=1)
            beside = np.maximum(beside - self._pitch(), 0.0)
            return np.hypot(across, beside) - np.einsum("ij,ij->i", weight, half[near])

        reach = float(half.max()) + 1.0
        return Field(distance, cloud.min(axis=0) - reach, cloud.max(axis=0) + reach)

    def fibres_at(self, points: ArrayLike) -> tuple[Array, Array, Array]:
        """Return fibre directions (n, 3), grain (n, 2) mm and tendon share (n,) at `points`."""
        cloud, _, _, along = self._cloud()
        grain = self._grain().reshape(-1, 2)
        gap, near = cKDTree(cloud).query(np.asarray(points), k=4, workers=-1)
        weight = 1.0 / np.maximum(gap, 0.05) ** 2
        weight /= weight.sum(axis=1, keepdims=True)
        direction = np.einsum("ij,ijk->ik", weight, along[near])
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
        share = np.einsum("ij,ij->i", weight, self.tendon.reshape(-1)[near])
        return direction, np.einsum("ij,ijk->ik", weight, grain[near]), share

    def _pitch(self) -> float:
        """Half the wider mean step between grid points: the noise of a nearest-point distance."""
        steps = [np.linalg.norm(np.diff(self.points, axis=a), axis=-1).mean() for a in (0, 1)]
        return 0.25 * float(max(steps))

    def _grain(self) -> Array:
        along = np.stack([arc_length(self.points[:, j]) for j in range(self.points.shape[1])], axis=1)
        middle = self.points[self.points.shape[0] // 2]
        across = np.broadcast_to(arc_length(middle)[None, :], along.shape)
        return np.stack([along, across], axis=-1)

    def _cloud(self) -> tuple[Array, Array, Array, Array]:
        along, across = np.gradient(self.points, axis=0), np.gradient(self.points, axis=1)
        normals = np.cross(along, across)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
        along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
        return self.points.reshape(-1, 3), normals.reshape(-1, 3), self.half_mm.reshape(-1), along.reshape(-1, 3)


def loft(
    rows: Sequence[ArrayLike],
    *,
    thickness: Sequence[tuple[float, float]],
    edge: float = 0.25,
    edge_share: float = 0.35,
    tendon: tuple[float, float] = (0.0, 0.0),
    step_mm: float = 1.2,
) -> Sheet:
    """Return a sheet through `rows`, each a curve across the fibres, from origin to insertion.

    Parameters
    ----------
    rows : sequence of (k, 3) arrays
        At least two; each is smoothed and divided evenly, so fibre j joins point j of every row.
    thickness : sequence of (fraction along, mm)
        Full thickness at fractions 0 to 1 of the fibres' length.
    edge : float
        Width, as a share of the breadth, over which the side edges thin down to `edge_share`.
    edge_share : float
        Share of the thickness left at the side edges.
    tendon : (float, float)
        Shares of the length that are tendon at origin and insertion.
    step_mm : float
        Grid step.
    """
    smooth = [catmull_rom(r, 0.5) for r in rows]
    breadth = max(arc_length(r)[-1] for r in smooth)
    n_across = max(int(breadth / step_mm) + 1, 5)
    even = np.array([_divide(r, n_across) for r in smooth])
    fibres = [catmull_rom(even[:, j], 0.5) for j in range(n_across)]
    length = max(arc_length(f)[-1] for f in fibres)
    n_along = max(int(length / step_mm) + 1, 5)
    points = np.stack([_divide(f, n_along) for f in fibres], axis=1)
    u, v = np.linspace(0, 1, n_along), np.linspace(0, 1, n_across)
    stations = np.array(thickness, dtype=np.float64)
    along = PchipInterpolator(stations[:, 0], stations[:, 1])(u)
    side = np.clip(np.minimum(v, 1 - v) / max(edge, 1e-6), 0, 1)
    across = edge_share + (1 - edge_share) * np.sin(side * np.pi / 2)
    ends = np.maximum(_ramp(u, tendon[0]), _ramp(1 - u, tendon[1]))
    return Sheet(points, 0.5 * np.outer(along, across), np.outer(ends, np.ones(n_across)))


def wrap(
    sheet: Sheet, beneath: Field | None, above: Field | None = None, *, gap: float = 0.2, cover: float = 2.0, rounds: int = 12
) -> Sheet:
    """Return `sheet` lifted out of `beneath` and pressed under `above`, smooth between.

    `gap` mm is kept to what lies beneath, `cover` mm of tissue to the surface `above` (the skin).
    """
    points = sheet.points.copy()
    half = sheet.half_mm.reshape(-1)
    for _ in range(rounds):
        flat = points.reshape(-1, 3)
        if beneath is not None:
            short = np.maximum(half + gap - beneath(flat), 0.0)
            flat = flat + (np.minimum(short, 4.0)[:, None]) * gradient(beneath, flat, 0.3)
        if above is not None:
            over = np.maximum(above(flat) + half + cover, 0.0)
            flat = flat - (np.minimum(over, 4.0)[:, None]) * gradient(above, flat, 0.3)
        points = _relaxed(flat.reshape(points.shape))
    return Sheet(points, sheet.half_mm, sheet.tendon)


def _relaxed(points: Array) -> Array:
    """One Laplacian step along the fibres and across; the four edges slide only along themselves."""
    out = points.copy()
    out[1:-1] += 0.35 * (0.5 * (points[:-2] + points[2:]) - points[1:-1])
    inner = out.copy()
    inner[:, 1:-1] += 0.25 * (0.5 * (out[:, :-2] + out[:, 2:]) - out[:, 1:-1])
    inner[0], inner[-1] = points[0], points[-1]
    return inner


def _divide(line: Array, n: int) -> Array:
    s = arc_length(line)
    t = np.linspace(0, s[-1], n)
    return np.column_stack([np.interp(t, s, line[:, i]) for i in range(3)])


def _ramp(u: Array, share: float) -> Array:
    """1 at the end, falling to 0 at `share` of the length and half as much again."""
    if share <= 0:
        return np.zeros_like(u)
    return np.clip((share * 1.5 - u) / share, 0.0, 1.0)


