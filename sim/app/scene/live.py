"""The live 3-D view of the training app: head and neck with probe, scanned sheet, needle, marks and fluid.

One `SceneModel` per anatomy is shared by all sessions; each has a `Scene` of its own. All calls come from one thread.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.app.scene.actors import Anatomical, Tools
from sim.app.scene.model import SceneModel
from sim.app.scene.parts import Fluid, Held
from sim.app.scene.stamps import lay_bar, lay_names, lay_sides
from sim.app.scene.window import LiveWindow
from sim.cameras import VIEWS, View, axes_of, stand
from sim.picture import Camera
from sim.tables import table
from sim.theme import load_theme
from sim.ultrasound.poses import ProbePose

__all__ = ["Fluid", "Held", "Scene", "SceneModel"]

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

STYLE = "atlas"
LEAST_PX, MOST_PX = 64, 4096
FAR_MM = 1000.0
FINE_SHIFTS = ((-0.125, -0.375), (0.375, -0.125), (-0.375, 0.125), (0.125, 0.375))  # the four samples of a rotated grid


class Scene:
    """A live view.

    Parameters
    ----------
    model : SceneModel
        Shared.
    size : (int, int)
        Width and height, pixels.
    names : bool
        Write the names of marks beside them.

    Raises
    ------
    ValueError
        If the size is out of range.
    RuntimeError
        If the machine has no working OpenGL.
    """

    def __init__(self, model: SceneModel, size: tuple[int, int] = (720, 540), *, names: bool = True) -> None:
        self.model, self.names = model, names
        self._theme = load_theme(STYLE)
        self._window = LiveWindow(_checked(size), self._theme, table("app_scene")["camera"]["depth_mm"])
        self._anatomy = Anatomical(model, self._theme)
        self._tools = Tools(self._theme)
        self._shown: tuple[str, tuple[str, ...]] | None = None
        self._marks: Mapping[str, Array] = MappingProxyType({})
        self._normals: dict[str, tuple[bytes, Array]] = {}
        self._azimuth, self._elevation = 0.0, 0.0
        self.view("posterior")
        self.show("skin")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self._window.size

    @property
    def camera(self) -> View:
        """Where one looks from; it projects places to pixels."""
        return self._view

    # What is shown

    def show(self, layer: str, hidden: Sequence[str] = ()) -> None:
        """Reveal as much as a level of `app_scene.toml` does: 'skin', 'glass', 'muscles' or 'nerves'.

        Parameters
        ----------
        layer : str
        hidden : sequence of str
            Structures, by key, by key without side, or by kind, that are left out.

        Raises
        ------
        ValueError
            If a name is not known; it names the nearest.
        """
        wanted = (layer, tuple(hidden))
        if wanted == self._shown:
            return
        still, ghosts = self._anatomy.actors(*wanted)
        self._tools.body_opacity = float(table("app_scene")["levels"][layer]["probe"])
        self._window.set_still(still)
        self._ghosts = ghosts
        self._window.set_moving([*self._tools.actors(), *ghosts])
        self._shown = wanted

    def update(
        self,
        probe: ProbePose | None = None,
        probe_width_mm: float = 38.4,
        probe_depth_mm: float = 40.0,
        needle: Held | Sequence[Any] | None = None,
        marks: Mapping[str, Array] = MappingProxyType({}),
        targets: Sequence[ArrayLike] = (),
        fluid: Sequence[Fluid | Sequence[Any]] = (),
        trace: ArrayLike | None = None,
        us_image: NDArray[np.uint8] | None = None,
        us_marker_side: Literal["left", "right"] = "left",
    ) -> None:
        """Set all that is not anatomy; what is not given is not shown.

        Parameters
        ----------
        probe : ProbePose, optional
        probe_width_mm, probe_depth_mm : float
            Length of the footprint; depth of the scanned sheet.
        needle : Held or (entry, tip, direction, diameter[, length]), optional
            mm RAS.
        marks : mapping of str to (3,) array
            Dots on the skin, by name.
        targets : sequence of (3,) arrays
            Only those that are revealed: they are drawn wherever nothing solid hides them.
        fluid : sequence of Fluid or (centre, radius, normal, thickness)
        trace : (n, 3) array, optional
            Path of the tip.
        us_image : (rows, columns) uint8 array, optional
            Grey levels on the sheet, row 0 at the face.
        us_marker_side : {'left', 'right'}
            Side of that picture at which the probe's marked end lies; as of `BModeImage`.
        """
        self._tools.place_probe(probe, probe_width_mm, probe_depth_mm)
        self._tools.place_sheet(us_image, us_marker_side)
        self._tools.place_needle(None if needle is None else Held(*needle), self._view.px_per_mm)
        self._marks = {name: np.asarray(place, dtype=np.float64) for name, place in marks.items()}
        path = None if trace is None else np.asarray(trace, dtype=np.float64)
        self._tools.place_marks(self._marks, [np.asarray(t, dtype=np.float64) for t in targets], path)
        self._tools.place_fluid([Fluid(*pool) for pool in fluid])

    # Where one looks from

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
        fitted = stand(self._camera(), self.model.extent_mm, *self.size)
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

    def pick(self, x: float, y: float) -> Array | None:
        """Return the place (3,) mm RAS on the skin under a pixel, x right and y down; None beside the patient.

        The full skin is asked, whatever is shown and whatever stands before it.
        """
        seen = self._view
        across = ((x - seen.width_px / 2) * seen.right - (y - seen.height_px / 2) * seen.up) / seen.px_per_mm
        start = seen.focus_mm + across + FAR_MM * seen.toward
        far = self.model.skin.first_hit(start[None], -seen.toward[None], 2 * FAR_MM)[0]
        return None if np.isnan(far) else np.asarray(start - far * seen.toward)

    # The picture

    def image(self, *, fine: bool = False) -> Pixels:
        """Return the picture (height, width, 3), row 0 at the top.

        Parameters
        ----------
        fine : bool
            Smooth edges, at four times the time: for a picture that stands still.
        """
        self._tools.fit(self._view.px_per_mm)
        pixels = self._fine() if fine else self._window.image()
        lay_sides(pixels, self._view, self._theme)
        lay_bar(pixels, self._view, self._theme)
        if self.names and self._marks:
            lay_names(pixels, self._view, self._marks, self._mark_normals(), self._theme)
        return pixels

    def jpeg(self, quality: int = 82, *, fine: bool = False) -> bytes:
        """Return the picture as a JPEG file."""
        from PIL import Image

        out = io.BytesIO()
        Image.fromarray(self.image(fine=fine)).save(out, "JPEG", quality=quality)
        return out.getvalue()

    def resize(self, size: tuple[int, int]) -> None:
        """Change width and height, pixels; what is in the middle stays there, at the same scale."""
        scale = self._view.px_per_mm
        self._window.resize(_checked(size))
        self._look(self._view.focus_mm, self.size[0] / scale)

    def close(self) -> None:
        """Give the window back; nothing can be drawn after."""
        self._window.close()

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _camera(self, focus_mm: Array | None = None, width_mm: float | None = None) -> Camera:
        focus = None if focus_mm is None else (float(focus_mm[0]), float(focus_mm[1]), float(focus_mm[2]))
        return Camera(azimuth_deg=self._azimuth, elevation_deg=self._elevation, focus_mm=focus, width_mm=width_mm)

    def _look(self, focus_mm: Array, width_mm: float) -> None:
        """Take a stand, and tell the window."""
        low, high = table("app_scene")["camera"]["widths_mm"]
        self._width_mm = float(np.clip(width_mm, low, high))
        self._view = stand(self._camera(focus_mm, self._width_mm), focus_mm[None], *self.size)
        self._window.aim(self._view)

    def _fine(self) -> Pixels:
        """The mean of pictures that are shifted by parts of a pixel."""
        total = np.zeros((self.size[1], self.size[0], 3), dtype=np.uint16)
        for x, y in FINE_SHIFTS:
            self._window.shift(x, y)
            total += self._window.image()
        self._window.shift(0.0, 0.0)
        return np.asarray((total + len(FINE_SHIFTS) // 2) // len(FINE_SHIFTS), dtype=np.uint8)

    def _mark_normals(self) -> dict[str, Array]:
        """Normals of the skin at the marks, asked once for each place."""
        for name, place in self._marks.items():
            if self._normals.get(name, (b"",))[0] != place.tobytes():
                self._normals[name] = (place.tobytes(), self.model.normal_at(place))
        return {name: self._normals[name][1] for name in self._marks}


def _checked(size: tuple[int, int]) -> tuple[int, int]:
    """A size in range."""
    width, height = (int(n) for n in size)
    if not (LEAST_PX <= width <= MOST_PX and LEAST_PX <= height <= MOST_PX):
        raise ValueError(f"size of the view is {width} x {height}; both must lie between {LEAST_PX} and {MOST_PX} pixels.")
    return width, height
