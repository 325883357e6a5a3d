"""Measures of time and of the hand: path, area swept, smoothness, passes, angle; Perk Tutor's where it has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.training.metrics_attempt import Attempt, Change, depth, same_entry, settings, turned_deg

Array = NDArray[np.float64]


def elapsed_time(a: Attempt) -> float | None:
    """Return seconds from the beginning to the end."""
    return a.log.seconds if a.log.moments else None


def path_length(a: Attempt) -> float | None:
    """Return the way of the tip, mm, along the skin and in the tissue; None if no needle was taken."""
    if not any(m.state.needle is not None for m in a.log.moments):
        return None
    return float(sum(_in_tissue(c) + _in_air(c) for c in a.changes))


def path_in_tissue(a: Attempt) -> float | None:
    """Return the way of the tip under the skin, mm, forward and back."""
    return float(sum(_in_tissue(c) for c in a.changes)) if a.entered else None


def time_in_tissue(a: Attempt) -> float | None:
    """Return seconds that the needle stood under the skin."""
    if not a.entered:
        return None
    return float(sum(c.after.at_s - c.before.at_s for c in a.changes if depth(c.before) > 0))


def tissue_damage(a: Attempt) -> float | None:
    """Return the area swept by the shaft under the skin, mm²: a needle that goes straight sweeps none.

    Perk Tutor's: the shaft turns about its entry, so that each turn sweeps a sector of the circle of the needle's depth.
    """
    return float(sum(_swept(c) for c in a.changes)) if a.entered else None


def passes(a: Attempt) -> float | None:
    """Return how often the needle crossed the skin."""
    return float(len(a.entered)) if a.entered else None


def redirections(a: Attempt) -> float | None:
    """Return how often the shaft was turned in the depth; turns without a push between them are one."""
    if not a.entered:
        return None
    s, count, sum_deg = settings(), 0, 0.0
    for c in a.changes:
        here, there = c.before.needle, c.after.needle
        if here is None or there is None or depth(c.before) != depth(c.after) or not same_entry(c):
            sum_deg = 0.0
            continue
        if depth(c.before) <= s["redirected_from_mm"]:
            continue
        before, sum_deg = sum_deg, sum_deg + turned_deg(here, there)
        count += before < s["redirected_from_deg"] <= sum_deg
    return float(count)


def motion_smoothness(a: Attempt) -> float | None:
    """Return the root of the summed squared jerk of the tip, mm/s³, while a needle is held; None for less than four samples.

    The tip's way between two actions is taken as straight and even, and sampled at a fixed rate, so that the value does not
    depend on how often the actions were recorded.
    """
    rate, total, any_run = float(settings()["smoothness_hz"]), 0.0, False
    for times, tips in _runs(a):
        at = np.arange(times[0], times[-1] + 1e-9, 1 / rate)
        if len(at) >= 4:
            any_run = True
            way = np.column_stack([np.interp(at, times, tips[:, k]) for k in range(3)])
            jerk = np.diff(way, n=3, axis=0) * rate**3
            total += float((jerk**2).sum()) / rate
    return float(np.sqrt(total)) if any_run else None


def angle_to_skin(a: Attempt) -> float | None:
    """Return the angle between shaft and skin at the entry, degrees: the middle value over injections, or over punctures."""
    states = [g.state for g in a.given] or [c.after for c in a.entered]
    held = [s.needle for s in states if s.needle is not None]
    if not held:
        return None
    normals = a.world.ground.skin.closest(np.array([n.entry_mm for n in held]))[1]
    sine = [-float(n.direction @ normal) for n, normal in zip(held, normals, strict=True)]
    return float(np.median(np.rad2deg(np.arcsin(np.clip(sine, -1.0, 1.0)))))


def _in_tissue(c: Change) -> float:
    """Way of the tip under the skin in one change, mm."""
    here, there = c.before.needle, c.after.needle
    if here is None or there is None or not same_entry(c):
        return depth(c.before) + depth(c.after)
    turn, deep = np.deg2rad(turned_deg(here, there)), min(depth(c.before), depth(c.after))
    return float(abs(depth(c.after) - depth(c.before)) + turn * deep)


def _in_air(c: Change) -> float:
    """Way of the tip along the skin in one change, mm: from one entry to the next."""
    here, there = c.before.needle, c.after.needle
    if here is None or there is None or same_entry(c):
        return 0.0
    return float(np.linalg.norm(there.entry_mm - here.entry_mm))


def _swept(c: Change) -> float:
    here, there = c.before.needle, c.after.needle
    if here is None or there is None or not same_entry(c):
        return 0.0
    return float(0.5 * np.deg2rad(turned_deg(here, there)) * min(depth(c.before), depth(c.after)) ** 2)


def _runs(a: Attempt) -> list[tuple[Array, Array]]:
    """Times (n,) and tips (n, 3) of each stretch in which a needle is held; of actions at one time the last counts."""
    runs: list[dict[float, Array]] = []
    held = False
    for m in a.log.moments:
        needle = m.state.needle
        if needle is not None:
            if not held:
                runs.append({})
            runs[-1][m.state.at_s] = needle.tip_mm
        held = needle is not None
    return [(np.array(list(run)), np.array(list(run.values()))) for run in runs if len(run) > 1]
