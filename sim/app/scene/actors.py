"""What a live view hands to its window: the anatomy of a level, and the tools, which are moved without being made anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sim.app.scene import parts
from sim.app.scene.model import SceneModel
from sim.app.scene.vtk import actor_of, cells, image_of, light, surface, texture_of, vtk_array
from sim.tables import table
from sim.theme import Theme

if TYPE_CHECKING:
    from vtkmodules.vtkRenderingCore import vtkActor

    from sim.ultrasound.poses import ProbePose

Array = NDArray[np.float64]
Grey = NDArray[np.uint8]


class Anatomical:
    """The actors of an anatomy: all share the same vertices.

    Parameters
    ----------
    model : SceneModel
    theme : Theme
    """

    def __init__(self, model: SceneModel, theme: Theme) -> None:
        self._model, self._theme = model, theme

    def actors(self, level: str, hidden: tuple[str, ...]) -> tuple[list[vtkActor], list[vtkActor]]:
        """Return the solid actors of a level, and its ghosts from the inside outward."""
        rows, fleshy = self._model.solid(level, hidden), self._model.baked.rows(["muscle"])
        is_flesh = np.isin(rows, fleshy)
        solid = []
        for chosen, material in ((rows[~is_flesh], "soft"), (rows[is_flesh], "muscle")):
            if len(chosen):
                actor = actor_of(self._faces(chosen))
                light(actor, self._theme, material, edge=self._theme.edge, fibres=material == "muscle")
                solid.append(actor)
        ghosts = []
        for kind, chosen in self._model.ghosts(level, hidden).items():
            if len(chosen):
                look = table("app_scene")["ghost"][kind]
                actor = actor_of(self._faces(chosen))
                light(actor, self._theme, "glass", ghost=(look["middle"], look["outline"]))
                ghosts.append(actor)
        return solid, ghosts

    def _faces(self, rows: NDArray[np.int64]) -> Any:
        """Some faces over the shared vertices."""
        from vtkmodules.vtkCommonDataModel import vtkPolyData

        out = vtkPolyData()
        out.SetPoints(self._model.corners.GetPoints())
        out.GetPointData().ShallowCopy(self._model.corners.GetPointData())
        out.SetPolys(cells(self._model.baked.faces[rows]))
        return out


class Tools:
    """Probe, scanned sheet, needle, marks and fluid.

    Parameters
    ----------
    theme : Theme
    """

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._made: dict[str, Any] = {}  # what each actor was made from, so that it is made anew only when that has changed
        self._held: parts.Held | None = None
        self._body, self._rim, self._shaft, self._hub, self._marks, self._fluid = (_painted(theme) for _ in range(6))
        self._fluid.GetProperty().SetOpacity(table("app_scene")["marks"]["fluid"])
        self._fluid.ForceTranslucentOn()
        self._sheet, self._sheet_texture = _sheet_actor(theme)
        for actor in self.actors():
            actor.VisibilityOff()

    @property
    def body_opacity(self) -> float:
        """Opacity of the probe's body: below 1 the sheet is seen through it."""
        return float(self._body.GetProperty().GetOpacity())

    @body_opacity.setter
    def body_opacity(self, value: float) -> None:
        self._body.GetProperty().SetOpacity(value)
        self._body.SetForceTranslucent(value < 1)
        self._body.SetForceOpaque(value >= 1)

    def actors(self) -> list[vtkActor]:
        """Return all actors, in the order in which they are to be drawn."""
        return [self._rim, self._shaft, self._hub, self._marks, self._sheet, self._fluid, self._body]

    def place_probe(self, pose: ProbePose | None, width_mm: float, depth_mm: float) -> None:
        """Put the probe on a pose, or away."""
        for actor in (self._body, self._rim, self._sheet):
            actor.SetVisibility(pose is not None)
        if pose is None:
            return
        if self._changed("body", width_mm):
            _paint(self._body, parts.probe_solid(width_mm, self._theme))
        if self._changed("sheet", (width_mm, depth_mm)):
            _paint(self._rim, parts.sheet_rim(width_mm, depth_mm, self._theme))
            corners = parts.sheet_corners(width_mm, depth_mm).astype(np.float32)
            self._sheet.GetMapper().GetInput().GetPoints().SetData(vtk_array(corners))
            self._sheet.GetMapper().GetInput().GetPoints().Modified()
        matrix = parts.probe_matrix(pose)
        for actor in (self._body, self._rim, self._sheet):
            _move(actor, matrix)

    def place_sheet(self, image: Grey | None, marker_side: Literal["left", "right"]) -> None:
        """Lay an ultrasound image on the scanned sheet, or none."""
        sheet: Any = self._sheet
        look = sheet.GetProperty()
        colour = np.ones(3) if image is not None else self._theme.colours["sheet"]
        look.SetColor(*colour)
        look.SetOpacity(table("app_scene")["marks"]["sheet"] if image is not None else 0.45)
        if image is None:
            sheet.SetTexture(None)
            return
        pixels = np.asarray(image if marker_side == "left" else image[:, ::-1], dtype=np.uint8)
        self._sheet_texture.SetInputData(image_of(pixels))
        sheet.SetTexture(self._sheet_texture)

    def place_needle(self, held: parts.Held | None, px_per_mm: float) -> None:
        """Put the needle where it is held, or away."""
        self._held = held
        for actor in (self._shaft, self._hub):
            actor.SetVisibility(held is not None)
        if held is None:
            return
        if self._changed("needle", (held.diameter_mm, held.length_mm)):
            for actor, solid in zip((self._shaft, self._hub), parts.needle_solids(held, self._theme), strict=True):
                _paint(actor, solid)
        _move(self._hub, parts.needle_matrix(held, 1.0))
        self.fit(px_per_mm)

    def fit(self, px_per_mm: float) -> None:
        """Keep the shaft broad enough to be seen at a scale."""
        if self._held is not None:
            least = table("app_scene")["needle"]["least_px"] / px_per_mm
            _move(self._shaft, parts.needle_matrix(self._held, max(1.0, least / (self._held.diameter_mm / 2))))

    def place_marks(self, marks: Mapping[str, Array], targets: Sequence[Array], trace: Array | None) -> None:
        """Put marks, targets and path in their places."""
        places = tuple(p.tobytes() for p in (*marks.values(), *targets))
        if self._changed("marks", (len(marks), places, None if trace is None else trace.tobytes())):
            _paint(self._marks, parts.marks_solid(marks, targets, trace, self._theme))
        self._marks.SetVisibility(bool(places) or (trace is not None and len(trace) > 1))

    def place_fluid(self, fluid: Sequence[parts.Fluid]) -> None:
        """Put the pools of fluid in their places."""
        told = tuple(
            (np.asarray(f.centre_mm).tobytes(), f.radius_mm, np.asarray(f.normal).tobytes(), f.thickness_mm) for f in fluid
        )
        if self._changed("fluid", told):
            _paint(self._fluid, parts.fluid_solid(fluid, self._theme))
        self._fluid.SetVisibility(bool(fluid))

    def _changed(self, what: str, told: Any) -> bool:
        """Whether a thing has to be made anew."""
        if self._made.get(what) == told and what in self._made:
            return False
        self._made[what] = told
        return True


def _painted(theme: Theme) -> vtkActor:
    """An actor without geometry yet."""
    none = np.zeros((0, 3))
    actor = actor_of(surface(none.astype(np.float32), none.astype(np.int32)))
    light(actor, theme, "mark")
    return actor


def _paint(actor: vtkActor, solid: parts.Solid) -> None:
    """Give an actor its geometry."""
    data = surface(solid.vertices_mm, solid.faces, solid.normals)
    data.GetPointData().SetScalars(vtk_array(solid.colours))
    mapper: Any = actor.GetMapper()
    mapper.SetInputData(data)


def _move(actor: vtkActor, matrix: Array) -> None:
    """Put an actor's frame where a (4, 4) transform to RAS says."""
    from vtkmodules.vtkCommonMath import vtkMatrix4x4

    held = vtkMatrix4x4()
    held.DeepCopy([float(v) for v in matrix.ravel()])
    actor.SetUserMatrix(held)


def _sheet_actor(theme: Theme) -> tuple[vtkActor, Any]:
    """The scanned sheet, two triangles seen from both sides, and the texture that it can carry."""
    corners = parts.sheet_corners(1.0, 1.0).astype(np.float32)
    data = surface(corners, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32))
    data.GetPointData().SetTCoords(vtk_array(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)))
    actor = actor_of(data)
    look = actor.GetProperty()
    look.BackfaceCullingOff()
    look.LightingOff()
    look.SetColor(*theme.colours["sheet"])
    actor.ForceTranslucentOn()
    return actor, texture_of(np.zeros((2, 2), dtype=np.uint8))
