"""Muscles that give way: a finished surface takes a new nerve's groove, and loses the groove of a nerve that runs elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.curves import arc_length, resample, tangents
from meshes.fields import Field, project
from meshes.model import SurfaceMesh
from meshes.tubes import Tube

Array = NDArray[np.float64]
CLOSE_ROUNDS, CLOSED_MM = 12, 0.12
RING_MM, SIDES = 0.75, 16  # of the walls of a groove: between its rings, and corners of each
SAME_MM = 1e-6
BAND_MM, BAND_FADE_MM = 4.0, 4.0  # round a piercing point: all of the named tissue, and then back to the muscle's own


def without_groove(mesh: SurfaceMesh, whole: Field) -> SurfaceMesh:
    """Return a muscle whose vertices inside its `whole` form are drawn out to it: an old groove closed."""
    vertices = np.array(mesh.vertices_mm)
    deep = whole(vertices) < -CLOSED_MM
    if not deep.any():
        return mesh
    links = _links(mesh)
    moving = np.asarray(links @ deep.astype(np.float64)) + deep > 0
    for _ in range(CLOSE_ROUNDS):
        vertices[moving] += 0.5 * (np.asarray(links[moving] @ vertices) - vertices[moving])
        vertices[moving] = project(whole, vertices[moving], steps=2)
    return with_vertices(mesh, vertices)


def with_groove(mesh: SurfaceMesh, nerves: Sequence[Tube]) -> SurfaceMesh:
    """Return a muscle with the room of nerves cut out of it; what a nerve cuts off is left out.

    The cut is exact, so that the muscle stays closed; its own vertices stay where they are. New ones take fibres, grain and
    tendon of the nearest old one.
    """
    import manifold3d

    body = _solid(mesh.vertices_mm, mesh.faces)
    for nerve in nerves:
        body -= _solid(*_walls(nerve))
    pieces = body.decompose()
    if not pieces:
        raise ValueError("the nerve takes the whole muscle.")
    whole: manifold3d.Mesh64 = max(pieces, key=lambda piece: piece.volume()).to_mesh64()
    vertices = np.array(whole.vert_properties[:, :3], dtype=np.float64)
    _, old = cKDTree(mesh.vertices_mm).query(vertices)
    faces, extras = np.array(whole.tri_verts, dtype=np.int64), (mesh.fibres, mesh.grain, mesh.tendon)
    cut = SurfaceMesh(vertices, faces, mesh.normals[old], *(None if value is None else value[old] for value in extras))
    return _freshened(cut, np.linalg.norm(vertices - mesh.vertices_mm[old], axis=1) > SAME_MM)


def _solid(vertices: Array, faces: NDArray[np.int64]) -> Any:
    """Return a closed surface as a body for exact cutting."""
    import manifold3d

    return manifold3d.Manifold(manifold3d.Mesh64(np.array(vertices, order="C"), np.array(faces, dtype=np.uint64, order="C")))


def _walls(nerve: Tube) -> tuple[Array, NDArray[np.int64]]:
    """Return vertices and faces of a tube as rings round its axis, closed at both ends."""
    s, n = arc_length(nerve.points), SIDES
    axis = resample(nerve.points, RING_MM)
    radius = np.interp(np.linspace(0.0, s[-1], len(axis)), s, nerve.radius_mm)
    along, aside = tangents(axis), np.empty_like(axis)
    first = np.eye(3)[int(np.argmin(np.abs(along[0])))]
    for i, way in enumerate(along):
        first = first - (first @ way) * way
        first /= np.linalg.norm(first)
        aside[i] = first
    turn = 2 * np.pi * np.arange(n) / n
    spokes = np.cos(turn)[:, None] * aside[:, None] + np.sin(turn)[:, None] * np.cross(along, aside)[:, None]
    rings = (axis[:, None] + radius[:, None, None] * spokes).reshape(-1, 3)
    a = (np.arange(len(axis) - 1)[:, None] * n + np.arange(n)).ravel()
    b = (np.arange(len(axis) - 1)[:, None] * n + (np.arange(n) + 1) % n).ravel()
    low, high, last = len(rings), len(rings) + 1, n * (len(axis) - 1)
    ring, after = np.arange(n), (np.arange(n) + 1) % n
    faces = [np.column_stack([a, b, b + n]), np.column_stack([a, b + n, a + n])]
    faces += [np.column_stack([after, ring, np.full(n, low)]), np.column_stack([ring + last, after + last, np.full(n, high)])]
    return np.vstack([rings, axis[:1], axis[-1:]]), np.vstack(faces)


def with_tendon(mesh: SurfaceMesh, place: Array, share: float) -> SurfaceMesh:
    """Return a muscle that is tendon (share 1) or belly (0) round a place (3,), fading to what it was."""
    if mesh.tendon is None:
        return mesh
    far = np.linalg.norm(mesh.vertices_mm - place, axis=1)
    weight = np.clip((BAND_MM + BAND_FADE_MM - far) / BAND_FADE_MM, 0.0, 1.0)
    return replace(mesh, tendon=mesh.tendon * (1 - weight) + share * weight)


def with_vertices(mesh: SurfaceMesh, vertices: Array) -> SurfaceMesh:
    """Return a mesh with its vertices moved; normals are new where triangles moved."""
    return _freshened(replace(mesh, vertices_mm=vertices), np.any(vertices != mesh.vertices_mm, axis=1))


def _freshened(mesh: SurfaceMesh, moved: NDArray[np.bool_]) -> SurfaceMesh:
    """Return a mesh with new normals where a triangle has a vertex that moved."""
    vertices = mesh.vertices_mm
    touched = np.zeros(len(vertices), dtype=bool)
    touched[mesh.faces[moved[mesh.faces].any(axis=1)].ravel()] = True
    corners = vertices[mesh.faces]
    square = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(summed, mesh.faces[:, i], square)
    fresh = summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)
    return replace(mesh, normals=np.where(touched[:, None], fresh, mesh.normals))


def midway(line: Array, inside: Field) -> Array | None:
    """Return the middle of the stretch of a line that lies inside a form, or None."""
    p = resample(line, 0.25)
    held = p[inside(p) < 0]
    return held[len(held) // 2] if len(held) else None


def _links(mesh: SurfaceMesh) -> Any:
    """Sparse (n, n) matrix that averages the neighbours of each vertex."""
    from scipy.sparse import csr_matrix, diags

    a, b = mesh.faces.ravel(), mesh.faces[:, [1, 2, 0]].ravel()
    n = len(mesh.vertices_mm)
    joined = csr_matrix((np.ones(2 * len(a)), (np.concatenate([a, b]), np.concatenate([b, a]))), shape=(n, n))
    joined.data[:] = 1.0
    return (diags(1.0 / np.maximum(np.asarray(joined.sum(axis=1)).ravel(), 1.0)) @ joined).tocsr()
