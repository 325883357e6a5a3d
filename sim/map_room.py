"""Room on a map sheet: discs that do not touch, and free places for names. Pure arrays, y down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TURNS = 400
APART, GIVE, BESIDE = 0.2, 1.0, 3.2  # room between signs; how much two may cover of each other; sight of a spot
SHARE, TINY, UPWARD = 0.26, 1e-6, np.array([0.0, -1.0])
STEP = 6.0
CLEAR = 3.5
OVER_DRAWING, ON_DRAWING, OVER_THING, OVER_LINE = 700.0, 90.0, 5000.0, 700.0
LEAST_SHARE = 0.01
LOOKED_AT = 150  # candidates whose lines are looked at, the nearest first
SAMPLES = np.linspace(0, 1, 24)[:, None]
AT_DISC = 6  # the last samples of a line lie in its own disc


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What stands where names must not: everything in points of the page.

    Parameters
    ----------
    frame : (4,) array
        x0, y0, x1, y1 of the room that there is.
    drawn : (height, width) array
        How much of the frame's drawing lies above and to the left of each of its points, as a sum.
    origin, scale
        Corner of that array on the page, and points per cell.
    taken : sequence of (4,) arrays
        Boxes.
    lines : sequence of pairs of (2,) arrays
    centres : (n, 2) array
        Discs.
    radius : float
        Of the discs.
    """

    frame: Array
    drawn: Array
    origin: Array
    scale: float
    taken: Sequence[Array]
    lines: Sequence[tuple[Array, Array]]
    centres: Array
    radius: float


def spread(spots: Array, radius: float) -> tuple[Array, NDArray[np.bool_]]:
    """Return where discs (n, 2) of one radius stand for `spots` (n, 2), and which of them (n,) stand beside their spot.

    A disc stands on its spot, unless an earlier one needs the room; then it stands so far beside it that the spot can be seen.
    """
    moved = np.zeros(len(spots), dtype=bool)
    centres = spots.astype(np.float64).copy()
    for i, spot in enumerate(spots):
        kept = spots[:i][~moved[:i]]
        near = kept[np.linalg.norm(kept - spot, axis=1) < 2 * radius - GIVE]
        if len(near):
            moved[i] = True
            way = spot - near.mean(axis=0)
            length = float(np.linalg.norm(way))
            centres[i] += (radius + BESIDE) * (way / length if length > TINY else UPWARD)
    return _pushed(centres, moved, 2 * radius + APART), moved


def _pushed(places: Array, free: NDArray[np.bool_], apart: float) -> Array:
    """Places (n, 2) of which the free ones have moved, step by step, until they lie `apart` from all."""
    out = places.copy()
    for _ in range(TURNS):
        gap = out[:, None] - out[None]
        distance = np.linalg.norm(gap, axis=2) + np.eye(len(out)) * 1e9
        close = distance < apart
        if not close[free].any():
            break
        way = gap / np.maximum(distance, TINY)[..., None]
        push = (way * (np.where(close, apart - distance, 0) * SHARE)[..., None]).sum(axis=1)
        out += np.where(free[:, None], push, 0)
    return out


def free_corner(size: tuple[float, float], mine: Array, around: Surroundings) -> tuple[Array, Array]:
    """Return the upper left corner (2,) of a free box, and the one of `mine` (n, 2) to which its line goes.

    Raises ValueError if the frame is smaller than the box.
    """
    x0, y0, x1, y1 = around.frame
    if x1 - x0 < size[0] or y1 - y0 < size[1]:
        raise ValueError(f"a name of {size[0]:.0f} by {size[1]:.0f} points does not fit its frame.")
    across, down = (np.append(np.arange(a, b, STEP), b) for a, b in ((x0, x1 - size[0]), (y0, y1 - size[1])))
    corners = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    boxes = np.concatenate([corners, corners + size], axis=1)
    near = np.clip(mine[None], boxes[:, None, :2], boxes[:, None, 2:])
    away = np.linalg.norm(near - mine[None], axis=2)
    index = away.argmin(axis=1)
    share = _share_drawn(boxes + np.array([-CLEAR, -CLEAR, CLEAR, CLEAR]), around)
    cost = away.min(axis=1) + OVER_DRAWING * share + ON_DRAWING * (share > LEAST_SHARE)
    for box in around.taken:
        cost += OVER_THING * ((boxes[:, :2] - CLEAR < box[2:]) & (box[:2] - CLEAR < boxes[:, 2:])).all(axis=1)
    near_ones = [int(i) for i in np.argsort(cost, kind="stable")[:LOOKED_AT]]
    best = min(near_ones, key=lambda i: float(cost[i]) + _lines(boxes[i], mine[index[i]], around))
    return corners[best], mine[index[best]]


def summed(drawn: NDArray[np.bool_]) -> Array:
    """Return how many cells (height + 1, width + 1) are drawn above and to the left of each corner of the cells."""
    return np.pad(np.cumsum(np.cumsum(drawn, axis=0, dtype=np.float64), axis=1), ((1, 0), (1, 0)))


def _share_drawn(boxes: Array, around: Surroundings) -> Array:
    """Share (n,) of each box that lies on the drawing."""
    cells = np.round((boxes - np.tile(around.origin, 2)) / around.scale).astype(np.int64)
    high, wide = around.drawn.shape
    x0, x1 = (np.clip(cells[:, i], 0, wide - 1) for i in (0, 2))
    y0, y1 = (np.clip(cells[:, i], 0, high - 1) for i in (1, 3))
    s = around.drawn
    inside = s[y1, x1] - s[y0, x1] - s[y1, x0] + s[y0, x0]
    area = (cells[:, 2] - cells[:, 0]) * (cells[:, 3] - cells[:, 1])
    return np.asarray(inside / np.maximum(area, 1))


def _lines(box: Array, end: Array, around: Surroundings) -> float:
    """Cost of the line from a box to its disc: over other discs, over lines, and lines under the box."""
    start = np.clip(end, box[:2], box[2:])
    others = around.centres[np.linalg.norm(around.centres - end, axis=1) > 1e-6]
    along = end - start
    share = np.clip((others - start) @ along / max(float(along @ along), 1e-9), 0, 1)[:, None]
    count = int((np.linalg.norm(start + share * along - others, axis=1) < around.radius + 1).sum())
    for a, b in around.lines:
        points = a + SAMPLES * (b - a)
        under = bool(((points > box[:2] - CLEAR) & (points < box[2:] + CLEAR)).all(axis=1).any())
        count += int(under or _cross(start, end, a, b))
    for taken in around.taken:
        points = start + SAMPLES * (end - start)
        inside = ((points > taken[:2]) & (points < taken[2:])).all(axis=1)
        count += int(np.atleast_1d(inside)[:-AT_DISC].any())
    return OVER_LINE * count


def _cross(a: Array, b: Array, c: Array, d: Array) -> bool:
    """Whether two lines cross."""

    def turn(p: Array, q: Array, r: Array) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0
