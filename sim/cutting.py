"""Cuts through closed surfaces, on plain arrays: keep one side, find the rim, close it with a flat face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshes.model import SurfaceMesh

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

INNER_MM2, FEWEST_INNER, MOST_INNER = 1.5, 24, 4000
SAME_DIGITS = 3  # points of a rim nearer than that are one: the triangulation fails where they are all but one
PLASTIC = (0.7548776662466927, 0.5698402909980532)


def clip(mesh: SurfaceMesh, distance: Array) -> tuple[SurfaceMesh, Array]:
    """Return the part of a surface where `distance` (n,) is negative, and its rim as segments (k, 2, 3).

    Normals, fibres, grain and tendon are interpolated along the rim.
    """
    inside = distance[mesh.faces] < 0
    count = inside.sum(axis=1)
    faces = [mesh.faces[count == 3]]
    edges: list[Ints] = []
    new = len(distance)
    rim: list[Ints] = []
    for lone, n in ((True, 1), (False, 2)):
        row = np.flatnonzero(count == n)
        turned = _lead(mesh.faces[row], inside[row] == lone)
        k = new + 2 * np.arange(len(row))
        edges += [np.stack([turned[:, [0, 1]], turned[:, [0, 2]]], axis=1).reshape(-1, 2)]
        if lone:
            faces.append(np.stack([turned[:, 0], k, k + 1], axis=1))
            rim.append(np.stack([k, k + 1], axis=1))
        else:
            faces += [np.stack([k, turned[:, 1], turned[:, 2]], axis=1), np.stack([k, turned[:, 2], k + 1], axis=1)]
            rim.append(np.stack([k + 1, k], axis=1))
        new += 2 * len(row)
    cut = _interpolated(mesh, distance, np.concatenate(edges), np.concatenate(faces))
    ends = np.concatenate(rim)
    return _compact(cut), cut.vertices_mm[ends]


def plane_distance(points_mm: Array, point_mm: Array, normal: Array) -> Array:
    """Return the signed distance (n,) of points to a plane, positive on the side of the normal."""
    return np.asarray((points_mm - point_mm) @ (normal / np.linalg.norm(normal)))


def cap(segments_mm: Array, normal: Array) -> SurfaceMesh | None:
    """Return a flat face over the rim (k, 2, 3) of a plane cut, with `normal`; None where the rim does not close.

    Its triangles join points of the rim; further vertices lie evenly within, so that a label finds its middle.
    """
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkFiltersGeneral import vtkContourTriangulator

    ends = segments_mm.reshape(-1, 3)
    _, first, index = np.unique(np.round(ends, SAME_DIGITS), axis=0, return_index=True, return_inverse=True)
    pairs = index.reshape(-1, 2)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    if len(pairs) < 3:
        return None
    points, lines, rim = vtkPoints(), vtkCellArray(), vtkPolyData()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(ends[first]), deep=True))
    rows = np.column_stack([np.full(len(pairs), 2), pairs]).astype(np.int64)
    lines.ImportLegacyFormat(numpy_to_vtkIdTypeArray(rows.ravel(), deep=True))
    rim.SetPoints(points)
    rim.SetLines(lines)
    fill = vtkContourTriangulator()
    fill.SetInputData(rim)
    fill.TriangulationErrorDisplayOff()
    fill.Update()
    polys = fill.GetOutput().GetPolys()
    if polys.GetNumberOfCells() == 0:
        return None
    faces = vtk_to_numpy(polys.GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    vertices = ends[first]
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    wrong = np.cross(b - a, c - a) @ normal < 0
    faces[wrong] = faces[wrong][:, ::-1]
    vertices = np.concatenate([vertices, spread_points(vertices, faces, INNER_MM2)])
    return SurfaceMesh(vertices, faces, np.tile(normal / np.linalg.norm(normal), (len(vertices), 1)))


def spread_points(vertices: Array, faces: Ints, each_mm2: float) -> Array:
    """Return points (n, 3) spread evenly over triangles, one for each `each_mm2`, at least 24 and at most 4000.

    They follow the sequence of the plastic number, the same each time.
    """
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    edges = np.concatenate([[0.0], np.cumsum(area)])
    count = int(np.clip(edges[-1] / each_mm2, FEWEST_INNER, MOST_INNER))
    at = (np.arange(count) + 0.5) / count * edges[-1]
    row = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(faces) - 1)
    u, v = ((np.arange(1, count + 1) * step) % 1.0 for step in PLASTIC)
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    return np.asarray(a[row] + u[:, None] * (b - a)[row] + v[:, None] * (c - a)[row])


def _lead(faces: Ints, mask: NDArray[np.bool_]) -> Ints:
    """Faces turned so that the corner where the mask holds stands first."""
    start = mask.argmax(axis=1)
    return np.asarray(np.take_along_axis(faces, (start[:, None] + np.arange(3)) % 3, axis=1))


def _interpolated(mesh: SurfaceMesh, distance: Array, edges: Ints, faces: Ints) -> SurfaceMesh:
    """The mesh with a vertex added on each edge (k, 2) where the distance is zero."""
    a, b = distance[edges[:, 0]], distance[edges[:, 1]]
    t = np.clip(a / np.where(a == b, 1.0, a - b), 0.0, 1.0)

    def extended(values: Array | None) -> Array | None:
        if values is None:
            return None
        weight = t.reshape(-1, *([1] * (values.ndim - 1)))
        return np.concatenate([values, values[edges[:, 0]] * (1 - weight) + values[edges[:, 1]] * weight])

    vertices, normals = extended(mesh.vertices_mm), extended(mesh.normals)
    assert vertices is not None and normals is not None
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return SurfaceMesh(vertices, faces, normals, extended(mesh.fibres), extended(mesh.grain), extended(mesh.tendon))


def _compact(mesh: SurfaceMesh) -> SurfaceMesh:
    """The mesh without vertices that no face uses."""
    used = np.zeros(len(mesh.vertices_mm), dtype=bool)
    used[mesh.faces] = True
    index = np.cumsum(used) - 1

    def kept(values: Array | None) -> Array | None:
        return None if values is None else values[used]

    vertices, normals = mesh.vertices_mm[used], mesh.normals[used]
    return SurfaceMesh(vertices, index[mesh.faces], normals, kept(mesh.fibres), kept(mesh.grain), kept(mesh.tendon))
