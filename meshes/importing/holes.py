"""Holes of a surface closed by caps on their own rims: no point is moved, none of the rest is touched."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from meshes.importing.pieces import Faces, open_edges

Array = NDArray[np.float64]
SHARE = 0.08  # of the surface: a cap that is larger would invent too much
FLAT_SHARE = 0.35  # where the rim lies in a plane, as where a scan ends
FLAT = 0.03  # distance of a rim from its plane, in shares of its size


def filled(vertices: Array, faces: Faces) -> tuple[Array, Faces, int]:
    """Return points and triangles with the holes closed that are small enough, and how many.

    Parameters
    ----------
    vertices : (n, 3) array
    faces : (m, 3) int array
        Wound one way.
    """
    whole = _areas(vertices, faces).sum()
    caps = []
    for loop in _loops(open_edges(faces)):
        cap = np.array(_cap(vertices, loop), dtype=np.int64)
        share = _areas(vertices, cap).sum() / whole if len(cap) else np.inf
        if share <= (FLAT_SHARE if _is_flat(vertices[loop]) else SHARE):
            caps.append(cap)
    return vertices, np.vstack([faces, *caps]), len(caps)


def _areas(vertices: Array, faces: Faces) -> Array:
    a = vertices[faces[:, 0]]
    return np.asarray(0.5 * np.linalg.norm(np.cross(vertices[faces[:, 1]] - a, vertices[faces[:, 2]] - a), axis=1))


def _loops(rim: Faces) -> list[list[int]]:
    """Rims as closed rounds of points, against the way of the triangles beside them; where rims touch, the shortest rounds."""
    onward: dict[int, list[int]] = {}
    for a, b in rim.tolist():
        onward.setdefault(b, []).append(a)
    out = []
    while onward:
        way = [next(iter(onward))]
        place = {way[0]: 0}
        while way[-1] in onward:
            nexts = onward[way[-1]]
            step = nexts.pop()
            if not nexts:
                del onward[way[-1]]
            if step in place:
                start = place[step]
                loop = way[start:]
                if len(loop) > 2:
                    out.append(loop)
                for p in loop[1:]:
                    del place[p]
                way = way[: start + 1]
            else:
                place[step] = len(way)
                way.append(step)
    return out


def _is_flat(rim: Array) -> bool:
    centred = rim - rim.mean(axis=0)
    size = np.linalg.svd(centred, compute_uv=False) / np.sqrt(len(rim))
    return bool(size[2] <= FLAT * size[0])


def _cap(vertices: Array, loop: list[int]) -> list[tuple[int, int, int]]:
    """Triangles over a rim: again and again the ear with the sharpest corner is cut off, corners that turn in last."""
    p = vertices[loop]
    n = len(loop)
    normal = np.cross(p - p.mean(axis=0), np.roll(p, -1, axis=0) - p.mean(axis=0)).sum(axis=0)
    normal = normal / max(float(np.linalg.norm(normal)), 1e-12)
    before, after, alive, stamp = [*range(-1, n - 1)], [*range(1, n), 0], [True] * n, [0] * n
    before[0] = n - 1

    def cost(i: int) -> float:
        u, w = p[before[i]] - p[i], p[after[i]] - p[i]
        length = float(np.linalg.norm(u) * np.linalg.norm(w))
        turn = float(np.cross(w, u) @ normal)
        angle = float(np.arccos(np.clip((u @ w) / max(length, 1e-12), -1.0, 1.0)))
        return angle if turn > 0 else 2 * np.pi - angle

    queue = [(cost(i), i, 0) for i in range(n)]
    heapq.heapify(queue)
    out: list[tuple[int, int, int]] = []
    while len(out) < n - 2:
        _, i, when = heapq.heappop(queue)
        if not alive[i] or when != stamp[i]:
            continue
        a, b = before[i], after[i]
        out.append((loop[a], loop[i], loop[b]))
        alive[i], after[a], before[b] = False, b, a
        for j in (a, b):
            stamp[j] += 1
            heapq.heappush(queue, (cost(j), j, stamp[j]))
    return out
