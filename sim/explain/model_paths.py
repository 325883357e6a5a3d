"""The way on which neck pain is felt behind the eye, as a line through the structures of an anatomy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.curves import arc_length, resample
from meshes.model import Anatomy
from sim.tables import table

Array = NDArray[np.float64]

NERVE, GANGLION, ROOTS = "greater_occipital_nerve", "c2_spinal_ganglion", "c2_nerve_roots"
NUCLEUS, TRUNK = "spinal_nucleus_of_trigeminal_nerve", "trigeminal_nerve"
FACE_GANGLION, EYE_NERVE = "trigeminal_ganglion", "ophthalmic_nerve"
NEEDED = (NERVE, GANGLION, ROOTS, NUCLEUS, TRUNK, FACE_GANGLION, EYE_NERVE)


def convergence(anatomy: Anatomy, side: str) -> dict[str, Any] | None:
    """Return the way from the scalp to the meeting place in the nucleus, and on to behind the eye; None if parts are missing.

    Returns
    -------
    dict
        'path_mm' : points of the whole way; 'meeting' : share of its length at which both nerves meet, 'meeting_mm' : that
        point; 'felt_mm' : the place behind the eye; 'legs' : for each structure 'key', and 'from' and 'to' as shares.
    """
    keys = {name: f"{name}_{side}" for name in NEEDED}
    if any(key not in anatomy for key in keys.values()) or f"pupil_{side}" not in anatomy.landmarks:
        return None
    lines = [(keys[name], line) for name, line in _legs(anatomy, keys, side) if len(line)]
    step = table("explain_model")["convergence"]["step_mm"]
    points = resample(_distinct(np.concatenate([line for _, line in lines])), step)
    shares = arc_length(points) / arc_length(points)[-1]
    meeting = lines[[key for key, _ in lines].index(keys[NUCLEUS])][1][0]
    at = [float(shares[np.argmin(np.linalg.norm(points - line[-1], axis=1))]) for _, line in lines]
    legs = [{"key": key, "from": a, "to": b} for (key, _), a, b in zip(lines, [0.0, *at[:-1]], [*at[:-1], 1.0], strict=True)]
    return {
        "path_mm": np.round(points, 2).tolist(), "felt_mm": np.round(points[-1], 2).tolist(), "legs": legs,
        "meeting": float(shares[np.argmin(np.linalg.norm(points - meeting, axis=1))]),
        "meeting_mm": np.round(meeting, 2).tolist(), "side": side,
    }  # fmt: skip


def _legs(anatomy: Anatomy, keys: Mapping[str, str], side: str) -> list[tuple[str, Array]]:
    """The lines of the structures on the way, each from where the pulse comes to where it goes."""
    line = {name: _line(anatomy, keys[name]) for name in NEEDED}
    twigs = anatomy[keys[NERVE]].branches.values()
    longest = max(twigs, key=lambda b: float(arc_length(b)[-1]), default=np.zeros((0, 3)))
    rules = table("explain_model")["convergence"]
    first = longest[arc_length(longest) <= rules["scalp_mm"]] if len(longest) > 1 else longest
    nerve = np.concatenate([first[::-1], line[NERVE][::-1]])
    roots = _from(line[ROOTS], line[GANGLION][0])
    nucleus = _from(line[NUCLEUS], line[TRUNK][0])[::-1]
    nucleus = nucleus[int(np.argmin(np.linalg.norm(nucleus - roots[-1], axis=1))) :]
    trunk = _from(line[TRUNK], nucleus[-1])
    eye = _from(line[EYE_NERVE], line[FACE_GANGLION][0])
    felt = np.asarray(anatomy.landmark(f"pupil_{side}")) - np.array([0.0, rules["behind_pupil_mm"], 0.0])
    eye = np.concatenate([eye[: int(np.argmin(np.linalg.norm(eye - felt, axis=1))) + 1], felt[None]])
    return [
        (NERVE, nerve), (GANGLION, line[GANGLION]), (ROOTS, roots), (NUCLEUS, nucleus), (TRUNK, trunk),
        (FACE_GANGLION, line[FACE_GANGLION]), (EYE_NERVE, eye),
    ]  # fmt: skip


def _line(anatomy: Anatomy, key: str) -> Array:
    """The axis of a structure; the middle of one that has none."""
    structure = anatomy[key]
    if structure.centerline is not None:
        return np.asarray(structure.centerline, dtype=np.float64)
    vertices = structure.mesh.vertices_mm
    return np.asarray((vertices.min(axis=0) + vertices.max(axis=0))[None] / 2)


def _from(line: Array, start: Array) -> Array:
    """A line turned so that it begins near a point."""
    return line if np.linalg.norm(line[0] - start) <= np.linalg.norm(line[-1] - start) else line[::-1]


def _distinct(points: Array) -> Array:
    """Points of which no two in a row are one."""
    away = np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-6
    return np.asarray(points[np.concatenate([[True], away])])
