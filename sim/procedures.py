"""From the procedure of a scenario to markers, needles and rows of the legend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from meshes.terms import split_key, terms
from scenarios import model, sites
from scenarios.occipital import gon_landmark_definitions, medial_third_point
from scenarios.preempt import preempt_sites
from scenarios.procedure_files import Procedure, load_procedure
from scenarios.sites import Ground, InjectionSite, read_table
from scenarios.target_places import sided
from scenarios.targets import FoundTarget, targets_of
from sim.picture import LegendItem, Marker, Needle
from sim.places import as_point

Array = NDArray[np.float64]
NERVE = "greater_occipital_nerve"
DEFINED = {"gon-block-landmark": "medial_third", "gon-block-nuchal-line": "nuchal_line_ultrasound", "gon-block-c2": None}
EXTRA_TEXT = "+"
TIP = "_tip"
MOST_GROUPS = 7


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


def marked(procedure: model.Procedure | None, ground: Ground, *, plain: bool = False) -> Marked:
    """Return what a procedure marks on an anatomy.

    Parameters
    ----------
    procedure : Procedure, optional
        Of the scenario.
    ground : Ground
        The anatomy.
    plain : bool
        Plain words for a patient in the legend.

    Raises
    ------
    ValueError
        Where the rules of the procedure refuse the request, or the anatomy lacks what they need.
    """
    if procedure is None:
        return Marked()
    if procedure.name == "preempt":
        return _preempt(procedure, ground)
    return _gon(procedure, ground) if procedure.name in DEFINED else _aimed(procedure, ground, plain)


def told(procedure: model.Procedure) -> Procedure:
    """Return the procedure file behind the procedure of a scenario."""
    plan = "preempt-39" if procedure.follow_the_pain else "preempt-31"
    return load_procedure(plan if procedure.name == "preempt" else procedure.name)


def by_ultrasound(procedure: model.Procedure) -> bool:
    """Whether a probe guides the needle, so that no point of the skin is the place of entry."""
    return told(procedure).guidance == "ultrasound"


def aimed_at(procedure: model.Procedure | None, side: str) -> str:
    """Return the sided key of the nerve that a needle is aimed at; without a procedure the greater occipital nerve."""
    held = None if procedure is None else next((t.structure for t in told(procedure).targets if t.kind == "nerve"), None)
    return sided(held or NERVE, "left" if side == "left" else "right")


def sides(procedure: model.Procedure) -> tuple[str, ...]:
    """Return the sides of a procedure, right first."""
    return ("right", "left") if procedure.side == "both" else (procedure.side,)


def free_needle(entry: Array, tip: Array, request: model.Needle, procedure: model.Procedure | None) -> Needle:
    """Return a needle between two points, with the size that the procedure names."""
    return _needle(entry, tip, sites.needle("25g-25mm" if procedure is None else told(procedure).needle), request)


def site_needles(procedure: model.Procedure, ground: Ground, request: model.Needle) -> tuple[Needle, ...]:
    """Return the needles of a procedure by landmarks: one for each marked site, from its skin point to its target."""
    if procedure.name == "preempt":
        plan = [s for s in preempt_sites(ground.anatomy, _asked(procedure)) if not procedure.sites or s.id in procedure.sites]
        return tuple(_needle(s.skin_point, s.target_point, s.needle, request) for s in plan)
    if procedure.name == "gon-block-landmark":
        found = [medial_third_point(ground.anatomy, side) for side in sides(procedure)]
        return tuple(_needle(s.skin_point, s.target_point, s.needle, request) for s in found)
    kind = sites.needle(told(procedure).needle)
    aims = [t for t in _targets(procedure, ground) if not procedure.sites or t.id in procedure.sites]
    return tuple(_needle(t.skin_mm, t.point_mm, kind, request) for t in aims)


def _needle(entry: Array, tip: Array, kind: sites.Needle, request: model.Needle) -> Needle:
    return Needle(
        as_point(entry), as_point(tip), length_mm=request.length_mm or kind.length_mm,
        diameter_mm=request.diameter_mm or kind.diameter_mm, hub=request.hub,
    )  # fmt: skip


def _targets(procedure: model.Procedure, ground: Ground) -> tuple[FoundTarget, ...]:
    return targets_of(told(procedure), ground, procedure.side)


def _aimed(procedure: model.Procedure, ground: Ground, plain: bool) -> Marked:
    """Marks of a procedure by its targets. Where a probe guides, the skin is not marked: the needle enters beside the probe."""
    file, found = told(procedure), _targets(procedure, ground)
    points: dict[str, Array] = {}
    for target in reversed(found):  # of two sides, the name without a side means the first
        for name in (target.id, target.id.removesuffix(f"_{target.side}")):
            points[name], points[name + TIP] = target.skin_mm, target.point_mm
    shown = found
    markers: list[Marker] = []
    if file.guidance == "landmark":
        markers = _kept([_aim(t, _group(t, found), procedure, ground) for t in found], procedure.sites)
        shown = tuple(t for t in found if t.id in {m.id for m in markers})
    sources = [*(key for target in file.targets for key in target.sources), *file.product.sources]
    return Marked(tuple(markers), (), _rows(file, shown, found, plain), points, tuple(dict.fromkeys(sources)))


def _aim(target: FoundTarget, group: int, procedure: model.Procedure, ground: Ground) -> Marker:
    normal = as_point(ground.skin.closest(target.skin_mm)[1][0])
    tip = as_point(target.point_mm) if procedure.show_needles else None
    return Marker(target.id, as_point(target.skin_mm), str(target.order), group, target.units or None, tip, normal)


def _group(target: FoundTarget, found: Iterable[FoundTarget]) -> int:
    """The number of a target's colour: of its muscle as in PREEMPT, of its bone among those of the procedure; else the first."""
    planned = _planned(target)
    if planned is not None:
        return list(read_table("preempt_sites")["groups"]).index(planned) + 1
    bones = list(dict.fromkeys(split_key(t.structure)[0] for t in found if t.kind == "attachment"))
    return min(bones.index(split_key(target.structure)[0]) + 1, MOST_GROUPS) if target.kind == "attachment" else 1


def _planned(target: FoundTarget) -> str | None:
    """The group of the PREEMPT plan that a site with the name of one belongs to."""
    groups: Mapping[str, Mapping[str, tuple[str, ...]]] = read_table("preempt_sites")["groups"]
    muscles = [split_key(m)[0] for m in target.muscles]
    own = target.kind == "sites" and target.id.split("_")[0].isupper()
    return next((name for name, row in groups.items() if own and list(row["muscles"]) == muscles), None)


def _rows(file: Procedure, shown: Iterable[FoundTarget], found: Iterable[FoundTarget], plain: bool) -> tuple[LegendItem, ...]:
    """Rows of the legend: what is aimed at, and what is given there."""
    aims = list(shown)
    rows: dict[str, list[FoundTarget]] = {}
    for target in aims:
        rows.setdefault(_aim_text(target, plain), []).append(target)
    given = f"{aims[0].volume_ml:g} mL of {file.product.name}" if aims else ""
    if file.guidance != "landmark":
        given = f"plan: {given}"  # the image beside may show the needle before anything is injected
    out = [LegendItem(_labelled(file, text, held), *_sign(file, held[0], found)) for text, held in rows.items()]
    if len(out) == 1:
        return (replace(out[0], text=f"{out[0].text}; {given}{' at each' if len(aims) > 1 else ''}"),)
    return (*out, LegendItem(f"{given} at each of {len(aims)} sites", "line", "swatch")) if out else ()


def _labelled(file: Procedure, text: str, held: list[FoundTarget]) -> str:
    if _planned(held[0]):
        return f"{text}: {len(held)} sites"
    return f"{', '.join(str(t.order) for t in held)}: {text}" if file.guidance == "landmark" else f"aimed at: {text}"


def _sign(file: Procedure, target: FoundTarget, found: Iterable[FoundTarget]) -> tuple[str, Literal["dot", "swatch"]]:
    return (f"group_{_group(target, found)}", "dot") if file.guidance == "landmark" else ("nerve", "swatch")


def _aim_text(target: FoundTarget, plain: bool) -> str:
    planned = _planned(target)
    if planned is not None:
        return str(read_table("preempt_sites")["groups"][planned]["label"])
    if target.kind == "attachment":
        return target.text.rstrip(".")
    key = target.structure or target.muscles[0]
    term = terms()[split_key(key)[0]]
    name = term.plain if plain else term.ta2
    return f"lead across the {name}" if target.kind == "lead" else name


def _gon(procedure: model.Procedure, ground: Ground) -> Marked:
    first = DEFINED[procedure.name]
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


def _preempt(procedure: model.Procedure, ground: Ground) -> Marked:
    plan = preempt_sites(ground.anatomy, _asked(procedure))
    groups = list(read_table("preempt_sites")["groups"])
    markers = [_marker(site, groups.index(site.group) + 1, procedure, ground) for site in plan]
    markers = _kept(markers, procedure.sites)
    shown = {m.id for m in markers}
    legend = [_row(name, i, [s for s in plan if s.group == name and s.id in shown]) for i, name in enumerate(groups, 1)]
    used = [s for s in plan if s.id in shown]
    total = LegendItem(f"in all: {len(used)} sites, {sum(s.units for s in used):g} U", "line", "swatch")
    sources = tuple(dict.fromkeys(key for s in used for key in s.sources))
    points = {s.id: s.skin_point for s in plan}
    return Marked(tuple(markers), (), (*(row for row in legend if row), total), points, sources)


def _asked(procedure: model.Procedure) -> Mapping[str, int | Mapping[str, int]]:
    """The extra sites that a scenario asks for, as `preempt_sites` reads them."""
    request: dict[str, int | Mapping[str, int]] = {}
    for muscle, asked in procedure.follow_the_pain.items():
        request[muscle] = asked if isinstance(asked, int) else {str(side): n for side, n in asked.items()}
    return request


def _marker(site: InjectionSite, group: int, procedure: model.Procedure, ground: Ground) -> Marker:
    normal = ground.skin.closest(site.skin_point)[1][0]
    target = as_point(site.target_point) if procedure.show_needles else None
    text = f"{site.order}{EXTRA_TEXT}" if site.extra else str(site.order)
    return Marker(site.id, as_point(site.skin_point), text, group, site.units, target, as_point(normal))


def _row(name: str, number: int, held: list[InjectionSite]) -> LegendItem | None:
    if not held:
        return None
    units, extra = sum(s.units for s in held), sum(s.extra for s in held)
    label = read_table("preempt_sites")["groups"][name]["label"]
    count = f"{len(held) - extra} + {extra}" if extra else f"{len(held)}"
    return LegendItem(f"{label}: {count} {'site' if len(held) == 1 else 'sites'}, {units:g} U", f"group_{number}", "dot")


def _kept(markers: list[Marker], wanted: Iterable[str]) -> list[Marker]:
    names = list(wanted)
    for name in names:
        check_choice("site", name, [m.id for m in markers])
    return [m for m in markers if not names or m.id in names]
