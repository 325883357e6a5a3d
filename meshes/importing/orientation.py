"""In which unit and frame a scan is, told by its skull: the shipped model's is laid on it in every posture of the axes.

A skull is nearly its own mirror image: which side is right cannot be seen on it. That is told by the parts that have a side in
their names (`sides.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from meshes import load_anatomy
from meshes.importing.raw import ImportFault
from meshes.model import SurfaceMesh
from meshes.real_fit import Cloud, Similarity, icp, sampled

Array = NDArray[np.float64]
SKULL = "cranium"
MM: Mapping[str, float] = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
WORDS = {"mm": "millimetres", "cm": "centimetres", "m": "metres"}
TO_RAS: Mapping[str, Array] = {
    "ras": np.eye(3),
    "lps": np.diag([-1.0, -1.0, 1.0]),
    "y-up": np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
}
THE_FILE, YOU = "the file", "--frame"  # who tells a frame
SIZES = (0.55, 1.8)  # of a head in shares of the model's, or of the part of it that is there
COARSE, FINE = 500, 1200  # points of a surface
COARSE_ROUNDS, FINE_ROUNDS, BEST = 14, 25, 3
TURNED_MM = 20.0  # what two normals that stand square to each other count
KEPT = 0.9  # share of the points whose distances count
CROP_MM = 25.0  # what of the model lies further from the scan is not in it
FAR_MM = 9.0  # mean distance from which it is no skull
TILT, TOLD_TILT = 42.0, 55.0  # degrees of a head in its frame: found, and where the frame is told
LEVELLED = 15.0  # degrees of tilt from which on the head is levelled
BASE = ("mastoid_tip_right", "mastoid_tip_left", "opisthion")
BASE_AROUND_MM, BASE_NEAR_MM, BASE_LEAST = 22.0, 9.0, 0.5
DIRECTIONS = (("right", "left"), ("front", "back"), ("top", "foot"))


@dataclass(frozen=True)
class Seat:
    """How the skull of a scan lies.

    Parameters
    ----------
    way : Similarity
        From the scan, in mm and its own axes, to the model.
    gap_mm : float
        Mean distance of the scan's skull from the model's.
    base : float
        Least share of the surroundings of mastoids and foramen magnum that the scan has.
    """

    way: Similarity
    gap_mm: float
    base: float

    @property
    def axes(self) -> Array:
        """The rotation by right angles (3, 3) that is nearest to the way to RAS."""
        return max(right_angles(), key=lambda r: float(np.trace(r.T @ self.way.turn)))

    def tilt(self, axes: Array) -> float:
        """Return how many degrees the head is turned in a frame whose way to RAS is given."""
        return float(np.rad2deg(Rotation.from_matrix(self.way.turn @ axes.T).magnitude()))


def unit_of(vertices: Array, faces: NDArray[np.int64]) -> tuple[str, str]:
    """Return the unit of a skull by its size, and its size in words.

    Raises
    ------
    ImportFault
        If no unit makes it a head.
    """
    model = load_anatomy()[SKULL].mesh
    ratio = _radius(model.vertices_mm, model.faces) / max(_radius(vertices, faces), 1e-12)
    extent = np.ptp(vertices[np.unique(faces)], axis=0)
    said = "the skull measures " + " x ".join(f"{e:.3g}" for e in extent)
    unit = min(MM, key=lambda u: abs(float(np.log(ratio / MM[u]))))
    if not 1 / SIZES[1] <= ratio / MM[unit] <= 1 / SIZES[0]:
        raise ImportFault(f"{said}: that is no head in mm, cm or m; is it a whole skull, and the right part?")
    return unit, said


def check_unit(unit: str, vertices: Array, faces: NDArray[np.int64], teller: str) -> str:
    """Return the skull's size in words. Raises ImportFault if a unit that is told does not make it a head."""
    seen, said = unit_of(vertices, faces)
    if seen != unit:
        raise ImportFault(f"{teller} says {WORDS[unit]}, but {said}: {WORDS[seen]}. Look at the files, or set --unit {seen}.")
    return said


def seated(skull: SurfaceMesh) -> Seat:
    """Return how a skull, mm, lies, tried from all 24 turns by right angles."""
    theirs, ours = sampled(skull), _model_cloud()
    few, some = _thin(theirs, COARSE), _thin(ours, COARSE)
    starts = []
    for turn in right_angles():
        start = Similarity(turn, 1.0, some.points.mean(axis=0) - turn @ few.points.mean(axis=0))
        starts.append(icp(few, some, start, rounds=COARSE_ROUNDS))
    starts.sort(key=lambda way: _gap(few, some, way))
    many, most = _thin(theirs, FINE), _thin(ours, FINE)
    way = min((_cropped(many, most, way) for way in _distinct(starts)), key=lambda w: _gap(many, most, w))
    return Seat(way, _gap(many, most, way, turned=0.0, both=False), _base(theirs, way))


def check_skull(seat: Seat) -> None:
    """Raise ImportFault if a part is no skull, or one without its base."""
    if seat.gap_mm > FAR_MM or not 1 / SIZES[1] <= seat.way.scale <= 1 / SIZES[0]:
        raise ImportFault(
            f"the part named cranium is no skull that is known: it lies {seat.gap_mm:.0f} mm from the model's however it is "
            "turned. Name the skull, or give it whole."
        )
    if seat.base < BASE_LEAST:
        raise ImportFault(
            "the scan has no skull base: mastoid processes and the rim of the foramen magnum are needed, for they tell where "
            "the head is; give a skull that holds them."
        )


def frame_of(seat: Seat, told: str | None, teller: str) -> tuple[Array, str, str]:
    """Return the way (3, 3) to RAS by right angles, the frame's name or its axes in words, and what was found, a sentence.

    Parameters
    ----------
    seat : Seat
    told : str, optional
        'ras', 'lps' or 'y-up', as the file or the user says.
    teller : str
        Who says so.

    Raises
    ------
    ImportFault
        If what is told is not what is seen, or nothing is told and the head lies between two frames.
    """
    axes = seat.axes
    if told is not None:
        tilt = seat.tilt(TO_RAS[told])
        if tilt <= TOLD_TILT:
            return TO_RAS[told], told, f"{teller[:1].upper()}{teller[1:]} says {told}, and the skull lies so{_tilted(tilt)}."
        if not _only_turned_about(told, teller, axes):
            known = name_of(axes)
            cure = f"set --frame {known}" if known in TO_RAS else "turn it in the program that made it"
            said = f"{teller} says {told}, but the skull lies otherwise: {axes_in_words(axes)}"
            raise ImportFault(f"{said}. Look at the files, or {cure}.")
    tilt = seat.tilt(axes)
    if tilt > TILT:
        raise ImportFault(
            f"the head is turned by {tilt:.0f} degrees between two frames, so that which one is meant cannot be seen; "
            "set --frame ras, lps or y-up."
        )
    known = name_of(axes)
    named = f"The frame is {known}" if known in TO_RAS else "The frame is none of ras, lps, y-up"
    return axes, known, f"{named}, as the skull shows: {axes_in_words(axes)}{_tilted(tilt)}."


def _only_turned_about(told: str, teller: str, axes: Array) -> bool:
    """Whether a file of glTF keeps its up, which the format tells, and only looks another way, which programs do as they like."""
    return told == "y-up" and teller == THE_FILE and bool(np.allclose(axes[:, 1], TO_RAS[told][:, 1]))


def level_of(seat: Seat, axes: Array) -> Array:
    """Return the turn (3, 3) of RAS that levels a head that is tilted far; else none."""
    return np.asarray(seat.way.turn @ axes.T) if seat.tilt(axes) > LEVELLED else np.eye(3)


def name_of(axes: Array) -> str:
    """Return the name of a frame, or its axes in words."""
    return next((n for n, r in TO_RAS.items() if np.allclose(r, axes)), axes_in_words(axes))


def axes_in_words(axes: Array) -> str:
    """Return where the three axes of a frame point."""
    told = []
    for i, letter in enumerate("xyz"):
        row = int(np.argmax(np.abs(axes[:, i])))
        told.append(f"+{letter} to the {DIRECTIONS[row][0 if axes[row, i] > 0 else 1]}")
    return ", ".join(told)


@cache
def right_angles() -> tuple[Array, ...]:
    """Return the 24 rotations by right angles."""
    return tuple(np.round(r).astype(np.float64) + 0.0 for r in Rotation.create_group("O").as_matrix())


def _tilted(degrees: float) -> str:
    return f", the head turned by {degrees:.0f} degrees" if degrees >= 5 else ""


@cache
def _model_cloud() -> Cloud:
    return sampled(load_anatomy()[SKULL].mesh)


def _radius(vertices: Array, faces: NDArray[np.int64]) -> float:
    """Root of the mean square distance of a surface from its middle."""
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    if not area.sum() > 0:
        raise ImportFault("the part named cranium has no area; name another part, or export it again.")
    middle, share = corners.mean(axis=1), area / area.sum()
    return float(np.sqrt(share @ ((middle - share @ middle) ** 2).sum(axis=1)))


def _thin(cloud: Cloud, count: int) -> Cloud:
    pick = np.linspace(0, len(cloud.points) - 1, min(count, len(cloud.points))).astype(int)
    return Cloud(cloud.points[pick], cloud.normals[pick])


def _gap(theirs: Cloud, ours: Cloud, way: Similarity, *, turned: float = TURNED_MM, both: bool = True) -> float:
    """Mean distance of the nearest of two clouds, mm; normals that disagree count as distance."""
    a = np.hstack([way.apply(theirs.points), turned * theirs.normals @ way.turn.T])
    b = np.hstack([ours.points, turned * ours.normals])
    far = [np.sort(cKDTree(b).query(a)[0])]
    if both:
        far.append(np.sort(cKDTree(a).query(b)[0]))
    return float(np.mean([d[: int(KEPT * len(d))].mean() for d in far])) / min(max(way.scale, 0.2), 1.0)


def _distinct(ways: list[Similarity]) -> list[Similarity]:
    """The best few that are not the same posture."""
    out: list[Similarity] = []
    for way in ways:
        if all(Rotation.from_matrix(way.turn @ o.turn.T).magnitude() > 0.2 for o in out):
            out.append(way)
        if len(out) == BEST:
            break
    return out


def _cropped(theirs: Cloud, ours: Cloud, way: Similarity) -> Similarity:
    """The fit to what of the model's skull the scan has."""
    way = icp(theirs, ours, way, rounds=FINE_ROUNDS)
    near = cKDTree(way.apply(theirs.points)).query(ours.points)[0] < CROP_MM
    if near.all() or near.sum() < COARSE / 2:
        return way
    return icp(theirs, Cloud(ours.points[near], ours.normals[near]), way, rounds=FINE_ROUNDS)


def _base(theirs: Cloud, way: Similarity) -> float:
    """The least share of the places about mastoids and foramen magnum that have a scan's surface near."""
    model, ours = load_anatomy(), _model_cloud()
    far = cKDTree(way.apply(theirs.points)).query(ours.points)[0]
    shares = []
    for name in BASE:
        around = np.linalg.norm(ours.points - model.landmark(name), axis=1) < BASE_AROUND_MM
        shares.append(float((far[around] < BASE_NEAR_MM).mean()))
    return min(shares)
