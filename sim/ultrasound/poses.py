"""Where a probe lies, and the five motions of the hand that holds it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_points
from meshes.frames import RigidTransform, frame_from_axes
from meshes.surface import SurfaceQuery
from sim.tables import table

Array = NDArray[np.float64]
SQUARE_WITHIN = 1e-3  # cosine by which two axes may miss a right angle and still be mended
STRIDE_MM = 0.5


@dataclass(frozen=True, eq=False)
class ProbePose:
    """A probe on, or pressed into, the skin.

    The probe's frame has its origin in the middle of the face, x along the footprint toward the marked end, z into the tissue and
    y = z × x. In all named poses the marked end points to the patient's left (cranially in the longitudinal one).

    Parameters
    ----------
    centre_mm : (3,) array
        Middle of the footprint on the skin at rest, mm RAS.
    lateral : (3,) array
        Toward the marked end. Made a unit vector.
    axis : (3,) array
        Into the tissue, square to `lateral`. Made a unit vector, and exactly square.
    press_mm : float
        How far the face is pushed along `axis` from `centre_mm`, compressing the tissue.
    name : str
        Of the named pose that it started from, if any.

    Raises
    ------
    ValueError
        If a number is not finite, a direction has no length, the two are not square, or the press is out of range.
    """

    centre_mm: Array
    lateral: Array
    axis: Array
    press_mm: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        centre = _vector("centre_mm", self.centre_mm)
        lateral, axis = _unit_of("lateral", self.lateral), _unit_of("axis", self.axis)
        if abs(lateral @ axis) > SQUARE_WITHIN:
            angle = math.degrees(math.acos(min(1.0, abs(float(lateral @ axis)))))
            raise ValueError(f"lateral and axis meet at {angle:.1f} degrees; they must be square to each other.")
        axis = axis - (axis @ lateral) * lateral
        axis = axis / np.linalg.norm(axis)
        press, most = finite("press_mm", self.press_mm), limit("press_most_mm")
        if not 0 <= press <= most:
            raise ValueError(f"press_mm is {press:g}; it must be between 0 and {most:g}.")
        for field, value in (("centre_mm", centre), ("lateral", lateral), ("axis", axis)):
            value.setflags(write=False)
            object.__setattr__(self, field, value)
        object.__setattr__(self, "press_mm", press)

    @cached_property
    def elevation(self) -> Array:
        """Unit normal (3,) of the scanned plane: `axis` × `lateral`, the frame's y; cranial if the marked end is left."""
        return np.cross(self.axis, self.lateral)

    @cached_property
    def face_mm(self) -> Array:
        """Middle (3,) of the probe's face, mm RAS: the centre moved by the press along the axis."""
        return np.asarray(self.centre_mm + self.press_mm * self.axis)

    @cached_property
    def ras_from_probe(self) -> RigidTransform:
        """The probe's frame in RAS, mm."""
        return frame_from_axes(self.face_mm, self.lateral, self.axis, "probe")

    @cached_property
    def probe_from_ras(self) -> RigidTransform:
        """RAS in the probe's frame, mm."""
        return self.ras_from_probe.inverse()


def rotate(pose: ProbePose, deg: float) -> ProbePose:
    """Turn about the axis through the centre: positive is clockwise as seen from outside looking into the body."""
    return _turned(pose, pose.axis, deg)


def tilt(pose: ProbePose, deg: float) -> ProbePose:
    """Fan the scanned plane about the footprint's length: positive swings the beam toward `elevation` (cranial as a rule)."""
    return _turned(pose, pose.lateral, -finite("deg", deg))


def rock(pose: ProbePose, deg: float) -> ProbePose:
    """Lean within the scanned plane, heel to toe: positive swings the beam toward the marked end, whose face lifts."""
    return _turned(pose, pose.elevation, deg)


def press(pose: ProbePose, mm: float) -> ProbePose:
    """Push `mm` further along the axis (negative lets go); the press stays between 0 and the limit of `poses.toml`."""
    return replace(pose, press_mm=min(max(pose.press_mm + finite("mm", mm), 0.0), limit("press_most_mm")))


def slide(pose: ProbePose, skin: SurfaceQuery, along_mm: float = 0.0, across_mm: float = 0.0) -> ProbePose:
    """Slide straight over the skin; the probe keeps its rotation, tilt and rocking relative to the skin, and its press.

    Parameters
    ----------
    pose : ProbePose
        Its centre is put on the skin first.
    skin : SurfaceQuery
    along_mm : float
        Toward the marked end, measured on the skin.
    across_mm : float
        Toward `elevation`, measured on the skin.

    Raises
    ------
    ValueError
        If a length is not finite or too long, or the footprint stands square to the skin.
    """
    way = np.array([finite("along_mm", along_mm), finite("across_mm", across_mm)])
    length, most = float(np.hypot(*way)), limit("slide_most_mm")
    if length > most:
        raise ValueError(f"the slide is {length:g} mm long; it must be at most {most:g} mm.")
    start, normals = skin.closest(pose.centre_mm)
    ahead = _heading(pose, normals[0], way) if length > 0 else np.zeros(3)
    carrier = _Carrier(normals[0], ahead)
    end, _ = skin.walk(start[0], carrier.follow, length, step_mm=STRIDE_MM)
    carrier.follow(end, skin.closest(end)[1][0])
    return replace(pose, centre_mm=end, lateral=carrier.turn @ pose.lateral, axis=carrier.turn @ pose.axis)


def crossing(line: ArrayLike, pose: ProbePose) -> Array:
    """Return the points (m, 3) where a centreline (n, 3) crosses the scanned plane, in its order, mm RAS.

    The plane has no edges here; a line that only touches it, or lies in it, does not cross.
    """
    points = check_points("line", line)
    height = (points - pose.face_mm) @ pose.elevation
    at = np.flatnonzero(np.diff(height >= 0))
    share = (height[at] / (height[at] - height[at + 1]))[:, None]
    return np.asarray(points[at] + share * (points[at + 1] - points[at]))


def contact(pose: ProbePose, skin: SurfaceQuery, width_mm: float, n: int = 64) -> Array:
    """Return the gaps (n,) mm from the face to the resting skin along the axis, at even stations over the footprint.

    From the unmarked end to the marked one; negative where the face presses the skin in, NaN where no skin is near it.
    """
    if not 0 < finite("width_mm", width_mm) <= limit("footprint_most_mm"):
        raise ValueError(f"width_mm is {width_mm:g}; it must be more than 0 and at most {limit('footprint_most_mm'):g}.")
    if n < 2:
        raise ValueError(f"n is {n}; at least 2 stations are needed.")
    stations = np.linspace(-width_mm / 2, width_mm / 2, n)[:, None]
    return np.array([gap_at(skin, at, pose.axis) for at in pose.face_mm + stations * pose.lateral])


def gap_at(skin: SurfaceQuery, at: Array, axis: Array) -> float:
    """Return how far (mm) along `axis` the skin is entered from a point (3,), behind it if negative; the nearest, else NaN."""
    reach = limit("reach_mm")
    far, normals = skin.ray(at - reach * axis, axis, 2 * reach)
    entered = far[normals @ axis < 0] - reach
    return float(entered[np.argmin(np.abs(entered))]) if len(entered) else math.nan


def pose_table() -> Mapping[str, Any]:
    """Return `sim/data/poses.toml`."""
    return table("poses")


def limit(name: str) -> float:
    """Return a limit of `poses.toml` by its name."""
    return float(pose_table()["limits"][name])


def finite(name: str, value: float) -> float:
    """Return `value` as a finite float, else raise ValueError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} is {value!r}; it must be a finite number.")
    return number


class _Carrier:
    """Carries directions along a walk without twist: each step adds the smallest turn from the last normal to the next."""

    def __init__(self, normal: Array, ahead: Array) -> None:
        self.normal, self.ahead, self.turn = normal, ahead, np.eye(3)

    def follow(self, _at: Array, normal: Array) -> Array:
        """Return the carried direction of travel at a place with this outward normal."""
        self.turn = _between(self.normal, normal) @ self.turn
        self.normal = normal
        return np.asarray(self.turn @ self.ahead)


def _heading(pose: ProbePose, normal: Array, way: Array) -> Array:
    """Unit direction of travel in the skin's tangent plane."""
    along = pose.lateral - (pose.lateral @ normal) * normal
    if np.linalg.norm(along) < 1e-3:
        raise ValueError("the footprint stands square to the skin; there is no way to slide along it.")
    along = along / np.linalg.norm(along)
    across = np.cross(-normal, along)
    if across @ pose.elevation < 0:
        across = -across
    ahead = way[0] * along + way[1] * across
    return np.asarray(ahead / np.linalg.norm(ahead))


def _between(a: Array, b: Array) -> Array:
    """Smallest rotation (3, 3) that takes the unit vector `a` to `b`."""
    v, c = np.cross(a, b), float(a @ b)
    if c < -0.99:
        raise ValueError("the skin folds back under the probe; slide in another direction.")
    k = _cross_matrix(v)
    return np.asarray(np.eye(3) + k + k @ k / (1 + c))


def _turned(pose: ProbePose, about: Array, deg: float) -> ProbePose:
    turn = math.radians(math.fmod(finite("deg", deg), 360.0))
    k = _cross_matrix(about)
    r = np.eye(3) + math.sin(turn) * k + (1 - math.cos(turn)) * (k @ k)
    return replace(pose, lateral=r @ pose.lateral, axis=r @ pose.axis)


def _cross_matrix(v: Array) -> Array:
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def _vector(name: str, value: ArrayLike) -> Array:
    array = np.array(value, dtype=np.float64)
    if array.shape != (3,) or not np.isfinite(array).all():
        raise ValueError(f"{name} is {array.tolist()}; it must be three finite numbers.")
    return array


def _unit_of(name: str, value: ArrayLike) -> Array:
    vector = _vector(name, value)
    length = float(np.linalg.norm(vector))
    if not 1e-9 < length < 1e9:
        raise ValueError(f"{name} is {vector.tolist()}; it must have a length, as a direction.")
    return np.asarray(vector / length)
