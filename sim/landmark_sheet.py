"""The proof sheet of landmarks: numbered dots on the person's own bone and skin from five sides, coloured by how sure each is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, SurfaceMesh
from meshes.real_bounds import is_inside
from meshes.real_correct import own_parts
from meshes.real_landmarks_fits import SKULL, owner_of
from meshes.surface import SurfaceQuery
from meshes.terms import split_key
from sim.cameras import WORDS, View, edge_marks, hidden, scale_bar_mm, stand
from sim.canvas import draw
from sim.compose import told_of
from sim.landmark_rows import Row
from sim.lettering import line_height, text_width
from sim.overlay import Sheet, place_labels, write_labels, write_scale_bar, write_title_and_caption
from sim.page import Box, Page, lay_out
from sim.picture import Camera, Label, Picture
from sim.picture_shown import Shown
from sim.stage import light, pieces_of
from sim.stills import blank_paper, set_down
from sim.theme import Theme, load_theme

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

Pair = tuple[float, float]
Rect = tuple[float, float, float, float]

STYLE = "atlas"
SIZE_PX = (3300, 2560)
VIEWS = {
    "right": "From the right", "anterior": "From in front", "left": "From the left", "posterior": "From behind",
    "inferior": "The skull from below",
}  # fmt: skip
BELOW, BONY = "inferior", ("bone", "disc")
COLUMNS, ROWS, LEGEND_COLUMNS = 3, 2, 2
TEXT_SHARE = 0.84  # of the small text of other pictures
GUTTER_EM, HEAD_EM = 4.2, 5.0  # beside a view, for numbers, and over it: multiples of the size of the text
ROOM = 0.94  # of a view that its contents fill
GLASS = 0.22  # of a person's own skin, over the bone
EXTENT_STEP = 5
SEEN_MM = 2.5  # a point so far under a surface is hidden
ON_SKULL_MM = 6.0  # of the skull's vertices: further off it is no landmark of the skull
OUT_MM = 1.5  # that a dot is lifted off its bone to see whether it is hidden, so that one on the horizon is not
DOT_EM = 0.34
LEAST_PX = 11
HIDDEN = "*"
SCALE_SHARE = 0.22
BANDS = {  # colour, and what it says; apart for the colour-blind
    "asked": ("#c1272d", "asked for, please look"), "unsure": ("#e08a1e", "confidence under 0.5, of little use"),
    "fair": ("#7fb2d8", "0.5 to 0.75"), "sure": ("#1f5fa8", "over 0.75"), "hand": ("#1b1b1b", "set or approved by hand"),
    "model": ("#6f8f6a", "of the model"),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class LandmarkSheet:
    """A finished sheet.

    Parameters
    ----------
    image : PIL.Image.Image
        RGB.
    places : mapping of str to mapping of str to (float, float)
        Where each landmark's dot lies, pixels of the sheet, by view and name.
    words : tuple of (float, float, float, float)
        Boxes of the numbers, pixels of the sheet: x0, y0, x1, y1.
    unplaced : tuple of str
        Names that no view shows.
    boxes : mapping of str to Box
        The drawings, by view.
    """

    image: Image
    places: Mapping[str, Mapping[str, Pair]]
    words: tuple[Rect, ...]
    unplaced: tuple[str, ...]
    boxes: Mapping[str, Box]


def landmark_sheet(anatomy: Anatomy, rows: Sequence[Row], *, size: tuple[int, int] = SIZE_PX) -> LandmarkSheet:
    """Return the sheet of those landmarks that were found on the person, or of all if none was.

    Parameters
    ----------
    anatomy : Anatomy
    rows : sequence of Row
        As `landmark_rows.rows_of` gives them.
    size : (int, int)
        Pixels.
    """
    from PIL import Image, ImageDraw

    theme = load_theme(STYLE)
    shown = [r for r in rows if r.confidence is not None] or list(rows)
    page = lay_out(_picture(anatomy, size), theme)
    page = replace(page, sizes=page.sizes | {"label": round(TEXT_SHARE * page.sizes["small"])})
    cells = _cells(page)
    drawn = _drawn(anatomy, shown, [_inner(c, page) for c in cells])
    pixels = blank_paper(*size, theme)
    sheet = Sheet(pixels, theme, page)
    write_title_and_caption(sheet)
    places, words, lifted = {}, list[Rect](), _lifted(shown, _bones(anatomy))
    for each in drawn:
        _draw(pixels, each, anatomy, theme)
        seen = _seen(shown, each, lifted)
        words += _letter(sheet, each, [r for r in shown if r.name in seen], seen)
        places[each.name] = seen
    unplaced = tuple(r.name for r in shown if not any(r.name in seen for seen in places.values()))
    _legend(sheet, cells[len(drawn)], shown, unplaced)
    image = Image.fromarray(pixels)
    sheet.letter(ImageDraw.Draw(image))
    return LandmarkSheet(image, places, tuple(words), unplaced, {d.name: d.box for d in drawn})


@dataclass(frozen=True, eq=False)
class _Drawn:
    """One view: its name, place, camera, and the bones that it shows."""

    name: str
    box: Box
    view: View
    bones: Mapping[str, SurfaceMesh]


def _picture(anatomy: Anatomy, size: tuple[int, int]) -> Picture:
    caption = "A number stands for a landmark of both sides; R and L are the patient's. Each dot lies on his own bone or skin."
    told = told_of(anatomy, "")
    return Picture(
        "landmarks", (), title=f"Landmarks of {anatomy.name}: are they where they should be?", style=STYLE,
        caption=f"{caption}\n{told[:1].upper()}{told[1:]}." if told else caption,
        scale_bar=False, orientation=False, width_px=size[0], height_px=size[1],
    )  # fmt: skip


def _bones(anatomy: Anatomy) -> dict[str, SurfaceMesh]:
    """The bones of the person's own, by key."""
    return {k: m for k, m in own_parts(anatomy).items() if anatomy[k].kind in BONY}


def _cells(page: Page) -> list[Box]:
    """The places of the views, and of the legend after them."""
    box = page.drawing
    wide, high = box.width // COLUMNS, box.height // ROWS
    starts = [(box.x0 + i * wide, box.y0 + j * high) for j in range(ROWS) for i in range(COLUMNS)]
    return [Box(x, y, x + wide, y + high) for x, y in starts]


def _inner(cell: Box, page: Page) -> Box:
    """The drawing of a cell, between the columns of its numbers and under its name."""
    aside, head = round(GUTTER_EM * page.sizes["label"]), round(HEAD_EM * page.sizes["label"])
    return Box(cell.x0 + aside, cell.y0 + head, cell.x1 - aside, cell.y1 - page.sizes["label"] // 2)


def _drawn(anatomy: Anatomy, rows: Sequence[Row], boxes: Sequence[Box]) -> list[_Drawn]:
    """The views: those from the side at one scale, that from below of the skull alone, which the neck would hide."""
    bones, skull = _bones(anatomy), anatomy[SKULL].mesh
    every = np.vstack([*(r.point_mm[None] for r in rows), skull.vertices_mm[::EXTENT_STEP]])
    out = []
    for (name, _), box in zip(VIEWS.items(), boxes, strict=False):
        alone = name == BELOW
        view = stand(Camera(name, zoom=ROOM), skull.vertices_mm if alone else every, box.width, box.height)
        out.append(_Drawn(name, box, view, {SKULL: skull} if alone else bones))
    scale = min(d.view.px_per_mm for d in out if d.name != BELOW)
    return [d if d.name == BELOW else replace(d, view=replace(d.view, px_per_mm=scale)) for d in out]


def _draw(pixels: Pixels, each: _Drawn, anatomy: Anatomy, theme: Theme) -> None:
    """Draw bones, and the person's own skin as glass, into the view's box."""
    glass = ("skin",) if "skin" in own_parts(anatomy) and each.name != BELOW else ()
    shown = (*(Shown(k) for k in each.bones), *(Shown(k, GLASS) for k in glass))
    pieces = pieces_of(anatomy, Picture("view", shown, style=theme.name), theme)
    drawing = draw(light(pieces, each.view, theme, 0), each.view, theme, seed=0)
    set_down(pixels, each.box, drawing, each.view, theme, each.view.height_px)


def _seen(rows: Sequence[Row], each: _Drawn, lifted: Array) -> dict[str, Pair]:
    """Where the landmarks that a view shows lie on the sheet, by name."""
    points = np.array([r.point_mm for r in rows])
    gone = np.zeros(len(rows), dtype=bool)
    for mesh in each.bones.values():
        gone |= hidden(lifted, each.view, mesh.vertices_mm, mesh.faces, clearance_mm=SEEN_MM)
    if each.name == BELOW:
        near = np.linalg.norm(points[:, None] - each.bones[SKULL].vertices_mm[None, ::2], axis=2).min(axis=1)
        gone |= near > ON_SKULL_MM
    pixels, _ = each.view.project(points)
    inside = ((pixels > 0) & (pixels < (each.box.width, each.box.height))).all(axis=1)
    chosen = zip(rows, pixels, inside & ~gone, strict=True)
    return {r.name: (float(p[0]) + each.box.x0, float(p[1]) + each.box.y0) for r, p, ok in chosen if ok}


def _lifted(rows: Sequence[Row], bones: Mapping[str, SurfaceMesh]) -> Array:
    """The landmarks (n, 3) lifted a little off the bone that each lies on."""
    out, queries = np.array([r.point_mm for r in rows]), dict[str, SurfaceQuery]()
    for i, row in enumerate(rows):
        bone = owner_of(row.name, bones)
        if bone is not None and not is_inside(row.name):
            query = queries.setdefault(bone, SurfaceQuery(bones[bone]))
            out[i] += OUT_MM * query.closest(row.point_mm)[1][0]
    return out


def _letter(sheet: Sheet, each: _Drawn, rows: Sequence[Row], seen: Mapping[str, Pair]) -> list[Rect]:
    """Write the view's name, its sides, scale, numbers and dots; return the boxes of the numbers."""
    box, size = each.box, sheet.page.sizes["label"]
    _head(sheet, each)
    labels = [Label(str(r.number), point_mm=(r.x, r.y, r.z), emphasis=r.asked, priority=2.0 if r.asked else 1.0) for r in rows]
    wide = round((GUTTER_EM - 0.4) * size)
    columns = replace(box, x0=box.x0 - wide, x1=box.x0), replace(box, x0=box.x1, x1=box.x1 + wide)
    placed, _ = place_labels(labels, [seen[r.name] for r in rows], sheet.page, columns)
    write_labels(sheet, placed)
    radius = DOT_EM * size
    for row in sorted(rows, key=lambda r: (r.asked, r.band == "hand")):
        big = 1.4 if row.asked else 1.0
        sheet.disc(seen[row.name], big * radius + max(1.5, 0.3 * radius), np.ones(3))
        sheet.disc(seen[row.name], big * radius, sheet.theme.colour(BANDS[row.band][0]))
    return [(p.x0, p.y0, p.x1, p.y1) for _, _, _, p in placed]


def _head(sheet: Sheet, each: _Drawn) -> None:
    """Write the view's name, which side of the patient lies left and right, and the scale."""
    box, size, marks = each.box, sheet.page.sizes["label"], edge_marks(each.view)
    step = line_height(size)
    sheet.write(VIEWS[each.name], (box.x0 + box.x1) / 2, box.y0 - HEAD_EM * size + 0.6 * step, size, bold=True, anchor="mm")
    y = box.y0 - HEAD_EM * size + 2.0 * step
    for edge, x, anchor in (("left", box.x0, "lm"), ("right", box.x1, "rm")):
        sheet.write(f"{marks[edge]}  {WORDS[marks[edge]]}", x, y, size, sheet.theme.muted, bold=True, anchor=anchor)
    bar, middle = scale_bar_mm(each.view.px_per_mm, SCALE_SHARE * box.width) * each.view.px_per_mm, (box.x0 + box.x1) / 2
    write_scale_bar(sheet, each.view, Box(round(middle - bar / 2), 0, round(middle - bar / 2 + bar / 0.6), round(y + 1.2 * size)))


def _legend(sheet: Sheet, cell: Box, rows: Sequence[Row], unplaced: Sequence[str]) -> None:
    """Write what the colours say, and the name of each number with how sure it is, in columns."""
    size = sheet.page.sizes["label"]
    step, x, y = line_height(size), cell.x0 + 2 * size, float(cell.y0 + size)
    used = {r.band for r in rows}
    for band, (colour, text) in BANDS.items():
        if band in used:
            count = sum(r.band == band for r in rows)
            sheet.disc((x + 0.5 * size, y), (1.4 if band == "asked" else 1.0) * DOT_EM * size, sheet.theme.colour(colour))
            sheet.write(f"{text}: {count}", x + 1.6 * size, y, size, bold=band == "asked")
            y += step
    lines = _entries(rows, set(unplaced))
    lines += [(f"{HIDDEN} inside a bone, or behind one", False)] if unplaced else []
    y += 0.6 * step
    high, wide = cell.y1 - size - y, (cell.x1 - x) / LEGEND_COLUMNS
    small = min(size, int(high / (1.25 * -(-len(lines) // LEGEND_COLUMNS))))
    while small > LEAST_PX and max(text_width(t, small, bold=b) for t, b in lines) > wide - small:
        small -= 1
    deep = -(-len(lines) // LEGEND_COLUMNS)
    for i, (text, bold) in enumerate(lines):
        sheet.write(text, x + (i // deep) * wide, y + (i % deep + 0.5) * line_height(small), small, bold=bold)


def named(bare: str) -> str:
    """Return a landmark's unsided name in words, vertebrae with a capital."""
    return re.sub(r"^([ct])(\d) ", lambda m: f"{m[1].upper()}{m[2]} ", bare.replace("_", " "))


def _entries(rows: Sequence[Row], unplaced: set[str]) -> list[tuple[str, bool]]:
    """The lines of the legend, by number, and whether one is asked for."""
    by_number: dict[int, list[Row]] = {}
    for row in rows:
        by_number.setdefault(row.number, []).append(row)
    out = []
    for number, several in sorted(by_number.items()):
        bare, asked = split_key(several[0].name)[0], any(r.asked for r in several)
        sides = {split_key(r.name)[1]: r.sure for r in several}
        both = [f"{side[0].upper()} {sides[side]}" for side in ("right", "left") if sides.get(side)]
        sure = ", ".join(both) or sides.get("median", "")
        mark = HIDDEN if all(r.name in unplaced for r in several) else ""
        out.append((f"{number}  {named(bare)}{mark}  {sure}".rstrip(), asked))
    return out
