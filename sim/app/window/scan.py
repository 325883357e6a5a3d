"""The ultrasound in the training window: the frame with its ends, marker, depths and focus, and the scanner's knobs below."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from sim.app.window.draw import (
    MARKED,
    NIGHT,
    NIGHT_INK,
    NIGHT_LINE,
    PAD_PX,
    SMALL_PX,
    Sheet,
    inset,
)  # fmt: skip
from sim.app.window.hands import Told
from sim.app.window.layout import KNOB_ROWS, cells
from sim.page import Box

KNOB_ROWS_SHOWN = (
    ("depth_mm", "Depth", "mm", "PgUp", "PgDn"), ("gain_db", "Gain", "dB", "-", "+"), ("focus_mm", "Focus", "mm", ",", "."),
    ("frequency_mhz", "Freq.", "MHz", ";", "'"), ("dynamic_range_db", "Contrast", "dB", "9", "0"),
)  # fmt: skip
DOPPLER = ("off", "colour", "power")
OFF_SKIN = "The probe is off the skin."
HEAD_PX, LEFT_PX, RIGHT_PX, FOOT_PX = 26, 12, 48, 10
TICK_MM = 5


def draw_scan(sheet: Sheet, box: Box, frame: bytes, about: Mapping[str, Any]) -> None:
    """Draw a frame and what stands round it.

    Parameters
    ----------
    sheet : Sheet
    box : Box
    frame : bytes
        JPEG; none while the probe is off the skin.
    about : mapping
        As of `pictures.told`.
    """
    from PIL import Image

    sheet.fill(box, NIGHT)
    if not frame:
        sheet.text((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, OFF_SKIN, ink=NIGHT_INK, anchor="mm")
        return
    head, left, right, foot = (sheet.px(n) for n in (HEAD_PX, LEFT_PX, RIGHT_PX, FOOT_PX))
    scale = min((box.width - left - right) / about["width_mm"], (box.height - head - foot) / about["depth_mm"])
    wide, high = max(1, round(about["width_mm"] * scale)), max(1, round(about["depth_mm"] * scale))
    x, y = round(box.x0 + left + (box.width - left - right - wide) / 2), box.y0 + head
    picture = Image.open(io.BytesIO(frame)).convert("RGB").resize((wide, high), Image.Resampling.BICUBIC)
    sheet.lay(picture, x, y)
    _draw_ends(sheet, box.y0 + head / 2, x, x + wide, about)
    _draw_depths(sheet, x + wide, y, scale, about)


def _draw_ends(sheet: Sheet, y: float, x0: int, x1: int, about: Mapping[str, Any]) -> None:
    """Name both ends, and dot the one that the probe's marker stands at."""
    sheet.text(x0, y, about["ends"][0], ink=NIGHT_INK)
    sheet.text(x1, y, about["ends"][1], ink=NIGHT_INK, anchor="rm")
    away = sheet.width_of(about["ends"][0 if about["marker"] == "left" else 1]) + sheet.px(12)
    sheet.dot(x0 + away if about["marker"] == "left" else x1 - away, y, 5, MARKED)


def _draw_depths(sheet: Sheet, x: int, y: int, scale: float, about: Mapping[str, Any]) -> None:
    """Draw the scale of depths at the right, and the focus beside it."""
    for mm in range(0, round(about["depth_mm"]) + 1, TICK_MM):
        at, whole = y + mm * scale, mm % (2 * TICK_MM) == 0
        sheet.line([(x + sheet.px(3), at), (x + sheet.px(10 if whole else 6), at)], NIGHT_LINE)
        if whole:
            sheet.text(x + sheet.px(14), at, f"{mm // 10}" if mm else "cm", SMALL_PX, NIGHT_INK)
    for mm in about["focus_mm"]:
        at, x0, x1, half = y + mm * scale, x + sheet.px(32), x + sheet.px(42), sheet.px(5)
        sheet.shape([(x0, at), (x1, at - half), (x1, at + half)], MARKED)


def draw_knobs(sheet: Sheet, box: Box, told: Told) -> None:
    """Draw the scanner's knobs: value, and a button each for less and more."""
    sheet.fill(box, NIGHT)
    places = [place for row in cells(inset(box, sheet.px(PAD_PX) // 2), 2, KNOB_ROWS, sheet.px(4)) for place in row]
    values = told.state["knobs"]
    for place, (name, label, unit, less, more) in zip(places, KNOB_ROWS_SHOWN, strict=False):
        _draw_knob(sheet, place, label, f"{round(values[name], 1):g} {unit}", (less, more), name)
    last = places[len(KNOB_ROWS_SHOWN)]
    sheet.text(last.x0 + sheet.px(4), (last.y0 + last.y1) / 2, "Doppler", SMALL_PX, NIGHT_INK)
    mode = DOPPLER[round(values["doppler"])]
    place, off = Box(last.x0 + sheet.px(72), last.y0, last.x1, last.y1), mode == "off"
    sheet.button(place, "D", mode, "doppler", on=not off, night=off)


def _draw_knob(sheet: Sheet, place: Box, label: str, value: str, keys: tuple[str, str], name: str) -> None:
    y, wide = (place.y0 + place.y1) / 2, sheet.px(44)
    sheet.text(place.x0 + sheet.px(4), y, label, SMALL_PX, NIGHT_INK)
    sheet.text(place.x1 - 2 * wide - sheet.px(10), y, value, SMALL_PX, NIGHT_INK, anchor="rm")
    for n, (key, way) in enumerate(zip(keys, "-+", strict=True)):
        x = place.x1 - (2 - n) * wide - (1 - n) * sheet.px(4)
        sheet.button(Box(x, place.y0, x + wide, place.y1), key, "", f"knob{way}:{name}", night=True)
