"""The lower jaw: one plate bent along its plan, with condyles, chin and the lower teeth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from meshes.curves import catmull_rom
from meshes.fields import Field
from meshes.parts import Part
from meshes.points import load_table
from meshes.skull import folded
from meshes.skull_shapes import step, stepped
from meshes.skull_teeth import tooth_steps

Array = NDArray[np.float64]
CELL = 0.5  # mm, of the tables that the plate is read from
MARGIN = 16.0  # mm, of the tables beyond the bone
SOFT = 1.6  # cells over which the tables are smoothed


def mandible_parts() -> list[Part]:
    """Return the mandible with its lower teeth as one part, both sides in one field, mm."""
    row = load_table("mandible")["mandible"]
    return [
        Part(
            "mandible",
            mandible_field(),
            float(row["spacing_mm"]),
            int(row["faces"]),
            sources=tuple(row["sources"]),
            evidence=str(row["evidence"]),
        )
    ]


@cache
def mandible_field() -> Field:
    """Return the bone of the mandible as a signed distance field, mm, both sides."""
    table = load_table("mandible")
    body = _plate(table["plan"], table["outline"], table["plate"], table["form"])
    steps = [step(row, mode) for mode in ("add", "swell", "carve") for row in table[mode].values()]
    return folded(stepped(body, steps + tooth_steps(table["teeth"])), table["mandible"]["lower"], table["mandible"]["upper"])


def _plate(plan: Mapping[str, Any], outline: Mapping[str, Any], named: Mapping[str, Any], form: Mapping[str, Any]) -> Field:
    """Return the plate: an outline in (course, height), thickened about a middle that leans in and out of the plan curve."""
    course, outward, low = _plan_tables(np.asarray(plan["through"], dtype=np.float64))
    edge, middle, half, corner = _side_tables(outline, named, float(form["plate_stiffness_mm"]))
    rounding = float(form["rounding"])

    def distance(p: Array) -> Array:
        at = (p[:, :2] - low) / CELL
        s = map_coordinates(course, at.T, order=1, mode="nearest")
        v = map_coordinates(outward, at.T, order=1, mode="nearest")
        where = (np.column_stack([s, p[:, 2]]) - corner) / CELL
        d, m, h = (map_coordinates(g, where.T, order=1, mode="nearest") for g in (edge, middle, half))
        side, rim = np.abs(v - m) - h + rounding, d + rounding
        out = np.hypot(np.maximum(side, 0.0), np.maximum(rim, 0.0)) + np.minimum(np.maximum(side, rim), 0.0)
        return np.asarray(out - rounding)

    return Field(distance, np.array([-60.0, 4.0, -78.0]), np.array([60.0, 100.0, 0.0]))


def _plan_tables(nodes: Array) -> tuple[Array, Array, Array]:
    """Return, on a grid over (x, y), the course along the plan curve (as its y) and the distance outside it; and its corner."""
    curve = catmull_rom(np.column_stack([nodes, np.zeros(len(nodes))]), 0.25)[:, :2]
    tangent = np.gradient(curve, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1)[:, None]
    low = np.array([-2.0, nodes[:, 1].min() - MARGIN])
    shape = np.ceil((np.array([nodes[:, 0].max() + MARGIN, nodes[:, 1].max() + MARGIN]) - low) / CELL).astype(int) + 1
    xy = np.stack(np.meshgrid(*[low[i] + CELL * np.arange(shape[i]) for i in range(2)], indexing="ij"), -1).reshape(-1, 2)
    _, i = cKDTree(curve).query(xy)
    gap = xy - curve[i]
    along = curve[i] + np.einsum("ij,ij->i", gap, tangent[i])[:, None] * tangent[i]
    outward = gap[:, 0] * -tangent[i][:, 1] + gap[:, 1] * tangent[i][:, 0]
    return gaussian_filter(along[:, 1].reshape(shape), SOFT), gaussian_filter(outward.reshape(shape), SOFT), low


def _side_tables(outline: Mapping[str, Any], named: Mapping[str, Any], stiffness: float) -> tuple[Array, Array, Array, Array]:
    """Return, on a grid over (course, height), the distance to the outline, the middle and half the thickness; and its corner."""
    ring = np.array([v for v in outline.values() if isinstance(v, list) and len(v) == 2], dtype=np.float64)
    closed = np.vstack([ring, ring[-1] + [12.0, 0.0], ring[0] + [12.0, 0.0]])
    rim = catmull_rom(np.column_stack([closed[: len(ring)], np.zeros(len(ring))]), 0.25)[:, :2]
    corner, top = ring.min(axis=0) - MARGIN, ring.max(axis=0) + MARGIN
    shape = np.ceil((top - corner) / CELL).astype(int) + 1
    at = np.stack(np.meshgrid(*[corner[i] + CELL * np.arange(shape[i]) for i in range(2)], indexing="ij"), -1).reshape(-1, 2)
    gap, _ = cKDTree(rim).query(at)
    loop = np.vstack([rim, closed[-2:]])
    edge = gaussian_filter(np.where(_inside(at, loop), -gap, gap).reshape(shape), SOFT)
    where = np.array([row["at"] for row in named.values()], dtype=np.float64)
    values = np.array([[row["outward"], row["half"]] for row in named.values()], dtype=np.float64)
    spline = RBFInterpolator(where, values, kernel="thin_plate_spline", smoothing=stiffness)
    bounded = np.clip(at, ring.min(axis=0), ring.max(axis=0))
    read = spline(bounded)
    return edge, read[:, 0].reshape(shape), np.maximum(read[:, 1], 1.2).reshape(shape), corner


def _inside(points: Array, loop: Array) -> NDArray[np.bool_]:
    """Return which of `points` (n, 2) lie within a closed polygon, by crossing number."""
    odd = np.zeros(len(points), dtype=bool)
    for a, b in zip(loop, np.roll(loop, -1, axis=0), strict=True):
        if a[1] == b[1]:
            continue
        between = (points[:, 1] < a[1]) != (points[:, 1] < b[1])
        odd ^= between & (points[:, 0] < (b[0] - a[0]) * (points[:, 1] - a[1]) / (b[1] - a[1]) + a[0])
    return odd
