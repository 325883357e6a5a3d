"""A page's place: its session, and the trame server that carries its messages."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from sim.app.local_link import add_view, push
from sim.app.session import Session

if TYPE_CHECKING:
    from sim.app.shelf import Shelf

log = logging.getLogger(__name__)


class Seat:
    """A page's place: its session, and the trame server that carries its messages."""

    def __init__(self, name: str, shelf: Shelf, worker: Executor) -> None:
        from trame_server.core import Server

        self.session, self.worker = Session(shelf), worker
        self.used = time.monotonic()
        self.server = Server(name)
        self.server.client_type = "vue3"
        self.endpoint: Any = None
        self.server.trigger("call")(self.call)
        self._page()

    def _page(self) -> None:
        from trame.ui.html import DivLayout
        from trame.widgets import html

        self.server.state.trame__title = "Inion"
        self.server.enable_module({"module_scripts": ["__inion/page.js"], "styles": ["__inion/page.css"]})
        with DivLayout(self.server):
            html.Div(id="inion")
            if self.session.local.wanted != "server":
                add_view(self.server, self.session.local)

    async def open(self) -> None:
        """Start the trame server, without a port of its own."""
        self.server.start(
            backend="generic", exec_mode="task", open_browser=False, show_connection_info=False, disable_logging=True, timeout=0
        )
        await self.server.ready
        self.endpoint = self.server._server["ws"]

    async def call(self, value: Any) -> dict[str, Any]:
        """Answer a request of the page; never raises, so that a fault costs nothing but that request."""
        self.used = time.monotonic()
        loop = asyncio.get_running_loop()
        busy = self.session.world is not None or not _asks_for_lists(value)
        try:
            answer = await loop.run_in_executor(self.worker if busy else None, self.session.call, value)
            return push(self.server, answer)
        except Exception:
            log.exception("a request failed")
            return {"error": "This went wrong inside the program; the attempt is kept. The server's log says more."}

    async def close(self) -> None:
        """Put the session away."""
        await asyncio.get_running_loop().run_in_executor(self.worker, self.session.close)
        await self.server.stop()


def _asks_for_lists(value: Any) -> bool:
    """Whether a request only wants the first page, which needs no picture and so need not wait for the worker."""
    return isinstance(value, list) and all(isinstance(v, dict) and v.get("do") in ("home", "able") for v in value)
