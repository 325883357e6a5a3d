"""Which moments of an attempt are shown as pictures, and where the needle's tip went in the tissue at rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.tables import table
from sim.training.state import Moment, TrialLog, TrialState
from sim.training.trial_events import event_kinds
from sim.training.trial_path import at_rest

if TYPE_CHECKING:
    from sim.training.world import World

Array = NDArray[np.float64]
UNDER_MM = 1e-6  # deeper than this the tip is in the patient
RANK = {"danger": 1, "warning": 2}
HARMLESS = ("refused",)  # warnings that no frame can show


class Shot(NamedTuple):
    """A moment to be shown: its state, why, in words, and how grave it is (0 the gravest)."""

    state: TrialState
    reason: str
    rank: int


def shots_of(log: TrialLog, critical: Sequence[Mapping[str, Any]]) -> tuple[Shot, ...]:
    """Return the moments whose ultrasound frame is shown, in order of time: the errors, gravest first, and the first injection.

    Parameters
    ----------
    log : TrialLog
    critical : sequence of mapping
        With `at_s`, `label`, `text`.

    Returns
    -------
    tuple of Shot
        Those with the probe on the skin; of moments that lie together, the gravest.
    """
    rules = table("debrief")["pictures"]
    found = [Shot(moment.state, f"{c['label']}. {c['text']}", 0) for c in critical if (moment := _at(log, float(c["at_s"])))]
    given = next(((m, e) for m in log.moments for e in m.events if e.kind == "injected"), None)
    if given is not None:
        found.append(Shot(given[0].state, f"The first injection. {given[1].text}", 1))
    for moment in log.moments:
        for event in moment.events:
            kind = event_kinds()[event.kind]
            if kind.severity in RANK and event.kind not in HARMLESS:
                found.append(Shot(moment.state, event.text, RANK[kind.severity] + 1))
    kept: list[Shot] = []
    for shot in sorted(found, key=lambda s: s.rank):
        twice = any(abs(shot.state.at_s - k.state.at_s) < rules["same_s"] or shot.reason == k.reason for k in kept)
        if shot.state.probe is not None and not twice:
            kept.append(shot)
    return tuple(sorted(kept[: int(rules["most_scans"])], key=lambda s: s.state.at_s))


def _at(log: TrialLog, at_s: float) -> Moment | None:
    """The last moment at a time."""
    return next((m for m in reversed(log.moments) if m.state.at_s <= at_s + 1e-9), None)


def passes_of(world: World, log: TrialLog) -> tuple[Array, ...]:
    """Return the way of the tip for each puncture, (n, 3) mm RAS in the tissue at rest, from the entry on."""
    ways: list[list[Array]] = []
    entry: Array | None = None
    for moment in log.moments:
        needle = moment.state.needle
        if needle is None or needle.depth_mm <= UNDER_MM:
            entry = None
            continue
        if entry is None or not np.allclose(entry, needle.entry_mm, atol=1e-6):
            entry = needle.entry_mm
            ways.append([at_rest(world, moment.state, entry[None])[0]])
        ways[-1].append(at_rest(world, moment.state, needle.tip_mm[None])[0])
    return tuple(np.array(way) for way in ways)


def telling_state(log: TrialLog, critical: Sequence[Mapping[str, Any]]) -> TrialState | None:
    """Return the state that says most in one picture: at the first critical error with a needle in, else the last injection."""
    wanted = [m for c in critical if (m := _at(log, float(c["at_s"])))]
    wanted += [m for m in reversed(log.moments) if any(e.kind == "injected" for e in m.events)]
    wanted += list(reversed(log.moments))
    held = (m.state for m in wanted if m.state.needle is not None and m.state.needle.depth_mm > UNDER_MM)
    return next(held, log.moments[-1].state if log.moments else None)
