"""Fits of one surface to another: similarity by nearest points, then a smooth displacement on a grid that does not fold.

The displacement is a cubic B-spline on a regular grid. Each step spreads what the nearest points ask for over a Gaussian
neighbourhood, wide at first and narrower later, and is shortened until its local volume ratio keeps above a floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from meshes.maps import Map
from meshes.model import SurfaceMesh

Array = NDArray[np.float64]
PER_POINT_MM2 = 4.0  # area of surface that one sample stands for
FEWEST, MOST = 400, 8000  # samples of a surface
FACING = 0.2  # least cosine between normals of points that may be one place
LOOKED_AT = 6  # neighbours among which one with the right normal is looked for
SETTLED_MM = 0.02  # a fit that moves by less is done
RIDGE = 1e-4  # so that a turn that the surface does not show is none
MUTUAL_MM = 12.0  # a pair whose way back ends further off than this is none
TRIM = 0.85  # share of the nearest pairs that a similarity is fitted to
LEAST_STRETCH = 0.35  # least local volume ratio of one displacement
FAINT = 0.02  # share of a full weight from which on a displacement is believed; below it fades
MARGIN = 3.0  # widths of the neighbourhood that the grid reaches beyond the points
NODES_PER_WIDTH = 2.0


@dataclass(frozen=True)
class Similarity:
    """Turned, scaled and shifted: `scale * turn @ p + shift`.

    Parameters
    ----------
    turn : (3, 3) array
        A rotation.
    scale : float
    shift : (3,) array
        mm.
    """

    turn: Array
    scale: float
    shift: Array

    def apply(self, points: Array) -> Array:
        """Return (n, 3) points moved, mm."""
        return np.asarray(self.scale * points @ self.turn.T + self.shift)

    def inverse(self, points: Array) -> Array:
        """Return where (n, 3) points come from, mm."""
        return np.asarray((points - self.shift) @ self.turn / self.scale)


@dataclass(frozen=True)
class Displacement:
    """A cubic B-spline displacement on a regular grid; beyond it, that of its rim.

    Parameters
    ----------
    values : (nx, ny, nz, 3) array
        Coefficients, mm.
    origin : (3,) array
        Of the first node, mm.
    step_mm : float
    """

    values: Array
    origin: Array
    step_mm: float

    def apply(self, points: Array) -> Array:
        """Return (n, 3) points moved, mm."""
        at = ((points - self.origin) / self.step_mm).T
        moved = [map_coordinates(self.values[..., i], at, order=3, mode="nearest", prefilter=False) for i in range(3)]
        return np.asarray(points + np.column_stack(moved))

    @property
    def least_stretch(self) -> float:
        """The least local volume ratio at the nodes."""
        return float(_stretch(_slopes(self.values, self.step_mm)).min())


@dataclass(frozen=True)
class Cloud:
    """Points spread evenly over a surface, with its outward normals there."""

    points: Array
    normals: Array


def best_similarity(source: Array, target: Array, *, scaled: bool = True, weights: Array | None = None) -> Similarity:
    """Return the similarity that carries `source` (n, 3) nearest to `target`; never a mirror image.

    References
    ----------
    Umeyama, 1991, doi 10.1109/34.88573.
    """
    w = np.ones(len(source)) if weights is None else weights
    w = w / w.sum()
    a, b = source - w @ source, target - w @ target
    u, size, vt = np.linalg.svd((b * w[:, None]).T @ a)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = u @ np.diag(flip) @ vt
    scale = float((size * flip).sum() / (w @ (a**2).sum(axis=1))) if scaled else 1.0
    return Similarity(turn, scale, w @ target - scale * turn @ (w @ source))


def sampled(mesh: SurfaceMesh, seed: int = 1) -> Cloud:
    """Return points spread over a surface by area, the same for the same surface."""
    corners = mesh.vertices_mm[mesh.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double = np.linalg.norm(cross, axis=1)
    if not double.sum() > 0:
        raise ValueError("a surface has no area.")
    count = int(np.clip(0.5 * double.sum() / PER_POINT_MM2, FEWEST, MOST))
    rng = np.random.default_rng(seed)
    cell = np.searchsorted(np.cumsum(double) / double.sum(), rng.random(count), side="right").clip(max=len(double) - 1)
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    share = np.column_stack([1 - u, u * (1 - v), u * v])
    points = np.einsum("ij,ijk->ik", share, corners[cell])
    return Cloud(points, cross[cell] / np.maximum(double[cell], 1e-12)[:, None])


def icp(source: Cloud, target: Cloud, start: Similarity, *, rounds: int = 40) -> Similarity:
    """Return the similarity that lays `source` on `target`, from a start, by nearest points both ways.

    Distances are taken along the target's normals, so that surfaces slide over each other. Pairs whose normals disagree, and
    the furthest, are left out, so that a part that only one of both shows does not pull.

    References
    ----------
    Chen, Medioni, 1992, doi 10.1016/0262-8856(92)90066-C; Besl, McKay, 1992, doi 10.1109/34.121791.
    """
    here, forth = start, Finder(target)
    for _ in range(rounds):
        points, normals = here.apply(source.points), source.normals @ here.turn.T
        one, there = forth.of(points, normals)
        two, mine = Finder(Cloud(points, normals)).of(target.points, target.normals)
        p = np.vstack([points[one], points[mine]])
        q, n = (np.vstack([getattr(target, k)[there], getattr(target, k)[two]]) for k in ("points", "normals"))
        far = np.linalg.norm(p - q, axis=1)
        keep = far <= np.quantile(far, TRIM)
        step = _slid(p[keep], q[keep], n[keep])
        here = _after(here, step)
        if np.abs(step.apply(points[:50]) - points[:50]).max() < SETTLED_MM:
            break
    return here


def _slid(p: Array, q: Array, n: Array) -> Similarity:
    """The small similarity that brings points `p` nearest to the planes through `q` square to `n`."""
    centre = p.mean(axis=0)
    a = p - centre
    rows = np.column_stack([np.cross(a, n), n, np.einsum("ij,ij->i", a, n)])
    size = np.array([*[np.linalg.norm(a, axis=1).mean()] * 3, 1, 1, 1, np.linalg.norm(a, axis=1).mean()])
    rows = rows / size
    right = np.einsum("ij,ij->i", q - p, n)
    ridge = RIDGE * len(p) * np.eye(7)
    x = np.linalg.solve(rows.T @ rows + ridge, rows.T @ right) / size
    turn = Rotation.from_rotvec(x[:3]).as_matrix()
    scale = float(np.clip(1.0 + x[6], 0.9, 1.1))
    return Similarity(turn, scale, centre + x[3:6] - scale * turn @ centre)


def _after(first: Similarity, then: Similarity) -> Similarity:
    return Similarity(then.turn @ first.turn, then.scale * first.scale, then.scale * then.turn @ first.shift + then.shift)


def misfit(source: Cloud, target: Cloud, way: Map) -> float:
    """Return the median distance (mm), both ways, of a surface carried by `way` to another."""
    a = way.apply(source.points)
    there, back = cKDTree(target.points).query(a)[0], cKDTree(a).query(target.points)[0]
    return float(np.median(np.concatenate([there, back])))


def drawn(
    sources: Mapping[str, Cloud], targets: Mapping[str, Cloud], widths: Sequence[float], finest_mm: float = 2.5
) -> list[Displacement]:
    """Return displacements, one after another, that draw each source surface to the target of the same key.

    Parameters
    ----------
    sources, targets : mapping of str to Cloud
        Keys that both have are used.
    widths : sequence of float
        Of the neighbourhood of each step, mm, from wide to narrow.
    finest_mm : float
        Least step of the grid.
    """
    keys = [k for k in sources if k in targets]
    here = {k: sources[k] for k in keys}
    finders = {k: Finder(targets[k]) for k in keys}
    out = []
    for width in widths:
        places, asked = [], []
        for k in keys:
            p, d = _pulls(here[k], targets[k], finders[k])
            places.append(p)
            asked.append(d)
        reach = np.vstack([*(c.points for c in here.values()), *(targets[k].points for k in keys)])
        step = spread(np.vstack(places), np.vstack(asked), width, max(width / NODES_PER_WIDTH, finest_mm), reach)
        out.append(step)
        here = {k: _moved(c, step) for k, c in here.items()}
    return out


class Finder:
    """Nearest points with agreeing normals."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.tree = cloud, cKDTree(cloud.points)

    def of(self, points: Array, normals: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the indices of the points that have a match, and of their matches."""
        index = self.tree.query(points, k=min(LOOKED_AT, len(self.cloud.points)))[1]
        agrees = np.einsum("ijk,ik->ij", self.cloud.normals[index], normals) > FACING
        found = np.flatnonzero(agrees.any(axis=1))
        return found, index[found, np.argmax(agrees[found], axis=1)]


def _pulls(source: Cloud, target: Cloud, finder: Finder) -> tuple[Array, Array]:
    """Where (n, 3) and how far (n, 3) a surface is asked to move: to its nearest, and as the target's nearest ask.

    A point whose nearest has its own nearest far away lies beyond the end of what the other shows: it asks nothing.
    """
    back = Finder(source)
    one, there = finder.of(source.points, source.normals)
    two, mine = back.of(target.points, target.normals)
    mutual = np.linalg.norm(source.points[back.tree.query(target.points[there])[1]] - source.points[one], axis=1) < MUTUAL_MM
    known = np.linalg.norm(target.points[finder.tree.query(source.points[mine])[1]] - target.points[two], axis=1) < MUTUAL_MM
    p = np.vstack([source.points[one[mutual]], source.points[mine[known]]])
    return p, np.vstack([target.points[there[mutual]], target.points[two[known]]]) - p


def _moved(cloud: Cloud, way: Map) -> Cloud:
    """A cloud carried: its normals turned by the difference of two shifted copies across them."""
    from meshes.maps import Chain

    return Cloud(way.apply(cloud.points), Chain((way,)).normals(cloud.points, cloud.normals))


def spread(points: Array, asked: Array, width: float, step: float, reach: Array) -> Displacement:
    """Return the displacement that follows what is asked (n, 3) at points, averaged over `width`, shortened until it folds not.

    Parameters
    ----------
    points, asked : (n, 3) array
        Where, and how far, mm.
    width : float
        Standard deviation of the neighbourhood, mm.
    step : float
        Of the grid, mm.
    reach : (m, 3) array
        Points that the grid shall hold.
    """
    low = reach.min(axis=0) - MARGIN * width
    shape = np.ceil((reach.max(axis=0) + MARGIN * width - low) / step).astype(int) + 1
    node = np.round((points - low) / step).astype(int)
    flat = np.ravel_multi_index(tuple(node.T), tuple(shape))
    total = int(np.prod(shape))
    sigma = width / step
    weight = gaussian_filter(np.bincount(flat, minlength=total).reshape(shape).astype(np.float32), sigma)
    floor = FAINT * float(np.median(weight.ravel()[flat]))
    values = np.empty((*shape, 3), dtype=np.float32)
    for i in range(3):
        sums = np.bincount(flat, weights=asked[:, i], minlength=total).reshape(shape).astype(np.float32)
        values[..., i] = gaussian_filter(sums, sigma) / (weight + floor)
    slopes, share = _slopes(values, step), 1.0
    while _stretch(slopes, share).min() < LEAST_STRETCH:
        share *= 0.8
    return Displacement(share * values, low, step)


def _slopes(values: Array, step: float) -> list[list[Array]]:
    """The derivative of a displacement at its nodes: [i][j] is that of component i along axis j."""
    return [[np.asarray(np.gradient(values[..., i], step, axis=j)) for j in range(3)] for i in range(3)]


def _stretch(slopes: list[list[Array]], share: float = 1.0) -> Array:
    """Local volume ratios at the nodes of a displacement of which a share is made."""
    (a, b, c), (d, e, f), (g, h, i) = ([share * s + (row == k) for k, s in enumerate(line)] for row, line in enumerate(slopes))
    return np.asarray(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
