"""Eyebrows and short hair: thin forms on the skin, for pictures that want them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.curves import catmull_rom
from meshes.ear import inside_ring
from meshes.face import form_field
from meshes.fields import Field
from meshes.parts import Part
from meshes.points import FLIP, load_table
from meshes.skin import skin_field

Array = NDArray[np.float64]
RING_STEP_MM = 1.0
HEAD_RADIUS_MM = 85.0  # by which an angle seen from the head's centre becomes a length along the scalp
ROOM_MM = 8.0  # round the named points, within which all hair lies
CROWN = np.array([0.0, -0.45, 0.89])  # direction on which the map of the scalp is centred


def hair_parts() -> list[Part]:
    """Return the eyebrow (right) and the hairs of the head (median)."""
    table = load_table("hair")
    return [
        _on_skin("eyebrow", table["eyebrow"], _inside_brow(table["eyebrow"]), _brow_box(table["eyebrow"])),
        _on_skin("hairs_of_head", table["hairs_of_head"], _inside_hairline(table["hairs_of_head"]), _cap_box()),
    ]


def _on_skin(key: str, row: Mapping[str, Any], inside: Callable[[Array], Array], box: tuple[Array, Array]) -> Part:
    """Return what rises over the skin where `inside` is negative, steeply at its edge, level in its middle."""
    skin, height, rise, root = skin_field(), float(row["height_mm"]), float(row["rise_mm"]), float(row["root_mm"])

    def distance(p: Array) -> Array:
        out, edge = skin(p), inside(p)
        share = np.minimum(-edge / rise, 1.0)
        top = height * np.where(share > 0, share * (2.0 - share), 2.0 * share)
        return np.maximum(out - top, -out - root)

    return Part(key, Field(distance, *box), float(row["spacing_mm"]), int(row["triangles"]))


def _inside_brow(row: Mapping[str, Any]) -> Callable[[Array], Array]:
    """Return the distance to the brow's outline as seen from the front, negative inside."""
    band = form_field({"nodes": [[x, 0.0, z] for x, z in row["line"]], "radii": row["half_breadth_mm"]})
    return lambda p: band(p * [1.0, 0.0, 1.0])


def _brow_box(row: Mapping[str, Any]) -> tuple[Array, Array]:
    line = np.array(row["line"], dtype=np.float64)
    (x0, z0), (x1, z1) = line.min(axis=0) - ROOM_MM, line.max(axis=0) + ROOM_MM
    return np.array([max(x0, 0.0), 40.0, z0]), np.array([x1, 100.0, z1])


def _inside_hairline(row: Mapping[str, Any]) -> Callable[[Array], Array]:
    """Return the distance along the scalp to the hairline, negative inside, about right near it."""
    curves = load_table("skin")["curves"]
    front = np.array(curves["hairline"]["through"], dtype=np.float64)
    right = np.vstack([front[front[:, 0] >= 0], curves["temporal_hairline"]["through"][1:], list(row["lower"].values())])
    around = np.vstack([right, (right * FLIP)[::-1][1:-1]])
    centre = np.array(row["centre"], dtype=np.float64)
    ring = catmull_rom(np.column_stack([_flat(np.vstack([around, around[:1]]), centre), np.zeros(len(around) + 1)]), RING_STEP_MM)
    beyond = inside_ring(ring[:-1, :2])
    return lambda p: beyond(_flat(p, centre))


def _flat(points: Array, centre: Array) -> Array:
    """Return points (n, 3) on a map (n, 2) of the scalp, mm: directions true to distance from the crown."""
    d = points - centre
    d = d / np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-9)
    ahead = np.array([0.0, CROWN[2], -CROWN[1]])
    angle = np.arccos(np.clip(d @ CROWN, -1.0, 1.0))
    flat = np.column_stack([d[:, 0], d @ ahead])
    return np.asarray(flat * (HEAD_RADIUS_MM * angle / np.maximum(np.linalg.norm(flat, axis=1), 1e-9))[:, None])


def _cap_box() -> tuple[Array, Array]:
    skin = skin_field()
    low = np.array([-90.0, skin.lower[1], load_table("hair")["hairs_of_head"]["lower"]["nape_median"][2]])
    return low - ROOM_MM, np.array([90.0, 90.0, skin.upper[2]]) + ROOM_MM
