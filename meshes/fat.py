"""Fat of the neck: skin moves out or in, what lies under the fascia stays.

Along every ray from the neck's axis the map only stretches or presses what lies between the outermost muscle and the skin,
so that layers keep their order and nothing folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import distance_transform_edt, gaussian_filter

from meshes.maps import eased
from meshes.model import Anatomy
from meshes.points import load_table

Array = NDArray[np.float64]
UNDER = ("muscle", "bone", "ligament")
SECTORS, STEP_MM = 90, 3.0  # of the chart round the neck
SMOOTH_CELLS = 2.5  # over which the chart's thickness is smoothed
EVEN_CELLS = 5.0  # over which what is added is evened out, so that no dents show
MARGIN = 8  # sectors repeated at the seam, so that the chart is smooth across it
MOST_PRESSED = 0.5  # share of the fat that may be pressed away


@dataclass(frozen=True)
class Coat:
    """The fat of a model's neck as a chart over angle and height.

    Parameters
    ----------
    axis : (2, 2) array
        (y, z) of two points of the neck's straight axis, x = 0, mm.
    fascia, fat, share : RectBivariateSpline
        Over (angle, height): radius of the fascia and thickness of the fat, mm, and how much of what is added behind C2
        is added there.
    zone : (2,) array
        Lowest and highest height of the chart, mm.
    """

    axis: Array
    fascia: RectBivariateSpline
    fat: RectBivariateSpline
    share: RectBivariateSpline
    zone: Array


@dataclass(frozen=True)
class Fat:
    """More or less fat.

    Parameters
    ----------
    coat : Coat
    added_mm : float
        Behind the spine of C2; elsewhere in the chart's share.
    """

    coat: Coat
    added_mm: float

    def apply(self, points: Array) -> Array:
        """Return (n, 3) points moved, mm."""
        out = points.copy()
        inside = np.flatnonzero((points[:, 2] > self.coat.zone[0]) & (points[:, 2] < self.coat.zone[1]))
        angle, radius, foot = _polar(self.coat.axis, points[inside])
        z = points[inside, 2]
        fascia, fat = (chart.ev(angle, z) for chart in (self.coat.fascia, self.coat.fat))
        added = self.added_mm * self.coat.share.ev(angle, z)
        if self.added_mm < 0:
            added = -MOST_PRESSED * fat * np.tanh(-added / (MOST_PRESSED * fat))
        grown = radius + added * eased((radius - fascia) / fat, 0.3)
        out[inside, :2] = foot + (points[inside, :2] - foot) * (grown / np.maximum(radius, 1e-9))[:, None]
        return out


def coat_of(anatomy: Anatomy) -> Coat:
    """Return the fat of an anatomy's neck as a chart, from its skin, muscles and bones."""
    table = load_table("patient")["fat_zone"]
    axis = np.array([anatomy.landmark(name)[1:] for name in ("c2_body", "c7_body")])
    heights = np.arange(table["bottom"], table["top"] + STEP_MM, STEP_MM)
    under = [s.mesh.vertices_mm for s in anatomy.structures.values() if s.kind in UNDER]
    skin = _outermost(axis, anatomy["skin"].mesh.vertices_mm, heights)
    deep = _outermost(axis, np.vstack(under), heights)
    fat = _soft(np.clip(skin - deep, table["least"], table["most"]), SMOOTH_CELLS)
    window = _window(axis, skin, heights, table)
    share = _soft(fat, EVEN_CELLS)
    share *= window / float(RectBivariateSpline(*_chart(heights, share)).ev(np.pi, anatomy.landmark("c2_spinous_tip")[2]))
    fascia, thick, shares = (RectBivariateSpline(*_chart(heights, values)) for values in (_soft(skin, 1.0) - fat, fat, share))
    return Coat(axis, fascia, thick, shares, np.array([heights[0], heights[-1]]))


def _polar(axis: Array, points: Array) -> tuple[Array, Array, Array]:
    """Angle (0 in front, pi behind), radius and foot (x, y) on the axis of (n, 3) points."""
    lean = (axis[0, 0] - axis[1, 0]) / (axis[0, 1] - axis[1, 1])
    foot = np.column_stack([np.zeros(len(points)), axis[1, 0] + lean * (points[:, 2] - axis[1, 1])])
    x, y = (points[:, :2] - foot).T
    return np.arctan2(x, y) % (2 * np.pi), np.hypot(x, y), foot


def _outermost(axis: Array, vertices: Array, heights: Array) -> Array:
    """Greatest radius of vertices in each cell of the chart (sectors, heights); empty cells take the nearest's."""
    near = vertices[(vertices[:, 2] > heights[0] - STEP_MM) & (vertices[:, 2] < heights[-1] + STEP_MM)]
    angle, radius, _ = _polar(axis, near)
    i = np.round(angle / (2 * np.pi) * SECTORS).astype(int) % SECTORS
    j = np.clip(np.round((near[:, 2] - heights[0]) / STEP_MM).astype(int), 0, len(heights) - 1)
    grid = np.zeros((SECTORS, len(heights)))
    np.maximum.at(grid, (i, j), radius)
    tiled = np.vstack([grid] * 3)
    nearest = distance_transform_edt(tiled == 0, return_distances=False, return_indices=True)
    return np.asarray(tiled[tuple(nearest)][SECTORS : 2 * SECTORS])


def _window(axis: Array, skin: Array, heights: Array, table: dict[str, float]) -> Array:
    """1 on the neck, 0 on head and shoulders; the upper limit falls from nape to chin."""
    angle = np.arange(SECTORS) / SECTORS * 2 * np.pi
    forward = skin * np.cos(angle)[:, None]
    top = table["nape_top"] + (table["chin_top"] - table["nape_top"]) * eased((forward + 60) / 120, 0.3)
    z = heights[None]
    return np.asarray(eased((top - z) / table["fade"], 0.5) * eased((z - table["bottom"]) / table["fade"], 0.5))


def _soft(grid: Array, cells: float) -> Array:
    return np.asarray(gaussian_filter(grid, cells, mode=("wrap", "nearest")))


def _chart(heights: Array, grid: Array) -> tuple[Array, Array, Array]:
    """Angles, heights and values with sectors repeated over the seam."""
    angle = np.arange(-MARGIN, SECTORS + MARGIN) / SECTORS * 2 * np.pi
    return angle, heights, np.vstack([grid[-MARGIN:], grid, grid[:MARGIN]])
