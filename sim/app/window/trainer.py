"""The training app in a window of the desktop: what the trainee does there, and the picture of it."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.app.window.draw import Sheet, deed_at, inside
from sim.app.window.frame import Composer, view_size
from sim.app.window.hands import Hands, deed_of, do
from sim.app.window.panel import draw_waiting
from sim.app.window.pointer import dragged, pressed, wheeled
from sim.app.window.screen import Input
from sim.app.window.talk import Talk

if TYPE_CHECKING:
    from sim.app.window.asks import Message

Pixels = NDArray[np.uint8]

SIZE = (1360, 860)
MOST_VIEW_PX = 1000  # a larger 3-D view is drawn at this size and enlarged, for speed
SETTLED_S = 0.15  # a window that keeps its size so long is drawn for it
WHEEL_PX = 60
LOOKING = ("layer", "camera", "help", "tool")  # what can be done after the end
RESTING = ("confirm", "item", "next", "layer", "doppler", "knob-", "knob+")  # what rests on how things stand now
CHECKING = ("confirm", "side")  # what is seen below the steps


class Trainer:
    """What the training window shows and does; an `App` of `window_screen`.

    Parameters
    ----------
    talk : Talk
        With the session that is shown.
    """

    def __init__(self, talk: Talk) -> None:
        self.talk, self.hands, self.clock = talk, Hands(), talk.clock
        self._composer = Composer(SIZE, 1.0)
        self._closed, self._changed, self._unsized = False, False, False
        self._drag: tuple[str, int, int] | None = None
        self._began, self._sized, self._second = self.clock(), self.clock(), -1

    @property
    def closed(self) -> bool:
        """Whether the window is to be closed."""
        return self._closed

    def close(self) -> None:
        """Put the session away; what is recorded stays."""
        self.talk.close()

    # What the user does

    def resize(self, size: tuple[int, int], scale: float) -> None:
        """Take the window's size in pixels, and how much larger than usual letters are."""
        self._composer, self._sized, self._unsized = Composer(size, scale), self.clock(), True

    def handle(self, what: Input) -> None:
        """Take note of what the user does."""
        if what.kind == "close":
            self._closed = True
        elif self.talk.phase == "loading":
            self._closed = self._closed or what.key == "Escape"
        elif what.kind == "key":
            self._deed(deed_of(what.key), what.shift)
        elif what.kind == "wheel":
            self._wheel(what)
        elif what.kind == "down":
            self._press(what)
        elif what.kind == "up":
            self._drag = None
        elif self._drag is not None:
            self._move(what, *self._drag)

    def _deed(self, deed: str | None, far: bool) -> None:
        """Do what a key or a button means."""
        if deed is None or (self.talk.phase == "done" and not self._after(deed)):
            return
        if deed.startswith("far:"):
            deed, far = deed.removeprefix("far:"), True
        name = deed.partition(":")[0]
        if name in RESTING:
            self.talk.flush()
        assert self.talk.told is not None
        self.hands, asked = do(self.hands, deed, self.talk.told, far=far)
        self._ask(asked)
        self.talk.change(hands=self.hands)
        if name in CHECKING or name in ("next", "step"):
            self.talk.change(scroll=self._composer.furthest if name in CHECKING else 0)
        self._changed = True

    def _after(self, deed: str) -> bool:
        """Whether a deed is one that can still be done after the end; closing and beginning anew are done here."""
        if deed == "finish" and not self.hands.help:
            self._closed = True
            return False
        if deed == "feel":
            self._begin()
        if deed == "doppler" and self.talk.written is not None:
            webbrowser.open(self.talk.written.resolve().as_uri())
        turning = deed.startswith("arrow") and self.hands.tool == "view"
        return deed.partition(":")[0] in (*LOOKING, "finish") or turning

    def _wheel(self, what: Input) -> None:
        shown = self.talk.shown
        if inside(self._composer.places.steps, what.x, what.y) and shown is not None:
            scroll = shown.scroll + (-WHEEL_PX if what.forward else WHEEL_PX)
            self.talk.change(scroll=min(max(scroll, 0), self._composer.furthest))
            self._changed = True
        elif inside(self._composer.places.view, what.x, what.y):
            self._ask(wheeled(self._tool(), what.forward))

    def _press(self, what: Input) -> None:
        """A press on a button, or in the 3-D view."""
        deed = deed_at(self._composer.zones, what.x, what.y) if what.button == "left" else None
        if deed is not None:
            self._deed(deed, what.shift)
        elif inside(self._composer.places.view, what.x, what.y):
            self._drag = what.button, what.x, what.y
            if what.button == "left":
                self._ask(pressed(self._tool(), *self._in_picture(what.x, what.y)))

    def _move(self, what: Input, button: str, x: int, y: int) -> None:
        """A drag that began in the 3-D view and was at (x, y)."""
        at, before = self._in_picture(what.x, what.y), self._in_picture(x, y)
        self._drag = button, what.x, what.y
        self._ask(dragged(self._tool(), button, what.shift, at, (at[0] - before[0], at[1] - before[1])))

    def _in_picture(self, x: int, y: int) -> tuple[float, float]:
        return self._composer.in_picture(x, y, self.talk.session.size)

    def _tool(self) -> str:
        """What the pointer moves: after the end, only the view."""
        return "view" if self.talk.phase == "done" else self.hands.tool

    def _ask(self, messages: tuple[Message, ...]) -> None:
        for message in messages:
            self.talk.asks.add(message)

    # What is done

    def work(self) -> bool:
        """Do what is to be done, and return whether the picture has changed."""
        if self.talk.phase == "loading":
            if self.talk.loaded():
                self._begin()
                return True
            return self._on(int(self.clock() - self._began))
        if self._unsized and self.clock() - self._sized >= SETTLED_S:
            self._unsized = False
            width, height = view_size(self._composer.places, MOST_VIEW_PX)
            self._ask(({"do": "camera", "width": width, "height": height},))
        worked = self.talk.work()
        changed, self._changed = self._changed, False
        ran = self.talk.phase == "attempt" and self._on(int(self.talk.session.now_s))
        return worked or changed or ran

    def _begin(self) -> None:
        self.hands, self._unsized = Hands(), False
        self.talk.begin(view_size(self._composer.places, MOST_VIEW_PX))

    def _on(self, second: int) -> bool:
        """Whether a second has passed."""
        passed, self._second = second != self._second, second
        return passed

    def frame(self) -> Pixels:
        """Return the picture (height, width, 3) of the window's size."""
        if self.talk.shown is None:
            sheet = Sheet(self._composer.size, self._composer.places.scale)
            draw_waiting(sheet, self.talk.title, self.clock() - self._began)
            return sheet.pixels()
        return self._composer.compose(self.talk.shown, self.talk.session.now_s)
