"""What stops fluid in the tissue: whether a way from one place to another passes right through a layer, or into bone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.tables import table
from sim.training.truth import NeedleTruth

Array = NDArray[np.float64]
NEAR_MM = 1e-6


@dataclass(frozen=True, eq=False)
class _Leg:
    """A straight way between two points (3,), with the layers that hold each."""

    start: Array
    end: Array
    first: Mapping[str, float]
    last: Mapping[str, float]


def way_is_open(truth: NeedleTruth, start: Array, end: Array, normal: Array | None = None, *, without: str = "") -> bool:
    """Return whether fluid finds a way between two places, straight or bent once.

    A layer stops it if the way comes out of another face than that by which it entered, or dips into it too deep; so does a layer
    that holds the end, but for its rim. A way may so follow a plane that is curved, and round one edge of a muscle, but no maze.

    Parameters
    ----------
    truth : NeedleTruth
    start, end : (3,) arrays
        mm RAS; the start lies in no layer, or at its rim.
    normal : (3,) array, optional
        Unit, square to the plane that is followed: the way may be bent along it. Without it the way is straight.
    without : str
        Key of a layer that stops nothing: the one that holds the fluid.
    """
    length = float(np.linalg.norm(end - start))
    if length < NEAR_MM:
        return True
    rule = table("needle_tissue")["barrier"]
    arches = (0.0,) if normal is None else rule["arch"]
    reach = max(arches) * length
    low, high = np.minimum(start, end) - reach, np.maximum(start, end) + reach
    keys = [k for k in truth.near_solids(low, high, rule["kinds"]) if k != without]
    first, last = _inside(truth, keys, start), _inside(truth, keys, end)
    if any(mm < -float(rule["within_mm"]) for mm in last.values()):
        return False
    for arch in arches:
        legs = [_Leg(start, end, first, last)]
        if normal is not None and arch != 0:
            turn = 0.5 * (start + end) + arch * length * normal
            if _inside(truth, keys, turn):
                continue
            legs = [_Leg(start, turn, first, {}), _Leg(turn, end, {}, last)]
        if all(_passes(truth, key, leg, rule) for leg in legs for key in keys):
            return True
    return False


def stays_in(truth: NeedleTruth, key: str, start: Array, end: Array, radius_mm: float) -> bool:
    """Return whether a straight way out of a structure leaves it only at its end: within `radius_mm` and a rim of it."""
    way = end - start
    length = float(np.linalg.norm(way))
    if length < NEAR_MM:
        return True
    far, normals = truth.ground.surface(key).ray(start, way, length)
    leaves = far[normals @ way > 0]
    return not len(leaves) or bool(leaves[0] >= length - radius_mm - float(table("needle_tissue")["barrier"]["within_mm"]))


def _inside(truth: NeedleTruth, keys: Sequence[str], point: Array) -> dict[str, float]:
    """The layers that hold a point, with its signed distance to their surface, mm."""
    held = set(truth.near_solids(point, point)).intersection(keys)
    deep = {key: float(truth.ground.surface(key).signed_distance(point)[0]) for key in held}
    return {key: mm for key, mm in deep.items() if mm < 0}


def _passes(truth: NeedleTruth, key: str, leg: _Leg, rule: Mapping[str, Any]) -> bool:
    """Whether a straight way only dips into a layer, and comes out by the face by which it entered.

    An end that lies a little within the layer counts as on the face that is nearest.
    """
    if key not in truth.near_solids(np.minimum(leg.start, leg.end), np.maximum(leg.start, leg.end)):
        return True
    query, way = truth.ground.surface(key), leg.end - leg.start
    length = float(np.linalg.norm(way))
    far, normals = query.ray(leg.start, way, length)
    for held, point, at in ((leg.first, leg.start, 0.0), (leg.last, leg.end, length)):
        if key in held:
            far, normals = np.append(far, at), np.vstack([normals, query.closest(point)[1]])
    order = np.argsort(far, kind="stable")
    deepest = float(rule["bone_dip_mm"] if truth.kinds[key] == "bone" else rule["dip_mm"])
    for i, j in zip(order[:-1:2], order[1::2], strict=False):
        if normals[i] @ normals[j] < 0:
            return False
        if query.signed_distance(leg.start + 0.5 * (far[i] + far[j]) * way / length)[0] < -deepest:
            return False
    return True
