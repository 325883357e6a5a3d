"""Questions asked of a closed surface: nearest point, inside, rays, geodesics and walks.

One `SurfaceQuery` holds the search trees of one mesh; nothing here changes the mesh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_points
from meshes.model import SurfaceMesh

Array = NDArray[np.float64]
Direction = Callable[[Array, Array], ArrayLike] | ArrayLike
ON_FEATURE = 1e-6  # barycentric share below which a point counts as on an edge or a corner
SAME_HIT_MM = 1e-4


@dataclass(frozen=True)
class SurfaceQuery:
    """A mesh with its search trees.

    Parameters
    ----------
    mesh : SurfaceMesh
        Closed, manifold, faces counter-clockwise from outside.
    """

    mesh: SurfaceMesh
    _held: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _poly(self) -> Any:
        import pyvista as pv

        faces: Any = np.array(self.mesh.faces)
        return pv.PolyData.from_regular_faces(np.array(self.mesh.vertices_mm), faces)

    @cached_property
    def _locator(self) -> Any:
        from vtkmodules.vtkCommonDataModel import vtkStaticCellLocator

        locator = vtkStaticCellLocator()
        locator.SetDataSet(self._poly)
        locator.BuildLocator()
        return locator

    @cached_property
    def _distance(self) -> Any:
        from vtkmodules.vtkFiltersCore import vtkImplicitPolyDataDistance

        distance = vtkImplicitPolyDataDistance()
        distance.SetInput(self._poly)
        return distance

    def closest(self, points: ArrayLike) -> tuple[Array, Array]:
        """Return the nearest surface points (n, 3) mm and the unit outward normals there (n, 3)."""
        near, cells = self._nearest(check_points("points", np.atleast_2d(points)))
        return near, self._normals(near, cells)

    def signed_distance(self, points: ArrayLike) -> Array:
        """Return distances (n,) mm to the surface, negative inside."""
        from vtkmodules.util import numpy_support
        from vtkmodules.vtkCommonCore import vtkDoubleArray

        p = np.ascontiguousarray(check_points("points", np.atleast_2d(points)))
        bridge: Any = numpy_support
        out = vtkDoubleArray()
        self._distance.FunctionValue(bridge.numpy_to_vtk(p), out)
        return np.array(bridge.vtk_to_numpy(out), dtype=np.float64)

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Return whether each of (n, 3) points lies inside."""
        return np.asarray(self.signed_distance(points) < 0)

    def ray(self, origin: ArrayLike, direction: ArrayLike, max_mm: float) -> tuple[Array, Array]:
        """Return the distances (k,) mm at which a ray meets the surface, ascending, and the normals there (k, 3)."""
        from vtkmodules.vtkCommonCore import vtkIdList, vtkPoints

        start = np.asarray(origin, dtype=np.float64)
        unit = _unit(np.asarray(direction, dtype=np.float64))
        points, cells = vtkPoints(), vtkIdList()
        self._locator.IntersectWithLine(start, start + unit * max_mm, 1e-9, points, cells)
        hits = np.array([points.GetPoint(i) for i in range(points.GetNumberOfPoints())]).reshape(-1, 3)
        ids = np.array([cells.GetId(i) for i in range(cells.GetNumberOfIds())], dtype=np.int64)
        far = (hits - start) @ unit
        order = np.argsort(far, kind="stable")
        far, hits, ids = far[order], hits[order], ids[order]
        keep = np.ones(len(far), dtype=bool)
        keep[1:] = np.diff(far) > SAME_HIT_MM
        return far[keep], self._normals(hits[keep], ids[keep])

    def first_hit(self, origins: Array, directions: Array, max_mm: float) -> Array:
        """Return how far (n,) mm rays with unit `directions` (n, 3) go to the surface; NaN where one does not meet it."""
        from vtkmodules.vtkCommonCore import mutable

        reference: Any = mutable
        part, sub_id, hit, inner = reference(0.0), reference(0), [0.0] * 3, [0.0] * 3
        ends, out = origins + max_mm * directions, np.full(len(origins), np.nan)
        for i, (a, b) in enumerate(zip(origins, ends, strict=True)):
            if self._locator.IntersectWithLine(a, b, 1e-9, part, hit, inner, sub_id):
                out[i] = part.get() * max_mm
        return out

    def geodesic(self, a: ArrayLike, b: ArrayLike) -> Array:
        """Return the shortest path on the surface from `a` to `b`, (n, 3) mm, ends exactly on their nearest points.

        References
        ----------
        Sharp, Crane 2020, doi 10.1145/3414685.3417839: straightest paths by edge flips.
        """
        import potpourri3d as pp3d

        ends = np.array([np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)])
        turned = tuple(ends[0]) > tuple(ends[1])  # one order, so that both ways give the same path
        near, cells = self._nearest(ends[::-1] if turned else ends)
        if np.linalg.norm(near[0] - near[1]) < 1e-9:
            return near[:1].copy()
        vertices, faces, first = _insert(self.mesh.vertices_mm, self.mesh.faces, near[0], int(cells[0]))
        moved = _cell_of(vertices, faces, near[1], len(self.mesh.faces), int(cells[1]))
        vertices, faces, last = _insert(vertices, faces, near[1], moved)
        if first == last:
            return near[:1].copy()
        path = np.asarray(pp3d.EdgeFlipGeodesicSolver(vertices, faces).find_geodesic_path(first, last), dtype=np.float64)
        path[0], path[-1] = near[0], near[1]
        return path[::-1].copy() if turned else path

    def walk(self, start: ArrayLike, direction: Direction, length_mm: float, *, step_mm: float = 1.0) -> tuple[Array, Array]:
        """Walk over the surface and return the end point (3,) and the path (n, 3), mm.

        Parameters
        ----------
        start : (3,) array
            Put on the surface first.
        direction : (3,) array or callable
            Head-frame direction, or a function of the place and the normal there; its part in the tangent plane is followed.
        length_mm : float
            Measured along the path.
        step_mm : float
            Longest step, at most 1 mm.

        Raises
        ------
        ValueError
            If the length is negative, the step is not in (0, 1], or the direction stands square to the surface.
        """
        if not 0 < step_mm <= 1.0 or not length_mm >= 0:
            raise ValueError(f"step_mm is {step_mm} and length_mm {length_mm}; the step must be in (0, 1], the length 0 or more.")
        follow = direction if callable(direction) else (lambda _p, _n: direction)
        here, normal = self.closest(start)
        path, left = [here[0]], float(length_mm)
        for _ in range(int(length_mm / step_mm * 4) + 8):
            if left <= 1e-9:
                break
            wish = np.asarray(follow(path[-1], normal[0]), dtype=np.float64)
            here, normal = self._stride(path[-1], normal[0], wish, min(step_mm, left))
            left -= float(np.linalg.norm(here[0] - path[-1]))
            path.append(here[0])
        return path[-1].copy(), np.array(path)

    def _stride(self, at: Array, normal: Array, wish: Array, step: float) -> tuple[Array, Array]:
        along = _unit(wish) - (_unit(wish) @ normal) * normal
        if np.linalg.norm(along) < 1e-3:
            raise ValueError("direction stands square to the surface; there is no way to walk along it.")
        return self.closest(at + step * _unit(along))

    def _nearest(self, points: Array) -> tuple[Array, NDArray[np.int64]]:
        from vtkmodules.vtkCommonCore import mutable
        from vtkmodules.vtkCommonDataModel import vtkGenericCell

        near, cells = np.empty_like(points), np.empty(len(points), dtype=np.int64)
        reference: Any = mutable
        cell, cell_id, sub, square = vtkGenericCell(), reference(0), reference(0), reference(0.0)
        foot = [0.0, 0.0, 0.0]
        for i, p in enumerate(points):
            self._locator.FindClosestPoint(p, foot, cell, cell_id, sub, square)
            near[i], cells[i] = foot, cell_id.get()
        return near, cells

    def _normals(self, points: Array, cells: NDArray[np.int64]) -> Array:
        """Vertex normals spread over the triangle that each point lies in."""
        if not len(points):
            return np.empty((0, 3))
        corners = self.mesh.faces[cells]
        share = _barycentric(self.mesh.vertices_mm[corners], points)
        mixed = np.einsum("ij,ijk->ik", np.clip(share, 0, 1), self.mesh.normals[corners])
        return np.asarray(mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12))


def path_length(path: ArrayLike) -> float:
    """Return the length of a polyline (n, 3), in its unit."""
    return float(np.linalg.norm(np.diff(np.asarray(path, dtype=np.float64), axis=0), axis=1).sum())


def _unit(v: Array) -> Array:
    return np.asarray(v / max(float(np.linalg.norm(v)), 1e-12))


def _barycentric(corners: Array, points: Array) -> Array:
    """Shares (n, 3) of the corners (n, 3, 3) at points (n, 3) in their planes."""
    u, v, w = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    uu, uv, vv = (np.einsum("ij,ij->i", a, b) for a, b in ((u, u), (u, v), (v, v)))
    wu, wv = np.einsum("ij,ij->i", w, u), np.einsum("ij,ij->i", w, v)
    det = np.maximum(uu * vv - uv * uv, 1e-18)
    b, c = (vv * wu - uv * wv) / det, (uu * wv - uv * wu) / det
    return np.column_stack([1 - b - c, b, c])


def _insert(vertices: Array, faces: NDArray[np.int64], point: Array, cell: int) -> tuple[Array, NDArray[np.int64], int]:
    """Make `point`, which lies in triangle `cell`, a vertex: return vertices, faces and its index."""
    corners = faces[cell]
    share = _barycentric(vertices[corners][None], point[None])[0]
    small = share < ON_FEATURE
    if small.sum() >= 2:
        return vertices, faces, int(corners[int(np.argmax(share))])
    new = len(vertices)
    grown = np.vstack([vertices, point])
    if not small.any():
        a, b, c = corners
        return grown, np.vstack([np.delete(faces, cell, 0), [[a, b, new], [b, c, new], [c, a, new]]]), new
    k = int(np.argmax(small))
    p, q = corners[(k + 1) % 3], corners[(k + 2) % 3]
    shared = np.flatnonzero((faces == p).any(axis=1) & (faces == q).any(axis=1))
    pieces = []
    for row in faces[shared]:
        pieces += [np.where(row == q, new, row), np.where(row == p, new, row)]
    return grown, np.vstack([np.delete(faces, shared, 0), *pieces]), new


def _cell_of(vertices: Array, faces: NDArray[np.int64], point: Array, n_before: int, cell: int) -> int:
    """Index of the triangle that holds `point` after an insertion may have renumbered `n_before` faces."""
    if len(faces) == n_before:
        return cell
    centre = vertices[faces].mean(axis=1)
    close = np.argsort(np.linalg.norm(centre - point, axis=1))[:64]
    share = _barycentric(vertices[faces[close]], np.broadcast_to(point, (len(close), 3)))
    inside = np.clip(share, 0, 1)
    inside /= inside.sum(axis=1, keepdims=True)
    foot = np.einsum("ij,ijk->ik", inside, vertices[faces[close]])
    return int(close[int(np.argmin(np.linalg.norm(foot - point, axis=1)))])
