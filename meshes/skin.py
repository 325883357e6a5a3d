"""The skin of head, neck and shoulders, without the auricles, as one field and as parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, RBFInterpolator
from scipy.ndimage import map_coordinates, spline_filter

from meshes.charts import LevelChart, RadiusChart
from meshes.ear import auricle_field
from meshes.face import with_features
from meshes.fields import Field, half_space, intersect, smooth_union, symmetric
from meshes.parts import Part
from meshes.points import FLIP, load_table

Array = NDArray[np.float64]
REGIONS = ("face", "nape", "throat")
CHARTS = ("head", "neck", "shoulder")
SPACING = 1.2
FACES = 76_000
EAR_SPACING = 0.6
EAR_FACES = 12_000
ENVELOPE_STEP = 3.0  # mm between nodes of the grid that holds the broad form
SLOPE_REACH = 30.0  # mm from a chart's surface within which its slope is made good; its axis must lie deeper
STEEPEST = 5.0
CORRECTION_STEP = 5.0  # mm between nodes of the grid that holds the correction
CORRECTION_REACH = 26.0  # mm over which the correction at one named point fades


@cache
def skin_parts() -> list[Part]:
    """Return the skin (median) and the auricle (right), in this order."""
    table = load_table("skin")
    sources = tuple(dict.fromkeys(s for name in CHARTS for s in table[name]["sources"]))
    ear = auricle_field(skin_field(), table["auricle"])
    return [
        Part("skin", skin_field(), SPACING, FACES, sources=sources, evidence="DERIVED"),
        Part("auricle", ear, EAR_SPACING, EAR_FACES, sources=tuple(table["auricle"]["sources"]), evidence="DERIVED"),
    ]


@cache
def skin_field() -> Field:
    """Return the skin without the auricles: negative inside, in mm, exact to its named points, cut flat below."""
    size = load_table("skin")["envelope"]
    floor = half_space([0, 0, size["cut_z"]], [0, 0, -1])
    open_skin = endless_skin_field()
    bust = intersect(open_skin, floor, blend=size["cut_rounding"])
    return Field(bust.distance, open_skin.lower, open_skin.upper)


@cache
def endless_skin_field() -> Field:
    """Return the skin without the flat cut: it goes on for some mm below the bust, for layers that end at the cut."""
    table = load_table("skin")
    featured = envelope_field()
    for region in REGIONS:
        featured = with_features(featured, table[region])
    return symmetric(featured)


@cache
def envelope_field() -> Field:
    """Return head, neck and shoulders with the broad forms of the face, without the flat cut."""
    table = load_table("skin")
    size = table["envelope"]
    joined = _joined(table)
    goals = [at for part in CHARTS for name, at in table[part]["points"].items() if "core" not in name]
    corrected = _gridded(_corrected(joined, np.array(goals, dtype=np.float64), float(size["cut_z"])))
    lower = np.array([-214.0, -120.0, size["cut_z"]])
    return symmetric(Field(corrected.distance, lower, np.array([214.0, 130.0, 128.0])))


def _joined(table: Mapping[str, Any]) -> Field:
    """Return the three charts smoothly joined, as they stand."""
    size = table["envelope"]
    head = RadiusChart.through(table["head"]["centre"], _both(table["head"]["points"])).field()
    neck = LevelChart.through(_smooth_axis(table["neck"]["axis"]), _both(table["neck"]["points"])).field(reach=220.0)
    neck = intersect(_unit_slope(neck), half_space([0, 0, size["neck_top_z"]], [0, 0, 1]), blend=10.0)
    neck_and_head = smooth_union([_unit_slope(head), neck], size["head_neck_blend"])
    return smooth_union([neck_and_head, _unit_slope(_shoulders(table))], size["neck_shoulder_blend"])


def _shoulders(table: Mapping[str, Any]) -> Field:
    """Return the shoulders: a level chart laid on its side, its levels running along x."""
    height = float(table["envelope"]["shoulder_axis_z"])
    points = _both(table["shoulder"]["points"])
    lying = np.column_stack([points[:, 2] - height, points[:, 1], points[:, 0]])
    chart = LevelChart.through(_smooth_axis(table["shoulder"]["axis"]), np.vstack([lying, lying * FLIP])).field()

    def distance(p: Array) -> Array:
        return chart(np.column_stack([p[:, 2] - height, p[:, 1], p[:, 0]]))

    return Field(distance, np.array([-214.0, -140.0, -300.0]), np.array([214.0, 90.0, -120.0]))


def _both(points: Mapping[str, list[float]]) -> Array:
    """Return right and midline points with the mirrored ones added."""
    right = np.array(list(points.values()), dtype=np.float64)
    return np.vstack([right, right[right[:, 0] > 0] * FLIP])


def _smooth_axis(rows: list[list[float]]) -> Array:
    """Return a chart's axis (m, 2) without corners, which would show as creases."""
    y, level = np.array(sorted(rows, key=lambda row: row[1]), dtype=np.float64).T
    at = np.linspace(level[0], level[-1], 200)
    return np.column_stack([CubicSpline(level, y, bc_type="natural")(at), at])


def _unit_slope(field: Field) -> Field:
    """Return `field` divided by its slope, so that it is close to a distance near its surface."""

    def distance(p: Array) -> Array:
        out = field(p)
        near = np.flatnonzero(np.abs(out) < SLOPE_REACH)
        if len(near):
            q, here = p[near], out[near]
            slope = np.zeros(len(q))
            for axis in range(3):
                step = np.zeros(3)
                step[axis] = 0.5
                slope += ((field(q + step) - here) / 0.5) ** 2
            share = (1.0 - (here / SLOPE_REACH) ** 2) ** 2
            out[near] = here / (1.0 + share * (np.clip(np.sqrt(slope), 1.0, STEEPEST) - 1.0))
        return out

    return Field(distance, field.lower, field.upper)


def _corrected(field: Field, goals: Array, floor: float) -> Field:
    """Return `field` shifted gently so that its surface passes through `goals` (n, 3)."""
    goals = goals[goals[:, 2] >= floor - 1.0]
    goals = np.vstack([goals, goals[goals[:, 0] > 0] * FLIP])
    miss = field(goals)
    spline = RBFInterpolator(goals / CORRECTION_REACH, miss, kernel="gaussian", epsilon=1.0, degree=-1, smoothing=1e-3)
    shift = splined(lambda p: spline(p / CORRECTION_REACH), CORRECTION_STEP)
    return Field(lambda p: field(p) - shift(p), field.lower, field.upper)


def _gridded(field: Field) -> Field:
    """Return a fast copy of a smooth field, good for x >= 0."""
    return Field(splined(field, ENVELOPE_STEP), field.lower, field.upper)


def splined(values_at: Callable[[Array], Array], step: float) -> Callable[[Array], Array]:
    """Return a function of points, kept on a grid over the right half of the bust and read by cubic splines.

    Parameters
    ----------
    values_at : callable
        Points (n, 3) mm to values (n,); smooth over `step`.
    step : float
        Of the grid, mm.

    Returns
    -------
    callable
        Points (n, 3) with x >= 0 to values (n,); beyond the grid the nearest edge's plus the distance to it.
    """
    low, high = np.array([-12.0, -130.0, -226.0]), np.array([226.0, 136.0, 138.0])
    shape = np.ceil((high - low) / step).astype(int) + 1
    axes = [low[i] + step * np.arange(shape[i]) for i in range(3)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    held = spline_filter(np.asarray(values_at(nodes)).reshape(tuple(shape)), order=3, mode="nearest")
    top = low + step * (shape - 1)

    def read(p: Array) -> Array:
        inside = np.clip(p, low, top)
        near = map_coordinates(held, (inside - low).T / step, order=3, mode="nearest", prefilter=False)
        return np.asarray(near + np.linalg.norm(p - inside, axis=1))

    return read
