"""The typical vertebra, C3 to T2: pedicles, articular pillars, laminae, spine, transverse processes round the body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.blades import blade, carved, column, joined
from meshes.fields import Field, ellipsoid, half_space, intersect, symmetric, tube
from meshes.levels import SIDE, Joint, Level, lower_joint, upper_joint
from meshes.points import load_table, shared_points
from meshes.vertebral_body import body

Array = NDArray[np.float64]
BLEND, ARCH_BLEND, EDGE = 2.2, 3.6, 1.4
CLEARANCE = 0.75  # share of the facet gap kept from a neighbour's pillar; the facet planes keep all of it
BOARD = 2.4  # section of plates: between an ellipse and a board
BORE_POWER = 1.6  # section of the vertebral foramen: a rounded triangle behind the body


def pillar(place: Level, upper: Joint | None, lower: Joint, gap: float) -> Field:
    """Return the right articular pillar, a waisted column between its two oval facets.

    Without an upper joint it ends at the pedicle.
    """
    size, form = place.size, _shape("pillar")
    top = upper.middle if upper is not None else place.at(size["pillar_root"])
    inset = form["end_inset"] * place.up
    shaft = column(top, lower.middle, 0.5 * size["pillar_width"], 0.5 * size["pillar_depth"], form["waist"], SIDE)
    shaft = intersect(shaft, half_space(lower.middle - inset, -place.up), EDGE)
    ends = [_facet(place, lower, -1.0, gap)]
    if upper is None:
        shaft = intersect(shaft, half_space(top, place.up), EDGE)
    else:
        shaft = intersect(shaft, half_space(upper.middle + inset, place.up), EDGE)
        shaft = intersect(shaft, _under_facet(upper, 1.0, gap), EDGE)
        ends.append(_facet(place, upper, 1.0, gap))
    return joined([intersect(shaft, _under_facet(lower, -1.0, gap), EDGE), *ends], form["end_rounding"])


def _facet(place: Level, joint: Joint, facing: float, gap: float) -> Field:
    """The end of a pillar under an oval facet; `facing` 1 for the superior facet and -1 for the inferior."""
    size, form = place.size, _shape("pillar")
    deep = size["pillar_depth"] * form["plate_depth_share"]
    half = [0.5 * size["facet_width"], 0.5 * size["facet_length"], deep]
    centre = joint.middle - facing * (0.5 * gap + size["pillar_depth"] * form["plate_inset_share"]) * joint.normal
    plate = ellipsoid(centre, half, np.array([SIDE, np.cross(SIDE, joint.normal), joint.normal]))
    return intersect(plate, _under_facet(joint, facing, gap), 1.0)


def _under_facet(joint: Joint, facing: float, gap: float) -> Field:
    return half_space(joint.middle - facing * 0.5 * gap * joint.normal, facing * joint.normal)


def canal_bore(places: Sequence[Array], width: float, depth: float) -> Field:
    """Return the clear way of the cord through one vertebra, from points along it."""
    nodes = np.array(places)
    return blade(nodes, 0.5 * width, 0.5 * depth, SIDE, power=BORE_POWER)


def arch(place: Level, lower: Joint) -> list[Field]:
    """Return pedicle, lamina and spine of the right half.

    The lamina runs down and back from the pillar to the midline, its upper edge leaning forward under the lamina above.
    """
    size, form, stalk = place.size, _shape("lamina"), _shape("pedicle")
    facet, root = np.array(size["facet"]), _root(place)
    outer = 0.5 * (facet + place.local(lower.middle)) + form["outer_end"]
    lean = np.radians(size["lamina_lean"])
    tall = 0.5 * size["lamina_height"] * np.array(form["height_along"])
    thick = 0.5 * size["lamina_thickness"] * np.array(form["thickness_along"])
    upwards = place.turn @ np.array([0.0, np.sin(lean), np.cos(lean)])
    lamina = blade(place.at([outer, 0.5 * (outer + root) + form["arching"], root]), tall, thick, upwards, 0.5, BOARD)
    inner = [0.5 * size["body_width_upper"] - stalk["inner_inset"], stalk["inner_depth_share"] * size["body_depth"]]
    ends = [[*inner, stalk["heights"][0]], [*(facet[:2] + stalk["outer_end"]), stalk["heights"][1]]]
    pedicle = blade(place.at(ends), 0.5 * size["pedicle_height"], stalk["half_thickness"], place.up)
    return [lamina, pedicle, spine(place)]


def spine(place: Level) -> Field:
    """Return the stem of the spinous process, a plate on edge, from the laminae to its fork or its blunt tip."""
    size, form, root = place.size, _shape("spine"), _root(place)
    fork, high = _fork(place)
    ends = 0.5 * np.array([size["spine_height_root"], size["spine_height_tip"]])
    tall = [ends[0], ends @ form["middle_height"] - 2 * form["middle_waist"], ends[1]]
    along = form["thickness_along_cleft" if "bifid_halfspread" in size else "thickness_along_single"]
    nodes = place.at([root, 0.5 * (root + fork) + form["arching"], fork])
    return blade(nodes, tall, 0.5 * size["spine_thickness"] * np.array(along), high, 0.5, BOARD)


def prongs(place: Level) -> list[Field]:
    """Return the two ends of a cleft spine, right and left, each of its own spread and reach."""
    size, form = place.size, _shape("cleft")
    if "bifid_halfspread" not in size:
        return []
    tall = size["spine_height_tip"] * form["half_height_share"] * np.array(form["height_along"])
    thick = size["spine_thickness"] * form["half_thickness_share"] * np.array(form["thickness_along"])
    end, (fork, high) = _end(place), _fork(place)
    along = (end - fork) / np.linalg.norm(end - fork)
    out = []
    for side, spread, reach in zip((SIDE, -SIDE), size["bifid_halfspread"], size["bifid_reach"], strict=True):
        tip = end + reach * along + spread * side
        start = fork - form["start_before_fork"] * along + form["start_apart"] * side
        between = start + form["bend_at"] * (tip - start) - form["bend_share"] * spread * side
        out.append(blade(place.at([start, between, tip]), tall, thick, high - form["outward_tilt"] * side, 0.5, BOARD))
    return out


def spine_ends(place: Level) -> tuple[Array, Array]:
    """Return root and end (3,) mm RAS of the axis of the spinous process."""
    return place.at(_root(place)), place.at(_end(place))


def _root(place: Level) -> Array:
    """Local middle of the meeting of the laminae behind the canal."""
    size = place.size
    leaning = size["lamina_height"] * np.sin(np.radians(size["lamina_lean"]))
    behind = np.array([size["lamina_thickness"], leaning]) @ _shape("lamina")["behind_canal"]
    return np.array([0.0, -0.5 * size["body_depth"] - size["canal_depth"] - behind, -size["lamina_drop"]])


def _end(place: Level) -> Array:
    """Local middle of the end of the spine; the shared tip is its hindmost, lower corner."""
    size, form = place.size, _shape("spine")
    tip = place.local(shared_points()[f"{size['number']}_spinous_tip"])
    rise = form["end_rise_share"] * size["spine_height_tip"]
    return np.asarray(tip + np.array([0.0, 0.5 * size["spine_thickness"] + form["end_inset"], rise]))


def _fork(place: Level) -> tuple[Array, Array]:
    """Local point where the spine forks, its end if it does not, and the RAS direction of the plate's height."""
    root, end = _root(place), _end(place)
    high = np.cross(SIDE, root - end)
    return root + (1.0 - place.size.get("bifid_share", 0.0)) * (end - root), place.turn @ high / np.linalg.norm(high)


def transverse_process(place: Level) -> list[Field]:
    """Return the right transverse process: two bars, their tubercles and the floor between above C7, one club from there."""
    size, form = place.size, _shape("transverse")
    if "transverse_tip" in size:
        return _club(place)
    front, back, hole = (np.array(size[k]) for k in ("anterior_tubercle", "posterior_tubercle", "foramen"))
    facet, side = np.array(size["facet"]), np.array([0.5 * size["body_width_upper"], 0.0, 0.0])
    radius = size["anterior_tubercle_radius"]
    sunk = np.array([0.0, 0.0, radius])
    bar = [side + form["front_root"], hole + form["front_before_foramen"], front + form["front_end"]]
    knob = [front + form["tubercle_foot"] - sunk, front + [*form["tubercle_top"], -form["tubercle_top_share"] * radius]]
    rear = [facet * [1, 1, 0] + form["back_root"], back + form["back_middle"], back + form["back_end"]]
    web = hole + form["web_share"] * (back - hole) - [0.0, 0.0, form["web_drop"]]
    bridge = [front + form["bridge_front"] - sunk, back + form["bridge_back"]]
    thick, upwards = [form["tubercle_thickness_share"] * radius] * 2, place.turn @ np.array(form["bridge_up"])
    return [
        blade(place.at(bar), form["front_half_height"], form["front_half_thickness"], place.up, 0.5),
        blade(place.at(knob), radius * np.array(form["tubercle_along"]), thick, SIDE),
        blade(place.at(rear), form["back_half_height"], form["back_half_thickness"], place.up, 0.5),
        ellipsoid(place.at(web), form["web_half"], place.turn.T),
        ellipsoid(place.at(side + hole * [0, 1, 0] + form["inner_wall"]), form["inner_wall_half"], place.turn.T),
        blade(place.at(bridge), form["bridge_half_height"], form["bridge_half_thickness"], upwards),
    ]


def nerve_groove(place: Level) -> Field:
    """Return the groove of the spinal nerve over the right transverse process, between its tubercles."""
    size, form = place.size, _shape("nerve_groove")
    front, back, hole = (np.array(size[k]) for k in ("anterior_tubercle", "posterior_tubercle", "foramen"))
    inner = [0.5 * size["canal_width"], hole[1] - form["behind_foramen"], 0.5 * size["pedicle_height"] + form["over_pedicle"]]
    floor = np.array([0.0, 0.0, size["groove_radius"] + form["over_floor"]])
    out = 0.5 * (front + back) + floor
    return tube(place.at([inner, hole + form["over_foramen"] + floor, out, out + form["beyond"]]), size["groove_radius"])


def _club(place: Level) -> list[Field]:
    """Right transverse process of C7 and below, with C7's slender front bar."""
    size, form = place.size, _shape("club")
    root, tip = np.array(size["transverse_root"]), np.array(size["transverse_tip"])
    tall, thick = 0.5 * size["transverse_height"], 0.5 * size["transverse_thickness"]
    end = tip - np.array([thick, 0.0, 0.0])
    high, deep = tall * np.array(form["height_along"]), thick * np.array(form["thickness_along"])
    club = blade(place.at([root, 0.5 * (root + end), end]), high, deep, place.up, 0.5, BOARD)
    if "foramen" not in size:
        return [club]
    hole = np.array(size["foramen"])
    beside = hole * [1, 0, 0]
    front = place.at([beside + form["front_inner"], beside + form["front_middle"], end + form["front_end"]])
    web = ellipsoid(place.at(hole + form["web"]), form["web_half"], place.turn.T)
    return [club, web, blade(front, form["front_half_height"], form["front_half_thickness"], place.up, 0.5)]


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
    lower = lower_joint(place, below)
    own = pillar(place, upper_joint(place), lower, gap)
    right = joined([joined([own, *arch(place, lower)], ARCH_BLEND), *transverse_process(place)], BLEND)
    right = carved(right, others, 1.4, CLEARANCE * gap)
    tools = [artery, canal_bore(way, place.size["canal_width"], place.size["canal_depth"])]
    if "groove_radius" in place.size:
        tools.append(nerve_groove(place))
    if "foramen_radius" in place.size:
        hole, drift = place.foramen(), 9.0 * place.up
        tools.append(tube(np.array([hole - drift, hole, hole + drift]), place.size["foramen_radius"]))
    with_body = joined([carved(right, tools, 1.6), carved(body(place, below), tools[:2], 1.0)], 1.6)
    return joined([symmetric(with_body), *prongs(place)], 2.6)


def _shape(part: str) -> Mapping[str, Any]:
    """What all typical vertebrae have in common of one part."""
    row: Mapping[str, Any] = load_table("vertebrae")["shape"][part]
    return row
