"""Painted skin: regions of `scenarios.skin_maps` as colours of its vertices, with triangles split where a border runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, SurfaceMesh
from scenarios.products import SkinMap
from scenarios.skin_maps import map_middle, skin_map, skin_weight, weight_at
from sim.cameras import axes_of
from sim.picture import Label, LegendItem, Picture, SkinPaint
from sim.places import as_point
from sim.theme import Theme

Array = NDArray[np.float64]
Paint = Callable[[Array], Array]

SKIN = "skin"
FINE_MM, STEP = 0.9, 0.12  # an edge that is longer, and over which some paint changes by more, is halved
MOST_ROUNDS = 5
LINE_SHARE = 0.34  # how much the border of a nerve's area is darkened
SEEN, WELL_SEEN = 0.3, 0.75  # cosine between the skin and the camera at which a label may point, and points gladly
CORE = 0.8


@dataclass(frozen=True)
class Coat:
    """Paint over a mesh.

    Parameters
    ----------
    mesh : SurfaceMesh
        The skin, finer where paint ends.
    colours : (n, 3) array
        Of the paint, 0 to 1, already mixed where regions meet.
    cover : (n,) array
        How much of it hides the skin, 0 to 1.
    """

    mesh: SurfaceMesh
    colours: Array
    cover: Array


def coat_of(anatomy: Anatomy, mesh: SurfaceMesh, maps: Sequence[SkinPaint], theme: Theme) -> Coat | None:
    """Return the paint of regions over a part of the skin, or None where none of it is painted.

    Raises
    ------
    ValueError
        For a region or colour that is not known.
    """

    def weights(points: Array) -> Array:
        return np.stack([weight_at(anatomy, m.region, m.side, points) for m in maps], axis=1)

    values = weights(mesh.vertices_mm)
    if not (values > 0).any():
        return None
    mesh, values = refined(mesh, values, weights)
    colours = np.array([theme.colour(m.colour or skin_map(m.region).colour) for m in maps])
    share = values * np.array([m.opacity for m in maps])
    total = share.sum(axis=1)
    mixed = share @ colours / np.maximum(total, 1e-9)[:, None]
    nerve = np.array([skin_map(m.region).kind == "nerve" for m in maps])
    line = (4 * values * (1 - values))[:, nerve].max(axis=1, initial=0.0)
    return Coat(mesh, mixed * (1 - LINE_SHARE * line[:, None]), np.clip(total, 0, 1))


def refined(mesh: SurfaceMesh, values: Array, weights: Paint) -> tuple[SurfaceMesh, Array]:
    """Return a mesh with triangles split where `values` (n, k) change fast, and the values on it; its surface stays where it was.

    Edges are halved, and every triangle is cut by whichever of its edges were: no gap opens between neighbours.
    """
    for _ in range(MOST_ROUNDS):
        edges, of_face = _edges(mesh.faces)
        a, b = edges.T
        change = np.abs(values[a] - values[b]).max(axis=1)
        long = np.linalg.norm(mesh.vertices_mm[a] - mesh.vertices_mm[b], axis=1) > FINE_MM
        halved = np.flatnonzero(long & (change > STEP))
        if not len(halved):
            break
        number = np.full(len(edges), -1, dtype=np.int64)
        number[halved] = len(values) + np.arange(len(halved))
        mesh = _with_middles(mesh, a[halved], b[halved], _split(mesh.faces, number[of_face]))
        values = np.concatenate([values, weights(mesh.vertices_mm[len(values) :])])
    return mesh, values


def with_maps(picture: Picture, maps: Sequence[SkinMap], anatomy: Anatomy, *, plain: bool = False) -> Picture:
    """Return a picture with its skin painted, and with the names and legend of what of it can be seen from its camera.

    Parameters
    ----------
    picture : Picture
        One that does not show the skin stays as it is.
    maps : sequence of SkinMap
        Of the scenario.
    anatomy : Anatomy
    plain : bool
        Plain words in the legend.
    """
    if not maps or SKIN not in {x.key for x in picture.shown}:
        return picture
    toward = axes_of(picture.camera)[0]
    paints, labels, legend = [], [], []
    for m in maps:
        row = skin_map(m.region)
        paints.append(SkinPaint(m.region, m.side, m.colour or row.colour, m.opacity))
        place = _place(anatomy, m, toward)
        if place is None:
            continue
        legend.append(_row(m, plain))
        if m.label:
            labels.append(Label(m.label, point_mm=as_point(place), priority=2.0))
    kept = tuple(item for item in legend if item not in picture.legend)
    return replace(picture, maps=tuple(paints), labels=(*picture.labels, *labels), legend=(*picture.legend, *dict.fromkeys(kept)))


def whole_legend(picture: Picture, maps: Sequence[SkinMap], *, plain: bool = False) -> Picture:
    """Return a painted picture with every region in its legend, for one that is seen from all sides."""
    if not picture.maps:
        return picture
    rows = tuple(_row(m, plain) for m in maps)
    others = tuple(item for item in picture.legend if item not in rows)
    return replace(picture, legend=(*others, *dict.fromkeys(rows)))


def _row(request: SkinMap, plain: bool) -> LegendItem:
    """The row of the legend of a region."""
    row = skin_map(request.region)
    return LegendItem(request.legend or (row.plain if plain else row.label), request.colour or row.colour)


def _place(anatomy: Anatomy, request: SkinMap, toward: Array) -> Array | None:
    """Where a label points: the middle if it faces the camera, else the place beside it that does; None if none is seen."""
    skin = anatomy[SKIN].mesh
    facing = skin.normals @ toward
    best: tuple[float, Array] | None = None
    for side in ("right", "left") if request.side == "both" else (request.side,):
        weight = skin_weight(anatomy, request.region, side)
        seen = np.flatnonzero((weight > CORE * weight.max()) & (facing > SEEN))
        if not len(seen):
            continue
        middle = map_middle(anatomy, request.region, side)
        away = np.linalg.norm(skin.vertices_mm[seen] - middle, axis=1) + 60 * np.clip(WELL_SEEN - facing[seen], 0, 1)
        nearest = int(np.argmin(away))
        if best is None or away[nearest] < best[0] - 1.0:
            best = float(away[nearest]), skin.vertices_mm[seen[nearest]]
    return None if best is None else best[1]


def _edges(faces: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The edges (e, 2) of triangles (m, 3), and which edges (m, 3) lie between corners 0-1, 1-2, 2-0 of each."""
    pairs = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    span = int(faces.max()) + 1
    code, index = np.unique(pairs[:, 0] * span + pairs[:, 1], return_inverse=True)
    return np.stack([code // span, code % span], axis=1), index.reshape(-1, 3)


def _split(faces: NDArray[np.int64], middle: NDArray[np.int64]) -> NDArray[np.int64]:
    """Triangles cut by the middles (m, 3) of their edges; -1 where an edge is whole."""
    cut = middle >= 0
    count = cut.sum(axis=1)
    parts = [faces[count == 0]]
    for n, first in ((1, cut), (2, ~cut), (3, cut)):
        row = np.flatnonzero(count == n)
        if not len(row):
            continue
        turn = (first[row].argmax(axis=1)[:, None] + np.arange(3)) % 3 if n < 3 else np.tile(np.arange(3), (len(row), 1))
        a, b, c = np.take_along_axis(faces[row], turn, axis=1).T
        ab, bc, ca = np.take_along_axis(middle[row], turn, axis=1).T
        made = {
            1: ((a, ab, c), (ab, b, c)),
            2: ((a, b, bc), (a, bc, ca), (bc, c, ca)),
            3: ((a, ab, ca), (ab, b, bc), (bc, c, ca), (ab, bc, ca)),
        }[n]
        parts += [np.stack(t, axis=1) for t in made]
    return np.concatenate(parts)


def _with_middles(mesh: SurfaceMesh, a: NDArray[np.int64], b: NDArray[np.int64], faces: NDArray[np.int64]) -> SurfaceMesh:
    """The mesh with a vertex added amid each pair of vertices."""
    normals = mesh.normals[a] + mesh.normals[b]
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    middles = (mesh.vertices_mm[a] + mesh.vertices_mm[b]) / 2
    return SurfaceMesh(np.concatenate([mesh.vertices_mm, middles]), faces, np.concatenate([mesh.normals, normals]))
