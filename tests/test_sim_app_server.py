"""The server as a network sees it: addresses, keys, refusals, kills."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType  # noqa: TID253
from aiohttp.test_utils import TestClient, TestServer  # noqa: TID253

from sim.app.server import Hub, check_host
from sim.app.shelf import Shelf
from sim.records import Records

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
ROOT = Path(__file__).parent.parent
SERVED = Callable[[TestClient[Any, Any], Hub], Awaitable[None]]


class ColdShelf(Shelf):
    """A shelf that makes nothing beforehand."""

    def warm(self) -> None:
        """Nothing."""


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records(tmp_path / "records.sqlite") as held:
        yield held


def served(records: Records, use: SERVED, token: str = "") -> None:
    """Run a hub, and use it."""

    async def run() -> None:
        hub = Hub(ColdShelf(records), token)
        async with TestClient(TestServer(hub.app())) as client:
            await use(client, hub)

    asyncio.run(run())


async def seat_of(client: TestClient[Any, Any]) -> str:
    """Open the front page; return the address of the seat."""
    answer = await client.get("/", allow_redirects=False)
    assert answer.status == 303
    return answer.headers["Location"].rsplit("/", 1)[0]


class Line:
    """A page's line to trame, spoken by hand."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket, self.number = socket, 0

    async def ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        self.number += 1
        wanted = f"system:c0:{self.number}" if method == "wslink.hello" else f"rpc:c0:{self.number}"
        await self.send({"wslink": "1.0", "id": wanted, "method": method, "args": list(arguments), "kwargs": named})
        while True:
            message = await asyncio.wait_for(self.socket.receive(), 900)
            assert message.type == WSMsgType.BINARY, message
            answer = unpacked(message.data)
            if isinstance(answer, dict) and answer.get("id") == wanted:
                return answer.get("result", answer)

    async def send(self, value: Any) -> None:
        body = msgpack.packb(value)
        await self.socket.send_bytes(os.urandom(4) + (0).to_bytes(4, "little") + len(body).to_bytes(4, "little") + body)

    async def call(self, value: Any) -> Any:
        return await self.ask("trame.trigger", "call", [value], {})


def unpacked(data: bytes) -> Any:
    return msgpack.unpackb(data[12:], strict_map_key=False)


@asynccontextmanager
async def line_to(client: TestClient[Any, Any], seat: str) -> AsyncIterator[Line]:
    async with client.ws_connect(f"{seat}/ws", max_msg_size=0) as socket:
        line = Line(socket)
        await line.ask("wslink.hello", {"secret": "wslink-secret"})
        yield line


def test_every_page_gets_an_address_of_its_own(records: Records) -> None:
    async def use(client: TestClient[Any, Any], hub: Hub) -> None:
        first, second = await seat_of(client), await seat_of(client)
        assert first != second and len(first) >= 24
        page = await client.get(f"{first}/index.html")
        assert page.status == 200 and "script" in await page.text()
        script = await client.get(f"{first}/__inion/page.js")
        assert script.content_type == "text/javascript" and "trigger" in await script.text()
        async with line_to(client, first) as line:
            answer = await line.call([{"do": "home"}])
            assert "hello" in answer, answer
            hello = answer["hello"]
            assert len(hello["procedures"]) >= 15

    served(records, use)


@pytest.mark.parametrize(
    "path",
    [
        "/s/../../etc/passwd", "/s/short/index.html", "/s/AAAAAAAAAAAAAAAAAAAAAAAA/..%2f..%2f..%2fetc%2fpasswd",
        "/s/AAAAAAAAAAAAAAAAAAAAAAAA/__inion/..%2fserver.py", "/s/AAAAAAAAAAAAAAAAAAAAAAAA/%2e%2e/%2e%2e/core.py",
        "/s/AAAAAAAAAAAAAAAAAAAAAAAA/export/..%2fx.csv", "/s/AAAAAAAAAAAAAAAAAAAAAAAA/debrief/nobody", "/nothing",
        "/s/" + "x" * 3000, "/instructor/picture/-1.jpg",
    ],
)  # fmt: skip
def test_tricks_with_paths_are_refused(records: Records, path: str) -> None:
    async def use(client: TestClient[Any, Any], hub: Hub) -> None:
        from yarl import URL

        answer = await client.get(URL(path, encoded=True), allow_redirects=False)
        assert answer.status in (400, 403, 404), path
        assert "root:" not in await answer.text()

    served(records, use)


def test_a_token_is_asked_of_every_request(records: Records) -> None:
    async def use(client: TestClient[Any, Any], hub: Hub) -> None:
        assert (await client.get("/", allow_redirects=False)).status == 403
        assert (await client.get("/?token=wrong", allow_redirects=False)).status == 403
        assert (await client.get("/s/AAAAAAAAAAAAAAAAAAAAAAAA/ws")).status == 403
        assert (await client.get("/?token=right", allow_redirects=False)).status == 303
        assert (await client.get("/", allow_redirects=False)).status == 303  # the browser keeps it

    served(records, use, "right")


def test_another_site_cannot_use_the_page(records: Records) -> None:
    async def use(client: TestClient[Any, Any], hub: Hub) -> None:
        seat = await seat_of(client)
        assert (await client.get(f"{seat}/ws", headers={"Origin": "http://evil.example"})).status == 403

    served(records, use)


def test_the_instructor_needs_the_key(records: Records) -> None:
    async def use(client: TestClient[Any, Any], hub: Hub) -> None:
        for path in ("/instructor", "/instructor/live", "/instructor/export/csv"):
            assert (await client.get(path)).status == 403
            assert (await client.get(path, params={"key": hub.instructor_key})).status == 200
        who = records.add_trainee("Ada")
        assert (await client.post(f"/instructor/erase/{who}")).status == 403
        assert records.trainees()
        assert (await client.post(f"/instructor/erase/{who}", params={"key": hub.instructor_key})).status == 200
        assert not records.trainees()

    served(records, use)


def test_garbage_on_the_line_is_refused_and_the_line_stays(records: Records, caplog: pytest.LogCaptureFixture) -> None:
    async def use(client: TestClient[Any, Any], hub: Hub) -> None:
        seat = await seat_of(client)
        async with line_to(client, seat) as line:
            for junk in (b"", b"\x00", os.urandom(64), b"\x00" * 12 + b"\xff" * 40):
                await line.socket.send_bytes(junk)
            await line.socket.send_str("hello")
            await line.send({"wslink": "1.0", "id": "rpc:c0:9", "method": "os.system", "args": ["true"], "kwargs": {}})
            await line.send([1, 2, 3])
        async with line_to(client, seat) as line:
            assert (await line.call([{"do": "home"}]))["hello"]["procedures"]
            assert (await line.call([{"do": "fly"}]))["error"]
            assert (await line.call({"a": 1}))["error"]

    served(records, use)
    assert "refused" in caplog.text


@pytest.mark.parametrize(("host", "beyond", "token"), [("127.0.0.1", False, ""), ("localhost", False, "")])
def test_loopback_needs_no_token(host: str, beyond: bool, token: str) -> None:
    assert check_host(host, None, beyond) == token


def test_beyond_loopback_is_asked_for_and_has_a_token() -> None:
    with pytest.raises(ValueError, match="--beyond-loopback"):
        check_host("0.0.0.0", None, False)
    assert len(check_host("0.0.0.0", None, True)) > 16
    assert check_host("0.0.0.0", "mine", True) == "mine"


@contextmanager
def running(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the real program; yield it and its address."""
    command = [sys.executable, "-m", "sim", "serve", "--port", "0", "--records", str(folder / "r.sqlite"), *more]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        try:
            assert program.stdout is not None
            address = program.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), address
            yield program, address
        finally:
            program.kill()
            program.wait(20)


def test_a_killed_server_loses_at_most_a_second(tmp_path: Path, voxel_cache: Path) -> None:
    async def practise(address: str) -> str:
        async with ClientSession() as web:
            front = await web.get(address)
            seat = str(front.url).rsplit("/", 1)[0]
            async with web.ws_connect(f"{seat}/ws", max_msg_size=0) as socket:
                line = Line(socket)
                await line.ask("wslink.hello", {"secret": "wslink-secret"})
                begun = await line.call([{"do": "begin", "procedure": "gon-block-landmark", "side": "left", "trainee": "Ada"}])
                for deg in range(20):
                    await line.call([{"do": "acts", "acts": [{"kind": "palpate", "point_mm": [-10.0 - deg, -80.0, 0.0]}]}])
                await asyncio.sleep(1.2)
                return str(begun["state"]["attempt"])

    with running(tmp_path) as (program, address):
        attempt = asyncio.run(practise(address))
        program.send_signal(signal.SIGKILL)
        program.wait(20)
    with closing(sqlite3.connect(tmp_path / "r.sqlite")) as link:
        assert link.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Records(tmp_path / "r.sqlite") as again:
        assert [a["id"] for a in again.open_attempts()] == [attempt]
        assert len(again.actions(attempt)) == 20


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with running(tmp_path) as (_, address):
        port = address.rsplit(":", 1)[1].strip("/")
        command = [sys.executable, "-m", "sim", "serve", "--port", port, "--records", str(tmp_path / "other.sqlite")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert "choose another --port" in line


@pytest.mark.slow
def test_ten_pages_at_once_keep_apart_and_memory_stays_flat(tmp_path: Path, voxel_cache: Path) -> None:
    """Ten scripted trainees practise side by side; the second half of the time adds no memory worth speaking of."""
    seconds, pace = float(os.environ.get("INION_SOAK_S", "90")), float(os.environ.get("INION_SOAK_PACE_S", "0"))

    async def trainee(web: ClientSession, address: str, number: int, until: float, sizes: list[int]) -> None:
        front = await web.get(address)
        seat = str(front.url).rsplit("/", 1)[0]
        side = "left" if number % 2 else "right"
        async with web.ws_connect(f"{seat}/ws", max_msg_size=0) as socket:
            line = Line(socket)
            await line.ask("wslink.hello", {"secret": "wslink-secret"})
            while time.monotonic() < until:
                await line.call([{"do": "begin", "procedure": "gon-block-nuchal-line", "side": side, "trainee": f"T{number}"}])
                placed = {"kind": "probe_pose", "name": "nuchal-line", "side": side}
                await line.call([{"do": "acts", "acts": [{"kind": "choose_side", "side": side}, placed]}])
                for step in range(30):
                    answer = await line.call([{"do": "acts", "acts": [{"kind": "probe_slide", "along_mm": (-1.0) ** step}]}])
                    assert answer["error"] == "" and answer["state"]["side"] == side
                    await asyncio.sleep(pace)
                sizes.append(rss_mb(pid))

    async def all_of_them(address: str) -> list[int]:
        sizes: list[int] = []
        async with ClientSession() as web:
            until = time.monotonic() + seconds
            await asyncio.gather(*(trainee(web, address, i, until, sizes) for i in range(10)))
        return sizes

    with running(tmp_path) as (program, address):
        pid = program.pid
        sizes = asyncio.run(all_of_them(address))
    half = len(sizes) // 2
    assert half >= 5
    assert max(sizes[half:]) - max(sizes[:half]) < 60, sizes


def rss_mb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20
