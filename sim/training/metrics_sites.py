"""Measures of landmarks, of series of sites, of attachments and leads, and of checklist and order."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.training.metrics_attempt import Attempt, Given, depth, settings

if TYPE_CHECKING:
    from scenarios.targets import FoundTarget
    from sim.training.state import TrialState

Array = NDArray[np.float64]


def landmark_error(a: Attempt) -> float | None:
    """Return the mean distance (mm) from the marks to the landmarks asked for; None unless every one is marked.

    Where a mark was set again, the last counts. Marks of injection points are not among them.
    """
    return _marked(a, [name for name in a.world.landmarks if not _is_target(a, name)])


def injection_point_error(a: Attempt) -> float | None:
    """Return the mean distance (mm) from the entries to the usual entries; of the marks where nothing was given."""
    if a.world.procedure.guidance == "ultrasound":  # the entry follows from the picture, not from a rule on the skin
        return None
    if off := _entries(a, ("nerve", "attachment", "lead")):
        return float(np.mean(off))
    return _marked(a, [name for name in a.world.landmarks if _is_target(a, name)])


def site_error(a: Attempt) -> float | None:
    """Return the mean distance (mm) from the entries to the sites on the skin."""
    off = _entries(a, ("sites",))
    return float(np.mean(off)) if off else None


def muscle_hit(a: Attempt) -> float | None:
    """Return the share (%) of the muscles' targets given whose product lay in a muscle meant, or at its border."""
    rows = [(t, given) for t, given in a.by_target if t.muscles and given]
    return 100.0 * sum(all(_in_muscle(t, g) for g in given) for t, given in rows) / len(rows) if rows else None


def depth_error(a: Attempt) -> float | None:
    """Return how far (mm) the tip lay too deep or too shallow along the usual direction, mean over targets given."""
    rows = [(t, given) for t, given in a.by_target if given]
    off = [np.mean([abs(float((g.deposit.tip_mm - t.point_mm) @ t.direction)) for g in given]) for t, given in rows]
    return float(np.mean(off)) if off else None


def dose_error(a: Attempt) -> float | None:
    """Return the difference between units given and planned, mean over all sites; None where the product has no units."""
    strength = a.world.procedure.product.units_per_ml
    rows = [(t, given) for t, given in a.by_target if t.units > 0]
    if not a.given or strength <= 0 or not rows:
        return None
    return float(np.mean([abs(_volume(given) * strength - t.units) for t, given in rows]))


def sites_missed(a: Attempt) -> float | None:
    """Return the number of targets at which nothing was given."""
    return float(len(missed(a))) if a.world.targets else None


def sites_doubled(a: Attempt) -> float | None:
    """Return the number of targets at which clearly more than planned was given."""
    return float(len(doubled(a))) if a.given else None


def missed(a: Attempt) -> list[FoundTarget]:
    """Return the targets at which nothing was given."""
    return [t for t, given in a.by_target if not given]


def doubled(a: Attempt) -> list[FoundTarget]:
    """Return the targets at which clearly more than planned was given."""
    most = float(settings()["doubled_from"])
    return [t for t, given in a.by_target if t.volume_ml > 0 and _volume(given) >= most * t.volume_ml]


def order_errors(a: Attempt) -> float | None:
    """Return how often a target was begun after one that stands later in the order."""
    begun = sorted((min(g.deposit.at_s for g in given), t.order) for t, given in a.by_target if given)
    order = [number for _, number in begun]
    return float(sum(later < first for first, later in pairwise(order))) if order else None


def side_balance(a: Attempt) -> float | None:
    """Return the difference of what was given right and left, % of all of it; None where one side is treated."""
    if a.world.side != "both" or not a.given:
        return None
    sides = {s: sum(_volume(given) for t, given in a.by_target if t.side == s) for s in ("right", "left")}
    both = sum(sides.values())
    return 100.0 * abs(sides["right"] - sides["left"]) / both if both > 0 else None


def attachment_error(a: Attempt) -> float | None:
    """Return the mean distance (mm) from the tip to the attachments at which product was given."""
    rows = [(t, g) for t, given in a.by_target if t.kind == "attachment" for g in given]
    return float(np.mean([np.linalg.norm(g.deposit.tip_mm - t.point_mm) for t, g in rows])) if rows else None


def lead_depth(a: Attempt) -> float | None:
    """Return the middle depth (mm) of the lead under the skin, beyond the slope through which it enters."""
    if (line := _lead(a)) is None:
        return None
    deep = -a.world.ground.skin.signed_distance(line[int(len(line) * settings()["lead_from_share"]) :])
    return float(np.median(deep))


def lead_crossing(a: Attempt) -> float | None:
    """Return the length (mm) of lead beyond the place where it crosses over the target nerve; 0 if it does not cross."""
    line = _lead(a)
    nerves = [t.structure for t in a.world.targets if t.kind == "lead" and t.structure in a.world.anatomy]
    if line is None or not nerves:
        return None
    return max(_beyond(a, line, key) for key in nerves)


def checklist_done(a: Attempt) -> float | None:
    """Return the share (%) of the checklist confirmed before the needle first entered."""
    items = len(a.world.procedure.checklist)
    if not items or not a.log.moments:
        return None
    return 100.0 * len(set(before_needle(a).confirmed) & set(range(items))) / items


def before_needle(a: Attempt) -> TrialState:
    """Return the state just before the needle first entered, or the last one."""
    return a.entered[0].before if a.entered else a.last


def steps_in_order(a: Attempt) -> float | None:
    """Return the share (%) of the procedure's steps that were gone through in their order."""
    place = {step.id: i for i, step in enumerate(a.world.procedure.steps)}
    if not a.log.moments or not place:
        return None
    rising: list[int] = []  # length of the longest rising run through what was visited
    for m in a.log.moments:
        at = place.get(m.state.step)
        if at is not None:
            spot = bisect_left(rising, at)
            rising[spot : spot + 1] = [at]
    return 100.0 * len(rising) / len(place)


def _is_target(a: Attempt, name: str) -> bool:
    """Whether a mark is that of an injection point: the id of a target, perhaps with a side."""
    return name.removesuffix("_left").removesuffix("_right") in {t.id for t in a.world.procedure.targets}


def _marked(a: Attempt, names: list[str]) -> float | None:
    """Mean error of the marks of some names; None if one is not marked, or none is asked for."""
    said = {e.structure: e.value for e in a.log.events if e.kind == "marked" and e.value is not None}
    marks, truth = a.last.marks, a.world.landmarks
    off = {n: float(np.linalg.norm(marks[n] - truth[n])) for n in names if n in marks and n in truth}
    off |= {n: float(v) for n, v in said.items() if v is not None and n in names}
    return float(np.mean([off[n] for n in names])) if names and all(n in off for n in names) else None


def _entries(a: Attempt, kinds: tuple[str, ...]) -> list[float]:
    """Distances from entries to usual entries, mean over each target's injections."""
    out = []
    for target, given in a.by_target:
        held = [g.state.needle for g in given if g.state.needle is not None]
        if target.kind in kinds and held:
            out.append(float(np.mean([np.linalg.norm(n.entry_mm - target.skin_mm) for n in held])))
    return out


def _in_muscle(target: FoundTarget, g: Given) -> bool:
    return g.deposit.inside in target.muscles or bool(set(g.deposit.layers) & set(target.muscles))


def _volume(given: tuple[Given, ...]) -> float:
    return float(sum(g.deposit.volume_ml for g in given))


def _lead(a: Attempt) -> Array | None:
    """The lead's line (n, 3), mm by mm, where the needle lay at its deepest."""
    deepest = max((m.state for m in a.log.moments), key=depth, default=None)
    if deepest is None or deepest.needle is None or not any(t.kind == "lead" for t in a.world.targets):
        return None
    held, long = deepest.needle, depth(deepest)
    return np.asarray(held.entry_mm + np.linspace(0.0, long, max(2, round(long) + 1))[:, None] * held.direction)


def _beyond(a: Attempt, line: Array, key: str) -> float:
    """Length of a line (n, 3) beyond its crossing with a nerve, seen from the skin; 0 if they do not cross.

    Both are laid flat on the skin's tangent plane at the point of the line nearest to the nerve.
    """
    axis = a.world.anatomy[key].centerline
    if axis is None:
        return 0.0
    away = np.linalg.norm(line[:, None] - axis[None], axis=2)
    near = line[int(away.min(axis=1).argmin())]
    normal = a.world.ground.skin.closest(near)[1][0]
    along = line[-1] - line[0]
    length = float(np.linalg.norm(along))
    flat = along - (along @ normal) * normal
    flat /= max(float(np.linalg.norm(flat)), 1e-9)
    side = (axis - line[0]) @ np.cross(normal, flat)
    place = (axis - line[0]) @ flat
    at = np.flatnonzero(np.diff(side >= 0))
    share = side[at] / (side[at] - side[at + 1])
    crossed = place[at] + share * (place[at + 1] - place[at])
    within = crossed[(crossed >= 0) & (crossed <= length)]
    return float(length - within.max()) if len(within) else 0.0
