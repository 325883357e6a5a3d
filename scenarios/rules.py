"""Landmark rules: from a named starting place, walks over the skin in named directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from meshes.curves import arc_length, point_at
from meshes.model import Side
from meshes.surface import Direction
from scenarios.sites import Ground

Array = NDArray[np.float64]
UP = np.array([0.0, 0.0, 1.0])
FORWARD = np.array([0.0, 1.0, 0.0])
RIGHTWARD = np.array([1.0, 0.0, 0.0])
HAIRLINE_SEARCH_MM = 120.0
CLEAR_SEARCH_MM = 25.0


def directions(side: Side) -> Mapping[str, Array]:
    """Return the named head-frame directions of a side, unit (3,) RAS; lateral leads away from the midline."""
    lateral = -RIGHTWARD if side == "left" else RIGHTWARD
    return {
        "superior": UP,
        "inferior": -UP,
        "anterior": FORWARD,
        "posterior": -FORWARD,
        "lateral": lateral,
        "medial": -lateral,
    }


def heading(name: str, side: Side) -> Direction:
    """Return what a walk follows: a head-frame direction, or half-way between two of them on the skin itself.

    `superolateral` and the like stand at 45 degrees between their two parts, measured on the skin; `backward` keeps to the
    sagittal plane that it starts in.
    """
    table = directions(side)
    if name in table:
        return table[name]
    if name == "backward":
        return lambda _place, normal: np.cross(normal, RIGHTWARD) * (-1.0 if np.cross(normal, RIGHTWARD)[1] > 0 else 1.0)
    parts = {f"{a}o{b}": (table[f"{a}ior"], table[b]) for a in ("super", "infer") for b in ("lateral", "medial")}
    first, second = parts[check_choice("direction", name, ["backward", *table, *parts])]

    def follow(_place: Array, normal: Array) -> Array:
        upright = first - (first @ normal) * normal
        upright = upright / max(float(np.linalg.norm(upright)), 1e-9)
        beside = np.cross(upright, normal)
        beside = beside if beside @ second > 0 else -beside
        return np.asarray(upright + beside)

    return follow


@dataclass
class Resolver:
    """Places rules on one anatomy, remembering the sites already placed.

    Parameters
    ----------
    ground : Ground
    params : mapping of str to float
        Lengths that rules name, mm along the skin.
    """

    ground: Ground
    params: Mapping[str, float]

    def __post_init__(self) -> None:
        self.placed: dict[tuple[str, Side], Array] = {}

    def place(self, row: Mapping[str, Any], side: Side) -> Array:
        """Return the skin point (3,) of a site row on a side, and remember it."""
        point = self._start(row["from"], side)
        for step in row.get("steps", ()):
            point = self._step(point, step, side)
        self.placed[row["id"], side] = point
        return point

    def _start(self, start: Mapping[str, Any], side: Side) -> Array:
        (kind, value), *_ = start.items()
        check_choice("from", kind, ("landmark", "site", "middle_of", "curve"))
        skin = self.ground.skin
        if kind == "landmark":
            return self.ground.skin_landmark(value, side)
        if kind == "site":
            return self.placed[value, side]
        if kind == "middle_of":
            middle = 0.5 * (self.placed[value, "left"] + self.placed[value, "right"])
            middle[0] = 0.0
            point = skin.closest(middle)[0][0]
            return np.array([0.0, point[1], point[2]])
        line = self.ground.anatomy.curve(f"{value}_{side}")
        return np.asarray(skin.closest(point_at(line, float(start["share"])))[0][0])

    def _step(self, point: Array, step: Mapping[str, Any], side: Side) -> Array:
        (kind, name), *_ = step.items()
        check_choice("step", kind, ("walk", "rise", "walk_until", "clear"))
        skin = self.ground.skin
        if kind == "clear":
            return self._cleared(point, heading(step["toward"], side), f"{name}_{side}", self.params[step["mm"]])
        if kind == "walk_until":
            return self._turned(point, heading(name, side), self.params[step["facing_deg"]], self.params[step["most"]])
        length = self.params[step["mm"]] if kind == "walk" else self._rise(point, step)
        return skin.walk(point, heading(name, side), length)[0] if length > 0 else point

    def _rise(self, point: Array, step: Mapping[str, Any]) -> float:
        least = sum(self.params[name] for name in step["at_least"])
        share = self.params[step["fraction"]] * forehead_height(self.ground, point, self.params["forehead_height"])
        return float(max(least, share))

    def _cleared(self, point: Array, way: Direction, key: str, least: float) -> Array:
        """The first place on a walk that lies `least` mm off a structure; `point` itself if it does, or there is no such one.

        Raises ValueError if the whole walk lies nearer.
        """
        if key not in self.ground.anatomy or self.ground.surface(key).signed_distance(point)[0] >= least:
            return point
        _, path = self.ground.skin.walk(point, way, CLEAR_SEARCH_MM)
        off = self.ground.surface(key).signed_distance(path) >= least
        if not off.any():
            raise ValueError(f"no skin within {CLEAR_SEARCH_MM:g} mm of {point.round(1).tolist()} lies {least:g} mm off {key}.")
        return np.asarray(path[int(np.argmax(off))])

    def _turned(self, point: Array, way: Direction, facing_deg: float, most: float) -> Array:
        """The first place on a walk where the skin faces backward by `facing_deg`, or the end of it."""
        _, path = self.ground.skin.walk(point, way, most)
        facing = self.ground.skin.closest(path)[1] @ -FORWARD >= np.sin(np.deg2rad(facing_deg))
        return np.asarray(path[int(np.argmax(facing))] if facing.any() else path[-1])


def forehead_height(ground: Ground, rim: Array, otherwise: float) -> float:
    """Return the length along the skin from a point of the brow straight up to the hairline, mm.

    `otherwise` is returned where the anatomy has no `hairline`, or the walk does not meet it.
    """
    if "hairline" not in ground.anatomy.curves:
        return otherwise
    line = ground.anatomy.curve("hairline")
    line = line[np.argsort(line[:, 0])]
    _, path = ground.skin.walk(rim, UP, HAIRLINE_SEARCH_MM)
    above = path[:, 2] >= np.interp(path[:, 0], line[:, 0], line[:, 2])
    return float(arc_length(path)[int(np.argmax(above))]) if above.any() else otherwise
