"""Still pictures: from an anatomy and a picture to pixels, and pixels to a PNG file that says how it was made."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from sim import ink
from sim.anchors import anchors_of
from sim.cameras import View, hidden, stand
from sim.canvas import Drawing, draw
from sim.insets import beside, panel_px, without_panel
from sim.labels import balanced
from sim.overlay import Sheet, anchors_on_page, place_labels, write_furniture, write_labels, write_markers
from sim.page import Box, Page, lay_out
from sim.picture import Label, Marker, Picture
from sim.shading import depth_light, surroundings
from sim.stage import Piece, light, pieces_of
from sim.theme import Theme, load_theme

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[np.float64]

FADE = 0.05
FLOOR_MM = 9.0
LEVEL_VIEW = 0.45
EXTENT_STEP = 5
DEPTH_SIGMA_MM = 1.7
STRIP_PX = 256
COARSE_PX = 1500
AVOID_PX = 24.0
EDGE_ON = 0.3
SIDEWAYS = 0.3


@dataclass(frozen=True)
class Rendering:
    """A finished picture.

    Parameters
    ----------
    image : PIL.Image.Image
        RGB.
    hidden : tuple of str
        Texts of labels whose structure cannot be seen from here.
    dropped : tuple of str
        Texts of labels for which there was no room.
    px_per_mm : float
        Scale of the drawing, for every depth.
    """

    image: Image
    hidden: tuple[str, ...]
    dropped: tuple[str, ...]
    px_per_mm: float


def render_picture(anatomy: Anatomy, picture: Picture) -> Image:
    """Return the picture as an RGB image. See `render`."""
    return render(anatomy, picture).image


def render(anatomy: Anatomy, picture: Picture) -> Rendering:
    """Return the picture with what could not be shown in it.

    Raises
    ------
    MissingName
        (a KeyError) if it shows a structure that the anatomy does not hold.
    ValueError
        If it names a style, view or colour that is not known.
    """
    from PIL import Image, ImageDraw

    theme = load_theme(picture.style)
    if panel_px(picture):
        plain = render(anatomy, without_panel(picture))
        return replace(plain, image=beside(plain.image, anatomy, picture, theme))
    page = lay_out(picture, theme)
    pieces = pieces_of(anatomy, picture, theme)
    view = standing(anatomy, picture, pieces, page)
    drawing = draw(light(pieces, view, theme, picture.seed), view, theme, seed=picture.seed)
    pixels = blank_paper(picture.width_px, picture.height_px, theme)
    set_down(pixels, page.drawing, drawing, view, theme, floor_row(lowest_mm(anatomy), pieces, view))
    sheet = Sheet(pixels, theme, page)
    boxes = write_furniture(sheet, picture, view)
    markers = _markers(anatomy, picture, page, view)
    labels, anchors = _anchored(picture, pieces, view, drawing, page, markers)
    placed, dropped = place_labels(labels, anchors, page, boxes)
    write_labels(sheet, placed)
    write_markers(sheet, markers, show_units=picture.show_units)
    image = Image.fromarray(pixels)
    sheet.letter(ImageDraw.Draw(image))
    unseen = tuple(label.text for label in picture.labels if label not in labels)
    return Rendering(image, unseen, tuple(label.text for label in dropped), view.px_per_mm)


def standing(anatomy: Anatomy, picture: Picture, pieces: Sequence[Piece], page: Page) -> View:
    """Return the camera of a picture as it stands before its drawing."""
    return stand(picture.camera, _extent(anatomy, picture, pieces), page.drawing.width, page.drawing.height)


def save_png(image: Image, path: str | Path, metadata: Mapping[str, str]) -> Path:
    """Write a PNG with text metadata, whole or not at all.

    Parameters
    ----------
    image : PIL.Image.Image
        The picture.
    path : path
        Its folder must exist.
    metadata : mapping of str to str
        Written as PNG text (scenario, its checksum, version, seed, sources, ...).

    Returns
    -------
    Path
        Where it was written.
    """
    from PIL.PngImagePlugin import PngInfo

    target = Path(path)
    info = PngInfo()
    for key, value in metadata.items():
        info.add_itxt(key, value) if not value.isascii() else info.add_text(key, value)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            image.save(stream, format="PNG", pnginfo=info, compress_level=4)
        Path(name).chmod(0o666 & ~_umask())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return the text metadata of a PNG."""
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        return {str(k): str(v) for k, v in getattr(image, "text", {}).items()}


def difference(first: Image, second: Image) -> float:
    """Return the mean absolute difference of two pictures of one size, 0 to 255; inf for different sizes."""
    if first.size != second.size:
        return float("inf")
    a, b = (np.asarray(i.convert("RGB"), dtype=np.int16) for i in (first, second))
    return float(np.abs(a - b).mean())


def _extent(anatomy: Anatomy, picture: Picture, pieces: Sequence[Piece]) -> Array:
    """Points that the picture must hold; the flat cut below the shoulders is let run off its lower edge."""
    points = np.concatenate([p.mesh.vertices_mm[::EXTENT_STEP] for p in pieces] or [np.zeros((1, 3))])
    above = points[points[:, 2] > lowest_mm(anatomy) + FLOOR_MM]
    return points if picture.camera.view in ("superior", "inferior") or not len(above) else above


def lowest_mm(anatomy: Anatomy) -> float:
    """Return the height of the flat cut below the shoulders; -inf without a skin."""
    return min((float(s.mesh.vertices_mm[:, 2].min()) for s in anatomy.structures.values() if s.kind == "skin"), default=-np.inf)


def floor_row(lowest: float, pieces: Sequence[Piece], view: View) -> int:
    """Return the row of the drawing where a flat cut at height `lowest` ends; its height if the cut is not seen from its side."""
    if abs(view.toward[2]) > LEVEL_VIEW or not np.isfinite(lowest):
        return view.height_px
    cut = [p.mesh.vertices_mm[p.mesh.vertices_mm[:, 2] < lowest + 1.0] for p in pieces if p.material != "mark"]
    edge = np.concatenate([np.zeros((0, 3)), *cut])
    if not len(edge):
        return view.height_px
    return int(np.clip(view.project(edge)[0][:, 1].max() - 1, 0, view.height_px))


def blank_paper(width: int, height: int, theme: Theme) -> NDArray[np.uint8]:
    """Return pixels (height, width, 3) of the style's paper."""
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    pixels[...] = np.round(theme.paper * 255)
    return pixels


def set_down(pixels: NDArray[np.uint8], box: Box, drawing: Drawing, view: View, theme: Theme, floor: int) -> None:
    """Put a drawing into its box, in place, its borders and the cut below the shoulders (from row `floor`) faded."""
    _deepen(drawing, view.px_per_mm)
    ink.fade(drawing.pixels[:floor], theme.paper, round(FADE * min(box.width, box.height)))
    pixels[box.y0 : box.y0 + floor, box.x0 : box.x1] = drawing.pixels[:floor]


def _deepen(drawing: Drawing, px_per_mm: float) -> None:
    """Darken the drawing behind the edges of nearer things, in place, some rows at a time to spare memory."""
    rows, columns = drawing.depth_mm.shape
    step = max(1, max(rows, columns) // COARSE_PX)
    sigma = float(np.clip(DEPTH_SIGMA_MM * px_per_mm / step, 1.0, 0.012 * max(rows, columns) / step))
    coarse = surroundings(drawing.depth_mm[::step, ::step], sigma)
    for top in range(0, rows, STRIP_PX):
        strip = slice(top, min(top + STRIP_PX, rows))
        around = _enlarged(coarse, np.arange(top, strip.stop) / step, np.arange(columns) / step)
        part = drawing.pixels[strip]
        part[...] = part * depth_light(drawing.depth_mm[strip], around)[..., None] + 0.5


def _enlarged(grid: NDArray[np.float32], rows: Array, columns: Array) -> NDArray[np.float32]:
    """A grid read between its nodes at fractional rows and columns."""
    if (rows % 1 == 0).all() and (columns % 1 == 0).all():
        return grid[np.ix_(rows.astype(np.int64), columns.astype(np.int64))]
    i, j = np.minimum(rows.astype(np.int64), grid.shape[0] - 2), np.minimum(columns.astype(np.int64), grid.shape[1] - 2)
    v = np.minimum(rows - i, 1).astype(np.float32)[:, None]
    u = np.minimum(columns - j, 1).astype(np.float32)[None]
    low = grid[i][:, j] * (1 - u) + grid[i][:, j + 1] * u
    high = grid[i + 1][:, j] * (1 - u) + grid[i + 1][:, j + 1] * u
    return np.asarray(low * (1 - v) + high * v, dtype=np.float32)


def _markers(anatomy: Anatomy, picture: Picture, page: Page, view: View) -> list[tuple[Marker, float, float]]:
    """Markers that face the camera and lie in the drawing, far ones first, with their pixels."""
    if not picture.markers:
        return []
    points = np.array([m.point_mm for m in picture.markers], dtype=np.float64)
    away = np.array([m.normal is not None and float(np.dot(m.normal, view.toward)) < EDGE_ON for m in picture.markers])
    for structure in anatomy.structures.values():
        if structure.kind == "skin":
            away |= hidden(points, view, structure.mesh.vertices_mm, structure.mesh.faces)
    pixels, depth = view.project(points)
    away |= ((pixels < 0) | (pixels > (view.width_px, view.height_px))).any(axis=1)
    order = [i for i in np.argsort(depth, kind="stable") if not away[i]]
    return [(picture.markers[i], pixels[i, 0] + page.drawing.x0, pixels[i, 1] + page.drawing.y0) for i in order]


def _anchored(
    picture: Picture,
    pieces: Sequence[Piece],
    view: View,
    drawing: Drawing,
    page: Page,
    markers: Sequence[tuple[Marker, float, float]],
) -> tuple[list[Label], list[tuple[float, float]]]:
    """The labels whose thing can be seen, and where on the page it is."""
    level = abs(float(view.toward[0])) < SIDEWAYS
    keys = [k for label in picture.labels for k in (label.key, label.twin if level else None) if k is not None]
    avoid = np.array([(x - page.drawing.x0, y - page.drawing.y0) for _, x, y in markers]).reshape(-1, 2)
    places = anchors_on_page(anchors_of(keys, pieces, view, drawing, avoid, AVOID_PX * page.unit), page)
    labels, options = [], []
    for label in picture.labels:
        found = [places.get(k) for k in (label.key, label.twin) if k is not None] or [_of_point(label, view, page)]
        if any(found):
            labels.append(label)
            options.append([place for place in found if place is not None])
    chosen = balanced(options, (page.left.x1 + page.right.x0) / 2)
    return labels, [places_of[i] for places_of, i in zip(options, chosen, strict=True)]


def _of_point(label: Label, view: View, page: Page) -> tuple[float, float] | None:
    """Pixel of a labelled point, or None outside the drawing."""
    (x, y), _ = view.project(np.asarray(label.point_mm, dtype=np.float64))
    if not (0 <= x <= view.width_px and 0 <= y <= view.height_px):
        return None
    return float(x + page.drawing.x0), float(y + page.drawing.y0)


def _umask() -> int:
    """The user's mask for new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
