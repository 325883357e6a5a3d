"""Names of trainees, and what is left of one who is erased."""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import record_store
from sim.record_lines import cleaned
from sim.records import Records
from tests.record_files import advance, in_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "records.sqlite"


@pytest.fixture
def records(path: Path) -> Iterator[Records]:
    with Records(path) as opened:
        yield opened


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
