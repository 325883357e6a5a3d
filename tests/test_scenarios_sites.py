"""Injection sites on the shipped anatomy: counts, limits, places, needles."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from meshes.model import Anatomy
from meshes.surface import path_length
from scenarios.occipital import gon_landmark_definitions, inion_mastoid_line, medial_third_point
from scenarios.preempt import check_sites, preempt_sites, wanted_extras
from scenarios.rules import directions, heading
from scenarios.sites import Ground, InjectionSite, needle, needle_direction, needles, read_table

GROUPS = {
    "corrugator": 2, "procerus": 1, "frontalis": 4, "temporalis": 8, "occipitalis": 6, "cervical_paraspinal": 4, "trapezius": 6,
}  # fmt: skip
MOST = {"temporalis": 2, "occipitalis": 2, "trapezius": 4}


@pytest.fixture(scope="module")
def head(anatomy: Anatomy) -> Anatomy:
    return anatomy


@pytest.fixture(scope="module")
def ground(head: Anatomy) -> Ground:
    return Ground(head)


@pytest.fixture(scope="module")
def fixed(head: Anatomy) -> tuple[InjectionSite, ...]:
    return preempt_sites(head)


@pytest.fixture(scope="module")
def full(head: Anatomy) -> tuple[InjectionSite, ...]:
    return preempt_sites(head, MOST)


def test_fixed_plan_is_31_sites_and_155_units(fixed: tuple[InjectionSite, ...]) -> None:
    assert (len(fixed), sum(s.units for s in fixed)) == (31, 155)
    assert Counter(s.group for s in fixed) == GROUPS
    assert all(s.volume_ml == 0.1 and s.units == 5 for s in fixed)
    assert [s.order for s in fixed] == list(range(1, 32))
    assert len({s.id for s in fixed}) == 31


def test_full_plan_is_39_sites_and_195_units(full: tuple[InjectionSite, ...]) -> None:
    assert (len(full), sum(s.units for s in full)) == (39, 195)
    extra = Counter(s.group for s in full if s.extra)
    assert extra == MOST
    assert all(s.evidence["position"] == "I" for s in full if s.extra)


def test_groups_are_given_in_order(full: tuple[InjectionSite, ...]) -> None:
    assert list(dict.fromkeys(s.group for s in full)) == list(GROUPS)


def test_each_site_keeps_its_evidence(fixed: tuple[InjectionSite, ...]) -> None:
    for s in fixed:
        assert set(s.evidence) == {"dose", "position", "angle", "depth"}
        assert s.evidence["dose"] == "V" and s.evidence["position"] != "V"
        assert s.sources and s.rule and s.label


def test_no_check_finds_an_error(head: Anatomy, full: tuple[InjectionSite, ...]) -> None:
    found = [f for f in check_sites(head, full) if f.severity != "info"]
    assert not found


def test_sites_lie_on_the_skin(ground: Ground, full: tuple[InjectionSite, ...]) -> None:
    assert np.abs(ground.skin.signed_distance([s.skin_point for s in full])).max() < 0.5


def test_tips_lie_in_their_muscle_and_needles_reach(ground: Ground, full: tuple[InjectionSite, ...]) -> None:
    for s in full:
        assert s.hit is not None and ground.surface(s.hit).contains(s.target_point)[0], s.id
        assert 0 < s.depth_mm <= s.needle.length_mm
        assert np.linalg.norm(s.direction) == pytest.approx(1)
        assert s.skin_point + s.depth_mm * s.direction == pytest.approx(s.target_point)
        assert s.hit.removesuffix(f"_{s.side}") == s.muscle


def test_temporal_sites_stand_clear_of_the_ear_also_seen_from_the_side(ground: Ground, full: tuple[InjectionSite, ...]) -> None:
    least = read_table("preempt_sites")["params"]["tem_off_ear"]["value"]
    for s in (s for s in full if s.group == "temporalis"):
        ear = ground.surface(f"auricle_{s.side}")
        assert ear.signed_distance(s.skin_point)[0] >= least - 0.01, s.id
        outward = np.array([1.0 if s.side == "right" else -1.0, 0.0, 0.0])
        assert np.isnan(ear.first_hit(s.skin_point[None], outward[None], 60.0)[0]), s.id  # nothing of the ear hides it


def test_a_site_that_is_clear_already_stays(head: Anatomy) -> None:
    earless = Anatomy.of("earless", [s for s in head.structures.values() if "auricle" not in s.key], head.landmarks, head.curves)
    near, plain = (preempt_sites(a) for a in (head, earless))
    first = [next(s for s in sites if s.id == "TEM_R1") for sites in (near, plain)]
    tragus = head.landmark("tragus_right")
    assert abs(first[1].skin_point[1] - tragus[1]) < 0.5  # straight above it
    moved = first[0].skin_point - first[1].skin_point
    assert 3.0 < moved[1] < 8.0 and abs(moved[2]) < 1.0  # forward along the skin, no higher
    other = [next(s for s in sites if s.id == "OCC_R1").skin_point for sites in (near, plain)]
    assert other[0] == pytest.approx(other[1])


def test_left_mirrors_right(full: tuple[InjectionSite, ...]) -> None:
    table = {s.id: s for s in full}
    for s in full:
        if s.side == "right":
            other = table[s.id.replace("_R", "_L")]
            assert s.skin_point == pytest.approx(other.skin_point * [-1, 1, 1], abs=2.0), s.id


def test_same_call_same_answer(head: Anatomy, fixed: tuple[InjectionSite, ...]) -> None:
    for a, b in zip(fixed, preempt_sites(head), strict=True):
        assert a.id == b.id and np.array_equal(a.target_point, b.target_point)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("muscle", "number"), MOST.items())
def test_all_extra_on_one_side(head: Anatomy, side: str, muscle: str, number: int) -> None:
    sites = preempt_sites(head, {muscle: {side: number}})
    extra = [s for s in sites if s.extra]
    assert len(extra) == number and {s.side for s in extra} == {side}
    assert not [f for f in check_sites(head, sites) if f.severity == "error"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"temporalis": 4}, "limit is 2"),
        ({"occipitalis": 4}, "limit is 2"),
        ({"trapezius": 6}, "limit is 4"),
        ({"trapezius": {"left": 3, "right": 2}}, "limit is 4"),
        ({"temporalis": 1}, "even"),
        ({"temporalis": -2}, "negative"),
        ({"temporalis": {"left": -1}}, "negative"),
        ({"temporalis": 1.5}, "whole number"),
        ({"temporalis": True}, "whole number"),
        ({"temporalis": {"median": 1}}, "side"),
        ({"cervical_paraspinal": 2}, "limit is 0"),
        ({"corrugator": 2}, "limit is 0"),
        ({"procerus": 2}, "limit is 0"),
        ({"frontalis": 2}, "limit is 0"),
        ({"temporals": 2}, "temporalis"),
    ],
)
def test_requests_beyond_a_limit_are_refused(request_: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wanted_extras(request_)  # type: ignore[arg-type]


def test_lengths_out_of_range_are_refused(head: Anatomy) -> None:
    with pytest.raises(ValueError, match="from 10 to 15"):
        preempt_sites(head, params={"cor_above_rim": 20})
    with pytest.raises(ValueError, match="cor_above_rim"):
        preempt_sites(head, params={"cor_above_rm": 12})


def test_a_parameter_moves_its_site(head: Anatomy, fixed: tuple[InjectionSite, ...]) -> None:
    lower = preempt_sites(head, params={"pro_drop": 8})
    before, after = (next(s for s in plan if s.group == "procerus") for plan in (fixed, lower))
    assert before.skin_point[2] - after.skin_point[2] == pytest.approx(8, abs=1)


def test_checks_see_a_needle_that_misses(head: Anatomy, fixed: tuple[InjectionSite, ...]) -> None:
    from dataclasses import replace

    spoilt = [replace(fixed[0], hit=None), *fixed[2:]]
    found = {f.check for f in check_sites(head, spoilt) if f.severity == "error"}
    assert {"K01", "K02", "K09"} <= found


@pytest.mark.parametrize("side", ["left", "right"])
def test_medial_third_is_a_third_of_the_line(head: Anatomy, ground: Ground, side: str) -> None:
    site = medial_third_point(head, side)
    line = inion_mastoid_line(head, side)
    assert path_length(ground.skin.geodesic(line[0], site.skin_point)) == pytest.approx(path_length(line) / 3, rel=0.01)
    assert abs(ground.skin.signed_distance(site.skin_point)[0]) < 0.5
    assert site.depth_mm < site.needle.length_mm and site.units == 0 and 2 <= site.volume_ml <= 3
    clear = ground.surface("cranium").signed_distance(site.target_point)[0]
    assert 0.5 < clear < 2.5


@pytest.mark.parametrize("side", ["left", "right"])
def test_other_definitions_stand_where_they_say(head: Anatomy, ground: Ground, side: str) -> None:
    rows = {d.key: d for d in gon_landmark_definitions(head, side)}
    assert len(rows) == len(read_table("gon_sites")["definitions"])
    assert rows["two_by_two"].lateral_mm == pytest.approx(20, abs=1.5)
    assert rows["three_by_one_and_a_half"].lateral_mm == pytest.approx(15, abs=1.5)
    assert rows["three_by_one_and_a_half"].inferior_mm > rows["two_by_two"].inferior_mm
    assert rows["twenty_two_percent"].lateral_mm < rows["medial_third"].lateral_mm
    for row in rows.values():
        assert abs(ground.skin.signed_distance(row.skin_point)[0]) < 0.5
        assert row.nerve_mm is None or row.nerve_mm < 40


def test_wrong_side_is_refused(head: Anatomy) -> None:
    with pytest.raises(ValueError, match="left"):
        medial_third_point(head, "lft")


def test_needles_have_sizes() -> None:
    assert all(n.length_mm > 0 and n.diameter_mm > 0 and n.sources for n in needles().values())
    with pytest.raises(ValueError, match=r"30g-12\.7mm"):
        needle("30g-12.7")


def test_needle_stands_at_its_angle() -> None:
    normal, toward = np.array([0.0, -1.0, 0.0]), directions("right")
    assert needle_direction({"to_skin_deg": 90}, normal, toward) == pytest.approx([0, 1, 0])
    assert needle_direction({"to_skin_deg": 45, "toward": "superior"}, normal, toward) == pytest.approx(
        [0, np.sqrt(0.5), np.sqrt(0.5)]
    )
    assert needle_direction({"along": "anterior"}, normal, toward) == pytest.approx([0, 1, 0])
    dipped = needle_direction({"along": "anterior", "dip_deg": 8}, normal, toward)
    assert np.degrees(np.arcsin(dipped[2])) == pytest.approx(-8)


@pytest.mark.parametrize("side", ["left", "right"])
def test_oblique_headings_stand_at_45_degrees_on_the_skin(side: str) -> None:
    follow, normal = heading("superolateral", side), np.array([0.3, -0.8, -0.4])  # type: ignore[arg-type]
    normal /= np.linalg.norm(normal)
    assert callable(follow)
    way = np.asarray(follow(np.zeros(3), normal))
    upright = np.array([0, 0, 1.0]) - normal[2] * normal
    cosine = way @ upright / np.linalg.norm(way) / np.linalg.norm(upright)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(45)
    assert way[0] * (1 if side == "right" else -1) > 0
