"""Slimmer muscles: a belly drawn in toward its middle, across its fibres; fat takes the room.

Each point of the surface moves toward the point midway to the opposite wall, so that a strap gets thinner, a spindle slimmer;
where the muscle is fastened to bone, and along its fibres, it stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.maps import eased, unit
from meshes.measure import Subject, belly_area
from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.points import load_table
from meshes.surface import SurfaceQuery

Array = NDArray[np.float64]
FARTHEST_MM = 60.0  # the opposite wall is looked for this far
OFF_MM = 0.02  # that a ray starts under the surface
SMOOTHINGS = 12


def slimmed(anatomy: Anatomy, shares: Mapping[str, float], areas: Mapping[str, float]) -> Anatomy:
    """Return `anatomy` with muscles drawn in.

    Parameters
    ----------
    anatomy : Anatomy
    shares : mapping
        Unsided muscle key to the share of its cross-section that is left, at most 1.
    areas : mapping
        Unsided muscle key to its greatest cross-section, mm2; a muscle that is smaller already stays.

    Raises
    ------
    ValueError
        If a muscle is not in the anatomy, or cannot be drawn in so far.
    """
    if not shares and not areas:
        return anatomy
    bones = cKDTree(np.vstack([s.mesh.vertices_mm for s in anatomy.structures.values() if s.kind == "bone"]))
    subject = Subject(anatomy)
    changed = {}
    for name in (*shares, *areas):
        for key in sided(anatomy, name):
            share = shares[name] if name in shares else min(areas[name] / belly_area(subject, key), 1.0)
            changed[key] = _drawn_in(anatomy[key], share, bones)
    structures = [changed.get(s.key, s) for s in anatomy.structures.values()]
    return Anatomy.of(anatomy.name, structures, anatomy.landmarks, anatomy.curves, anatomy.meta)


def sided(anatomy: Anatomy, name: str) -> list[str]:
    """Return the keys of a muscle's sides in an anatomy. Raises ValueError if there are none."""
    found = [key for key in (name, f"{name}_right", f"{name}_left") if key in anatomy.structures]
    if not found:
        raise ValueError(f"muscle {name!r} is not in the anatomy {anatomy.name!r}.")
    return found


def _drawn_in(s: Structure, share: float, bones: cKDTree) -> Structure:
    """A muscle with its volume cut to `share`; its length stays, so this is the share of its section."""
    if share >= 1.0:
        return s
    mesh = s.mesh
    inward = _inward(s, bones)
    whole = volume_of(mesh.vertices_mm, mesh.faces)
    low, high = 0.0, 1.0
    if volume_of(mesh.vertices_mm + inward, mesh.faces) > share * whole:
        raise ValueError(f"{s.key} cannot be drawn in to {share:.2f} of its cross-section.")
    for _ in range(24):
        middle = 0.5 * (low + high)
        left = volume_of(mesh.vertices_mm + middle * inward, mesh.faces)
        low, high = (middle, high) if left > share * whole else (low, middle)
    return replace(s, mesh=_moved(mesh, high * inward))


def _inward(s: Structure, bones: cKDTree) -> Array:
    """From each vertex (n, 3) to midway to the opposite wall, across the fibres; 0 on bone."""
    mesh, table = s.mesh, load_table("patient")["bulk"]
    half = 0.5 * _walls(mesh)
    near, far = table["held"]
    held = eased((bones.query(mesh.vertices_mm, workers=-1)[0] - near) / (far - near), 0.5)
    way = -mesh.normals
    if mesh.fibres is not None:
        along = np.einsum("ij,ij->i", way, mesh.fibres)[:, None]
        way = way - along * mesh.fibres
    move = _soft(way * (held * half)[:, None], mesh.faces)
    outward = np.maximum(np.einsum("ij,ij->i", move, mesh.normals), 0.0)[:, None]
    return np.asarray(move - outward * mesh.normals)


def _walls(mesh: SurfaceMesh) -> Array:
    """Distance (n,) from each vertex straight through the muscle to the opposite wall."""
    out = SurfaceQuery(mesh).first_hit(mesh.vertices_mm - OFF_MM * mesh.normals, -mesh.normals, FARTHEST_MM)
    return np.minimum(np.nan_to_num(out), 2.0 * np.nanmedian(out))


def _soft(values: Array, faces: NDArray[np.int64]) -> Array:
    """Values (n, k) of vertices averaged with their neighbours a few times."""
    from scipy.sparse import coo_matrix, diags

    pairs = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    n = len(values)
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n)).tocsr()
    links = links + links.T
    mean = diags(1.0 / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1.0)) @ links
    for _ in range(SMOOTHINGS):
        values = 0.5 * (values + mean @ values)
    return np.asarray(values)


def volume_of(v: Array, faces: NDArray[np.int64]) -> float:
    """Return what a closed surface encloses; below 0 if it is turned inside out."""
    a, b, c = v[faces[:, 0]], v[faces[:, 1]], v[faces[:, 2]]
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _moved(mesh: SurfaceMesh, move: Array) -> SurfaceMesh:
    """The mesh with its vertices moved a little, and its normals turned as its triangles turn."""
    after = mesh.vertices_mm + move
    turn = vertex_normals(after, mesh.faces) - vertex_normals(mesh.vertices_mm, mesh.faces)
    return replace(mesh, vertices_mm=after, normals=unit(mesh.normals + turn))


def vertex_normals(v: Array, faces: NDArray[np.int64]) -> Array:
    """Return the unit normals (n, 3) of vertices, the mean of their triangles by area."""
    face = np.cross(v[faces[:, 1]] - v[faces[:, 0]], v[faces[:, 2]] - v[faces[:, 0]])
    out = np.zeros_like(v)
    for i in range(3):
        np.add.at(out, faces[:, i], face)
    return unit(out)
