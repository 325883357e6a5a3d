"""The scanner's screen: the image in its true aspect, depth scale, bars, settings, Doppler and the teaching overlay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim import ink
from sim.lettering import line_height
from sim.page import Box
from sim.theme import Theme, load_theme
from sim.ultrasound.colours import bar_colours, lay_doppler
from sim.ultrasound.image import BModeImage
from sim.ultrasound.naming import PlacedName, place_names
from sim.ultrasound.outlines import draw_outlines, outline_colour
from sim.ultrasound.readout import check_screen
from sim.ultrasound.screen_layout import ScreenLayout, lay_out_screen
from sim.vector_plate import Words, letter

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

TEXT_LIGHT = 0.35  # share by which the letters of a name are lighter than its outline
RIM_EM = 0.17
THIN_PX, LEADER_PX, DOT_PX = 1.0, 1.2, 2.2
BOX_OPACITY = 0.75


@dataclass(frozen=True, eq=False)
class Screen:
    """A finished screen.

    Parameters
    ----------
    image : PIL.Image.Image
        RGB.
    layout : ScreenLayout
        Where everything stands.
    names : tuple of PlacedName
        Names of structures; empty without the overlay.
    dropped : tuple of str
        Keys of structures for whose name there was no room.
    words : tuple of Words
        All that is written on it.
    """

    image: Image
    layout: ScreenLayout
    names: tuple[PlacedName, ...]
    dropped: tuple[str, ...]
    words: tuple[Words, ...]


def screen(
    image: BModeImage,
    *,
    overlay: bool = False,
    names: Mapping[str, str] | None = None,
    width_px: int = 960,
    ends: tuple[str, str] = ("", ""),
) -> Image:
    """Return the picture as a scanner shows it. See `compose_screen`."""
    return compose_screen(image, overlay=overlay, names=names, width_px=width_px, ends=ends).image


def compose_screen(
    image: BModeImage,
    *,
    overlay: bool = False,
    names: Mapping[str, str] | None = None,
    width_px: int = 960,
    ends: tuple[str, str] = ("", ""),
    lettered: bool = True,
    letters: float = 1.0,
) -> Screen:
    """Return the picture as a scanner shows it, with the places of all that is on it.

    Parameters
    ----------
    image : BModeImage
        The frame.
    overlay : bool
        With outlines and names of the structures seen; the rest of the screen stays as it is.
    names : mapping of str to str, optional
        Names by key in place of the anatomical terms; an empty one leaves a structure unnamed.
    width_px : int
        Width of the screen, 320 to 3840; its height follows from the image.
    ends : (str, str)
        Words over the left and the right corner of the image: the patient's true directions.
    lettered : bool
        Draw the words; else they are only told.
    letters : float
        Enlarges all text beyond what follows from the width.

    Returns
    -------
    Screen
        The picture and its layout.

    Raises
    ------
    ValueError
        If an argument, or the image, holds what cannot be shown.
    """
    from PIL import Image, ImageDraw

    check_screen(image, width_px, ends, names or {})
    theme = load_theme("dark")
    layout = lay_out_screen(image, int(width_px), ends, letters=letters)
    pixels = np.zeros((layout.height, layout.width, 3), dtype=np.uint8)
    _draw_image(pixels, image, layout, theme)
    _draw_furniture(pixels, image, layout, theme)
    placed, dropped = place_names(image, layout, names or {}) if overlay else ((), ())
    if overlay:
        draw_outlines(pixels, layout.image, image, theme, layout.unit)
        _draw_leaders(pixels, placed, layout, theme)
    picture = Image.fromarray(pixels)
    words = (*layout.words, *_name_words(placed, theme))
    if lettered:
        letter(ImageDraw.Draw(picture), words, np.zeros(3))
    return Screen(picture, layout, placed, dropped, words)


def _draw_image(pixels: Pixels, image: BModeImage, layout: ScreenLayout, theme: Theme) -> None:
    """Set down the grey image, Doppler over it, and the colour box."""
    from PIL import Image

    area = layout.image
    grey = Image.fromarray(image.pixels).resize((area.width, area.height), Image.Resampling.BICUBIC)
    pixels[area.y0 : area.y1, area.x0 : area.x1] = np.asarray(grey)[..., None]
    if image.doppler is None:
        return
    lay_doppler(pixels, area, image.doppler, image.pixel_mm)
    (rows, columns), (top, left, bottom, right) = image.pixels.shape, image.doppler.box
    width = max(1.0, THIN_PX * layout.unit)
    half = width / 2
    x0, x1 = (area.x0 + float(np.clip(c * area.width / columns, half, area.width - half)) for c in (left, right))
    y0, y1 = (area.y0 + float(np.clip(r * area.height / rows, half, area.height - half)) for r in (top, bottom))
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        ink.line(pixels, a, b, width, theme.ink, opacity=BOX_OPACITY)


def _draw_furniture(pixels: Pixels, image: BModeImage, layout: ScreenLayout, theme: Theme) -> None:
    """Draw depth scale, focus, marker and bars."""
    width, size = max(1.0, THIN_PX * layout.unit), layout.text_px
    x, area = layout.scale_x, layout.image
    ink.line(pixels, (x, area.y0), (x, area.y1), width, theme.muted)
    for tick in layout.ticks:
        ink.line(pixels, (x, tick.y), (x + tick.length, tick.y), width, theme.muted if tick.cm is None else theme.ink)
    for y in layout.focus_y:
        _wedge(pixels, (x - 0.2 * size, y), 0.7 * size, theme.colour("group_2"))
    ink.disc(pixels, layout.marker[:2], layout.marker[2], theme.colour("group_5"))
    grey = layout.grey_bar
    _bar(pixels, grey, np.repeat(np.linspace(255, 0, grey.height)[:, None], 3, axis=1), theme)
    if image.doppler is not None and layout.colour_bar is not None:
        _bar(pixels, layout.colour_bar, bar_colours(image.doppler, layout.colour_bar.height), theme)


def _bar(pixels: Pixels, box: Box, colours: Array, theme: Theme) -> None:
    """Draw a bar of colours (height, 3) with a thin rim."""
    ink.rectangle(pixels, box.x0 - 1, box.y0 - 1, box.x1 + 1, box.y1 + 1, theme.rule)
    pixels[box.y0 : box.y1, box.x0 : box.x1] = np.round(colours)[:, None]


def _wedge(pixels: Pixels, tip: tuple[float, float], length: float, colour: Array) -> None:
    """Draw a filled triangle that points to the right."""
    x, y = tip
    for share in np.linspace(0, 1, max(6, round(3 * length))):
        ink.line(pixels, (x - length, y + 0.55 * length * (2 * share - 1)), (x - 1, y), 1.0, colour)


def _draw_leaders(pixels: Pixels, names: Sequence[PlacedName], layout: ScreenLayout, theme: Theme) -> None:
    """Draw the lines from the names into their structures."""
    black = np.zeros(3)
    for name in names:
        if name.leader is not None:
            colour = name_colour(name.key, theme)
            wide = max(1.0, LEADER_PX * layout.unit)
            ink.line(pixels, *name.leader, 2.6 * wide, black, opacity=0.55)
            ink.disc(pixels, name.leader[1], max(1.6, DOT_PX * layout.unit) + wide, black, opacity=0.55)
            ink.line(pixels, *name.leader, wide, colour)
            ink.disc(pixels, name.leader[1], max(1.6, DOT_PX * layout.unit), colour)


def name_colour(key: str, theme: Theme) -> Array:
    """Return the colour (3,) of a structure's name: its outline's, lighter."""
    colour = outline_colour(key, theme)
    return np.asarray(colour + TEXT_LIGHT * (1 - colour))


def _name_words(names: Sequence[PlacedName], theme: Theme) -> list[Words]:
    """The lines of the names, each in the middle of its box; a line from the side is met by straight text."""
    words = []
    for name in names:
        middle = (name.box[0] + name.box[2]) / 2
        step = line_height(name.size_px)
        base = Words("", middle, 0.0, name.size_px, name_colour(name.key, theme), anchor="mm", halo=True)
        base = replace(base, rim=np.zeros(3), rim_em=RIM_EM)
        words += [replace(base, text=t, y=name.box[1] + (i + 0.5) * step) for i, t in enumerate(name.lines)]
    return words
