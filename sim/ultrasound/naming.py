"""Where the names of structures stand on an image: inside the structure, or beside it with a line into it.

Nerves and vessels come first; nothing is covered that is small, no text meets another, no line crosses one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.terms import split_key, terms
from sim.labels import crosses
from sim.lettering import line_height, text_width, wrapped
from sim.ultrasound.boxes import grown, least, sums
from sim.ultrasound.image import BModeImage
from sim.ultrasound.outlines import SMALL_KINDS, Seen, seen_structures
from sim.ultrasound.readout import settings_lines
from sim.ultrasound.screen_layout import LEAST_PX, ScreenLayout

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Pair = tuple[float, float]

NAME_PX = 13.5
SMALLER = (1.0, 0.88, 0.76)
CELL_EM = 0.2
PAD_EM, CLEAR_EM = 0.3, 0.4
LEAST_MM2 = 0.2
MOST_LINES = 3
CORE_SHARE, CORE_EM = 0.7, 0.8
REACH_EM = 0.6
COST_LENGTH, COST_BORDER, COST_LIGHT, COST_COVER, COST_WRAP, COST_AWAY = 0.14, 12.0, 1.2, 0.9, 0.3, 0.1
TRIES = 400


@dataclass(frozen=True)
class PlacedName:
    """A name with its place on the screen.

    Parameters
    ----------
    key : str
        Of the structure.
    lines : tuple of str
        The text, broken.
    box : (float, float, float, float)
        Left, top, right and bottom of the letters, pixels.
    size_px : int
        Of the letters.
    leader : pair of (x, y), or None
        From the text into the structure; None for a name that stands inside.
    """

    key: str
    lines: tuple[str, ...]
    box: tuple[float, float, float, float]
    size_px: int
    leader: tuple[Pair, Pair] | None


def place_names(
    image: BModeImage, layout: ScreenLayout, names: Mapping[str, str]
) -> tuple[tuple[PlacedName, ...], tuple[str, ...]]:
    """Return the names with their places, and the keys of structures for whose name there was no room.

    Parameters
    ----------
    image : BModeImage
        The frame.
    layout : ScreenLayout
        Of its screen.
    names : mapping of str to str
        Names by key in place of the terms; an empty one leaves a structure unnamed.
    """
    worth = [s for s in named_first(seen_structures(image), image) if name_of(s.key, names)]
    best: tuple[tuple[PlacedName, ...], tuple[str, ...]] = ((), ())
    least: tuple[int, int] | None = None
    large = {s.key for s in worth if s.kind == "muscle"}
    for factor in SMALLER:
        size = max(LEAST_PX, round(NAME_PX * layout.unit * layout.letters * factor))
        ground = _Ground(image, layout, size, worth)
        placed = [p for s in worth if (p := ground.place(s, name_of(s.key, names))) is not None]
        done = {p.key for p in placed}
        lost = tuple(s.key for s in worth if s.key not in done)
        aside = sum(p.leader is not None and p.key in large for p in placed) if layout.letters > 1 else 0
        if least is None or (len(lost), aside) < least:
            best, least = (tuple(placed), lost), (len(lost), aside)
        if least == (0, 0):
            break
    return best


def name_of(key: str, names: Mapping[str, str]) -> str:
    """Return what is written for a structure: the given name, else its term without a side, else its key in words."""
    if key in names:
        return " ".join(names[key].split())
    bare = split_key(key)[0]
    term = terms().get(bare)
    return bare.replace("_", " ") if term is None else term.ta2


def named_first(seen: Sequence[Seen], image: BModeImage) -> list[Seen]:
    """Return the structures that are large enough to be named: nerves, arteries, veins first, then by size from the least."""
    area = image.pixel_mm[0] * image.pixel_mm[1]
    worth = [s for s in seen if s.is_small or s.mask.sum() * area >= LEAST_MM2]
    rank = {kind: i for i, kind in enumerate(SMALL_KINDS)}
    return sorted(worth, key=lambda s: (rank.get(s.kind, len(rank)), int(s.mask.sum()), s.key))


class _Ground:
    """The field on which names are placed, in cells of some pixels: what may not be covered, and what had better not be."""

    def __init__(self, image: BModeImage, layout: ScreenLayout, size: int, worth: Sequence[Seen]) -> None:
        from PIL import Image

        self.size, self.cell, self.layout = size, max(1.0, CELL_EM * size), layout
        self.x0, self.y0 = float(layout.margin), float(layout.image.y0)
        self.columns = int((layout.image.x1 - self.x0) / self.cell)
        self.rows = int(layout.image.height / self.cell)
        x = self.x0 + (np.arange(self.columns) + 0.5) * self.cell - layout.image.x0
        y = (np.arange(self.rows) + 0.5) * self.cell
        self.in_rows = np.minimum((y * image.pixels.shape[0] / layout.image.height).astype(int), image.pixels.shape[0] - 1)
        self.in_columns = np.floor(x * image.pixels.shape[1] / layout.image.width).astype(int)
        self.off_image = np.broadcast_to(self.in_columns < 0, (self.rows, self.columns))
        labels = np.where(self.off_image, 0, image.labels[np.ix_(self.in_rows, np.maximum(self.in_columns, 0))])
        self.worthy = [image.keys.index(s.key) for s in worth if s.kind != "bone"]  # black below a bone is the best ground
        self.masks = {s.key: self._cells(s) for s in worth}
        across = max(1, round(layout.image.width / self.cell))
        grey = np.asarray(Image.fromarray(image.pixels).resize((across, self.rows), Image.Resampling.BOX)) / 255.0
        self.cost = self._cost(labels, grey)
        self.forbidden = np.zeros((self.rows, self.columns), dtype=bool)
        for s in worth:
            if s.is_small:
                self.forbidden |= grown(self.masks[s.key], self._in_cells(CLEAR_EM))
        self._forbid_settings(image)
        self.leaders: list[tuple[Pair, Pair]] = []
        self.boxes = np.zeros((self.rows, self.columns), dtype=bool)
        self.small = {s.key for s in worth if s.is_small}

    def place(self, seen: Seen, text: str) -> PlacedName | None:
        """Place one name and hold its room, or return None where there is none."""
        variants = list(self._variants(text))
        placed = None if seen.is_small else next((p for v in variants if (p := self._within(seen, v)) is not None), None)
        placed = placed or self._beside(seen, variants)
        if placed is not None:
            self._hold(placed)
        return placed

    def _in_cells(self, em: float) -> int:
        """A length in whole cells."""
        return max(1, math.ceil(em * self.size / self.cell))

    def _cells(self, seen: Seen) -> Mask:
        """Which cells show a structure; its first pixel at least."""
        mask: Mask = np.zeros((self.rows, self.columns), dtype=bool)
        inside = self.in_columns >= 0
        mask[:, inside] = seen.mask[np.ix_(self.in_rows, self.in_columns[inside])]
        if not mask.any():
            row, column = np.argwhere(seen.mask)[0]
            mask[np.abs(self.in_rows - row).argmin(), np.abs(self.in_columns - column).argmin()] = True
        return mask

    def _main_part(self, mask: Mask) -> Mask:
        """Of a strand that is cut more than once, the part nearest to the image's middle line: what the view is meant to show."""
        from scipy.ndimage import center_of_mass, label

        parts, count = label(mask, np.ones((3, 3)))
        if count < 2:
            return mask
        middle = np.flatnonzero(self.in_columns >= 0).mean()
        away = [abs(c - middle) for _, c in center_of_mass(mask, parts, range(1, count + 1))]
        return np.asarray(parts == 1 + int(np.argmin(away)))

    def _cost(self, labels: NDArray[np.integer], grey: Array) -> Array:
        """What a text that covers a cell costs: borders and bright echoes more than quiet ground."""
        cost = np.full((self.rows, self.columns), COST_AWAY)
        border = np.zeros((self.rows, self.columns), dtype=bool)
        border[1:] |= labels[1:] != labels[:-1]
        border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
        held = self.in_columns >= 0
        light = grey[:, np.minimum(np.arange(int(held.sum())), grey.shape[1] - 1)]
        cost[:, held] = COST_LIGHT * light + COST_COVER * np.isin(labels[:, held], self.worthy)
        border[:, 1:] |= self.off_image[:, 1:] != self.off_image[:, :-1]
        return np.asarray(cost + COST_BORDER * grown(border, 1))

    def _forbid_settings(self, image: BModeImage) -> None:
        """Keep names off the column of settings."""
        for word in self.layout.words:
            if word.text in settings_lines(image):
                wide = text_width(word.text, word.size)
                self._mark(self.forbidden, (word.x, word.y - word.size, word.x + wide, word.y + word.size), PAD_EM)

    def _mark(self, grid: Mask, box: tuple[float, float, float, float], pad_em: float) -> None:
        """Set the cells of a box in a grid."""
        pad = pad_em * self.size
        c0, c1 = math.floor((box[0] - pad - self.x0) / self.cell), math.ceil((box[2] + pad - self.x0) / self.cell)
        r0, r1 = math.floor((box[1] - pad - self.y0) / self.cell), math.ceil((box[3] + pad - self.y0) / self.cell)
        grid[max(0, r0) : max(0, r1), max(0, c0) : max(0, c1)] = True

    def _variants(self, text: str) -> list[tuple[tuple[str, ...], int, int]]:
        """The text in one to three lines, with its width and height in cells."""
        whole, widest = text_width(text, self.size), 0.96 * (self.layout.image.x1 - self.x0)
        out: list[tuple[tuple[str, ...], int, int]] = []
        for count in range(1, MOST_LINES + 1):
            longest = max(text_width(w, self.size) for w in text.split())
            lines = wrapped(text, self.size, min(widest, max(whole / count * (1.0 if count == 1 else 1.12) + 1, longest + 1)))
            wide = max(text_width(t, self.size) for t in lines)
            shape = math.ceil(wide / self.cell), math.ceil(len(lines) * line_height(self.size) / self.cell)
            if lines not in [v[0] for v in out] and shape[0] < self.columns and shape[1] < self.rows:
                out.append((lines, *shape))
        return out

    def _within(self, seen: Seen, variant: tuple[tuple[str, ...], int, int]) -> PlacedName | None:
        """A place inside the structure that covers no border, near its roomiest spot."""
        from scipy.ndimage import distance_transform_edt

        lines, wide, high = variant
        pad = self._in_cells(PAD_EM)
        mask = self.masks[seen.key] & ~self.forbidden
        if self.rows < high + 2 * pad or self.columns < wide + 2 * pad:
            return None
        fits = sums(~mask, wide + 2 * pad, high + pad) == 0
        if not fits.any():
            return None
        deep = distance_transform_edt(np.pad(self.masks[seen.key], 1))[1:-1, 1:-1]
        peak = np.unravel_index(int(deep.argmax()), deep.shape)
        cost = sums(self.cost, wide + 2 * pad, high + pad) / ((wide + 2 * pad) * (high + pad))
        row, column = np.indices(fits.shape)
        away = np.hypot(row + (high + pad) / 2 - peak[0], column + wide / 2 + pad - peak[1]) * self.cell / self.size
        best = np.unravel_index(int(np.where(fits, cost + 0.5 * COST_LENGTH * away, np.inf).argmin()), fits.shape)
        return self._placed(seen.key, lines, int(best[0]) + pad // 2, int(best[1]) + pad, None)

    def _beside(self, seen: Seen, variants: Sequence[tuple[tuple[str, ...], int, int]]) -> PlacedName | None:
        """The best place beside the structure whose line meets nothing."""
        from scipy.ndimage import distance_transform_edt

        own = self._main_part(self.masks[seen.key]) if seen.is_small else self.masks[seen.key]
        deep = distance_transform_edt(np.pad(own, 1))[1:-1, 1:-1]
        core = deep >= min(CORE_SHARE * deep.max(), CORE_EM * self.size / self.cell)
        far, nearest = distance_transform_edt(~core, return_indices=True)
        blocked = self.forbidden | grown(own, 1)
        found: list[tuple[float, int, int, int]] = []
        for k, (lines, wide, high) in enumerate(variants):
            free = sums(blocked, wide, high) == 0
            cost = sums(self.cost, wide, high) / (wide * high) + COST_WRAP * (len(lines) - 1)
            gap = least(far, wide, high)
            cost = np.where(free, cost + COST_LENGTH * gap * self.cell / self.size, np.inf)
            for flat in np.argsort(cost, axis=None, kind="stable")[: min(TRIES, int(free.sum()))]:
                row, column = divmod(int(flat), cost.shape[1])
                found.append((float(cost[row, column]), k, row, column))
        for _, k, row, column in sorted(found):
            lines, wide, high = variants[k]
            window = far[row : row + high, column : column + wide]
            r, c = divmod(int(window.argmin()), wide)
            end = nearest[:, row + r, column + c]
            leader = self._leader(seen.key, own, (row, column, high, wide), (int(end[0]), int(end[1])))
            if leader is not None:
                return self._placed(seen.key, lines, row, column, leader)
        return None

    def _leader(self, key: str, own: Mask, box: tuple[int, int, int, int], end: tuple[int, int]) -> tuple[Pair, Pair] | None:
        """The line from a box of cells into the structure, or None if it would meet another name, line, nerve or vessel."""
        row, column, high, wide = box
        start = np.array([np.clip(end[1] + 0.5, column, column + wide), np.clip(end[0] + 0.5, row, row + high)])
        way = np.array([end[1] + 0.5, end[0] + 0.5]) - start
        length = float(np.hypot(*way))
        steps = start + np.linspace(0, 1, max(2, math.ceil(2 * length)))[:, None] * way
        c, r = (np.clip(np.floor(steps[:, i]).astype(int), 0, n - 1) for i, n in ((0, self.columns), (1, self.rows)))
        entered = int(own[r, c].argmax())
        reach = min(len(r) - 1, entered + math.ceil(2 * REACH_EM * self.size / self.cell))
        others = [self.masks[k] for k in self.small if k != key]
        upto = slice(0, reach + 1)
        if self.boxes[r[upto], c[upto]].any() or any(m[r[upto], c[upto]].any() for m in others):
            return None
        a, b = ((float(self.x0 + p[0] * self.cell), float(self.y0 + p[1] * self.cell)) for p in (start, steps[reach]))
        return None if any(crosses(a, b, *other) for other in self.leaders) else (a, b)

    def _placed(self, key: str, lines: tuple[str, ...], row: int, column: int, leader: tuple[Pair, Pair] | None) -> PlacedName:
        """A name at a cell."""
        x, y = self.x0 + column * self.cell, self.y0 + row * self.cell
        wide = max(text_width(t, self.size) for t in lines)
        return PlacedName(key, lines, (x, y, x + wide, y + len(lines) * line_height(self.size)), self.size, leader)

    def _hold(self, placed: PlacedName) -> None:
        """Keep later names off a name and its line."""
        self._mark(self.forbidden, placed.box, PAD_EM)
        self._mark(self.boxes, placed.box, PAD_EM)
        if placed.leader is None:
            return
        self.leaders.append(placed.leader)
        a, b = (np.array(p) for p in placed.leader)
        for share in np.linspace(0, 1, max(2, math.ceil(float(np.hypot(*(b - a))) / self.cell))):
            x, y = a + share * (b - a)
            self._mark(self.forbidden, (x, y, x, y), PAD_EM)
