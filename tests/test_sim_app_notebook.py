from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.app import notebook
from sim.app.notebook import TrainingCell, show
from tests.test_sim_app_server import Line

pytestmark = [
    pytest.mark.image,  # the app draws
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),  # of trame
]


@pytest.fixture(scope="module")
def cell(voxel_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingCell]:
    made = show("gon-block-c2", "left", records=tmp_path_factory.mktemp("records") / "records.sqlite")
    yield made
    made.stop()


def source(cell: TrainingCell) -> str:
    found = re.search(r'<iframe src="([^"]+)"', cell._repr_html_())
    assert found is not None
    return found[1]


def test_a_notebook_is_given_a_frame_of_a_page_of_this_machine(cell: TrainingCell) -> None:
    assert source(cell).startswith("http://127.0.0.1:")
    assert source(cell).endswith(f"#attempt={cell.attempt}")
    bundle = cell._repr_mimebundle_()
    assert bundle["text/html"] == cell._repr_html_() and cell.address in bundle["text/plain"]


def test_the_page_answers_and_lets_notebooks_of_this_machine_frame_it(cell: TrainingCell) -> None:
    status, headers, text = asyncio.run(_get(source(cell)))
    assert status == 200 and "<html" in text.lower()
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*" in policy
    assert "https:" not in policy  # nobody else's page


def test_its_socket_takes_up_the_attempt(cell: TrainingCell) -> None:
    state = asyncio.run(_resumed(cell))
    assert state["phase"] == "attempt" and state["attempt"] == cell.attempt
    assert state["step"]


def test_one_server_serves_all_cells_and_stops_with_the_last(cell: TrainingCell) -> None:
    other = show(None)
    assert other.attempt is None and "#" not in source(other)
    assert source(other).split("/")[2] == source(cell).split("/")[2]
    other.stop()
    other.stop()
    assert not other.running and "stopped" in other._repr_html_() and cell.running
    assert asyncio.run(_get(source(cell)))[0] == 200


def test_faults_are_told_before_anything_is_served(cell: TrainingCell) -> None:
    count = len(notebook._served[0].cells)
    with pytest.raises(ValueError, match="gon-block-c2"):
        show("gon-blok-c2")
    with pytest.raises(ValueError, match="side"):
        show(side="up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="height_px"):
        show(height_px=10)
    assert len(notebook._served[0].cells) == count


async def _get(address: str) -> tuple[int, Any, str]:
    from aiohttp import ClientSession

    async with ClientSession() as client, client.get(address.split("#")[0]) as answer:
        return answer.status, answer.headers, await answer.text()


async def _resumed(cell: TrainingCell) -> Any:
    """The state that the page's own first request is answered with."""
    from aiohttp import ClientSession

    page = cell.address.split("/index.html")[0]
    async with ClientSession() as client:
        async with client.post(f"{page}/paraview/", json={}) as answer:
            told = await answer.json()
        async with client.ws_connect(told["sessionURL"], max_msg_size=0) as socket:
            line = Line(socket)
            await line.ask("wslink.hello", {"secret": told["secret"]})
            resumed = await line.call([{"do": "resume", "attempt": cell.attempt}])
            assert resumed["view"][:2] == b"\xff\xd8"
            return resumed["state"]
