"""What goes through the needle in an attempt: blood on aspiration, the product, current."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sim.tables import table
from sim.training.actions import Aspirate, Inject, Stimulate
from sim.training.spread import deposit_at
from sim.training.state import Event, HeldNeedle, TrialState
from sim.training.trial_events import Refusal, crossing_kinds, event, region, spoken
from sim.training.trial_needle import OUT_MM, held
from sim.training.trial_path import at_rest, nearest_target
from sim.training.truth import Tip
from sim.training.world import World

Array = NDArray[np.float64]
Done = tuple[TrialState, tuple[Event, ...]]


def aspirate(world: World, state: TrialState, action: Aspirate) -> Done:
    """Pull the plunger back: blood in a vessel, clear fluid within the dura, else nothing."""
    needle = _inside(state)
    tip = _tip(world, state, needle)
    kind = "aspirated_clear"
    if tip.kind in crossing_kinds("vessel"):
        kind = "aspirated_blood"
    elif tip.kind in crossing_kinds("dura"):
        kind = "aspirated_csf"
    after = replace(state, aspirated=kind == "aspirated_clear", needle=replace(needle, moved_mm=0.0))
    return after, (event(kind, state.at_s, tip.key, needle.tip_mm),)


def inject(world: World, state: TrialState, action: Inject) -> Done:
    """Give some of the product where the tip lies."""
    needle = _inside(state)
    place = at_rest(world, state, needle.tip_mm[None])[0]
    target = nearest_target(world, place)
    meant = "" if target is None else target.id
    deposit = deposit_at(world.truth, place, needle.direction, action.ml, meant, state.aspirated, state.at_s)
    where = _where(world, deposit.kind, deposit.inside, deposit.layers)
    more = f"{_units(world, action.ml)}, {where}"
    told = [event("injected", state.at_s, deposit.inside, needle.tip_mm, action.ml, more=more)]
    if deposit.kind in crossing_kinds("vessel"):
        what = spoken(world.anatomy, deposit.inside)
        told.append(event("intravascular", state.at_s, deposit.inside, needle.tip_mm, action.ml, what=what))
    if deposit.kind in crossing_kinds("nerve"):
        feels = event("paraesthesia", state.at_s, deposit.inside, needle.tip_mm, what=region(deposit.inside), more="a sharp pain")
        told.append(feels)
    after = replace(state, deposits=(*state.deposits, deposit), needle=replace(needle, moved_mm=0.0))
    return after, tuple(told)


def stimulate(world: World, state: TrialState, action: Stimulate) -> Done:
    """Send current through the needle: felt from a threshold that grows with the distance to the nearest nerve."""
    if not world.procedure.stimulate:
        raise Refusal("The needle of this procedure carries no current.")
    needle = _inside(state)
    tip = _tip(world, state, needle)
    threshold = threshold_volt(tip.nerve_mm) if tip.nerve else np.inf
    felt = action.volt >= threshold
    what = f"At {action.volt:.2g} V nothing is felt."
    if felt:
        what = f"At {action.volt:.2g} V the patient feels a tingle in {region(tip.nerve)}."
    after = replace(state, needle=replace(needle, moved_mm=0.0))
    return after, (
        event("stimulated", state.at_s, tip.nerve if felt else "", needle.tip_mm, threshold if felt else None, what=what),
    )


def threshold_volt(distance_mm: float) -> float:
    """Return the voltage from which a nerve's stimulation is felt, at a distance (mm) from its wall; within it as at it."""
    law = table("events")["stimulation"]
    return float(law["base_volt"] + law["slope_volt_mm2"] * max(distance_mm, 0.0) ** 2)


def _inside(state: TrialState) -> HeldNeedle:
    needle = held(state)
    if needle.depth_mm <= OUT_MM:
        raise Refusal("The needle's tip is still on the skin; advance it first.")
    return needle


def _tip(world: World, state: TrialState, needle: HeldNeedle) -> Tip:
    return world.truth.tip(at_rest(world, state, needle.tip_mm[None])[0])


def _units(world: World, ml: float) -> str:
    """The toxin's units, in words; nothing for other products."""
    per_ml = world.procedure.product.units_per_ml
    return f" ({ml * per_ml:.3g} U)" if per_ml > 0 else ""


def _where(world: World, kind: str, inside: str, layers: tuple[str, str]) -> str:
    """Where the product went, in words."""
    if kind == "plane" and all(layers):
        above, below = (spoken(world.anatomy, key) for key in layers)
        return f"between the {above} and the {below}"
    if kind == "air":
        return "outside the patient"
    return f"in the {spoken(world.anatomy, inside)}"
