"""Do neighbours stand in one another, or through the skin? What may share space is said in `data/contacts.toml`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, Structure
from meshes.points import load_table
from meshes.surface import SurfaceQuery
from meshes.voxels import inside_mask

Array = NDArray[np.float64]
STEP_MM = 0.8  # of the grid that tells which vertices are worth an exact look
ENVELOPES = ("skin", "fat", "fascia", "hair")  # forms that hold others; looked at on their own


@dataclass(frozen=True)
class Clash:
    """One structure inside another.

    Parameters
    ----------
    inner, outer : str
        Keys; a vertex of `inner` lies in `outer`, or outside it where `outer` is the skin.
    depth_mm : float
        Of the deepest such vertex.
    at : (3,) array
        Where it is, mm RAS.
    share : float
        Share of the vertices of `inner` that lie deeper than the limit.
    """

    inner: str
    outer: str
    depth_mm: float
    at: Array
    share: float


def clashes(anatomy: Anatomy, keys: Sequence[str] | None = None) -> Iterator[Clash]:
    """Yield every pair of structures that stand deeper in one another than `limit_mm`, and what pokes through the skin.

    Parameters
    ----------
    anatomy : Anatomy
    keys : sequence of str, optional
        Structures to look at; by default all.
    """
    limit = float(load_table("contacts")["limit_mm"])
    bodies = [_Body(s) for s in (anatomy.structures.values() if keys is None else [anatomy[k] for k in keys])]
    solid = [b for b in bodies if b.structure.kind not in ENVELOPES]
    if "skin" in anatomy.structures:
        yield from _through_skin(solid, anatomy["skin"], limit)
    for a, b in combinations(solid, 2):
        if _may_share(a.structure, b.structure) or not _near(a, b):
            continue
        for inner, outer in ((a, b), (b, a)):
            found = _clash(inner, outer, limit)
            if found is not None:
                yield found


@dataclass(frozen=True)
class _Body:
    structure: Structure

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        v = self.structure.mesh.vertices_mm
        return v.min(axis=0), v.max(axis=0)

    @cached_property
    def query(self) -> SurfaceQuery:
        return SurfaceQuery(self.structure.mesh)

    @cached_property
    def _mask(self) -> NDArray[np.bool_]:
        low, high = self.bounds
        counts = np.ceil((high - low) / STEP_MM).astype(int) + 2
        return inside_mask(self.structure.mesh, low, tuple(int(n) for n in counts), STEP_MM)

    def may_hold(self, points: Array) -> NDArray[np.bool_]:
        """Whether each of (n, 3) points has a filled node next to it."""
        low, _ = self.bounds
        index = np.floor((points - low) / STEP_MM).astype(int)
        room = np.array(self._mask.shape)
        inside = ((index >= 0) & (index < room - 1)).all(axis=1)
        out = np.zeros(len(points), dtype=bool)
        i = index[inside]
        out[inside] = np.logical_or.reduce([self._mask[tuple((i + s).T)] for s in np.ndindex(2, 2, 2)])
        return out


def _clash(inner: _Body, outer: _Body, limit: float) -> Clash | None:
    vertices = inner.structure.mesh.vertices_mm
    low, high = outer.bounds
    index = np.flatnonzero(((vertices > low) & (vertices < high)).all(axis=1))
    index = index[outer.may_hold(vertices[index])]
    if not len(index):
        return None
    depth = -outer.query.signed_distance(vertices[index])
    return _worst(inner.structure.key, outer.structure.key, depth, vertices, index, limit)


def _through_skin(bodies: Sequence[_Body], skin: Structure, limit: float) -> Iterator[Clash]:
    query = SurfaceQuery(skin.mesh)
    for body in bodies:
        vertices = body.structure.mesh.vertices_mm
        if body.structure.tissue == "skin":
            continue
        found = _worst(body.structure.key, skin.key, query.signed_distance(vertices), vertices, np.arange(len(vertices)), limit)
        if found is not None:
            yield found


def _worst(inner: str, outer: str, depth: Array, vertices: Array, index: NDArray[np.intp], limit: float) -> Clash | None:
    deepest = int(np.argmax(depth))
    if depth[deepest] <= limit:
        return None
    return Clash(inner, outer, float(depth[deepest]), vertices[index[deepest]], float((depth > limit).sum() / len(vertices)))


def _near(a: _Body, b: _Body) -> bool:
    return bool(((a.bounds[0] < b.bounds[1]) & (b.bounds[0] < a.bounds[1])).all())


def _may_share(a: Structure, b: Structure) -> bool:
    rows = load_table("contacts")["shared"]
    pairs = ((a.kind, b.kind), (b.kind, a.kind))
    return any(one in row["owner"] and other in row["through"] for row in rows for one, other in pairs)
