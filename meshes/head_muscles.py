"""Muscles of temple, scalp and brow, as sheets drawn on the bone under the skin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshes.fields import Field, offset, subtract, symmetric, union
from meshes.parts import Part
from meshes.points import load_table
from meshes.sheets import Sheet, loft, wrap

# what lies deeper is formed first, and the next one lies on it
ORDER = ("temporalis", "corrugator_supercilii", "procerus", "frontalis", "occipitalis")
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
        whole = subtract(body, bones, *(offset(other, PLANE_MM) for other in deeper))
        parts.append(_part(key, recipe, whole, sheet))
    return parts


def formed(recipe: Mapping[str, Any], beneath: Field, skin: Field) -> Sheet:
    """Return the sheet of a recipe, wrapped over what lies beneath and under the skin."""
    sheet = loft(
        list(recipe["rows"].values()),
        thickness=[(float(a), float(b)) for a, b in recipe["thickness"]],
        edge=recipe["edge"],
        edge_share=recipe["edge_share"],
        tendon=(recipe["tendon"][0], recipe["tendon"][1]),
        step_mm=recipe.get("step", 1.2),
    )
    bed = beneath
    if "bed" in recipe:  # a scalp muscle lies at its depth under the skin, over loose tissue, not on the bone
        bed = union(beneath, offset(skin, -float(recipe["bed"])))
    return wrap(sheet, bed, skin, gap=recipe["gap"], cover=recipe["cover"])


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
