"""A carried skin laid over a person's own muscles and bones, as thick above each place as the model's is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.maps import Chain, Map
from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.points import load_table
from meshes.real_dress import outward
from meshes.real_fit import sampled, spread
from meshes.subcutis import skin_thickness
from meshes.surface import SurfaceQuery
from meshes.terms import split_key

Array = NDArray[np.float64]


def covered(person: Anatomy, model: Anatomy, real: Sequence[str]) -> Anatomy:
    """Return a person whose carried skin, and what lies in and on it, keeps the model's depth over his own parts.

    Parameters
    ----------
    person : Anatomy
        As from `real_dress.dressed`, its skin with the points of the model's.
    model : Anatomy
    real : sequence of str
        Keys of his own parts.
    """
    table = load_table("real_landmarks")["cover"]
    deep = [k for k in real if k in model and split_key(k)[0] in table["over"]]
    hard = [person[k].mesh for k in real if k in person and person[k].kind in ("bone", "muscle")]
    before = _depths(model["skin"].mesh, Bed.of([model[k].mesh for k in deep]))
    bed, under = Bed.of([person[k].mesh for k in deep]), Bed.of(hard)
    shoulders = Bed.of([person[k].mesh for k in deep if k.startswith(table["shoulder"])])
    skin, maps = person["skin"].mesh, list[Map]()
    for width in table["widths_mm"]:
        ask, known = _wanted(before, _depths(skin, bed))
        ask, known = _on_shoulders(skin, ask, known, shoulders)
        short = _lifted(skin, under)
        ask = np.where(short > 0, np.maximum(ask, short), ask)
        told = (known | (short > 0)) & ~_lower_end(skin)
        push = np.clip(ask, -table["step_mm"], table["step_mm"])[:, None] * skin.normals
        step = spread(skin.vertices_mm[told], push[told], width, width / 2, skin.vertices_mm)
        maps.append(step)
        skin = outward(step.apply(skin.vertices_mm), skin.faces)
    own, points = skin_thickness(model["skin"].mesh.vertices_mm), _points_of(hard)
    for _ in range(table["lifts"]):
        lift, points = _lift(skin, own, points)
        if lift is None:
            break
        maps.append(lift)
        skin = outward(lift.apply(skin.vertices_mm), skin.faces)
    return _tucked(_moved(person, Chain(tuple(maps)), table["with_skin"]))


def _lower_end(skin: SurfaceMesh) -> NDArray[np.bool_]:
    """The points (n,) of the flat lower end, which ask nothing: parts that end there too are not pierced by it."""
    table = load_table("real_landmarks")["cover"]
    low = skin.vertices_mm[:, 2] < skin.vertices_mm[:, 2].min() + table["end_mm"]
    return np.asarray(low & (skin.normals[:, 2] < -table["straight"]))


def _wanted(before: Depths, now: Depths) -> tuple[Array, NDArray[np.bool_]]:
    """How far (n,) mm outward the skin should go to lie as deep over parts as over the model's, and where that is known.

    0 where no part is near; beside the end of a part nothing is known, and the skin goes with what lies round it.
    """
    table = load_table("real_landmarks")["cover"]
    near = np.minimum(np.abs(before.mm), np.abs(now.mm)) <= table["away_mm"]
    ask = np.subtract(before.mm, now.mm, out=np.zeros(len(near)), where=near)
    counts = near & (before.mm < table["thickest_mm"]) & (np.abs(ask) < table["most_mm"])
    counts = counts & before.straight & now.straight
    return np.where(counts, ask, 0.0), counts | ~near


def _on_shoulders(skin: SurfaceMesh, ask: Array, known: NDArray[np.bool_], muscles: Bed) -> tuple[Array, NDArray[np.bool_]]:
    """The same, with the skin no further over the muscle of his shoulders than over the model's, where it faces upward."""
    table, now = load_table("real_landmarks")["cover"], _depths(skin, muscles)
    thick = now.straight & (skin.normals[:, 2] > table["upward"]) & (now.mm < table["thickest_mm"])
    thick &= now.mm + ask > table["shoulder_mm"]
    return np.where(thick, table["shoulder_mm"] - now.mm, ask), known | thick


def _lifted(skin: SurfaceMesh, parts: Bed) -> Array:
    """How far (n,) mm outward the skin must go to cover all parts by a least depth; below 0 where it does already."""
    table = load_table("real_landmarks")["cover"]
    now = _depths(skin, parts)
    short = table["least_mm"] - now.mm
    return np.where(now.mm > -table["most_mm"], short, -np.inf)


@dataclass(frozen=True)
class Lift:
    """A map that carries what lies about places of a skin outward, fading over a width: smooth, and no less than is asked there.

    Attributes
    ----------
    places, ways : (n, 3) array
        Places of the skin, mm, and its unit normals there.
    lack : (n,) array
        How far each must go, mm.
    width : float
        At which the move is nothing, mm.
    """

    places: Array
    ways: Array
    lack: Array
    width: float

    def apply(self, points: Array) -> Array:
        """Return (n, 3) points moved, mm."""
        tree, out = cKDTree(self.places), np.array(points, dtype=np.float64)
        near = np.flatnonzero(tree.query(points, distance_upper_bound=self.width)[0] < self.width)
        for i, about in zip(near, tree.query_ball_point(points[near], self.width), strict=True):
            share = np.linalg.norm(self.places[about] - points[i], axis=1) / self.width
            asked = self.lack[about] * (1.0 - share**2) ** 2
            way = (asked[:, None] * self.ways[about]).sum(axis=0)
            out[i] += asked.max() * way / max(float(np.linalg.norm(way)), 1e-12)
        return out


def _points_of(parts: Sequence[SurfaceMesh]) -> Array:
    """Points (n, 3) mm of surfaces, and the middles of their triangles."""
    return np.vstack([np.empty((0, 3)), *(np.vstack([m.vertices_mm, m.vertices_mm[m.faces].mean(axis=1)]) for m in parts)])


def _lift(skin: SurfaceMesh, own: Array, points: Array) -> tuple[Lift | None, Array]:
    """What the skin lacks over points (n, 3) of parts, of its `own` thickness (m,) at its points, None where nothing is lacking.

    Asked from the parts: a point of a part under the middle of a triangle is none of the skin's points' nearest. Returned with
    it: the points that are to be looked at again, for the others are well covered.
    """
    table = load_table("real_landmarks")["cover"]
    far, near = cKDTree(skin.vertices_mm).query(points, distance_upper_bound=table["reach_mm"])
    points, near = points[far < table["reach_mm"]], near[far < table["reach_mm"]]
    if not len(points):
        return None, points
    query = SurfaceQuery(skin)
    lack = own[near] + query.signed_distance(points)
    counts = (lack > table["done_mm"]) & (lack < table["lift_most_mm"])
    again = points[lack > -table["spare_mm"]]
    if not counts.any():
        return None, again
    places, ways = query.closest(points[counts])
    return Lift(places, ways, table["more"] * lack[counts], float(table["lift_width_mm"])), again


@dataclass(frozen=True)
class Bed:
    """Points (n, 3) mm of what lies under a skin, with their normals and search tree; of nothing, no tree."""

    points: Array
    normals: Array
    tree: cKDTree | None

    @classmethod
    def of(cls, parts: Sequence[SurfaceMesh]) -> Bed:
        """Return that of some surfaces."""
        if not parts:
            return cls(np.empty((0, 3)), np.empty((0, 3)), None)
        clouds = [sampled(m) for m in parts]
        points = np.vstack([c.points for c in clouds])
        return cls(points, np.vstack([c.normals for c in clouds]), cKDTree(points))


@dataclass(frozen=True)
class Depths:
    """How deep (n,) mm the nearest part lies under each place of a skin, negative where it stands out; and whether straight."""

    mm: Array
    straight: NDArray[np.bool_]


def _depths(skin: SurfaceMesh, under: Bed) -> Depths:
    table = load_table("real_landmarks")["cover"]
    if under.tree is None:
        return Depths(np.full(len(skin.vertices_mm), np.inf), np.zeros(len(skin.vertices_mm), dtype=bool))
    far, near = under.tree.query(skin.vertices_mm)
    way = skin.vertices_mm - under.points[near]
    out = np.einsum("ij,ij->i", way, under.normals[near])
    facing = np.abs(np.einsum("ij,ij->i", way, skin.normals)) > table["straight"] * far
    return Depths(np.where(out < 0, -far, far), facing | (far < table["least_mm"]))


def _moved(person: Anatomy, chain: Chain, kinds: Sequence[str]) -> Anatomy:
    """A person with the skin and what goes with it moved."""
    return _changed(person, lambda s: chain.apply(s.mesh.vertices_mm) if s.kind in kinds or s.key in kinds else None)


def _tucked(person: Anatomy) -> Anatomy:
    """A person of whose layers under the skin no point stands out of it, as a few do at the cut ends of neck and shoulders."""
    table, query = load_table("real_landmarks")["cover"], SurfaceQuery(person["skin"].mesh)

    def under(s: Structure) -> Array | None:
        if s.key not in table["under_skin"]:
            return None
        points = np.array(s.mesh.vertices_mm)
        far = query.signed_distance(points)
        out = far > -table["tuck_mm"]
        if out.any():
            places, _ = query.closest(points[out])
            gap = np.linalg.norm(places - points[out], axis=1, keepdims=True)
            inward = np.where(far[out, None] > 0, 1, -1) * (places - points[out]) / np.maximum(gap, 1e-9)
            points[out] = places + table["tuck_mm"] * inward
        return points

    return _changed(person, under)


def _changed(person: Anatomy, moved: Callable[[Structure], Array | None]) -> Anatomy:
    """A person with the points that a function gives of a structure; None leaves it as it is."""

    def one(s: Structure) -> Structure:
        points = moved(s)
        if points is None:
            return s
        mesh = outward(points, s.mesh.faces)
        return replace(s, mesh=replace(mesh, fibres=s.mesh.fibres, grain=s.mesh.grain, tendon=s.mesh.tendon))

    structures = [one(s) for s in person.structures.values()]
    return Anatomy.of(person.name, structures, person.landmarks, person.curves, person.meta)
