"""What an attempt is measured by: every measure of `sim/data/metrics.toml`, from a log on its world. Pure, and without chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from meshes._check import check_choice
from sim.tables import table
from sim.training import metrics_image, metrics_motion, metrics_needle, metrics_sites
from sim.training.metrics_attempt import Attempt
from sim.training.state import TrialLog

if TYPE_CHECKING:
    from sim.training.world import World

Better = Literal["low", "high", "window"]


@dataclass(frozen=True)
class Metric:
    """A measure as the table describes it.

    Parameters
    ----------
    key, label : str
        Name in the table, and for display (Perk Tutor's own where it has one).
    unit : str
        Such as 'mm'; 'times' counts, '%' runs from 0 to 100.
    group : str
        Key of `groups()`.
    better : {'low', 'high', 'window'}
        window: near the middle of the reference experts.
    text, why, next : str
        What it is, why it matters, what to do another time.
    sources : tuple of str
        Keys of `references.toml`.
    evidence : str
    """

    key: str
    label: str
    unit: str
    group: str
    better: Better
    text: str
    why: str
    next: str
    sources: tuple[str, ...]
    evidence: str


@dataclass(frozen=True)
class Measure:
    """A measure taken.

    Parameters
    ----------
    key : str
        Of the metric.
    value : float or None
        None: it does not apply, or there was nothing to measure.
    unit : str
    """

    key: str
    value: float | None
    unit: str


_MODULES = (metrics_motion, metrics_image, metrics_needle, metrics_sites)
LEAST = 5e-4  # what is told of a smaller value is 0: such remains of arithmetic mean nothing


@cache
def metrics() -> Mapping[str, Metric]:
    """Return every metric by its key, in the order of the table."""
    rows = table("metrics")["metrics"]
    return MappingProxyType({k: Metric(key=k, **{**row, "sources": tuple(row["sources"])}) for k, row in rows.items()})


def metric(key: str) -> Metric:
    """Return one metric. Raises ValueError naming the nearest keys."""
    return metrics()[check_choice("metric", key, metrics())]


def groups() -> Mapping[str, str]:
    """Return the label of every group of metrics, in order."""
    return MappingProxyType(table("metrics")["groups"])


def measure(world: World, log: TrialLog, keys: Iterable[str] | None = None) -> Mapping[str, Measure]:
    """Return the measures of an attempt.

    Parameters
    ----------
    world : World
        On which the log was made.
    log : TrialLog
    keys : iterable of str, optional
        Which; by default all. Those of the image take longest: they render the frames that the trainee saw.

    Returns
    -------
    mapping of str to Measure
        In the order of the table. The same log gives the same values, bit for bit.

    Raises
    ------
    ValueError
        If a key is not known; names the nearest.
    """
    wanted = set(metrics()) if keys is None else {metric(key).key for key in keys}
    attempt = Attempt(world, log)
    values = {key: _finite(_function(key)(attempt)) for key in metrics() if key in wanted}
    return MappingProxyType({key: Measure(key, value, metrics()[key].unit) for key, value in values.items()})


def said(value: float | None, unit: str) -> str:
    """Return a value with its unit as a trainee reads it: '2.4 mm', '3 times', 'nothing to measure'."""
    if value is None:
        return "nothing to measure"
    value = 0.0 if abs(value) < LEAST else value
    if unit == "times":
        return f"{value:g} time" if value == 1 else f"{value:g} times"
    whole = unit in ("%", "°", "s") or abs(value) >= 100
    number = f"{value:.0f}" if whole else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"
    return f"{number}{unit}" if unit in ("%", "°") else f"{number} {unit}"


@cache
def _function(key: str) -> Callable[[Attempt], float | None]:
    """The function that bears a metric's name."""
    found: Callable[[Attempt], float | None] = next(getattr(m, key) for m in _MODULES if hasattr(m, key))
    return found


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
