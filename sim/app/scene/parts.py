"""The tools as geometry: probe, needle, marks, fluid, path, scanned sheet. Arrays only, each tool in a frame of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.curves import resample
from meshes.model import SurfaceMesh
from sim.marks import ball, tube, turned
from sim.tables import table
from sim.theme import Theme
from sim.ultrasound.poses import ProbePose

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

CORNER = 10  # points of a rounded corner
MOST_PATH = 240  # points of a drawn path
METAL, PLASTIC = "needle", "probe"


class Held(NamedTuple):
    """A needle as it is drawn: where it crosses the skin, its tip, its direction, mm RAS; diameter and length, mm."""

    entry_mm: ArrayLike
    tip_mm: ArrayLike
    direction: ArrayLike
    diameter_mm: float
    length_mm: float = float(table("app_scene")["needle"]["length_mm"])


class Fluid(NamedTuple):
    """Fluid between layers: middle and radius, mm; unit normal of the layer; thickness along it, mm."""

    centre_mm: ArrayLike
    radius_mm: float
    normal: ArrayLike
    thickness_mm: float


@dataclass(frozen=True)
class Solid:
    """Triangles with a colour at each vertex.

    Parameters
    ----------
    vertices_mm, normals : (n, 3) float32 arrays
    colours : (n, 3) uint8 array
    faces : (m, 3) int32 array
    """

    vertices_mm: Floats
    normals: Floats
    colours: NDArray[np.uint8]
    faces: NDArray[np.int32]


def joined(pieces: Iterable[tuple[SurfaceMesh, Array]]) -> Solid:
    """Return surfaces, each with its colour (3,) of 0 to 1, as one."""
    held = list(pieces)
    start = np.cumsum([0] + [len(mesh.vertices_mm) for mesh, _ in held])
    none = np.zeros((0, 3))
    return Solid(
        np.concatenate([none] + [mesh.vertices_mm for mesh, _ in held]).astype(np.float32),
        np.concatenate([none] + [mesh.normals for mesh, _ in held]).astype(np.float32),
        np.concatenate([none] + [np.tile(255 * np.clip(c, 0, 1), (len(m.vertices_mm), 1)) for m, c in held])
        .round()
        .astype(np.uint8),
        np.concatenate([none] + [mesh.faces + n for (mesh, _), n in zip(held, start, strict=False)]).astype(np.int32),
    )


def probe_solid(width_mm: float, theme: Theme) -> Solid:
    """Return a linear probe in its own frame: x along the footprint to the marked end, z into the tissue, the face at z = 0.

    Parameters
    ----------
    width_mm : float
        Length of the footprint.
    theme : Theme
        Of the colours; the dot has that of the dot on the scanner's screen.
    """
    row = table("app_scene")["probe"]
    sections = np.array(row["sections"], dtype=np.float64)
    sections[:, 1] = np.maximum(width_mm + sections[:, 1], sections[:, 2])
    lens = [[-0.0, width_mm - 1.0, row["lens_mm"] - 1.5], [row["lens_lift_mm"], width_mm, row["lens_mm"]]]
    top, (thick, long) = float(sections[-1, 0]), row["cable_mm"]
    along = np.array([-1.0, 8.0, 8.01, long])
    cable = turned(np.outer(-top - along, [0.0, 0.0, 1.0]), thick * np.array([1.5, 1.0, 0.8, 0.8]))
    pieces = [
        (_lofted(np.array(lens)), 0.55 * theme.colours[PLASTIC]),
        (_lofted(sections), theme.colours[PLASTIC]),
        (cable, 0.45 * theme.colours[PLASTIC]),
    ]
    up = float(row["dot_up_mm"])
    length, thickness = (float(np.interp(up, sections[:, 0], sections[:, i])) for i in (1, 2))
    dot = theme.colours["group_5"]
    places = [(length / 2 - 0.3, 0.0), *((length / 2 - 7.5, s * (thickness / 2 - 0.3)) for s in (1.0, -1.0))]
    return joined([*pieces, *((ball([x, y, -up], row["dot_mm"]), dot) for x, y in places)])


def needle_solids(held: Held, theme: Theme) -> tuple[Solid, Solid]:
    """Return a needle's shaft, and its hub with a syringe, in its own frame: z from the hub (0) to the tip (its length)."""
    row = table("app_scene")["needle"]
    radius = held.diameter_mm / 2
    ends = np.array([[0, 0, 0], [0, 0, held.length_mm - 1e-3], [0, 0, held.length_mm]], dtype=np.float64)
    shaft = turned(ends, [radius, radius, radius])
    hub, metal, body = theme.colours["hub"], theme.colours[METAL], theme.colours[PLASTIC]
    rest = [(_spun(row["hub_mm"]), hub), (_spun(row["barrel_mm"]), 0.97 * body), (_spun(row["plunger_mm"]), 0.8 * body)]
    return joined([(_bevelled(shaft, row["bevel"] * held.diameter_mm), metal)]), joined(rest)


def probe_matrix(pose: ProbePose) -> Array:
    """Return the (4, 4) transform from the probe's frame to RAS, mm."""
    return np.array(pose.ras_from_probe.matrix, dtype=np.float64)


def needle_matrix(held: Held, broader: float) -> Array:
    """Return the (4, 4) transform from the needle's frame to RAS, mm, its shaft `broader` times as thick."""
    z = np.asarray(held.direction, dtype=np.float64)
    z = z / np.linalg.norm(z)
    # the opening of the bevel looks up where it can
    helper = np.array([0.0, 0.0, 1.0]) if abs(z[2]) < 0.99 else np.array([0.0, 1.0, 0.0])
    x = helper - (helper @ z) * z
    x = x / np.linalg.norm(x)
    out = np.eye(4)
    out[:3, :3] = np.stack([broader * x, broader * np.cross(z, x), z], axis=1)
    out[:3, 3] = np.asarray(held.tip_mm, dtype=np.float64) - held.length_mm * z
    return out


def marks_solid(marks: Mapping[str, Array], targets: Sequence[ArrayLike], trace: Array | None, theme: Theme) -> Solid:
    """Return marks on the skin, targets, and the path of a tip, mm RAS."""
    row = table("app_scene")["marks"]
    pieces = [(ball(place, row["radius_mm"]), theme.colours["landmark"]) for place in marks.values()]
    pieces += [(ball(place, row["target_mm"]), theme.colours["target"]) for place in targets]
    if trace is not None and len(trace) > 1:
        path = np.asarray(trace, dtype=np.float64)
        length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
        if length > 1e-3:
            pieces.append((tube(resample(path, max(0.5, length / MOST_PATH)), row["trace_mm"]), theme.colours["line"]))
    return joined(pieces)


def fluid_solid(fluid: Sequence[Fluid], theme: Theme) -> Solid:
    """Return pools of fluid as flat ellipsoids."""
    return joined((_flattened(pool), theme.colours["group_5"]) for pool in fluid)


def sheet_corners(width_mm: float, depth_mm: float) -> Array:
    """Return the corners (4, 3) of the scanned sheet in the probe's frame: marked and other end of the face, then below them."""
    half = width_mm / 2
    return np.array([[half, 0, 0], [-half, 0, 0], [-half, 0, depth_mm], [half, 0, depth_mm]], dtype=np.float64)


def sheet_rim(width_mm: float, depth_mm: float, theme: Theme) -> Solid:
    """Return the bright rim of the scanned sheet in the probe's frame."""
    corners = sheet_corners(width_mm, depth_mm)
    sides = [
        (tube(corners[[i, (i + 1) % 4]], table("app_scene")["marks"]["border_mm"]), theme.colours["group_5"]) for i in (1, 2, 3)
    ]
    return joined(sides)


@cache
def _unit_ball() -> SurfaceMesh:
    return ball([0.0, 0.0, 0.0], 1.0)


def _flattened(pool: Fluid) -> SurfaceMesh:
    """An ellipsoid of rotation about the normal."""
    z = np.asarray(pool.normal, dtype=np.float64)
    z = z / np.linalg.norm(z)
    x = np.cross(np.eye(3)[int(np.argmin(np.abs(z)))], z)
    x = x / np.linalg.norm(x)
    frame = np.stack([x, np.cross(z, x), z])
    half = np.array([pool.radius_mm, pool.radius_mm, pool.thickness_mm / 2])
    unit = _unit_ball()
    normals = unit.vertices_mm / half
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return SurfaceMesh((unit.vertices_mm * half) @ frame + np.asarray(pool.centre_mm), unit.faces, normals @ frame)


def _spun(profile: Sequence[Sequence[float]]) -> SurfaceMesh:
    """A solid of rotation over z, from (height over the shaft's end, radius), toward -z; with edges that stay sharp."""
    height, radius = np.array(profile, dtype=np.float64).T
    rings = turned(np.stack([0 * height, 0 * height, -height], axis=1), radius)
    return _faceted(rings)


def _bevelled(shaft: SurfaceMesh, length_mm: float) -> SurfaceMesh:
    """A shaft whose end is cut askew over a length."""
    points = np.array(shaft.vertices_mm)
    radius = float(np.abs(points[:, 0]).max())
    end = points[:, 2] > points[:, 2].max() - 0.01
    points[end, 2] -= length_mm * (1 + points[end, 0] / radius) / 2
    return _faceted(SurfaceMesh(points, shaft.faces, shaft.normals))


def _lofted(sections: Array) -> SurfaceMesh:
    """A skin over rounded rectangles: rows of (height over the face, length, thickness), toward -z, closed at both ends."""
    rings = [np.column_stack([_rounded(length, thick), np.full(4 * CORNER, -height)]) for height, length, thick in sections]
    n, count = 4 * CORNER, len(rings)
    points = np.concatenate([*rings, [rings[0].mean(axis=0)], [rings[-1].mean(axis=0)]])
    i, j = np.arange(n), np.roll(np.arange(n), -1)
    wall = np.concatenate([np.stack([i, n + i, j], 1), np.stack([j, n + i, n + j], 1)])
    body = (wall[None] + n * np.arange(count - 1)[:, None, None]).reshape(-1, 3)
    low, high, top = n * count, n * count + 1, n * (count - 1)
    faces = np.concatenate([body, np.stack([np.full(n, low), i, j], 1), np.stack([np.full(n, high), top + j, top + i], 1)])
    return _faceted(SurfaceMesh(points, faces, np.zeros_like(points)))


def _rounded(length: float, thick: float) -> Array:
    """Rim (40, 2) of a rectangle with round ends, counter-clockwise."""
    radius = 0.42 * thick
    angle = np.linspace(0, np.pi / 2, CORNER)
    parts = []
    for sx, sy, turn in ((1, 1, 0.0), (-1, 1, 0.5), (-1, -1, 1.0), (1, -1, 1.5)):
        a = angle + np.pi * turn
        middle = (sx * (length / 2 - radius), sy * (thick / 2 - radius))
        parts.append(np.stack([middle[0] + radius * np.cos(a), middle[1] + radius * np.sin(a)], axis=1))
    return np.concatenate(parts)


def _faceted(mesh: SurfaceMesh, sharp_deg: float = 40.0) -> SurfaceMesh:
    """A surface whose normals follow its faces, smoothed only over edges that are not sharp."""
    corners = mesh.vertices_mm[mesh.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    faces_at: list[list[int]] = [[] for _ in mesh.vertices_mm]
    for f, triangle in enumerate(mesh.faces):
        for v in triangle:
            faces_at[v].append(f)
    at_corner = np.empty((len(mesh.faces), 3, 3))
    least = np.cos(np.radians(sharp_deg))
    for f, triangle in enumerate(mesh.faces):
        for c, v in enumerate(triangle):
            beside = [g for g in faces_at[v] if flat[g] @ flat[f] > least] or [f]
            at_corner[f, c] = across[beside].sum(axis=0)
    normals = at_corner.reshape(-1, 3)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return SurfaceMesh(corners.reshape(-1, 3), np.arange(3 * len(mesh.faces)).reshape(-1, 3), normals)
