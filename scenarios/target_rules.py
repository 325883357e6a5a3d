"""Rules that find where the targets of a procedure lie, by the name in `at`: on nerves, in plans, and at other places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.curves import point_at, tangents
from meshes.measure import Subject, at_nuchal_line, gon_c2_point
from meshes.model import Side
from scenarios.occipital import inion_mastoid_line, medial_third_point
from scenarios.preempt import preempt_sites
from scenarios.rules import directions
from scenarios.sites import InjectionSite, needle_direction, read_table
from scenarios.target_places import Case, Rule, Spot, attachments, lead, sided, trigger

Array = NDArray[np.float64]


def _medial_third(case: Case) -> Iterator[Spot]:
    row = read_table("target_rules")["nerves"]["medial_third"]
    for side in case.sides:
        site = medial_third_point(case.ground.anatomy, side)
        yield Spot(side, side, case.nerve(row, side), site.target_point, site.skin_point)


def _lateral_third(case: Case) -> Iterator[Spot]:
    row = read_table("target_rules")["nerves"]["lateral_third"]
    how, skin = row["technique"], case.ground.skin
    for side in case.sides:
        line = inion_mastoid_line(case.ground.anatomy, side)
        entry, normals = skin.closest(point_at(line, row["fraction"]))
        ahead = point_at(line, row["fraction"] + how["toward_share"]) - entry[0]
        lean = {"to_skin_deg": 90.0 - how["outward_deg"], "toward": "mastoid"}
        direction = needle_direction(lean, normals[0], {"mastoid": ahead})
        reach = how["depth_mm"] / np.cos(np.deg2rad(how["outward_deg"]))
        yield Spot(side, side, case.nerve(row, side), entry[0] + reach * direction, entry[0])


def _nuchal_line(case: Case) -> Iterator[Spot]:
    row = read_table("target_rules")["nerves"]["nuchal_line"]
    for side in case.sides:
        nerve = row["structure"] if case.target.structure is None else case.target.structure
        yield _on_nerve(case, row, side, at_nuchal_line(Subject(case.ground.anatomy), nerve, side))


def _c2(case: Case) -> Iterator[Spot]:
    row = read_table("target_rules")["nerves"]["c2"]
    for side in case.sides:
        yield _on_nerve(case, row, side, gon_c2_point(Subject(case.ground.anatomy), side))


def _c2_c3_facet(case: Case) -> Iterator[Spot]:
    row = read_table("target_rules")["nerves"]["c2_c3_facet"]
    for side in case.sides:
        joint = case.ground.anatomy[sided(row["joint"], side)].mesh.vertices_mm.mean(axis=0)
        line = case.axis(case.nerve(row, side))
        yield _on_nerve(case, row, side, line[np.argmin(np.linalg.norm(line - joint, axis=1))])


def _on_nerve(case: Case, row: Mapping[str, Any], side: Side, point: Array) -> Spot:
    """The nerve's axis where a picture guides, else the place beside its wall."""
    key, skin = case.nerve(row, side), case.ground.skin
    between = tuple(sided(name, side) for name in row.get("between", ()))
    rest = point if case.seen else _beside(case, key, side, point)
    return Spot(side, side, key, rest, skin.closest(rest)[0][0], between=between)


def _beside(case: Case, key: str, side: Side, point: Array) -> Array:
    """Beside a nerve's wall on its inner side, square to its course and to the way from the skin."""
    line = case.axis(key)
    course = tangents(line)[np.argmin(np.linalg.norm(line - point, axis=1))]
    inward = point - case.ground.skin.closest(point)[0][0]
    across = np.cross(course, inward)
    across = across / np.linalg.norm(across) * np.sign(across @ directions(side)["medial"])
    radius = case.ground.anatomy[key].radius_mm
    wide = float(np.max(radius)) if radius is not None else 0.0
    outward = case.ground.surface(key).ray(point, across, 2.0 * wide + 1.0)[0]
    wall = float(outward[0]) if len(outward) else wide
    return np.asarray(point + (wall + read_table("target_rules")["beside"]["wall_mm"]) * across)


def _plan(case: Case) -> Iterator[Spot]:
    """Sites of the PREEMPT plan; all of them, or of the groups that the rule or the target's muscles name."""
    row, table = read_table("target_rules")["plans"][case.target.at], read_table("preempt_sites")
    extra = table["follow_the_pain"]["most_extra"] if row["follow_the_pain"] else None
    groups = _groups(case, row.get("groups", tuple(table["groups"])), table["groups"])
    for site in preempt_sites(case.ground.anatomy, extra):
        if site.group in groups and (site.side in case.sides or site.side == "median"):
            yield _of_plan(site, row, table["groups"][site.group]["muscles"])


def _of_plan(site: InjectionSite, row: Mapping[str, Any], muscles: tuple[str, ...]) -> Spot:
    keys = tuple(sided(name, site.side) for name in muscles)
    own = "units_per_site" in row  # another product is given at the places of the plan
    volume, units = (None, float(row["units_per_site"])) if own else (site.volume_ml, site.units)
    return Spot(site.id, site.side, "", site.target_point, site.skin_point, keys, (), site.rule, volume, units, planned=True)


def _groups(case: Case, allowed: tuple[str, ...], groups: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups whose muscles are just those of the target; without such a one, all whose muscles the target holds."""
    wanted = set(case.target.muscle)
    if not wanted:
        return tuple(allowed)
    same = [g for g in allowed if set(groups[g]["muscles"]) == wanted]
    found = same or [g for g in allowed if set(groups[g]["muscles"]) <= wanted]
    if not found:
        raise ValueError(f"no site of {case.target.at} is for {' and '.join(sorted(wanted))}; leave `muscle` out.")
    return tuple(found)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "medial_third": _medial_third,
        "nuchal_line": _nuchal_line,
        "c2": _c2,
        "c2_c3_facet": _c2_c3_facet,
        "lateral_third": _lateral_third,
        "preempt_31": _plan,
        "preempt_39": _plan,
        "adipose_regions": _plan,
        "trigger_splenius_capitis": trigger,
        "trigger_upper_trapezius": trigger,
        "trigger_sternocleidomastoid": trigger,
        "cervical_attachments": attachments,
        "c1_lead": lead,
    }
)
