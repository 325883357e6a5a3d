"""Checks of the needle's picture: brightness by angle, how much of it shows, the rings under it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.ultrasound.checks_tools import between, clean, depths, levels, places
from sim.ultrasound.phantoms import bath, orientations, plain, uniform
from sim.ultrasound.scene import ScanNeedle
from sim.ultrasound.tissues import tissue

Array = NDArray[np.float64]
ANGLES_DEG = tuple(float(a) for a in range(0, 66, 5))
TIP_MM = np.array([0.0, 0.0, 20.0])
LENGTH_MM = 18.0
RING_DB, RINGS_DB = 2.0, 42.0  # by which a ring stands out, and within which rings are counted
SEEN_DB = 6.0  # over speckle, for a shaft to count as seen


def needle_at(angle_deg: float, *, echogenic: bool = False, diameter_mm: float = 0.7, tip_mm: Array = TIP_MM) -> ScanNeedle:
    """Return a needle in the image whose tip lies still, at an angle to the face."""
    a, pose = np.deg2rad(angle_deg), orientations()[1]
    ends = np.array([tip_mm + LENGTH_MM * np.array([np.cos(a), 0.0, -np.sin(a)]), tip_mm])
    entry, tip = pose.ras_from_probe.apply(ends)
    return ScanNeedle(entry, tip, diameter_mm, echogenic)


def shaft_greys(echogenic: bool = False) -> Array:
    """Return the grey (angles,) of the shaft half-way between tip and entry, at `ANGLES_DEG`, in a silent bath."""
    pose = orientations()[1]
    scanner = clean(uniform(pose, bath()), dynamic_range_db=90.0)
    out = []
    for angle in ANGLES_DEG:
        image = scanner.image(pose, needle=needle_at(angle, echogenic=echogenic))
        a = np.deg2rad(angle)
        middle = TIP_MM + LENGTH_MM / 2 * np.array([np.cos(a), 0.0, -np.sin(a)])
        column, row, *_ = np.linalg.solve(image.ras_from_image, np.append(pose.ras_from_probe.apply(middle[None])[0], 1.0))
        near = image.pixels[int(row) - 5 : int(row) + 7, int(column) - 2 : int(column) + 3]
        out.append(float(near.max(axis=0).mean()))
    return np.array(out)


def shaft_levels_db(echogenic: bool = False) -> Array:
    """Return the level (angles,) of the shaft half-way along, dB, at `ANGLES_DEG`; loss with depth taken out."""
    pose, out = orientations()[1], []
    scanner = clean(uniform(pose, bath()))
    s = scanner.settings
    for angle in ANGLES_DEG:
        a = np.deg2rad(angle)
        middle = TIP_MM + LENGTH_MM / 2 * np.array([np.cos(a), 0.0, -np.sin(a)])
        frame = scanner.echoes(pose, needle=needle_at(angle, echogenic=echogenic)).levels_db
        lines = np.abs(places(s) - middle[0]) < 0.5
        out.append(float(frame[lines][:, between(s, middle[2] - 1, middle[2] + 1)].max(axis=1).mean()))
    return np.array(out)


def falls(echogenic: bool = False) -> list[float]:
    """Return the largest rise, dB, from one angle to the next steeper one: below 0 where the shaft only darkens."""
    return [float(np.diff(shaft_levels_db(echogenic)).max())]


def plain_falls_more() -> list[float]:
    """Return how much more, dB, the plain shaft loses from flat to 65 degrees than the echogenic one."""
    one, other = shaft_levels_db(), shaft_levels_db(echogenic=True)
    return [float((one[0] - one[-1]) - (other[0] - other[-1]))]


def straightness() -> list[float]:
    """Return the square of the correlation of the plain shaft's level, which grey follows, with the angle of insertion."""
    return [float(np.corrcoef(ANGLES_DEG, shaft_levels_db())[0, 1] ** 2)]


def seen_share(angle_deg: float, echogenic: bool = False) -> float:
    """Return the share of the shaft's lines that stand out of muscle's speckle by more than 6 dB."""
    pose = orientations()[1]
    ground = plain("ground", attenuation_db_cm_mhz=tissue("muscle").attenuation_db_cm_mhz)
    scanner = clean(uniform(pose, ground), noise=True)
    s = scanner.settings
    ends = (scanner.echoes(pose), scanner.echoes(pose, needle=needle_at(angle_deg, echogenic=echogenic)))
    without, with_it = (levels(e, s) for e in ends)
    a, x = np.deg2rad(angle_deg), places(s)
    along = np.flatnonzero((x > 0.3) & (x < LENGTH_MM * np.cos(a) - 0.3))
    deep = TIP_MM[2] - x[along] * np.tan(a)
    near = [between(s, z - 0.5, z + 0.5) for z in deep]
    ground_db = np.array([10 * np.log10((10 ** (without[i, k] / 10)).mean()) for i, k in zip(along, near, strict=True)])
    shaft = np.array([with_it[i, k].max() for i, k in zip(along, near, strict=True)])
    return float((shaft > ground_db + SEEN_DB).mean())


def seen_share_falls() -> list[float]:
    """Return the largest rise of the share that shows, from 5 to 65 degrees in steps of 15, plain; at most 0 if it falls."""
    shares = np.array([seen_share(a) for a in (5.0, 20.0, 35.0, 50.0, 65.0)])
    return [float(np.diff(shares).max())]


def ring_spacing(diameter_mm: float) -> float:
    """Return the distance of the rings under a flat needle, in diameters."""
    from scipy.signal import find_peaks

    pose = orientations()[1]
    scanner = clean(uniform(pose, bath()), samples=2048)
    s = scanner.settings
    tip = np.array([-9.0, 0.0, 12.0])
    frame = levels(scanner.echoes(pose, needle=needle_at(0.0, diameter_mm=diameter_mm, tip_mm=tip)), s)
    row = frame[np.abs(places(s)) < 2.0].mean(axis=0)
    z = depths(s)
    part = np.flatnonzero((z > 12.0 - 0.3) & (z < 12.0 + 4.5 * diameter_mm))
    at, _ = find_peaks(row[part], prominence=RING_DB, height=row[part].max() - RINGS_DB)
    return float(np.median(np.diff(z[part][at])) / diameter_mm)
