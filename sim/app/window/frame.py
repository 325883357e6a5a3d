"""The picture of the training window, put together of its parts; what has not changed is not drawn anew."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.app.window.cards import draw_fault, draw_finger, draw_help, draw_needle, draw_probe
from sim.app.window.draw import LINE, PAPER, Sheet, Zone
from sim.app.window.hands import Hands, Told
from sim.app.window.layout import Layout, layout
from sim.app.window.panel import draw_bar, draw_log, draw_result, draw_steps, draw_top
from sim.app.window.scan import draw_knobs, draw_scan
from sim.page import Box

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Shown:
    """What the window shows at a moment.

    Parameters
    ----------
    told : Told
    hands : Hands
    view, scan : bytes
        JPEG of the 3-D view and of the ultrasound.
    about : mapping
        What stands round the ultrasound.
    events : sequence of mapping
        What happened, oldest first.
    counted : int
        How many events there have been, also those that are not kept.
    fault : str
        What was refused last; '' if nothing.
    scroll : int
        Of the steps, pixels.
    result : mapping or None
        As of `scoring.told`, once there is one.
    debrief : str
        Where it lies.
    """

    told: Told
    hands: Hands
    view: bytes
    scan: bytes
    about: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    counted: int
    fault: str = ""
    scroll: int = 0
    result: Mapping[str, Any] | None = None
    debrief: str = ""

    @property
    def key(self) -> str:
        """What all that is written depends on, except the clock."""
        state = {k: v for k, v in self.told.state.items() if k != "clock_s"}
        return json.dumps([state, repr(self.hands), self.counted, self.fault, self.scroll, self.result, self.debrief])


class Composer:
    """Puts the picture of a window together.

    Parameters
    ----------
    size : (int, int)
        Width and height, pixels.
    scale : float
        How much larger than usual letters are.
    """

    def __init__(self, size: tuple[int, int], scale: float) -> None:
        self.size, self.places = size, layout(size, scale)
        self.furthest = 0  # how far the steps can be scrolled
        self.zones: list[Zone] = []
        self._key = ""
        self._base: Sheet | None = None
        self._view: tuple[bytes, Picture | None] = (b"", None)

    def compose(self, shown: Shown, seconds: float) -> Pixels:
        """Return the picture (height, width, 3), so many seconds after the attempt began."""
        if shown.key != self._key or self._base is None:
            self._key, self._base = shown.key, self._words(shown)
        sheet = Sheet(self.size, self.places.scale)
        sheet.lay(self._base.image, 0, 0)
        sheet.zones = list(self._base.zones)
        draw_top(sheet, self.places.top, shown.told, shown.hands, seconds)
        self._lay_view(sheet, shown.view)
        draw_scan(sheet, self.places.scan, shown.scan, shown.about)
        if shown.fault:
            draw_fault(sheet, self.places.view, shown.fault)
        if shown.hands.help:
            draw_help(sheet, (self.size[0] / 2, self.size[1] / 2))
        self.zones = sheet.zones
        return sheet.pixels()

    def in_picture(self, x: int, y: int, picture: tuple[int, int]) -> tuple[float, float]:
        """Return which pixel of the 3-D view's own picture, of that width and height, lies at a pixel of the window."""
        box = self.places.view
        return (x - box.x0) * picture[0] / box.width, (y - box.y0) * picture[1] / box.height

    def _words(self, shown: Shown) -> Sheet:
        """All but title, 3-D view and ultrasound."""
        sheet, places = Sheet(self.size, self.places.scale, PAPER), self.places
        if shown.told.state["phase"] == "done":
            draw_result(sheet, places.steps, shown.result, shown.told, shown.debrief)
        else:
            self.furthest = draw_steps(sheet, places.steps, shown.told, shown.scroll)
        draw_log(sheet, places.log, shown.events)
        draw_bar(sheet, places.view_bar, shown.told, shown.hands)
        draw_knobs(sheet, places.knobs, shown.told)
        for draw, box in zip((draw_finger, draw_probe, draw_needle), places.hands, strict=True):
            draw(sheet, box, shown.told, shown.hands)
        return sheet

    def _lay_view(self, sheet: Sheet, view: bytes) -> None:
        box = self.places.view
        if view is not self._view[0]:
            self._view = view, picture_in(view, box)
        sheet.fill(Box(box.x0 - 1, box.y0, box.x1 + 1, box.y1 + 1), LINE)
        if self._view[1] is not None:
            sheet.lay(self._view[1], box.x0, box.y0)


def picture_in(view: bytes, box: Box) -> Picture | None:
    """Return a JPEG as large as a box; None if there are no bytes."""
    from PIL import Image

    if not view:
        return None
    picture = Image.open(io.BytesIO(view)).convert("RGB")
    whole = (box.width, box.height)
    return picture if picture.size == whole else picture.resize(whole, Image.Resampling.BILINEAR)


def view_size(places: Layout, most_px: int) -> tuple[int, int]:
    """Return width and height of the 3-D view's picture: those of its box, or less where that would take long to draw."""
    box = places.view
    share = min(1.0, most_px / max(box.width, box.height, 1))
    return max(200, round(box.width * share)), max(200, round(box.height * share))
