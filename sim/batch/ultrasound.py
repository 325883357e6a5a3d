"""Ultrasound images of one pose of one patient, with their labels and all that is known of probe and needle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import meshes
from meshes.model import Anatomy
from scenarios.sites import Ground
from sim.batch.items import Item
from sim.batch.voxels import MOST_VOXELS, BoxStore, Sheet, box_voxels
from sim.scans import Aim, Scan, aimed_at, ends_of, marked_is
from sim.ultrasound.aiming import needle_to, pool_at
from sim.ultrasound.frame import rest_places
from sim.ultrasound.geometry import beams
from sim.ultrasound.image import BModeImage
from sim.ultrasound.medium import EXTRA, REACH_MM, AnatomyMedium
from sim.ultrasound.placing import probe_pose
from sim.ultrasound.poses import ProbePose, press, rock, rotate, slide, tilt
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.scene import ScanNeedle
from sim.ultrasound.settings import Settings, settings_from

Array = NDArray[np.float64]
DECIMALS = 6
MOVED_MM = 4.0  # out of the plane, of what fluid pushes aside
UNSEEN = ("air", "gel")  # without a name of their own in an image
TURNS = {"rotate": rotate, "tilt": tilt, "rock": rock, "press": press}  # in the order of `sim.scans.pose_of`


@dataclass(frozen=True, eq=False)
class Shot:
    """One image of a batch.

    Parameters
    ----------
    image : BModeImage
        Its labels count through `label_keys()`.
    pose : ProbePose
    needle : ScanNeedle or None
        In the pressed neck, as the image shows it.
    at_rest_mm : (2, 3) array or None
        The needle's entry and tip where that tissue lies when the probe is away.
    why_none : str
        Why there is no needle where one was asked for.
    """

    image: BModeImage
    pose: ProbePose
    needle: ScanNeedle | None = None
    at_rest_mm: Array | None = None
    why_none: str = ""


@cache
def label_keys() -> tuple[str, ...]:
    """Return what each number of a label map stands for, the same for every patient: the keys of the shipped adult."""
    medium = AnatomyMedium(meshes.load_anatomy())
    return tuple("" if name in UNSEEN else name for name in (*medium.keys, *medium.strands.keys, *EXTRA))


def shots(anatomy: Anatomy, whole: Sequence[Item], wanted: Sequence[Item]) -> Iterator[tuple[Item, Shot | ValueError]]:
    """Yield the images of those items that are wanted, or why one cannot be made.

    Parameters
    ----------
    anatomy : Anatomy
    whole : sequence of Item
        All of one sheaf: the voxels are made for all of them, so that no image depends on which others are made with it.
    wanted : sequence of Item
    """
    ground = Ground(anatomy)
    try:
        base = probe_pose(anatomy, whole[0].asked["pose"], whole[0].asked["side"])
    except ValueError as error:
        yield from ((item, error) for item in wanted)
        return
    poses = {item.id: _tried(base, item, ground) for item in whole}
    settings = {item.id: settings_from(item.asked["settings"]) for item in whole}
    placed = [(settings[key], pose) for key, pose in poses.items() if isinstance(pose, ProbePose)]
    medium = _medium(anatomy, placed)
    for item in wanted:
        pose = poses[item.id]
        if isinstance(pose, ValueError):
            yield item, pose
            continue
        try:
            yield item, _shot(anatomy, Scanner(medium, **item.asked["settings"]), pose, item.asked)
        except ValueError as error:
            yield item, error


def _tried(base: ProbePose, item: Item, ground: Ground) -> ProbePose | ValueError:
    """The pose of an item, or why it cannot be taken."""
    motions = item.asked["motions"]
    pose = base
    try:
        if motions.get("slide") or motions.get("across"):
            pose = slide(pose, ground.skin, motions.get("slide", 0.0), motions.get("across", 0.0))
        for name, motion in TURNS.items():
            if motions.get(name):
                pose = motion(pose, motions[name])
    except ValueError as error:
        return error
    return pose


def _room(settings: Settings, pose: ProbePose) -> Array:
    """The box (2, 3), mm RAS, that the beams of an image may read."""
    b, m = beams(settings), pose.ras_from_probe.matrix
    across = np.concatenate([b.start + y * np.array([0.0, 1.0, 0.0]) for y in b.planes_mm])
    way = np.tile(b.way, (len(b.planes_mm), 1))
    above = float(scanner_table()["face"]["look_above_mm"])
    ends = np.concatenate([across + t * way for t in (-above, settings.deep_mm)]) @ m[:3, :3].T + m[:3, 3]
    return np.array([ends.min(axis=0) - REACH_MM, ends.max(axis=0) + REACH_MM])


def _medium(anatomy: Anatomy, placed: Sequence[tuple[Settings, ProbePose]]) -> AnatomyMedium:
    """The tissue under some images; its voxels are made for all at once, where that is less work than for each alone."""
    sheets = [Sheet(pose.face_mm, pose.elevation, float(np.abs(beams(s).planes_mm).max()) + MOVED_MM) for s, pose in placed]
    medium = AnatomyMedium(anatomy, BoxStore(anatomy, sheets))
    rooms = [_room(s, pose) for s, pose in placed]
    if rooms:
        low, high = np.min([r[0] for r in rooms], axis=0), np.max([r[1] for r in rooms], axis=0)
        if box_voxels(low, high) <= min(sum(box_voxels(*room) for room in rooms), MOST_VOXELS):
            medium.volume(low, high)
    return medium


def _shot(anatomy: Anatomy, scanner: Scanner, pose: ProbePose, asked: Mapping[str, Any]) -> Shot:
    bare = scanner.image(pose)
    needle, why = None, ""
    if asked["needle"] is not None:
        try:
            needle, aim = _needle(anatomy, scanner, bare, pose, asked)
        except ValueError as error:
            if asked["needle"]["must_show"]:
                raise
            why = str(error)
    if needle is None:
        return Shot(_relabelled(bare), pose, why_none=why)
    volume = asked["needle"]["inject_ml"]
    fluid = pool_at(bare, pose, needle, volume, aim) if volume > 0 else None
    echoes = scanner.echoes(pose, needle=needle, injectate=fluid)
    rest = rest_places(np.array([needle.entry_mm, needle.tip_mm]), pose, echoes.contact, beams(scanner.settings))
    return Shot(_relabelled(scanner.picture(echoes, pose)), pose, needle, rest)


def _needle(
    anatomy: Anatomy, scanner: Scanner, bare: BModeImage, pose: ProbePose, asked: Mapping[str, Any]
) -> tuple[ScanNeedle, str]:
    """The needle, and the key of what it is aimed at. Raises ValueError if that is not in view."""
    told = asked["needle"]
    scan = Scan(asked["pose"], asked["side"], aim=Aim(told["aim"], told["end"], told["diameter_mm"], told["echogenic"]))
    aim = aimed_at(anatomy, scan)
    needle = needle_to(
        bare, pose, aim, end="marked" if marked_is(pose, scan) == told["end"] else "other",
        width_mm=scanner.settings.model.width_mm, diameter_mm=told["diameter_mm"], echogenic=told["echogenic"],
        reached=told["reached"],
    )  # fmt: skip
    beside = told["beside_plane_mm"] * pose.elevation
    return replace(needle, entry_mm=needle.entry_mm + beside, tip_mm=needle.tip_mm + beside), aim


def _relabelled(image: BModeImage) -> BModeImage:
    """The image with labels that count through `label_keys`."""
    keys = label_keys()
    if image.keys == keys:
        return image
    number = np.array([keys.index(key) for key in image.keys], dtype=np.int16)
    return replace(image, labels=number[image.labels], keys=keys)


def told(item: Item, shot: Shot) -> dict[str, Any]:
    """Return what `meta.json` says of an image beside its patient."""
    image, pose = shot.image, shot.pose
    left, right = ends_of(image)
    numbers, counts = np.unique(image.labels, return_counts=True)
    return {
        "pose": item.asked["pose"], "side": item.asked["side"], "motions": dict(item.asked["motions"]),
        "probe": {
            "centre_mm": _listed(pose.centre_mm), "face_mm": _listed(pose.face_mm), "lateral": _listed(pose.lateral),
            "axis": _listed(pose.axis), "press_mm": round(pose.press_mm, DECIMALS),
            "ras_from_probe": _listed(pose.ras_from_probe.matrix),
        },
        "rows": image.pixels.shape[0], "columns": image.pixels.shape[1], "pixel_mm": _listed(np.array(image.pixel_mm)),
        "ras_from_image": _listed(image.ras_from_image), "depth_mm": image.depth_mm, "marker_side": image.marker_side,
        "ends": {"left_of_image": left, "right_of_image": right},
        "keys": {str(n): image.keys[n] for n in numbers},
        "pixels": {str(n): int(count) for n, count in zip(numbers, counts, strict=True)},
        "needle": _needle_told(item, shot), "nerve": _nerve_told(item, image),
        "settings": {k: v for k, v in image.settings.items() if isinstance(v, str | int | float | bool)}, "seed": image.seed,
    }  # fmt: skip


def _needle_told(item: Item, shot: Shot) -> dict[str, Any] | None:
    asked, needle, image = item.asked["needle"], shot.needle, shot.image
    if asked is None:
        return None
    if needle is None or shot.at_rest_mm is None:
        return {"aim": asked["aim"], "present": False, "why": shot.why_none}
    column, row = (np.linalg.inv(image.ras_from_image) @ [*needle.tip_mm, 1.0])[:2]
    seen = int(image.mask("needle").sum())
    return {
        "aim": asked["aim"], "present": True, "end": asked["end"], "entry_mm": _listed(needle.entry_mm),
        "tip_mm": _listed(needle.tip_mm), "entry_at_rest_mm": _listed(shot.at_rest_mm[0]),
        "tip_at_rest_mm": _listed(shot.at_rest_mm[1]), "tip_row_column": _listed(np.array([row, column])),
        "diameter_mm": needle.diameter_mm, "echogenic": needle.echogenic, "reached": asked["reached"],
        "beside_plane_mm": asked["beside_plane_mm"],
        "inject_ml": asked["inject_ml"], "visible": seen > 0, "pixels": seen,
    }  # fmt: skip


def _nerve_told(item: Item, image: BModeImage) -> dict[str, Any]:
    """Whether the nerve of the scanned side is in view, and where its pixels lie."""
    keys = [f"{item.asked['nerve']}_{item.asked['side']}", item.asked["nerve"]]
    key = next((k for k in keys if k in image.keys), keys[0])
    mask = image.mask(key)
    rows, columns = np.nonzero(mask)
    middle = [round(float(rows.mean()), 2), round(float(columns.mean()), 2)] if len(rows) else None
    area = float(mask.sum()) * image.pixel_mm[0] * image.pixel_mm[1]
    return {"key": key, "visible": bool(len(rows)), "pixels": len(rows), "area_mm2": round(area, 3), "middle_row_column": middle}


def _listed(values: Array) -> list[Any]:
    out: list[Any] = (np.round(values, DECIMALS) + 0.0).tolist()  # no negative zero
    return out
