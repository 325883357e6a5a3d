"""The needle in an attempt: put on the skin, turned, pushed, drawn back."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sim.training.actions import NeedleAdvance, NeedleAim, NeedleBeside, NeedlePlace, NeedleRemove
from sim.training.state import Event, HeldNeedle, TrialState
from sim.training.trial_events import Refusal, event, rule, spoken
from sim.training.trial_path import at_rest, beyond, travelled, under_press
from sim.training.trial_probe import laid, near_skin
from sim.training.truth import Met
from sim.training.world import World
from sim.ultrasound.poses import ProbePose, gap_at

Array = NDArray[np.float64]
Done = tuple[TrialState, tuple[Event, ...]]
OUT_MM = 1e-6  # a tip less deep than this is out


def place(world: World, state: TrialState, action: NeedlePlace) -> Done:
    """Put the needle on the skin near a point, along a direction."""
    _refuse_if_in(state)
    size = float(np.linalg.norm(action.direction))
    if size < 1e-9:
        raise Refusal("The needle's direction has no length; give one into the body.")
    entry = near_skin(world, action.point_mm)
    if state.probe is not None and _under_face(world, state.probe, entry):
        raise Refusal("The probe lies on that place; enter beside it, or lift it.")
    return _on_skin(world, state, entry, np.asarray(action.direction) / size)


def beside(world: World, state: TrialState, action: NeedleBeside) -> Done:
    """Put the needle on the skin beside an end of the probe, in or out of its plane."""
    pose = laid(state)
    _refuse_if_in(state)
    way = pose.lateral if action.end == "marked" else -pose.lateral
    half = 0.5 * world.probe.width_mm
    at = pose.face_mm + (half + action.gap_mm) * way + action.shift_mm * pose.elevation
    steep, off = math.radians(action.steep_deg), math.radians(action.off_plane_deg)
    flat = math.cos(steep) * -way + math.sin(steep) * pose.axis
    gap = gap_at(world.ground.skin, at, pose.axis)
    if not math.isfinite(gap):
        raise Refusal("There is no skin beside that end of the probe; use the other end, or move the probe.")
    return _on_skin(world, state, at + gap * pose.axis, math.cos(off) * flat + math.sin(off) * pose.elevation)


def aim(world: World, state: TrialState, action: NeedleAim) -> Done:
    """Turn the needle about its entry; tissue lets it, bone does not."""
    needle = held(state)
    normal = _outward(world, state, needle)
    turned = _turned(needle.direction, normal, action.pitch_deg, action.yaw_deg)
    _check_inward(turned, normal)
    after = replace(state, needle=replace(needle, direction=turned, moved_mm=0.0), aspirated=False)
    if needle.depth_mm <= OUT_MM:
        return after, ()
    trip = travelled(world, state, _sweep(needle, turned))
    if trip.stopped:
        raise Refusal("Bone is in the way of the tip; draw the needle back before you turn it.")
    angle = math.degrees(math.acos(min(1.0, max(-1.0, float(needle.direction @ turned)))))
    told: tuple[Event, ...] = ()
    if needle.depth_mm > rule("redirected_from_mm") and angle > 0:
        told = (event("redirected", state.at_s, point=needle.tip_mm, value=angle, more=f"{needle.depth_mm:.0f}"),)
    tip = needle.entry_mm + needle.depth_mm * turned
    return after, (*told, *trip.events, *beyond(world, state, needle.tip_mm, tip))


def advance(world: World, state: TrialState, action: NeedleAdvance) -> Done:
    """Push the needle, or draw it back."""
    needle = held(state)
    goal = min(needle.depth_mm + action.mm, world.tool.length_mm)
    if goal <= OUT_MM and action.mm < 0:
        return _out(state, needle)
    if action.mm > 0 and goal - needle.depth_mm <= OUT_MM:
        raise Refusal("The needle is in up to its hub; it goes no deeper.")
    if action.mm == 0:
        return replace(state, needle=replace(needle, moved_mm=0.0)), ()
    depths = np.linspace(needle.depth_mm, goal, max(math.ceil(abs(goal - needle.depth_mm) / rule("piece_mm")), 1) + 1)
    line = needle.entry_mm + depths[:, None] * needle.direction
    trip = travelled(world, state, line, forward=action.mm > 0)
    reached = needle.depth_mm + trip.share * (goal - needle.depth_mm)
    moved = replace(needle, depth_mm=reached, moved_mm=reached - needle.depth_mm)
    through = needle.depth_mm <= OUT_MM < reached
    events = (_pierced(world, state, needle) if through else ()) + trip.events
    if action.mm > 0:
        events += beyond(world, state, needle.tip_mm, moved.tip_mm)
    after = replace(state, needle=moved, aspirated=False, passes=state.passes + through)
    return after, events


def remove(world: World, state: TrialState, action: NeedleRemove) -> Done:
    """Take the needle out."""
    return _out(state, held(state))


def held(state: TrialState) -> HeldNeedle:
    """Return the needle in the hand, or refuse where there is none."""
    if state.needle is None:
        raise Refusal("No needle is on the skin; place it first.")
    return state.needle


def _out(state: TrialState, needle: HeldNeedle) -> Done:
    return replace(state, needle=None, aspirated=False), (event("needle_removed", state.at_s, needle.key, needle.entry_mm),)


def _refuse_if_in(state: TrialState) -> None:
    if state.needle is not None and state.needle.depth_mm > OUT_MM:
        raise Refusal("The needle is in the patient; take it out before you enter elsewhere.")


def _on_skin(world: World, state: TrialState, skin_mm: Array, direction: Array) -> Done:
    """The needle at a place of the skin at rest, which the probe may press in."""
    angle = _check_inward(direction, world.ground.skin.closest(skin_mm)[1][0])
    entry = under_press(world, state, skin_mm)
    needle = HeldNeedle(world.tool.key, entry, np.asarray(direction / np.linalg.norm(direction)))
    after = replace(state, needle=needle, aspirated=False)
    return after, (event("needle_placed", state.at_s, needle.key, entry, angle),)


def _check_inward(direction: Array, normal: Array) -> float:
    """Return the angle between shaft and skin, degrees; refuse what points along the skin or out of it."""
    angle = math.degrees(math.asin(min(1.0, max(-1.0, float(-(direction @ normal))))))
    if angle < rule("least_angle_deg"):
        raise Refusal(f"The needle would point out of the skin or along it ({angle:.0f} degrees); point it into the body.")
    return angle


def _pierced(world: World, state: TrialState, needle: HeldNeedle) -> tuple[Event, ...]:
    """The events of the skin given way."""
    deg = math.degrees(math.asin(min(1.0, abs(float(needle.direction @ _outward(world, state, needle))))))
    pop = world.truth.pop_n(Met("skin", "skin", 0.0, True, deg))
    give = event("pop", state.at_s, "skin", needle.entry_mm, pop)
    return give, event("entered", state.at_s, "skin", needle.entry_mm, deg, what=spoken(world.anatomy, "skin"))


def _outward(world: World, state: TrialState, needle: HeldNeedle) -> Array:
    """The skin's normal (3,) where the needle enters."""
    return np.asarray(world.ground.skin.closest(at_rest(world, state, needle.entry_mm[None]))[1][0])


def _under_face(world: World, pose: ProbePose, point: Array) -> bool:
    """Whether a place on the skin lies under the probe's head."""
    half = 0.5 * np.array([world.probe.width_mm, world.probe.footprint_thickness_mm])
    place = np.abs(pose.probe_from_ras.apply(point[None])[0])
    return bool((place[:2] < half).all() and place[2] < rule("reach_mm"))


def _turned(direction: Array, normal: Array, pitch_deg: float, yaw_deg: float) -> Array:
    """A direction pitched away from the skin, then turned clockwise as seen from outside."""
    along = direction - (direction @ normal) * normal
    if np.linalg.norm(along) < 1e-6:  # square to the skin: pitched as if it had come from below, or from the front on the crown
        for axis in (2, 1):
            along = np.eye(3)[axis] - normal[axis] * normal
            if np.linalg.norm(along) > 0.3:
                break
    along = along / np.linalg.norm(along)
    pitched = _rotated(direction, np.cross(along, -normal), pitch_deg)
    out = _rotated(pitched, -normal, yaw_deg)
    return np.asarray(out / np.linalg.norm(out))


def _rotated(v: Array, about: Array, deg: float) -> Array:
    turn = math.radians(deg)
    axis = about / np.linalg.norm(about)
    return np.asarray(
        math.cos(turn) * v + math.sin(turn) * np.cross(axis, v) + (1 - math.cos(turn)) * (axis @ v) * axis
    )


def _sweep(needle: HeldNeedle, turned: Array) -> Array:
    """True places (n, 3) of the tip while the shaft turns, in pieces of the table's length."""
    swept = float(np.linalg.norm(turned - needle.direction)) * needle.depth_mm
    shares = np.linspace(0.0, 1.0, max(math.ceil(swept / rule("piece_mm")), 1) + 1)[:, None]
    ways = (1 - shares) * needle.direction + shares * turned
    lengths = np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)
    return np.asarray(needle.entry_mm + needle.depth_mm * ways / lengths)
