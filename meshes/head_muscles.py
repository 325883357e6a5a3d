"""Muscles of temple, scalp and brow and the aponeurosis of the scalp, as sheets drawn on the bone under the skin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.fields import Field, intersect, offset, project, smooth_union, subtract, symmetric, union
from meshes.muscle_recipes import heads_fibres
from meshes.parts import Fibres, Part
from meshes.points import FLIP, load_table
from meshes.sheets import Sheet, bedded, loft, wrap

Array = NDArray[np.float64]
# what lies deeper is formed first, and the next one lies on it
ORDER = (
    "temporalis", "corrugator_supercilii", "frontalis", "procerus", "occipitalis", "masseter", "orbicularis_oculi",
    "epicranial_aponeurosis",
)  # fmt: skip
SPOKES = 25
BLEND_MM = 2.0  # fillet where two sheets of one muscle join
NEAR_MM = 10.0  # beyond which a deeper muscle is not felt


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
    layers = table["layers"]
    bodies: dict[str, Field] = {}
    parts: list[Part] = []
    for key in ORDER:
        recipe = table[key]
        deeper = [_boxed(bodies[name]) for name in recipe.get("over", ())]
        bed = union(bones, *deeper)
        sheets = [formed(recipe, bed, skin)]
        if "tail" in recipe:
            sheets.append(formed({**recipe, **recipe["tail"]}, bed, skin))
        body = smooth_union([sheet.field() for sheet in sheets], BLEND_MM)
        bodies[key] = body if recipe.get("median") else symmetric(body)
        under = intersect(body, offset(skin, -float(layers["least_cover_mm"])))
        whole = subtract(under, bones, *(offset(other, float(layers["plane_mm"])) for other in deeper))
        parts.append(_part(key, recipe, whole, heads_fibres(sheets)))
    return parts


def _boxed(field: Field) -> Field:
    """Return `field` where it may be met, far away elsewhere: a small muscle is cheap to take from a wide one."""
    lower, upper = field.lower - NEAR_MM, field.upper + NEAR_MM

    def distance(p: Array) -> Array:
        near = np.flatnonzero(((p > lower) & (p < upper)).all(axis=1))
        out = np.full(len(p), 2.0 * NEAR_MM)
        out[near] = np.minimum(out[near], field(p[near]))
        return out

    return Field(distance, field.lower, field.upper)


def formed(recipe: Mapping[str, Any], beneath: Field, skin: Field) -> Sheet:
    """Return the sheet of a recipe, wrapped over what lies beneath and under the skin."""
    bed = beneath
    if "bed" in recipe:  # a scalp muscle lies at its depth under the skin, over loose tissue, not on the bone
        bed = union(beneath, offset(skin, -float(recipe["bed"])))
    rows = _rows(recipe, bed) if "rows" in recipe else _spokes(recipe, skin)
    sheet = loft(
        rows,
        thickness=[(float(a), float(b)) for a, b in recipe["thickness"]],
        breadth=[(float(a), float(b)) for a, b in recipe["breadth"]] if "breadth" in recipe else None,
        edge=recipe["edge"],
        edge_share=recipe["edge_share"],
        tendon=(recipe["tendon"][0], recipe["tendon"][1]),
        step_mm=recipe.get("step", 1.2),
    )
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


def _rows(recipe: Mapping[str, Any], bed: Field) -> list[Array]:
    """The rows of a recipe; those of a scalp muscle are laid on its bed, at the sheet's own half thickness there."""
    rows = [np.array(row, dtype=np.float64) for row in recipe["rows"].values()]
    if recipe.get("mirror_rows"):
        rows = [np.vstack([(row * FLIP)[:0:-1], row]) for row in rows]
    if "bed" not in recipe:
        return rows
    stations = np.array(recipe["thickness"], dtype=np.float64)
    half = 0.5 * np.interp(np.linspace(0, 1, len(rows)), stations[:, 0], stations[:, 1])
    return [project(bed, row, level=float(h) + float(recipe["gap"])) for row, h in zip(rows, half, strict=True)]


def _spokes(recipe: Mapping[str, Any], skin: Field) -> list[Array]:
    """Rows of a ring muscle: short lines from its opening to its rim, one after the other round it."""
    ring, depth = recipe["ring"], 0.5 * (recipe["bed"] + recipe["cover"])
    front, back = ring["search"]
    rows = []
    for t in np.deg2rad(np.linspace(ring["from_deg"], ring["to_deg"], SPOKES)):
        reach = np.linspace(ring["inner"], _outer(ring, t), 4)
        x, z = ring["centre"][0] + reach[:, 0] * np.cos(t), ring["centre"][1] + reach[:, 1] * np.sin(t)
        ahead = np.arange(float(front), float(back), -0.25)
        grid = np.stack([np.broadcast_to(c[:, None], (4, len(ahead))) for c in (x, x, z)], axis=-1).copy()
        grid[..., 1] = ahead
        inside = skin(grid.reshape(-1, 3)).reshape(4, -1) < -depth
        rows.append(np.column_stack([x, ahead[np.argmax(inside, axis=1)], z]))
    return rows


def _outer(ring: Mapping[str, Any], t: float) -> Array:
    """Half-axes (x, z) mm of a ring's rim towards the angle `t` rad from lateral: narrower towards the medial side."""
    inner, outer = (np.array(ring[k], dtype=np.float64) for k in ("inner", "outer"))
    start, end = np.deg2rad([ring["medial_from_deg"], ring["from_deg"]])
    medial = np.clip((abs(t) - start) / (end - start), 0.0, 1.0) ** 2
    return np.asarray(inner + (outer - inner) * (1.0 - (1.0 - ring["medial_share"]) * medial))


def _part(key: str, recipe: Mapping[str, Any], field: Field, fibres: Fibres) -> Part:
    return Part(
        key,
        field,
        recipe["spacing"],
        recipe["faces"],
        fibres=fibres,
        sources=tuple(recipe["sources"]),
        evidence=recipe["evidence"],
    )
