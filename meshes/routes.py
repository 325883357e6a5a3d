"""Routes: where a course passes each layer, and the nerve's row of nerves.toml rewritten for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.courses import Course
from meshes.nape import NERVE, OCI, SSC, TRAPEZIUS, Recess, borders, covers
from meshes.paths import Layers, faces_of, seat_node
from meshes.points import load_table, shared_points

Array = NDArray[np.float64]
Row = dict[str, Any]
RECTUS = "rectus_capitis_posterior_major"
OVER_MM = 0.3  # between the nerve's wall and the muscle that it runs over, where no trapezius covers it
TURN_GAP_MM = 0.1  # between the axis and the muscles of the deep plane: half the nerve lies in them, half in semispinalis
PRESSED_GAP_MM = 0.5  # between the nerve's axis and a muscle that it presses a groove into
SHORT_MM = 6.0  # before it comes through trapezius, where no groove is left: there it climbs through the sheet
NO_MUSCLE_ABOVE_MM, FASCIA_DEPTH_MM = -28.0, 6.5  # above this height what is not on trapezius lies under the skin by so much
RECESS_MM = (16.0, 7.0)  # along the midline, below and above the place where the nerve comes out beside semispinalis
RECESS_WIDTH_MM = 12.0


@dataclass(frozen=True, eq=False)
class Places:
    """Where a course passes, (lateral, height) mm, right side, once the layers have had their say.

    Parameters
    ----------
    turn, leaves, pierces, crosses : (2,) array
        On to the oblique, out of semispinalis, through the level of trapezius, over the nuchal line.
    beside_trapezius : bool
        Whether the nerve comes out lateral to trapezius, through fascia.
    """

    turn: Array
    leaves: Array
    pierces: Array
    crosses: Array
    beside_trapezius: bool


def places_of(course: Course, layers: Layers) -> Places:
    """Return where a course passes, kept inside the muscles that it pierces and in order from below upward."""
    old, top = shipped_places(), float(shared_points()["inion"][2])
    drop, margin = _table()["draw"]["least_drop_mm"], _table()["room"]["border_mm"]
    turn = _turn(course, layers)
    leaves, pierces = old["leaves"].copy(), old["pierces"].copy()
    if course.semispinalis_lateral_mm is not None and course.semispinalis_inferior_mm is not None:
        leaves = np.array([course.semispinalis_lateral_mm, top - course.semispinalis_inferior_mm])
    if course.trapezius_lateral_mm is not None and course.trapezius_inferior_mm is not None:
        pierces = np.array([course.trapezius_lateral_mm, top - course.trapezius_inferior_mm])
    leaves[1] = max(leaves[1], turn[1] + 2 * drop)
    leaves = _within(layers, SSC, leaves, margin)
    if course.semispinalis == "medial":
        leaves[0] = _beside_ligament(layers, leaves[1])
    pierces[1] = max(pierces[1], leaves[1] + drop)
    inner, outer = borders(layers[TRAPEZIUS], pierces[1])
    beside = bool(pierces[0] > outer - margin) and course.trapezius != "muscle" and not course.doubled
    pierces[0] = max(pierces[0], outer + margin) if beside else np.clip(pierces[0], inner + margin, outer - 2 * margin)
    crosses = old["crosses"] + np.array([_table()["way"]["distal_share"] * (pierces[0] - old["pierces"][0]), 0.0])
    return Places(turn, leaves, pierces, crosses, beside)


def nerve_row(course: Course, places: Places, layers: Layers) -> Row:
    """Return the nerve's row of nerves.toml, bent to a course."""
    row, way = dict(load_table("nerves")[NERVE]), _table()["way"]
    names = [n["name"] for n in row["nodes"]]
    old, new = shipped_places(), vars(places)
    index = {k: names.index(way[k]) for k in (*old, "deep", "below", "between", "enters", "under_skin")}
    nodes = [dict(n) for n in row["nodes"]]
    for first, last in (("turn", "leaves"), ("leaves", "pierces"), ("pierces", "crosses")):
        for i in range(index[first], index[last] + (last == "crosses")):
            _carry(nodes[i], (old[first], old[last]), (new[first], new[last]))
    for node in nodes[index["crosses"] + 1 :]:
        node["lateral"] += float(places.crosses[0] - old["crosses"][0])
    _bend_below(nodes, index, old["turn"], places.turn, layers)
    for key, most in _table()["room"]["deep_plane_mm"].items():
        nodes[index[key]]["lateral"] = min(nodes[index[key]]["lateral"], most)
    row["nodes"], row["axis_gap"] = nodes, TURN_GAP_MM
    if course.oblique == "through":
        row = _through_oblique(row, index, places, layers)
    if course.artery != "beside":
        depth = _table()["artery_form"]["depth_mm" if course.artery == "helical" else "crossed_depth_mm"]
        for node in row["nodes"][index["under_skin"] :]:
            _lift(node, depth)
    if course.semispinalis == "medial":
        row = _past_semispinalis(row, index, places, layers)
    row["nodes"] = [n for n in (_on_what_is_there(n, layers) for n in row["nodes"]) if n is not None]
    row["nodes"] = _over_rectus(row["nodes"], layers)
    row["clear_from"] = [
        {**c, "axis_gap": PRESSED_GAP_MM} if c["node"] == way["leaves"] else c for c in row.get("clear_from", ())
    ]
    row["beds"] = [{**b, "first": names[0]} if b["first"] == way["deep"] else b for b in row.get("beds", ())]
    row["clear_until"] = [{**c, "axis_gap": PRESSED_GAP_MM} for c in row.get("clear_until", ())]
    row["beds"] = [
        {**b, "short_mm": 0.0 if places.beside_trapezius else SHORT_MM} if b["last"] == way["pierces"] else b for b in row["beds"]
    ]
    if places.beside_trapezius:
        row["clear_from"] = [*row["clear_from"], {"node": way["leaves"], "of": [TRAPEZIUS]}]
    return row


def recess_of(places: Places, layers: Layers) -> Recess:
    """Return how semispinalis gives way to a nerve that passes its medial border."""
    below, above = RECESS_MM
    inner, _ = borders(layers[SSC], float(places.leaves[1]))
    clear = float(places.leaves[0]) + widest(load_table("nerves")[NERVE]) + 0.15
    middle, half = places.leaves[1] + 0.5 * (above - below), 0.5 * (above + below)
    return Recess(min(inner, clear), clear, RECESS_WIDTH_MM, float(middle), half)


def widest(row: Mapping[str, Any]) -> float:
    """Return the greatest radius (mm) of a nerve or vessel of a table."""
    return float(max(r for _, r in row["radius"]))


def node_named(row: Mapping[str, Any], name: str) -> Row:
    """Return a node by its name; ValueError if variants.toml names one that is not there."""
    found = [n for n in row["nodes"] if n["name"] == name]
    if not found:
        raise ValueError(f"there is no node {name!r}; variants.toml does not agree with nerves.toml or vessels.toml.")
    return dict(found[0])


def _table() -> Mapping[str, Any]:
    return load_table("variants")


def shipped_places() -> dict[str, Array]:
    """Return where the shipped nerve passes each layer, (lateral, height) mm."""
    row, way = load_table("nerves")[NERVE], _table()["way"]
    nodes = {k: node_named(row, way[k]) for k in ("turn", "leaves", "pierces", "crosses")}
    return {k: np.array(_spot(n)) for k, n in nodes.items()}


def _turn(course: Course, layers: Layers) -> Array:
    """Where the nerve comes on to the oblique: above its lower border as in the shipped course, or out of its middle."""
    row, way, room = load_table("nerves")[NERVE], _table()["way"], _table()["room"]
    border, old = node_named(row, way["below"]), shipped_places()["turn"]
    if course.oblique_lateral_mm is None and course.oblique == "round":
        return old
    x = float(np.clip(course.oblique_lateral_mm or old[0], *room[f"oblique_{course.oblique}_mm"]))
    if course.oblique == "round":
        return np.array([x, seat_node({**border, "lateral": x}, layers)[2] + old[1] - seat_node(border, layers)[2]])
    heights = [z for z in np.arange(-95.0, -35.0, 1.0) if covers(layers[OCI], x, float(z))]
    return np.array([x, float(np.mean(heights)) + 1.0])


def _within(layers: Layers, muscle: str, place: Array, margin: float) -> Array:
    """Return a place moved down and aside until it lies inside a muscle's outline by a margin."""
    out = place.copy()
    for _ in range(40):
        try:
            inner, outer = borders(layers[muscle], float(out[1]))
        except ValueError:
            out[1] -= 1.0
            continue
        x = float(np.clip(out[0], inner + margin, max(outer - margin, inner + margin)))
        if covers(layers[muscle], x, float(out[1] + 1.5)):
            return np.array([x, out[1]])
        out[1] -= 1.0
    raise ValueError(f"{muscle} has no room for the nerve at {place.round(1).tolist()}.")


def _beside_ligament(layers: Layers, height: float) -> float:
    ligament = layers["nuchal_ligament"]
    half = borders(ligament, height)[1] if ligament.lower[2] < height < ligament.upper[2] else 0.5
    return half + widest(load_table("nerves")[NERVE]) + float(_table()["room"]["medial_gap_mm"])


def _spot(node: Row) -> tuple[float, float]:
    """How far lateral and how high a node says that it lies, mm."""
    at = (node["near"][0], node["near"][2]) if "near" in node else (node["lateral"], node["height"])
    return float(at[0]), float(at[1])


def _carry(node: Row, old: tuple[Array, Array], new: tuple[Array, Array]) -> None:
    """Move a node between two places as the stretch between them is turned and stretched."""
    a, b, c, d = (complex(*p) for p in (*old, *new))
    at = c + (complex(*_spot(node)) - a) * (d - c) / (b - a)
    if "near" in node:
        node["near"] = [at.real, node["near"][1], at.imag]
    else:
        node["lateral"], node["height"] = at.real, at.imag


def _bend_below(nodes: list[Row], index: Mapping[str, int], old: Array, new: Array, layers: Layers) -> None:
    """Move the nodes deep to the oblique and at its lower border along with the turn on to its dorsal face."""
    border, origin = nodes[index["below"]], nodes[0]["near"][0]
    moved = {**border, "lateral": float(new[0])}
    share = (float(new[0]) - origin) / (old[0] - origin)
    back = float(seat_node(moved, layers)[1] - seat_node(border, layers)[1]) if new[0] != old[0] else 0.0
    deep = nodes[index["deep"]]
    x = origin + share * (_spot(deep)[0] - origin)
    if "near" in deep:
        deep["near"] = [x, deep["near"][1] + share * back, deep["near"][2]]
    else:
        deep["lateral"] = x
    for i in range(index["turn"], index["between"]):
        x, z = _spot(nodes[i])
        if "near" in nodes[i] and covers(layers[OCI], x, z):
            nodes[i] |= {"seat": "superficial_face", "lateral": x, "height": z}
            del nodes[i]["near"]
        elif "near" in nodes[i]:
            nodes[i]["near"][1] += back
    nodes[index["below"]] = moved if new[0] != old[0] else border


def _without(row: Row, muscle: str, keys: tuple[str, ...]) -> Row:
    """Return a row that does not keep clear of a muscle."""
    out = dict(row)
    for key in keys:
        if key in out:
            out[key] = [
                m if isinstance(m, str) else {**m, "of": [k for k in m["of"] if k != muscle]} for m in out[key] if m != muscle
            ]
    return out


def _through_oblique(row: Row, index: Mapping[str, int], places: Places, layers: Layers) -> Row:
    """Send the nerve through the middle of the oblique, from its deep to its superficial face."""
    x, z = (float(v) for v in places.turn)
    nodes = row["nodes"]
    nodes[index["deep"]] |= {"seat": "deep_face", "of": OCI, "lateral": x - 1.5, "height": z - 2.0, "gap": 1.5}
    nodes[index["below"]] |= {"seat": "within", "of": OCI, "lateral": x - 0.7, "height": z - 1.0}
    nodes[index["turn"]] |= {"seat": "superficial_face", "of": OCI, "lateral": x, "height": z, "gap": PRESSED_GAP_MM}
    out = _without(row, OCI, ("clear", "clear_axis", "beds"))
    stretch = {"node": _table()["way"]["turn"], "of": [OCI, RECTUS], "axis_gap": -PRESSED_GAP_MM}
    bed = {"of": [OCI], "first": _table()["way"]["turn"], "last": _table()["way"]["enters"]}
    return {**out, "clear_from": [stretch, *out.get("clear_from", ())], "beds": [*out["beds"], bed]}


def _past_semispinalis(row: Row, index: Mapping[str, int], places: Places, layers: Layers) -> Row:
    """Send the nerve backward between the nuchal ligament and the medial border of semispinalis."""
    x, z = (float(v) for v in places.leaves)
    inner = borders(layers[SSC], z)[0] + 1.0
    rear, front = faces_of(layers[SSC], inner, z)
    low = faces_of(layers[SSC], borders(layers[SSC], z - 5.0)[0] + 1.0, z - 5.0)[1]
    nodes = row["nodes"]
    nodes[index["enters"]] |= {"seat": "point", "near": [x, low + 1.5, z - 5.0]}
    nodes[index["leaves"]] |= {"seat": "point", "near": [x, rear - 0.4, z]}
    nodes.insert(
        index["leaves"], {"name": "beside the nuchal ligament", "seat": "point", "near": [x, 0.5 * (rear + front), z - 2.0]}
    )
    late = [{**s, "node": _table()["way"]["leaves"]} if SSC in s["of"] else s for s in row.get("clear_until", ())]
    return {**row, "clear_until": late}


def _lift(node: Row, depth: float) -> None:
    """Seat a node at a depth under the skin instead."""
    node |= {"seat": "under_skin", "depth": depth}


def _on_what_is_there(node: Row, layers: Layers) -> Row | None:
    """Return a node seated on the muscles that lie behind its place, or None where there are none to hold it."""
    if node["seat"] not in ("between", "superficial_face", "deep_face") or "lateral" not in node:
        return node
    x, z = float(node["lateral"]), float(node["height"])
    wanted = [node["of"]] if isinstance(node["of"], str) else list(node["of"])
    if all(covers(layers[m], x, z) for m in wanted):
        return node
    if TRAPEZIUS not in wanted and not (wanted == [SSC] and node["seat"] == "superficial_face"):
        return _in_deep_plane(node, x, z, layers)
    beneath = [m for m in (SSC, "splenius_capitis") if covers(layers[m], x, z)]
    if not beneath or z > NO_MUSCLE_ABOVE_MM:
        return {**node, "seat": "under_skin", "depth": node.get("depth", FASCIA_DEPTH_MM)}
    gap = widest(load_table("nerves")[NERVE]) + OVER_MM
    return {**node, "seat": "superficial_face", "of": beneath[0], "gap": gap}


def _over_rectus(nodes: list[Row], layers: Layers) -> list[Row]:
    """Return nodes with one more on rectus major where the straight way to semispinalis would lead through it."""
    names = [n["name"] for n in nodes]
    if _table()["way"]["between"] not in names:
        return nodes
    at = names.index(_table()["way"]["between"])
    first, last = (seat_node(nodes[i], layers) for i in (at - 1, at))
    straight = np.linspace(first, last, 14)[1:-1]
    inside = layers[RECTUS](straight)
    if inside.min() > -widest(load_table("nerves")[NERVE]):
        return nodes
    x, _, z = straight[int(np.argmin(inside))]
    over = {"name": "over rectus major", "seat": "superficial_face", "of": RECTUS, "lateral": x, "height": z}
    return [*nodes[:at], {**over, "gap": 2 * PRESSED_GAP_MM}, *nodes[at:]]


def _in_deep_plane(node: Row, x: float, z: float, layers: Layers) -> Row | None:
    """Seat a node between the suboccipital muscles and semispinalis on whichever of them reaches there."""
    if covers(layers[SSC], x, z):
        return {**node, "seat": "deep_face", "of": SSC, "gap": PRESSED_GAP_MM}
    for muscle in (OCI, "obliquus_capitis_superior", RECTUS):
        if covers(layers[muscle], x, z):
            return {**node, "seat": "superficial_face", "of": muscle, "gap": 2 * PRESSED_GAP_MM}
    return None
