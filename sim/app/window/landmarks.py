"""The window of `inion landmarks --view`: landmarks of a real anatomy on its bones and skin, corrected by clicking."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from sim.app.window.draw import Sheet, Zone, deed_at, inside, picture_of
from sim.app.window.hands import ARROWS
from sim.app.window.landmark_desk import LandmarkDesk
from sim.app.window.landmark_frame import LAYERS, VIEWS, dots_of, draw_bar, draw_colours, places, taken
from sim.app.window.landmark_marks import Dot, Word, dot_at, draw_marks, words_of
from sim.app.window.landmark_panel import draw_panel
from sim.app.window.landmark_saving import Save
from sim.app.window.pointer import TURN
from sim.app.window.screen import Input
from sim.cameras import View
from sim.compose import told_of
from sim.credit_strip import strip
from sim.landmark_rows import Row
from sim.page import DISCLAIMER

Pixels = NDArray[np.uint8]

SIZE, FOOT_PX = (1360, 860), 12
STILL_S, TWICE_S = 0.35, 0.4  # after which a picture is drawn finely; within which the second click of two means nothing
SLIP_PX, REACH_PX, WHEEL_PX = 4, 9, 69  # of a click that turns nothing; about a dot; of the list for a notch of the wheel
KEYS = {
    "n": "next", "p": "previous", "u": "undo", "a": "approve", "c": "close-up", "s": "save", "q": "leave", "escape": "leave",
    "+": "nearer", "=": "nearer", "-": "farther",
}  # fmt: skip


class LandmarkWindow:
    """What the window shows and does; an `App` of `screen.run`.

    Parameters
    ----------
    anatomy : Anatomy
        Of a person, with landmarks that were found on it.
    rows : sequence of Row
        Of `rows_of`.
    save : callable
        As of `Saving`.
    clock : callable
        Seconds; monotonic.
    """

    def __init__(self, anatomy: Anatomy, rows: Sequence[Row], save: Save, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.dots: list[Dot] = []
        self.words: list[Word] = []
        self.zones: list[Zone] = []
        self._size, self._scale, self._told = SIZE, 1.0, told_of(anatomy, "")
        self._fit()
        self.desk = LandmarkDesk(anatomy, rows, save, (self.places.view.width, self.places.view.height), clock)
        self._drag: tuple[str, int, int] | None = None
        self._seen: tuple[View | None, str] = None, ""  # camera and layer of the last picture
        self._slipped, self._hover, self._picked_s = False, "", -TWICE_S
        self._scroll: int | None = None  # of the list, pixels; as the chosen landmark asks for, if None
        self._changed, self._fine, self._turning, self._since = True, False, False, clock()

    @property
    def closed(self) -> bool:
        """Whether the window is to be closed."""
        return self.desk.closed

    def close(self) -> None:
        """Wait for what is being saved, and give the 3-D view's memory back."""
        self.desk.close()

    def resize(self, size: tuple[int, int], scale: float) -> None:
        """Take the window's size in pixels, and how much larger than usual letters are."""
        self._size, self._scale = size, scale
        self._fit()
        self.desk.scene.resize((self.places.view.width, self.places.view.height))
        if self.desk.side:
            self.desk.scene.view(self.desk.side)
        self._touch()

    def handle(self, what: Input) -> None:
        """Take note of what the user does."""
        if what.kind == "key":
            self._key(what.key.lower().removeprefix("kp_"), what.shift)
        elif what.kind == "close":
            self._do("leave")
        elif what.kind == "wheel":
            self._wheel(what)
        elif what.kind == "down":
            self._press(what)
        elif what.kind == "up":
            self._release()
        elif self._drag is not None:
            self._dragged(what)
        else:
            self._hovered(what)

    def work(self) -> bool:
        """Return whether the picture has changed."""
        if self.desk.saving.busy and self.desk.wait():
            self._told = told_of(self.desk.made.anatomy, "")
            self._touch()
        still = not self._fine and self._drag is None and self.clock() - self._since > STILL_S
        return self._changed or still

    def frame(self, *, fine: bool = False) -> Pixels:
        """Return the picture (height, width, 3) of the window's size; a changing one is drawn less finely."""
        fine = fine or (not self._changed and self.clock() - self._since > STILL_S)
        self._changed, self._fine, self._turning = False, fine, self._turning and not fine
        desk, view = self.desk, self.places.view
        sheet = Sheet(self._size, self.places.scale)
        sheet.lay(picture_of(desk.scene.image(fine=fine)), view.x0, view.y0)
        self._seen = desk.scene.camera, desk.scene.layer
        self.dots = dots_of(desk.scene, desk.made, desk.chosen, self._hover)
        worded = [d for d in self.dots if d.bold or d.chosen or not self._turning]  # the others' words would jump about
        self.words = words_of(worded, sheet, desk.scene.size, taken(desk.scene.size))
        draw_marks(sheet, (view.x0, view.y0), self.dots, self.words)
        draw_colours(sheet, self.places.key, desk.made)
        draw_bar(sheet, self.places.bar, f"Landmarks: {desk.made.anatomy.name}", desk.scene.layer, desk.side)
        self._scroll = draw_panel(sheet, self.places.panel, desk.made, desk.chosen, desk.said, self._scroll)
        foot = self._foot()
        sheet.lay(picture_of(foot), 0, self._size[1] - len(foot))
        self.zones = sheet.zones
        return sheet.pixels()

    def _key(self, key: str, far: bool) -> None:
        if key in ARROWS:
            turn = 15 if far else 5
            self._turn(ARROWS[key][0] * turn, ARROWS[key][1] * turn)
        elif key in VIEWS:
            self._do(f"view:{VIEWS[key][0]}")
        elif key in ("1", "2", "3", "4"):
            self._do(f"layer:{tuple(LAYERS)[int(key) - 1]}")
        elif key in KEYS:
            self._do(KEYS[key])

    def _do(self, deed: str) -> None:
        chosen, self._turning = self.desk.chosen, deed in ("nearer", "farther")
        self.desk.do(deed)
        if self.desk.chosen != chosen and not deed.startswith("choose"):
            self._scroll = None
        self._touch()

    def _wheel(self, what: Input) -> None:
        if inside(self.places.panel, what.x, what.y):
            self._scroll = (self._scroll or 0) + (-1 if what.forward else 1) * round(WHEEL_PX * self.places.scale)
            self._touch()
        else:
            self._do("nearer" if what.forward else "farther")

    def _press(self, what: Input) -> None:
        deed = deed_at(self.zones, what.x, what.y) if what.button == "left" else None
        if deed is not None:
            self._do(deed)
        elif inside(self.places.view, what.x, what.y):
            self._drag, self._slipped = (what.button, what.x, what.y), False

    def _release(self) -> None:
        """A press that was let go in its place is a click: it chooses the dot there, else puts the chosen landmark there."""
        drag, self._drag = self._drag, None
        scene = self.desk.scene
        unseen = self._seen[0] is not scene.camera or self._seen[1] != scene.layer  # what was clicked on is no longer there
        if drag is None or drag[0] != "left" or self._slipped or unseen:
            return
        x, y = drag[1] - self.places.view.x0, drag[2] - self.places.view.y0
        name = dot_at(self.dots, x, y, REACH_PX * self.places.scale)
        if name and name != self.desk.chosen:
            self._scroll, self._picked_s = None, self.clock()
            self.desk.do(f"choose:{name}")
        elif self.clock() - self._picked_s > TWICE_S:
            self.desk.place(x, y)
        self._touch()

    def _dragged(self, what: Input) -> None:
        """Turn or shift the view once the pointer has left the place where it was pressed."""
        assert self._drag is not None
        button, x, y = self._drag
        if not self._slipped and max(abs(what.x - x), abs(what.y - y)) <= SLIP_PX * self.places.scale:
            return
        self._drag, self._slipped = (button, what.x, what.y), True
        if button == "middle" or what.shift:
            self.desk.scene.pan(what.x - x, y - what.y)
            self._turned()
        else:
            self._turn((what.x - x) * TURN, (what.y - y) * TURN)

    def _hovered(self, what: Input) -> None:
        x, y = what.x - self.places.view.x0, what.y - self.places.view.y0
        name = dot_at(self.dots, x, y, REACH_PX * self.places.scale) if inside(self.places.view, what.x, what.y) else ""
        if name != self._hover:
            self._hover = name
            self._touch()

    def _turn(self, azimuth: float, elevation: float) -> None:
        self.desk.scene.orbit(azimuth, elevation)
        self._turned()

    def _turned(self) -> None:
        """Take note that one looks from no named side any more."""
        self.desk.side, self._turning = "", True
        self._touch()

    def _fit(self) -> None:
        self.places = places(self._size, self._scale, len(self._foot()))

    def _foot(self) -> Pixels:
        """Whose anatomy it is, how sure, and what it is for."""
        text = f"{self._told[:1].upper()}{self._told[1:]}. {DISCLAIMER}" if self._told else DISCLAIMER
        return strip(text, self._size[0], round(FOOT_PX * self._scale))

    def _touch(self) -> None:
        self._changed, self._fine, self._since = True, False, self.clock()
