"""A probe laid flat on the skin, and the named poses placed on an anatomy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_choice, check_points
from meshes.curves import tangents
from meshes.measure import Subject
from meshes.model import Anatomy
from meshes.points import load_table
from meshes.surface import SurfaceQuery
from sim.ultrasound.pose_rules import LEFT, SEATS, NamedPose, Seat, named_poses
from sim.ultrasound.poses import ProbePose, contact, crossing, finite, pose_table, slide, tilt

Array = NDArray[np.float64]
SETTLED_MM, MOST_STEPS = 0.005, 40


def flat_on_skin(
    skin: SurfaceQuery, point: ArrayLike, lateral_hint: ArrayLike, press_mm: float = 0.0, footprint_mm: float = 38.4
) -> ProbePose:
    """Return a rigid probe resting on the skin.

    Parameters
    ----------
    skin : SurfaceQuery
    point : (3,) array
        Put on the skin first; it becomes the centre.
    lateral_hint : (3,) array
        The scanned plane holds this direction; the marked end points along it.
    press_mm : float
        Along the axis, from the skin at the centre.
    footprint_mm : float
        Length over which the skin's inward normal is averaged; both ends of it lie equally far from the skin.

    Raises
    ------
    ValueError
        If the hint stands square to the skin, or an end of the footprint does not meet skin.
    """
    at = check_points("point", np.atleast_2d(np.asarray(point, dtype=np.float64)))
    hint = check_points("lateral_hint", np.atleast_2d(np.asarray(lateral_hint, dtype=np.float64)))[0]
    centre, normals = skin.closest(at[:1])
    if np.linalg.norm(hint) < 1e-9:
        raise ValueError("lateral_hint has no length; give a direction along the skin.")
    pose = _in_plane(centre[0], -normals[0], hint, None)
    for _ in range(MOST_STEPS):
        met = _met(skin, pose, footprint_mm)
        inward = -skin.closest(met)[1].mean(axis=0)
        before, pose = pose, _in_plane(centre[0], inward, hint, met[-1] - met[0])
        if np.linalg.norm(pose.axis - before.axis) < 1e-7:
            break
    return replace(pose, press_mm=press_mm)


def probe_pose(anatomy: Anatomy, name: str, side: str = "right", *, press_mm: float | None = None) -> ProbePose:
    """Return a named pose on an anatomy; left and right are mirror images where the anatomy is.

    In transverse and oblique poses the marked end points to the patient's left on both sides, in the longitudinal one cranially.

    Parameters
    ----------
    anatomy : Anatomy
    name : str
        A key of `poses.toml`: 'nuchal-line', 'c2-spine', 'c2-oblique', 'c2-c3-facet' or 'occipital-artery'.
    side : {'right', 'left'}
    press_mm : float, optional
        In place of the pose's own press.

    Raises
    ------
    ValueError
        If the name or side is unknown, the anatomy lacks a landmark or structure that the pose is found by, the plane misses what
        it must show, or obliquus capitis inferior does not lie along the line between its two bones.
    """
    row = named_poses()[check_choice("name", name, named_poses())]
    check_choice("side", side, ("right", "left"))
    subject = Subject(anatomy)
    try:
        seat, skin = SEATS[name](subject, side, row), subject.query("skin")
        pose = _settled(skin, seat, row)
        if name == "c2-oblique":
            _along_the_bones(pose, subject, side)
            pose = _on_its_muscle(subject, pose, seat, row, side)
        if name == "occipital-artery":
            pose = _leaning(pose, skin, seat, row)
        _check_seen(pose, seat, row)
        pressed = _press(subject, pose, row) if press_mm is None else finite("press_mm", press_mm)
    except (KeyError, IndexError) as missing:
        reason = "a nerve or vessel does not take its usual course" if isinstance(missing, IndexError) else str(missing)
        raise ValueError(f"the pose {name!r} cannot be placed on this anatomy: {reason.rstrip('.')}.") from missing
    return replace(pose, press_mm=pressed, name=name)


def rotation_deg(pose: ProbePose, skin: SurfaceQuery) -> float:
    """Return by how much a pose is rotated from lying transverse at its place: positive clockwise seen from outside, degrees."""
    level = flat_on_skin(skin, pose.centre_mm, LEFT)
    turn = np.cross(level.lateral, pose.lateral) @ pose.axis
    return math.degrees(math.atan2(float(turn), float(level.lateral @ pose.lateral)))


def beam_angle_deg(line: ArrayLike, pose: ProbePose) -> float:
    """Return the angle (0 to 90 degrees) between the axis and a vessel where it crosses the plane nearest to the image's middle.

    Raises
    ------
    ValueError
        If it does not cross the plane.
    """
    met, points = crossing(line, pose), check_points("line", line)
    if not len(met):
        raise ValueError("the line does not cross the scanned plane; move the probe.")
    here = met[np.argmin(np.abs((met - pose.face_mm) @ pose.lateral))]
    along = tangents(points)[np.argmin(np.linalg.norm(points - here, axis=1))]
    return math.degrees(math.acos(min(1.0, abs(float(along @ pose.axis)))))


def _in_plane(centre: Array, inward: Array, hint: Array, chord: Array | None) -> ProbePose:
    """A pose in the plane of `hint` and `inward`, its face along the `chord` between the ends' skin points."""
    normal = np.cross(inward, hint)
    size = float(np.linalg.norm(normal))
    if size < 1e-2 * float(np.linalg.norm(inward)) * float(np.linalg.norm(hint)):
        raise ValueError("lateral_hint stands square to the skin; give a direction along it.")
    normal = normal / size
    lateral = np.cross(normal, inward) if chord is None else chord - (chord @ normal) * normal
    return ProbePose(centre, lateral, np.cross(lateral, normal))


def _met(skin: SurfaceQuery, pose: ProbePose, footprint_mm: float) -> Array:
    """Skin points (n, 3) before or behind the footprint's stations, those of both ends among them."""
    n = int(pose_table()["settling"]["rays"])
    gaps = contact(pose, skin, footprint_mm, n)
    if not np.isfinite(gaps[[0, -1]]).all():
        raise ValueError(
            f"an end of the footprint of {footprint_mm:g} mm does not meet skin here; use another place or direction."
        )
    stations = np.linspace(-footprint_mm / 2, footprint_mm / 2, n)
    met = pose.face_mm + stations[:, None] * pose.lateral + gaps[:, None] * pose.axis
    return np.asarray(met[np.isfinite(gaps)])


def _settled(skin: SurfaceQuery, seat: Seat, row: NamedPose) -> ProbePose:
    """Move over the skin until the plane holds the seat's point and what must be seen is in the middle."""
    footprint = float(pose_table()["settling"]["footprint_mm"])
    point = skin.closest(seat.through if not seat.lines else seat.lines[0][2])[0][0]
    for _ in range(MOST_STEPS):
        pose = flat_on_skin(skin, point, seat.hint, footprint_mm=footprint)
        shift = (
            _offset(pose, seat, row.within_mm) * pose.lateral + (seat.through - pose.centre_mm) @ pose.elevation * pose.elevation
        )
        if np.linalg.norm(shift) < SETTLED_MM:
            break
        point = pose.centre_mm + shift
    return pose


def _offset(pose: ProbePose, seat: Seat, within_mm: float) -> float:
    """How far along the footprint the middle should move."""
    if not seat.lines:
        return float((seat.through - pose.centre_mm) @ pose.lateral)
    at = [float((p - pose.centre_mm) @ pose.lateral) for p in (_nearest(pose, *line) for line in seat.lines) if p is not None]
    first = _nearest(pose, *seat.lines[0])
    if first is None:
        return float((seat.lines[0][2] - pose.centre_mm) @ pose.lateral)
    return float(np.clip(np.mean(at) + seat.beside_mm, at[0] - within_mm, at[0] + within_mm))


def _nearest(pose: ProbePose, _key: str, line: Array, near: Array) -> Array | None:
    met = crossing(line, pose)
    return met[np.argmin(np.linalg.norm(met - near, axis=1))] if len(met) else None


def _check_seen(pose: ProbePose, seat: Seat, row: NamedPose) -> None:
    if not seat.lines:
        return
    key, met = seat.lines[0][0], _nearest(pose, *seat.lines[0])
    factor = float(load_table("literature")["compression"]["factor"])
    deepest = row.depth_mm / (factor if row.press_mm is None else 1.0)
    if met is not None:
        along, deep = (met - pose.centre_mm) @ pose.lateral, (met - pose.centre_mm) @ pose.axis
        if abs(along) <= row.within_mm + 0.1 and 0 < deep < deepest:
            return
    raise ValueError(
        f"the pose {row.key!r} cannot be placed on this anatomy: its plane does not cross {key} within {row.within_mm:g} mm of "
        f"the image's middle and {deepest:.0f} mm of the skin at rest."
    )


def _leaning(pose: ProbePose, skin: SurfaceQuery, seat: Seat, row: NamedPose) -> ProbePose:
    """The least tilt that gives a Doppler angle; the best there is if none does."""
    rule = pose_table()["doppler"]
    tilts = np.arange(0.0, rule["tilt_most_deg"] + 1e-9, rule["step_deg"])
    found: list[tuple[float, ProbePose]] = []
    for deg in (sign * t for t in tilts for sign in ((1.0, -1.0) if t else (1.0,))):
        leaning = tilt(pose, deg)
        for _ in range(3):
            leaning = slide(leaning, skin, along_mm=_offset(leaning, seat, row.within_mm))
        if _nearest(leaning, *seat.lines[0]) is not None:
            found.append((beam_angle_deg(seat.lines[0][1], leaning), leaning))
            if found[-1][0] < rule["most_deg"]:
                return leaning
    return min(found, key=lambda pair: pair[0])[1] if found else pose


def _press(subject: Subject, pose: ProbePose, row: NamedPose) -> float:
    if row.press_mm is not None:
        return row.press_mm
    return round((1 - float(load_table("literature")["compression"]["factor"])) * bone_depth(subject, pose), 1)


def bone_depth(subject: Subject, pose: ProbePose) -> float:
    """Return the distance from the resting skin to the first bone along the axis, median over the middle of the footprint, mm.

    Raises
    ------
    ValueError
        If no bone lies under it.
    """
    rule = pose_table()["settling"]
    width, reach = rule["footprint_mm"] * rule["middle_share"], float(rule["bone_reach_mm"])
    starts = _met(subject.query("skin"), replace(pose, press_mm=0.0), width)
    ways = np.broadcast_to(pose.axis, starts.shape)
    box = np.vstack([starts, starts + reach * ways])
    bones = [k for k, s in subject.anatomy.structures.items() if s.kind == "bone" and _boxes_meet(s.mesh.vertices_mm, box)]
    far = np.array([subject.query(key).first_hit(starts, ways, reach) for key in bones]).reshape(-1, len(starts))
    first = np.nanmin(np.vstack([far, np.full(len(starts), np.inf)]), axis=0)
    if not np.isfinite(np.median(first)):
        raise ValueError(f"no bone lies within {reach:g} mm under the middle of the probe; give press_mm.")
    return float(np.median(first))


def _boxes_meet(a: Array, b: Array) -> bool:
    return bool((a.min(axis=0) <= b.max(axis=0)).all() and (b.min(axis=0) <= a.max(axis=0)).all())


def _along_the_bones(pose: ProbePose, subject: Subject, side: str) -> None:
    """Raise ValueError if the probe's line is not that from the person's own spine of C2 to the transverse process of C1."""
    most, way = float(pose_table()["rotation"]["off_most_deg"]), -1.0 if side == "right" else 1.0
    bones = subject.anatomy.landmark(f"c1_transverse_tip_{side}") - subject.anatomy.landmark("c2_spinous_tip")
    bones = bones - (bones @ pose.axis) * pose.axis
    taken = replace(pose, lateral=bones if bones @ pose.lateral > 0 else -bones)
    asked, allowed = (way * rotation_deg(p, subject.query("skin")) for p in (pose, taken))
    if not abs(asked - allowed) <= most:
        raise ValueError(
            f"obliquus_capitis_inferior_{side} asks for a rotation of {asked:.1f} degrees, lateral end cephalad, but the "
            f"line from the spine of C2 to the transverse process of C1 for {allowed:.1f}; they must agree within {most:g}. "
            f"Check the landmarks c2_spinous_tip and c1_transverse_tip_{side}."
        )


def _on_its_muscle(subject: Subject, pose: ProbePose, seat: Seat, row: NamedPose, side: str) -> ProbePose:
    """Slide across the muscle, no farther than it takes, until the nerve is seen on its back; the pose itself if it never is."""
    key, line, _ = seat.lines[0]
    if _on_back(subject, pose, _nearest(pose, *seat.lines[0]), side):
        return pose
    step, height = float(pose_table()["fine_slide"]["step_mm"]), (line - seat.through) @ pose.elevation
    tried: set[int] = set()
    for i in np.argsort(np.abs(height)):
        if (at := round(height[i] / step)) in tried or not _on_back(subject, pose, line[i], side):
            continue
        tried.add(at)
        there = replace(seat, through=seat.through + height[i] * pose.elevation, lines=((key, line, line[i]), *seat.lines[1:]))
        slid = _settled(subject.query("skin"), there, row)
        if _on_back(subject, slid, _nearest(slid, *there.lines[0]), side):
            return slid
    return pose


def _on_back(subject: Subject, pose: ProbePose, at: Array | None, side: str) -> bool:
    """Whether a place lies outside obliquus capitis inferior with its back close under it along the beam."""
    if at is None:
        return False
    far, normals = subject.query(f"obliquus_capitis_inferior_{side}").ray(
        at, pose.axis, float(pose_table()["fine_slide"]["bed_mm"])
    )
    return len(far) > 0 and float(normals[np.argmin(far)] @ pose.axis) < 0
