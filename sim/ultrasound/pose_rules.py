"""The named poses of `poses.toml`, and by which structures each of them is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.curves import arc_length
from meshes.measure import Subject, at_nuchal_line, belly_axis, gon_c2_point
from sim.ultrasound.poses import pose_table

Array = NDArray[np.float64]
LEFT, UP = np.array([-1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
CHORD_MM = 10.0  # to either side, over which the direction of the nuchal line is taken


@dataclass(frozen=True)
class NamedPose:
    """What `poses.toml` says of one named pose.

    Parameters
    ----------
    key, label, text : str
        Name in the file, for display, and in plain words.
    steps : tuple of str
        Of the manoeuvre.
    marked_end : {'left', 'cranial'}
        Where the marked end of the probe points: to the patient's left, or toward the head.
    of : tuple of str
        Unsided keys of what the picture must show, the first within `within_mm` of its middle.
    within_mm : float
    probe : str
        Name of the probe's preset.
    depth_mm, frequency_mhz : float
        To set the scanner to.
    press_mm : float or None
        None: as far as thins the soft tissue over bone by the compression of `literature.toml`.
    sources : tuple of str
    evidence : mapping of str to str
        Level of each quantity.
    """

    key: str
    label: str
    text: str
    steps: tuple[str, ...]
    marked_end: str
    of: tuple[str, ...]
    within_mm: float
    probe: str
    depth_mm: float
    frequency_mhz: float
    press_mm: float | None
    sources: tuple[str, ...]
    evidence: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Seat:
    """Where a pose is sought: the plane holds the point `through` and the direction `hint`; `lines` are what it must cross."""

    through: Array
    hint: Array
    lines: tuple[tuple[str, Array, Array], ...] = ()  # key, centreline, point near which it is met
    beside_mm: float = 0.0  # from what is to be seen to the image's middle, toward the marked end


@cache
def named_poses() -> Mapping[str, NamedPose]:
    """Return every named pose by its key, in the order of the file."""
    return MappingProxyType({key: _named(key, row) for key, row in pose_table()["poses"].items()})


def _named(key: str, row: Mapping[str, Any]) -> NamedPose:
    lists: dict[str, Any] = {name: tuple(row[name]) for name in ("steps", "of", "sources")}
    return NamedPose(
        **{**row, **lists, "key": key, "evidence": MappingProxyType(dict(row["evidence"])), "press_mm": row.get("press_mm")}
    )


def _facing(direction: Array, marked_end: str) -> Array:
    """The direction or its opposite, whichever points the way of the marked end."""
    return np.asarray(direction if direction @ (UP if marked_end == "cranial" else LEFT) >= 0 else -direction)


def _lines(s: Subject, side: str, row: NamedPose, near: Callable[[str], Array]) -> tuple[tuple[str, Array, Array], ...]:
    """What must be seen: the first has to exist, the rest are looked for where the anatomy has them."""
    out = []
    for i, name in enumerate(row.of):
        key = f"{name}_{side}"
        if i and key not in s.anatomy:
            continue
        line = s.anatomy[key].centerline
        if line is None:
            raise KeyError(f"{key} has no centreline.")
        out.append((key, line, near(name)))
    return tuple(out)


def _at_nuchal_line(s: Subject, side: str, row: NamedPose) -> Seat:
    curve = s.anatomy.curve(f"superior_nuchal_line_{side}")
    lines = _lines(s, side, row, lambda name: at_nuchal_line(s, name, side))
    i = int(np.argmin(np.linalg.norm(curve - np.mean([near for _, _, near in lines], axis=0), axis=1)))
    about = np.abs(arc_length(curve) - arc_length(curve)[i]) <= CHORD_MM
    chord = curve[about][-1] - curve[about][0]
    return Seat(curve[i], _facing(chord, row.marked_end), lines)


def _at_spine(s: Subject, _side: str, _row: NamedPose) -> Seat:
    return Seat(s.anatomy.landmark("c2_spinous_tip"), LEFT)


def _at_oblique(s: Subject, side: str, row: NamedPose) -> Seat:
    middle, along, _ = belly_axis(s, f"obliquus_capitis_inferior_{side}")
    beside = float(pose_table()["rotation"]["medial_mm"]) * (1.0 if side == "right" else -1.0)
    return Seat(middle, _facing(along, row.marked_end), _lines(s, side, row, lambda _: gon_c2_point(s, side)), beside)


def _at_facet(s: Subject, side: str, row: NamedPose) -> Seat:
    upper, lower = (
        s.anatomy[f"zygapophysial_joint_capsule_{n}_{side}"].mesh.vertices_mm.mean(axis=0) for n in ("c2_c3", "c3_c4")
    )
    lines = _lines(s, side, row, lambda name: _closest_on(s.anatomy[f"{name}_{side}"].centerline, upper))
    return Seat(upper, _facing(upper - lower, row.marked_end), lines)


def _closest_on(line: Array | None, point: Array) -> Array:
    if line is None:
        raise KeyError("a nerve has no centreline.")
    return np.asarray(line[np.argmin(np.linalg.norm(line - point, axis=1))])


SEATS: Mapping[str, Callable[[Subject, str, NamedPose], Seat]] = {
    "nuchal-line": _at_nuchal_line,
    "c2-spine": _at_spine,
    "c2-oblique": _at_oblique,
    "c2-c3-facet": _at_facet,
    "occipital-artery": _at_nuchal_line,
}
