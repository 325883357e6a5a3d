"""The way of a nerve: which tissues it meets, in order, from its origin to the scalp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.surface import SurfaceQuery

Array = NDArray[np.float64]
NEAR_MM = 6.0  # a muscle further than this is no neighbour


@dataclass(frozen=True)
class Station:
    """A stretch of a nerve's way.

    Parameters
    ----------
    place : str
        'in M', 'between D and S', 'on D' (superficial to it, under skin and fat only) or 'free'.
    first, last : int
        Indices of the centreline.
    """

    place: str
    first: int
    last: int


def walk_tissues(anatomy: Anatomy, key: str, muscles: Sequence[str], *, every: int = 2) -> list[Station]:
    """Return the places that a nerve's centreline visits, in order.

    Parameters
    ----------
    anatomy : Anatomy
    key : str
        A nerve with a centreline.
    muscles : sequence of str
        Unsided keys of the muscles that count, of the nerve's side.
    every : int
        Look at each n-th point of the centreline.
    """
    nerve = anatomy[key]
    if nerve.centerline is None:
        raise ValueError(f"{key} has no centreline.")
    layers = {m: SurfaceQuery(anatomy[f"{m}_{nerve.side}"].mesh) for m in muscles}
    points = nerve.centerline[::every]
    outward = _outward(points, SurfaceQuery(anatomy["skin"].mesh))
    places = [_place(p, n, layers) for p, n in zip(points, outward, strict=True)]
    stations, at = [], 0
    for place, run in groupby(places):
        n = len(list(run))
        stations.append(Station(place, at * every, (at + n - 1) * every))
        at += n
    return stations


def visits(stations: Sequence[Station], wanted: Sequence[str]) -> bool:
    """Return whether the `wanted` places come in this order among the stations."""
    left = list(wanted)
    for station in stations:
        if left and station.place == left[0]:
            left.pop(0)
    return not left


def _outward(points: Array, skin: SurfaceQuery) -> Array:
    near, _ = skin.closest(points)
    d = near - points
    return np.asarray(d / np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-9))


def _place(point: Array, outward: Array, layers: dict[str, SurfaceQuery]) -> str:
    inside = [m for m, q in layers.items() if q.contains(point[None])[0]]
    if inside:
        return f"in {inside[-1]}"
    deep, superficial = _first(point, -outward, layers), _first(point, outward, layers)
    if deep and superficial:
        return f"between {deep} and {superficial}"
    if deep:
        return f"on {deep}"
    return f"under {superficial}" if superficial else "free"


def _first(point: Array, direction: Array, layers: dict[str, SurfaceQuery]) -> str | None:
    """The nearest muscle along a direction, within reach."""
    best, found = NEAR_MM, None
    for muscle, query in layers.items():
        hits, _ = query.ray(point, direction, NEAR_MM)
        if len(hits) and hits[0] < best:
            best, found = float(hits[0]), muscle
    return found
