"""The shipped model's bones laid one by one on a real person's: where each of its landmarks comes to lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from meshes.maps import Chain
from meshes.model import Anatomy, SurfaceMesh
from meshes.points import load_table
from meshes.real_fit import Cloud, Similarity, drawn, icp, misfit, sampled
from meshes.terms import split_key

Array = NDArray[np.float64]
SKULL = "cranium"
PAIRS = ("porion", "orbitale", "mastoid_tip", "euryon", "zygion")  # of the skull, whose middles lie in the median plane


_VERTEBRAE = (
    "axis", "third_cervical_vertebra", "fourth_cervical_vertebra", "fifth_cervical_vertebra", "sixth_cervical_vertebra",
    "seventh_cervical_vertebra", "first_thoracic_vertebra", "second_thoracic_vertebra",
)  # fmt: skip


@dataclass(frozen=True)
class Laid:
    """One bone of the model laid on a real one.

    Parameters
    ----------
    way : Chain
        From the model to the real person, near this bone.
    misfit_mm : float
        Median distance of the surfaces, both ways, after it.
    """

    way: Chain
    misfit_mm: float


def owners() -> Mapping[str, str]:
    """Return the unsided bone of every bony landmark, by unsided name."""
    out = {name: bone for bone, names in load_table("seats")["bones"].items() for name in names}
    levels = dict(zip(("c2", "c3", "c4", "c5", "c6", "c7", "t1", "t2"), _VERTEBRAE, strict=True))
    out |= {f"{level}_body": bone for level, bone in levels.items()}
    return out | {"c1_transverse_foramen": "atlas"}


def owner_of(name: str, among: Mapping[str, Any]) -> str | None:
    """Return the key among `among` that a bony landmark lies on; None where it is absent or the landmark is no bony one."""
    bare, side = split_key(name)
    bone = owners().get(bare)
    return next((k for k in (bone, f"{bone}_{side}") if bone is not None and k in among), None)


def laid_bones(model: Anatomy, parts: Mapping[str, SurfaceMesh]) -> dict[str, Laid]:
    """Return each bone that both have, the skull first, laid on the real one.

    Raises
    ------
    ValueError
        If there is no skull, or the model's does not fit it in any posture that is tried.
    """
    if SKULL not in parts:
        raise ValueError("there is no cranium among the parts; without a skull base the head has no frame. Name one 'cranium'.")
    table = load_table("real_landmarks")["drawing"]
    skull, real = sampled(model[SKULL].mesh), sampled(parts[SKULL])
    gap, head = _head(skull, real, table["turns_deg"])
    _check_head(gap, head)
    laid = {SKULL: _laid(skull, real, head, table[SKULL])}
    for key, structure in model.structures.items():
        if structure.kind == "bone" and key in parts and key != SKULL:
            ours, theirs = sampled(structure.mesh), sampled(parts[key])
            start = icp(ours, theirs, _centred(ours, theirs, head))
            laid[key] = _laid(ours, theirs, start, table["other"])
    return laid


def _check_head(gap: float, head: Similarity) -> None:
    """Refuse a cranium that is no head's: of another form, size or frame."""
    table = load_table("real_landmarks")["drawing"]
    low, high = table["sizes"]
    asked = "is it whole, in millimetres, and in a frame right, anterior, superior?"
    if not low <= head.scale <= high:
        raise ValueError(f"the cranium has {head.scale:.2g} times the size of a head; {asked}")
    if min(head.turn[0, 0], head.turn[2, 2]) < load_table("real_landmarks")["frame"]["upright"]:
        raise ValueError(f"the cranium is turned over or lies on its side; {asked}")
    if gap > table["far_mm"]:
        raise ValueError(f"the cranium lies {gap:.0f} mm from any skull that is tried; {asked}")


def laid_skin(model: Anatomy, skin: SurfaceMesh, start: Chain) -> Laid:
    """Return the model's skin laid on a real one, from a map that fits the bones."""
    ours, theirs = sampled(model["skin"].mesh), sampled(skin)
    carried = Cloud(start.apply(ours.points), start.normals(ours.points, ours.normals))
    steps = drawn({"skin": carried}, {"skin": theirs}, load_table("real_landmarks")["drawing"]["skin"])
    way = Chain((*start.maps, *steps))
    return Laid(way, misfit(ours, theirs, way))


def frankfort(points: Mapping[str, Array]) -> Similarity:
    """Return the rigid map from a person's own frame to RAS with the Frankfort horizontal at z = 0 and mid-porion origin.

    Parameters
    ----------
    points : mapping of str to (3,) array
        With both porions and at least one orbitale; other pairs of the skull steady the median plane.

    Raises
    ------
    ValueError
        If one of them is absent.
    """
    missing = [n for n in ("porion_right", "porion_left") if n not in points]
    rims = [np.asarray(points[n]) for n in ("orbitale_right", "orbitale_left") if n in points]
    if missing or not rims:
        lacks = ", ".join([*missing, *([] if rims else ["orbitale_right"])])
        raise ValueError(f"the Frankfort frame needs both porions and an orbitale; {lacks} is absent.")
    pairs = [(np.asarray(points[f"{n}_right"]), np.asarray(points[f"{n}_left"])) for n in PAIRS if _both(n, points)]
    ears = 0.5 * (np.asarray(points["porion_right"]) + np.asarray(points["porion_left"]))
    across = np.sum([r - left for r, left in pairs], axis=0)
    across = across / np.linalg.norm(across)
    ahead = np.mean(rims, axis=0) - ears
    ahead = ahead - (ahead @ across) * across
    ahead = ahead / np.linalg.norm(ahead)
    turn = np.vstack([across, ahead, np.cross(across, ahead)])
    aside = float(np.mean([(0.5 * (r + left) - ears) @ across for r, left in pairs]))
    return Similarity(turn, 1.0, -turn @ (ears + aside * across))


def _both(name: str, points: Mapping[str, Array]) -> bool:
    return f"{name}_right" in points and f"{name}_left" in points


def _head(ours: Cloud, theirs: Cloud, turns: tuple[float, ...]) -> tuple[float, Similarity]:
    """The best of the fits of the skull from several nods, and how far (mm, median) it leaves the surfaces apart."""
    found = []
    for nod in turns:
        turn = Rotation.from_euler("x", nod, degrees=True).as_matrix()
        shift = theirs.points.mean(axis=0) - turn @ ours.points.mean(axis=0)
        way = icp(ours, theirs, Similarity(turn, 1.0, shift))
        found.append((misfit(ours, theirs, way), way))
        if found[-1][0] < load_table("real_landmarks")["confidence"]["near_mm"]:
            break
    return min(found, key=lambda pair: pair[0])


def _centred(ours: Cloud, theirs: Cloud, head: Similarity) -> Similarity:
    shift = theirs.points.mean(axis=0) - head.scale * head.turn @ ours.points.mean(axis=0)
    return Similarity(head.turn, head.scale, shift)


def _laid(ours: Cloud, theirs: Cloud, start: Similarity, widths: tuple[float, ...]) -> Laid:
    carried = Cloud(start.apply(ours.points), ours.normals @ start.turn.T)
    way = Chain((start, *drawn({"bone": carried}, {"bone": theirs}, widths)))
    return Laid(way, misfit(ours, theirs, way))
