"""The 3-D view alone, in a window of the desktop or as one picture: turn, zoom, layers and views."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.app.window.draw import SMALL_PX, SOFT, TITLE_PX, Sheet, deed_at, inset
from sim.app.window.hands import ARROWS, LAYERS, VIEWS
from sim.app.window.panel import LAYER_NAMES, VIEW_NAMES
from sim.app.window.pointer import TURN, ZOOM
from sim.app.window.screen import Input
from sim.credit_strip import strip
from sim.page import Box

if TYPE_CHECKING:
    from sim.app.scene.live import Scene, SceneModel

Pixels = NDArray[np.uint8]

SIZE = (1240, 820)
FOOT_PX = 13
BAR_PX, LEAST_PX, MOST_PX = 44, 200, 4096
STILL_S = 0.35  # a picture that has stood so long is drawn finely
KEYS = {"v": "view", "l": "layer", "+": "nearer", "=": "nearer", "-": "farther", "escape": "close"}
HINT = "Drag turns, right button or Shift shifts, wheel zooms. Esc closes."


class Viewer:
    """What the window of `inion view` shows and does; an `App` of `window_screen`.

    Parameters
    ----------
    model : SceneModel
    layer : str
        What is shown first.
    title : str
        Of the patient.
    clock : callable
        Seconds; monotonic.
    foot : str
        Line below the picture: whose anatomy it is; none if empty.
    """

    def __init__(
        self, model: SceneModel, layer: str, title: str, clock: Callable[[], float] = time.monotonic, foot: str = ""
    ) -> None:
        from sim.app.scene.live import Scene

        self.layer, self.title, self.clock, self.foot = layer, title, clock, foot
        self._view, self._closed, self._changed, self._fine = 0, False, True, False
        self._moved = False  # by hand; until then the view fits the window
        self._size, self._scale, self._since = SIZE, 1.0, clock()
        self._drag: tuple[str, int, int] | None = None
        self._bar: Sheet | None = None
        self._scene: Scene = Scene(model, self._room())
        self._scene.show(layer)

    @property
    def closed(self) -> bool:
        """Whether the window is to be closed."""
        return self._closed

    def close(self) -> None:
        """Give the 3-D view's memory back."""
        self._scene.close()

    def resize(self, size: tuple[int, int], scale: float) -> None:
        """Take the window's size in pixels, and how much larger than usual letters are."""
        self._size, self._scale = size, scale
        self._scene.resize(self._room())
        if not self._moved:
            self._scene.view(VIEWS[self._view % len(VIEWS)])
        self._touch()

    def handle(self, what: Input) -> None:
        """Take note of what the user does."""
        if what.kind == "close":
            self._closed = True
        elif what.kind == "key":
            self._key(what.key.lower(), what.shift)
        elif what.kind == "wheel":
            self._do("nearer" if what.forward else "farther")
        elif what.kind == "up":
            self._drag = None
        elif what.kind == "down":
            deed = deed_at(self._bar.zones, what.x, what.y) if self._bar is not None and what.button == "left" else None
            if deed is None:
                self._drag = what.button, what.x, what.y
            else:
                self._do(deed)
        elif self._drag is not None:
            self._dragged(what)

    def work(self) -> bool:
        """Return whether the picture has changed."""
        still = not self._fine and self._drag is None and self.clock() - self._since > STILL_S
        return self._changed or still

    def frame(self, *, fine: bool = False) -> Pixels:
        """Return the picture (height, width, 3) of the window's size; a changing one is drawn less finely."""
        fine = fine or (not self._changed and self.clock() - self._since > STILL_S)
        self._changed, self._fine = False, fine
        picture = self._scene.image(fine=fine)
        out = np.empty((self._size[1], self._size[0], 3), dtype=np.uint8)
        bar, foot = self._drawn_bar(), self._drawn_foot()
        top = self._size[1] - picture.shape[0] - len(foot)
        out[:] = picture[-1, 0]  # the paper, should the window be less than a picture can be
        out[: min(bar.shape[0], len(out))] = bar[: len(out)]
        room = out[max(top, 0) : len(out) - len(foot)] if len(foot) < len(out) else out
        room[:] = picture[-len(room) :, : self._size[0]]
        if len(foot) < len(out):
            out[len(out) - len(foot) :] = foot
        return out

    def _room(self) -> tuple[int, int]:
        """Size of the 3-D view's picture."""
        high = self._size[1] - round(BAR_PX * self._scale) - len(self._drawn_foot())
        return min(MOST_PX, max(LEAST_PX, self._size[0])), min(MOST_PX, max(LEAST_PX, high))

    def _touch(self) -> None:
        self._changed, self._fine, self._since, self._bar = True, False, self.clock(), None

    def _key(self, key: str, far: bool) -> None:
        key = key.removeprefix("kp_")
        if key in ARROWS:
            x, y = ARROWS[key]
            turn = 15 if far else 5
            self._scene.orbit(x * turn, y * turn)
            self._moved = True
            self._touch()
        elif key in ("1", "2", "3", "4"):
            self._do(f"layer:{LAYERS[int(key) - 1]}")
        elif key in KEYS:
            self._do(KEYS[key])

    def _do(self, deed: str) -> None:
        name, _, what = deed.partition(":")
        if name == "close":
            self._closed = True
        elif name == "layer":
            self.layer = what or LAYERS[(LAYERS.index(self.layer) + 1) % len(LAYERS)]
            self._scene.show(self.layer)
        elif name == "view":
            self._view, self._moved = self._view + 1, False
            self._scene.view(VIEWS[self._view % len(VIEWS)])
        else:
            self._scene.zoom(ZOOM if name == "nearer" else 1 / ZOOM)
            self._moved = True
        self._touch()

    def _dragged(self, what: Input) -> None:
        assert self._drag is not None
        button, x, y = self._drag
        self._drag, self._moved = (button, what.x, what.y), True
        if button == "left" and not what.shift:
            self._scene.orbit((what.x - x) * TURN, (what.y - y) * TURN)
        else:
            self._scene.pan(what.x - x, y - what.y)
        self._touch()

    def _drawn_foot(self) -> Pixels:
        """Whose anatomy it is, in as many lines as the width asks for."""
        return strip(self.foot, self._size[0], round(FOOT_PX * self._scale))

    def _drawn_bar(self) -> Pixels:
        """Title, buttons of layers and view."""
        if self._bar is None:
            sheet = Sheet((self._size[0], round(BAR_PX * self._scale)), self._scale)
            box, gap = inset(Box(0, 0, sheet.image.width, sheet.image.height), sheet.px(7)), sheet.px(5)
            sheet.text(box.x0 + gap, sheet.image.height / 2, self.title, TITLE_PX, bold=True)
            x = box.x0 + sheet.width_of(self.title, TITLE_PX, True) + 3 * gap
            words = [(str(n + 1), LAYER_NAMES[layer], f"layer:{layer}") for n, layer in enumerate(LAYERS)]
            for key, text, deed in [*words, ("V", VIEW_NAMES[self._view % len(VIEWS)], "view")]:
                wide = sheet.width_of(key, SMALL_PX, True) + sheet.width_of(text, SMALL_PX) + sheet.px(22)
                sheet.button(Box(x, box.y0, x + wide, box.y1), key, text, deed, on=deed == f"layer:{self.layer}")
                x += wide + gap
            if x + sheet.width_of(HINT, SMALL_PX) + gap < box.x1:
                sheet.text(box.x1, sheet.image.height / 2, HINT, SMALL_PX, SOFT, anchor="rm")
            self._bar = sheet
        return self._bar.pixels()
