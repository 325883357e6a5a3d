"""Recorded runs of experts and novices, in one file per procedure: what was done, and what was measured of it."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from sim.training.actions import AnyAction, action_from, told
from sim.training.metrics import metrics

SCHEMA = 1
ENDING = ".json.gz"
MOST_BYTES = 64_000_000
Who = Literal["expert", "novice"]


@dataclass(frozen=True)
class Run:
    """One recorded run.

    Parameters
    ----------
    who : {'expert', 'novice'}
    seed : int
        Of the hand that made it.
    actions : tuple of actions
    """

    who: Who
    seed: int
    actions: tuple[AnyAction, ...]


@dataclass(frozen=True, eq=False)
class Runs:
    """The runs of one procedure.

    Parameters
    ----------
    procedure : str
        Key.
    side : {'left', 'right', 'both'}
    about : mapping
        Of the world, as JSON can hold it: anatomy, patient, seed, version.
    runs : tuple of Run
    measures : tuple of mapping
        Of each run, in the same order: key of the metric to its value, or None.
    """

    procedure: str
    side: str
    about: Mapping[str, Any]
    runs: tuple[Run, ...]
    measures: tuple[Mapping[str, float | None], ...]

    def __post_init__(self) -> None:
        if len(self.runs) != len(self.measures):
            rows = len(self.measures)
            raise ValueError(f"{self.procedure}: {len(self.runs)} runs have {rows} rows of measures; give one for each.")

    def measures_of(self, who: Who) -> tuple[Mapping[str, float | None], ...]:
        """Return the measures of one group."""
        return tuple(m for run, m in zip(self.runs, self.measures, strict=True) if run.who == who)


def save_runs(path: str | Path, runs: Runs) -> Path:
    """Write runs to a file, whole or not at all; equal runs give equal bytes.

    Parameters
    ----------
    path : str or Path
        Ends in '.json.gz'.
    runs : Runs

    Raises
    ------
    ValueError
        If the name has another ending, or a measure is not finite.
    """
    goal = Path(path)
    if not goal.name.endswith(ENDING):
        raise ValueError(f"{goal.name}: recorded runs are kept in files that end in {ENDING}.")
    data = {
        "schema": SCHEMA, "procedure": runs.procedure, "side": runs.side, "about": dict(runs.about),
        "runs": [{"who": r.who, "seed": r.seed, "actions": [told(a) for a in r.actions]} for r in runs.runs],
        "measures": [{k: None if v is None else float(v) for k, v in row.items()} for row in runs.measures],
    }  # fmt: skip
    try:
        text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    except ValueError as error:
        raise ValueError(f"{goal.name}: a number is not finite; measures must be finite or None.") from error
    part = goal.with_name(f"{goal.name}.part")
    part.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    part.replace(goal)
    return goal


def load_runs(path: str | Path) -> Runs:
    """Return the runs of a file.

    Raises
    ------
    ValueError
        One line: which file, what is wrong, how to mend it.
    FileNotFoundError
        If there is no such file.
    """
    return parse_runs(Path(path).read_bytes(), Path(path).name)


def parse_runs(data: bytes, name: str) -> Runs:
    """Return the runs in the bytes of a file; `name` is for messages. Raises ValueError as of `load_runs`."""
    try:
        raw = json.loads(_unpacked(data))
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"{name}: not a file of recorded runs ({error}). Record the runs again.") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        found = raw.get("schema") if isinstance(raw, dict) else None
        raise ValueError(f"{name}: schema is {found!r}; this version reads {SCHEMA}. Record the runs again.")
    try:
        runs = tuple(_run(row, i) for i, row in enumerate(raw["runs"]))
        measures = tuple(_values(row, i) for i, row in enumerate(raw["measures"]))
        about = MappingProxyType(dict(raw["about"]))
        return Runs(str(raw["procedure"]), str(raw["side"]), about, runs, measures)
    except (KeyError, TypeError, ValueError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{name}: {what} Record the runs again.") from None


def _unpacked(data: bytes) -> bytes:
    import io

    with gzip.open(io.BytesIO(data)) as stream:
        out = stream.read(MOST_BYTES + 1)
    if len(out) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES // 1_000_000} MB unpacked")
    return out


def _run(row: Mapping[str, Any], number: int) -> Run:
    if row["who"] not in ("expert", "novice"):
        raise ValueError(f"run {number}: who is {row['who']!r}; it must be expert or novice.")
    return Run(row["who"], int(row["seed"]), tuple(action_from(a) for a in row["actions"]))


def _values(row: Mapping[str, Any], number: int) -> Mapping[str, float | None]:
    """A row of measures, if its values are numbers; metrics that are no longer known are left out."""
    out: dict[str, float | None] = {}
    for key, value in row.items():
        if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
            raise ValueError(f"measures of run {number}: {key} is {value!r}; it must be a number or null.")
        if key in metrics():
            out[key] = None if value is None else float(value)
    return MappingProxyType(out)
