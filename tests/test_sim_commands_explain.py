"""`inion explain`: what it refuses, and what it writes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from sim.commands.explain import run
from sim.commands.faults import BadInput

PAGE = "<!DOCTYPE html><html lang='en'></html>"


def asked(out: Path | None, scenario: str = "gon-block-landmark", **more: Any) -> argparse.Namespace:
    given = {"language": [], "clinic": "", "side": None, "sites": [], "paper": None, "quiet": True, "json": True, "tell": print}
    return argparse.Namespace(scenario=scenario, out=None if out is None else str(out), **(given | more))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the page and the handout were asked for; neither is made."""
    calls: list[Any] = []

    def page(scenario: Any, anatomy: Any, **more: Any) -> str:
        more["tell"]("page")
        calls.append((scenario, more))
        return PAGE

    def handout(scenario: Any, texts: Any, **more: Any) -> bytes:
        calls.append((scenario, texts, more))
        return b"%PDF-"

    monkeypatch.setattr("sim.explain.page.explain_page", page)
    monkeypatch.setattr("sim.handout.handout", handout)
    return calls


def test_a_page_is_written_with_what_was_asked(made: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "page.html"
    more = {"language": ["de", "en", "de"], "clinic": "  Praxis   Nord ", "side": "left", "sites": ["medial_third_left"]}
    assert run(asked(out, **more)) == 0
    assert out.read_text("utf-8") == PAGE and [p.name for p in out.parent.iterdir()] == ["page.html"]
    scenario, given = made[0]
    assert scenario.procedure.side == "left" and scenario.procedure.sites == ("medial_third_left",)
    assert given["languages"] == ["de", "en"] and given["clinic"] == "Praxis Nord"
    told = json.loads(capsys.readouterr().out)
    assert told == {"written": str(out), "languages": ["de", "en"], "side": "left", "bytes": len(PAGE)}


def test_a_page_holds_all_languages_and_is_named_by_its_scenario(
    made: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(asked(None, "gon-block-landmark", language=["all"], json=False)) == 0
    assert capsys.readouterr().out == "gon-block-landmark.html\n"
    assert made[0][1]["languages"] == ["en", "es", "de", "fr"]


def test_a_handout_is_written_for_paper(made: list[Any], tmp_path: Path) -> None:
    out = tmp_path / "handout.PDF"
    assert run(asked(out, language=["es"], paper="letter", side="left")) == 0
    assert out.read_bytes() == b"%PDF-"
    scenario, texts, given = made[0]
    assert texts.language == "es" and given["paper"] == "letter" and scenario.procedure.side == "left"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"language": ["xx"]}, "--language is 'xx'; it must be one of en, es, de, fr, or all"),
        ({"name": "page.txt"}, r"its ending must be \.html \(page\) or \.pdf \(handout\)"),
        ({"name": "page.pdf", "language": ["en", "de"]}, "a handout has one language, 2 are asked for"),
        ({"paper": "a4"}, "--paper belongs to a handout"),
        ({"clinic": "x" * 81}, "--clinic has 81 letters; it may have 80"),
        ({"scenario": "layers"}, "layers.toml: has neither a procedure nor a table"),
        ({"scenario": "preempt-31", "side": "left"}, "--side is 'left', but preempt is always given on both sides"),
        ({"sites": ["medial_thrid_right"]}, "--sites: .*medial_third_right"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(made: list[Any], tmp_path: Path, more: dict[str, Any], told: str) -> None:
    out = tmp_path / more.pop("name", "page.html")
    with pytest.raises(BadInput, match=told) as fault:
        run(asked(out, more.pop("scenario", "gon-block-landmark"), **more))
    assert "\n" not in str(fault.value)
    assert not made and not list(tmp_path.iterdir())


def test_a_fault_while_it_is_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> str:
        raise ValueError("the texts in 'de' lack the word 'next'.")

    monkeypatch.setattr("sim.explain.page.explain_page", broken)
    with pytest.raises(BadInput, match="lack the word"):
        run(asked(tmp_path / "page.html"))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_told(made: list[Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(BadInput, match="cannot be written"):
        run(asked(tmp_path / "file" / "page.html"))
    assert not made
