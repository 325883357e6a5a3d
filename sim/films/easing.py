"""Motion that starts and stops softly: eased shares, and cameras between cameras."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim.cameras import VIEWS, View
from sim.picture import Camera
from sim.picture_shown import Point

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Stand:
    """A camera told by numbers alone, so that it can be moved.

    Parameters
    ----------
    azimuth_deg, elevation_deg : float
        As of `sim.picture.Camera`.
    focus_mm : (x, y, z)
        Falls on the middle of the drawing.
    width_mm : float
        Of what the drawing shows.
    """

    azimuth_deg: float
    elevation_deg: float
    focus_mm: Point
    width_mm: float

    def camera(self) -> Camera:
        """Return it as a request of a picture."""
        return Camera(
            "posterior", azimuth_deg=self.azimuth_deg, elevation_deg=self.elevation_deg, focus_mm=self.focus_mm,
            width_mm=self.width_mm,
        )  # fmt: skip

    def turned(self, azimuth_deg: float) -> Stand:
        """Return it turned about the vertical through its focus."""
        return replace(self, azimuth_deg=self.azimuth_deg + azimuth_deg)


def stand_of(camera: Camera, view: View) -> Stand:
    """Return the numbers of a camera that stands as `view`."""
    azimuth, elevation = VIEWS[camera.view]
    azimuth = azimuth if camera.azimuth_deg is None else camera.azimuth_deg
    elevation = elevation if camera.elevation_deg is None else camera.elevation_deg
    x, y, z = (round(float(v), 3) for v in view.focus_mm)
    return Stand(azimuth, elevation, (x, y, z), view.width_px / view.px_per_mm)


def eased(share: float) -> float:
    """Return a share of a way at a share of its time: at rest at both ends (smoothstep); beyond them it stays there."""
    s = min(max(share, 0.0), 1.0)
    return s * s * (3 - 2 * s)


def there_and_back(share: float) -> float:
    """Return a share that goes from 0 to 1 at half time and back to 0, at rest at each turn."""
    return 0.5 - 0.5 * math.cos(2 * math.pi * share)


def between(first: Stand, second: Stand, share: float) -> Stand:
    """Return the camera at a share of the way from one to another: the short way round, scale in equal ratios."""
    turn = (second.azimuth_deg - first.azimuth_deg + 180.0) % 360.0 - 180.0
    a, b = np.array(first.focus_mm), np.array(second.focus_mm)
    x, y, z = (float(v) for v in a + share * (b - a))
    return Stand(
        first.azimuth_deg + share * turn,
        first.elevation_deg + share * (second.elevation_deg - first.elevation_deg),
        (x, y, z),
        float(first.width_mm * (second.width_mm / first.width_mm) ** share),
    )
