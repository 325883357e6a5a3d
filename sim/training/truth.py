"""What a needle's tip lies in, and what its way crosses: exact, from surfaces and from nerves and vessels as tubes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import unknown
from meshes.model import Anatomy, Structure
from meshes.points import load_table
from meshes.strands import KINDS, strands_of
from scenarios.sites import Ground
from sim.tables import table
from sim.training.tubes import FAR, Tubes

Array = NDArray[np.float64]
TOUCH_MM = 1e-6


@dataclass(frozen=True, eq=False)
class Tip:
    """What a tip is in.

    Parameters
    ----------
    key : str
        Structure; '' outside the body, 'soft_tissue' between structures.
    kind : str
        'air', 'plane', 'soft', or a name of [[kinds]] of needle_tissue.toml.
    layers : (str, str)
        Keys of the layer above (toward the skin) and below, if the tip lies between two or at their border; else ('', '').
    nerve, artery : str
        Nearest one within reach, else ''.
    nerve_mm, artery_mm : float
        Distance to its wall, negative within it; inf if none is near.
    bone_mm : float
        Distance to bone, negative within; inf if none is near.
    skin_mm : float
        Shortest way to the skin: depth under it, negative outside.
    """

    key: str
    kind: str
    layers: tuple[str, str]
    nerve: str
    nerve_mm: float
    artery: str
    artery_mm: float
    bone_mm: float
    skin_mm: float


@dataclass(frozen=True)
class Met:
    """A border that a way crosses.

    Parameters
    ----------
    key, kind : str
        Structure whose border it is, and its kind as of `Tip`.
    at_mm : float
        Along the way, from its start.
    entering : bool
    deg : float
        Between the way and the border: 90 meets it square, 0 grazes it.
    """

    key: str
    kind: str
    at_mm: float
    entering: bool
    deg: float


class NeedleTruth:
    """What a needle meets in one anatomy, in the tissue at rest.

    Nerves and vessels with an axis are tapering rods; all else are closed surfaces. Where some overlap, the first of [[kinds]]
    of needle_tissue.toml holds the place, and within a kind the last of the anatomy, as in the voxels of the scanner.

    Parameters
    ----------
    anatomy : Anatomy
    ground : Ground
        Of the same anatomy; its search trees are shared.
    """

    def __init__(self, anatomy: Anatomy, ground: Ground) -> None:
        self.anatomy, self.ground = anatomy, ground
        self.strands = strands_of(anatomy)
        self.tubes = {kind: Tubes(self.strands, kind) for kind in KINDS}
        self._rule = table("needle_tissue")
        rows = self._rule["kinds"]
        self._rank = {str(row["name"]): i for i, row in enumerate(rows)}
        self._row: dict[str, Mapping[str, Any]] = {str(r["name"]): r for r in rows} | dict(self._rule["between"])
        named = {s.key: kind_of(s, rows) for s in anatomy.structures.values()}
        self.kinds: dict[str, str] = {key: kind for key, kind in named.items() if kind}
        self.solids = tuple(k for k in self.kinds if k not in self.strands.keys)
        self._skin_thick = float(load_table("volume")["layers"]["skin_mm"])
        boxes = [(anatomy[k].mesh.vertices_mm.min(axis=0), anatomy[k].mesh.vertices_mm.max(axis=0)) for k in self.solids]
        self._low, self._high = (np.array(side).reshape(-1, 3) for side in zip(*boxes, strict=True))

    @cached_property
    def _bones(self) -> tuple[int, ...]:
        return tuple(i for i, key in enumerate(self.solids) if self.kinds[key] == "bone")

    def tip(self, point_mm: ArrayLike) -> Tip:
        """Return what a point (3,) mm RAS lies in.

        Raises
        ------
        ValueError
            If the point is not three finite numbers.
        """
        p, place = _point(point_mm), self._rule["place"]
        outward, skin_mm = self.outward(p)
        reach = float(place["nerve_reach_mm"])
        (nerve, nerve_mm), (artery, artery_mm), (vein, vein_mm) = (self.tubes[k].nearest(p, reach) for k in KINDS)
        deep = self._depths(p, skin_mm)
        for key, mm in deep.items():  # ganglia and other nerves without an axis
            if self.kinds[key] == "nerve" and mm < nerve_mm:
                nerve, nerve_mm = key, mm
        held = [(self._rank[self.kinds[k]], -i, k) for i, (k, mm) in enumerate(deep.items()) if mm < 0]
        held += [(self._rank[kind], 0, key) for kind, key, mm in
                 (("nerve", nerve, nerve_mm), ("artery", artery, artery_mm), ("vein", vein, vein_mm)) if mm < 0]  # fmt: skip
        key = min(held)[2] if held else ""
        kind = self.kinds[key] if key else "air"
        if kind == "skin" and key == "skin" and skin_mm >= self._skin_thick:
            key, kind = "soft_tissue", "soft"
        layers = self._layers(p, outward, key, kind, deep)
        kind = "plane" if all(layers) else kind
        return Tip(key, kind, layers, nerve, nerve_mm, artery, artery_mm, self.nearest_bone(p)[1], skin_mm)

    def along(self, path_mm: ArrayLike) -> tuple[Met, ...]:
        """Return the borders that a polyline (n, 3) mm crosses in the tissue at rest, in order.

        Structures that overlap are each told of. Raises ValueError if the path is not (n, 3) finite numbers.
        """
        path = np.atleast_2d(np.asarray(path_mm, dtype=np.float64))
        if path.ndim != 2 or path.shape[1] != 3 or not np.isfinite(path).all():
            raise ValueError(f"path_mm has shape {path.shape}; it must be (n, 3) finite numbers, mm RAS.")
        met: list[Met] = []
        gone = 0.0
        for a, b in pairwise(path):
            length = float(np.linalg.norm(b - a))
            if length > TOUCH_MM:
                met += [Met(k, self.kinds[k], gone + far, inward, deg) for k, far, inward, deg in self._crossed(a, b, length)]
            gone += length
        return _once(sorted(met, key=lambda m: (m.at_mm, self._rank[m.kind])))

    def resistance_n(self, tip: Tip) -> float:
        """Return the force (N) against which a fine needle moves there."""
        return float(self._row[tip.kind]["resistance_n"])

    def pop_n(self, met: Met) -> float:
        """Return the drop of force (N) that is felt when a border gives way; 0 when leaving, or if none is felt."""
        return float(self._row[met.kind]["pop_n"]) if met.entering else 0.0

    def below(self, point_mm: ArrayLike, key: str) -> bool:
        """Return whether a point (3,) mm lies deeper than a structure: the shortest way to the skin passes right through it.

        Raises ValueError naming the nearest keys if the anatomy has no such structure.
        """
        p = _point(point_mm)
        if key not in self.anatomy:
            raise ValueError(unknown("structure", key, self.anatomy.structures))
        outward, skin_mm = self.outward(p)
        query = self.ground.surface(key)
        if skin_mm <= 0 or query.contains(p[None])[0]:
            return False
        return len(query.ray(p, outward, skin_mm)[0]) >= 2

    def outward(self, p: Array) -> tuple[Array, float]:
        """Return the unit direction (3,) of the shortest way to the skin, and its length, mm: negative outside."""
        foot, normal = self.ground.skin.closest(p)
        way = foot[0] - p
        length = float(np.linalg.norm(way))
        if length < 1e-4:
            return normal[0], length
        inside = float(way @ normal[0]) > 0
        return np.asarray(way / length if inside else -way / length), length if inside else -length

    def nearest_bone(self, p: Array) -> tuple[str, float]:
        """Return the bone nearest to a point (3,), and the distance to it, mm, negative within; ('', inf) if none is near."""
        gap = np.linalg.norm(np.maximum(np.maximum(self._low - p, p - self._high), 0.0), axis=1)
        best, found = float(self._rule["place"]["bone_reach_mm"]), ""
        for i in sorted(self._bones, key=lambda i: gap[i]):
            if gap[i] >= best:
                break
            mm = float(self.ground.surface(self.solids[i]).signed_distance(p)[0])
            if mm < best:
                best, found = mm, self.solids[i]
        return (found, best) if found else ("", FAR)

    def near_solids(self, low: Array, high: Array, kinds: Iterable[str] | None = None) -> list[str]:
        """Return the keys of the surfaces whose boxes meet a box (3,), (3,) mm, of some kinds or all."""
        at = np.flatnonzero(((self._low <= high) & (self._high >= low)).all(axis=1))
        allowed = None if kinds is None else set(kinds)
        return [self.solids[i] for i in at if allowed is None or self.kinds[self.solids[i]] in allowed]

    def _depths(self, p: Array, skin_mm: float) -> dict[str, float]:
        """Signed distances of the surfaces that hold a point or come near to it, in the anatomy's order."""
        reach = float(self._rule["place"]["plane_mm"])
        out = {}
        for key in self.near_solids(p - reach, p + reach):
            mm = -skin_mm if key == "skin" else float(self.ground.surface(key).signed_distance(p)[0])
            if mm < reach:
                out[key] = mm
        return out

    def _layers(self, p: Array, outward: Array, key: str, kind: str, deep: Mapping[str, float]) -> tuple[str, str]:
        """The layers above and below, if the point lies between two or within a little of the border between them."""
        place = self._rule["place"]
        inside = key if kind in ("muscle", "ligament") else ""
        if kind not in ("soft", "fascia") and not (inside and deep[inside] > -float(place["plane_mm"])):
            return "", ""
        up, down = (self._first(p, way, {key} if kind != "soft" else set()) for way in (outward, -outward))
        if inside:
            rises = float(self.ground.surface(inside).closest(p)[1][0] @ outward) > 0
            up, down = (up, inside) if rises else (inside, down)
        return (up, down) if up and down else ("", "")

    def _first(self, p: Array, way: Array, without: set[str]) -> str:
        """The first layer that is met from a point along a direction, or holds the point, within sight."""
        place = self._rule["place"]
        look = float(place["look_mm"])
        end = p + look * way
        best, found = look, ""
        for key in self.near_solids(np.minimum(p, end), np.maximum(p, end), place["layers"]):
            if key not in without:
                far = float(self.ground.surface(key).first_hit(p[None], way[None], look)[0])
                if far < best:  # NaN is not
                    best, found = far, key
        return found

    def _crossed(self, a: Array, b: Array, length: float) -> list[tuple[str, float, bool, float]]:
        """Key, mm from `a`, whether it is entered, and angle, of each border between two points."""
        way = (b - a) / length
        out = []
        for key in self.near_solids(np.minimum(a, b), np.maximum(a, b)):
            far, normals = self.ground.surface(key).ray(a, way, length)
            slope = normals @ way
            out += [(key, float(t), bool(s < 0), _degrees(s)) for t, s in zip(far, slope, strict=True)]
        for tubes in self.tubes.values():
            out += [(key, t, slope < 0, _degrees(slope)) for key, t, slope in tubes.walls(a, way, length)]
        return out


def kind_of(structure: Structure, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the name of the first of [[kinds]] that holds a structure, by key or tissue; '' for hair."""
    for row in rows:
        for held in row["holds"]:
            if structure.key.startswith(held[4:]) if held.startswith("key:") else structure.tissue == held:
                return str(row["name"])
    return ""


def _once(met: list[Met]) -> tuple[Met, ...]:
    """Borders that two pieces of a way share are told of once."""
    out: list[Met] = []
    for m in met:
        if not any(o.key == m.key and o.entering == m.entering and m.at_mm - o.at_mm < TOUCH_MM for o in out[-4:]):
            out.append(m)
    return tuple(out)


def _degrees(slope: float) -> float:
    return float(np.rad2deg(np.arcsin(min(abs(float(slope)), 1.0))))


def _point(value: ArrayLike) -> Array:
    p = np.asarray(value, dtype=np.float64)
    if p.shape != (3,) or not np.isfinite(p).all():
        raise ValueError("the point must be three finite numbers, mm RAS.")
    return p
