"""Charts: big smooth forms as a radius over directions, interpolated from named points.

Thin-plate interpolation of some sixty well-chosen points follows a real braincase to about a
millimetre; the chart is evaluated once on a grid of angles and then read by cubic splines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import map_coordinates, spline_filter

from meshes._check import check_points
from meshes.fields import Field

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RadiusChart:
    """A star-shaped form: distance from `centre` over direction.

    The poles of the grid lie on the x axis, where heads are smooth and flat.
    """

    centre: Array
    grid: NDArray[np.float64]  # spline coefficients over (polar angle from +x, azimuth in the yz plane)
    pad: int

    @classmethod
    def through(cls, centre: ArrayLike, points: ArrayLike, *, smoothing: float = 0.0, step_deg: float = 2.0) -> RadiusChart:
        """Return the chart through `points` (n, 3) mm, seen from `centre`."""
        c = np.asarray(centre, dtype=np.float64)
        p = check_points("points", points) - c
        r = np.linalg.norm(p, axis=1)
        spline = RBFInterpolator(p / r[:, None], r, kernel="thin_plate_spline", smoothing=smoothing)
        pad = 4
        polar = np.deg2rad(np.arange(-pad, 180 / step_deg + pad + 1) * step_deg)
        around = np.deg2rad(np.arange(-pad, 360 / step_deg + pad + 1) * step_deg)
        tt, aa = np.meshgrid(polar, around, indexing="ij")
        directions = np.stack([np.cos(tt), np.sin(tt) * np.cos(aa), np.sin(tt) * np.sin(aa)], axis=-1)
        values = spline(directions.reshape(-1, 3)).reshape(tt.shape)
        return cls(c, spline_filter(values, order=3, mode="nearest"), pad)

    def radius(self, directions: Array) -> Array:
        """Return the radius (n,) along unit `directions` (n, 3)."""
        n_polar, n_around = (s - 2 * self.pad - 1 for s in self.grid.shape)
        polar = np.arccos(np.clip(directions[:, 0], -1.0, 1.0)) / np.pi * n_polar
        around = np.mod(np.arctan2(directions[:, 2], directions[:, 1]), 2 * np.pi) / (2 * np.pi) * n_around
        at = np.stack([polar + self.pad, around + self.pad])
        return np.asarray(map_coordinates(self.grid, at, order=3, mode="nearest", prefilter=False))

    def field(self, *, reach: float = 160.0) -> Field:
        """Return the inside of the chart as a field."""

        def distance(p: Array) -> Array:
            d = p - self.centre
            r = np.maximum(np.sqrt(np.einsum("ij,ij->i", d, d)), 1e-9)
            return np.asarray(r - self.radius(d / r[:, None]))

        return Field(distance, self.centre - reach, self.centre + reach)


@dataclass(frozen=True)
class LevelChart:
    """A form of horizontal sections: radius over (angle about a vertical axis, height).

    The axis may bend: its x is 0 and its y follows `axis_y` over `axis_z`.
    """

    axis_z: Array
    axis_y: Array
    levels: Array
    grid: NDArray[np.float64]
    pad: int

    @classmethod
    def through(
        cls, axis: ArrayLike, points: ArrayLike, *, squash: float = 60.0, smoothing: float = 0.0, step_mm: float = 2.0
    ) -> LevelChart:
        """Return the chart through `points` (n, 3), round an `axis` of (m, 2) rows (y, z).

        `squash` mm of height count as one radian of angle when the spline weighs neighbours.
        """
        line = np.asarray(axis, dtype=np.float64)
        line = line[np.argsort(line[:, 1])]
        p = check_points("points", points)
        dy = p[:, 1] - np.interp(p[:, 2], line[:, 1], line[:, 0])
        r, angle = np.hypot(p[:, 0], dy), np.arctan2(p[:, 0], dy)
        key = np.column_stack([np.cos(angle), np.sin(angle), p[:, 2] / squash])
        spline = RBFInterpolator(key, r, kernel="thin_plate_spline", smoothing=smoothing)
        pad = 4
        levels = np.arange(p[:, 2].min() - pad * step_mm, p[:, 2].max() + (pad + 1) * step_mm, step_mm)
        around = np.deg2rad(np.arange(-pad, 180 + pad + 1) * 2.0)
        zz, aa = np.meshgrid(levels, around, indexing="ij")
        nodes = np.stack([np.cos(aa), np.sin(aa), zz / squash], axis=-1).reshape(-1, 3)
        values = spline(nodes).reshape(zz.shape)
        return cls(line[:, 1], line[:, 0], levels, spline_filter(values, order=3, mode="nearest"), pad)

    def radius(self, angle: Array, z: Array) -> Array:
        """Return the radius at `angle` (rad, 0 anterior, positive to the right) and height `z` mm."""
        n_around = self.grid.shape[1] - 2 * self.pad - 1
        row = (z - self.levels[0]) / (self.levels[1] - self.levels[0])
        col = np.mod(angle, 2 * np.pi) / (2 * np.pi) * n_around + self.pad
        return np.asarray(map_coordinates(self.grid, np.stack([row, col]), order=3, mode="nearest", prefilter=False))

    def field(self, *, reach: float = 120.0) -> Field:
        """Return the inside of the chart as a field, endless above and below its levels."""

        def distance(p: Array) -> Array:
            dy = p[:, 1] - np.interp(p[:, 2], self.axis_z, self.axis_y)
            return np.hypot(p[:, 0], dy) - self.radius(np.arctan2(p[:, 0], dy), p[:, 2])

        mid = float(self.axis_y.mean())
        return Field(
            distance,
            np.array([-reach, mid - reach, self.levels[0]]),
            np.array([reach, mid + reach, self.levels[-1]]),
        )
