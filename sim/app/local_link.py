"""What a page that draws its view itself needs beside its messages: vtk.js, and the arrays of the scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.app.local_scene import SCENE, window

if TYPE_CHECKING:
    from sim.app.local import Local

REF, SHOWN, STATE = "inion_view", "inion_local", "inion_scene"
TOPIC = "trame.vtk.delta"  # that the component of trame-vtk listens to


def add_view(server: Any, local: Local) -> None:
    """Put trame-vtk's local view on a page, hidden and without a canvas until it is asked for.

    Parameters
    ----------
    server : trame_server.core.Server
    local : Local
        Of the page's session; it holds the arrays that the view fetches.
    """
    from trame.widgets import html
    from trame_client.widgets.core import AbstractElement
    from trame_vtk.modules import common  # type: ignore[import-untyped]

    server.enable_module(common)
    server.add_protocol_to_configure(lambda protocol: protocol.registerLinkProtocol(_arrays_of(local)))
    server.state[SHOWN], server.state[STATE] = False, window()
    with html.Div(id="inion-local", classes="off", inert=True):
        view = AbstractElement("vtk-local-view", v_if=SHOWN)
        view._attributes["ref"], view._attributes["view_state"] = f'ref="{REF}"', f':viewState="{STATE}"'
        view._attributes["context"] = f'contextName="{SCENE}"'


def push(server: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """Hand an answer's part that is for the local view to it; return the rest, which is for the page."""
    if answer.get("rendering") == "local" or answer.get("drawn") == "device":
        server.state[SHOWN] = True
        server.state.flush()
    delta = answer.pop("scene", None)
    if delta is not None:
        server.protocol.publish(TOPIC, delta)
    return answer


def _arrays_of(local: Local) -> Any:
    """The one thing that the view may call: an array, by its name."""
    from wslink import register
    from wslink.websocket import LinkProtocol

    class Arrays(LinkProtocol):  # type: ignore[misc]
        @register("viewport.geometry.array.get")  # type: ignore[untyped-decorator]
        def get_array(self, name: str, binary: bool = True) -> bytes:
            return local.array(str(name))

    return Arrays()


def vtk_script() -> tuple[str, Path]:
    """Return the address, from a page's own, of trame-vtk's script, and where it is."""
    from trame_vtk.modules import common

    script = str(common.scripts[0])
    return script, Path(common.serve_path) / Path(script).name
