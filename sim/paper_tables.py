"""Tables on paper: columns of wrapped text with a heading, tagged so that a screen reader can walk them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.paper import ASCENT, INK, RULE, Paper
from sim.paper_text import Text, broken

LINE = 1.22
ROOM = 3.2
HEAD = "#e9edf0"
Draw = Callable[[float, float], None]


@dataclass(frozen=True)
class Column:
    """A column: its heading, its width in points, and where its text stands."""

    title: str
    width: float
    align: str = "left"


@dataclass(frozen=True)
class Row:
    """A row: a text for each column, and what is drawn in the middle of its first cell."""

    cells: Sequence[Text]
    bold: bool = False
    draw: Draw | None = None


def draw_table(paper: Paper, x: float, y: float, columns: Sequence[Column], rows: Sequence[Row], size: float) -> float:
    """Draw a table from the top `y` down and return where the next thing may begin."""
    wide = sum(c.width for c in columns)
    with paper.tag("Table"):
        head = Row([c.title for c in columns], bold=True)
        if any(c.title for c in columns):
            paper.box(x, y, wide, height_of(head, columns, size), fill=HEAD)
            y = _row(paper, x, y, columns, head, size, "TH")
        for row in rows:
            y = _row(paper, x, y, columns, row, size, "TD")
            paper.rule(x, y, x + wide, y, colour=RULE, thick=0.4)
    return y


def height_of(row: Row, columns: Sequence[Column], size: float) -> float:
    """Return the height of a row."""
    cells = zip(row.cells, columns, strict=True)
    most = max(len(broken(t, size, c.width - 2 * ROOM, bold=row.bold)) for t, c in cells)
    return most * LINE * size + 2 * ROOM - (LINE - 1) * size


def _row(paper: Paper, x: float, y: float, columns: Sequence[Column], row: Row, size: float, kind: str) -> float:
    """One row; returns its lower edge."""
    high = height_of(row, columns, size)
    scope = {"Scope": "Column"} if kind == "TH" else None
    with paper.tag("TR"):
        if row.draw is not None:
            row.draw(x + columns[0].width / 2, y + high / 2)
        for text, column in zip(row.cells, columns, strict=True):
            with paper.tag(kind, extra=scope):
                _cell(paper, text, column, x, y + ROOM, size, bold=row.bold)
            x += column.width
    return y + high


def _cell(paper: Paper, text: Text, column: Column, x: float, y: float, size: float, *, bold: bool) -> None:
    at = {"left": x + ROOM, "centre": x + column.width / 2, "right": x + column.width - ROOM}[column.align]
    for line in broken(text, size, column.width - 2 * ROOM, bold=bold):
        if any(run.text for run in line):
            paper.write(line, at, y + ASCENT * size, size, colour=INK, align=column.align)
        y += LINE * size
