"""Surfaces that cut themselves, found and mended.

Thinning a mesh and seating its vertices on a crease can push a sliver through its neighbour. PyMeshLab finds such triangles;
their corners are then relaxed until none is left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.archive import on_lattice
from meshes.model import SurfaceMesh

Array = NDArray[np.float64]
ROUNDS = 20
WIDEN_EVERY = 4  # rounds after which one more ring of neighbours is relaxed


def self_intersections(mesh: SurfaceMesh) -> NDArray[np.intp]:
    """Return the indices (k,) of the triangles that cut another one of the same surface.

    Raises
    ------
    ModuleNotFoundError
        If PyMeshLab is not installed (extra `build`).
    """
    import pymeshlab

    work = pymeshlab.MeshSet()
    work.add_mesh(pymeshlab.Mesh(np.array(mesh.vertices_mm), np.array(mesh.faces)))
    work.compute_selection_by_self_intersections_per_face()
    return np.flatnonzero(np.asarray(work.current_mesh().face_selection_array()))


def healed(mesh: SurfaceMesh) -> SurfaceMesh:
    """Return `mesh` without triangles that cut one another: their corners moved toward their neighbours.

    Same triangles, same vertices but for those moved, whose normals are those of the moved triangles round them. All vertices
    come to lie on the lattice of the model file, so that nothing is cut anew when it is written.

    Raises
    ------
    ValueError
        If some are left after `ROUNDS` rounds.
    """
    vertices = on_lattice(mesh.vertices_mm)
    moved = np.zeros(len(vertices), dtype=bool)
    cut = self_intersections(_with_vertices(mesh, vertices, moved))
    if not len(cut):
        return _with_vertices(mesh, vertices, moved)
    links = _links(mesh)
    for number in range(ROUNDS):
        loose = np.zeros(len(vertices), dtype=bool)
        loose[mesh.faces[cut].ravel()] = True
        for _ in range(1 + number // WIDEN_EVERY):
            loose |= np.asarray(links @ loose.astype(np.float64) > 0)
        mean = np.asarray(links @ vertices)
        vertices[loose] = on_lattice(0.5 * (vertices[loose] + mean[loose]))
        moved |= loose
        cut = self_intersections(_with_vertices(mesh, vertices, moved))
        if not len(cut):
            return _with_vertices(mesh, vertices, moved)
    raise ValueError(f"{len(cut)} triangles still cut one another after {ROUNDS} rounds of mending.")


def _links(mesh: SurfaceMesh) -> Any:
    """Sparse (n, n) matrix that averages the neighbours of each vertex."""
    from scipy.sparse import csr_matrix, diags

    a, b = mesh.faces[:, [0, 1, 2]].ravel(), mesh.faces[:, [1, 2, 0]].ravel()
    n = len(mesh.vertices_mm)
    joined = csr_matrix((np.ones(2 * len(a)), (np.concatenate([a, b]), np.concatenate([b, a]))), shape=(n, n))
    joined.data[:] = 1.0
    return diags(1.0 / np.maximum(np.asarray(joined.sum(axis=1)).ravel(), 1.0)) @ joined


def _with_vertices(mesh: SurfaceMesh, vertices: Array, moved: NDArray[np.bool_]) -> SurfaceMesh:
    """The mesh with other vertices; where they `moved` far, with the normals of the triangles round them."""
    corners = vertices[mesh.faces]
    square = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(summed, mesh.faces[:, i], square)
    fresh = summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)
    normals = np.where(moved[:, None], fresh, mesh.normals)
    return SurfaceMesh(vertices.copy(), mesh.faces, normals, mesh.fibres, mesh.grain, mesh.tendon)
