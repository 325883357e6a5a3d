from __future__ import annotations

from typing import get_args

import pytest

from scenarios.basics import ConditionName, ProcedureName
from scenarios.faults import ScenarioError
from scenarios.loader import list_scenarios, load_scenario, parse_scenario
from scenarios.model import Scenario
from scenarios.procedure_files import list_procedures, load_procedure
from scenarios.selection import procedure_names
from scenarios.skin_maps import map_names

BASE = """schema = 1
title = "A test"
[[show]]
structures = ["bones", "skin"]
[[view]]
name = "main"
camera = "posterior"
"""
GON_BLOCKS = ("gon-block-landmark", "gon-block-c2", "gon-block-nuchal-line")
LIBRARY = {name: load_scenario(name) for name in list_scenarios()}


def procedures(scenario: Scenario) -> set[str]:
    drawn = {scenario.procedure.name} if scenario.procedure else set()
    told = {scenario.page.procedure} if scenario.page and scenario.page.procedure else set()
    return {str(name) for name in drawn | told}


def told(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(BASE + text, file="a.toml")
    return str(caught.value).splitlines()


def test_every_procedure_and_every_condition_has_a_scenario_of_its_own() -> None:
    assert len(LIBRARY) >= 24
    drawn = {s.procedure.name for s in LIBRARY.values() if s.procedure}
    assert drawn == set(get_args(ProcedureName))
    assert set().union(*map(procedures, LIBRARY.values())) >= set(list_procedures())
    for condition in get_args(ConditionName):
        scenario = LIBRARY[condition]
        assert scenario.page is not None and scenario.page.condition == condition
        assert {m.region for m in scenario.map} and {m.region for m in scenario.map} <= set(map_names())


@pytest.mark.parametrize("name", list_scenarios())
def test_every_scenario_has_stills_a_film_and_words(name: str) -> None:
    scenario = LIBRARY[name]
    assert scenario.film is not None
    assert scenario.caption and scenario.sources and scenario.evidence
    if scenario.procedure is not None and name not in ("gon-landmark",):
        assert scenario.page is not None, "a patient is told of every procedure"


@pytest.mark.parametrize("name", list_scenarios())
def test_what_is_investigational_says_so_in_title_caption_and_film(name: str) -> None:
    scenario = LIBRARY[name]
    keys = [k for k in procedures(scenario) if k in list_procedures()]
    if any(load_procedure(key).status == "investigational" for key in keys):
        assert "investigational" in scenario.title.lower() and "fda-approved" in scenario.title.lower()
        assert "nvestigational" in scenario.caption
        assert scenario.film is not None and "nvestigational" in scenario.film.caption[0].text
        assert all("nvestigational" in v.caption for v in scenario.view if v.caption)
    if any(load_procedure(key).status == "off-label" for key in keys):
        assert "off-label" in scenario.title


@pytest.mark.parametrize("name", list_scenarios())
def test_captions_say_from_where_it_is_seen(name: str) -> None:
    scenario = LIBRARY[name]
    views = [v.caption for v in scenario.view if v.caption] + [s.caption for s in scenario.step if s.caption]
    first = [] if scenario.step or scenario.view[0].caption else [scenario.caption]
    assert all(any(word in text.lower() for word in ("from", "close to")) for text in [*first, *views])


def test_side_of_a_procedure_is_that_of_title_or_caption() -> None:
    for name, scenario in LIBRARY.items():
        asked = scenario.procedure
        if asked is not None and asked.side != "both" and name != "msc-gon":
            text = f"{scenario.title} {scenario.caption}"
            assert "right" in text, name
    assert "Left side" in LIBRARY["msc-gon"].caption


def test_figures_have_panels_and_one_shows_before_and_after() -> None:
    figures = {name: s.figure for name, s in LIBRARY.items() if s.figure}
    assert len(figures) >= 4 and all(len(f.panel) >= 2 for f in figures.values())
    pairs = [f.panel for f in figures.values() if f.panel[0].inject_ml == 0 and (f.panel[1].inject_ml or 0) > 0]
    assert pairs and all(a.view == b.view for a, b in (p[:2] for p in pairs))


def test_a_figure_names_views_and_steps_that_exist() -> None:
    panel = "[figure]\n[[figure.panel]]\n"
    line = told(f'{panel}view = "mian"\n')[0]
    assert line.startswith("a.toml:10: figure.panel") and "'mian'" in line and "main" in line
    assert "no [[step]]" in told(f'{panel}step = "one"\n')[0]
    figure = parse_scenario(f'{BASE}{panel}view = "main"\n', file="a.toml").figure
    assert figure is not None and figure.panel[0].view == "main"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[film]\nkind = "tour"\n', "[[film.stop]]"),
        ('[film]\n[[film.stop]]\nview = "main"\n', "belongs to a tour"),
        ('[film]\nkind = "needle-path"\n', "[needle]"),
        ('[film]\nkind = "ultrasound-sweep"\n', "[probe]"),
        ('[film]\nsweep = "slide:-5:5"\n', "ultrasound-sweep"),
        ('[film]\nview = "front"\n', "Allowed: main"),
        ('[film]\n[[film.caption]]\nat = 0.5\ntext = "b"\n[[film.caption]]\nat = 0.1\ntext = "a"\n', "must rise"),
        ('[page]\nprocedure = "prp-gom"\n', "'prp-gon'"),
        ('[[map]]\nregion = "chronic-migrane"\n', "'chronic-migraine'"),
        ("[ultrasound]\n", "[probe]"),
        ('[procedure]\nname = "prp-gon"\nshow_units = true\n', "units of toxin"),
        ('[procedure]\nname = "prp-gon"\ndefinitions = ["medial_third"]\n', "not to prp-gon"),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(text: str, words: str) -> None:
    lines = told(text)
    assert len(lines) == 1 and words in lines[0] and lines[0].startswith("a.toml:")


def test_names_of_procedures_are_those_of_their_files() -> None:
    assert list(procedure_names()) == list_procedures()
