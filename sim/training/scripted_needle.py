"""A needle in plane by a scripted expert's hand: planned in the picture, lined up, advanced in sight; product given in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.tables import table
from sim.training.scripted_hand import Hand, aim
from sim.training.scripted_scan import beside, end_of, wanted
from sim.training.scripted_view import View, in_view
from sim.training.state import Event

Array = NDArray[np.float64]
AVOID = ("artery", "bone", "nerve")
ALIGN_DEPTH_MM, ALIGN_DEG = 4.0, 1.0  # to which the needle is let in before its line is corrected, and from which error on
FIRST_DEG, ANGLE_SLACK_DEG = 35.0, 2.0  # at which the entry is tried, and kept from the ends of what is taught
SHORT = 0.05  # of the way, at the goal, that need not be clear: bone may lie close behind it
ARRIVED_MM, MOST_PUSHES = 0.35, 90
STOPPED = ("nerve_contact", "intraneural", "bone_contact", "vessel_entered", "refused")
GAP_WEIGHT = 0.5  # degrees beyond what is taught that a millimetre closer to the probe is worth: what lies beside it is not seen
GAP_STYLE_MM = 0.2  # per degree of style, by which hands differ in how close to the probe they enter
MOST_RETREATS = 4
BACK_MM, NEAR_MM = 1.2, 3.0  # drawn back after something is touched; so near to the goal it is good enough


class Plan(NamedTuple):
    """Where the needle enters, and where it should come to, in the picture: (across, deep) mm."""

    end: str
    gap_mm: float
    steep_deg: float
    goal: Array


def plans(hand: Hand, row: Mapping[str, Any], view: View) -> list[Plan]:
    """Try entries beside the probe, the end that the procedure names first, and return the ways to the goal, the best first."""
    hand.to("needle")
    found: list[tuple[tuple[float, float], Plan]] = []
    for end in _ends(hand, row):
        goal = goal_in(hand, row, view, end)
        for usual in table("scripted")["search"]["gaps_mm"]:
            gap = usual + GAP_STYLE_MM * abs(hand.style_deg)
            told = hand.do("needle_beside", end=end, steep_deg=FIRST_DEG, gap_mm=gap)
            angle = next((e.value for e in told if e.kind == "needle_placed" and e.value is not None), None)
            if angle is None:
                continue
            entry = in_view(hand, hand.needle.entry_mm)[[0, 2]]
            steep = float(np.rad2deg(np.arctan2(goal[1] - entry[1], abs(goal[0] - entry[0]))))
            odd = _untaught(hand, angle + steep - FIRST_DEG)
            rank = max(-_room(hand, row, view, entry, goal), 0.0), odd + GAP_WEIGHT * usual if odd else 0.0
            found.append((rank, Plan(end, gap, steep, goal)))
            if rank == (0.0, 0.0):
                break
        if found and min(rank for rank, _ in found)[0] == 0.0:
            break
    return [plan for _, plan in sorted(found, key=lambda pair: pair[0])]


def line_up(hand: Hand, plan: Plan) -> None:
    """Put the needle on the skin as planned, as well as a hand can."""
    spread = float(hand.habits["aim_deg"])
    steep, off = plan.steep_deg + hand.stray(spread), hand.stray(0.7 * spread)
    hand.do("needle_beside", end=plan.end, steep_deg=steep, off_plane_deg=off, gap_mm=plan.gap_mm, shift_mm=hand.stray(0.2))


def goal_in(hand: Hand, row: Mapping[str, Any], view: View, end: str) -> Array:
    """Return where the tip should rest: beside the nerve on the needle's side, in the plane between two layers if any."""
    nerve, *others = wanted(hand, row)
    seen = view.spot(nerve, *others)
    if not len(seen):
        return np.array([0.0, 0.5 * float(view.deep_mm[-1])])
    across, deep = beside(hand, seen, end), float(np.median(seen[:, 1]))
    between = hand.world.targets[0].between
    border = view.border_mm(across, *between) if len(between) == 2 else None
    goal = np.array([across, deep if border is None else border])
    return goal + [hand.stray(hand.habits["read_mm"]) for _ in range(2)]


def advance_to(hand: Hand, plan: Plan) -> bool:
    """Advance in millimetres, the tip in view; line up once near the skin; stop at the goal, or where nerve or bone is met.

    Returns whether the tip is at the goal, or as near to it as can be; if not, something lies in the way.
    """
    hand.to("advance")
    aligned = False
    for _ in range(MOST_PUSHES):
        left = _left_mm(hand, plan)
        if left <= ARRIVED_MM:
            break
        told = hand.advance(min(float(hand.habits["step_mm"]), left))
        if met(told, STOPPED):
            hand.advance(-BACK_MM)
            return left <= NEAR_MM
        if not aligned and hand.needle.depth_mm >= ALIGN_DEPTH_MM:
            aligned = True
            _turn_to(hand, plan)
    return True


def give(hand: Hand, ml: float) -> None:
    """Aspirate, give a little, watch where it goes, and give the rest in parts; the tip is moved a little if a muscle swells."""
    between = hand.world.targets[0].between
    left, first = ml * (1 + hand.stray(hand.habits["volume_share"])), True
    safe_tip(hand)
    while left > 0.02:
        part = min(hand.habits["portion_ml"], left) if not first else min(0.3, left)
        if left - part < 0.1:
            part = left
        told = hand.do("inject", ml=part)
        left -= part
        where = next((e.structure for e in told if e.kind == "injected"), "")
        if first and between and where != "plane":
            hand.advance(0.6 if where == between[0] else -0.6)
            safe_tip(hand)
        first = False


def safe_tip(hand: Hand) -> None:
    """Aspirate; draw back and look again where blood comes, or out of a nerve that is felt."""
    for _ in range(MOST_RETREATS):
        if hand.inside("nerve"):
            hand.advance(-BACK_MM)
        elif met(hand.do("aspirate"), ("aspirated_clear",)):
            return
        else:
            hand.advance(-BACK_MM)
    hand.do("aspirate")


def _left_mm(hand: Hand, plan: Plan) -> float:
    """How far along the shaft the tip still is from the place of the goal, as read from the picture."""
    tip, entry = (in_view(hand, p)[[0, 2]] for p in (hand.needle.tip_mm, hand.needle.entry_mm + 0.0))
    ahead = in_view(hand, hand.needle.entry_mm + hand.needle.direction)[[0, 2]] - entry
    return float((plan.goal - tip) @ ahead / (ahead @ ahead))


def _turn_to(hand: Hand, plan: Plan) -> None:
    """Turn the shaft toward the goal where its line has strayed."""
    pose = hand.state.probe
    if pose is None:
        return
    goal = pose.ras_from_probe.apply(np.array([[plan.goal[0], 0.0, plan.goal[1]]]))[0]
    way = goal - hand.needle.entry_mm
    way = way / np.linalg.norm(way)
    if np.rad2deg(np.arccos(np.clip(way @ hand.needle.direction, -1, 1))) > ALIGN_DEG:
        aim(hand, hand.leaning(way, 0.3 * hand.habits["aim_deg"]))


def _ends(hand: Hand, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The end beside which the needle enters, and the other one where the view allows both."""
    first = end_of(hand, row)
    return (first, "other" if first == "marked" else "marked") if row.get("either_end") else (first,)


def _room(hand: Hand, row: Mapping[str, Any], view: View, entry: Array, goal: Array) -> float:
    """How far (mm) the way to the goal stays clear of what must not be met, beyond what an expert keeps; negative if too near."""
    nerve = wanted(hand, row)[0]
    short = goal + (entry - goal) * SHORT
    return view.clear_mm(entry, short, AVOID, spare=nerve) - float(hand.habits["clear_mm"])


def _untaught(hand: Hand, angle_deg: float) -> float:
    """How far (degrees) an angle to the skin lies outside what the procedure teaches."""
    low, high = hand.world.procedure.angle_deg
    return max(low + ANGLE_SLACK_DEG - angle_deg, angle_deg - high + ANGLE_SLACK_DEG, 0.0)


def met(events: Sequence[Event], kinds: Sequence[str]) -> bool:
    """Return whether one of some kinds of event is among those that happened."""
    return any(e.kind in kinds for e in events)
