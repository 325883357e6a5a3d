"""Checks of levels: loss with depth, contrast, vessels, shadow of bone, enhancement."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.ultrasound.checks_tools import EDGE_LINES, between, clean, db, depths, places, powers
from sim.ultrasound.medium import Phantom
from sim.ultrasound.phantoms import bone_plane, cylinders, orientations, plain, stepped_cysts, uniform, vessel
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.settings import Settings
from sim.ultrasound.tissues import tissue

Array = NDArray[np.float64]
SEEDS = 8
CORE = 0.7  # of a radius: what is measured of a round target, clear of its edge
GROUND_MM = (1.5, 4.0)  # ring round a target that stands for its ground, from its edge
BINS = 64  # of grey, for the overlap of two histograms


def mean_power(scanner: Scanner, pose: ProbePose, seeds: int = SEEDS) -> Array:
    """Return the power (lines, samples) averaged over seeds of the scatterers."""
    return np.asarray(np.mean([powers(scanner.with_settings(seed=seed), pose) for seed in range(seeds)], axis=0))


def slope_error(alpha: float, mhz: float, probe: str = "linear-12-3") -> list[float]:
    """Return the error, %, of the loss that is read from the fall of power with depth, for each orientation."""
    out = []
    for pose in orientations():
        scanner = clean(uniform(pose, plain(attenuation_db_cm_mhz=alpha)), probe=probe, frequency_mhz=mhz)
        out.append(100 * (read_slope(mean_power(scanner, pose), scanner.settings) / alpha - 1))
    return out


def read_slope(power: Array, settings: Settings) -> float:
    """Return the loss, dB/cm/MHz, one way, that a straight line through the log of the power tells."""
    part = between(settings, 3.0, 0.9 * settings.deep_mm)
    row = 10 * np.log10(power[EDGE_LINES:-EDGE_LINES, part].mean(axis=0))
    return float(-np.polyfit(depths(settings)[part] / 10, row, 1)[0] / (2 * settings.mhz))


def contrast_error(level_db: float) -> list[float]:
    """Return the measured less the set contrast, dB, of a cylinder 8 mm wide 18 mm deep, for each orientation."""
    out = []
    for pose in orientations():
        rod = plain("rod", backscatter_db=level_db)
        scanner = clean(cylinders(pose, plain(), [(rod, 0.0, 18.0, 8.0)]))
        out.append(contrast(mean_power(scanner, pose), scanner.settings, 0.0, 18.0, 8.0) - level_db)
    return out


def regions(settings: Settings, x_mm: float, deep_mm: float, wide_mm: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the pixels (lines, samples) of a round target's core, and of the ground on either side at its depth."""
    x, z = places(settings)[:, None] - x_mm, depths(settings)[None] - deep_mm
    core = np.hypot(x, z) < CORE * wide_mm / 2
    out = np.abs(x) - wide_mm / 2
    beside = (np.abs(z) < CORE * wide_mm / 2) & (out > GROUND_MM[0]) & (out < GROUND_MM[1])
    return core, beside


def contrast(power: Array, settings: Settings, x_mm: float, deep_mm: float, wide_mm: float) -> float:
    """Return the mean power of a round target against its ground, dB."""
    core, beside = regions(settings, x_mm, deep_mm, wide_mm)
    return db(float(power[core].mean())) - db(float(power[beside].mean()))


def vessel_contrast(diameter_mm: float) -> list[float]:
    """Return the contrast of a vessel 15 mm deep in muscle, dB, with the receiver's noise, for each orientation."""
    return [contrast(p, s, 0.0, 15.0, diameter_mm) for p, s in vessel_frames(diameter_mm)]


def vessel_gcnr(diameter_mm: float) -> list[float]:
    """Return the generalised contrast-to-noise ratio of the vessels of `vessel_contrast`."""
    out = []
    for power, s in vessel_frames(diameter_mm, seeds=1):
        core, beside = regions(s, 0.0, 15.0, diameter_mm)
        out.append(apart(10 * np.log10(power[core]), 10 * np.log10(power[beside])))
    return out


def apart(a: Array, b: Array) -> float:
    """Return 1 less the shared area of two histograms: 0 for one law, 1 for none in common."""
    low, high = min(a.min(), b.min()), max(a.max(), b.max())
    one, other = (np.histogram(v, BINS, (low, high))[0] / len(v) for v in (a, b))
    return float(1 - np.minimum(one, other).sum())


@cache
def vessel_frames(diameter_mm: float, seeds: int = 4) -> list[tuple[Array, Settings]]:
    """Return frames of a vessel in muscle's level, with noise, at each orientation, and their settings."""
    ground = plain("ground", attenuation_db_cm_mhz=tissue("muscle").attenuation_db_cm_mhz)
    out = []
    for pose in orientations():
        scanner = clean(vessel(pose, ground, diameter_mm, 15.0), noise=True)
        out.append((mean_power(scanner, pose, seeds), scanner.settings))
    return out


def stepped_contrast(loss: float) -> list[float]:
    """Return the contrast of every cyst of the stepped phantom, dB, straight down."""
    pose = orientations()[0]
    scanner = clean(stepped_cysts(pose, loss), frequency_mhz=7.5, focus_mm=18.0)
    power = mean_power(scanner, pose)
    rows = [(x, z, d) for z in (12.0, 24.0) for x, d in ((-14.0, 1.5), (-7.0, 2.0), (0.0, 3.0), (7.0, 4.0))]
    return [contrast(power, scanner.settings, *row) for row in rows]


def shadow_below_muscle(depth_mm: float = 15.0) -> list[float]:
    """Return how far the mean 6 to 10 mm below a cortex lies below muscle without bone, dB, for each orientation."""
    out = []
    for pose in orientations():
        ground = plain("ground", attenuation_db_cm_mhz=tissue("muscle").attenuation_db_cm_mhz)
        pair = uniform(pose, ground), bone_plane(pose, depth_mm, ground)
        found = [db(_shadow(phantom, pose, depth_mm).mean()) for phantom in pair]
        out.append(found[0] - found[1])
    return out


def shadow_over_noise(depth_mm: float = 15.0) -> list[float]:
    """Return how far the mean 6 to 10 mm below a cortex lies above the receiver's noise alone, dB."""
    pose = orientations()[1]
    ground = plain("ground", attenuation_db_cm_mhz=tissue("muscle").attenuation_db_cm_mhz)
    silent = uniform(pose, plain("silent", backscatter_db=-200.0))
    found = [db(_shadow(p, pose, depth_mm).mean()) for p in (bone_plane(pose, depth_mm, ground), silent)]
    return [found[0] - found[1]]


def second_cortex_db(thick_mm: float = 4.0) -> list[float]:
    """Return the highest mean level of a depth below a cortex, where a plate's far side would be, against the noise, dB."""
    pose = orientations()[1]
    ground = plain("ground", attenuation_db_cm_mhz=tissue("muscle").attenuation_db_cm_mhz)
    plate = bone_plane(pose, 15.0, ground, thick_mm=thick_mm)
    silent = uniform(pose, plain("silent", backscatter_db=-200.0))
    rows = [10 * np.log10(_shadow(p, pose, 15.0, 1.5, 8.0).mean(axis=0)) for p in (plate, silent)]
    return [float(np.max(rows[0] - rows[1]))]


def _shadow(phantom: Phantom, pose: ProbePose, depth_mm: float, low: float = 6.0, high: float = 10.0) -> Array:
    """Power (lines, samples) from `low` to `high` mm below a depth, with the receiver's noise."""
    scanner = clean(phantom, noise=True)
    return powers(scanner, pose)[EDGE_LINES:-EDGE_LINES, between(scanner.settings, depth_mm + low, depth_mm + high)]


def enhancement_error(diameter_mm: float = 6.0) -> list[float]:
    """Return the measured less the expected rise, dB, below a vessel: 2 (alpha - alpha of blood) f d, for each orientation."""
    out, alpha = [], tissue("muscle").attenuation_db_cm_mhz
    for pose in orientations():
        ground = replace(plain("ground", attenuation_db_cm_mhz=alpha), sound_speed_m_s=1578.0, density_kg_m3=1050.0)
        found = []
        for phantom in (vessel(pose, ground, diameter_mm, 12.0), uniform(pose, ground)):
            scanner = clean(phantom, frequency_mhz=10.0)
            s = scanner.settings
            lines = np.abs(places(s)) < 0.4
            found.append(db(float(mean_power(scanner, pose)[lines][:, between(s, 17.0, 24.0)].mean())))
        expected = 2 * (alpha - tissue("blood").attenuation_db_cm_mhz) * 10.0 * diameter_mm / 10
        out.append(found[0] - found[1] - expected)
    return out

