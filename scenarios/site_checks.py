"""Checks of an injection plan against its anatomy: each a small function that returns what it finds.

Numbers K01 to K19 are those of the project's research page on PREEMPT; windows stand in `preempt_sites.toml`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from meshes.curves import arc_length, resample
from meshes.model import Anatomy
from meshes.surface import path_length
from scenarios.rules import UP, forehead_height
from scenarios.sites import Finding, Ground, InjectionSite, read_table

Array = NDArray[np.float64]
Severity = Literal["error", "warning", "info"]
ROUNDING_MM = 0.3  # walks are stepwise; a limit met exactly must not fail


@dataclass(frozen=True)
class Plan:
    """Sites with the anatomy they stand on and the table of limits."""

    ground: Ground
    sites: Sequence[InjectionSite]
    table: Any

    @property
    def limits(self) -> Any:
        """Windows of the checks."""
        return self.table["checks"]

    def of(self, group: str) -> list[InjectionSite]:
        """Return the sites of a group."""
        return [s for s in self.sites if s.group == group]

    def has(self, name: str) -> bool:
        """Return whether the anatomy has a landmark or a curve."""
        return name in self.ground.anatomy.landmarks or name in self.ground.anatomy.curves


Check = Callable[[Plan], Iterator[Finding]]


def check_sites(anatomy: Anatomy, sites: Sequence[InjectionSite]) -> list[Finding]:
    """Return every finding of K01 to K19 on a PREEMPT plan; an empty list where all hold."""
    plan = Plan(Ground(anatomy), sites, read_table("preempt_sites"))
    return [finding for check in CHECKS for finding in check(plan)]


def fixed_count(plan: Plan) -> Iterator[Finding]:
    """K01: the fixed sites and their units."""
    fixed, goal = [s for s in plan.sites if not s.extra], plan.table["plan"]
    units = sum(s.units for s in fixed)
    if (len(fixed), units) != (goal["fixed_sites"], goal["fixed_units"]):
        yield _error("K01", "", f"{len(fixed)} sites, {units:g} U; must be {goal['fixed_sites']}, {goal['fixed_units']} U")


def group_count(plan: Plan) -> Iterator[Finding]:
    """K02: the fixed sites of each group."""
    count = Counter(s.group for s in plan.sites if not s.extra)
    for group, row in plan.table["groups"].items():
        if count[group] != row["count"]:
            yield _error("K02", "", f"{group} has {count[group]} sites; must be {row['count']}")


def dose_of_each(plan: Plan) -> Iterator[Finding]:
    """K03: units, volume and their concentration."""
    goal = plan.table["plan"]
    for s in plan.sites:
        right = s.units == goal["units_per_site"] and s.volume_ml == goal["volume_ml"]
        if not right or abs(s.volume_ml * goal["concentration_u_per_ml"] - s.units) > 1e-9:
            must = f"{goal['units_per_site']} U in {goal['volume_ml']} mL"
            yield _error("K03", s.id, f"{s.units:g} U in {s.volume_ml:g} mL; must be {must}")


def extra_limits(plan: Plan) -> Iterator[Finding]:
    """K04 and K05: how many extra sites, and where."""
    rules, goal = plan.table["follow_the_pain"], plan.table["plan"]
    count = Counter(s.group for s in plan.sites if s.extra)
    for group, number in count.items():
        most = rules["most_extra"].get(group, 0)
        if number > most:
            yield _error("K04" if most else "K05", "", f"{group} has {number} extra sites; the limit is {most}")
    units = sum(s.units for s in plan.sites)
    if len(plan.sites) > goal["most_sites"] or units > goal["most_units"]:
        limit = f"{goal['most_sites']} sites, {goal['most_units']} U"
        yield _error("K04", "", f"{len(plan.sites)} sites, {units:g} U; the limit is {limit}")


def symmetry(plan: Plan) -> Iterator[Finding]:
    """K06: left and right mirror each other where the head does."""
    table = {s.id: s for s in plan.sites}
    for s in plan.sites:
        other = table.get(s.id.replace("_R", "_L"))
        if s.side == "right" and other is not None:
            gap = float(np.linalg.norm(s.skin_point - other.skin_point * [-1, 1, 1]))
            if gap > plan.limits["symmetry_mm"]:
                yield Finding("K06", "info", s.id, f"left and right differ by {gap:.1f} mm")


def midline(plan: Plan) -> Iterator[Finding]:
    """K07: the procerus site is median."""
    for s in plan.of("procerus"):
        if abs(s.skin_point[0]) > plan.limits["midline_mm"]:
            yield _error("K07", s.id, f"{abs(s.skin_point[0]):.1f} mm off the midline")


def on_skin(plan: Plan) -> Iterator[Finding]:
    """K08: every site is on the skin and not on an auricle."""
    for s in plan.sites:
        gap = abs(float(plan.ground.skin.signed_distance(s.skin_point)[0]))
        if gap > plan.limits["on_skin_mm"]:
            yield _error("K08", s.id, f"{gap:.2f} mm off the skin; at most {plan.limits['on_skin_mm']}")
        ear = f"auricle_{s.side}"
        if ear in plan.ground.anatomy:
            clear = float(plan.ground.surface(ear).signed_distance(s.skin_point)[0])
            if clear < plan.limits["off_auricle_mm"]:
                yield _error("K08", s.id, "on the auricle")


def muscle_hit(plan: Plan) -> Iterator[Finding]:
    """K09: the needle enters its muscle within its length and the tip rests inside."""
    for s in plan.sites:
        tail = "" if s.side == "median" else f"_{s.side}"
        muscles = [f"{m}{tail}" for m in plan.table["groups"][s.group]["muscles"]]
        if not any(m in plan.ground.anatomy for m in muscles):
            yield Finding("K09", "info", s.id, f"the anatomy has no {muscles[0]}; its default depth is used")
        elif s.hit is None:
            yield _error("K09", s.id, f"the needle ({s.needle.label}) misses {' and '.join(muscles)}")
        elif s.depth_mm > s.needle.length_mm:
            yield _error("K09", s.id, f"{s.depth_mm:.1f} mm deep; the needle has {s.needle.length_mm:g}")
        elif plan.ground.surface(s.hit).signed_distance(s.target_point)[0] >= 0:
            yield _error("K09", s.id, f"the tip lies outside {s.hit}")


def wrong_structure(plan: Plan) -> Iterator[Finding]:
    """K10: the tip is in no muscle, bone or artery that it must not reach."""
    for s in plan.sites:
        for key, structure in plan.ground.anatomy.structures.items():
            bare = key.removesuffix(f"_{structure.side}")
            watched = structure.kind in ("bone", "artery") or bare in plan.limits["wrong_muscles"]
            if watched and structure.side in (s.side, "median") and _holds(plan.ground, key, s.target_point):
                yield _error("K10", s.id, f"the tip lies in {key}")


def near_nerve(plan: Plan) -> Iterator[Finding]:
    """K19: the tip rests close to a nerve; told, since the paraspinal sites stand where the occipital nerves come out."""
    nerves = [s for s in plan.ground.anatomy.structures.values() if s.kind == "nerve" and s.centerline is not None]
    for s in plan.sites:
        for nerve in nerves:
            axis = resample(nerve.centerline, 0.5) if nerve.centerline is not None else np.full((1, 3), np.inf)
            gap = float(np.linalg.norm(axis - s.target_point, axis=1).min())
            if nerve.side in (s.side, "median") and gap < plan.limits["nerve_near_mm"]:
                yield Finding("K19", "info", s.id, f"the tip is {gap:.1f} mm from the axis of {nerve.key}")


def spacing(plan: Plan) -> Iterator[Finding]:
    """K11: no two sites stand too near each other."""
    least = plan.table["plan"]["spacing_mm"]
    for i, a in enumerate(plan.sites):
        for b in plan.sites[i + 1 :]:
            gap = float(np.linalg.norm(a.skin_point - b.skin_point))
            if gap < least:
                yield Finding("K11", "warning", a.id, f"{gap:.1f} mm from {b.id}; at least {least:g}")


def corrugator_height(plan: Plan) -> Iterator[Finding]:
    """K12: the height above the rim, medial to the line of the pupil."""
    low, high = plan.limits["corrugator_above_rim_mm"]
    for s in plan.of("corrugator"):
        rim = plan.ground.skin_landmark("supraorbital_rim_medial", s.side)
        height = path_length(plan.ground.skin.geodesic(rim, s.skin_point))
        if not low - ROUNDING_MM <= height <= high + ROUNDING_MM:
            yield Finding("K12", "warning", s.id, f"{height:.1f} mm above the rim; must be {low:g} to {high:g}")
        if plan.has(f"orbitale_{s.side}") and abs(s.skin_point[0]) > abs(plan.ground.anatomy.landmark(f"orbitale_{s.side}")[0]):
            yield Finding("K12", "warning", s.id, "lateral to the line of the pupil")


def frontalis_height(plan: Plan) -> Iterator[Finding]:
    """K13: upper third of the forehead, above the corrugator, below the hairline, medial to the temporal line."""
    otherwise = plan.table["params"]["forehead_height"]["value"]
    frown = {s.side: s for s in plan.of("corrugator")}
    for s in plan.of("frontalis"):
        rim = plan.ground.skin_landmark("supraorbital_rim_medial", s.side)
        height = path_length(plan.ground.skin.geodesic(rim, s.skin_point - [s.skin_point[0] - rim[0], 0, 0]))
        share = height / forehead_height(plan.ground, rim, otherwise)
        least = plan.limits["frontalis_fraction_min"]
        if not least - 0.01 <= share < 1.0:
            yield _error("K13", s.id, f"at {share:.2f} of the forehead; at least {least}, under 1")
        above = path_length(plan.ground.skin.geodesic(frown[s.side].skin_point, s.skin_point)) if s.side in frown else np.inf
        if above < plan.limits["frontalis_above_corrugator_mm"] - ROUNDING_MM:
            yield _error("K13", s.id, f"{above:.1f} mm from the corrugator site")
        line = f"temporal_fusion_line_skin_{s.side}"
        if plan.has(line) and abs(s.skin_point[0]) > _width_at(plan.ground.anatomy.curve(line), s.skin_point[2]):
            yield _error("K13", s.id, "lateral to the temporal line")


def temporalis_place(plan: Plan) -> Iterator[Finding]:
    """K14: behind the hairline; the height above the zygomatic arch is told."""
    for s in plan.of("temporalis"):
        hair = f"temporal_hairline_{s.side}"
        if plan.has(hair):
            line = plan.ground.anatomy.curve(hair)
            line = line[np.argsort(line[:, 2])]
            if s.skin_point[1] > np.interp(s.skin_point[2], line[:, 2], line[:, 1]):
                yield _error("K14", s.id, "in front of the hairline")
        if plan.has(f"zygion_{s.side}"):
            height = s.skin_point[2] - plan.ground.anatomy.landmark(f"zygion_{s.side}")[2]
            if height < plan.limits["temporalis_above_arch_mm"]:
                yield Finding("K14", "info", s.id, f"{height:.0f} mm above the zygomatic arch, where the muscle may be tendon")


def occipitalis_height(plan: Plan) -> Iterator[Finding]:
    """K15: above the superior nuchal line."""
    for s in plan.of("occipitalis"):
        line = plan.ground.anatomy.curve(f"superior_nuchal_line_skin_{s.side}")
        near = line[int(np.argmin(np.linalg.norm(line - s.skin_point, axis=1)))]
        height = float(np.linalg.norm(near - s.skin_point)) * float(np.sign(s.skin_point[2] - near[2]))
        least = plan.limits["occipitalis_above_line_mm"]
        if height < least:
            yield _error("K15", s.id, f"{height:.1f} mm above the superior nuchal line; at least {least}")


def paraspinal_place(plan: Plan) -> Iterator[Finding]:
    """K16: the uppermost neck, near the midline."""
    low, high = plan.limits["paraspinal_from_midline_mm"]
    inion, c2 = plan.ground.anatomy.landmark("inion"), plan.ground.anatomy.landmark("c2_spinous_tip")
    for s in plan.of("cervical_paraspinal"):
        line = plan.ground.anatomy.curve(f"superior_nuchal_line_skin_{s.side}")
        level = float(np.interp(abs(s.skin_point[0]), np.abs(line[:, 0]), line[:, 2]))
        below = inion[2] - s.skin_point[2]
        if s.skin_point[2] > level or below > plan.limits["paraspinal_below_inion_mm"] or s.skin_point[2] < c2[2]:
            yield _error("K16", s.id, f"{below:.1f} mm below the inion: not between the nuchal line and C2")
        if not low <= abs(s.skin_point[0]) <= high:
            yield _error("K16", s.id, f"{abs(s.skin_point[0]):.1f} mm from the midline; must be {low:g} to {high:g}")


def trapezius_place(plan: Plan) -> Iterator[Finding]:
    """K17: the share of the ridge, between its ends."""
    rows = {r["id"]: r["from"].get("share") for r in [*plan.table["sites"], *plan.table["extra"]] if r["group"] == "trapezius"}
    for s in plan.of("trapezius"):
        line = plan.ground.anatomy.curve(f"trapezius_ridge_{s.side}")
        along = arc_length(line) / arc_length(line)[-1]
        share = float(along[int(np.argmin(np.abs(line[:, 0] - s.skin_point[0])))])
        goal = rows[s.id.replace("_L", "_").replace("_R", "_")]
        if goal is not None and abs(share - goal) > plan.limits["trapezius_share_tolerance"] + 1.0 / len(line):
            yield _error("K17", s.id, f"at {share:.2f} of the ridge; must be {goal}")


def needle_angle(plan: Plan) -> Iterator[Finding]:
    """K18: level into the trapezius, upward in the neck, square to the skin in the corrugator."""
    low, high = plan.limits["corrugator_angle_deg"]
    for s in plan.sites:
        rise = float(np.degrees(np.arcsin(np.clip(s.direction @ UP, -1, 1))))
        if s.group == "trapezius" and abs(rise) > plan.limits["trapezius_off_level_deg"]:
            yield Finding("K18", "warning", s.id, f"{rise:.0f} degrees off level")
        if s.group == "cervical_paraspinal" and rise <= 0:
            yield Finding("K18", "warning", s.id, "does not point upward")
        if s.group == "corrugator":
            normal = plan.ground.skin.closest(s.skin_point)[1][0]
            angle = float(np.degrees(np.arcsin(np.clip(-(s.direction @ normal), -1, 1))))
            if not low <= angle <= high:
                yield Finding("K18", "warning", s.id, f"{angle:.0f} degrees to the skin; must be {low:g} to {high:g}")


CHECKS: tuple[Check, ...] = (
    fixed_count, group_count, dose_of_each, extra_limits, symmetry, midline, on_skin, muscle_hit, wrong_structure, near_nerve,
    spacing, corrugator_height, frontalis_height, temporalis_place, occipitalis_height, paraspinal_place, trapezius_place,
    needle_angle,
)  # fmt: skip


def _error(check: str, site: str, text: str) -> Finding:
    return Finding(check, "error", site, text)


def _holds(ground: Ground, key: str, point: Array) -> bool:
    mesh = ground.anatomy[key].mesh
    if (point < mesh.vertices_mm.min(axis=0)).any() or (point > mesh.vertices_mm.max(axis=0)).any():
        return False
    return bool(ground.surface(key).contains(point)[0])


def _width_at(line: Array, z: float) -> float:
    order = np.argsort(line[:, 2])
    return float(np.interp(z, line[order, 2], np.abs(line[order, 0])))
