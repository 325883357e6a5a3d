from __future__ import annotations

import os
from pathlib import Path

import hypothesis.strategies as st
import jsonschema
import pytest
from hypothesis import given, settings

from scenarios.faults import ScenarioError
from scenarios.loader import list_scenarios, load_scenario, parse_scenario
from scenarios.model import Scenario
from scenarios.schema import schema_path, schema_text
from scenarios.selection import catalogue, groups, select

GOOD = """schema = 1
title = "A test"

[[show]]
structures = ["bones"]

[[show]]
structures = ["gon_right", "skin"]
opacity = 0.5

[[view]]
name = "main"
camera = "posterior"
focus = { landmark = "inion" }
"""
EIGHT = {
    "gon-path", "gon-landmark", "gon-block-landmark", "gon-block-c2", "gon-block-nuchal-line",
    "preempt-31", "preempt-39", "layers",
}  # fmt: skip


def fault(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, file="a.toml")
    (line,) = caught.value.lines
    assert "\n" not in line
    return line


def test_a_good_text_is_read() -> None:
    scenario = parse_scenario(GOOD, file="dir/my-scene.toml")
    assert isinstance(scenario, Scenario)
    assert scenario.name == "my-scene"
    assert scenario.show[1].opacity == 0.5
    assert scenario.size == (1920, 1080)


def test_all_eight_scenarios_are_shipped_and_sound() -> None:
    assert set(list_scenarios()) >= EIGHT
    for name in list_scenarios():
        scenario = load_scenario(name)
        assert scenario.name == name
        assert scenario.caption and scenario.sources and scenario.evidence


def test_the_published_schema_is_current() -> None:
    assert schema_path().read_text("utf-8") == schema_text(), "run `python -m scenarios.schema`"


def test_shipped_scenarios_satisfy_the_published_schema_and_name_it() -> None:
    import json
    import tomllib

    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for name in list_scenarios():
        text = (schema_path().parent.parent / "library" / f"{name}.toml").read_text("utf-8")
        assert text.startswith("#:schema ../data/scenario.schema.json\n")
        jsonschema.validate(tomllib.loads(text), schema)


def test_every_field_of_the_schema_is_described() -> None:
    import json

    schema = json.loads(schema_text())
    for name, part in {**schema["$defs"], "Scenario": schema}.items():
        for key, field in part["properties"].items():
            assert field.get("description"), f"{name}.{key}"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("opacity = 0.5", "opacty = 0.5", 9, ["'opacty'", "'opacity'"]),
        ("opacity = 0.5", 'opacity = "half"', 9, ["show[2].opacity", "number", "'half'"]),
        ("opacity = 0.5", "opacity = 1.5", 9, ["at most 1", "1.5"]),
        ("opacity = 0.5", "opacity = nan", 9, ["nan"]),
        ("opacity = 0.5", "opacity = true", 9, ["number", "true"]),
        ("gon_right", "greater_occipital_nrve_right", 8, ["'greater_occipital_nrve_right'", "'greater_occipital_nerve_right'"]),
        ("bones", "bonez", 5, ["'bones'"]),
        ("bones", "xy*", 5, ["pattern"]),
        ("posterior", "postrior", 13, ["'postrior'", "'posterior'"]),
        ('camera = "posterior"', "camera = 3", 13, ["3", "posterior"]),
        ('camera = "posterior"', "azimuth_deg = 3", 11, ["elevation_deg"]),
        ('camera = "posterior"', "", 11, ["camera", "azimuth_deg"]),
        ('landmark = "inion"', 'landmark = "inion", site = "x"', 14, ["exactly one"]),
        ("schema = 1", "schema = 2", 1, ["2", "1"]),
        ("schema = 1", "size = [-5, 100]\nschema = 1", 1, ["64", "-5"]),
        ("schema = 1", "size = [100000, 64]\nschema = 1", 1, ["7680", "100000"]),
        ("schema = 1", "size = [1.5, 64]\nschema = 1", 1, ["whole number", "1.5"]),
        ("schema = 1", 'stile = "dark"\nschema = 1', 1, ["'style'"]),
        ("schema = 1", 'style = "drak"\nschema = 1', 1, ["'dark'"]),
        ('title = "A test"', 'title = "A test', 2, ["TOML"]),
        ('title = "A test"', 'title = "A test"\ntitle = "B"', 3, ["TOML"]),
        ('title = "A test"', 'title = ""', 2, ["title"]),
    ],
)
def test_a_fault_is_one_line_with_its_place_and_the_cure(old: str, new: str, line: int, words: list[str]) -> None:
    assert old in GOOD
    message = fault(GOOD.replace(old, new))
    assert message.startswith(f"a.toml:{line}: ")
    for word in words:
        assert word in message


def test_a_missing_key_and_an_empty_file_are_told() -> None:
    assert fault(GOOD.replace('title = "A test"\n', "")) == "a.toml: the key 'title' is missing."
    with pytest.raises(ScenarioError) as caught:
        parse_scenario("", file="a.toml")
    assert any("'schema' is missing" in line for line in caught.value.lines)


def test_several_faults_are_all_told_in_one_go() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(GOOD.replace("opacity", "opacty").replace("posterior", "postrior"), file="a.toml")
    assert [line.split(":")[1] for line in caught.value.lines] == ["9", "13"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.mkdir(), "directory"),
        (lambda p: p.write_bytes(bytes(range(256))), "UTF-8"),
        (lambda p: p.write_bytes(b"a = 1\n\0\0\0"), "binary"),
        (lambda p: p.write_bytes(b""), "'schema' is missing"),
        (lambda p: p.write_bytes(b"[" * 100_000), "TOML|nested"),
        (lambda p: os.truncate(os.open(p, os.O_CREAT | os.O_RDWR), 1_000_000_000), "1,000 MB"),
        (lambda p: os.mkfifo(p), "regular"),
        (lambda p: None, "no such file"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_no_scenario_file_is_refused(tmp_path: Path, make: object, words: str) -> None:
    path = tmp_path / "x.toml"
    make(path)  # type: ignore[operator]
    with pytest.raises(ScenarioError, match=words) as caught:
        load_scenario(path)
    assert all(str(path) in line or path.name in line for line in caught.value.lines)


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ScenarioError, match="'gon-path'"):
        load_scenario("gon-pth")
    with pytest.raises(ScenarioError, match="no name"):
        load_scenario("")


def test_a_file_is_found_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("\ufeff" + GOOD, "utf-8")
    assert load_scenario(path).name == load_scenario(str(path)).name == "mine"


@given(st.text(max_size=300) | st.text(st.sampled_from('[]"=\n#{}.a1,'), max_size=80))
@settings(max_examples=200, deadline=None)
def test_no_text_brings_the_reader_down(text: str) -> None:
    with pytest.raises(ScenarioError):
        parse_scenario(text)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_change_of_a_letter_brings_the_reader_down(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD) - 1))
    text = GOOD[:at] + data.draw(st.characters(blacklist_categories=["Cs"])) + GOOD[at + 1 :]
    try:
        parse_scenario(text)
    except ScenarioError as error:
        assert all("\n" not in line for line in error.lines)


def test_names_of_structures_are_resolved_in_catalogue_order() -> None:
    assert select(["gon"], catalogue()) == ["greater_occipital_nerve_left", "greater_occipital_nerve_right"]
    assert select(["suboccipital_right"], catalogue()) == select(["suboccipital"], catalogue(), side="right")
    assert select(["bones", "atlas"], catalogue()).count("atlas") == 1
    arteries = select(["*_artery_left"], catalogue())
    assert {"occipital_artery_left", "vertebral_artery_left"} <= set(arteries)
    assert all(key.endswith("_artery_left") for key in arteries)


def test_every_group_has_members_of_the_catalogue() -> None:
    for name in groups():
        assert select([name], catalogue())


@pytest.mark.parametrize(
    ("more", "line", "words"),
    [
        ('[[line]]\nthrough = [{ landmark = "inion" }]', 17, ["line[1].through", "at least 2"]),
        ('[[line]]\nthrough = [{ landmrk = "inion" }]', 17, ["'landmark'"]),
        ('[[cut]]\nat = { landmark = "inion" }\nnormal = [0, 0, 0]', 18, ["cut[1].normal", "no length"]),
        ('[[cut]]\nat = { landmark = "inion" }\nnormal = [0, 1]', 18, ["must have 3 numbers", "[0, 1]"]),
        ('[[view]]\nname = "main"\ncamera = "left"', 17, ["view[2].name", "'main'"]),
        ('[[step]]\nname = "a"\n[[step]]\nname = "a"', 19, ["step[2].name", "'a'"]),
        ('[procedure]\nname = "gon-block-c2"\nfollow_the_pain = { temporalis = 2 }', 18, ["preempt", "'gon-block-c2'"]),
        ('[procedure]\nname = "preempt"\nfollow_the_pain = { frontalis = 2 }', 18, ["takes no extra site", "temporalis 2"]),
        (
            '[procedure]\nname = "preempt"\nfollow_the_pain = { temporalis = { left = 1.5 } }',
            18,
            ["temporalis.left", "whole number"],
        ),
        ('[procedure]\nname = "preempt"\nside = "left"', 18, ["'left'", "both sides"]),
        ('[[label]]\nat = { site = "TEM_R1" }', 17, ["[procedure]"]),
        ("[anatomy.patient]\nbmi = [1]", 17, ["finite number"]),
        ('[[view]]\nname = "b"\ncamera = "left"\nzoom = inf', 19, ["finite number", "inf"]),
        ('[[view]]\nname = "b"\ncamera = "left"\nzoom = 2020-10-05', 19, ["a number", "2020-10-05"]),
        ("[labels]\n" + "a." * 100_000 + "a = 1", 17, ["100 parts"]),
        ("[labels]\nshow = " + "9" * 5000, 17, ["too many digits"]),
    ],
)
def test_what_does_not_go_together_is_one_line(more: str, line: int, words: list[str]) -> None:
    message = fault(f"{GOOD}\n{more}\n")
    assert message.startswith(f"a.toml:{line}: ") and len(message) < 300
    for word in words:
        assert word in message
    assert "datetime" not in message and "uple" not in message


def test_a_misspelt_key_that_is_needed_is_told_once() -> None:
    assert fault(GOOD.replace("title", "titel")).startswith(
        "a.toml:2: titel: key is 'titel', which is not known. Did you mean 'title'"
    )


def test_control_characters_are_refused_where_they_stand() -> None:
    assert "a.toml:2: title: holds the control character U+0007" in fault(GOOD.replace("A test", "A \\u0007 test"))


def test_a_name_is_suggested_once() -> None:
    assert fault(GOOD.replace("bones", "splenius_capits")).count("'splenius_capitis'") == 1


def test_a_name_that_is_too_long_for_a_file_is_one_short_line() -> None:
    for ending in ("", ".toml"):
        with pytest.raises(ScenarioError, match="cannot be read") as caught:
            load_scenario("x" * 5000 + ending)
        assert len(str(caught.value)) < 200
