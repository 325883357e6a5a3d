"""A whole anatomy carried through a map: surfaces, normals, fibres, axes, calibres, landmarks and curves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from meshes.maps import Chain, unit
from meshes.model import Anatomy, Structure

Array = NDArray[np.float64]
CHUNK = 16000  # points that one worker moves at once
WORKERS = 2


def carried(anatomy: Anatomy, chain: Chain) -> Anatomy:
    """Return `anatomy` with all that has a place moved by `chain`.

    Normals stay square to their surfaces, fibres follow their muscle, and the radius of a nerve or vessel grows as its tube
    does across, so that the tube that is drawn and the radius that is told agree.
    """
    if not chain.maps:
        return anatomy
    all_of = list(anatomy.structures.values())
    meshes = [s.mesh for s in all_of]
    points, normals = (np.vstack([getattr(m, n) for m in meshes]) for n in ("vertices_mm", "normals"))
    striped = [m for m in meshes if m.fibres is not None]
    moved = _each(chain.apply, points)
    turned = _each(chain.normals, points, normals)
    cuts = np.cumsum([len(m.vertices_mm) for m in meshes])[:-1]
    fibres = iter(_fibres(chain, [(m.vertices_mm, m.fibres) for m in striped if m.fibres is not None]))
    structures = []
    for s, v, n in zip(all_of, np.split(moved, cuts), np.split(turned, cuts), strict=True):
        mesh = replace(s.mesh, vertices_mm=v, normals=n, fibres=None if s.mesh.fibres is None else next(fibres))
        structures.append(_lines(replace(s, mesh=mesh), chain))
    landmarks = dict(zip(anatomy.landmarks, chain.apply(np.array(list(anatomy.landmarks.values())).reshape(-1, 3)), strict=True))
    curves = {k: chain.apply(v) for k, v in anatomy.curves.items()}
    return Anatomy.of(anatomy.name, structures, landmarks, curves, anatomy.meta)


def _fibres(chain: Chain, pairs: Sequence[tuple[Array, Array]]) -> list[Array]:
    if not pairs:
        return []
    points, ways = (np.vstack([pair[i] for pair in pairs]) for i in (0, 1))
    cuts = np.cumsum([len(p) for p, _ in pairs])[:-1]
    return list(np.split(unit(_each(chain.along, points, ways)), cuts))


def _lines(s: Structure, chain: Chain) -> Structure:
    """A nerve or vessel with its axis, calibre and branches carried."""
    if s.centerline is not None:
        grown = chain.calibre(s.centerline)
        radius = None if s.radius_mm is None else s.radius_mm * grown
        s = replace(s, centerline=chain.apply(s.centerline), radius_mm=radius)
    return replace(s, branches=MappingProxyType({k: chain.apply(b) for k, b in s.branches.items()}))


def _each(function: object, *arrays: Array) -> Array:
    """`function` of the rows of `arrays`, in chunks on a few threads."""

    def parts() -> Iterator[tuple[Array, ...]]:
        for i in range(0, len(arrays[0]), CHUNK):
            yield tuple(a[i : i + CHUNK] for a in arrays)

    with ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool:  # a worker of a batch is told of one core
        return np.vstack(list(pool.map(lambda rows: function(*rows), parts())))  # type: ignore[operator]
