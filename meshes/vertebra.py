"""The typical vertebra, C3 to T2: body, pedicles, articular pillars, laminae, spine, transverse processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.blades import blade, carved, column, joined
from meshes.fields import Field, ellipsoid, half_space, intersect, symmetric, tube
from meshes.points import load_table, shared_points

Array = NDArray[np.float64]
SIDE = np.array([1.0, 0.0, 0.0])
BLEND, ARCH_BLEND, EDGE = 2.6, 4.5, 1.8
CLEARANCE = 0.75  # share of the facet gap kept from a neighbour's pillar; the facet planes keep all of it


@dataclass(frozen=True)
class Level:
    """A vertebra's own frame and its named dimensions.

    Parameters
    ----------
    key : str
        Of the vertebra.
    origin : (3,) array
        Centre of the body, mm RAS.
    turn : (3, 3) array
        Columns: right, forward and up in the vertebra's frame.
    size : mapping
        The vertebra's row of `vertebrae.toml`.
    """

    key: str
    origin: Array
    turn: Array
    size: Mapping[str, Any]

    def at(self, local: ArrayLike) -> Array:
        """Return local points (..., 3) in RAS."""
        return np.asarray(np.asarray(local, dtype=np.float64) @ self.turn.T + self.origin)

    def local(self, points: ArrayLike) -> Array:
        """Return RAS points (..., 3) in the vertebra's frame."""
        return np.asarray((np.asarray(points, dtype=np.float64) - self.origin) @ self.turn)

    @property
    def up(self) -> Array:
        """The vertebra's upward axis."""
        return np.asarray(self.turn[:, 2])

    def canal_centre(self) -> Array:
        """Return the middle of the vertebral foramen, (3,) mm RAS."""
        return self.at([0.0, -0.5 * (self.size["body_depth"] + self.size["canal_depth"]), 0.0])

    def foramen(self) -> Array:
        """Return the centre of the right transverse foramen, (3,) mm RAS."""
        return self.at(self.size["foramen"])


@dataclass(frozen=True)
class Joint:
    """A right facet joint: its middle, (3,) mm, and the unit normal of the superior facet that faces up and back."""

    middle: Array
    normal: Array


def level(key: str) -> Level:
    """Return the frame and dimensions of a vertebra with a body."""
    size = load_table("vertebrae")[key]
    lean = np.radians(size["lean"])
    c, s = np.cos(lean), np.sin(lean)
    turn = np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])
    return Level(key, np.array(shared_points()[f"{size['number']}_body"]), turn, size)


def upper_joint(place: Level) -> Joint:
    """Return the facet joint between a vertebra and the one above it."""
    steep = np.radians(place.size["facet_angle"])
    return Joint(place.at(place.size["facet"]), place.turn @ np.array([0.0, -np.sin(steep), np.cos(steep)]))


def lower_joint(place: Level, below: Level | None) -> Joint:
    """Return the facet joint between a vertebra and the one below it."""
    if below is not None:
        return upper_joint(below)
    return Joint(place.at(place.size["inferior_facet"]), upper_joint(place).normal)


def body_top(size: Mapping[str, Any], q: Array) -> Array:
    """Return the height of the upper end plate, with its uncinate lips, over local points (n, 3)."""
    rim = _rim(np.abs(q[:, 0]) / (0.5 * size["body_width_upper"]))
    front = q[:, 1] / (0.5 * size["body_depth"])
    lip = size["uncinate_height"] * rim * np.clip(0.75 - 0.35 * front, 0.2, 1.0)
    return np.asarray(0.5 * size["body_height"] - 0.5 - 0.5 * np.clip(front, -1, 1) + lip)


def body_bottom(size: Mapping[str, Any], q: Array, bevel: float = 0.0) -> Array:
    """Return the height of the lower end plate over local points; `bevel` mm lifts its sides above uncinate lips."""
    side = _rim(np.abs(q[:, 0]) / (0.5 * size["body_width_lower"]))
    front = np.clip(q[:, 1] / (0.5 * size["body_depth"]), -1.2, 1.2)
    lip = size["anterior_lip"] * np.maximum(front, 0.0) ** 2
    return np.asarray(-0.5 * size["body_height"] + 0.7 * (1 - front**2) - lip + bevel * side)


def body_girth(size: Mapping[str, Any], q: Array, waist: float = 0.07) -> Array:
    """Return the distance of local points (n, 3) to the side wall of the body, negative within."""
    t = np.clip(q[:, 2] / size["body_height"] + 0.5, 0.0, 1.0)
    slim = 1.0 - waist * np.sin(np.pi * t)
    a = 0.5 * (size["body_width_lower"] + t * (size["body_width_upper"] - size["body_width_lower"])) * slim
    b = 0.5 * size["body_depth"] * slim
    x, y, power = np.abs(q[:, 0]) / a, np.abs(q[:, 1]) / b, 2.35
    k = np.maximum((x**power + y**power) ** (1 / power), 1e-6)
    slope = np.sqrt((x ** (power - 1) / a) ** 2 + (y ** (power - 1) / b) ** 2) * k ** (1 - power)
    return np.asarray((k - 1.0) / np.maximum(slope, 1e-3))


def body(place: Level, below: Level | None) -> Field:
    """Return the body of a vertebra."""
    bevel = 0.85 * below.size["uncinate_height"] if below is not None else 0.0
    size = place.size

    def distance(p: Array) -> Array:
        q = place.local(p)
        ends = _round_max(0.9 * (q[:, 2] - body_top(size, q)), 0.9 * (body_bottom(size, q, bevel) - q[:, 2]), 1.0)
        return _round_max(body_girth(size, q), ends, 1.6)

    wide = max(size["body_width_upper"], size["body_width_lower"])
    half = 0.5 * np.array([wide, size["body_depth"], size["body_height"] + 2 * size["uncinate_height"] + 6.0])
    reach = np.abs(place.turn) @ (half + 1.0)
    return Field(distance, place.origin - reach, place.origin + reach)


def disc(above: Level, below: Level) -> Field:
    """Return the disc that fills the gap between two bodies."""
    bevel = 0.85 * below.size["uncinate_height"]

    def distance(p: Array) -> Array:
        low, high = below.local(p), above.local(p)
        floor = 0.9 * (body_top(below.size, low) + 0.05 - low[:, 2])
        roof = 0.9 * (high[:, 2] - body_bottom(above.size, high, bevel) + 0.05)
        girth = 0.5 * (body_girth(below.size, low, 0.0) + body_girth(above.size, high, 0.0)) + 0.4
        return _round_max(girth, np.maximum(floor, roof), 0.8)

    half = 0.5 * np.array([below.size["body_width_upper"], below.size["body_depth"], 0.0]) + np.array([1.0, 3.0, 0.0])
    ends = np.array([below.at([0, 0, 0.2 * below.size["body_height"]]), above.at([0, 0, -0.2 * above.size["body_height"]])])
    return Field(distance, ends.min(axis=0) - half, ends.max(axis=0) + half)


def pillar(place: Level, upper: Joint | None, lower: Joint, gap: float) -> Field:
    """Return the right articular pillar between its two facets; without an upper joint it ends at the pedicle."""
    size = place.size
    top = upper.middle if upper is not None else place.at(size["pillar_root"])
    form = column(top, lower.middle, 0.5 * size["pillar_width"], 0.5 * size["pillar_depth"], 0.16, SIDE)
    form = intersect(form, half_space(lower.middle + 0.5 * gap * lower.normal, -lower.normal), EDGE)
    form = intersect(form, half_space(lower.middle - 4.6 * place.up, -place.up), 1.5)
    if upper is None:
        return intersect(form, half_space(top, place.up), 1.5)
    form = intersect(form, half_space(upper.middle - 0.5 * gap * upper.normal, upper.normal), EDGE)
    return intersect(form, half_space(upper.middle + 5.2 * place.up, place.up), 1.5)


def canal_bore(places: Sequence[Array], width: float, depth: float) -> Field:
    """Return the clear way of the cord through one vertebra, from points along it."""
    nodes = np.array(places)
    return blade(nodes, 0.5 * width, 0.5 * depth, SIDE)


def arch(place: Level) -> list[Field]:
    """Return pedicle, lamina and spine of the right half."""
    size = place.size
    back = -(0.5 * size["body_depth"] + size["canal_depth"] + 0.5 * size["lamina_thickness"])
    x, y, z = size["facet"]
    mid = z - 0.5 * size["body_height"] - 2.5
    half_way = [0.52 * x, 0.42 * y + 0.58 * back, mid - 1.2]
    lamina = blade(
        place.at([[x - 1.0, y - 2.5, mid], half_way, [0.0, back - 0.9, -size["lamina_drop"]]]),
        0.5 * size["lamina_height"] * np.array([0.8, 0.95, 0.95]), 0.5 * size["lamina_thickness"] * np.array([1.1, 1.05, 1.2]),
        place.turn @ np.array([0.0, 0.3, 1.0]), 0.5, 2.2,
    )  # fmt: skip
    pedicle = blade(
        place.at([[0.5 * size["body_width_upper"] - 2.5, -0.3 * size["body_depth"], 1.2], [x - 2.5, y + 2.0, 1.0]]),
        0.5 * size["pedicle_height"], 2.7, place.up,
    )  # fmt: skip
    return [lamina, pedicle, *spine(place, np.array([0.0, back, -size["lamina_drop"]]))]


def spine(place: Level, root: Array) -> list[Field]:
    """Return the stem of the spinous process from its local root, to its fork or its blunt tip."""
    size = place.size
    low, thin = 0.5 * size["spine_height_tip"], 0.5 * size["spine_thickness"]
    end, high = _spine_end(place)
    fork = root + (1.0 - size.get("bifid_share", 0.0)) * (end - root)
    tall = 0.5 * size["spine_height_root"]
    nodes = place.at([root, 0.5 * (root + fork), fork - 0.16 * (fork - root), fork])
    high_at = [tall, 0.5 * tall + 0.5 * low, 1.05 * low, low]
    blunt = 1.0 if "bifid_halfspread" in size else 1.25
    return [blade(nodes, high_at, thin * np.array([1.5, 1.0, blunt, blunt]), high, 0.5, 2.3)]


def prongs(place: Level) -> list[Field]:
    """Return the two ends of a cleft spine, right and left, of their own lengths."""
    size = place.size
    if "bifid_halfspread" not in size:
        return []
    low, thin = 0.5 * size["spine_height_tip"], 0.5 * size["spine_thickness"]
    end, high = _spine_end(place)
    fork = place.at(end + np.array([0.0, 0.3 * np.linalg.norm(end), 0.0]) * size["bifid_share"] + np.array([0.0, 1.5, 1.0]))
    right, left = size["bifid_halfspread"]
    tips = [place.at(end + np.array([x, 0.0, 0.3])) for x in (right, -left)]
    return [blade([fork, tip], [low, 0.72 * low], [1.0 * thin, 0.95 * thin], high) for tip in tips]


def _spine_end(place: Level) -> tuple[Array, Array]:
    """Local middle of the end of the spine, and the RAS direction of its height."""
    tip = place.local(shared_points()[f"{place.size['number']}_spinous_tip"])
    low = 0.5 * place.size["spine_height_tip"]
    return tip + np.array([0.0, 0.8 * low, 0.5 * low]), place.turn @ np.array([0.0, -0.3, 1.0])


def transverse_process(place: Level) -> list[Field]:
    """Return the right transverse process: two bars and their bridge below C6, one club from C7 down."""
    size = place.size
    if "transverse_tip" in size:
        return _club(place)
    front, back = np.array(size["anterior_tubercle"]), np.array(size["posterior_tubercle"])
    inner, hole = 0.5 * size["body_width_upper"], np.array(size["foramen"])
    x, y, _ = size["facet"]
    return [
        blade(place.at(np.array([[inner - 2.0, 1.5, 0.3], front - np.array([1.6, 0.8, 0.2])])), [3.0, 2.8], [1.8, 1.9], place.up),
        blade(place.at(np.array([[x - 3.5, y + 5.0, 0.6], back - np.array([1.8, 0, 0])])), [3.0, 2.8], [1.9, 2.0], place.up),
        ellipsoid(place.at(hole + 0.2 * (back - hole) - [0, 0, 1.0]), [7.4, 5.4, 2.3], place.turn.T),
        blade(place.at([front - [1.2, 1.2, 1.4], back - [2.6, -0.8, 0.8]]), 2.6, 1.5, place.turn @ np.array([0.8, -0.5, 0.5])),
    ]


def _club(place: Level) -> list[Field]:
    """Right transverse process of C7 and below, with C7's slender front bar."""
    size = place.size
    root, tip = np.array(size["transverse_root"]), np.array(size["transverse_tip"])
    tall, thick = 0.5 * size["transverse_height"], 0.5 * size["transverse_thickness"]
    end = tip - np.array([thick, 0.0, 0.0])
    high, deep = tall * np.array([1.0, 0.76, 0.9]), thick * np.array([1.0, 0.75, 0.95])
    club = blade(place.at([root, 0.5 * (root + end), end]), high, deep, place.up, 0.5, 2.5)
    if "foramen" not in size:
        return [club]
    hole = np.array(size["foramen"])
    front = np.array([[hole[0] - 6, 1.6, -0.5], [hole[0] + 2, 1.4, -1.0], end + [-4, 1, 0]])
    web = ellipsoid(place.at(hole + np.array([1.2, -0.9, -0.4])), [8.0, 6.2, 2.5], place.turn.T)
    return [club, web, blade(place.at(front), 2.3, 1.6, place.up, 0.5)]


def vertebra(place: Level, below: Level | None, others: Sequence[Field], way: Sequence[Array], artery: Field) -> Field:
    """Return a typical vertebra as a field, whole.

    Parameters
    ----------
    place, below : Level
        The vertebra and the one below it.
    others : sequence of Field
        Right articular pillars of the neighbours, which it keeps clear of.
    way : sequence of (3,) arrays
        Points of the vertebral canal above, in and below it.
    artery : Field
        Clear way of the vertebral artery.
    """
    gap = float(load_table("vertebrae")["joints"]["facet_gap"])
    own = pillar(place, upper_joint(place), lower_joint(place, below), gap)
    right = joined([joined([own, *arch(place)], ARCH_BLEND), *transverse_process(place)], BLEND)
    right = carved(right, others, 1.4, CLEARANCE * gap)
    tools = [artery, canal_bore(way, place.size["canal_width"], place.size["canal_depth"])]
    if "foramen_radius" in place.size:
        hole, drift = place.foramen(), 9.0 * place.up
        tools.append(tube(np.array([hole - drift, hole, hole + drift]), place.size["foramen_radius"]))
    with_body = joined([right, body(place, below)], 1.6)
    return joined([symmetric(carved(with_body, tools, 2.0)), *prongs(place)], 1.5)


def _rim(share: Array) -> Array:
    t = np.clip((share - 0.55) / 0.4, 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def _round_max(a: Array, b: Array, blend: float) -> Array:
    h = np.maximum(blend - np.abs(a - b), 0.0) / blend
    return np.asarray(np.maximum(a, b) + h * h * blend * 0.25)
