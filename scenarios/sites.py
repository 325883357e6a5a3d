"""Injection sites and needles: what a procedure places on an anatomy."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import unknown
from meshes.model import Anatomy, Side
from meshes.surface import SurfaceQuery

Array = NDArray[np.float64]
BEYOND_MM = 15.0  # how far past the needle's length a missed muscle is still looked for


@dataclass(frozen=True)
class Needle:
    """A hypodermic needle.

    Parameters
    ----------
    key, label : str
        Name in `needles.toml`, and for display.
    gauge : int
    length_mm, diameter_mm : float
        Free length and outer diameter.
    sources : tuple of str
    evidence : str
    """

    key: str
    label: str
    gauge: int
    length_mm: float
    diameter_mm: float
    sources: tuple[str, ...]
    evidence: str


@dataclass(frozen=True, eq=False)
class InjectionSite:
    """One place where a needle enters, and where its tip stops.

    Parameters
    ----------
    id : str
        Such as `TEM_L1`: group, side, number.
    muscle : str
        Unsided key of the muscle aimed at; empty for a nerve block.
    side : {'left', 'right', 'median'}
    units : float
        Of toxin; 0 for a nerve block.
    volume_ml : float
    skin_point, target_point : (3,) arrays
        Entry on the skin and resting place of the tip, mm RAS.
    direction : (3,) array
        Unit vector from the hub to the tip.
    depth_mm : float
        Length of needle under the skin.
    needle : Needle
    sources : tuple of str
        Keys of `references.toml`.
    evidence : mapping of str to str
        Level of each quantity: dose, position, angle, depth.
    label, rule : str
        For display: what it is, how it is found.
    order : int
        Place in the order of giving, from 1.
    group : str
        Group of the plan, or the nerve blocked.
    hit : str or None
        Key of the structure that the tip rests in or at; None if the needle missed, or the anatomy lacks it.
    extra : bool
        Whether the site is one of follow-the-pain.
    """

    id: str
    muscle: str
    side: Side
    units: float
    volume_ml: float
    skin_point: Array
    target_point: Array
    direction: Array
    depth_mm: float
    needle: Needle
    sources: tuple[str, ...]
    evidence: Mapping[str, str]
    label: str
    rule: str
    order: int
    group: str
    hit: str | None = None
    extra: bool = False


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Parameters
    ----------
    check : str
        Its number, such as `K09`.
    severity : {'error', 'warning', 'info'}
    site : str
        Id of the site concerned, empty if the plan as a whole.
    text : str
        What is wrong, with the measured value and the limit.
    """

    check: str
    severity: Literal["error", "warning", "info"]
    site: str
    text: str


class Ground:
    """An anatomy with the search trees of its surfaces, made when first asked for."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self._queries: dict[str, SurfaceQuery] = {}

    def surface(self, key: str) -> SurfaceQuery:
        """Return the query of a structure's surface; KeyError names the nearest keys."""
        if key not in self._queries:
            self._queries[key] = SurfaceQuery(self.anatomy[key].mesh)
        return self._queries[key]

    @property
    def skin(self) -> SurfaceQuery:
        """The skin without the auricles."""
        return self.surface("skin")

    def skin_landmark(self, name: str, side: Side) -> Array:
        """Return the skin point (3,) of a landmark: its own `_skin` version, else the skin nearest to it."""
        tail = "" if side == "median" else f"_{side}"
        for label in (f"{name}_skin{tail}", f"{name}{tail}", f"{name}_skin", name):
            if label in self.anatomy.landmarks:
                return np.asarray(self.skin.closest(self.anatomy.landmark(label))[0][0])
        return self.anatomy.landmark(f"{name}{tail}")


def read_table(name: str) -> Mapping[str, Any]:
    """Return a packaged data table of `scenarios/data` by its file name without ending."""
    return _read_table(name)


@cache
def _read_table(name: str) -> Mapping[str, Any]:
    text = (files("scenarios") / "data" / f"{name}.toml").read_text("utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def needles() -> Mapping[str, Needle]:
    """Return every needle by its key."""
    rows = read_table("needles")["needles"]
    return MappingProxyType({k: Needle(key=k, **{**row, "sources": tuple(row["sources"])}) for k, row in rows.items()})


def needle(key: str) -> Needle:
    """Return a needle by its key. Raises ValueError naming the nearest ones."""
    if key not in needles():
        raise ValueError(unknown("needle", key, needles()))
    return needles()[key]


def needle_direction(angle: Mapping[str, Any], normal: Array, toward: Mapping[str, Array]) -> Array:
    """Return the unit direction (3,) of a needle at a skin point with outward `normal`.

    Parameters
    ----------
    angle : mapping
        `to_skin_deg`, with `toward` the name of a direction below 90 degrees; or `along`, a fixed level direction, and
        `dip_deg`, how far the tip points below it.
    toward : mapping of str to (3,) array
        Directions by name.
    """
    if "along" in angle:
        dip = np.deg2rad(float(angle.get("dip_deg", 0.0)))
        return np.asarray(np.cos(dip) * toward[angle["along"]] + np.sin(dip) * toward["inferior"])
    tilt = np.deg2rad(float(angle["to_skin_deg"]))
    if "toward" not in angle:
        return -normal
    wish = toward[angle["toward"]]
    along = wish - (wish @ normal) * normal
    along /= max(float(np.linalg.norm(along)), 1e-9)
    return np.asarray(np.cos(tilt) * along - np.sin(tilt) * normal)


def depth_into(
    ground: Ground, keys: Sequence[str], start: ArrayLike, direction: ArrayLike, into_mm: float, reach_mm: float
) -> tuple[float, str] | None:
    """Return how far a needle runs to rest in the first of some structures, and that structure's key.

    The tip stops `into_mm` after it enters, or half-way through where the structure is thinner. None if it meets none of them.
    """
    best: tuple[float, str] | None = None
    for key in keys:
        if key not in ground.anatomy:
            continue
        far, normals = ground.surface(key).ray(start, direction, reach_mm + BEYOND_MM)
        facing = normals @ np.asarray(direction, dtype=np.float64)
        enters = np.flatnonzero((far > 0) & (facing < 0))
        for i in enters[:1]:
            leaves = far[(far > far[i]) & (facing > 0)]
            thick = float(leaves[0] - far[i]) if len(leaves) else into_mm * 2
            rest = float(far[i]) + min(into_mm, 0.5 * thick)
            if best is None or rest < best[0]:
                best = (rest, key)
    return best
