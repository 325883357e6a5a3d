"""Where fluid goes from a needle's tip, and how much of a nerve it bathes.

In a plane between layers fluid is a paraboloid lens that follows the plane; elsewhere it is a ball, and within a muscle it stays
in it, unless the tip is close to bone: there it lifts the muscle off. Limits: fluid reaches what an open way from its middle
reaches (`barriers.way_is_open`); it does not run along a vessel, along the needle, or through the hole by which a nerve pierces a
muscle, and time does not thin it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import unknown
from sim.tables import table
from sim.training.barriers import stays_in, way_is_open
from sim.training.state import Deposit
from sim.training.truth import NeedleTruth, Tip
from sim.ultrasound.scene import Injectate

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
LOST = ("air", "skin", "artery", "vein", "nerve", "bone", "disc", "joint", "dura", "cord", "brain")  # nothing bathes from there
HELD = ("muscle", "ligament", "fascia")  # what fluid given within stays in
ROUND_MM = 3.0  # about the tip, over which a plane's slope is read
WAY_MM = 1.0  # of a nerve, for which one way from the fluid is looked at
MUL = 1000.0  # mm3 of 1 mL


@dataclass(frozen=True, eq=False)
class Pool:
    """Fluid of one place: deposits that lie together.

    Parameters
    ----------
    centre_mm : (3,) array
        In the tissue at rest, mm RAS.
    normal : (3,) array
        Unit, square to its plane, toward the skin.
    ml : float
    kind, inside : str
    layers : (str, str)
        As of `Deposit`.
    thickness_mm, radius_mm : float
        In the middle, and across.
    """

    centre_mm: Array
    normal: Array
    ml: float
    kind: str
    inside: str
    layers: tuple[str, str]
    thickness_mm: float
    radius_mm: float


@dataclass(frozen=True)
class Bathed:
    """How far fluid surrounds a nerve.

    Parameters
    ----------
    circumference_share : float
        0 to 1: of the wall, the best mean over 2 mm of the nerve's length.
    length_mm : float
        Of the nerve with at least half of its circumference in fluid.
    nearest_mm : float
        From the nearest place of giving to the nerve's wall, negative within the nerve; inf without a deposit.
    inside_ml : float
        Given within the nerve.
    """

    circumference_share: float
    length_mm: float
    nearest_mm: float
    inside_ml: float


def deposit_at(
    truth: NeedleTruth, tip_mm: ArrayLike, direction: ArrayLike, ml: float, target_id: str, aspirated: bool, at_s: float
) -> Deposit:
    """Return what giving some fluid at a tip leaves behind.

    Parameters
    ----------
    truth : NeedleTruth
    tip_mm : (3,) array
        In the tissue at rest, mm RAS.
    direction : (3,) array
        Of the needle. Fluid takes the plane that it finds, whatever the bevel, so this decides only outside the body.
    ml : float
    target_id : str
    aspirated : bool
    at_s : float

    Raises
    ------
    ValueError
        If the volume is not above 0, or the tip is not three finite numbers.
    """
    if not 0 < ml <= 50:
        raise ValueError(f"ml is {ml}; it must be above 0 and at most 50.")
    point = np.array(tip_mm, dtype=np.float64)
    tip = truth.tip(point)
    normal = _normal(truth, point, tip) if tip.kind != "air" else -np.asarray(direction, dtype=np.float64)
    inside = "plane" if tip.kind == "plane" else tip.key
    return Deposit(point, normal / np.linalg.norm(normal), float(ml), inside, tip.kind, tip.layers, target_id, aspirated, at_s)


def pools(deposits: Sequence[Deposit], truth: NeedleTruth | None = None) -> tuple[Pool, ...]:
    """Return the fluid of deposits: those of one kind of place that lie together add up.

    Parameters
    ----------
    deposits : sequence of Deposit
    truth : NeedleTruth, optional
        Where it is given, fluid in a plane lies midway between the two layers, rather than in the one in which the bevel stands a
        little short of the plane.
    """
    near = float(table("needle_tissue")["wall"]["together_mm"])
    groups: list[list[Deposit]] = []
    for d in deposits:
        for group in groups:
            first = group[0]
            if (first.kind, first.inside) == (d.kind, d.inside) and np.linalg.norm(first.tip_mm - d.tip_mm) < near:
                group.append(d)
                break
        else:
            groups.append([d])
    return tuple(_pool(group, truth) for group in groups)


def thickness_mm(ml: float) -> float:
    """Return the thickness (mm) in the middle of a lens of some volume."""
    rule = table("needle_tissue")["lens"]
    return float(rule["thickness_mm"] * ml ** rule["growth"])


def injectate(pool: Pool, centre_mm: ArrayLike) -> Injectate:
    """Return fluid as the scanner draws it; `centre_mm` (3,) is its middle as it lies under the probe, mm RAS."""
    return Injectate(np.asarray(centre_mm, dtype=np.float64), pool.normal, pool.ml, float(np.clip(pool.thickness_mm, 0.1, 20.0)))


def bathed(truth: NeedleTruth, deposits: Sequence[Deposit], nerve: str) -> Bathed:
    """Return how far a nerve lies in the fluid of deposits.

    The wall is looked at in 24 places round the nerve, a little outside it, each half millimetre. The half of the wall that looks
    at the fluid's middle is wet as soon as fluid comes there; the far half only where the fluid is thick enough to lift the nerve
    and pass round it. So the share grows from the near side to all as the fluid spreads over the nerve.

    Raises
    ------
    ValueError
        If the anatomy has no such nerve; names the nearest keys.
    """
    rods = truth.tubes["nerve"].rods
    keys = {truth.strands.keys[i] for i in np.unique(truth.strands.owner[rods])}
    if nerve not in keys:
        raise ValueError(unknown("nerve", nerve, keys))
    wall = _wall(truth, rods[truth.strands.owner[rods] == truth.strands.keys.index(nerve)])
    wet: Mask = np.zeros(wall.points.shape[:2], dtype=bool)
    for pool in pools(deposits, truth):
        if pool.kind not in LOST:
            wet |= _wet(truth, pool, wall)
    away = [float((np.linalg.norm(wall.middles - d.tip_mm, axis=1) - wall.radius).min()) for d in deposits]
    inside = sum(d.volume_ml for d in deposits if d.kind == "nerve" and d.inside == nerve)
    share = wet.mean(axis=1)
    half = float(table("needle_tissue")["wall"]["half"])
    return Bathed(_best(share, wall), float(wall.length[share >= half].sum()), min(away, default=float("inf")), float(inside))


@dataclass(frozen=True, eq=False)
class _Wall:
    """A nerve by pieces: middles (n, 3), radius (n,), length (n,), line that each belongs to (n,), points (n, 24, 3)."""

    middles: Array
    radius: Array
    length: Array
    line: NDArray[np.int64]
    points: Array


def _wall(truth: NeedleTruth, rods: NDArray[np.int64]) -> _Wall:
    s, rule = truth.strands, table("needle_tissue")["wall"]
    way = s.end[rods] - s.start[rods]
    length = np.linalg.norm(way, axis=1)
    across = s.across[rods]
    third = np.cross(way / length[:, None], across)
    turn = np.linspace(0, 2 * np.pi, int(rule["points"]), endpoint=False)
    ring = np.cos(turn)[None, :, None] * across[:, None] + np.sin(turn)[None, :, None] * third[:, None]
    middles, radius = 0.5 * (s.start[rods] + s.end[rods]), s.radius_mm[rods].mean(axis=1)
    line = np.cumsum(np.diff(s.along_mm[rods], prepend=0.0) < 0).astype(np.int64)  # the way begins anew with each branch
    return _Wall(middles, radius, length, line, middles[:, None] + (radius + float(rule["gap_mm"]))[:, None, None] * ring)


def _pool(group: Sequence[Deposit], truth: NeedleTruth | None) -> Pool:
    ml = np.array([d.volume_ml for d in group])
    normal = (ml[:, None] * np.array([d.normal for d in group])).sum(axis=0)
    total, kind, layers = float(ml.sum()), group[0].kind, group[0].layers
    centre = (ml[:, None] * np.array([d.tip_mm for d in group])).sum(axis=0) / total
    if kind == "muscle" and truth is not None:
        bone, mm = truth.nearest_bone(centre)
        if mm <= float(table("needle_tissue")["lens"]["attachment_mm"]):
            kind, layers = "plane", (group[0].inside, bone)
    if kind == "plane":
        thick = thickness_mm(total)
        radius = float(np.sqrt(2 * MUL * total / (np.pi * thick)))
        if truth is not None:
            centre = np.mean([truth.ground.surface(key).closest(centre)[0][0] for key in layers], axis=0)
    else:
        flat = float(table("needle_tissue")["ball"].get(kind, {"flat": 1.0})["flat"])
        radius = float(np.cbrt(3 * MUL * total / (4 * np.pi * flat)))
        thick = 2 * radius * flat
    inside = "plane" if kind == "plane" else group[0].inside
    return Pool(centre, normal / np.linalg.norm(normal), total, kind, inside, layers, thick, radius)


def _normal(truth: NeedleTruth, point: Array, tip: Tip) -> Array:
    """Toward the skin, square to the plane between two layers, as its faces about the point lie; else the shortest way."""
    outward = truth.outward(point)[0]
    if tip.kind != "plane":
        return outward
    side = np.cross(outward, np.eye(3)[np.argmin(np.abs(outward))])
    side /= np.linalg.norm(side)
    spots = point + ROUND_MM * np.array([0 * side, side, -side, np.cross(outward, side), -np.cross(outward, side)])
    above, below = (truth.ground.surface(key).closest(spots)[1] for key in tip.layers)
    normal = (below - above).sum(axis=0)
    length = float(np.linalg.norm(normal))
    return np.asarray(normal / length) if length > 1e-6 and normal @ outward > 0 else outward


def _wet(truth: NeedleTruth, pool: Pool, wall: _Wall) -> Mask:
    """Which places of the wall (n, 24) a pool wets."""
    touched = _covered(pool, wall)
    wet: Mask = np.zeros_like(touched)
    pieces = np.flatnonzero(touched.any(axis=1))
    step = max(round(WAY_MM / max(float(wall.length.mean()), 1e-6)), 1)
    for block in np.split(pieces, np.flatnonzero((np.diff(pieces) > 1) | (np.diff(wall.line[pieces]) != 0)) + 1):
        for some in np.split(block, np.arange(step, len(block), step)):
            if len(some):
                at = some[len(some) // 2]
                wet[some] = touched[some] & _reaches(truth, pool, wall.middles[at], float(wall.radius[at]))
    return _kept(truth, pool, wall, wet)


def _reaches(truth: NeedleTruth, pool: Pool, axis: Array, radius_mm: float) -> bool:
    """Whether a pool's fluid comes to a place (3,) on the axis of a nerve."""
    if pool.kind in HELD and not stays_in(truth, pool.inside, pool.centre_mm, axis, radius_mm):
        return False
    bent = pool.normal if pool.kind == "plane" else None
    return way_is_open(truth, pool.centre_mm, axis, bent, without=pool.inside)


def _kept(truth: NeedleTruth, pool: Pool, wall: _Wall, wet: Mask) -> Mask:
    """What of the wet places lies in the structure that holds the fluid, or against it."""
    if pool.kind not in HELD or not wet.any():
        return wet
    out: Mask = wet.copy()
    within = float(table("needle_tissue")["barrier"]["within_mm"])
    out[wet] = truth.ground.surface(pool.inside).signed_distance(wall.points[wet]) <= within
    return out


def _covered(pool: Pool, wall: _Wall) -> Mask:
    """Which places of the wall (n, 24) lie where a pool's fluid would be, were nothing in its way."""
    rule = table("needle_tissue")["lens"]
    off = wall.points - pool.centre_mm
    up = off @ pool.normal
    across = np.sqrt(np.maximum((off**2).sum(axis=2) - up**2, 0.0))
    if pool.kind != "plane":
        return np.asarray((across / pool.radius_mm) ** 2 + (2 * up / pool.thickness_mm) ** 2 <= 1)
    thick = pool.thickness_mm * (1 - (across / pool.radius_mm) ** 2)
    level = np.abs(up) <= np.maximum(thick, 0) / 2 + rule["slack_mm"] + rule["bend"] * across
    middle = wall.middles - pool.centre_mm
    flat = middle - (middle @ pool.normal)[:, None] * pool.normal
    far = across > np.linalg.norm(flat, axis=1)[:, None]
    needed = np.where(far, np.maximum(rule["film_mm"], rule["round_share"] * 2 * wall.radius[:, None]), rule["film_mm"])
    return np.asarray(level & (thick >= needed))


def _best(share: Array, wall: _Wall) -> float:
    """Best mean share over the window along one line of the nerve; over the whole line where that is shorter."""
    window, best = float(table("needle_tissue")["wall"]["window_mm"]), 0.0
    for line in np.unique(wall.line):
        own = share[wall.line == line]
        count = min(max(round(window / float(wall.length[wall.line == line].mean())), 1), len(own))
        best = max(best, float(np.convolve(own, np.ones(count) / count, mode="valid").max()))
    return min(best, 1.0)
