"""The cranium: a charted braincase, face and base as blended parts, hollowed by brain, orbits and nose."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import spline_filter

from meshes.charts import LevelChart, RadiusChart
from meshes.fields import Field, gradient, half_space, intersect, offset, smooth_union, subtract
from meshes.parts import Part
from meshes.points import FLIP, load_table, shared_curves
from meshes.skull_shapes import near_only, part

Array = NDArray[np.float64]
HALVES = ("right", "left")


def skull_parts() -> list[Part]:
    """Return the cranium with its upper teeth as one part, both sides in one field, mm."""
    row = load_table("skull")["cranium"]
    return [
        Part(
            "cranium",
            cranium_field(),
            float(row["spacing_mm"]),
            int(row["faces"]),
            sources=tuple(row["sources"]),
            evidence=str(row["evidence"]),
        )
    ]


@cache
def cranium_field() -> Field:
    """Return the bone of the cranium as a signed distance field, mm: hollow, both sides."""
    table = load_table("skull")
    outer, inner = _braincase(table["braincase"])
    orbit, nose = _orbit(table["orbit"]), _nasal_cavity(table["nasal_cavity"])
    bone = _with_parts(smooth_union([outer, _maxilla(table["maxilla"])], 4.0), table["add"])
    bone = _with_ridges(bone, outer, table["nuchal_ridges"])
    bone = subtract(bone, orbit, nose, blend=1.5)
    for row in table["carve"].values():
        bone = subtract(bone, part(row), blend=float(row["blend"]))
    walls = [offset(orbit, float(table["orbit"]["wall_thickness"])), offset(nose, float(table["nasal_cavity"]["wall_thickness"]))]
    brain = subtract(inner, *walls, blend=3.0)
    bone = subtract(bone, brain)
    foramen = _foramen_magnum(table["foramen_magnum"])
    bone = subtract(bone, foramen, blend=float(table["foramen_magnum"]["rim_rounding"]))
    return _folded(bone)


def _folded(half: Field) -> Field:
    """Return `half`, evaluated at |x|, with a box that holds both sides."""

    def distance(p: Array) -> Array:
        q = p.copy()
        q[:, 0] = np.abs(q[:, 0])
        return half(q)

    return Field(distance, np.array([-76.0, -108.0, -46.0]), np.array([76.0, 106.0, 121.0]))


def _braincase(row: Mapping[str, Any]) -> tuple[Field, Field]:
    """Return the outer and the inner table as near distances."""
    centre = np.asarray(row["centre"], dtype=np.float64)
    named = row["points"].values()
    points = np.array([p["at"] for p in named], dtype=np.float64)
    thickness = np.array([p["thickness"] for p in named], dtype=np.float64)
    chart = RadiusChart.through(centre, _both(points))
    normals = gradient(chart.field(), points, step=0.5)
    inner = RadiusChart.through(centre, _both(points - normals * thickness[:, None]))
    return _near_distance(chart), _near_distance(inner)


def _both(points: Array) -> Array:
    """Return `points` of the right side and midline with their mirror images."""
    return np.vstack([points, points[points[:, 0] > 1e-6] * FLIP])


def _near_distance(chart: RadiusChart) -> Field:
    """Return the field of `chart` divided by its slope, so that it measures millimetres along the normal."""
    rows, columns = (np.arange(-chart.pad, n - chart.pad) for n in chart.grid.shape)
    polar = np.pi * rows / (len(rows) - 2 * chart.pad - 1)
    around = 2 * np.pi * columns / (len(columns) - 2 * chart.pad - 1)
    tt, aa = np.meshgrid(np.clip(polar, 0.01, np.pi - 0.01), around, indexing="ij")
    d = np.stack([np.cos(tt), np.sin(tt) * np.cos(aa), np.sin(tt) * np.sin(aa)], axis=-1).reshape(-1, 3)
    raw = chart.field()
    p = chart.centre + d * chart.radius(d)[:, None]
    slope = np.linalg.norm([(raw(p + e) - raw(p - e)) / 1.0 for e in 0.5 * np.eye(3)], axis=0)
    cosine = RadiusChart(chart.centre, spline_filter(1.0 / slope.reshape(tt.shape), order=3, mode="nearest"), chart.pad)

    def distance(q: Array) -> Array:
        v = q - chart.centre
        r = np.maximum(np.sqrt(np.einsum("ij,ij->i", v, v)), 1e-9)
        unit = v / r[:, None]
        return (r - chart.radius(unit)) * np.clip(cosine.radius(unit), 0.3, 1.0)

    return Field(distance, raw.lower, raw.upper)


def _maxilla(row: Mapping[str, Any]) -> Field:
    """Return the upper jaw as a stack of horizontal sections between alveolar margin and orbital floor."""
    points = np.array(list(row["points"].values()), dtype=np.float64)
    axis = [[row["axis_y"], row["bottom"] - 5.0], [row["axis_y"], row["top"] + 5.0]]
    chart = LevelChart.through(axis, _both(points), squash=30.0)
    body, blend = chart.field(reach=60.0), float(row["edge_rounding"])
    body = intersect(body, half_space([0, 0, row["top"]], [0, 0, 1]), blend)
    return near_only(intersect(body, half_space([0, 0, row["bottom"]], [0, 0, -1]), blend))


def _with_parts(body: Field, rows: Mapping[str, Mapping[str, Any]]) -> Field:
    """Return `body` with every added part blended in, in the order of the table."""
    for row in rows.values():
        body = smooth_union([body, part(row)], float(row["blend"]))
    return body


def _with_ridges(body: Field, outer: Field, rows: Mapping[str, Any]) -> Field:
    """Return `body` with the nuchal lines as ridges whose crests lie on the shared curves."""
    for name in ("superior", "inferior"):
        row = rows[name]
        crest = shared_curves()[f"{name}_nuchal_line_right"]
        radius = np.asarray(row["radius"], dtype=np.float64)
        sunk = crest - gradient(outer, crest, step=0.5) * radius[:, None]
        ridge = part({"kind": "tube", "through": sunk, "radius": radius})
        body = smooth_union([body, ridge], float(row["blend"]))
    return body


def _orbit(row: Mapping[str, Any]) -> Field:
    """Return the right orbit: a cone of rounded squares that opens forward and outward."""
    apex, mouth = (np.asarray(row[k], dtype=np.float64) for k in ("apex", "opening_centre"))
    depth = float(np.linalg.norm(mouth - apex))
    along = (mouth - apex) / depth
    side = np.cross(along, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    roll = np.deg2rad(float(row["roll_deg"]))
    level = np.cross(side, along)
    across, upward = side * np.cos(roll) - level * np.sin(roll), level * np.cos(roll) + side * np.sin(roll)
    power = float(row["squareness"])
    w0, w1, h0, h1 = (float(row[k]) for k in ("apex_half_width", "opening_half_width", "apex_half_height", "opening_half_height"))

    def distance(p: Array) -> Array:
        q = p - apex
        t = q @ along / depth
        f = np.clip(t, 0.0, 1.6) ** 0.8
        f = np.where(t > 1, 1 + 0.35 * (t - 1), f)
        w, h = w0 + (w1 - w0) * f, h0 + (h1 - h0) * f
        u, v = np.abs(q @ across) / w, np.abs(q @ upward) / h
        k = (u**power + v**power) ** (1 / power)
        return np.asarray(np.maximum((k - 1) * np.minimum(w, h) * 0.93, -t * depth))

    reach = mouth + along * 0.6 * depth
    return near_only(Field(distance, np.minimum(apex, reach) - 26, np.maximum(apex, reach) + 26))


def _nasal_cavity(row: Mapping[str, Any]) -> Field:
    """Return the air of the nose: a pear in section from aperture to choanae, parted by the septum."""
    height, half = np.asarray(row["height"], float), np.asarray(row["half_width"], float)
    fine = np.linspace(height[0], height[-1], 120)
    from meshes.curves import profile

    width = profile(height, half, fine)
    front, back, thin, stop = (float(row[k]) for k in ("front", "back", "septum_half_thickness", "septum_front"))

    def distance(p: Array) -> Array:
        wall = (p[:, 0] - np.interp(p[:, 2], fine, width)) * 0.85
        wall = np.maximum(wall, np.maximum(height[0] - p[:, 2], p[:, 2] - height[-1]))
        wall = np.maximum(wall, np.maximum(back - p[:, 1], p[:, 1] - front))
        septum = np.maximum(p[:, 0] - thin, p[:, 1] - stop)
        return np.asarray(np.maximum(wall, -septum))

    wide = float(half.max())
    return near_only(Field(distance, np.array([-wide, back, height[0]]), np.array([wide, front, height[-1]])))


def _foramen_magnum(row: Mapping[str, Any]) -> Field:
    """Return the oval hole between basion and opisthion, along the normal of its plane."""
    front, rear = (np.asarray(row[k], dtype=np.float64) for k in ("front", "rear"))
    centre, length = (front + rear) / 2, float(np.linalg.norm(front - rear)) / 2
    along = (front - rear) / (2 * length)
    up = np.cross([1.0, 0.0, 0.0], along)
    wide, deep = float(row["half_width"]), float(row["depth"])

    def distance(p: Array) -> Array:
        q = p - centre
        u, v = q[:, 0] / wide, q @ along / length
        k0 = np.hypot(u, v)
        k1 = np.hypot(u / wide, v / length)
        oval = np.where(k1 > 1e-9, k0 * (k0 - 1) / np.maximum(k1, 1e-9), -wide)
        return np.asarray(np.maximum(oval, np.abs(q @ up) - deep))

    return near_only(Field(distance, centre - 30, centre + 30))
