"""What a finger feels on the skin: bone near or deep, a bump or a ridge beside it, a pulse, a tender band.

Told as a finger tells it: no structure is named, and depths are estimates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_points
from meshes.model import Side
from sim.tables import table
from sim.training.trial_events import crossing_kinds
from sim.training.world import World

Array = NDArray[np.float64]
WORDS = (("to the patient's right", "to the patient's left"), ("toward the face", "toward the back"), ("above", "below"))
SLANTED = 0.6  # part of the way along a second axis from which it is told, too


@dataclass(frozen=True, eq=False)
class Felt:
    """What a finger feels at one place.

    Parameters
    ----------
    point_mm : (3,) array
        On the skin, mm RAS.
    bone_mm : float or None
        Estimate of the depth of bone under the skin, mm; None if none is felt.
    firmness : {'hard', 'firm', 'soft'}
    near : tuple of str
        Bumps and ridges of bone beside the finger, as they feel and where they lie.
    pulse : bool
        Whether an artery beats under or beside the finger.
    tender : bool
        Whether a taut, tender band lies under it.
    text : str
        All of it in words.
    """

    point_mm: Array
    bone_mm: float | None
    firmness: str
    near: tuple[str, ...]
    pulse: bool
    tender: bool
    text: str


def feel(world: World, point_mm: ArrayLike) -> Felt:
    """Return what a finger feels on the skin nearest to a point (3,), mm RAS.

    Raises
    ------
    ValueError
        If the point is not three finite numbers.
    """
    at = check_points("point_mm", np.atleast_2d(np.asarray(point_mm, dtype=np.float64)))[:1]
    on_skin, normals = world.ground.skin.closest(at)
    point, normal = on_skin[0], normals[0]
    depth = bone_depth(world, point, -normal)
    firmness, told = _firmness(depth)
    near = tuple(_near(world, point, normal))
    pulse, tender = _pulse(world, point, normal), _tender(world, point)
    return Felt(point, told, firmness, near, pulse, tender, _text(firmness, told, near, pulse, tender))


def bone_depth(world: World, point: Array, inward: Array) -> float | None:
    """Return how far (mm) bone lies under a skin point (3,) along a unit direction; None if deeper than a finger feels."""
    reach = float(_rules()["deepest_mm"])
    ends = np.stack([point, point + reach * inward])
    keys = world.truth.near_solids(ends.min(axis=0), ends.max(axis=0), crossing_kinds("bone"))
    far = [float(world.ground.surface(key).first_hit(point[None], inward[None], reach)[0]) for key in keys]
    met = [f for f in far if np.isfinite(f)]
    return min(met) if met else None


def towards(way: Array) -> str:
    """Return a direction (3,) RAS in words: 'above', 'below and to the patient's left', ...; '' for none."""
    size = np.abs(way)
    if size.max() < 1e-9:
        return ""
    order = [i for i in np.argsort(-size) if size[i] >= SLANTED * size.max()][:2]
    return " and ".join(WORDS[i][0 if way[i] > 0 else 1] for i in sorted(order, reverse=True))


def _rules() -> Mapping[str, Any]:
    rules: Mapping[str, Any] = table("events")["palpation"]
    return rules


def _firmness(depth: float | None) -> tuple[str, float | None]:
    """How the place feels, and the depth of bone to the step that a finger tells."""
    rules = _rules()
    if depth is None:
        return "soft", None
    index = 0 if depth <= rules["hard_to_mm"] else 1 if depth <= rules["firm_to_mm"] else 2
    step = float(rules["step_mm"][index])
    return ("hard", "firm", "soft")[index], max(round(depth / step) * step, step)


def _near(world: World, point: Array, normal: Array) -> Iterator[str]:
    """Bumps and ridges within reach, as they feel and where they lie along the skin, the nearest first."""
    rules = _rules()
    found: dict[str, Array] = {}
    for row in table("events")["feels"]:
        ways = [there - point for there in _places(world, row, point)]
        if ways:  # of a ridge on both sides of the midline, the nearer one
            found[row["as_what"]] = min(ways, key=lambda way: float(np.linalg.norm(way)))
    for what, way in sorted(found.items(), key=lambda pair: float(np.linalg.norm(pair[1]))):
        away = float(np.linalg.norm(way))
        if away <= rules["on_it_mm"]:
            yield f"{what} right under the finger"
        elif away <= rules["landmark_mm"]:
            yield f"{what} about {round(away)} mm {towards(way - (way @ normal) * normal)}"


def _places(world: World, row: Mapping[str, Any], point: Array) -> Iterator[Array]:
    """Where a feature lies on the skin, on each side; of a curve, its point nearest to the finger."""
    sides: tuple[Side, ...] = ("left", "right") if row.get("sided") else ("median",)
    for side in sides:
        name = row.get("curve") or row["landmark"]
        sided = name if side == "median" else f"{name}_{side}"
        if "curve" in row and sided in world.anatomy.curves:
            line = world.anatomy.curve(sided)
            yield line[np.argmin(np.linalg.norm(line - point, axis=1))]
        elif "landmark" in row and sided in world.anatomy.landmarks:
            yield world.ground.skin_landmark(name, side)


def _pulse(world: World, point: Array, normal: Array) -> bool:
    """Whether an artery runs just under the skin beside the finger."""
    rules = _rules()
    for artery in world.anatomy.structures.values():
        if artery.kind != "artery" or artery.centerline is None or artery.radius_mm is None:
            continue
        way = artery.centerline - point
        deep = -(way @ normal)
        beside = np.linalg.norm(way + deep[:, None] * normal, axis=1)
        shallow = (deep - artery.radius_mm < rules["pulse_deep_mm"]) & (deep > 0) & (artery.radius_mm >= rules["pulse_least_mm"])
        if bool((shallow & (beside < rules["pulse_beside_mm"])).any()):
            return True
    return False


def _tender(world: World, point: Array) -> bool:
    """Whether a trigger point of the procedure lies under the finger."""
    if not any(target.at.startswith("trigger_") for target in world.procedure.targets):
        return False
    away = [float(np.linalg.norm(t.skin_mm - point)) for t in world.targets if t.kind == "sites"]
    return min(away, default=np.inf) <= float(_rules()["tender_mm"])


def _text(firmness: str, told: float | None, near: tuple[str, ...], pulse: bool, tender: bool) -> str:
    """Return all that is felt in plain sentences."""
    where = {"hard": "just under the skin", "firm": "under some tissue", "soft": "only deep down"}[firmness]
    bone = "no bone can be felt" if told is None else f"bone {where}, about {told:g} mm deep"
    out = [f"{firmness.capitalize()}: {bone}."]
    out += [f"{what[0].upper()}{what[1:]}." for what in near]
    if pulse:
        out.append("A pulse beats under the finger.")
    if tender:
        out.append("A taut band lies here, and pressing it hurts.")
    return " ".join(out)
