"""Places of targets that muscles, bones and the skin give: trigger points, attachments, leads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes._check import check_choice
from meshes.curves import point_at, resample
from meshes.measure import Subject, belly_axis
from meshes.model import Side
from meshes.terms import terms
from scenarios.rules import FORWARD, UP, Resolver, directions
from scenarios.sites import Ground, depth_into, needle_direction, read_table

if TYPE_CHECKING:
    from scenarios.procedure_model import Target

Array = NDArray[np.float64]
AXIS_MM = 0.5  # spacing at which a nerve's axis is looked at
FAR_MM = 300.0  # behind any head
NEAR_MM = 12.0  # a point of a bone's surface has a corner of it this near


@dataclass(frozen=True, eq=False)
class Spot:
    """A place that a rule found.

    Parameters
    ----------
    id : str
        Of the place within its target, with the side; or of the site in its plan.
    side : {'left', 'right', 'median'}
    structure : str
        Sided key of nerve or bone, '' for muscles.
    point_mm, skin_mm : (3,) arrays
        Rest of the tip, and entry, mm RAS.
    muscles, between : tuple of str
        Sided keys; empty where the target's own stand.
    text : str
        In words; '' where the target's own stand.
    volume_ml, units : float or None
        None where the product's stand.
    planned : bool
        Whether `id` is the name of a site in a plan, which stands alone.
    """

    id: str
    side: Side
    structure: str
    point_mm: Array
    skin_mm: Array
    muscles: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    text: str = ""
    volume_ml: float | None = None
    units: float | None = None
    planned: bool = False


@dataclass(frozen=True, eq=False)
class Case:
    """What a rule is asked.

    Parameters
    ----------
    target : Target
    ground : Ground
        The anatomy, RAS mm.
    sides : tuple of {'left', 'right'}
        In the order of giving.
    seen : bool
        Whether ultrasound guides.
    """

    target: Target
    ground: Ground
    sides: tuple[Side, ...]
    seen: bool

    def nerve(self, row: Mapping[str, Any], side: Side) -> str:
        """Return the sided key of the nerve of the target, else of the rule."""
        return sided(self.target.structure or row["structure"], side)

    def axis(self, key: str) -> Array:
        """Return the axis (n, 3) of a nerve, mm."""
        line = self.ground.anatomy[key].centerline
        if line is None:
            raise ValueError(f"{key} has no centreline, so no target can be found on it.")
        return resample(line, AXIS_MM)


Rule = Callable[[Case], Iterator[Spot]]


def sided(name: str, side: Side) -> str:
    """Return the key of a structure on a side; a median one keeps its name. ValueError names the nearest."""
    term = terms()[check_choice("structure", name, terms())]
    return f"{name}_{side}" if term.paired and side != "median" else name


def trigger(case: Case) -> Iterator[Spot]:
    """Yield the trigger point of a muscle on each side, by the row of [sites] that the target names."""
    rules = read_table("target_rules")
    row, reach = rules["sites"][case.target.at], rules["sites"][case.target.at]["reach_mm"]
    resolver = Resolver(case.ground, {name: float(p["value"]) for name, p in rules["params"].items()})
    for side in case.sides:
        resolver.placed["start", side] = _start(case.ground, row, side)
        point = resolver.place({"id": case.target.id, "from": {"site": "start"}, "steps": row.get("steps", ())}, side)
        direction = needle_direction(row["angle"], case.ground.skin.closest(point)[1][0], directions(side))
        keys = [sided(name, side) for name in row["muscles"]]
        found = depth_into(case.ground, keys, point, direction, row["into_mm"], reach)
        if found is None:
            raise ValueError(f"the needle of {case.target.at} misses {' and '.join(keys)} of this anatomy.")
        yield Spot(side, side, "", point + found[0] * direction, point, (found[1],))


def _start(ground: Ground, row: Mapping[str, Any], side: Side) -> Array:
    """The skin point from which a trigger point's walk begins."""
    start = row["from"]
    if "landmark" in start:
        return ground.skin_landmark(start["landmark"], side)
    if "between" in start:
        first, last = (ground.skin_landmark(name, side) for name in start["between"])
        return np.asarray(ground.skin.closest(point_at(ground.skin.geodesic(first, last), start["share"]))[0][0])
    key = sided(start["belly"], side)
    centre, axis, length = belly_axis(Subject(ground.anatomy), key)
    up = axis if axis[2] > 0 else -axis
    at = centre + (0.5 - start["share"]) * length * up
    vertices = ground.anatomy[key].mesh.vertices_mm
    middle = vertices[np.abs((vertices - at) @ up) < row["slice_mm"]].mean(axis=0)
    return np.asarray(ground.skin.closest(middle)[0][0])


def attachments(case: Case) -> Iterator[Spot]:
    """Yield bony points of tendons and capsules on each side; those of the target's structure or muscle where it names one."""
    table, target = read_table("target_rules")["attachments"], case.target
    rows = [r for r in table["points"] if r["id"] == target.id] or [r for r in table["points"] if _wanted(r, target)]
    if not rows:
        raise ValueError(f"no attachment of {' or '.join(target.muscle) or 'any muscle'} on {target.structure} is known.")
    for side in case.sides:
        for row in rows:
            if row.get("median") and side != case.sides[0]:
                continue
            where: Side = "median" if row.get("median") else side
            bone = _bony(case.ground, table, row, where)
            skin = _behind(case.ground, bone) if row["behind"] else case.ground.skin.closest(bone)[0][0]
            name = row["id"] if where == "median" else f"{row['id']}_{side}"
            muscles = (sided(row["enthesis"], side),) if "enthesis" in row else ()
            yield Spot(name, where, sided(row["structure"], where), bone, skin, muscles, text=row["text"])


def _wanted(row: Mapping[str, Any], target: Target) -> bool:
    fits = target.structure is None or row["structure"] == target.structure
    return fits and (not target.muscle or row.get("enthesis") in target.muscle)


def _bony(ground: Ground, table: Mapping[str, Any], row: Mapping[str, Any], side: Side) -> Array:
    """The point (3,) of a row of [[attachments.points]]."""
    if "landmark" in row:
        return ground.anatomy.landmark(row["landmark"])
    surface = ground.surface(sided(row["structure"], side))
    if "enthesis" in row:
        points = ground.anatomy[sided(row["enthesis"], side)].mesh.vertices_mm
        points = points[cKDTree(surface.mesh.vertices_mm).query(points)[0] < NEAR_MM]
        points = points[np.linalg.norm(points - surface.closest(points)[0], axis=1) < table["touching_mm"]]
        if not len(points):
            raise ValueError(f"{row['enthesis']}_{side} does not touch {row['structure']}, so its attachment cannot be found.")
        return np.asarray(surface.closest(_across(points, row["across"]).mean(axis=0))[0][0])
    points = _across(surface.mesh.vertices_mm, row["across"])
    rear = points[points[:, 1] <= np.quantile(points[:, 1], table["rear_share"])]
    return np.asarray(surface.closest(rear.mean(axis=0))[0][0])


def _across(points: Array, share: tuple[float, float]) -> Array:
    """The points between two shares of all, counted from the midline."""
    out = np.abs(points[:, 0])
    low, high = np.quantile(out, share)
    return np.asarray(points[(out >= low) & (out <= high)])


def _behind(ground: Ground, point: Array) -> Array:
    """The skin straight behind a point."""
    far, _ = ground.skin.ray(point - FAR_MM * FORWARD, FORWARD, FAR_MM)
    if not len(far):
        raise ValueError(f"no skin lies straight behind {np.round(point, 1).tolist()}; the point must be within the skin.")
    return np.asarray(point + (far[0] - FAR_MM) * FORWARD)


def lead(case: Case) -> Iterator[Spot]:
    """Yield the end of the longest straight lead under the skin on each side, by the row of [leads] that the target names."""
    row = read_table("target_rules")["leads"][case.target.at]
    level = case.ground.anatomy.landmark(row["landmark"]) - row["below_mm"] * UP
    entry = _behind(case.ground, level)
    lengths = np.arange(row["length_mm"], row["least_mm"] - 1e-9, -row["step_mm"])
    for side in case.sides:
        _, path = case.ground.skin.walk(entry, directions(side)["lateral"], 1.3 * row["length_mm"])
        under = path - row["depth_mm"] * case.ground.skin.closest(path)[1]
        reach = np.linalg.norm(under - entry, axis=1)
        ends = (under[int(np.argmin(np.abs(reach - length)))] for length in lengths)
        end = next((p for p in ends if _clear(case.ground, row, side, entry, p)), None)
        if end is None:
            raise ValueError(f"no straight lead of {row['least_mm']:g} mm or more stays above the fascia of this neck.")
        yield Spot(side, side, case.nerve(row, side), end, entry)


def _clear(ground: Ground, row: Mapping[str, Any], side: Side, entry: Array, end: Array) -> bool:
    """Whether a straight lead stays above what it must not enter."""
    chord = resample(np.array([entry, end]), 1.0)
    keys = [sided(name, side) for name in row["above"]]
    held = [k for k in keys if k in ground.anatomy]
    if not held:
        raise ValueError(f"the anatomy has neither {' nor '.join(keys)}, so the depth of a lead cannot be bounded.")
    return all(bool((ground.surface(k).signed_distance(chord) >= row["clear_mm"]).all()) for k in held)
