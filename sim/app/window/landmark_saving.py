"""Saving corrected landmarks while the window lives on: the model is laid on anew in a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from meshes.model import Anatomy
from sim.landmark_effects import effects
from sim.landmark_rows import Row, rows_of

Change = Callable[[Anatomy], Anatomy]
Save = Callable[[Change], tuple[Anatomy, Anatomy]]


@dataclass(frozen=True, eq=False)
class Saved:
    """The anatomy as it is now, its landmarks, and what has changed, in lines."""

    anatomy: Anatomy
    rows: list[Row]
    lines: tuple[str, ...]


class Saving:
    """At most one saving at a time.

    Parameters
    ----------
    save : callable
        Does a change to the anatomy that is kept, whole or not at all, and returns it before and after; raises ValueError.
    clock : callable
        Seconds; monotonic.
    """

    def __init__(self, save: Save, clock: Callable[[], float] = time.monotonic) -> None:
        self._save, self._clock = save, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inion")
        self._work: Future[Saved] | None = None
        self._began = 0.0

    @property
    def busy(self) -> bool:
        """Whether something is being saved, or was and has not been asked for."""
        return self._work is not None

    @property
    def seconds(self) -> float:
        """Since when."""
        return self._clock() - self._began

    def begin(self, change: Change) -> None:
        """Begin to save."""
        self._began = self._clock()
        self._work = self._thread.submit(self._saved, change)

    def done(self) -> Saved | None:
        """Return what was saved, once; None until then. Raises ValueError, with nothing changed, if it was refused."""
        if self._work is None or not self._work.done():
            return None
        work, self._work = self._work, None
        return work.result()

    def close(self) -> None:
        """Wait for what is being saved."""
        self._thread.shutdown(wait=True)

    def _saved(self, change: Change) -> Saved:
        before, after = self._save(change)
        return Saved(after, rows_of(after), tuple(effects(before, after)))
