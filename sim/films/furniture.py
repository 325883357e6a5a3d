"""Where everything stands on the frames of a film, and what is written there: title, sides, scale, caption, bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from sim import ink
from sim.cameras import WORDS, View
from sim.lettering import line_height, text_width, wrapped
from sim.overlay import Sheet, write_compass, write_legend, write_scale_bar, write_sides
from sim.page import DISCLAIMER, Box, Page
from sim.picture import Marker, Picture
from sim.theme import Theme

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

FULL_PX = (1280, 720)
SIZES = {"title": 26.0, "label": 17.0, "caption": 23.0, "small": 13.0, "mark": 30.0}
LEAST = {"title": 12, "label": 9, "caption": 12, "small": 8, "mark": 12}
MARGIN, COLUMN, COLUMN_WITH_NAMES, PANEL = 0.022, 0.1, 0.2, 0.42
MOST_LINES = 2
LEAST_DRAWING_PX = 48
BAR_PX = 6.0
MARKER_PX = 11.0
AWAY, FACING = 0.15, 0.45  # cosine between skin and camera at which a marker begins to show, and is whole


@dataclass(frozen=True)
class FilmPage:
    """Boxes of a film's frames.

    Parameters
    ----------
    page : Page
        Of drawing, columns and title, as stills have it; its caption is the band under the picture.
    panel : Box or None
        Of the ultrasound image.
    bar : Box
        Of the progress bar.
    small : str
        The line above the bar.
    """

    page: Page
    panel: Box | None
    bar: Box
    small: str


def film_page(pictures: Sequence[Picture], theme: Theme, captions: Sequence[str], *, panel: bool, names: bool) -> FilmPage:
    """Return the page of a film.

    Parameters
    ----------
    pictures : sequence of Picture
        Their titles; of the first, its legend, sources and size.
    theme : Theme
    captions : sequence of str
        All that will be written under the picture; the band has room for the longest.
    panel, names : bool
        Keep room for an ultrasound image; for labels.

    Raises
    ------
    ValueError
        If the size leaves the drawing no room.
    """
    picture = pictures[0]
    width, height = picture.width_px, picture.height_px
    unit = min((width * height / (FULL_PX[0] * FULL_PX[1])) ** 0.5, width / 700, height / 400)
    sizes = {k: max(LEAST[k], round(v * unit * min(theme.text_scale, 1.15))) for k, v in SIZES.items()}
    margin = max(2, round(MARGIN * min(width, height)))
    room = width - 2 * margin
    title = max((_title(p.title, sizes, room) for p in pictures), key=len)
    top = margin + len(title) * line_height(sizes["title"]) + (margin // 2 if title else 0)
    lines, sizes["caption"] = _band(captions, sizes["caption"], room)
    bar = Box(0, height - max(2, round(BAR_PX * unit)), width, height)
    small = _small(picture, sizes["small"], room)
    low = bar.y0 - line_height(sizes["small"]) - margin // 2
    band = Box(margin, low - lines * line_height(sizes["caption"]), width - margin, low)
    wide = round(PANEL * width) if panel else 0
    left, right = _columns(picture, sizes["small"], width - wide, names=names)
    end, foot, gap = width - margin - (wide + margin if panel else 0), band.y0 - margin // 2, margin // 2
    page = Page(
        unit=unit * FULL_PX[0] / 1920, title=Box(margin, margin, width - margin, top), left=Box(margin, top, margin + left, foot),
        drawing=_roomy(Box(margin + left + gap, top, end - right - gap, foot), picture), right=Box(end - right, top, end, foot),
        caption=band, title_lines=title, caption_lines=(), sizes=sizes,
    )  # fmt: skip
    return FilmPage(page, Box(end + margin, top, width - margin, foot) if panel else None, bar, small)


def _roomy(drawing: Box, picture: Picture) -> Box:
    """The box of the drawing, refused where nothing could be seen in it."""
    if min(drawing.width, drawing.height) < LEAST_DRAWING_PX:
        raise ValueError(f"{picture.width_px}x{picture.height_px} pixels leave the film's drawing no room; make the film larger.")
    return drawing


def _title(text: str, sizes: dict[str, int], room: int) -> tuple[str, ...]:
    """The heading in one line if a somewhat smaller type allows it, else in two."""
    while (
        text and text_width(text, sizes["title"], bold=True) > room and sizes["title"] > max(LEAST["title"], sizes["small"] + 4)
    ):
        sizes["title"] -= 1
    return wrapped(text, sizes["title"], room, bold=True)[:2] if text else ()


def _band(captions: Sequence[str], size: int, room: int) -> tuple[int, int]:
    """Lines of the longest caption, and the size at which it keeps to two."""
    while True:
        most = max((len(wrapped(c, size, room)) for c in captions if c), default=0)
        if most <= MOST_LINES or size <= LEAST["caption"]:
            return most, size
        size -= 1


def _small(picture: Picture, size: int, room: int) -> str:
    """The disclaimer, with sources and evidence as far as they fit."""
    sources = f"Sources: {'; '.join(picture.sources)}." if picture.sources else ""
    evidence = f"Evidence: {picture.evidence.strip().rstrip('.')}." if picture.evidence else ""
    whose = f"{picture.whose[:1].upper()}{picture.whose[1:]}." if picture.whose else ""
    shorter = ((sources, whose, DISCLAIMER), (whose, DISCLAIMER), (whose, "Not medical advice."), (whose,))
    for parts in ((sources, evidence, DISCLAIMER), *shorter):
        text = " ".join(p for p in parts if p)
        if text_width(text, size) <= room:
            return text
    return ""


def _columns(picture: Picture, small: int, width: int, *, names: bool) -> tuple[int, int]:
    """Widths of the columns beside the drawing."""
    if names:
        return round(COLUMN_WITH_NAMES * width), round(COLUMN_WITH_NAMES * width)
    bare = max(round(COLUMN * width), round(max(text_width(w, small) for w in WORDS.values())) + 1)
    words = chain.from_iterable(item.text.split() for item in picture.legend)
    legend = max((text_width(w, small) for w in words), default=0.0) + 3 * small
    return bare, min(
        max(bare, round(legend) if picture.legend else 0, round(0.17 * width) if picture.legend else 0), round(0.3 * width)
    )


def write_frame(sheet: Sheet, film: FilmPage, picture: Picture, view: View, caption: str, done: float | None) -> tuple[Box, Box]:
    """Write everything but labels and markers; return the boxes (left, right) that are left for labels.

    Parameters
    ----------
    sheet : Sheet
    film : FilmPage
    picture : Picture
    view : View
    caption : str
    done : float or None
        Share of the film that has been seen; None draws no bar.
    """
    page, theme = film.page, sheet.theme
    step = line_height(page.sizes["title"])
    for i, text in enumerate(
        wrapped(picture.title, page.sizes["title"], page.title.width, bold=True)[:2] if picture.title else ()
    ):
        sheet.write(text, page.title.x0, page.title.y0 + (i + 0.5) * step, page.sizes["title"], bold=True)
    top = write_sides(sheet, view)
    low_left = write_scale_bar(sheet, view, page.left)
    low_left += write_compass(sheet, view, replace(page.left, y1=page.left.y1 - low_left))
    low_right = write_legend(sheet, picture.legend, replace(page.right, y0=page.right.y0 + top))
    _write_caption(sheet, film, caption)
    sheet.write(
        film.small, page.caption.x0, film.bar.y0 - 0.7 * line_height(page.sizes["small"]), page.sizes["small"], theme.muted
    )
    if done is not None:
        sheet.bar(film.bar.x0, film.bar.y0, film.bar.x1, film.bar.y1, theme.rule)
        _fill(sheet.pixels, film.bar, done, theme.colours["line"])
    left = replace(page.left, y0=page.left.y0 + top, y1=page.left.y1 - low_left)
    return left, replace(page.right, y0=page.right.y0 + top, y1=page.right.y1 - low_right)


def _write_caption(sheet: Sheet, film: FilmPage, caption: str) -> None:
    """Write the caption amid its band."""
    band, size = film.page.caption, film.page.sizes["caption"]
    lines = wrapped(caption, size, band.width) if caption else ()
    for i, text in enumerate(lines):
        sheet.write(text, (band.x0 + band.x1) / 2, band.y0 + (i + 0.5) * line_height(size), size, anchor="mm")


def _fill(pixels: Pixels, bar: Box, done: float, colour: Array) -> None:
    """Fill a bar from the left to a fraction of a pixel."""
    at = bar.x0 + done * bar.width
    whole = int(at)
    pixels[bar.y0 : bar.y1, bar.x0 : whole] = np.round(colour * 255)
    if whole < bar.x1:
        edge = pixels[bar.y0 : bar.y1, whole].astype(np.float64)
        pixels[bar.y0 : bar.y1, whole] = np.round(edge + (at - whole) * (colour * 255 - edge))


def write_turning_markers(
    sheet: Sheet, markers: Sequence[Marker], view: View, depth_mm: NDArray[np.float32], opacity: float
) -> None:
    """Draw numbered discs that come and go softly as their skin turns to the camera; far ones first."""
    if not markers or opacity <= 0:
        return
    points = np.array([m.point_mm for m in markers], dtype=np.float64)
    pixels, depth = view.project(points)
    radius = max(4.0, MARKER_PX * sheet.page.unit * 1.5)
    corner = np.array([sheet.page.drawing.x0, sheet.page.drawing.y0])
    for i in np.argsort(depth, kind="stable"):
        marker, (x, y) = markers[i], pixels[i]
        if not (0 <= x < view.width_px and 0 <= y < view.height_px):
            continue
        facing = 1.0 if marker.normal is None else float(np.dot(marker.normal, view.toward))
        shown = opacity * float(np.clip((facing - AWAY) / (FACING - AWAY), 0, 1)) * (depth_mm[int(y), int(x)] < depth[i] + 12.0)
        if shown > 0:
            _marker(sheet, marker, pixels[i] + corner, radius, shown)


def _marker(sheet: Sheet, marker: Marker, at: Array, radius: float, shown: float) -> None:
    """One disc with its number."""
    colour = sheet.theme.colour(f"group_{marker.group}")
    ink.disc(sheet.pixels, at, radius + max(1.0, 0.12 * radius), np.ones(3), opacity=shown)
    ink.disc(sheet.pixels, at, radius, colour, opacity=shown)
    if shown > 0.6 and radius >= 6:
        ground = np.ones(3) if float(colour @ (0.3, 0.59, 0.11)) < 0.58 else np.zeros(3)
        sheet.write(marker.text, float(at[0]), float(at[1]), round(1.1 * radius), ground, bold=True, anchor="mm")
