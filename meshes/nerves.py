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
SCALP_DEPTH_MM = 2.9  # under the skin, above the epicranial aponeurosis
BED_MM = 0.15
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
    the shared space.
    """
    beds: dict[str, list[Field]] = {}
    table = load_table("nerves")
    for part in parts:
        for muscle in table[part.key].get("bed", ()):
            if muscle in layers and part.centerline is not None and part.radius_mm is not None:
                groove = _beside(part.centerline, part.radius_mm, layers[muscle])
                beds.setdefault(muscle, []).extend(groove)
    return beds


def _beside(points: Array, radius: Array, muscle: Field) -> list[Field]:
    """Return tubes along the runs of the path that lie outside `muscle` but closer than the nerve is thick."""
    near = np.abs(muscle(points)) < radius + BED_MM
    outside = muscle(points) > -0.25 * radius
    index = np.flatnonzero(near & outside)
    runs = np.split(index, np.flatnonzero(np.diff(index) > 1) + 1) if len(index) else []
    return [offset(Tube(points[r], radius[r]).field(), BED_MM) for r in runs if len(r) > 4]


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
        line = np.vstack([line[:start], kept_clear(line[start:], [*always, *shy])])
    return resample(line, 0.5)
