"""Pen and paper of the windows: text, cards and buttons on pixels, with the places that can be clicked."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.lettering import font, line_height, text_width, wrapped
from sim.page import Box

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Pixels = NDArray[np.uint8]
Zone = tuple[Box, str]

# The colours of the browser's page.
INK, SOFT, PAPER, CARD, LINE = "#17202a", "#4a5866", "#f4f6f8", "#ffffff", "#c9d2db"
DEED, DEED_INK, CHOSEN, LOG = "#0b5c8a", "#ffffff", "#d8ebf6", "#fafbfc"
GOOD, WARN, BAD, MARKED = "#1c6b3c", "#8a5200", "#a31621", "#f2a900"
NIGHT, NIGHT_INK, NIGHT_LINE, NIGHT_KEY = "#0c0f13", "#c9d6e2", "#8fa3b5", "#1b222a"
SEVERITY = {"good": GOOD, "warning": WARN, "danger": BAD, "info": INK}
TEXT_PX, SMALL_PX, TITLE_PX = 14, 13, 17
BUTTON_PX, PAD_PX, GAP_PX = 28, 9, 8


class Sheet:
    """A picture that is drawn on.

    Parameters
    ----------
    size : (int, int)
        Width and height, pixels.
    scale : float
        How much larger than usual everything is drawn.
    ground : str
        Colour.
    """

    def __init__(self, size: tuple[int, int], scale: float, ground: str = PAPER) -> None:
        from PIL import Image, ImageDraw

        self.image: Picture = Image.new("RGB", (max(size[0], 1), max(size[1], 1)), ground)
        self.scale, self.zones = scale, list[Zone]()
        self._pen: Any = ImageDraw.Draw(self.image)

    def px(self, usual: float) -> int:
        """Return a length at this scale."""
        return max(1, round(usual * self.scale))

    def width_of(self, text: str, size: int = TEXT_PX, bold: bool = False) -> int:
        """Return the width of one line."""
        return round(text_width(text, self.px(size), bold=bold))

    def text(
        self, x: float, y: float, text: str, size: int = TEXT_PX, ink: str = INK, *, bold: bool = False, anchor: str = "lm",
        halo: str = "",
    ) -> None:  # fmt: skip
        """Write one line at (x, y), by Pillow's names of anchors; a halo is the colour of a rim round its letters."""
        rim: dict[str, Any] = {"stroke_width": self.px(2), "stroke_fill": halo} if halo else {}
        self._pen.text((x, y), text, fill=ink, font=font(self.px(size), bold), anchor=anchor, **rim)

    def lines(self, box: Box, text: str, size: int = TEXT_PX, ink: str = INK, *, bold: bool = False, most: int = 99) -> int:
        """Write text broken to the width of a box, from its top, and return where it ends; what is too much is cut off."""
        rows = wrapped(text, self.px(size), box.width, bold=bold)
        if len(rows) > most:
            rows = (*rows[: most - 1], rows[most - 1].rstrip(" .,") + " …")
        high = line_height(self.px(size))
        for n, row in enumerate(rows):
            self.text(box.x0, box.y0 + (n + 0.5) * high, row, size, ink, bold=bold)
        return box.y0 + len(rows) * high

    def card(self, box: Box, ground: str = CARD, line: str = LINE) -> None:
        """Draw a card."""
        round_by = min(self.px(7), box.height // 4)
        self._pen.rounded_rectangle((box.x0, box.y0, box.x1 - 1, box.y1 - 1), round_by, fill=ground, outline=line)

    def fill(self, box: Box, ground: str) -> None:
        """Fill a box."""
        self._pen.rectangle((box.x0, box.y0, box.x1 - 1, box.y1 - 1), fill=ground)

    def line(self, points: Sequence[tuple[float, float]], ink: str, wide: int = 1) -> None:
        """Draw a line through points."""
        self._pen.line(list(points), fill=ink, width=self.px(wide))

    def shape(self, points: Sequence[tuple[float, float]], ink: str) -> None:
        """Fill the shape between points."""
        self._pen.polygon(list(points), fill=ink)

    def dot(self, x: float, y: float, radius: float, ink: str) -> None:
        """Fill a disc; the radius at the usual scale."""
        r = self.px(radius)
        self._pen.ellipse((x - r, y - r, x + r, y + r), fill=ink)

    def badge(self, x: int, y: int, text: str, ground: str, ink: str) -> int:
        """Write a word on a ground about the height `y`, and return where it ends."""
        end = x + self.width_of(text, SMALL_PX, True) + self.px(16)
        half = self.px(11)
        self._pen.rounded_rectangle((x, y - half, end, y + half), half, fill=ground, outline=ink)
        self.text((x + end) / 2, y, text, SMALL_PX, ink, bold=True, anchor="mm")
        return end

    def button(
        self, box: Box, key: str, text: str, deed: str, *, on: bool = False, main: bool = False, night: bool = False
    ) -> None:
        """Draw a button with its key before its text; a click on it does a deed. Text that is too long is cut off."""
        ground, ink = (DEED, DEED_INK) if main else (CHOSEN, INK) if on else (NIGHT_KEY, NIGHT_INK) if night else (CARD, INK)
        line = DEED if on or main else SOFT if night else LINE
        self._pen.rounded_rectangle((box.x0, box.y0, box.x1 - 1, box.y1 - 1), self.px(6), fill=ground, outline=line)
        y, x, room = (box.y0 + box.y1) / 2, box.x0 + self.px(5), box.width - self.px(8)
        if key:
            wide = self.width_of(key, SMALL_PX, True)
            faint = DEED_INK if main else NIGHT_LINE if night else DEED
            self.text(x, y, key, SMALL_PX, faint, bold=True)
            x, room = x + wide + self.px(5), room - wide - self.px(5)
        self.text(x, y, self.shortened(text, room), SMALL_PX, ink)
        self.zones.append((box, deed))

    def shortened(self, text: str, room: float, size: int = SMALL_PX) -> str:
        """Return text as far as it fits."""
        if not text or self.width_of(text, size) <= room:
            return text
        keep = bisect_left(range(1, len(text) + 1), True, key=lambda n: self.width_of(text[:n] + "…", size) > room)
        return text[:keep].rstrip() + "…"

    def lay(self, other: Picture, x: int, y: int) -> None:
        """Lay a picture down, its upper left corner at (x, y)."""
        self.image.paste(other, (x, y))

    def pixels(self) -> Pixels:
        """Return the picture (height, width, 3)."""
        return np.asarray(self.image, dtype=np.uint8)


def picture_of(pixels: Pixels) -> Picture:
    """Return pixels (height, width, 3) as a picture."""
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels))


def inside(box: Box, x: int, y: int) -> bool:
    """Whether a pixel lies in a box."""
    return box.x0 <= x < box.x1 and box.y0 <= y < box.y1


def deed_at(zones: Sequence[Zone], x: int, y: int) -> str | None:
    """Return what a click at (x, y) does; what was drawn last lies on top."""
    return next((deed for box, deed in reversed(zones) if inside(box, x, y)), None)


def inset(box: Box, by: int) -> Box:
    """Return a box within a box."""
    return Box(box.x0 + by, box.y0 + by, box.x1 - by, box.y1 - by)
