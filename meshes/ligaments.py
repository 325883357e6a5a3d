"""Ligaments of the cervical spine: interspinous sheets, capsules of the facet joints, membranes of atlas and axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.blades import carved
from meshes.fields import Field, ellipsoid, intersect, offset, project, smooth_union, symmetric
from meshes.girdle import polygon_distance
from meshes.levels import SIDE, level, upper_joint
from meshes.parts import Part
from meshes.points import FLIP, load_table
from meshes.sheets import loft
from meshes.spine import artery_way, spine_axis

Array = NDArray[np.float64]
SPACING_MM = 0.4
SINK_MM = 0.6  # an attachment starts this far inside its bone, which is then taken away
BONE_GAP_MM = 0.05
EDGE_MM = 0.5


def ligament_parts(bones: Sequence[Part], clear: Sequence[Field] = ()) -> list[Part]:
    """Return the ligaments between the given bones, from above down.

    Parameters
    ----------
    bones : sequence of Part
        At least the vertebrae; the membranes of the occiput need `cranium`, and are left out without it.
    clear : sequence of Field
        What else the ligaments keep out of, such as the dura and the second cervical ganglion.

    References
    ----------
    Mercer and Bogduk (2003) for the interspinous ligaments; thicknesses are taught ones and were not read.
    """
    table, forms = load_table("ligaments"), {part.key: part.field for part in bones}
    return [*_membranes(table["membranes"], forms, clear), *_interspinous(table["interspinous"], forms, clear),
            *_capsules(table["capsule"], forms, clear)]  # fmt: skip


def _membranes(rows: Mapping[str, Any], forms: Mapping[str, Field], clear: Sequence[Field]) -> list[Part]:
    arteries = symmetric(offset(artery_way(), rows["artery_gap"]))
    out = []
    for key, row in rows.items():
        if not isinstance(row, Mapping) or row["upper"] not in forms or row["lower"] not in forms:
            continue
        around = [forms[row["upper"]], forms[row["lower"]], arteries, *clear]
        out.append(_part(key, carved(_membrane(row, forms), around, EDGE_MM, BONE_GAP_MM), row, rows))
    return out


def _membrane(row: Mapping[str, Any], forms: Mapping[str, Field]) -> Field:
    """A sheet of even thickness between two bones, right and left in one."""
    right = [np.asarray(line, dtype=np.float64) for line in row["rows"]]
    for at, bone in ((0, row["upper"]), (-1, row["lower"])):
        right[at] = project(forms[bone], right[at], -SINK_MM)
    whole = [np.vstack([line[:0:-1] * FLIP, line]) for line in right]
    return loft(whole, thickness=[(0, row["thickness"]), (1, row["thickness"])], edge=0.04, edge_share=0.8, step_mm=0.8).field()


def _interspinous(row: Mapping[str, Any], forms: Mapping[str, Field], clear: Sequence[Field]) -> list[Part]:
    out = []
    for above, below in pairwise(row["levels"]):
        shares = np.array([row["front_share"], row["rear_share"]])[:, None]
        upper, lower = (root + shares * (end - root) for root, end in (spine_axis(above), spine_axis(below)))
        sheet = _plate(np.vstack([upper, lower[::-1]])[:, 1:], 0.5 * row["thickness"])
        form = carved(sheet, [forms[above], forms[below], *clear], EDGE_MM, BONE_GAP_MM)
        out.append(_part(f"interspinous_ligament_{_pair(above, below)}", form, row, row))
    return out


def _plate(outline: ArrayLike, half: float) -> Field:
    """A median plate over an outline (m, 2) of (y, z), with round edges."""
    corners = np.asarray(outline, dtype=np.float64)

    def distance(p: Array) -> Array:
        past = np.maximum(polygon_distance(corners, p[:, 1:]) + half, 0.0)
        return np.asarray(np.hypot(past, p[:, 0]) - half)

    low, high = corners.min(axis=0), corners.max(axis=0)
    return Field(distance, np.array([-half, *low]), np.array([half, *high]))


def _capsules(row: Mapping[str, Any], forms: Mapping[str, Field], clear: Sequence[Field]) -> list[Part]:
    out = []
    previous = {"third_cervical_vertebra": "axis"} | {b: a for a, b in pairwise(row["levels"])}
    for below in row["levels"]:
        above = previous[below]
        sleeve = carved(
            _sleeve(below, row, [forms[above], forms[below]]), [forms[above], forms[below], *clear], EDGE_MM, BONE_GAP_MM
        )
        out.append(_part(f"zygapophysial_joint_capsule_{_pair(above, below)}", sleeve, row, row))
    return out


def _sleeve(key: str, row: Mapping[str, Any], bones: Sequence[Field]) -> Field:
    """What lies within a capsule's thickness of both bones round the right joint above vertebra `key`."""
    place = level(key)
    joint = upper_joint(place)
    rim = 0.5 * np.array([place.size["facet_width"], place.size["facet_length"]]) + row["reach"]
    region = ellipsoid(joint.middle, [*rim, row["overlap"]], np.array([SIDE, np.cross(SIDE, joint.normal), joint.normal]))
    return intersect(region, offset(smooth_union(bones, row["bridge"]), row["thickness"]), EDGE_MM)


def _pair(above: str, below: str) -> str:
    numbers = (load_table("vertebrae")[key]["number"] for key in (above, below))
    return "_".join(numbers)


def _part(key: str, form: Field, row: Mapping[str, Any], whole: Mapping[str, Any]) -> Part:
    about = {**load_table("ligaments"), **row}
    return Part(key, form, SPACING_MM, whole["faces"], sources=tuple(about["sources"]), evidence=about["evidence"])
