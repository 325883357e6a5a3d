"""Text on paper: runs of letters, their width, and lines broken to a width. reportlab is imported when text is measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from sim.lettering import FACES, font_path

STRETCH = 0.9  # the letters at hand are wide; so narrow is their own condensed cut
RAISED, RAISE = 0.68, 0.34


@dataclass(frozen=True)
class Run:
    """A piece of text in one face: bold or not, raised as the number of a source, in a colour of its own."""

    text: str
    bold: bool = False
    raised: bool = False
    colour: str | None = None


Text = str | Sequence[Run]


@cache
def face(bold: bool = False) -> str:
    """Return the name of the letters, registered with reportlab; its own where the fonts are not installed."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    path = font_path(FACES[bold])
    if path is None:
        return "Helvetica-Bold" if bold else "Helvetica"
    name = path.stem
    pdfmetrics.registerFont(TTFont(name, str(path)))
    return name


def width_of(text: Text, size: float, *, bold: bool = False, stretch: float = STRETCH) -> float:
    """Return the width of one line."""
    return sum(_unit_width(r.text, r.bold) * size * (RAISED if r.raised else 1) * stretch for r in runs_of(text, bold))


@lru_cache(maxsize=20_000)
def _unit_width(text: str, bold: bool) -> float:
    """The width of a text in letters of one point, not narrowed."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return float(stringWidth(text, face(bold), 1000)) / 1000


def broken(text: Text, size: float, width: float, *, bold: bool = False) -> list[list[Run]]:
    """Return the text in lines no wider than `width`; a line break in it is kept, a word that is too long stands out."""
    return [list(line) for line in _broken(tuple(runs_of(text, bold)), size, width)]


@lru_cache(maxsize=5_000)
def _broken(runs: tuple[Run, ...], size: float, width: float) -> tuple[tuple[Run, ...], ...]:
    """The lines of runs."""
    lines: list[list[Run]] = []
    for paragraph in _paragraphs(runs):
        line: list[Run] = []
        wide = 0.0
        for word in _words(paragraph):
            blank, more = Run(" ", word[0].bold), width_of(word, size)
            if line and wide + width_of([blank], size) + more > width:
                lines.append(line)
                line, wide = [], 0.0
            if line:
                line, wide = [*line, blank], wide + width_of([blank], size)
            line, wide = [*line, *word], wide + more
        lines.append(line)
    return tuple(map(tuple, lines))


def line_ends(
    text: Text, x: float, size: float, *, bold: bool = False, align: str = "left", stretch: float = STRETCH
) -> tuple[float, float]:
    """Return the left and the right end of a line whose left end, middle or right end is `x`."""
    wide = width_of(text, size, bold=bold, stretch=stretch)
    left = x - wide * {"left": 0.0, "centre": 0.5, "right": 1.0}[align]
    return left, left + wide


def runs_of(text: Text, bold: bool = False) -> list[Run]:
    """Return a text as runs."""
    return [Run(text, bold)] if isinstance(text, str) else list(text)


def _paragraphs(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs between line breaks."""
    out: list[list[Run]] = [[]]
    for run in runs:
        first, *more = run.text.split("\n")
        out[-1].append(replace(run, text=first))
        out += [[replace(run, text=part)] for part in more]
    return out


def _words(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs between blanks; a raised number stays with the word before it."""
    words: list[list[Run]] = []
    glued = False
    for run in runs:
        for blank, part in re.findall(r"( *)([^ ]*)", run.text):
            if part and (blank or not glued):
                words.append([replace(run, text=part)])
            elif part:
                words[-1].append(replace(run, text=part))
            glued = bool(part) if part or blank else glued
    return words
