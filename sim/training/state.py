"""The state of an attempt, what happened in it, and its log: frozen values that `trial.step` makes anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sim.training.actions import AnyAction
from sim.ultrasound.poses import ProbePose

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldNeedle:
    """A needle in the hand.

    Parameters
    ----------
    key : str
        Of needles.toml.
    entry_mm : (3,) array
        Where it crosses the skin, mm RAS.
    direction : (3,) array
        Unit, from the hub to the tip.
    depth_mm : float
        From the entry to the tip along the shaft; 0 rests on the skin.
    moved_mm : float
        By the last action along the shaft; 0 if that was another one. Drags the tissue along in the image.
    """

    key: str
    entry_mm: Array
    direction: Array
    depth_mm: float = 0.0
    moved_mm: float = 0.0

    @property
    def tip_mm(self) -> Array:
        """Place (3,) of the tip, mm RAS."""
        return np.asarray(self.entry_mm + self.depth_mm * self.direction)


@dataclass(frozen=True, eq=False)
class Deposit:
    """Product given at one place without moving the tip.

    Parameters
    ----------
    tip_mm : (3,) array
        In the tissue at rest, mm RAS.
    normal : (3,) array
        Square to the plane in which it spreads; toward the skin.
    volume_ml : float
    inside : str
        Key of the structure in which the tip lay; 'plane' between two layers.
    kind : str
        Kind of that place, as of `truth.Tip`.
    layers : (str, str)
        Keys above and below the plane; '' where none.
    target : str
        Id of the target it is thought to be meant for, '' if none is near.
    aspirated : bool
        Whether the last thing done at this place before giving was to aspirate.
    at_s : float
    """

    tip_mm: Array
    normal: Array
    volume_ml: float
    inside: str
    kind: str
    layers: tuple[str, str]
    target: str
    aspirated: bool
    at_s: float


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Parameters
    ----------
    at_s : float
    kind : str
        A key of [kinds] in sim/data/events.toml.
    structure : str
        Key of what it concerns: a structure, a landmark, a target; '' if none.
    point_mm : tuple of three float, or None
        Where, mm RAS.
    value : float or None
        Its measure, in the unit that the kind names (mm, N, mL, volt).
    text : str
        In words, for trainee and debrief.
    """

    at_s: float
    kind: str
    structure: str = ""
    point_mm: tuple[float, float, float] | None = None
    value: float | None = None
    text: str = ""


@dataclass(frozen=True, eq=False)
class TrialState:
    """Where everything is at a moment of an attempt.

    Parameters
    ----------
    at_s : float
    side : {'left', 'right'} or None
        As the trainee has said.
    step : str
        Id of the procedure's step in hand.
    confirmed : tuple of int
        Items of the checklist.
    probe : ProbePose or None
        None while it is off the skin.
    knobs : mapping of str to float
        Of the scanner, as turned.
    needle : HeldNeedle or None
    deposits : tuple of Deposit
    marks : mapping of str to (3,) array
        What has been marked on the skin.
    aspirated : bool
        Whether the tip has not moved since the last aspiration, and it was clear.
    passes : int
        Times that the needle has crossed the skin.
    finished : bool
    """

    at_s: float = 0.0
    side: Literal["left", "right"] | None = None
    step: str = ""
    confirmed: tuple[int, ...] = ()
    probe: ProbePose | None = None
    knobs: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    needle: HeldNeedle | None = None
    deposits: tuple[Deposit, ...] = ()
    marks: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))
    aspirated: bool = False
    passes: int = 0
    finished: bool = False

    @property
    def given_ml(self) -> float:
        """Product given so far."""
        return float(sum(d.volume_ml for d in self.deposits))


@dataclass(frozen=True, eq=False)
class Moment:
    """One line of a log: what was done, what it led to, and what happened."""

    action: AnyAction
    state: TrialState
    events: tuple[Event, ...]


@dataclass(frozen=True, eq=False)
class TrialLog:
    """An attempt as it went.

    Parameters
    ----------
    procedure : str
        Key.
    side : {'left', 'right', 'both'}
        Asked for.
    moments : tuple of Moment
        In order of time.
    about : mapping
        Anatomy, patient, seed, version: what makes a replay equal.
    """

    procedure: str
    side: Literal["left", "right", "both"]
    moments: tuple[Moment, ...]
    about: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened, in order."""
        return tuple(event for moment in self.moments for event in moment.events)

    @property
    def actions(self) -> tuple[AnyAction, ...]:
        """Everything that was done, in order: the recording."""
        return tuple(moment.action for moment in self.moments)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.moments[-1].state.at_s if self.moments else 0.0
