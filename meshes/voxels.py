"""Signed distance grids of finished surfaces: what an anatomy's meshes say, as fields.

The rules that seat a nerve on build fields work on these as they are; ultrasound reads the same grids.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt
from scipy.spatial import cKDTree

from meshes.fields import Field, from_grid
from meshes.model import Anatomy, SurfaceMesh

Array = NDArray[np.float64]
Faces = NDArray[np.int64]
Values = NDArray[np.float32]
COARSE = 4  # fine steps between the nodes whose distance far from the surface is measured
NEAR_STEPS = 3  # fine steps either side of the surface that are measured one by one
ROOM_MM = 8.0  # kept round a surface, where the region allows
REACH_MM = 12.0  # distances beyond are counted in coarse steps; faces further outside the region are left out
MANY = 5000  # points beyond which starting threads pays
KEPT = 96  # grids held in memory


@dataclass(frozen=True, eq=False)
class Grid:
    """Signed distances on a regular grid.

    Parameters
    ----------
    values : (nx, ny, nz) array
        Distances in mm, negative inside.
    origin : (3,) array
        Place of node (0, 0, 0), mm RAS.
    spacing_mm : float
    """

    values: Values
    origin: Array
    spacing_mm: float

    @cached_property
    def field(self) -> Field:
        """The grid read between its nodes; beyond its box the distance to the box is added."""
        top = self.origin + self.spacing_mm * (np.array(self.values.shape) - 1)
        return from_grid(self.values, self.origin, self.spacing_mm, self.origin, top)

    def places(self, nodes: NDArray[np.int64]) -> Array:
        """Return the places (n, 3) mm of nodes (n, 3)."""
        return np.asarray(self.origin + nodes * self.spacing_mm, dtype=np.float64)


_held: OrderedDict[str, Grid] = OrderedDict()


def surface_fields(
    anatomy: Anatomy, keys: Iterable[str], lower: ArrayLike, upper: ArrayLike, spacing: float = 0.6
) -> Mapping[str, Field]:
    """Return the fields of several structures in a region, by key.

    Parameters
    ----------
    anatomy : Anatomy
    keys : iterable of str
        Structures with closed surfaces.
    lower, upper : (3,) array
        Corners of the region, mm RAS.
    spacing : float
        Grid step, mm.
    """
    return MappingProxyType({key: surface_field(anatomy[key].mesh, lower, upper, spacing) for key in keys})


def surface_field(mesh: SurfaceMesh, lower: ArrayLike, upper: ArrayLike, spacing: float = 0.6) -> Field:
    """Return the signed distance (mm, negative inside) to a closed surface in a region; see `surface_grid`."""
    return surface_grid(mesh, lower, upper, spacing).field


def surface_grid(mesh: SurfaceMesh, lower: ArrayLike, upper: ArrayLike, spacing: float = 0.6) -> Grid:
    """Return the signed distances to a closed surface, sampled in a region.

    Exact within a step and a half of the surface; further off interpolated from nodes four steps apart. The same surface and
    region give the same grid from memory.

    Raises
    ------
    ValueError
        If the surface and the region do not meet.
    """
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    name = _digest(mesh, low, high, spacing)
    if name not in _held:
        _held[name] = _measured(mesh, low, high, spacing)
        if len(_held) > KEPT:
            _held.popitem(last=False)
    _held.move_to_end(name)
    return _held[name]


def _digest(mesh: SurfaceMesh, low: Array, high: Array, spacing: float) -> str:
    digest = blake2b(digest_size=16)
    for array in (mesh.vertices_mm, mesh.faces, low, high, np.array([spacing])):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _measured(mesh: SurfaceMesh, low: Array, high: Array, spacing: float) -> Grid:
    v = mesh.vertices_mm
    low = np.maximum(low, v.min(axis=0) - ROOM_MM)
    high = np.minimum(high, v.max(axis=0) + ROOM_MM)
    cells = np.ceil((high - low) / (spacing * COARSE)).astype(int)
    if (cells < 1).any():
        raise ValueError("the surface has no part in the region; give a region that meets it.")
    shape = tuple(int(n) for n in cells * COARSE + 1)
    nearest = _Nearest(mesh, low - REACH_MM, high + REACH_MM, spacing)
    inside = inside_mask(mesh, low, shape, spacing)
    rim = binary_dilation(inside, iterations=NEAR_STEPS) & ~binary_erosion(inside, iterations=NEAR_STEPS, border_value=1)
    values = _spread(_coarse(nearest, inside, rim, low, spacing))
    at = np.argwhere(rim)
    if len(at):
        near = nearest.distance(_places(at, low, spacing))
        values[rim] = np.where(inside[rim], -near, near)
    signed = np.where(inside, -1, 1) * np.maximum(np.where(inside, -values, values), 1e-3)
    return Grid(signed.astype(np.float32), low, spacing)


def _coarse(nearest: _Nearest, inside: NDArray[np.bool_], rim: NDArray[np.bool_], low: Array, spacing: float) -> Values:
    """Return signed distances at every `COARSE`th node: measured near the surface, by counting nodes far from it."""
    held, close = (mask[::COARSE, ::COARSE, ::COARSE] for mask in (inside, rim))
    far = distance_transform_edt(~close) * (COARSE * spacing) if close.any() else np.zeros(close.shape)
    near = far < REACH_MM
    far[near] = nearest.distance(_places(np.argwhere(near) * COARSE, low, spacing))
    return np.where(held, -far, far).astype(np.float32)


def _places(nodes: NDArray[np.int64], low: Array, spacing: float) -> Array:
    return np.asarray(low + nodes * spacing, dtype=np.float64)


def inside_mask(mesh: SurfaceMesh, low: Array, shape: tuple[int, ...], spacing: float) -> NDArray[np.bool_]:
    """Return which nodes of a grid lie inside a closed surface, by scan lines.

    Parameters
    ----------
    mesh : SurfaceMesh
    low : (3,) array
        Node (0, 0, 0), mm.
    shape : tuple of int
        Nodes along x, y, z.
    spacing : float
        Grid step, mm.
    """
    import pyvista as pv
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    faces: Any = np.array(mesh.faces)
    stencil = vtkPolyDataToImageStencil()
    stencil.SetInputData(pv.PolyData.from_regular_faces(np.array(mesh.vertices_mm), faces))
    stencil.SetOutputOrigin(*low)
    stencil.SetOutputSpacing(spacing, spacing, spacing)
    stencil.SetOutputWholeExtent(0, shape[0] - 1, 0, shape[1] - 1, 0, shape[2] - 1)
    picture = vtkImageStencilToImage()
    picture.SetInputConnection(stencil.GetOutputPort())
    picture.SetInsideValue(1)
    picture.SetOutsideValue(0)
    picture.SetOutputScalarTypeToUnsignedChar()
    picture.Update()
    image: Any = pv.wrap(picture.GetOutput())
    return np.asarray(image.active_scalars).reshape(shape, order="F").astype(bool)


def _spread(coarse: Values) -> Values:
    """Return linear interpolation to `COARSE` steps between the nodes, last nodes kept."""
    values = coarse
    share = (np.arange(COARSE, dtype=np.float32) / COARSE)[None, :, None, None]
    for axis in range(3):
        v = np.moveaxis(values, axis, 0)
        fine = (v[:-1, None] * (1 - share) + v[1:, None] * share).reshape(-1, *v.shape[1:])
        values = np.moveaxis(np.concatenate([fine, v[-1:]]), 0, axis)
    return np.ascontiguousarray(values, dtype=np.float32)


class _Nearest:
    """Distances to the triangles of a surface that lie in a box."""

    def __init__(self, mesh: SurfaceMesh, low: Array, high: Array, spacing: float) -> None:
        corners = mesh.vertices_mm[mesh.faces]
        meets = ((corners.min(axis=1) <= high) & (corners.max(axis=1) >= low)).all(axis=1)
        self.corners = corners[meets] if meets.any() else corners
        points, self.owner = strewn(self.corners, spacing)
        self.tree = cKDTree(points)

    def distance(self, points: Array) -> Array:
        """Return the distance (n,) mm to the triangle that holds the nearest strewn point."""
        _, index = self.tree.query(points, workers=-1 if len(points) > MANY else 1)
        return np.asarray(np.linalg.norm(points - _feet(points, self.corners[self.owner[index]]), axis=1))


def strewn(corners: Array, step: float) -> tuple[Array, Faces]:
    """Return points over the triangles (m, 3, 3), about `step` mm apart, and the triangle of each."""
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    count = np.clip(np.ceil(edges / step).astype(int), 1, 40)
    points, owners = [], []
    for n in np.unique(count):
        which = np.flatnonzero(count == n)
        i, j = (a.ravel() for a in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
        keep = i + j < n
        share = (np.column_stack([i[keep], j[keep]]) + 1 / 3) / n
        weights = np.column_stack([1 - share.sum(axis=1), share])
        points.append(np.einsum("kw,mwx->mkx", weights, corners[which]).reshape(-1, 3))
        owners.append(np.repeat(which, len(weights)))
    return np.vstack(points), np.concatenate(owners)


def _feet(p: Array, corners: Array) -> Array:
    """Return the nearest point (n, 3) of one triangle each to `p` (n, 3)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    u, v, w = b - a, c - a, p - a
    uu, uv, vv, wu, wv = (np.einsum("ij,ij->i", x, y) for x, y in ((u, u), (u, v), (v, v), (w, u), (w, v)))
    det = np.maximum(uu * vv - uv * uv, 1e-18)
    s, t = (vv * wu - uv * wv) / det, (uu * wv - uv * wu) / det
    flat = a + s[:, None] * u + t[:, None] * v
    best, far = flat, np.where((s >= 0) & (t >= 0) & (s + t <= 1), 0.0, np.inf)
    for start, end in ((a, b), (b, c), (c, a)):
        edge = end - start
        along = np.clip(np.einsum("ij,ij->i", p - start, edge) / np.maximum(np.einsum("ij,ij->i", edge, edge), 1e-18), 0, 1)
        foot = start + along[:, None] * edge
        gap = np.linalg.norm(p - foot, axis=1)
        nearer = gap < far
        best, far = np.where(nearer[:, None], foot, best), np.where(nearer, gap, far)
    return np.asarray(best)
