"""Winding: an artery's helix round the distal stretch of a nerve, and how often one goes round another."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.curves import arc_length, catmull_rom, resample, tangents
from meshes.fields import Field, gradient
from meshes.nerves import PATH_STEP_MM, course_nodes
from meshes.paths import Layers, kept_clear
from meshes.points import load_table
from meshes.tubes import Tube, tube

Array = NDArray[np.float64]
EASE = 0.18  # share of the helix over which the nerve goes into its own wave and out again
KNOTS_PER_TURN = 8
ROUNDS = 4


def wound(nerve: Tube, row: Mapping[str, Any], layers: Layers) -> tuple[Tube, Tube]:
    """Return nerve and artery wound round each other over the nerve's last stretch.

    Parameters
    ----------
    nerve : Tube
        The trunk before it gives way.
    row : mapping
        The artery's row: its nodes up to the nerve and away from it.
    layers : mapping of str to Field
    """
    table, way = load_table("variants")["artery_form"], load_table("variants")["artery_way"]
    radius = float(np.interp(0.5, *np.transpose(row["radius"])))
    apart = float(nerve.radius_mm.max()) + radius + table["gap_mm"]
    s = arc_length(nerve.points)
    first = s[-1] - table["turns"] * table["pitch_mm"]
    t = np.clip((s - first) / (s[-1] - first), 0.0, 1.0)
    turn = _frame(nerve.points, layers, 2 * np.pi * table["turns"] * t)
    ease = np.where(s < first, 0.0, np.clip(np.minimum(t, 1 - t) / EASE, 0.0, 1.0))
    axis = nerve.points - (table["nerve_share"] * apart * ease * ease * (3 - 2 * ease))[:, None] * turn
    bent = Tube(axis, nerve.radius_mm)
    knots = np.interp(np.linspace(first, s[-1], int(table["turns"] * KNOTS_PER_TURN) + 1), s, np.arange(len(s)))
    coil = nerve.points + (1 - table["nerve_share"]) * apart * turn
    coil = np.column_stack([np.interp(knots, np.arange(len(s)), coil[:, i]) for i in range(3)])
    names = [n["name"] for n in row["nodes"]]
    nodes, over = course_nodes(row, layers), names.index(way["crosses"])
    line = catmull_rom(np.vstack([nodes[:over], coil, nodes[over + 2 :]]), PATH_STEP_MM)
    inner = Field(lambda p: -layers["skin"](p), layers["skin"].lower, layers["skin"].upper)
    shy = [(layers["bones"], radius), (inner, radius + 1.0), (bent.field(), radius + table["gap_mm"])]
    return bent, tube(resample(kept_clear(line, shy, ROUNDS), PATH_STEP_MM), row["radius"])


def turns_between(one: Array, other: Array, reach_mm: float) -> float:
    """Return how many times the path `other` goes round the path `one`, where it is within `reach_mm` of it.

    Half a turn is one crossing. The frame along `one` does not twist about it.
    """
    near = np.linalg.norm(one[:, None] - other[None], axis=2)
    along, step = tangents(one), np.argmin(near, axis=1)
    at = np.flatnonzero(near.min(axis=1) < reach_mm)
    if len(at) < 2:
        return 0.0
    total, side = 0.0, other[step] - one
    side = side - np.einsum("ij,ij->i", side, along)[:, None] * along
    for i, j in pairwise(at):
        if j == i + 1:
            turned = np.arctan2(np.cross(side[i], side[j]) @ along[i], side[i] @ side[j])
            total += float(turned)
    return total / (2 * np.pi)


def least_gap(one: Tube, other: Tube) -> float:
    """Return the least gap (mm) between the walls of two tubes; negative where they share space."""
    gap = np.linalg.norm(one.points[:, None] - other.points[None], axis=2) - one.radius_mm[:, None] - other.radius_mm[None]
    return float(gap.min())


def _frame(line: Array, layers: Layers, angle: Array) -> Array:
    """Unit vectors square to a line, turning by `angle` from its lateral side by way of its deep side."""
    along = tangents(line)
    out = gradient(layers["skin"], line)
    out -= np.einsum("ij,ij->i", out, along)[:, None] * along
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    lateral = np.cross(out, along)
    lateral *= np.sign(lateral[:, :1].sum() or 1.0)
    return np.asarray(np.cos(angle)[:, None] * lateral - np.sin(angle)[:, None] * out)
