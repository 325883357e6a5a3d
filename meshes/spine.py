"""The cervical and upper thoracic spine: nine vertebrae and their discs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from meshes.atlas_axis import atlas, axis
from meshes.blades import carved
from meshes.curves import catmull_rom
from meshes.fields import Field, tube
from meshes.levels import Level, level, lower_joint, upper_joint
from meshes.parts import Part
from meshes.points import load_table
from meshes.vertebra import pillar, spine_ends, vertebra
from meshes.vertebral_body import disc

Array = NDArray[np.float64]
LEVELS = (
    "axis",
    "third_cervical_vertebra",
    "fourth_cervical_vertebra",
    "fifth_cervical_vertebra",
    "sixth_cervical_vertebra",
    "seventh_cervical_vertebra",
    "first_thoracic_vertebra",
    "second_thoracic_vertebra",
)
SPACING_MM, FACES = 0.55, 9000
DISC_SPACING_MM, DISC_FACES, DISC_GAP_MM = 0.6, 1600, 0.05


def spine_parts() -> list[Part]:
    """Return atlas to second thoracic vertebra and the discs between them, from above down."""
    places = [level(key) for key in LEVELS]
    pillars, artery = _pillars(places), artery_way()
    parts = [_bone("atlas", atlas(artery)), _bone("axis", axis(places[0], places[1], pillars[1:2], artery))]
    for i, place in enumerate(places[1:], 1):
        below = places[i + 1] if i + 1 < len(places) else None
        others = [pillars[j] for j in (i - 1, i + 1) if j < len(places)]
        parts.append(_bone(place.key, vertebra(place, below, others, _way(places, i), artery)))
    discs = [_disc(a, b, parts[i + 1 : i + 3]) for i, (a, b) in enumerate(pairwise(places))]
    return parts + discs


@cache
def transverse_foramina() -> dict[str, Array]:
    """Return the centre (3,) mm RAS of the right transverse foramen of each vertebra that has one, C1 to C7."""
    table = load_table("vertebrae")
    out = {"atlas": np.array(table["atlas"]["foramen"]), "axis": np.array(table["axis"]["foramen"])}
    for key in LEVELS[1:]:
        if "foramen" in table[key]:
            out[key] = level(key).foramen()
    return out


def artery_way() -> Field:
    """Return the clear way that the bones of the right side leave to the vertebral artery, from below C6 to the dura."""
    row, centres = load_table("vertebrae")["artery"], transverse_foramina()
    through = [centres[key] for key in (*reversed(LEVELS[1:5]), "axis")]
    nodes = np.vstack([row["below"], through, row["bulge"], centres["atlas"], row["beyond"]])
    return tube(catmull_rom(nodes, 1.5), row["clear_radius"])


def facet_joints() -> dict[str, Array]:
    """Return the middle (3,) mm RAS of the right facet joint above each vertebra from C3 down."""
    return {key: upper_joint(level(key)).middle for key in LEVELS[1:]}


def spine_axis(key: str) -> tuple[Array, Array]:
    """Return root and end (3,) mm RAS of the axis of a spinous process, from the axis down."""
    if key == "axis":
        nodes = np.array(load_table("vertebrae")[key]["spine_axis"])
        return nodes[0], nodes[-1]
    return spine_ends(level(key))


def cobb_c2_c7() -> float:
    """Return the angle in degrees between the lower end plates of C2 and C7, lordosis positive."""
    return float(level("seventh_cervical_vertebra").size["lean"] - level("axis").size["lean"])


def _pillars(places: list[Level]) -> list[Field]:
    gap = float(load_table("vertebrae")["joints"]["facet_gap"])
    below = [*places[1:], None]
    return [
        pillar(p, None if i == 0 else upper_joint(p), lower_joint(p, low), gap)
        for i, (p, low) in enumerate(zip(places, below, strict=True))
    ]


def _way(places: list[Level], i: int) -> list[Array]:
    """Points of the canal above, in and below a vertebra."""
    here = places[i]
    low = places[i + 1].canal_centre() if i + 1 < len(places) else here.canal_centre() - 20.0 * here.up
    return [places[i - 1].canal_centre(), here.canal_centre(), low]


def _bone(key: str, form: Field) -> Part:
    row = load_table("vertebrae")[key]
    return Part(key, form, SPACING_MM, FACES, sources=tuple(row["sources"]), evidence=row["evidence"])


def _disc(above: Level, below: Level, bones: Sequence[Part]) -> Part:
    key = f"intervertebral_disc_{above.size['number']}_{below.size['number']}"
    form = carved(disc(above, below), [bone.field for bone in bones], 0.0, DISC_GAP_MM)
    return Part(key, form, DISC_SPACING_MM, DISC_FACES, sources=("manipal_typical",), evidence="DERIVED")
