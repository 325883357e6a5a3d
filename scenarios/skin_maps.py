"""Regions of the skin that are painted: where nerves feel, and where the pain of headaches is felt, on any anatomy.

The regions are data (`data/skin_maps.toml`), built on the landmarks of whoever is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_choice
from meshes.model import Anatomy, Held
from scenarios.sites import read_table
from scenarios.skin_chart import TABLE, Chart

Array = NDArray[np.float64]
SIDES = ("left", "right", "both")
CORE = 0.9  # of the greatest weight: what the middle of a region is looked for in


@dataclass(frozen=True)
class SkinArea:
    """One region.

    Parameters
    ----------
    name : str
        'greater_occipital_nerve' for what a nerve feels, 'cluster-headache' for where a condition is felt, and
        '...-spread' for where its pain may spread.
    label, plain : str
        For a legend; in plain words for a patient.
    kind : {'nerve', 'pain'}
    colour : str
        '#rrggbb'.
    edge_mm : float
        Half the width over which its edge fades.
    areas : tuple of (str, float)
        Of the chart, each with its strength.
    sources : tuple of str
        Keys of `references.toml`.
    evidence : str
        Level of its outline.
    note : str
        What of it was read, and what is taught.
    middle : str
        Point of the chart to which a label leads; empty for the deepest place.
    """

    name: str
    label: str
    plain: str
    kind: str
    colour: str
    edge_mm: float
    areas: tuple[tuple[str, float], ...]
    sources: tuple[str, ...]
    evidence: str
    note: str = ""
    middle: str = ""


def map_names() -> tuple[str, ...]:
    """Return the names of the regions, in the order of the data."""
    return tuple(_maps())


def skin_map(name: str) -> SkinArea:
    """Return a region by its name. Raises ValueError naming the nearest."""
    return _maps()[check_choice("region", name, _maps())]


def skin_weight(anatomy: Anatomy, region: str, side: str) -> Array:
    """Return how much (n,), 0 to 1, each vertex of the skin belongs to a region.

    Parameters
    ----------
    anatomy : Anatomy
    region : str
        One of `map_names()`.
    side : {'left', 'right', 'both'}
        Of the patient.

    Raises
    ------
    ValueError
        For a region or side that is not known.
    MissingName
        (a KeyError) if the anatomy lacks what the region is built on.
    """
    return weight_at(anatomy, region, side, anatomy["skin"].mesh.vertices_mm)


def weight_at(anatomy: Anatomy, region: str, side: str, points_mm: ArrayLike) -> Array:
    """Return how much (n,), 0 to 1, points (n, 3) on or near the skin, mm, belong to a region. See `skin_weight`."""
    row, points = skin_map(region), np.asarray(points_mm, dtype=np.float64)
    sides = SIDES[:2] if check_choice("side", side, SIDES) == "both" else (side,)
    total = np.zeros(len(points))
    for one in sides:
        chart, weight = _chart(Held(anatomy), one), np.zeros(len(points))
        for area, strength in row.areas:
            weight = np.maximum(weight, strength * _faded(chart.inside_mm(area, points, row.edge_mm) / row.edge_mm))
        total += weight
    return np.asarray(np.minimum(total, max(strength for _, strength in row.areas)))


def map_middle(anatomy: Anatomy, region: str, side: str) -> Array:
    """Return a vertex (3,) of the skin amid a region, mm: of its strongest area if it has several; for 'both' the right one's."""
    own = "right" if side == "both" else side
    row, skin = skin_map(region), anatomy["skin"].mesh
    chart = _chart(Held(anatomy), check_choice("side", own, SIDES))
    if row.middle:
        away = np.linalg.norm(skin.vertices_mm - chart.point(row.middle), axis=1)
        return np.asarray(skin.vertices_mm[np.argmin(away)])
    strongest = max(row.areas, key=lambda pair: pair[1])[0]
    depth = chart.inside_mm(strongest, skin.vertices_mm)
    core = depth > CORE * depth.max()
    centre = skin.vertices_mm[core].mean(axis=0)
    return np.asarray(skin.vertices_mm[core][np.argmin(np.linalg.norm(skin.vertices_mm[core] - centre, axis=1))])


def _faded(inside: Array) -> Array:
    """From 0 at -1 to 1 at 1, smoothly, a half at 0: the weights of two areas that meet add up to one."""
    share = np.clip((inside + 1) / 2, 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


@cache
def _maps() -> Mapping[str, SkinArea]:
    return MappingProxyType({
        name: SkinArea(
            name, row["label"], row["plain"], row["kind"], row["colour"], float(row["edge_mm"]),
            tuple((a["name"], float(a["strength"])) for a in row["area"]), tuple(row["sources"]), row["evidence"],
            row.get("note", ""), row.get("middle", ""),
        )
        for name, row in read_table(TABLE)["maps"].items()
    })  # fmt: skip


@lru_cache(maxsize=4)
def _chart(held: Held, side: str) -> Chart:
    """The chart of one side, kept for the regions of one picture."""
    return Chart(held.anatomy, "left" if side == "left" else "right")
