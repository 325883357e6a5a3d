"""Pass marks from recorded runs: where the runs of experts and of novices part, never from a number that somebody chose.

The contrasting groups method (Livingston and Zieky 1982): the mark of a measure stands where the two groups are told apart with
the fewest errors; so does the number of marks that must be reached. What does not tell them apart is reported and not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np

from meshes._check import unknown
from sim.tables import table
from sim.training.metrics import Better, metric
from sim.training.runs import ENDING, Runs, parse_runs

Values = Mapping[str, float | None]
Range = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Mark:
    """The pass mark of one measure.

    Parameters
    ----------
    key : str
        Of the metric.
    better : {'low', 'high', 'window'}
    pass_mark : float or None
        Value that passes just so; for a window, the farthest that passes from `middle`. None if the measure is not counted.
    middle : float or None
        Median of the experts, from which a window is measured.
    worst : float or None
        Novices' median (missing ones counted as worst) on the scale on which less is better: for a window the distance from
        `middle`, for 'high' the negative; inf if most had nothing to measure.
    expert, novice : (float or None, float or None, float or None)
        Median, lowest and highest value of each group; None where there was nothing to measure.
    separates : bool
        Whether the mark tells the groups apart, and so counts.
    """

    key: str
    better: Better
    pass_mark: float | None
    middle: float | None
    worst: float | None
    expert: Range
    novice: Range
    separates: bool

    def passed(self, value: float | None) -> bool:
        """Return whether a value reaches the mark; nothing to measure does not, and no value reaches one that is not counted."""
        if value is None or self.pass_mark is None:
            return False
        off = _worse(value, self.better, self.middle)
        return off <= _worse(self.pass_mark, self.better, self.middle, mark=True) + 1e-9 * max(1.0, abs(self.pass_mark))

    def grade(self, value: float | None) -> float:
        """Return 1 at or beyond the experts' median, 0 at or beyond the novices', straight between."""
        if value is None or self.middle is None or self.worst is None:
            return 0.0
        best = _worse(self.middle, self.better, self.middle)
        if not np.isfinite(self.worst) or self.worst <= best:
            return float(self.passed(value))
        return float(np.clip((self.worst - _worse(value, self.better, self.middle)) / (self.worst - best), 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class Reference:
    """What attempts at a procedure are held against.

    Parameters
    ----------
    procedure : str
    marks : mapping of str to Mark
        By key of the metric, in the order of the procedure.
    least_passed : int
        Counted marks that an attempt must reach.
    runs : int
        From which it was derived.
    """

    procedure: str
    marks: Mapping[str, Mark]
    least_passed: int
    runs: int

    @property
    def counted(self) -> tuple[Mark, ...]:
        """The marks that count."""
        return tuple(m for m in self.marks.values() if m.separates)


def derive(
    expert_measures: Sequence[Values], novice_measures: Sequence[Values], keys: Iterable[str], procedure: str = ""
) -> Reference:
    """Return the marks that tell two groups of runs apart.

    Parameters
    ----------
    expert_measures, novice_measures : sequences of mappings
        Of each run: key of a metric to its value, None (or absent) where there was nothing to measure.
    keys : iterable of str
        Metrics that are wanted.
    procedure : str

    Returns
    -------
    Reference

    Raises
    ------
    ValueError
        If a group has fewer runs than `least_runs` of sim/data/metrics.toml, or a key is not known.

    Notes
    -----
    A value that is missing counts as worse than any. A window is measured by the distance from the experts' median. Where the
    groups do not overlap the mark stands midway between the worst expert and the best novice; where they do, midway between those
    two neighbouring values that part the groups with the fewest errors (experts who fail and novices who pass, as shares). A
    measure counts if by its mark the share of experts who pass exceeds that of novices by `least_separation`.
    """
    least = int(table("metrics")["marks"]["least_runs"])
    for name, group in (("expert", expert_measures), ("novice", novice_measures)):
        if len(group) < least:
            raise ValueError(f"{procedure or 'reference runs'}: {len(group)} {name} runs; at least {least} are needed.")
    marks = {key: _mark(key, [r.get(key) for r in expert_measures], [r.get(key) for r in novice_measures]) for key in keys}
    counted = [m for m in marks.values() if m.separates]
    scores = [[-float(sum(m.passed(run.get(m.key)) for m in counted)) for run in g] for g in (expert_measures, novice_measures)]
    limit, _ = part(*scores)
    needed = int(np.ceil(-limit)) if np.isfinite(limit) else 0
    return Reference(procedure, MappingProxyType(marks), needed, len(expert_measures) + len(novice_measures))


def part(better: Sequence[float], worse: Sequence[float]) -> tuple[float, float]:
    """Return the limit up to which values count as of the better group (less is better), and Youden's index there.

    Parameters
    ----------
    better, worse : sequences of float
        inf where there was nothing to measure.

    Returns
    -------
    (float, float)
        Midway between two neighbouring values; of several equally good places the middle one. Next to inf, the largest finite
        value. -inf and 0 if no limit is better than chance.
    """
    good, bad = np.asarray(better, dtype=np.float64), np.asarray(worse, dtype=np.float64)
    values = np.unique(np.concatenate([good, bad]))
    if len(values) < 2:
        return -np.inf, 0.0
    low, high = values[:-1], values[1:]
    limits = np.where(np.isfinite(high), 0.5 * (low + np.where(np.isfinite(high), high, 0.0)), low)
    index = np.array([(good <= limit).mean() - (bad <= limit).mean() for limit in limits])
    best = np.flatnonzero(index >= index.max() - 1e-12)
    if index.max() <= 0:
        return -np.inf, 0.0
    return float(limits[best[(len(best) - 1) // 2]]), float(index.max())


@cache
def reference_for(procedure: str) -> Reference:
    """Return the marks of a procedure from its shipped runs.

    Raises
    ------
    ValueError
        If no runs are shipped for it; names the nearest that have some.
    """
    from scenarios.procedure_files import load_procedure

    folder = files("sim") / "data" / "reference_runs"
    shipped = sorted(p.name.removesuffix(ENDING) for p in folder.iterdir() if p.name.endswith(ENDING)) if folder.is_dir() else []
    if procedure not in shipped:
        raise ValueError(f"no reference runs are shipped for {procedure!r}. {unknown('procedure', procedure, shipped)}")
    runs = parse_runs((folder / f"{procedure}{ENDING}").read_bytes(), f"{procedure}{ENDING}")
    return reference_from(runs, load_procedure(procedure).metrics)


def reference_from(runs: Runs, keys: Iterable[str]) -> Reference:
    """Return the marks that recorded runs give, for some metrics. Raises ValueError as `derive`."""
    return derive(runs.measures_of("expert"), runs.measures_of("novice"), keys, runs.procedure)


def _mark(key: str, expert: Sequence[float | None], novice: Sequence[float | None]) -> Mark:
    better = metric(key).better
    expert_range, novice_range = _range(expert), _range(novice)
    middle = expert_range[0]
    if middle is None:
        return Mark(key, better, None, None, None, expert_range, novice_range, False)
    experts, novices = ([_or_inf(v, better, middle) for v in group] for group in (expert, novice))
    limit, index = part(experts, novices)
    separates = bool(np.isfinite(limit) and index >= float(table("metrics")["marks"]["least_separation"]))
    mark = -limit if better == "high" else limit
    worst = sorted(novices)[len(novices) // 2]  # the upper of two middle values: inf has no mean with another
    return Mark(key, better, mark if separates else None, middle, worst, expert_range, novice_range, separates)


def _worse(value: float, better: Better, middle: float | None, *, mark: bool = False) -> float:
    """A value on a scale on which less is better; a window's mark is on it already."""
    if better == "window":
        return value if mark else abs(value - (middle or 0.0))
    return value if better == "low" else -value


def _or_inf(value: float | None, better: Better, middle: float) -> float:
    return float("inf") if value is None else _worse(value, better, middle)


def _range(values: Sequence[float | None]) -> Range:
    """Median, lowest, highest of what was measured."""
    held = np.array([v for v in values if v is not None], dtype=np.float64)
    return (float(np.median(held)), float(held.min()), float(held.max())) if len(held) else (None, None, None)
