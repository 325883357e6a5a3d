"""Paper: pages of a PDF with embedded letters, a title, a language and tags, and a record of every text for checks.

Lengths are points (72 to the inch), x right and y down from the corner of the page.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from meshes._check import check_choice
from sim.paper_tags import Node, Tags
from sim.paper_text import RAISE, RAISED, STRETCH, Text, broken, face, line_ends, runs_of

if TYPE_CHECKING:
    from PIL.Image import Image

SIZES = {"a4": (595.276, 841.89), "letter": (612.0, 792.0)}
INK = "#1c2126"
MUTED = "#4d565e"
RULE = "#9aa3aa"
ASCENT, DESCENT = 0.76, 0.24
HANGING = frozenset("gjpqyçÇQJ,;()[]{}/|_@µ§ß")  # what goes below the line
LEADING = 1.26
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Words:
    """A text as it stands: its page from 0, its box in points, the size of its letters."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    text: str

    def meets(self, other: Words, slack: float = 0.3) -> bool:
        """Whether two boxes of one page overlap by more than `slack` points both ways."""
        across = min(self.x1, other.x1) - max(self.x0, other.x0)
        down = min(self.y1, other.y1) - max(self.y0, other.y0)
        return self.page == other.page and across > slack and down > slack


def overlapping(words: Iterable[Words]) -> list[tuple[Words, Words]]:
    """Return every pair of texts that lie over each other."""
    return [(a, b) for a, b in combinations(words, 2) if a.meets(b)]


def page_size(paper: str) -> tuple[float, float]:
    """Return width and height of 'a4' or 'letter', upright. Raises ValueError naming the choices."""
    return SIZES[check_choice("paper", paper, SIZES)]


class Paper:
    """A PDF that is being written.

    Parameters
    ----------
    size : (width, height)
        Of a page.
    title, subject : str
        Metadata; the title is shown in the window's bar.
    language : str
        Of the text, as 'en' or 'de'.
    keywords : sequence of str
        Metadata.
    """

    def __init__(
        self, size: tuple[float, float], *, title: str, subject: str, language: str, keywords: Sequence[str] = ()
    ) -> None:
        self.width, self.height = size
        self.page = 0
        self.words: list[Words] = []
        self._out = io.BytesIO()
        self.canvas = self._canvas(language)
        self.canvas.setTitle(title)
        self.canvas.setSubject(subject)
        self.canvas.setAuthor("Inion")
        self.canvas.setCreator("Inion")
        self.canvas.setKeywords(", ".join(keywords))
        self.tags = Tags(self.canvas)
        self._pictures: dict[int, Any] = {}

    def _canvas(self, language: str) -> Any:
        """What is drawn on."""
        from reportlab.pdfgen.canvas import Canvas

        return Canvas(
            self._out, pagesize=(self.width, self.height), invariant=1, lang=language, pageCompression=1, pdfVersion=(1, 7)
        )

    @contextmanager
    def tag(self, kind: str, *, alt: str = "", extra: Mapping[str, str] | None = None) -> Iterator[Node]:
        """Open an element of the reading order: 'H1', 'P', 'L', 'Table', 'Figure', ..."""
        with self.tags.tag(kind, alt=alt, extra=extra) as node:
            yield node

    @contextmanager
    def drawing(self) -> Iterator[Any]:
        """Return reportlab's canvas with y up, for lines and shapes; they are read out only as part of a figure."""
        with self.tags.marked(decoration=not self.tags.in_figure):
            self.canvas.saveState()
            try:
                yield self.canvas
            finally:
                self.canvas.restoreState()

    def write(
        self, text: Text, x: float, y: float, size: float, *, bold: bool = False, colour: str = INK, align: str = "left",
        stretch: float = STRETCH,
    ) -> Words:  # fmt: skip
        """Write one line whose letters stand on `y`; `x` is its left end, middle or right end."""
        from reportlab.lib.colors import HexColor

        runs = runs_of(text, bold)
        left, right = line_ends(runs, x, size, align=align, stretch=stretch)
        with self.tags.marked():
            line = self.canvas.beginText(left, self.height - y)
            line.setHorizScale(100 * stretch)
            for run in runs:
                line.setFont(face(run.bold), size * (RAISED if run.raised else 1))
                line.setRise(RAISE * size if run.raised else 0)
                line.setFillColor(HexColor(run.colour or colour))
                line.textOut(run.text)
            self.canvas.drawText(line)
        said = "".join(run.text for run in runs)
        low = DESCENT * size if any(c in HANGING for c in said) else 0.0
        self.words.append(Words(self.page, left, y - ASCENT * size, right, y + low, size, said))
        return self.words[-1]

    def paragraph(
        self, text: Text, x: float, y: float, width: float, size: float, *, bold: bool = False, colour: str = INK,
        leading: float = LEADING,
    ) -> float:  # fmt: skip
        """Write lines from the top `y` down and return where the next may begin."""
        for line in broken(text, size, width, bold=bold):
            self.write(line, x, y + ASCENT * size, size, bold=bold, colour=colour)
            y += leading * size
        return y

    def picture(self, image: Image, x: float, y: float, width: float, height: float) -> None:
        """Draw a picture into a box; one that comes again is stored once."""
        from reportlab.lib.utils import ImageReader

        if id(image) not in self._pictures:
            stream = io.BytesIO()
            image.convert("RGB").save(stream, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
            self._pictures[id(image)] = (ImageReader(stream), image)
        with self.tags.marked(decoration=not self.tags.in_figure):
            self.canvas.drawImage(self._pictures[id(image)][0], x, self.height - y - height, width, height)

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: str | None = None, line: str | None = None,
        radius: float = 0.0, thick: float = 0.7,
    ) -> None:  # fmt: skip
        """Draw a rectangle as decoration."""
        from reportlab.lib.colors import HexColor

        with self.drawing() as canvas:
            canvas.setLineWidth(thick)
            if fill:
                canvas.setFillColor(HexColor(fill))
            if line:
                canvas.setStrokeColor(HexColor(line))
            low = self.height - y - height
            canvas.roundRect(x, low, width, height, radius, stroke=int(bool(line)), fill=int(bool(fill)))

    def rule(self, x0: float, y0: float, x1: float, y1: float, *, colour: str = RULE, thick: float = 0.6) -> None:
        """Draw a line as decoration, or as part of the open figure."""
        from reportlab.lib.colors import HexColor

        with self.drawing() as canvas:
            canvas.setStrokeColor(HexColor(colour))
            canvas.setLineWidth(thick)
            canvas.line(x0, self.height - y0, x1, self.height - y1)

    def bookmark(self, text: str, level: int = 0, *, y: float = 0.0) -> None:
        """Put an entry into the outline that leads to this height of this page."""
        name = f"b{self.page}-{len(self.words)}-{level}"
        self.canvas.bookmarkHorizontal(name, 0, self.height - y)
        self.canvas.addOutlineEntry(text, name, level, closed=False)

    def turn(self) -> None:
        """End the page and begin the next."""
        self.canvas.showPage()
        self.page += 1
        self.tags.next_page()

    def finish(self) -> bytes:
        """End the last page and return the whole file."""
        self.canvas.showOutline()
        self.canvas.showPage()
        self.tags.write_tree()
        self.canvas.save()
        return self._out.getvalue()
