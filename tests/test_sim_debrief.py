from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from meshes.model import Anatomy
from sim.debrief.charts import RANGE_WIDE, cusum_chart, figure_of, points_chart, range_chart
from sim.debrief.html import esc, tag
from sim.debrief.moments import passes_of, shots_of
from sim.debrief.overlay import words_beside
from sim.debrief.page import debrief, debrief_page
from sim.debrief.scores import marks_of, scores, to_pass
from sim.debrief.sites import site_rows
from sim.debrief.timeline import FLAG, LEFT, RIGHT, Note, clock, notes_of, timeline
from sim.training.actions import action_from
from sim.training.cusum import cusum
from sim.training.metrics import measure, metric
from sim.training.reference import Reference, derive
from sim.training.scoring import score, told
from sim.training.state import TrialLog
from sim.training.trial import replay
from sim.training.world import World, world_for

if TYPE_CHECKING:
    from sim.app.scene.live import SceneModel

Array = NDArray[np.float64]
VOID = {"meta", "img", "br", "line", "rect", "path", "circle", "polyline", "polygon"}
NAME = 'Dr <script>alert("1")</script> & \'Söhne\''
BEGUN = "2026-03-04T05:06:07+00:00"


class Reader(HTMLParser):
    """Elements, text and headings of a page; an element that is not closed in its order is an error."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attrs)))
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attrs)))

    def handle_endtag(self, name: str) -> None:
        assert self.open and self.open.pop() == name, f"</{name}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for element, attributes in self.elements if element == name]


def act(kind: str, at_s: float, **more: Any) -> Any:
    return action_from({"kind": kind, "at_s": float(at_s), **more})


def referred(world: World, log: TrialLog) -> Reference:
    """Marks that half of what a log measured would miss: experts twice as good, novices as bad again."""
    taken = measure(world, log, world.procedure.metrics)
    good, bad = [], []
    for i in range(3):
        for runs, factor in ((good, 0.5 + 0.05 * i), (bad, 1.5 + 0.05 * i)):
            turn = {k: 2.0 - factor if metric(k).better == "high" else factor for k in taken}
            held = {k: 8.0 if m.value is None else m.value + 0.1 for k, m in taken.items()}
            runs.append({k: value * turn[k] for k, value in held.items()})
    return derive(good, bad, world.procedure.metrics, world.procedure.key)


def given_about(log: TrialLog) -> TrialLog:
    return replace(log, about=dict(log.about) | {"trainee": NAME, "started": BEGUN, "mode": "exam", "patient": "man"})


@pytest.fixture(scope="module")
def model(tiny_anatomy: Anatomy, tmp_path_factory: pytest.TempPathFactory) -> SceneModel:
    """Few balls to draw, made fast; what is measured comes from the shipped anatomy."""
    from sim.app.scene.live import SceneModel

    kept = [tiny_anatomy[key] for key in ("skin", "cranium", "greater_occipital_nerve_right", "trapezius_right")]
    few = Anatomy.of("few", kept, tiny_anatomy.landmarks, tiny_anatomy.curves)
    return SceneModel(few, tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module")
def world(anatomy: Anatomy) -> World:
    return world_for("gon-block-landmark", "right", anatomy)


@pytest.fixture(scope="module")
def log(world: World) -> TrialLog:
    """No aspiration before the first injection, two punctures, a landmark marked badly."""
    t = world.targets[0]
    place = {"point_mm": t.skin_mm.tolist(), "direction": t.direction.tolist()}
    beside = {"point_mm": (t.skin_mm + [9.0, 0, 4]).tolist(), "direction": t.direction.tolist()}
    deep, off = float(t.depth_mm), (world.landmarks["inion"] + [4, 0, 0]).tolist()
    actions = [
        act("choose_side", 1, side="right"), act("mark", 5, name="inion", point_mm=off), act("needle_place", 20, **beside),
        act("needle_advance", 22, mm=deep), act("inject", 25, ml=0.5), act("needle_remove", 30), act("needle_place", 40, **place),
        act("needle_advance", 43, mm=deep), act("aspirate", 45), act("inject", 50, ml=1.0), act("needle_remove", 60),
        act("finish", 65),
    ]  # fmt: skip
    return given_about(replay(world, actions))


@pytest.fixture(scope="module")
def scored(world: World, log: TrialLog) -> dict[str, Any]:
    return told(score(world, log, referred(world, log)))


@pytest.fixture(scope="module")
def earlier() -> list[dict[str, Any]]:
    return [{"points": 30.0, "passed": False}, {"points": None, "passed": None}, {"points": 70.0, "passed": True}]


@pytest.fixture(scope="module")
def html(world: World, log: TrialLog, scored: dict[str, Any], earlier: list[dict[str, Any]], model: SceneModel) -> str:
    return debrief(world, log, scored, history=earlier, scene=model)


@pytest.fixture(scope="module")
def page(html: str) -> Reader:
    return Reader(html)


@pytest.fixture(scope="module")
def preempt(anatomy: Anatomy) -> tuple[World, TrialLog]:
    """Site 2 missed, site 5 given 2.5 times, the others given where they belong."""
    world, actions = world_for("preempt-31", "both", anatomy), []
    for i, t in enumerate(world.targets):
        at = 10.0 * t.order
        if t.order != 2:
            actions += [
                act("needle_place", at, point_mm=t.skin_mm.tolist(), direction=t.direction.tolist()),
                act("needle_advance", at + 1, mm=float(t.depth_mm)), act("inject", at + 2, ml=0.25 if t.order == 5 else 0.1),
                act("needle_remove", at + 3),
            ]  # fmt: skip
        assert t.order == i + 1
    return world, given_about(replay(world, [*actions, act("finish", 400)]))


@pytest.fixture(scope="module")
def mapped(preempt: tuple[World, TrialLog], model: SceneModel) -> Reader:
    world, log = preempt
    return Reader(debrief(world, log, told(score(world, log, referred(world, log))), scene=model))


@pytest.mark.image
@pytest.mark.parametrize("which", ["page", "mapped"])
def test_the_page_is_sound_and_can_be_read_aloud(which: str, request: pytest.FixtureRequest) -> None:
    reader: Reader = request.getfixturevalue(which)
    levels = [int(name[1]) for name, _ in reader.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert all(a.get("scope") in ("row", "col") for a in reader.all("th"))
    assert len(reader.all("caption")) == len(reader.all("table")) > 3
    assert all(len(a.get("alt") or "") > 10 for a in reader.all("img"))
    assert all(a["role"] == "img" and a["aria-label"] for a in reader.all("svg"))
    ids = [a["id"] for _, a in reader.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert reader.all("html")[0]["lang"] == "en"


@pytest.mark.image
def test_the_page_needs_nothing_else(html: str, page: Reader) -> None:
    addresses = [a[k] or "" for _, a in page.elements for k in ("src", "href", "xlink:href", "srcset", "action") if k in a]
    assert addresses and all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    assert not re.search(r"https?:|//\w|url\(|@import|/tmp|/home", re.sub(r'src="data:[^"]*"', "", html).replace("</", ""))
    assert not {"script", "link", "iframe", "object", "form"} & {name for name, _ in page.elements}
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)


@pytest.mark.image
def test_names_cannot_break_out(html: str, page: Reader) -> None:
    assert "<script" not in html and NAME in page.text
    assert page.text.count(NAME) >= 2  # in the heading and on the line to sign


@pytest.mark.image
def test_every_critical_error_and_reason_is_told(page: Reader, scored: dict[str, Any]) -> None:
    assert any(c["key"] == "no_aspiration" for c in scored["critical"]) and not scored["passed"]
    bare = page.text.replace(" ", "")
    for critical in scored["critical"]:
        assert critical["text"] in page.text
    assert len(scored["reasons"]) > len(scored["critical"])
    for reason in scored["reasons"]:
        assert reason.replace(" ", "") in bare
    assert "Not passed ✖" in page.text and "the patient's right" in page.text and "4 March 2026, 05:06 UTC" in page.text
    order = [page.text.index(words) for words in ("Critical error: No aspiration", "What to work on", "1. What happened")]
    assert order == sorted(order)


@pytest.mark.image
def test_every_measure_stands_against_its_mark(page: Reader, scored: dict[str, Any]) -> None:
    for row in scored["measures"]:
        assert row["label"] in page.text
        if row["counted"]:
            assert to_pass(row) in page.text
    words = [row["passed"] for row in scored["measures"] if row["counted"]]
    assert True in words and False in words


@pytest.mark.image
def test_pictures_can_be_opened(page: Reader, mapped: Reader) -> None:
    from PIL import Image

    for reader, least in ((page, 2), (mapped, 3)):
        pictures = reader.all("img")
        assert len(pictures) >= least
        for picture in pictures:
            data = base64.b64decode(str(picture["src"]).split(",", 1)[1], validate=True)
            with Image.open(io.BytesIO(data)) as opened:
                opened.load()
                assert opened.size == (int(str(picture["width"])), int(str(picture["height"])))


@pytest.mark.image
def test_the_same_attempt_gives_the_same_page(
    html: str, world: World, log: TrialLog, scored: dict[str, Any], earlier: list[dict[str, Any]], model: SceneModel
) -> None:
    assert debrief(world, log, scored, history=earlier, scene=model) == html


@pytest.mark.image
def test_history_counts_scored_attempts_only(page: Reader, mapped: Reader) -> None:
    assert "This is attempt 3; 1 was passed" in page.text and "Learning curve (CUSUM)" in page.text
    assert "first scored attempt" in mapped.text


def test_a_score_of_another_procedure_is_refused(world: World, log: TrialLog) -> None:
    with pytest.raises(ValueError, match="one procedure"):
        debrief(world, log, {"procedure": "preempt-31"})
    with pytest.raises(ValueError, match="one procedure"):
        debrief(world, replace(log, procedure="preempt-31"), {})


@pytest.mark.image
def test_an_attempt_without_marks_and_end_is_told_as_that(world: World, log: TrialLog, model: SceneModel) -> None:
    begun = replace(log, moments=log.moments[:2], about={})
    text = Reader(debrief(world, begun, {"procedure": world.procedure.key}, scene=model)).text
    assert "Not scored" in text and "broken off" in text and "bears no name" in text
    assert "not brought under the skin" in text and "The probe was not used" in text
    assert "Trainee (name, signature)" in text


@pytest.mark.image
def test_the_map_shows_every_site(preempt: tuple[World, TrialLog], mapped: Reader) -> None:
    world, log = preempt
    rows = site_rows(world, log)
    assert [row.target.order for row in rows] == list(range(1, 32))
    assert rows[1].entry_mm is None and rows[1].volume_ml == 0 and rows[4].twice and not rows[5].twice
    assert all(row.error_mm is not None and row.error_mm < 0.5 for row in rows if row.target.order != 2)
    shown = set(re.findall(r"\d+", " ".join(w for w in mapped.words if re.fullmatch(r"\s*\d+\s*", w))))
    assert {str(row.target.order) for row in rows} <= shown
    assert mapped.text.count("nothing given") == 1 and mapped.text.count("(more than planned)") == 1
    told_of = [str(a["alt"]).removeprefix("Body map from ").split(":")[0] for a in mapped.all("img")]
    assert told_of == ["the front", "behind", "the patient's right", "the patient's left"]


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


@pytest.mark.image
def test_an_attempt_on_record_is_told_with_its_own_past(
    tmp_path: Path, anatomy: Anatomy, world: World, log: TrialLog, model: SceneModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.app.shelf import Shelf
    from sim.records import Records

    marks = referred(world, log)
    monkeypatch.setattr("sim.debrief.page.reference_for", lambda key: {world.procedure.key: marks}[key])

    with Records(tmp_path / "records.sqlite") as records:
        shelf = Shelf(records)
        shelf._anatomies["man"], shelf._models["man"] = anatomy, model
        who = records.add_trainee("Ada <b>")
        attempts = []
        for i in range(3):
            attempt = records.begin(world.procedure.key, "right", {"patient": "man", "mode": "learn"}, who)
            for moment in log.moments:
                records.append(attempt, moment)
            records.finish(attempt, {"passed": i == 0, "points": 50.0 + i})
            attempts.append(attempt)
        text = Reader(debrief_page(shelf, attempts[1])).text
        assert "Ada <b>" in text and "learning, with hints" in text and "Critical error: No aspiration" in text
        assert "This is attempt 2; 1 was passed. Best before: 50 points" in text
        assert "Pass marks come from 6 recorded runs" in text
        with pytest.raises(ValueError, match="not in the records"):
            debrief_page(shelf, "nobody's")


@pytest.mark.image
@pytest.mark.slow
def test_frames_show_the_errors_under_the_probe(anatomy: Anatomy, voxel_cache: Path, model: SceneModel) -> None:
    world = world_for("gon-block-c2", "right", anatomy)
    push = [act("needle_advance", 10 + i, mm=4.0) for i in range(5)]
    actions = [
        act("probe_pose", 2, name="c2-oblique", side="right"), act("needle_beside", 5, end="other", steep_deg=40.0), *push,
        act("inject", 20, ml=1.0), act("probe_slide", 25, along_mm=3.0), act("needle_remove", 30), act("finish", 40),
    ]  # fmt: skip
    log = given_about(replay(world, actions))
    result = told(score(world, log, referred(world, log)))
    shots = shots_of(log, [dict(c) | {"label": c["key"]} for c in result["critical"]])
    assert [shot.state.at_s for shot in shots] == [10.0, 20.0, 25.0]  # entered unprepared; given without aspirating; probe moved
    assert shots[0].rank == shots[1].rank == 0 and shots[2].rank > 1
    reader = Reader(debrief(world, log, result, scene=model))
    frames = [str(a["alt"]) for a in reader.all("img") if str(a["alt"]).startswith("Ultrasound frame")]
    assert len(frames) == 3 and all("L at the left and R at the right" in alt for alt in frames)
    assert "Needle 20 mm along its shaft" in reader.text and "1 time" in reader.text
