"""What a tip lies in and what its way crosses, on the shipped anatomy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from meshes.measure import Subject, gon_c2_point
from meshes.model import Anatomy
from scenarios.preempt import preempt_sites
from scenarios.sites import Ground
from sim.training.pressing import rest_map
from sim.training.truth import Met, NeedleTruth, kind_of
from sim.training.tubes import wall_distance
from sim.ultrasound.medium import Phantom
from sim.ultrasound.poses import press
from sim.ultrasound.scanner import Scanner
from tests.insonation import POSE, QUICK, at

Array = NDArray[np.float64]
SIDES = ("right", "left")


@pytest.fixture(scope="session")
def truth(anatomy: Anatomy) -> NeedleTruth:
    return NeedleTruth(anatomy, Ground(anatomy))


def c2_way(truth: NeedleTruth, subject: Subject, side: str) -> tuple[Array, Array]:
    """The nerve's axis on obliquus capitis inferior, and the direction from it to the skin."""
    point = gon_c2_point(subject, side)
    return point, truth.outward(point)[0]


@pytest.mark.parametrize("side", SIDES)
def test_layers_at_c2_are_told_in_order(truth: NeedleTruth, subject: Subject, side: str) -> None:
    point, outward = c2_way(truth, subject, side)
    met = truth.along([point + 34 * outward, point - 6 * outward])
    entered = [m.key.removesuffix(f"_{side}") for m in met if m.entering]
    wanted = ["skin", "subcutaneous_fat", "superficial_fascia", "splenius_capitis", "semispinalis_capitis",
              "greater_occipital_nerve", "obliquus_capitis_inferior"]  # fmt: skip
    assert [k for k in entered if k in wanted] == wanted
    assert [m.at_mm for m in met] == sorted(m.at_mm for m in met)
    nerve = next(m for m in met if m.kind == "nerve" and m.entering)
    radius = -truth.tip(point).nerve_mm
    assert nerve.at_mm == pytest.approx(34 - radius, abs=0.15) and nerve.deg > 60


@pytest.mark.parametrize("side", SIDES)
def test_tip_beside_the_nerve_lies_in_its_plane(truth: NeedleTruth, subject: Subject, side: str) -> None:
    point, outward = c2_way(truth, subject, side)
    layers = (f"semispinalis_capitis_{side}", f"obliquus_capitis_inferior_{side}")
    for mm in (-1.7, 1.7):
        tip = truth.tip(point + mm * outward)
        assert (tip.kind, tip.layers, tip.nerve) == ("plane", layers, f"greater_occipital_nerve_{side}")
        assert 0 < tip.nerve_mm < 1
    within = truth.tip(point)
    assert (within.kind, within.key, within.layers) == ("nerve", f"greater_occipital_nerve_{side}", ("", ""))
    assert within.nerve_mm < -1
    deep = truth.tip(point - 5 * outward)
    assert (deep.kind, deep.key) == ("muscle", layers[1])


def test_tip_tells_air_skin_fat_and_bone(truth: NeedleTruth, subject: Subject) -> None:
    point, outward = c2_way(truth, subject, "right")
    depth = truth.tip(point).skin_mm
    kinds = {mm: truth.tip(point + (depth - mm) * outward) for mm in (-2.0, 1.0, 4.0)}
    assert [t.kind for t in kinds.values()] == ["air", "skin", "subcutis"] and kinds[-2.0].key == ""
    assert [t.skin_mm for t in kinds.values()] == pytest.approx([-2.0, 1.0, 4.0], abs=0.2)
    axis = truth.anatomy.landmark("c2_body")
    assert truth.tip(axis).kind == "bone" and truth.tip(axis).bone_mm < 0


def test_nerve_is_told_before_the_bone_and_muscle_that_hold_it(truth: NeedleTruth) -> None:
    line = truth.anatomy["vertebral_artery_right"].centerline
    assert line is not None
    for point in line[5:-5:20]:
        assert truth.tip(point).kind in ("artery", "nerve", "vein")
        assert truth.tip(point).artery_mm < 0 and truth.tip(point).artery == "vertebral_artery_right"
    cord = truth.anatomy["spinal_cord"].centerline
    assert cord is not None and truth.tip(cord[len(cord) // 2]).kind == "cord"
    ganglion = truth.anatomy["c2_spinal_ganglion_left"].mesh.vertices_mm.mean(axis=0)
    assert (truth.tip(ganglion).kind, truth.tip(ganglion).nerve) == ("nerve", "c2_spinal_ganglion_left")


def test_artery_is_entered_and_left_at_its_wall(truth: NeedleTruth) -> None:
    artery = truth.anatomy["vertebral_artery_left"]
    assert artery.centerline is not None and artery.radius_mm is not None
    i = len(artery.centerline) // 3
    middle, along = artery.centerline[i], artery.centerline[i + 1] - artery.centerline[i - 1]
    across = np.cross(along, [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across)
    met = [m for m in truth.along([middle - 5 * across, middle, middle + 5 * across]) if m.key == artery.key]
    assert [m.entering for m in met] == [True, False]
    assert [m.at_mm for m in met] == pytest.approx([5 - artery.radius_mm[i], 5 + artery.radius_mm[i]], abs=0.15)
    assert min(m.deg for m in met) > 70


@pytest.mark.parametrize("side", SIDES)
def test_below_needs_the_whole_structure_between_point_and_skin(truth: NeedleTruth, subject: Subject, side: str) -> None:
    point, outward = c2_way(truth, subject, side)
    muscle = f"obliquus_capitis_inferior_{side}"
    assert truth.below(point, f"semispinalis_capitis_{side}") and not truth.below(point, muscle)
    assert not truth.below(point - 5 * outward, muscle)
    assert truth.below(point - 14 * outward, muscle)
    with pytest.raises(ValueError, match="obliquus_capitis_inferior"):
        truth.below(point, "obliquus_inferior")


def test_pop_is_felt_on_entering_fascia_and_none_on_leaving(truth: NeedleTruth) -> None:
    assert truth.pop_n(Met("superficial_fascia", "fascia", 0.0, True, 90.0)) > 0
    assert truth.pop_n(Met("superficial_fascia", "fascia", 0.0, False, 90.0)) == 0
    assert truth.pop_n(Met("subcutaneous_fat", "subcutis", 0.0, True, 90.0)) == 0


def test_bone_resists_most_and_air_not_at_all(truth: NeedleTruth, subject: Subject) -> None:
    point, outward = c2_way(truth, subject, "right")
    bone, air = truth.tip(truth.anatomy.landmark("c2_body")), truth.tip(point + 40 * outward)
    fat, muscle, plane = (truth.tip(point + mm * outward) for mm in (25, -5, 1.7))
    forces = [truth.resistance_n(t) for t in (air, plane, fat, muscle, bone)]
    assert forces == sorted(forces) and forces[0] == 0 and forces[-1] > 10


def test_every_structure_that_is_no_hair_has_a_kind(truth: NeedleTruth) -> None:
    rows = truth._rule["kinds"]
    unnamed = [s.key for s in truth.anatomy.structures.values() if not kind_of(s, rows)]
    assert {truth.anatomy[k].kind for k in unnamed} <= {"hair"}
    assert truth.kinds["zygapophysial_joint_capsule_c2_c3_left"] == "joint"


def test_preempt_sites_rest_in_their_muscles_without_voxels(truth: NeedleTruth) -> None:
    sites = preempt_sites(truth.anatomy)
    wrong = [s.id for s in sites if truth.tip(s.target_point).key != s.hit]
    assert len(sites) == 31 and wrong == []


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.floats(-60, 60), st.floats(-80, 20), st.floats(-90, 20)))
def test_nearest_nerve_is_that_of_all_rods(truth: NeedleTruth, place: tuple[float, float, float]) -> None:
    point = np.array(place)
    tubes = truth.tubes["nerve"]
    away = wall_distance(truth.strands, tubes.rods, point[None])[0]
    key, mm = tubes.nearest(point, 25.0)
    if away.min() > 25:
        assert (key, mm) == ("", float("inf"))
    else:
        assert mm == pytest.approx(away.min(), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_a_way_back_crosses_the_same_borders_in_turn(truth: NeedleTruth, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = rng.uniform([-40, -70, -80], [40, -20, -10])
    way = rng.normal(size=3)
    end = start + 8 * way / np.linalg.norm(way)
    there, back = truth.along([start, end]), truth.along([end, start])
    told = sorted((m.key, round(m.at_mm, 2), m.entering) for m in there)
    turned = sorted((m.key, round(8 - m.at_mm, 2), not m.entering) for m in back)
    assert len(told) == len(turned)
    for a, b in zip(told, turned, strict=True):
        assert (a[0], a[2]) == (b[0], b[2]) and a[1] == pytest.approx(b[1], abs=0.02)


def test_pieces_of_a_way_meet_what_the_whole_meets(truth: NeedleTruth, subject: Subject) -> None:
    point, outward = c2_way(truth, subject, "left")
    ends = np.linspace(32, -6, 20)[:, None] * outward + point
    whole, pieces = truth.along(ends[[0, -1]]), truth.along(ends)
    assert [(m.key, m.entering) for m in whole] == [(m.key, m.entering) for m in pieces]
    assert [m.at_mm for m in whole] == pytest.approx([m.at_mm for m in pieces], abs=0.02)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 0.0, 0.0]])
def test_bad_points_are_refused(truth: NeedleTruth, bad: list[float]) -> None:
    with pytest.raises(ValueError, match="three finite numbers"):
        truth.tip(bad)
    with pytest.raises(ValueError, match="path_mm"):
        truth.along([bad, bad])


def test_pressed_places_come_to_rest_as_in_the_image(layers: Phantom) -> None:
    """Bone lies 20 mm under the skin; pressed in by 5 mm, the face has 15 mm of tissue before it that were 20."""
    scanner, pose = Scanner(layers, **QUICK), press(POSE, 5.0)
    depth = np.array([0.0, 3.0, 7.5, 15.0, 18.0, 25.0])
    true = np.array([at(2.0, z, pose=pose) for z in depth])
    rest = POSE.probe_from_ras.apply(rest_map(scanner, pose)(true))
    assert rest[:, 2] == pytest.approx([0.0, 4.0, 10.0, 20.0, 23.0, 30.0], abs=0.3)
    assert rest[:, :2] == pytest.approx(POSE.probe_from_ras.apply(true)[:, :2], abs=1e-6)


def test_push_fades_beside_the_face(layers: Phantom) -> None:
    scanner, pose = Scanner(layers, **QUICK), press(POSE, 5.0)
    half = scanner.settings.model.width_mm / 2, scanner.settings.model.footprint_thickness_mm / 2
    for x, y in ((1.0, 0.0), (0.0, 1.0)):
        true = np.array([at(x * (half[0] + mm), 3.0, y * (half[1] + mm), pose=pose) for mm in (-1.0, 3.0, 6.0, 9.0, 13.0)])
        moved = np.linalg.norm(rest_map(scanner, pose)(true) - true, axis=1)
        assert moved[0] == pytest.approx(moved[1], abs=0.1) and moved[1] > moved[2] > moved[3] > 0
        assert moved[4] == pytest.approx(0.0, abs=1e-9)


def test_nothing_moves_without_a_press_and_maps_are_kept(layers: Phantom) -> None:
    scanner, points = Scanner(layers, **QUICK), np.array([[1.0, 2.0, 3.0]])
    assert rest_map(scanner, None)(points) is points
    assert rest_map(scanner, POSE)(points) is points
    pose = press(POSE, 2.0)
    assert rest_map(scanner, pose) is rest_map(scanner, pose)
    assert rest_map(Scanner(layers, **QUICK), pose) is not rest_map(scanner, pose)
