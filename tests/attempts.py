"""Logs made by hand on a real world: needle, deposits and probe put where a test wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.targets import FoundTarget
from sim.training.actions import Wait
from sim.training.critical import critical_errors
from sim.training.metrics import measure
from sim.training.spread import deposit_at
from sim.training.state import Event, HeldNeedle, Moment, TrialLog, TrialState
from sim.training.world import World

Array = NDArray[np.float64]


class Hand:
    """Builds a log: each call adds a moment."""

    def __init__(self, world: World, **state: object) -> None:
        self.world = world
        side = None if world.side == "both" else world.side
        self.state = replace(TrialState(side=side, step=world.procedure.steps[0].id), **state)  # type: ignore[arg-type]
        self.moments: list[Moment] = []

    def then(self, *events: Event, seconds: float = 1.0, **changes: object) -> Hand:
        """Change the state, `seconds` later."""
        self.state = replace(self.state, at_s=self.state.at_s + seconds, **changes)  # type: ignore[arg-type]
        self.moments.append(Moment(Wait(at_s=self.state.at_s), self.state, events))
        return self

    def hold(self, entry: Array, direction: Array, depth_mm: float = 0.0, **other: Any) -> Hand:
        """Hold the needle at an entry, some way in."""
        unit = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
        return self.then(needle=HeldNeedle(self.world.tool.key, np.asarray(entry, dtype=float), unit, depth_mm), **other)

    def push(self, mm: float, pieces: int = 1, **other: Any) -> Hand:
        """Push the needle, or draw it back, in even pieces."""
        for _ in range(pieces):
            held = self.state.needle
            assert held is not None
            depth = held.depth_mm + mm / pieces
            self.then(needle=replace(held, depth_mm=depth, moved_mm=mm / pieces), aspirated=False, **other)
        return self

    def out(self) -> Hand:
        """Take the needle out."""
        return self.then(needle=None, aspirated=False)

    def give(self, ml: float, target: FoundTarget | None = None, *, at: Array | None = None, aspirated: bool = True) -> Hand:
        """Give product at the tip, or at another place."""
        held = self.state.needle
        assert held is not None
        place = held.tip_mm if at is None else at
        meant = "" if target is None else target.id
        deposit = deposit_at(self.world.truth, place, held.direction, ml, meant, aspirated, self.state.at_s + 1)
        return self.then(deposits=(*self.state.deposits, deposit))

    def treat(
        self, target: FoundTarget, ml: float | None = None, *, off: Sequence[float] = (0, 0, 0), aspirated: bool = True
    ) -> Hand:
        """Enter at a target's own place, give, and come out."""
        shift = np.asarray(off, dtype=float)
        self.hold(target.skin_mm + shift, target.direction).push(target.depth_mm)
        return self.give(target.volume_ml if ml is None else ml, target, aspirated=aspirated).out()

    def mark(self, name: str, point: Array, value: float | None = None) -> Hand:
        """Mark a place on the skin."""
        said = Event(self.state.at_s + 1, "marked", name, None, value)
        return self.then(said, marks=MappingProxyType({**self.state.marks, name: point}))

    @property
    def log(self) -> TrialLog:
        """What was done so far."""
        return TrialLog(self.world.procedure.key, self.world.side, tuple(self.moments), self.world.about)


def value(hand: Hand, key: str) -> float | None:
    return measure(hand.world, hand.log, [key])[key].value


def keys(hand: Hand) -> list[str]:
    return [c.key for c in critical_errors(hand.world, hand.log)]


def at_target(world: World, short_mm: float = 0.0) -> Hand:
    """A needle straight through the skin to a little above the target's own point."""
    t = world.targets[0]
    return Hand(world).hold(t.skin_mm, t.direction).push(t.depth_mm - short_mm, pieces=3)


def in_plane_beside(world: World) -> Array:
    """A place near the target, in the plane between its two layers and outside the nerve."""
    t = world.targets[0]
    above, below = (world.ground.surface(key) for key in t.between)
    rng = np.random.default_rng(3)
    for shift in rng.normal(scale=2.0, size=(400, 3)):
        p = t.point_mm + shift
        p = 0.5 * (above.closest(p)[0][0] + below.closest(p)[0][0])
        tip = world.truth.tip(p)
        if set(tip.layers) == set(t.between) and tip.nerve_mm > 0.3 and np.linalg.norm(p - t.point_mm) < 4:
            return np.asarray(p)
    raise AssertionError("no place in the plane near the target")
