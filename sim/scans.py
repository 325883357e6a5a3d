"""A scan as it is asked for: a pose and its motions, a needle, fluid, Doppler, one frame or a clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from meshes._check import check_choice, unknown
from meshes.model import Anatomy
from meshes.terms import split_key
from scenarios.selection import select_one
from scenarios.sites import Ground
from sim.ultrasound.aiming import aimed_image
from sim.ultrasound.doppler import DopplerSettings
from sim.ultrasound.image import BModeImage
from sim.ultrasound.medium import Medium
from sim.ultrasound.placing import probe_pose
from sim.ultrasound.pose_rules import named_poses
from sim.ultrasound.poses import ProbePose, press, rock, rotate, slide, tilt
from sim.ultrasound.scanner import Scanner

MOTIONS = ("slide", "across", "rotate", "tilt", "rock", "press")
SWEEPS = (*MOTIONS, "needle", "inject", "time")
MOST_FRAMES = 2000
FARTHEST = {"slide": 120.0, "across": 120.0, "rotate": 180.0, "tilt": 60.0, "rock": 60.0, "press": 25.0}


@dataclass(frozen=True)
class Aim:
    """A needle in the plane of the image.

    Parameters
    ----------
    structure : str
        Key, key without side, or clinical name of what it is aimed at.
    end : {'lateral', 'medial'}
        End of the probe beside which it enters.
    diameter_mm : float
    echogenic : bool
    """

    structure: str = "greater_occipital_nerve"
    end: Literal["lateral", "medial"] = "lateral"
    diameter_mm: float = 0.7
    echogenic: bool = False


@dataclass(frozen=True)
class Scan:
    """What is scanned, and how.

    Parameters
    ----------
    pose : str
        Name of a pose of `inion list poses`.
    side : {'left', 'right'}
    motions : mapping of str to float
        'slide', 'across' (mm over the skin), 'rotate', 'tilt', 'rock' (degrees), 'press' (mm more): from the named pose.
    settings : mapping
        Of `Settings`; by default those that the pose names.
    aim : Aim, optional
    inject_ml : float
    doppler : DopplerSettings, optional
    time_s : float
    """

    pose: str = "c2-oblique"
    side: Literal["left", "right"] = "right"
    motions: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    aim: Aim | None = None
    inject_ml: float = 0.0
    doppler: DopplerSettings | None = None
    time_s: float = 0.0

    def __post_init__(self) -> None:
        check_choice("pose", self.pose, named_poses())
        check_choice("side", self.side, ("left", "right"))
        for name, value in self.motions.items():
            check_choice("motion", name, MOTIONS)
            check_reach(name, value)
        check_reach("inject", self.inject_ml)
        if not np.isfinite(self.time_s):
            raise ValueError(f"time is {self.time_s:g}; it must be a finite number of seconds.")
        if self.inject_ml and self.aim is None:
            raise ValueError("fluid needs a needle: name what the needle is aimed at.")


@dataclass(frozen=True)
class Sweep:
    """A value that changes evenly over the frames of a clip: a motion, the needle's share of its way, mL of fluid, or seconds."""

    what: str
    start: float
    end: float

    def __post_init__(self) -> None:
        check_choice("sweep", self.what, SWEEPS)
        for value in (self.start, self.end):
            check_reach(self.what, value)


def check_reach(name: str, value: float) -> None:
    """Raise ValueError unless a motion, or what else a sweep changes, is a finite number within reach."""
    most = FARTHEST.get(name, 1.0 if name == "needle" else 50.0 if name == "inject" else 600.0)
    least = 0.0 if name in ("needle", "inject") else -most
    if not (np.isfinite(value) and least <= value <= most):
        raise ValueError(f"{name} is {value:g}; it must be a number from {least:g} to {most:g}.")


def scanner_for(anatomy: Anatomy | Medium, scan: Scan) -> Scanner:
    """Return the scanner that a scan asks for; what it does not set is as the pose names it. Raises ValueError naming the
    nearest.
    """
    named = named_poses()[scan.pose]
    usual: dict[str, Any] = {"probe": named.probe}
    if scan.settings.get("probe", named.probe) == named.probe:
        usual |= {"depth_mm": named.depth_mm, "frequency_mhz": named.frequency_mhz}
    return Scanner(anatomy, **(usual | dict(scan.settings)))


def pose_of(anatomy: Anatomy, scan: Scan, ground: Ground | None = None) -> ProbePose:
    """Return the pose of a scan: the named one, then its motions in the order slide, rotate, tilt, rock, press."""
    pose = probe_pose(anatomy, scan.pose, scan.side)
    m = scan.motions
    if m.get("slide") or m.get("across"):
        skin = (ground or Ground(anatomy)).skin
        pose = slide(pose, skin, m.get("slide", 0.0), m.get("across", 0.0))
    for name, motion in (("rotate", rotate), ("tilt", tilt), ("rock", rock), ("press", press)):
        if m.get(name):
            pose = motion(pose, m[name])
    return pose


def frame(
    scanner: Scanner, anatomy: Anatomy, scan: Scan, ground: Ground | None = None, reached: float = 1.0
) -> tuple[BModeImage, ProbePose]:
    """Return one frame of a scan, and its pose. Raises ValueError where the needle's aim is not in view."""
    pose = pose_of(anatomy, scan, ground)
    if scan.aim is None:
        return scanner.image(pose, time_s=scan.time_s, doppler=scan.doppler), pose
    image = aimed_image(
        scanner, pose, aimed_at(anatomy, scan), end="marked" if marked_is(pose, scan) == scan.aim.end else "other",
        diameter_mm=scan.aim.diameter_mm, echogenic=scan.aim.echogenic, reached=reached, inject_ml=scan.inject_ml,
        time_s=scan.time_s, doppler=scan.doppler,
    )  # fmt: skip
    return image, pose


def clip(
    scanner: Scanner, anatomy: Anatomy, scan: Scan, sweep: Sweep | None, frames: int, fps: float
) -> Iterator[tuple[BModeImage, ProbePose]]:
    """Yield the frames of a clip: time runs on, and what the sweep names changes evenly."""
    if not 1 <= frames <= MOST_FRAMES:
        raise ValueError(f"frames is {frames}; it must be from 1 to {MOST_FRAMES}.")
    if not (np.isfinite(fps) and fps > 0):
        raise ValueError(f"fps is {fps:g}; it must be a finite number above 0.")
    if sweep is not None and sweep.what in ("needle", "inject") and scan.aim is None:
        raise ValueError(f"a sweep of {sweep.what} needs a needle: name what the needle is aimed at.")
    ground = Ground(anatomy)
    for i in range(frames):
        share = i / max(frames - 1, 1)
        now = replace(scan, time_s=scan.time_s + i / fps)
        reached = 1.0
        if sweep is not None:
            value = sweep.start + (sweep.end - sweep.start) * share
            now, reached = _swept(now, sweep.what, value)
        yield frame(scanner, anatomy, now, ground, reached)


def _swept(scan: Scan, what: str, value: float) -> tuple[Scan, float]:
    if what in MOTIONS:
        return replace(scan, motions={**scan.motions, what: scan.motions.get(what, 0.0) + value}), 1.0
    if what == "needle":
        return scan, value
    return (replace(scan, inject_ml=value) if what == "inject" else replace(scan, time_s=value)), 1.0


def aimed_at(anatomy: Anatomy, scan: Scan) -> str:
    """Return the key of what the needle is aimed at, on the scan's side. Raises ValueError naming the nearest."""
    assert scan.aim is not None
    keys = select_one(scan.aim.structure, list(anatomy.structures))
    own = [k for k in keys if split_key(k)[1] in (scan.side, "median")]
    if not own:
        raise ValueError(unknown("structure", scan.aim.structure, anatomy.structures))
    return own[0]


def marked_is(pose: ProbePose, scan: Scan) -> str:
    """Return which end of the probe is the marked one: 'lateral' or 'medial', by the side scanned."""
    outward = 1.0 if scan.side == "right" else -1.0
    return "lateral" if pose.lateral[0] * outward > 0 else "medial"


def ends_of(image: BModeImage) -> tuple[str, str]:
    """Return what lies at the left and the right of an image in the patient: 'L', 'R', or 'cranial', 'caudal', ..."""
    way = image.ras_from_image[:3, 0]
    axis = int(np.argmax(np.abs(way)))
    names = (("L", "R"), ("posterior", "anterior"), ("caudal", "cranial"))[axis]
    return names if way[axis] > 0 else (names[1], names[0])
