"""Where the targets of procedures lie: near their nerve, in their muscle, on their bone, on the shipped man and on a woman."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from meshes.curves import point_at, resample
from meshes.model import Anatomy
from meshes.patient import Patient, bent
from meshes.surface import path_length
from scenarios.occipital import inion_mastoid_line, medial_third_point
from scenarios.preempt import preempt_sites
from scenarios.procedure_files import list_procedures, load_procedure
from scenarios.procedure_model import ProcedureFile
from scenarios.sites import Ground, needle, read_table
from scenarios.target_rules import RULES
from scenarios.targets import FoundTarget, landmark_points, targets_of

Array = NDArray[np.float64]
FLIP = np.array([-1.0, 1.0, 1.0])
PEOPLE = ("man", "woman")
NERVE_CLEAR_MM, ARTERY_CLEAR_MM, BONE_CLEAR_MM = 5.0, 10.0, 10.0  # of a trigger point's tip
TRIGGERS = ("trigger-splenius-capitis", "trigger-trapezius", "trigger-sternocleidomastoid")
BATHED = ("gon-block-landmark", "gon-block-nuchal-line", "gon-block-c2", "lesser-occipital-block", "third-occipital-block")


@dataclass(frozen=True, eq=False)
class Person:
    ground: Ground
    side: str
    found: Mapping[str, tuple[FoundTarget, ...]]

    @property
    def anatomy(self) -> Anatomy:
        return self.ground.anatomy

    def apart(self, key: str, point: Array) -> float:
        """From a point to the wall of a structure, mm; negative inside."""
        return float(self.ground.surface(key).signed_distance(point)[0])

    def nearest(self, kind: str, point: Array) -> float:
        """From a point to the nearest wall of a kind of structure, mm."""
        near = [k for k, s in self.anatomy.structures.items() if s.kind == kind and _reaches(s.mesh.vertices_mm, point)]
        return min((self.apart(k, point) for k in near), default=np.inf)


def _reaches(vertices: Array, point: Array, mm: float = 20.0) -> bool:
    return bool(((point > vertices.min(axis=0) - mm) & (point < vertices.max(axis=0) + mm)).all())


@pytest.fixture(scope="module")
def people(anatomy: Anatomy) -> dict[str, Person]:
    out = {}
    for name, body, side in (("man", anatomy, "both"), ("woman", bent(anatomy, Patient(sex="female")), "right")):
        ground = Ground(body)
        out[name] = Person(ground, side, {key: targets_of(load_procedure(key), ground, side) for key in list_procedures()})
    return out


def changed(key: str, **changes: Any) -> ProcedureFile:
    """A shipped procedure with its only target changed."""
    procedure = load_procedure(key)
    return procedure.model_copy(update={"targets": (procedure.targets[0].model_copy(update=changes),)})


def test_every_rule_is_used_by_a_procedure_and_every_procedure_by_a_rule() -> None:
    assert {t.at for key in list_procedures() for t in load_procedure(key).targets} == set(RULES)


@pytest.mark.parametrize("who", PEOPLE)
def test_every_place_is_whole(people: dict[str, Person], who: str) -> None:
    person = people[who]
    for key, found in person.found.items():
        assert found, key
        assert [f.order for f in found] == list(range(1, len(found) + 1)), key
        assert len({f.id for f in found}) == len(found), key
        for f in found:
            assert np.linalg.norm(f.direction) == pytest.approx(1.0)
            assert f.skin_mm + f.depth_mm * f.direction == pytest.approx(f.point_mm, abs=1e-6)
            assert abs(person.apart("skin", f.skin_mm)) < 0.2 and person.apart("skin", f.point_mm) < 0, (key, f.id)
            assert f.volume_ml > 0 and f.text, (key, f.id)
            assert {*f.muscles, *f.between, *filter(None, [f.structure])} <= set(person.anatomy.structures), (key, f.id)
            assert not f.point_mm.flags.writeable and not f.skin_mm.flags.writeable


def test_left_mirrors_right(people: dict[str, Person]) -> None:
    for key, found in people["man"].found.items():
        sides = {s: [f for f in found if f.side == s] for s in ("right", "left")}
        assert len(sides["right"]) == len(sides["left"]), key
        for right in sides["right"]:
            other = right.id.replace("_right", "_left").replace("_R", "_L")
            left = next(f for f in found if f.id == other)
            assert left.point_mm * FLIP == pytest.approx(right.point_mm, abs=1.0), other
            assert left.structure == right.structure.replace("_right", "_left")


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("key", BATHED)
def test_the_volume_given_at_the_point_reaches_the_nerve(people: dict[str, Person], who: str, key: str) -> None:
    for f in people[who].found[key]:
        axis = people[who].anatomy[f.structure].centerline
        assert axis is not None
        ball = (3 * 1000 * f.volume_ml / (4 * np.pi)) ** (1 / 3)
        assert np.linalg.norm(resample(axis, 0.25) - f.point_mm, axis=1).min() < ball


@pytest.mark.parametrize("who", PEOPLE)
def test_by_ultrasound_the_point_is_on_the_axis_and_the_skin_straight_over_it(people: dict[str, Person], who: str) -> None:
    person = people[who]
    for key in ("gon-block-nuchal-line", "gon-block-c2", "third-occipital-block", "prf-gon"):
        for f in person.found[key]:
            axis = person.anatomy[f.structure].centerline
            assert axis is not None
            assert np.linalg.norm(resample(axis, 0.1) - f.point_mm, axis=1).min() < 0.3
            assert f.depth_mm == pytest.approx(-person.apart("skin", f.point_mm), abs=0.1)


@pytest.mark.parametrize("who", PEOPLE)
def test_at_c2_the_point_lies_in_the_plane_between_its_layers(people: dict[str, Person], who: str) -> None:
    for f in people[who].found["gon-block-c2"]:
        above, below = f.between
        assert (above, below) == (f"semispinalis_capitis_{f.side}", f"obliquus_capitis_inferior_{f.side}")
        assert 0 < people[who].apart(above, f.point_mm) < 3 and 0 < people[who].apart(below, f.point_mm) < 3


def test_without_a_picture_the_tip_rests_beside_the_nerve_on_its_inner_side(people: dict[str, Person]) -> None:
    clear = read_table("target_rules")["beside"]["wall_mm"]
    for at in ("nuchal_line", "c2"):
        blind = targets_of(changed("gon-block-landmark", at=at), people["man"].ground, "both")
        seen = targets_of(changed("gon-block-c2", at=at), people["man"].ground, "both")
        for b, s in zip(blind, seen, strict=True):
            assert people["man"].apart(b.structure, b.point_mm) == pytest.approx(clear, abs=0.3)
            assert abs(b.point_mm[0]) < abs(s.point_mm[0])


def test_medial_third_is_the_site_of_the_landmark_block(people: dict[str, Person]) -> None:
    for f in people["man"].found["gon-block-landmark"][:1]:
        site = medial_third_point(people["man"].anatomy, f.side)
        assert f.point_mm == pytest.approx(site.target_point) and f.skin_mm == pytest.approx(site.skin_point)
        assert f.direction == pytest.approx(site.direction)


@pytest.mark.parametrize("who", PEOPLE)
def test_lateral_third_starts_two_thirds_along_and_stops_near_the_lesser_occipital_nerve(
    people: dict[str, Person], who: str
) -> None:
    person, rule = people[who], read_table("target_rules")["nerves"]["lateral_third"]["technique"]
    line = inion_mastoid_line(person.anatomy, "right")
    assert person.found["lesser-occipital-block"][0].skin_mm == pytest.approx(point_at(line, 2 / 3), abs=0.3)
    for f in person.found["lesser-occipital-block"]:
        low, high = rule["range_depth_mm"]
        assert low <= -person.apart("skin", f.point_mm) <= high
        assert 0 < person.apart(f"lesser_occipital_nerve_{f.side}", f.point_mm) < 4
        assert person.nearest("artery", f.point_mm) > 5 and person.nearest("bone", f.point_mm) > 5


@pytest.mark.parametrize("who", PEOPLE)
def test_third_occipital_nerve_is_met_at_its_joint(people: dict[str, Person], who: str) -> None:
    for f in people[who].found["third-occipital-block"]:
        assert f.structure == f"third_occipital_nerve_{f.side}"
        assert people[who].apart(f"zygapophysial_joint_capsule_c2_c3_{f.side}", f.point_mm) < 1.5


@pytest.mark.parametrize(("key", "number", "units"), [("preempt-31", 31, 155), ("preempt-39", 39, 195)])
def test_preempt_is_the_plan_itself(people: dict[str, Person], key: str, number: int, units: float) -> None:
    found = people["man"].found[key]
    extra = read_table("preempt_sites")["follow_the_pain"]["most_extra"] if number == 39 else None
    sites = preempt_sites(people["man"].anatomy, extra)
    assert (len(found), sum(f.units for f in found)) == (number, units)
    assert [f.id for f in found] == [s.id for s in sites]
    for f, s in zip(found, sites, strict=True):
        assert f.point_mm == pytest.approx(s.target_point) and s.hit in f.muscles


def test_one_side_of_preempt_has_its_sites_and_the_median_one(people: dict[str, Person]) -> None:
    found = people["woman"].found["preempt-31"]
    assert len(found) == 16 and {f.side for f in found} == {"right", "median"}


def test_a_target_may_ask_for_one_group_of_the_plan(people: dict[str, Person]) -> None:
    ask = {"temporalis": 8, "trapezius": 6}
    for muscle, number in ask.items():
        found = targets_of(changed("preempt-31", muscle=(muscle,)), people["man"].ground, "both")
        assert len(found) == number and {m for f in found for m in f.muscles} == {f"{muscle}_left", f"{muscle}_right"}
    with pytest.raises(ValueError, match="masseter"):
        targets_of(changed("preempt-31", muscle=("masseter",)), people["man"].ground, "both")


def test_fat_cells_go_to_four_regions_of_the_plan_without_toxin(people: dict[str, Person]) -> None:
    found, product = people["man"].found["adipose-preempt-regions"], load_procedure("adipose-preempt-regions").product
    assert {f.id.split("_")[0] for f in found} == {"TEM", "OCC", "CPS", "TRA"}
    assert all(f.units == 0 and f.volume_ml == product.volume_ml for f in found)
    assert sum(f.volume_ml for f in found) <= product.most_ml + 1e-9


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("key", TRIGGERS)
def test_trigger_points_lie_in_their_muscle_clear_of_what_is_dangerous(people: dict[str, Person], who: str, key: str) -> None:
    person = people[who]
    for f in person.found[key]:
        assert person.apart(f.muscles[0], f.point_mm) < -1.5
        assert person.nearest("nerve", f.point_mm) > NERVE_CLEAR_MM
        assert person.nearest("artery", f.point_mm) > ARTERY_CLEAR_MM
        assert person.nearest("vein", f.point_mm) > NERVE_CLEAR_MM
        assert person.nearest("bone", f.point_mm) > BONE_CLEAR_MM
        assert f.depth_mm < needle(load_procedure(key).needle).length_mm


@pytest.mark.parametrize("who", PEOPLE)
def test_the_needle_of_upper_trapezius_does_not_point_down_to_the_pleura(people: dict[str, Person], who: str) -> None:
    for f in people[who].found["trigger-trapezius"]:
        assert f.direction[2] > -0.05
        acromion = people[who].anatomy.landmark(f"acromion_{f.side}")
        assert abs(f.skin_mm[0]) == pytest.approx(abs(acromion[0]) / 2, abs=5.0)


@pytest.mark.parametrize("who", PEOPLE)
def test_attachments_are_on_their_bone_and_nothing_hard_stands_in_the_way(people: dict[str, Person], who: str) -> None:
    person = people[who]
    for f in person.found["prp-cervical-attachments"]:
        assert abs(person.apart(f.structure, f.point_mm)) < 0.3, f.id
        assert all(person.apart(m, f.point_mm) < 1.5 for m in f.muscles), f.id
        assert person.nearest("nerve", f.point_mm) > 3 and person.nearest("artery", f.point_mm) > 8, f.id
        way = f.skin_mm + np.linspace(0.0, max(f.depth_mm - 1.5, 0.0), 40)[:, None] * f.direction
        for kind in ("bone", "nerve", "artery"):
            for key, structure in person.anatomy.structures.items():
                if structure.kind == kind and _reaches(structure.mesh.vertices_mm, f.point_mm):
                    assert person.ground.surface(key).signed_distance(way).min() > 0, (f.id, key)


@pytest.mark.parametrize("who", PEOPLE)
def test_behind_each_joint_stands_bone_before_artery_or_cord(people: dict[str, Person], who: str) -> None:
    person = people[who]
    for f in person.found["prp-cervical-attachments"]:
        if "capsule" not in f.id:
            continue
        pillar = person.anatomy.landmark(f"c3_articular_pillar_{f.side}")[0]
        assert 10 < abs(f.point_mm[0]) < abs(pillar) + 5
        stops = min(_first(person, key, f) for key in ("axis", "third_cervical_vertebra", "fourth_cervical_vertebra"))
        assert stops < f.depth_mm + 6
        assert all(stops < _first(person, k, f) for k in (f"vertebral_artery_{f.side}", "spinal_dura_mater", "spinal_cord"))


def _first(person: Person, key: str, f: FoundTarget) -> float:
    far, _ = person.ground.surface(key).ray(f.skin_mm, f.direction, 120.0)
    return float(far[0]) if len(far) else np.inf


def test_the_spine_of_c2_comes_once_for_both_sides(people: dict[str, Person]) -> None:
    found = people["man"].found["prp-cervical-attachments"]
    assert [f.id for f in found if f.side == "median"] == ["attachments_c2_spine"] and len(found) == 11


def test_a_target_may_ask_for_one_attachment(people: dict[str, Person]) -> None:
    ground = people["man"].ground
    one = targets_of(changed("prp-cervical-attachments", structure="axis"), ground, "right")
    assert [f.structure for f in one] == ["axis"]
    two = targets_of(changed("prp-cervical-attachments", muscle=("splenius_capitis",)), ground, "both")
    assert [f.side for f in two] == ["right", "left"]
    with pytest.raises(ValueError, match="no attachment of any muscle on mandible"):
        targets_of(changed("prp-cervical-attachments", structure="mandible"), ground, "right")


@pytest.mark.parametrize("who", PEOPLE)
def test_the_lead_stays_under_the_skin_above_the_fascia_and_crosses_the_nerve(people: dict[str, Person], who: str) -> None:
    person, rule = people[who], read_table("target_rules")["leads"]["c1_lead"]
    for f in person.found["ons-lead"]:
        assert f.skin_mm[0] == pytest.approx(0.0, abs=0.01)
        assert rule["least_mm"] <= f.depth_mm <= rule["length_mm"] + 1
        chord = f.skin_mm + np.linspace(0.0, 1.0, 100)[:, None] * (f.point_mm - f.skin_mm)
        assert person.ground.surface("superficial_fascia").signed_distance(chord).min() > 0
        assert person.ground.surface(f"trapezius_{f.side}").signed_distance(chord).min() > 0
        assert person.ground.skin.signed_distance(chord[2:]).max() < 0
        low, high = rule["range_depth_mm"]
        assert low - 0.3 <= -person.apart("skin", f.point_mm) <= high
        nerve = person.anatomy[f"greater_occipital_nerve_{f.side}"].centerline
        assert nerve is not None
        beyond = nerve[np.abs(nerve[:, 2] - f.skin_mm[2]) < 6, 0]
        assert abs(f.point_mm[0]) > np.abs(beyond).max() - 1  # reaches across the nerve's course


def test_landmarks_lie_on_the_skin_where_they_are_known(people: dict[str, Person]) -> None:
    ground = people["man"].ground
    for key in list_procedures():
        procedure = load_procedure(key)
        side = "both" if procedure.sides == "both" else "left"
        points = landmark_points(procedure, ground, side)
        tails = ("_right", "_left") if side == "both" else ("",)
        assert set(points) == {t.name + tail for t in procedure.landmarks for tail in (tails if t.sided else ("",))}
        assert all(abs(people["man"].apart("skin", p)) < 0.2 for p in points.values())
        assert all(points[n][0] < 0 for n in points if n.endswith("_left") or (side == "left" and n == "mastoid_tip"))
    block = landmark_points(load_procedure("gon-block-landmark"), ground, "left")
    assert block["inion"] == pytest.approx(people["man"].anatomy.landmark("inion_skin"), abs=0.1)
    assert block["gon"] == pytest.approx(people["man"].found["gon-block-landmark"][1].skin_mm)
    nuchal = landmark_points(load_procedure("gon-block-nuchal-line"), ground, "left")["superior_nuchal_line"]
    curve = people["man"].anatomy.curve("superior_nuchal_line_skin_left")
    assert np.linalg.norm(curve - nuchal, axis=1).min() < 1.0
    assert path_length(curve[: int(np.argmin(np.linalg.norm(curve - nuchal, axis=1)))]) == pytest.approx(
        path_length(curve) / 2, abs=1.5
    )


def test_unknown_names_are_refused_with_the_nearest(people: dict[str, Person]) -> None:
    ground = people["man"].ground
    with pytest.raises(ValueError, match="medial_third") as error:
        targets_of(changed("gon-block-landmark", at="medial_thrid"), ground, "right")
    assert "target gon: at" in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(ValueError, match="'right'"):
        targets_of(load_procedure("gon-block-c2"), ground, "rigth")
    with pytest.raises(ValueError, match="third_occipital_nerve"):
        targets_of(changed("third-occipital-block", structure="third_ocipital_nerve"), ground, "right")
    block = load_procedure("gon-block-landmark")
    task = block.landmarks[0].model_copy(update={"name": "innion"})
    with pytest.raises(ValueError, match="'inion'"):
        landmark_points(block.model_copy(update={"landmarks": (task,)}), ground, "right")
    target = load_procedure("gon-block-c2").targets[0]
    twice = block.model_copy(update={"targets": (target, target)})
    with pytest.raises(ValueError, match="gon_right"):
        targets_of(twice, ground, "right")


def test_what_an_anatomy_lacks_is_told(people: dict[str, Person]) -> None:
    whole = people["man"].anatomy
    few = {k: s for k, s in whole.structures.items() if k in ("skin", "cranium", "axis")}
    ground = Ground(Anatomy(whole.name, few, whole.landmarks, whole.curves, whole.meta))
    for key in ("gon-block-c2", "third-occipital-block", "trigger-sternocleidomastoid", "prp-cervical-attachments", "ons-lead"):
        with pytest.raises(ValueError, match=r"target \w+: |neither") as error:
            targets_of(load_procedure(key), ground, "right")
        assert "\n" not in str(error.value)


@settings(max_examples=20, deadline=None)
@given(volume=st.floats(0.1, 10.0), per_ml=st.floats(0.0, 100.0), own=st.none() | st.floats(0.1, 10.0))
def test_units_follow_the_volume(people: dict[str, Person], volume: float, per_ml: float, own: float | None) -> None:
    procedure = changed("trigger-splenius-capitis", volume_ml=own)
    product = procedure.product.model_copy(update={"volume_ml": volume, "units_per_ml": per_ml})
    (found,) = targets_of(procedure.model_copy(update={"product": product}), people["man"].ground, "right")
    assert found.volume_ml == (own or volume) and found.units == pytest.approx(found.volume_ml * per_ml)


@pytest.mark.slow
@pytest.mark.parametrize(
    "patient",
    [Patient(bmi=35.0), Patient(bmi=19.0), Patient(sex="female", bmi=34.0), Patient(sex="female", bmi=18.5)],
    ids=["heavy man", "slender man", "heavy woman", "slender woman"],
)
def test_every_procedure_finds_its_places_on_patients(anatomy: Anatomy, patient: Patient) -> None:
    person = Person(Ground(bent(anatomy, patient)), "both", {})
    for key in list_procedures():
        found = targets_of(load_procedure(key), person.ground, "both")
        assert all(person.apart("skin", f.point_mm) < 0 for f in found)
        if key in TRIGGERS:
            assert all(person.apart(f.muscles[0], f.point_mm) < -1.5 for f in found)
            assert all(person.nearest("nerve", f.point_mm) > 4 and person.nearest("artery", f.point_mm) > 8 for f in found)
