"""The shipped model's bones laid one by one on a real person's: where each of its landmarks comes to lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from meshes.maps import Chain
from meshes.model import Anatomy, SurfaceMesh
from meshes.points import load_table
from meshes.real_fit import Cloud, Similarity, drawn, icp, misfit, sampled

Array = NDArray[np.float64]
SKULL = "cranium"
PAIRS = ("porion", "orbitale", "mastoid_tip", "euryon", "zygion")  # of the skull, whose middles lie in the median plane


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
    head = _head(skull, real, table["turns_deg"])
    laid = {SKULL: _laid(skull, real, head, table[SKULL])}
    if laid[SKULL].misfit_mm > table["far_mm"]:
        raise ValueError(
            f"the cranium lies {laid[SKULL].misfit_mm:.0f} mm from any skull that is tried; is it whole, in millimetres, "
            "and in a frame right, anterior, superior?"
        )
    for key, structure in model.structures.items():
        if structure.kind == "bone" and key in parts and key != SKULL:
            ours, theirs = sampled(structure.mesh), sampled(parts[key])
            start = icp(ours, theirs, _centred(ours, theirs, head))
            laid[key] = _laid(ours, theirs, start, table["other"])
    return laid


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


def _head(ours: Cloud, theirs: Cloud, turns: tuple[float, ...]) -> Similarity:
    """The best of the fits of the skull from several nods."""
    found = []
    for nod in turns:
        turn = Rotation.from_euler("x", nod, degrees=True).as_matrix()
        shift = theirs.points.mean(axis=0) - turn @ ours.points.mean(axis=0)
        way = icp(ours, theirs, Similarity(turn, 1.0, shift))
        found.append((misfit(ours, theirs, way), way))
        if found[-1][0] < load_table("real_landmarks")["confidence"]["near_mm"]:
            break
    return min(found, key=lambda pair: pair[0])[1]


def _centred(ours: Cloud, theirs: Cloud, head: Similarity) -> Similarity:
    shift = theirs.points.mean(axis=0) - head.scale * head.turn @ ours.points.mean(axis=0)
    return Similarity(head.turn, head.scale, shift)


def _laid(ours: Cloud, theirs: Cloud, start: Similarity, widths: tuple[float, ...]) -> Laid:
    carried = Cloud(start.apply(ours.points), ours.normals @ start.turn.T)
    way = Chain((start, *drawn({"bone": carried}, {"bone": theirs}, widths)))
    return Laid(way, misfit(ours, theirs, way))
