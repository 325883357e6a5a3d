"""Injections by landmarks, by a scripted expert's hand: a fan at a nerve, series of sites, attachments on bone, a lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from scenarios.targets import FoundTarget
from sim.tables import table
from sim.training.scripted_hand import Hand, aim, in_style
from sim.training.scripted_needle import met, safe_tip
from sim.training.scripted_prepare import mark_of

Array = NDArray[np.float64]
FIRST_SHARE = 0.7  # of the depth, gone in one push where it is known
DEEPER_MM, LEAD_STEP_MM, LEAD_TURN_DEG = 3.0, 3.0, 3.0
BONE_SLACK_MM = 5.0  # beyond the depth at which bone is expected, that it is sought
MOST_PUSHES = 60
HUB_MM = 0.1  # of the needle, left outside


def fan(hand: Hand) -> None:
    """Give a nerve's volume at the marked point in three parts: in the middle, and to either side from the same puncture."""
    target = hand.world.targets[0]
    entry = mark_of(hand, hand.world.procedure.targets[0].id)
    middle = hand.leaning(in_style(hand, entry, target.direction), 2 * hand.habits["aim_deg"])
    ways = _ways(hand, target, entry, middle)
    hand.to("needle")
    hand.do("needle_place", point_mm=entry, direction=middle)
    for i, way in enumerate(ways):
        if i:
            _shallow(hand)
            aim(hand, hand.leaning(way / np.linalg.norm(way), hand.habits["aim_deg"]))
        for step in ("advance", "bone") if not i else ():
            hand.to(step)
        reach = float(np.linalg.norm(way))
        if hand.world.procedure.bone_contact:
            _to_bone(hand, reach)
        else:
            _to_depth(hand, target, reach)
        hand.to(("aspirate", "fan", "")[i])
        safe_tip(hand)
        _inject(hand, target.volume_ml / len(ways))
    hand.to("end")
    hand.do("needle_remove")


def series(hand: Hand) -> None:
    """Give every muscle's site in its order, each from its own puncture."""
    steps: Mapping[str, str] = table("scripted")["series"]["steps"]
    now = ""
    for target in hand.world.targets:
        step = next((steps[k] for k in steps if any(m.startswith(k) for m in target.muscles)), "")
        if step != now:
            hand.to(step)
            now = step
        site(hand, target)
    hand.to("follow_the_pain")
    hand.to("end")


def site(hand: Hand, target: FoundTarget) -> None:
    """Give one site: enter where it is marked or meant, stop in the muscle, aspirate if that is asked, give, come out."""
    marked = [name for name in hand.state.marks if target.id.startswith(name) and len(hand.world.targets) == 1]
    entry = hand.state.marks[marked[0]] if marked else hand.on_skin(target.skin_mm, hand.habits["site_mm"])
    if marked:
        hand.to("needle")
    way = in_style(hand, entry, target.direction)
    hand.do("needle_place", point_mm=entry, direction=hand.leaning(way, 2 * hand.habits["aim_deg"]))
    if marked:
        hand.to("advance")
    _to_depth(hand, target, target.depth_mm + hand.stray(hand.habits["depth_mm"]))
    if marked:
        hand.to("inject")
    if hand.world.procedure.aspirate:
        safe_tip(hand)
    _inject(hand, target.volume_ml)
    hand.do("needle_remove")


def attachments(hand: Hand) -> None:
    """Give every attachment on its bone: feel it, go to bone, draw back a little, aspirate, give."""
    hand.to("tender")
    for target in hand.world.targets:
        hand.do("palpate", point_mm=hand.on_skin(target.skin_mm, hand.habits["site_mm"]))
    for i, target in enumerate(hand.world.targets):
        hand.to("needle" if not i else "")
        entry = hand.on_skin(target.skin_mm, hand.habits["site_mm"])
        way = target.point_mm - entry
        hand.do("needle_place", point_mm=entry, direction=hand.leaning(way / np.linalg.norm(way), hand.habits["aim_deg"]))
        hand.to("bone" if not i else "")
        _to_bone(hand, target.depth_mm, target.structure)
        hand.to("inject" if not i else "")
        safe_tip(hand)
        _inject(hand, target.volume_ml)
        hand.do("needle_remove")
    hand.to("end")


def lead(hand: Hand) -> None:
    """Pass the introducer under the skin from the marked entry across the nerve; flatter again where the fascia is felt."""
    target = hand.world.targets[0]
    hand.to("numb")
    entry = mark_of(hand, hand.world.procedure.targets[0].id)
    way = target.point_mm - entry
    reach = float(np.linalg.norm(way))
    hand.to("needle")
    hand.do("needle_place", point_mm=entry, direction=hand.leaning(way / reach, 0.5 * hand.habits["aim_deg"]))
    hand.to("advance")
    for _ in range(MOST_PUSHES):
        if hand.needle.depth_mm >= reach - 0.5:
            break
        told = hand.advance(min(LEAD_STEP_MM, reach - hand.needle.depth_mm))
        fascia = any(e.kind == "entered" and e.structure in target.between[1:] for e in told)
        if fascia or met(told, ("bone_contact", "vessel_entered", "intraneural", "refused")):
            hand.advance(-hand.needle.depth_mm + hand.habits["shallow_mm"])
            hand.do("needle_aim", pitch_deg=-LEAD_TURN_DEG)
    hand.to("lead")
    hand.do("needle_remove")
    hand.to("end")


def _ways(hand: Hand, target: FoundTarget, entry: Array, middle: Array) -> tuple[Array, ...]:
    """Ways (3,) from the entry to the places of a fan along the line of the landmarks; narrower where a pulse is felt."""
    line = mark_of(hand, "mastoid_tip") - mark_of(hand, "inion")
    line = line - (line @ middle) * middle
    across, at = line / np.linalg.norm(line), hand.world.procedure.targets[0].at
    ways = [target.depth_mm * middle]
    for side in (-1.0, 1.0):
        wide = side * float(table("scripted")["fan"][at]) * across
        told = hand.do("palpate", point_mm=entry + target.depth_mm * middle + wide)
        pulse = any("pulse" in e.text for e in told)
        ways.append(target.depth_mm * middle + wide * (hand.habits["fan_beside_pulse"] if pulse else 1.0))
    return tuple(ways)


def _to_bone(hand: Hand, reach_mm: float, structure: str = "") -> None:
    """Advance gently until bone, or the attachment itself, is met, and draw back; without bone come back to the usual depth."""
    habits = hand.habits
    while hand.needle.depth_mm < min(reach_mm + BONE_SLACK_MM, hand.world.tool.length_mm - HUB_MM):
        far = reach_mm - hand.needle.depth_mm > 2 * habits["coarse_mm"]
        told = hand.advance(habits["coarse_mm"] if far else habits["step_mm"])
        if met(told, ("bone_contact",)) or any(e.kind == "entered" and e.structure == structure for e in told):
            hand.advance(-(habits["above_bone_mm"] if structure else habits["drawback_mm"]))
            return
        if met(told, ("intraneural", "vessel_entered", "refused")):
            hand.advance(-habits["drawback_mm"])
            return
    hand.advance(min(reach_mm - hand.needle.depth_mm, -0.5))


def _to_depth(hand: Hand, target: FoundTarget, reach_mm: float) -> None:
    """Advance to a known depth in two pushes; further where the muscle has not been felt yet, back where it was left."""
    told = list(hand.advance(FIRST_SHARE * reach_mm))
    told += hand.advance(max(reach_mm - hand.needle.depth_mm, 0.2))
    for _ in range(int(DEEPER_MM)):
        if not target.muscles or any(e.kind == "entered" and e.structure in target.muscles for e in told):
            break
        if met(told, ("bone_contact",)) or hand.needle.depth_mm > hand.world.tool.length_mm - HUB_MM:
            break
        told += hand.advance(hand.habits["step_mm"])
    if met(told, ("bone_contact", "intraneural")) or (told and told[-1].kind == "left" and told[-1].structure in target.muscles):
        hand.advance(-0.6)


def _shallow(hand: Hand) -> None:
    """Draw back to just under the skin."""
    hand.advance(min(hand.habits["shallow_mm"] - hand.needle.depth_mm, -0.2))


def _inject(hand: Hand, ml: float) -> None:
    hand.do("inject", ml=ml * (1 + hand.stray(hand.habits["volume_share"])))


BY_KIND: Mapping[str, Callable[[Hand], None]] = {"nerve": fan, "sites": series, "attachment": attachments, "lead": lead}
