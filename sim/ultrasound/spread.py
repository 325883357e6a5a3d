"""The beam's spread as kernels on lines and samples, and the gains that keep levels what the tables say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.ultrasound.geometry import WIDTHS_PER_DEVIATION, beams, lateral_deviation_mm
from sim.ultrasound.probes import axial_fwhm_mm
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.settings import Settings

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
LEAST_LINES, LEAST_SAMPLES = 0.15, 0.15  # deviation of a kernel that is as good as none
MOST_TAPS = 24


@dataclass(frozen=True, eq=False)
class Spread:
    """Kernels of one setting.

    Parameters
    ----------
    axial : (taps,) float32 array
        Half of the symmetric kernel along a line, its middle first.
    lateral : (taps, samples) float32 array
        Half of the symmetric kernel across lines at each depth.
    border_gain : (nodes,) float32 array
        What a border's echo is multiplied by so that the kernels leave its peak as it is.
    """

    axial: Floats
    lateral: Floats
    border_gain: Floats


@cache
def spread(settings: Settings) -> Spread:
    """Return the kernels of a setting: together with the scatterers' own grain they give the widths of the probe's beam."""
    rule, dz = scanner_table()["grain"], settings.sample_mm
    grain = float(rule["axial_samples"])
    pulse = axial_fwhm_mm(settings.model, settings.mhz) / WIDTHS_PER_DEVIATION / dz
    axial = _half(np.array([_less(pulse, grain, LEAST_SAMPLES)]))[:, 0]
    axial /= np.sqrt(_power(axial[:, None], np.array([grain]))[0])
    depth = np.asarray((np.arange(settings.samples) + 0.5) * dz, dtype=np.float64)
    spacing = beams(settings).spacing_mm
    wide = lateral_deviation_mm(settings, depth) / spacing
    own = lateral_grain_mm(settings) / spacing
    lateral = _half(_less(wide, own, LEAST_LINES))
    lateral /= np.sqrt(_power(lateral, own))
    at = np.arange(len(axial))
    peak = axial[0] + 2 * (axial[1:] * np.exp(-0.5 * (at[1:] / grain) ** 2)).sum()
    across = lateral[0] + 2 * lateral[1:].sum(axis=0)
    gain = 1 / (peak * across)
    nodes = np.minimum(np.arange(settings.samples // 4 + 1) * 4, settings.samples - 1)
    return Spread(axial.astype(np.float32), lateral.astype(np.float32), gain[nodes].astype(np.float32))


def lateral_grain_mm(settings: Settings) -> float:
    """Return the deviation of a scatterer's grain across lines, mm."""
    return float(scanner_table()["grain"]["lateral_lines"]) * float(np.median(beams(settings).spacing_mm))


def _less(whole: Array | float, own: Array | float, least: float) -> Array:
    """Deviation of the kernel that turns a grain of deviation `own` into one of `whole`."""
    return np.asarray(np.sqrt(np.maximum(np.square(whole) - np.square(own), least**2)))


def _half(deviation: Array) -> Array:
    """Half Gaussian kernels (taps, n), middle first."""
    taps = int(min(np.ceil(3.2 * deviation.max()), MOST_TAPS)) + 1
    return np.exp(-0.5 * (np.arange(taps)[:, None] / deviation[None]) ** 2)


def _power(half: Array, grain: Array) -> Array:
    """Power (n,) of noise of one unit with a grain (n,) after the kernels (taps, n)."""
    taps = len(half)
    full = np.concatenate([half[:0:-1], half])
    power = np.zeros(half.shape[1])
    for lag in range(2 * taps - 1):
        shared = (full[lag:] * full[: len(full) - lag]).sum(axis=0)
        alike = np.exp(-(lag**2) / (4 * np.maximum(grain, 1e-6) ** 2))
        power += shared * alike * (1 if lag == 0 else 2)
    return power
