"""From the places that a scenario names to points of an anatomy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import unknown
from meshes.curves import point_at
from meshes.model import Anatomy, Structure
from scenarios.basics import Place
from scenarios.selection import select_one
from scenarios.sites import Ground
from sim.picture_shown import Point

Array = NDArray[np.float64]
SKIN_REACH_MM = 150.0
SAME_MM = 0.01


class Places:
    """Finds places of a scenario on one anatomy.

    Parameters
    ----------
    ground : Ground
        The anatomy with its search trees.
    sites : mapping of str to (3,) array
        Skin points of the procedure's sites.
    """

    def __init__(self, ground: Ground, sites: Mapping[str, Array]) -> None:
        self.ground = ground
        self.sites = sites

    @property
    def anatomy(self) -> Anatomy:
        """The anatomy that is searched."""
        return self.ground.anatomy

    def point(self, place: Place) -> Array:
        """Return the point (3,) of a place, mm. Raises ValueError or KeyError naming the nearest names."""
        at = self._base(place) + np.array(place.offset_mm)
        return self.on_skin(at) if place.on_skin else at

    def name(self, place: Place) -> str:
        """Return the words for a place that has no text of its own."""
        if place.structure is not None:
            return self.structure(place.structure).ta2
        return (place.landmark or place.site or place.curve or "").replace("_skin", "").replace("_", " ")

    def structure(self, name: str) -> Structure:
        """Return the one structure that `name` means; of a pair, the right one."""
        keys = select_one(name, list(self.anatomy.structures))
        return self.anatomy[keys[-1]]

    def on_skin(self, point: ArrayLike) -> Array:
        """Return the point of the skin nearest to `point`."""
        return np.asarray(self.ground.skin.closest(np.asarray(point))[0][0])

    def skin_normal(self, point: ArrayLike) -> Array:
        """Return the outward normal (3,) of the skin nearest to `point`."""
        return np.asarray(self.ground.skin.closest(np.asarray(point))[1][0])

    def skin_along(self, point: Array, outward: Array) -> Array:
        """Return where the ray from `point` along `outward` last leaves the skin; else the nearest point of the skin."""
        far, _ = self.ground.skin.ray(point, outward, SKIN_REACH_MM)
        return point + far[-1] * outward if len(far) else self.on_skin(point)

    def _base(self, place: Place) -> Array:
        if place.landmark is not None:
            return np.asarray(self.anatomy.landmark(place.landmark))
        if place.curve is not None:
            return point_at(self.anatomy.curve(place.curve), place.along)
        if place.structure is not None:
            return _middle(self.structure(place.structure), place.along)
        if place.site is not None:
            if place.site not in self.sites:
                raise ValueError(unknown("site", place.site, self.sites))
            return np.asarray(self.sites[place.site])
        return np.array(place.point_mm, dtype=np.float64)


def as_point(value: ArrayLike) -> Point:
    """Return an array (3,) as plain floats, rounded to a micrometre so that equal scenes are equal values."""
    x, y, z = (round(float(v), 3) + 0.0 for v in np.asarray(value, dtype=np.float64))
    return x, y, z


def apart(what: str, points: Sequence[Array]) -> Sequence[Array]:
    """Return points (3,) of which no two in a row are one; else raise ValueError saying that `what` are the same."""
    if any(np.linalg.norm(b - a) < SAME_MM for a, b in pairwise(points)):
        raise ValueError(f"{what} are one point; they must lie apart.")
    return points


def unit(value: Array) -> Array:
    """Return a vector (3,) with length 1."""
    return np.asarray(value / max(float(np.linalg.norm(value)), 1e-12))


def _middle(structure: Structure, along: float) -> Array:
    """A point of the axis, else the vertex nearest to the middle of the surface."""
    if structure.centerline is not None:
        return point_at(structure.centerline, along)
    vertices = structure.mesh.vertices_mm
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    return np.asarray(vertices[np.argmin(np.linalg.norm(vertices - centre, axis=1))])
