"""Is the ultrasound true to physics? Every row of `sim/data/ultrasound_checks.toml`, measured on phantoms."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from sim.tables import table
from sim.ultrasound import (
    checks_angles,
    checks_beam,
    checks_behaviour,
    checks_geometry,
    checks_levels,
    checks_needle,
    checks_speckle,
)

Measure = Callable[..., float | Sequence[float]]
MODULES = (checks_speckle, checks_beam, checks_levels, checks_geometry, checks_angles, checks_needle, checks_behaviour)


@dataclass(frozen=True)
class Figure:
    """One check: what was measured, and whether it lies in its window.

    Parameters
    ----------
    id, text : str
        Name in the table, and in words.
    measured : float
        The worst of what was measured, over orientations, places and offsets.
    low, high : float
        The window.
    unit : str
    inside : bool
    sources : tuple of str
        Keys of `meshes/data/references.toml`.
    evidence : str
        Of the window: FOUND, DERIVED, KNOWN or design.
    miss : str
        Why a window is known to be missed; empty where it is not.
    """

    id: str
    text: str
    measured: float
    low: float
    high: float
    unit: str
    inside: bool
    sources: tuple[str, ...]
    evidence: str
    miss: str = ""


@cache
def check_rows() -> Mapping[str, Mapping[str, Any]]:
    """Return the rows of the table by id, in its order."""
    return {row["id"]: row for row in table("ultrasound_checks")["row"]}


def run_checks(only: Collection[str] | None = None) -> list[Figure]:
    """Measure the engine against the table.

    Parameters
    ----------
    only : collection of str, optional
        Ids of the rows that are wanted; by default all.

    Returns
    -------
    list of Figure
        In the order of the table.

    Raises
    ------
    ValueError
        If an id is not known; names the nearest.
    """
    table = check_rows()
    wanted = set(table) if only is None else {check_choice("only", name, table) for name in only}
    return [run_check(name) for name in table if name in wanted]


def run_check(name: str) -> Figure:
    """Measure one row. Raises ValueError naming the nearest if the id is not known."""
    row = check_rows()[check_choice("check", name, check_rows())]
    return figure(row, measure_of(row["measure"])(**row.get("with", {})))


def measure_of(name: str) -> Measure:
    """Return the function that a row names, wherever it stands."""
    for module in MODULES:
        found = vars(module).get(name)
        if callable(found) and found.__module__ == module.__name__:
            return found  # type: ignore[no-any-return]
    raise ValueError(f"measure is {name!r}, which no module of checks holds.")


def figure(row: Mapping[str, Any], values: float | Sequence[float]) -> Figure:
    """Return a row as measured: of several values the one that is worst by its window counts."""
    low, high = float(row["low"]), float(row["high"])
    value = worst(np.atleast_1d(np.asarray(values, dtype=np.float64)), low, high, float(row["target"]))
    return Figure(
        row["id"], row["text"], value, low, high, row["unit"], low <= value <= high, tuple(row["sources"]), row["evidence"],
        row.get("miss", ""),
    )  # fmt: skip


def worst(values: NDArray[np.float64], low: float, high: float, target: float) -> float:
    """Return the value (of n) that uses up most of the way from target to edge; NaN if any is no number."""
    if not len(values) or not np.isfinite(values).all():
        return math.nan
    away = np.abs(values - target)
    room = np.where(values < target, target - low, high - target)
    used = np.where(away == 0, 0.0, away / np.maximum(room, 1e-9))
    return float(values[np.argmax(used)])


def report(figures: Sequence[Figure]) -> str:
    """Return the figures as a page of Markdown."""
    good = sum(f.inside for f in figures)
    lines = [
        "# The ultrasound against physics", "",
        f"{good} of {len(figures)} checks lie in their windows. Each is measured on a phantom with exact answers; where the",
        "result may depend on how the probe is turned, or on where a point lies between two lines, the worst of several counts.",
        "Made by", "",
        "    inion validate --ultrasound -o docs/ultrasound-validation.md", "",
        "Windows are those of the table `sim/data/ultrasound_checks.toml`, which also says from where each comes.", "",
        "| check | measured | window | unit | inside | sources | evidence |", "|---|---:|---|---|---|---|---|",
    ]  # fmt: skip
    for f in figures:
        window = f"{f.low:g} to {f.high:g}"
        inside = "yes" if f.inside else "**no**"
        lines.append(f"| {f.text} | {f.measured:.4g} | {window} | {f.unit} | {inside} | {', '.join(f.sources)} | {f.evidence} |")
    missed = [f for f in figures if not f.inside]
    if missed:
        lines += ["", "## Windows that are missed", ""]
        lines += [f"- {f.text}: {f.measured:.4g} {f.unit}. {f.miss or 'Not explained yet.'}" for f in missed]
    return "\n".join(lines) + "\n"
