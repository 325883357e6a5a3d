"""The file of records: its tables, how it is opened, and what its faults mean in plain words."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = 1  # of the tables, in the file's user_version
APPLICATION = 0x496E696F  # 'Inio', in the file's application_id
BUSY_S = 10.0  # how long one program waits for another
VARIABLE = "INION_RECORDS"

# Lines follow one another without a gap, are never changed, and leave only with an attempt that `erasing` names. The trigger
# before INSERT is also what stops INSERT OR REPLACE, which passes by the one before DELETE.
TABLES = """
CREATE TABLE trainees (id TEXT PRIMARY KEY, name TEXT, created TEXT NOT NULL);
CREATE TABLE attempts (
    id TEXT PRIMARY KEY, trainee_id TEXT REFERENCES trainees (id), procedure TEXT NOT NULL, side TEXT NOT NULL,
    about TEXT NOT NULL, started TEXT NOT NULL, finished TEXT, score TEXT, note TEXT NOT NULL DEFAULT '');
CREATE INDEX attempts_of ON attempts (trainee_id, started);
CREATE TABLE lines (
    attempt_id TEXT NOT NULL REFERENCES attempts (id), n INTEGER NOT NULL, at_s REAL NOT NULL, action TEXT NOT NULL,
    events TEXT NOT NULL, pose TEXT NOT NULL, PRIMARY KEY (attempt_id, n)) WITHOUT ROWID;
CREATE TABLE erasing (attempt_id TEXT PRIMARY KEY);
CREATE TRIGGER lines_follow BEFORE INSERT ON lines
    WHEN NEW.n <> (SELECT coalesce(max(n) + 1, 0) FROM lines WHERE attempt_id = NEW.attempt_id)
    BEGIN SELECT raise(ABORT, 'lines follow one another'); END;
CREATE TRIGGER lines_end BEFORE INSERT ON lines
    WHEN (SELECT finished FROM attempts WHERE id = NEW.attempt_id) IS NOT NULL
    BEGIN SELECT raise(ABORT, 'the attempt is finished'); END;
CREATE TRIGGER lines_stay BEFORE UPDATE ON lines
    BEGIN SELECT raise(ABORT, 'lines are never changed'); END;
CREATE TRIGGER lines_are_kept BEFORE DELETE ON lines
    WHEN NOT EXISTS (SELECT 1 FROM erasing WHERE attempt_id = OLD.attempt_id)
    BEGIN SELECT raise(ABORT, 'lines leave only with their attempt'); END;
CREATE TRIGGER attempts_are_new BEFORE INSERT ON attempts
    WHEN EXISTS (SELECT 1 FROM attempts WHERE id = NEW.id)
    BEGIN SELECT raise(ABORT, 'attempts are never replaced'); END;
CREATE TRIGGER attempts_stay BEFORE UPDATE OF id, procedure, side, about, started ON attempts
    BEGIN SELECT raise(ABORT, 'attempts are never changed'); END;
CREATE TRIGGER attempts_end_once BEFORE UPDATE OF finished, score ON attempts WHEN OLD.finished IS NOT NULL
    BEGIN SELECT raise(ABORT, 'the attempt is finished'); END;
CREATE TRIGGER attempts_keep_their_trainee BEFORE UPDATE OF trainee_id ON attempts WHEN NEW.trainee_id IS NOT NULL
    BEGIN SELECT raise(ABORT, 'attempts never change hands'); END;
CREATE TRIGGER attempts_are_kept BEFORE DELETE ON attempts
    WHEN NOT EXISTS (SELECT 1 FROM erasing WHERE attempt_id = OLD.id)
    BEGIN SELECT raise(ABORT, 'attempts leave only by erasure'); END;
"""

SUMMARY = """
SELECT id, trainee_id, procedure, side, about, started, finished, score, note,
    (SELECT coalesce(max(n) + 1, 0) FROM lines WHERE attempt_id = id),
    (SELECT at_s FROM lines WHERE attempt_id = id ORDER BY n DESC LIMIT 1)
FROM attempts WHERE {} ORDER BY started, rowid
"""


def default_path() -> Path:
    """Return where records are kept: `INION_RECORDS` where it is set, else `records.sqlite` in the user's data folder."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    from platformdirs import user_data_dir

    return Path(user_data_dir("inion", appauthor=False)) / "records.sqlite"


def open_store(path: Path) -> sqlite3.Connection:
    """Open a file of records, or make it, readable by its owner only.

    A commit is on the disk when it returns (WAL with synchronous=FULL; with NORMAL a power cut could cost minutes). What is
    deleted is overwritten with zeros. A file that is not ours, or newer than this program, is left untouched.

    Parameters
    ----------
    path : Path

    Returns
    -------
    sqlite3.Connection
        In autocommit mode, usable from any thread by one at a time.

    Raises
    ------
    ValueError
        If the file is not one of records, or was written by a newer version.
    OSError
        If it cannot be opened or made.
    """
    _make_file(path)
    with plain_faults(path):
        link = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        with plain_faults(path):
            _make_ready(link, path)
    except BaseException:
        link.close()
        raise
    return link


def _make_file(path: Path) -> None:
    """Make an empty file for its owner only, and its folder, if there is none."""
    if path.is_file():  # never open it: to close it again would drop the locks that another connection holds
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        if not path.is_file():  # else another program was faster
            raise _os_error(error.errno, f"{path}: records cannot be kept there ({error.strerror}); {_ELSEWHERE}.") from error


def _make_ready(link: sqlite3.Connection, path: Path) -> None:
    """Look whose file it is before anything is written, then set it up."""
    new = _is_new(link, path)
    _patiently(link, "PRAGMA journal_mode = WAL")
    for setting in ("synchronous = FULL", "foreign_keys = ON", "recursive_triggers = ON", "secure_delete = ON"):
        link.execute(f"PRAGMA {setting}")
    if new:
        with transaction(link):
            if _is_new(link, path):  # no other program was faster
                for statement in _statements():
                    link.execute(statement)
                link.execute(f"PRAGMA application_id = {APPLICATION}")
                link.execute(f"PRAGMA user_version = {SCHEMA}")


def _is_new(link: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is empty; ValueError where it is not ours or too new."""
    application, version, tables = (
        int(link.execute(question).fetchone()[0])
        for question in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
    )
    if not (application or version or tables):
        return True
    if application != APPLICATION:
        raise ValueError(f"{path}: is a database of another program; choose another file ({VARIABLE} names it).")
    if version > SCHEMA:
        raise ValueError(
            f"{path}: was written by a newer Inion (records version {version}, this one reads up to {SCHEMA}); update Inion."
        )
    return False


def _statements() -> Iterator[str]:
    """One statement of TABLES at a time: executescript would commit what has been begun."""
    text = ""
    for line in TABLES.strip().splitlines():
        text += line + "\n"
        if sqlite3.complete_statement(text):
            yield text
            text = ""


def _patiently(link: sqlite3.Connection, statement: str) -> None:
    """Repeat a statement that SQLite's own patience does not cover, while other programs are in the way."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            link.execute(statement).fetchall()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > until:
                raise
            time.sleep(0.02)


@contextmanager
def transaction(link: sqlite3.Connection) -> Iterator[None]:
    """All of what is done within, or nothing."""
    link.execute("BEGIN IMMEDIATE")
    try:
        yield
        link.execute("COMMIT")
    except BaseException:
        if link.in_transaction:  # a full disk has rolled it back already
            link.execute("ROLLBACK")
        raise


def scrub(link: sqlite3.Connection) -> bool:
    """Write the file anew without what was deleted, and empty its journal.

    SQLite moves rows between pages and may leave copies in gaps, so that zeros over the deleted row are not enough.

    Returns
    -------
    bool
        False if another program was reading all the time: its journal is then emptied when the last program closes the file.
    """
    link.execute("VACUUM")
    return not link.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


_ELSEWHERE = f"choose another place ({VARIABLE} names it)"
_STANDS = "what was written before stands"
_MEANINGS = {
    sqlite3.SQLITE_FULL: (errno.ENOSPC, f"the disk is full; make room, {_STANDS}"),
    sqlite3.SQLITE_IOERR: (errno.EIO, f"the disk does not take it; see whether it is full or failing, {_STANDS}"),
    sqlite3.SQLITE_READONLY: (errno.EROFS, f"the file or its folder is read-only; {_ELSEWHERE}"),
    sqlite3.SQLITE_CANTOPEN: (errno.EACCES, f"the file or its folder cannot be opened; {_ELSEWHERE}"),
    sqlite3.SQLITE_PERM: (errno.EACCES, f"you have no right to; {_ELSEWHERE}"),
    sqlite3.SQLITE_BUSY: (errno.ETIMEDOUT, "another program holds the file; try again in a moment"),
    sqlite3.SQLITE_LOCKED: (errno.ETIMEDOUT, "another program holds the file; try again in a moment"),
}


@contextmanager
def plain_faults(path: Path) -> Iterator[None]:
    """Tell SQLite's faults as OSError or ValueError of one line; those of broken rules (IntegrityError) pass."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise ValueError(f"{path}: is not a file of records, or it is damaged; move it away or {_ELSEWHERE}.") from error
        if code not in _MEANINGS:
            raise
        number, text = _MEANINGS[code]
        raise _os_error(number, f"{path}: records: {text}.") from error


def _os_error(number: int | None, text: str) -> OSError:
    """An OSError that prints as its text alone."""
    fault = OSError(text)
    fault.errno = number
    return fault
