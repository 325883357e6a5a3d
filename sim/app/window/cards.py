"""The cards of the training window below: finger, probe and needle, with their keys; and the list of all keys."""

from __future__ import annotations

from collections.abc import Sequence

from sim.app.window.draw import BAD, CARD, DEED, PAD_PX, SMALL_PX, SOFT, TEXT_PX, TITLE_PX, Sheet, inset
from sim.app.window.hands import Hands, Told
from sim.app.window.layout import HAND_ROWS, across, cells
from sim.app.window.layout import TITLE_PX as HEAD_PX
from sim.page import Box

Row = Sequence[tuple[int, str, str, str]]  # how many columns, key, text, deed

HELP = (
    ("1 2 3 4", "choose what arrows and pointer move: view, finger, probe, needle"),
    ("arrows", "move it; with Shift further"),
    ("Enter", "feel at the finger"),
    ("M", "mark the named landmark at the finger; Shift M goes on to the next name"),
    ("P  B", "lay the probe, place the needle at the finger"),
    ("Q E  R F  T G", "turn, tilt, rock the probe"),
    ("[ ]", "let go, press"),
    ("H  Z", "be shown the probe’s place, take the probe off"),
    ("N", "place the needle beside the probe; O the other end, K another steepness"),
    ("W S", "advance, draw back 1 mm; with Shift 5 mm"),
    ("A  I", "aspirate, inject; J another amount"),
    ("U  Del", "stimulate, take the needle out"),
    ("C  X  Tab", "confirm the next item, name the side, go to the next step"),
    ("L  V", "show less or more, look from another side"),
    ("D", "Doppler: off, colour, power"),
    ("PgUp PgDn  - +", "depth, gain"),
    (", .  ; '  9 0", "focus, frequency, contrast"),
    ("Esc Esc", "finish the attempt"),
)
POINTER = "Drag to turn the view, or to move what is in hand; the right button always turns, the middle one or Shift shifts; \
the wheel zooms, or moves the needle. Steps, items and buttons can be clicked."


def draw_finger(sheet: Sheet, box: Box, told: Told, hands: Hands) -> None:
    """Draw the finger's card."""
    name, text = hands.mark(told)
    inner = _begin(sheet, box, "Finger", f"{len(told.state['marks'])} marked" if told.state["marks"] else "")
    _draw_rows(sheet, inner, 2, [
        [(1, "Enter", "feel here", "feel"), (1, "P", "probe here", "here:probe")],
        [(1, "B", "needle here", "here:needle"), (1, "⇧M", "next name", "landmark:" + str(hands.landmark + 1))],
        [(2, "M", f"mark: {text}", "mark")] if name else [],
    ])  # fmt: skip


def draw_probe(sheet: Sheet, box: Box, told: Told, _hands: Hands) -> None:
    """Draw the probe's card."""
    probe = told.state["probe"]
    inner = _begin(sheet, box, "Probe", f"pressed {probe['press_mm']:.1f} mm" if probe else "off the skin")
    shown = [(2, "H", "show me the place", "pose")] if told.may_be_shown else []
    _draw_rows(sheet, inner, 4, [
        [(1, "Q", "turn ⟲", "rotate-"), (1, "E", "turn ⟳", "rotate+"), (1, "R", "tilt up", "tilt+"),
         (1, "F", "tilt down", "tilt-")],
        [(1, "T", "rock +", "rock+"), (1, "G", "rock −", "rock-"), (1, "[", "let go", "press-"), (1, "]", "press", "press+")],
        [*shown, (2, "Z", "take off", "lift")],
    ])  # fmt: skip


def draw_needle(sheet: Sheet, box: Box, told: Told, hands: Hands) -> None:
    """Draw the needle's card."""
    inner = _begin(sheet, box, "Needle", needle_words(told))
    end = "left end" if hands.needle_end(told) == "marked" else "right end"
    place = (
        [(2, "N", "place beside the probe", "beside"), (1, "O", end, "end"), (1, "K", f"{hands.steep_deg()}°", "steep")]
        if told.by_ultrasound
        else [(2, "B", "place at the finger", "here:needle"), (2, "N", "beside the probe", "beside")]
    )
    current = [(1, "U", "stimulate", "stimulate")] if told.procedure["stimulate"] else []
    _draw_rows(sheet, inner, 5, [
        [*place, (1, "Del", "take out", "remove")],
        [(1, "W", "▼ 1 mm", "advance+"), (1, "S", "▲ 1 mm", "advance-"), (1, "⇧W", "▼ 5 mm", "far:advance+"),
         (1, "⇧S", "▲ 5 mm", "far:advance-"), *current],
        [(1, "A", "aspirate", "aspirate"), (1, "I", "inject", "inject"), (1, "J", f"{hands.amount_ml(told):g} mL", "amount")],
    ])  # fmt: skip
    _draw_given(sheet, cells(inner, 5, HAND_ROWS, sheet.px(4))[2], told)


def needle_words(told: Told) -> str:
    """Return where the needle is, in words."""
    n = told.state["needle"]
    if not n:
        return f"{told.procedure['needle']}, not placed"
    angles = f", {n['steep_deg']:.0f}° steep, {n['off_plane_deg']:.0f}° off plane" if "steep_deg" in n else ""
    return f"{n['depth_mm']:.1f} mm deep{angles}{', in ' + n['in'] if n.get('in') else ''}"


def _draw_given(sheet: Sheet, row: Sequence[Box], told: Told) -> None:
    """Write what has been given, of how much, in the last cells of a row."""
    p, given = told.procedure, told.state["given_ml"]
    units = f" ({given * p['units_per_ml']:.0f} U)" if p["units_per_ml"] else ""
    text = f"{given:.2f} mL{units} of {p['volume_ml']:g} mL given"
    if p["sites"]:  # the volume is that of one place
        text = f"{given:.2f} mL{units}, {len(told.state['done_at'])} of {len(p['sites'])} places"
    sheet.text(row[3].x0 + sheet.px(6), (row[3].y0 + row[3].y1) / 2, text, SMALL_PX, SOFT)


def _begin(sheet: Sheet, box: Box, title: str, state: str) -> Box:
    """Draw a card with its title and state, and return the room below."""
    sheet.card(box)
    pad, y = sheet.px(PAD_PX), box.y0 + sheet.px(14)
    sheet.text(box.x0 + pad, y, title, TEXT_PX, bold=True)
    room = box.width - 3 * pad - sheet.width_of(title, TEXT_PX, True)
    sheet.text(box.x1 - pad, y, sheet.shortened(state, room), SMALL_PX, SOFT, anchor="rm")
    return Box(box.x0 + pad, box.y0 + sheet.px(HEAD_PX), box.x1 - pad, box.y1 - sheet.px(6))


def _draw_rows(sheet: Sheet, inner: Box, columns: int, rows: Sequence[Row]) -> None:
    """Draw rows of buttons."""
    for places, row in zip(cells(inner, columns, HAND_ROWS, sheet.px(4)), rows, strict=True):
        at = 0
        for wide, key, text, deed in row:
            sheet.button(across(places[at], places[at + wide - 1]), key, text, deed, main=deed == "inject")
            at += wide


def draw_help(sheet: Sheet, middle: tuple[float, float]) -> None:
    """Draw the list of keys about a place."""
    row, wide, first = sheet.px(23), sheet.px(700), sheet.px(150)
    high = sheet.px(70) + (len(HELP) + 3) * row
    x, y = round(middle[0] - wide / 2), max(0, round(middle[1] - high / 2))
    box = Box(x, y, x + wide, y + high)
    sheet.card(box, CARD, DEED)
    inner = inset(box, sheet.px(18))
    sheet.text(inner.x0, inner.y0 + sheet.px(8), "Keys", TITLE_PX, bold=True)
    sheet.text(inner.x1, inner.y0 + sheet.px(8), "F1 or Esc closes this", SMALL_PX, SOFT, anchor="rm")
    for n, (keys, text) in enumerate(HELP):
        at = inner.y0 + sheet.px(36) + n * row
        sheet.text(inner.x0, at, keys, SMALL_PX, DEED, bold=True)
        sheet.text(inner.x0 + first, at, text, SMALL_PX)
    end = inner.y0 + sheet.px(28) + len(HELP) * row
    sheet.lines(Box(inner.x0, end + sheet.px(8), inner.x1, end), POINTER, SMALL_PX, SOFT)
    sheet.zones.append((box, "help"))


def draw_fault(sheet: Sheet, box: Box, text: str) -> None:
    """Write what was refused at the foot of a box."""
    trial = Sheet((1, 1), sheet.scale)
    inner = inset(box, sheet.px(10))
    high = trial.lines(Box(0, 0, inner.width - sheet.px(16), 0), text)
    place = Box(inner.x0, inner.y1 - high - sheet.px(12), inner.x1, inner.y1)
    sheet.card(place, BAD, BAD)
    sheet.lines(inset(place, sheet.px(7)), text, ink=CARD)
