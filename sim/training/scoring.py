"""From a log to a score: each measure against its mark, points, critical errors, and what to do better, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.tables import table
from sim.training.critical import Critical, critical_errors, critical_table
from sim.training.metrics import Better, Measure, groups, measure, metric, said
from sim.training.reference import Mark, Range, Reference
from sim.training.state import TrialLog

if TYPE_CHECKING:
    from sim.training.world import World


@dataclass(frozen=True)
class Marked:
    """A measure of an attempt against its mark.

    Parameters
    ----------
    key, label, group, unit : str
        As of the metric.
    better : {'low', 'high', 'window'}
    value : float or None
        None: it does not apply, or there was nothing to measure.
    mark : float or None
        Pass mark; for a window the largest distance from the middle of the experts. None where it is not counted.
    counted : bool
    passed : bool or None
        None where it is not counted.
    points : float or None
        100 at the experts' median, 0 at the novices'; None where it is not counted.
    expert, novice : (float or None, float or None, float or None)
        Median, lowest, highest.
    """

    key: str
    label: str
    group: str
    unit: str
    better: Better
    value: float | None
    mark: float | None
    counted: bool
    passed: bool | None
    points: float | None
    expert: Range
    novice: Range


@dataclass(frozen=True)
class Score:
    """The score of an attempt.

    Parameters
    ----------
    procedure, side : str
    passed : bool
        No critical error, every deciding outcome reached, and at least `needed` of the counted measures reach their marks.
    points : float
        0 to 100: mean of the counted measures.
    groups : mapping of str to float
        Points by group of measures, in the order of the groups; those without a counted measure are absent.
    met, needed, counted : int
        Counted measures that reach their marks, how many must, and how many there are.
    measures : tuple of Marked
        In the order of the procedure.
    critical : tuple of Critical
    reasons : tuple of str
        What happened, why it matters, what to do next time; the gravest first.
    """

    procedure: str
    side: str
    passed: bool
    points: float
    groups: Mapping[str, float] = field(hash=False)
    met: int
    needed: int
    counted: int
    measures: tuple[Marked, ...]
    critical: tuple[Critical, ...]
    reasons: tuple[str, ...]


def score(world: World, log: TrialLog, reference: Reference, measures: Mapping[str, Measure] | None = None) -> Score:
    """Return the score of an attempt.

    Parameters
    ----------
    world : World
        On which the log was made.
    log : TrialLog
    reference : Reference
        Marks of the procedure.
    measures : mapping of str to Measure, optional
        Of the same log, if they are known already; else taken here.

    Returns
    -------
    Score
        The same for the same log, bit for bit.

    Raises
    ------
    ValueError
        If log or reference are of another procedure than the world.
    """
    for what, key in (("log", log.procedure), ("reference", reference.procedure)):
        if key != world.procedure.key:
            raise ValueError(f"the {what} is of {key!r}, the world of {world.procedure.key!r}; they must be of one procedure.")
    taken = measure(world, log, reference.marks) if measures is None else measures
    rows = tuple(_marked(mark, taken[key].value if key in taken else None) for key, mark in reference.marks.items())
    counted = [row for row in rows if row.counted]
    met, critical = sum(bool(row.passed) for row in counted), critical_errors(world, log)
    lost = [row for row in counted if not row.passed and _decides(reference.marks[row.key])]
    enough = met >= reference.least_passed and bool(counted) and not lost
    return Score(
        world.procedure.key, log.side, not critical and enough, _points(counted), _by_group(counted), met, reference.least_passed,
        len(counted), rows, critical, _reasons(critical, lost, counted, met, reference.least_passed),
    )  # fmt: skip


def _decides(mark: Mark) -> bool:
    """Whether a measure is an outcome that every recorded expert reached: without it nothing else makes a pass."""
    return mark.key in table("metrics")["marks"]["decide"] and all(mark.passed(end) for end in mark.expert)


def told(score: Score) -> dict[str, Any]:
    """Return a score as a mapping that JSON can hold."""
    return {f.name: _plain(getattr(score, f.name)) for f in fields(score)}


def _plain(value: Any) -> Any:
    """Tuples as lists and dataclasses as mappings, so that what is read back from JSON is equal."""
    if isinstance(value, Marked | Critical):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


def _marked(mark: Mark, value: float | None) -> Marked:
    m = metric(mark.key)
    passed = mark.passed(value) if mark.separates else None
    points = 100.0 * mark.grade(value) if mark.separates else None
    return Marked(
        m.key, m.label, m.group, m.unit, m.better, value, mark.pass_mark, mark.separates, passed, points, mark.expert, mark.novice
    )


def _points(rows: list[Marked]) -> float:
    points = [row.points for row in rows if row.points is not None]
    return round(float(np.mean(points)), 6) if points else 0.0


def _by_group(rows: list[Marked]) -> Mapping[str, float]:
    found = {group: [row for row in rows if row.group == group] for group in groups()}
    return MappingProxyType({group: _points(held) for group, held in found.items() if held})


def _reasons(critical: tuple[Critical, ...], lost: list[Marked], rows: list[Marked], met: int, needed: int) -> tuple[str, ...]:
    """Critical errors first, then outcomes that were not reached, the count, and the measures that missed, the worst first."""
    out = []
    for c in critical:
        known = critical_table()[c.key]
        out.append(f"{c.text} {known.why} Next time: {known.next}")
    if lost:
        names = ", ".join(metric(row.key).label for row in lost)
        out.append(f"What the procedure is for was not reached, and must be to pass: {names}.")
    if met < needed:
        out.append(f"{met} of {len(rows)} measures reached their marks; {needed} are needed to pass.")
    failed = sorted((row for row in rows if not row.passed), key=lambda row: row.points or 0.0)
    for row in failed[: int(table("metrics")["marks"]["reasons"])]:
        m = metric(row.key)
        out.append(f"{m.label}: {said(row.value, row.unit)}; {_wanted(row)}. {m.why} Next time: {m.next}")
    return tuple(out)


def _wanted(row: Marked) -> str:
    """The pass mark in words, with what the experts had."""
    assert row.mark is not None and row.expert[0] is not None
    expert = said(row.expert[0], row.unit)
    if row.better == "window":
        low, high = row.expert[0] - row.mark, row.expert[0] + row.mark
        return f"from {said(max(low, 0.0), row.unit)} to {said(high, row.unit)} passes, experts had {expert}"
    most = "at most" if row.better == "low" else "at least"
    return f"{most} {said(row.mark, row.unit)} passes, experts had {expert}"
