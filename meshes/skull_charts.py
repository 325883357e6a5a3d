"""Charts of the cranium: both tables of the braincase and the body of the maxilla."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import spline_filter

from meshes.charts import LevelChart, RadiusChart
from meshes.fields import Field, gradient, half_space, intersect, offset
from meshes.points import FLIP

Array = NDArray[np.float64]


def braincase(row: Mapping[str, Any]) -> tuple[Field, Field]:
    """Return what the outer and the inner table enclose, mm, from named points with thickness."""
    centre = np.asarray(row["centre"], dtype=np.float64)
    named = row["points"].values()
    points = np.array([p["at"] for p in named], dtype=np.float64)
    thickness = np.array([p["thickness"] for p in named], dtype=np.float64)
    chart = RadiusChart.through(centre, both_sides(points))
    normals = gradient(chart.field(), points, step=0.5)
    inner = RadiusChart.through(centre, both_sides(points - normals * thickness[:, None]))
    outer, least = _near_distance(chart), float(row["least_thickness"])
    return outer, intersect(_near_distance(inner), offset(outer, -least))


def both_sides(points: Array) -> Array:
    """Return `points` (n, 3) of the right side and midline with their mirror images."""
    return np.vstack([points, points[points[:, 0] > 1e-6] * FLIP])


def _near_distance(chart: RadiusChart) -> Field:
    """Return the field of `chart` over its slope, so that it measures millimetres along the normal."""
    raw = chart.field()
    d = _grid_directions(chart)
    p = chart.centre + d * chart.radius(d)[:, None]
    slope = np.linalg.norm([raw(p + e) - raw(p - e) for e in 0.5 * np.eye(3)], axis=0)
    cosine = RadiusChart(chart.centre, spline_filter(1 / slope.reshape(chart.grid.shape), order=3, mode="nearest"), chart.pad)

    def distance(q: Array) -> Array:
        v = q - chart.centre
        r = np.maximum(np.sqrt(np.einsum("ij,ij->i", v, v)), 1e-9)
        unit = v / r[:, None]
        return np.asarray((r - chart.radius(unit)) * np.clip(cosine.radius(unit), 0.3, 1.0))

    return Field(distance, raw.lower, raw.upper)


def _grid_directions(chart: RadiusChart) -> Array:
    """Return the unit directions (n, 3) of the nodes of a chart's grid, in its order."""
    rows, columns = (np.arange(-chart.pad, n - chart.pad) for n in chart.grid.shape)
    polar = np.clip(np.pi * rows / (len(rows) - 2 * chart.pad - 1), 0.01, np.pi - 0.01)
    around = 2 * np.pi * columns / (len(columns) - 2 * chart.pad - 1)
    tt, aa = np.meshgrid(polar, around, indexing="ij")
    return np.stack([np.cos(tt), np.sin(tt) * np.cos(aa), np.sin(tt) * np.sin(aa)], axis=-1).reshape(-1, 3)


def maxilla(row: Mapping[str, Any]) -> Field:
    """Return the upper jaw, mm: horizontal sections between alveolar margin and orbital floor."""
    points = np.array(list(row["points"].values()), dtype=np.float64)
    axis = [[row["axis_y"], row["bottom"] - 5.0], [row["axis_y"], row["top"] + 5.0]]
    body, blend = LevelChart.through(axis, both_sides(points), squash=30.0).field(reach=60.0), float(row["edge_rounding"])
    body = intersect(body, half_space([0, 0, row["top"]], [0, 0, 1]), blend)
    body = intersect(body, half_space([0, 0, row["bottom"]], [0, 0, -1]), blend)
    wide = np.abs(points).max(axis=0)
    return Field(body.distance, np.array([-wide[0], points[:, 1].min(), row["bottom"]]), np.array([wide[0], wide[1], row["top"]]))
