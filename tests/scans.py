"""Small scans made of the shipped model: a few of its structures, thinned, as raw parts in any unit and frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes import load_anatomy
from meshes.importing.raw import RawPart, RawParts

Array = NDArray[np.float64]
OCI = ("obliquus_capitis_inferior_left", "obliquus_capitis_inferior_right")
BONES = ("cranium", "mandible", "atlas", "axis")
MUSCLES = (*OCI, "semispinalis_capitis_left")
KEYS = (*BONES, *MUSCLES)
FACES = 3000


@cache
def thin(key: str, faces: int = FACES) -> tuple[Array, NDArray[np.int64]]:
    """A shipped structure with fewer triangles, mm, RAS."""
    import pyvista as pv

    mesh = load_anatomy()[key].mesh
    poly = pv.PolyData.from_regular_faces(np.array(mesh.vertices_mm), np.array(mesh.faces))
    if len(mesh.faces) > faces:
        poly = poly.decimate(1 - faces / len(mesh.faces))
    return np.asarray(poly.points, dtype=np.float64), np.asarray(poly.regular_faces, dtype=np.int64)


def scan(
    move: Callable[[Array], Array] = lambda v: v,
    keys: Sequence[str] = KEYS,
    names: Mapping[str, str] | None = None,
    moves: Mapping[str, Callable[[Array], Array]] | None = None,
    **told: Any,
) -> RawParts:
    """Structures under their keys, or other names, all moved alike, some of them otherwise."""
    names, moves = names or {}, moves or {}
    return RawParts(tuple(part(k, names.get(k, k), moves.get(k, move), **told) for k in keys))


def part(key: str, name: str, move: Callable[[Array], Array] = lambda v: v, **told: Any) -> RawPart:
    """One structure as a raw part."""
    vertices, faces = thin(key)
    return RawPart(name, f"{name}.stl", move(vertices), faces, **told)
