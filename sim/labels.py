"""Where leader-line labels go: two columns beside the drawing, sorted so that no line crosses and no text overlaps; and where
discs and the texts beside them go.

Pure arithmetic on pixels: x right, y down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pair = tuple[float, float]

LEAST_SHARE = 0.15
SPREAD_ROUNDS = 60
CLEAR_ROUNDS = 400
STILL_SHARE = 0.01  # of the distance: a disc that has moved less stands on its place
DOT_SHARE = 0.25  # of the height of a text: a line nearer than this to another's dot seems to end there


@dataclass(frozen=True)
class Column:
    """A column of text: its box in pixels, and whether it stands left of the drawing."""

    x0: float
    y0: float
    x1: float
    y1: float
    is_left: bool

    @property
    def height(self) -> float:
        """Room for text."""
        return max(self.y1 - self.y0, 0.0)

    @property
    def edge(self) -> float:
        """The x where leader lines arrive."""
        return self.x1 if self.is_left else self.x0


@dataclass(frozen=True)
class Request:
    """A label before it has a place: its anchor in the drawing, the size of its text, and what it is worth."""

    anchor: Pair
    width: float
    height: float
    priority: float = 1.0


@dataclass(frozen=True)
class Place:
    """A label with a place: which request, the box of its text, and its leader line from anchor to text."""

    index: int
    x0: float
    y0: float
    x1: float
    y1: float
    is_left: bool
    anchor: Pair
    elbow: Pair


def fits(requests: Sequence[Request], columns: tuple[Column, Column], gap: float) -> bool:
    """Return whether all labels have room, each within the width of the columns."""
    width = min(c.x1 - c.x0 for c in columns)
    if any(r.width > width or r.height > max(c.height for c in columns) for r in requests):
        return False
    return _split(requests, columns, gap) is not None


def keep_most(requests: Sequence[Request], columns: tuple[Column, Column], gap: float) -> list[int]:
    """Return the indices of the labels that have room, after the least important are left out."""
    width = min(c.x1 - c.x0 for c in columns)
    kept = [i for i, r in enumerate(requests) if r.width <= width]
    while kept and not fits([requests[i] for i in kept], columns, gap):
        kept.remove(min(kept, key=lambda i: (requests[i].priority, -i)))
    return kept


def arrange(requests: Sequence[Request], columns: tuple[Column, Column], gap: float) -> list[Place]:
    """Return a place for every label.

    Parameters
    ----------
    requests : sequence of Request
        The labels; `fits` must hold.
    columns : (left, right)
        Where text may stand.
    gap : float
        Least distance between two texts, pixels.

    Raises
    ------
    ValueError
        If there is no room.
    """
    split = _split(requests, columns, gap)
    if split is None or not fits(requests, columns, gap):
        raise ValueError(f"{len(requests)} labels do not fit the columns. Use a smaller font or fewer labels.")
    places: list[Place] = []
    for column, members in zip(columns, split, strict=True):
        places += _fill(requests, members, column, gap)
    return sorted(places, key=lambda p: p.index)


def balanced(options: Sequence[Sequence[Pair]], middle: float) -> list[int]:
    """Return which of its possible anchors each label takes, so that as many stand left of `middle` as right of it.

    Labels with one anchor are counted first; the others follow in order, each on the side that has fewer, the first anchor
    where both have as many.
    """
    count = [0, 0]
    chosen = [0] * len(options)
    for i in sorted(range(len(options)), key=lambda k: (len(options[k]) > 1, k)):
        chosen[i] = min(range(len(options[i])), key=lambda k: (count[options[i][k][0] >= middle], k))
        count[options[i][chosen[i]][0] >= middle] += 1
    return chosen


def _split(requests: Sequence[Request], columns: tuple[Column, Column], gap: float) -> tuple[list[int], list[int]] | None:
    """Which labels go left and right: the leftmost anchors left, as near to the middle of the drawing as room allows."""
    order = sorted(range(len(requests)), key=lambda i: (requests[i].anchor[0], requests[i].anchor[1]))
    middle = (columns[0].edge + columns[1].edge) / 2
    natural = sum(requests[i].anchor[0] < middle for i in order)
    least = math.floor(LEAST_SHARE * len(order))
    wanted = min(max(natural, least), len(order) - least)
    for count in sorted(range(len(order) + 1), key=lambda k: (abs(k - wanted), k)):
        left, right = order[:count], order[count:]
        if _need(requests, left, gap) <= columns[0].height and _need(requests, right, gap) <= columns[1].height:
            return left, right
    return None


def _need(requests: Sequence[Request], members: Sequence[int], gap: float) -> float:
    """Height that labels take, each as high as the highest."""
    return len(members) * (_slot(requests, members) + gap) - gap if members else 0.0


def _slot(requests: Sequence[Request], members: Sequence[int]) -> float:
    """Height of one place in a column; equal places let two labels change theirs without moving any other."""
    return max(requests[i].height for i in members)


def _fill(requests: Sequence[Request], members: list[int], column: Column, gap: float) -> list[Place]:
    """Places of the labels of one column: each as high as its text if no lines cross then, else all of one height."""
    if not members:
        return []
    order = sorted(members, key=lambda i: requests[i].anchor[1])
    own = {i: requests[i].height for i in members}
    slot = dict.fromkeys(members, _slot(requests, members))
    for heights in (own, slot):
        order, centres = _untangled(order, heights, requests, column, gap)
        order, centres = _loosened(order, centres, heights, requests, column, gap)
        if _crossing(order, centres, requests, column.edge) is None:
            break
    return [_place(i, requests[i], float(y), column) for i, y in zip(order, centres, strict=True)]


def _spread(wanted: Array, heights: Array, gap: float, column: Column) -> Array:
    """Centres nearest to the wanted ones, in that order, of boxes of those heights that stay apart in the column."""
    tops = np.concatenate([[0.0], np.cumsum(heights + gap)[:-1]]) + heights / 2
    blocks: list[list[float]] = []
    for value in wanted - tops:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, count = blocks.pop()
            other, n = blocks.pop()
            blocks.append([(mean * count + other * n) / (count + n), count + n])
    level = np.concatenate([np.full(int(count), mean) for mean, count in blocks])
    room = column.height - float(heights.sum()) - gap * (len(heights) - 1)
    return np.asarray(np.clip(level, column.y0, column.y0 + max(room, 0.0)) + tops)


def _untangled(
    order: list[int], heights: dict[int, float], requests: Sequence[Request], column: Column, gap: float
) -> tuple[list[int], Array]:
    """The order without crossing leader lines, and the centres.

    With places of one height every swap makes the lines shorter in all, so this ends; else it may have to give up.
    """
    order = list(order)
    wanted = np.array([requests[i].anchor[1] for i in order])
    tall = np.array([heights[i] for i in order])
    centres = _spread(wanted, tall, gap, column)
    for _ in range(len(order) ** 3 + 1):
        pair = _crossing(order, centres, requests, column.edge)
        if pair is None:
            break
        a, b = pair
        order[a], order[b] = order[b], order[a]
        if len(set(heights.values())) > 1:
            centres = _spread(wanted, np.array([heights[i] for i in order]), gap, column)
    return order, centres


def _loosened(
    order: list[int], centres: Array, heights: dict[int, float], requests: Sequence[Request], column: Column, gap: float
) -> tuple[list[int], Array]:
    """The order with fewer leader lines that run through the dot of another, neighbours changing places where that helps."""
    wanted = np.array(sorted(requests[i].anchor[1] for i in order))
    worst = _touching(order, centres, requests, column.edge)
    for a in range(len(order) - 1):
        other = [*order[:a], order[a + 1], order[a], *order[a + 2 :]]
        places = _spread(wanted, np.array([heights[i] for i in other]), gap, column)
        found = _touching(other, places, requests, column.edge)
        if found < worst and _crossing(other, places, requests, column.edge) is None:
            order, centres, worst = other, places, found
    return order, centres


def _touching(order: list[int], centres: Array, requests: Sequence[Request], edge: float) -> int:
    """How many dots lie on the leader line of another label."""
    dots = np.array([requests[i].anchor for i in order], dtype=np.float64)
    way = np.stack([np.full(len(order), edge), centres], axis=1) - dots
    apart = dots[None] - dots[:, None]
    along = np.clip((apart * way[:, None]).sum(axis=2) / np.maximum((way**2).sum(axis=1), 1e-9)[:, None], 0.0, 1.0)
    off = np.linalg.norm(apart - along[..., None] * way[:, None], axis=2)
    np.fill_diagonal(off, np.inf)
    return int((off < DOT_SHARE * min(requests[i].height for i in order)).sum())


def _crossing(order: list[int], centres: Array, requests: Sequence[Request], edge: float) -> tuple[int, int] | None:
    """The first two leader lines that cross, if any do."""
    for a in range(len(order)):
        for b in range(a + 1, len(order)):
            p, q = requests[order[a]].anchor, requests[order[b]].anchor
            if crosses(p, (edge, float(centres[a])), q, (edge, float(centres[b]))):
                return a, b
    return None


def crosses(p0: Pair, p1: Pair, q0: Pair, q1: Pair) -> bool:
    """Return whether the inner points of two segments meet."""

    def turn(a: Pair, b: Pair, c: Pair) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    return turn(p0, p1, q0) * turn(p0, p1, q1) < -1e-9 and turn(q0, q1, p0) * turn(q0, q1, p1) < -1e-9


def _place(index: int, request: Request, centre: float, column: Column) -> Place:
    """A label set against the inner edge of its column."""
    x0 = column.x1 - request.width if column.is_left else column.x0
    half = request.height / 2
    return Place(
        index, x0, centre - half, x0 + request.width, centre + half, column.is_left, request.anchor, (column.edge, centre)
    )


def beside(
    centres: Array, radius: float, boxes: Array, gap: float, *, dots: Array | None = None, dot: float = 0.0
) -> list[tuple[float, float] | None]:
    """Return where a text stands beside each disc: the middle of its box, or None where there is no room.

    Below, above, right or left of its disc, the first of these that meets no disc, no dot and no text before it.

    Parameters
    ----------
    centres : (n, 2) array
        Middles of the discs, pixels.
    radius : float
        Of every disc.
    boxes : (n, 2) array
        Width and height of each text.
    gap : float
        Between a text and the discs.
    dots, dot : (m, 2) array, float
        Middles of small dots that no text may cover, and their radius.
    """
    small = np.zeros((0, 2)) if dots is None else dots
    taken: list[tuple[Array, Array]] = []
    out: list[tuple[float, float] | None] = []
    for centre, box in zip(centres, boxes, strict=True):
        out.append(None)
        reach = radius + gap + box / 2
        for way in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            middle = centre + reach * way
            clear = np.hypot(*np.maximum(np.abs(centres - middle) - box / 2, 0.0).T) >= radius
            off = np.hypot(*np.maximum(np.abs(small - middle) - box / 2, 0.0).T) >= dot
            if clear.all() and off.all() and all((np.abs(middle - m) >= (box + b) / 2).any() for m, b in taken):
                taken.append((middle, box))
                out[-1] = (float(middle[0]), float(middle[1]))
                break
    return out


def apart(points: Array, distance: float) -> Array:
    """Return points (n, 2) moved as little as needed until none are nearer than `distance`, or the rounds are over."""
    moved, index = points.astype(np.float64), np.arange(len(points))
    for _ in range(SPREAD_ROUNDS):
        gap = moved[:, None] - moved[None]
        length = np.linalg.norm(gap, axis=2)
        close = (length < distance) & ~np.eye(len(moved), dtype=bool)
        if not close.any():
            break
        gap[..., 0] += np.where(length < 1e-6, np.sign(np.subtract.outer(index, index)) * 1e-6, 0.0)
        way = gap / np.maximum(np.linalg.norm(gap, axis=2), 1e-12)[..., None]
        moved += 0.6 * (np.where(close, (distance - length) / 2 + 0.01, 0.0)[..., None] * way).sum(axis=1)
    return moved


def cleared(wishes: Array, distance: float, clear: float, places: Array) -> Array:
    """Return where discs (n, 2) stand that keep apart and hide no true place of a disc that stands beside its own.

    Parameters
    ----------
    wishes, places : (n, 2) arrays
        Where each would stand if it were alone, and what it marks, pixels; the same for most.
    distance : float
        Between two discs, at least.
    clear : float
        From a disc to the true place of any that stands beside its own; less than `distance`.
    """
    centres = apart(wishes, distance)
    for _ in range(CLEAR_ROUNDS):
        moved = np.linalg.norm(centres - places, axis=1) > STILL_SHARE * distance
        free = np.ones(int(moved.sum()), dtype=bool)
        step = _pushes(centres, centres, distance, moved) + 2 * _pushes(centres, places[moved], clear, free)
        step[~moved] = 0.0
        if not moved.any() or np.abs(step).max() < 1e-3:
            break
        centres = centres + 0.5 * step
    return centres


def _pushes(centres: Array, others: Array, least: float, free: NDArray[np.bool_]) -> Array:
    """How far (n, 2) each centre is to go from others that are nearer than `least`: half the way from one that moves too."""
    gap = centres[:, None] - others[None]
    length = np.linalg.norm(gap, axis=2)
    lack = np.where((length < least) & (length > 0), least - length + 0.01, 0.0) * np.where(free, 0.5, 1.0)
    return np.asarray((lack[..., None] * gap / np.maximum(length, 1e-12)[..., None]).sum(axis=1))
