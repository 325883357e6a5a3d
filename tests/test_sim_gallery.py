from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.loader import list_scenarios, load_scenario
from sim import gallery
from sim.cli import main

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("name", list_scenarios())
def test_the_shipped_picture_is_that_of_the_scenario_as_it_stands(name: str) -> None:
    assert gallery.mark_of(DOCS / gallery.FOLDER / f"{name}.jpg") == gallery.request_mark(load_scenario(name))


def test_the_shipped_page_names_every_scenario_and_no_other() -> None:
    text = (DOCS / gallery.PAGE).read_text("utf-8")
    assert text == gallery.page_text([load_scenario(name) for name in list_scenarios()])
    assert [text.count(f"({gallery.FOLDER}/{name}.jpg)") for name in list_scenarios()] == [1] * len(list_scenarios())


@pytest.mark.image
def test_only_what_has_changed_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "list_scenarios", lambda: ["gon-path"])
    monkeypatch.setattr(gallery, "SIZE", (256, 144))
    picture = tmp_path / gallery.FOLDER / "gon-path.jpg"
    assert gallery.make_gallery(tmp_path) == [picture, tmp_path / gallery.PAGE]
    before = picture.stat().st_mtime_ns
    (picture.parent / "gone.jpg").write_bytes(picture.read_bytes())
    (picture.parent / "mine.jpg").write_bytes(b"not of the gallery")
    assert gallery.make_gallery(tmp_path) == [tmp_path / gallery.PAGE] and picture.stat().st_mtime_ns == before
    assert sorted(p.name for p in picture.parent.iterdir()) == ["gon-path.jpg", "mine.jpg"]


def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--gallery", str(tmp_path / "nothing")]) == 2
    assert "is no folder" in capsys.readouterr().err
