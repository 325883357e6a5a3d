"""Where to block the greater occipital nerve: the medial third of the inion-mastoid line, and the other published places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from meshes.curves import arc_length, point_at, resample
from meshes.model import Anatomy, Side
from scenarios.rules import UP, directions
from scenarios.sites import Ground, InjectionSite, needle, read_table

Array = NDArray[np.float64]
NERVE = "greater_occipital_nerve"
FARTHEST_BONE_MM = 60.0


@dataclass(frozen=True, eq=False)
class LandmarkDefinition:
    """One published place for the block, on one side.

    Parameters
    ----------
    key, label, text : str
        Name, display name, and the rule in words.
    side : {'left', 'right'}
    skin_point : (3,) array
        On the skin, mm RAS.
    lateral_mm, inferior_mm : float
        From the inion's bony point: distance from the midline, and downward.
    nerve_mm : float or None
        From the skin point to the nearest point of the nerve's axis; None where the anatomy has no such nerve.
    exit_mm : float or None
        The same seen from behind (left-right and up-down only) to where the nerve comes out under the skin.
    sources : tuple of str
    evidence : str
    """

    key: str
    label: str
    text: str
    side: Side
    skin_point: Array
    lateral_mm: float
    inferior_mm: float
    nerve_mm: float | None
    exit_mm: float | None
    sources: tuple[str, ...]
    evidence: str


def inion_mastoid_line(anatomy: Anatomy, side: str) -> Array:
    """Return the shortest path on the skin from the inion's skin point to that over the mastoid tip, (n, 3) mm."""
    row, ground = read_table("gon_sites")["line"], Ground(anatomy)
    return _line(ground, row, _checked(side))


def medial_third_point(anatomy: Anatomy, side: str) -> InjectionSite:
    """Return the block site at one third of the inion-mastoid line, walked on the skin from the inion.

    The line ends at the skin nearest to the tip of the mastoid process. The needle enters from below, and its
    tip rests a little short of the occipital bone, in the plane of the nerve.

    Raises
    ------
    ValueError
        If `side` is neither 'left' nor 'right', or the needle meets no bone.
    """
    table, ground = read_table("gon_sites"), Ground(anatomy)
    row, technique = table["definitions"]["medial_third"], table["technique"]
    which = _checked(side)
    point = _point(ground, row, table["line"], which)
    direction, depth = _needle_path(ground, point, technique)
    tool = needle(technique["needle"])
    evidence = {"position": row["evidence"]} | dict.fromkeys(("dose", "angle", "depth"), technique["evidence"])
    nerve = f"{NERVE}_{side}"
    return InjectionSite(
        id=f"GON_{'L' if side == 'left' else 'R'}1",
        muscle="",
        side=which,
        units=0.0,
        volume_ml=technique["volume_ml"],
        skin_point=_frozen(point),
        target_point=_frozen(point + depth * direction),
        direction=_frozen(direction),
        depth_mm=depth,
        needle=tool,
        sources=tuple(dict.fromkeys([*row["sources"], *technique["sources"]])),
        evidence=MappingProxyType(evidence),
        label=f"{side} {row['label'][0].lower()}{row['label'][1:]}",
        rule=row["text"],
        order=1,
        group=technique["group"],
        hit=nerve if _bathed(anatomy, nerve, point + depth * direction, technique["volume_ml"]) else None,
    )


def gon_landmark_definitions(anatomy: Anatomy, side: str) -> tuple[LandmarkDefinition, ...]:
    """Return every published place for the block on a side, with its distance to the nerve of this anatomy."""
    table, ground = read_table("gon_sites"), Ground(anatomy)
    rows = table["definitions"].items()
    return tuple(_definition(ground, key, row, table["line"], _checked(side)) for key, row in rows)


def _definition(ground: Ground, key: str, row: Mapping[str, Any], line: Mapping[str, str], side: Side) -> LandmarkDefinition:
    point = _point(ground, row, line, side)
    inion = ground.anatomy.landmark("inion")
    name = f"{NERVE}_{side}"
    nerve = ground.anatomy[name].centerline if name in ground.anatomy else None
    near = seen = None
    if nerve is not None:
        near = float(np.linalg.norm(resample(nerve, 0.5) - point, axis=1).min())
        seen = float(np.linalg.norm((_exit(ground, resample(nerve, 0.5), side) - point)[[0, 2]]))
    return LandmarkDefinition(
        key, row["label"], row["text"], side, _frozen(point), abs(float(point[0] - inion[0])), float(inion[2] - point[2]),
        near, seen, tuple(row["sources"]), row["evidence"],
    )  # fmt: skip


def _exit(ground: Ground, nerve: Array, side: Side) -> Array:
    """Where the nerve leaves the last muscle of the neck: its first point past trapezius, else its most superficial one."""
    key = f"trapezius_{side}"
    if key in ground.anatomy:
        near = ground.surface(key).signed_distance(nerve)
        touched = np.flatnonzero(near < 1.0)
        if len(touched):
            return np.asarray(nerve[touched[-1]])
    return np.asarray(nerve[int(np.argmax(ground.skin.signed_distance(nerve)))])


def _point(ground: Ground, row: Mapping[str, Any], line: Mapping[str, str], side: Side) -> Array:
    start = ground.skin_landmark("inion", "median")
    if "fraction" in row:
        return np.asarray(ground.skin.closest(point_at(_line(ground, line, side), row["fraction"]))[0][0])
    if "along_nuchal_line_mm" in row:
        curve = ground.anatomy.curve(f"superior_nuchal_line_skin_{side}")
        return np.asarray(ground.skin.closest(point_at(curve, row["along_nuchal_line_mm"] / arc_length(curve)[-1]))[0][0])
    below, _ = ground.skin.walk(start, -UP, row["inferior_mm"])
    return ground.skin.walk(below, directions(side)["lateral"], row["lateral_mm"])[0]


def _line(ground: Ground, row: Mapping[str, str], side: Side) -> Array:
    first = ground.skin_landmark(row["from"].removesuffix("_skin"), "median")
    return ground.skin.geodesic(first, ground.skin_landmark(row["to"].removesuffix("_skin"), side))


def _needle_path(ground: Ground, point: Array, technique: Mapping[str, Any]) -> tuple[Array, float]:
    """Direction upward and inward, and the length of needle to the plane just above bone."""
    normal = ground.skin.closest(point)[1][0]
    up = UP - (UP @ normal) * normal
    up /= np.linalg.norm(up)
    tilt = np.deg2rad(technique["upward_deg"])
    direction = np.sin(tilt) * up - np.cos(tilt) * normal
    far, normals = ground.surface("cranium").ray(point, direction, FARTHEST_BONE_MM)
    if not len(far):
        raise ValueError("the needle meets no bone from the medial third point; the skin and the cranium do not belong together.")
    # drawn back until it stands `above_bone_mm` clear of the bone, measured square to it
    slant = max(float(-(normals[0] @ direction)), 0.2)
    return direction, float(far[0]) - technique["above_bone_mm"] / slant


def _bathed(anatomy: Anatomy, nerve: str, tip: Array, volume_ml: float) -> bool:
    """Whether the nerve passes within the ball that the injected volume would fill round the tip."""
    axis = anatomy[nerve].centerline if nerve in anatomy else None
    radius = (3.0 * volume_ml * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
    return axis is not None and bool(np.linalg.norm(resample(axis, 0.5) - tip, axis=1).min() < radius)


def _checked(side: str) -> Side:
    check_choice("side", side, ("left", "right"))
    return "left" if side == "left" else "right"


def _frozen(value: Array) -> Array:
    out = np.array(value, dtype=np.float64)
    out.setflags(write=False)
    return out
