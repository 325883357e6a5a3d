"""Letters on the live view, laid on its pixels: sides of the patient, scale bar, names of marks. They cost next to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sim.cameras import WORDS, View, edge_marks, scale_bar_mm
from sim.lettering import font, line_height, text_width
from sim.theme import Theme

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

LETTER_PX, WORD_PX, NAME_PX = 20, 11, 12
MARGIN_PX = 12
BAR_SHARE = 0.22  # of the width, at most
HALO_PX = 2
NAME_GAP_PX = 7


@dataclass(frozen=True, eq=False)
class Stamp:
    """A piece of text.

    Parameters
    ----------
    ink, halo : (rows, columns) float32 arrays
        Share of each pixel that text, and the rim round it, cover.
    """

    ink: NDArray[np.float32]
    halo: NDArray[np.float32]


@lru_cache(maxsize=256)
def stamp(text: str, size_px: int, bold: bool = False) -> Stamp:
    """Return a line of text with a rim round it."""
    from PIL import Image, ImageDraw

    room = (int(text_width(text, size_px, bold=bold)) + 2 * HALO_PX + 2, line_height(size_px) + 2 * HALO_PX)
    shares = []
    for rim in (0, HALO_PX):
        picture = Image.new("L", room, 0)
        ImageDraw.Draw(picture).text(
            (HALO_PX, room[1] / 2), text, fill=255, font=font(size_px, bold), anchor="lm", stroke_width=rim, stroke_fill=255
        )
        shares.append((np.asarray(picture) / 255).astype(np.float32))
    return Stamp(shares[0], shares[1])


def lay(pixels: Pixels, what: Stamp, x: float, y: float, ink: Array, halo: Array) -> None:
    """Lay a stamp on pixels, its left middle at (x, y); what stands beyond the border is cut off."""
    rows, columns = what.ink.shape
    x0, y0 = round(x) - HALO_PX, round(y - rows / 2)
    left, top = max(-x0, 0), max(-y0, 0)
    right, bottom = min(columns, pixels.shape[1] - x0), min(rows, pixels.shape[0] - y0)
    if left >= right or top >= bottom:
        return
    part = pixels[y0 + top : y0 + bottom, x0 + left : x0 + right]
    rim, text = (a[top:bottom, left:right, None] for a in (0.8 * what.halo, what.ink))
    mixed = part + rim * (255 * halo - part)
    part[:] = np.round(mixed + text * (255 * ink - mixed))


def lay_sides(pixels: Pixels, view: View, theme: Theme) -> None:
    """Write at the picture's upper corners which side of the patient lies there: always true, from wherever one looks."""
    marks = edge_marks(view)
    for edge in ("left", "right"):
        letter = marks[edge]
        y = MARGIN_PX + LETTER_PX / 2
        for text, size, bold, ink in ((letter, LETTER_PX, True, theme.ink), (WORDS[letter], WORD_PX, False, theme.muted)):
            wide = text_width(text, size, bold=bold)
            x = MARGIN_PX if edge == "left" else view.width_px - MARGIN_PX - wide
            lay(pixels, stamp(text, size, bold), x, y, ink, theme.halo)
            y += (LETTER_PX + WORD_PX) / 2 + 5


def lay_bar(pixels: Pixels, view: View, theme: Theme) -> None:
    """Draw a scale bar of a round length in the lower left corner."""
    mm = scale_bar_mm(view.px_per_mm, BAR_SHARE * view.width_px)
    end, y = MARGIN_PX + round(mm * view.px_per_mm), view.height_px - MARGIN_PX
    ink = np.round(255 * theme.ink).astype(np.uint8)
    pixels[y - 1 : y + 1, MARGIN_PX:end] = ink
    for x in (MARGIN_PX, end - 1):
        pixels[y - 4 : y + 4, x : x + 1] = ink
    text = f"{mm / 10:g} cm" if mm >= 10 else f"{mm:g} mm"
    lay(pixels, stamp(text, WORD_PX), MARGIN_PX, y - 12, theme.ink, theme.halo)


def lay_names(pixels: Pixels, view: View, marks: Mapping[str, Array], normals: Mapping[str, Array], theme: Theme) -> None:
    """Write its name beside each mark whose skin faces the viewer."""
    for name, place in marks.items():
        if normals[name] @ view.toward <= 0:
            continue
        (x, y), _ = view.project(place)
        lay(pixels, stamp(name.replace("_", " "), NAME_PX, True), x + NAME_GAP_PX, y, theme.colours["landmark"], theme.halo)
