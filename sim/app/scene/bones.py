"""A live view of a person's own bones and skin at full detail: what lies under a pixel, and which places are seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from meshes.model import Anatomy, joined_meshes
from meshes.real_correct import own_parts
from meshes.surface import SurfaceQuery
from sim import shading
from sim.app.scene.eye import FAR_MM, Eye, checked
from sim.app.scene.window import LiveWindow
from sim.cameras import axes_of
from sim.films.actors import clear_actors, solid_actor
from sim.landmark_sheet import BONY, GLASS, OUT_MM, SEEN_MM, STYLE
from sim.picture import Camera, Picture
from sim.picture_shown import Shown
from sim.stage import Piece, pieces_of
from sim.tables import table
from sim.theme import load_theme

if TYPE_CHECKING:
    from vtkmodules.vtkRenderingCore import vtkActor

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

SKIN = "skin"
AWAY = -0.4  # cosine to the viewer of a place's normal, below which it looks away, though nothing may lie before it
LAYERS = ("glass", "bones", "skin", "alone")


class BoneScene(Eye):
    """The view.

    Parameters
    ----------
    anatomy : Anatomy
        Of a person; with a skin, be it carried over.
    size : (int, int)
        Width and height, pixels.

    Raises
    ------
    ValueError
        If the size is out of range.
    RuntimeError
        If the machine has no working OpenGL.
    """

    def __init__(self, anatomy: Anatomy, size: tuple[int, int]) -> None:
        self._theme = load_theme(STYLE)
        self._window = LiveWindow(checked(size), self._theme, table("app_scene")["camera"]["depth_mm"])
        self._anatomy = anatomy
        self.bones = tuple(k for k in own_parts(anatomy) if anatomy[k].kind in BONY)
        self._queries: dict[str, SurfaceQuery] = {}
        self._normals: dict[tuple[str, bytes], Array] = {}
        self._skins: dict[str, list[vtkActor]] = {}
        pieces = self._pieces(tuple(Shown(k) for k in self.bones))
        light = shading.occupancy([p.mesh for p in pieces])
        groups = {key: [p for p in pieces if p.key == key] for key in self.bones}
        self._solid = {key: solid_actor(group, light, self._theme, 0) for key, group in groups.items()}
        super().__init__(np.vstack([anatomy[k].mesh.vertices_mm for k in self.bones]), self._window)
        self.show("glass")

    def wear(self, anatomy: Anatomy) -> None:
        """Show the same bones with the skin of an anatomy that was made anew from them."""
        self._anatomy, self._skins, self._normals = anatomy, {}, {}
        self._queries.pop(SKIN, None)
        self.show(self.layer, self._alone)

    def show(self, layer: str, bone: str = "") -> None:
        """Show bones under clear skin ('glass'), bones, the skin, or one bone 'alone'. Raises ValueError for another layer."""
        self.layer, self._alone = check_choice("layer", layer, LAYERS), bone
        self.shown = {SKIN: (SKIN,), "alone": (bone,) if bone in self.bones else self.bones}.get(layer, self.bones)
        self._window.set_still(self._skin(1.0) if layer == SKIN else [self._solid[k] for k in self.shown])
        self._window.set_moving(self._skin(GLASS) if layer == "glass" else [])

    def pick(self, x: float, y: float, key: str) -> Array | None:
        """Return the place (3,) mm RAS where the line of sight through a pixel first meets a surface; None where it does not."""
        start, way = self.ray(x, y)
        far = self.query(key).first_hit(start[None], way[None], 2 * FAR_MM)[0]
        return None if np.isnan(far) else np.asarray(start + far * way)

    def front(self, x: float, y: float) -> str:
        """Return the key of the solid surface that is seen at a pixel; '' for the paper."""
        start, way = self.ray(x, y)
        far = {k: float(self.query(k).first_hit(start[None], way[None], 2 * FAR_MM)[0]) for k in self.shown}
        met = {k: v for k, v in far.items() if not np.isnan(v)}
        return min(met, key=lambda k: met[k]) if met else ""

    def seen(self, points_mm: Array, keys: Sequence[str], view: str | None = None) -> NDArray[np.bool_]:
        """Return which places (n, 3) mm, each on the surface of its key, nothing solid hides, from here or a named side."""
        toward = self.camera.toward if view is None else _toward(view)
        normals = np.array([self._normal(p, k) for p, k in zip(points_mm, keys, strict=True)]).reshape(-1, 3)
        out = np.isin(keys, self.shown) & (normals @ toward > AWAY)
        starts = (points_mm + OUT_MM * normals + SEEN_MM * toward)[out]
        out[out] = np.isnan(self._whole().first_hit(starts, np.tile(toward, (len(starts), 1)), FAR_MM))
        return out

    def side_of(self, point_mm: Array, key: str, views: Sequence[str]) -> str | None:
        """Return that named side from which a place on a surface is seen most squarely; None if it is hidden from all."""
        square = sorted(views, key=lambda view: -float(self._normal(point_mm, key) @ _toward(view)))
        return next((view for view in square if self.seen(point_mm[None], [key], view)[0]), None)

    def image(self, *, fine: bool = False) -> Pixels:
        """Return the picture (height, width, 3), row 0 at the top; `fine` for smooth edges, at four times the time."""
        return self._stamped(self._theme, fine=fine)

    def query(self, key: str) -> SurfaceQuery:
        """Return the search trees of a structure's surface."""
        if key not in self._queries:
            self._queries[key] = SurfaceQuery(self._anatomy[key].mesh)
        return self._queries[key]

    def _normal(self, point_mm: Array, key: str) -> Array:
        """The outward normal (3,) of a surface nearest to a place, asked once for each."""
        held = (key, point_mm.tobytes())
        if held not in self._normals:
            self._normals[held] = np.asarray(self.query(key).closest(point_mm)[1][0])
        return self._normals[held]

    def _whole(self) -> SurfaceQuery:
        """All that is shown solid as one surface."""
        if len(self.shown) == 1:
            return self.query(self.shown[0])
        if "" not in self._queries:
            self._queries[""] = SurfaceQuery(joined_meshes([self._anatomy[k].mesh for k in self.shown]))
        return self._queries[""]

    def _skin(self, opacity: float) -> list[vtkActor]:
        """The skin's actors, solid or clear."""
        name = SKIN if opacity >= 1 else "glass"
        if name not in self._skins:
            (piece,) = self._pieces((Shown(SKIN, opacity),))
            clear = opacity < 1
            light = shading.occupancy([piece.mesh])
            self._skins[name] = clear_actors(piece, self._theme) if clear else [solid_actor([piece], light, self._theme, 0)]
        return self._skins[name]

    def _pieces(self, shown: tuple[Shown, ...]) -> list[Piece]:
        return [p for p in pieces_of(self._anatomy, Picture("view", shown, style=self._theme.name), self._theme) if p.key]


def _toward(view: str) -> Array:
    """The unit vector (3,) toward a viewer at a named side."""
    return axes_of(Camera(view=view))[0]
