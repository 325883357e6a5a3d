"""A scripted novice: makes the errors that observers of first ultrasound-guided blocks and of first injections describe.

It skips checks, misplaces landmarks, lays the probe askew, enters out of the scanned plane, advances in jerks without looking,
moves the probe meanwhile, misjudges depth and volume, forgets to aspirate, and now and then takes the wrong side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scenarios.targets import FoundTarget
from sim.training.scripted_hand import Hand, Style
from sim.training.scripted_needle import met
from sim.training.scripted_prepare import is_point
from sim.training.state import TrialLog
from sim.training.world import World
from sim.ultrasound.poses import ProbePose, rotate

Array = NDArray[np.float64]
MIRROR = np.array([-1.0, 1.0, 1.0])
MANY = 4  # targets from which on a novice loses count


def novice(world: World, rng: np.random.Generator, style: Style | None = None) -> TrialLog:
    """Return an attempt as a novice makes it.

    Parameters
    ----------
    world : World
    rng : numpy.random.Generator
        Equal generators give equal logs.
    style : Style, optional
        By default left to chance.
    """
    hand = Hand(world, rng, "novice", style)
    targets = _prepare(hand)
    if world.procedure.guidance == "ultrasound":
        _guided(hand, targets[0])
    else:
        BY_KIND[targets[0].kind](hand, targets)
    hand.do("finish")
    return hand.log


def _prepare(hand: Hand) -> list[FoundTarget]:
    """Part of the checklist, a side, some landmarks; return the targets as the novice has them in mind."""
    habits, world = hand.habits, hand.world
    for item in range(len(world.procedure.checklist)):
        if hand.chance(habits["confirms"]):
            hand.do("confirm", item=item)
    flip = False
    if world.side != "both":
        flip = hand.chance(habits["wrong_side"])
        hand.do("choose_side", side={"left": "right", "right": "left"}[world.side] if flip else world.side)
    for name, place in world.landmarks.items():
        if is_point(hand, name) or hand.chance(habits["marks"]):
            found = hand.on_skin(place * MIRROR if flip else place, habits["landmark_mm"])
            hand.do("palpate", point_mm=found)
            hand.do("mark", name=name, point_mm=found)
    return [_mirrored(target) if flip else target for target in world.targets]


def _mirrored(target: FoundTarget) -> FoundTarget:
    """The same place on the other side."""
    return replace(
        target, point_mm=target.point_mm * MIRROR, skin_mm=target.skin_mm * MIRROR, direction=target.direction * MIRROR
    )


def _guided(hand: Hand, target: FoundTarget) -> None:
    """The probe laid somewhat askew, and the needle pushed toward where the nerve is thought to be, several times."""
    side = hand.state.side or "right"
    pose = _lay(hand, side)
    if hand.world.procedure.pose and hand.chance(0.3):
        hand.do("knob", name="doppler", value=1.0)
    least, most = hand.habits["passes"]
    count = int(hand.rng.integers(least, most + 1))
    lateral = "marked" if side == "left" else "other"
    ends = {"lateral": lateral, "medial": "other" if lateral == "marked" else "marked"}
    for number in range(count):
        off = {"off_plane_deg": hand.stray(hand.habits["off_plane_deg"]), "shift_mm": hand.stray(hand.habits["shift_mm"])}
        gap = float(hand.rng.uniform(2.0, 10.0))
        goal = pose.probe_from_ras.apply(hand.near(target.point_mm, hand.habits["goal_mm"])[None])[0]
        end = ends[hand.world.procedure.needle_end]
        start = (0.5 * hand.world.probe.width_mm + gap) * (1.0 if end == "marked" else -1.0)
        steep = float(np.rad2deg(np.arctan2(max(goal[2], 3.0), abs(start - goal[0])))) + hand.stray(hand.habits["aim_deg"])
        hand.do("needle_beside", end=end, steep_deg=float(np.clip(steep, 8.0, 80.0)), gap_mm=gap, **off)
        reach = float(np.hypot(goal[2], start - goal[0]))
        _push(hand, reach, drifts=True)
        if number == count - 1 or hand.chance(0.25):
            _stimulate(hand)
            _inject(hand, target.volume_ml / (1 if number == count - 1 else 2))
        if number < count - 1 and hand.state.needle is not None:
            hand.do("needle_remove")
    if hand.state.needle is not None and hand.chance(0.8):
        hand.do("needle_remove")


def _lay(hand: Hand, side: str) -> ProbePose:
    """The probe near the named view, turned and pressed as it happens, slid about in search of the nerve."""
    habits, name = hand.habits, str(hand.world.procedure.pose)
    meant = hand.world.pose(name, side)
    askew = rotate(meant, hand.stray(habits["probe_deg"]))
    hand.do("probe_place", point_mm=hand.on_skin(meant.centre_mm, habits["probe_mm"]), toward=askew.lateral)
    hand.do("probe_press", mm=meant.press_mm * float(hand.rng.uniform(0.2, 1.0)))
    for _ in range(int(hand.rng.integers(3, 7))):
        hand.do("probe_slide", along_mm=hand.stray(0.4 * habits["probe_mm"]), across_mm=hand.stray(0.4 * habits["probe_mm"]))
        hand.do("probe_turn", how=str(hand.rng.choice(["rotate", "tilt"])), deg=hand.stray(0.3 * habits["probe_deg"]))
    return meant if hand.state.probe is None else hand.state.probe


def _push(hand: Hand, reach_mm: float, *, drifts: bool = False) -> None:
    """Push in jerks to a misjudged depth; turn the needle in the depth; go on once more where bone is met."""
    if hand.state.needle is None:
        return
    habits = hand.habits
    goal = max(reach_mm * (1 + hand.stray(habits["depth_share"])), 2.0)
    turned = False
    while hand.needle.depth_mm < goal:
        told = hand.advance(min(habits["step_mm"], goal - hand.needle.depth_mm + 0.5))
        if met(told, ("bone_contact", "refused")):
            hand.advance(habits["step_mm"] if hand.chance(0.5) else -1.0)
            break
        if drifts and hand.state.probe is not None:
            hand.do("probe_slide", along_mm=hand.stray(habits["drift_mm"]), across_mm=hand.stray(habits["drift_mm"]))
        if not turned and hand.needle.depth_mm > 2 * habits["step_mm"] and hand.chance(0.6):
            turned = True
            hand.do("needle_aim", pitch_deg=hand.stray(habits["aim_deg"]), yaw_deg=hand.stray(habits["aim_deg"]))


def _inject(hand: Hand, ml: float) -> None:
    """Aspirate, or forget it; give a misjudged volume in one go."""
    if hand.state.needle is None:
        return
    if hand.chance(hand.habits["aspirates"]):
        hand.do("aspirate")
    hand.do("inject", ml=max(ml * (1 + hand.stray(hand.habits["volume_share"])), 0.1 * ml))


def _stimulate(hand: Hand) -> None:
    if hand.world.procedure.stimulate and hand.state.needle is not None:
        hand.do("stimulate", volt=float(hand.rng.choice([1.0, 2.0, 5.0])))


def _place(hand: Hand, entry: Array, direction: Array) -> None:
    """Put the needle on the skin, its lean misjudged; as it was meant where it would not enter."""
    hand.do("needle_place", point_mm=entry, direction=hand.leaning(direction, hand.habits["aim_deg"]))
    if hand.state.needle is None:
        hand.do("needle_place", point_mm=entry, direction=direction)


def _fan(hand: Hand, targets: list[FoundTarget]) -> None:
    """All at one place, or in a fan that is turned in the depth; out and in again."""
    target = targets[0]
    marked = [point for name, point in hand.state.marks.items() if is_point(hand, name)]
    least, most = hand.habits["passes"]
    count = int(hand.rng.integers(least, most + 1))
    for number in range(count):
        entry = marked[0] if marked and not number else hand.on_skin(target.skin_mm, hand.habits["site_mm"])
        _place(hand, entry, target.direction)
        _push(hand, target.depth_mm)
        if number == count - 1 or hand.chance(0.4):
            _inject(hand, target.volume_ml / (1 if number == count - 1 else 2))
        if hand.state.needle is not None:
            hand.do("needle_remove")


def _series(hand: Hand, targets: list[FoundTarget]) -> None:
    """Site after site, some left out, some given twice, some in the wrong order."""
    order = list(range(len(targets)))
    for i in range(len(order) - 1):
        if hand.chance(hand.habits["swaps"]):
            order[i], order[i + 1] = order[i + 1], order[i]
    many = len(targets) >= MANY
    for target in (targets[i] for i in order):
        if many and hand.chance(hand.habits["misses"]):
            continue
        for _ in range(0 if many else int(hand.rng.integers(*hand.habits["passes"]))):  # tries that lead to nothing
            _try(hand, target)
        for _ in range(2 if hand.chance(hand.habits["doubles"]) else 1):
            _try(hand, target, target.volume_ml)


def _try(hand: Hand, target: FoundTarget, ml: float = 0.0) -> None:
    """In beside the site and out again; product where the tip happens to be, if a volume is named."""
    _place(hand, hand.on_skin(target.skin_mm, hand.habits["site_mm"]), target.direction)
    _push(hand, target.depth_mm)
    if ml > 0:
        _inject(hand, ml)
    if hand.state.needle is not None:
        hand.do("needle_remove")


def _lead(hand: Hand, targets: list[FoundTarget]) -> None:
    """Several tries, turned in the depth, too flat or too steep."""
    target = targets[0]
    least, most = hand.habits["passes"]
    for _ in range(int(hand.rng.integers(least, most + 1))):
        if hand.state.needle is not None:
            hand.do("needle_remove")
        _place(hand, hand.on_skin(target.skin_mm, hand.habits["site_mm"]), target.direction)
        _push(hand, target.depth_mm)
    if hand.state.needle is not None:
        hand.do("needle_remove")


BY_KIND: Mapping[str, Callable[[Hand, list[FoundTarget]], None]] = {
    "nerve": _fan, "sites": _series, "attachment": _series, "lead": _lead,
}  # fmt: skip
