"""From fields to surfaces: sample near the surface only, contour, thin, seat on the field."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.fields import WIDE, Field, gradient, project, sample_grid
from meshes.model import SurfaceMesh

Array = NDArray[np.float64]
FLAT_MM = 0.02  # edges are merged first where the surface moves less than this: thinning by error is slow on big meshes
TRUE_WIDE = 1.15  # as `fields.WIDE`, of true distances: half the diagonal of a brick and of the step to the next, 1.08, is enough
TOLERANCES_MM = (0.03, 0.06, 0.1, 0.15)


def contour(field: Field, spacing: float, *, faces: int | None = None, true: bool = False) -> SurfaceMesh:
    """Return the surface of `field` as a closed mesh.

    Parameters
    ----------
    field : Field
        The form; its box bounds the search.
    spacing : float
        Grid step in mm. Details under two steps are lost.
    faces : int, optional
        Thin the mesh to about this many triangles.
    true : bool
        The field is a true distance, as that of tubes is: less of the space round it is looked at, for the same surface.

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

    values, origin = _closed_grid(field, spacing, TRUE_WIDE if true else WIDE)
    if not (values < 0).any():
        raise ValueError(f"the field has no inside at a spacing of {spacing} mm.")
    image = pv.ImageData(dimensions=values.shape, spacing=(spacing,) * 3, origin=tuple(origin))
    image.point_data["d"] = values.ravel(order="F")
    mesh = image.contour([0.0], scalars="d", method="flying_edges", compute_normals=False)
    mesh = mesh.extract_largest().extract_surface(algorithm="dataset_surface").triangulate().clean(tolerance=1e-5, absolute=True)
    mesh = pv.PolyData(mesh.points, mesh.faces)  # cleaning may leave points and lines of collapsed triangles
    if faces and mesh.n_cells > faces:
        mesh = _thinned(mesh, faces)
    vertices = _seat(field, np.asarray(mesh.points, dtype=np.float64), spacing)
    triangles = np.asarray(mesh.regular_faces, dtype=np.int64)
    return SurfaceMesh(vertices, _outward(vertices, triangles), gradient(field, vertices))


def _closed_grid(field: Field, spacing: float, wide: float) -> tuple[NDArray[np.float32], Array]:
    """Sample the field's box with a rim that is outside everywhere, so that the surface is closed."""
    room = 3.5 * spacing
    values, origin = sample_grid(field, field.lower - room, field.upper + room, spacing, band=0.0, wide=wide)
    for axis in range(3):
        edge = np.moveaxis(values, axis, 0)
        edge[0] = np.maximum(edge[0], spacing)
        edge[-1] = np.maximum(edge[-1], spacing)
    return values, origin


def _thinned(mesh: Any, faces: int) -> Any:
    """Decimate by quadric error; where that would tear the mesh, merge edges that keep it closed instead."""
    light = _merged(mesh, faces, (FLAT_MM,))
    if light.n_cells <= faces:
        return light
    thin = light.decimate(1.0 - faces / light.n_cells, volume_preservation=True).clean(tolerance=1e-5, absolute=True)
    if thin.n_open_edges == 0 and thin.is_manifold:
        return thin
    return _merged(mesh, faces, TOLERANCES_MM)


def _merged(mesh: Any, faces: int, tolerances_mm: tuple[float, ...]) -> Any:
    """Merge edges with a growing tolerance until the count is near `faces`; closed stays closed."""
    import manifold3d
    import pyvista as pv

    triangles = np.asarray(mesh.regular_faces, dtype=np.uint32)
    body = manifold3d.Manifold(manifold3d.Mesh(np.asarray(mesh.points, dtype=np.float32), triangles))
    for tolerance in tolerances_mm:
        thin = body.simplify(tolerance).to_mesh()
        if len(thin.tri_verts) <= 1.3 * faces:
            break
    points = np.array(thin.vert_properties[:, :3], dtype=np.float64)
    corners: Any = np.array(thin.tri_verts, dtype=np.int64)
    return pv.PolyData.from_regular_faces(points, corners)


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
