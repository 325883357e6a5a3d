"""A person's own nerves and vessels: their surfaces as read, with the model's course drawn into them.

A surface has no axis. The course that the model lends is carried to the person with everything else, then moved into the middle
of his own surface, so that a needle and a scan meet the vessel where its surface is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from meshes import load_anatomy, real_anatomy
from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.real_dress import EVIDENCE, outward
from meshes.real_fit import Similarity
from meshes.real_landmarks import Found
from meshes.real_landmarks_fits import SKULL
from meshes.real_seating import nerve_faults
from meshes.surface import SurfaceQuery

Array = NDArray[np.float64]
ROUNDS = 8  # of drawing a tube to a surface: each halves what it lies aside
CALM_POINTS = 2.0  # of a course, over which a move is averaged


def anatomy_of(
    name: str,
    parts: Mapping[str, SurfaceMesh],
    landmarks: Mapping[str, ArrayLike | Found] | None,
    meta: Mapping[str, Any],
    *,
    estimated: Collection[str] = (),
    settled: bool = False,
) -> Anatomy:
    """Return the anatomy of imported parts, as `real_anatomy` makes it, with courses in its own nerves and vessels.

    Parameters
    ----------
    name, parts, landmarks, meta
        As of `real_anatomy.real_anatomy`.
    estimated : collection of str
        Keys of parts whose place their file calls an estimate; they stay estimates.
    settled : bool
        The parts are an export of Inion: they lie in its frame already, and end where they should.

    Raises
    ------
    ValueError
        As `real_anatomy` does.
    """
    model = load_anatomy()
    lines = {k for k in parts if k in model and model[k].centerline is not None}
    solid = {k: m for k, m in parts.items() if k not in lines}
    again: dict[str, Any] = {"again": {"not_used": {}, "cut": []}} if settled else {}
    person = real_anatomy.real_anatomy(name, solid, landmarks, meta, **again)
    way = _way(parts[SKULL].vertices_mm, person[SKULL].mesh.vertices_mm)
    out = dict(person.structures)
    for key in lines & out.keys():
        mesh = parts[key]
        own = outward(way.apply(mesh.vertices_mm), np.asarray(mesh.faces, dtype=np.int64))
        out[key] = in_the_middle(out[key], own)
    told = dict(person.meta)
    told["estimated"] = [k for k in out if k in estimated or (k in told.get("estimated", ()) and k not in lines)]
    points = {**person.landmarks, **(_points(landmarks or {}) if settled else {})}
    done = Anatomy.of(name, out.values(), points, person.curves, told)
    if lines:
        told["seating"] = {side: nerve_faults(done, side) for side in told.get("seating", {})}
    return Anatomy.of(name, out.values(), points, person.curves, told)


def _points(landmarks: Mapping[str, ArrayLike | Found]) -> dict[str, Array]:
    """The points (3,) that an export tells, as it tells them: laid on the surfaces anew they would move."""
    points = {n: np.asarray(p.point_mm if isinstance(p, Found) else p, dtype=np.float64) for n, p in landmarks.items()}
    return {n: p for n, p in points.items() if n in load_anatomy().landmarks}


def in_the_middle(lent: Structure, own: SurfaceMesh) -> Structure:
    """Return a nerve or vessel with a surface of its own, and the lent course moved as its tube is drawn onto that surface."""
    assert lent.centerline is not None
    lines = {"": lent.centerline, **lent.branches}
    tube, surface = np.array(lent.mesh.vertices_mm), SurfaceQuery(own)
    nearest = cKDTree(np.vstack(list(lines.values()))).query(tube)[1]
    for _ in range(ROUNDS):
        gaps = surface.closest(tube)[0] - tube
        moves = _calm(gaps, nearest, [len(line) for line in lines.values()])
        tube = tube + np.vstack(moves)[nearest]
        lines = {name: line + move for (name, line), move in zip(lines.items(), moves, strict=True)}
    branches = {n: line for n, line in lines.items() if n}
    return replace(lent, mesh=own, centerline=lines[""], branches=MappingProxyType(branches), evidence=EVIDENCE)


def _calm(gaps: Array, nearest: NDArray[np.int64], lengths: Sequence[int]) -> list[Array]:
    """The mean gap of the tube's points about each point of its lines, averaged along each line."""
    points = sum(lengths)
    count = np.bincount(nearest, minlength=points).astype(np.float64)
    total = np.column_stack([np.bincount(nearest, weights=gaps[:, i], minlength=points) for i in range(3)])
    out, start = [], 0
    for length in lengths:
        here = slice(start, start + length)
        weight = gaussian_filter1d(count[here], CALM_POINTS, mode="nearest")
        move = gaussian_filter1d(total[here], CALM_POINTS, axis=0, mode="nearest")
        out.append(move / np.maximum(weight, 1e-9)[:, None])
        start += length
    return out


def _way(before: Array, after: Array) -> Similarity:
    """The turn and shift that brought the skull into Inion's frame."""
    from scipy.spatial.transform import Rotation

    a, b = before.mean(axis=0), after.mean(axis=0)
    turn = Rotation.align_vectors(after - b, before - a)[0].as_matrix()
    return Similarity(turn, 1.0, b - turn @ a)
