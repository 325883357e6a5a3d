"""Contact sheets: one layer of the body from four sides on one picture, judged by eye, beside a reference if there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.terms import split_key
from sim.anchors import anchors_of
from sim.cameras import WORDS, View, edge_marks, stand
from sim.canvas import draw
from sim.labels import balanced
from sim.lettering import line_height, text_width
from sim.overlay import Sheet, place_labels, write_labels, write_scale_bar, write_title_and_caption
from sim.page import Box, Page, lay_out
from sim.picture import Camera, Label, Picture
from sim.picture_shown import Cut
from sim.sheet_layers import SheetLayer, names_of, numbers_of, sheet_views
from sim.stage import light, pieces_of
from sim.stills import FADE, blank_paper, floor_row, lowest_mm, set_down
from sim.theme import Theme, load_theme

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Pair = tuple[float, float]

OVERVIEW_SHARE = 0.42  # of a view's size on a sheet
ROOM = 0.93  # share of a view that its contents fill: the borders are faded
GUTTER = 2.6  # beside a view, for its numbers: multiples of the size of their text
HEAD_LINES = 2.5  # above a row of views: its title, then the names of the views
DEFAULT_SIZE = (760, 760)
MOST_PX = 1600
NOTHING = "nothing of it in this anatomy"


@dataclass(frozen=True)
class ContactSheet:
    """A finished sheet.

    Parameters
    ----------
    layer : SheetLayer
        What it shows.
    image : PIL.Image.Image
        RGB.
    views : list of lists of (height, width, 3) uint8 arrays
        The bare drawings, a row for each anatomy.
    """

    layer: SheetLayer
    image: Image
    views: list[list[Pixels]]


def contact_sheet(
    layer: SheetLayer,
    anatomies: Mapping[str, Anatomy],
    *,
    size: tuple[int, int] = DEFAULT_SIZE,
    style: str = "atlas",
    seed: int = 0,
) -> ContactSheet:
    """Return one layer of the first anatomy from all sides, and of every other from the same cameras in a row below.

    Parameters
    ----------
    layer : SheetLayer
        One of `sim.sheet_layers.sheet_layers()`; the first anatomy must have something of it.
    anatomies : mapping of str to Anatomy
        By the title of their row; all in RAS, mm, Frankfort horizontal.
    size : (int, int)
        Pixels of one view.
    style, seed
        As in `Picture`.
    """
    from PIL import Image, ImageDraw

    theme = load_theme(style)
    first = next(iter(anatomies.values()))
    page, boxes = _layout(layer, anatomies, size, style)
    pixels = blank_paper(page.title.x1 + page.title.x0, page.caption.y1 + page.title.y0, theme)
    sheet = Sheet(pixels, theme, page)
    write_title_and_caption(sheet)
    views = _cameras(layer.extent(first), size)
    floor = max(lowest_mm(first), min(float(s.mesh.vertices_mm[:, 2].min()) for s in first.structures.values()))
    scene = _Scene(layer, theme, floor, seed, numbers_of(layer, first))
    drawings = [
        _put_row(sheet, row, title, scene, anatomy, views) for (title, anatomy), row in zip(anatomies.items(), boxes, strict=True)
    ]
    write_scale_bar(sheet, next(iter(views.values())), _over(boxes[0][-1], page))
    image = Image.fromarray(pixels)
    sheet.letter(ImageDraw.Draw(image))
    return ContactSheet(layer, image, drawings)


def overview(sheets: Sequence[ContactSheet], rows: Sequence[str], *, style: str = "atlas") -> Image:
    """Return all sheets small on one picture: a row for each layer, the views of each anatomy side by side."""
    from PIL import Image, ImageDraw

    theme = load_theme(style)
    high, wide = (round(OVERVIEW_SHARE * n) for n in sheets[0].views[0][0].shape[:2])
    step = line_height(max(12, high // 14))
    size = round(step / 1.25)
    names = [f"{row}: {view}" for row in rows for view in sheet_views()]
    pixels = blank_paper(wide * len(names) + 2 * step, (high + step) * len(sheets) + 3 * step, theme)
    image = Image.fromarray(pixels)
    sheet = Sheet(pixels, theme, lay_out(Picture("", (), width_px=pixels.shape[1], height_px=pixels.shape[0]), theme))
    for i, name in enumerate(names):
        sheet.write(name, step + i * wide, step, min(size, round(1.5 * wide / max(len(n) for n in names))), theme.muted)
    for i, made in enumerate(sheets):
        top = 2 * step + i * (high + step)
        sheet.write(made.layer.title, step, top + 0.5 * step, size, bold=True)
        for j, view in enumerate(v for row in made.views for v in row):
            image.paste(Image.fromarray(view).resize((wide, high), Image.Resampling.LANCZOS), (step + j * wide, top + step))
    sheet.letter(ImageDraw.Draw(image))
    return image


@dataclass(frozen=True)
class _Scene:
    """What all views of a sheet share: also the height (mm) at which the model ends, and the numbers of unsided keys."""

    layer: SheetLayer
    theme: Theme
    floor_mm: float
    seed: int
    numbers: Mapping[str, int]


def _put_row(
    sheet: Sheet, boxes: Sequence[Box], title: str, scene: _Scene, anatomy: Anatomy, views: Mapping[str, View]
) -> list[Pixels]:
    """Draw one anatomy into the boxes of its row, under its title; return the bare drawings."""
    size, out = sheet.page.sizes["label"], []
    sheet.write(title, boxes[0].x0, boxes[0].y0 - 2.0 * line_height(size), size, bold=True)
    for (name, view), box in zip(views.items(), boxes, strict=True):
        anchors = _put_view(sheet.pixels, box, scene, anatomy, view)
        out.append(sheet.pixels[box.y0 : box.y1, box.x0 : box.x1].copy())
        _letter(sheet, box, name, view, empty=anchors is None)
        _write_numbers(sheet, box, scene.numbers, anchors or {})
    return out


def _put_view(pixels: Pixels, box: Box, scene: _Scene, anatomy: Anatomy, view: View) -> Mapping[str, Pair] | None:
    """Draw an anatomy into a box as far down as the model goes; return where each structure is seen, None if it has none."""
    theme, floor, seed = scene.theme, scene.floor_mm, scene.seed
    cut = Cut((0.0, 0.0, floor), (0.0, 0.0, -1.0), capped=False)
    pieces = pieces_of(anatomy, Picture("view", scene.layer.shown(anatomy), style=theme.name, cuts=(cut,), seed=seed), theme)
    if not pieces:
        return None
    drawing = draw(light(pieces, view, theme, seed), view, theme, seed=seed)
    last = floor_row(floor, pieces, view)
    set_down(pixels, box, drawing, view, theme, last)
    own = [key for key in scene.layer.own(anatomy) if split_key(key)[0] in scene.numbers]
    places = anchors_of(own, pieces, view, drawing, np.zeros((0, 2)), 0.0)
    clear = last - FADE * min(box.width, box.height)
    return {key: (x + box.x0, y + box.y0) for key, (x, y) in places.items() if y < clear}


def _write_numbers(sheet: Sheet, box: Box, numbers: Mapping[str, int], anchors: Mapping[str, Pair]) -> None:
    """Write the number of each structure that is seen beside the view, with a line to it: of one side where there are two."""
    options: dict[str, list[Pair]] = {}
    for key, at in anchors.items():
        options.setdefault(split_key(key)[0], []).append(at)
    chosen = balanced(list(options.values()), (box.x0 + box.x1) / 2)
    labels = [Label(str(numbers[key]), key=key) for key in options]
    places = [several[i] for several, i in zip(options.values(), chosen, strict=True)]
    size = sheet.page.sizes["small"]
    page = replace(sheet.page, sizes={**sheet.page.sizes, "label": size})
    wide = round(GUTTER * size)
    columns = replace(box, x0=box.x0 - wide, x1=box.x0), replace(box, x0=box.x1, x1=box.x1 + wide)
    write_labels(sheet, place_labels(labels, places, page, columns)[0])


def _letter(sheet: Sheet, box: Box, name: str, view: View, *, empty: bool) -> None:
    """Write the view's name and which side of the patient lies left and right."""
    sizes, marks, muted = sheet.page.sizes, edge_marks(view), sheet.theme.muted
    middle, y, gap = (box.x0 + box.x1) / 2, box.y0 - 0.6 * line_height(sizes["label"]), sizes["label"]
    sheet.write(name, middle, y, sizes["label"], anchor="mm")
    for edge, x, way, anchor in (("left", box.x0 + gap, 1, "lm"), ("right", box.x1 - gap, -1, "rm")):
        sheet.write(marks[edge], x, y, sizes["label"], muted, bold=True, anchor=anchor)
        word = WORDS[marks[edge]]
        if text_width(word, sizes["small"]) + text_width(name, sizes["label"]) / 2 + 4 * gap < box.width / 2:
            sheet.write(word, x + 1.2 * way * gap, y, sizes["small"], muted, anchor=anchor)
    if empty:
        sheet.write(NOTHING, middle, (box.y0 + box.y1) / 2, sizes["small"], muted, anchor="mm")


def _layout(
    layer: SheetLayer, anatomies: Mapping[str, Anatomy], size: tuple[int, int], style: str
) -> tuple[Page, list[list[Box]]]:
    """Page and boxes of the views, a row for each anatomy; the page grows until title and caption leave them room."""
    theme, columns = load_theme(style), len(sheet_views())
    credit = [str(a.meta["credit"]) for a in anatomies.values() if "credit" in a.meta]
    caption = "\n".join([f"Shown: {names_of(layer, next(iter(anatomies.values())))}.", *credit])
    picture = Picture(
        layer.name, (), title=layer.title, caption=caption, style=style, scale_bar=False, orientation=False,
        width_px=size[0] * columns, height_px=size[1] * len(anatomies),
    )  # fmt: skip
    while True:
        page = lay_out(picture, theme)
        head, gutter = round(HEAD_LINES * line_height(page.sizes["label"])), round(GUTTER * page.sizes["small"])
        step = size[0] + 2 * gutter
        lack_x, lack_y = columns * step - page.drawing.width, len(anatomies) * (size[1] + head) - page.drawing.height
        if lack_x <= 0 and lack_y <= 0:
            break
        wide, high = picture.width_px + max(0, lack_x), picture.height_px + max(0, lack_y)
        picture = replace(picture, width_px=wide, height_px=high)
    rows = [page.drawing.y0 + i * (size[1] + head) + head for i in range(len(anatomies))]
    starts = [page.drawing.x0 + j * step + gutter for j in range(columns)]
    return page, [[Box(x, y, x + size[0], y + size[1]) for x in starts] for y in rows]


def _cameras(extent_mm: Array, size: tuple[int, int]) -> dict[str, View]:
    """The cameras of all views, at one scale."""
    free = {name: stand(Camera(camera, zoom=ROOM), extent_mm, *size) for name, camera in sheet_views().items()}
    scale = min(v.px_per_mm for v in free.values())
    return {name: replace(view, px_per_mm=scale) for name, view in free.items()}


def _over(box: Box, page: Page) -> Box:
    """The place of the scale bar: the end of the line of the row's title, over a view."""
    step = line_height(page.sizes["label"])
    return Box(box.x0 + box.width // 4, box.y0 - 3 * step, box.x1, box.y0 - round(1.4 * step))
