"""Sutures of the skull as hairlines on its bone: a thin ribbon along each named curve, lit like the bone beneath it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, SurfaceMesh
from meshes.surface import SurfaceQuery
from meshes.terms import split_key

Array = NDArray[np.float64]

BONE = "cranium"
ENDING = "_suture"
WIDTH_MM = 0.5
TINT = np.array([0.66, 0.58, 0.48])  # of the colour of the bone
LIFT_MM = 0.12  # above the bone: nothing to be seen of it, and enough that the bone does not break through


def sutures_of(anatomy: Anatomy) -> SurfaceMesh | None:
    """Return the sutures of an anatomy's cranium as one ribbon; None if it has no cranium or no such curve.

    Returns
    -------
    SurfaceMesh
        Open ribbons, mm, with the normals of the bone; they follow the drawn surface, not the exact one.
    """
    curves = [line for name, line in anatomy.curves.items() if split_key(name)[0].endswith(ENDING)]
    if BONE not in anatomy or not curves:
        return None
    query = SurfaceQuery(anatomy[BONE].mesh)
    ribbons = [_ribbon(np.asarray(line), query) for line in curves]
    start = np.cumsum([0] + [len(points) for points, _, _ in ribbons])
    return SurfaceMesh(
        np.concatenate([points for points, _, _ in ribbons]),
        np.concatenate([faces + n for (_, faces, _), n in zip(ribbons, start, strict=False)]),
        np.concatenate([normals for _, _, normals in ribbons]),
    )


def _ribbon(line_mm: Array, query: SurfaceQuery) -> tuple[Array, NDArray[np.int64], Array]:
    """Points, triangles and normals of a ribbon laid on the surface along a line (n, 3)."""
    middle, outward = query.closest(line_mm)
    along = np.gradient(middle, axis=0)
    across = np.cross(along, outward)
    across *= WIDTH_MM / 2 / np.maximum(np.linalg.norm(across, axis=1), 1e-9)[:, None]
    edges = [query.closest(middle + way * across) for way in (-1.0, 1.0)]
    rows = np.arange(len(middle) - 1)
    low, high = rows, rows + len(middle)
    faces = np.concatenate([np.stack([low, high, low + 1], axis=1), np.stack([high, high + 1, low + 1], axis=1)])
    points = np.concatenate([foot + LIFT_MM * normal for foot, normal in edges])
    return points, faces.astype(np.int64), np.concatenate([outward, outward])
