"""Where everything stands on the scanner's screen: image, depth scale, bars, words. Pure arithmetic on pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.lettering import line_height, text_width, wrapped
from sim.overlay import Words
from sim.page import Box
from sim.theme import Theme, load_theme
from sim.ultrasound.colours import POWER_DB
from sim.ultrasound.image import BModeImage
from sim.ultrasound.readout import focuses_mm, settings_lines

Array = NDArray[np.float64]

FULL_PX = 960
TEXT_PX, SMALL_PX, LEAST_PX = 13.0, 11.5, 8
MARGIN = 0.9
MOST_HEIGHT = 0.8  # of the image, in widths of the screen
SETTINGS_SHARE = 0.2
LEAST_SIDE_PX = 8
NARROW_EM = 5.0
TICK_EM = {"mm": 0.28, "half": 0.45, "cm": 0.7}
LEAST_TICK_PX = 3.0
BAR_EM, BAR_SHARE = 0.9, 0.33
FOOTER = "simulated ultrasound; not a medical device"


@dataclass(frozen=True)
class Tick:
    """A mark of the depth scale: its height on the screen, its length, and the cm that are written at it, or None."""

    y: float
    length: float
    cm: int | None


@dataclass(frozen=True, eq=False)
class ScreenLayout:
    """Places on the screen, pixels, x right and y down.

    Parameters
    ----------
    width, height : int
        Of the screen.
    unit : float
        1 at 960 pixels across.
    text_px, small_px : int
        Sizes of letters.
    image : Box
        The B-mode image.
    px_per_mm : float
        Scale of the image, along and across the beam.
    marker : (float, float, float)
        Middle and radius of the dot at the side of the probe's mark.
    scale_x : float
        The depth scale's axis.
    ticks : tuple of Tick
        Its marks.
    focus_y : tuple of float
        Heights of the focus arrows.
    grey_bar, colour_bar : Box, Box or None
        Bars of grey levels and of Doppler.
    words : tuple of Words
        All text but the names of structures.
    margin : int
        Least distance of anything from the border.
    letters : float
        Enlarges all text beyond what follows from the screen's size.
    """

    width: int
    height: int
    unit: float
    text_px: int
    small_px: int
    image: Box
    px_per_mm: float
    marker: tuple[float, float, float]
    scale_x: float
    ticks: tuple[Tick, ...]
    focus_y: tuple[float, ...]
    grey_bar: Box
    colour_bar: Box | None
    words: tuple[Words, ...]
    margin: int
    letters: float = 1.0


def lay_out_screen(image: BModeImage, width_px: int, ends: tuple[str, str], *, letters: float = 1.0) -> ScreenLayout:
    """Return where everything stands on the screen; the same with and without the teaching overlay."""
    theme, unit = load_theme("dark"), width_px / FULL_PX
    size, small = (max(LEAST_PX, round(s * unit * letters)) for s in (TEXT_PX, SMALL_PX))
    margin = max(3, round(MARGIN * size))
    settings = settings_lines(image)
    aside = max((text_width(t, small) for t in settings), default=0.0)
    is_column = aside <= SETTINGS_SHARE * width_px
    left = margin + (math.ceil(aside) + margin if is_column and settings else 0)
    right = _furniture_width(image, size, small) + margin
    box, scale = _image_box(image, width_px, left, right)
    head, top = _ends(ends, box, width_px, size, margin, theme)
    box = Box(box.x0, top, box.x1, top + box.height)
    grey, colour, bar_words, bars_end = _bars(image, box, size, small, theme)
    words = [*head, *_settings(settings, margin, top, small, theme)] if is_column else list(head)
    column_end = top + len(settings) * line_height(small) if is_column else top
    y = max(box.y1, bars_end, column_end) + margin
    below = [] if is_column else _flowed(settings, small, width_px - 2 * margin)
    lines = [(t, theme.ink) for t in below] + [(t, theme.muted) for t in wrapped(FOOTER, small, width_px - 2 * margin)]
    for text, tone in lines:
        words.append(Words(text, margin, y + small / 2, small, tone))
        y += line_height(small)
    ticks = _ticks(box, scale, size)
    numbers = [
        Words(str(t.cm), _number_x(box, size), _inside(t.y, box, small), small, theme.ink) for t in ticks if t.cm is not None
    ]
    focus = tuple(box.y0 + f * scale for f in focuses_mm(image) if f * scale <= box.height)
    height = y + margin
    return ScreenLayout(
        width_px, height + height % 2, unit, size, small, box, scale, _marker(image, box, size), box.x1 + 1.1 * size, ticks,
        focus, grey, colour, (*words, *bar_words, *numbers), margin, letters,
    )  # fmt: skip


def _image_box(image: BModeImage, width_px: int, left: int, right: int) -> tuple[Box, float]:
    """The image between its neighbours, as large as it can be, from y = 0; and its scale."""
    (rows, columns), (high, wide) = image.pixels.shape, image.pixel_mm
    height_mm, width_mm = rows * high, columns * wide
    room = width_px - left - right
    scale = min(room / width_mm, MOST_HEIGHT * width_px / height_mm)
    w, h = round(width_mm * scale), round(height_mm * scale)
    if min(w, h) < LEAST_SIDE_PX:
        raise ValueError(f"image is {width_mm:g} mm wide and {height_mm:g} mm deep, which is too thin to be shown.")
    x0 = left + (room - w) // 2
    return Box(x0, 0, x0 + w, h), scale


def _ends(ends: tuple[str, str], box: Box, width_px: int, size: int, margin: int, theme: Theme) -> tuple[list[Words], int]:
    """The words over the corners, room for the marker beside them, and where the image begins."""
    places = [(box.x0 + 1.3 * size, "lm"), (box.x1 - 1.3 * size, "rm")]
    rooms = [box.width / 2 - 2.0 * size] * 2
    clear = 0
    if rooms[0] < NARROW_EM * size:  # the words meet over the middle instead, above the marker
        middle = (box.x0 + box.x1) / 2
        places = [(middle - 0.6 * size, "rm"), (middle + 0.6 * size, "lm")]
        rooms = [places[0][0] - margin, width_px - margin - places[1][0]]
        clear = line_height(size) if any(ends) else 0
    words, most = [], 1
    for text, (x, anchor), room in zip(ends, places, rooms, strict=True):
        lines = [line for line in wrapped(" ".join(text.split()), size, room, bold=True) if line]
        most = max(most, len(lines))
        words += [Words(t, x, margin + (i + 0.5) * line_height(size), size, theme.ink, True, anchor) for i, t in enumerate(lines)]
    return words, margin + most * line_height(size) + clear + max(2, round(0.3 * size))


def _marker(image: BModeImage, box: Box, size: int) -> tuple[float, float, float]:
    """The dot over the corner of the image at the probe's marked end."""
    radius = 0.42 * size
    x = box.x0 + radius if image.marker_side == "left" else box.x1 - radius
    return x, box.y0 - max(2, round(0.3 * size)) - line_height(size) / 2, radius


def _settings(lines: Sequence[str], x: float, top: float, size: int, theme: Theme) -> list[Words]:
    """The column of settings."""
    step = line_height(size)
    return [Words(t, x, top + (i + 0.5) * step, size, theme.ink if i == 0 else theme.muted) for i, t in enumerate(lines)]


def _flowed(items: Sequence[str], size: int, width_px: float) -> list[str]:
    """Settings one after the other in lines; none is broken that fits a line."""
    lines: list[str] = []
    for item in items:
        longer = f"{lines[-1]} \N{MIDDLE DOT} {item}" if lines else item
        if lines and text_width(longer, size) <= width_px:
            lines[-1] = longer
        else:
            lines += wrapped(item, size, width_px)
    return lines


def _ticks(box: Box, scale: float, size: int) -> tuple[Tick, ...]:
    """Marks of the depth scale, as fine as there is room for."""
    fine = next(step for step in (1, 5, 10, 50, 100, 500, 1000, 5000, 10**6) if step * scale >= LEAST_TICK_PX)
    every = next(cm for cm in (1, 2, 5, 10, 20, 50, 100, 500, 10**6) if 10 * cm * scale >= 1.6 * size)
    out = []
    for mm in range(0, math.floor(box.height / scale + 1e-6) + 1, fine):
        kind = "cm" if mm % 10 == 0 else "half" if mm % 5 == 0 else "mm"
        out.append(Tick(box.y0 + mm * scale, TICK_EM[kind] * size, mm // 10 if mm % (10 * every) == 0 else None))
    return tuple(out)


def _number_x(box: Box, size: int) -> float:
    """The left end of the scale's numbers."""
    return box.x1 + 1.1 * size + TICK_EM["cm"] * size + 0.3 * size


def _inside(y: float, box: Box, size: int) -> float:
    """The middle of a number, so that the lowest does not hang far below the image."""
    return min(y, box.y1 - 0.1 * size)


def _furniture_width(image: BModeImage, size: int, small: int) -> int:
    """Width of scale and bars beside the image."""
    rows, high = image.pixels.shape[0], image.pixel_mm[0]
    number = text_width(str(math.ceil(rows * high / 10)), small)
    return math.ceil(2.1 * size + number + 0.9 * size + _bar_column(image, size, small))


def _bar_column(image: BModeImage, size: int, small: int) -> float:
    """Width of the bars and their words."""
    return max(BAR_EM * size, *(text_width(t, small) for t in (*_bar_words(image), "cm")))


def _bar_words(image: BModeImage) -> tuple[str, ...]:
    """Words at the colour bar: over it, under it, unit."""
    if image.doppler is None:
        return ()
    if image.doppler.mode == "power":
        return f"{POWER_DB:g}", "0", "dB"
    speed = f"{image.doppler.nyquist_cm_s:.3g}"
    return f"+{speed}", f"\N{MINUS SIGN}{speed}", "cm/s"


def _bars(image: BModeImage, box: Box, size: int, small: int, theme: Theme) -> tuple[Box, Box | None, list[Words], int]:
    """Bars of grey and of colour under each other at the right, their words, and where they end."""
    number = text_width(str(math.ceil(image.pixels.shape[0] * image.pixel_mm[0] / 10)), small)
    x = math.ceil(_number_x(box, size) + number + 0.9 * size)
    step, y, words, colour = line_height(small), box.y0, [], None
    long = max(2 * size, round(min(BAR_SHARE * box.height, (box.height - 5 * step) / 2)))
    wide = round(BAR_EM * size)
    if image.doppler is not None:
        over, under, name = _bar_words(image)
        words.append(Words(over, x, y + step / 2, small, theme.ink))
        colour = Box(x, y + step, x + wide, y + step + long)
        words.append(Words(under, x, colour.y1 + step / 2, small, theme.ink))
        words.append(Words(name, x, colour.y1 + 1.5 * step, small, theme.muted))
        y = colour.y1 + 3 * step
    grey = Box(x, y, x + wide, y + long)
    return grey, colour, words, grey.y1
