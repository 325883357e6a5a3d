"""Loose pieces of a surface: which triangles hang together, which way they wind, which lie inside another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Faces = NDArray[np.int64]
MOST_SHELLS = 400  # the largest pieces among which inner ones are looked for
ASKED = 5  # points of a piece that must all lie inside


def edges_of(faces: Faces) -> Faces:
    """Return the directed edges (3 m, 2): all first ones, all second, all third."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def distinct_rows(rows: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return of each different row (n, k) the first index, of each row which one it is, and how many there are of each."""
    order = np.lexsort(rows.T)
    ordered = rows[order]
    fresh = np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)] if len(rows) else np.zeros(0, dtype=bool)
    which = np.empty(len(rows), dtype=np.intp)
    which[order] = np.cumsum(fresh) - 1
    return order[fresh], which, np.bincount(which) if len(rows) else np.zeros(0, dtype=np.intp)


def open_edges(faces: Faces) -> Faces:
    """Return the directed edges (k, 2) that lie in one triangle only."""
    edges = edges_of(faces)
    _, of_edge, count = distinct_edges(edges)
    return np.asarray(edges[(count == 1)[of_edge]])


def distinct_edges(edges: Faces, *, directed: bool = False) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the same as `distinct_rows` of edges (n, 2), each way one and the same unless `directed`."""
    a, b = edges.T if directed else (edges.min(axis=1), edges.max(axis=1))
    number = a * (int(edges.max(initial=0)) + 1) + b
    _, first, which, count = np.unique(number, return_index=True, return_inverse=True, return_counts=True)
    return first, which.reshape(-1), count


def components(faces: Faces, points: int) -> NDArray[np.int64]:
    """Return the number (m,) of the piece that each triangle belongs to: pieces share no point."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b = edges_of(faces)[: 2 * len(faces)].T
    _, of_point = connected_components(coo_array((np.ones(len(a), dtype=bool), (a, b)), shape=(points, points)), directed=False)
    return np.unique(of_point[faces[:, 0]], return_inverse=True)[1].reshape(-1).astype(np.int64)


def coherent(faces: Faces) -> tuple[Faces, NDArray[np.bool_]]:
    """Return triangles that wind as their neighbours do, and which were turned; most of each piece keep their way.

    Each triangle stands twice in a graph, as it is and turned; what may lie side by side is linked. A piece that has one side
    only (a Möbius strip) cannot be wound one way and stays.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(faces)
    edges = edges_of(faces)
    _, which, count = distinct_edges(edges)
    order = np.argsort(which, kind="stable")
    owner, up = np.tile(np.arange(n), 3)[order], (edges[:, 0] < edges[:, 1])[order]
    first = (np.cumsum(count) - count)[count == 2]
    a, b, same = owner[first], owner[first + 1], up[first] != up[first + 1]
    rows = np.concatenate([a, a + n])
    cols = np.concatenate([np.where(same, b, b + n), np.where(same, b + n, b)])
    links = coo_array((np.ones(len(rows), dtype=bool), (rows, cols)), shape=(2 * n, 2 * n))
    _, label = connected_components(links, directed=False)
    kept = np.bincount(label[:n], minlength=label.max() + 1)
    turned = kept[label[n:]] > kept[label[:n]]
    even = (kept[label[n:]] == kept[label[:n]]) & (label[n:] < label[:n])
    turned |= even
    return np.where(turned[:, None], faces[:, ::-1], faces), turned


def signed_volume(vertices: Array, faces: Faces) -> float:
    """Return the volume that triangles enclose, negative if they wind inward."""
    middle = vertices.mean(axis=0)
    a, b, c = (vertices[faces[:, i]] - middle for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)


def turned_out(vertices: Array, faces: Faces, turned: NDArray[np.bool_]) -> tuple[Faces, int]:
    """Return triangles with every piece outward, and how many of the first `len(turned)` were turned in all."""
    label = components(faces, len(vertices))
    middle = vertices.mean(axis=0)
    a, b, c = (vertices[faces[:, i]] - middle for i in range(3))
    volume = np.bincount(label, weights=np.einsum("ij,ij->i", a, np.cross(b, c)))
    inward = (volume < 0)[label]
    was = np.zeros(len(faces), dtype=bool)
    was[: len(turned)] = turned[: len(faces)] if len(turned) > len(faces) else turned
    return np.where(inward[:, None], faces[:, ::-1], faces), int((was ^ inward).sum())


def without_inner(vertices: Array, faces: Faces) -> tuple[Faces, int]:
    """Return triangles without closed pieces that lie inside another, and how many pieces that were."""
    from meshes.real_dress import outward
    from meshes.surface import SurfaceQuery

    label = components(faces, len(vertices))
    count = int(label.max()) + 1
    if count == 1:
        return faces, 0
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    for i in range(3):
        np.minimum.at(low, label, vertices[faces[:, i]])
        np.maximum.at(high, label, vertices[faces[:, i]])
    size = np.prod(high - low, axis=1)
    order = np.argsort(-size)[:MOST_SHELLS]
    inner = np.zeros(count, dtype=bool)
    for k, big in enumerate(order):
        inside = [s for s in order[k + 1 :] if not inner[s] and (low[s] > low[big]).all() and (high[s] < high[big]).all()]
        if inner[big] or not inside or len(open_edges(faces[label == big])):
            continue
        query = SurfaceQuery(outward(vertices, faces[label == big]))
        for small in inside:
            at = np.unique(faces[label == small])
            asked = vertices[at[np.linspace(0, len(at) - 1, ASKED).astype(int)]]
            inner[small] = bool(query.contains(asked).all())
    return faces[~inner[label]], int(inner.sum())
