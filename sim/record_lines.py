"""What records hold: trainees, attempts, and the lines of an attempt as JSON that keeps every bit of an action."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

import numpy as np
from pydantic import BaseModel

from sim.training.actions import action_from, told
from sim.training.state import Event, Moment, TrialState

LONGEST_NAME, LONGEST_NOTE = 80, 2000
LENGTH_DIGITS, UNIT_DIGITS = 4, 6  # poses are for looking: the exact ones follow from the actions
_BARRED = {"Cc", "Cs", "Zl", "Zp"}
_TURNS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # would turn the text around them


class Trainee(TypedDict):
    """One who practises: a random id, the name (any text, or None), and when they came (UTC, ISO 8601)."""

    id: str
    name: str | None
    created: str


class Summary(TypedDict):
    """An attempt in a list.

    Parameters
    ----------
    id : str
        UUID.
    trainee : str or None
        Id; None if nobody has said who it was, or it was made anonymous.
    procedure, side : str
    about : mapping
        Anatomy, patient, seed, version: what makes a replay equal.
    started : str
        UTC, ISO 8601.
    finished : str or None
        Likewise; None while it is open.
    passed : bool or None
        None if it was not scored.
    points : float or None
        Of 100; likewise.
    note : str
    lines : int
        How many.
    elapsed_s : float
        Time of the last one.
    """

    id: str
    trainee: str | None
    procedure: str
    side: str
    about: dict[str, Any]
    started: str
    finished: str | None
    passed: bool | None
    points: float | None
    note: str
    lines: int
    elapsed_s: float


class Attempt(Summary):
    """An attempt with its score (None if it was not scored), without its lines."""

    score: dict[str, Any] | None


@dataclass(frozen=True)
class Line:
    """One line of a recording.

    Parameters
    ----------
    n : int
        From 0.
    at_s : float
        Seconds since the attempt began.
    action : mapping
        As of `actions.told`.
    events : tuple of mapping
        Fields of `state.Event`; those that are empty are left out.
    pose : mapping
        `probe` (centre, lateral, axis, press) and `needle` (entry, direction, depth), mm RAS, rounded; absent while put down.
    """

    n: int
    at_s: float
    action: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    pose: Mapping[str, Any]


def line_of(what: Moment | Mapping[str, Any], n: int) -> Line:
    """Return the line that keeps a moment.

    Parameters
    ----------
    what : Moment or mapping
        A mapping has `action` (or is one, with `kind`), and may have `at_s`, `events` and `pose`.
    n : int

    Raises
    ------
    ValueError
        If the action is not one of `actions.py`.
    """
    if isinstance(what, Moment):
        return Line(n, float(what.state.at_s), told(what.action), tuple(_event(e) for e in what.events), pose_of(what.state))
    given: dict[str, Any] = dict(what) if "action" in what else {"action": what}
    checked = action_from(plain(given["action"]))
    events = tuple(_event(e) for e in given.get("events", ()))
    return Line(n, float(given.get("at_s", checked.at_s)), told(checked), events, plain(given.get("pose", {})))


def _event(event: Event | Mapping[str, Any]) -> dict[str, Any]:
    """An event without its empty fields."""
    return {key: value for key, value in plain(event).items() if value not in (None, "")}


def pose_of(state: TrialState) -> dict[str, Any]:
    """Return where probe and needle are, mm RAS, rounded for looking at."""
    pose: dict[str, Any] = {}
    if (probe := state.probe) is not None:
        pose["probe"] = {
            "centre": _rounded(probe.centre_mm, LENGTH_DIGITS),
            "lateral": _rounded(probe.lateral, UNIT_DIGITS),
            "axis": _rounded(probe.axis, UNIT_DIGITS),
            "press": round(float(probe.press_mm), LENGTH_DIGITS),
        }
    if (needle := state.needle) is not None:
        pose["needle"] = {
            "entry": _rounded(needle.entry_mm, LENGTH_DIGITS),
            "direction": _rounded(needle.direction, UNIT_DIGITS),
            "depth": round(float(needle.depth_mm), LENGTH_DIGITS),
        }
    return pose


def _rounded(values: Iterable[float], digits: int) -> list[float]:
    """Numbers to so many decimals."""
    return [round(float(value), digits) for value in values]


def plain(value: Any) -> Any:
    """Return a value as what JSON can hold: dataclasses and models as mappings, arrays as lists, numbers without end as None.

    Raises
    ------
    ValueError
        If there is something else in it.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    raise ValueError(f"records cannot hold a {type(value).__name__}; give numbers, texts, lists and mappings.")


def packed(value: Any) -> str:
    """Return a value as JSON in one short line; floats keep every bit."""
    return json.dumps(plain(value), separators=(",", ":"), allow_nan=False)


def cleaned(text: str | None, most: int = LONGEST_NAME) -> str | None:
    """Return a text that a person has typed without control characters and needless blanks; None if nothing is left.

    Raises
    ------
    ValueError
        If it is longer than `most` characters.
    """
    if text is None:
        return None
    kept = (" " if c.isspace() else c for c in text if c.isspace() or not (unicodedata.category(c) in _BARRED or c in _TURNS))
    out = unicodedata.normalize("NFC", " ".join("".join(kept).split()))
    if len(out) > most:
        raise ValueError(f"the text has {len(out)} characters; it may have {most}.")
    return out or None


def attempt_of(row: Sequence[Any], held: tuple[int, float] | None = None) -> Attempt:
    """Return an attempt from its row in the store, and from the number and the time of its last line where that is still held."""
    key, trainee, procedure, side, about, started, finished, score, note, lines, elapsed = row
    scored = None if score is None else json.loads(score)
    passed, points = (scored or {}).get("passed"), (scored or {}).get("points")
    lines, elapsed = held or (lines, elapsed or 0.0)
    return {
        "id": key, "trainee": trainee, "procedure": procedure, "side": side, "about": json.loads(about), "started": started,
        "finished": finished, "passed": None if passed is None else bool(passed),
        "points": None if points is None else float(points), "note": note, "lines": lines, "elapsed_s": elapsed, "score": scored,
    }  # fmt: skip


def now() -> str:
    """Return the time, UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
