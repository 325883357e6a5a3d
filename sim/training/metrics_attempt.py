"""An attempt laid out for measuring: what changed at each action, how the needle went, what was given where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.tables import table
from sim.training.state import Deposit, Event, HeldNeedle, TrialLog, TrialState
from sim.training.trial_path import at_rest

if TYPE_CHECKING:
    from scenarios.targets import FoundTarget
    from sim.training.world import World
    from sim.ultrasound.scanner import Scanner

Array = NDArray[np.float64]
SAME_MM = 1e-6  # two entries that are one


class Change(NamedTuple):
    """What an action changed."""

    before: TrialState
    after: TrialState
    events: tuple[Event, ...]


class Given(NamedTuple):
    """A deposit, and the state in which it was begun."""

    deposit: Deposit
    state: TrialState


class Advance(NamedTuple):
    """A push forward along the shaft under the skin."""

    state: TrialState
    from_mm: float
    to_mm: float


def settings() -> Mapping[str, Any]:
    """Return [settings] of sim/data/metrics.toml."""
    settings: Mapping[str, Any] = table("metrics")["settings"]
    return settings


@dataclass(frozen=True, eq=False)
class Attempt:
    """A log on its world, with what several measures ask for.

    Parameters
    ----------
    world : World
    log : TrialLog
    """

    world: World
    log: TrialLog

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Every action with the states around it."""
        states = [TrialState(), *(moment.state for moment in self.log.moments)]
        return tuple(Change(a, m.state, m.events) for a, m in zip(states[:-1], self.log.moments, strict=True))

    @property
    def last(self) -> TrialState:
        """The state at the end."""
        return self.log.moments[-1].state if self.log.moments else TrialState()

    @cached_property
    def entered(self) -> tuple[Change, ...]:
        """Changes by which the needle went through the skin."""
        return tuple(c for c in self.changes if depth(c.after) > 0 and not (depth(c.before) > 0 and same_entry(c)))

    @cached_property
    def deepest(self) -> tuple[TrialState, ...]:
        """The state of each puncture in which the needle stood deepest, the first of equals."""
        out: list[TrialState] = []
        for c in self.changes:
            if depth(c.after) > 0 and not (depth(c.before) > 0 and same_entry(c)):
                out.append(c.after)
            elif depth(c.after) > 0 and depth(c.after) > depth(out[-1]):
                out[-1] = c.after
        return tuple(out)

    @cached_property
    def advances(self) -> tuple[Advance, ...]:
        """Every push forward, in order; a needle that is set in deep counts from the skin."""
        out = []
        for c in self.changes:
            start = depth(c.before) if same_entry(c) else 0.0
            if depth(c.after) > start:
                out.append(Advance(c.after, start, depth(c.after)))
        return tuple(out)

    @property
    def advanced_mm(self) -> float:
        """Length of all pushes forward."""
        return float(sum(a.to_mm - a.from_mm for a in self.advances))

    def along_advances(self, count: int) -> list[TrialState]:
        """Return `count` states at even lengths of the whole advance, however it was cut into actions."""
        ends = np.cumsum([a.to_mm - a.from_mm for a in self.advances])
        if not len(ends) or count < 1:
            return []
        out = []
        for at in (np.arange(count) + 0.5) / count * ends[-1]:
            push = self.advances[int(np.searchsorted(ends, at))]
            held = push.state.needle
            assert held is not None
            deep = push.to_mm - float(ends[int(np.searchsorted(ends, at))] - at)
            out.append(replace(push.state, needle=replace(held, depth_mm=deep, moved_mm=0.0)))
        return out

    @cached_property
    def given(self) -> tuple[Given, ...]:
        """Every deposit as it was at the end, with the state in which it was begun."""
        begun: dict[int, TrialState] = {}
        for c in self.changes:
            for i in range(len(begun), len(c.after.deposits)):
                begun[i] = c.after
        return tuple(Given(d, begun[i]) for i, d in enumerate(self.last.deposits))

    @cached_property
    def by_target(self) -> tuple[tuple[FoundTarget, tuple[Given, ...]], ...]:
        """Every target with what was given there, in the order of the targets."""
        rows: list[tuple[FoundTarget, list[Given]]] = [(t, []) for t in self.world.targets]
        reach = float(settings()["site_reach_mm"])
        for g in self.given:
            named = [row for row in rows if row[0].id == g.deposit.target]
            if named:
                target, held = min(named, key=lambda row: _apart(row[0].point_mm, g.deposit.tip_mm))
                if target.kind == "nerve" or _apart(target.point_mm, g.deposit.tip_mm) <= reach:
                    held.append(g)
        return tuple((target, tuple(held)) for target, held in rows)

    @cached_property
    def stimulated(self) -> tuple[Change, ...]:
        """Changes with a stimulation."""
        return tuple(c for c in self.changes if any(e.kind == "stimulated" for e in c.events))

    def scanner(self, state: TrialState) -> Scanner:
        """Return a scanner with the knobs of a state, coarse enough to render many frames."""
        key = tuple(sorted(state.knobs.items()))
        if key not in self._scanners:
            s = settings()
            coarse = {"lines": s["image_lines"], "samples": s["image_samples"], "planes": s["image_planes"]}
            self._scanners[key] = self.world.scanner(state.knobs).with_settings(**coarse)
        return self._scanners[key]

    def resting_tip(self, state: TrialState) -> Array:
        """Return the tip (3,) of a state in the tissue at rest, mm RAS."""
        assert state.needle is not None
        return np.asarray(at_rest(self.world, state, state.needle.tip_mm[None])[0])

    def wall_mm(self, key: str, points: Array) -> Array:
        """Return the distances (n,) mm of points (n, 3) to the wall of a structure, negative inside."""
        return self.world.ground.surface(key).signed_distance(points)

    @cached_property
    def _scanners(self) -> dict[tuple[tuple[str, float], ...], Scanner]:
        return {}


def depth(state: TrialState) -> float:
    """Return how far (mm) the needle stands under the skin, 0 without one."""
    return max(state.needle.depth_mm, 0.0) if state.needle is not None else 0.0


def same_entry(change: Change) -> bool:
    """Return whether the needle is held before and after, and crosses the skin at one place."""
    a, b = change.before.needle, change.after.needle
    return a is not None and b is not None and _apart(a.entry_mm, b.entry_mm) < SAME_MM


def turned_deg(a: HeldNeedle, b: HeldNeedle) -> float:
    """Return the angle between two shafts, degrees."""
    return float(np.rad2deg(np.arctan2(np.linalg.norm(np.cross(a.direction, b.direction)), a.direction @ b.direction)))


def _apart(a: Array, b: Array) -> float:
    """Distance of two points, mm."""
    return float(np.linalg.norm(a - b))
