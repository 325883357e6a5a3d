from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.training.cusum import Rates, cusum, usual_rates

RATES = Rates(0.10, 0.20, 0.10, 0.10)


def test_the_limits_are_those_of_the_formula() -> None:
    found = cusum([], RATES)
    # by hand: ln 2 + ln(9/8) = 0.81093; ln 9 / 0.81093 = 2.7095
    assert found.upper_h == pytest.approx(2.7095, abs=1e-4) and found.lower_h == pytest.approx(-2.7095, abs=1e-4)
    assert (found.values, found.verdict, found.competent_at) == ((), "undecided", None)


def test_steps_are_s_down_and_the_rest_up() -> None:
    s = math.log(9 / 8) / (math.log(2) + math.log(9 / 8))
    assert cusum([True, False], RATES).values == pytest.approx((-s, 1 - 2 * s))


def test_nothing_but_successes_is_competence_after_nineteen() -> None:
    found = cusum([True] * 30, RATES)
    assert found.competent_at == 19 and found.verdict == "acceptable"
    assert found.values[19] > found.values[18], "after a decision the sum begins again"
    assert cusum([True] * 18, RATES).verdict == "undecided"


def test_four_failures_in_a_row_are_unacceptable_and_can_be_mended() -> None:
    assert cusum([False] * 4, RATES).decisions == ((4, "unacceptable"),)
    later = cusum([False] * 4 + [True] * 19, RATES)
    assert later.verdict == "acceptable" and later.competent_at == 23


@given(st.lists(st.booleans(), max_size=60))
def test_values_stay_between_the_limits_but_where_something_is_decided(outcomes: list[bool]) -> None:
    found = cusum(outcomes)
    decided = {n for n, _ in found.decisions}
    assert len(found.values) == len(outcomes)
    for n, v in enumerate(found.values, start=1):
        assert (n in decided) == (v >= found.upper_h or v <= found.lower_h)
    assert cusum(outcomes) == found


def test_the_wrong_decision_is_about_as_rare_as_asked_for() -> None:
    rng = np.random.default_rng(1)

    def first(rate: float) -> float:
        """Share of trainees with this failure rate who are found acceptable first."""
        curves = [cusum(list(rng.random(400) > rate), RATES).decisions for _ in range(250)]
        return float(np.mean([d[0][1] == "acceptable" for d in curves if d]))

    assert first(RATES.acceptable_failure) > 0.85 and first(RATES.unacceptable_failure) < 0.15


@pytest.mark.parametrize("numbers", [(0.2, 0.1, 0.1, 0.1), (0.0, 0.1, 0.1, 0.1), (0.1, 0.2, 0.5, 0.1), (0.1, math.nan, 0.1, 0.1)])
def test_rates_out_of_range_are_refused(numbers: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Rates(*numbers)


def test_the_usual_rates_come_from_the_table() -> None:
    assert usual_rates() == RATES
