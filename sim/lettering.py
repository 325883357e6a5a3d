"""Letters: the fonts, their measures, and text broken into lines. Pillow is imported when text is measured."""

from __future__ import annotations

import importlib.util
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

FACES = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}
LEADING = 1.25


@cache
def font(size_px: int, bold: bool = False) -> Font:
    """Return DejaVu Sans at a size, or Pillow's own letters where it is not installed."""
    from PIL import ImageFont

    path = font_path(FACES[bold])
    if path is None:
        return ImageFont.load_default(size_px)
    return ImageFont.truetype(str(path), size_px, layout_engine=ImageFont.Layout.BASIC)


@cache
def font_path(face: str) -> Path | None:
    """Return where a font file of matplotlib lies, without importing matplotlib, or None."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / "mpl-data" / "fonts" / "ttf" / face
    return path if path.is_file() else None


def text_width(text: str, size_px: int, *, bold: bool = False) -> float:
    """Return the width of one line in pixels."""
    return float(font(size_px, bold).getlength(text))


def line_height(size_px: int) -> int:
    """Return the distance between lines in pixels."""
    return max(1, round(LEADING * size_px))


def wrapped(text: str, size_px: int, width_px: float, *, bold: bool = False) -> tuple[str, ...]:
    """Return `text` in lines no wider than `width_px`; a word that is wider than that is broken."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        current = ""
        for word in paragraph.split():
            for piece in _pieces(word, size_px, width_px, bold):
                longer = f"{current} {piece}".strip()
                if current and text_width(longer, size_px, bold=bold) > width_px:
                    lines.append(current)
                    longer = piece
                current = longer
        lines.append(current)
    return tuple(lines)


def _pieces(word: str, size_px: int, width_px: float, bold: bool) -> list[str]:
    """A word cut into parts that fit the width."""
    if text_width(word, size_px, bold=bold) <= width_px or len(word) < 2:
        return [word]
    keep = len(word) - 1
    while keep > 1 and text_width(word[:keep] + "-", size_px, bold=bold) > width_px:
        keep -= 1
    return [word[:keep] + "-", *_pieces(word[keep:], size_px, width_px, bold)]


def baseline(middle: float, size_px: int, *, bold: bool = False) -> float:
    """Return the height of the letters' feet where Pillow puts them, to half a pixel, for a line about `middle`; y down."""
    from PIL import ImageFont

    face = font(size_px, bold)
    if not isinstance(face, ImageFont.FreeTypeFont):
        return middle + 0.36 * size_px
    ascent, descent = face.getmetrics()
    return middle + math.ceil((ascent - descent) / 2)


def left_end(x: float, width: float, anchor: str) -> float:
    """Return the x at which a line of text begins whose left end, middle or right end ('lm', 'mm', 'rm') is at `x`."""
    return x - {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * width
