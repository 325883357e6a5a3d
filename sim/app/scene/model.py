"""What all live views of one anatomy share: its surfaces, made once, and the skin that a pointer can hit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice, unknown
from meshes.model import Anatomy
from meshes.surface import SurfaceQuery
from sim.app.scene.bake import Baked, level_names
from sim.app.scene.store import baked_of
from sim.app.scene.vtk import GRAIN, surface, vtk_array
from sim.tables import table

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData

Array = NDArray[np.float64]
SKIN = "skin"


class SceneModel:
    """The surfaces of an anatomy, as the live view draws them.

    Parameters
    ----------
    anatomy : Anatomy
        With a skin.
    folder : Path, optional
        Where the surfaces are kept once made; that of the voxels by default.
    tell : callable, optional
        Called with (done, in all) while they are made, which takes some seconds.

    Raises
    ------
    MissingName
        If the anatomy has no skin.
    """

    def __init__(self, anatomy: Anatomy, folder: Path | None = None, tell: Callable[[int, int], None] | None = None) -> None:
        self.skin = SurfaceQuery(anatomy[SKIN].mesh)
        self.baked: Baked = baked_of(anatomy, folder, tell)
        self.names = frozenset(name for part in self.baked.parts for name in part.names)
        self.extent_mm = _extent(anatomy)

    @cached_property
    def corners(self) -> vtkPolyData:
        """All vertices with normals, colours and grain, as VTK holds them; the views of all sessions draw over these arrays."""
        baked = self.baked
        out = surface(baked.vertices_mm, baked.faces[:0], baked.normals)
        out.GetPointData().SetScalars(vtk_array(baked.colours))
        grain = vtk_array(baked.grain_mm)
        grain.SetName(GRAIN)
        out.GetPointData().AddArray(grain)
        return out

    def solid(self, level: str, hidden: tuple[str, ...] = ()) -> NDArray[np.int64]:
        """Return the rows of `baked.faces` (k,) that are solid at a level without the structures (or kinds) `hidden`.

        Raises
        ------
        ValueError
            If the level or a hidden name is not known; it names the nearest.
        """
        row = table("app_scene")["levels"][check_choice("layer", level, level_names())]
        for name in hidden:
            if name not in self.names:
                raise ValueError(unknown("hidden", name, self.names))
        rows = self.baked.rows(row["solid"], hidden)
        seen = self.baked.seen.get(level)
        if seen is None or hidden:  # what they covered can be seen now
            return rows
        return np.asarray(rows[seen[rows]])

    def ghosts(self, level: str, hidden: tuple[str, ...] = ()) -> dict[str, NDArray[np.int64]]:
        """Return the rows of `baked.faces` that are ghosts at a level, by kind, from the inside outward."""
        row = table("app_scene")["levels"][check_choice("layer", level, level_names())]
        without = (*hidden, *row.get("no_ghost", ()))
        return {kind: self.baked.rows([kind], without, ghost=True) for kind in row["ghost"]}

    def normal_at(self, place_mm: Array) -> Array:
        """Return the outward normal (3,) of the skin nearest to a place."""
        return np.asarray(self.skin.closest(np.asarray(place_mm, dtype=np.float64))[1][0])


def _extent(anatomy: Anatomy) -> Array:
    """Points (n, 3) of the head and the neck, which a named view shows whole."""
    points = anatomy[SKIN].mesh.vertices_mm
    spine = anatomy.landmarks.get("c7_spinous_tip")
    floor = -np.inf if spine is None else float(spine[2]) - table("app_scene")["camera"]["lowest_mm"]
    kept = points[points[:, 2] > floor]
    # shoulders are as wide as the picture bears; what counts is the head and the neck between them
    broad = np.abs(kept[:, 0]) < np.abs(points[points[:, 2] > 0.0][:, 0]).max() if (points[:, 2] > 0).any() else slice(None)
    return np.asarray(kept[broad])
