"""A figure for publication: the panels of a scenario on one page, lettered, with one title and one caption."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshes.model import Anatomy
from scenarios.measured import measured
from scenarios.model import Scenario
from scenarios.products import Figure
from sim.figure_panels import Part, figure_parts, sized
from sim.lettering import line_height, text_width, wrapped
from sim.overlay import SIGN_EM, Sheet, write_sign, write_title_and_caption
from sim.page import FULL_PX, Box, Page, lay_out
from sim.picture import MAX_HEIGHT_PX, MIN_SIDE_PX, LegendItem, Picture
from sim.stills import compose_still
from sim.theme import Theme, load_theme
from sim.vector_plate import Plate, pressed

PANEL_ASPECT = 0.72  # height of a panel by its width, where the figure has no size
GUTTER = 0.6  # between panels: share of the size of a letter
LETTER = 1.3  # of the size of a label
PANEL_TEXT = {1: 1.0, 2: 0.85, 3: 0.74, 4: 0.66}  # of the size of the figure's text, by columns
LEAST_HEIGHT = 480.0  # pixels at which the text of a figure is as large as that of a picture of 1920 by 1080
LEAST_PANEL_PX = 120
LEGEND_GAP = 1.6  # between rows of the common legend: multiples of the size of its text
TOLD = ("dropped", "hidden")

Head = tuple[int, tuple[str, ...]]
Legend = tuple[LegendItem, ...]


@dataclass(frozen=True, eq=False)
class FigurePage:
    """A finished figure.

    Parameters
    ----------
    frame : Picture
        Its name, title, caption, sources, style and size; it shows nothing itself.
    plate : Plate
        The whole as rasters, shapes and words.
    parts : tuple of Part
        The panels as they were drawn.
    boxes : tuple of Box
        Their places on the page, without their headings.
    px_per_mm : tuple of float
        Their scales.
    dropped, hidden : tuple of str
        'a: text' for labels that had no room, or whose structure cannot be seen.
    """

    frame: Picture
    plate: Plate
    parts: tuple[Part, ...]
    boxes: tuple[Box, ...]
    px_per_mm: tuple[float, ...]
    dropped: tuple[str, ...]
    hidden: tuple[str, ...]


def figure_of(
    scenario: Scenario,
    anatomy: Anatomy,
    *,
    size: tuple[int, int] | None = None,
    style: str | None = None,
    seed: int | None = None,
    transparent: bool = False,
) -> FigurePage:
    """Return the figure of a scenario.

    Parameters
    ----------
    scenario, anatomy
        What is shown.
    size, style, seed, transparent
        In place of those of the scenario; a transparent one has no paper behind its drawings.

    Raises
    ------
    ScenarioError
        If the scenario has no figure, a panel cannot be shown, or the size leaves the panels no room.
    """
    scenario = measured(scenario, anatomy)
    figure = scenario.figure
    if figure is None:
        raise scenario.origin.error((), "has no figure; add a table [figure] with [[figure.panel]], or leave out --figure.")
    parts, legend = _one_legend(figure_parts(scenario, anatomy, figure, style=style, seed=seed))
    bare = transparent or scenario.transparent
    frame = replace(_frame(scenario, figure, parts, legend, size), transparent=bare)
    page, boxes, heads = _laid_out(frame, figure, parts, load_theme(frame.style))
    if min(boxes[0].width, boxes[0].height) < max(LEAST_PANEL_PX, MIN_SIDE_PX):
        raise scenario.origin.error(("figure",), f"{frame.width_px}x{frame.height_px} pixels leave its panels no room.")
    unit = page.unit * PANEL_TEXT[min(figure.columns, len(parts))]
    parts = sized(parts, anatomy, (boxes[0].width, boxes[0].height), unit)
    made = [compose_still(anatomy, replace(part.picture, transparent=bare), unit=unit) for part in parts]
    sheet = _written(frame, page, parts, heads, boxes)
    plate = _joined(frame, sheet, [m.plate.moved(box.x0, box.y0) for m, box in zip(made, boxes, strict=True)])
    told = {k: tuple(f"{p.letter}: {text}" for p, m in zip(parts, made, strict=True) for text in getattr(m, k)) for k in TOLD}
    return FigurePage(frame, plate, tuple(parts), tuple(boxes), tuple(m.px_per_mm for m in made), told["dropped"], told["hidden"])


def _written(frame: Picture, page: Page, parts: Sequence[Part], heads: Sequence[Head], boxes: Sequence[Box]) -> Sheet:
    """What is written on the page about the panels: title, caption, the common legend, and the head of each."""
    sheet = Sheet(None, load_theme(frame.style), page)
    write_title_and_caption(sheet)
    _write_legend(sheet, frame)
    for part, (letter, lines), box in zip(parts, heads, boxes, strict=True):
        _write_head(sheet, part, letter, lines, box)
    return sheet


def _joined(frame: Picture, sheet: Sheet, panels: Sequence[Plate]) -> Plate:
    """One plate of the panels, which can be printed already where that is asked for, and of what is written about them."""
    plate = Plate(
        frame.width_px,
        frame.height_px,
        None if frame.transparent else sheet.theme.paper,
        sheet.theme.halo,
        shapes=(*(s for p in panels for s in p.shapes), *sheet.shapes),
        words=(*(w for p in panels for w in p.words), *sheet.words),
    )
    plate = pressed(plate) if sheet.theme.press else plate
    return replace(plate, rasters=tuple(r for p in panels for r in p.rasters))


def _frame(scenario: Scenario, figure: Figure, parts: Sequence[Part], legend: Legend, size: tuple[int, int] | None) -> Picture:
    """The page as a picture that shows nothing: its words, and a size that leaves the panels room."""
    first = parts[0].picture
    caption = scenario.caption if figure.caption is None else figure.caption
    frame = Picture(
        f"{scenario.name}-figure", (), title=figure.title or scenario.title, caption=" ".join(caption.split()),
        sources=tuple(dict.fromkeys(s for p in parts for s in p.sources)), evidence=scenario.evidence,
        style=first.style, legend=legend, scale_bar=False, orientation=False, seed=first.seed,
        width_px=scenario.size[0], height_px=scenario.size[1],
    )  # fmt: skip
    wanted = size or figure.size
    if wanted is not None:
        return replace(frame, width_px=wanted[0], height_px=wanted[1])
    theme, columns = load_theme(frame.style), min(figure.columns, len(parts))
    high = math.ceil(len(parts) / columns) * PANEL_ASPECT * frame.width_px / columns
    for _ in range(3):
        _page, boxes, _heads = _laid_out(frame, figure, parts, theme)
        lack = round(high) - sum(b.height for b in boxes[::columns])
        frame = replace(frame, height_px=min(max(frame.height_px + lack, MIN_SIDE_PX), MAX_HEIGHT_PX))
    return frame


def _one_legend(parts: Sequence[Part]) -> tuple[list[Part], Legend]:
    """The panels without their legends, and one of all of them; a single panel keeps its own."""
    rows = tuple(dict.fromkeys(item for part in parts for item in part.picture.legend))
    if sum(bool(part.picture.legend) for part in parts) < 2:
        return list(parts), ()
    return [replace(part, picture=replace(part.picture, legend=())) for part in parts], rows


def _legend_lines(frame: Picture, page: Page) -> list[list[tuple[LegendItem, float]]]:
    """The rows of the common legend in lines across the page, each with its x."""
    size, lines, x = page.sizes["small"], list[list[tuple[LegendItem, float]]](), float("inf")
    for item in frame.legend:
        wide = SIGN_EM * size + text_width(item.text, size)
        if x + wide > page.title.x1:
            lines.append([])
            x = float(page.title.x0)
        lines[-1].append((item, x))
        x += wide + LEGEND_GAP * size
    return lines


def _legend_height(frame: Picture, page: Page) -> int:
    """Pixels that the common legend takes above the caption."""
    lines, step = len(_legend_lines(frame, page)), line_height(page.sizes["small"])
    return round((lines + 0.8) * step) if lines else 0


def _write_legend(sheet: Sheet, frame: Picture) -> None:
    """Write the common legend under the panels."""
    size, page = sheet.page.sizes["small"], sheet.page
    y = page.drawing.y1 - _legend_height(frame, page) + 0.9 * line_height(size)
    for line in _legend_lines(frame, page):
        for item, x in line:
            write_sign(sheet, item, x, y, size)
            sheet.write(item.text, x + SIGN_EM * size, y, size)
        y += line_height(size)


def _laid_out(frame: Picture, figure: Figure, parts: Sequence[Part], theme: Theme) -> tuple[Page, list[Box], list[Head]]:
    """The page, the boxes of the panels, and of each heading the width of its letter and the lines of its title."""
    unit = min(frame.width_px / FULL_PX[0], frame.height_px / LEAST_HEIGHT)
    page = lay_out(replace(frame, legend=()), theme, unit=unit)
    columns = min(figure.columns, len(parts))
    rows = math.ceil(len(parts) / columns)
    big = round(LETTER * page.sizes["label"])
    gutter = round(GUTTER * big)
    free = Box(page.title.x0, page.drawing.y0, page.title.x1, page.drawing.y1 - _legend_height(frame, page))
    wide = (free.width - (columns - 1) * gutter) // columns
    heads: list[Head] = []
    for part in parts:
        letter = math.ceil(text_width(part.letter, big, bold=True) + 0.5 * big)
        heads.append((letter, wrapped(part.title, page.sizes["label"], wide - letter) if part.title else ()))
    step = line_height(page.sizes["label"])
    head = max(line_height(big), *(len(lines) * step for _, lines in heads)) + step // 4
    high = (free.height - (rows - 1) * gutter) // rows
    boxes = []
    for i in range(len(parts)):
        x = free.x0 + (i % columns) * (wide + gutter)
        y = free.y0 + (i // columns) * (high + gutter)
        boxes.append(Box(x, y + head, x + wide, max(y + high, y + head)))
    return page, boxes, heads


def _write_head(sheet: Sheet, part: Part, letter: int, lines: Sequence[str], box: Box) -> None:
    """Write the letter and the title of a panel over it."""
    size, step = sheet.page.sizes["label"], line_height(sheet.page.sizes["label"])
    big = round(LETTER * size)
    top = box.y0 - max(line_height(big), len(lines) * step) - step // 4
    sheet.write(part.letter, box.x0, top + line_height(big) / 2, big, bold=True)
    first = top + line_height(big) / 2
    for i, text in enumerate(lines):
        sheet.write(text, box.x0 + letter, first + i * step, size)
