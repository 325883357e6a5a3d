"""The content of a handout as blocks: steps, what to expect, help and harm with their frequencies, when to call."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.handout_flow import Block
from sim.paper import ASCENT, INK, MUTED, Paper
from sim.paper_text import Run
from sim.paper_trial import Trial

if TYPE_CHECKING:
    from scenarios.explain_texts import ClockText, Dots, Passage, ProcedureText, RiskText, StepText, Texts

HEADING = 1.22
ACCENT = "#0b5a8a"
TINT = "#eaf2f7"
WARN, WARN_TINT = "#8a2b06", "#fbeee8"
INDENT = 1.35
PAD = 0.6
BADGE = 0.82
LINE = 1.22
FEW, IN_ROW, IN_LONG_ROW = 20, 20, 50
BULLET = 0.95
EMPTY = "#8fa9bb"


@dataclass
class Notes:
    """The numbers of the claims in the order in which they come."""

    order: dict[str, int] = field(default_factory=dict)

    def runs(self, text: str, claims: Iterable[str], *, bold: bool = False) -> list[Run]:
        """Return a text with the raised numbers of its claims."""
        numbers = [self.order.setdefault(key, len(self.order) + 1) for key in claims]
        raised = [Run(",".join(map(str, numbers)), raised=True, colour=ACCENT)] if numbers else []
        return [Run(text, bold), *raised]


def heading(text: str) -> Block:
    """Return a heading."""

    def draw(paper: Paper, x: float, y: float, width: float, size: float) -> float:
        low = paper.paragraph(text, x, y, width, HEADING * size, bold=True, colour=ACCENT, leading=1.15)
        paper.rule(x, low + 0.1 * size, x + width, low + 0.1 * size, colour=ACCENT, thick=0.8)
        return low + 0.2 * size

    return Block(draw, "H2", before=0.75, after=0.3, bookmark=text)


def paragraph(runs: Sequence[Run]) -> Block:
    """Return a paragraph."""

    def draw(paper: Paper, x: float, y: float, width: float, size: float) -> float:
        return paper.paragraph(runs, x, y, width, size, leading=LINE)

    return Block(draw)


def item(runs: Sequence[Run], *, sign: str = "•", dots: Sequence[tuple[Dots, str]] = (), badge: bool = False) -> Block:
    """Return an item of a list: a sign or a number in a disc, text, and rows of dots under it."""

    def draw(paper: Paper, x: float, y: float, width: float, size: float) -> float:
        left = size * (INDENT * 1.4 if badge else BULLET)
        if badge:
            radius = BADGE * size
            top, low = y - 0.12 * size, y + 0.21 * size + radius
            paper.box(x, top, 2 * radius, 2 * radius, fill=ACCENT, radius=radius)
            paper.write(sign, x + radius, low, 0.92 * size, bold=True, colour="#ffffff", align="centre")
        else:
            paper.write(sign, x, y + ASCENT * size, size, bold=True, colour=ACCENT)
        y = paper.paragraph(runs, x + left, y, width - left, size, leading=LINE)
        for row, said in dots:
            y = _dots(paper, row, said, x + left, y + 0.1 * size, width - left, size)
        return y

    return Block(draw, "LI", after=0.4)


def box(inner: Sequence[Block], colour: str, tint: str) -> Block:
    """Return blocks in a frame that stays whole."""

    def content(paper: Paper, x: float, y: float, width: float, size: float) -> float:
        for i, block in enumerate(inner):
            y = block.draw(paper, x, y, width, size) + (block.after * size if i + 1 < len(inner) else 0.0)
        return y

    def draw(paper: Paper, x: float, y: float, width: float, size: float) -> float:
        pad = PAD * size
        high = content(Trial((paper.width, paper.height)), x + pad, y + pad, width - 2 * pad, size) - y + pad
        paper.box(x, y, width, high, fill=tint, line=colour, radius=4, thick=1.2)
        content(paper, x + pad, y + pad, width - 2 * pad, size)
        return y + high

    return Block(draw, "P", before=0.5, after=0.5)


def _dots(paper: Paper, row: Dots, said: str, x: float, y: float, width: float, size: float) -> float:
    """A frequency as dots, some of them filled, and its words."""
    from reportlab.lib.colors import HexColor

    in_row = IN_ROW if row.total <= FEW else IN_LONG_ROW
    pitch = min(width / in_row, 0.82 * size)
    radius = 0.38 * pitch
    lines = math.ceil(row.total / in_row)
    y = paper.paragraph(said, x, y, width, 0.9 * size, colour=MUTED, leading=LINE)
    with paper.drawing() as canvas:
        canvas.setLineWidth(0.7)
        for i in range(row.total):
            cx, cy = x + (i % in_row + 0.5) * pitch, paper.height - (y + (i // in_row + 0.5) * pitch)
            canvas.setStrokeColor(HexColor(EMPTY))
            canvas.setFillColor(HexColor("#ffffff"))
            canvas.circle(cx, cy, radius, stroke=1, fill=1)
            share = min(max(row.filled - i, 0.0), 1.0)
            canvas.setFillColor(HexColor(ACCENT))
            if share >= 1:
                canvas.circle(cx, cy, radius, stroke=0, fill=1)
            elif share > 0:
                canvas.wedge(cx - radius, cy - radius, cx + radius, cy + radius, 90, -360 * share, stroke=0, fill=1)
    return y + lines * pitch + 0.15 * size


def steps(texts: Texts, told: Sequence[StepText], notes: Notes) -> list[Block]:
    """Return the steps, numbered, each with what the patient feels."""
    out = []
    for number, step in enumerate(told, 1):
        runs = [Run(f"{step.title}. ", bold=True), *notes.runs(" ".join(s for s in (step.text, step.feel) if s), step.claims)]
        out.append(item(runs, sign=str(number), badge=True))
    return [heading(texts.ui["about_procedure"]), *out]


def clock(texts: Texts, rows: Sequence[ClockText], notes: Notes) -> list[Block]:
    """Return what to expect, and when."""
    out = [item([Run(f"{row.when}: ", bold=True), *notes.runs(row.text, row.claims)]) for row in rows]
    return [heading(texts.ui["what_to_expect"]), *out]


def passages(texts: Texts, title: str, rows: Sequence[Passage], notes: Notes, *, dots: bool = True) -> list[Block]:
    """Return a heading and items; nothing without items."""
    out = [item(notes.runs(row.text, row.claims), dots=_frequencies(texts, row.dots) if dots else ()) for row in rows]
    return [heading(title), *out] if out else []


def risks(texts: Texts, rows: Sequence[RiskText], notes: Notes, *, dots: bool = True) -> list[Block]:
    """Return what can go wrong and how often, what is serious last and apart; the same words for several stand once."""
    mild, serious = ([r for r in rows if r.serious is kind] for kind in (False, True))
    out = [heading(texts.ui["risks"]), *_by_count(texts, mild, notes, dots=dots)]
    if serious:
        out += [_bold(texts.ui["serious"], WARN), *_by_count(texts, serious, notes, dots=dots)]
    return out


def _by_count(texts: Texts, rows: Sequence[RiskText], notes: Notes, *, dots: bool) -> list[Block]:
    """Risks; those of which the same is known how often they come stand together, after the others."""
    by: dict[str, list[RiskText]] = {}
    for row in rows:
        by.setdefault(row.often, []).append(row)
    out = []
    for often, same in sorted(by.items(), key=lambda pair: len(pair[1]) > 1):
        if len(same) > 1:
            out.append(_bold(often))
        for row in same:
            alone = [Run(f" {often}", bold=True)] if len(same) == 1 else []
            out.append(
                item(
                    [*notes.runs(row.text, row.claims), *alone],
                    sign=_sign(row),
                    dots=_frequencies(texts, row.dots) if dots else (),
                )
            )
    return out


def _frequencies(texts: Texts, rows: Sequence[Dots]) -> list[tuple[Dots, str]]:
    """Frequencies with their words."""
    out = []
    for row in rows:
        filled = f"{row.filled:g}" if texts.language == "en" else f"{row.filled:g}".replace(".", ",")
        out.append((row, f"{row.label}: {texts.ui['dots_of'].format(filled=filled, total=row.total)}"))
    return out


def _sign(row: RiskText) -> str:
    return "!" if row.serious else "•"


def _bold(text: str, colour: str = INK) -> Block:
    def draw(paper: Paper, x: float, y: float, width: float, size: float) -> float:
        return paper.paragraph(text, x, y, width, size, bold=True, colour=colour, leading=LINE)

    return Block(draw, "H3", before=0.15, after=0.2)


def call_box(texts: Texts, rows: Sequence[Passage], notes: Notes) -> Block:
    """Return the frame that says when to call, with a line for the number."""

    def phone(paper: Paper, x: float, y: float, width: float, size: float) -> float:
        low = y + 1.7 * size
        said = paper.write(texts.ui["phone"], x, low, size, bold=True)
        paper.rule(said.x1 + 4, low + 1, x + width, low + 1, colour=INK)
        return low + 0.3 * size

    inner = [_bold(texts.ui["call_us"], WARN), *(item(notes.runs(r.text, r.claims)) for r in rows), Block(phone)]
    return box(inner, WARN, WARN_TINT)


def investigational(texts: Texts, row: Passage, notes: Notes) -> Block:
    """Return the frame that says that a treatment is not proven."""
    return box([_bold(texts.ui["investigational"], WARN), paragraph(notes.runs(row.text, row.claims))], WARN, WARN_TINT)


def condition(texts: Texts, key: str, notes: Notes, *, most: int) -> list[Block]:
    """Return what a condition is and where it is felt."""
    row = texts.conditions[key]
    told = [paragraph(notes.runs(p.text, p.claims)) for p in (*row.summary[:most], row.felt)]
    return [heading(row.name), *told]


def of_procedure(texts: Texts, row: ProcedureText, notes: Notes, *, cut: int) -> list[Block]:
    """Return all of a procedure after its steps; from cut 1 without dots, at 5 of the other ways only the last."""
    dots = cut < 1
    ways = row.alternatives if cut < 5 else row.alternatives[-1:]
    return [
        *clock(texts, row.expect, notes),
        *passages(texts, texts.ui["benefits"], row.benefits, notes, dots=dots),
        *risks(texts, row.risks, notes, dots=dots),
        *passages(texts, texts.ui["prepare"], row.prepare, notes),
        *passages(texts, texts.ui["after"], row.after, notes),
        *passages(texts, texts.ui["alternatives"], ways, notes),
        heading(texts.ui["approval"]),
        paragraph(notes.runs(row.status.text, row.status.claims)),
        call_box(texts, row.call_us, notes),
    ]
