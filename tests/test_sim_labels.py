from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.labels import Column, Place, Request, arrange, balanced, crosses, fits, keep_most
from sim.overlay import place_labels
from sim.page import lay_out
from sim.picture import Label, Picture
from sim.theme import load_theme

WIDTH, HEIGHT, GAP = 1000.0, 600.0, 5.0
COLUMNS = (Column(10, 60, 200, 560, True), Column(800, 30, 990, 400, False))

places = st.tuples(st.floats(210, 790), st.floats(0, HEIGHT))
requests = st.lists(st.builds(Request, places, st.floats(10, 190), st.floats(8, 60), st.floats(0, 5)), max_size=26)


def overlap(a: Place, b: Place) -> bool:
    return a.x0 < b.x1 - 1e-6 and b.x0 < a.x1 - 1e-6 and a.y0 < b.y1 - 1e-6 and b.y0 < a.y1 - 1e-6


def assert_clean(done: list[Place], columns: tuple[Column, Column]) -> None:
    for place in done:
        column = columns[0] if place.is_left else columns[1]
        assert column.x0 - 1e-6 <= place.x0 < place.x1 <= column.x1 + 1e-6
        assert column.y0 - 1e-6 <= place.y0 < place.y1 <= column.y1 + 1e-6
    for a, b in combinations(done, 2):
        assert not overlap(a, b)
        assert not crosses(a.anchor, a.elbow, b.anchor, b.elbow)


@settings(deadline=None, max_examples=200)
@given(requests)
def test_labels_never_overlap_cross_or_leave_their_columns(wanted: list[Request]) -> None:
    kept = keep_most(wanted, COLUMNS, GAP)
    done = arrange([wanted[i] for i in kept], COLUMNS, GAP)
    assert len(done) == len(kept)
    assert_clean(done, COLUMNS)


@settings(deadline=None, max_examples=100)
@given(requests)
def test_a_label_is_left_out_only_for_lack_of_room_and_the_least_first(wanted: list[Request]) -> None:
    kept = keep_most(wanted, COLUMNS, GAP)
    narrow = [i for i, r in enumerate(wanted) if r.width <= 190]
    if fits([wanted[i] for i in narrow], COLUMNS, GAP):
        assert kept == narrow
    else:
        assert len(kept) < len(narrow)
        left_out = [wanted[i].priority for i in narrow if i not in kept]
        assert max(left_out) <= min((wanted[i].priority for i in kept), default=float("inf"))


def test_the_leftmost_anchors_are_labelled_on_the_left() -> None:
    wanted = [Request((220.0 + 50 * i, 300.0), 60, 20) for i in range(10)]
    done = arrange(wanted, COLUMNS, GAP)
    assert [p.is_left for p in done] == [True] * 6 + [False] * 4


def test_labels_of_one_height_are_stacked_without_crossing() -> None:
    wanted = [Request((300.0 + 20 * i, 200.0), 60, 20) for i in range(8)]
    assert_clean(arrange(wanted, COLUMNS, GAP), COLUMNS)


def test_no_room_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="smaller font or fewer labels"):
        arrange([Request((300, 100), 60, 100)] * 12, COLUMNS, GAP)


def test_nothing_to_place() -> None:
    assert arrange([], COLUMNS, GAP) == []
    assert keep_most([], COLUMNS, GAP) == []


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (640, 480), (700, 1400), (320, 240), (7680, 4320)])
@pytest.mark.parametrize("style", ["atlas", "patient"])
def test_text_of_labels_fits_the_picture_at_any_size(width: int, height: int, style: str) -> None:
    labels = tuple(Label(f"right rectus capitis posterior major number {i}", point_mm=(0, 0, i)) for i in range(14))
    picture = Picture(
        "p", (), width_px=width, height_px=height, labels=labels, title="Title", caption="Caption " * 30, style=style
    )
    page = lay_out(picture, load_theme(style))
    box = page.drawing
    anchors = [(box.x0 + (0.1 + 0.06 * i) * box.width, box.y0 + (0.9 - 0.05 * i) * box.height) for i in range(14)]
    done, dropped = place_labels(labels, anchors, page, (page.left, page.right))
    assert len(done) + len(dropped) == 14
    if width >= 640 and style == "atlas":
        assert not dropped
    boxes = [p for _, _, _, p in done]
    for place in boxes:
        assert place.x0 >= 0 and place.x1 <= width and place.y0 >= 0 and place.y1 <= height
    assert not any(overlap(a, b) for a, b in combinations(boxes, 2))


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (320, 240), (64, 64), (7680, 64), (64, 7680)])
def test_the_boxes_of_a_page_never_overlap(width: int, height: int) -> None:
    labels = (Label("a", point_mm=(0, 0, 0)),)
    page = lay_out(Picture("p", (), width_px=width, height_px=height, title="T", caption="c", labels=labels), load_theme("atlas"))
    assert page.left.x1 <= page.drawing.x0 < page.drawing.x1 <= page.right.x0
    assert page.title.y1 <= page.drawing.y0 < page.drawing.y1 <= page.caption.y0
    assert page.drawing.x0 >= 0 and page.drawing.x1 <= width and page.drawing.y1 <= height


def test_free_labels_go_to_the_side_that_has_fewer() -> None:
    right, left = (700.0, 100.0), (300.0, 100.0)
    assert balanced([[right, left]] * 4, 500.0) == [0, 1, 0, 1]
    assert balanced([[right, left], [right], [right]], 500.0) == [1, 0, 0]
    assert balanced([[right, left], [left], [right]], 500.0)[1:] == [0, 0]
    assert balanced([], 500.0) == []


def test_a_leader_line_does_not_run_through_the_dot_of_another_label() -> None:
    columns = (Column(0, 100, 286, 700, True), Column(1014, 100, 1300, 700, False))
    wanted = [Request((618.0, 391.0), 170, 22), Request((639.0, 392.0), 70, 22), Request((527.0, 393.0), 90, 22)]
    wanted += [Request((900.0, 300.0 + 30 * i), 90, 22) for i in range(3)]
    done = arrange(wanted, columns, 5.0)
    assert_clean(done, columns)
    (x, y), (ex, ey) = done[1].anchor, done[1].elbow
    line_at_dot = ey + (527.0 - ex) / (x - ex) * (y - ey)
    assert abs(line_at_dot - 393.0) > 4.0
