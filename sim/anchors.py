"""Which point of a structure a leader line touches: one that can be seen, near the middle of what can be seen of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import Delaunay, QhullError, cKDTree

from sim.cameras import View
from sim.canvas import Drawing
from sim.stage import Piece

Array = NDArray[np.float64]

CLEARANCE_MM = 0.45
BESIDE_PX, BESIDE_MM = 0.006, 1.0
STRAND_PX = 0.016  # share of the drawing, from the dot of a label to a nerve or vessel that it does not name
INSET = 0.025
MOST_POINTS = 6000
LEAST_SEEN = 4
MOST_CANDIDATES = 700
CROWD = 0.02
CELL = 0.006
AWAY = 0.6
COVERING = 0.5  # opacity of glass through which a dot would seem to name the glass
ROOM_PX = 300
ENOUGH_ROOM = 9.0


def anchors_of(
    keys: Sequence[str],
    pieces: Sequence[Piece],
    view: View,
    drawing: Drawing,
    avoid_px: Array,
    radius_px: float,
    refused: Mapping[str, Array] | None = None,
) -> Mapping[str, tuple[float, float]]:
    """Return the pixel (x, y) of the drawing to which each structure's label points; hidden structures are left out.

    Where it can, a label stays `radius_px` away from the pixels `avoid_px` (n, 2), where markers stand; that of a
    key in `refused` from those pixels too.
    """
    wanted = set(keys)
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        if piece.key in wanted:
            found.setdefault(piece.key, []).append(piece)
    strands, covers = _strands(pieces, view, drawing), _covers(pieces, view)
    result = {}
    for key, group in found.items():
        others = np.concatenate([np.zeros((0, 2)), *(pixels for k, pixels in strands.items() if k != key)])
        tree = cKDTree(others) if group[0].material != "nerve" and len(others) else None
        about = _Around(tree, covers)
        avoid = np.concatenate([avoid_px, (refused or {}).get(key, np.zeros((0, 2)))])
        faces = [piece for piece in group if piece.material == "face"]
        point = _anchor(faces, view, drawing, avoid, radius_px, about) if faces else None
        point = point or _anchor(group, view, drawing, avoid, radius_px, about)
        if point is not None:
            result[key] = point
    return result


def seen(pixels: Array, depth_mm: Array, drawing: Drawing, *, clearance_mm: float = CLEARANCE_MM) -> NDArray[np.bool_]:
    """Return which points (n,), given by pixel (n, 2) and depth, no solid surface hides."""
    return np.asarray(depth_mm + clearance_mm >= _level(pixels, drawing))


@dataclass(frozen=True, eq=False)
class _Around:
    """What the dot of a label stays off, if it can: nerves and vessels of other names, and the probe's footprint and plane."""

    strands: cKDTree | None
    covers: Sequence[Delaunay]

    def clear_of(self, pixels: Array, reach_px: float) -> NDArray[np.bool_]:
        """Return which pixels (n, 2) touch none."""
        free = np.ones(len(pixels), dtype=bool)
        if self.strands is not None:
            free &= self.strands.query(pixels)[0] > reach_px
        for cover in self.covers:
            free &= cover.find_simplex(pixels) < 0
        return free


def _covers(pieces: Sequence[Piece], view: View) -> list[Delaunay]:
    """The outlines, as seen, of marks that are nearly solid glass: each is a convex slab."""
    found = []
    for piece in pieces:
        if piece.material == "mark" and COVERING <= piece.opacity < 1:
            with suppress(QhullError):  # seen edge-on it covers nothing
                found.append(Delaunay(view.project(piece.mesh.vertices_mm)[0]))
    return found


def _strands(pieces: Sequence[Piece], view: View, drawing: Drawing) -> dict[str, Array]:
    """Pixels (n, 2) of all nerves and vessels that can be seen, by key."""
    out: dict[str, Array] = {}
    for piece in pieces:
        if piece.material == "nerve" and piece.opacity >= 1:
            pixels, depth = view.project(piece.mesh.vertices_mm)
            out[piece.key] = pixels[seen(pixels, depth, drawing)]
    return out


def _anchor(
    group: Sequence[Piece], view: View, drawing: Drawing, avoid_px: Array, radius_px: float, around: _Around
) -> tuple[float, float] | None:
    """The seen vertex nearest to the middle of all seen ones; for a clear shell one that has nothing behind it."""
    points = np.concatenate([p.mesh.vertices_mm for p in group])
    normals = np.concatenate([p.mesh.normals for p in group])
    step = max(1, len(points) // MOST_POINTS)
    points, normals = points[::step], normals[::step]
    pixels, depth = view.project(points)
    size = np.array([view.width_px, view.height_px])
    inside = ((pixels > INSET * size) & (pixels < (1 - INSET) * size)).all(axis=1) & (normals @ view.toward > 0.05)
    free = inside & (np.linalg.norm(pixels[:, None] - avoid_px[None], axis=2) > radius_px).all(axis=1)
    inside = free if (free & seen(pixels, depth, drawing)).sum() >= LEAST_SEEN else inside
    if group[0].opacity >= 1:
        kept = inside & seen(pixels, depth, drawing)
        clear = kept & _uncrowded(pixels, depth, drawing)
        off = clear & around.clear_of(pixels, STRAND_PX * min(drawing.depth_mm.shape))
        clear = off if off.sum() >= LEAST_SEEN else clear
        kept = clear if clear.sum() >= LEAST_SEEN else kept
    else:
        kept = inside & seen(pixels, depth, drawing, clearance_mm=0.0)
        alone = kept & np.isneginf(_level(pixels, drawing))
        kept = alone if alone.sum() >= LEAST_SEEN else kept
    if kept.sum() < LEAST_SEEN:
        return None
    candidates = pixels[kept]
    best = _roomiest(candidates, drawing) if group[0].opacity < 1 else _midmost(candidates, normals[kept] @ view.toward, size)
    return float(candidates[best, 0]), float(candidates[best, 1])


def _uncrowded(pixels: Array, depth: Array, drawing: Drawing) -> NDArray[np.bool_]:
    """Which points have nothing nearer to the camera beside them, so that the dot of a label touches one thing only."""
    reach = max(1.5, BESIDE_PX * min(drawing.depth_mm.shape))
    ways = reach * np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])
    return np.asarray(np.all([seen(pixels + way, depth, drawing, clearance_mm=BESIDE_MM) for way in ways], axis=0))


def _midmost(candidates: Array, facing: Array, size: Array) -> int:
    """Index of the candidate (n, 2) with much of the structure around it, near the middle of all that is seen."""
    chosen = _thinned(candidates, facing, CELL * float(size.min()))
    few = candidates[chosen]
    away = np.linalg.norm(few - few.mean(axis=0), axis=1)
    apart = few[:, None] - few[None]
    around = np.exp(-0.5 * (apart**2).sum(axis=2) / (CROWD * size.min()) ** 2).sum(axis=1)
    return int(chosen[np.argmax(around / around.max() - AWAY * away / max(away.max(), 1.0))])


def _thinned(candidates: Array, facing: Array, cell_px: float) -> NDArray[np.int64]:
    """Indices of one candidate per square cell, the one that faces the camera most; cells grow until few are left."""
    order = np.argsort(-facing, kind="stable")
    while True:
        cells = np.floor(candidates[order] / cell_px).astype(np.int64)
        _, first = np.unique(cells @ np.array([1, 1 << 20]), return_index=True)
        if len(first) <= MOST_CANDIDATES:
            return np.asarray(order[first])
        cell_px *= 1.5


def _roomiest(candidates: Array, drawing: Drawing) -> int:
    """Index of the candidate (n, 2) with free space around it, nearest to the middle of the drawing."""
    step = max(1, max(drawing.depth_mm.shape) // ROOM_PX)
    room = ndimage.distance_transform_edt(np.isneginf(drawing.depth_mm[::step, ::step]))
    index = np.minimum((candidates / step).astype(np.int64), np.array(room.shape)[::-1] - 1)
    free = room[index[:, 1], index[:, 0]]
    middle = np.array([drawing.pixels.shape[1], drawing.pixels.shape[0]]) / 2
    away = np.linalg.norm((candidates - middle) / middle, axis=1)
    return int(np.argmax(np.minimum(free, ENOUGH_ROOM) - away))


def _level(pixels: Array, drawing: Drawing) -> NDArray[np.float32]:
    """Height of the nearest solid surface at pixels (n, 2)."""
    rows, columns = drawing.depth_mm.shape
    column = np.clip(pixels[:, 0].astype(np.int64), 0, columns - 1)
    row = np.clip(pixels[:, 1].astype(np.int64), 0, rows - 1)
    return np.asarray(drawing.depth_mm[row, column])
