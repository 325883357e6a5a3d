"""The map sheet of PREEMPT: every site once, in its true place, nothing over anything else, units summed to the plan's."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meshes.model import Anatomy
from scenarios.loader import list_scenarios, load_scenario
from scenarios.preempt import preempt_sites
from sim import map_board
from sim.cameras import edge_marks
from sim.cli import main
from sim.map_board import framed_at
from sim.map_room import spread
from sim.map_sheet import PAGES, lay_sheet, map_sheet, plan_of, write_map_sheet
from sim.map_signs import is_light
from sim.map_views import SheetView, Spot, sheet_views, view_of_site
from sim.paper import SIZES, Paper, overlapping, page_size
from sim.paper_files import page_images, write_pages

ALL_EXTRA = {"temporalis": 2, "occipitalis": 2, "trapezius": 4}
SMALLEST_PT = 8.0


@pytest.fixture(scope="module")
def views(anatomy: Anatomy) -> tuple[SheetView, ...]:
    return sheet_views(anatomy, preempt_sites(anatomy), 1.5)


@pytest.fixture(scope="module")
def views39(anatomy: Anatomy, views: tuple[SheetView, ...]) -> tuple[SheetView, ...]:
    """The same heads with all extra sites."""
    sites = preempt_sites(anatomy, ALL_EXTRA)

    def of(view: SheetView) -> tuple[Spot, ...]:
        mine = [s for s in sites if view_of_site(s) == view.row["name"]]
        return tuple(Spot(s, *map(float, view.view.project(s.skin_point)[0])) for s in mine)

    return tuple(replace(v, spots=of(v)) for v in views)


@pytest.fixture(scope="module")
def sheet(anatomy: Anatomy, views: tuple[SheetView, ...]) -> Paper:
    return lay_sheet(plan_of(anatomy), views, page_size("a4"))


def text_of(data: bytes) -> list[str]:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    return [document[i].get_textpage().get_text_bounded() for i in range(len(document))]


@pytest.mark.image
@pytest.mark.parametrize("paper", SIZES)
def test_no_text_lies_over_another_or_off_the_paper_and_none_is_small(
    anatomy: Anatomy, views: tuple[SheetView, ...], views39: tuple[SheetView, ...], paper: str
) -> None:
    plans = [(plan_of(anatomy, ALL_EXTRA), views39), (plan_of(anatomy), views)]
    for plan, seen in plans[: 2 if paper == "a4" else 1]:
        made = lay_sheet(plan, seen, page_size(paper))
        assert not [(a.text, b.text) for a, b in overlapping(made.words)]
        assert min(w.size for w in made.words) >= SMALLEST_PT
        assert all(w.x0 > 20 and w.y0 > 20 and w.x1 < made.width - 20 and w.y1 < made.height - 20 for w in made.words)


@pytest.mark.image
def test_a_text_over_another_would_be_found(sheet: Paper) -> None:
    first = sheet.words[0]
    assert overlapping([*sheet.words, replace(first, x0=first.x0 + 5, x1=first.x1 + 5)])


@pytest.mark.image
def test_each_site_stands_once_on_the_wall_page_and_once_on_its_own(
    anatomy: Anatomy, views: tuple[SheetView, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: dict[int, list[int]] = {}
    monkeypatch.setattr(map_board, "write_number", lambda paper, site, *rest: pages.setdefault(site.order, []).append(paper.page))
    lay_sheet(plan_of(anatomy), views, page_size("a4"))
    own = {
        s.site.order: 1 + ["front", "right", "back"].index(v.row["name"].replace("left", "right")) for v in views for s in v.spots
    }
    assert pages == {order: [0, own[order]] for order in range(1, 32)}
    assert sum(s.site.units for v in views for s in v.spots) == 155


@pytest.mark.image
def test_numbers_and_signs_stand_where_the_sites_are(
    anatomy: Anatomy, views: tuple[SheetView, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[int, list[tuple[float, float]]] = {}
    monkeypatch.setattr(map_board, "write_number", lambda p, s, g, x, y, size: written.setdefault(s.order, []).append((x, y)))
    plan = plan_of(anatomy)
    for view in views:
        frame = framed_at(view, 40.0, 60.0, 500.0, 1.6)
        map_board.draw_view(Paper(page_size("a4"), title="", subject="", language="en"), view, frame, plan.groups, joined=False)
        for spot in view.spots:
            across, _ = view.view.project(spot.site.skin_point)
            (x, y) = written[spot.site.order][0]
            assert np.hypot(*(np.array(frame.point(across)) - (x, y))) < 0.01
    assert sorted(written) == list(range(1, 32))
    assert {len(v) for v in written.values()} == {1}


@pytest.mark.image
def test_the_sites_are_seen_and_their_sides_are_true(views: tuple[SheetView, ...]) -> None:
    named = {v.row["name"]: v for v in views}
    assert all(v.unseen == () for v in views)
    for name, left, right in (("front", "R", "L"), ("back", "L", "R"), ("right", "P", "A"), ("left", "A", "P")):
        assert (named[name].edges["left"], named[name].edges["right"]) == (left, right)
        assert edge_marks(named[name].view)["left"] == left
    for name in ("front", "back"):
        middle = named[name].view.width_px / 2
        for spot in named[name].spots:
            if spot.site.side != "median":
                at_left = spot.x < middle
                assert (named[name].edges["left" if at_left else "right"] == "R") == (spot.site.side == "right")
    assert {s.site.side for s in named["right"].spots} == {"right"}
    assert {s.site.side for s in named["left"].spots} == {"left"}


@pytest.mark.image
def test_the_file_says_sites_units_volume_and_warning_in_real_text(sheet: Paper) -> None:
    data = sheet.finish()
    pages = text_of(data)
    assert len(pages) == len(PAGES)
    first = " ".join(pages[0].split())
    assert "31 sites, 155 U" in first
    assert "3.1 mL" in first
    assert "boxed warning" in first
    assert "Not medical advice" in first
    assert "the full text of the plan was not read" in first
    for name in ("Corrugator", "Procerus", "Frontalis", "Temporalis", "Occipitalis", "Cervical paraspinal", "Trapezius"):
        assert name in first
    assert "7 sites, 35 U" in pages[1]
    assert "8 sites, 40 U" in pages[2]
    assert "16 sites, 80 U" in pages[3]
    assert all("Patient" in page and "Date" in page for page in pages)


@pytest.mark.image
def test_the_units_are_those_of_the_sites(anatomy: Anatomy) -> None:
    plan = plan_of(anatomy, ALL_EXTRA)
    assert plan.title.endswith("39 sites, 195 U")
    assert sum(g.units for g in plan.groups.values()) == 195
    assert plan_of(anatomy, {"temporalis": {"left": 1}}).title.endswith("32 sites, 160 U")


@pytest.mark.image
def test_pictures_of_the_pages_are_written_whole(
    sheet: Paper, anatomy: Anatomy, views: tuple[SheetView, ...], tmp_path: Path
) -> None:
    data = lay_sheet(plan_of(anatomy), views, page_size("letter")).finish()
    paths = write_pages(data, tmp_path / "new", "sheet", list(PAGES), dpi=50)
    assert [p.name for p in paths] == ["sheet.pdf", *(f"sheet-{i}-{n}.png" for i, n in enumerate(PAGES, 1))]
    assert data == paths[0].read_bytes()
    image = page_images(data, 50)[0]
    assert image.size == (425, 550)
    assert np.asarray(image).min() < 60 < 250 < np.asarray(image).max()


def test_a_grey_copy_keeps_number_and_sign_apart(tiny_anatomy: Anatomy) -> None:
    groups = plan_of(tiny_anatomy).groups.values()
    assert len({g.sign for g in groups}) == len({g.letter for g in groups}) == len({g.colour for g in groups}) == 7
    assert is_light("#e69f00")
    assert not is_light("#0072b2")


def test_discs_stand_on_their_sites_or_clearly_beside_them() -> None:
    spots = np.array([[0.0, 0.0], [40.0, 0.0], [44.0, 0.0]])
    centres, moved = spread(spots, 5.0)
    assert moved.tolist() == [False, False, True]
    assert centres[0].tolist() == [0.0, 0.0]
    assert centres[1].tolist() == [40.0, 0.0]
    assert np.linalg.norm(centres[2] - spots[2]) > 5.0
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2) + 99 * np.eye(3)
    assert apart.min() > 10.0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"paper": "a3"}, "paper is 'a3'"),
        ({"language": "de"}, "language is 'de'"),
        ({"follow_the_pain": {"procerus": 1}}, "procerus"),
    ],
)
def test_what_cannot_be_printed_is_said(tiny_anatomy: Anatomy, wrong: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        map_sheet(tiny_anatomy, **wrong)  # type: ignore[arg-type]


def test_only_preempt_has_a_sheet(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a map sheet needs the procedure 'preempt'"):
        write_map_sheet(load_scenario("gon-path"), tmp_path)
    with pytest.raises(ValueError, match="paper is 'a5'"):
        write_map_sheet(load_scenario("preempt-31"), tmp_path, "a5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["preempt-31", "--seed", "0"], "--seed is not for a map sheet"),
        (["preempt-31", "--transparent"], "--transparent is not for a map sheet"),
        (["gon-path"], "its procedure is not 'preempt'"),
        (["preempt-31", "preempt-31"], "two pictures would be called preempt-31-sheet-a4.pdf"),
        (["preempt-31", "-o", " "], "-o is empty"),
    ],
)
def test_a_bad_request_is_told_in_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["render", "--sheet", "a4", "-o", "new/folder", *words]) == 2
    out, said = capsys.readouterr()
    assert out == "" and told in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_all_means_every_scenario_of_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "all", "--sheet", "a4", "--check"]) == 0
    plans = [n for n in list_scenarios() if (p := load_scenario(n).procedure) is not None and p.name == "preempt"]
    assert len(plans) >= 2 and f"Map sheets: {len(plans)}." in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.image
def test_the_same_sheet_has_the_same_bytes(anatomy: Anatomy) -> None:
    first, second = (map_sheet(anatomy, px_per_mm=1.0, order_lines=True) for _ in range(2))
    assert first == second


@pytest.mark.slow
@pytest.mark.image
def test_the_sheet_of_a_woman_shows_every_site_where_it_is_seen() -> None:
    from meshes.patient import Patient
    from sim.anatomies import load_anatomy

    woman = load_anatomy(Patient(sex="female"))
    seen = sheet_views(woman, preempt_sites(woman), 1.0)
    assert all(v.unseen == () for v in seen)
    assert not overlapping(lay_sheet(plan_of(woman), seen, page_size("letter")).words)


@pytest.mark.slow
@pytest.mark.image
def test_the_sheet_of_a_scenario_is_written_with_its_pages(tmp_path: Path) -> None:
    paths = write_map_sheet(load_scenario("preempt-39"), tmp_path, "letter")
    assert [p.suffix for p in paths] == [".pdf", *[".png"] * 4]
    assert "39 sites, 195 U" in text_of(paths[0].read_bytes())[0]
    from PIL import Image

    with Image.open(io.BytesIO(paths[1].read_bytes())) as image:
        assert image.size == (1700, 2200)
