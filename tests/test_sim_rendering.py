from __future__ import annotations

import io
from pathlib import Path

import pytest

import sim
import sim.rendering
from meshes.model import Anatomy
from meshes.references import short_citation, short_citations
from scenarios.loader import load_scenario
from sim.progress import progress


@pytest.mark.slow
@pytest.mark.image
def test_the_same_scenario_gives_the_same_file_and_the_file_says_how_it_was_made(
    tiny_anatomy: Anatomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.stills import read_metadata

    monkeypatch.setattr(sim.rendering, "anatomy_for", lambda scenario: tiny_anatomy)
    scenario = sim.load_scenario("gon-path")
    (first,) = sim.render(scenario, tmp_path / "a", size=(160, 120))
    (second,) = sim.render(scenario, tmp_path / "b" / "c", size=(160, 120))
    assert first == tmp_path / "a" / "gon-path.png"
    assert first.read_bytes() == second.read_bytes()
    told = read_metadata(first)
    assert told["Seed"] == str(scenario.seed) and told["Scenario"] == "gon-path" and told["Anatomy"] == "tiny"
    assert "Kim 2018" in told["Sources"] and told["Evidence"] and "Not medical advice" in told["Disclaimer"]
    (third,) = sim.render(scenario, tmp_path / "a", size=(160, 120), seed=99, style="dark", views=["left"])
    assert third.name == "gon-path-left.png"
    assert read_metadata(third)["Seed"] == "99" and read_metadata(third)["Style"] == "dark"
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["gon-path-left.png", "gon-path.png"]


def test_progress_is_plain_lines_away_from_a_terminal() -> None:
    stream = io.StringIO()
    with progress("rendering", 2, stream=stream) as step:
        step("one")
        step("two")
    assert stream.getvalue() == "rendering 1/2 one\nrendering 2/2 two\n"
    with progress("rendering", 2, quiet=True, stream=stream) as step:
        step("three")
    assert "three" not in stream.getvalue()


def test_progress_is_a_bar_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with progress("rendering", 1, stream=stream) as step:
        step("one")
    assert "\x1b[" in stream.getvalue() and "one" in stream.getvalue()


def test_a_source_is_cited_as_a_reader_expects_it() -> None:
    assert short_citation("kim2018") == "Kim 2018"
    assert short_citations(["kim2018", "shim2011", "kim2018"]) == ("Kim 2018", "Shim 2011")
    with pytest.raises(ValueError, match="'kim2018'"):
        short_citation("kim2017")


def test_every_source_of_a_scenario_is_in_the_bibliography() -> None:
    for name in sim.list_scenarios():
        assert short_citations(load_scenario(name).sources)
