"""The signs of the muscle groups on a map sheet: each its colour and its shape, so that a grey copy can be read too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scenarios.sites import InjectionSite
from sim.palette_checks import linear
from sim.paper import INK, Paper
from sim.theme import hex_colour

NARROW = 0.8
CORNERS = {
    "diamond": (4, 0.0, 1.2), "square": (4, 45.0, 1.25), "hexagon": (6, 0.0, 1.06), "house": (5, 90.0, 1.08),
    "shield": (5, -90.0, 1.12),
}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """A muscle group on the sheet: its letter, name, sign, colour '#rrggbb' and sites."""

    key: str
    letter: str
    name: str
    sign: str
    colour: str
    sites: tuple[InjectionSite, ...]

    @property
    def units(self) -> float:
        """Of all its sites."""
        return sum(s.units for s in self.sites)


def draw_sign(paper: Paper, group: Group, x: float, y: float, radius: float, *, hollow: bool = False) -> None:
    """Draw the sign of a group with a white rim; hollow for a follow-the-pain site."""
    from reportlab.lib.colors import HexColor, white

    with paper.drawing() as canvas:
        canvas.translate(x, paper.height - y)
        canvas.setLineJoin(1)
        canvas.setStrokeColor(white)
        canvas.setLineWidth(1.9)
        _shape(canvas, group.sign, radius)
        canvas.setStrokeColor(HexColor(group.colour if hollow else INK))
        canvas.setFillColor(white if hollow else HexColor(group.colour))
        canvas.setLineWidth(1.7 if hollow else 0.7)
        _shape(canvas, group.sign, radius - (0.5 if hollow else 0))


def write_number(paper: Paper, site: InjectionSite, group: Group, x: float, y: float, size: float) -> None:
    """Write the number of a site into its sign."""
    colour = INK if site.extra or is_light(group.colour) else "#ffffff"
    paper.write(str(site.order), x, y + 0.36 * size, size, bold=True, colour=colour, align="centre", stretch=NARROW)


def is_light(colour: str) -> bool:
    """Return whether dark letters read better on a colour than white ones."""
    luminance = float(linear(hex_colour(colour)) @ (0.2126, 0.7152, 0.0722))
    return (luminance + 0.05) / 0.065 > 1.05 / (luminance + 0.05)


def _shape(canvas: Any, name: str, radius: float) -> None:
    if name == "notched":
        for side in (-1, 1):
            canvas.rect(-0.28 * radius, side * 1.08 * radius - 0.24 * radius, 0.56 * radius, 0.48 * radius, stroke=1, fill=1)
    if name not in CORNERS:
        canvas.circle(0, 0, radius, stroke=1, fill=1)
        return
    count, turn, grown = CORNERS[name]
    path = canvas.beginPath()
    for i in range(count):
        angle = math.radians(turn + 360 * i / count)
        (path.lineTo if i else path.moveTo)(grown * radius * math.cos(angle), grown * radius * math.sin(angle))
    path.close()
    canvas.drawPath(path, stroke=1, fill=1)
