"""Dots of landmarks on a 3-D view, each with its number, and its name where there is room: no word over another, none cut off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sim.app.window.draw import BAD, CARD, INK, SMALL_PX, SOFT, Sheet

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Rect = tuple[float, float, float, float]

DOT_PX, RING_PX, PIN_PX = 5.0, 11.0, 2.2
GAP_PX, LEAD_PX = 8.0, (0.0, 16.0, 34.0)  # from a dot to its words, and further off with a line between
WAYS = ((1, 0), (-1, 0), (1, -1), (1, 1), (-1, -1), (-1, 1), (0, -1), (0, 1))
FINER = 4  # drawn so many times larger, for smooth edges


@dataclass(frozen=True)
class Dot:
    """One landmark that the view shows.

    Parameters
    ----------
    name : str
    x, y : float
        Pixels of the view.
    number, text : str
        What is written where there is little room, and where there is enough.
    colour : str
    bold : bool
        One that matters: it is written first, and stands on top.
    chosen, refused, hidden : bool
        Drawn with a ring; with a red one; as a ring alone, for something solid lies before it.
    was : (float, float) or None
        Where it lay before it was moved, pixels.
    """

    name: str
    x: float
    y: float
    number: str
    text: str
    colour: str
    bold: bool = False
    chosen: bool = False
    refused: bool = False
    hidden: bool = False
    was: tuple[float, float] | None = None


@dataclass(frozen=True)
class Word:
    """Where the words of a dot stand, pixels of the view."""

    dot: Dot
    text: str
    box: Rect
    led: bool


def words_of(dots: Sequence[Dot], sheet: Sheet, size: tuple[int, int], taken: Sequence[Rect]) -> list[Word]:
    """Return the words that have room, those that matter first.

    Parameters
    ----------
    dots : sequence of Dot
    sheet : Sheet
        Whose letters are measured.
    size : (int, int)
        Of the view, pixels.
    taken : sequence of (x0, y0, x1, y1)
        Where nothing may be written.
    """
    r = sheet.px(DOT_PX) + 1
    blocked = [*taken, *((d.x - r, d.y - r, d.x + r, d.y + r) for d in dots)]
    out = []
    for dot in sorted(dots, key=lambda d: (not d.chosen, not d.bold)):
        reach = len(LEAD_PX) if dot.bold or dot.chosen else 1
        tries = [*((dot.text, lead) for lead in LEAD_PX[:reach]), *((dot.number, lead) for lead in LEAD_PX)]
        word = next((w for text, lead in tries if (w := _word(dot, text, lead, sheet, size, blocked)) is not None), None)
        if word is not None:
            out.append(word)
            blocked.append(word.box)
    return out


def dot_at(dots: Sequence[Dot], x: float, y: float, reach: float) -> str:
    """Return the landmark whose dot lies nearest to a pixel of the view within a reach; '' if there is none."""
    near = {d.name: math.hypot(d.x - x, d.y - y) for d in dots if not d.hidden}
    name = min(near, key=lambda n: near[n], default="")
    return name if name and near[name] <= reach else ""


def draw_marks(sheet: Sheet, at: tuple[int, int], dots: Sequence[Dot], words: Sequence[Word]) -> None:
    """Draw dots and words on a view whose upper left corner lies at a pixel of the sheet."""
    x0, y0 = at
    for word in words:
        if word.led:
            left, top, right, bottom = word.box
            end = (min(max(word.dot.x, left), right) + x0, min(max(word.dot.y, top), bottom) + y0)
            sheet.line([(word.dot.x + x0, word.dot.y + y0), end], SOFT)
    for dot in sorted(dots, key=lambda d: (d.chosen, d.bold)):
        _draw_dot(sheet, dot, dot.x + x0, dot.y + y0, at)
    for word in words:
        ink = BAD if word.dot.refused else INK
        middle = (word.box[1] + word.box[3]) / 2 + y0
        bold = word.dot.bold or word.dot.chosen
        sheet.text(word.box[0] + sheet.px(2) + x0, middle, word.text, SMALL_PX, ink, bold=bold, halo=CARD)


def draw_key(sheet: Sheet, x: float, y: float, colour: str, text: str) -> float:
    """Draw a dot and say what it means, about the height `y`; return where that ends."""
    draw_disc(sheet, x + sheet.px(DOT_PX), y, colour)
    sheet.text(x + 2.8 * sheet.px(DOT_PX), y, text, SMALL_PX, INK, halo=CARD)
    return x + 2.8 * sheet.px(DOT_PX) + sheet.width_of(text, SMALL_PX)


def draw_disc(sheet: Sheet, x: float, y: float, colour: str) -> None:
    """Draw a dot as those on the view."""
    _paste(sheet, _disc(sheet.px(DOT_PX), colour, CARD, sheet.px(1)), x, y)


def _word(dot: Dot, text: str, lead: float, sheet: Sheet, size: tuple[int, int], blocked: Sequence[Rect]) -> Word | None:
    """A place for words at a distance from their dot; None if all are taken."""
    wide = sheet.width_of(text, SMALL_PX, dot.bold or dot.chosen) + sheet.px(4)
    high, ring = sheet.px(SMALL_PX + 4), sheet.px(RING_PX - DOT_PX) if dot.chosen else 0
    gap = sheet.px(GAP_PX) + ring + (sheet.px(lead) if lead else 0)
    for dx, dy in _ways(dot):
        x = dot.x + dx * gap - (wide if dx < 0 else wide / 2 if dx == 0 else 0)
        y = dot.y + dy * (gap + (0 if dx == 0 else -0.3 * gap)) - high / 2 - (0 if dx else -dy * high / 4)
        box = (x, y, x + wide, y + high)
        inside = box[0] >= 0 and box[1] >= 0 and box[2] <= size[0] and box[3] <= size[1]
        if inside and not any(_meets(box, b) for b in blocked if not _own(b, dot)):
            return Word(dot, text, box, led=lead > 0)
    return None


def _ways(dot: Dot) -> list[tuple[int, int]]:
    """Where words may stand about a dot: away from the line of its move first."""
    x, y = (0.0, 0.0) if dot.was is None else (dot.was[0] - dot.x, dot.was[1] - dot.y)
    return sorted(WAYS, key=lambda way: way[0] * x + way[1] * y > 0)


def _meets(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1]


def _own(box: Rect, dot: Dot) -> bool:
    """Whether a box is that of the dot itself, which its own words keep off by their gap."""
    return abs((box[0] + box[2]) / 2 - dot.x) < 1e-6 and abs((box[1] + box[3]) / 2 - dot.y) < 1e-6


def _draw_dot(sheet: Sheet, dot: Dot, x: float, y: float, at: tuple[int, int]) -> None:
    """A dot; that of the chosen landmark as a pin in a ring, so that the place under it is seen."""
    if dot.was is not None:
        was = (dot.was[0] + at[0], dot.was[1] + at[1])
        sheet.line([was, (x, y)], dot.colour, 2)
        _paste(sheet, _disc(sheet.px(DOT_PX - 1), CARD, dot.colour, sheet.px(1.5)), *was)
    if dot.chosen or dot.refused:
        colour = BAD if dot.refused else dot.colour
        _paste(sheet, _disc(sheet.px(RING_PX), None, CARD, sheet.px(4)), x, y)
        _paste(sheet, _disc(sheet.px(RING_PX - 1), None, colour, sheet.px(2)), x, y)
    if not dot.hidden:
        radius = PIN_PX if dot.chosen else DOT_PX
        _paste(sheet, _disc(sheet.px(radius), dot.colour, CARD, sheet.px(1.5)), x, y)


def _paste(sheet: Sheet, disc: Picture, x: float, y: float) -> None:
    sheet.image.paste(disc, (round(x - disc.width / 2), round(y - disc.height / 2)), disc)


@lru_cache(maxsize=128)
def _disc(radius: int, fill: str | None, rim: str, wide: int) -> Picture:
    """A disc with a rim round it, with smooth edges."""
    from PIL import Image, ImageDraw

    whole = 2 * (radius + wide) + 1
    big = Image.new("RGBA", (whole * FINER, whole * FINER), (255, 255, 255, 0))
    pen, middle = ImageDraw.Draw(big), whole * FINER / 2
    for r, colour in ((radius + wide, rim), (radius, fill or (255, 255, 255, 0))):
        pen.ellipse((middle - r * FINER, middle - r * FINER, middle + r * FINER, middle + r * FINER), fill=colour)
    return big.resize((whole, whole), Image.Resampling.BOX)
