"""Sheets and straps: a thickness over a mid-surface that fibres run along.

The mid-surface is a grid (along, across) of points lofted through named rows: an attachment curve,
optional rows on the way, the other attachment curve. It is wrapped over what lies beneath, so that
the same muscle stays right when a bone or a patient changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, grey_dilation
from scipy.spatial import cKDTree

from meshes.curves import arc_length, catmull_rom, profile
from meshes.fields import Field, gradient

Array = NDArray[np.float64]
FOOT_ROUNDS = 3  # of the search for the nearest point of a mid-surface, from the nearest node


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

    def field(self) -> Field:
        """Return the sheet as a field, rounded at its edges."""
        local = self._local()

        def distance(p: Array) -> Array:
            across, beside, half = local(p)
            return np.hypot(across, beside) - half

        return Field(distance, *self._box(0.0))

    def over(self, beneath: Field, *, film: float, reach: float, gap: float = 0.2) -> Field:
        """Return the sheet as a field that keeps `film` mm over bumps beneath it, up to `reach` mm above its own face.

        What lies beneath, grown by `gap` mm, is still to be taken away from it.
        """
        local = self._local()

        def distance(p: Array) -> Array:
            across, beside, half = local(p)
            own = np.hypot(across, beside) - half
            lifted = np.maximum(np.maximum(np.abs(across) - reach - half, beside - 0.2), beneath(p) - gap - film)
            return np.minimum(own, lifted) - 0.25 * np.maximum(1.0 - np.abs(own - lifted), 0.0) ** 2

        return Field(distance, *self._box(reach))

    def _local(self) -> Callable[[Array], tuple[Array, Array, Array]]:
        """Return the function from points to height over the mid-surface, way past its edge, half thickness."""
        rows, columns = self.half_mm.shape
        tree = cKDTree(self.points.reshape(-1, 3))
        steps = [np.gradient(self.points, axis=axis) for axis in (0, 1)]
        tables = np.concatenate([self.points, *steps, self.normals(), self.half_mm[..., None]], axis=-1)

        def local(p: Array) -> tuple[Array, Array, Array]:
            _, near = tree.query(p, workers=-1)
            at = np.column_stack(np.divmod(near, columns)).astype(np.float64)
            for _ in range(FOOT_ROUNDS):
                here = _bilinear(tables, at)
                at = np.clip(at + _toward(p - here[:, :3], here[:, 3:6], here[:, 6:9]), 0.0, [rows - 1.0, columns - 1.0])
            here = _bilinear(tables, at)
            normal = here[:, 9:12] / np.maximum(np.linalg.norm(here[:, 9:12], axis=1, keepdims=True), 1e-9)
            d = p - here[:, :3]
            across = np.einsum("ij,ij->i", d, normal)
            return across, np.linalg.norm(d - across[:, None] * normal, axis=1), here[:, 12]

        return local

    def _box(self, more: float) -> tuple[Array, Array]:
        flat, reach = self.points.reshape(-1, 3), float(self.half_mm.max()) + 1.0 + more
        return flat.min(axis=0) - reach, flat.max(axis=0) + reach

    def fibres_at(self, points: ArrayLike) -> tuple[Array, Array, Array]:
        """Return fibre directions (n, 3), grain (n, 2) mm and tendon share (n,) at `points`."""
        along = np.gradient(self.points, axis=0).reshape(-1, 3)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        grain = self._grain().reshape(-1, 2)
        near, weight = _weights(cKDTree(self.points.reshape(-1, 3)), np.asarray(points, dtype=np.float64), 6)
        direction = np.einsum("ij,ijk->ik", weight, along[near])
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
        share = np.clip(np.einsum("ij,ij->i", weight, self.tendon.reshape(-1)[near]), 0.0, 1.0)
        return direction, np.einsum("ij,ijk->ik", weight, grain[near]), share

    def pitches(self) -> tuple[float, float]:
        """Return the mean steps of the grid along and across, mm."""
        along, across = (float(np.linalg.norm(np.diff(self.points, axis=a), axis=-1).mean()) for a in (0, 1))
        return along, across

    def normals(self) -> Array:
        """Return unit normals (n_along, n_across, 3) of the mid-surface."""
        normals = np.cross(np.gradient(self.points, axis=0), np.gradient(self.points, axis=1))
        return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9))

    def _grain(self) -> Array:
        along = np.stack([arc_length(self.points[:, j]) for j in range(self.points.shape[1])], axis=1)
        across = np.broadcast_to(arc_length(self.points[len(along) // 2])[None, :], along.shape)
        return np.stack([along, across], axis=-1)


def loft(
    rows: Sequence[ArrayLike],
    *,
    thickness: Sequence[tuple[float, float]] | ArrayLike,
    breadth: Sequence[tuple[float, float]] | None = None,
    edge: float = 0.25,
    edge_share: float = 0.35,
    tendon: tuple[float, float] = (0.0, 0.0),
    tendon_breadth: Sequence[tuple[float, float, float]] | None = None,
    aligned: bool = False,
    step_mm: float = 1.2,
) -> Sheet:
    """Return a sheet through `rows`, each a curve across the fibres, from origin to insertion.

    Parameters
    ----------
    rows : sequence of (k, 3) arrays
        At least two. Fibre j joins the points at the same share of the length of every row; if `aligned`,
        all rows have k points and point j of every row lies on one fibre.
    thickness : sequence of (fraction along, mm), or (rows, k) array
        Full thickness at fractions 0 to 1 of the fibres' length; of aligned rows also at every point.
    breadth : sequence of (fraction across, factor), optional
        Factor on the thickness over the breadth, from the first to the last point of a row.
    edge : float
        Width, as a share of the breadth, over which the side edges thin down to `edge_share`.
    edge_share : float
        Share of the thickness left at the side edges.
    tendon : (float, float)
        Shares of the length that are tendon at origin and insertion.
    tendon_breadth : sequence of (fraction across, factor at origin, factor at insertion), optional
        Factors on `tendon` over the breadth.
    aligned : bool
        Whether the points of the rows correspond one to one.
    step_mm : float
        Grid step.
    """
    smooth = _aligned_rows(rows) if aligned else [catmull_rom(r, 0.5) for r in rows]
    widest = max(arc_length(r)[-1] for r in smooth)
    n_across = max(int(widest / step_mm) + 1, 5)
    even = np.array([_pick(r, n_across) if aligned else _divide(r, n_across) for r in smooth])
    fibres = [catmull_rom(even[:, j], 0.5) for j in range(n_across)]
    n_along = max(int(max(arc_length(f)[-1] for f in fibres) / step_mm) + 1, 5)
    points = np.stack([_divide(f, n_along) for f in fibres], axis=1)
    u, v = np.linspace(0, 1, n_along), np.linspace(0, 1, n_across)
    thick = _thickness(np.asarray(thickness, dtype=np.float64), rows, even, u, v, aligned)
    across = edge_share + (1 - edge_share) * np.sin(np.clip(np.minimum(v, 1 - v) / max(edge, 1e-6), 0, 1) * np.pi / 2)
    if breadth is not None:
        across = across * profile([b[0] for b in breadth], [b[1] for b in breadth], v)
    return Sheet(points, 0.5 * thick * across[None, :], _tendon(u, v, tendon, tendon_breadth))


def _aligned_rows(rows: Sequence[ArrayLike]) -> list[Array]:
    """Resample rows of k points each so that equal indices mean the same share across."""
    grid = np.array([np.asarray(r, dtype=np.float64) for r in rows])
    v = _shares(grid)
    fine = np.linspace(0, 1, 400)
    return [np.column_stack([PchipInterpolator(v, row[:, i])(fine) for i in range(3)]) for row in grid]


def _shares(grid: Array) -> Array:
    """Return the mean share of the breadth (k,) at which the points of aligned rows (n, k, 3) lie."""
    steps = np.linalg.norm(np.diff(grid, axis=1), axis=-1).mean(axis=0)
    return np.asarray(np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum())


def _pick(line: Array, n: int) -> Array:
    return np.asarray(line[np.round(np.linspace(0, len(line) - 1, n)).astype(int)])


def _thickness(table: Array, rows: Sequence[ArrayLike], even: Array, u: Array, v: Array, aligned: bool) -> Array:
    """Return the full thickness (n_along, n_across) from stations along, or from a value at every aligned point."""
    if not (aligned and table.shape == (len(rows), len(np.asarray(rows[0])))):
        return np.outer(profile(table[:, 0], table[:, 1], u), np.ones(len(v)))
    at = _shares(np.array([np.asarray(r, dtype=np.float64) for r in rows]))
    per_row = np.array([profile(at, row, v) for row in table])
    out = np.empty((len(u), len(v)))
    for j in range(len(v)):
        s = arc_length(even[:, j])
        out[:, j] = profile(s / s[-1], per_row[:, j], u)
    return out


def _tendon(u: Array, v: Array, share: tuple[float, float], factors: Sequence[tuple[float, float, float]] | None) -> Array:
    table = np.array(factors if factors is not None else [(0, 1, 1), (1, 1, 1)], dtype=np.float64)
    start, end = (share[i] * profile(table[:, 0], table[:, i + 1], v) for i in (0, 1))
    return np.stack([np.maximum(_ramp(u, a), _ramp(1 - u, b)) for a, b in zip(start, end, strict=True)], axis=1)


def wrap(
    sheet: Sheet,
    beneath: Field | None,
    above: Field | None = None,
    *,
    gap: float = 0.2,
    cover: float = 2.0,
    rounds: int = 12,
    settle: float = 0.0,
    stiffness_mm: tuple[float, float] = (5.0, 5.0),
) -> Sheet:
    """Return `sheet` lifted out of `beneath` and pressed under `above`, taut between.

    `gap` mm is kept to what lies beneath (less than nothing: the sheet sinks in), `cover` mm of tissue to
    the surface `above` (the skin). A sheet that stands off comes down by up to `settle` mm, until it
    touches. `stiffness_mm` are the widths, along and across the fibres, over which one bump beneath
    lifts it. Attachments stay: the ends move by 2 mm at most, and more with the distance from them.
    """
    normals = _outward(sheet, beneath, above)
    shift = np.zeros(sheet.half_mm.shape)
    along = sheet.pitches()[0] * np.arange(len(shift))
    free = 2.0 + 0.35 * np.minimum(along, along[::-1])[:, None]
    radius = [max(s / max(p, 0.1), 0.5) for s, p in zip(stiffness_mm, sheet.pitches(), strict=True)]
    size = [2 * int(np.ceil(r)) + 1 for r in radius]
    for _ in range(rounds):
        flat = (sheet.points + shift[..., None] * normals).reshape(-1, 3)
        if beneath is not None:
            short = sheet.half_mm + gap - beneath(flat).reshape(shift.shape)
            short = np.clip(short, -settle - shift, 6.0)
            shift = shift + 0.7 * gaussian_filter(grey_dilation(short, size=size), radius, mode="nearest")
        if above is not None:
            flat = (sheet.points + shift[..., None] * normals).reshape(-1, 3)
            over = np.clip(above(flat).reshape(shift.shape) + sheet.half_mm + cover, 0.0, 6.0)
            shift = shift - gaussian_filter(over, 3.0, mode="nearest")
        shift = np.clip(shift, -free, free)
    return Sheet(sheet.points + shift[..., None] * normals, sheet.half_mm, sheet.tendon)


def bedded(sheet: Sheet, bed_mm: float, beneath: Field) -> Sheet:
    """Return `sheet` grown by `bed_mm` on its deep side only, to be cut by what lies beneath it."""
    share = sheet.half_mm / max(float(sheet.half_mm.max()), 1e-6)
    grow = 0.5 * bed_mm * np.clip(2.0 * share, 0.0, 1.0)
    normals = _outward(sheet, beneath, None)
    return Sheet(sheet.points - grow[..., None] * normals, sheet.half_mm + grow, sheet.tendon)


def _outward(sheet: Sheet, beneath: Field | None, above: Field | None) -> Array:
    """Return smooth unit normals (n_along, n_across, 3) that point away from what lies beneath."""
    smooth = np.stack([gaussian_filter(n, 2.0, mode="nearest") for n in np.moveaxis(sheet.normals(), -1, 0)], axis=-1)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=-1, keepdims=True), 1e-9)
    guide = above if above is not None else beneath
    if guide is None:
        return smooth
    up = gradient(guide, sheet.points.reshape(-1, 3), 0.5)
    return smooth if np.einsum("ij,ij->i", up, smooth.reshape(-1, 3)).sum() > 0 else -smooth


def _bilinear(tables: Array, at: Array) -> Array:
    """Return the rows (n, k) of `tables` (rows, columns, k) at fractional places (n, 2)."""
    low = np.minimum(at.astype(np.int64), np.array(tables.shape[:2]) - 2)
    u, v = (at - low).T[..., None]
    i, j = low.T
    left = tables[i, j] * (1 - u) + tables[i + 1, j] * u
    return np.asarray(left * (1 - v) + (tables[i, j + 1] * (1 - u) + tables[i + 1, j + 1] * u) * v)


def _toward(d: Array, along: Array, across: Array) -> Array:
    """Return the steps (n, 2), in nodes, that bring a foot nearer: `d` in the frame of the two tangents."""
    pairs = ((along, along), (across, across), (along, across), (d, along), (d, across))
    aa, bb, ab, da, db = (np.einsum("ij,ij->i", x, y) for x, y in pairs)
    steps = np.column_stack([bb * da - ab * db, aa * db - ab * da]) / np.maximum(aa * bb - ab**2, 1e-9)[:, None]
    return np.asarray(np.clip(steps, -1.5, 1.5))


def _weights(tree: cKDTree, p: Array, k: int) -> tuple[NDArray[np.int64], Array]:
    """Return the nearest grid points (n, k) and their weights, which fall to nothing at the last: no jumps."""
    gap, near = tree.query(p, k=k + 1, workers=-1)
    weight = (1.0 - (gap[:, :k] / np.maximum(gap[:, k:], 1e-9)) ** 2) ** 2 + 1e-9
    return near[:, :k], weight / weight.sum(axis=1, keepdims=True)


def _divide(line: Array, n: int) -> Array:
    s = arc_length(line)
    t = np.linspace(0, s[-1], n)
    return np.column_stack([np.interp(t, s, line[:, i]) for i in range(3)])


def _ramp(u: Array, share: float) -> Array:
    """1 at the end, falling to 0 at `share` of the length and half as much again."""
    if share <= 0:
        return np.zeros_like(u)
    return np.clip((share * 1.5 - u) / share, 0.0, 1.0)
