"""Bodies of the vertebrae, with end plates, waist and uncinate lips, and the discs between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.fields import Field
from meshes.levels import Level

Array = NDArray[np.float64]


def body_top(size: Mapping[str, Any], q: Array) -> Array:
    """Return the height of the upper end plate, with its uncinate lips, over local points (n, 3)."""
    rim = _rim(np.abs(q[:, 0]) / (0.5 * size["body_width_upper"]))
    front = q[:, 1] / (0.5 * size["body_depth"])
    lip = size["uncinate_height"] * rim * np.clip(0.75 - 0.35 * front, 0.2, 1.0)
    return np.asarray(0.5 * size["body_height"] - 0.5 - 0.5 * np.clip(front, -1, 1) + lip)


def body_bottom(size: Mapping[str, Any], q: Array, bevel: float = 0.0) -> Array:
    """Return the height of the lower end plate over local points; `bevel` mm lifts its sides above uncinate lips."""
    side = _rim(np.abs(q[:, 0]) / (0.5 * size["body_width_lower"]))
    front = np.clip(q[:, 1] / (0.5 * size["body_depth"]), -1.2, 1.2)
    lip = size["anterior_lip"] * np.maximum(front, 0.0) ** 2
    return np.asarray(-0.5 * size["body_height"] + 0.7 * (1 - front**2) - lip + bevel * side)


def body_girth(size: Mapping[str, Any], q: Array, waist: float = 0.1) -> Array:
    """Return the distance of local points (n, 3) to the side wall of the body, negative within."""
    t = np.clip(q[:, 2] / size["body_height"] + 0.5, 0.0, 1.0)
    slim = 1.0 - waist * np.sin(np.pi * t)
    a = 0.5 * (size["body_width_lower"] + t * (size["body_width_upper"] - size["body_width_lower"])) * slim
    b = 0.5 * size["body_depth"] * slim
    x, y, power = np.abs(q[:, 0]) / a, np.abs(q[:, 1]) / b, 2.35
    k = np.maximum((x**power + y**power) ** (1 / power), 1e-6)
    slope = np.sqrt((x ** (power - 1) / a) ** 2 + (y ** (power - 1) / b) ** 2) * k ** (1 - power)
    return np.asarray((k - 1.0) / np.maximum(slope, 1e-3))


def body(place: Level, below: Level | None) -> Field:
    """Return the body of a vertebra."""
    bevel = 0.85 * below.size["uncinate_height"] if below is not None else 0.0
    size = place.size

    def distance(p: Array) -> Array:
        q = place.local(p)
        ends = _round_max(0.9 * (q[:, 2] - body_top(size, q)), 0.9 * (body_bottom(size, q, bevel) - q[:, 2]), 1.0)
        return _round_max(body_girth(size, q), ends, 1.6)

    wide = max(size["body_width_upper"], size["body_width_lower"])
    half = 0.5 * np.array([wide, size["body_depth"], size["body_height"] + 2 * size["uncinate_height"] + 6.0])
    reach = np.abs(place.turn) @ (half + 1.0)
    return Field(distance, place.origin - reach, place.origin + reach)


def disc(above: Level, below: Level) -> Field:
    """Return the disc that fills the gap between two bodies."""
    bevel = 0.85 * below.size["uncinate_height"]

    def distance(p: Array) -> Array:
        low, high = below.local(p), above.local(p)
        floor = 0.9 * (body_top(below.size, low) + 0.05 - low[:, 2])
        roof = 0.9 * (high[:, 2] - body_bottom(above.size, high, bevel) + 0.05)
        girth = 0.5 * (body_girth(below.size, low, 0.0) + body_girth(above.size, high, 0.0)) + 0.4
        return _round_max(girth, np.maximum(floor, roof), 0.8)

    half = 0.5 * np.array([below.size["body_width_upper"], below.size["body_depth"], 0.0]) + np.array([1.0, 3.0, 0.0])
    ends = np.array([below.at([0, 0, 0.2 * below.size["body_height"]]), above.at([0, 0, -0.2 * above.size["body_height"]])])
    return Field(distance, ends.min(axis=0) - half, ends.max(axis=0) + half)


def _rim(share: Array) -> Array:
    t = np.clip((share - 0.42) / 0.55, 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def _round_max(a: Array, b: Array, blend: float) -> Array:
    h = np.maximum(blend - np.abs(a - b), 0.0) / blend
    return np.asarray(np.maximum(a, b) + h * h * blend * 0.25)
