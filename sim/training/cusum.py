"""The learning curve of a trainee: the cumulative sum of successes and failures against two failure rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sim.tables import table

Verdict = Literal["acceptable", "unacceptable", "undecided"]


@dataclass(frozen=True)
class Rates:
    """What a learning curve is judged by.

    Parameters
    ----------
    acceptable_failure, unacceptable_failure : float
        Shares of failures, 0 to 1, the first the smaller.
    alpha, beta : float
        Chance to call an acceptable trainee unacceptable, and the other way round; above 0 and below 0.5.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    acceptable_failure: float
    unacceptable_failure: float
    alpha: float
    beta: float

    def __post_init__(self) -> None:
        if not 0 < self.acceptable_failure < self.unacceptable_failure < 1:
            raise ValueError(
                f"acceptable_failure is {self.acceptable_failure:g}, unacceptable_failure {self.unacceptable_failure:g}; "
                "they must rise and lie between 0 and 1."
            )
        for name in ("alpha", "beta"):
            if not 0 < getattr(self, name) < 0.5:
                raise ValueError(f"{name} is {getattr(self, name):g}; it must lie between 0 and 0.5.")


@dataclass(frozen=True)
class Cusum:
    """A learning curve.

    Parameters
    ----------
    values : tuple of float
        After each attempt: a success lowers the sum, a failure raises it. After a decision it begins again at 0.
    upper_h, lower_h : float
        Reaching the upper limit: the failure rate is unacceptable. Reaching the lower one, below 0: it is acceptable.
    verdict : {'acceptable', 'unacceptable', 'undecided'}
        The last decision.
    decisions : tuple of (int, str)
        Number of the attempt, from 1, and what was decided there.
    """

    values: tuple[float, ...]
    upper_h: float
    lower_h: float
    verdict: Verdict
    decisions: tuple[tuple[int, Verdict], ...] = ()

    @property
    def competent_at(self) -> int | None:
        """Number of the attempt at which the failure rate was first found acceptable; None if it never was."""
        return next((n for n, verdict in self.decisions if verdict == "acceptable"), None)


def usual_rates() -> Rates:
    """Return [cusum] of sim/data/metrics.toml."""
    row = table("metrics")["cusum"]
    return Rates(*(float(row[name]) for name in ("acceptable_failure", "unacceptable_failure", "alpha", "beta")))


def cusum(outcomes: Sequence[bool], rates: Rates | None = None) -> Cusum:
    """Return the learning curve of a series of attempts.

    Parameters
    ----------
    outcomes : sequence of bool
        Whether each attempt was passed, in order of time.
    rates : Rates, optional
        By default the usual ones.

    Returns
    -------
    Cusum

    Notes
    -----
    Williams, Parry and Schlup 1992, doi 10.1136/bmj.304.6838.1359; in regional anaesthesia Barrington et al. 2012,
    doi 10.1097/AAP.0b013e3182475fba. With p0 and p1 the failure rates, P = ln(p1 / p0), Q = ln((1 - p0) / (1 - p1)) and
    s = Q / (P + Q), a failure adds 1 - s and a success takes s; the limits are ln((1 - beta) / alpha) / (P + Q) above and
    ln((1 - alpha) / beta) / (P + Q) below: Wald's sequential test, begun again after each decision.
    """
    r = usual_rates() if rates is None else rates
    p = math.log(r.unacceptable_failure / r.acceptable_failure)
    q = math.log((1 - r.acceptable_failure) / (1 - r.unacceptable_failure))
    step, upper, lower = q / (p + q), math.log((1 - r.beta) / r.alpha) / (p + q), -math.log((1 - r.alpha) / r.beta) / (p + q)
    values: list[float] = []
    decisions: list[tuple[int, Verdict]] = []
    total = 0.0
    for number, passed in enumerate(outcomes, start=1):
        total += -step if passed else 1 - step
        values.append(total)
        if total >= upper or total <= lower:
            decisions.append((number, "unacceptable" if total >= upper else "acceptable"))
            total = 0.0
    return Cusum(tuple(values), upper, lower, decisions[-1][1] if decisions else "undecided", tuple(decisions))
