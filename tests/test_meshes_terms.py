"""Terms: what a name means, and what is said when it means nothing."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes.terms import find_keys, split_key, terms

PAIRED = sorted(k for k, t in terms().items() if t.paired)
MEDIAN = sorted(k for k, t in terms().items() if not t.paired)
AVAILABLE = [*MEDIAN, *[f"{k}_{s}" for k in PAIRED for s in ("left", "right")]]
ALIASES = [(alias, t.key) for t in terms().values() for alias in t.aliases]


@given(st.sampled_from(AVAILABLE))
def test_a_key_means_itself(key: str) -> None:
    assert find_keys(key, AVAILABLE) == [key]


@given(st.sampled_from(PAIRED))
def test_an_unsided_key_means_both_sides(key: str) -> None:
    assert find_keys(key, AVAILABLE) == [f"{key}_left", f"{key}_right"]


@given(st.sampled_from(PAIRED))
def test_only_what_is_there_is_meant(key: str) -> None:
    assert find_keys(key, [f"{key}_right", "skin"]) == [f"{key}_right"]


@pytest.mark.parametrize(("alias", "key"), ALIASES)
def test_an_alias_means_its_structure_with_or_without_a_side(alias: str, key: str) -> None:
    if terms()[key].paired:
        assert find_keys(alias, AVAILABLE) == [f"{key}_left", f"{key}_right"]
        assert find_keys(f"{alias}_left", AVAILABLE) == [f"{key}_left"]
    else:
        assert find_keys(alias, AVAILABLE) == [key]


def test_a_median_structure_has_no_sides() -> None:
    with pytest.raises(ValueError, match="skin"):
        find_keys("skin_left", AVAILABLE)


@given(st.sampled_from(AVAILABLE), st.integers(1, 6))
def test_a_name_with_a_lost_letter_is_refused_with_the_right_one_near(key: str, at: int) -> None:
    wrong = key[:at] + key[at + 1 :]
    if wrong in AVAILABLE or wrong in {k for k, _ in (split_key(a) for a in AVAILABLE)} or wrong in dict(ALIASES):
        return
    with pytest.raises(ValueError, match="Did you mean") as error:
        find_keys(wrong, AVAILABLE)
    near = re.findall(r"'([a-z0-9_]+)'", str(error.value).split("Did you mean")[1])
    assert split_key(key)[0] in {split_key(n)[0] for n in near}


@given(st.sampled_from(PAIRED), st.sampled_from(["left", "right"]))
def test_split_key_takes_the_side_off(key: str, side: str) -> None:
    assert split_key(f"{key}_{side}") == (key, side)


@given(st.sampled_from(MEDIAN))
def test_split_key_of_a_median_structure(key: str) -> None:
    assert split_key(key) == (key, "median")


def test_terms_are_a_catalogue_that_cannot_be_written_to() -> None:
    with pytest.raises(TypeError):
        terms()["skin"] = terms()["cranium"]  # type: ignore[index]
    with pytest.raises(TypeError):
        terms()["cranium"].fma["median"] = 1  # type: ignore[index]


def test_aliases_are_no_keys_and_mean_one_thing() -> None:
    names = sorted(alias for alias, _ in ALIASES)
    assert not [a for a, b in pairwise(names) if a == b]
    assert not set(names) & set(terms())
