"""The browser app: one web server on loopback, a trame server for every page, one worker that computes for all.

A page's address holds a random key; whoever does not know it can neither see nor touch that attempt. The pictures are the answer
to the page's own requests, so a slow page never piles up frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.app.instructor import Instructor
from sim.app.local_link import vtk_script
from sim.app.seat import Seat

if TYPE_CHECKING:
    from aiohttp import web

    from sim.app.shelf import Shelf

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_SESSIONS = 40
IDLE_S = 1800.0  # a page that has not asked for anything as long as this is put away; its attempt stays on record
MOST_BYTES = 1 << 20
COOKIE = "inion_token"
SECRET = "wslink-secret"  # what trame's client sends when it is given none; the address is the secret here
PAGE_FILES = {f"{n}.js": "text/javascript" for n in ("page", "screens", "hands", "local", "dom")} | {"page.css": "text/css"}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' "
    "'unsafe-inline'; img-src 'self' blob: data:; connect-src 'self' ws: wss:; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Hub:
    """The web server.

    Parameters
    ----------
    shelf : Shelf
    token : str
        Asked for at the first request; '' on loopback.
    """

    def __init__(self, shelf: Shelf, token: str = "") -> None:
        self.shelf, self.token = shelf, token
        self.worker: Executor = ThreadPoolExecutor(1, thread_name_prefix="inion")
        self.seats: dict[str, Seat] = {}
        self.instructor_key = secrets.token_urlsafe(12)
        self.warm: asyncio.Future[None] | None = None

    def app(self) -> web.Application:
        """Return the application with its routes."""
        from aiohttp import web

        os.environ["WSLINK_READY_MSG"] = ""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        app = web.Application(middlewares=[guard], client_max_size=MOST_BYTES)
        app.router.add_get("/", self._front)
        app.router.add_get("/favicon.ico", self._no_icon)
        Instructor(self).add_routes(app)
        app.router.add_get("/s/{seat}", self._seat_front)
        app.router.add_get("/s/{seat}/ws", self._socket)
        app.router.add_post("/s/{seat}/paraview/", self._launched)
        app.router.add_get("/s/{seat}/debrief/{attempt}", self._debrief)
        app.router.add_get("/s/{seat}/export/{attempt}.{kind}", self._export)
        app.router.add_get("/s/{seat}/__inion/{name}", self._page_file)
        app.router.add_get("/s/{seat}/{tail:.*}", self._client_file)
        app.on_startup.append(self._start)
        app.on_cleanup.append(self._stop)
        return app

    async def _start(self, _app: web.Application) -> None:
        loop = asyncio.get_running_loop()
        self.warm = asyncio.ensure_future(loop.run_in_executor(self.worker, self.shelf.warm))
        self._sweeper = asyncio.ensure_future(self._sweep())

    async def _stop(self, _app: web.Application) -> None:
        self._sweeper.cancel()
        for name in list(self.seats):
            await self._put_away(name)
        self.worker.shutdown(wait=False, cancel_futures=True)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(30)
            for name, seat in list(self.seats.items()):
                if time.monotonic() - seat.used > IDLE_S:
                    await self._put_away(name)

    async def _put_away(self, name: str) -> None:
        await self.seats.pop(name).close()

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let nobody in without the token, nor any page of another site (whose browser would send the cookie)."""
        from aiohttp import web

        origin = request.headers.get("Origin")
        if origin is not None and origin.split("://", 1)[-1] != request.host:
            log.warning("refused a request from another origin")
            return web.Response(status=403, text="This request came from another site.\n")
        given = request.query.get("token") or request.cookies.get(COOKIE, "")
        if self.token and not hmac.compare_digest(given.encode(), self.token.encode()):
            log.warning("refused a request without the token")
            return web.Response(status=403, text="The token is missing or wrong; use the address that `inion serve` printed.\n")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(HEADERS)
            if self.token and request.query.get("token"):
                response.set_cookie(COOKIE, self.token, httponly=True, samesite="Strict")
        return response

    async def _front(self, _request: web.Request) -> web.StreamResponse:
        """Give a new page its own address."""
        from aiohttp import web

        if len(self.seats) >= MOST_SESSIONS:
            oldest = min(self.seats, key=lambda name: self.seats[name].used)
            await self._put_away(oldest)
        return web.HTTPSeeOther(f"/s/{secrets.token_urlsafe(18)}/index.html")

    async def _no_icon(self, _request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        return web.Response(status=204)

    async def _seat_front(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        await self._seat(request)
        return web.HTTPSeeOther(f"/s/{request.match_info['seat']}/index.html")

    async def _launched(self, request: web.Request) -> web.StreamResponse:
        """Answer trame's client, which asks a launcher where its socket is."""
        from aiohttp import web

        await self._seat(request)
        name, scheme = request.match_info["seat"], "wss" if request.secure else "ws"
        return web.json_response({"id": name, "sessionURL": f"{scheme}://{request.host}/s/{name}/ws", "secret": SECRET})

    async def _seat(self, request: web.Request) -> Seat:
        from aiohttp import web

        name = request.match_info["seat"]
        if not (name.replace("-", "").replace("_", "").isalnum() and len(name) == 24):
            raise web.HTTPNotFound(text="There is no such page.\n")
        if name not in self.seats:
            seat = self.seats[name] = Seat(name, self.shelf, self.worker)
            await seat.open()
        return self.seats[name]

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        """Carry messages between a page and its trame server."""
        from aiohttp import WSMsgType, web

        seat = await self._seat(request)
        socket = web.WebSocketResponse(max_msg_size=MOST_BYTES, heartbeat=30, compress=False)
        await socket.prepare(request)
        line = await seat.endpoint.connect()

        async def answer(binary: bool, value: Any) -> None:
            with contextlib.suppress(ConnectionError):  # a page that has gone needs no answer
                await (socket.send_bytes(value) if binary else socket.send_str(value))

        line.on_message(answer)
        try:
            async for message in socket:
                if message.type == WSMsgType.BINARY:
                    await _sent(line, message)
                else:
                    log.warning("refused a message that is no trame message")
        finally:
            await seat.endpoint.disconnect(line)
        return socket

    async def _page_file(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        name = request.match_info["name"]
        if name not in PAGE_FILES:
            raise web.HTTPNotFound(text="There is no such file.\n")
        text = files("sim").joinpath("app", "page", name).read_text("utf-8")
        return web.Response(text=text, content_type=PAGE_FILES[name], headers={"Cache-Control": "no-cache"})

    async def _client_file(self, request: web.Request) -> web.StreamResponse:
        """A file of trame's own client."""
        from aiohttp import web
        from trame_client.module import vue3

        script, vtk_js = vtk_script()
        if request.match_info["tail"] == script:
            return web.FileResponse(vtk_js, headers={"Cache-Control": "max-age=86400"})
        root = Path(vue3.www).resolve()
        path = (root / (request.match_info["tail"] or "index.html")).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise web.HTTPNotFound(text="There is no such file.\n")
        await self._seat(request)
        return web.FileResponse(path)

    async def _debrief(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        from sim.debrief.page import debrief_page

        await self._seat(request)
        attempt = request.match_info["attempt"]
        try:
            page = await asyncio.get_running_loop().run_in_executor(self.worker, debrief_page, self.shelf, attempt)
        except (KeyError, ValueError) as fault:
            raise web.HTTPNotFound(text=f"{fault.args[0]}\n") from None
        return web.Response(text=page, content_type="text/html")

    async def _export(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        from sim.record_exports import exported

        await self._seat(request)
        attempt, kind = request.match_info["attempt"], request.match_info["kind"]
        try:
            text, mime = await asyncio.get_running_loop().run_in_executor(
                self.worker, exported, self.shelf.records, attempt, kind
            )
        except (KeyError, ValueError) as fault:
            raise web.HTTPNotFound(text=f"{fault.args[0]}\n") from None
        name = f'attachment; filename="inion-{attempt}.{kind}"'
        return web.Response(text=text, content_type=mime, headers={"Content-Disposition": name})


async def _sent(line: Any, message: Any) -> None:
    """Hand a message to trame; one that it cannot read is refused and logged, and the line stays."""
    try:
        await line.send(True, message)
    except Exception as fault:
        log.warning("refused a message that cannot be read (%s)", type(fault).__name__)


def check_host(host: str, token: str | None, beyond: bool) -> str:
    """Return the token to ask for: none on loopback unless one is given.

    Raises
    ------
    ValueError
        If the host is not loopback and that has not been allowed.
    """
    if host in LOOPBACK:
        return token or ""
    if not beyond:
        raise ValueError(
            f"--host {host} lets other machines in; add --beyond-loopback if that is meant. A token is then asked for."
        )
    return token or secrets.token_urlsafe(16)
