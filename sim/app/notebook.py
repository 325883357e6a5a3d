"""The training app in a cell of a notebook: the browser's page in a frame, served by this process itself."""

from __future__ import annotations

import asyncio
import atexit
import html
import secrets
from collections.abc import Mapping
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from aiohttp import web

    from sim.app.server import Hub

HOST = "127.0.0.1"
HEIGHTS_PX = (300, 4000)
POLICY = "Content-Security-Policy"
# Whose pages may show ours in a frame: notebooks of this machine, and the cells of VS Code.
FRAMED_BY = "frame-ancestors 'self' http://localhost:* http://127.0.0.1:* vscode-webview: vscode-file:"
STOP_S = 20.0

_lock = Lock()
_served: list[Served] = []


class Served:
    """The web server of this process, on a free port of this machine, in a thread of its own.

    Parameters
    ----------
    records : Path or None
        Where attempts are kept; in the user's data folder if None.
    """

    def __init__(self, records: Path | None) -> None:
        from sim.app.server import Hub
        from sim.app.shelf import Shelf
        from sim.records import Records

        self.records = Records(records)
        self.hub: Hub = Hub(Shelf(self.records))
        self.cells: set[str] = set()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, name="inion-notebook", daemon=True)
        self._thread.start()
        self._runner: web.AppRunner = self.do(self._open())

    def do(self, what: Any) -> Any:
        """Have a coroutine done by the server's thread, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    def begin(self, procedure: str, side: str, patient: str, mode: str) -> str:
        """Begin an attempt, and return its id. Raises ValueError naming the nearest procedure."""
        world = self.hub.worker.submit(self.hub.shelf.world, procedure, side, patient).result()
        return self.records.begin(procedure, side, {**world.about, "mode": mode, "patient": patient})

    async def put_away(self, seat: str) -> None:
        """Put a page away; what is recorded stays."""
        held = self.hub.seats.pop(seat, None)
        if held is not None:
            await held.close()

    def stop(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(STOP_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_S)
            self.records.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _open(self) -> web.AppRunner:
        from aiohttp import web

        app = self.hub.app()
        app.on_response_prepare.append(_allow_frames)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        self.port = int(runner.addresses[0][1])
        return runner


class TrainingCell:
    """The training app as a notebook shows it: put it last in a cell.

    Parameters
    ----------
    served : Served
    attempt : str or None
        Id of the attempt that is open at first; the list of procedures if None.
    height_px : int
        Of the frame.
    """

    def __init__(self, served: Served, attempt: str | None, height_px: int) -> None:
        self._served, self.attempt, self.height_px = served, attempt, height_px
        self._seat = secrets.token_urlsafe(18)
        served.cells.add(self._seat)

    @property
    def address(self) -> str:
        """Where the page is; whoever knows it can see and touch the attempt."""
        opened = "" if self.attempt is None else f"#attempt={self.attempt}"
        return f"http://{HOST}:{self._served.port}/s/{self._seat}/index.html{opened}"

    @property
    def running(self) -> bool:
        """Whether the page still answers."""
        return self._seat in self._served.cells

    def stop(self) -> None:
        """Put the page away, and stop the server with the last one. What was done stays on record; a second time does nothing."""
        with _lock:
            if not self.running:
                return
            self._served.cells.discard(self._seat)
            self._served.do(self._served.put_away(self._seat))
            if not self._served.cells:
                _stop_all()

    def _repr_html_(self) -> str:
        if not self.running:
            return "<p>This training page has been stopped.</p>"
        return (
            f'<iframe src="{html.escape(self.address)}" title="Inion: training" width="100%" height="{self.height_px}" '
            'style="border:1px solid #c9d2db;border-radius:8px;min-width:780px" allow="gamepad; fullscreen"></iframe>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"Inion, training page at {self.address}" if self.running else "Inion, training page, stopped"


def train_here(
    procedure: str | None = "gon-block-c2",
    side: Literal["left", "right", "both"] | None = None,
    patient: Literal["man", "woman"] = "man",
    mode: Literal["learn", "exam"] = "learn",
    height_px: int = 860,
    records: str | Path | None = None,
) -> TrainingCell:
    """Return the training app as something that a notebook shows.

    Parameters
    ----------
    procedure : str or None
        A name of `inion list procedures`; None opens the list of them.
    side : {'left', 'right', 'both'}, optional
        Of the patient; right, or both where the procedure asks for it.
    patient : {'man', 'woman'}
    mode : {'learn', 'exam'}
    height_px : int
        Of the frame, 300 to 4000.
    records : str or Path, optional
        File of the attempts; by default that of the user. All cells of a process share the first one's.

    Returns
    -------
    TrainingCell
        Its `stop()` ends it. The page lives in this process and answers this machine only.

    Raises
    ------
    ValueError
        If the procedure is not known (it names the nearest), or another argument is out of range.
    """
    low, high = HEIGHTS_PX
    if isinstance(height_px, bool) or not isinstance(height_px, int) or not low <= height_px <= high:
        raise ValueError(f"height_px is {height_px!r}; it must be a whole number from {low} to {high}.")
    start = None if procedure is None else _start(procedure, side, patient, mode)
    with _lock:
        if not _served:
            _served.append(Served(None if records is None else Path(records)))
            atexit.register(_stop_all)
        served = _served[0]
        return TrainingCell(served, None if start is None else served.begin(*start), height_px)


show = train_here


def _start(procedure: str, side: str | None, patient: str, mode: str) -> tuple[str, str, str, str]:
    """What an attempt begins with, checked as the page's request would be."""
    from scenarios.procedure_files import load_procedure
    from sim.app.messages import Begin, message_from

    usual = "both" if load_procedure(procedure).sides == "both" else "right"
    asked = message_from({"do": "begin", "procedure": procedure, "side": side or usual, "patient": patient, "mode": mode})
    assert isinstance(asked, Begin)
    return asked.procedure, asked.side, asked.patient, asked.mode


def _stop_all() -> None:
    """Stop the server of this process."""
    while _served:
        served = _served.pop()
        served.cells.clear()
        served.stop()


async def _allow_frames(_request: web.Request, response: web.StreamResponse) -> None:
    """Let notebooks of this machine show our pages."""
    policy = response.headers.get(POLICY)
    if policy is not None:
        response.headers[POLICY] = policy.replace("frame-ancestors 'self'", FRAMED_BY)
