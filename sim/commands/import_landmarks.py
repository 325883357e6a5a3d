"""Landmarks of an import: told by an export of Inion, given by the user, or found on the surfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.commands.faults import BadInput, cannot

if TYPE_CHECKING:
    from meshes.importing.raw import RawParts
    from meshes.model import SurfaceMesh
    from meshes.real_landmarks import Found
    from meshes.real_parts import RealParts

Array = NDArray[np.float64]
FAR_MM = 40.0  # from where a landmark is found: a point that is given further off is of another frame or name
ON_SKULL_MM = 5.0  # a landmark of an export that lies further off its skull is of other parts
TILT_DEG, SHIFT_MM = 5.0, 8.0  # between Inion's frame and that of its landmarks, found anew on coarse surfaces


def given_points(file: str | None) -> Mapping[str, Array]:
    """Return the user's own points, (3,) mm RAS, by the model's names; none without a file.

    Raises
    ------
    BadInput
        If the file cannot be read, or a point has a name that no landmark has: the nearest is told.
    """
    from meshes import load_anatomy
    from meshes._check import unknown
    from meshes.markups import read_markups

    if file is None:
        return {}
    try:
        points = read_markups(file)
    except OSError as error:
        raise cannot("be read", file, error) from error
    except ValueError as error:
        raise BadInput(f"--landmarks: {error}") from error
    known = load_anatomy().landmarks
    for name in points:
        if name not in known:
            raise BadInput(f"{file}: {unknown('landmark', name, known)}")
    return points


def landmarks_of(real: RealParts, raw: RawParts, given: Mapping[str, Array]) -> dict[str, Found]:
    """Return the landmarks of a head, by name, in the frame of its parts.

    Raises
    ------
    BadInput
        If a given point lies far from where its landmark is found.
    ValueError
        If the skull fits no head.
    """
    from meshes.real_landmarks import Found, found

    parts, guessed = real.keyed(), estimated(raw)
    if not _tells_landmarks(parts, raw):
        out = dict(found(parts))
    elif not guessed:
        out = {n: Found(np.asarray(p), 1.0, "told by the file, an export of Inion") for n, p in raw.landmarks.items()}
    else:  # of a real person: the export has carried landmarks among them, which would make the error look small
        seen = found({k: m for k, m in parts.items() if k not in guessed})
        out = {n: Found(np.asarray(raw.landmarks[n]), f.confidence, f.how) for n, f in seen.items() if n in raw.landmarks}
    for name, point in given.items():
        at = real.placed(point)[0]
        far = float(np.linalg.norm(out[name].point_mm - at)) if name in out else 0.0
        if far > FAR_MM:
            where = f"{name} lies {far:.0f} mm from where it is found on the surface"
            raise BadInput(f"--landmarks: {where}; save the points in the frame of the parts, each under its own name.")
        out[name] = Found(at, 1.0, "given by you")
    return out


def estimated(raw: RawParts) -> set[str]:
    """Return the keys of parts whose place an export of Inion calls an estimate."""
    return {p.key for p in raw.parts if p.key and p.estimated}


def settled(real: RealParts, raw: RawParts, marks: Mapping[str, Found]) -> bool:
    """Return whether the parts are an export of Inion in its own frame, which then stays as it is.

    The files tell the key of every part that is used, nothing was turned or mirrored, and the Frankfort frame of the landmarks is
    near the frame that they lie in.
    """
    from meshes.real_landmarks_fits import frankfort

    told = {p.key for p in raw.parts if p.key}
    if real.mirrored or not np.allclose(real.turn, np.eye(3)) or not set(real.keyed()) <= told:
        return False
    frame = frankfort({n: f.point_mm for n, f in marks.items()})
    tilt = float(np.degrees(np.arccos(np.clip((np.trace(frame.turn) - 1) / 2, -1.0, 1.0))))
    return tilt < TILT_DEG and float(np.linalg.norm(frame.shift)) < SHIFT_MM


def _tells_landmarks(parts: Mapping[str, SurfaceMesh], raw: RawParts) -> bool:
    """Whether an export of Inion tells the landmarks of these very parts: they lie on the skull."""
    from scipy.spatial import cKDTree

    from meshes.points import load_table

    frame = load_table("real_landmarks")["frame"]
    if len(raw.landmarks) < frame["fewest"] or any(n not in raw.landmarks for n in frame["needs"]):
        return False
    points = np.array([raw.landmarks[n] for n in frame["needs"]])
    return bool((cKDTree(parts["cranium"].vertices_mm).query(points)[0] < ON_SKULL_MM).all())
