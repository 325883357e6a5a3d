"""An attempt, as a pure state machine: what is done to a state gives the next state and what happened, and nothing else does.

`step` never raises for a well-formed action: what cannot be done becomes an event of the kind 'refused', and the time moves on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from meshes._check import unknown
from sim.training import trial_needle, trial_probe, trial_product
from sim.training.actions import (
    AnyAction,
    Aspirate,
    ChooseSide,
    Confirm,
    Finish,
    Inject,
    Knob,
    Mark,
    NeedleAdvance,
    NeedleAim,
    NeedleBeside,
    NeedlePlace,
    NeedleRemove,
    NextStep,
    Palpate,
    ProbeLift,
    ProbePlace,
    ProbePoseNamed,
    ProbePress,
    ProbeSlide,
    ProbeTurn,
    Stimulate,
    Wait,
)
from sim.training.palpation import feel
from sim.training.state import Event, Moment, TrialLog, TrialState
from sim.training.trial_events import Refusal, event
from sim.training.trial_image import fluid_in_image, needle_in_image
from sim.training.world import World, world_for

__all__ = ["fluid_in_image", "needle_in_image", "replay", "start", "step", "world_for"]

Done = tuple[TrialState, tuple[Event, ...]]
Handler = Callable[[World, TrialState, Any], Done]


def start(world: World) -> TrialState:
    """Return the state before anything is done: the first step in hand."""
    return TrialState(step=world.procedure.steps[0].id)


def step(world: World, state: TrialState, action: AnyAction) -> Moment:
    """Return what an action leads to: the next state, and what happened.

    Parameters
    ----------
    world : World
    state : TrialState
    action : AnyAction
        Its time must not lie before that of the state.

    Returns
    -------
    Moment
        The same for the same world, state and action. If the action cannot be done, its events are one of the kind 'refused',
        and its state is the old one at the action's time; after the end of the attempt, the old one.
    """
    if state.finished:
        return _refused(state, action, "The attempt is finished; begin another one.")
    if action.at_s < state.at_s:
        return _refused(state, action, f"{action.at_s:g} s lies before {state.at_s:g} s; time does not run backward.")
    now = replace(state, at_s=action.at_s)
    try:
        after, events = HANDLERS[type(action)](world, now, action)
    except (Refusal, ValueError) as why:
        return _refused(now, action, str(why))
    if not isinstance(action, NeedleAdvance) and after.needle is not None and after.needle.moved_mm:
        after = replace(after, needle=replace(after.needle, moved_mm=0.0))
    return Moment(action, after, events)


def replay(world: World, actions: Iterable[AnyAction]) -> TrialLog:
    """Return the log of an attempt, from its recording: equal bit for bit each time."""
    state, moments = start(world), []
    for action in actions:
        moments.append(step(world, state, action))
        state = moments[-1].state
    return TrialLog(world.procedure.key, world.side, tuple(moments), world.about)


def _choose_side(world: World, state: TrialState, action: ChooseSide) -> Done:
    if state.needle is not None and state.needle.depth_mm > trial_needle.OUT_MM:
        raise Refusal("The needle is in the patient; take it out before you change the side.")
    return replace(state, side=action.side), (event("side_chosen", state.at_s, action.side, what=action.side),)


def _confirm(world: World, state: TrialState, action: Confirm) -> Done:
    items = world.procedure.checklist
    if action.item >= len(items):
        raise Refusal(f"The checklist has {len(items)} items; there is no number {action.item}.")
    ticked = state.confirmed if action.item in state.confirmed else (*state.confirmed, action.item)
    told = event("confirmed", state.at_s, str(action.item), what=items[action.item].text)
    return replace(state, confirmed=ticked), (told,)


def _go_to_step(world: World, state: TrialState, action: NextStep) -> Done:
    steps = {s.id: s for s in world.procedure.steps}
    if action.step not in steps:
        raise Refusal(unknown("step", action.step, steps))
    return replace(state, step=action.step), (event("step", state.at_s, action.step, what=steps[action.step].text),)


def _palpate(world: World, state: TrialState, action: Palpate) -> Done:
    felt = feel(world, trial_probe.near_skin(world, action.point_mm))
    return state, (event("palpated", state.at_s, "", felt.point_mm, felt.bone_mm, what=felt.text),)


def _mark(world: World, state: TrialState, action: Mark) -> Done:
    point = trial_probe.near_skin(world, action.point_mm)
    point.setflags(write=False)
    marks = MappingProxyType({**state.marks, action.name: point})
    away = mark_error_mm(world, state, action.name, point)
    told = event("marked", state.at_s, action.name, point, away, what=action.name.replace("_", " "))
    return replace(state, marks=marks), (told,)


def mark_error_mm(world: World, state: TrialState, name: str, point: Any) -> float | None:
    """Return how far (mm, straight) a mark lies from the landmark that it names; None if it names none.

    Of the superior nuchal line any place on it is right, on the side in hand, or on either where none is chosen.
    """
    sides = (state.side,) if state.side else ("left", "right") if world.side == "both" else (world.side,)
    if name.removesuffix("_left").removesuffix("_right") == "superior_nuchal_line":
        names = [name] if name != "superior_nuchal_line" else [f"{name}_{side}" for side in sides]
        curves = [c.replace("nuchal_line", "nuchal_line_skin") for c in names]
        lines = [world.anatomy.curves[c] for c in curves if c in world.anatomy.curves]
        return min((float(np.linalg.norm(line - point, axis=1).min()) for line in lines), default=None)
    truths = [world.landmarks[n] for n in (name, *(f"{name}_{side}" for side in sides)) if n in world.landmarks]
    return min((float(np.linalg.norm(truth - point)) for truth in truths), default=None)


def _wait(world: World, state: TrialState, action: Wait) -> Done:
    return state, ()


def _finish(world: World, state: TrialState, action: Finish) -> Done:
    inside = state.needle is not None and state.needle.depth_mm > trial_needle.OUT_MM
    more = " with the needle still in the patient" if inside else ""
    return replace(state, finished=True), (event("finished", state.at_s, more=more),)


def _refused(state: TrialState, action: AnyAction, why: str) -> Moment:
    word = why.split(" ", 1)[0]
    told = why if "_" in word else f"{why[:1].upper()}{why[1:]}"  # names of settings stay as they are
    return Moment(action, state, (event("refused", state.at_s, action.kind, what=told),))


HANDLERS: Mapping[type[Any], Handler] = MappingProxyType(
    {
        ChooseSide: _choose_side,
        Confirm: _confirm,
        NextStep: _go_to_step,
        Palpate: _palpate,
        Mark: _mark,
        ProbePlace: trial_probe.place,
        ProbePoseNamed: trial_probe.named,
        ProbeSlide: trial_probe.moved,
        ProbeTurn: trial_probe.moved,
        ProbePress: trial_probe.moved,
        ProbeLift: trial_probe.lift,
        Knob: trial_probe.knob,
        NeedlePlace: trial_needle.place,
        NeedleBeside: trial_needle.beside,
        NeedleAim: trial_needle.aim,
        NeedleAdvance: trial_needle.advance,
        NeedleRemove: trial_needle.remove,
        Aspirate: trial_product.aspirate,
        Inject: trial_product.inject,
        Stimulate: trial_product.stimulate,
        Wait: _wait,
        Finish: _finish,
    }
)
