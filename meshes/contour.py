"""From fields to surfaces: sample near the surface only, contour, thin, seat on the field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshes.fields import Field, gradient, project
from meshes.model import SurfaceMesh

Array = NDArray[np.float64]
BRICK = 8  # fine cells along the edge of a brick


def contour(field: Field, spacing: float, *, faces: int | None = None) -> SurfaceMesh:
    """Return the surface of `field` as a closed mesh.

    Parameters
    ----------
    field : Field
        The form; its box bounds the search.
    spacing : float
        Grid step in mm. Details under two steps are lost.
    faces : int, optional
        Thin the mesh to about this many triangles.

    Returns
    -------
    SurfaceMesh
        Vertices on the field's zero level, normals from its gradient, largest piece only.

    Raises
    ------
    ValueError
        If the field has no inside at this spacing.
    """
    import pyvista as pv

    values, origin = _sample_near_surface(field, spacing)
    if not (values < 0).any():
        raise ValueError(f"the field has no inside at a spacing of {spacing} mm.")
    image = pv.ImageData(dimensions=values.shape, spacing=(spacing,) * 3, origin=tuple(origin))
    image.point_data["d"] = values.ravel(order="F")
    mesh = image.contour([0.0], scalars="d", method="flying_edges", compute_normals=False)
    mesh = mesh.extract_largest().extract_surface(algorithm="dataset_surface").triangulate().clean(tolerance=1e-5, absolute=True)
    if faces and mesh.n_cells > faces:
        mesh = _thinned(mesh, faces)
    vertices = _seat(field, np.asarray(mesh.points, dtype=np.float64), spacing)
    triangles = np.asarray(mesh.regular_faces, dtype=np.int64)
    return SurfaceMesh(vertices, _outward(vertices, triangles), gradient(field, vertices))


def _sample_near_surface(field: Field, spacing: float) -> tuple[NDArray[np.float32], Array]:
    """Sample coarsely, then finely only in the bricks that the surface may cross."""
    origin = field.lower - 3.5 * spacing
    bricks = np.ceil((field.upper + 3.5 * spacing - origin) / (spacing * BRICK)).astype(int)
    side = spacing * BRICK
    centres = np.stack(np.meshgrid(*[origin[i] + side * (np.arange(bricks[i]) + 0.5) for i in range(3)], indexing="ij"), -1)
    coarse = field(centres.reshape(-1, 3)).reshape(tuple(bricks))
    values = np.repeat(np.repeat(np.repeat(coarse, BRICK, 0), BRICK, 1), BRICK, 2).astype(np.float32)
    local = np.stack(np.meshgrid(*[np.arange(BRICK)] * 3, indexing="ij"), -1).reshape(-1, 3)
    near = np.argwhere(np.abs(coarse) < side * 1.6)
    for batch in np.array_split(near, max(len(near) // 200, 1)):
        if not len(batch):
            continue
        index = (batch[:, None, :] * BRICK + local[None]).reshape(-1, 3)
        values[tuple(index.T)] = field(origin + index * spacing)
    for axis in range(3):  # the box is closed, so the surface is too
        edge = np.moveaxis(values, axis, 0)
        edge[0] = np.maximum(edge[0], spacing)
        edge[-1] = np.maximum(edge[-1], spacing)
    return values, origin


def _thinned(mesh, faces: int):  # type: ignore[no-untyped-def]
    """Decimate by quadric error; keep the finer mesh where thinning would tear it."""
    for target in (faces, faces * 3 // 2, faces * 2):
        if target >= mesh.n_cells:
            break
        thin = mesh.decimate(1.0 - target / mesh.n_cells, volume_preservation=True).clean(tolerance=1e-5, absolute=True)
        if thin.n_open_edges == 0 and thin.is_manifold:
            return thin
    return mesh


def _seat(field: Field, vertices: Array, spacing: float) -> Array:
    """Move vertices onto the zero level, none further than half a grid step."""
    seated = project(field, vertices, steps=2)
    move = seated - vertices
    length = np.linalg.norm(move, axis=1, keepdims=True)
    return np.asarray(vertices + move * np.minimum(1.0, 0.5 * spacing / np.maximum(length, 1e-9)))


def _outward(vertices: Array, faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return faces turned so that the enclosed volume is positive."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum()
    return faces if volume > 0 else faces[:, ::-1].copy()
