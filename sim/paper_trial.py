"""Paper for measuring: nothing is drawn, but everything says how far it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.paper import ASCENT, DESCENT, INK, LEADING, RULE, Paper, Words
from sim.paper_text import STRETCH, Text, broken, line_ends

if TYPE_CHECKING:
    from PIL.Image import Image


class Trial(Paper):
    """Paper on which nothing is drawn: for measuring how far something reaches."""

    def __init__(self, size: tuple[float, float]) -> None:
        super().__init__(size, title="", subject="", language="")

    def _canvas(self, language: str) -> Any:
        return _Nothing()

    def write(
        self, text: Text, x: float, y: float, size: float, *, bold: bool = False, colour: str = INK, align: str = "left",
        stretch: float = STRETCH,
    ) -> Words:  # fmt: skip
        """Return where a line would stand."""
        left, right = line_ends(text, x, size, bold=bold, align=align, stretch=stretch)
        return Words(self.page, left, y - ASCENT * size, right, y + DESCENT * size, size, "")

    def paragraph(
        self, text: Text, x: float, y: float, width: float, size: float, *, bold: bool = False, colour: str = INK,
        leading: float = LEADING,
    ) -> float:  # fmt: skip
        """Return where the next text may begin."""
        return y + leading * size * len(broken(text, size, width, bold=bold))

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: str | None = None, line: str | None = None,
        radius: float = 0.0, thick: float = 0.7,
    ) -> None:  # fmt: skip
        """Draw nothing."""

    def rule(self, x0: float, y0: float, x1: float, y1: float, *, colour: str = RULE, thick: float = 0.6) -> None:
        """Draw nothing."""

    def picture(self, image: Image, x: float, y: float, width: float, height: float) -> None:
        """Draw nothing."""


class _Nothing:
    """Takes every call and does nothing."""

    def __init__(self) -> None:
        self._code: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self
