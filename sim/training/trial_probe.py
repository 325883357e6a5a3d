"""The probe in an attempt: laid down, moved, pressed, lifted, helped by the instructor; and the scanner's knobs."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sim.training.actions import Knob, ProbeLift, ProbePlace, ProbePoseNamed, ProbePress, ProbeSlide, ProbeTurn
from sim.training.state import Event, TrialState
from sim.training.trial_events import Refusal, event, rule
from sim.training.world import World
from sim.ultrasound.placing import flat_on_skin
from sim.ultrasound.pose_rules import named_poses
from sim.ultrasound.poses import ProbePose, press, rock, rotate, slide, tilt

Array = NDArray[np.float64]
Done = tuple[TrialState, tuple[Event, ...]]
TURNS = {"rotate": rotate, "tilt": tilt, "rock": rock}
DOPPLER_MODES = (0.0, 1.0, 2.0)


def place(world: World, state: TrialState, action: ProbePlace) -> Done:
    """Lay the probe flat on the skin near a point."""
    if not any(action.toward):
        raise Refusal("The direction of the marked end has no length; give one along the skin.")
    point = near_skin(world, action.point_mm)
    pose = flat_on_skin(
        world.ground.skin, point, action.toward, press_mm=rule("light_press_mm"), footprint_mm=world.probe.width_mm
    )
    return _laid(state, pose)


def named(world: World, state: TrialState, action: ProbePoseNamed) -> Done:
    """Let the instructor lay the probe."""
    pose = world.pose(action.name, action.side)
    label = f"{named_poses()[action.name].label}, {action.side}"
    helped = event("helped", state.at_s, action.name, pose.centre_mm, what=label)
    after, events = _laid(state, pose)
    return after, (helped, *events)


def moved(world: World, state: TrialState, action: ProbeSlide | ProbeTurn | ProbePress) -> Done:
    """Slide, turn or press the probe."""
    before = laid(state)
    if isinstance(action, ProbeSlide):
        after = slide(before, world.ground.skin, action.along_mm, action.across_mm)
    elif isinstance(action, ProbeTurn):
        after = TURNS[action.how](before, action.deg)
    else:
        after = press(before, action.mm)
    return replace(state, probe=after), _stirred(world, state, before, after)


def lift(world: World, state: TrialState, action: ProbeLift) -> Done:
    """Take the probe off."""
    pose = laid(state)
    return replace(state, probe=None), (event("probe_lifted", state.at_s, point=pose.face_mm),)


def knob(world: World, state: TrialState, action: Knob) -> Done:
    """Turn a knob of the scanner within its range."""
    knobs = {**state.knobs, action.name: action.value}
    if action.name == "doppler" and action.value not in DOPPLER_MODES:
        raise Refusal(f"doppler is {action.value:g}; it is 0 (off), 1 (colour) or 2 (power).")
    world.settings(knobs)
    told = event("knob", state.at_s, action.name, value=action.value, what=_name_of(action.name))
    return replace(state, knobs=MappingProxyType(knobs)), (told,)


def laid(state: TrialState) -> ProbePose:
    """Return the probe's pose, or refuse where it is off the skin."""
    if state.probe is None:
        raise Refusal("The probe is off the skin; lay it down first.")
    return state.probe


def near_skin(world: World, point_mm: tuple[float, float, float]) -> Array:
    """Return the skin point (3,) nearest to a place, or refuse where no skin is near."""
    point = np.asarray(point_mm, dtype=np.float64)
    on_skin = np.asarray(world.ground.skin.closest(point)[0][0])
    away = float(np.linalg.norm(on_skin - point))
    if away > rule("reach_mm"):
        raise Refusal(f"That place lies {away:.0f} mm from the skin; choose one on it.")
    return on_skin


def _laid(state: TrialState, pose: ProbePose) -> Done:
    if state.needle is not None and state.needle.depth_mm > 0:
        moved_by = 0.0 if state.probe is None else float(np.linalg.norm(pose.face_mm - state.probe.face_mm))
        told = event("probe_moved", state.at_s, point=pose.face_mm, value=moved_by)
        return replace(state, probe=pose), (event("probe_placed", state.at_s, point=pose.face_mm), told)
    return replace(state, probe=pose), (event("probe_placed", state.at_s, point=pose.face_mm),)


def _stirred(world: World, state: TrialState, before: ProbePose, after: ProbePose) -> tuple[Event, ...]:
    """The event of a probe that moves while the needle is in: by how far the middle or an end of its face, or the focus, goes."""
    if state.needle is None or state.needle.depth_mm <= 0:
        return ()
    half, deep = 0.5 * world.probe.width_mm, world.probe.default_focus_mm
    shift, turn, lean = after.face_mm - before.face_mm, after.lateral - before.lateral, after.axis - before.axis
    ways = [shift, shift + half * turn, shift - half * turn, shift + deep * lean]
    moved_mm = max(float(np.linalg.norm(way)) for way in ways)
    return (event("probe_moved", state.at_s, point=after.face_mm, value=moved_mm),) if moved_mm > 0 else ()


def _name_of(knob_name: str) -> str:
    words = {
        "depth_mm": "Depth (mm)", "gain_db": "Gain (dB)", "focus_mm": "Focus (mm)", "frequency_mhz": "Frequency (MHz)",
        "dynamic_range_db": "Dynamic range (dB)", "doppler": "Doppler",
    }  # fmt: skip
    return words[knob_name]
