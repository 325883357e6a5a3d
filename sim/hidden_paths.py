"""Where a nerve or vessel runs behind what hides it, and the dashes that show its course there. Arrays only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.model import Anatomy, Structure
from sim.cameras import View
from sim.canvas import Drawing
from sim.cutting import plane_distance, spread_points
from sim.picture import Picture
from sim.picture_shown import Cut
from sim.stage import HIGHLIGHT, Piece
from sim.theme import Theme

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

DASH_PX, GAP_PX = 14.0, 7.5  # as seen, at 1920 by 1080
LEAST_DASH_PX, LEAST_WIDTH = 4.0, 1.2
NEAR_MM, FAR_MM = 0.8, 1e6
CLEARANCE_MM, MOST_STEEP = 0.8, 3.0
MOST_DEPTH_MM = 45.0  # what lies deeper is on the far side of the head
WIDTH_SHARE = 1.25  # of the radius
LEAST_WIDTH_PX, MOST_WIDTH_PX = 2.2, 5.0  # at 1920 by 1080
SMALL_DASH = 0.35  # a rest shorter than this share of a dash is not drawn
RIM_SHADE, RIM_PX, RIM_OPACITY = 0.22, 1.0, 0.6


@dataclass(frozen=True, eq=False)
class Course:
    """The hidden course of one nerve or vessel.

    Parameters
    ----------
    key : str
        Of the structure.
    dashes : tuple of (n, 2) arrays
        Pixels of the drawing, each from one end of a dash to the other.
    width_px : float
        Of a dash.
    colour, rim : (3,) arrays
        Of a dash, and of its thin edge.
    """

    key: str
    dashes: tuple[Array, ...]
    width_px: float
    colour: Array
    rim: Array

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the dash nearest to the middle of all."""
        ends = np.array([dash[len(dash) // 2] for dash in self.dashes])
        best = ends[np.argmin(np.linalg.norm(ends - np.median(ends, axis=0), axis=1))]
        return float(best[0]), float(best[1])


def hidden_courses(
    anatomy: Anatomy, picture: Picture, pieces: Sequence[Piece], view: View, drawing: Drawing, theme: Theme, unit: float
) -> tuple[Course, ...]:
    """Return the hidden courses of what a picture shows in dashes.

    Parameters
    ----------
    anatomy, picture, pieces, view, theme
        As the drawing was made. A nerve, vessel or needle in front of another is not what hides it: the one behind is
        interrupted, not dashed.
    drawing : Drawing
        Its depth says what is hidden; glass hides nothing.
    unit : float
        1 at 1920 by 1080: dashes are of one length in the picture, whatever its scale.
    """
    out: list[Course] = []
    if not any(shown.behind == "dashed" for shown in picture.shown):
        return ()
    slim = _slim_things(pieces)
    for shown in picture.shown:
        structure = anatomy[shown.key]
        if shown.behind == "hidden" or structure.centerline is None or structure.radius_mm is None or shown.opacity <= 0:
            continue
        wide = WIDTH_SHARE * float(np.median(structure.radius_mm)) * view.px_per_mm
        wide = max(float(np.clip(wide, LEAST_WIDTH_PX * unit, MOST_WIDTH_PX * unit)), LEAST_WIDTH)
        dashes = []
        for line, radius in _axes(structure):
            dashes += _dashes(line, radius, _cut_away(line, shown.key, picture.cuts), (view, drawing, slim), (unit, wide))
        if dashes:
            colour = theme.of_structure(structure) if shown.colour is None else theme.colour(shown.colour)
            colour = np.clip(colour * HIGHLIGHT, 0, 1) if shown.highlight else colour
            out.append(Course(shown.key, tuple(dashes), wide, colour, colour * RIM_SHADE))
    return tuple(out)


def _axes(structure: Structure) -> list[tuple[Array, Array]]:
    """The axis and the branches of a structure, with the radius at each point.

    Branches count as thick as the trunk: where they leave it, it does not hide them.
    """
    assert structure.centerline is not None and structure.radius_mm is not None
    thick = float(np.median(structure.radius_mm))
    return [
        (structure.centerline, np.asarray(structure.radius_mm, dtype=np.float64)),
        *((line, np.full(len(line), thick)) for line in structure.branches.values()),
    ]


def _dashes(
    line_mm: Array, radius_mm: Array, gone_mm: Mask, seen: tuple[View, Drawing, cKDTree], scale: tuple[float, float]
) -> list[Array]:
    """The dashes of one line, each (n, 2) pixels of the drawing, from end to end of the middle line of their round caps."""
    (view, drawing, slim), (unit, wide) = seen, scale
    corners, heights = view.project(line_mm)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    if along[-1] < 1.0:
        return []
    steps = np.linspace(0.0, along[-1], int(np.ceil(along[-1])) + 1)
    pixels = np.stack([np.interp(steps, along, corners[:, i]) for i in range(2)], axis=1)
    depth = np.interp(steps, along, heights)
    steep = np.gradient(depth, steps[1] / view.px_per_mm)  # the nearest side of a tube that runs toward the eye is nearer
    radius = np.interp(steps, along, radius_mm) * np.minimum(np.hypot(1.0, steep), MOST_STEEP)
    gone = np.interp(steps, along, gone_mm.astype(np.float64)) > 0
    behind, level = _behind(pixels, depth + radius, drawing)
    crossed = np.zeros(len(behind), dtype=bool)
    crossed[behind] = slim.query(_points(pixels[behind], level[behind], view))[0] < NEAR_MM
    behind &= ~gone & ~crossed
    dash = max(DASH_PX * unit, LEAST_DASH_PX, 2 * wide) - wide
    gap = max(GAP_PX * unit, 0.6 * LEAST_DASH_PX) + wide
    out = []
    for start, end in _runs(_closed(behind, round(gap), ~gone & ~crossed)):
        out += [_piece(pixels, steps, a, b) for a, b in _spans(steps[start], steps[end], dash, gap)]
    return out


def _slim_things(pieces: Sequence[Piece]) -> cKDTree:
    """Points of all nerves, vessels, needles and lines that are shown."""
    points = [np.full((1, 3), FAR_MM), *(p.mesh.vertices_mm for p in pieces if p.material == "nerve" and p.opacity >= 1)]
    marks = [p.mesh for p in pieces if p.material == "mark" and p.opacity >= 1]
    return cKDTree(np.concatenate([*points, *(spread_points(m.vertices_mm, m.faces, NEAR_MM**2) for m in marks)]))


def _points(pixels: Array, level_mm: Array, view: View) -> Array:
    """Points (n, 3) that are seen at pixels (n, 2) of the drawing, `level_mm` above the plane of the focus."""
    x, y = ((pixels - (view.width_px / 2, view.height_px / 2)) / view.px_per_mm).T
    return np.asarray(view.focus_mm + x[:, None] * view.right - y[:, None] * view.up + level_mm[:, None] * view.toward)


def _behind(pixels: Array, top_mm: Array, drawing: Drawing) -> tuple[Mask, Array]:
    """Which points (n,), whose nearest side lies at `top_mm`, something solid hides, and not the whole head; and its height."""
    rows, columns = drawing.depth_mm.shape
    inside = ((pixels >= 0) & (pixels < (columns, rows))).all(axis=1)
    index = np.clip(np.floor(pixels).astype(np.int64), 0, (columns - 1, rows - 1))
    level = drawing.depth_mm[index[:, 1], index[:, 0]].astype(np.float64)
    over = level - top_mm
    return np.asarray(inside & (over > CLEARANCE_MM) & (over < MOST_DEPTH_MM)), level


def _cut_away(points_mm: Array, key: str, cuts: Sequence[Cut]) -> Mask:
    """Which points (n,) of a structure a cut has taken away."""
    out = np.zeros(len(points_mm), dtype=bool)
    for cut in cuts:
        if not cut.keys or key in cut.keys:
            out |= plane_distance(points_mm, np.asarray(cut.point_mm), np.asarray(cut.normal, dtype=np.float64)) > 0
    return out


def _closed(mask: Mask, least: int, allowed: Mask) -> Mask:
    """The mask without gaps shorter than `least`, then without runs shorter than it."""
    out = mask.copy()
    for start, end in _runs(~mask):
        if start > 0 and end < len(mask) - 1 and end - start + 1 < least and allowed[start : end + 1].all():
            out[start : end + 1] = True
    for start, end in _runs(out):
        if end - start + 1 < least:
            out[start : end + 1] = False
    return out


def _runs(mask: Mask) -> list[tuple[int, int]]:
    """First and last index of each run of the mask."""
    turns = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in turns.reshape(-1, 2)]


def _spans(start: float, end: float, dash: float, gap: float) -> list[tuple[float, float]]:
    """Dashes of one length from `start` to `end`, the first and last at the ends; the gaps take up the rest."""
    length = end - start
    if length <= dash:
        return [(start, end)] if length >= SMALL_DASH * dash else []
    count = max(2, round((length + gap) / (dash + gap)))
    size = min(dash, 0.8 * length / count)
    step = (length - size) / (count - 1)
    return [(start + i * step, start + i * step + size) for i in range(count)]


def _piece(pixels: Array, steps: Array, start: float, end: float) -> Array:
    """The line between two lengths."""
    ends = [[float(np.interp(s, steps, pixels[:, i])) for i in range(2)] for s in (start, end)]
    inner = pixels[(steps > start + 0.5) & (steps < end - 0.5)]
    return np.concatenate([[ends[0]], inner[:: max(1, len(inner) // 8)], [ends[1]]])
