"""Named views and parallel projection: from the patient's frame to pixels, and which side is which."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_choice
from sim.picture import Camera

Array = NDArray[np.float64]

VIEWS = {
    "posterior": (180.0, 0.0),
    "anterior": (0.0, 0.0),
    "right": (90.0, 0.0),
    "left": (-90.0, 0.0),
    "superior": (180.0, 90.0),
    "inferior": (180.0, -90.0),
    "oblique": (138.0, 12.0),
    "posterior-oblique-right": (138.0, 12.0),
    "posterior-oblique-left": (-138.0, 12.0),
    "anterior-oblique": (42.0, 8.0),
    "anterior-oblique-right": (42.0, 8.0),
    "anterior-oblique-left": (-42.0, 8.0),
    "posterior-inferior": (180.0, -35.0),
    "posterior-superior": (180.0, 35.0),
}
AXES = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
WORDS = {"R": "patient's right", "L": "patient's left", "A": "front", "P": "back", "S": "top", "I": "foot end"}
FIT_MARGIN = 1.03
DISTANCE_MM = 2000.0


@dataclass(frozen=True)
class View:
    """A camera that stands: parallel projection of the patient's frame onto a drawing of some pixels.

    Parameters
    ----------
    focus_mm : (3,) array
        Falls on the middle of the drawing.
    toward, right, up : (3,) arrays
        Unit: from the focus to the camera; to the picture's right; to its top.
    px_per_mm : float
        Exact for the whole picture.
    width_px, height_px : int
        Of the drawing.
    """

    focus_mm: Array
    toward: Array
    right: Array
    up: Array
    px_per_mm: float
    width_px: int
    height_px: int

    def project(self, points_mm: ArrayLike) -> tuple[Array, Array]:
        """Return pixels (n, 2), x right and y down from the drawing's corner, and depth (n,) mm toward the camera."""
        relative = np.asarray(points_mm, dtype=np.float64) - self.focus_mm
        across = relative @ np.stack([self.right, -self.up, self.toward], axis=1)
        pixels = across[..., :2] * self.px_per_mm + (self.width_px / 2, self.height_px / 2)
        return pixels, across[..., 2]


def camera_names() -> tuple[str, ...]:
    """Return the names of the views."""
    return tuple(VIEWS)


def axes_of(camera: Camera) -> tuple[Array, Array, Array]:
    """Return unit vectors (3,) toward the camera, to the picture's right and to its top.

    Raises ValueError for a view that is not known.
    """
    azimuth, elevation = VIEWS[check_choice("view", camera.view, VIEWS)]
    azimuth = azimuth if camera.azimuth_deg is None else camera.azimuth_deg
    elevation = elevation if camera.elevation_deg is None else camera.elevation_deg
    a, e = math.radians(azimuth), math.radians(max(-90.0, min(90.0, elevation)))
    back = np.array([math.sin(a), math.cos(a), 0.0])
    toward = back * math.cos(e) + np.array([0.0, 0.0, math.sin(e)])
    up = np.array([0.0, 0.0, math.cos(e)]) - back * math.sin(e)
    return _clean(toward), _clean(np.cross(up, toward)), _clean(up)


def stand(camera: Camera, extent_mm: ArrayLike, width_px: int, height_px: int) -> View:
    """Return the view of a camera on a drawing of `width_px` by `height_px`.

    Parameters
    ----------
    camera : Camera
        The request.
    extent_mm : (n, 3) array
        Points that must be inside when the camera does not say what it looks at.
    width_px, height_px : int
        Of the drawing.
    """
    toward, right, up = axes_of(camera)
    points = np.asarray(extent_mm, dtype=np.float64).reshape(-1, 3)
    across = points @ np.stack([right, up, toward], axis=1)
    low, high = across.min(axis=0), across.max(axis=0)
    middle = (low + high) / 2
    focus = middle[0] * right + middle[1] * up + middle[2] * toward
    if camera.focus_mm is not None:
        focus = np.asarray(camera.focus_mm, dtype=np.float64)
    if camera.width_mm is not None:
        scale = width_px / camera.width_mm
    else:
        size = np.maximum(high - low, 1.0)[:2] * FIT_MARGIN
        scale = min(width_px / size[0], height_px / size[1])
    return View(focus, toward, right, up, float(scale * camera.zoom), width_px, height_px)


def edge_marks(view: View) -> dict[str, str]:
    """Return which of R, L, A, P, S, I lies at the picture's 'left', 'right', 'top' and 'bottom'.

    The letter is that of the patient's axis that runs nearest to the picture's; R and L are the patient's.
    """
    names = list(AXES)
    directions = np.array([AXES[n] for n in names], dtype=np.float64)
    ways = {"right": view.right, "left": -view.right, "top": view.up, "bottom": -view.up}
    return {edge: names[int(np.argmax(directions @ way))] for edge, way in ways.items()}


def scale_bar_mm(px_per_mm: float, most_px: float) -> float:
    """Return the longest round length (1, 2 or 5 times a power of ten, mm) that is at most `most_px` long."""
    most = most_px / px_per_mm
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= most * (1 + 1e-9))


def hidden(
    points_mm: Array, view: View, vertices_mm: Array, faces: NDArray[np.int64], *, clearance_mm: float = 2.0
) -> NDArray[np.bool_]:
    """Return which points (n,) lie behind a surface, seen by the camera, by more than `clearance_mm`."""
    pixels, depth = view.project(points_mm)
    corners, heights = view.project(vertices_mm)
    triangles, levels = corners[faces], heights[faces]
    low, high = triangles.min(axis=1), triangles.max(axis=1)
    result = np.zeros(len(pixels), dtype=bool)
    for i, (pixel, level) in enumerate(zip(pixels, depth, strict=True)):
        near = np.flatnonzero(((low <= pixel) & (high >= pixel)).all(axis=1))
        result[i] = _covered(pixel, level + clearance_mm, triangles[near], levels[near])
    return result


def _covered(pixel: Array, level: float, triangles: Array, levels: Array) -> bool:
    """Whether a triangle (n, 3, 2) with levels (n, 3) stands over `pixel` higher than `level`."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    area = _cross(b - a, c - a)
    flat = np.abs(area) < 1e-12
    area = np.where(flat, 1.0, area)
    u, v = _cross(pixel - a, c - a) / area, _cross(b - a, pixel - a) / area
    inside = (u >= 0) & (v >= 0) & (u + v <= 1) & ~flat
    height = levels[:, 0] + u * (levels[:, 1] - levels[:, 0]) + v * (levels[:, 2] - levels[:, 0])
    return bool((height[inside] > level).any())


def _cross(a: Array, b: Array) -> Array:
    """The z of the cross product of plane vectors (n, 2)."""
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _clean(vector: Array) -> Array:
    """A unit vector without the dust of sines."""
    return np.round(vector, 12) + 0.0
