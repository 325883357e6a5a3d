"""What a scripted sonographer reads from the picture: where a structure shows, where layers part, whether a way is clear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from sim.tables import table
from sim.training.scripted_hand import Hand
from sim.ultrasound.image import BModeImage
from sim.ultrasound.poses import ProbePose

Array = NDArray[np.float64]
WAY_MM = 0.5  # between the places that are looked at on a way
COLUMN_MM = 0.6  # half width of the strip of picture in which two layers are told apart


@dataclass(frozen=True, eq=False)
class View:
    """A frame, in places (across, deep) mm of the probe's frame: across grows toward the marked end, deep from the face.

    Parameters
    ----------
    pose : ProbePose
    image : BModeImage
        Without the needle.
    kinds : mapping of str to str
        Kind of each structure of the anatomy: 'artery', 'bone', ...
    """

    pose: ProbePose
    image: BModeImage
    kinds: Mapping[str, str]

    @cached_property
    def across_mm(self) -> Array:
        """Of each column (n,)."""
        columns = self.image.labels.shape[1]
        return self._line(columns, [1, 0])[:, 0]

    @cached_property
    def deep_mm(self) -> Array:
        """Of each row (n,)."""
        return self._line(self.image.labels.shape[0], [0, 1])[:, 2]

    def places(self, *keys: str) -> Array:
        """Return where some structures show, (n, 2)."""
        return self._at(self.image.mask(*keys))

    def spot(self, key: str, *beside: str) -> Array:
        """Return where that section of a structure shows, (n, 2), which lies nearest to some others; empty if it is not seen."""
        from scipy.ndimage import label

        parts, count = label(self.image.mask(key))
        least = int(table("scripted")["search"]["least_pixels"])
        sections = [self._at(parts == i) for i in range(1, count + 1) if (parts == i).sum() >= least]
        others = [self.places(name) for name in beside]
        away = [sum(nearest_mm(section, other) for other in others) for section in sections]
        return sections[int(np.argmin(away))] if sections else np.zeros((0, 2))

    def shows(self, *keys: str) -> bool:
        """Return whether each of some structures shows well enough to be told."""
        least = int(table("scripted")["search"]["least_pixels"])
        return all(int(self.image.mask(key).sum()) >= least for key in keys)

    def key_at(self, place: ArrayLike) -> str:
        """Return what shows at a place (2,); '' outside the picture."""
        across, deep = np.asarray(place, dtype=np.float64)
        column, row = int(np.abs(self.across_mm - across).argmin()), int(np.abs(self.deep_mm - deep).argmin())
        inside = abs(self.across_mm[column] - across) < 1.0 and abs(self.deep_mm[row] - deep) < 1.0
        return self.image.key_at(row, column) if inside else ""

    def border_mm(self, across_mm: float, above: str, below: str) -> float | None:
        """Return how deep the middle between two layers lies at a place across the picture; None if they do not face there."""
        found = []
        for column in np.flatnonzero(np.abs(self.across_mm - across_mm) <= COLUMN_MM):
            upper = np.flatnonzero(self.image.mask(above)[:, column])
            lower = np.flatnonzero(self.image.mask(below)[:, column])
            if len(lower) and len(upper) and (upper < lower[0]).any():
                found.append(0.5 * (self.deep_mm[upper[upper < lower[0]][-1]] + self.deep_mm[lower[0]]))
        return float(np.median(found)) if found else None

    def clear_mm(self, start: ArrayLike, end: ArrayLike, kinds: tuple[str, ...], spare: str = "") -> float:
        """Return how far the way between two places (2,) stays from structures of some kinds; inf if none shows.

        Parameters
        ----------
        start, end : (2,) arrays
        kinds : tuple of str
            Of the anatomy's structures, as `Structure.kind`.
        spare : str
            A key that does not count.
        """
        avoid = self.places(*(k for k in self._keys_of(kinds) if k != spare))
        if not len(avoid):
            return float("inf")
        a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
        count = max(2, int(np.linalg.norm(b - a) / WAY_MM))
        way = a + np.linspace(0, 1, count)[:, None] * (b - a)
        return nearest_mm(way, avoid)

    def _at(self, mask: NDArray[np.bool_]) -> Array:
        row, column = np.nonzero(mask)
        return np.column_stack([self.across_mm[column], self.deep_mm[row]])

    def _keys_of(self, kinds: tuple[str, ...]) -> list[str]:
        return [k for k in dict.fromkeys(self.image.keys) if self.kinds.get(k) in kinds]

    def _line(self, count: int, step: list[int]) -> Array:
        index = np.arange(count, dtype=np.float64)[:, None] * step
        points = (self.image.ras_from_image @ np.column_stack([index, 0 * index[:, 0], 1 + 0 * index[:, 0]]).T).T[:, :3]
        return np.asarray(self.pose.probe_from_ras.apply(points))


def look(hand: Hand) -> View:
    """Return the frame that shows now. Raises ValueError if the probe is off the skin."""
    pose = hand.state.probe
    if pose is None:
        raise ValueError("the scripted hand holds no probe on the skin; lay it down first.")
    coarse = {name: int(table("scripted")["look"][name]) for name in ("lines", "samples", "planes")}
    kinds = {key: s.kind for key, s in hand.world.anatomy.structures.items()}
    return View(pose, hand.world.scanner(hand.state.knobs).with_settings(**coarse).image(pose), kinds)


def in_view(hand: Hand, point: Array) -> Array:
    """Return a place (3,) mm RAS in the probe's frame: across, off the plane, deep."""
    pose = hand.state.probe
    if pose is None:
        raise ValueError("the scripted hand holds no probe on the skin; lay it down first.")
    return np.asarray(pose.probe_from_ras.apply(point[None])[0])


def nearest_mm(a: Array, b: Array) -> float:
    """Return the smallest distance between two sets of places (n, 2), inf if one is empty."""
    if not len(a) or not len(b):
        return float("inf")
    return float(cKDTree(b).query(a)[0].min())
