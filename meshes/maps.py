"""Smooth one-to-one maps of space, chained; what carries a model to a patient.

A map has `apply`; the rest (derivative, inverse, directions, calibres) follows from it numerically, so that a new map is a
dozen lines and cannot disagree with its own derivative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_points

Array = NDArray[np.float64]
STEP_MM = 0.01  # of numeric derivatives
CLOSE_MM = 1e-7  # an inverse this near is done
MOST_ROUNDS = 60
RIDGE = 1e-9  # so that a flat place is no division by nothing
HALVINGS = 6  # of a step that overshoots


class Map(Protocol):
    """Anything that moves points."""

    def apply(self, points: Array) -> Array:
        """Return (n, 3) points moved, mm."""


@runtime_checkable
class Invertible(Map, Protocol):
    """A map that knows its own way back."""

    def inverse(self, points: Array) -> Array:
        """Return where (n, 3) points come from, mm."""


@dataclass(frozen=True)
class Chain:
    """Maps one after another.

    Parameters
    ----------
    maps : tuple of Map
        The first is applied first; none leaves all as it is.
    """

    maps: tuple[Map, ...] = ()

    def apply(self, points: ArrayLike) -> Array:
        """Return (n, 3) points carried over, mm."""
        moved = check_points("points", points).copy()
        for one in self.maps:
            moved = one.apply(moved)
        return moved

    def jacobian(self, points: ArrayLike) -> Array:
        """Return the derivative (n, 3, 3) at (n, 3) points."""
        return jacobian(self, check_points("points", points))

    def inverse(self, points: ArrayLike) -> Array:
        """Return the (n, 3) points that `apply` carries to `points`, mm."""
        back = check_points("points", points).copy()
        for one in reversed(self.maps):
            back = one.inverse(back) if isinstance(one, Invertible) else inverse(one, back)
        return back

    def along(self, points: Array, vectors: Array) -> Array:
        """Return `vectors` (n, 3) at `points` as they are stretched and turned."""
        return np.asarray((self.apply(points + STEP_MM * vectors) - self.apply(points - STEP_MM * vectors)) / (2 * STEP_MM))

    def normals(self, points: Array, normals: Array) -> Array:
        """Return unit `normals` (n, 3) at `points` as normals of the moved surface."""
        first, second = across(normals)
        return unit(np.cross(self.along(points, first), self.along(points, second)))

    def calibre(self, line: Array) -> Array:
        """Return by how much (n,) a thin tube along `line` (n, 3) grows across: the root of its section's stretch."""
        way = unit(np.gradient(line, axis=0))
        first, second = across(way)
        area = np.cross(self.along(line, first), self.along(line, second))
        return np.asarray(np.sqrt(np.abs(np.einsum("ij,ij->i", area, unit(self.along(line, way))))))


def jacobian(one: Map, points: Array) -> Array:
    """Return the numeric derivative (n, 3, 3) of a map at (n, 3) points."""
    out = np.empty((len(points), 3, 3))
    for i in range(3):
        step = np.zeros(3)
        step[i] = STEP_MM
        out[:, :, i] = (one.apply(points + step) - one.apply(points - step)) / (2 * STEP_MM)
    return out


def inverse(one: Map, points: Array) -> Array:
    """Return where `one` takes `points` (n, 3) from: Newton's way with shortened steps where a full one overshoots.

    Raises
    ------
    ValueError
        If a point is not reached.
    """
    here = points.copy()
    miss = one.apply(here) - points
    for _ in range(MOST_ROUNDS):
        far = np.linalg.norm(miss, axis=1)
        wrong = np.flatnonzero(far > CLOSE_MM)
        if not len(wrong):
            return here
        slope = jacobian(one, here[wrong]) + RIDGE * np.eye(3)
        step = np.linalg.solve(slope, miss[wrong][:, :, None])[:, :, 0]
        share = np.ones((len(wrong), 1))
        for halved in range(HALVINGS):
            there = here[wrong] - share * step
            left = one.apply(there) - points[wrong]
            worse = np.linalg.norm(left, axis=1) >= far[wrong]
            if not worse.any() or halved == HALVINGS - 1:
                break
            share[worse] *= 0.5
        here[wrong], miss[wrong] = there, left
    raise ValueError(
        f"{len(wrong)} points have no place that the map carries to them, first {points[wrong[0]].round(1).tolist()}."
    )


def across(way: Array) -> tuple[Array, Array]:
    """Return two unit directions square to `way` (n, 3) and to each other, right-handed with it."""
    least = np.eye(3)[np.argmin(np.abs(way), axis=1)]
    first = unit(np.cross(way, least))
    return first, np.cross(way, first)


def unit(v: Array) -> Array:
    """Return vectors (n, 3) at length 1."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12))


def eased(t: Array, rim: float) -> Array:
    """Return 0 below `t` = 0, 1 above 1, and between a straight rise with ends rounded over the share `rim`; C1."""
    t = np.clip(t, 0.0, 1.0)
    slope = 1.0 / (1.0 - rim)
    low, high = slope * t**2 / (2 * rim), 1.0 - slope * (1.0 - t) ** 2 / (2 * rim)
    return np.asarray(np.where(t < rim, low, np.where(t > 1.0 - rim, high, slope * (t - rim / 2))))
