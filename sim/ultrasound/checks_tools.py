"""What every check of the ultrasound needs: clean frames, envelopes without the scanner's gain, widths, worst cases."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.ultrasound.frame import Echoes
from sim.ultrasound.medium import Medium
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.settings import Settings

Array = NDArray[np.float64]
EDGE_LINES = 26  # lines at either end whose beams are cut by the edge


def clean(medium: Medium, **settings: Any) -> Scanner:
    """Return a scanner without the receiver's noise and the reverberation of the face."""
    return Scanner(medium, **({"noise": False, "face_echoes": False} | settings))


def levels(echoes: Echoes, settings: Settings) -> Array:
    """Return the levels (lines, samples), dB against muscle at the face, without gain and time-gain compensation."""
    gain = settings.gain_db + 2 * scanner_table()["picture"]["tgc_db_cm_mhz"] * settings.mhz * depths(settings) / 10
    return np.asarray(echoes.levels_db - gain, dtype=np.float64)


def powers(scanner: Scanner, pose: ProbePose, **scene: Any) -> Array:
    """Return the echoes' power (lines, samples), 1 for muscle's amplitude at the face."""
    return np.asarray(10 ** (levels(scanner.echoes(pose, **scene), scanner.settings) / 10))


def depths(settings: Settings) -> Array:
    """Return the depth (samples,) of each sample, mm."""
    return np.asarray((np.arange(settings.samples) + 0.5) * settings.sample_mm, dtype=np.float64)


def places(settings: Settings) -> Array:
    """Return the lateral place (lines,) of each line of a linear probe, mm, + toward the marked end."""
    n = settings.lines
    return settings.model.width_mm * (n - 1 - 2 * np.arange(n)) / (2 * n)


def between(settings: Settings, low_mm: float, high_mm: float) -> slice:
    """Return the samples from one depth to another."""
    return slice(int(np.ceil(low_mm / settings.sample_mm)), int(high_mm / settings.sample_mm))


def width_at(level_db: Array, middle: int, drop_db: float = 6.0206) -> float:
    """Return the full width, in steps, of the peak of a profile (n,) near `middle`, where it is `drop_db` lower.

    NaN if it is cut off. Between steps the level falls with the square of the way from the peak, as a Gaussian's does.
    """
    peak, top = _crest(level_db, middle)
    half = []
    for way in (-1, 1):
        k = middle
        while 0 < k < len(level_db) - 1 and level_db[k] > top - drop_db:
            k += way
        if level_db[k] > top - drop_db:
            return float("nan")
        near, far = (k - way - peak) ** 2, (k - peak) ** 2
        above, below = top - level_db[k - way], top - level_db[k]
        half.append(np.sqrt(near + (drop_db - above) / (below - above) * (far - near)))
    return float(sum(half))


def crest(level_db: Array, middle: int) -> float:
    """Return where (in steps) the peak of a profile lies, by the parabola through its top three levels."""
    return _crest(level_db, middle)[0]


def _crest(level_db: Array, middle: int) -> tuple[float, float]:
    a, b, c = level_db[middle - 1], level_db[middle], level_db[middle + 1]
    bend = a - 2 * b + c
    shift = 0.5 * (a - c) / bend if bend < 0 else 0.0
    return middle + shift, float(b - 0.25 * (a - c) * shift)


def half_width(correlation: Array) -> float:
    """Return the full width at half height, in steps, of a correlation (n,) from lag 0; between lags as a Gaussian."""
    c = correlation / correlation[0]
    below = np.flatnonzero(c < 0.5)
    if not len(below):
        return float("nan")
    k = int(below[0])
    high, low = np.log(c[k - 1]), np.log(max(c[k], 1e-3))
    share = (high - np.log(0.5)) / (high - low)
    return float(2 * np.sqrt((k - 1) ** 2 + share * (k**2 - (k - 1) ** 2)))


def alike(a: Array, b: Array) -> float:
    """Return the correlation of two pictures of one shape."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def db(power: float) -> float:
    """Return a power in dB."""
    return float(10 * np.log10(max(power, 1e-30)))
