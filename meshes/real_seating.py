"""Nerves and vessels that were carried to a real person, seated between that person's own layers.

Along the way out to the skin, each point of a carried line keeps the order that it has in the model: under the muscles that
cover it there, over those that it runs on, inside those that it pierces. Where his layers lie nearer together than the line
is thick, it runs in the middle between them. The move is smooth along the line, and its tube moves with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.spatial import cKDTree

from meshes.course_checks import ON_OBLIQUE, stations_on_surfaces
from meshes.maps import unit
from meshes.model import Anatomy, Structure
from meshes.nape import NERVE, OCI, SSC, TRAPEZIUS
from meshes.points import load_table
from meshes.real_dress import outward
from meshes.surface import SurfaceQuery

Array = NDArray[np.float64]
Bounds = tuple[Array, Array]
UNDER, INSIDE, OVER, NONE = -1, 0, 1, 9
CALM_POINTS = 8.0  # of a line, over which the way out is averaged
SLIP_POINTS = 13  # of a line: what fewer than half of so many cross is no layer


def reseated(person: Anatomy, model: Anatomy) -> tuple[Anatomy, dict[str, list[str]]]:
    """Return a person whose carried lines lie between his own layers, and what is still wrong with the nerve, by side.

    Parameters
    ----------
    person : Anatomy
        As from `real_dress.dressed`.
    model : Anatomy
        The shipped model, whose lines have the same points in the same order.
    """
    table = load_table("real_landmarks")["seating"]
    ours, theirs = _Layers(model), _Layers(person)
    out = dict(person.structures)
    for key, names in _lines(table, person):
        out[key] = _seated(person[key], model[key], names, ours, theirs)
    done = Anatomy.of(person.name, out.values(), person.landmarks, person.curves, person.meta)
    return done, {side: nerve_faults(done, side) for side in ("right", "left") if f"{NERVE}_{side}" in done}


def nerve_faults(person: Anatomy, side: str) -> list[str]:
    """Return what is wrong with the greater occipital nerve's way among a person's surfaces, one plain line each."""
    needed = [f"{m}_{side}" for m in (OCI, SSC, TRAPEZIUS)]
    if any(k not in person for k in needed):
        return []
    met = [s.place for s in stations_on_surfaces(person, side)]
    met = [ON_OBLIQUE if p in (f"between {OCI} and {SSC}", f"on {OCI}") else p for p in met]
    out = []
    if ON_OBLIQUE not in met:
        out.append(f"the nerve does not pass between {OCI} and {SSC}")
    if f"in {OCI}" in met:
        out.append(f"the nerve runs through {OCI}")
    after = met[met.index(ON_OBLIQUE) :] if ON_OBLIQUE in met else met
    if f"in {SSC}" not in after:
        out.append(f"the nerve does not pierce {SSC}")
    elif not any(p.endswith(TRAPEZIUS) for p in after[after.index(f"in {SSC}") :]):
        out.append(f"the nerve does not reach {TRAPEZIUS}: it comes out beside it")
    return out


class _Layers:
    """The surfaces of an anatomy, asked along the way out to its skin."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self._held: dict[str, SurfaceQuery] = {}

    def query(self, key: str) -> SurfaceQuery:
        if key not in self._held:
            self._held[key] = SurfaceQuery(self.anatomy[key].mesh)
        return self._held[key]

    @cached_property
    def _skin(self) -> SurfaceQuery:
        return self.query("skin")

    def outward(self, points: Array) -> Array:
        """Return the unit directions (n, 3) from the points of a line to the nearest skin, turning calmly along the line."""
        near, normals = self._skin.closest(points)
        way = near - points
        size = np.linalg.norm(way, axis=1, keepdims=True)
        calm = gaussian_filter1d(np.where(size > 0.5, way / np.maximum(size, 1e-9), normals), CALM_POINTS, axis=0, mode="nearest")
        return unit(calm)

    def crossed(self, key: str, points: Array, way: Array, reach: float) -> tuple[Array, Array]:
        """Return where (n,) mm along the way out each point's line enters and leaves a layer, next to the point; else NaN."""
        enter, leave = np.full(len(points), np.nan), np.full(len(points), np.nan)
        query, low, high = self.query(key), *_box(self.anatomy[key].mesh.vertices_mm, reach)
        for i in np.flatnonzero(((points > low) & (points < high)).all(axis=1)):
            far, normals = query.ray(points[i] - reach * way[i], way[i], 2 * reach)
            inward = normals @ way[i] < 0
            pairs = [
                (float(a - reach), float(b - reach))
                for a, b, first, last in zip(far[:-1], far[1:], inward[:-1], inward[1:], strict=True)
                if first and not last
            ]
            if pairs:
                enter[i], leave[i] = min(pairs, key=lambda p: max(p[0], -p[1], 0.0))
        return enter, leave


def _box(vertices: Array, margin: float) -> tuple[Array, Array]:
    return vertices.min(axis=0) - margin, vertices.max(axis=0) + margin


def _lines(table: Mapping[str, Any], person: Anatomy) -> list[tuple[str, list[str]]]:
    """The lines that are seated, each with the layers that it keeps its order to."""
    out = []
    for row in table["line"]:
        for side in ("right", "left"):
            key = f"{row['of']}_{side}"
            names = [k for name in row["layers"] for k in (name, f"{name}_{side}") if k in person]
            if key in person and person[key].centerline is not None:
                out.append((key, names))
    return out


def _seated(now: Structure, model: Structure, names: list[str], ours: _Layers, theirs: _Layers) -> Structure:
    assert now.centerline is not None and model.centerline is not None and now.radius_mm is not None
    moved = {"": _moves(now.centerline, model.centerline, now.radius_mm, names, ours, theirs)}
    for name, line in now.branches.items():
        thin = np.full(len(line), float(now.radius_mm[-1]))
        moved[name] = _moves(line, model.branches[name], thin, names, ours, theirs)
    lines = {"": now.centerline, **now.branches}
    moved = _joined(lines, moved)
    points, shifts = np.vstack(list(lines.values())), np.vstack(list(moved.values()))
    far, near = cKDTree(points).query(now.mesh.vertices_mm, k=4)
    weight = 1.0 / (far + 0.2) ** 2
    shift = np.einsum("ij,ijk->ik", weight / weight.sum(axis=1, keepdims=True), shifts[near])
    mesh = outward(now.mesh.vertices_mm + shift, now.mesh.faces)
    branches = {name: line + moved[name] for name, line in now.branches.items()}
    return replace(now, mesh=mesh, centerline=now.centerline + moved[""], branches=MappingProxyType(branches))


def _joined(lines: Mapping[str, Array], moved: dict[str, Array]) -> dict[str, Array]:
    """The moves with each branch's start moved as the place of another line that it leaves, fading along the branch."""
    fade = load_table("real_landmarks")["seating"]["fade_points"]
    out = dict(moved)
    for name, line in lines.items():
        others = [n for n in lines if n != name and (n == "" or name != "")]
        if name == "" or not others:
            continue
        root = min(others, key=lambda n: float(np.linalg.norm(lines[n] - line[0], axis=1).min()))
        there = int(np.argmin(np.linalg.norm(lines[root] - line[0], axis=1)))
        gap = moved[root][there] - moved[name][0]
        out[name] = moved[name] + np.exp(-((np.arange(len(line)) / fade) ** 2))[:, None] * gap
    return out


def _moves(line: Array, before: Array, radius: Array, names: list[str], ours: _Layers, theirs: _Layers) -> Array:
    """How far (n, 3) mm the points of a carried line move along the way out."""
    table = load_table("real_landmarks")["seating"]
    reach, way = table["reach_mm"], theirs.outward(line)
    low, high = np.full(len(line), -np.inf), np.full(len(line), np.inf)
    model_way = ours.outward(before)
    for key in names:
        enter, leave = ours.crossed(key, before, model_way, reach)
        where = order_along(enter, leave, table["touch_mm"])
        room = np.minimum(radius, _room(where, enter, leave))
        _narrow((low, high), where, theirs.crossed(key, line, way, reach), room)
    _, leave = theirs.crossed("skin", line, way, table["skin_reach_mm"])
    high = np.fmin(high, leave - radius - table["under_skin_mm"])
    height = np.zeros(len(line))
    for sigma in table["smooth_points"]:
        height = clamped(height, low, high)
        height = gaussian_filter1d(height, sigma, mode="nearest")
    most = table["most_mm"]
    ease = 1.0 - np.exp(-((np.arange(len(line)) / table["fade_points"]) ** 2))
    moves = (ease * np.clip(height, -most, most))[:, None] * way
    return np.asarray(gaussian_filter1d(moves, table["smooth_points"][-1], axis=0, mode="nearest"))


def clamped(height: Array, low: Array, high: Array) -> Array:
    """Heights between their bounds; in the middle where these leave no room."""
    tight = low > high
    middle = 0.5 * (np.where(tight, low, 0.0) + np.where(tight, high, 0.0))
    return np.where(tight, middle, np.clip(height, np.where(tight, -np.inf, low), np.where(tight, np.inf, high)))


def order_along(enter: Array, leave: Array, touch: float) -> NDArray[np.int64]:
    """Whether each point of a line lies under, inside or over a layer; where its own way out misses it, as its neighbours do.

    Slips of a muscle that only few points cross are overlooked. Where a line turns round a border, from under a layer to over
    it, the points between have no order.
    """
    met = np.isfinite(enter)
    enter, leave = np.where(met, enter, 0.0), np.where(met, leave, 0.0)
    inside = (enter < -touch) & (leave > touch)
    own = np.where(inside, INSIDE, np.where(enter + leave > 0, UNDER, OVER))
    known = np.flatnonzero(met)
    if not len(known):
        return np.full(len(met), NONE)
    calm = np.round(median_filter(own[known], size=SLIP_POINTS, mode="nearest")).astype(np.int64)
    at = np.arange(len(met))
    after = np.searchsorted(known, at).clip(max=len(known) - 1)
    before = (np.searchsorted(known, at, side="right") - 1).clip(min=0)
    nearer = np.where(np.abs(known[after] - at) < np.abs(known[before] - at), after, before)
    turned = (calm[after] * calm[before] == UNDER * OVER) & ~met
    return np.where(turned, NONE, calm[nearer])


def _room(where: NDArray[np.int64], enter: Array, leave: Array) -> Array:
    """How far (n,) mm each point lies from a layer that it is under or over; as its neighbours do where its way out misses."""
    gap = np.where(where == UNDER, enter, -leave)
    known = np.flatnonzero(np.isfinite(gap))
    if not len(known):
        return np.full(len(gap), np.inf)
    return np.asarray(np.maximum(np.interp(np.arange(len(gap)), known, gap[known]), 0.0))


def _narrow(bounds: Bounds, where: NDArray[np.int64], crossed: tuple[Array, Array], room: Array) -> None:
    """Narrow the bounds (n,) so that each point keeps its place to a layer where it is crossed."""
    low, high = bounds
    enter, leave = crossed
    met = np.isfinite(enter)
    deep = 0.25 * (leave - enter)
    for place, floor, roof in ((UNDER, None, enter - room), (OVER, leave + room, None), (INSIDE, enter + deep, leave - deep)):
        here = met & (where == place)
        if floor is not None:
            low[here] = np.maximum(low[here], floor[here])
        if roof is not None:
            high[here] = np.minimum(high[here], roof[here])
