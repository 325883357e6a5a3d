"""Checks of speckle: its statistics, the size of its cells, how it moves with tissue."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.ultrasound.checks_tools import EDGE_LINES, alike, between, clean, depths, half_width, powers
from sim.ultrasound.phantoms import orientations, plain, uniform
from sim.ultrasound.probes import axial_fwhm_mm, elevation_fwhm_mm, lateral_fwhm_mm
from sim.ultrasound.settings import Settings

Array = NDArray[np.float64]
SEEDS = 8
LAGS = 16
APART_LINES, APART_MM = 6, 0.35  # of samples that are as good as independent
GAP_MM = 1.0  # of gel, in which the probe moves without pressing


@cache
def speckle_frames(probe: str = "linear-12-3", planes: int = 3) -> tuple[Settings, tuple[NDArray[np.float32], ...]]:
    """Return powers (seeds, lines, samples) of a uniform phantom without loss, one array for each orientation; edges cut off."""
    out = []
    for pose in orientations():
        scanner = clean(uniform(pose, plain()), probe=probe, planes=planes)
        frames = [powers(scanner.with_settings(seed=seed), pose)[EDGE_LINES:-EDGE_LINES] for seed in range(SEEDS)]
        out.append(np.array(frames, dtype=np.float32))
    return scanner.settings, tuple(out)


def speckle_snr(from_mm: float, to_mm: float, probe: str = "linear-12-3") -> list[float]:
    """Return mean over deviation of the envelope between two depths, for each orientation."""
    settings, frames = speckle_frames(probe)
    return [signal_to_noise(np.sqrt(f[:, :, between(settings, from_mm, to_mm)])) for f in frames]


def signal_to_noise(envelope: NDArray[np.floating]) -> float:
    """Return mean over deviation; 1.91 for the Rayleigh law."""
    values = np.asarray(envelope, dtype=np.float64)
    return float(values.mean() / values.std())


def rayleigh_p(probe: str = "linear-12-3") -> list[float]:
    """Return the probability that samples of one frame which do not overlap follow Rayleigh's law, for each orientation."""
    settings, frames = speckle_frames(probe)
    step = int(np.ceil(APART_MM / settings.sample_mm))
    return [fits_rayleigh(np.sqrt(f[0][::APART_LINES, between(settings, 3, 38)][:, ::step])) for f in frames]


def fits_rayleigh(envelope: NDArray[np.floating]) -> float:
    """Return the p of a Kolmogorov-Smirnov test of samples against Rayleigh's law of the same power. Takes 3000 or more."""
    from scipy.stats import kstest

    values = np.asarray(envelope, dtype=np.float64).ravel()
    if len(values) < 3000:
        raise ValueError(f"There are {len(values)} samples; the test wants 3000 or more.")
    return float(kstest(values / np.sqrt((values**2).mean() / 2), "rayleigh").pvalue)


def cell_ratio(axis: str, at_mm: float, probe: str = "linear-12-3") -> list[float]:
    """Return the size of a cell over theory, for each orientation.

    The correlation of the intensity of speckle made by a Gaussian beam has the beam's own full width at half height: the field's
    correlation is the beam's with itself, wider by the root of 2, and the intensity's is the square of that.
    """
    settings, frames = speckle_frames(probe)
    part = between(settings, at_mm - 2.5, at_mm + 2.5)
    model, step = settings.model, {"lateral": settings.model.width_mm / settings.lines, "axial": settings.sample_mm}[axis]
    theory = {
        "lateral": float(lateral_fwhm_mm(model, settings.mhz, depths(settings)[part], settings.focal_mm).mean()),
        "axial": axial_fwhm_mm(model, settings.mhz),
    }[axis]
    return [half_width(correlation(f[:, :, part], axis)) * step / theory for f in frames]


def correlation(power: NDArray[np.floating], axis: str) -> Array:
    """Return the covariance (lags,) of powers (seeds, lines, samples) along 'lateral' or 'axial'."""
    q = np.asarray(power, dtype=np.float64)
    q = q - q.mean()
    if axis == "lateral":
        q = q.transpose(0, 2, 1)
    n = q.shape[2]
    return np.array([(q[:, :, : n - k] * q[:, :, k:]).mean() for k in range(LAGS)])


def motion(axis: str, move: str) -> list[float]:
    """Return how alike the envelopes before and after a motion are, for each orientation; the least of four places.

    Parameters
    ----------
    axis : {'lateral', 'axial', 'elevation'}
    move : {'small', 'cell'}
        By 0.02 mm, or by one cell (in elevation one slice, where it is thickest); of the latter the mean of the places.
    """
    out = []
    for pose in orientations():
        scanner = clean(uniform(pose, plain()), gel_mm=5.0)
        s = scanner.settings
        part = slice(EDGE_LINES, -EDGE_LINES), between(s, 6, 34)
        way = {"lateral": pose.lateral, "axial": pose.axis, "elevation": pose.elevation}[axis]
        far = 0.02 if move == "small" else one_cell_mm(s, axis)
        found = []
        for place in range(4):
            aside = (0.31 * place - 0.8) * pose.lateral + 0.17 * place * pose.elevation
            first = replace(pose, centre_mm=pose.centre_mm - GAP_MM * pose.axis + aside)
            second = replace(first, centre_mm=first.centre_mm + far * way)
            found.append(alike(*(np.sqrt(powers(scanner, p)[part]) for p in (first, second))))
        out.append(min(found) if move == "small" else float(np.mean(found)))
    return out


def one_cell_mm(settings: Settings, axis: str) -> float:
    """Return the largest cell between 6 and 34 mm, along one axis, mm."""
    model, at = settings.model, np.array([6.0, 12.0, 20.0, 34.0])
    if axis == "axial":
        return axial_fwhm_mm(model, settings.mhz)
    if axis == "lateral":
        return float(lateral_fwhm_mm(model, settings.mhz, at, settings.focal_mm).max())
    return float(elevation_fwhm_mm(model, settings.mhz, at).max())


def level_spread_db() -> list[float]:
    """Return the mean level of speckle at each orientation against what one tissue of level 0 must have, dB."""
    settings, frames = speckle_frames()
    return [float(10 * np.log10(f[:, :, between(settings, 4, 36)].mean() / 2)) for f in frames]
