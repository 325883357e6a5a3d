"""The brainstem: medulla oblongata, pons and midbrain in one calm form that joins the cord at the foramen magnum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.blades import blade
from meshes.curves import catmull_rom
from meshes.fields import Field, half_space, intersect, symmetric
from meshes.levels import SIDE
from meshes.parts import Part
from meshes.points import load_table
from meshes.skull_shapes import step, stepped

Array = NDArray[np.float64]
SPACING_MM, FACES = 0.7, 7000


def foramen_cut() -> tuple[Array, Array]:
    """Return a point (3,) mm and the upward unit normal (3,) of the plane in which cord and dura end and the brainstem begins."""
    above, here = (np.array([0.0, *row["at"]]) for row in load_table("canal")["canal"]["nodes"][:2])
    return here, (above - here) / np.linalg.norm(above - here)


def brainstem_part() -> Part:
    """Return the brainstem, whole, with its axis from the foramen magnum to the top of the midbrain."""
    table = load_table("canal")["brainstem"]
    rows = table["nodes"]
    nodes = np.array([[0.0, *row["at"]] for row in rows])
    deep, wide = np.array([row["half"] for row in rows]).T
    body = stepped(blade(nodes, wide, deep, SIDE, 1.0), [step(row, "add") for row in table["add"].values()])
    point, up = foramen_cut()
    form = intersect(_between(symmetric(body), table["top"]), half_space(point, -up))
    line = catmull_rom(nodes, 1.0)
    line = line[((line - point) @ up > 0) & (line[:, 2] < table["top"]["point"][2])]
    radius = np.interp(line[:, 2], nodes[:, 2], np.sqrt(deep * wide))
    return Part(
        "brainstem", form, SPACING_MM, FACES, centerline=line, radius_mm=radius,
        sources=tuple(table["sources"]), evidence=table["evidence"],
    )  # fmt: skip


def _between(body: Field, top: Mapping[str, Any]) -> Field:
    return intersect(body, half_space(top["point"], top["normal"]), float(top["rounding"]))
