"""The artery's row of vessels.toml, bent to a course: beside the nerve, across it, or up to it and away again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.courses import Course
from meshes.fields import gradient
from meshes.nape import ARTERY, NERVE
from meshes.paths import Layers
from meshes.points import load_table
from meshes.routes import Places, shipped_places, widest
from meshes.tubes import Tube

Array = NDArray[np.float64]
Row = dict[str, Any]


def artery_row(course: Course, places: Places, nerve: Tube, layers: Layers) -> Row:
    """Return the artery's row of vessels.toml, bent to a course: beside the nerve, or across it.

    For a helix it is the way up to the nerve and away from it; `meshes.winding` puts the turns between.
    """
    row, way, table = (
        dict(load_table("vessels")[ARTERY]),
        load_table("variants")["artery_way"],
        load_table("variants")["artery_form"],
    )
    shift = float(places.crosses[0] - shipped_places()["crosses"][0])
    nodes = [dict(n) for n in row["nodes"]]
    by_name = {n["name"]: n for n in nodes}
    by_name[way["comes"]]["lateral"] += max(way["share_before"] * shift, 0.0)
    over = by_name[way["crosses"]]
    over["lateral"] = max(over["lateral"] + shift, float(places.crosses[0]) + way["least_lateral_mm"])
    for name, share in zip(way["after"], way["share_after"], strict=True):
        by_name[name]["lateral"] += share * shift
    row["nodes"] = nodes
    gap = table["beside_gap_mm"] if course.artery == "beside" else table["gap_mm"]
    row["clear_axis"] = [*row.get("clear_axis", ()), NERVE]
    row["axis_gap"] = max(r for _, r in row["radius"]) + gap
    return row if course.artery != "single" else _crossing_over(row, nerve, layers)


def _crossing_over(row: Row, nerve: Tube, layers: Layers) -> Row:
    """Send the artery under the nerve at the nuchal line and up the scalp on its medial side."""
    way, table, crossed = (
        load_table("variants")["artery_way"],
        load_table("variants")["artery_form"],
        load_table("variants")["crossed"],
    )
    nodes, names = row["nodes"], [n["name"] for n in row["nodes"]]
    over = names.index(way["crosses"])
    at = int(
        np.argmin(
            np.abs(nerve.points[:, 2] - nodes[over]["height"]) + 100.0 * (np.arange(len(nerve.points)) < len(nerve.points) // 2)
        )
    )
    out = gradient(layers["skin"], nerve.points[at][None])[0]
    apart = nerve.radius_mm[at] + widest(row) + table["gap_mm"]
    nodes[over] = {**nodes[over], "seat": "point", "near": (nerve.points[at] - apart * out).tolist()}
    x = float(nerve.points[at][0])
    tail: list[Row] = [
        {
            "name": f"medial to the nerve {i}",
            "seat": "under_skin",
            "lateral": max(x - away, 6.0),
            "height": z,
            "depth": crossed["depth_mm"],
        }
        for i, (away, z) in enumerate(zip(crossed["medial_mm"], crossed["heights"], strict=True))
    ]
    tail += [
        {"name": f"up the scalp {i}", "seat": "under_skin", "near": p, "depth": crossed["scalp_depth_mm"]}
        for i, p in enumerate(crossed["scalp"])
    ]
    return {**row, "nodes": [*nodes[: over + 1], *tail]}
