"""The maps that give the shipped model a person's measures: head and neck scales, lordosis, occipital protuberance.

Each is smooth and one-to-one over the ranges of `data/patient.toml`, and the same on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from meshes.maps import eased
from meshes.points import load_table

Array = NDArray[np.float64]
AXIS_STEP_MM = 0.5
HALVINGS = 50
BEYOND_MM = 150.0  # straight ends of the neck's axis


@dataclass(frozen=True)
class Scales:
    """Stretch of the head along its axes, of the neck across, of the shoulders in breadth.

    The neck's scale is that of its skin; toward the column it fades to the head's, since a thick neck has no thick vertebrae.

    Parameters
    ----------
    head : (3,) array
        Scales along x, y, z; that along z holds for the whole model.
    neck, shoulder : float
        Scales across the neck at its skin, and of the shoulders' breadth.
    """

    head: Array
    neck: float
    shoulder: float

    def across(self, points: Array) -> Array:
        """Return the scales (n, 2) along x and y at (n, 3) points of the shipped model, mm."""
        zones, z = load_table("patient")["zones"], points[:, 2]
        behind, before = zones["jaw"]
        jaw = zones["jaw_drop"] * eased((points[:, 1] - behind) / (before - behind), 0.4)
        below_head = _smooth(z + jaw, *zones["head_to_neck"])[:, None]
        below_neck = _smooth(z, *zones["neck_to_shoulder"])[:, None]
        core, (near, far) = float(self.head[:2].mean()), zones["column_to_skin"]
        neck = core + (self.neck - core) * eased((np.hypot(points[:, 0], points[:, 1]) - near) / (far - near), 0.3)[:, None]
        trunk = np.array([self.shoulder, 1.0])
        return np.asarray(self.head[:2] + below_head * (neck - self.head[:2]) + below_neck * (trunk - neck))

    def apply(self, points: Array) -> Array:
        """Return (n, 3) points of the shipped model in the patient, mm."""
        return np.column_stack([points[:, :2] * self.across(points), points[:, 2] * self.head[2]])


@dataclass(frozen=True)
class Lordosis:
    """A bend of the neck in the sagittal plane: head and axis stay, what lies lower turns.

    Every level is carried stiffly along the bent axis of the column, whose length is kept; the turn returns in the trunk.

    Parameters
    ----------
    turn_deg : float
        Added to the angle between C2 and C7; more makes the neck's front more convex.
    heights : (4,) array
        Where the turn begins, is whole, begins to return, is undone; falling, mm.
    column : (k, 3) array
        Centres of the vertebral bodies from above, mm.
    """

    turn_deg: float
    heights: Array
    column: Array

    def __post_init__(self) -> None:
        order = np.argsort(self.column[:, 2])
        knots, forward = self.column[order, 2], self.column[order, 1]
        bodies = CubicSpline(knots, forward)
        z = np.arange(knots[0] - BEYOND_MM, self.heights[0] + AXIS_STEP_MM, AXIS_STEP_MM)[::-1]
        inside = np.clip(z, knots[0], knots[-1])
        y = bodies(inside) + bodies(inside, 1) * (z - inside)
        turn, steps = self._turn(z), np.diff(np.column_stack([y, z]), axis=0)
        half = 0.5 * (turn[:-1] + turn[1:])
        moved = _turned(steps[:, 0], steps[:, 1], half)
        bent = np.vstack([[y[0], z[0]], [y[0], z[0]] + np.cumsum(moved, axis=0)])
        object.__setattr__(self, "_axis", CubicSpline(z[::-1], np.column_stack([y, bent])[::-1]))

    def _turn(self, z: Array) -> Array:
        top, whole, back, end = self.heights
        share = eased((top - z) / (top - whole), 0.25) - eased((back - z) / (back - end), 0.25)
        return np.asarray(-np.deg2rad(self.turn_deg) * share)

    def apply(self, points: Array) -> Array:
        """Return (n, 3) points moved, mm."""
        out = points.copy()
        low = points[:, 2] < self.heights[0]
        y, z = points[low, 1], points[low, 2]
        centre = self._axis(z)  # type: ignore[attr-defined]
        out[low, 1:] = centre[:, 1:] + _turned(y - centre[:, 0], np.zeros(len(y)), self._turn(z))
        return out

    def inverse(self, points: Array) -> Array:
        """Return where (n, 3) points come from, mm: the level is found by halving, the rest follows."""
        out = points.copy()
        moved = np.flatnonzero(points[:, 2] < self.heights[0])
        to = points[moved, 1:]
        high, low = np.full(len(moved), self.heights[0]), np.full(len(moved), self._axis.x[0])  # type: ignore[attr-defined]
        for _ in range(HALVINGS):
            z = 0.5 * (low + high)
            above = self._across(to, z)[:, 1] > 0
            low, high = np.where(above, z, low), np.where(above, high, z)
        out[moved, 1] = self._axis(z)[:, 0] + self._across(to, z)[:, 0]  # type: ignore[attr-defined]
        out[moved, 2] = z
        return out

    def _across(self, to: Array, z: Array) -> Array:
        """(n, 2): how far moved points (y, z) lie in front of and above the level that stood at `z`."""
        d = to - self._axis(z)[:, 1:]  # type: ignore[attr-defined]
        return _turned(d[:, 0], d[:, 1], -self._turn(z))


@dataclass(frozen=True)
class Bump:
    """The bone under a point of the occiput pushed out or in, with what lies on it.

    Parameters
    ----------
    at, outward : (3,) arrays
        Tip of the protuberance, and the unit way out of the bone.
    push_mm : float
        Positive outward.
    wide_mm, high_mm, deep_mm : float
        How far it reaches to the sides, up and down, and inward.
    """

    at: Array
    outward: Array
    push_mm: float
    wide_mm: float
    high_mm: float
    deep_mm: float

    def apply(self, points: Array) -> Array:
        """Return (n, 3) points moved, mm."""
        side = np.array([1.0, 0.0, 0.0])
        up = np.cross(side, self.outward)
        d = points - self.at
        r2 = (d @ side / self.wide_mm) ** 2 + (d @ up / self.high_mm) ** 2
        foot = np.maximum(1.0 - r2, 0.0) ** 3
        depth = 1.0 - eased(-(d @ self.outward) / self.deep_mm, 0.5)
        return np.asarray(points + (self.push_mm * foot * depth)[:, None] * self.outward)


def _turned(y: Array, z: Array, turn: Array) -> Array:
    """(n, 2) sagittal vectors turned about the x axis."""
    c, s = np.cos(turn), np.sin(turn)
    return np.column_stack([y * c - z * s, y * s + z * c])


def _smooth(z: Array, top: float, bottom: float) -> Array:
    """0 above `top`, 1 below `bottom`, smooth between."""
    t = np.clip((top - z) / (top - bottom), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))
