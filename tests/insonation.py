"""What the tests of the scanner share: a pose, places and areas in an image, a scanner without voxels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.ultrasound.image import BModeImage
from sim.ultrasound.medium import AnatomyMedium
from sim.ultrasound.phantoms import orientations
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.probes import probes
from sim.ultrasound.scanner import Scanner

Array = NDArray[np.float64]
FLIP = np.array([-1.0, 1, 1])
NERVE = "greater_occipital_nerve_right"
POSE = orientations()[0]
QUICK: Mapping[str, Any] = {"lines": 128, "samples": 512, "depth_mm": 30}
EVERY_PROBE = pytest.mark.parametrize("probe", list(probes()))
NAN = float("nan")


def at(x: float, z: float, y: float = 0.0, pose: ProbePose = POSE) -> Array:
    """A place of the probe's frame, in RAS."""
    return np.asarray(pose.ras_from_probe.apply(np.array([[x, y, z]]))[0])


def pixel(image: BModeImage, point: Array) -> tuple[float, float]:
    column, row = (np.linalg.inv(image.ras_from_image) @ [*point, 1.0])[:2]
    return float(row), float(column)


def area(image: BModeImage, *keys: str) -> float:
    """Of structures in an image, square mm."""
    return float(image.mask(*keys).sum()) * image.pixel_mm[0] * image.pixel_mm[1]


def middle_depth(image: BModeImage, key: str) -> float:
    return float(np.nonzero(image.mask(key))[0].mean()) * image.pixel_mm[0]


def shown(image: BModeImage) -> set[str]:
    return {image.keys[i] for i in np.unique(image.labels)}


def fresh(scanner: Scanner, **changes: Any) -> Scanner:
    """A scanner that holds no voxels yet, over the same tiles."""
    medium = scanner.medium
    assert isinstance(medium, AnatomyMedium)
    return Scanner(AnatomyMedium(medium.anatomy, medium.store), **{"lines": 192, "samples": 768, **changes})
