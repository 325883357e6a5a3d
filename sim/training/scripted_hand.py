"""A scripted hand: does one action after another on a world, takes its time, trembles, and keeps the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.tables import table
from sim.training.actions import action_from
from sim.training.state import Event, HeldNeedle, Moment, TrialLog, TrialState
from sim.training.trial import start, step
from sim.training.world import World

Array = NDArray[np.float64]
Who = Literal["expert", "novice"]
WIDEST = 2.5  # standard deviations beyond which a hand does not stray
SQUARE_DEG, FLATTEST_DEG = 85.0, 10.0  # to the skin
LONG = {"direction": 4, "toward": 4}  # decimals; lengths and angles have two, times one


class Style(NamedTuple):
    """How one hand differs from others of its kind all attempt long, in standard deviations: steeper, slower."""

    lean: float
    pace: float


class Hand:
    """A scripted operator in the middle of an attempt.

    Parameters
    ----------
    world : World
    rng : numpy.random.Generator
        Of all that is left to chance.
    who : {'expert', 'novice'}
        Whose habits of sim/data/scripted.toml it has.
    style : Style, optional
        By default left to chance.
    """

    def __init__(self, world: World, rng: np.random.Generator, who: Who, style: Style | None = None) -> None:
        self.world, self.rng = world, rng
        self.habits: Mapping[str, Any] = table("scripted")[who]
        self.state: TrialState = start(world)
        self._seconds: Mapping[str, float] = table("scripted")["seconds"][who]
        self._moments: list[Moment] = []
        style = Style(self.stray(1.0), self.stray(1.0)) if style is None else style
        self._pace = float(np.exp(style.pace * self._seconds["pace"]))
        self.style_deg = style.lean * float(self.habits["style_deg"])  # steeper or flatter than others, all attempt long

    @property
    def log(self) -> TrialLog:
        """What has been done so far."""
        return TrialLog(self.world.procedure.key, self.world.side, tuple(self._moments), self.world.about)

    @property
    def needle(self) -> HeldNeedle:
        """The needle in the hand. Raises ValueError without one."""
        if self.state.needle is None:
            raise ValueError("the scripted hand holds no needle; place it first.")
        return self.state.needle

    def do(self, kind: str, /, **fields: Any) -> tuple[Event, ...]:
        """Do an action, its numbers rounded as a recording keeps them; return what happened."""
        act = {"kind": kind, "at_s": round(self.state.at_s + self._takes(kind, fields), 1)}
        moment = step(self.world, self.state, action_from(act | {k: _short(k, v) for k, v in fields.items()}))
        self._moments.append(moment)
        self.state = moment.state
        return moment.events

    def to(self, step_id: str) -> None:
        """Go to a step, if the procedure has it."""
        if any(s.id == step_id for s in self.world.procedure.steps):
            self.do("go_to_step", step=step_id)

    def advance(self, mm: float) -> tuple[Event, ...]:
        """Push the needle with the hand's tremor, or draw it back; never the other way round."""
        off = self.stray(self.habits["tremor_mm"])
        return self.do("needle_advance", mm=max(mm + off, 0.1) if mm > 0 else min(mm + off, -0.1))

    def inside(self, kind: str) -> set[str]:
        """Return the structures of a kind that the tip has been told to enter, and not to leave, on this puncture."""
        last: dict[str, str] = {}
        for moment in self._moments:
            if moment.action.kind in ("needle_place", "needle_beside"):
                last = {}
            last |= {e.structure: e.kind for e in moment.events if e.kind in ("entered", "left")}
        return {key for key, what in last.items() if what == "entered" and self.world.truth.kinds.get(key) == kind}

    def stray(self, spread: float) -> float:
        """Return a chance deviation of a given spread (standard deviation)."""
        return float(np.clip(self.rng.normal(), -WIDEST, WIDEST) * spread)

    def near(self, point: ArrayLike, spread: float) -> Array:
        """Return a place (3,) about a point, strayed along each axis."""
        return np.asarray(point, dtype=np.float64) + [self.stray(spread) for _ in range(3)]

    def on_skin(self, point: ArrayLike, spread: float) -> Array:
        """Return a place (3,) on the skin about a point."""
        return np.asarray(self.world.ground.skin.closest(self.near(point, spread))[0][0])

    def leaning(self, direction: ArrayLike, spread_deg: float) -> Array:
        """Return a direction (3,) strayed by some degrees along each axis."""
        way = self.near(direction, np.deg2rad(spread_deg))
        return np.asarray(way / np.linalg.norm(way))

    def chance(self, share: float) -> bool:
        """Return whether something happens that happens in a share of cases."""
        return bool(self.rng.random() < share)

    def _takes(self, kind: str, fields: Mapping[str, Any]) -> float:
        """Seconds of an action."""
        pace = self._seconds
        base = pace.get(kind, pace["act"])
        base += pace["advance_mm"] * abs(fields.get("mm", 0.0)) if kind == "needle_advance" else 0.0
        base += pace["inject_ml"] * fields["ml"] if kind == "inject" else 0.0
        return float(max(base * self._pace * (1 + self.stray(pace["jitter"])), 0.1))


def in_style(hand: Hand, entry: Array, direction: Array) -> Array:
    """Return a unit direction (3,) into the skin at an entry, steeper or flatter by the hand's style; near square it stays."""
    normal = hand.world.ground.skin.closest(entry)[1][0]
    angle = float(np.rad2deg(np.arcsin(np.clip(-(direction @ normal), -1.0, 1.0))))
    flat = direction - (direction @ normal) * normal
    if angle > SQUARE_DEG or np.linalg.norm(flat) < 1e-6:
        return direction
    turned = np.deg2rad(min(max(angle + hand.style_deg, FLATTEST_DEG), 90.0))
    return np.asarray(np.cos(turned) * flat / np.linalg.norm(flat) - np.sin(turned) * normal)


def aim(hand: Hand, direction: Array) -> tuple[Event, ...]:
    """Turn the needle about its entry until it points along a direction (3,): steeper or flatter, then round."""
    normal = hand.world.ground.skin.closest(hand.needle.entry_mm)[1][0]
    now, goal = hand.needle.direction, direction / np.linalg.norm(direction)
    lean = [float(np.rad2deg(np.arcsin(np.clip(-(d @ normal), -1.0, 1.0)))) for d in (now, goal)]
    flat = [d - (d @ normal) * normal for d in (now, goal)]
    yaw = 0.0
    if all(np.linalg.norm(f) > 1e-3 for f in flat):
        yaw = float(np.rad2deg(np.arctan2(np.cross(flat[0], flat[1]) @ -normal, flat[0] @ flat[1])))
    return hand.do("needle_aim", pitch_deg=lean[1] - lean[0], yaw_deg=yaw)


def _short(name: str, value: Any) -> Any:
    """A number as a recording keeps it, or a point of such numbers."""
    digits = LONG.get(name, 2)
    if isinstance(value, np.ndarray | list | tuple):
        return tuple(round(float(v), digits) for v in value)
    return round(float(value), digits) if isinstance(value, float | np.floating) else value
