"""Muscles of temple, scalp and brow, as sheets drawn on the bone under the skin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.fields import Field, intersect, offset, subtract, symmetric, union
from meshes.parts import Part
from meshes.points import load_table
from meshes.sheets import Sheet, bedded, loft, wrap

Array = NDArray[np.float64]
# what lies deeper is formed first, and the next one lies on it
ORDER = ("temporalis", "corrugator_supercilii", "frontalis", "procerus", "occipitalis", "masseter", "orbicularis_oculi")
SPOKES = 25
LEAST_COVER_MM = 1.1
PLANE_MM = 0.15  # fascial plane kept between two muscles


def head_muscle_parts(bones: Field, skin: Field) -> list[Part]:
    """Return the head muscles, deep ones first.

    Parameters
    ----------
    bones : Field
        Every bone, both sides, mm.
    skin : Field
        Outer surface of the body, without the auricles, mm.

    Returns
    -------
    list of Part
        Right side of the paired muscles, whole median ones.
    """
    table = load_table("head_muscles")
    bodies: dict[str, Field] = {}
    parts: list[Part] = []
    for key in ORDER:
        recipe = table[key]
        deeper = [bodies[name] for name in recipe.get("over", ())]
        sheet = formed(recipe, union(bones, *deeper), skin)
        body = sheet.field()
        bodies[key] = body if recipe.get("median") else symmetric(body)
        whole = subtract(intersect(body, offset(skin, -LEAST_COVER_MM)), bones, *(offset(other, PLANE_MM) for other in deeper))
        parts.append(_part(key, recipe, whole, sheet))
    return parts


def formed(recipe: Mapping[str, Any], beneath: Field, skin: Field) -> Sheet:
    """Return the sheet of a recipe, wrapped over what lies beneath and under the skin."""
    rows = [np.array(row, dtype=np.float64) for row in recipe["rows"].values()] if "rows" in recipe else _spokes(recipe, skin)
    sheet = loft(
        rows,
        thickness=[(float(a), float(b)) for a, b in recipe["thickness"]],
        edge=recipe["edge"],
        edge_share=recipe["edge_share"],
        tendon=(recipe["tendon"][0], recipe["tendon"][1]),
        step_mm=recipe.get("step", 1.2),
    )
    bed = beneath
    if "bed" in recipe:  # a scalp muscle lies at its depth under the skin, over loose tissue, not on the bone
        bed = union(beneath, offset(skin, -float(recipe["bed"])))
    laid = wrap(
        sheet,
        bed,
        skin,
        gap=recipe["gap"],
        cover=recipe["cover"],
        settle=recipe.get("settle", 0.0),
        stiffness_mm=tuple(recipe.get("stiffness", (5.0, 5.0))),
    )
    if "fill" in recipe:
        laid = bedded(laid, float(recipe["fill"]), bed)
    if "free_below" not in recipe:
        return laid
    full, none = recipe["free_below"]
    bound = np.clip((sheet.points[..., 2] - none) / (full - none), 0.0, 1.0)
    return Sheet(
        sheet.points + bound[..., None] * (laid.points - sheet.points),
        sheet.half_mm + bound * (laid.half_mm - sheet.half_mm),
        sheet.tendon,
    )


def _spokes(recipe: Mapping[str, Any], skin: Field) -> list[Array]:
    """Rows of a ring muscle: short lines from its opening to its rim, one after the other round it."""
    ring, depth = recipe["ring"], 0.5 * (recipe["bed"] + recipe["cover"])
    front, back = ring["search"]
    rows = []
    for t in np.deg2rad(np.linspace(ring["from_deg"], ring["to_deg"], SPOKES)):
        reach = np.linspace(ring["inner"], ring["outer"], 4)
        x, z = ring["centre"][0] + reach[:, 0] * np.cos(t), ring["centre"][1] + reach[:, 1] * np.sin(t)
        ahead = np.arange(float(front), float(back), -0.25)
        grid = np.stack([np.broadcast_to(c[:, None], (4, len(ahead))) for c in (x, x, z)], axis=-1).copy()
        grid[..., 1] = ahead
        inside = skin(grid.reshape(-1, 3)).reshape(4, -1) < -depth
        rows.append(np.column_stack([x, ahead[np.argmax(inside, axis=1)], z]))
    return rows


def _part(key: str, recipe: Mapping[str, Any], field: Field, sheet: Sheet) -> Part:
    return Part(
        key,
        field,
        recipe["spacing"],
        recipe["faces"],
        fibres=sheet.fibres_at,
        sources=tuple(recipe["sources"]),
        evidence=recipe["evidence"],
    )
