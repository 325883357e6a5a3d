from __future__ import annotations

import math
import os
import random
import signal
import sqlite3
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim import record_store
from sim.record_lines import cleaned
from sim.records import HOLD_S, Records
from sim.training.actions import NeedleAdvance, ProbeSlide, action_from, told
from sim.training.state import Event, HeldNeedle, Moment, TrialState
from sim.ultrasound.poses import ProbePose

ROOT = Path(__file__).parents[1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "records.sqlite"


@pytest.fixture
def records(path: Path) -> Iterator[Records]:
    with Records(path) as opened:
        yield opened


def advance(at_s: float, mm: float = 0.5) -> dict[str, Any]:
    return {"kind": "needle_advance", "at_s": at_s, "mm": mm}


def a_moment(at_s: float = 3.0) -> Moment:
    probe = ProbePose(np.array([10.0, -80, 5]), np.array([-1.0, 0, 0]), np.array([0.0, 1, 0]), 2.5)
    needle = HeldNeedle("25g-38mm", np.array([12.0, -85, 4]), np.array([0.0, 1, 0]), 7.0)
    event = Event(at_s, "pop", "trapezius_right", (12.0, -78.0, 4.0), 0.4, "A give is felt.")
    return Moment(NeedleAdvance(at_s=at_s, mm=0.1 + 0.2), TrialState(at_s, probe=probe, needle=needle), (event,))


def in_file(path: Path, text: str) -> bool:
    """Whether a text stands anywhere in the file or its journals."""
    return any(text.encode() in p.read_bytes() for p in path.parent.glob(f"{path.name}*"))


def run(code: str, *arguments: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, user=user, check=False
    )


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


# Names and erasure


@given(st.text(max_size=80))
def test_a_name_is_any_text_without_control_characters(text: str) -> None:
    name = cleaned(text, 400)
    if name is not None:
        assert name == name.strip() and name.encode() and cleaned(name, 400) == name
        assert all(ord(c) >= 32 and ord(c) != 127 for c in name)


def test_names_are_kept_as_they_are_written(records: Records) -> None:
    for name in ("Ñandú Þórsdóttir", "李小龙", "'; DROP TABLE lines; --", "../../etc/passwd", "نیلوفر"):
        key = records.add_trainee(f"\x1b{name}\n\u202e")
        assert {t["id"]: t["name"] for t in records.trainees()}[key] == name
    assert records.add_trainee("  \t ") and records.trainees()[-1]["name"] is None
    with pytest.raises(ValueError, match="81 characters"):
        records.add_trainee("x" * 81)


@pytest.mark.parametrize("keep", [False, True])
def test_an_erased_trainee_leaves_no_trace(records: Records, path: Path, keep: bool) -> None:
    others = [records.add_trainee(f"Somebody {i}") for i in range(30)]
    anna = records.add_trainee("Annabella Vogelsang")
    gone, stays = records.begin("preempt-31", "both", trainee=anna), records.begin("preempt-31", "both", trainee=others[0])
    for attempt in (gone, stays):
        records.append(attempt, advance(1.0))
    records.finish(gone, {"passed": True}, "Done by Vogelsang.")
    records.rename(others[0], "Y" * 70)
    assert in_file(path, "Vogelsang")
    records.erase_trainee(anna, keep_attempts=keep)
    assert not in_file(path, "Vogelsang") and not in_file(path, anna)
    assert in_file(path, gone) is keep
    assert len(records.lines(stays)) == 1 and len(records.trainees()) == 30
    if keep:
        assert records.attempt(gone)["trainee"] is None and len(records.actions(gone)) == 1


def test_a_scrubbed_file_has_no_copies_of_rows_that_moved(path: Path) -> None:
    # with this seed, zeros over the deleted rows are not enough: one left a copy where it lay before its page was split
    rng = random.Random(2)
    people = [(str(uuid.UUID(int=rng.getrandbits(128))), f"<{i:05d}>" + "x" * rng.randint(0, 70)) for i in range(400)]
    gone = dict(rng.sample(people, 100))
    link = record_store.open_store(path)
    link.execute("PRAGMA synchronous = OFF")  # for speed
    for person in people:
        link.execute("INSERT INTO trainees VALUES (?, ?, '')", person)
    for key in gone:
        link.execute("UPDATE trainees SET name = ? WHERE id = ?", ("y" * rng.randint(0, 80), key))
    for key in gone:
        link.execute("DELETE FROM trainees WHERE id = ?", (key,))
    assert record_store.scrub(link)
    link.close()
    whole = path.read_bytes()
    assert [name for key, name in gone.items() if key.encode() in whole or name[:7].encode() in whole] == []
    assert all(name[:7].encode() in whole for key, name in people if key not in gone)


def test_a_disk_too_full_to_scrub_is_told(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_link: sqlite3.Connection) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    anna = records.add_trainee("Anna")
    monkeypatch.setattr("sim.records.scrub", fails)
    with pytest.raises(OSError, match="traces may stay"):
        records.erase_trainee(anna)
    assert records.trainees() == []


def test_a_new_name_leaves_no_trace_of_the_old_one(records: Records, path: Path) -> None:
    anna = records.add_trainee("Annabella Vogelsang")
    records.rename(anna, "A.")
    assert not in_file(path, "Vogelsang") and records.trainees()[0]["name"] == "A."


def test_lines_that_are_held_go_with_an_erased_trainee(records: Records) -> None:
    anna = records.add_trainee("Anna")
    attempt = records.begin("preempt-31", "both", trainee=anna)
    records.append(attempt, advance(1.0))
    records.erase_trainee(anna)
    records.flush()
    with pytest.raises(ValueError, match="not in the records"):
        records.append(attempt, advance(2.0))


def test_traces_that_another_program_holds_are_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_store, "BUSY_S", 0.2)
    records = Records(path)
    anna = records.add_trainee("Annabella Vogelsang")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM trainees").fetchone() == (1,)
    with pytest.raises(OSError, match="close"):
        records.erase_trainee(anna)
    reader.close()
    assert records.trainees() == []
    records.close()
    assert not in_file(path, "Vogelsang")


# Crashes, crowds, and disks that fail

WRITER = """
import sys, time
from sim.records import Records
records = Records(sys.argv[1])
attempt = records.begin("gon-block-c2", "right", {"seed": 1})
print(attempt, flush=True)
i = 0
while True:
    records.append(attempt, {"kind": "needle_advance", "at_s": i * 0.001, "mm": i / 97})
    print(i, time.monotonic(), flush=True)
    i += 1
    time.sleep(0.001)
"""


def test_what_is_older_than_a_second_outlives_a_kill(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        attempt = child.stdout.readline().strip()
        told = []
        for line in child.stdout:
            n, at = line.split()
            told.append((int(n), float(at)))
            if told[-1][1] - told[0][1] > 1.5:
                break
        killed = time.monotonic()
        os.kill(child.pid, signal.SIGKILL)
        told += [(int(n), float(at)) for n, at in (s.split() for s in child.stdout if s.count(" ") == 1 and s.endswith("\n"))]
    old = [n for n, at in told if at < killed - 1.0]
    with Records(path) as records:
        lines = records.lines(attempt)
        assert len(old) > 50 and len(lines) >= len(old)
        assert [line.action["mm"] for line in lines] == [i / 97 for i in range(len(lines))]
        assert [a["id"] for a in records.open_attempts()] == [attempt]


CROWD = """
import sys
from sim.records import Records
with Records(sys.argv[1]) as records:
    for k in range(3):
        attempt = records.begin("preempt-31", "both", {"who": sys.argv[2]})
        for i in range(40):
            records.append(attempt, {"kind": "wait", "at_s": float(i)})
            if i % 10 == 0:
                records.flush()
        records.finish(attempt, {"passed": True, "points": 1.0})
"""


def test_several_programs_begin_and_write_at_once(path: Path) -> None:
    crowd = [subprocess.Popen([sys.executable, "-c", CROWD, str(path), str(k)], cwd=ROOT) for k in range(3)]
    assert [child.wait(60) for child in crowd] == [0, 0, 0]
    with Records(path) as records:
        found = records.attempts()
        assert sorted(a["about"]["who"] for a in found) == sorted("012" * 3)
        assert all(a["lines"] == 40 and a["passed"] for a in found)


def test_several_threads_write_at_once(records: Records) -> None:
    barrier, attempts = Barrier(4), [records.begin("preempt-31", "both") for _ in range(4)]

    def work(attempt: str) -> None:
        barrier.wait()
        for i in range(100):
            records.append(attempt, advance(float(i), i / 3))
            if i % 25 == 0:
                records.attempts()

    threads = [Thread(target=work, args=(attempt,)) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for attempt in attempts:
        records.finish(attempt)
        assert [line.action["mm"] for line in records.lines(attempt)] == [i / 3 for i in range(100)]


def test_an_attempt_that_goes_on_elsewhere_is_not_mixed(records: Records, path: Path) -> None:
    attempt = records.begin("preempt-31", "both")
    records.append(attempt, advance(1.0))
    records.flush()
    with Records(path) as other:
        other.append(attempt, advance(2.0, 0.25))
    records.append(attempt, advance(2.0, 0.75))
    with pytest.raises(ValueError, match="elsewhere"):
        records.flush()
    assert [line.action["mm"] for line in records.lines(attempt)] == [0.5, 0.25]


def test_a_newer_file_is_left_alone(records: Records, path: Path) -> None:
    records.close()
    link = sqlite3.connect(path)
    link.execute("PRAGMA user_version = 9")
    link.close()
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"newer Inion \(records version 9, this one reads up to 1\); update"):
        Records(path)
    assert path.read_bytes() == before


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    text, other = tmp_path / "letter.txt", tmp_path / "other.sqlite"
    text.write_bytes(b"Dear Sir or Madam, " * 100)
    link = sqlite3.connect(other)
    link.execute("CREATE TABLE birds (name TEXT)")
    link.commit()
    link.close()
    for path, match in ((text, "not a file of records"), (other, "another program"), (tmp_path, "cannot be kept there")):
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises((ValueError, OSError), match=match):
            Records(path)
        assert not path.is_file() or path.read_bytes() == before


FULL = """
import resource, sys
from sim.records import Records
records = Records(sys.argv[1])
attempt = records.begin("gon-block-c2", "right")
records.append(attempt, {"kind": "wait", "at_s": 0.0})
records.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
kept, i = 1, 0
try:
    while i < 20_000:
        i += 1
        records.append(attempt, {"kind": "wait", "at_s": float(i)})
        if i % 100 == 0:
            records.flush()
            kept = i + 1
except OSError as fault:
    print(kept, len(records.lines(attempt)) == i + 1, fault, sep="|")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
if sys.argv[2] == "room":
    records.flush()
    print(i + 1)
else:
    import os
    os._exit(0)
"""


@pytest.mark.parametrize("then", ["room", "none"])
def test_a_full_disk_is_told_and_costs_nothing_that_was_written(path: Path, then: str) -> None:
    done = run(FULL, str(path), then)
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    kept, all_there, text = first.split("|")
    assert all_there == "True" and str(path) in text and "what was written before stands" in text
    with Records(path) as records:
        (attempt,) = records.open_attempts()
        assert attempt["lines"] == int(rest[0]) if then == "room" else attempt["lines"] >= int(kept)
        assert [line.at_s for line in records.lines(attempt["id"])] == [float(i) for i in range(attempt["lines"])]


READ_ONLY = """
import os, sys
from sim.records import Records
if os.getuid() == 0:
    os.setuid(65534)
try:
    with Records(sys.argv[1]) as records:
        print(len(records.attempts()))
        records.begin("preempt-31", "both")
except OSError as fault:
    print(fault)
"""


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_a_read_only_file_can_be_read_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    with Records(path) as records:
        records.begin("preempt-31", "both")
    before = path.read_bytes()
    for folder in tmp_path.parents:
        if "pytest" in folder.name:  # those that pytest made for this user alone
            folder.chmod(0o755)
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    done = run(READ_ONLY, str(path))
    tmp_path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout and ("read-only" in done.stdout or "cannot be opened" in done.stdout)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="cannot be kept there") as fault:
        Records(tmp_path / "file" / "records.sqlite")
    assert "\n" not in str(fault.value) and "INION_RECORDS" in str(fault.value)


def test_the_place_is_the_users_own_or_the_one_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INION_RECORDS", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert tmp_path in record_store.default_path().parents and record_store.default_path().name == "records.sqlite"
    monkeypatch.setenv("INION_RECORDS", str(tmp_path / "here.sqlite"))
    with Records() as records:
        assert records.path == tmp_path / "here.sqlite"
    if os.name == "posix":
        assert records.path.stat().st_mode & 0o077 == 0


def test_closed_records_say_so(records: Records) -> None:
    attempt = records.begin("preempt-31", "both")
    records.close()
    records.close()
    for use in (records.attempts, lambda: records.append(attempt, advance(1.0)), lambda: records.begin("preempt-31", "both")):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_a_commit_is_on_the_disk_and_lines_wait_less_than_a_second(records: Records) -> None:
    settings_ = {p: records._rows(f"PRAGMA {p}")[0][0] for p in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")}
    assert settings_ == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1} and HOLD_S <= 0.5
