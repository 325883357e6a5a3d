"""What is written over a rendered drawing: markers, labels, marks of side, scale bar, legend, title, caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim import ink
from sim.cameras import AXES, WORDS, View, edge_marks, scale_bar_mm
from sim.hidden_paths import RIM_OPACITY, RIM_PX, Course
from sim.labels import Column, Place, Request, arrange, beside, cleared, fits, keep_most
from sim.lettering import line_height, text_width, wrapped
from sim.page import Box, Page
from sim.picture import Label, LegendItem, Marker, Picture
from sim.theme import Theme
from sim.vector_plate import Bar, Disc, Raster, Shape, Stroke, draw_shape, letter
from sim.vector_plate import Words as Words

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Pair = tuple[float, float]

LEAST_LABEL_PX = 8
LEAST_LABEL_SHARE = 0.62
LABEL_GAP = 0.35
SIGN_DASHES = ((0.1, 0.42), (0.78, 1.1))  # of a broken line's sign, in heights of the text
SIGN_EM = 1.7  # from the left of a legend's sign to its text
MARKER_RADIUS = 13.0
LEAST_DISC = 0.78  # share of its size to which a disc shrinks before it leaves its place
STILL_SHARE = 0.02  # of the radius: a disc that has moved less stands on its place
DOT_PX = 3.0  # radius, of the true place of a disc that has left it
FACES_AWAY = 0.3
UNITS_HEIGHT = 0.95
SOLID = 250  # opacity, of 255, from which a drawing counts as paper for the rim of a line


class Sheet:
    """The picture while it is written on: shapes go down at once and are noted, text is drawn at the end.

    Without pixels it only takes notes, from which `sim.vector_plate` makes a picture of any kind. `ground` is the drawing of
    a picture without paper: rims in the colour of paper are kept to where it is solid.
    """

    def __init__(self, pixels: Pixels | None, theme: Theme, page: Page, *, ground: Raster | None = None) -> None:
        self.pixels = np.empty((0, 0, 3), dtype=np.uint8) if pixels is None else pixels
        self.ground = ground
        self.theme = theme
        self.page = page
        self.words: list[Words] = []
        self.shapes: list[Shape] = []

    def write(self, text: str, x: float, y: float, size: int, colour: Array | None = None, **style: bool | str) -> None:
        """Put down one line of text; `y` is its middle."""
        words = Words(text, x, y, size, self.theme.ink if colour is None else colour)
        self.words.append(replace(words, **style))  # type: ignore[arg-type]

    def line(self, points: ArrayLike, width: float, colour: Array, *, opacity: float = 1.0) -> None:
        """Draw a line through points (n, 2)."""
        self._put(Stroke(np.asarray(points, dtype=np.float64), float(width), colour, opacity))

    def disc(self, centre: ArrayLike, radius: float, colour: Array, *, opacity: float = 1.0) -> None:
        """Draw a filled disc."""
        self._put(Disc(np.asarray(centre, dtype=np.float64), float(radius), colour, opacity))

    def bar(self, x0: float, y0: float, x1: float, y1: float, colour: Array) -> None:
        """Fill a rectangle."""
        self._put(Bar(x0, y0, x1, y1, colour))

    def arrow(self, start: ArrayLike, end: ArrayLike, width: float, colour: Array) -> None:
        """Draw a line with an open head at its end."""
        for stroke in ink.arrow_strokes(start, end, width):
            self.line(stroke, width, colour)

    def letter(self, draw: ImageDraw) -> None:
        """Draw all text."""
        letter(draw, self.words, self.theme.halo)

    def _put(self, shape: Shape) -> None:
        self.shapes.append(shape)
        draw_shape(self.pixels, shape)


def write_courses(sheet: Sheet, courses: Sequence[Course]) -> None:
    """Draw the hidden courses of nerves and vessels in dashes, each with a thin dark edge."""
    corner = np.array([sheet.page.drawing.x0, sheet.page.drawing.y0], dtype=np.float64)
    for course in courses:
        edge = course.width_px + 2 * max(0.6, RIM_PX * sheet.page.unit)
        for dash in course.dashes:
            sheet.line(dash + corner, edge, course.rim, opacity=RIM_OPACITY)
        for dash in course.dashes:
            sheet.line(dash + corner, course.width_px, course.colour)


def write_title_and_caption(sheet: Sheet) -> None:
    """Write the heading on top and the caption below."""
    page, theme = sheet.page, sheet.theme
    step = line_height(page.sizes["title"])
    for i, text in enumerate(page.title_lines):
        sheet.write(text, page.title.x0, page.title.y0 + (i + 0.5) * step, page.sizes["title"], bold=True)
    step = line_height(page.sizes["caption"])
    top = page.caption.y1 - len(page.caption_lines) * step
    if page.caption_lines:
        rule = max(1, round(1.2 * page.unit))
        sheet.bar(page.caption.x0, top - step // 3, page.caption.x1, top - step // 3 + rule, theme.rule)
    for i, text in enumerate(page.caption_lines):
        sheet.write(text, page.caption.x0, top + (i + 0.5) * step, page.sizes["caption"], theme.muted)


def write_sides(sheet: Sheet, view: View) -> int:
    """Write which side of the patient lies left and right, at the top of the columns; return the height taken."""
    marks, page = edge_marks(view), sheet.page
    big, small = page.sizes["mark"], page.sizes["small"]
    height = line_height(big) + line_height(small)
    for box, edge, x, anchor in ((page.left, "left", page.left.x1, "rm"), (page.right, "right", page.right.x0, "lm")):
        if box.width < 2 * big:
            return 0
        sheet.write(marks[edge], x, page.left.y0 + big / 2, big, sheet.theme.muted, bold=True, anchor=anchor)
        word = WORDS[marks[edge]]
        if text_width(word, small) <= box.width:
            sheet.write(word, x, page.left.y0 + line_height(big) + small / 2, small, sheet.theme.muted, anchor=anchor)
    return height


def write_compass(sheet: Sheet, view: View, box: Box) -> int:
    """Draw three arrows along the patient's axes at the foot of `box`; return the height taken."""
    size = sheet.page.sizes["small"]
    reach = 2.6 * size
    if box.width < 2 * reach + 2 * size:
        return 0
    centre = np.array([box.x0 + reach + size, box.y1 - reach - size])
    for pair in ("RL", "AP", "SI"):
        away = float(np.array(AXES[pair[0]]) @ view.toward) < -FACES_AWAY
        name = pair[1] if away else pair[0]
        way = np.array([np.array(AXES[name]) @ view.right, -np.array(AXES[name]) @ view.up])
        length = float(np.hypot(*way))
        if length < 0.2:
            sheet.disc(centre, max(1.5, 2.2 * sheet.page.unit), sheet.theme.muted)
            continue
        sheet.arrow(centre, centre + reach * way, max(1.0, 1.8 * sheet.page.unit), sheet.theme.muted)
        tip = centre + (reach + 0.75 * size / length) * way
        sheet.write(name, float(tip[0]), float(tip[1]), size, sheet.theme.muted, anchor="mm")
    return round(2 * reach + 2.6 * size)


def write_scale_bar(sheet: Sheet, view: View, box: Box) -> int:
    """Draw the scale bar at the foot of `box`; return the height taken. Its length is exact everywhere in the picture."""
    size = sheet.page.sizes["small"]
    if box.width < 3 * size:
        return 0
    length = scale_bar_mm(view.px_per_mm, min(0.62 * box.width, 320 * sheet.page.unit))
    thick = max(2, round(3 * sheet.page.unit))
    y = box.y1 - thick
    bar = length * view.px_per_mm
    sheet.line([(box.x0 + thick / 2, y), (box.x0 + bar - thick / 2, y)], thick, sheet.theme.ink)
    for x in (box.x0, box.x0 + bar):
        sheet.bar(x - thick / 4, y - 2 * thick, x + thick / 4, y + thick, sheet.theme.ink)
    text = f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"
    sheet.write(text, box.x0, y - 2.5 * thick - size / 2, size)
    return round(4 * thick + 1.6 * size)


def write_legend(sheet: Sheet, items: Sequence[LegendItem], box: Box) -> int:
    """Write the legend at the foot of `box`; return the height taken."""
    size = sheet.page.sizes["small"]
    sign = SIGN_EM * size
    rows = [(item, wrapped(item.text, size, box.width - sign)) for item in items]
    step = line_height(size)
    height = sum(len(lines) for _, lines in rows) * step + len(rows) * (step // 4)
    if not rows or box.width < 4 * size or height > box.height:
        return 0
    y = float(box.y1 - height)
    for item, lines in rows:
        write_sign(sheet, item, box.x0, y + step / 2, size)
        for line in lines:
            sheet.write(line, box.x0 + sign, y + step / 2, size)
            y += step
        y += step // 4
    return height + step


def write_sign(sheet: Sheet, item: LegendItem, x: float, y: float, size: int) -> None:
    """Draw the coloured sign of one row of a legend, 1.1 times `size` wide, its middle at height `y`."""
    colour = sheet.theme.colour(item.colour)
    if item.sign == "dot":
        sheet.disc((x + 0.5 * size, y), 0.46 * size, colour)
    elif item.sign == "line":
        for start, end in SIGN_DASHES if item.dashed else ((0.1, 1.1),):
            sheet.line([(x + start * size, y), (x + end * size, y)], max(1.5, 0.2 * size), colour)
    else:
        sheet.bar(x, y - 0.42 * size, x + 1.1 * size, y + 0.42 * size, colour)


@dataclass(frozen=True, eq=False)
class Seats:
    """Where numbered discs stand.

    Parameters
    ----------
    places, centres : (n, 2) arrays
        The true places and the middles of the discs, pixels of the whole picture.
    radius : float
        Of every disc.
    moved : (n,) bool array
        Which discs stand beside their place; a dot marks it then.
    """

    places: Array
    centres: Array
    radius: float
    moved: NDArray[np.bool_]

    @property
    def marks(self) -> Array:
        """Middles (m, 2) of all discs and dots."""
        return np.concatenate([self.centres, self.places[self.moved]])


def seat_markers(places: Array, page: Page, theme: Theme, *, show_units: bool, heads: Array | None = None) -> Seats:
    """Return discs for true places (n, 2) that do not touch.

    Discs shrink a little before any leaves its place; one that must, goes so far that its place can be seen. `heads` (n, 2) are
    the outer ends of their needles, where each disc stands in place of hiding the needle; nan for a site without one.
    """
    unit = page.unit
    radius = max(3.5, MARKER_RADIUS * unit * min(theme.text_scale, 1.15))
    dot, gap = _dot_px(unit), max(2.0, 4.0 * unit)
    wishes = places if heads is None else np.where(np.linalg.norm(heads - places, axis=1)[:, None] > 1.5 * radius, heads, places)
    shape = np.array([1.0, 1.55 if show_units else 1.0])
    flat = wishes / shape
    nearest = (np.linalg.norm(flat[:, None] - flat[None], axis=2) + 1e9 * np.eye(len(flat))).min(initial=1e9)
    if LEAST_DISC * radius <= (nearest - gap) / 2 < radius:
        radius = float(nearest - gap) / 2
    clear = radius + max(1.0, 1.6 * unit) + dot + max(0.8, 1.3 * unit)
    centres = cleared(flat, 2 * radius + gap - 1e-6, clear, places / shape) * shape
    moved = np.linalg.norm(centres - places, axis=1) > STILL_SHARE * radius
    return Seats(places, np.where(moved[:, None], centres, places), radius, moved)


def _dot_px(unit: float) -> float:
    """Radius of the dot of a true place."""
    return max(1.6, DOT_PX * unit)


def write_markers(sheet: Sheet, markers: Sequence[tuple[Marker, float, float]], seats: Seats, *, show_units: bool) -> None:
    """Draw numbered discs at pixels of the whole picture, far ones first; where one does not stand on its place, a dot does."""
    unit, theme = sheet.page.unit, sheet.theme
    radius, centres = seats.radius, seats.centres
    size = round(1.12 * radius)
    for i in map(int, np.flatnonzero(seats.moved)):
        if markers[i][0].target_mm is None:
            sheet.line([seats.places[i], centres[i]], max(2.0, 3.6 * unit), np.ones(3))
            sheet.line([seats.places[i], centres[i]], max(1.0, 1.8 * unit), theme.ink)
    for (marker, _, _), (x, y) in zip(markers, centres, strict=True):
        colour = theme.colour(f"group_{marker.group}")
        sheet.disc((x, y + 0.12 * radius), radius * 1.22, np.zeros(3), opacity=0.16)
        sheet.disc((x, y), radius + max(1.0, 1.6 * unit), np.ones(3))
        sheet.disc((x, y), radius, colour)
        if size >= 5:
            dark = float(colour @ (0.3, 0.59, 0.11)) < 0.58
            letters = size if len(marker.text) < 3 else round(0.78 * size)
            sheet.write(marker.text, x, y, letters, np.ones(3) if dark else np.zeros(3), bold=True, anchor="mm")
    for point in seats.places[seats.moved]:
        sheet.disc(point, _dot_px(unit) + max(0.8, 1.3 * unit), np.ones(3))
        sheet.disc(point, _dot_px(unit), theme.ink)
    if show_units and size >= 7:
        _write_units(sheet, [m for m, _, _ in markers], seats, max(7, round(0.85 * size)))


def _write_units(sheet: Sheet, markers: Sequence[Marker], seats: Seats, size: int) -> None:
    """Write the units beside their discs, where there is room."""
    texts = ["" if m.units is None else f"{m.units:g} U" for m in markers]
    boxes = np.array([(text_width(t, size), UNITS_HEIGHT * size) for t in texts]).reshape(-1, 2)
    unit, radius = sheet.page.unit, seats.radius
    around, dot = radius + max(1.0, 1.6 * unit), _dot_px(unit) + 1.0
    spots = beside(seats.centres, around, boxes, max(1.0, 0.12 * radius), dots=seats.places[seats.moved], dot=dot)
    for text, spot in zip(texts, spots, strict=True):
        if text and spot is not None:
            sheet.write(text, spot[0], spot[1], size, anchor="mm", halo=True)


def meets_marks(place: Place, seats: Seats) -> bool:
    """Return whether the leader line of a label runs through a disc."""
    start, end = np.asarray(place.anchor), np.asarray(place.elbow)
    way = end - start
    share = np.clip((seats.centres - start) @ way / max(float(way @ way), 1e-9), 0.0, 1.0)
    return bool((np.linalg.norm(seats.centres - start - share[:, None] * way, axis=1) < seats.radius).any())


def place_labels(
    labels: Sequence[Label], anchors: Sequence[tuple[float, float]], page: Page, boxes: tuple[Box, Box]
) -> tuple[list[tuple[Label, tuple[str, ...], int, Place]], list[Label]]:
    """Return where the labels go, their lines and size of text, and the labels for which there was no room."""
    columns = tuple(Column(b.x0, b.y0, b.x1, max(b.y0, b.y1), left) for b, left in zip(boxes, (True, False), strict=True))
    pair = (columns[0], columns[1])
    least = max(LEAST_LABEL_PX, round(LEAST_LABEL_SHARE * page.sizes["label"]))
    size, kept = page.sizes["label"], list(range(len(labels)))
    while True:
        lines, requests = _measured(labels, anchors, pair, size)
        if fits(requests, pair, LABEL_GAP * size):
            break
        if size <= least:
            kept = keep_most(requests, pair, LABEL_GAP * size)
            break
        size -= 1
    places = arrange([requests[i] for i in kept], pair, LABEL_GAP * size)
    done = [(labels[kept[p.index]], lines[kept[p.index]], size, p) for p in places]
    return done, [label for i, label in enumerate(labels) if i not in set(kept)]


def _measured(
    labels: Sequence[Label], anchors: Sequence[tuple[float, float]], columns: tuple[Column, Column], size: int
) -> tuple[list[tuple[str, ...]], list[Request]]:
    """Lines and boxes of labels at a size of text."""
    width = min(c.x1 - c.x0 for c in columns) - 0.6 * size
    lines = [wrapped(label.text, size, width, bold=label.emphasis) for label in labels]
    requests = []
    for label, text, anchor in zip(labels, lines, anchors, strict=True):
        wide = max(text_width(t, size, bold=label.emphasis) for t in text) + 0.4 * size
        requests.append(Request(anchor, wide, len(text) * line_height(size), label.priority))
    return lines, requests


def write_labels(sheet: Sheet, placed: Sequence[tuple[Label, tuple[str, ...], int, Place]]) -> None:
    """Draw leader lines, their dots, and the text of labels."""
    unit, theme = sheet.page.unit, sheet.theme
    thin = max(0.9, 1.5 * unit)
    for _, _, _, place in placed:
        for part in _solid_parts(sheet.ground, place.anchor, place.elbow, 3.2 * thin):
            sheet.line(part, 3.2 * thin, theme.halo, opacity=0.55)
    for label, lines, size, place in placed:
        sheet.line([place.anchor, place.elbow], thin, theme.ink)
        sheet.disc(place.anchor, 2.9 * thin, theme.halo)
        sheet.disc(place.anchor, 2.0 * thin, theme.ink)
        x, anchor = (place.x1 - 0.4 * size, "rm") if place.is_left else (place.x0 + 0.4 * size, "lm")
        for i, text in enumerate(lines):
            y = place.y0 + (i + 0.5) * line_height(size)
            sheet.write(text, x, y, size, bold=label.emphasis, anchor=anchor)


def _solid_parts(ground: Raster | None, start: Pair, end: Pair, width: float) -> list[Array]:
    """The parts (2, 2) of a line, with its round ends, that lie on the solid of a drawing; all of it on paper."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    if ground is None:
        return [np.stack([a, b])]
    length = float(np.hypot(*(b - a)))
    steps = np.arange(0.0, length + 1.0)
    pixels = np.floor(a + steps[:, None] / max(length, 1e-9) * (b - a)).astype(np.int64) - (ground.x, ground.y)
    rows, columns = ground.pixels.shape[:2]
    inside = ((pixels >= 0) & (pixels < (columns, rows))).all(axis=1)
    solid = np.zeros(len(steps) + 2, dtype=bool)
    solid[1:-1][inside] = ground.pixels[pixels[inside, 1], pixels[inside, 0], 3] > SOLID
    turns = np.flatnonzero(np.diff(solid.astype(np.int8))).reshape(-1, 2)
    spans = [(max(i - 1 + width / 2, 0.0) if i else 0.0, j - 1 - width / 2) for i, j in turns]
    return [a + np.array([[i], [j]]) / length * (b - a) for i, j in spans if j > i]


def write_furniture(sheet: Sheet, picture: Picture, view: View) -> tuple[Box, Box]:
    """Write everything but labels and markers; return the boxes (left, right) that are left for labels."""
    page = sheet.page
    write_title_and_caption(sheet)
    top = write_sides(sheet, view) if picture.orientation else 0
    low_left = write_scale_bar(sheet, view, page.left) if picture.scale_bar else 0
    if picture.orientation:
        low_left += write_compass(sheet, view, replace(page.left, y1=page.left.y1 - low_left))
    low_right = write_legend(sheet, picture.legend, page.right)
    left = replace(page.left, y0=page.left.y0 + top, y1=page.left.y1 - low_left)
    return left, replace(page.right, y0=page.right.y0 + top, y1=page.right.y1 - low_right)


def anchors_on_page(anchors: Mapping[str, tuple[float, float]], page: Page) -> dict[str, tuple[float, float]]:
    """Return anchors of the drawing as pixels of the whole picture."""
    return {key: (x + page.drawing.x0, y + page.drawing.y0) for key, (x, y) in anchors.items()}
