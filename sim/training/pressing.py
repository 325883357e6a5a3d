"""From places under a pressed probe to the same tissue at rest: the map that the image is made by, carried on beside the face."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from sim.tables import table
from sim.ultrasound.frame import find_surface, placed, rest_depth
from sim.ultrasound.geometry import beams
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.scanner import Scanner

Array = NDArray[np.float64]
RestMap = Callable[[Array], Array]
_known: WeakKeyDictionary[ProbePose, WeakKeyDictionary[Scanner, RestMap]] = WeakKeyDictionary()


def rest_map(scanner: Scanner, pose: ProbePose | None) -> RestMap:
    """Return the map from true places (n, 3) mm RAS under a probe to the places of the same tissue at rest.

    Under the face it is that of the image: between face and bone the tissue is pressed evenly along the beam. Beside the face the
    skin goes down with it, and the push fades with the distance. Deeper than bone, and without a probe or a press, nothing moves.

    Parameters
    ----------
    scanner : Scanner
        Its probe gives the face, its medium the skin and the bone below it.
    pose : ProbePose or None
        The map is kept as long as this pose and the scanner live.
    """
    if pose is None or pose.press_mm <= 0:
        return _same
    kept = _known.setdefault(pose, WeakKeyDictionary())
    if scanner not in kept:
        kept[scanner] = _pressed(scanner, pose)
    return kept[scanner]


def _same(points: Array) -> Array:
    return points


def _pressed(scanner: Scanner, pose: ProbePose) -> RestMap:
    settings = scanner.settings
    b = beams(settings)
    start, way = placed(b, pose)
    above = float(scanner_table()["face"]["look_above_mm"])
    ends = np.concatenate([(start + t * way[:, None]).reshape(-1, 3) for t in (-above, settings.deep_mm)]).astype(np.float64)
    contact = find_surface(scanner.medium.volume(ends.min(axis=0), ends.max(axis=0)), scanner.tables, start, way, settings)
    order, middle = np.argsort(b.start[:, 0]), contact.skin_mm.shape[1] // 2
    across = b.start[order, 0]
    skin, bone = (a[order, middle].astype(np.float64) for a in (contact.skin_mm, contact.bone_mm))
    half = np.array([settings.model.width_mm, settings.model.footprint_thickness_mm]) / 2
    to_probe, to_ras = pose.probe_from_ras, pose.ras_from_probe

    def at_rest(points: Array) -> Array:
        p = to_probe.apply(np.asarray(points, dtype=np.float64))
        here, deep = np.interp(p[:, 0], across, skin), np.interp(p[:, 0], across, bone)
        beside = np.linalg.norm(np.maximum(np.abs(p[:, :2]) - half, 0.0), axis=1)
        rest = p[:, 2] + _share(beside) * (rest_depth(p[:, 2], here, deep) - p[:, 2])
        return np.asarray(to_ras.apply(np.column_stack([p[:, :2], rest])))

    return at_rest


def _share(beside_mm: Array) -> Array:
    """How much of the push is left at some distances (n,) beside the face."""
    rule = table("needle_tissue")["pressing"]
    return np.asarray(np.clip((rule["rest_mm"] - beside_mm) / (rule["rest_mm"] - rule["whole_mm"]), 0.0, 1.0))
