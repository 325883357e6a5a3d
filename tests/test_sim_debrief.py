"""The page of a debrief: whole, sound and safe to read."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meshes.model import Anatomy
from sim.debrief.moments import shots_of
from sim.debrief.page import debrief, debrief_page
from sim.debrief.scores import to_pass
from sim.debrief.sites import site_rows
from sim.training.scoring import score, told
from sim.training.state import TrialLog
from sim.training.trial import replay
from sim.training.world import World, world_for
from tests.debriefs import NAME, Reader, a_faulty_log, act, given_about, referred

if TYPE_CHECKING:
    from sim.app.scene.live import SceneModel


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
    return a_faulty_log(world)


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
