"""Time line, charts, marks and words of a debrief, each by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes.model import Anatomy
from sim.debrief.charts import RANGE_WIDE, cusum_chart, figure_of, points_chart, range_chart
from sim.debrief.html import esc, tag
from sim.debrief.moments import passes_of, shots_of
from sim.debrief.overlay import words_beside
from sim.debrief.scores import marks_of, scores, to_pass
from sim.debrief.timeline import FLAG, LEFT, RIGHT, Note, clock, notes_of, timeline
from sim.training.cusum import cusum
from sim.training.scoring import score, told
from sim.training.state import TrialLog
from sim.training.world import World, world_for
from tests.debriefs import Reader, a_faulty_log, referred


@pytest.fixture(scope="module")
def world(anatomy: Anatomy) -> World:
    return world_for("gon-block-landmark", "right", anatomy)


@pytest.fixture(scope="module")
def log(world: World) -> TrialLog:
    return a_faulty_log(world)


@pytest.fixture(scope="module")
def scored(world: World, log: TrialLog) -> dict[str, Any]:
    return told(score(world, log, referred(world, log)))


def test_a_way_ends_where_product_was_given(world: World, log: TrialLog) -> None:
    ways = passes_of(world, log)
    assert len(ways) == 2
    for way, deposit in zip(ways, log.moments[-1].state.deposits, strict=True):
        assert np.linalg.norm(way - deposit.tip_mm, axis=1).min() < 1e-6
        assert abs(world.ground.skin.signed_distance(way[:1])[0]) < 0.1


def test_without_a_probe_there_is_no_frame(world: World, log: TrialLog, scored: Mapping[str, Any]) -> None:
    assert shots_of(log, [dict(c) | {"label": c["key"]} for c in scored["critical"]]) == ()


def test_the_time_line_tells_what_happened(log: TrialLog) -> None:
    critical = [{"at_s": 25.0, "label": "No aspiration", "text": "bare", "structure": ""}]
    notes = notes_of(log, critical)
    assert [note.number for note in notes] == list(range(1, len(notes) + 1))
    assert [n.at_s for n in notes] == sorted(n.at_s for n in notes)
    assert [n.at_s for n in notes if n.kind == "injected"] == [25.0, 50.0]
    assert [n.severity for n in notes if n.kind == "critical"] == ["danger"]
    drawn = timeline(log, notes)
    assert "1.50 mL given" in drawn and "1:05 minutes" in drawn
    assert drawn.count("g-hollow") == 1 and "not used" in drawn


@given(st.lists(st.floats(0, 600), min_size=1, max_size=20), st.sampled_from([600.0, 1200.0]))
def test_numbers_on_the_time_line_never_touch(times: list[float], span: float) -> None:
    from sim.debrief.timeline import _spread

    notes = [Note(i, t, "info", "", "", 1, "", "") for i, t in enumerate(sorted(times), 1)]
    places = _spread(notes, span)
    assert all(b - a >= FLAG for a, b in pairwise(places))
    assert places[0] >= LEFT - 1e-9 and places[-1] <= RIGHT + 1e-9
    if len(notes) == 1:
        assert places[0] == pytest.approx(LEFT + (RIGHT - LEFT) * notes[0].at_s / span)


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0, 50), st.floats(-1e3, 1e3))
def test_one_s_own_dot_stands_on_its_side_of_the_mark(mine: float, low: float, wide: float, mark: float) -> None:
    chart = range_chart("x", mine, (low + wide / 2, low, low + wide), [mark], "mm")
    dot = float(re.search(r'<circle cx="([-\d.]+)"', chart)[1])  # type: ignore[index]
    dash = float(re.search(r'<line x1="([-\d.]+)"[^>]*g-mark', chart)[1])  # type: ignore[index]
    assert 0 <= dot <= RANGE_WIDE and 0 <= dash <= RANGE_WIDE
    assert (dot - dash) * (mine - mark) >= -1e-9


def test_it_is_said_where_the_pass_marks_come_from(scored: dict[str, Any]) -> None:
    assert "Pass marks come from 12 recorded runs" in Reader(scores(scored, 12, 4)).text
    assert "no pass marks" in Reader(scores(scored | {"measures": []}, 0, 4)).text


def test_a_window_has_two_marks() -> None:
    row = {"counted": True, "mark": 10.0, "better": "window", "expert": [45.0, 40.0, 50.0], "unit": "°"}
    assert marks_of(row) == (35.0, 55.0) and to_pass(row) == "35° to 55°"
    assert marks_of(row | {"counted": False}) == () and to_pass(row | {"better": "low"}) == "at most 10°"


def test_curves_hold_every_attempt() -> None:
    outcomes = [False, True, True, False]
    drawn = cusum_chart(cusum(outcomes), outcomes)
    assert drawn.count("g-mine") == 2 and drawn.count("g-off") == 2 and drawn.count("g-limit") == 2
    assert "attempt 2: 80, passed" in points_chart([(20.0, False), (80.0, True)])


@given(st.lists(st.tuples(st.integers(2, 18), st.integers(2, 18)), min_size=1, max_size=8, unique=True))
def test_words_over_a_picture_keep_apart(cells: list[tuple[int, int]]) -> None:
    places = np.array(cells, dtype=np.float64) * 40.0
    drawn = words_beside([str(i) for i in range(1, len(cells) + 1)], places, (800, 800))
    at = np.array([[float(v) for v in re.findall(r' [xy]="([-\d.]+)"', word)] for word in drawn])
    apart = np.abs(at[:, None] - at[None])[~np.eye(len(at), dtype=bool)]
    assert ((apart[:, 0] >= 8.0) | (apart[:, 1] >= 14.0)).all()
    assert ((at > 0) & (at < 800)).all()


@given(st.text(max_size=60))
def test_text_stays_text(words: str) -> None:
    reader = Reader(f"<!DOCTYPE html>\n{tag('p', esc(words), title=words)}")
    assert [name for name, _ in reader.elements] == ["p"]
    assert not re.search("[\x00-\x08\u202a-\u202e\u2066-\u2069]", reader.elements[0][1]["title"] or "")


def test_figures_and_times_are_short() -> None:
    assert [figure_of(v) for v in (0.0, 0.126, 2.0, 12.34, 123.4, -0.001, 100.0)] == ["0", "0.13", "2", "12.3", "123", "0", "100"]
    assert figure_of(float("inf")) == "none"
    assert (clock(0.0), clock(59.99), clock(125.0), clock(3600.0)) == ("0:00", "0:59", "2:05", "60:00")


def test_colours_can_be_read() -> None:
    style = files("sim").joinpath("data/debrief.css").read_text("utf-8")
    paper = _light("#ffffff")
    for name in ("ink", "soft", "deed", "good", "warn", "bad"):
        colour = re.search(rf"--{name}: (#[0-9a-f]{{6}})", style)
        assert colour is not None and (paper + 0.05) / (_light(colour[1]) + 0.05) >= 4.5, name


def _light(colour: str) -> float:
    """Relative luminance, as WCAG has it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
