"""Nerves and vessels as chains of tapering rods: exact at every distance, whatever the voxels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from meshes.curves import arc_length, resample
from meshes.model import Anatomy, Structure
from meshes.surface import SurfaceQuery

Array = NDArray[np.float64]
KINDS = ("nerve", "artery", "vein")
STEP_MM = 0.5
Rods = tuple[Array, Array, Array, Array, Array, Array]  # the first six fields of `Strands`


@dataclass(frozen=True, eq=False)
class Strands:
    """Rods of all nerves and vessels of an anatomy.

    Parameters
    ----------
    start, end : (n, 3) arrays
        Ends of each rod, mm RAS.
    radius_mm : (n, 2) array
        At start and end.
    across : (n, 3) array
        Unit vector square to the rod that turns as little as possible along a strand: the frame of what lies within.
    along_mm : (n,) array
        Way from the strand's origin to the start.
    owner : (n,) int array
        Index into `keys`.
    keys : tuple of str
    kinds : tuple of str
        'nerve', 'artery' or 'vein', one for each key.
    """

    start: Array
    end: Array
    radius_mm: Array
    across: Array
    along_mm: Array
    owner: NDArray[np.int64]
    keys: tuple[str, ...]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def _reach(self) -> tuple[Array, Array]:
        """Box (n, 3), (n, 3) of each rod."""
        wide = self.radius_mm.max(axis=1, keepdims=True) if len(self.start) else np.zeros((0, 1))
        return np.minimum(self.start, self.end) - wide, np.maximum(self.start, self.end) + wide

    def near(self, low: Array, high: Array) -> Strands:
        """Return the rods that come into the box from `low` to `high`, mm."""
        least, most = self._reach
        at = np.flatnonzero(((least <= high) & (most >= low)).all(axis=1))
        return Strands(
            self.start[at], self.end[at], self.radius_mm[at], self.across[at], self.along_mm[at], self.owner[at], self.keys,
            self.kinds
        )  # fmt: skip


def strands_of(anatomy: Anatomy) -> Strands:
    """Return the nerves and vessels of an anatomy that have an axis, with their branches."""
    structures = [s for s in anatomy.structures.values() if s.kind in KINDS and s.centerline is not None and s.tissue in KINDS]
    pieces = [_rods(line, radius, index) for index, s in enumerate(structures) for line, radius in _lines(s)]
    return _joined(pieces, tuple(s.key for s in structures), tuple(s.kind for s in structures))


def strands_from(lines: Mapping[str, tuple[str, Array, float | Array]]) -> Strands:
    """Return strands from plain lines: key to (kind, line (n, 3) mm, radius mm)."""
    rows = [(line, np.broadcast_to(radius, len(line))) for _, line, radius in lines.values()]
    pieces = [_rods(line, radius, i) for i, (line, radius) in enumerate(rows)]
    return _joined(pieces, tuple(lines), tuple(kind for kind, _, _ in lines.values()))


def _joined(pieces: Sequence[Rods], keys: tuple[str, ...], kinds: tuple[str, ...]) -> Strands:
    none = _rods(np.zeros((0, 3)), np.zeros(0), 0)
    start, end, radius, across, along, owner = (np.concatenate(column) for column in zip(none, *pieces, strict=True))
    return Strands(start, end, radius, across, along, owner.astype(np.int64), keys, kinds)


def _lines(structure: Structure) -> list[tuple[Array, Array]]:
    """The trunk with its radius, and each branch with the radius that its surface has there."""
    assert structure.centerline is not None and structure.radius_mm is not None
    out = [(structure.centerline, structure.radius_mm)]
    if structure.branches:
        query = SurfaceQuery(structure.mesh)
        for branch in structure.branches.values():
            inside = -query.signed_distance(branch)
            out.append((branch, np.maximum(inside, 0.2)))
    return out


def _rods(line: Array, radius: NDArray[np.floating], owner: int) -> Rods:
    if len(line) < 2:
        return np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 2)), np.zeros((0, 3)), np.zeros(0), np.zeros(0)
    way = arc_length(line)
    points = resample(line, STEP_MM)
    along = np.linspace(0.0, way[-1], len(points))
    wide = np.interp(along, way, radius)
    return (
        points[:-1], points[1:], np.column_stack([wide[:-1], wide[1:]]), _frames(points), along[:-1],
        np.full(len(points) - 1, float(owner)),
    )  # fmt: skip


def _frames(points: Array) -> Array:
    """Vectors (n - 1, 3) square to each piece, carried along with the least turn."""
    tangents = np.diff(points, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-12)
    least = np.eye(3)[np.argmin(np.abs(tangents[0]))]
    out = np.empty_like(tangents)
    vector = least
    for i, t in enumerate(tangents):
        vector = vector - (vector @ t) * t
        vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
        out[i] = vector
    return out
