"""A strip with a few small lines, to be laid under a picture: whose anatomy it shows, and how sure it is."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sim.lettering import font, line_height, wrapped

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
LIGHT: tuple[Colour, Colour] = ((253, 252, 248), (64, 62, 58))
DARK: tuple[Colour, Colour] = ((0, 0, 0), (170, 170, 170))


@lru_cache(maxsize=8)
def strip(text: str, width_px: int, letters_px: int, colours: tuple[Colour, Colour] = LIGHT) -> Pixels:
    """Return the strip.

    Parameters
    ----------
    text : str
        Empty: the strip has no height.
    width_px, letters_px : int
        Of the strip, and of its letters.
    colours : (ground, letters)
        RGB, 0 to 255.

    Returns
    -------
    (height, width_px, 3) uint8 array
        As high as its lines ask for; read-only.
    """
    from PIL import Image, ImageDraw

    edge, lines = letters_px, wrapped(text, letters_px, width_px - 2 * letters_px) if text.strip() else ()
    high = len(lines) * line_height(letters_px) + edge if lines else 0
    out = np.empty((high, width_px, 3), dtype=np.uint8)
    if lines:
        image = Image.new("RGB", (width_px, high), colours[0])
        pen = ImageDraw.Draw(image)
        for i, line in enumerate(lines):
            pen.text((edge, edge / 2 + i * line_height(letters_px)), line, font=font(letters_px), fill=colours[1])
        out[:] = np.asarray(image)
    out.setflags(write=False)
    return out
