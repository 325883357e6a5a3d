from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import ink
from sim.lettering import line_height, text_width, wrapped
from sim.overlay import Sheet, apart, write_scale_bar
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
