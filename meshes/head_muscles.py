"""Muscles of temple, scalp and brow, as sheets drawn on the bone under the skin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshes.fields import Field, offset, sampled, subtract, symmetric, union
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
    parts: list[Part] = []
    beneath = bones
    for key in ORDER:
        recipe = table[key]
        sheet = formed(recipe, beneath, skin)
        body = sampled(sheet.field(), max(0.35, 0.5 * recipe["spacing"]), margin=2.0)
        deeper = [offset(p.field, PLANE_MM) for p in parts]
        whole = subtract(body, bones, *deeper)
        parts.append(_part(key, recipe, whole, sheet))
        if key != "temporalis":
            beneath = union(beneath, body if recipe.get("median") else symmetric(body))
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
    return wrap(sheet, beneath, skin, gap=recipe["gap"], cover=recipe["cover"])


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
