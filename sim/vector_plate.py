"""A picture before it is a file: rasters, shapes and words on paper, in pixels. PNG, SVG and PDF are three ways to write it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim import ink
from sim.lettering import font
from sim.palette_checks import pixels_to_press, printable, to_press

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

HALO_EM = 0.14


@dataclass(frozen=True, eq=False)
class Stroke:
    """A line through points (n, 2) with round ends and joints."""

    points: Array
    width: float
    colour: Array
    opacity: float = 1.0


@dataclass(frozen=True, eq=False)
class Disc:
    """A filled disc."""

    centre: Array
    radius: float
    colour: Array
    opacity: float = 1.0


@dataclass(frozen=True, eq=False)
class Bar:
    """A filled rectangle on whole pixels."""

    x0: float
    y0: float
    x1: float
    y1: float
    colour: Array

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The pixels that it covers (x0, y0, x1, y1): at least one each way."""
        x0, y0 = round(self.x0), round(self.y0)
        return x0, y0, max(round(self.x1), x0 + 1), max(round(self.y1), y0 + 1)


@dataclass(frozen=True)
class Words:
    """One line of text that is still to be drawn.

    Parameters
    ----------
    text : str
        What is written.
    x, y : float
        Pixels; `y` is the middle of the line.
    size : int
        Of the letters, pixels.
    colour : (3,) array
        0 to 1.
    bold : bool
        Weight.
    anchor : {'lm', 'mm', 'rm'}
        Whether `x` is the left end, the middle or the right end.
    halo : bool
        With a rim.
    rim : (3,) array, optional
        Its colour in place of the plate's.
    rim_em : float
        Its width, as a share of `size`.
    """

    text: str
    x: float
    y: float
    size: int
    colour: Array
    bold: bool = False
    anchor: str = "lm"
    halo: bool = False
    rim: Array | None = None
    rim_em: float = HALO_EM


@dataclass(frozen=True, eq=False)
class Raster:
    """Pixels (height, width, 3 or 4) whose corner stands at (x, y); colours are not multiplied by the opacity."""

    pixels: Pixels
    x: int
    y: int
    about: str = ""


Shape = Stroke | Disc | Bar


@dataclass(frozen=True, eq=False)
class Plate:
    """All that is on a picture, from the ground up: paper, rasters, shapes, words.

    Parameters
    ----------
    width_px, height_px : int
        Of the whole.
    paper : (3,) array or None
        None is transparent.
    halo : (3,) array
        Colour of the rim of words that have one.
    rasters, shapes, words
        In the order in which they are laid down.
    """

    width_px: int
    height_px: int
    paper: Array | None
    halo: Array
    rasters: tuple[Raster, ...] = ()
    shapes: tuple[Shape, ...] = ()
    words: tuple[Words, ...] = ()

    def moved(self, x: int, y: int) -> Plate:
        """Return the plate with all that is on it moved, for a place on a larger one."""
        by = np.array([x, y], dtype=np.float64)
        return replace(
            self,
            rasters=tuple(replace(r, x=r.x + x, y=r.y + y) for r in self.rasters),
            shapes=tuple(_moved(s, by) for s in self.shapes),
            words=tuple(replace(w, x=w.x + x, y=w.y + y) for w in self.words),
        )


def pressed(plate: Plate) -> Plate:
    """Return the plate with all its colours within what offset inks can print; its rasters are changed in place."""
    for raster in plate.rasters:
        pixels_to_press(raster.pixels)
    shapes = tuple(replace(s, colour=_inked(s.colour)) for s in plate.shapes)
    words = tuple(replace(w, colour=_inked(w.colour), rim=None if w.rim is None else _inked(w.rim)) for w in plate.words)
    return replace(plate, shapes=shapes, words=words)


def _inked(colour: Array) -> Array:
    """A colour as it can be printed."""
    return colour if bool(printable(colour)) else to_press(colour)


def painted(plate: Plate) -> Image:
    """Return a plate as a picture: RGB, or RGBA without paper."""
    from PIL import Image, ImageDraw

    channels = 4 if plate.paper is None else 3
    pixels = np.zeros((plate.height_px, plate.width_px, channels), dtype=np.uint8)
    if plate.paper is not None:
        pixels[...] = np.round(plate.paper * 255)
    for raster in plate.rasters:
        _paste(pixels, raster)
    for shape in plate.shapes:
        draw_shape(pixels, shape)
    if plate.paper is None:
        for words in plate.words:
            _stamp(pixels, words, plate.halo)
        return Image.fromarray(pixels)
    image = Image.fromarray(pixels)
    letter(ImageDraw.Draw(image), plate.words, plate.halo)
    return image


def draw_shape(pixels: Pixels, shape: Shape) -> None:
    """Draw one shape, in place."""
    if isinstance(shape, Disc):
        ink.disc(pixels, shape.centre, shape.radius, shape.colour, opacity=shape.opacity)
    elif isinstance(shape, Bar):
        ink.rectangle(pixels, shape.x0, shape.y0, shape.x1, shape.y1, shape.colour)
    elif len(shape.points) == 2:
        ink.line(pixels, shape.points[0], shape.points[1], shape.width, shape.colour, opacity=shape.opacity)
    else:
        ink.polyline(pixels, shape.points, shape.width, shape.colour, opacity=shape.opacity)


def letter(draw: ImageDraw, words: Sequence[Words], halo: Array) -> None:
    """Draw text onto an RGB picture."""
    for w in words:
        face, fill, rim = font(w.size, w.bold), _bytes(w.colour), _bytes(rim_colour(w, halo))
        draw.text((w.x, w.y), w.text, font=face, fill=fill, anchor=w.anchor, stroke_width=rim_px(w), stroke_fill=rim)


def rim_px(words: Words) -> int:
    """Return the width of the rim round words, pixels; 0 without one."""
    return max(1, round(words.rim_em * words.size)) if words.halo else 0


def rim_colour(words: Words, halo: Array) -> Array:
    """Return the colour of the rim round words."""
    return halo if words.rim is None else words.rim


def _stamp(pixels: Pixels, words: Words, halo: Array) -> None:
    """Draw one line of text onto pixels with opacity, in place; Pillow would mix in the colour of what is not there."""
    from PIL import Image, ImageDraw

    face, rim = font(words.size, words.bold), rim_px(words)
    probe = ImageDraw.Draw(Image.new("L", (1, 1)))
    box = probe.textbbox((words.x, words.y), words.text, font=face, anchor=words.anchor, stroke_width=rim)
    x, y = math.floor(box[0]) - 1, math.floor(box[1]) - 1
    for stroke, colour in [(rim, rim_colour(words, halo)), (0, words.colour)] if rim else [(0, words.colour)]:
        mask = Image.new("L", (math.ceil(box[2]) - x + 2, math.ceil(box[3]) - y + 2))
        at = (words.x - x, words.y - y)
        ImageDraw.Draw(mask).text(at, words.text, font=face, fill=255, anchor=words.anchor, stroke_width=stroke)
        ink.stamp(pixels, x, y, np.asarray(mask), colour)


def _paste(pixels: Pixels, raster: Raster) -> None:
    """Put a raster down, in place; what stands out over the border is cut off."""
    height, width = raster.pixels.shape[:2]
    part = pixels[raster.y : raster.y + height, raster.x : raster.x + width]
    source = raster.pixels[: part.shape[0], : part.shape[1]]
    if source.shape[2] == part.shape[2]:
        part[...] = source
    elif source.shape[2] == 3:
        part[..., :3], part[..., 3] = source, 255
    else:
        share = source[..., 3:] / 255.0
        part[...] = np.round(part + share * (source[..., :3] - part.astype(np.float64)))


def _moved(shape: Shape, by: Array) -> Shape:
    """A shape at another place."""
    if isinstance(shape, Stroke):
        return replace(shape, points=shape.points + by)
    if isinstance(shape, Disc):
        return replace(shape, centre=shape.centre + by)
    x, y = float(by[0]), float(by[1])
    return replace(shape, x0=shape.x0 + x, x1=shape.x1 + x, y0=shape.y0 + y, y1=shape.y1 + y)


def _bytes(colour: Array) -> tuple[int, ...]:
    """A colour as whole numbers to 255."""
    return tuple(int(v) for v in np.round(colour * 255))
