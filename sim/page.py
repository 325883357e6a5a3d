"""The layout of a picture: title, drawing, two columns for labels, caption. Boxes never overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain

from sim.cameras import WORDS
from sim.lettering import line_height, text_width, wrapped
from sim.picture import Picture
from sim.theme import Theme

DISCLAIMER = "For training and explanation. Not medical advice. Not a medical device."

FULL_PX = (1920, 1080)
SIZES = {"title": 36.0, "label": 23.0, "caption": 18.5, "small": 17.0, "mark": 32.0}
LEAST_PX = 7
MARGIN = 0.022
COLUMN_WITH_LABELS = 0.205
COLUMN_BARE = 0.13
MOST_CAPTION = 0.24


@dataclass(frozen=True)
class Box:
    """A rectangle in whole pixels, x right, y down."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.y1 - self.y0


@dataclass(frozen=True)
class Page:
    """Boxes of one picture, and the sizes of its text.

    Parameters
    ----------
    unit : float
        1 at 1920 by 1080; lengths of furniture are multiples of it.
    title, drawing, left, right, caption : Box
        `left` and `right` hold labels, marks of side, scale bar and legend.
    title_lines, caption_lines : tuple of str
        Broken to the width.
    sizes : mapping of str to int
        Pixels of 'title', 'label', 'caption', 'small', 'mark'.
    """

    unit: float
    title: Box
    drawing: Box
    left: Box
    right: Box
    caption: Box
    title_lines: tuple[str, ...]
    caption_lines: tuple[str, ...]
    sizes: dict[str, int]


def lay_out(picture: Picture, theme: Theme, *, unit: float | None = None) -> Page:
    """Return the page of a picture; with `unit` in place of that which follows from its size, the columns hold any text."""
    width, height = picture.width_px, picture.height_px
    scale = unit or min((width * height / (FULL_PX[0] * FULL_PX[1])) ** 0.5, width / 900, height / 600)
    sizes = {k: max(LEAST_PX, round(v * scale * theme.text_scale)) for k, v in SIZES.items()}
    margin = max(2, round(MARGIN * min(width, height)))
    title = wrapped(picture.title, sizes["title"], width - 2 * margin, bold=True) if picture.title else ()
    top = margin + len(title) * line_height(sizes["title"]) + (margin // 2 if title else 0)
    caption, sizes["caption"] = _caption(picture, sizes["caption"], width - 2 * margin)
    low = height - margin - len(caption) * line_height(sizes["caption"]) - (margin // 2 if caption else 0)
    low = max(low, top + height // 4)
    left, right = _columns(picture, sizes, width, roomy=unit is not None)
    gap = margin // 2
    return Page(
        unit=scale,
        title=Box(margin, margin, width - margin, top),
        drawing=Box(margin + left + gap, top, width - margin - right - gap, low),
        left=Box(margin, top, margin + left, low),
        right=Box(width - margin - right, top, width - margin, low),
        caption=Box(margin, low, width - margin, height - margin),
        title_lines=title,
        caption_lines=caption,
        sizes=sizes,
    )


def _columns(picture: Picture, sizes: dict[str, int], width: int, *, roomy: bool) -> tuple[int, int]:
    """Widths of the columns: wide for labels, else what scale bar, marks and legend need."""
    if picture.labels:
        return round(COLUMN_WITH_LABELS * width), round(COLUMN_WITH_LABELS * width)
    if not (picture.scale_bar or picture.orientation or picture.legend):
        return 0, 0
    bare = round(COLUMN_BARE * width)
    if roomy and picture.orientation:
        bare = min(max(bare, *(math.ceil(text_width(word, sizes["small"])) for word in WORDS.values())), round(0.2 * width))
    words = chain.from_iterable(item.text.split() for item in picture.legend)
    legend = max((text_width(w, sizes["small"]) for w in words), default=0.0) + 3 * sizes["small"]
    return bare, min(max(bare, round(legend)), round(0.3 * width))


def _caption(picture: Picture, size: int, width: float) -> tuple[tuple[str, ...], int]:
    """Lines of the caption and the size at which they keep to their share of the height."""
    text = _joined(picture)
    while text:
        lines = wrapped(text, size, width)
        if len(lines) * line_height(size) <= MOST_CAPTION * picture.height_px or size <= LEAST_PX:
            return lines, size
        size -= 1
    return (), size


def _joined(picture: Picture) -> str:
    """The caption, the sources with the level of evidence, and the disclaimer, each on a line of its own."""
    sources = f"Sources: {'; '.join(picture.sources)}." if picture.sources else ""
    evidence = f"Evidence: {picture.evidence.strip().rstrip('.')}." if picture.evidence else ""
    last = " ".join(p for p in (sources, evidence, DISCLAIMER if picture.disclaimer else "") if p)
    return "\n".join(p for p in (picture.caption.strip(), last) if p)
