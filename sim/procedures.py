"""From the procedure of a scenario to markers, needles and rows of the legend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from scenarios import model
from scenarios.occipital import gon_landmark_definitions, medial_third_point
from scenarios.preempt import preempt_sites
from scenarios.sites import Ground, InjectionSite, needle, read_table
from sim.picture import LegendItem, Marker, Needle
from sim.places import as_point

Array = NDArray[np.float64]
GON_NEEDLES = {"gon-block-c2": "22g-50mm", "gon-block-nuchal-line": "25g-38mm"}
FIRST_DEFINITION = {"gon-block-landmark": "medial_third", "gon-block-nuchal-line": "nuchal_line_ultrasound"}
EXTRA_TEXT = "+"


@dataclass(frozen=True)
class Marked:
    """What a procedure puts into a picture.

    Parameters
    ----------
    markers, needles, legend
        As in `Picture`.
    points : mapping of str to (3,) array
        Skin points by every id that a scenario may name.
    sources : tuple of str
        Keys of `references.toml`.
    """

    markers: tuple[Marker, ...] = ()
    needles: tuple[Needle, ...] = ()
    legend: tuple[LegendItem, ...] = ()
    points: Mapping[str, Array] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


def marked(procedure: model.Procedure | None, ground: Ground) -> Marked:
    """Return what a procedure marks on an anatomy. Raises ValueError where its rules refuse the request."""
    if procedure is None:
        return Marked()
    return _preempt(procedure, ground) if procedure.name == "preempt" else _gon(procedure, ground)


def sides(procedure: model.Procedure) -> tuple[str, ...]:
    """Return the sides of a procedure, right first."""
    return ("right", "left") if procedure.side == "both" else (procedure.side,)


def site_needle(site: InjectionSite, request: model.Needle) -> Needle:
    """Return the needle of a site, from its skin point to its target."""
    return Needle(
        as_point(site.skin_point), as_point(site.target_point), length_mm=request.length_mm or site.needle.length_mm,
        diameter_mm=request.diameter_mm or site.needle.diameter_mm, hub=request.hub,
    )  # fmt: skip


def free_needle(entry: Array, tip: Array, request: model.Needle, procedure: str) -> Needle:
    """Return a needle between two points, with the size that the procedure names."""
    kind = needle(GON_NEEDLES.get(procedure, "25g-25mm"))
    return Needle(
        as_point(entry), as_point(tip), length_mm=request.length_mm or kind.length_mm,
        diameter_mm=request.diameter_mm or kind.diameter_mm, hub=request.hub,
    )  # fmt: skip


def _gon(procedure: model.Procedure, ground: Ground) -> Marked:
    first = FIRST_DEFINITION.get(procedure.name)
    wanted: tuple[str, ...] = procedure.definitions or ((first,) if first else ())
    markers: list[Marker] = []
    legend: list[LegendItem] = []
    points: dict[str, Array] = {}
    sources: list[str] = []
    for side in sides(procedure):
        rows = {d.key: d for d in gon_landmark_definitions(ground.anatomy, side)}
        for row in rows.values():
            points[f"{row.key}_{side}"] = points[row.key] = row.skin_point
        for number, key in enumerate(wanted, 1):
            row = rows[check_choice("definition", key, rows)]
            normal = as_point(ground.skin.closest(row.skin_point)[1][0])
            markers.append(Marker(f"{key}_{side}", as_point(row.skin_point), str(number), number, normal=normal))
            sources.extend(row.sources)
            if side == sides(procedure)[0]:
                legend.append(LegendItem(f"{number}: {row.label}", f"group_{number}", "dot"))
    kept = _kept(markers, procedure.sites)
    return Marked(tuple(kept), (), tuple(legend), points, tuple(dict.fromkeys(sources)))


def landmark_sites(procedure: model.Procedure, ground: Ground) -> list[InjectionSite]:
    """Return the medial-third site of each side of a procedure."""
    return [medial_third_point(ground.anatomy, side) for side in sides(procedure)]


def _preempt(procedure: model.Procedure, ground: Ground) -> Marked:
    request: dict[str, int | Mapping[str, int]] = {}
    for muscle, asked in procedure.follow_the_pain.items():
        request[muscle] = asked if isinstance(asked, int) else {str(side): n for side, n in asked.items()}
    sites = preempt_sites(ground.anatomy, request)
    groups = list(read_table("preempt_sites")["groups"])
    markers = [_marker(site, groups.index(site.group) + 1, procedure, ground) for site in sites]
    markers = _kept(markers, procedure.sites)
    shown = {m.id for m in markers}
    legend = [_row(name, i, [s for s in sites if s.group == name and s.id in shown]) for i, name in enumerate(groups, 1)]
    used = [s for s in sites if s.id in shown]
    total = LegendItem(f"in all: {len(used)} sites, {sum(s.units for s in used):g} U", "line", "swatch")
    sources = tuple(dict.fromkeys(key for s in used for key in s.sources))
    points = {s.id: s.skin_point for s in sites}
    return Marked(tuple(markers), (), (*(row for row in legend if row), total), points, sources)


def _marker(site: InjectionSite, group: int, procedure: model.Procedure, ground: Ground) -> Marker:
    normal = ground.skin.closest(site.skin_point)[1][0]
    target = as_point(site.target_point) if procedure.show_needles else None
    text = f"{site.order}{EXTRA_TEXT}" if site.extra else str(site.order)
    return Marker(site.id, as_point(site.skin_point), text, group, site.units, target, as_point(normal))


def _row(name: str, number: int, sites: list[InjectionSite]) -> LegendItem | None:
    if not sites:
        return None
    units, extra = sum(s.units for s in sites), sum(s.extra for s in sites)
    label = read_table("preempt_sites")["groups"][name]["label"]
    count = f"{len(sites) - extra} + {extra}" if extra else f"{len(sites)}"
    return LegendItem(f"{label}: {count} {'site' if len(sites) == 1 else 'sites'}, {units:g} U", f"group_{number}", "dot")


def _kept(markers: list[Marker], wanted: Iterable[str]) -> list[Marker]:
    names = list(wanted)
    for name in names:
        check_choice("site", name, [m.id for m in markers])
    return [m for m in markers if not names or m.id in names]
