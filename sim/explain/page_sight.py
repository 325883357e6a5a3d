"""What can be seen in a view of the patient page, so that a name never points to something that lies before its thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, SurfaceMesh
from meshes.surface import SurfaceQuery
from meshes.terms import split_key
from scenarios.selection import groups
from sim.cameras import axes_of
from sim.explain.model_cameras import REACH_MM, SOLID
from sim.explain.model_store import kept_surfaces
from sim.picture import Camera

Array = NDArray[np.float64]
FACING = 0.2
LIFT_MM = 1.0  # off the full surface, of which the drawn one is thinned
MOST_TRIED = 60
NERVE_SHARE = 0.55  # of a nerve's length: where its name points to if nothing hides it


def opacities(info: Mapping[str, Any], show: Mapping[str, float]) -> dict[str, float]:
    """Return the opacity of every structure under a rule by '*', kind, group, unsided key and key: the closest counts."""
    out = {}
    for key, row in info["structures"].items():
        bare = split_key(key)[0]
        of_groups = [v for name, v in show.items() if bare in groups().get(name, ())]
        found = [*(show[k] for k in ("*", row["group"]) if k in show), *of_groups, *(show[k] for k in (bare, key) if k in show)]
        out[key] = float(found[-1]) if found else 0.0
    return out


@dataclass
class Seen:
    """Finds points of structures that can be seen; what is solid in a view is gathered once.

    Parameters
    ----------
    anatomy : Anatomy
    info : mapping
        Of the 3-D model.
    """

    anatomy: Anatomy
    info: Mapping[str, Any]
    _held: dict[tuple[str, ...], SurfaceQuery | None] = field(default_factory=dict)

    def point(self, key: str, view: Mapping[str, Any], near_mm: Array | None = None) -> Array | None:
        """Return the point (3,) of a structure that its name may point to; None if nothing of it is seen.

        Parameters
        ----------
        key : str
        view : mapping
            Camera and opacities.
        near_mm : (3,) array, optional
            Of a nerve: the place that matters.
        """
        structure = self.anatomy[key]
        toward, right, up = axes_of(Camera(azimuth_deg=view["azimuth_deg"], elevation_deg=view["elevation_deg"]))
        if structure.centerline is not None:
            line = structure.centerline
            aim = line[round(NERVE_SHARE * (len(line) - 1))] if near_mm is None else near_mm
            return self._first(line[np.argsort(np.linalg.norm(line - aim, axis=1), kind="stable")], key, view, toward)
        points = structure.mesh.vertices_mm[structure.mesh.normals @ toward > FACING]
        flat = points @ np.stack([right, up], axis=1)
        if not len(points):
            return None
        middle = (flat.min(axis=0) + flat.max(axis=0)) / 2
        return self._first(points[np.argsort(np.linalg.norm(flat - middle, axis=1), kind="stable")], key, view, toward)

    def _first(self, points: Array, key: str, view: Mapping[str, Any], toward: Array) -> Array | None:
        """The first of points (n, 3), tried evenly from the best to the worst, before which nothing stands."""
        tried = points[np.unique(np.linspace(0, len(points) - 1, min(MOST_TRIED, len(points))).astype(int))]
        query = self._before(key, view)
        if query is None:
            return np.asarray(tried[0])
        hits = query.first_hit(tried + LIFT_MM * toward, np.tile(toward, (len(tried), 1)), REACH_MM)
        free = tried[np.isnan(hits)]
        return np.asarray(free[0]) if len(free) else None

    def _before(self, key: str, view: Mapping[str, Any]) -> SurfaceQuery | None:
        """Everything solid in a view but the structure itself."""
        solid = tuple(sorted(k for k, o in opacities(self.info, view["show"]).items() if o >= SOLID and k != key))
        if solid not in self._held:
            parts = [s for s in kept_surfaces(self.anatomy) if s.key in set(solid)]
            self._held[solid] = _joined(parts) if parts else None
        return self._held[solid]


def _joined(parts: list[Any]) -> SurfaceQuery:
    """All surfaces as one."""
    start = np.cumsum([0] + [len(s.vertices_mm) for s in parts])
    faces = np.concatenate([np.asarray(s.faces, dtype=np.int64) + n for s, n in zip(parts, start, strict=False)])
    vertices = np.concatenate([np.asarray(s.vertices_mm, dtype=np.float64) for s in parts])
    return SurfaceQuery(SurfaceMesh(vertices, faces, np.zeros_like(vertices)))
