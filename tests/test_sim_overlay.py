from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.model import Anatomy
from sim import ink
from sim.labels import apart, beside
from sim.lettering import line_height, text_width, wrapped
from sim.overlay import Seats, Sheet, seat_markers, write_markers, write_scale_bar
from sim.page import DISCLAIMER, Box, lay_out
from sim.picture import Camera, Picture
from sim.theme import load_theme

PAPER = np.ones(3)
BOX = np.array([[x, y, z] for x in (-90, 90) for y in (-90, 90) for z in (-90, 90)], dtype=float)


def sheet(width: int = 800, height: int = 600) -> np.ndarray:
    return np.full((height, width, 3), 255, dtype=np.uint8)


def test_the_drawn_scale_bar_has_its_length() -> None:
    from sim.cameras import scale_bar_mm, stand

    for width_mm in (30.0, 97.0, 250.0, 611.0):
        picture = Picture("p", (), width_px=800, height_px=600)
        page = lay_out(picture, load_theme("atlas"))
        view = stand(Camera(width_mm=width_mm), BOX, page.drawing.width, page.drawing.height)
        paper = Sheet(sheet(), load_theme("atlas"), page)
        box = Box(20, 20, 320, 580)
        assert write_scale_bar(paper, view, box) > 0
        length = scale_bar_mm(view.px_per_mm, min(0.62 * box.width, 320 * page.unit))
        dark = np.flatnonzero((paper.pixels < 128).all(axis=2).any(axis=0))
        assert abs((dark[-1] - dark[0] + 1) - length * view.px_per_mm) <= 2.5
        text = paper.words[0].text
        value = float(text.split()[0]) * (10 if text.endswith("cm") else 1)
        assert value == length


def test_borders_fade_only_where_the_drawing_touches_them() -> None:
    pixels = sheet(100, 80)
    pixels[40:, 30:60] = 0
    ink.fade(pixels, PAPER, 10)
    assert pixels[-1, 45].min() > 240
    assert pixels[65, 45].max() == 0
    clear = sheet(100, 80)
    clear[30:50, 30:60] = 0
    before = clear.copy()
    ink.fade(clear, PAPER, 10)
    assert (clear == before).all()


def test_a_line_covers_its_width_and_stays_in_the_picture() -> None:
    pixels = sheet(60, 60)
    ink.line(pixels, (-20, 30), (90, 30), 6, np.zeros(3))
    assert abs((pixels[:, 30, 0] < 128).sum() - 6) <= 1
    ink.disc(pixels, (200, 200), 10, np.zeros(3))
    ink.line(pixels, (5, 5), (5, 5), 3, np.zeros(3))
    assert pixels[5, 5].max() < 60


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 400)), min_size=1, max_size=12))
def test_markers_are_moved_apart(points: list[tuple[float, float]]) -> None:
    moved = apart(np.array(points), 12.0)
    assert moved.shape == (len(points), 2)
    gap = np.linalg.norm(moved[:, None] - moved[None], axis=2) + 1e9 * np.eye(len(points))
    before = np.array(points)
    start = np.linalg.norm(before[:, None] - before[None], axis=2) + 1e9 * np.eye(len(points))
    assert gap.min() >= min(11.0, start.min()) - 1e-9
    if start.min() >= 12.0:
        assert (moved == before).all()


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet="abcdefg hij\n", max_size=80), st.integers(7, 30), st.integers(40, 400))
def test_wrapped_text_keeps_to_its_width_and_loses_nothing(text: str, size: int, width: int) -> None:
    lines = wrapped(text, size, width)
    assert all(text_width(line, size) <= width or len(line) <= 2 for line in lines)
    joined = "".join(lines).replace("-", "").replace(" ", "")
    assert joined == "".join(text.split())
    assert line_height(size) >= size


def test_the_disclaimer_is_always_written_unless_turned_off() -> None:
    theme = load_theme("patient")
    page = lay_out(Picture("p", (), caption="Seen from behind.", sources=("Kim 2018",), evidence="found"), theme)
    assert DISCLAIMER in " ".join(page.caption_lines) and "Kim 2018" in " ".join(page.caption_lines)
    assert lay_out(Picture("p", (), disclaimer=False), theme).caption_lines == ()


def test_units_stand_below_unless_a_disc_or_text_is_there() -> None:
    box = np.array([[20.0, 10.0]])
    assert beside(np.array([[0.0, 0.0]]), 10.0, box, 1.0) == [(0.0, 16.0)]
    first, second = beside(np.array([[0.0, 0.0], [0.0, 22.0]]), 10.0, np.repeat(box, 2, axis=0), 1.0)
    assert first == (0.0, -16.0)
    assert second == (0.0, 38.0)
    ring = 21.0 * np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
    assert beside(ring, 10.0, np.repeat(box, 5, axis=0), 1.0)[0] is None


@pytest.mark.parametrize("name", ["preempt-31", "preempt-39"])
def test_units_meet_no_disc_and_no_units_in_shipped_views(anatomy: Anatomy, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from scenarios.loader import load_scenario
    from sim.cameras import stand
    from sim.compose import compose
    from sim.stills import _markers

    discs: list[tuple[np.ndarray, float]] = []
    monkeypatch.setattr(ink, "disc", lambda _, centre, radius, *a, **k: discs.append((np.array(centre), float(radius))))
    for picture in compose(load_scenario(name), anatomy, views=["all"]):
        theme = load_theme(picture.style)
        page = lay_out(picture, theme)
        view = stand(picture.camera, BOX, page.drawing.width, page.drawing.height)
        paper = Sheet(sheet(picture.width_px, picture.height_px), theme, page)
        discs.clear()
        markers = _markers(anatomy, picture, page, view)
        places = np.array([m[1:] for m in markers]).reshape(-1, 2)
        write_markers(paper, markers, seat_markers(places, page, theme, show_units=True), show_units=True)
        rim = max(r for _, r in discs) / 1.22
        centres = [c for c, r in discs if abs(r - rim) < 0.01]
        texts = [(np.array([w.x, w.y]), np.array([text_width(w.text, w.size), 0.95 * w.size]) / 2) for w in paper.words if w.halo]
        assert len(texts) >= 0.7 * len(centres) > 0
        for i, (middle, half) in enumerate(texts):
            assert all(np.hypot(*np.maximum(np.abs(c - middle) - half, 0)) >= rim for c in centres)
            assert all((np.abs(m - middle) >= half + h - 1e-9).any() for m, h in texts[:i])


def seats_of(anatomy: Anatomy, name: str, view_name: str) -> tuple[list[str], Seats]:
    from scenarios.loader import load_scenario
    from sim.compose import compose
    from sim.stage import pieces_of
    from sim.stills import _markers, _seats, standing

    picture = compose(load_scenario(name), anatomy, views=[view_name])[0]
    theme = load_theme(picture.style)
    page = lay_out(picture, theme)
    view = standing(anatomy, picture, pieces_of(anatomy, picture, theme), page)
    markers = _markers(anatomy, picture, page, view)
    return [m.text for m, _, _ in markers], _seats(markers, page, theme, view, show_units=picture.show_units)


@pytest.mark.parametrize("view", ["back", "side"])
def test_a_disc_that_leaves_its_place_lets_the_place_be_seen(anatomy: Anatomy, view: str) -> None:
    _, seats = seats_of(anatomy, "preempt-31", view)
    away = np.linalg.norm(seats.centres - seats.places, axis=1)
    assert (away[~seats.moved] == 0).all()
    assert seats.moved.sum() == (6 if view == "back" else 0)
    gap = np.linalg.norm(seats.centres[:, None] - seats.places[seats.moved][None], axis=2)
    assert gap.min(initial=1e9) > seats.radius + 3.0
    pairs = np.linalg.norm(seats.centres[:, None] - seats.centres[None], axis=2) + 1e9 * np.eye(len(away))
    assert pairs.min() > 2 * seats.radius


def test_discs_of_needles_hide_no_place_of_entry(anatomy: Anatomy) -> None:
    texts, seats = seats_of(anatomy, "prp-cervical-attachments", "lateral")
    assert texts and seats.moved.all()
    assert np.linalg.norm(seats.centres - seats.places, axis=1).min() > seats.radius + 3.0


def test_the_sign_of_a_broken_line_is_broken() -> None:
    from sim.overlay import write_sign
    from sim.picture import LegendItem

    page = lay_out(Picture("p", (), width_px=800, height_px=600), load_theme("atlas"))
    for dashed, runs in ((False, 1), (True, 2)):
        paper = Sheet(sheet(60, 40), load_theme("atlas"), page)
        write_sign(paper, LegendItem("a", "line", "line", dashed), 5, 20, 30)
        dark = (paper.pixels[20].min(axis=1) < 200).astype(int)
        assert (np.diff(np.concatenate([[0], dark, [0]])) == 1).sum() == runs


def test_a_line_that_runs_through_a_disc_is_noticed() -> None:
    from sim.labels import Place
    from sim.overlay import meets_marks

    seats = Seats(np.array([[50.0, 50.0]]), np.array([[50.0, 50.0]]), 8.0, np.array([False]))
    for y, met in ((50.0, True), (56.0, True), (60.0, False)):
        assert meets_marks(Place(0, 100, y, 150, y, False, (0.0, y), (100.0, y)), seats) is met
