"""Checks of the beam: width of points across, along and square to the image."""

from __future__ import annotations

import numpy as np

from sim.ultrasound.checks_tools import clean, crest, depths, levels, places, width_at
from sim.ultrasound.phantoms import bath, orientations, uniform, wires
from sim.ultrasound.probes import axial_fwhm_mm, elevation_fwhm_mm, lateral_fwhm_mm
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.scene import ScanNeedle

OFFSETS = (0.0, 0.25, 0.5)  # of a point from a line, in lines: the picture must not depend on it
FAR_FOCUS_MM = 60.0  # so deep that what is sent is as good as a plane wave


def point_widths(depth_mm: float, *, probe: str = "linear-11-5", mhz: float | None = None, focus_mm: float | None = None,
                 planes: int = 3) -> list[tuple[float, float]]:  # fmt: skip
    """Return the widths (lateral, axial), mm, of points at a depth, each at another place between two lines."""
    pose = orientations()[1]
    scanner = clean(uniform(pose, bath()), probe=probe, frequency_mhz=mhz, focus_mm=focus_mm, planes=planes)
    return [_widths(scanner, depth_mm, offset) for offset in OFFSETS]


def _widths(scanner: Scanner, depth_mm: float, offset: float) -> tuple[float, float]:
    s, pose = scanner.settings, orientations()[1]
    pitch, line, sample = s.model.width_mm / s.lines, s.lines // 2, int(depth_mm / s.sample_mm)
    at = [places(s)[line] - offset * pitch, 0.0, depths(s)[sample] + offset * s.sample_mm]
    frame = levels(scanner.echoes(pose, targets=wires(pose, at)), s)
    i, k = np.unravel_index(np.argmax(frame), frame.shape)
    return width_at(frame[:, k], int(i)) * pitch, width_at(frame[i], int(k)) * s.sample_mm


def lateral_ratio(depth_mm: float, probe: str) -> list[float]:
    """Return the lateral widths of points over the law of `probes`, the scanner as it starts."""
    s = clean(uniform(orientations()[1], bath()), probe=probe).settings
    law = float(lateral_fwhm_mm(s.model, s.mhz, depth_mm, s.focal_mm))
    return [w / law for w, _ in point_widths(depth_mm, probe=probe)]


def axial_ratio(depth_mm: float, probe: str) -> list[float]:
    """Return the axial widths of points over the law of `probes`."""
    s = clean(uniform(orientations()[1], bath()), probe=probe).settings
    return [w / axial_fwhm_mm(s.model, s.mhz) for _, w in point_widths(depth_mm, probe=probe)]


def two_way_mm(depth_mm: float) -> list[float]:
    """Return the lateral widths, mm, at the transmit focus (L11-5v, 7.6 MHz, F 1.5 in receive and 2 in transmit)."""
    return [w for w, _ in point_widths(depth_mm, mhz=7.6, focus_mm=depth_mm)]


def receive_only_mm(depth_mm: float) -> list[float]:
    """Return the lateral widths, mm, where transmit does not help: its focus lies far beyond."""
    return [w for w, _ in point_widths(depth_mm, mhz=7.6, focus_mm=FAR_FOCUS_MM)]


def pulse_mm(depth_mm: float) -> list[float]:
    """Return the axial widths, mm, of points (L11-5v, 7.6 MHz)."""
    return [w for _, w in point_widths(depth_mm, mhz=7.6, focus_mm=depth_mm)]


def slice_ratio(depth_mm: float, probe: str, mhz: float, reference_mm: float) -> float:
    """Return the width of a point's echo swept square to the image, over a reference, mm."""
    pose = orientations()[2]
    scanner = clean(uniform(pose, bath()), probe=probe, frequency_mhz=mhz)
    s, y = scanner.settings, np.linspace(-4.0, 4.0, 33)
    x = places(s)[s.lines // 2]
    peaks = [levels(scanner.echoes(pose, targets=wires(pose, [x, v, depth_mm])), s).max() for v in y]
    profile = np.array(peaks)
    return width_at(profile, int(profile.argmax())) * float(y[1] - y[0]) / reference_mm


def needle_off_plane_db(depth_mm: float) -> float:
    """Return the level of a flat needle half a slice's thickness off the image, against one within, dB."""
    pose = orientations()[1]
    scanner = clean(uniform(pose, bath()))
    s = scanner.settings
    off = float(elevation_fwhm_mm(s.model, s.mhz, depth_mm)) / 2
    found = []
    for y in (0.0, off):
        ends = pose.ras_from_probe.apply(np.array([[15.0, y, depth_mm], [-15.0, y, depth_mm]]))
        found.append(levels(scanner.echoes(pose, needle=ScanNeedle(*ends)), s)[s.lines // 2].max())
    return float(found[1] - found[0])


def point_level_db(depth_mm: float, probe: str) -> list[float]:
    """Return the peaks, dB, of points of amplitude 1."""
    pose = orientations()[1]
    scanner = clean(uniform(pose, bath()), probe=probe)
    s, out = scanner.settings, []
    for offset in OFFSETS:
        x = places(s)[s.lines // 2] - offset * s.model.width_mm / s.lines
        frame = levels(scanner.echoes(pose, targets=wires(pose, [x, 0.0, depth_mm])), s)
        i, k = np.unravel_index(np.argmax(frame), frame.shape)
        top = crest(frame[i], int(k))
        out.append(float(frame[i, round(top)]))
    return out
