"""Checks of the scanner's knobs, and that a frame is the same whenever it is asked for."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sim.ultrasound.checks_levels import mean_power
from sim.ultrasound.checks_tools import EDGE_LINES, alike, between, clean, db, powers
from sim.ultrasound.medium import Phantom
from sim.ultrasound.phantoms import bone_plane, cylinders, orientations, plain, strand, uniform, wires
from sim.ultrasound.probes import probes
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.scene import Injectate, ScanNeedle
from sim.ultrasound.tissues import tissue

Array = NDArray[np.float64]
LOSSY = 1.2  # dB/cm/MHz, so that the noise lies within the picture at any frequency
KNOBS = {
    "gain_db": (-12.0, -6.0, 0.0, 6.0, 12.0),
    "dynamic_range_db": (40.0, 50.0, 60.0, 70.0, 80.0),
    "tgc_db": ((-12.0, -12.0), (-6.0, -6.0), (0.0, 0.0), (6.0, 6.0), (12.0, 12.0)),
}


def muscle_like(loss: float | None = None) -> Phantom:
    """Return a block with muscle's level and loss, or another loss, under the second of the orientations."""
    swallowed = tissue("muscle").attenuation_db_cm_mhz if loss is None else loss
    return uniform(orientations()[1], plain("ground", attenuation_db_cm_mhz=swallowed))


def knob_step(knob: str) -> list[float]:
    """Return the least rise of the picture's mean grey from one setting of a knob to the next higher one."""
    scanner, pose = Scanner(muscle_like()), orientations()[1]
    greys = [scanner.with_settings(**{knob: value}).image(pose).pixels.mean() for value in KNOBS[knob]]
    return [float(np.diff(greys).min())]


def depth_step() -> list[float]:
    """Return the least step, mm, by which the last row of the picture goes deeper from one depth setting to the next."""
    scanner, pose = Scanner(muscle_like()), orientations()[1]
    last = []
    for deep in (20.0, 25.0, 30.0, 40.0):
        image = scanner.with_settings(depth_mm=deep, focus_mm=12.0).image(pose)
        last.append(float((image.ras(image.pixels.shape[0] - 1, 0.0) - pose.centre_mm) @ pose.axis))
    return [float(np.diff(last).min())]


def penetration_error_db(low_mhz: float, high_mhz: float) -> list[float]:
    """Return the error, dB, of what a higher frequency takes 25 mm deep: 2 alpha (f2 - f1) z, for each orientation."""
    out, deep, alpha = [], 25.0, 0.7
    for pose in orientations():
        phantom, found = uniform(pose, plain(attenuation_db_cm_mhz=alpha)), []
        for mhz in (low_mhz, high_mhz):
            scanner = clean(phantom, frequency_mhz=mhz)
            part = between(scanner.settings, deep - 2.5, deep + 2.5)
            found.append(db(float(mean_power(scanner, pose)[EDGE_LINES:-EDGE_LINES, part].mean())))
        out.append(found[0] - found[1] - 2 * alpha * (high_mhz - low_mhz) * deep / 10)
    return out


def depth_seen_mm(mhz: float) -> float:
    """Return the depth, mm, at which a lossy tissue of muscle's level sinks into the receiver's noise."""
    pose = orientations()[1]
    scanner = Scanner(muscle_like(LOSSY), frequency_mhz=mhz, face_echoes=False)
    silent = Scanner(uniform(pose, plain("silent", backscatter_db=-200.0)), frequency_mhz=mhz, face_echoes=False)
    rows = [10 * np.log10(mean_power(s, pose, 4)[EDGE_LINES:-EDGE_LINES].mean(axis=0)) for s in (scanner, silent)]
    above = np.flatnonzero(rows[0] - rows[1] > 3.0)
    return float((above[-1] + 1) * scanner.settings.sample_mm)


def penetration_falls_mm() -> list[float]:
    """Return the least loss of depth, mm, from one frequency to the next higher one."""
    return [float(-np.diff([depth_seen_mm(f) for f in (8.0, 9.0, 10.0, 11.0, 12.0)]).max())]


def digest(scanner: Scanner) -> str:
    """Return a fingerprint of the pixels and labels of a frame."""
    image = scanner.image(orientations()[1])
    return hashlib.sha256(image.pixels.tobytes() + image.labels.tobytes()).hexdigest()


def same_bytes(frames: int) -> list[float]:
    """Return how many different pictures a probe that lies still gives."""
    scanner = Scanner(muscle_like())
    return [float(len({digest(scanner) for _ in range(frames)}))]


def same_bytes_anew() -> list[float]:
    """Return how many different pictures two scanners give that are made anew alike."""
    return [float(len({digest(Scanner(muscle_like(), seed=3)) for _ in range(2)}))]


def other_seed() -> list[float]:
    """Return how alike the speckle of two seeds is."""
    pose, scanner = orientations()[1], clean(muscle_like(0.0))
    pictures = [np.sqrt(powers(scanner.with_settings(seed=k), pose)[:, between(scanner.settings, 2.0, 38.0)]) for k in (0, 1)]
    return [abs(alike(*pictures))]


def not_numbers() -> list[float]:
    """Return how many levels are not finite, over every probe, kind of phantom and thing in the tissue."""
    pose, wrong = orientations()[1], 0
    ground = plain("ground", attenuation_db_cm_mhz=0.5)
    phantoms = (
        uniform(pose, ground), bone_plane(pose, 10.0, ground, tilt_deg=60.0),
        strand(pose, ground, "nerve", 3.0, 8.0, tilt_deg=20.0),
        cylinders(pose, ground, [(plain("rod", backscatter_db=-200.0), 0.0, 15.0, 8.0)]),
    )  # fmt: skip
    ends = pose.ras_from_probe.apply(np.array([[12.0, 0.0, 1.0], [0.0, 0.0, 12.0]]))
    needle, pool = ScanNeedle(ends[0], ends[1], moved_mm=1.0), Injectate(ends[1], pose.axis, 2.0)
    points = wires(pose, [[3.0, 0, 9.0]])
    for probe in probes():
        for phantom in phantoms:
            for at in (pose, replace(pose, press_mm=4.0), replace(pose, centre_mm=pose.centre_mm - 8.0 * pose.axis)):
                found = Scanner(phantom, probe=probe).echoes(at, needle=needle, injectate=pool, targets=points)
                wrong += int((~np.isfinite(found.levels_db)).sum())
    return [float(wrong)]
