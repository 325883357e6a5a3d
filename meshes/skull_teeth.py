"""Rows of teeth: each a rounded, tapering crown on its root, set along the dental arch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.fields import Field, tube
from meshes.skull_shapes import Step

Array = NDArray[np.float64]
SQUARE = 3.0  # exponent of the superellipse of a crown's section
CREST = 1.0  # mm, fillet between neighbouring crowns: sharper clefts tear when the surface is thinned


def tooth_steps(table: Mapping[str, Any]) -> list[Step]:
    """Return the right half of a row of teeth as steps to add to a jaw, crowns after roots.

    Parameters
    ----------
    table : mapping
        `neck` height z (mm) at the first tooth, `pointing` (-1 down, +1 up), and `row`: per tooth from the midline `at`
        (x, y), `mesiodistal`, `buccolingual`, `occlusal` (z), `edge` (share of the thickness left at the edge), `root`.
    """
    rows = list(table["row"].values())
    at = np.array([r["at"] for r in rows], dtype=np.float64)
    ahead = np.vstack([at[:1] * [-1.0, 1.0], at, 2 * at[-1:] - at[-2:-1]])
    along = ahead[2:] - ahead[:-2]
    along /= np.linalg.norm(along, axis=1)[:, None]
    sign = float(table["pointing"])
    necks = [float(r.get("neck", table["neck"])) for r in rows]
    roots = [_root(r, c, z, sign) for r, c, z in zip(rows, at, necks, strict=True)]
    crowns = [_crown(r, c, t, z, sign) for r, c, t, z in zip(rows, at, along, necks, strict=True)]
    return [*roots, *crowns]


def _root(row: Mapping[str, Any], at: Array, neck: float, sign: float) -> Step:
    """Return the root that swells the jaw over a tooth."""
    top = np.array([*at, neck + sign * 1.0])
    tip = np.array([*(at * [0.9, 0.955]), neck - sign * float(row["root"])])
    half = min(row["mesiodistal"], row["buccolingual"]) / 2
    return Step("add", tube(np.array([top, (top + tip) / 2, tip]), np.array([half * 0.9, half * 0.65, half * 0.3])), 3.0)


def _crown(row: Mapping[str, Any], at: Array, along: Array, neck: float, sign: float) -> Step:
    """Return a crown: narrower at the neck, thinned to an edge in front, hollowed on top behind."""
    length = abs(float(row["occlusal"]) - neck)
    a, b, edge = float(row["mesiodistal"]) / 2, float(row["buccolingual"]) / 2, float(row["edge"])
    out = np.array([-along[1], along[0]])
    molar = edge > 0.6

    def distance(p: Array) -> Array:
        q = p[:, :2] - at
        h = (p[:, 2] - neck) * sign / length
        f = np.clip(h, 0.0, 1.0)
        u = q @ along
        wide = a * (0.84 + 0.16 * np.sin(np.minimum(f * 1.25, 1.0) * np.pi / 2))
        thick = b * ((1 + 0.12 * np.sin(np.pi * f)) * (1 - (1 - edge) * f**1.3))
        v = q @ out + (0.0 if molar else -b * 0.35 * f)
        k = ((np.abs(u) / wide) ** SQUARE + (np.abs(v) / thick) ** SQUARE) ** (1 / SQUARE)
        side = (k - 1) * np.minimum(wide, thick)
        pit = 1.3 * np.exp(-((u / (0.55 * a)) ** 2) * (0.3 if b > a else 1.0) - (v / (0.4 * b)) ** 2)
        dip = pit if molar else 0.12 * u * u / a
        top = (h - 1) * length + dip
        ends = np.maximum(top, -h * length - 2.0)
        return np.asarray(-_round_min(-side, -ends, 1.6 if molar else 1.0))

    low, high = sorted((neck - sign * 2.0, float(row["occlusal"])))
    reach = max(a, b) + 1.0
    lower, upper = np.array([*(at - reach), low]), np.array([*(at + reach), high])
    return Step("add", Field(distance, lower, upper), CREST)


def _round_min(a: Array, b: Array, blend: float) -> Array:
    h = np.maximum(blend - np.abs(a - b), 0.0) / blend
    return np.asarray(np.minimum(a, b) - h * h * blend * 0.25)
