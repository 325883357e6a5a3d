"""A chart of the skin: every place as a direction from a point deep in the neck, and one half of the head as a plane.

Lines and rings are smooth in the plane; distances are angles times how far a place lies from the point, mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshes._check import check_choice, check_points
from meshes.curves import arc_length, catmull_rom
from meshes.model import Anatomy, Side
from meshes.points import FLIP
from scenarios.sites import Ground, read_table

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
TABLE = "skin_maps"
PLANE_STEP = 0.004  # of smooth lines, in the plane; the half head is a disc of radius 1
COARSER = 5  # of the border's steps, for telling inside from outside
AT_ONCE = 4096  # places asked for together, to spare memory


class Chart:
    """Points, lines and areas of `skin_maps.toml` on one side of one anatomy.

    Parameters
    ----------
    anatomy : Anatomy
    side : {'left', 'right'}
        Of the patient.
    """

    def __init__(self, anatomy: Anatomy, side: Side) -> None:
        check_choice("side", side, ("left", "right"))
        self.anatomy, self.side = anatomy, side
        self._rows = read_table(TABLE)
        self._ground = Ground(anatomy)
        self._centre = anatomy.landmark(self._rows["chart"]["landmark"])
        self._points: dict[str, Array] = {}
        self._areas: dict[str, _Area] = {}

    def inside_mm(self, area: str, points_mm: ArrayLike, most_mm: float = np.inf) -> Array:
        """Return how far (n,) points (n, 3) lie inside an area, mm along the skin; negative outside.

        Parameters
        ----------
        area : str
        points_mm : (n, 3) array
        most_mm : float
            What lies farther from the border may be told as lying anywhere beyond it.

        Raises
        ------
        ValueError
            For an area that is not known.
        MissingName
            (a KeyError) if the anatomy lacks a landmark, curve or nerve of the area.
        """
        check_choice("area", area, self._rows["areas"])
        if area not in self._areas:
            self._areas[area] = self._area(self._rows["areas"][area])
        ways, far = self._ways(check_points("points_mm", points_mm))
        return self._areas[area].inside(ways, most_mm / float(far.min(initial=np.inf))) * far

    def point(self, name: str) -> Array:
        """Return a named point (3,) on the skin, mm."""
        if name not in self._points:
            check_choice("point", name, self._rows["points"])
            self._points[name] = self._placed(self._rows["points"][name])
        return self._points[name]

    def _placed(self, row: Mapping[str, Any]) -> Array:
        skin = self._ground.skin
        if "landmark" in row:
            return self._ground.skin_landmark(row["landmark"], self.side)
        if "curve" in row:
            line = self.anatomy.curve(f"{row['curve']}_{self.side}")
            return np.asarray(skin.closest(_share(line, row["share"]))[0][0])
        first, second = (self.point(name) for name in row["between"])
        ways, far = self._ways(np.stack([first, second]))
        way = _unit(ways[0] * (1 - row["share"]) + ways[1] * row["share"])
        way = way * FLIP if self.side == "left" else way
        reach, _ = skin.ray(self._centre, way, 3 * float(far.max()))
        return np.asarray(self._centre + way * (reach[-1] if len(reach) else far.max()))

    def _ways(self, points_mm: Array) -> tuple[Array, Array]:
        """Directions (n, 3) as on the right side, and distances (n,) mm, of points from the chart's own point."""
        relative = points_mm - self._centre
        far = np.linalg.norm(relative, axis=1)
        ways = relative / np.maximum(far, 1e-9)[:, None]
        return (ways * FLIP if self.side == "left" else ways), far

    def _area(self, row: Mapping[str, Any]) -> _Area:
        step = np.deg2rad(read_table(TABLE)["chart"]["step_deg"])
        if "along" in row:
            line = np.concatenate([_evenly(part, step) for part in self._course(row)])
            return _Band(line, row["half_mm"] / self._behind_mm)
        if "ring" in row:
            corners = _plane(self._ways(np.array([self.point(name) for name in row["ring"]]))[0])
            ring = _sphere(_closed(corners))
        else:
            ring = np.concatenate([self._line(name) for name in row["lines"]])
        return _Ring(_evenly(np.concatenate([ring, ring[:1]]), step))

    def _line(self, name: str) -> Array:
        """Directions (n, 3) along a border, in the order that `-` turns round."""
        row = self._rows["lines"][check_choice("line", name.removeprefix("-"), self._rows["lines"])]
        if "curve" in row:
            whole = self.anatomy.curve(f"{row['curve']}_{self.side}")
            shares = np.linspace(row["from_share"], row["to_share"], 40)
            ways = self._ways(np.array([_share(whole, s) for s in shares]))[0]
        else:
            ways = self._ways(np.array([self.point(p) for p in row["through"]]))[0]
            if row.get("straight"):
                ways = _unit(ways * (0.0, 1.0, 1.0))
                ways = _evenly(ways, np.deg2rad(1.0))
            else:
                ways = _sphere(_smooth(_plane(ways)))
        return ways[::-1] if name.startswith("-") else ways

    def _course(self, row: Mapping[str, Any]) -> list[Array]:
        """Directions along a nerve from where it crosses a curve to its end, and along such branches as it has."""
        nerve = self.anatomy[f"{row['along']}_{self.side}"]
        if nerve.centerline is None:
            raise ValueError(f"{nerve.key} has no axis in the anatomy {self.anatomy.name!r}.")
        curve = self.anatomy.curve(f"{row['beyond_curve']}_{self.side}")
        start = int(np.argmin(cKDTree(curve).query(nerve.centerline)[0]))
        lines = [nerve.centerline[min(start, len(nerve.centerline) - 2) :]]
        lines += [nerve.branches[name] for name in row["branches"] if name in nerve.branches]
        return [self._ways(line)[0] for line in lines]

    @property
    def _behind_mm(self) -> float:
        """How far the back of the head lies from the chart's own point, mm; turns widths of bands into angles."""
        return float(np.linalg.norm(self.point("opisthocranion") - self._centre))


class _Ring:
    """An area within a closed line of directions."""

    def __init__(self, border: Array) -> None:
        self._tree, self._outline = cKDTree(border), _plane(border)[::COARSER]

    def inside(self, ways: Array, most: float) -> Array:
        """Angle (n,) rad inside the border, negative outside."""
        angle = _angle(self._tree.query(ways, distance_upper_bound=most)[0])
        return np.where(_within(_plane(ways), self._outline), angle, -angle)


class _Band:
    """An area within some width of a line of directions."""

    def __init__(self, line: Array, half: float) -> None:
        self._tree, self._half = cKDTree(line), half

    def inside(self, ways: Array, most: float) -> Array:
        """Angle (n,) rad inside the band, negative outside."""
        return self._half - _angle(self._tree.query(ways, distance_upper_bound=self._half + most)[0])


_Area = _Ring | _Band


def _angle(chord: Array) -> Array:
    """Angles of chords of the unit sphere."""
    return np.asarray(2 * np.arcsin(np.clip(chord / 2, 0, 1)))


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def _plane(ways: Array) -> Array:
    """Directions seen from the far side's pole: the right half of the head is the disc of radius 1."""
    return np.asarray(ways[:, 1:] / np.maximum(1.0 + ways[:, :1], 1e-6))


def _sphere(places: Array) -> Array:
    """The directions of places of the plane."""
    square = (places**2).sum(axis=1, keepdims=True)
    return np.asarray(np.concatenate([1 - square, 2 * places], axis=1) / (1 + square))


def _smooth(places: Array) -> Array:
    """A smooth line through places (n, 2)."""
    return catmull_rom(np.column_stack([places, np.zeros(len(places))]), PLANE_STEP)[:, :2]


def _closed(places: Array) -> Array:
    """A smooth ring through places (n, 2): round once and a little more, cut to one round."""
    line = _smooth(np.concatenate([places[-2:], places, places[:3]]))
    middle = len(line) // 2
    first, last = (int(np.argmin(np.linalg.norm(half - places[0], axis=1))) for half in (line[:middle], line[middle:]))
    return line[first : middle + last]


def _evenly(ways: Array, step: float) -> Array:
    """Directions along great circles from each to the next, in steps of about `step` rad."""
    at = arc_length(ways)
    shares = np.linspace(0, at[-1], max(2, int(np.ceil(at[-1] / step)) + 1))
    return _unit(np.column_stack([np.interp(shares, at, ways[:, i]) for i in range(3)]))


def _share(line: Array, share: float) -> Array:
    """The point at a share of the length of a polyline."""
    at = arc_length(line)
    return np.array([np.interp(share * at[-1], at, line[:, i]) for i in range(3)])


def _within(places: Array, outline: Array) -> Bools:
    """Which places (n, 2) lie within a closed outline (k, 2), by counting crossings of a ray."""
    out = np.zeros(len(places), dtype=bool)
    low, high = outline.min(axis=0), outline.max(axis=0)
    near = np.flatnonzero(((places >= low) & (places <= high)).all(axis=1))
    a, b = outline, np.roll(outline, -1, axis=0)
    for part in (near[i : i + AT_ONCE] for i in range(0, len(near), AT_ONCE)):
        x, y = places[part, :1], places[part, 1:]
        spans = (a[:, 1] > y) != (b[:, 1] > y)
        meets = a[:, 0] + (y - a[:, 1]) / np.where(a[:, 1] == b[:, 1], 1.0, b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
        out[part] = (spans & (x < meets)).sum(axis=1) % 2 == 1
    return out
