"""Records of attempts: what is kept, what is refused, and where the file lies."""

from __future__ import annotations

import math
import sqlite3
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.records import Records
from sim.training.actions import NeedleAdvance, ProbeSlide, action_from, told
from tests.record_files import a_moment, advance


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "records.sqlite"


@pytest.fixture
def records(path: Path) -> Iterator[Records]:
    with Records(path) as opened:
        yield opened


# What is kept


def test_a_moment_is_kept_with_its_events_and_poses(records: Records, path: Path) -> None:
    attempt = records.begin("gon-block-c2", "right", {"seed": 3, "anatomy": "shipped"})
    records.append(attempt, a_moment())
    records.close()
    with Records(path) as again:
        (line,) = again.lines(attempt)
        assert again.actions(attempt) == (NeedleAdvance(at_s=3.0, mm=0.1 + 0.2),)
        assert again.attempt(attempt)["about"] == {"seed": 3, "anatomy": "shipped"}
    (event,) = line.events
    assert event.pop("text") == "A give is felt."  # type: ignore[attr-defined]
    assert event == {"at_s": 3.0, "kind": "pop", "structure": "trapezius_right", "point_mm": [12.0, -78.0, 4.0], "value": 0.4}
    assert line.pose["needle"] == {"entry": [12.0, -85.0, 4.0], "direction": [0.0, 1.0, 0.0], "depth": 7.0}
    assert line.pose["probe"]["press"] == 2.5 and line.at_s == 3.0


BITS = st.floats(-100, 100, allow_nan=False).filter(math.isfinite)
ACTIONS = st.one_of(
    st.builds(NeedleAdvance, at_s=st.floats(0, 86_400), mm=BITS),
    st.builds(ProbeSlide, at_s=st.floats(0, 86_400), along_mm=BITS, across_mm=BITS),
    st.builds(
        lambda p, d: action_from({"kind": "needle_place", "point_mm": p, "direction": d}),
        st.tuples(BITS, BITS, BITS),
        st.tuples(BITS, BITS, BITS),
    ),
)


def floats(action: Any) -> list[bytes]:
    """The bits of every number, which tell -0.0 from 0.0."""
    values = [v for item in told(action).values() for v in (item if isinstance(item, list) else [item])]
    return [struct.pack("<d", v) for v in values if isinstance(v, float)]


@given(st.lists(ACTIONS, min_size=1, max_size=30))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reopened_actions_are_equal_to_the_bit(tmp_path: Path, actions: list[Any]) -> None:
    with Records(tmp_path / "bits.sqlite") as records:
        attempt = records.begin("gon-block-c2", "left")
        for action in actions:
            records.append(attempt, {"action": action})
    with Records(tmp_path / "bits.sqlite") as again:
        read = again.actions(attempt)
    assert read == tuple(actions)
    assert [floats(a) for a in read] == [floats(a) for a in actions]


def test_lines_can_be_read_before_they_are_written(records: Records) -> None:
    attempt = records.begin("preempt-31", "both")
    for i in range(5):
        records.append(attempt, advance(float(i)))
    assert [line.n for line in records.lines(attempt)] == [0, 1, 2, 3, 4]
    assert records.open_attempts()[0]["elapsed_s"] == 4.0


def test_lines_are_written_without_being_asked(records: Records, path: Path) -> None:
    attempt = records.begin("preempt-31", "both")
    records.append(attempt, advance(1.0))
    link = sqlite3.connect(path)
    for _ in range(200):
        if link.execute("SELECT count(*) FROM lines").fetchone()[0]:
            break
        time.sleep(0.05)
    else:
        pytest.fail("nothing was written")
    link.close()


def test_an_attempt_goes_on_where_it_was_left(records: Records, path: Path) -> None:
    attempt = records.begin("preempt-31", "both")
    records.append(attempt, advance(1.0))
    records.close()
    with Records(path) as again:
        assert [a["id"] for a in again.open_attempts()] == [attempt]
        again.append(attempt, advance(2.0))
        again.finish(attempt, {"passed": True, "points": 81.5, "worst": math.inf})
        assert [line.at_s for line in again.lines(attempt)] == [1.0, 2.0]
        assert again.open_attempts() == [] and again.attempt(attempt)["score"] == {"passed": True, "points": 81.5, "worst": None}


def test_lists_are_of_a_trainee_and_of_a_procedure(records: Records) -> None:
    anna, ben = records.add_trainee("Anna"), records.add_trainee()
    made = {(t, p): records.begin(p, "right", trainee=t) for t in (anna, ben, None) for p in ("preempt-31", "preempt-39")}
    assert [a["id"] for a in records.attempts(trainee=anna)] == [made[anna, "preempt-31"], made[anna, "preempt-39"]]
    assert [a["id"] for a in records.attempts(ben, "preempt-39")] == [made[ben, "preempt-39"]]
    assert len(records.attempts()) == 6
    assert [t["name"] for t in records.trainees()] == ["Anna", None]
    assert records.trainee_named(" Anna ") == anna != records.trainee_named("Cleo")


# What is refused


def test_nothing_is_added_to_a_finished_attempt(records: Records) -> None:
    attempt = records.begin("preempt-31", "both")
    records.finish(attempt)
    for change in (lambda: records.append(attempt, advance(1.0)), lambda: records.finish(attempt)):
        with pytest.raises(ValueError, match=r"finished|not open"):
            change()


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (lambda r: r.begin("preempt-31", "middle"), "left, right, both"),
        (lambda r: r.begin("preempt-31", "left", trainee="nobody"), "trainee 'nobody'"),
        (lambda r: r.begin("preempt-31", "left", {"a": object()}), "cannot hold a object"),
        (lambda r: r.append("none", advance(1.0)), "attempt 'none'"),
        (lambda r: r.lines("none"), "attempt 'none'"),
        (lambda r: r.rename("none", "x"), "trainee 'none'"),
        (lambda r: r.erase_trainee("none"), "trainee 'none'"),
        (lambda r: r.append(r.begin("p", "left"), {"kind": "needle_advance", "at_s": 0.0}), "mm"),
    ],
)
def test_bad_input_is_told_in_one_line(records: Records, what: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text) as fault:
        what(records)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lines SET at_s = 0",
        "DELETE FROM lines",
        "DELETE FROM attempts",
        "UPDATE attempts SET procedure = 'preempt-39'",
        "UPDATE attempts SET score = '{}'",
        "UPDATE attempts SET trainee_id = (SELECT id FROM trainees)",
        "INSERT OR REPLACE INTO lines SELECT attempt_id, n, 9, action, events, pose FROM lines WHERE n = 0",
        "INSERT INTO lines SELECT attempt_id, 7, at_s, action, events, pose FROM lines WHERE n = 0",
        "INSERT INTO lines SELECT attempt_id, 2, at_s, action, events, pose FROM lines WHERE n = 0",
        "INSERT OR REPLACE INTO attempts (id, procedure, side, about, started) SELECT id, 'x', side, about, '' FROM attempts",
    ],
)
def test_the_file_itself_keeps_what_was_done(records: Records, path: Path, statement: str) -> None:
    records.add_trainee("Anna")
    attempt = records.begin("preempt-31", "both")
    records.append(attempt, advance(1.0))
    records.append(attempt, advance(2.0))
    records.finish(attempt, {"passed": False})
    before = records.lines(attempt), records.attempt(attempt)
    link = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        link.execute(statement)
    link.close()
    assert (records.lines(attempt), records.attempt(attempt)) == before
