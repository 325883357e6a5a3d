"""Who draws the 3-D view of a page, the server or the browser itself, and what the two tell one another then."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.app import messages as m
from sim.app.local_scene import LocalScene
from sim.app.shelf import Shelf
from sim.cameras import View

if TYPE_CHECKING:
    from sim.app.scene.live import Scene
    from sim.app.scene.model import SceneModel

Array = NDArray[np.float64]

SOFTWARE = re.compile("SwiftShader|llvmpipe|software|Basic Render", re.IGNORECASE)
FAR_MM = 1000.0


def chosen(wanted: str, webgl: str) -> str:
    """Return 'local' or 'server' for what is wanted and the name of a browser's WebGL renderer, '' for none."""
    if wanted != "auto":
        return wanted
    return "server" if not webgl.strip() or SOFTWARE.search(webgl) else "local"


class Local:
    """What a session keeps while its page draws the view itself.

    Parameters
    ----------
    shelf : Shelf
    """

    def __init__(self, shelf: Shelf) -> None:
        self.wanted, self.on = shelf.rendering, False
        self._scene: LocalScene | None = None
        self._model: SceneModel | None = None
        self._look: dict[str, Any] | None = None

    def array(self, name: str) -> bytes:
        """Return an array of the scene of now. Raises KeyError for any other."""
        if self._scene is None:
            raise KeyError(name)
        return self._scene.array(name)

    def forget(self) -> None:
        """Take it that the browser knows nothing yet."""
        self._look = None
        if self._scene is not None:
            self._scene.forget()

    def close(self) -> None:
        """Forget the scene: nothing of it can be fetched after."""
        self._scene, self._model, self._look = None, None, None

    def changes(self, scene: Scene, layer: str, shown: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what the browser does not know yet: of the scene, and where one looks from if the server has changed that."""
        if self._scene is None or self._model is not scene.model:
            self._scene, self._model = LocalScene(scene.model), scene.model
        shows = shown()
        delta = self._scene.update(layer, scene.camera.px_per_mm, shows)
        answer: dict[str, Any] = {} if delta is None else {"scene": delta}
        look = look_of(scene.camera)
        if look != self._look:
            self._look = answer["look"] = look
        return answer

    def looked(self, scene: Scene) -> None:
        """Take it that the browser looks from where the scene does."""
        self._look = look_of(scene.camera)


class Page(Protocol):
    """What the answers here need of a session."""

    local: Local

    @property
    def world(self) -> object:
        """The attempt's world; None before one is begun."""
        ...

    def scene(self) -> Scene:
        """The view."""
        ...

    def redraw(self) -> None:
        """Have the view sent anew."""
        ...


def able(session: Page, message: m.Able) -> dict[str, Any]:
    """Answer which way of drawing suits a browser, and whether it may choose."""
    return {"rendering": chosen(session.local.wanted, message.webgl), "choice": session.local.wanted != "server"}


def draw(session: Page, message: m.Draw) -> dict[str, Any]:
    """Let the browser or the server draw from now on; a browser is then told the whole scene."""
    local = session.local
    if message.by == "device" and local.wanted == "server":
        raise ValueError("this server was started with --rendering server; it draws every view itself.")
    local.on = message.by == "device"
    local.forget()
    session.redraw()
    return {"drawn": message.by}


def look(session: Page, message: m.Look) -> None:
    """Look, on the server too, from where the browser does."""
    if session.world is None:
        return
    scene = session.scene()
    turn_to(scene, message)
    session.local.looked(scene)


def look_of(view: View) -> dict[str, Any]:
    """Return where a view looks from: azimuth and elevation, degrees; focus, mm RAS; width of the picture, mm."""
    rise, flat = float(view.toward[2]), float(view.up[2])
    back = view.toward * flat - view.up * rise
    return {
        "azimuth_deg": round(math.degrees(math.atan2(back[0], back[1])), 6),
        "elevation_deg": round(math.degrees(math.atan2(rise, flat)), 6),
        "focus_mm": [round(float(v), 4) for v in view.focus_mm],
        "width_mm": round(view.width_px / view.px_per_mm, 4),
    }


def turn_to(scene: Scene, wanted: m.Look) -> None:
    """Let a scene look as is wanted."""
    now = look_of(scene.camera)
    scene.orbit(wanted.azimuth_deg - now["azimuth_deg"], wanted.elevation_deg - now["elevation_deg"])
    scene.look_at(np.array(wanted.focus_mm), wanted.width_mm)


def place_under(scene: Scene, aim: m.Aim) -> Array | None:
    """Return the place (3,) mm RAS on the skin under a pointer; None beside the patient.

    Raises
    ------
    ValueError
        If the camera that came with it looks nowhere.
    """
    if aim.camera is None or aim.width is None or aim.height is None:
        return scene.pick(aim.x, aim.y)
    start, way = ray(aim.camera, aim.x, aim.y, aim.width, aim.height)
    far = scene.model.skin.first_hit(start[None], way[None], 2 * FAR_MM)[0]
    return None if np.isnan(far) else np.asarray(start + far * way)


def ray(camera: m.Stance, x: float, y: float, width: float, height: float) -> tuple[Array, Array]:
    """Return start and direction (3,), RAS mm and unit, of the ray under a pixel.

    Parameters
    ----------
    camera : Stance
    x, y : float
        Pixels, right and down from the upper left corner.
    width, height : float
        Of the view, in the same pixels.

    Raises
    ------
    ValueError
        If the camera stands in its focus or looks along its own upward direction.
    """
    place, focus, upward = (np.array(v, dtype=np.float64) for v in (camera.position, camera.focal_point, camera.view_up))
    toward, right = place - focus, np.cross(upward, place - focus)
    if np.linalg.norm(toward) < 1e-6 or np.linalg.norm(right) < 1e-6 * np.linalg.norm(toward):
        raise ValueError("camera: it must stand off its focal_point and not look along view_up.")
    toward, right = toward / np.linalg.norm(toward), right / np.linalg.norm(right)
    across = (x - width / 2) * right - (y - height / 2) * np.cross(toward, right)
    if camera.parallel:
        return focus + across * (2 * camera.parallel_scale / height) + FAR_MM * toward, -toward
    way = across * (2 * math.tan(math.radians(camera.view_angle) / 2) / height) - toward
    return place, way / np.linalg.norm(way)
