"""From an image to a needle in its plane: where a structure lies on the screen, and the way to it from an end of the probe."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, label

from meshes._check import unknown
from sim.ultrasound.doppler import DopplerSettings
from sim.ultrasound.image import BModeImage
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.scene import Injectate, ScanNeedle

Array = NDArray[np.float64]
BESIDE_MM = 2.5  # from the end of the face to the needle's entry
BESIDE_NERVE_MM = 0.8  # from a nerve's wall to the tip: beside it, not in it
UNDER_MM = 0.4  # from a nerve's lower wall to the middle of the fluid that lifts it


def places_of(image: BModeImage, key: str) -> Array:
    """Return the middles (n, 2) of the parts of a structure in an image, (row, column), the one nearest to the image's middle
    line first.

    Raises
    ------
    ValueError
        If the image does not show it; names what it shows.
    """
    parts, count = label(image.mask(key))
    if not count:
        shown = [image.keys[i] for i in np.unique(image.labels) if image.keys[i]]
        raise ValueError(f"the image does not show {key}. {unknown('structure', key, shown)}")
    middles = np.array(center_of_mass(parts > 0, parts, range(1, count + 1)))
    sizes = np.bincount(parts.reshape(-1))[1:]
    seen = middles[sizes >= 0.2 * sizes.max()]
    return np.asarray(seen[np.argsort(np.abs(seen[:, 1] - image.pixels.shape[1] / 2))])


def needle_to(
    image: BModeImage, pose: ProbePose, key: str, *, end: Literal["marked", "other"], width_mm: float, diameter_mm: float = 0.7,
    echogenic: bool = False, reached: float = 1.0,
) -> ScanNeedle:  # fmt: skip
    """Return a needle in the plane of an image, from beside one end of the probe to just short of a structure.

    Parameters
    ----------
    image : BModeImage
        Of the pose, without the needle.
    pose : ProbePose
    key : str
        Structure aimed at.
    end : {'marked', 'other'}
        End of the probe beside which it enters.
    width_mm : float
        Length of the probe's face.
    diameter_mm, echogenic
        Of the needle.
    reached : float
        Share of the way that it has gone.

    Raises
    ------
    ValueError
        If the image does not show the structure.
    """
    target = image.ras(*places_of(image, key)[0])
    way = pose.lateral if end == "marked" else -pose.lateral
    entry = pose.face_mm + way * (width_mm / 2 + BESIDE_MM)
    length = float(np.linalg.norm(target - entry))
    short = _extent_mm(image, key, (entry - target) / length) + BESIDE_NERVE_MM
    share = max((length - short) / length * reached, 0.02)
    return ScanNeedle(entry, entry + (target - entry) * share, diameter_mm, echogenic)


def aimed_image(
    scanner: Scanner, pose: ProbePose, key: str, *, end: Literal["marked", "other"], diameter_mm: float = 0.7,
    echogenic: bool = False, reached: float = 1.0, inject_ml: float = 0.0, time_s: float = 0.0,
    doppler: DopplerSettings | None = None,
) -> BModeImage:  # fmt: skip
    """Return the frame with a needle in its plane, aimed at a structure that the frame shows, and fluid at its tip.

    Parameters as of `needle_to`, `pool_at` and `Scanner.image`. Raises ValueError if the structure is not in view.
    """
    bare = scanner.image(pose, time_s=time_s)
    needle = needle_to(
        bare, pose, key, end=end, width_mm=scanner.settings.model.width_mm, diameter_mm=diameter_mm, echogenic=echogenic,
        reached=reached,
    )  # fmt: skip
    fluid = pool_at(bare, pose, needle, inject_ml, key) if inject_ml > 0 else None
    return scanner.image(pose, time_s=time_s, needle=needle, injectate=fluid, doppler=doppler)


def _extent_mm(image: BModeImage, key: str, way: Array) -> float:
    """How far (mm) the part of a structure that is aimed at reaches from its middle along a direction, RAS."""
    row, column = places_of(image, key)[0]
    step = np.linalg.inv(image.ras_from_image)[:2, :3] @ way  # columns and rows for each mm
    mask, away = image.mask(key), 0.0
    while away < 8.0:
        c, r = round(column + away * step[0]), round(row + away * step[1])
        if not (0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and mask[r, c]):
            break
        away += 0.05
    return away


def pool_at(image: BModeImage, pose: ProbePose, needle: ScanNeedle, volume_ml: float, key: str = "") -> Injectate:
    """Return fluid from a needle's tip, in the plane between the structures there.

    Fluid opens the plane between two layers rather than the layer in which the tip stands a millimetre short of it: its middle is
    moved along the beam to the nearest border, whose slope along the image it takes.

    Parameters
    ----------
    image : BModeImage
        Of the pose, without needle and fluid.
    pose, needle
    volume_ml : float
    key : str
        Nerve that the fluid lifts, if it is in view and near: the fluid's middle then runs just under it.
    """
    column, row = _pixel(image, needle.tip_mm)
    shown = bool(key) and bool(image.mask(key).any())
    at_row, at_column = places_of(image, key)[0] if shown else (row, column)
    depth, slope = _border(image, float(at_row), float(at_column))
    depth += slope * image.pixel_mm[1] / image.pixel_mm[0] * (column - at_column)
    if shown:
        under = at_row + (_extent_mm(image, key, pose.axis) + UNDER_MM) / image.pixel_mm[0]
        wanted = under - slope * image.pixel_mm[1] / image.pixel_mm[0] * (at_column - column)
        depth = wanted if abs(wanted - depth) * image.pixel_mm[0] < 4.0 else depth
    across = image.ras_from_image[:3, 0] / np.linalg.norm(image.ras_from_image[:3, 0])
    normal = np.cross(across + slope * pose.axis, pose.elevation)
    centre = needle.tip_mm + (depth - row) * image.pixel_mm[0] * pose.axis
    return Injectate(centre, normal if normal @ pose.axis < 0 else -normal, volume_ml)


def _pixel(image: BModeImage, point: Array) -> tuple[float, float]:
    column, row = (np.linalg.inv(image.ras_from_image) @ [*point, 1.0])[:2]
    return float(column), float(row)


def _border(image: BModeImage, row: float, column: float) -> tuple[float, float]:
    """Row under a pixel's column, and slope along the image, of the nearest border between layers, over some millimetres;
    nerves are no layers.
    """
    reach, height = round(5.0 / image.pixel_mm[1]), round(3.0 / image.pixel_mm[0])
    rows, columns = image.labels.shape
    thin = [i for i, key in enumerate(image.keys) if "nerve" in key or "artery" in key or "vein" in key]
    found = []
    for c in range(max(int(column) - reach, 0), min(int(column) + reach + 1, columns), 4):
        top, bottom = max(int(row) - height, 0), min(int(row) + height, rows)
        strip = image.labels[top:bottom, c]
        jumps = np.flatnonzero(np.diff(strip))
        jumps = jumps[~np.isin(strip[jumps], thin) & ~np.isin(strip[jumps + 1], thin)] + top
        if len(jumps):
            found.append((c, jumps[np.argmin(np.abs(jumps - row))]))
    if len(found) < 6:
        return row, 0.0
    at, depth = np.transpose(found).astype(float)
    slope, here = np.polyfit(at - column, depth, 1)
    kept = np.abs(depth - here - slope * (at - column)) < 0.7 / image.pixel_mm[0]
    if kept.sum() >= 6:
        slope, here = np.polyfit(at[kept] - column, depth[kept], 1)
    slope *= image.pixel_mm[0] / image.pixel_mm[1]
    return float(np.clip(here, row - height, row + height)), float(np.clip(slope, -0.8, 0.8))
