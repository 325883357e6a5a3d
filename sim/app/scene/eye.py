"""Where one looks from in a live view: named sides, walking round, shifting, coming nearer; places to pixels and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.app.scene.stamps import lay_bar, lay_sides
from sim.app.scene.window import LiveWindow
from sim.cameras import VIEWS, View, axes_of, stand
from sim.picture import Camera
from sim.tables import table
from sim.theme import Theme

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
LEAST_PX, MOST_PX = 64, 4096
FAR_MM = 1000.0


class Eye:
    """A camera in parallel projection that walks round a patient, and the window into which it looks.

    Parameters
    ----------
    extent_mm : (n, 3) array
        What a named view shows whole, mm RAS.
    window : LiveWindow
        Told each new view; closed with this.
    """

    def __init__(self, extent_mm: Array, window: LiveWindow) -> None:
        self._extent_mm, self._window = extent_mm, window
        self._azimuth, self._elevation = 0.0, 0.0
        self.view("posterior")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self._window.size

    @property
    def camera(self) -> View:
        """Where one looks from; it projects places to pixels."""
        return self._view

    def view(self, name: str) -> None:
        """Look at head and neck from a named side, as of `sim.cameras`: 'posterior', 'posterior-oblique-right', 'left', ...

        Raises
        ------
        ValueError
            If the name is not known; it names the nearest.
        """
        axes_of(Camera(view=name))
        self._azimuth, self._elevation = VIEWS[name]
        room = 2 * table("app_scene")["camera"]["room_mm"]
        fitted = stand(self._camera(), self._extent_mm, *self.size)
        across = (self.size[0] / fitted.px_per_mm, self.size[1] / fitted.px_per_mm)
        self._look(fitted.focus_mm, across[0] * (1 + room / min(across)))

    def look_at(self, point_mm: ArrayLike, width_mm: float) -> None:
        """Bring a place to the middle, the picture so wide."""
        self._look(np.asarray(point_mm, dtype=np.float64), width_mm)

    def orbit(self, d_azimuth: float, d_elevation: float) -> None:
        """Walk round the patient, degrees: clockwise seen from above (from the back to the patient's left), and upward."""
        self._azimuth = (self._azimuth + d_azimuth + 180.0) % 360.0 - 180.0
        self._elevation = float(np.clip(self._elevation + d_elevation, -90.0, 90.0))
        self._look(self._view.focus_mm, self._width_mm)

    def pan(self, dx: float, dy: float) -> None:
        """Shift the picture by pixels to the right and up."""
        seen = self._view
        self._look(seen.focus_mm - (dx * seen.right + dy * seen.up) / seen.px_per_mm, self._width_mm)

    def zoom(self, factor: float) -> None:
        """Come nearer by a factor, which keeps the middle; below 1 one goes away."""
        if not factor > 0:
            raise ValueError(f"zoom is {factor}; it must be above 0.")
        self._look(self._view.focus_mm, self._width_mm / factor)

    def axes(self) -> tuple[Array, Array]:
        """Return the unit vectors (3,) toward the picture's right and its top."""
        return self._view.right, self._view.up

    def project(self, points_mm: ArrayLike) -> Array:
        """Return the pixels (n, 2), x right and y down from the upper left corner, of places (n, 3)."""
        return self._view.project(np.atleast_2d(np.asarray(points_mm, dtype=np.float64)))[0]

    def ray(self, x: float, y: float) -> tuple[Array, Array]:
        """Return where the line of sight through a pixel, x right and y down, begins (3,) mm RAS, and its unit direction (3,)."""
        seen = self._view
        across = ((x - seen.width_px / 2) * seen.right - (y - seen.height_px / 2) * seen.up) / seen.px_per_mm
        return seen.focus_mm + across + FAR_MM * seen.toward, -seen.toward

    def resize(self, size: tuple[int, int]) -> None:
        """Change width and height, pixels; what is in the middle stays there, at the same scale."""
        scale = self._view.px_per_mm
        self._window.resize(checked(size))
        self._look(self._view.focus_mm, self.size[0] / scale)

    def close(self) -> None:
        """Give the window back; nothing can be drawn after."""
        self._window.close()

    def _stamped(self, theme: Theme, *, fine: bool) -> Pixels:
        """The picture (height, width, 3), row 0 at the top, with the patient's sides and a scale bar."""
        pixels = self._window.fine_image() if fine else self._window.image()
        lay_sides(pixels, self._view, theme)
        lay_bar(pixels, self._view, theme)
        return pixels

    def _camera(self, focus_mm: Array | None = None, width_mm: float | None = None) -> Camera:
        focus = None if focus_mm is None else (float(focus_mm[0]), float(focus_mm[1]), float(focus_mm[2]))
        return Camera(azimuth_deg=self._azimuth, elevation_deg=self._elevation, focus_mm=focus, width_mm=width_mm)

    def _look(self, focus_mm: Array, width_mm: float) -> None:
        """Take a stand, and tell."""
        low, high = table("app_scene")["camera"]["widths_mm"]
        self._width_mm = float(np.clip(width_mm, low, high))
        self._view = stand(self._camera(focus_mm, self._width_mm), focus_mm[None], *self.size)
        self._window.aim(self._view)


def checked(size: tuple[int, int]) -> tuple[int, int]:
    """Return a size of a picture. Raises ValueError if it is out of range."""
    width, height = (int(n) for n in size)
    if not (LEAST_PX <= width <= MOST_PX and LEAST_PX <= height <= MOST_PX):
        raise ValueError(f"size of the view is {width} x {height}; both must lie between {LEAST_PX} and {MOST_PX} pixels.")
    return width, height
