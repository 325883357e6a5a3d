"""Hollows of the cranium: orbits, nasal cavity, foramen magnum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.curves import profile
from meshes.fields import Field

Array = NDArray[np.float64]


def orbit(row: Mapping[str, Any]) -> Field:
    """Return the right orbit, mm: a cone of rounded squares that opens forward and outward."""
    apex, mouth = (np.asarray(row[k], dtype=np.float64) for k in ("apex", "opening_centre"))
    depth = float(np.linalg.norm(mouth - apex))
    along = (mouth - apex) / depth
    across, upward = _rolled(along, np.deg2rad(float(row["roll_deg"])))
    power = float(row["squareness"])
    w0, w1, h0, h1 = (float(row[k]) for k in ("apex_half_width", "opening_half_width", "apex_half_height", "opening_half_height"))

    def distance(p: Array) -> Array:
        q = p - apex
        t = q @ along / depth
        f = np.clip(t, 0.0, 1.0) ** 0.8 + 0.2 * np.clip(t - 1.0, 0.0, 1.0)
        w, h = w0 + (w1 - w0) * f, h0 + (h1 - h0) * f
        u, v = np.abs(q @ across) / w, np.abs(q @ upward) / h
        k = (u**power + v**power) ** (1 / power)
        return np.asarray(np.maximum((k - 1) * np.minimum(w, h) * 0.93, -t * depth))

    end = mouth + along * 0.6 * depth
    return Field(distance, np.minimum(apex, end) - 22, np.maximum(apex, end) + 22)


def _rolled(along: Array, roll: float) -> tuple[Array, Array]:
    """Return the directions across and up of a section square to `along`, its outer side `roll` rad lower."""
    side = np.cross(along, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    level = np.cross(side, along)
    return side * np.cos(roll) - level * np.sin(roll), level * np.cos(roll) + side * np.sin(roll)


def nasal_cavity(row: Mapping[str, Any]) -> Field:
    """Return the air of the nose, mm: a pear in section from aperture to choanae, parted by the septum."""
    height, half = np.asarray(row["height"], dtype=np.float64), np.asarray(row["half_width"], dtype=np.float64)
    fine = np.linspace(height[0], height[-1], 120)
    width = profile(height, half, fine)
    front, back, brim, slope = (float(row[k]) for k in ("front", "back", "aperture_top", "aperture_slope"))
    thin, stop = float(row["septum_half_thickness"]), float(row["septum_front"])
    roof_z, roof_y = (np.asarray(row[k], dtype=np.float64)[::-1] for k in ("bone_roof_height", "bone_roof_front"))

    def distance(p: Array) -> Array:
        wall = (np.abs(p[:, 0]) - np.interp(p[:, 2], fine, width)) * 0.85
        wall = np.maximum(wall, np.maximum(height[0] - p[:, 2], p[:, 2] - height[-1]))
        wall = np.maximum(wall, np.maximum(back - p[:, 1], p[:, 1] - front))
        under = p[:, 1] - roof_y[0] - (p[:, 2] - roof_z[0]) * (roof_y[1] - roof_y[0]) / (roof_z[1] - roof_z[0])
        wall = np.maximum(wall, np.minimum((p[:, 2] + slope * np.abs(p[:, 0]) - brim) * 0.8, under * 0.75))
        septum = np.maximum(np.abs(p[:, 0]) - thin, p[:, 1] - stop)
        return np.asarray(np.maximum(wall, -septum))

    wide = float(half.max())
    return Field(distance, np.array([-wide, back, height[0]]), np.array([wide, front, height[-1]]))


def foramen_magnum(row: Mapping[str, Any]) -> Field:
    """Return the oval hole between basion and opisthion, mm, along the normal of its plane."""
    front, rear = (np.asarray(row[k], dtype=np.float64) for k in ("front", "rear"))
    centre, length = (front + rear) / 2, float(np.linalg.norm(front - rear)) / 2
    along = (front - rear) / (2 * length)
    up = np.cross([1.0, 0.0, 0.0], along)
    wide, deep = float(row["half_width"]), float(row["depth"])

    def distance(p: Array) -> Array:
        q = p - centre
        u, v = q[:, 0] / wide, q @ along / length
        k0 = np.hypot(u, v)
        k1 = np.hypot(u / wide, v / length)
        oval = np.where(k1 > 1e-9, k0 * (k0 - 1) / np.maximum(k1, 1e-9), -wide)
        return np.asarray(np.maximum(oval, np.abs(q @ up) - deep))

    return Field(distance, centre - 28, centre + 28)
