"""What a landmark that is set by hand may be: on its bone or skin, on its side, apart from the others, and no turned head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.points import load_table
from meshes.real_landmarks import INSIDE, Found
from meshes.real_landmarks_fits import frankfort, owner_of
from meshes.surface import SurfaceQuery
from meshes.terms import split_key

Array = NDArray[np.float64]
SECTION = "_at_"
OTHER = {"right": "left", "left": "right"}


@dataclass(frozen=True)
class Refusal:
    """Why a point cannot be right.

    Parameters
    ----------
    what : str
        What is wrong with it, in words, without an end.
    slip : str
        By what slip of a file that comes about, with what stands before it and the end.
    """

    what: str
    slip: str = "."

    def __str__(self) -> str:
        return f"{self.what}{self.slip}"


def refused(anatomy: Anatomy, asked: Mapping[str, Array], known: Mapping[str, Found]) -> dict[str, Refusal]:
    """Return why points (3,) mm that are set by hand cannot be right, by name; those that can are not in it.

    Parameters
    ----------
    anatomy : Anatomy
        Of a person, as it is now.
    asked : mapping of str to (3,) array
        The points, by name, mm, in the anatomy's frame.
    known : mapping of str to Found
        The landmarks that were found on the person or set by hand before.

    Returns
    -------
    dict of str to Refusal
        Under the name '' that all of them together turn the head, where each alone could be right.
    """
    faults = {name: fault for name in asked if (fault := _fault(anatomy, name, asked, known)) is not None}
    if not faults and (turned := _tilted(known, asked)) is not None:
        return {"": turned}
    return faults


def surface_of(anatomy: Anatomy, name: str) -> str | None:
    """Return the key of the bone that a landmark belongs to, of the skin for all others; None where there is neither."""
    return owner_of(name, anatomy.structures) or ("skin" if "skin" in anatomy else None)


def is_inside(name: str) -> bool:
    """Return whether a landmark lies inside its bone, not on it."""
    return split_key(name)[0].endswith(INSIDE)


def tilt_deg(landmarks: Mapping[str, Array]) -> float:
    """Return by how much (degrees) the porions and orbitalia turn the head out of the frame that they lie in."""
    turn = frankfort(landmarks).turn
    return float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1.0, 1.0))))


def _fault(anatomy: Anatomy, name: str, asked: Mapping[str, Array], known: Mapping[str, Found]) -> Refusal | None:
    """What is wrong with a point, or nothing."""
    bounds, point, (bare, side) = load_table("corrections")["bounds"], asked[name], split_key(name)
    places = {n: f.point_mm for n, f in known.items()} | dict(asked)
    if SECTION in bare:
        what = f"{name} is the middle of a muscle's section and follows from the muscle"
        return Refusal(what, "; take it out of the file.")
    if side in OTHER and _crossed(point, side, places.get(f"{bare}_{OTHER[side]}"), bounds["across_mm"]):
        slip = "; are right and left swapped, or is the file's frame (RAS, LPS) another?"
        return Refusal(f"{name} lies on the patient's other side", slip)
    if side == "median" and abs(point[0]) > bounds["beside_mm"]:
        return Refusal(f"{name} lies {abs(point[0]):.0f} mm beside the midline, to which it belongs", "; move it there.")
    if (far := _off(anatomy, name, point, bounds)) is not None:
        return far
    moved = float(np.linalg.norm(point - anatomy.landmarks.get(name, point)))
    if moved > bounds["moved_mm"]:
        what = f"{name} would move {moved:.0f} mm, more than {bounds['moved_mm']:g}"
        return Refusal(what, ": is that another landmark's place?")
    for near, place in places.items():
        close = near != name and float(np.linalg.norm(place - point)) < bounds["apart_mm"]
        if close and not _were_near(anatomy, name, near, bounds["apart_mm"]):
            return Refusal(f"{name} and {near} lie in one place", "; move one of them.")
    return None


def _crossed(point: Array, side: str, twin: Array | None, across: float) -> bool:
    """Whether a point of one side lies on the other, or beyond its twin."""
    sign = 1.0 if side == "right" else -1.0
    return bool(sign * point[0] < -across or (twin is not None and sign * (point[0] - twin[0]) <= 0))


def _off(anatomy: Anatomy, name: str, point: Array, bounds: Mapping[str, float]) -> Refusal | None:
    """What to say of a point that lies off the surface that it belongs to."""
    key = surface_of(anatomy, name)
    if key is None:
        return None
    carried = key in set(anatomy.meta.get("estimated", ()))
    most = bounds["off_estimated_mm"] if carried or is_inside(name) else bounds["off_own_mm"]
    far = float(np.linalg.norm(SurfaceQuery(anatomy[key].mesh).closest(point)[0][0] - point))
    what = f"{name} lies {far:.0f} mm off the {key.replace('_', ' ')}, to which it belongs"
    return Refusal(what, "; is the file's unit or frame another?") if far > most else None


def _were_near(anatomy: Anatomy, one: str, other: str, apart: float) -> bool:
    marks = anatomy.landmarks
    return one in marks and other in marks and float(np.linalg.norm(marks[one] - marks[other])) < 2 * apart


def _tilted(known: Mapping[str, Found], asked: Mapping[str, Array]) -> Refusal | None:
    """Whether the head would be turned out of its frame."""
    turn = tilt_deg({n: f.point_mm for n, f in known.items()} | dict(asked))
    most = load_table("corrections")["bounds"]["tilt_deg"]
    what = f"these points turn the head by {turn:.0f} degrees, more than {most:g}"
    return Refusal(what, "; look at porions and orbitalia again.") if turn > most else None
