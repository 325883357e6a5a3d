"""The panel beside the landmarks: the chosen one, the list with those to be looked at first, what is still to be saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshes.real_bounds import is_inside
from meshes.terms import split_key
from sim.app.window.corrections import Corrections, title_of
from sim.app.window.draw import (
    BAD,
    BUTTON_PX,
    CARD,
    CHOSEN,
    DEED,
    GAP_PX,
    GOOD,
    INK,
    LINE,
    PAD_PX,
    SMALL_PX,
    SOFT,
    TEXT_PX,
    TITLE_PX,
    WARN,
    Sheet,
    inset,
)  # fmt: skip
from sim.app.window.landmark_marks import draw_disc
from sim.landmark_rows import Row
from sim.landmark_sheet import BANDS
from sim.lettering import line_height, wrapped
from sim.page import Box

ROW_PX, CHOSEN_PX, SAVE_PX = 23, 252, 150
FIRST, REST = "To be looked at first", "All others"
LEAST_MM = 0.05


@dataclass(frozen=True)
class Said:
    """What the window says at the foot of its panel: words, of a kind: 'info', 'good', 'warning', 'bad', 'busy' saving."""

    text: str
    kind: str = "info"

    @property
    def ink(self) -> str:
        """Colour of the words."""
        return {"bad": BAD, "warning": WARN, "good": GOOD}.get(self.kind, INK)


def draw_panel(sheet: Sheet, box: Box, made: Corrections, chosen: str, said: Said, scroll: int | None) -> int:
    """Draw the panel, its list scrolled by so many pixels, or if None so that the chosen one is seen; return how far it is."""
    gap = sheet.px(GAP_PX)
    top = Box(box.x0, box.y0, box.x1, box.y0 + sheet.px(CHOSEN_PX))
    high = max(sheet.px(SAVE_PX), _save_height(sheet, box.width, said))
    foot = Box(box.x0, box.y1 - high, box.x1, box.y1)
    _draw_chosen(sheet, top, made, made.row[chosen])
    at = _draw_list(sheet, Box(box.x0, top.y1 + gap, box.x1, foot.y0 - gap), made, chosen, scroll)
    _draw_save(sheet, foot, made, said)
    return at


def state_of(made: Corrections, row: Row) -> tuple[str, str]:
    """Return in words what was done to a landmark and whether it could be kept, and the colour of that."""
    if row.name in made.moved:
        if why := made.refusal(row.name):
            return f"Would be refused. {why} U undoes it.", BAD
        if why := made.refusal():
            return f"Moved by hand; nothing can be saved yet. {why}", WARN
        return "Moved by hand; can be saved.", GOOD
    if row.name in made.approved:
        return "Approved where it is; can be saved.", GOOD
    return "Not changed.", SOFT


def _draw_chosen(sheet: Sheet, box: Box, made: Corrections, row: Row) -> None:
    """The chosen landmark: how sure, how found, on what, how far moved, whether that could be kept."""
    sheet.card(box)
    inner = inset(box, sheet.px(PAD_PX))
    sheet.text(inner.x0, inner.y0 + sheet.px(9), sheet.shortened(title_of(row.name), inner.width - sheet.px(50), TITLE_PX),
               TITLE_PX, bold=True)  # fmt: skip
    sheet.text(inner.x1, inner.y0 + sheet.px(9), f"no. {row.number}", SMALL_PX, SOFT, anchor="rm")
    asked = "; please look" if row.asked and row.name not in (*made.moved, *made.approved) else ""
    sure = f"{row.sure} of 1{asked}"
    where = made.surface[row.name].replace("_", " ")
    far = f"{made.far_mm(row.name):.1f} mm" if row.name in made.moved else "not"
    lies = "Lies in" if is_inside(row.name) else "Lies on"
    lines = [("Confidence", sure, BAD if asked else INK), ("How", row.how, INK), (lies, where, INK), ("Moved", far, INK)]
    if split_key(row.name)[1] == "median":
        aside = float(made.at(row.name)[0])
        beside = f"{abs(aside):.1f} mm to the patient's {'right' if aside > 0 else 'left'} of it"
        lines.append(("Midline", beside if abs(aside) >= LEAST_MM else "in it", INK))
    y, first = inner.y0 + sheet.px(26), sheet.px(84)
    for head, text, ink in lines[0 if row.confidence is not None else 1 :]:
        sheet.text(inner.x0, y + line_height(sheet.px(SMALL_PX)) / 2, head, SMALL_PX, SOFT)
        y = sheet.lines(Box(inner.x0 + first, y, inner.x1, y), text, SMALL_PX, ink, most=4) + sheet.px(3)
    text, ink = state_of(made, row)
    sheet.lines(Box(inner.x0, y + sheet.px(2), inner.x1, y), text, SMALL_PX, ink, bold=True, most=4)
    wide, gap = (inner.width - 2 * sheet.px(5)) // 3, sheet.px(5)
    buttons = (("A", "approve", "approve"), ("U", "undo", "undo"), ("C", "close up", "close-up"))
    for n, (key, word, deed) in enumerate(buttons):
        x = inner.x0 + n * (wide + gap)
        on = deed == "approve" and row.name in made.approved
        sheet.button(Box(x, inner.y1 - sheet.px(BUTTON_PX), x + wide, inner.y1), key, word, deed, on=on)


def _draw_list(sheet: Sheet, box: Box, made: Corrections, chosen: str, scroll: int | None) -> int:
    """The list; return how far it is scrolled."""
    sheet.card(box)
    inner = inset(box, sheet.px(5))
    places = _places(made.rows)
    whole = sheet.px(max(end for _, end in places.values()))
    most, middle = max(0, whole - inner.height), sheet.px(places[chosen][1]) - inner.height // 2
    at = min(max(middle if scroll is None else scroll, 0), most)
    tall = Sheet((inner.width, max(whole, 1)), sheet.scale, CARD)
    heads = {FIRST if made.rows[0].asked else REST: 0.0}
    rest = next((r for r in made.rows if not r.asked), None)
    if rest is not None:
        heads[REST] = places[rest.name][0] - ROW_PX
    for text, y in heads.items():
        tall.text(tall.px(5), tall.px(y + ROW_PX / 2), text, SMALL_PX, SOFT, bold=True)
    for row in made.rows:
        y0, y1 = (tall.px(v) for v in places[row.name])
        if y1 > at and y0 < at + inner.height:
            _draw_row(tall, Box(0, y0, inner.width - tall.px(6), y1), made, row, chosen)
    sheet.lay(tall.image.crop((0, at, inner.width, at + inner.height)), inner.x0, inner.y0)
    for place, deed in tall.zones:
        y0, y1 = max(place.y0 - at, 0), min(place.y1 - at, inner.height)
        if y0 < y1:
            sheet.zones.append((Box(inner.x0 + place.x0, inner.y0 + y0, inner.x0 + place.x1, inner.y0 + y1), deed))
    if most:
        top, x = inner.y0 + inner.height * at // whole, box.x1 - sheet.px(5)
        sheet.line([(x, top), (x, top + inner.height**2 // whole)], SOFT, 2)
    return at


def _draw_row(tall: Sheet, box: Box, made: Corrections, row: Row, chosen: str) -> None:
    """One landmark of the list."""
    if row.name == chosen:
        tall.card(box, CHOSEN, DEED)
    middle, x = (box.y0 + box.y1) / 2, box.x0 + tall.px(12)
    draw_disc(tall, x, middle, colour_of(made, row))
    tall.text(x + tall.px(32), middle, str(row.number), SMALL_PX, SOFT, anchor="rm")
    end, ink = row.sure, INK
    if row.name in made.moved:
        end, ink = (f"{made.far_mm(row.name):.1f} mm", GOOD) if not made.refusal(row.name) else ("refused", BAD)
    elif row.name in made.approved:
        end, ink = "approved", GOOD
    tall.text(box.x1 - tall.px(6), middle, end, SMALL_PX, ink, bold=ink != INK, anchor="rm")
    room = box.x1 - tall.px(14) - tall.width_of(end, SMALL_PX, True) - x - tall.px(38)
    tall.text(x + tall.px(38), middle, tall.shortened(title_of(row.name), room), SMALL_PX, bold=row.asked)
    tall.zones.append((box, f"choose:{row.name}"))


def colour_of(made: Corrections, row: Row) -> str:
    """Return the colour of a landmark's dot: how sure it is, or that it was set or approved by hand."""
    return BANDS["hand" if row.name in made.moved or row.name in made.approved else row.band][0]


def _save_height(sheet: Sheet, wide: int, said: Said) -> int:
    rows = wrapped(said.text, sheet.px(SMALL_PX), wide - 2 * sheet.px(PAD_PX))
    return sheet.px(BUTTON_PX + 44) + len(rows) * line_height(sheet.px(SMALL_PX))


def _draw_save(sheet: Sheet, box: Box, made: Corrections, said: Said) -> None:
    """What is still to be saved, the last words, saving and leaving."""
    sheet.card(box, line=said.ink if said.kind not in ("info", "busy") else LINE)
    inner, gap = inset(box, sheet.px(PAD_PX)), sheet.px(5)
    busy = said.kind == "busy"
    changes = f"{made.count} {'change' if made.count == 1 else 'changes'}, {'being' if busy else 'not'} saved"
    sheet.text(inner.x0, inner.y0 + sheet.px(8), changes if made.count else "Nothing to save", TEXT_PX, INK, bold=True)
    sheet.lines(Box(inner.x0, inner.y0 + sheet.px(20), inner.x1, inner.y1), said.text, SMALL_PX, said.ink)
    wide = (inner.width - gap) // 2
    for n, (key, word, deed) in enumerate((("S", "save", "save"), ("Q", "leave", "leave"))):
        x = inner.x0 + n * (wide + gap)
        place = Box(x, inner.y1 - sheet.px(BUTTON_PX), x + wide, inner.y1)
        sheet.button(place, key, word, deed, main=deed == "save" and bool(made.count) and not busy)


def _places(rows: Sequence[Row]) -> dict[str, tuple[float, float]]:
    """Where each row of the list begins and ends, pixels at the usual scale; a line stands over each of its two parts."""
    out: dict[str, tuple[float, float]] = {}
    y, before = 0.0, None
    for row in rows:
        if row.asked != before:
            y, before = y + ROW_PX, row.asked
        out[row.name] = (y, y + ROW_PX)
        y += ROW_PX
    return out
