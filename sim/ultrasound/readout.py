"""What the screen says of probe and scanner, read from the settings of an image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from meshes._check import check_choice
from sim.ultrasound.image import BModeImage

WIDTHS_PX = (320, 3840)
LONGEST = 80
NUMBERS = (
    ("frequency_mhz", "{:g} MHz"),
    ("depth", "Depth {:.3g} cm"),
    ("gain_db", "Gain {:g} dB"),
    ("dynamic_range_db", "DR {:g} dB"),
)
MORE = (("prf_khz", "PRF {:g} kHz"), ("wall_filter_cm_s", "WF {:g} cm/s"))


def settings_lines(image: BModeImage) -> tuple[str, ...]:
    """Return the lines that the screen shows of an image's settings; what is not set is left out."""
    known: dict[str, Any] = {**image.settings, "depth": image.depth_mm / 10}
    lines = [] if not known.get("probe") else [str(known["probe"])[:LONGEST]]
    lines += [form.format(_number(known, name)) for name, form in NUMBERS if known.get(name) is not None]
    lines += [] if (tgc := _tgc(known)) is None else [tgc]
    if image.doppler is None:
        return tuple(lines)
    doppler = image.doppler
    lines.append("Power Doppler" if doppler.mode == "power" else f"Colour \N{PLUS-MINUS SIGN}{doppler.nyquist_cm_s:.3g} cm/s")
    return (*lines, *(form.format(_number(known, name)) for name, form in MORE if known.get(name) is not None))


def focuses_mm(image: BModeImage) -> tuple[float, ...]:
    """Return the depths of the focus, none, one or several, mm."""
    value = image.settings.get("focus_mm")
    if value is None:
        return ()
    depths = np.atleast_1d(np.asarray(value, dtype=np.float64)).ravel()
    if not np.isfinite(depths).all() or (depths < 0).any():
        raise ValueError(f"focus_mm is {value!r}; it must be finite and not below 0.")
    return tuple(float(d) for d in depths)


def check_screen(image: BModeImage, width_px: int, ends: tuple[str, str], names: Mapping[str, str]) -> None:
    """Raise ValueError if the screen cannot show what is asked."""
    low, high = WIDTHS_PX
    if isinstance(width_px, bool) or not isinstance(width_px, int | np.integer) or not low <= width_px <= high:
        raise ValueError(f"width_px is {width_px!r}; it must be a whole number from {low} to {high}.")
    words = [*ends, *names.values()]
    if len(ends) != 2 or not all(isinstance(w, str) and len(w) <= LONGEST for w in words):
        raise ValueError(f"ends must be two words and names must be words, none longer than {LONGEST} letters.")
    check_choice("marker_side", image.marker_side, ("left", "right"))
    _check_arrays(image)
    for name, value in (("pixel_mm", image.pixel_mm), ("depth_mm", image.depth_mm)):
        if not np.isfinite(value).all() or (np.asarray(value) <= 0).any():
            raise ValueError(f"{name} is {value!r}; it must be finite and above 0.")
    if image.doppler is not None:
        _check_doppler(image)


def _check_arrays(image: BModeImage) -> None:
    """Refuse arrays that are no image."""
    shape = image.pixels.shape
    if image.pixels.dtype != np.uint8 or len(shape) != 2 or 0 in shape:
        raise ValueError(f"pixels have shape {shape} and type {image.pixels.dtype}; they must be (rows, columns) uint8.")
    if image.labels.shape != shape or not np.issubdtype(image.labels.dtype, np.integer):
        raise ValueError(f"labels have shape {image.labels.shape}; they must be whole numbers on the pixels' {shape}.")
    if image.labels.min() < 0 or image.labels.max() >= len(image.keys):
        raise ValueError(f"labels hold a number that is not below {len(image.keys)}, the number of keys, or is negative.")


def _check_doppler(image: BModeImage) -> None:
    """Refuse Doppler that does not belong to the image."""
    doppler, shape = image.doppler, image.pixels.shape
    assert doppler is not None
    check_choice("mode of the Doppler", doppler.mode, ("colour", "power"))
    for name, values in (("velocity_cm_s", doppler.velocity_cm_s), ("power_db", doppler.power_db)):
        if values.shape != shape or not np.isfinite(values).all():
            raise ValueError(f"{name} has shape {values.shape}; it must hold finite numbers on the pixels' {shape}.")
    if not math.isfinite(doppler.nyquist_cm_s) or doppler.nyquist_cm_s <= 0:
        raise ValueError(f"nyquist_cm_s is {doppler.nyquist_cm_s!r}; it must be finite and above 0.")
    top, left, bottom, right = doppler.box
    if not (0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]):
        raise ValueError(f"box is {doppler.box!r}; it must lie within the image's {shape[0]} rows and {shape[1]} columns.")


def _number(known: Mapping[str, Any], name: str) -> float:
    """One setting as a finite number."""
    try:
        value = float(known[name])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is {known[name]!r}; it must be a finite number.")
    return value


def _tgc(known: Mapping[str, Any]) -> str | None:
    """The line of the time-gain compensation: words as they are, one slope, or the steps of its sliders."""
    for name, unit in (("tgc_db_cm", " dB/cm"), ("tgc_db", " dB"), ("tgc", "")):
        value = known.get(name)
        if isinstance(value, str):
            return f"TGC {value}"[:LONGEST]
        if value is not None:
            steps = np.atleast_1d(np.asarray(value, dtype=np.float64)).ravel()
            if not np.isfinite(steps).all():
                raise ValueError(f"{name} is {value!r}; it must be finite.")
            low, high = float(steps.min()), float(steps.max())
            return f"TGC {low:+.2g}{unit}" if low == high else f"TGC {low:+.2g} to {high:+.2g}{unit}"
    return None
