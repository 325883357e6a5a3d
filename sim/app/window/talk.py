"""What the training window asks its session, and what it has been told: pictures, state, events, score, debrief."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.app.session import Session
from sim.app.window.asks import Asks, Message
from sim.app.window.frame import Shown
from sim.app.window.hands import Hands, Told

if TYPE_CHECKING:
    from scenarios.procedure_files import Procedure
    from sim.app.shelf import Shelf

TICK_S, BUSY = 0.1, 3.0  # the pulse is drawn this often, or after so many times as long as the last picture took
FAULT_S = 7.0
MOST_EVENTS = 80
BROKEN = "This went wrong inside the program; the attempt is kept. The terminal says more."

log = logging.getLogger(__name__)


class Talk:
    """The window's talk with its session.

    Parameters
    ----------
    shelf : Shelf
    procedure : Procedure
    side, patient, mode : str
        As of `messages.Begin`.
    debrief : Path or None
        File that is written at the end; in the working folder, named after the attempt, if None.
    clock : callable
        Seconds; monotonic.
    """

    def __init__(
        self, shelf: Shelf, procedure: Procedure, side: str, patient: str, mode: str = "learn", debrief: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.shelf, self.clock, self.debrief = shelf, clock, debrief
        self.title, self.asks = procedure.title, Asks()
        self.told: Told | None = None
        self.shown: Shown | None = None
        self.result: Mapping[str, Any] | None = None
        self.written: Path | None = None
        self.session = Session(shelf, clock)
        self._start = {"do": "begin", "procedure": procedure.key, "side": side, "patient": patient, "mode": mode}
        self._owed = False
        self._ticked, self._took, self._faulted = 0.0, 0.0, 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inion")
        self._loading: Future[None] = self._thread.submit(shelf.warm, procedure.key, side, patient)

    def close(self) -> None:
        """Put the session away; what is recorded stays."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self.session.close()

    @property
    def phase(self) -> str:
        """'loading', 'attempt' or 'done'."""
        return "loading" if self.told is None else str(self.told.state["phase"])

    def loaded(self) -> bool:
        """Whether the anatomy is there. Raises what went wrong on the way."""
        if not self._loading.done():
            return False
        self._loading.result()
        return True

    def begin(self, size: tuple[int, int]) -> None:
        """Begin an attempt; the 3-D view's picture is to be of a size."""
        self.shown, self.result, self.written = None, None, None
        self.call([self._start, {"do": "camera", "width": size[0], "height": size[1]}])

    def work(self) -> bool:
        """Ask what waits to be asked, the pulse if nothing does, and return whether something has changed."""
        now = self.clock()
        if self._owed:
            self._owed = False
            self._write()
            return True
        if not self.asks and self.phase == "attempt" and self._beats(now):
            self.asks.add({"do": "tick"})
        if self.asks:
            self.flush()
            return True
        if self.shown is not None and self.shown.fault and now - self._faulted > FAULT_S:
            self.change(fault="")
            return True
        return False

    def flush(self) -> None:
        """Ask what waits to be asked, so that `told` is of now."""
        if self.asks:
            self.call(self.asks.take())

    def call(self, messages: Sequence[Message]) -> None:
        """Ask the session, and keep its answer. Raises ValueError if no attempt could be begun."""
        began = self.clock()
        answer = self._answer(list(messages))
        self._ticked = self.clock()
        self._took = self._ticked - began
        if "state" not in answer:
            self._faulted = self._ticked
            self.change(fault=answer["error"])
            return
        procedure = answer.get("procedure") or (self.told.procedure if self.told else None)
        if procedure is None:
            raise ValueError(answer["error"] or "the attempt could not be begun.")
        was, self.told = self.phase, Told(procedure, answer["state"])
        if answer["error"]:
            self._faulted = self.clock()
        self._keep(answer, self.told)
        if was == "attempt" and self.phase == "done":
            self._end()

    def _answer(self, messages: list[Message]) -> dict[str, Any]:
        """The session's answer; once an attempt runs, a fault costs nothing but that request."""
        try:
            return self.session.call(messages)
        except Exception:
            if self.told is None:
                raise
            log.exception("a request failed")
            return {"error": BROKEN}

    def change(self, **changes: Any) -> None:
        """Show something else in places."""
        if self.shown is not None:
            self.shown = replace(self.shown, **changes)

    def _beats(self, now: float) -> bool:
        """Whether it is time to see the pulse again."""
        on_skin = self.told is not None and self.told.state["probe"] is not None
        return on_skin and now - self._ticked >= max(TICK_S, BUSY * self._took)

    def _keep(self, answer: Mapping[str, Any], told: Told) -> None:
        """Show the answer; what it does not speak of stays."""
        before = self.shown or Shown(told, Hands(), b"", b"", {}, (), 0)
        events = (*before.events, *(e for e in answer["events"] if e["text"]))[-MOST_EVENTS:]
        self.shown = replace(
            before, told=told, view=answer.get("view") or before.view, scan=answer.get("scan", before.scan),
            about=answer.get("round", before.about), events=events, counted=before.counted + len(answer["events"]),
            fault=answer["error"] or before.fault,
        )  # fmt: skip

    def _end(self) -> None:
        """Show the score at once, and owe the debrief."""
        self.result = self.shelf.records.attempt(str(self.session.attempt))["score"]
        self._owed = True
        self.change(result=self.result, debrief="The debrief is being written.")

    def _write(self) -> None:
        """Write the debrief."""
        from sim.debrief.page import debrief_page

        attempt = str(self.session.attempt)
        path = self.debrief or Path(f"inion-debrief-{attempt[:8]}.html")
        try:
            path.write_text(debrief_page(self.shelf, attempt), "utf-8")
        except (OSError, ValueError) as fault:
            why = getattr(fault, "strerror", None) or fault
            self.change(debrief=f"The debrief could not be written to {path} ({why}). The attempt is on record.")
            return
        self.written = path
        self.change(debrief=f"Debrief: {path}. D opens it in the browser.")
