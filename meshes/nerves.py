"""Nerves of the head and neck: seated node by node on the layers that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.blades import carved
from meshes.curves import arc_length, catmull_rom, point_at, resample
from meshes.fields import Field, offset
from meshes.nodes import anchored
from meshes.parts import Part
from meshes.paths import Layers, kept_clear, scalp_path, seat_node
from meshes.points import load_table
from meshes.tubes import Tube, joined, tube

Array = NDArray[np.float64]
SCALP_DEPTH_MM = 2.4  # under the skin, above the epicranial aponeurosis
BED_MM = 0.15
PATH_STEP_MM = 0.5
LEAVE_STEPS = 3  # half millimetres past the piercing point before a muscle is kept clear of
FINISH_ROUNDS = 12  # of smoothing, about 1.5 mm wide, that a cleared path ends with
LIFT_ROUNDS = 5
JOINT_GAP_MM = 0.05  # between a parent and what springs from it
FACES_PER_MM, LEAST_FACES, MOST_FACES, MOST_FACES_OF_A_FAN, FAN = 36, 900, 9000, 26000, 3


def nerve_parts(layers: Layers) -> list[Part]:
    """Return the nerves of the right side.

    Parameters
    ----------
    layers : mapping of str to Field
        Muscles, bones and vessels by unsided key, with 'skin' and 'bones'.
    """
    return course_parts("nerves", layers, SCALP_DEPTH_MM)


def course_parts(name: str, layers: Layers, scalp_depth: float) -> list[Part]:
    """Return the nerves or vessels of a data table in its order; each may name those before it as a layer."""
    known, parts = dict(layers), []
    for key, row in load_table(name).items():
        if isinstance(row, dict):
            part = branching_part(key, row, known, scalp_depth)
            known[key] = part.field
            parts.append(part)
    return parts


def course_trunk(row: Mapping[str, Any], layers: Layers) -> Tube:
    """Return the trunk of a nerve or vessel, through its seated nodes and kept clear of its neighbours."""
    nodes = course_nodes(row, layers)
    return tube(_freed(catmull_rom(nodes, PATH_STEP_MM), nodes, row, layers), row["radius"])


def branching_part(
    key: str, row: Mapping[str, Any], layers: Layers, scalp_depth: float = SCALP_DEPTH_MM, trunk: Tube | None = None
) -> Part:
    """Return a nerve or vessel as a trunk through its nodes (or the `trunk` given) with the branches of its table."""
    trunk = trunk or course_trunk(row, layers)
    lines: dict[str, Array] = {}
    tubes = [trunk]
    for name, twig in row.get("branches", {}).items():
        parent = trunk.points if twig["from"] in (1.0, "trunk") else lines[twig["from"]]
        start = point_at(parent, twig.get("at", 1.0))
        lines[name] = _branch(start, twig, row, layers, scalp_depth)
        tubes.append(tube(lines[name], twig["radius"]))
    form = joined(tubes)
    cut = [layers[parent] for parent in row.get("springs_from", ()) if parent in layers]
    form = carved(form, cut, gap=JOINT_GAP_MM) if cut else form
    path = None if row.get("spindle") else trunk
    return Part(
        key, form, _spacing(tubes), _faces(tubes), centerline=None if path is None else path.points,
        radius_mm=None if path is None else path.radius_mm, branches=lines, sources=tuple(row["sources"]),
        evidence=row["evidence"],
    )  # fmt: skip


def course_nodes(row: Mapping[str, Any], layers: Layers) -> Array:
    """Return the places (n, 3) mm of the nodes of a nerve or vessel."""
    return np.array([seat_node(anchored(node), layers) for node in row["nodes"]])


def beds(name: str, parts: Sequence[Part], layers: Layers) -> Mapping[str, list[Field]]:
    """Return the grooves that nerves or vessels lie in, by the muscle to carve.

    One that lies between two muscles needs room; where it pierces one, the muscle stays whole and the nerve owns
    the shared space. The table's `beds` name the muscles and the stretch from one node to another, or the whole.
    """
    out: dict[str, list[Field]] = {}
    table = load_table(name)
    for part in parts:
        row = table[part.key]
        names = [n["name"] for n in row["nodes"]]
        for bed in row.get("beds", ()):
            ends = [seat_node(anchored(row["nodes"][names.index(bed[e])]), layers) for e in ("first", "last") if e in bed]
            groove = offset(_stretch(part, ends, bed.get("short_mm", 0.0)).field() if ends else part.field, BED_MM)
            for muscle in bed["of"]:
                out.setdefault(muscle, []).append(groove)
    return out


def nerve_beds(parts: Sequence[Part], layers: Layers) -> Mapping[str, list[Field]]:
    """Return the grooves that nerves lie in, by the muscle to carve."""
    return beds("nerves", parts, layers)


def _spacing(tubes: Sequence[Tube]) -> float:
    thinnest = min(float(t.radius_mm.min()) for t in tubes)
    return float(np.clip(0.95 * thinnest, 0.36, 0.6))


def _faces(tubes: Sequence[Tube]) -> int:
    length = sum(float(arc_length(t.points)[-1]) for t in tubes)
    return int(np.clip(FACES_PER_MM * length, LEAST_FACES, MOST_FACES_OF_A_FAN if len(tubes) > FAN else MOST_FACES))


def _branch(start: Array, twig: Mapping[str, Any], row: Mapping[str, Any], layers: Layers, scalp_depth: float) -> Array:
    """A branch from a point of its parent: over the scalp, or through nodes of its own."""
    if "nodes" in twig:
        nodes = np.vstack([start, course_nodes(twig, layers)])
        line = catmull_rom(nodes, PATH_STEP_MM)
    else:
        line = scalp_path(start, twig["scalp"], twig.get("depth", scalp_depth), layers["skin"])
    radius = tube(line, twig["radius"]).radius_mm
    shy = [(layers[k], radius + BED_MM) for k in twig.get("clear", ()) if k in layers]
    if not shy and "nodes" not in twig:
        return line
    return _finished(kept_clear(line, [*_always(row, radius, layers), *shy]), twig, row, layers)


def _stretch(part: Part, ends: Sequence[Array], short_mm: float) -> Tube:
    """Return the nerve's tube between the points of its path nearest to two places, cut short at the far end."""
    assert part.centerline is not None and part.radius_mm is not None
    first, last = (_nearest(part.centerline, e) for e in ends)
    last = max(last - int(short_mm / PATH_STEP_MM), first + 2)
    return Tube(part.centerline[first : last + 1], part.radius_mm[first : last + 1])


def _always(row: Mapping[str, Any], radius: Array, layers: Layers) -> list[tuple[Field, float | Array]]:
    """What the whole path keeps clear of, and by how much: bone, the skin from within, what it only touches.

    `clear` names what the tube stays out of; `clear_axis` what only its axis stays out of, by `axis_gap` mm: a bed is
    carved there.
    """
    skin = layers["skin"]
    inner = Field(lambda p: -skin(p), skin.lower, skin.upper)
    shy: list[tuple[Field, float | Array]] = [(layers[k], radius + 0.1) for k in row.get("clear", ()) if k in layers]
    shy += [(layers[k], float(row["axis_gap"])) for k in row.get("clear_axis", ()) if k in layers]
    return [(layers["bones"], radius + 0.25), (inner, radius + row.get("under_skin", 1.2)), *shy]


def _freed(line: Array, nodes: Array, row: Mapping[str, Any], layers: Layers) -> Array:
    """Keep the path out of bone and of the muscles that it only touches, and under the skin.

    `clear_until` and `clear_from` name muscles that it keeps out of before and beyond a node, having yet to pierce or
    having pierced them there.
    """
    names = [n["name"] for n in row["nodes"]]

    def clear(line: Array, part: slice, stretch: Mapping[str, Any]) -> Array:
        radius = tube(line, row["radius"]).radius_mm[part]
        shy = [(layers[k], stretch.get("axis_gap", radius + 0.1)) for k in stretch["of"] if k in layers]
        return kept_clear(line[part], [*_always(row, radius, layers), *shy])

    line = clear(line, slice(None), {"of": ()})
    for stretch in row.get("clear_until", ()):
        stop = _nearest(line, nodes[names.index(stretch["node"])])
        line = _rounded(np.vstack([clear(line, slice(0, stop + 1), stretch), line[stop + 1 :]]))
    for stretch in row.get("clear_from", ()):
        start = _nearest(line, nodes[names.index(stretch["node"])]) + LEAVE_STEPS
        line = _rounded(np.vstack([line[:start], clear(line, slice(start, None), stretch)]))
    return _finished(line, row, row, layers)


def _finished(line: Array, of: Mapping[str, Any], row: Mapping[str, Any], layers: Layers) -> Array:
    """Smooth a cleared path, then lift it off bone and skin once more where that cut a corner."""
    line = _rounded(line, FINISH_ROUNDS)
    bone_and_skin = _always(row, tube(line, of["radius"]).radius_mm, layers)[:2]
    return kept_clear(line, bone_and_skin, LIFT_ROUNDS, 0.1)


def _nearest(line: Array, place: Array) -> int:
    return int(np.argmin(np.linalg.norm(line - place, axis=1)))


def _rounded(line: Array, rounds: int = 14) -> Array:
    """Return a path without corners: Laplacian steps, ends held."""
    p = resample(line, PATH_STEP_MM)
    for _ in range(rounds):
        p[1:-1] += 0.4 * (0.5 * (p[:-2] + p[2:]) - p[1:-1])
    return p
