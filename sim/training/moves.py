"""A file of moves: an attempt written down beforehand, in TOML, so that it can be run and scored without hands."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from meshes._check import check_choice, unknown
from sim.training.actions import AnyAction, action_from, told
from sim.ultrasound.pose_rules import named_poses

SCHEMA = 1
KEYS = ("schema", "procedure", "side", "patient", "move")
SIDES = ("left", "right", "both")
PATIENTS = ("man", "woman")
MOST_BYTES, MOST_MOVES = 5_000_000, 50_000


@dataclass(frozen=True)
class Moves:
    """What a file of moves holds.

    Parameters
    ----------
    procedure : str
        Key; '' if the file does not name it.
    side : {'left', 'right', 'both'} or None
    patient : {'man', 'woman'}
    actions : tuple of actions
        In order of time. A move without `at_s` follows a second after the one before it.
    """

    procedure: str
    side: Literal["left", "right", "both"] | None
    patient: Literal["man", "woman"]
    actions: tuple[AnyAction, ...]


def load_moves(path: str | Path) -> Moves:
    """Return the moves of a file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        One line: which move is at fault, and how to mend it.
    """
    name = Path(path).name
    if not Path(path).is_file() and Path(path).exists():
        raise ValueError(f"{name}: is no ordinary file.")
    if Path(path).stat().st_size > MOST_BYTES:
        raise ValueError(f"{name}: larger than {MOST_BYTES // 1_000_000} MB; is this a file of moves?")
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{name}: is no TOML ({str(error)[:200]}).") from None
    return moves_from(table, name)


def moves_from(table: Mapping[str, Any], name: str = "moves") -> Moves:
    """Return the moves of a table that is already read. Raises ValueError, one line."""
    for key in table:
        if key not in KEYS:
            raise ValueError(f"{name}: {unknown('key', key, KEYS)}")
    if table.get("schema") != SCHEMA:
        raise ValueError(f"{name}: schema is {table.get('schema')!r}; it must be {SCHEMA}.")
    side, patient = table.get("side"), table.get("patient", "man")
    for label, value, allowed in (("side", side, (*SIDES, None)), ("patient", patient, PATIENTS)):
        if value not in allowed:
            raise ValueError(f"{name}: {label} is {value!r}; allowed: {', '.join(a for a in allowed if a)}.")
    rows, procedure = table.get("move", []), table.get("procedure", "")
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_MOVES:
        raise ValueError(f"{name}: there must be from 1 to {MOST_MOVES} tables [[move]].")
    if not isinstance(procedure, str):
        raise ValueError(f"{name}: procedure must be a name of `inion list procedures`.")
    return Moves(procedure, side, patient, tuple(_timed(rows, name)))


def _timed(rows: list[Any], name: str) -> list[AnyAction]:
    actions: list[AnyAction] = []
    now = 0.0
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise ValueError(f"{name}: move {number} is no table.")
        try:
            action = action_from({"at_s": now + 1.0 if actions else 0.0, **row})
            if action.kind == "probe_pose":
                check_choice("name", action.name, named_poses())
        except ValueError as error:
            raise ValueError(f"{name}: move {number}: {error}") from None
        if action.at_s < now:
            raise ValueError(f"{name}: move {number}: at_s is {action.at_s:g}, before the move ahead of it at {now:g}.")
        now = action.at_s
        actions.append(action)
    return actions


def moves_text(procedure: str, side: str, patient: str, actions: tuple[AnyAction, ...]) -> str:
    """Return a file of moves for some actions; reading it gives the same actions, bit for bit."""
    lines = [f"schema = {SCHEMA}", f'procedure = "{procedure}"', f'side = "{side}"', f'patient = "{patient}"']
    for action in actions:
        lines.append("\n[[move]]")
        lines += [f"{key} = {_value(value)}" for key, value in told(action).items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(v) for v in value)}]"
    return repr(value)
