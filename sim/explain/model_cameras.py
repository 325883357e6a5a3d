"""Where the camera stands at each step of the patient's page: found from the geometry, so that what matters is seen."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, SurfaceMesh
from meshes.surface import SurfaceQuery
from meshes.terms import split_key
from scenarios.selection import groups
from sim.cameras import axes_of
from sim.explain.model_glb import Surface
from sim.picture import Camera
from sim.tables import table

Array = NDArray[np.float64]

Worth = Callable[[Array], float]  # of a direction (3,)

SOLID = 0.5  # opacity from which a structure hides what is behind it
LIFT_MM, REACH_MM = 2.5, 400.0


@dataclass(frozen=True, eq=False)
class Sight:
    """What can hide what, on the thinned surfaces of an anatomy.

    Parameters
    ----------
    anatomy : Anatomy
    surfaces : sequence of Surface
    """

    anatomy: Anatomy
    surfaces: Sequence[Surface]

    @cached_property
    def kinds(self) -> Mapping[str, str]:
        """Kind of each surface's structure by key."""
        return {s.key: self.anatomy[s.key].kind for s in self.surfaces if s.key in self.anatomy}

    def opacities(self, show: Mapping[str, float]) -> dict[str, float]:
        """Return the opacity of every structure under a rule by '*', kind, group, unsided key and key: the closest counts."""
        out = {}
        for key, kind in self.kinds.items():
            bare = split_key(key)[0]
            found = [show[name] for name in ("*", kind) if name in show]
            found += [value for name, value in show.items() if bare in groups().get(name, ())]
            found += [show[name] for name in (bare, key) if name in show]
            out[key] = float(found[-1]) if found else 0.0
        return out

    def free(self, points: Array, show: Mapping[str, float], own: Iterable[str] = ()) -> Worth:
        """Return a function of a direction (3,) that tells the share of points (n, 3) seen from there; `own` never hides."""
        away = set(own)
        opaque = [s for s in self.surfaces if self.opacities(show).get(s.key, 0.0) >= SOLID and s.key not in away]
        if not opaque or not len(points):
            return lambda toward: 1.0
        start = np.cumsum([0] + [len(s.vertices_mm) for s in opaque])
        faces = np.concatenate([np.asarray(s.faces, dtype=np.int64) + n for s, n in zip(opaque, start, strict=False)])
        vertices = np.concatenate([np.asarray(s.vertices_mm, dtype=np.float64) for s in opaque])
        query = SurfaceQuery(SurfaceMesh(vertices, faces, np.zeros_like(vertices)))

        def share(toward: Array) -> float:
            starts = points + LIFT_MM * toward
            return float(np.isnan(query.first_hit(starts, np.tile(toward, (len(points), 1)), REACH_MM)).mean())

        return share


def direction(azimuth_deg: float, elevation_deg: float) -> Array:
    """Return the unit vector (3,) toward a camera."""
    return axes_of(Camera(azimuth_deg=azimuth_deg, elevation_deg=elevation_deg))[0]


def angles(toward: Array) -> tuple[float, float]:
    """Return azimuth and elevation, degrees, of a direction."""
    x, y, z = (float(v) for v in toward / max(float(np.linalg.norm(toward)), 1e-12))
    return float(np.degrees(np.arctan2(x, y))), float(np.degrees(np.arcsin(np.clip(z, -1, 1))))


def best(share: Worth, asked_deg: tuple[float, float], free_deg: Sequence[float], also: Worth | None) -> tuple[float, float]:
    """Return azimuth and elevation near the asked ones from which most is seen.

    Parameters
    ----------
    share : callable
        Of a direction (3,): how much is seen, 0 to 1.
    asked_deg : (float, float)
    free_deg : (float, float)
        How far each may be left.
    also : callable, optional
        Of a direction: what else it is worth, 0 to 1.
    """
    rules = table("explain_model")["camera"]
    low, high = rules["elevation_deg"]
    steps = [_steps(free, rules["step_deg"]) for free in free_deg]
    found = []
    for da, de in itertools.product(*steps):
        azimuth, elevation = asked_deg[0] + da, float(np.clip(asked_deg[1] + de, low, high))
        toward = direction(azimuth, elevation)
        value = share(toward) - 0.5 * (float(np.hypot(da, de)) / rules["off_deg"]) ** 2
        found.append((value + (also(toward) if also else 0.0), -abs(da) - abs(de), azimuth, elevation))
    _, _, azimuth, elevation = max(found)
    return azimuth, elevation


def framed(points: Array, azimuth_deg: float, elevation_deg: float, least_mm: float | None = None) -> dict[str, Any]:
    """Return a camera that holds points (n, 3) with room about them."""
    rules = table("explain_model")["camera"]
    toward, right, up = axes_of(Camera(azimuth_deg=azimuth_deg, elevation_deg=elevation_deg))
    across = np.asarray(points) @ np.stack([right, up, toward], axis=1)
    low, high = across.min(axis=0), across.max(axis=0)
    focus = np.stack([right, up, toward], axis=1) @ ((low + high) / 2)
    least = rules["least_mm"] if least_mm is None else least_mm
    width, height = np.maximum(np.maximum(high - low, 0.0)[:2] + 2 * rules["room_mm"], least)
    return {
        "azimuth_deg": round((azimuth_deg + 180) % 360 - 180, 2), "elevation_deg": round(elevation_deg, 2),
        "focus_mm": np.round(focus, 2).tolist(), "width_mm": round(float(width), 1),
        "height_mm": round(float(height), 1),
    }  # fmt: skip


def thin(points: Array, most: int) -> Array:
    """Return at most so many of points (n, 3), evenly."""
    chosen = np.unique(np.linspace(0, len(points) - 1, min(most, len(points))).astype(np.int64))
    return np.asarray(points[chosen])


def _steps(most: float, step: float) -> list[float]:
    """Even steps from -most to most, with 0."""
    count = int(most // step)
    return [step * i for i in range(-count, count + 1)]
