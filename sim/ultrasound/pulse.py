"""The beat of arteries, and veins that a probe presses shut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.strands import Strands
from sim.ultrasound.rules import scanner_table

Array = NDArray[np.float64]


def pulse_wave(time_s: ArrayLike, rate_per_min: float) -> Array:
    """Return the course of the beat, 0 (end of diastole) to 1 (peak), at times of any shape.

    A quick rise in a tenth of the beat, a slower fall with a small second wave, as in a carotid's diameter.
    """
    phase = np.mod(np.asarray(time_s, dtype=np.float64) * rate_per_min / 60.0, 1.0)
    rise = np.sin(0.5 * np.pi * np.clip(phase / 0.12, 0, 1)) ** 2
    fall = np.exp(-np.maximum(phase - 0.12, 0) / 0.22) - np.exp(-0.88 / 0.22) * np.clip((phase - 0.12) / 0.88, 0, 1)
    notch = 0.18 * np.exp(-0.5 * ((phase - 0.42) / 0.05) ** 2)
    return np.asarray(np.where(phase < 0.12, rise, np.clip(fall + notch, 0, 1)))


def pulsed(strands: Strands, time_s: float, rate_per_min: float, pressed: float) -> Strands:
    """Return the strands at a moment of the beat under the probe.

    Parameters
    ----------
    strands : Strands
    time_s, rate_per_min : float
    pressed : float
        Rest length over pressed length of the tissue, 1 without pressure; veins close with it.
    """
    rule = scanner_table()["pulse"]
    wider = 1 + float(rule["widening"]) * float(pulse_wave(time_s, rate_per_min))
    shut = float(np.clip(1 - (pressed - 1) / (float(rule["vein_collapse"]) - 1) * 1.4, 0.12, 1.0))
    factors = {"artery": wider, "vein": shut}
    factor = np.array([factors.get(kind, 1.0) for kind in strands.kinds] or [1.0])[strands.owner]
    return replace(strands, radius_mm=strands.radius_mm * factor[:, None])
