"""Plates: a picture's drawing alone, on white, with the camera that made it, so that a page can letter it itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from sim.anchors import anchors_of
from sim.cameras import View
from sim.canvas import draw
from sim.finishing import finished
from sim.hidden_paths import hidden_courses
from sim.overlay import Sheet, write_courses
from sim.page import lay_out
from sim.picture import Picture
from sim.stage import light, pieces_of
from sim.stills import FADE, floor_row, lowest_mm, standing
from sim.theme import load_theme
from sim.vector_plate import Plate as Vectors
from sim.vector_plate import Raster, painted

if TYPE_CHECKING:
    from PIL.Image import Image

AWAY_PX = 12.0
ROUNDS = 4  # the margins follow the size


@dataclass(frozen=True, eq=False)
class Plate:
    """A drawing without letters.

    Parameters
    ----------
    image : PIL.Image.Image
        RGB, white where nothing is drawn.
    view : View
        Its camera; `view.project` gives pixels of `image`.
    anchors : mapping of str to (x, y)
        Pixel to which a label of a structure points, for those asked for that can be seen.
    depth_mm : (height, width) array
        Toward the camera, of what is drawn; -inf where nothing is.
    """

    image: Image
    view: View
    anchors: Mapping[str, tuple[float, float]]
    depth_mm: NDArray[np.float32]


def bare(picture: Picture) -> Picture:
    """Return the picture without title, caption, labels, legend, marks and inset."""
    return replace(
        picture, title="", caption="", sources=(), evidence="", labels=(), legend=(), markers=(), inset=None, scale_bar=False,
        orientation=False, disclaimer=False,
    )  # fmt: skip


def framed(picture: Picture, width_px: int, height_px: int) -> Picture:
    """Return the bare picture at the size at which its drawing alone has `width_px` by `height_px`."""
    plain = replace(bare(picture), width_px=width_px, height_px=height_px)
    for _ in range(ROUNDS):
        box = lay_out(plain, load_theme(plain.style)).drawing
        wide, high = plain.width_px + width_px - box.width, plain.height_px + height_px - box.height
        plain = replace(plain, width_px=wide, height_px=high)
    return plain


def plate(anatomy: Anatomy, picture: Picture, *, keys: Sequence[str] = (), avoid_mm: Sequence[NDArray[np.float64]] = ()) -> Plate:
    """Return the drawing of a picture.

    Parameters
    ----------
    anatomy : Anatomy
    picture : Picture
        What is shown and from where; whatever is written in it is left out.
    keys : sequence of str
        Structures that will be named.
    avoid_mm : sequence of (3,) arrays
        Places that no label should point to.

    Raises
    ------
    MissingName, ValueError
        As in `sim.stills.render`.
    """
    from PIL import Image

    plain = bare(picture)
    theme = load_theme(plain.style)
    page = lay_out(plain, theme)
    pieces = pieces_of(anatomy, plain, theme)
    view = standing(anatomy, plain, pieces, page)
    drawing = draw(light(pieces, view, theme, plain.seed), view, theme, seed=plain.seed)
    avoid = view.project(np.array(avoid_mm).reshape(-1, 3))[0]
    anchors = dict(anchors_of(keys, pieces, view, drawing, avoid, AWAY_PX))
    floor, box = floor_row(lowest_mm(anatomy), pieces, view), page.drawing
    depth = drawing.depth_mm.copy()
    ground = Raster(finished(drawing, view, theme, floor, round(FADE * min(box.width, box.height))), box.x0, box.y0, "drawing")
    sheet = Sheet(None, theme, page)
    courses = hidden_courses(anatomy, plain, pieces, view, drawing, theme, page.unit)
    write_courses(sheet, courses)
    size = plain.width_px, plain.height_px
    whole = painted(Vectors(*size, theme.paper, theme.halo, (ground,), tuple(sheet.shapes)))
    inner = np.asarray(whole)[box.y0 : box.y1, box.x0 : box.x1] / (255 * theme.paper)
    return Plate(Image.fromarray(np.round(255 * np.minimum(inner, 1)).astype(np.uint8)), view, anchors, depth)
