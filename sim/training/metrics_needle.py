"""Measures of the tip and of what was given: to nerve, artery, plane and bone; nerve bathed, volume, aspiration, current."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.training.metrics_attempt import Attempt, Given, depth, settings
from sim.training.spread import bathed

if TYPE_CHECKING:
    from scenarios.targets import FoundTarget
    from sim.training.spread import Bathed

Array = NDArray[np.float64]


def tip_to_nerve(a: Attempt) -> float | None:
    """Return the mean distance (mm, 0 within it) from the tip to the target nerve's wall when product was given, by volume.

    If nothing was given, where current was sent last.
    """
    away, weight = [], []
    for target, given in a.by_target:
        if target.kind == "nerve" and target.structure in a.world.anatomy:
            for g in given:
                away.append(max(float(a.wall_mm(target.structure, g.deposit.tip_mm[None])[0]), 0.0))
                weight.append(g.deposit.volume_ml)
    if away:
        return float(np.average(away, weights=weight))
    nerves = [t.structure for t in a.world.targets if t.kind == "nerve" and t.structure in a.world.anatomy]
    held = [c.after for c in a.stimulated if c.after.needle is not None]
    if not held or not nerves:
        return None
    tip = a.resting_tip(held[-1])[None]
    return max(min(float(a.wall_mm(key, tip)[0]) for key in nerves), 0.0)


def tip_to_artery(a: Attempt) -> float | None:
    """Return the smallest distance (mm) from the tip to an artery's wall when product was given."""
    if not a.given:
        return None
    near = min(a.world.truth.tip(g.deposit.tip_mm).artery_mm for g in a.given)
    return float(min(near, settings()["far_mm"]))


def plane_error(a: Attempt) -> float | None:
    """Return the mean distance (mm) from the tip to the target's plane when product was given, by volume; 0 in the plane.

    Outside the plane it is the distance to the farther of the two layers that bound it.
    """
    rows = [(_off_plane(a, target, g), g.deposit.volume_ml) for target, given in a.by_target for g in given if _layers(a, target)]
    return float(np.average([r[0] for r in rows], weights=[r[1] for r in rows])) if rows else None


def volume_in_plane(a: Attempt) -> float | None:
    """Return the share (%) of all volume that was given between the two layers of a target."""
    planes = [t for t in a.world.targets if _layers(a, t)]
    total = a.last.given_ml
    if not planes or total <= 0:
        return None
    within = sum(g.deposit.volume_ml for t, given in a.by_target for g in given if _layers(a, t) and _in_plane(t, g))
    return 100.0 * within / total


def circumference_bathed(a: Attempt) -> float | None:
    """Return the share (%) of the wall of the worst bathed target nerve that fluid touches where it is best covered."""
    return _worst(a, lambda b: 100.0 * b.circumference_share)


def length_bathed(a: Attempt) -> float | None:
    """Return the length (mm) of the worst bathed target nerve with at least half of its wall bathed."""
    return _worst(a, lambda b: b.length_mm)


def volume_given(a: Attempt) -> float | None:
    """Return the product given in all, mL."""
    return a.last.given_ml if a.given else None


def volume_error(a: Attempt) -> float | None:
    """Return how far (mL) the volume at a target lay outside the accepted range, mean over all targets."""
    if not a.given or not a.by_target:
        return None
    errors = []
    for target, given in a.by_target:
        least, most = accepted_ml(a, target)
        volume = sum(g.deposit.volume_ml for g in given)
        errors.append(max(least - volume, volume - most, 0.0))
    return float(np.mean(errors))


def accepted_ml(a: Attempt, target: FoundTarget) -> tuple[float, float]:
    """Return the volumes accepted at a target: the product's range, scaled where the target has a volume of its own."""
    product = a.world.procedure.product
    scale = target.volume_ml / product.volume_ml if target.volume_ml > 0 else 1.0
    return product.range_ml[0] * scale, product.range_ml[1] * scale


def aspirated_before(a: Attempt) -> float | None:
    """Return the share (%) of injections that an aspiration came just before."""
    if not a.given or not a.world.procedure.aspirate:
        return None
    return 100.0 * sum(g.deposit.aspirated for g in a.given) / len(a.given)


def bone_contacts(a: Attempt) -> float | None:
    """Return how often the tip met bone."""
    return float(sum(e.kind == "bone_contact" for e in a.log.events)) if a.entered else None


def bone_drawback(a: Attempt) -> float | None:
    """Return the distance (mm) between tip and bone when product was given after bone had been touched on the same puncture."""
    touched, drawn, done = False, [], 0
    for c in a.changes:
        touched = touched and depth(c.before) > 0
        touched = touched or any(e.kind == "bone_contact" for e in c.events)
        new = c.after.deposits[done:]
        if touched:
            drawn += [float(a.world.truth.tip(d.tip_mm).bone_mm) for d in new]
        done = len(c.after.deposits)
    near = [mm for mm in drawn if np.isfinite(mm)]
    return float(np.mean(near)) if near else None


def fan_spread(a: Attempt) -> float | None:
    """Return the largest distance (mm) between the places at which one target's volume was given, mean over targets."""
    widths = [_widest([g.deposit.tip_mm for g in given]) for _, given in a.by_target if given]
    return float(np.mean(widths)) if widths and a.world.procedure.fan else None


def stimulation_threshold(a: Attempt) -> float | None:
    """Return the lowest voltage that was felt; None if none was."""
    felt = [e.value for e in a.log.events if e.kind == "stimulated" and e.value is not None]
    return float(min(felt)) if felt else None


def _worst(a: Attempt, of: Callable[[Bathed], float]) -> float | None:
    nerves = dict.fromkeys(t.structure for t in a.world.targets if _has_axis(a, t))
    if not a.given or not nerves:
        return None
    return float(min(of(_bathed(a, nerve)) for nerve in nerves))


def _bathed(a: Attempt, nerve: str) -> Bathed:
    """What was bathed of a nerve; kept, as two measures ask for it."""
    held: dict[str, Bathed] = a.__dict__.setdefault("_bathed", {})
    if nerve not in held:
        held[nerve] = bathed(a.world.truth, a.last.deposits, nerve)
    return held[nerve]


def _has_axis(a: Attempt, target: FoundTarget) -> bool:
    """Whether a target is a nerve that runs through the anatomy."""
    key = target.structure
    return target.kind == "nerve" and key in a.world.anatomy and a.world.anatomy[key].centerline is not None


def _layers(a: Attempt, target: FoundTarget) -> bool:
    """Whether a target has a plane between two layers that the anatomy holds."""
    return len(target.between) == 2 and all(key in a.world.anatomy for key in target.between)


def _in_plane(target: FoundTarget, g: Given) -> bool:
    return set(g.deposit.layers) == set(target.between)


def _off_plane(a: Attempt, target: FoundTarget, g: Given) -> float:
    if _in_plane(target, g):
        return 0.0
    return max(abs(float(a.wall_mm(key, g.deposit.tip_mm[None])[0])) for key in target.between)


def _widest(points: Sequence[Array]) -> float:
    """The largest distance between any two of some points, mm."""
    p = np.array(points)
    return float(np.linalg.norm(p[:, None] - p[None], axis=2).max())
