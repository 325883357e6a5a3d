"""The occipital nerves: seated node by node on the layers of the neck and scalp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.curves import catmull_rom, point_at, resample
from meshes.fields import Field, offset
from meshes.parts import Part
from meshes.paths import Layers, kept_clear, scalp_path, seat_node
from meshes.points import load_table
from meshes.tubes import Tube, joined, tube

Array = NDArray[np.float64]
SCALP_DEPTH_MM = 2.4  # under the skin, above the epicranial aponeurosis
BED_MM = 0.15
PATH_STEP_MM = 0.5
LEAVE_STEPS = 3  # half millimetres past the piercing point before a muscle is kept clear of


def nerve_parts(layers: Layers) -> list[Part]:
    """Return the greater, third and lesser occipital nerves of the right side.

    Parameters
    ----------
    layers : mapping of str to Field
        Muscles and bones by unsided key, with 'skin' and 'bones'.
    """
    table = load_table("nerves")
    return [branching_part(key, table[key], layers) for key in table if isinstance(table[key], dict)]


def branching_part(key: str, row: Mapping[str, Any], layers: Layers, scalp_depth: float = SCALP_DEPTH_MM) -> Part:
    """Return a nerve or vessel as a trunk through its nodes with the branches of its table."""
    nodes = np.array([seat_node(n, layers) for n in row["nodes"]])
    trunk = tube(_freed(catmull_rom(nodes, 0.5), nodes, row, layers), row["radius"])
    lines: dict[str, Array] = {}
    tubes = [trunk]
    for name, twig in row.get("branches", {}).items():
        parent = trunk.points if twig["from"] in (1.0, "trunk") else lines[twig["from"]]
        start = point_at(parent, twig.get("at", 1.0))
        lines[name] = scalp_path(start, twig["scalp"], twig.get("depth", scalp_depth), layers["skin"])
        tubes.append(tube(lines[name], twig["radius"]))
    thinnest = min(float(t.radius_mm.min()) for t in tubes)
    sources = tuple(row["sources"])
    return Part(
        key, joined(tubes), float(np.clip(0.95 * thinnest, 0.36, 0.6)), 26000 if len(tubes) > 3 else 9000,
        centerline=trunk.points, radius_mm=trunk.radius_mm, branches=lines, sources=sources, evidence=row["evidence"],
    )  # fmt: skip


def nerve_beds(parts: Sequence[Part], layers: Layers) -> Mapping[str, list[Field]]:
    """Return the grooves that nerves lie in, by the muscle to carve.

    A nerve between two muscles needs room; where it pierces one, the muscle stays whole and the nerve owns
    the shared space. The table's `beds` name the muscles and the stretch from one node to another.
    """
    out: dict[str, list[Field]] = {}
    table = load_table("nerves")
    for part in parts:
        row = table[part.key]
        names = [n["name"] for n in row["nodes"]]
        for bed in row.get("beds", ()):
            ends = [seat_node(row["nodes"][names.index(bed[end])], layers) for end in ("first", "last")]
            groove = offset(_stretch(part, ends, bed.get("short_mm", 0.0)).field(), BED_MM)
            for muscle in bed["of"]:
                out.setdefault(muscle, []).append(groove)
    return out


def _stretch(part: Part, ends: Sequence[Array], short_mm: float) -> Tube:
    """Return the nerve's tube between the points of its path nearest to two places, cut short at the far end."""
    assert part.centerline is not None and part.radius_mm is not None
    first, last = (int(np.argmin(np.linalg.norm(part.centerline - e, axis=1))) for e in ends)
    last = max(last - int(short_mm / PATH_STEP_MM), first + 2)
    return Tube(part.centerline[first : last + 1], part.radius_mm[first : last + 1])


def _freed(line: Array, nodes: Array, row: Mapping[str, Any], layers: Layers) -> Array:
    """Keep the path out of bone and of the muscles that it only touches, and under the skin.

    `clear` names muscles that the whole path keeps out of; `clear_from` those that it keeps out of beyond a node,
    having pierced them there.
    """
    radius = max(r for _, r in row["radius"])
    skin = layers["skin"]
    inner = Field(lambda p: -skin(p), skin.lower, skin.upper)
    always = [(layers["bones"], radius + 0.25), (inner, radius + 1.2)]
    always += [(layers[k], radius + 0.1) for k in row.get("clear", ()) if k in layers]
    line = kept_clear(line, always)
    names = [n["name"] for n in row["nodes"]]
    for stretch in row.get("clear_from", ()):
        start = int(np.argmin(np.linalg.norm(line - nodes[names.index(stretch["node"])], axis=1))) + LEAVE_STEPS
        shy = [(layers[k], radius + 0.1) for k in stretch["of"] if k in layers]
        line = _rounded(np.vstack([line[:start], kept_clear(line[start:], [*always, *shy])]))
    return resample(line, PATH_STEP_MM)


def _rounded(line: Array, rounds: int = 14) -> Array:
    """Return a path without corners: Laplacian steps, ends held."""
    p = resample(line, PATH_STEP_MM)
    for _ in range(rounds):
        p[1:-1] += 0.4 * (0.5 * (p[:-2] + p[2:]) - p[1:-1])
    return p
