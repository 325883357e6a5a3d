"""Events in words, and the rules of `sim/data/events.toml` by which they happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from meshes.model import Anatomy
from meshes.terms import split_key
from sim.tables import table
from sim.training.state import Event

Array = NDArray[np.float64]
Severity = Literal["info", "good", "warning", "danger"]


class Refusal(Exception):
    """What the trainee asks for cannot be done; the text says why, and what to do instead."""


@dataclass(frozen=True)
class EventKind:
    """One kind of event, as `events.toml` has it.

    Parameters
    ----------
    key, label : str
        Name in the file, and for display.
    unit : str
        Of the event's value; '' if it has none.
    severity : {'info', 'good', 'warning', 'danger'}
    text : str
        With {what}, {value} and {more} to be filled in.
    """

    key: str
    label: str
    unit: str
    severity: Severity
    text: str


@cache
def event_kinds() -> Mapping[str, EventKind]:
    """Return every kind of event by its key, in the order of the file."""
    return MappingProxyType({key: EventKind(key=key, **row) for key, row in table("events")["kinds"].items()})


def rule(name: str) -> float:
    """Return a number of the table's [attempt]."""
    return float(table("events")["attempt"][name])


def crossing_kinds(name: str) -> tuple[str, ...]:
    """Return the kinds of structure whose border means `name`: 'vessel', 'nerve', 'dura' or 'bone'."""
    return tuple(table("events")["crossings"][name])


def event(
    kind: str, at_s: float, structure: str = "", point: Array | None = None, value: float | None = None, *, what: str = "",
    more: str = "",
) -> Event:  # fmt: skip
    """Return an event with its text filled in.

    Parameters
    ----------
    kind : str
        Key of [kinds]. Raises ValueError naming the nearest.
    at_s : float
    structure : str
        Key of what it concerns.
    point : (3,) array, optional
        Where, mm RAS.
    value : float, optional
        In the unit of the kind.
    what, more : str
        Words for the text.
    """
    row = event_kinds()[check_choice("event", kind, event_kinds())]
    told = "" if value is None else f"{value:.1f}".removesuffix(".0") if abs(value) >= 10 else f"{value:.2g}"
    place = None if point is None else (float(point[0]), float(point[1]), float(point[2]))
    text = row.text.format(what=what, value=told, more=more)
    return Event(at_s, kind, structure, place, None if value is None else float(value), text)


def spoken(anatomy: Anatomy, key: str) -> str:
    """Return the name of a structure as it is said to a trainee."""
    if key in anatomy.structures:
        return anatomy[key].label
    return split_key(key)[0].replace("_", " ") or "air"


def region(key: str) -> str:
    """Return where a nerve is felt when it is touched, in words."""
    rows = table("events")["regions"]
    return str(rows.get(split_key(key)[0], rows["other"]))
