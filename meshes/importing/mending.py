"""Broken surfaces mended: welded, wound one way, outward, without crumbs, inner shells and holes; what is sound stays put.

Vertices are only moved where triangles cut one another. What cannot be mended is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.importing.holes import filled
from meshes.importing.pieces import (
    Faces,
    coherent,
    components,
    distinct_edges,
    distinct_rows,
    edges_of,
    open_edges,
    turned_out,
    without_inner,
)
from meshes.model import SurfaceMesh
from meshes.real_dress import outward

Array = NDArray[np.float64]
WELD_MM = 1e-4
CRUMB = 0.003  # of the area: loose pieces below are crumbs
LOOSE = 0.3  # share of edges in one triangle only, above which there is no surface to mend
HEAP = "it is a heap of loose triangles, no surface"
ROUNDS = 20  # of easing triangles that cut one another
WIDEN_EVERY = 4
SELF_CUT_FACES = 400_000  # above, whether triangles cut one another is not looked at


def mended(vertices: Array, faces: Faces) -> tuple[SurfaceMesh, tuple[str, ...], str | None]:
    """Return a surface mended as far as it can be.

    Parameters
    ----------
    vertices : (n, 3) array
        mm.
    faces : (m, 3) int array

    Returns
    -------
    mesh : SurfaceMesh
        Outward.
    changes : tuple of str
        What was changed, in plain words.
    wrong : str or None
        What stays wrong: that it is open, loose triangles, or cuts itself. See `is_closed`.
    """
    changes: list[str] = []
    v, f = np.asarray(vertices, dtype=np.float64), np.asarray(faces, dtype=np.int64)
    v, f = _welded(v, f, changes)
    f = _step(f, _whole_faces, "{} triangles without area, or there twice, left out", changes)
    if not len(f):
        return _mesh(v, f), tuple(changes), "it has no triangle with an area"
    if len(open_edges(f)) > LOOSE * 1.5 * len(f):
        return _mesh(v, f), tuple(changes), HEAP
    f = _step(f, lambda g: _manifold(v, g), "{} triangles left out where more than two met in an edge", changes)
    f = _step(f, lambda g: _without_crumbs(v, g), "{} triangles of loose crumbs left out", changes)
    f, turned = coherent(f)
    v, f, holes = _closed(v, f)
    if holes:
        changes.append(f"{holes} {'hole' if holes == 1 else 'holes'} closed")
    f, many = turned_out(v, f, turned)
    if many:
        changes.append(f"{many} triangles turned outward")
    before = len(f)
    f, shells = without_inner(v, f)
    if shells:
        changes.append(f"{shells} inner {'shell' if shells == 1 else 'shells'} left out ({before - len(f)} triangles)")
    v, left = _eased(v, f, changes)
    return _mesh(v, f), tuple(changes), _wrong(f, left)


def as_it_was(vertices: Array, faces: Faces) -> SurfaceMesh | None:
    """Return a surface that was sound when it was written, hollow ones too, points of one place made one; None if it is open."""
    f = np.asarray(faces, dtype=np.int64)
    if len(open_edges(f)):
        first, new, _ = distinct_rows(np.ascontiguousarray(vertices + 0.0).view(np.int64))
        vertices, f = vertices[first], new[f].astype(np.int64)
    return None if len(open_edges(f)) else outward(vertices, f)


def is_closed(faces: Faces) -> bool:
    """Return whether each edge lies in two triangles, once each way."""
    return not len(open_edges(faces)) and len(distinct_edges(edges_of(faces), directed=True)[0]) == 3 * len(faces)


def _wrong(f: Faces, cut: int) -> str | None:
    if not is_closed(f):
        edges = len(open_edges(f))
        return f"it is open: {edges} edges have one triangle only" if edges else "more than two triangles meet in some edges"
    return f"{cut} triangles still cut one another" if cut else None


def _mesh(v: Array, f: Faces) -> SurfaceMesh:
    used, new = np.unique(f, return_inverse=True)
    return outward(v[used], new.reshape(-1, 3).astype(np.int64)) if len(f) else SurfaceMesh(v[:0], f, v[:0])


def _step(f: Faces, work: Callable[[Faces], Faces], text: str, changes: list[str]) -> Faces:
    out = work(f)
    if len(out) < len(f):
        changes.append(text.format(len(f) - len(out)))
    return out


def _welded(v: Array, f: Faces, changes: list[str]) -> tuple[Array, Faces]:
    """Points that lie on each other made one, unless the surface is closed without it."""
    if is_closed(f):
        return v, f
    first, new, _ = distinct_rows(np.round(v / WELD_MM).astype(np.int64))
    if len(first) == len(v):
        return v, f
    changes.append(f"{len(v) - len(first)} points that lay on others made one with them")
    return v[first], new[f].astype(np.int64)


def _whole_faces(f: Faces) -> Faces:
    """Without triangles that use a point twice, and those of which another has the same points."""
    f = f[(f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])]
    if not len(f):
        return f
    first = distinct_rows(np.sort(f, axis=1))[0]
    return f[np.sort(first)]


def _manifold(v: Array, f: Faces) -> Faces:
    """Without the smallest triangles at edges where three or more meet and some of them end: flaps.

    Where an even number meets and none ends, closed shells touch: that is left.
    """
    for _ in range(6):
        _, of_edge, count = distinct_edges(edges_of(f))
        if count.max(initial=0) < 3:
            return f
        of_face = of_edge.reshape(3, -1).T
        many = (count > 2)[of_face].any(axis=1)
        flap = many & (count == 1)[of_face].any(axis=1)
        odd = ((count > 2) & (count % 2 == 1))[of_face].any(axis=1)
        drop = flap if flap.any() else np.zeros(len(f), dtype=bool)
        if not flap.any() and odd.any():
            size = np.linalg.norm(np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]]), axis=1)
            least = np.full(len(count), np.inf)
            np.minimum.at(least, of_face.ravel(), np.repeat(size, 3))
            drop = (((count > 2) & (count % 2 == 1))[of_face] & (least[of_face] >= size[:, None])).any(axis=1)
        if not drop.any():
            return f
        f = f[~drop]
    return f


def _without_crumbs(v: Array, f: Faces) -> Faces:
    label = components(f, len(v))
    area = np.bincount(label, weights=np.linalg.norm(np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]]), axis=1))
    return np.asarray(f[area[label] >= CRUMB * area.sum()])


def _closed(v: Array, f: Faces) -> tuple[Array, Faces, int]:
    """With its holes closed, in a few rounds: a cap may show a flap that was none before."""
    total = 0
    for _ in range(3):
        if not len(open_edges(f)):
            break
        v, grown, holes = filled(v, f)
        if not holes:
            break
        total, f = total + holes, _manifold(v, _whole_faces(grown))
    return v, coherent(f)[0], total


def _eased(v: Array, f: Faces, changes: list[str]) -> tuple[Array, int]:
    """Points of triangles that cut one another moved toward their neighbours; how many are left cut."""
    if not is_closed(f):
        return v, 0
    if len(f) > SELF_CUT_FACES:
        changes.append(f"not looked at: whether triangles cut one another ({len(f):,} are too many)")
        return v, 0
    try:
        cut = _cuts(v, f)
    except ModuleNotFoundError:
        changes.append("not looked at: whether triangles cut one another (PyMeshLab is not installed: extra 'import')")
        return v, 0
    if not len(cut):
        return v, 0
    first, now = len(cut), v.copy()
    links = _links(f, len(v))
    for number in range(ROUNDS):
        loose = np.zeros(len(v), dtype=bool)
        loose[f[cut].ravel()] = True
        for _ in range(number // WIDEN_EVERY):
            loose |= np.asarray(links @ loose.astype(np.float64) > 0)
        now[loose] = 0.5 * (now[loose] + np.asarray(links @ now)[loose])
        cut = _cuts(now, f)
        if not len(cut):
            changes.append(f"{first} triangles that cut one another eased apart")
            return now, 0
    return v, first


def _cuts(v: Array, f: Faces) -> NDArray[np.intp]:
    from meshes.healing import self_intersections

    found: NDArray[np.intp] = self_intersections(SurfaceMesh(v.copy(), f.copy(), v.copy()))
    return found


def _links(f: Faces, n: int) -> Any:
    """Sparse (n, n) matrix that averages the neighbours of each point."""
    from scipy.sparse import csr_matrix, diags

    a, b = edges_of(f).T
    joined = csr_matrix((np.ones(2 * len(a)), (np.concatenate([a, b]), np.concatenate([b, a]))), shape=(n, n))
    joined.data[:] = 1.0
    return diags(1.0 / np.maximum(np.asarray(joined.sum(axis=1)).ravel(), 1.0)) @ joined
