"""Whether an external occipital protuberance stands out of a real occiput, and where its top lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.curves import arc_length
from meshes.measure import Subject, midline_profile
from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.points import load_table
from meshes.real_fit import Similarity

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bump:
    """A protuberance of the midline.

    Parameters
    ----------
    top : (3,) array
        mm, in the frame of the skull.
    standing_mm : float
        How far it stands out of the smooth curve through the midline above and below it.
    """

    top: Array
    standing_mm: float


def bump_near(skull: SurfaceMesh, at: Array) -> Bump | None:
    """Return the protuberance near a place of the occiput's midline; None where the occiput is not whole there.

    Parameters
    ----------
    skull : SurfaceMesh
        In the Frankfort frame, mm.
    at : (3,) array
        Where the inion is thought to lie.

    Notes
    -----
    The height is that of `measure.protuberance`, looked for at every place near, not at one.
    """
    row, near = load_table("patient")["protuberance"], load_table("real_landmarks")["inion"]["reach_mm"]
    profile = midline_profile(Subject(_alone(skull, at)))
    if len(profile) < load_table("real_landmarks")["inion"]["fewest"]:
        return None
    along = arc_length(profile)
    along = along - along[int(np.argmin(np.linalg.norm(profile - at, axis=1)))]
    about = (np.abs(along) > row["near"] + near / 2) & (np.abs(along) < row["far"] + near)
    here = np.flatnonzero(np.abs(along) < near)
    if about.sum() < 6 or not len(here):
        return None
    forward, up = (np.polyfit(along[about], profile[about, i], 2) for i in (1, 2))
    out = np.column_stack([-np.polyval(np.polyder(up), along[here]), np.polyval(np.polyder(forward), along[here])])
    smooth = np.column_stack([np.polyval(forward, along[here]), np.polyval(up, along[here])])
    stands = np.einsum("ij,ij->i", profile[here, 1:] - smooth, out / np.linalg.norm(out, axis=1, keepdims=True))
    best = int(np.argmax(stands))
    return Bump(profile[here[best]], float(stands[best]))


def trapezius_top(parts: Mapping[str, SurfaceMesh], frame: Similarity) -> float | None:
    """Return the height (mm, Frankfort frame) at which the two trapezii begin beside the midline; None where one is absent."""
    beside, tops = load_table("real_landmarks")["inion"]["beside_mm"], []
    for side in ("right", "left"):
        muscle = parts.get(f"trapezius_{side}")
        v = np.empty((0, 3)) if muscle is None else frame.apply(muscle.vertices_mm)
        near = v[np.abs(v[:, 0]) < beside]
        if not len(near):
            return None
        tops.append(float(near[:, 2].max()))
    return float(np.mean(tops))


def _alone(skull: SurfaceMesh, inion: Array) -> Anatomy:
    """An anatomy of a skull and its inion, to measure on."""
    bone = Structure("cranium", "median", "bone", "bone", "cranium", "cranium", None, skull)
    return Anatomy.of("skull", [bone], {"inion": inion}, {})
