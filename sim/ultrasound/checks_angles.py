"""Checks of what depends on the angle: smooth borders, fibres of muscle, tendon, nerve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from sim.ultrasound.checks_tools import EDGE_LINES, between, clean, db, depths, levels, places, powers
from sim.ultrasound.frame import border_width_deg
from sim.ultrasound.phantoms import bath, layered, muscle_texture, orientations, plain, strand, uniform
from sim.ultrasound.tissues import Tissue, tissue

Array = NDArray[np.float64]
DEEP_MM = 18.0
SEEDS = 8


def mirror_error_db(tilt_deg: float, toward: str = "lateral") -> list[float]:
    """Return the measured less the expected echo, dB, of a border tilted within the image or out of it ('elevation').

    Expected is D = exp(-(angle / width)^2) beside the share that does not depend on the angle. The echo is its area along the
    beam: across lines the beam smears a tilted border in depth, which lowers the peak and leaves the area.
    """
    kappa = max(tissue("fat").diffuse_share, tissue("muscle").diffuse_share)
    expected = (np.exp(-((tilt_deg / border_width_deg()) ** 2)) + kappa) / (1 + kappa)
    found = [_border_area(angle, toward) for angle in (0.0, tilt_deg)]
    return [float(20 * np.log10(found[1] / found[0] / expected))]


def _border_area(tilt_deg: float, toward: str) -> float:
    """Area along the beam of the echo of a border of silent tissues in the middle of the picture."""
    pose, near = orientations()[1], bath()
    far = replace(near, key="far", sound_speed_m_s=1.5 * near.sound_speed_m_s)
    scanner = clean(layered(pose, [(near, 0.0), (far, DEEP_MM)], tilt_deg=tilt_deg, toward=toward), planes=1)
    s = scanner.settings
    frame = 10 ** (levels(scanner.echoes(pose), s) / 20)
    lines = np.abs(places(s)) < 2.0
    return float(frame[lines][:, between(s, DEEP_MM - 6, DEEP_MM + 6)].sum(axis=1).mean())


def border_levels_db() -> list[float]:
    """Return the echoes of borders met square, dB: muscle to bone, skin to fat, fat to muscle, muscle to blood.

    By the jump of impedance alone: the thin connective layers of the table of tissues are the picture's, and left out.
    """
    pairs = (("muscle", "bone"), ("skin", "fat"), ("fat", "muscle"), ("muscle", "blood"))
    return [border_level_db(*(tissue(key) for key in pair)) for pair in pairs]


def border_level_db(over: Tissue, under: Tissue) -> float:
    """Return the crest of the echo of one border met square, dB; the tissues' own scatterers and loss are left out."""
    pose = orientations()[1]
    quiet = [
        replace(t, key=name, backscatter_db=-200.0, attenuation_db_cm_mhz=0.0, attenuation_along_db_cm_mhz=0.0,
                boundary_reflection=0.0)
        for t, name in ((over, "over"), (under, "under"))
    ]
    scanner = clean(layered(pose, [(quiet[0], 0.0), (quiet[1], DEEP_MM)]))
    s = scanner.settings
    frame = levels(scanner.echoes(pose), s)[EDGE_LINES:-EDGE_LINES, between(s, DEEP_MM - 2, DEEP_MM + 2)]
    return float(np.median(frame.max(axis=1)))


def border_order_db() -> list[float]:
    """Return the least step, dB, from each border of `border_levels_db` to the next weaker one."""
    return [float(-np.diff(border_levels_db()).max())]


def fibre_loss_db(kind: str, tilt_deg: float) -> list[float]:
    """Return what the scatterers of a tissue lose when its fibres tilt toward the beam, dB, for each orientation.

    The fall with depth, which the tilt changes too, is taken out by a straight line through the ratio of powers.
    """
    base, a = replace(tissue(kind), key=f"{kind} without texture", boundary_reflection=0.0), np.deg2rad(tilt_deg)
    out = []
    for pose in orientations():
        rows = []
        for fibres in ([1.0, 0, 0], [np.cos(a), 0, np.sin(a)]):
            scanner = clean(uniform(pose, base, fibres=fibres))
            part = between(scanner.settings, 2.0, 14.0)
            rows.append(10 * np.log10(powers(scanner, pose)[EDGE_LINES:-EDGE_LINES, part].mean(axis=0)))
        z = depths(scanner.settings)[part]
        out.append(float(np.polyval(np.polyfit(z, rows[0] - rows[1], 1), 0.0)))
    return out


def nerve_loss_db(tilt_deg: float) -> list[float]:
    """Return what a nerve of 4 mm loses when it tilts toward the beam, dB, for each orientation."""
    out = []
    for pose in orientations():
        found = []
        for angle in (0.0, tilt_deg):
            scanner = clean(strand(pose, plain(backscatter_db=-60.0), "nerve", 4.0, 10.0, tilt_deg=angle))
            s = scanner.settings
            core = np.hypot(places(s)[:, None], depths(s)[None] - 10.0) < 1.4
            found.append(db(float(np.mean([powers(scanner.with_settings(seed=k), pose)[core].mean() for k in range(SEEDS)]))))
        out.append(found[0] - found[1])
    return out


def fibre_length_ratio(seeds: int = 16) -> list[float]:
    """Return the correlation length of muscle's texture along its fibres over that across them.

    The bundles are those of the anatomy's voxels. Speckle has a length of its own, the beam's, and is averaged out over seeds
    first; the picture is that of levels.
    """
    along, across = (texture_length_mm(way, seeds) for way in ("lateral", "elevation"))
    return [along / across]


def texture_length_mm(way: str, seeds: int = 16) -> float:
    """Return the full width at half height, mm, of the correlation along the face of muscle's texture, fibres along `way`."""
    pose, phantom = muscle_texture(way)
    scanner = clean(phantom)
    s = scanner.settings
    mean = np.mean([powers(scanner.with_settings(seed=k), pose) for k in range(seeds)], axis=0)
    picture = 10 * np.log10(mean[EDGE_LINES:-EDGE_LINES, between(s, 4, 20)])
    picture = picture - gaussian_filter1d(picture.mean(axis=0), 20)
    picture -= picture.mean(axis=0)
    lags = [(picture[: len(picture) - k] * picture[k:]).mean() for k in range(120)]
    c = np.array(lags) / lags[0]
    below = np.flatnonzero(c < 0.5)
    if not len(below):
        return float(2 * len(c) * s.model.width_mm / s.lines)
    k = int(below[0])
    return float(2 * (k - 1 + (c[k - 1] - 0.5) / (c[k - 1] - c[k])) * s.model.width_mm / s.lines)
