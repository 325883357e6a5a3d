"""One writer at a time for each anatomy: a lock that goes with its process, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

HELD: ContextVar[frozenset[str]] = ContextVar("HELD", default=frozenset())
TRIES = 5  # the file may be taken away, by a writer that has just done, between its opening and its locking


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of an anatomy's name in a library's folder; one that this very work holds already is held on.

    Raises
    ------
    ValueError
        If another process, or another work of this one, is writing that anatomy now.
    OSError
        If the folder cannot be written.
    """
    path = folder / f".{name}.lock"
    if str(path) in HELD.get():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    handle = _taken(path)
    if handle is None:
        raise ValueError(
            f"{name} is being installed, written or removed by another process; wait until it is done, then try again."
        )
    token = HELD.set(HELD.get() | {str(path)})
    try:
        yield
    finally:
        HELD.reset(token)
        with suppress(OSError):
            path.unlink()  # before it is let go, so that nobody locks what is no longer there
        os.close(handle)


def _taken(path: Path) -> int | None:
    """The open and locked file; None if another holds it."""
    for _ in range(TRIES):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _locked(handle):
            os.close(handle)
            return None
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)
    return None


def _locked(handle: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
