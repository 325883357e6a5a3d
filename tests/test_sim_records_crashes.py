"""Records through kills, crowds of programs, newer files and disks that fail."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from sim import record_store
from sim.records import HOLD_S, Records
from tests.record_files import ROOT, advance, run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "records.sqlite"


@pytest.fixture
def records(path: Path) -> Iterator[Records]:
    with Records(path) as opened:
        yield opened


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
import tempfile
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
        if Path(tempfile.gettempdir()) in folder.parents:  # those that pytest made for this user alone
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
