"""The auricle: a thin folded plate inside an outline, with its rim, tragus, antitragus and lobule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.curves import catmull_rom
from meshes.face import form_field, relief_height
from meshes.fields import Field, placed, smooth_union, subtract

Array = NDArray[np.float64]
OUTLINE_STEP = 0.25  # mm between the stations of the outline


def auricle_field(skin: Field, table: Mapping[str, Any]) -> Field:
    """Return the right auricle: what stands out of `skin`, touching it.

    Parameters
    ----------
    skin : Field
        The skin without auricles.
    table : mapping
        `auricle` of `skin.toml`; its points are (v posterior, u up, w lateral) in mm.
    """
    ear = placed(_upright(table), auricle_axes(table), table["origin"])
    return subtract(ear, skin)


def auricle_axes(table: Mapping[str, Any]) -> Array:
    """Return the auricle's frame as a (3, 3) matrix: columns posterior, up and lateral."""
    tilt, flare, lean = np.deg2rad([table["tilt_back_deg"], table["flare_deg"], table["lean_out_deg"]])
    up = np.array([np.sin(lean), -np.sin(tilt) * np.cos(lean), np.cos(tilt) * np.cos(lean)])
    back = np.array([0.0, -np.cos(tilt), -np.sin(tilt)])
    side = np.cross(back, up)
    side *= np.sign(side[0])
    return np.column_stack([np.cos(flare) * back + np.sin(flare) * side, up, np.cos(flare) * side - np.sin(flare) * back])


def _upright(table: Mapping[str, Any]) -> Field:
    """Return the auricle in its own frame."""
    forms = [form_field(row) for row in table["form"]]
    return smooth_union([_plate(table), *forms], float(table["blend"]))


def _plate(table: Mapping[str, Any]) -> Field:
    """Return the folded plate between outline and concha floor."""
    ring = _ring(table["outline"])
    outline, concha = inside_ring(ring), inside_ring(_ring(table["concha"]))
    reliefs = [relief_height(row) for row in table["relief"]]
    half, wall, depth = (float(table[k]) for k in ("half_thickness", "concha_wall", "concha_depth"))

    def middle(q: Array) -> Array:
        bowl = np.clip(0.5 - concha(q) / wall, 0.0, 1.0)
        return np.asarray(sum((r(q[:, 0], q[:, 1]) for r in reliefs), -depth * bowl * bowl * (3.0 - 2.0 * bowl)))

    def distance(p: Array) -> Array:
        q, step = p[:, :2], 0.3
        here = middle(q)
        rise = np.hypot(middle(q + [step, 0.0]) - here, middle(q + [0.0, step]) - here) / step
        edge, sheet = outline(q) + half, np.abs(p[:, 2] - here) / np.hypot(1.0, rise)
        return np.asarray(np.where(edge > 0, np.hypot(np.maximum(edge, 0), sheet), np.maximum(sheet, edge)) - half)

    low, high = ring.min(axis=0) - 4.0, ring.max(axis=0) + 4.0
    return Field(distance, np.array([*low, -depth - 6.0]), np.array([*high, 8.0]))


def _ring(points: Mapping[str, list[float]]) -> Array:
    """Return a smooth closed curve (n, 2) through named points."""
    nodes = np.array([[v, u, 0.0] for v, u in points.values()])
    around = np.vstack([nodes[-2:], nodes, nodes[:2]])
    curve = catmull_rom(around, OUTLINE_STEP)[:, :2]
    away, half = np.linalg.norm(curve - nodes[0, :2], axis=1), len(curve) // 2
    return curve[int(np.argmin(away[:half])) : half + int(np.argmin(away[half:]))]


def inside_ring(ring: Array) -> Callable[[Array], Array]:
    """Return the signed distance of plane points (n, 2) to a closed curve, negative inside."""
    tree = cKDTree(ring)
    along = np.roll(ring, -1, axis=0) - np.roll(ring, 1, axis=0)
    area = ring[:, 0] @ np.roll(ring[:, 1], -1) - ring[:, 1] @ np.roll(ring[:, 0], -1)
    outward = np.column_stack([along[:, 1], -along[:, 0]]) * np.sign(area)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)

    ahead = np.column_stack([-outward[:, 1], outward[:, 0]])

    def distance(q: Array) -> Array:
        _, nearest = tree.query(q)
        d = q - ring[nearest]
        along_it = np.clip(np.einsum("ij,ij->i", d, ahead[nearest]), -OUTLINE_STEP, OUTLINE_STEP)
        away = np.sqrt(np.maximum(np.einsum("ij,ij->i", d, d) - along_it**2, 0.0))
        return np.asarray(np.sign(np.einsum("ij,ij->i", d, outward[nearest])) * away)

    return distance
