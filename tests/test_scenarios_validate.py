"""The literature table measured on a man and on a woman."""

from __future__ import annotations

import json
from functools import cache

import pytest

from meshes import load_anatomy
from meshes.points import load_table
from scenarios.validate import Row, validate
from sim.anatomies import both_sexes
from sim.commands.validate import table

SHIPPED_LATER = "which is not known"  # a row of a structure that the shipped model does not hold yet


@cache
def people() -> tuple[list[Row], ...]:
    return tuple(validate(person) for person in both_sexes(load_anatomy()))


@pytest.mark.parametrize("who", [0, 1], ids=["man", "woman"])
def test_every_figure_is_inside_for_both_sexes(who: int) -> None:
    outside = [row for row in people()[who] if not row.inside and SHIPPED_LATER not in row.problem]
    assert [(row.id, row.side, row.measured, row.low, row.high, row.problem) for row in outside] == []


def test_there_are_enough_figures_and_both_are_measured_alike() -> None:
    man, woman = people()
    assert len({row.id for row in man}) >= 40
    assert [(row.id, row.side, row.text) for row in man] == [(row.id, row.side, row.text) for row in woman]
    assert {row.sex for row in man} == {"male"} and {row.sex for row in woman} == {"female"}


def test_a_womans_window_is_her_own_where_the_table_has_one() -> None:
    own = {row["id"]: row["female"] for row in load_table("literature")["row"] if "female" in row}
    assert {"26", "34a", "35a", "36a"} <= set(own)
    for man, woman in zip(*people(), strict=True):
        if woman.id in own:
            assert (woman.target, woman.low, woman.high) == (own[woman.id]["target"], own[woman.id]["low"], own[woman.id]["high"])
            assert man.target != woman.target
        else:
            assert (woman.target, woman.low, woman.high) == (man.target, man.low, man.high)


def test_the_windows_of_both_sexes_hold_their_targets_order() -> None:
    for row in load_table("literature")["row"]:
        for goal in (row, row | row.get("female", {})):
            assert goal["low"] <= goal["high"], row["id"]


def test_the_table_shows_man_and_woman_side_by_side_and_names_who_is_outside() -> None:
    man, woman = people()
    lines = table(list(zip(man, woman, strict=True))[:3])
    assert " man " in lines[0] and " woman " in lines[0] and lines[1].endswith("inside")
    wrong = [Row(**{**woman[0].__dict__, "measured": 999.0})]
    assert "OUTSIDE (woman)" in table([(man[0], wrong[0])])[1]


def test_json_tells_the_sex_of_each_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import scenarios.validate
    import sim.sonoanatomy
    from sim.cli import main

    monkeypatch.setattr(sim.sonoanatomy, "sonoanatomy", lambda anatomy: [])
    few = {"male": [people()[0][0]], "female": [people()[1][0]]}
    monkeypatch.setattr(scenarios.validate, "validate", lambda anatomy: few[anatomy.meta["sex"]])
    assert main(["validate", "--json"]) == 0
    assert [row["sex"] for row in json.loads(capsys.readouterr().out)] == ["male", "female"]
