"""One view of a map sheet on paper: the head, its numbered sites, and the names of the muscles beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.sites import InjectionSite
from sim.map_room import APART, Surroundings, free_corner, spread, summed
from sim.map_signs import Group, draw_sign, write_number
from sim.map_views import SheetView
from sim.paper import INK, MUTED, Paper
from sim.paper_text import width_of

Array = NDArray[np.float64]

RADIUS, NUMBER, SMALL, NAME = 5.7, 8.0, 8.0, 8.8
WHITE = 250
DOT = 1.6
MOST_GROWN = 1.5
CELL = 4
FACES = {"L": "patient's left", "R": "patient's right", "A": "front", "P": "back"}
DASH = "#3d4a55"


@dataclass(frozen=True)
class Frame:
    """Where a view stands on the page.

    Parameters
    ----------
    x, y, width, height : float
        Its box, points.
    image_x, image_y : float
        Corner of its image.
    scale : float
        Points per pixel.
    grown, signs : float
        How much larger than the least its words and its signs are.
    """

    x: float
    y: float
    width: float
    height: float
    image_x: float
    image_y: float
    scale: float
    grown: float
    signs: float

    def point(self, pixel: Sequence[float] | Array) -> tuple[float, float]:
        """Return the place on the page of a pixel of the image."""
        return self.image_x + self.scale * float(pixel[0]), self.image_y + self.scale * float(pixel[1])


def framed_at(view: SheetView, x: float, y: float, width: float, pt_per_mm: float, *, grown: float = 1.0) -> Frame:
    """Return the frame of a view whose image stands in the middle of a box `width` wide and as high as the image."""
    scale = pt_per_mm / view.view.px_per_mm
    wide, high = view.view.width_px * scale, view.view.height_px * scale
    return Frame(x, y, width, high, x + (width - wide) / 2, y, scale, grown, _sign_size(view, scale) if grown > 1 else 1.0)


def _sign_size(view: SheetView, scale: float) -> float:
    """How much larger than the least signs may be before they touch."""
    spots = scale * np.array([(s.x, s.y) for s in view.spots]).reshape(-1, 2)
    apart = np.linalg.norm(spots[:, None] - spots[None], axis=2) + 1e9 * np.eye(len(spots))
    return float(np.clip((apart.min(initial=1e9) - APART) / (2 * RADIUS), 1.0, MOST_GROWN))


def draw_view(paper: Paper, view: SheetView, frame: Frame, groups: Mapping[str, Group], *, joined: bool) -> None:
    """Draw a view with its sites, signs and names; `joined` puts a line from each site to the next."""
    numbers = ", ".join(str(s.site.order) for s in view.spots)
    with paper.tag("Figure", alt=f"{view.row['title']}: {view.row['about']}. Sites {numbers}."):
        wide, high = view.view.width_px * frame.scale, view.view.height_px * frame.scale
        paper.picture(view.image, frame.image_x, frame.image_y, wide, high)
        _curves(paper, view, frame)
        spots = np.array([frame.point((s.x, s.y)) for s in view.spots]).reshape(-1, 2)
        radius = RADIUS * frame.signs
        centres, moved = spread(spots, radius)
        if joined:
            _joined(paper, [s.site for s in view.spots], centres)
        _tethers(paper, spots[moved], centres[moved])
        for spot, (x, y) in zip(view.spots, centres, strict=True):
            group = groups[spot.site.group]
            draw_sign(paper, group, x, y, radius, hollow=spot.site.extra)
            write_number(paper, spot.site, group, x, y, NUMBER * frame.signs)
        taken = [np.concatenate([c - radius - 1.5, c + radius + 1.5]) for c in centres]
        taken += _points(paper, view, frame) + _edges(paper, view, frame)
        _names(paper, view, frame, groups, centres, taken)


def _curves(paper: Paper, view: SheetView, frame: Frame) -> None:
    """Dashed lines on the skin."""
    from reportlab.lib.colors import HexColor

    with paper.drawing() as canvas:
        canvas.setStrokeColor(HexColor(DASH))
        canvas.setLineWidth(0.7)
        canvas.setDash(2.2, 1.8)
        for curve in view.curves:
            path = canvas.beginPath()
            for i, pixel in enumerate(curve):
                x, y = frame.point(pixel)
                (path.lineTo if i else path.moveTo)(x, paper.height - y)
            canvas.drawPath(path, stroke=1, fill=0)


def _joined(paper: Paper, sites: Sequence[InjectionSite], centres: Array) -> None:
    """A line from each site to the next of its group and side."""
    for i in range(len(sites) - 1):
        if sites[i].group == sites[i + 1].group and sites[i].side == sites[i + 1].side:
            _line(paper, centres[i], centres[i + 1], INK, 1.1)


def _line(paper: Paper, start: Array, end: Array, colour: str, thick: float) -> None:
    """A line with a white rim."""
    (x0, y0), (x1, y1) = start, end
    paper.rule(x0, y0, x1, y1, colour="#ffffff", thick=thick + 1.2)
    paper.rule(x0, y0, x1, y1, colour=colour, thick=thick)


def _tethers(paper: Paper, spots: Array, centres: Array) -> None:
    """A dot at the true place and a line to its disc, where the disc had to move."""
    for spot, centre in zip(spots, centres, strict=True):
        _line(paper, spot, centre, INK, 0.8)
        paper.box(spot[0] - DOT, spot[1] - DOT, 2 * DOT, 2 * DOT, fill=INK, line="#ffffff", radius=DOT, thick=0.5)


def _points(paper: Paper, view: SheetView, frame: Frame) -> list[Array]:
    """Named landmarks: a cross and a word; the boxes that they fill."""
    boxes = []
    for name, pixel in view.points.items():
        x, y = frame.point(pixel)
        paper.rule(x - 3, y, x + 3, y, colour=INK, thick=0.9)
        paper.rule(x, y - 3, x, y + 3, colour=INK, thick=0.9)
        said = paper.write(name, x, y - 4.6, SMALL * frame.grown, align="centre")
        boxes.append(np.array([said.x0, said.y0, said.x1, y + 4]))
    return boxes


def _edges(paper: Paper, view: SheetView, frame: Frame) -> list[Array]:
    """Which side of the patient is seen, and what lies where: in the corners of the frame, wherever less is drawn."""
    size = SMALL * frame.grown
    seen = str(view.row["camera"])[0].upper()
    boxes = []
    for edge, x in (("left", frame.x), ("right", frame.x + frame.width)):
        letter = view.edges[edge]
        way = [(FACES[letter], size, False)]
        mark = seen if letter == "P" else letter
        large = [(mark, 1.6 * size, True), (FACES[mark], size, True)] if mark in "RL" else []
        low = letter in "RL" and _drawn_share(view, 0.9, 1.0) <= _drawn_share(view, 0.0, 0.1)
        boxes += _corner(paper, large, x, frame, edge, low=low)
        boxes += _corner(paper, way, x, frame, edge, low=True) if letter in "AP" else []
    return boxes


def _corner(
    paper: Paper, lines: Sequence[tuple[str, float, bool]], x: float, frame: Frame, align: str, *, low: bool
) -> list[Array]:
    """Lines (text, size, bold) in an upper or lower corner; the boxes that they fill."""
    boxes = []
    y = frame.y + (frame.height - sum(1.1 * s for _, s, _ in lines) - 2 if low else -0.2 * SMALL)
    for text, tall, bold in lines:
        y += 1.1 * tall
        said = paper.write(text, x, y - 0.2 * tall, tall, bold=bold, align=align)
        boxes.append(np.array([said.x0, said.y0, said.x1, said.y1]))
    return boxes


def _drawn_share(view: SheetView, top: float, end: float) -> float:
    """Share of the outer quarters of the image that is drawn, between two heights."""
    pixels = np.asarray(view.image.convert("L"))
    rows = pixels[round(top * len(pixels)) : round(end * len(pixels))]
    quarter = rows.shape[1] // 4
    return float((np.concatenate([rows[:, :quarter], rows[:, -quarter:]], axis=1) < WHITE).mean())


def _names(paper: Paper, view: SheetView, frame: Frame, groups: Mapping[str, Group], centres: Array, taken: list[Array]) -> None:
    """The name, sites and units of each group, where there is room beside the head, with a line to its nearest site."""
    drawn = summed(np.asarray(view.image.convert("L"))[::CELL, ::CELL] < WHITE)
    box = np.array([frame.x, frame.y, frame.x + frame.width, frame.y + frame.height])
    radius = RADIUS * frame.signs
    lines: list[tuple[Array, Array]] = []
    for key in view.row["groups"]:
        mine = np.array([c for c, s in zip(centres, view.spots, strict=True) if s.site.group == key]).reshape(-1, 2)
        if not len(mine):
            continue
        said = _said(groups[key], [s.site for s in view.spots if s.site.group == key], frame.grown)
        size = max(width_of(t, z, bold=b) for t, z, b in said), sum(1.2 * z for _, z, _ in said)
        origin = np.array([frame.image_x, frame.image_y])
        around = Surroundings(box, drawn, origin, frame.scale * CELL, taken, lines, centres, radius)
        corner, end = free_corner(size, mine, around)
        start = np.clip(end, corner - 1, corner + size + np.array([1, 1]))
        stop = end + (start - end) / max(float(np.linalg.norm(start - end)), 1e-6) * (radius + 1.6)
        _line(paper, start, stop, MUTED, 0.8)
        lines.append((start, stop))
        taken.append(np.concatenate([corner, corner + size]))
        _write_name(paper, said, corner)


def _write_name(paper: Paper, said: Sequence[tuple[str, float, bool]], corner: Array) -> None:
    x, y = map(float, corner)
    for text, size, bold in said:
        paper.write(text, x, y + 0.86 * size, size, bold=bold)
        y += 1.2 * size


def _said(group: Group, here: Sequence[InjectionSite], grown: float) -> list[tuple[str, float, bool]]:
    """What stands beside the sites of a group in one view: lines with their sizes, bold or not."""
    units = sum(s.units for s in here)
    line = f"{len(here)} × {here[0].units:g} U = {units:g} U"
    return [(f"{group.letter}  {group.name}", NAME * grown, True), (line, SMALL * grown, False)]
