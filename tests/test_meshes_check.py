"""Argument checks: what passes, and what the message says when it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes._check import check_choice, check_points, nearest, unknown

MUSCLES = ("masseter", "temporalis", "trapezius")


@given(st.sampled_from(MUSCLES))
def test_an_allowed_choice_comes_back(name: str) -> None:
    assert check_choice("muscle", name, MUSCLES) == name


def test_a_misspelt_choice_names_argument_value_and_nearest() -> None:
    with pytest.raises(ValueError, match=r"muscle is 'maseter', which is not known. Did you mean 'masseter'\?"):
        check_choice("muscle", "maseter", MUSCLES)


def test_a_hopeless_choice_lists_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="Allowed: masseter, temporalis, trapezius"):
        check_choice("muscle", "###", MUSCLES)


def test_a_long_list_is_cut_and_counted() -> None:
    text = unknown("level", "###", [f"name{i:02d}" for i in range(20)])
    assert "name11 and 8 more" in text and "name12" not in text


@given(st.sampled_from(MUSCLES), st.integers(0, 5))
def test_one_lost_letter_still_finds_the_name(name: str, at: int) -> None:
    assert nearest(name[:at] + name[at + 1 :], MUSCLES)[0] == name


def test_points_become_floats() -> None:
    points = check_points("points", [[1, 2, 3]])
    assert points.dtype == np.float64 and points.tolist() == [[1.0, 2.0, 3.0]]


@pytest.mark.parametrize("value", [[1, 2, 3], [[1, 2]], [[[1, 2, 3]]], 5.0])
def test_points_of_another_shape_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"nodes has shape .*; it must be \(n, 3\)"):
        check_points("nodes", value)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_points_must_be_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="nodes holds a number that is not finite"):
        check_points("nodes", [[0, 0, bad]])
