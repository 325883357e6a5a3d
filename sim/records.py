"""Records of attempts, kept on this computer as they happen: a crash or a power cut costs at most the last second."""

from __future__ import annotations

import atexit
import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, RLock, Thread
from types import TracebackType
from typing import Any

from sim.record_lines import LONGEST_NOTE, Attempt, Line, Summary, Trainee, attempt_of, cleaned, line_of, now, packed
from sim.record_store import SUMMARY, default_path, open_store, plain_faults, scrub, transaction
from sim.training.actions import AnyAction, action_from
from sim.training.state import Moment

HOLD_S = 0.5  # longest that a line waits for others to be written with it
SIDES = ("left", "right", "both")


class Records:
    """The store of attempts: what has been written is only ever added to, except by `erase_trainee`.

    Safe for several threads, and for several programs at once. Lines are written by a thread of its own, at most half a second
    after `append`; all else is on the disk when a method returns. Use it as a context manager, or `close` it.

    Parameters
    ----------
    path : str or Path or None
        File; by default that of `INION_RECORDS`, else `records.sqlite` in the user's data folder.

    Raises
    ------
    ValueError
        If the file is not one of records, or was written by a newer version.
    OSError
        If it cannot be opened or made. Every method that writes raises it too, if the disk is full or does not take it; nothing
        that was written before is lost, and lines that could not be written stay in memory and are tried again.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = default_path() if path is None else Path(path)
        self._link = open_store(self.path)
        self._turn = RLock()  # whoever has it may use the connection
        self._gate = Lock()  # guards what follows; held for moments only, so that `append` need not wait for the disk
        self._held: dict[str, list[Line]] = {}
        self._next: dict[str, int] = {}
        self._fault: OSError | ValueError | None = None
        self._wake, self._closing = Event(), Event()
        self._writer: Thread | None = None
        atexit.register(self.close)

    def __enter__(self) -> Records:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Write what is held, and close the file; a second time does nothing."""
        atexit.unregister(self.close)
        self._closing.set()
        self._wake.set()
        if self._writer is not None:
            self._writer.join()
        with self._turn:
            if self._link is None:
                return
            try:
                self._write_held()
            finally:
                self._link.close()
                self._link = None  # type: ignore[assignment]

    # Trainees

    def trainees(self) -> list[Trainee]:
        """Return all trainees, oldest first."""
        rows = self._rows("SELECT id, name, created FROM trainees ORDER BY created, rowid")
        return [{"id": key, "name": name, "created": created} for key, name, created in rows]

    def add_trainee(self, name: str | None = None) -> str:
        """Add a trainee, and return the id.

        Parameters
        ----------
        name : str or None
            Any text up to 80 characters; control characters are left out. None or blank: without a name.
        """
        key = str(uuid.uuid4())
        with self._writing() as link:
            link.execute("INSERT INTO trainees VALUES (?, ?, ?)", (key, cleaned(name), now()))
        return key

    def trainee_named(self, name: str) -> str:
        """Return the id of the first trainee of that name, who is added if there is none."""
        asked = cleaned(name)
        with self._turn:
            found = [t["id"] for t in self.trainees() if asked is not None and t["name"] == asked]
            return found[0] if found else self.add_trainee(asked)

    def rename(self, trainee: str, name: str | None) -> None:
        """Give a trainee another name, or none; no trace of the old one stays in the file."""
        with self._writing() as link:
            _one(link.execute("UPDATE trainees SET name = ? WHERE id = ?", (cleaned(name), trainee)), "trainee", trainee)
        self.scrub()

    def erase_trainee(self, trainee: str, keep_attempts: bool = False) -> None:
        """Erase a trainee so that no trace stays in the file; copies and backups are the user's to erase.

        Parameters
        ----------
        trainee : str
            Id.
        keep_attempts : bool
            Keep the attempts as nobody's, without their notes.

        Raises
        ------
        ValueError
            If nobody has that id.
        OSError
            If the file could not be written; or it is done and traces stay, as of `scrub`.
        """
        with self._writing() as link:
            owned = [str(row[0]) for row in link.execute("SELECT id FROM attempts WHERE trainee_id = ?", (trainee,))]
            if keep_attempts:
                link.execute("UPDATE attempts SET trainee_id = NULL, note = '' WHERE trainee_id = ?", (trainee,))
            else:
                link.execute("INSERT INTO erasing SELECT id FROM attempts WHERE trainee_id = ?", (trainee,))
                link.execute("DELETE FROM lines WHERE attempt_id IN (SELECT attempt_id FROM erasing)")
                link.execute("DELETE FROM attempts WHERE id IN (SELECT attempt_id FROM erasing)")
                link.execute("DELETE FROM erasing")
            _one(link.execute("DELETE FROM trainees WHERE id = ?", (trainee,)), "trainee", trainee)
        if not keep_attempts:
            self._forget(owned)
        self.scrub()

    def scrub(self) -> None:
        """Leave no trace of what was deleted in the file; `rename` and `erase_trainee` do so themselves.

        Raises
        ------
        OSError
            If the disk is too full to write the file anew, or another program is reading. Try again when that is mended.
        """
        with self._turn, plain_faults(self.path):
            try:
                done = scrub(self._open())
            except sqlite3.OperationalError as error:
                raise OSError(
                    f"{self.path}: erased, but traces may stay in the file ({error}); mend that and scrub it."
                ) from error
            if not done:
                raise OSError(f"{self.path}: erased, but traces stay until other programs close the file; close them.")

    # Attempts

    def begin(self, procedure: str, side: str, about: Mapping[str, Any] | None = None, trainee: str | None = None) -> str:
        """Begin an attempt, and return its id.

        Parameters
        ----------
        procedure : str
            Key.
        side : {'left', 'right', 'both'}
        about : mapping, optional
            Anatomy, patient, seed, version: what makes a replay equal.
        trainee : str, optional
            Id.
        """
        if side not in SIDES:
            raise ValueError(f"side is {side!r}; it must be one of {', '.join(SIDES)}.")
        key = str(uuid.uuid4())
        row = (key, trainee, procedure, side, packed(about or {}), now())
        columns = "id, trainee_id, procedure, side, about, started"
        try:
            with self._writing() as link:
                link.execute(f"INSERT INTO attempts ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise ValueError(_unknown("trainee", trainee)) from None
        with self._gate:
            self._next[key] = 0
        return key

    def append(self, attempt: str, what: Moment | Mapping[str, Any]) -> None:
        """Add a line to an attempt. It waits at most half a second for others, to be written with them.

        Parameters
        ----------
        attempt : str
            Id of an open one.
        what : Moment or mapping
            A mapping has `action`, and may have `at_s`, `events` and `pose`.

        Raises
        ------
        ValueError
            If the attempt is not open, or the action is not one.
        OSError
            If earlier lines could not be written. This one is kept in memory with them and tried again: do not append it twice.
        """
        if self._closing.is_set():
            raise ValueError(f"{self.path}: the records are closed; open them again.")
        if attempt not in self._next:
            self._take_up(attempt)
        with self._gate:
            if attempt not in self._next:
                raise ValueError(f"attempt {attempt} has just been finished or erased; begin another.")
            self._held.setdefault(attempt, []).append(line_of(what, self._next[attempt]))
            self._next[attempt] += 1
            if self._writer is None:
                self._writer = Thread(target=self._write_often, name="records", daemon=True)
                self._writer.start()
            fault, self._fault = self._fault, None
        self._wake.set()
        if fault is not None:
            raise fault

    def flush(self) -> None:
        """Write what is held; it is on the disk when this returns."""
        with self._turn:
            self._write_held()

    def finish(self, attempt: str, score: Mapping[str, Any] | None = None, note: str | None = None) -> None:
        """End an attempt, with its score; nothing can be added to it afterwards.

        Parameters
        ----------
        attempt : str
            Id of an open one.
        score : mapping, optional
            As of `scoring.Score` (a dataclass will do): `passed`, `points`, `measures` by their key, `critical`, `reasons`.
        note : str, optional
            Of at most 2000 characters.
        """
        kept = None if score is None else packed(score)
        with self._gate:
            self._next.pop(attempt, None)  # from here on `append` must ask whether the attempt is still open
        with self._turn:
            self._write_held()
            with self._writing() as link:
                row = (now(), kept, cleaned(note, LONGEST_NOTE) or "", attempt)
                ended = link.execute("UPDATE attempts SET finished=?, score=?, note=? WHERE id=? AND finished IS NULL", row)
                if ended.rowcount != 1:
                    raise ValueError(f"attempt {attempt} is not open; `open_attempts` lists those that are.")
            self._forget([attempt])

    def lines(self, attempt: str) -> tuple[Line, ...]:
        """Return all lines of an attempt, also those that are still to be written."""
        with self._turn:
            self.attempt(attempt)
            rows = self._rows("SELECT n, at_s, action, events, pose FROM lines WHERE attempt_id = ? ORDER BY n", (attempt,))
            written = [Line(n, at_s, json.loads(action), tuple(json.loads(e)), json.loads(p)) for n, at_s, action, e, p in rows]
            with self._gate:
                return (*written, *self._held.get(attempt, ()))

    def actions(self, attempt: str) -> tuple[AnyAction, ...]:
        """Return what was done in an attempt, equal to the last bit: `trial.replay` makes all else of it."""
        return tuple(action_from(line.action) for line in self.lines(attempt))

    def attempt(self, attempt: str) -> Attempt:
        """Return one attempt; ValueError if there is none of that id."""
        found = self._found("id = ?", (attempt,))
        if not found:
            raise ValueError(_unknown("attempt", attempt))
        return found[0]

    def attempts(self, trainee: str | None = None, procedure: str | None = None) -> list[Summary]:
        """Return all attempts, oldest first: those of a trainee (id), of a procedure (key), or both."""
        given = {"trainee_id = ?": trainee, "procedure = ?": procedure}
        asked = {condition: value for condition, value in given.items() if value is not None}
        return self._summaries(" AND ".join(asked) or "1", tuple(asked.values()))

    def open_attempts(self) -> list[Summary]:
        """Return attempts that were begun and not finished: they can be taken up again, for instance after a crash."""
        return self._summaries("finished IS NULL")

    # Within

    def _summaries(self, condition: str, values: Sequence[str] = ()) -> list[Summary]:
        """Attempts that meet a condition, without their scores."""
        found: list[Any] = self._found(condition, values)
        for attempt in found:
            del attempt["score"]
        return found

    def _found(self, condition: str, values: Sequence[str] = ()) -> list[Attempt]:
        """Attempts that meet a condition; lines that are still held are counted."""
        with self._turn:
            rows = self._rows(SUMMARY.format(condition), values)
            with self._gate:
                held = {key: (lines[-1].n + 1, lines[-1].at_s) for key, lines in self._held.items() if lines}
        return [attempt_of(row, held.get(row[0])) for row in rows]

    def _rows(self, question: str, values: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        """All rows that answer a question."""
        with self._turn, plain_faults(self.path):
            return self._open().execute(question, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The connection within a transaction; nothing of it stands if it fails."""
        with self._turn, plain_faults(self.path):
            link = self._open()
            with transaction(link):
                yield link

    def _open(self) -> sqlite3.Connection:
        """The connection, while it is open."""
        if self._link is None:
            raise ValueError(f"{self.path}: the records are closed; open them again.")
        return self._link

    def _take_up(self, attempt: str) -> None:
        """Go on with an attempt that this object has not begun, where its lines end."""
        found = self.attempt(attempt)
        if found["finished"] is not None:
            raise ValueError(f"attempt {attempt} is finished; begin another.")
        with self._gate:
            self._next.setdefault(attempt, found["lines"])

    def _forget(self, attempts: Sequence[str]) -> None:
        """Hold nothing more of these."""
        with self._gate:
            for attempt in attempts:
                self._held.pop(attempt, None)
                self._next.pop(attempt, None)

    def _write_often(self) -> None:
        """The work of the thread: half a second after a line came, write it with those that came since."""
        while True:
            self._wake.wait()
            if self._closing.wait(HOLD_S):
                return
            self._wake.clear()
            try:
                self.flush()
            except (OSError, ValueError) as error:
                with self._gate:
                    self._fault = error
                    waiting = bool(self._held)
                if waiting:
                    self._wake.set()

    def _write_held(self) -> None:
        """Write what is held, an attempt at a time; the caller has the turn."""
        with self._gate:
            held = {attempt: tuple(lines) for attempt, lines in self._held.items() if lines}
        refused = [attempt for attempt, lines in held.items() if not self._write_lines(attempt, lines)]
        if refused:
            self._forget(refused)
            raise ValueError(
                f"attempt {refused[0]} was finished, erased or gone on with elsewhere; what was done here since is not recorded."
            )

    def _write_lines(self, attempt: str, lines: Sequence[Line]) -> bool:
        """Write lines of one attempt, all or none; False if the store does not take them, for they do not follow what it has."""
        rows = [(attempt, s.n, s.at_s, packed(s.action), packed(s.events), packed(s.pose)) for s in lines]
        try:
            with self._writing() as link:
                link.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)", rows)
        except sqlite3.IntegrityError:
            return False
        with self._gate:
            left = self._held.pop(attempt, [])[len(lines) :]
            if left:
                self._held[attempt] = left
        return True


def _one(cursor: sqlite3.Cursor, what: str, key: str) -> None:
    """ValueError unless exactly one row was touched."""
    if cursor.rowcount != 1:
        raise ValueError(_unknown(what, key))


def _unknown(what: str, key: str | None) -> str:
    """The text for an id that is not there."""
    return f"{what} {key!r} is not in the records; `{what}s` lists those that are."
