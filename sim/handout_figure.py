"""The figures of a patient's handout: stills of the patient page, with their words in one language."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.terms import split_key
from scenarios.model import Scenario
from sim.explain.page_pictures import Shot
from sim.explain.page_plan import PageStep, plan
from sim.explain.page_side import page_condition, page_procedure, page_side
from sim.explain.page_views import Ground, pain_view, shot, view_of
from sim.map_room import Surroundings, free_corner, summed
from sim.palette_checks import hex_of
from sim.paper import INK, MUTED, Paper
from sim.paper_text import Run, broken, width_of
from sim.paper_trial import Trial
from sim.theme import load_theme

if TYPE_CHECKING:
    from PIL.Image import Image

    from scenarios.explain_texts import Texts

Array = NDArray[np.float64]

STYLE = "patient"
SHARPER = 1.6
TOLD = ("nerve", "place")
TITLE, SEEN, NAME, HAND = 10.0, 9.0, 9.0, 13.0
SWATCH = 7.0
NEAR_PX = 3
NAME_WIDE = 74.0
CELL, WHITE = 4, 246
DOT = 1.8
GAP = 8.0
WHITEN = 1.012  # what the packing of the picture has left off white
SPREAD = "-spread"
HANDS = {"L": ("letter_left", "patients_left"), "R": ("letter_right", "patients_right")}


@dataclass(frozen=True, eq=False)
class HandoutFigure:
    """A still picture and its words.

    Parameters
    ----------
    image : PIL.Image.Image
        On white.
    title, seen : str
        What it shows, and from where.
    names : tuple of (str, (x, y))
        Words, and what they point to, as shares of the width and height.
    edges : (str, str)
        Which of the patient's L, R, A, P lies at the left and at the right.
    legend : tuple of (str, str)
        Colours '#rrggbb' of painted skin, and what they mean.
    """

    image: Image
    title: str
    seen: str
    names: tuple[tuple[str, tuple[float, float]], ...]
    edges: tuple[str, str]
    legend: tuple[tuple[str, str], ...] = ()

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        return ". ".join(s.rstrip(".") for s in (self.title, self.seen, "; ".join(text for text, _ in self.names)) if s) + "."


def handout_figures(scenario: Scenario, anatomy: Anatomy, texts: Texts, *, sharper: float = SHARPER) -> tuple[HandoutFigure, ...]:
    """Return the figures of a scenario: its nerve or muscle, the place of the needle, and where the pain is felt.

    Raises
    ------
    ScenarioError
        If the scenario names what the anatomy lacks.
    ValueError
        If the anatomy has no skin.
    """
    from sim.explain.model import patient_model
    from sim.explain.model_tools import picture_of

    procedure, condition, side = page_procedure(scenario), page_condition(scenario), page_side(scenario)
    model = patient_model(anatomy, scenario, side=None if side == "both" else side)
    ground = Ground(anatomy, model.info, picture_of(scenario, anatomy, None), texts, side)
    conditions = [condition] if condition else []
    steps = plan(texts, procedure, conditions, list(model.info["cameras"]))
    out = []
    for step in steps:
        if step.id in TOLD and step.kind == "told" and procedure:
            told = next(t for t in texts.procedures[procedure].steps if t.id == step.id)
            drawn = _figure(shot(ground, step.id, step, view_of(ground, step), sharper), told.title, texts)
            if told.focus not in texts.structures or texts.structures[told.focus].name in [t for t, _ in drawn.names]:
                out.append(drawn)
    pain = next((s for s in steps if s.kind == "pain"), None)
    if condition and pain is not None:
        view = pain_view(ground, condition)
        drawn = _figure(shot(ground, "pain", pain, view, sharper), texts.ui["where_pain"], texts)
        out.append(replace(drawn, legend=_painted([str(p["name"]) for p in view["paint"]], texts)))
    return tuple(out or [_start(ground, steps[0], texts, sharper)])


def _painted(regions: Sequence[str], texts: Texts) -> tuple[tuple[str, str], ...]:
    """The colours of painted regions: where pain starts, and where it spreads."""
    from scenarios.skin_maps import skin_map

    theme = load_theme(STYLE)
    words = {True: texts.ui["where_pain_spreads"], False: texts.ui["where_pain_starts"]}
    rows = [(hex_of(theme.colour(skin_map(name).colour)), words[name.endswith(SPREAD)]) for name in dict.fromkeys(regions)]
    return tuple(dict.fromkeys(rows))


def _start(ground: Ground, step: PageStep, texts: Texts, sharper: float) -> HandoutFigure:
    return _figure(shot(ground, "start", step, view_of(ground, step), sharper), texts.ui["picture"], texts)


def _figure(still: Shot, title: str, texts: Texts) -> HandoutFigure:
    """A still picture on white, with its words."""
    from PIL import Image

    paper = load_theme(STYLE).paper
    with Image.open(io.BytesIO(still.jpeg)) as opened:
        pixels = np.asarray(opened.convert("RGB"), dtype=np.float64) / (255 * paper)
    image = Image.fromarray(np.round(255 * np.minimum(pixels * WHITEN, 1)).astype(np.uint8))
    wide, high = still.size
    names = [(_said(key, texts), (x / wide, y / high)) for key, x, y in still.names]
    seen = texts.ui[f"view_{still.seen}"] if still.seen else ""
    kept = tuple((t, at) for t, at in names if t and _on_something(image, at))
    return HandoutFigure(image, title, seen, kept, still.sides)


def _on_something(image: Image, at: tuple[float, float]) -> bool:
    """Whether anything is drawn where a word would point to."""
    column, row = round(at[0] * image.width), round(at[1] * image.height)
    box = column - NEAR_PX, row - NEAR_PX, column + NEAR_PX + 1, row + NEAR_PX + 1
    return bool((np.asarray(image.convert("L").crop(box)) < WHITE).any())


def _said(key: str, texts: Texts) -> str:
    """The plain word for what is named."""
    if key in ("site", "needle"):
        return texts.ui[key]
    row = texts.structures.get(split_key(key)[0])
    return row.name if row else ""


def draw_strip(out: Paper, figures: Sequence[HandoutFigure], texts: Texts, x: float, y: float, width: float) -> float:
    """Draw figures side by side from the top `y` down, with their titles; return the lower edge."""
    each = (width - GAP * (len(figures) - 1)) / len(figures)
    low = y
    for i, figure in enumerate(figures):
        low = max(low, _draw(out, figure, texts, x + i * (each + GAP), y, each))
    with out.tag("Caption"):
        return out.paragraph(_note(figures, texts), x, low + 2, width, SEEN, colour=MUTED, leading=1.2)


def _note(figures: Sequence[HandoutFigure], texts: Texts) -> str:
    """What the letters of the sides mean, and that the head is a model."""
    letters = [k for k in HANDS if any(k in figure.edges for figure in figures)]
    said = [f"{texts.ui[HANDS[k][0]]} = {texts.ui[HANDS[k][1]]}" for k in letters]
    return " ".join(s for s in (f"{', '.join(said)}." if said else "", texts.ui["model_note"], texts.ui.get("whose", "")) if s)


def _draw(out: Paper, figure: HandoutFigure, texts: Texts, x: float, y: float, width: float) -> float:
    high = width * figure.image.height / figure.image.width
    frame = np.array([x, y, x + width, y + high])
    with out.tag("Figure", alt=figure.alt):
        out.picture(figure.image, x, y, width, high)
        out.box(x, y, width, high, line="#c9d3da", radius=3, thick=0.7)
        if not isinstance(out, Trial):
            _letter(out, figure, frame, _hands(out, figure, texts, frame))
    y += high + 3
    with out.tag("Caption"):
        y = out.paragraph(figure.title, x, y, width, TITLE, bold=True, leading=1.15)
        for colour, text in figure.legend:
            out.box(x, y + 1.5, SWATCH, SWATCH, fill=colour, radius=1)
            y = out.paragraph(text, x + SWATCH + 4, y, width - SWATCH - 4, SEEN, leading=1.2)
        return out.paragraph(figure.seen, x, y, width, SEEN, colour=MUTED, leading=1.2) if figure.seen else y


def _hands(out: Paper, figure: HandoutFigure, texts: Texts, frame: Array) -> list[Array]:
    """The patient's sides, as letters in the upper corners."""
    boxes = []
    for letter, x, align in zip(figure.edges, (frame[0] + 5, frame[2] - 5), ("left", "right"), strict=True):
        if letter in HANDS:
            text, y = texts.ui[HANDS[letter][0]], float(frame[1]) + 1.25 * HAND
            wide = width_of(text, HAND, bold=True)
            left = float(x) - (wide if align == "right" else 0)
            out.box(left - 2.5, y - 0.95 * HAND, wide + 5, 1.2 * HAND, fill="#ffffff", radius=2)
            said = out.write(text, left, y, HAND, bold=True)
            boxes.append(np.array([said.x0 - 3, said.y0, said.x1 + 3, said.y1]))
    return boxes


def _letter(out: Paper, figure: HandoutFigure, frame: Array, taken: list[Array]) -> None:
    """Names with lines to what they name."""
    drawn = summed(np.asarray(figure.image.convert("L"))[::CELL, ::CELL] < WHITE)
    scale = CELL * (frame[2] - frame[0]) / figure.image.width
    lines: list[tuple[Array, Array]] = []
    spots = frame[:2] + (frame[2:] - frame[:2]) * np.array([at for _, at in figure.names]).reshape(-1, 2)
    inner = frame + np.array([3, 3, -3, -3])
    for (text, _), spot in zip(figure.names, spots, strict=True):
        rows = broken(text, NAME, NAME_WIDE, bold=True)
        size = max(width_of(r, NAME) for r in rows), 1.2 * NAME * len(rows)
        around = Surroundings(inner, drawn, frame[:2], scale, taken, lines, spots, DOT)
        corner, end = free_corner(size, spot[None], around)
        start = np.clip(end, corner - 1, corner + np.array(size) + 1)
        for colour, thick in (("#ffffff", 2.4), (INK, 1.0)):
            out.rule(start[0], start[1], end[0], end[1], colour=colour, thick=thick)
        out.box(end[0] - DOT, end[1] - DOT, 2 * DOT, 2 * DOT, fill=INK, line="#ffffff", radius=DOT, thick=0.6)
        lines.append((start, end))
        taken.append(np.concatenate([corner, corner + np.array(size)]))
        _write_rows(out, rows, corner, size)


def _write_rows(out: Paper, rows: Sequence[Sequence[Run]], corner: Array, size: tuple[float, float]) -> None:
    x, y = map(float, corner)
    out.box(x - 1.5, y - 0.5, size[0] + 3, size[1] + 1, fill="#ffffff", radius=2)
    for row in rows:
        out.write(row, x, y + 0.9 * NAME, NAME)
        y += 1.2 * NAME
