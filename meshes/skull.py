"""The cranium: a charted braincase, face and base as blended parts, hollowed by brain, orbits and nose."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.fields import Field, offset, subtract
from meshes.parts import Part
from meshes.points import load_table, shared_curves
from meshes.skull_charts import braincase, maxilla
from meshes.skull_hollows import foramen_magnum, nasal_cavity, orbit
from meshes.skull_shapes import Step, form, step, stepped, swelling
from meshes.skull_teeth import tooth_steps

Array = NDArray[np.float64]


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
    outer, inner = braincase(table["braincase"])
    eye, nose, hole = orbit(table["orbit"]), nasal_cavity(table["nasal_cavity"]), foramen_magnum(table["foramen_magnum"])
    steps = [Step("add", maxilla(table["maxilla"]), 4.0)]
    steps += [step(row, "add") for row in table["add"].values()]
    steps += [*_nuchal_ridges(table["nuchal_ridges"]), *(step(row, "swell") for row in table["swell"].values())]
    steps += [Step("carve", eye, 2.5), Step("carve", nose, 2.0)]
    steps += [step(row, "carve") for row in table["carve"].values()]
    steps += tooth_steps(table["teeth"])
    walls = [
        offset(eye, float(table["orbit"]["wall_thickness"])),
        offset(nose, float(table["nasal_cavity"]["wall_thickness"])),
    ]
    rises = [Step("carve", form(row), float(row["blend"])) for row in table["inside"].values()]
    brain = stepped(inner, [*(Step("carve", wall, 3.0) for wall in walls), *rises])
    bone = subtract(stepped(outer, steps), brain)
    bone = stepped(bone, [Step("carve", hole, float(table["foramen_magnum"]["rim_rounding"]))])
    return folded(bone, table["cranium"]["lower"], table["cranium"]["upper"])


def folded(half: Field, lower: Any, upper: Any) -> Field:
    """Return the field of both sides of `half`, which is read at |x|, within a given box, mm."""

    def distance(p: Array) -> Array:
        q = p.copy()
        q[:, 0] = np.abs(q[:, 0])
        return half(q)

    return Field(distance, np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64))


def _nuchal_ridges(rows: Mapping[str, Any]) -> list[Step]:
    """Return the nuchal lines as soft ridges under the shared curves."""
    lines = {name: shared_curves()[f"{name}_nuchal_line_right"] for name in ("superior", "inferior")}
    return [swelling(crest, rows[name]["height"], rows[name]["width"]) for name, crest in lines.items()]
