"""Meetings of sutures on a skull whose bones are still apart: where three of them come nearest to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.model import SurfaceMesh
from meshes.points import load_table

Array = NDArray[np.float64]


def suture_meetings(bones: Mapping[str, SurfaceMesh]) -> dict[str, Array]:
    """Return the landmarks (3,) mm where sutures meet, by the model's names, in the frame of the bones.

    Parameters
    ----------
    bones : mapping of str to SurfaceMesh
        Bones of one skull before they are put together, such as 'frontal_bone' and 'parietal_bone_right'. A meeting one of
        whose three bones is absent, or whose bones lie apart, is left out.
    """
    table = load_table("real_landmarks")["sutures"]
    every = [m.vertices_mm for m in bones.values()]
    if not every:
        return {}
    middle = 0.5 * (np.vstack(every).min(axis=0) + np.vstack(every).max(axis=0))
    out: dict[str, Array] = {}
    for name, three in table["meeting"].items():
        if all(bone in bones for bone in three):
            point = _meeting([bones[bone].vertices_mm for bone in three], middle, table)
            out |= {} if point is None else {name: point}
    return out


def suture_bones() -> frozenset[str]:
    """Return the names of the bones whose meetings are known."""
    return frozenset(bone for three in load_table("real_landmarks")["sutures"]["meeting"].values() for bone in three)


def _meeting(three: Sequence[Array], middle: Array, table: Mapping[str, float]) -> Array | None:
    """The outermost of the places that lie nearest to all three; None where they do not touch."""
    places = np.vstack(three)
    far = np.max([cKDTree(points).query(places)[0] for points in three], axis=0)
    if far.min() > table["apart_mm"]:
        return None
    near = places[far < far.min() + table["level_mm"]]
    out = np.linalg.norm(near - middle, axis=1)
    return np.asarray(near[out > out.max() - table["level_mm"]].mean(axis=0))
