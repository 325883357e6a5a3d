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
from sim.app.scene.eye import FAR_MM, Eye, checked
from sim.app.scene.model import SceneModel
from sim.app.scene.parts import Fluid, Held
from sim.app.scene.stamps import lay_names
from sim.app.scene.window import LiveWindow
from sim.tables import table
from sim.theme import load_theme
from sim.ultrasound.poses import ProbePose

__all__ = ["Fluid", "Held", "Scene", "SceneModel"]

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

STYLE = "atlas"


class Scene(Eye):
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
        self._window = LiveWindow(checked(size), self._theme, table("app_scene")["camera"]["depth_mm"])
        self._anatomy = Anatomical(model, self._theme)
        self._tools = Tools(self._theme)
        self._shown: tuple[str, tuple[str, ...]] | None = None
        self._marks: Mapping[str, Array] = MappingProxyType({})
        self._normals: dict[str, tuple[bytes, Array]] = {}
        super().__init__(model.extent_mm, self._window)
        self.show("skin")

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

    # The picture, and what lies under the pointer

    def pick(self, x: float, y: float) -> Array | None:
        """Return the place (3,) mm RAS on the skin under a pixel, x right and y down; None beside the patient.

        The full skin is asked, whatever is shown and whatever stands before it.
        """
        start, way = self.ray(x, y)
        far = self.model.skin.first_hit(start[None], way[None], 2 * FAR_MM)[0]
        return None if np.isnan(far) else np.asarray(start + far * way)

    def image(self, *, fine: bool = False) -> Pixels:
        """Return the picture (height, width, 3), row 0 at the top.

        Parameters
        ----------
        fine : bool
            Smooth edges, at four times the time: for a picture that stands still.
        """
        self._tools.fit(self._view.px_per_mm)
        pixels = self._stamped(self._theme, fine=fine)
        if self.names and self._marks:
            lay_names(pixels, self._view, self._marks, self._mark_normals(), self._theme)
        return pixels

    def jpeg(self, quality: int = 82, *, fine: bool = False) -> bytes:
        """Return the picture as a JPEG file."""
        from PIL import Image

        out = io.BytesIO()
        Image.fromarray(self.image(fine=fine)).save(out, "JPEG", quality=quality)
        return out.getvalue()

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _mark_normals(self) -> dict[str, Array]:
        """Normals of the skin at the marks, asked once for each place."""
        for name, place in self._marks.items():
            if self._normals.get(name, (b"",))[0] != place.tobytes():
                self._normals[name] = (place.tobytes(), self.model.normal_at(place))
        return {name: self._normals[name][1] for name in self._marks}
