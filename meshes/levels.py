"""The frame of each vertebra and of its facet joints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.points import load_table, shared_points

Array = NDArray[np.float64]
SIDE = np.array([1.0, 0.0, 0.0])


@dataclass(frozen=True)
class Level:
    """A vertebra's own frame and its named dimensions.

    Parameters
    ----------
    key : str
        Of the vertebra.
    origin : (3,) array
        Centre of the body, mm RAS.
    turn : (3, 3) array
        Columns: right, forward and up in the vertebra's frame.
    size : mapping
        The vertebra's row of `vertebrae.toml`.
    """

    key: str
    origin: Array
    turn: Array
    size: Mapping[str, Any]

    def at(self, local: ArrayLike) -> Array:
        """Return local points (..., 3) in RAS."""
        return np.asarray(np.asarray(local, dtype=np.float64) @ self.turn.T + self.origin)

    def local(self, points: ArrayLike) -> Array:
        """Return RAS points (..., 3) in the vertebra's frame."""
        return np.asarray((np.asarray(points, dtype=np.float64) - self.origin) @ self.turn)

    @property
    def up(self) -> Array:
        """The vertebra's upward axis."""
        return np.asarray(self.turn[:, 2])

    def canal_centre(self) -> Array:
        """Return the middle of the vertebral foramen, (3,) mm RAS."""
        return self.at([0.0, -0.5 * (self.size["body_depth"] + self.size["canal_depth"]), 0.0])

    def foramen(self) -> Array:
        """Return the centre of the right transverse foramen, (3,) mm RAS."""
        return self.at(self.size["foramen"])


@dataclass(frozen=True)
class Joint:
    """A right facet joint: its middle, (3,) mm, and the unit normal of the superior facet that faces up and back."""

    middle: Array
    normal: Array


def level(key: str) -> Level:
    """Return the frame and dimensions of a vertebra with a body."""
    size = load_table("vertebrae")[key]
    lean = np.radians(size["lean"])
    c, s = np.cos(lean), np.sin(lean)
    turn = np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])
    return Level(key, np.array(shared_points()[f"{size['number']}_body"]), turn, size)


def upper_joint(place: Level) -> Joint:
    """Return the facet joint between a vertebra and the one above it."""
    steep = np.radians(place.size["facet_angle"])
    return Joint(place.at(place.size["facet"]), place.turn @ np.array([0.0, -np.sin(steep), np.cos(steep)]))


def lower_joint(place: Level, below: Level | None) -> Joint:
    """Return the facet joint between a vertebra and the one below it."""
    if below is not None:
        return upper_joint(below)
    return Joint(place.at(place.size["inferior_facet"]), upper_joint(place).normal)
