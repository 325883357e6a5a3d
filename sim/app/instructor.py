"""The instructor's page: who is at work, what is on record, exports and erasure; behind a key of its own."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from aiohttp import web

    from sim.app.seat import Seat
    from sim.app.shelf import Shelf

log = logging.getLogger(__name__)


class Rooms(Protocol):
    """What the instructor's page looks into: the server's seats and records."""

    instructor_key: str
    worker: Executor
    shelf: Shelf

    @property
    def seats(self) -> Mapping[str, Seat]:
        """Every page's place."""
        ...


class Instructor:
    """Routes of the instructor's page.

    Parameters
    ----------
    hub : Rooms
    """

    def __init__(self, hub: Rooms) -> None:
        self.hub = hub

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to an application."""
        get = app.router.add_get
        get("/instructor", self._page)
        get("/instructor/live", self._live)
        get("/instructor/picture/{number}.jpg", self._picture)
        get("/instructor/debrief/{attempt}", self._debrief)
        get("/instructor/export/{kind}", self._export)
        app.router.add_post("/instructor/erase/{trainee}", self._erase)

    def _check(self, request: web.Request) -> None:
        """Raise a refusal unless the request carries the instructor's key."""
        from aiohttp import web

        given = request.query.get("key", "")
        if not hmac.compare_digest(given.encode(), self.hub.instructor_key.encode()):
            log.warning("refused a request without the instructor's key")
            raise web.HTTPForbidden(text="The key is missing or wrong; use the address that `inion serve` printed.\n")

    async def _work(self, call: Any, *arguments: Any) -> Any:
        """Compute in the worker. What it does not know becomes a 404 of one line."""
        from aiohttp import web

        try:
            return await asyncio.get_running_loop().run_in_executor(self.hub.worker, call, *arguments)
        except (KeyError, ValueError) as fault:
            raise web.HTTPNotFound(text=f"{fault.args[0]}\n") from None

    async def _page(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        self._check(request)
        text = files("sim").joinpath("app", "page", "instructor.html").read_text("utf-8")
        return web.Response(text=text, content_type="text/html")

    async def _live(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        from sim.app.telling import attempts_told, procedures_told

        self._check(request)
        seats = [
            {"number": i, "idle_s": round(time.monotonic() - seat.used), **seat.session.glance()}
            for i, seat in enumerate(self.hub.seats.values())
        ]
        titles = {p["key"]: p["title"] for p in procedures_told()}
        told = await self._work(attempts_told, self.hub.shelf.records)
        return web.json_response({"seats": seats, "titles": titles, **told})

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        """What a trainee sees now."""
        from aiohttp import web

        self._check(request)
        number = int(request.match_info["number"]) if request.match_info["number"].isdecimal() else -1
        seats = list(self.hub.seats.values())
        if not 0 <= number < len(seats) or seats[number].session.world is None:
            raise web.HTTPNotFound(text="Nobody is at work there.\n")
        body = await self._work(seats[number].session.both_pictures)
        return web.Response(body=body, content_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def _debrief(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        from sim.debrief.page import debrief_page

        self._check(request)
        page = await self._work(debrief_page, self.hub.shelf, request.match_info["attempt"])
        return web.Response(text=page, content_type="text/html")

    async def _export(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        from sim.record_exports import exported

        self._check(request)
        kind = request.match_info["kind"]
        text, mime = await self._work(exported, self.hub.shelf.records, None, kind, True)
        return web.Response(text=text, content_type=mime, headers={"Content-Disposition": f'attachment; filename="inion.{kind}"'})

    async def _erase(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        self._check(request)
        await self._work(self.hub.shelf.records.erase_trainee, request.match_info["trainee"])
        return web.json_response({"erased": True})
