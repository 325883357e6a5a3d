"""Still pictures: from an anatomy and a picture to pixels, and pixels to a PNG file that says how it was made."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from sim.anchors import anchors_of
from sim.cameras import View, hidden, stand
from sim.canvas import Drawing, draw
from sim.finishing import finished
from sim.hidden_paths import hidden_courses
from sim.insets import panel, panel_px, without_panel
from sim.labels import Place, balanced
from sim.marks import outer_end
from sim.overlay import (
    Seats,
    Sheet,
    anchors_on_page,
    meets_marks,
    place_labels,
    seat_markers,
    write_courses,
    write_furniture,
    write_labels,
    write_markers,
)
from sim.page import Box, Page, lay_out
from sim.picture import Label, Marker, Picture
from sim.stage import Piece, inward_mm, light, pieces_of
from sim.theme import Theme, load_theme
from sim.vector_plate import Plate, Raster, painted, pressed

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[np.float64]

FADE = 0.05
FLOOR_MM = 9.0
LEVEL_VIEW = 0.45
EXTENT_STEP = 5
AVOID_PX = 24.0
ANCHOR_TRIES = 6
REFUSED_PX = 40.0  # about a place whose line ran through a disc
RING = np.stack(np.meshgrid([-1.0, -0.5, 0.0, 0.5, 1.0], [-1.0, -0.5, 0.0, 0.5, 1.0]), axis=-1).reshape(-1, 2)
EDGE_ON = 0.3
SIDEWAYS = 0.3


@dataclass(frozen=True)
class Rendering:
    """A finished picture.

    Parameters
    ----------
    image : PIL.Image.Image
        RGB; RGBA of a transparent picture.
    hidden : tuple of str
        Texts of labels whose structure cannot be seen from here.
    dropped : tuple of str
        Texts of labels for which there was no room.
    px_per_mm : float
        Scale of the drawing, for every depth.
    plate : Plate
        The same as rasters, shapes and words.
    """

    image: Image
    hidden: tuple[str, ...]
    dropped: tuple[str, ...]
    px_per_mm: float
    plate: Plate


@dataclass(frozen=True, eq=False)
class Composed:
    """A picture before it is painted; as `Rendering`, with the page on which it is laid out."""

    plate: Plate
    hidden: tuple[str, ...]
    dropped: tuple[str, ...]
    px_per_mm: float
    page: Page


def render_picture(anatomy: Anatomy, picture: Picture) -> Image:
    """Return the picture as an image. See `render`."""
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
    made = compose_still(anatomy, picture)
    return Rendering(painted(made.plate), made.hidden, made.dropped, made.px_per_mm, made.plate)


def compose_still(anatomy: Anatomy, picture: Picture, *, unit: float | None = None) -> Composed:
    """Return the picture as rasters, shapes and words, in colours that can be printed where its style asks for that.

    Parameters
    ----------
    anatomy, picture
        What is shown.
    unit : float, optional
        Scale of text and lines, in place of that which follows from the size: 1 is that of 1920 by 1080.
    """
    made = _composed(anatomy, picture, unit=unit)
    return replace(made, plate=pressed(made.plate)) if load_theme(picture.style).press else made


def _composed(anatomy: Anatomy, picture: Picture, *, unit: float | None = None) -> Composed:
    """The same in the colours of the style."""
    theme = load_theme(picture.style)
    if panel_px(picture):
        return _with_panel(_composed(anatomy, without_panel(picture), unit=unit), anatomy, picture)
    page = lay_out(picture, theme, unit=unit)
    pieces = pieces_of(anatomy, picture, theme)
    view = standing(anatomy, picture, pieces, page)
    paper = None if picture.transparent else theme.paper
    drawing = draw(light(pieces, view, theme, picture.seed), view, theme, seed=picture.seed, paper=paper is not None)
    floor, box = floor_row(lowest_mm(anatomy), pieces, view), page.drawing
    ground = Raster(finished(drawing, view, theme, floor, round(FADE * min(box.width, box.height))), box.x0, box.y0, "drawing")
    sheet = Sheet(None, theme, page, ground=ground if paper is None else None)
    courses = hidden_courses(anatomy, picture, pieces, view, drawing, theme, page.unit)
    write_courses(sheet, courses)
    boxes = write_furniture(sheet, picture, view)
    markers = _markers(anatomy, picture, page, view)
    seats = _seats(markers, page, theme, view, show_units=picture.show_units)
    scene = _Scene(picture, pieces, view, drawing, page, seats, {c.key: c.middle for c in courses})
    labels, placed, dropped = _placed(scene, boxes)
    write_labels(sheet, placed)
    write_markers(sheet, markers, seats, show_units=picture.show_units)
    unseen = tuple(label.text for label in picture.labels if label not in labels)
    size = picture.width_px, picture.height_px
    plate = Plate(*size, paper, theme.halo, (ground,), tuple(sheet.shapes), tuple(sheet.words))
    return Composed(plate, unseen, tuple(label.text for label in dropped), view.px_per_mm, page)


def _with_panel(made: Composed, anatomy: Anatomy, picture: Picture) -> Composed:
    """A picture with the ultrasound image at its right."""
    raster, words = panel(anatomy, picture, made.page.sizes["small"])
    old = made.plate
    plate = replace(old, width_px=picture.width_px, rasters=(*old.rasters, raster), words=(*old.words, *words))
    return replace(made, plate=plate)


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

    info = PngInfo()
    for key, value in metadata.items():
        info.add_itxt(key, value) if not value.isascii() else info.add_text(key, value)
    return write_whole(path, lambda stream: image.save(stream, format="PNG", pnginfo=info, compress_level=4))


def write_whole(path: str | Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Write a file through `write(stream)`, whole or not at all; return its path. Its folder must exist."""
    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
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
    margin = round(FADE * min(box.width, box.height))
    pixels[box.y0 : box.y0 + floor, box.x0 : box.x1] = finished(drawing, view, theme, floor, margin)


def _markers(anatomy: Anatomy, picture: Picture, page: Page, view: View) -> list[tuple[Marker, float, float]]:
    """Markers that face the camera and lie in the drawing, far ones first, with their pixels.

    Skin that a window clears hides none; in a window that shows steep places, a marker need only face the camera.
    """
    if not picture.markers:
        return []
    points, window = np.array([m.point_mm for m in picture.markers], dtype=np.float64), picture.window
    cleared = inward_mm(window, points) > 0 if window is not None and window.steep else np.zeros(len(points), dtype=bool)
    facing = np.array([1.0 if m.normal is None else float(np.dot(m.normal, view.toward)) for m in picture.markers])
    away: NDArray[np.bool_] = np.asarray(facing < np.where(cleared, 0.0, EDGE_ON))
    for structure in anatomy.structures.values():
        if structure.kind == "skin":
            mesh = structure.mesh
            faces = mesh.faces
            if window is not None and structure.key in window.keys:
                faces = faces[(inward_mm(window, mesh.vertices_mm)[faces] < 0).any(axis=1)]
            away |= hidden(points, view, mesh.vertices_mm, faces)
    pixels, depth = view.project(points)
    away |= ((pixels < 0) | (pixels > (view.width_px, view.height_px))).any(axis=1)
    order = [i for i in np.argsort(depth, kind="stable") if not away[i]]
    return [(picture.markers[i], pixels[i, 0] + page.drawing.x0, pixels[i, 1] + page.drawing.y0) for i in order]


def _seats(markers: Sequence[tuple[Marker, float, float]], page: Page, theme: Theme, view: View, *, show_units: bool) -> Seats:
    """Where the discs of markers stand; that of a needle at its outer end, so that it hides no place of entry and no tip."""
    places = np.array([m[1:] for m in markers], dtype=np.float64).reshape(-1, 2)
    heads = places.copy()
    for i, (marker, _, _) in enumerate(markers):
        if marker.target_mm is not None:
            heads[i] = view.project(outer_end(marker))[0] + (page.drawing.x0, page.drawing.y0)
    return seat_markers(places, page, theme, show_units=show_units, heads=heads)


@dataclass(frozen=True, eq=False)
class _Scene:
    """What labels are placed about."""

    picture: Picture
    pieces: Sequence[Piece]
    view: View
    drawing: Drawing
    page: Page
    seats: Seats
    dashed: Mapping[str, tuple[float, float]]


def _placed(
    scene: _Scene, boxes: tuple[Box, Box]
) -> tuple[list[Label], list[tuple[Label, tuple[str, ...], int, Place]], list[Label]]:
    """The labels whose thing can be seen, those with a place, and those without room; few lines run through a disc."""
    refused: dict[str, list[tuple[float, float]]] = {}
    best, fewest = None, 0
    for _ in range(ANCHOR_TRIES):
        labels, anchors = _anchored(scene, refused)
        placed, dropped = place_labels(labels, anchors, scene.page, boxes)
        met = [(label, place) for label, _, _, place in placed if meets_marks(place, scene.seats)]
        if best is None or len(met) < fewest:
            best, fewest = (labels, placed, dropped), len(met)
        named = [(label.key, place.anchor) for label, place in met if label.key is not None]
        if not named:
            break
        for key, anchor in named:
            refused.setdefault(key, []).append(anchor)
    assert best is not None
    return best


def _anchored(
    scene: _Scene, refused: Mapping[str, Sequence[tuple[float, float]]]
) -> tuple[list[Label], list[tuple[float, float]]]:
    """The labels whose thing can be seen, or whose hidden course is drawn, and where on the page it is."""
    picture, page, view = scene.picture, scene.page, scene.view
    level = abs(float(view.toward[0])) < SIDEWAYS
    keys = [k for label in picture.labels for k in (label.key, label.twin if level else None) if k is not None]
    corner = np.array([page.drawing.x0, page.drawing.y0], dtype=np.float64)
    avoid, radius = scene.seats.marks - corner, AVOID_PX * page.unit
    about = REFUSED_PX * page.unit * RING - corner
    spread = {key: (np.array(points)[:, None] + about).reshape(-1, 2) for key, points in refused.items()}
    seen = anchors_of(keys, scene.pieces, view, scene.drawing, avoid, radius, spread)
    places = anchors_on_page({**scene.dashed, **seen}, page)
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
