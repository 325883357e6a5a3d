"""Marks as geometry: needle, probe with footprint and sheet, lines with beads. Pure arrays, no drawing library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.curves import point_at, resample
from meshes.model import SurfaceMesh
from sim.picture import Line, Marker, Needle, Picture, Probe

Array = NDArray[np.float64]

SIDES = 24
PROBE_BODY_MM = 62.0
PROBE_THICK_MM = 17.0
FOOTPRINT_LIFT_MM = 0.6
HUB_MM = (2.6, 14.0)
LINE_STEP_MM = 1.0
DASH_MM = 4.0
MARKER_NEEDLE_MM = (0.9, 22.0)


@dataclass(frozen=True)
class Mark:
    """A mesh with the colour (name or hex) and opacity that it is drawn with."""

    mesh: SurfaceMesh
    colour: str
    opacity: float = 1.0


def marks_of(picture: Picture) -> list[Mark]:
    """Return the geometry of every needle, probe, line and needle of a marker, in the picture's order."""
    marks = [mark for line in picture.lines for mark in line_marks(line)]
    marks += [mark for needle in picture.needles for mark in needle_marks(needle)]
    marks += [mark for marker in picture.markers for mark in marker_marks(marker)]
    return marks + (probe_marks(picture.probe) if picture.probe else [])


def needle_marks(needle: Needle) -> list[Mark]:
    """Return the shaft, and the hub with the start of a syringe, of a needle."""
    entry, tip = np.array(needle.entry_mm, dtype=np.float64), np.array(needle.tip_mm, dtype=np.float64)
    inward = _unit(tip - entry)
    top = tip - needle.length_mm * inward
    radius = needle.diameter_mm / 2
    shaft = turned([top, tip - 3 * radius * inward, tip], [radius, radius, 0.05])
    marks = [Mark(shaft, "needle")]
    if needle.hub:
        wide, long = HUB_MM
        outward = [top + s * inward for s in (0.5, -0.15 * long, -0.8 * long, -long)]
        marks.append(Mark(turned(outward, [0.4 * wide, 0.75 * wide, wide, wide]), "hub"))
        marks.append(Mark(turned([outward[-1], outward[-1] - 1.6 * long * inward], [1.5 * wide, 1.5 * wide]), "probe", 0.45))
    return marks


def outer_end(marker: Marker) -> Array:
    """Return the outer end (3,) of the short needle of a site that has a target."""
    skin, target = np.array(marker.point_mm, dtype=np.float64), np.array(marker.target_mm, dtype=np.float64)
    return skin - MARKER_NEEDLE_MM[1] * _unit(target - skin)


def marker_marks(marker: Marker) -> list[Mark]:
    """Return the short needle of a site that has a target, else nothing."""
    if marker.target_mm is None:
        return []
    skin, target = np.array(marker.point_mm, dtype=np.float64), np.array(marker.target_mm, dtype=np.float64)
    width, _ = MARKER_NEEDLE_MM
    inward = _unit(target - skin)
    shaft = turned([outer_end(marker), target - 1.5 * inward, target], [width / 2, width / 2, 0.05])
    return [Mark(shaft, "needle"), Mark(ball(target, 1.1), "target")]


def probe_marks(probe: Probe) -> list[Mark]:
    """Return the footprint, the scanned sheet and the ghost of the body of a probe."""
    lateral, axis, across = probe_axes(probe)
    centre = np.array(probe.centre_mm, dtype=np.float64)
    lift = centre - FOOTPRINT_LIFT_MM * axis
    rim = _rounded(probe.length_mm, probe.width_mm, probe.width_mm / 2)
    marks = [Mark(slab(rim, lift, lateral, across, -axis, 1.6), "footprint", 0.92)]
    if probe.plane:
        half = 0.5 * probe.length_mm
        corners = np.array([[-half, 0], [half, 0], [half, probe.depth_mm], [-half, probe.depth_mm]])
        marks.append(Mark(slab(corners, centre, lateral, axis, across, 0.25), "sheet", 0.82))
        border = centre + corners[[0, 3, 2, 1]] @ np.stack([lateral, axis])
        marks.append(Mark(tube(border, 0.45), "footprint", 1.0))
    if probe.body:
        body = _rounded(probe.length_mm + 6, PROBE_THICK_MM, 7.0)
        marks.append(Mark(slab(body, lift - 1.8 * axis, lateral, across, -axis, PROBE_BODY_MM, taper=0.86), "probe", 0.2))
    return marks


def probe_axes(probe: Probe) -> tuple[Array, Array, Array]:
    """Return unit vectors (3,) along the footprint, into the tissue and across the sheet, at right angles."""
    axis = _unit(np.array(probe.axis, dtype=np.float64))
    lateral = np.array(probe.lateral, dtype=np.float64)
    lateral = _unit(lateral - (lateral @ axis) * axis)
    return lateral, axis, np.cross(axis, lateral)


def line_marks(line: Line) -> list[Mark]:
    """Return the tube, or the dashes, of a line and the beads at its ticks."""
    points = np.asarray(line.points_mm, dtype=np.float64)
    path, radius = resample(points, LINE_STEP_MM), line.width_mm / 2
    pieces = [path]
    if line.dashed:
        step = round(DASH_MM / LINE_STEP_MM)
        pieces = [path[i : i + step + 1] for i in range(0, len(path) - 1, 2 * step)]
    marks = [Mark(tube(piece, radius), line.colour) for piece in pieces if len(piece) > 1]
    beads = np.array([point_at(points, share) for share in line.ticks]).reshape(-1, 3)
    return marks + [Mark(ball(bead, 1.9 * line.width_mm), line.colour) for bead in beads]


def tube(points_mm: ArrayLike, radius_mm: float) -> SurfaceMesh:
    """Return a round tube with rounded ends along points (n, 3)."""
    points = np.asarray(points_mm, dtype=np.float64)
    start, end = _unit(points[1] - points[0]), _unit(points[-1] - points[-2])
    ends = radius_mm * np.array([1.0, 0.7])
    path = [*(points[0] - e * start for e in ends), *points, *(points[-1] + e * end for e in ends[::-1])]
    radii = radius_mm * np.array([0.02, 0.72, *([1.0] * len(points)), 0.72, 0.02])
    return turned(path, radii)


def turned(points_mm: ArrayLike, radii_mm: ArrayLike) -> SurfaceMesh:
    """Return the surface of circles of `radii_mm` (n,) about points (n, 3), closed at both ends."""
    points, radii = np.asarray(points_mm, dtype=np.float64), np.asarray(radii_mm, dtype=np.float64)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    first = _carried(along)
    second = np.cross(along, first)
    angle = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)
    ring = np.cos(angle)[None, :, None] * first[:, None] + np.sin(angle)[None, :, None] * second[:, None]
    vertices = (points[:, None] + radii[:, None, None] * ring).reshape(-1, 3)
    ends = np.stack([points[0], points[-1]])
    normals = np.concatenate([ring.reshape(-1, 3), -along[:1], along[-1:]])
    return SurfaceMesh(np.concatenate([vertices, ends]), _skin_of_rings(len(points)), normals)


def ball(centre_mm: ArrayLike, radius_mm: float) -> SurfaceMesh:
    """Return a sphere."""
    angle = np.linspace(0.02, np.pi - 0.02, SIDES // 2)
    axis = np.array([0.0, 0.0, 1.0])
    centre = np.asarray(centre_mm, dtype=np.float64)
    mesh = turned(centre - radius_mm * np.cos(angle)[:, None] * axis, radius_mm * np.sin(angle))
    return SurfaceMesh(mesh.vertices_mm.copy(), mesh.faces, (mesh.vertices_mm - centre) / radius_mm)


def slab(rim: Array, origin: Array, x: Array, y: Array, z: Array, height_mm: float, *, taper: float = 1.0) -> SurfaceMesh:
    """Return a prism over a convex rim (n, 2) in the plane of unit `x`, `y`, raised along `z`; `taper` scales its top."""
    turn = np.sign(np.cross(x, y) @ z)
    rim = rim if turn > 0 else rim[::-1]
    low = origin + rim @ np.stack([x, y])
    high = origin + taper * rim @ np.stack([x, y]) + height_mm * z
    edge = np.roll(rim, -1, axis=0) - np.roll(rim, 1, axis=0)
    out = turn * np.stack([edge[:, 1], -edge[:, 0]], axis=1) @ np.stack([x, y])
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    n = len(rim)
    i, j = np.arange(n), np.roll(np.arange(n), -1)
    wall = np.concatenate([np.stack([i, j, n + j], 1), np.stack([i, n + j, n + i], 1)])
    fan = np.stack([np.zeros(n - 2, dtype=np.int64), np.arange(1, n - 1), np.arange(2, n)], 1)
    faces = np.concatenate([wall, 2 * n + fan[:, ::-1], 3 * n + fan])
    normals = np.concatenate([out, out, np.tile(-z, (n, 1)), np.tile(z, (n, 1))])
    return SurfaceMesh(np.concatenate([low, high, low, high]), faces, normals)


def _rounded(length: float, width: float, radius: float) -> Array:
    """Rim (n, 2) of a rectangle with round corners, counter-clockwise."""
    angle = np.linspace(0, np.pi / 2, 9)
    corners = ((1, 1, 0.0), (-1, 1, 0.5), (-1, -1, 1.0), (1, -1, 1.5))
    parts = []
    for sx, sy, turn in corners:
        a = angle + np.pi * turn
        centre = (sx * (length / 2 - radius), sy * (width / 2 - radius))
        parts.append(np.stack([centre[0] + radius * np.cos(a), centre[1] + radius * np.sin(a)], axis=1))
    return np.concatenate(parts)


def _carried(along: Array) -> Array:
    """A unit vector (n, 3) at right angles to each tangent (n, 3), carried along without twist."""
    helper = np.eye(3)[np.argmin(np.abs(along[0]))]
    result = np.zeros_like(along)
    current = helper
    for i, tangent in enumerate(along):
        current = _unit(current - (current @ tangent) * tangent)
        result[i] = current
    return result


def _skin_of_rings(count: int) -> NDArray[np.int64]:
    """Triangles between `count` rings, and two fans to the points that follow them."""
    i = np.arange(SIDES)
    j = np.roll(i, -1)
    strip = np.concatenate([np.stack([i, j, SIDES + j], 1), np.stack([i, SIDES + j, SIDES + i], 1)])
    body = (strip[None] + SIDES * np.arange(count - 1)[:, None, None]).reshape(-1, 3)
    first, last = count * SIDES, count * SIDES + 1
    top = (count - 1) * SIDES
    return np.concatenate(
        [body, np.stack([np.full(SIDES, first), j, i], 1), np.stack([np.full(SIDES, last), top + i, top + j], 1)]
    )


def _unit(vector: Array) -> Array:
    """The vector at length one; a zero vector stays."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
