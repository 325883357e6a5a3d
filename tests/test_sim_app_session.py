from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image  # noqa: TID253

from sim.app.messages import message_from
from sim.app.session import FELT, Session
from sim.app.shelf import Shelf
from sim.records import Records
from sim.training.trial_events import event_kinds
from tests.pages import Clock, acts, begun

pytestmark = pytest.mark.image
KEYS = st.sampled_from(["do", "acts", "kind", "x", "y", "attempt"]) | st.text(max_size=5)
NONSENSE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, voxel_cache: Path) -> Iterator[Shelf]:
    with Records(tmp_path_factory.mktemp("records") / "records.sqlite") as records:
        yield Shelf(records)


@pytest.fixture
def session(shelf: Shelf) -> Iterator[Session]:
    made = Session(shelf, Clock())
    yield made
    made.close()


def pixels(data: bytes) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(np.int64)


def placed(session: Session) -> dict[str, Any]:
    return acts(session, {"kind": "choose_side", "side": "right"}, {"kind": "probe_pose", "name": "c2-oblique", "side": "right"})


def test_the_first_page_lists_every_procedure(session: Session) -> None:
    from scenarios.procedure_files import list_procedures

    hello = session.call({"do": "home"})["hello"]
    assert {p["key"] for p in hello["procedures"]} == set(list_procedures())
    standing = [p["status"] for p in hello["procedures"]]
    assert "investigational" in standing and standing == sorted(standing, key=standing.index)


def test_a_slid_probe_changes_both_pictures(session: Session) -> None:
    first = begun(session)
    assert first["error"] == "" and first["scan"] == b"" and len(first["view"]) > 5000
    before = placed(session)
    after = acts(session, {"kind": "probe_slide", "along_mm": 6.0})
    assert before["state"]["probe"] and after["n"] == before["n"] + 1
    for name in ("scan", "view"):
        assert np.abs(pixels(before[name]) - pixels(after[name])).mean() > (4 if name == "scan" else 0.1)


def test_an_idle_page_gets_no_new_view(session: Session) -> None:
    begun(session)
    placed(session)
    tick = session.call({"do": "tick"})
    assert "view" not in tick and len(tick["scan"]) > 5000


def test_dragging_moves_the_probe_to_where_the_pointer_is(session: Session) -> None:
    begun(session)
    placed(session)
    assert session.state.probe is not None
    scene = session._scene_for("man")
    goal = session.state.probe.centre_mm + [8.0, 0.0, 0.0]
    goal = session.world.ground.skin.closest(goal)[0][0]  # type: ignore[union-attr]
    x, y = scene.project(goal)[0][:2]
    answer = session.call({"do": "point", "tool": "probe", "x": float(x), "y": float(y)})
    assert answer["error"] == ""
    assert np.linalg.norm(session.state.probe.centre_mm - goal) < 2.5


def test_the_cursor_walks_over_the_skin_and_feels(session: Session) -> None:
    begun(session)
    assert session.cursor is not None and session.world is not None
    start = session.cursor.point_mm
    session.call({"do": "cursor", "right_mm": 10.0})
    assert session.cursor.point_mm[0] - start[0] == pytest.approx(10.0, abs=2.5)  # from behind, right is the patient's right
    assert abs(session.world.ground.skin.signed_distance(session.cursor.point_mm)[0]) < 0.01
    felt = session.call({"do": "here", "what": "palpate"})
    assert felt["events"][0]["kind"] == "palpated" and felt["events"][0]["text"]
    marked = session.call({"do": "here", "what": "mark", "name": "inion"})
    assert marked["state"]["marks"] == ["inion"]


def test_an_examination_tells_only_what_is_felt(session: Session) -> None:
    answer = begun(session, mode="exam")
    assert answer["state"]["layer"] == "skin" and not any(s["hint"] for s in answer["procedure"]["steps"])
    assert "bedside" not in session.call({"do": "camera", "layer": "nerves"})["error"]
    assert session.layer == "skin"
    assert "by hand" in acts(session, {"kind": "probe_pose", "name": "c2-oblique", "side": "right"})["error"]
    assert session.world is not None
    target = session.world.targets[0]
    direction = (target.point_mm - target.skin_mm) / np.linalg.norm(target.point_mm - target.skin_mm)
    place = {"kind": "needle_place", "point_mm": target.skin_mm.tolist(), "direction": direction.tolist()}
    answers = [
        acts(session, place),
        acts(session, {"kind": "needle_advance", "mm": 20.0}),
        acts(session, {"kind": "inject", "ml": 0.5}),
    ]
    told = [e for a in answers for e in a["events"]]
    assert any(e["kind"] == "pop" for e in told)
    assert all(e["kind"] in (*FELT, "") for e in told)
    assert not any("trapezius" in e["text"] or "semispinalis" in e["text"] for e in told)
    assert "in" not in answers[-1]["state"]["needle"]


def test_the_kinds_that_are_felt_exist() -> None:
    assert set(FELT) <= set(event_kinds())


def test_a_broken_off_attempt_reopens_where_it_was(session: Session, shelf: Shelf) -> None:
    begun(session)
    placed(session)
    acts(session, {"kind": "needle_beside", "end": "other", "steep_deg": 35.0}, {"kind": "needle_advance", "mm": 9.0})
    attempt = session.attempt
    shelf.records.flush()
    other = Session(shelf, Clock())
    answer = other.call({"do": "resume", "attempt": attempt})
    assert answer["error"] == "" and answer["state"]["attempt"] == attempt
    assert other.state.needle is not None and session.state.needle is not None
    assert np.array_equal(other.state.needle.tip_mm, session.state.needle.tip_mm)
    assert other.now_s > session.state.at_s
    assert acts(other, {"kind": "needle_advance", "mm": 1.0})["error"] == ""
    other.close()


def test_a_replay_shows_any_moment(session: Session) -> None:
    begun(session)
    placed(session)
    acts(session, {"kind": "probe_slide", "along_mm": 5.0})
    attempt, last = session.attempt, session.state.at_s
    session.call({"do": "home"})
    assert session.call({"do": "replay", "attempt": attempt})["replay"]["seconds"] == pytest.approx(last)
    early = session.call({"do": "seek", "at_s": 0.0})
    late = session.call({"do": "seek", "at_s": last})
    assert early["state"]["probe"] is None and late["state"]["probe"] is not None
    assert "begin one" in acts(session, {"kind": "probe_lift"})["error"]


def test_two_pages_know_nothing_of_each_other(session: Session, shelf: Shelf) -> None:
    other = Session(shelf, Clock())
    begun(session)
    begun(other, side="left")
    placed(session)
    assert other.state.probe is None and other.attempt != session.attempt
    assert other.call({"do": "tick"})["state"]["side"] is None
    other.close()


@pytest.mark.parametrize(
    "bad",
    [
        None, 3, "begin", [], {}, {"do": "fly"}, {"do": "begin"}, {"do": "begin", "procedure": "../../etc/passwd"},
        {"do": "begin", "procedure": "gon-block-c2", "more": 1}, {"do": "begin", "procedure": "gon-block-c3"},
        {"do": "resume", "attempt": "nobody"}, {"do": "replay", "attempt": "../x"}, {"do": "acts", "acts": []},
        {"do": "acts", "acts": [{"kind": "probe_lift"}] * 51}, {"do": "camera", "width": 10**9},
        {"do": "seek", "at_s": float("nan")},
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_one_line(session: Session, bad: Any) -> None:
    answer = session.call(bad if bad != [] else [[]])
    assert answer["error"] and "\n" not in answer["error"] and len(answer["error"]) < 500
    assert answer["state"] == {"phase": "choose"}


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "inject", "ml": 1e9}, {"kind": "inject", "ml": float("nan")}, {"kind": "needle_advance", "mm": "deep"},
        {"kind": "probe_place", "point_mm": [0, 0]}, {"kind": "probe_place", "point_mm": [1e9, 0, 0]}, {"kind": "sing"}, {},
        {"kind": "go_to_step", "step": "x" * 5000},
    ],
)  # fmt: skip
def test_an_absurd_action_leaves_the_attempt_as_it_was(session: Session, bad: dict[str, Any]) -> None:
    begun(session)
    before, lines = session.state, len(session.moments)
    assert acts(session, bad)["error"]
    assert session.state is before and len(session.moments) == lines


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NONSENSE)
def test_no_message_raises_anything_but_a_line(value: Any) -> None:
    try:
        message_from(value)
    except ValueError as fault:
        assert "\n" not in str(fault)
