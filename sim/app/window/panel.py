"""Words and buttons of the training window: title, steps and checklist, what happened, the hands, the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.app.window.draw import (
    BAD,
    CARD,
    CHOSEN,
    DEED,
    GAP_PX,
    GOOD,
    INK,
    LOG,
    PAD_PX,
    PAPER,
    SEVERITY,
    SMALL_PX,
    SOFT,
    TEXT_PX,
    TITLE_PX,
    WARN,
    Sheet,
    inset,
)  # fmt: skip
from sim.app.window.hands import LAYERS, TOOLS, VIEWS, Hands, Told
from sim.page import Box

TOOL_NAMES = ("Turn", "Finger", "Probe", "Needle")
LAYER_NAMES = dict(zip(LAYERS, ("Skin only", "See through", "Muscles", "Nerves, vessels"), strict=True))
VIEW_NAMES = ("Behind", "Behind, right", "Behind, left", "Right", "Left", "Front", "Above")
WAITING = "One moment: the anatomy is being loaded."
TALLEST_PX = 3000


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds."""
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def side_words(side: str) -> str:
    """Return which side of the patient is treated, in capitals."""
    return "BOTH SIDES" if side == "both" else f"PATIENT’S {side.upper()}"


def draw_top(sheet: Sheet, box: Box, told: Told, hands: Hands, seconds: float) -> None:
    """Draw the title, the side, and the buttons that end the attempt."""
    p, y, gap = told.procedure, (box.y0 + box.y1) / 2, sheet.px(GAP_PX)
    done, high = told.state["phase"] == "done", sheet.px(14)
    ways = [("F1", "Keys", "help"), ("Esc", "Close" if done else "Sure?" if hands.ending else "Finish", "finish")]
    x1 = box.x1
    for n, (key, text, deed) in enumerate(reversed(ways)):
        x0 = x1 - sheet.px(86 if n == 0 else 72)
        sheet.button(Box(x0, round(y) - high, x1, round(y) + high), key, text, deed, main=n == 0, on=n == 1 and hands.help)
        x1 = x0 - gap
    sheet.text(x1, y, clock(seconds), bold=True, anchor="rm")
    badges = [(side_words(p["side"]), INK, CARD)]
    if p["status"] == "investigational":
        badges.append(("investigational, not FDA-approved", PAPER, WARN))
    room = x1 - box.x0 - sum(sheet.width_of(text, SMALL_PX, True) + sheet.px(24) for text, _, _ in badges) - sheet.px(70)
    title = sheet.shortened(p["title"], room, TITLE_PX)
    sheet.text(box.x0, y, title, TITLE_PX, bold=True)
    x = box.x0 + sheet.width_of(title, TITLE_PX, True) + gap
    for text, ground, ink in badges:
        x = sheet.badge(x, round(y), text, ground, ink) + gap


def draw_bar(sheet: Sheet, box: Box, told: Told, hands: Hands) -> None:
    """Draw the buttons over the 3-D view: what is moved, from where one looks, what is shown."""
    sheet.card(box)
    box, gap = inset(box, sheet.px(6)), sheet.px(5)
    wide = min(sheet.px(78), (box.width - sheet.px(112 + 124) - 6 * gap) // len(TOOLS))
    for n, (tool, text) in enumerate(zip(TOOLS, TOOL_NAMES, strict=True)):
        x = box.x0 + n * (wide + gap)
        sheet.button(Box(x, box.y0, x + wide, box.y1), str(n + 1), text, f"tool:{tool}", on=tool == hands.tool)
    hidden = told.state["mode"] == "exam" and told.state["phase"] == "attempt"
    ways = [("V", VIEW_NAMES[hands.camera % len(VIEWS)], "camera", sheet.px(112))]
    if not hidden:
        ways.append(("L", LAYER_NAMES[told.state["layer"]], "layer", sheet.px(124)))
    x1 = box.x1
    for key, text, deed, wide in reversed(ways):
        sheet.button(Box(x1 - wide, box.y0, x1, box.y1), key, text, deed)
        x1 -= wide + gap


def draw_steps(sheet: Sheet, box: Box, told: Told, scroll: int) -> int:
    """Draw the column of steps and checklist, scrolled down by so many pixels; return how far it can be scrolled."""
    inner = inset(box, sheet.px(PAD_PX))
    tall = Sheet((inner.width, sheet.px(TALLEST_PX)), sheet.scale, CARD)
    end = _draw_checklist(tall, _draw_list(tall, told), told)
    most = max(0, end - inner.height)
    at = min(scroll, most)
    sheet.card(box)
    sheet.lay(tall.image.crop((0, at, inner.width, at + inner.height)), inner.x0, inner.y0)
    for place, deed in tall.zones:
        y0, y1 = max(place.y0 - at, 0), min(place.y1 - at, inner.height)
        if y0 < y1:
            sheet.zones.append((Box(inner.x0 + place.x0, inner.y0 + y0, inner.x0 + place.x1, inner.y0 + y1), deed))
    if most:
        top = inner.y0 + inner.height * at // end
        sheet.line([(box.x1 - sheet.px(4), top), (box.x1 - sheet.px(4), top + inner.height**2 // end)], SOFT, 2)
    return most


def _draw_list(tall: Sheet, told: Told) -> int:
    """The steps in a line each; the one in hand in full, with its hint. Returns where they end."""
    wide, pad, high = tall.image.width, tall.px(4), tall.px(22)
    tall.text(0, tall.px(9), "Steps", TEXT_PX, bold=True)
    tall.text(wide, tall.px(9), "Tab: next", SMALL_PX, SOFT, anchor="rm")
    y = tall.px(24)
    for n, step in enumerate(told.procedure["steps"]):
        text = f"{n + 1}. {step['text']}"
        if step["id"] == told.state["step"]:
            end = _draw_now(tall, y, text, step["hint"])
        else:
            end = y + high
            done = step["id"] in told.state.get("done", ())
            room = wide - 2 * pad - (tall.px(18) if done else 0)
            tall.text(pad, y + high / 2, tall.shortened(text, room), SMALL_PX, SOFT if done else INK)
            if done:
                tall.text(wide - pad, y + high / 2, "✓", SMALL_PX, GOOD, bold=True, anchor="rm")
        tall.zones.append((Box(0, y, wide, end), f"step:{step['id']}"))
        y = end
    return y


def _draw_now(tall: Sheet, y: int, text: str, hint: str) -> int:
    """The step in hand, on a ground of its own. Returns where it ends."""
    wide, pad = tall.image.width, tall.px(4)
    end = y
    for ground in (True, False):  # the ground first: how far it goes is known once the text has been written
        if not ground:
            tall.card(Box(0, y, wide, end + pad), CHOSEN, CHOSEN)
        end = tall.lines(Box(pad, y + pad, wide - pad, y), text, bold=True)
        end = tall.lines(Box(pad, end, wide - pad, end), hint, SMALL_PX, SOFT) if hint else end
    return end + pad


def _draw_checklist(tall: Sheet, y: int, told: Told) -> int:
    """The side and the checklist. Returns where they end."""
    wide, box = tall.image.width, tall.px(16)
    y += tall.px(18)
    tall.text(0, y, "Before the needle", TEXT_PX, bold=True)
    tall.text(wide, y, "C: confirm", SMALL_PX, SOFT, anchor="rm")
    y += tall.px(14)
    if told.procedure["side"] in ("left", "right"):
        tall.text(0, y + tall.px(14), "Side treated", SMALL_PX)
        third = (wide - tall.px(92)) // 2
        for n, side in enumerate(("left", "right")):
            x = tall.px(92) + n * third
            place = Box(x, y, x + third - tall.px(4), y + tall.px(28))
            key = "X" if side == told.procedure["side"] else ""
            tall.button(place, key, side, f"side:{side}", on=told.state["side"] == side)
        y += tall.px(36)
    for n, text in enumerate(told.procedure["checklist"]):
        ticked = n in told.state["confirmed"]
        tall.card(Box(0, y, box, y + box), DEED if ticked else CARD, DEED if ticked else SOFT)
        if ticked:
            tall.line([(box * 0.2, y + box * 0.5), (box * 0.42, y + box * 0.75), (box * 0.8, y + box * 0.25)], CARD, 2)
        end = tall.lines(Box(box + tall.px(8), y, wide, y), text, SMALL_PX)
        tall.zones.append((Box(0, y, wide, max(end, y + box)), f"item:{n}"))
        y = max(end, y + box) + tall.px(5)
    return y


def draw_log(sheet: Sheet, box: Box, events: Sequence[Mapping[str, Any]]) -> None:
    """Write what happened last, the latest at the foot."""
    sheet.card(box, LOG)
    inner = inset(box, sheet.px(PAD_PX) - 1)
    rows = [(f"{clock(e['at_s'])}  {e['text']}", SEVERITY[e["severity"]], e["severity"] != "info") for e in events if e["text"]]
    foot = inner.y1
    for text, ink, bold in reversed(rows):
        trial = Sheet((inner.width, sheet.px(300)), sheet.scale)
        high = trial.lines(Box(0, 0, inner.width, 0), text, SMALL_PX, bold=bold)
        if foot - high < inner.y0:
            return
        foot -= high
        sheet.lines(Box(inner.x0, foot, inner.x1, foot), text, SMALL_PX, ink, bold=bold)


def draw_result(sheet: Sheet, box: Box, result: Mapping[str, Any] | None, told: Told, debrief: str) -> None:
    """Draw the score in place of the steps: passed or not, points, why, and where the debrief lies."""
    sheet.card(box)
    inner = inset(box, sheet.px(PAD_PX))
    y = inner.y0
    if result is not None:
        word, ink = ("Passed", GOOD) if result["passed"] else ("Not passed", BAD)
        y = sheet.lines(inner, f"{word}: {result['points']:.0f} of 100", TITLE_PX, ink, bold=True)
    else:
        y = sheet.lines(inner, "The attempt is finished.", TITLE_PX, bold=True)
    rows = [(debrief, INK, False), ("Enter: begin anew. Esc: close.", DEED, True)]
    rows += [(reason, INK, False) for reason in (result or {}).get("reasons", ())]
    for text, ink, bold in rows:
        if text and y + sheet.px(24) < inner.y1:
            most = (inner.y1 - y - sheet.px(8)) // sheet.px(SMALL_PX * 1.25)
            y = sheet.lines(Box(inner.x0, y + sheet.px(8), inner.x1, y), text, SMALL_PX, ink, bold=bold, most=max(1, most))


def draw_waiting(sheet: Sheet, title: str, seconds: float) -> None:
    """Draw what stands in the window while the anatomy is being loaded."""
    x, y = sheet.image.width / 2, sheet.image.height / 2
    sheet.text(x, y - sheet.px(20), title, TITLE_PX, bold=True, anchor="mm")
    sheet.text(x, y + sheet.px(14), f"{WAITING} {seconds:.0f} s", TEXT_PX, SOFT, anchor="mm")
