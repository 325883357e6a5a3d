"""Checks of places: points and planes under any pose, the marked side, the depth error that the speed of sound makes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.ultrasound.checks_tools import between, clean, crest, depths, levels, places
from sim.ultrasound.image import BModeImage
from sim.ultrasound.phantoms import bath, bone_plane, layered, orientations, plain, uniform, wires
from sim.ultrasound.poses import ProbePose, rock, rotate, tilt
from sim.ultrasound.scene import Targets
from sim.ultrasound.tissues import tissue

Array = NDArray[np.float64]
POINTS_MM = np.array([[-14.0, 0, 8.0], [3.33, 0, 14.21], [10.07, 0, 22.4], [-6.6, 0, 31.9]])  # in the probe's frame
SLIDE_MM, TURN_DEG = 2.0, 8.0
MARK_MM = (11.0, 15.0)  # toward the marked end, and deep
LOOK_MM = 1.2  # round a point's place


def point_error_mm() -> list[float]:
    """Return how far the echoes of points lie from them, mm, for each orientation; the worst of four points."""
    out = []
    for pose in orientations():
        scanner = clean(uniform(pose, bath()))
        frame = levels(scanner.echoes(pose, targets=wires(pose, POINTS_MM)), scanner.settings)
        found = [_peak(frame, places(scanner.settings), depths(scanner.settings), p) for p in POINTS_MM]
        out.append(max(float(np.hypot(*(f - p[[0, 2]]))) for f, p in zip(found, POINTS_MM, strict=True)))
    return out


def _peak(frame: Array, x: Array, z: Array, near: Array) -> Array:
    """Place (lateral, depth) of the peak of a frame (lines, samples) within reach of a place."""
    close = (np.abs(x - near[0])[:, None] < LOOK_MM) & (np.abs(z - near[2])[None] < LOOK_MM)
    i, k = np.unravel_index(np.argmax(np.where(close, frame, -np.inf)), frame.shape)
    across, along = crest(frame[:, k], int(i)), crest(frame[i], int(k))
    return np.array([x[i] + (across - i) * (x[1] - x[0]), z[k] + (along - k) * (z[1] - z[0])])


@cache
def _freedoms() -> tuple[ProbePose, ...]:
    """The pose moved along and turned about each of the probe's axes, both ways."""
    first = orientations()[1]
    lifted = replace(first, centre_mm=first.centre_mm - 4.0 * first.axis)  # so that no corner is pressed into the block
    ways = (first.lateral, first.elevation, first.axis)
    out = [replace(lifted, centre_mm=lifted.centre_mm + sign * SLIDE_MM * way) for way in ways for sign in (-1, 1)]
    return (*out, *(turn(lifted, sign * TURN_DEG) for turn in (rotate, tilt, rock) for sign in (-1, 1)))


def freedom_error_mm(marker_side: str = "left", flip: bool = False) -> list[float]:
    """Return how far points that lie still in the room lie from where the picture's own matrix puts them, mm.

    The probe slides along and turns about each of its axes, both ways. For each pose a point is laid at a place of its plane,
    known in the room; the bright spot of the picture goes through `ras_from_image`.

    Parameters
    ----------
    marker_side : {'left', 'right'}
    flip : bool
        Look at the picture's mirror image, to prove that the check sees it.
    """
    phantom = uniform(orientations()[1], bath())
    scanner, out = clean(phantom, marker_side=marker_side, gel_mm=30.0), []
    for pose in _freedoms():
        point = pose.ras_from_probe.apply(np.array([[7.03, 0.0, 19.9]]))
        image = scanner.image(pose, targets=Targets(point, np.array([1.0])))
        out.append(float(np.linalg.norm(image.ras(*_spot(image, flip)) - point[0])))
    return out


def _spot(image: BModeImage, flip: bool = False) -> tuple[float, float]:
    """Row and column of the middle of what is bright, below the face."""
    light = np.maximum(image.pixels[:, ::-1] if flip else image.pixels, 1).astype(np.float64) - 1
    light[: int(8.0 / image.pixel_mm[0])] = 0
    light[light < 0.5 * light.max()] = 0
    row, column = np.indices(light.shape)
    return float((row * light).sum() / light.sum()), float((column * light).sum() / light.sum())


def plane_error_mm() -> list[float]:
    """Return how far the crest of a bone's echo lies from the bone, mm, for each orientation; the middle of the lines."""
    out = []
    for pose in orientations():
        scanner = clean(bone_plane(pose, 23.47, bath()))
        out.append(abs(_cortex(levels(scanner.echoes(pose), scanner.settings), depths(scanner.settings)) - 23.47))
    return out


def _cortex(frame: Array, z: Array) -> float:
    """Depth of the brightest sample of each line, the middle of the lines from a quarter to three quarters."""
    n = len(frame)
    rows = frame[n // 4 : -(n // 4)]
    at = [crest(row, int(np.clip(row[20:-20].argmax() + 20, 1, len(row) - 2))) for row in rows]
    return float(z[0] + np.median(at) * (z[1] - z[0]))


def sided(marker_side: str, flip: bool = False) -> list[float]:
    """Return 1 where a point toward the marked end shows on the marker's side of the picture, else 0; for each orientation."""
    out = []
    for pose in orientations():
        scanner = clean(uniform(pose, bath()), marker_side=marker_side)
        image = scanner.image(pose, targets=wires(pose, [MARK_MM[0], 0.0, MARK_MM[1]]))
        on_left = _spot(image, flip)[1] < image.pixels.shape[1] / 2
        out.append(float(on_left == (marker_side == "left")))
    return out


def labels_sided(marker_side: str) -> list[float]:
    """Return 1 where the deeper half of a stepped bone, toward the marked end, lies on the marker's side of the labels."""
    pose = orientations()[2]
    scanner = clean(bone_plane(pose, 12.0, bath(), step_mm=6.0), marker_side=marker_side)
    image = scanner.image(pose)
    bony = image.mask("bone").sum(axis=0)
    left, right = np.split(bony, [len(bony) // 2])
    return [float((left.mean() < right.mean()) == (marker_side == "left"))]


def fat_shift_mm(thick_mm: float = 5.0, true_speed: bool = True) -> list[float]:
    """Return how much deeper a bone looks below fat than below tissue of 1540 m/s, mm, for each orientation."""
    out = []
    other = plain("other", backscatter_db=-200.0, sound_speed_m_s=1540.0)
    fat = plain("fatty", "fat", backscatter_db=-200.0)
    for pose in orientations():
        found = []
        for slab in (fat, replace(other, key="same")):
            below = replace(other, key="below")
            phantom = layered(pose, [(other, 0.0), (slab, 4.0), (below, 4.0 + thick_mm), (tissue("bone"), 20.0)])
            scanner = clean(phantom, true_speed=true_speed)
            frame, z = levels(scanner.echoes(pose), scanner.settings), depths(scanner.settings)
            deep = between(scanner.settings, 15.0, 25.0)
            found.append(_cortex(frame[:, deep], z[deep]))
        out.append(found[0] - found[1])
    return out
