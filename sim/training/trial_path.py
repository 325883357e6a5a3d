"""What the tip meets on a way through the tissue: borders, nerves touched, bone that stops it, and whether it went too deep."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.curves import arc_length
from scenarios.targets import FoundTarget
from sim.training.pressing import rest_map
from sim.training.state import Event, TrialState
from sim.training.trial_events import crossing_kinds, event, region, rule, spoken
from sim.training.truth import Met
from sim.training.world import World

Array = NDArray[np.float64]
LOOKED, SLACK_MM = 64, 12.0  # places on the beam at which the one at rest is sought, and how far beyond the press
ASKED_EACH = 4  # pieces that are looked at as one straight stretch


@dataclass(frozen=True, eq=False)
class Trip:
    """How far the tip came on a way, and what happened.

    Parameters
    ----------
    share : float
        Of the way's length that was gone, 0 to 1; below 1 only where bone stopped it.
    events : tuple of Event
        In order.
    stopped : str
        Key of the bone, '' if none.
    """

    share: float
    events: tuple[Event, ...]
    stopped: str = ""


def at_rest(world: World, state: TrialState, points: Array) -> Array:
    """Return where places (n, 3) mm RAS under a pressed probe lie in the tissue at rest."""
    if state.probe is None or state.probe.press_mm <= 0:
        return points
    return rest_map(world.scanner(), state.probe)(points)


def under_press(world: World, state: TrialState, place: Array) -> Array:
    """Return where a place (3,) of the tissue at rest lies under the probe as it presses now: the inverse of `at_rest`."""
    if state.probe is None or state.probe.press_mm <= 0:
        return place
    deep = np.linspace(0.0, state.probe.press_mm + SLACK_MM, LOOKED)
    rest = at_rest(world, state, place + deep[:, None] * state.probe.axis)
    over = (rest - place) @ state.probe.axis
    return np.asarray(place + float(np.interp(0.0, np.maximum.accumulate(over), deep)) * state.probe.axis)


def travelled(world: World, state: TrialState, line: Array, *, forward: bool = True) -> Trip:
    """Return what the tip meets along a line.

    Parameters
    ----------
    world : World
    state : TrialState
        Its probe says how the tissue is pressed; its time is that of the events.
    line : (n, 3) array
        True places, mm RAS, in pieces of at most the table's length.
    forward : bool
        Whether the tip is pushed; if it is drawn back nothing is cut, and borders are told of only.
    """
    rest = at_rest(world, state, line)
    stretches = np.unique(np.append(np.arange(0, len(rest), ASKED_EACH), len(rest) - 1))
    coarse = rest[stretches]
    way, gone = arc_length(coarse), arc_length(line)[stretches]
    if way[-1] < 1e-9:
        return Trip(1.0, ())
    met = world.truth.along(coarse)
    wall = _wall(world, met, rest[0]) if forward else None
    end = way[-1] if wall is None else max(wall.at_mm - rule("bone_gap_mm"), 0.0)
    share = float(np.interp(end, way, gone) / gone[-1])

    def place(at_mm: float) -> Array:
        return _point_on(line, float(np.interp(at_mm, way, gone)))

    told = _touched(world, state, line, rest, share) if forward else []
    touched = {e.structure for _, e in told} | {world.truth.tubes["nerve"].nearest(rest[0], rule("contact_mm"))[0]}
    for m in met:
        if m.at_mm <= end:
            if forward and m.entering and m.kind in crossing_kinds("nerve") and m.key not in touched:
                told += [(m.at_mm, e) for e in _contact(world, state, m.key, 0.0, place(m.at_mm))]
            told += [(m.at_mm, e) for e in _crossed(world, state, m, place(m.at_mm), forward)]
    events = [e for _, e in sorted(told, key=lambda pair: pair[0])]
    if wall is not None:
        events.append(event("bone_contact", state.at_s, wall.key, place(end), float(gone[-1] * (1 - share))))
    return Trip(share, tuple(events), "" if wall is None else wall.key)


def nearest_target(world: World, point: Array) -> FoundTarget | None:
    """Return the target that a place (3,) at rest is thought to be meant for: the nearest one within reach, on its side."""
    best, least = None, world.procedure.reach_mm
    for target in world.targets:
        across = {"left": point[0], "right": -point[0]}.get(target.side, 0.0)
        away = float(np.linalg.norm(point - target.point_mm))
        if across <= rule("midline_mm") and away <= least:
            best, least = target, away
    return best


def too_deep(world: World, point: Array) -> FoundTarget | None:
    """Return the nearest target if a place (3,) at rest lies beyond it: through the layer below it, or well past it."""
    target = nearest_target(world, point)
    if target is None:
        return None
    if target.between and target.between[-1] in world.anatomy.structures:
        return target if world.truth.below(point, target.between[-1]) else None
    past = float((point - target.point_mm) @ target.direction)
    return target if past > rule("beyond_mm") else None


def beyond(world: World, state: TrialState, start: Array, end: Array) -> tuple[Event, ...]:
    """Return the event of a tip that has come too deep between two true places (3,), if it has."""
    before, after = at_rest(world, state, np.stack([start, end]))
    target = too_deep(world, after)
    if target is None or too_deep(world, before) is not None:
        return ()
    deeper = target.between[-1] if target.between else ""
    what = f"through the {spoken(world.anatomy, deeper)}" if deeper else "well past the place where the product belongs"
    return (event("beyond", state.at_s, deeper or target.id, end, float(np.linalg.norm(after - target.point_mm)), what=what),)


def _wall(world: World, met: tuple[Met, ...], start: Array) -> Met | None:
    """The first bone on the way; at its start if the tip stands in bone."""
    bone = crossing_kinds("bone")
    first = next((m for m in met if m.kind in bone), None)
    if first is not None and first.entering:
        return first
    if first is not None:
        return None
    held = (k for k in world.truth.near_solids(start, start, bone) if world.ground.surface(k).contains(start)[0])
    key = next(held, "")
    return Met(key, world.truth.kinds[key], 0.0, True, 90.0) if key else None


def _point_on(line: Array, at_mm: float) -> Array:
    way = arc_length(line)
    return np.array([np.interp(at_mm, way, line[:, i]) for i in range(3)])


def _crossed(world: World, state: TrialState, met: Met, point: Array, forward: bool) -> Iterator[Event]:
    """The events of one border: entered or left, a give, and what is dangerous about it."""
    if met.kind in (*crossing_kinds("bone"), "skin") and met.entering:
        return
    now, what = state.at_s, spoken(world.anatomy, met.key)
    pop = world.truth.pop_n(met) if forward else 0.0
    if pop > 0:
        yield event("pop", now, met.key, point, pop)
    yield event("entered" if met.entering else "left", now, met.key, point, met.deg, what=what)
    if not (met.entering and forward):
        return
    for group, kind in (("vessel", "vessel_entered"), ("nerve", "intraneural"), ("dura", "dura_entered")):
        if met.kind in crossing_kinds(group):
            yield event(kind, now, met.key, point, what=what)


def _touched(world: World, state: TrialState, line: Array, rest: Array, share: float) -> list[tuple[float, Event]]:
    """The events of nerves that the tip comes to touch, with the way gone at rest; those without an axis are told as crossed."""
    nerves, near = world.truth.tubes["nerve"], rule("contact_mm")
    last = share * (len(line) - 1)
    at = np.unique(np.append(np.arange(math.floor(last) + 1), last))
    along, spots = arc_length(rest), [_between(rest, i) for i in at]
    out, before = [], nerves.nearest(spots[0], near)
    for i, spot in zip(at[1:], spots[1:], strict=True):
        here = nerves.nearest(spot, near)
        if here[0] and here[0] != before[0]:
            gone = float(np.interp(i - 0.5, np.arange(len(along)), along))  # it was touched somewhere on the last piece
            out += [(gone, e) for e in _contact(world, state, here[0], max(here[1], 0.0), _between(line, i))]
        before = here
    return out


def _contact(world: World, state: TrialState, nerve: str, away_mm: float, point: Array) -> tuple[Event, ...]:
    """The events of a nerve that is touched: what the hand does, and what the patient feels."""
    what = spoken(world.anatomy, nerve)
    return (
        event("nerve_contact", state.at_s, nerve, point, away_mm, what=what),
        event("paraesthesia", state.at_s, nerve, point, what=region(nerve), more="a shooting tingle"),
    )


def _between(line: Array, index: float) -> Array:
    """The point (3,) of a polyline at an index that need not be whole."""
    low = min(math.floor(index), len(line) - 2)
    return np.asarray(line[low] + (index - low) * (line[low + 1] - line[low]))
