"""The hyoid bone: a bent plate with two pairs of horns."""

from __future__ import annotations

from functools import cache

from meshes.fields import Field
from meshes.parts import Part
from meshes.points import load_table
from meshes.skull import folded
from meshes.skull_shapes import form, step, stepped


def hyoid_parts() -> list[Part]:
    """Return the hyoid bone as one part, both sides in one field, mm."""
    row = load_table("hyoid")["hyoid_bone"]
    return [
        Part(
            "hyoid_bone",
            hyoid_field(),
            float(row["spacing_mm"]),
            int(row["faces"]),
            sources=tuple(row["sources"]),
            evidence=str(row["evidence"]),
        )
    ]


@cache
def hyoid_field() -> Field:
    """Return the hyoid bone as a signed distance field, mm, both sides."""
    table = load_table("hyoid")
    steps = [step(row, mode) for mode in ("add", "swell") for row in table[mode].values()]
    return folded(stepped(form(table["body"]), steps), table["hyoid_bone"]["lower"], table["hyoid_bone"]["upper"])
