"""A probe that rests on the skin, and the named poses."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.measure import Subject
from meshes.model import Anatomy
from meshes.surface import SurfaceQuery
from sim.ultrasound.placing import beam_angle_deg, bone_depth, flat_on_skin, probe_pose, rotation_deg
from sim.ultrasound.pose_rules import named_poses
from sim.ultrasound.poses import ProbePose, contact, crossing
from tests.conftest import ellipsoid

Array = NDArray[np.float64]
SIDES = ("right", "left")
NAMES = tuple(named_poses())
FLIP = np.array([-1.0, 1.0, 1.0])
LEFT = np.array([-1.0, 0, 0])
NERVE, ARTERY, OCI = "greater_occipital_nerve", "occipital_artery", "obliquus_capitis_inferior"


def angle(a: Array, b: Array) -> float:
    return float(np.rad2deg(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def way_of(vertices: Array) -> Array:
    """Direction along a muscle."""
    return np.asarray(np.linalg.svd(vertices - vertices.mean(axis=0), full_matrices=False)[2][0])


def in_image(pose: ProbePose, points: Array) -> Array:
    return pose.probe_from_ras.apply(np.atleast_2d(points)) + [0, 0, pose.press_mm]


@pytest.mark.parametrize("point", [[0, -65, -78], [30, -62, -65], [-35, -75, -18], [58, 0, -68]])
@pytest.mark.parametrize("hint", [[-1, 0, 0], [-1, 0.3, -0.6]])
def test_both_ends_lie_equally_far(skin: SurfaceQuery, point: list[float], hint: list[float]) -> None:
    if point[0] == 58:
        hint = [0, hint[1], 1]
    pose = flat_on_skin(skin, point, hint, press_mm=2.0)
    gaps = contact(pose, skin, 38.4, n=2)
    assert gaps[0] == pytest.approx(gaps[1], abs=0.02)
    assert skin.signed_distance(pose.centre_mm)[0] == pytest.approx(0, abs=0.01)
    assert abs(pose.elevation @ np.array(hint)) < 1e-6 and pose.lateral @ np.array(hint) > 0
    assert angle(pose.axis, -skin.closest(pose.centre_mm)[1][0]) < 25


def test_flat_on_skin_refuses(skin: SurfaceQuery) -> None:
    with pytest.raises(ValueError, match="square to the skin"):
        flat_on_skin(skin, [0, -65, -78], -skin.closest([0, -65, -78])[1][0])
    with pytest.raises(ValueError, match="no length"):
        flat_on_skin(skin, [0, -65, -78], [0, 0, 0])
    with pytest.raises(ValueError, match="not finite"):
        flat_on_skin(skin, [0, np.nan, -78], LEFT)
    with pytest.raises(ValueError, match="width_mm is 0"):
        flat_on_skin(skin, [0, -65, -78], LEFT, footprint_mm=0)
    small = SurfaceQuery(ellipsoid(np.zeros(3), np.full(3, 10.0)))
    with pytest.raises(ValueError, match="does not meet skin"):
        flat_on_skin(small, [0, -10, 0], LEFT)


def test_table_names_its_words() -> None:
    assert NAMES == ("nuchal-line", "c2-spine", "c2-oblique", "c2-c3-facet", "occipital-artery")
    assert {p.marked_end for p in named_poses().values()} == {"left", "cranial"}
    assert all(p.steps and p.text and p.label and p.sources and 10 < p.depth_mm < 80 for p in named_poses().values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", SIDES)
def test_marked_end_and_beam(placed: dict[tuple[str, str], ProbePose], skin: SurfaceQuery, name: str, side: str) -> None:
    pose = placed[name, side]
    way = np.array([0, 0, 1.0]) if named_poses()[name].marked_end == "cranial" else LEFT
    assert pose.lateral @ way > 0.5
    inward = -skin.closest(pose.centre_mm)[1][0]
    assert angle(pose.axis, inward) < 35
    assert pose.name == name and skin.signed_distance(pose.centre_mm)[0] == pytest.approx(0, abs=0.01)
    assert np.isfinite(contact(pose, skin, 38.4)).all()
    sign = 0.0 if name == "c2-spine" else 1.0 if side == "right" else -1.0
    assert np.sign(round(float(pose.centre_mm[0]))) == sign


@pytest.mark.parametrize("name", NAMES)
def test_sides_are_mirror_images(placed: dict[tuple[str, str], ProbePose], name: str) -> None:
    right, left = placed[name, "right"], placed[name, "left"]
    turn = 1.0 if named_poses()[name].marked_end == "cranial" else -1.0
    assert np.linalg.norm(left.centre_mm - right.centre_mm * FLIP) < 0.3
    assert angle(left.axis, right.axis * FLIP) < 0.75
    assert angle(left.lateral, turn * right.lateral * FLIP) < 0.75
    assert left.press_mm == pytest.approx(right.press_mm, abs=0.2)


@pytest.mark.parametrize("side", SIDES)
def test_nuchal_line_shows_nerve_medial_to_artery(anatomy: Anatomy, placed: dict[tuple[str, str], ProbePose], side: str) -> None:
    pose = placed["nuchal-line", side]
    nerve, artery = (in_image(pose, crossing(anatomy[f"{k}_{side}"].centerline, pose)) for k in (NERVE, ARTERY))  # type: ignore[arg-type]
    near = [p[np.argmin(np.abs(p[:, 0]))] for p in (nerve, artery)]
    assert abs(near[0][0]) < 38.4 / 4 and abs(near[1][0]) < 38.4 / 2
    assert all(0 < p[2] < 15 for p in near)
    medial = 1.0 if side == "right" else -1.0
    assert medial * (near[0][0] - near[1][0]) > 1
    assert pose.press_mm == 0.3  # a light touch


@pytest.mark.parametrize("side", SIDES)
def test_oblique_shows_the_nerve_between_its_muscles(
    anatomy: Anatomy, subject: Subject, skin: SurfaceQuery, placed: dict[tuple[str, str], ProbePose], side: str
) -> None:
    pose = placed["c2-oblique", side]
    met = crossing(anatomy[f"{NERVE}_{side}"].centerline, pose)  # type: ignore[arg-type]
    seen = in_image(pose, met)
    i = int(np.argmin(np.abs(seen[:, 0])))
    assert abs(seen[i, 0]) <= 6 and 12 < seen[i, 2] * 0.65 < 26
    down = met[i] + np.arange(0.0, 16)[:, None] * pose.axis
    up = met[i] - np.arange(0.0, 20)[:, None] * pose.axis
    assert subject.query(f"obliquus_capitis_inferior_{side}").contains(down).any()
    assert subject.query(f"semispinalis_capitis_{side}").contains(up).any()
    cephalad = rotation_deg(pose, skin) * (-1 if side == "right" else 1)
    assert 15 <= cephalad <= 35
    muscle = anatomy[f"{OCI}_{side}"].mesh.vertices_mm
    assert abs(way_of(muscle) @ pose.elevation) < np.sin(np.deg2rad(3))
    assert abs((muscle.mean(axis=0) - pose.centre_mm) @ pose.elevation) < 2


@pytest.mark.parametrize("side", SIDES)
def test_spine_lies_in_the_middle(anatomy: Anatomy, placed: dict[tuple[str, str], ProbePose], side: str) -> None:
    tip = in_image(placed["c2-spine", side], anatomy.landmark("c2_spinous_tip"))[0]
    assert np.abs(tip[:2]).max() < 0.1 and 15 < tip[2] < 40


@pytest.mark.parametrize("side", SIDES)
def test_facet_shows_the_third_occipital_nerve_over_the_joint(
    anatomy: Anatomy, placed: dict[tuple[str, str], ProbePose], side: str
) -> None:
    pose = placed["c2-c3-facet", side]
    nerve = in_image(pose, crossing(anatomy[f"third_occipital_nerve_{side}"].centerline, pose))  # type: ignore[arg-type]
    joint = in_image(pose, anatomy[f"zygapophysial_joint_capsule_c2_c3_{side}"].mesh.vertices_mm)
    shown = joint[np.abs(joint[:, 1]) < 1]
    assert len(shown)
    here = nerve[np.argmin(np.abs(nerve[:, 0]))]
    assert abs(here[0]) < 6 and shown[:, 0].min() - 3 < here[0] < shown[:, 0].max() + 3
    assert 0 < here[2] < shown[:, 2].min() + 4


@pytest.mark.parametrize("side", SIDES)
def test_artery_is_met_in_its_short_axis_at_a_doppler_angle(
    anatomy: Anatomy, placed: dict[tuple[str, str], ProbePose], side: str
) -> None:
    pose = placed["occipital-artery", side]
    line = anatomy[f"{ARTERY}_{side}"].centerline
    assert line is not None and beam_angle_deg(line, pose) < 70
    seen = in_image(pose, crossing(line, pose))
    assert np.abs(seen[:, 0]).min() < 6
    assert beam_angle_deg(line, placed["nuchal-line", side]) > 70  # lying flat it would not do


@pytest.mark.parametrize("name", ["c2-spine", "c2-oblique", "c2-c3-facet"])
def test_press_thins_the_soft_tissue_over_bone(subject: Subject, placed: dict[tuple[str, str], ProbePose], name: str) -> None:
    pose = placed[name, "right"]
    depth = bone_depth(subject, pose)
    assert pose.press_mm == pytest.approx(0.35 * depth, abs=0.051)
    hits = [subject.query(k).ray(pose.centre_mm, pose.axis, 90)[0] for k in ("axis", "atlas", "third_cervical_vertebra")]
    assert min(h[0] for h in hits if len(h)) == pytest.approx(depth, abs=6)


def test_press_of_ones_own(anatomy: Anatomy) -> None:
    assert probe_pose(anatomy, "c2-spine", press_mm=0).press_mm == 0
    with pytest.raises(ValueError, match="press_mm"):
        probe_pose(anatomy, "c2-spine", press_mm=float("nan"))


@pytest.mark.parametrize("patient", [{"sex": "female"}, {"bmi": 31}, {"bmi": 35}, {"sex": "female", "bmi": 19}])
def test_other_people(patient: dict[str, object]) -> None:
    import sim

    someone = sim.load_anatomy(sim.Patient(**patient))  # type: ignore[arg-type]
    for name in NAMES:
        pose = probe_pose(someone, name, "right")
        if not (of := named_poses()[name].of):
            continue
        seen = in_image(pose, crossing(someone[f"{of[0]}_right"].centerline, pose))  # type: ignore[arg-type]
        assert np.abs(seen[:, 0]).min() <= named_poses()[name].within_mm + 0.1
        if name == "c2-oblique":
            assert abs(way_of(someone[f"{OCI}_right"].mesh.vertices_mm) @ pose.elevation) < np.sin(np.deg2rad(3))


@pytest.mark.parametrize("side", SIDES)
def test_a_nerve_through_the_muscle_is_sought_where_it_lies_on_its_back(
    anatomy: Anatomy, subject: Subject, placed: dict[tuple[str, str], ProbePose], side: str
) -> None:
    """As in one of thirteen people, the nerve runs within the muscle where the plane is sought first; it comes out farther up."""
    usual, key = placed["c2-oblique", side], f"{NERVE}_{side}"
    line, muscle = anatomy[key].centerline, subject.query(f"{OCI}_{side}")
    assert line is not None
    within = np.exp(-((((line - usual.face_mm) @ usual.elevation) / 3.0) ** 4))
    pierces = replace(anatomy[key], centerline=line + 6.0 * within[:, None] * usual.axis)
    someone = replace(anatomy, structures=MappingProxyType({**anatomy.structures, key: pierces}))
    pose, near = probe_pose(someone, "c2-oblique", side), 15.0
    for plane, inside in ((usual, True), (pose, False)):
        met = crossing(pierces.centerline, plane)  # type: ignore[arg-type]
        met = met[np.abs((met - plane.face_mm) @ plane.lateral) < near][-1]
        assert muscle.contains(met[None])[0] == inside
    assert 0 < muscle.ray(met, pose.axis, 20.0)[0][0] < 4 and len(
        subject.query(f"semispinalis_capitis_{side}").ray(met, -pose.axis, 9.0)[0]
    )
    slid = abs((pose.centre_mm - usual.centre_mm) @ usual.elevation)
    assert 2 < slid < 10 and abs((met - pose.centre_mm) @ pose.lateral) <= 6.1
    assert abs(pose.elevation @ way_of(anatomy[f"{OCI}_{side}"].mesh.vertices_mm)) < np.sin(np.deg2rad(3))


@pytest.mark.parametrize("side", SIDES)
def test_a_muscle_that_does_not_run_between_its_bones_is_told(anatomy: Anatomy, side: str) -> None:
    key = f"c1_transverse_tip_{side}"
    for up, sound in ((3.0, True), (-25.0, False), (25.0, False)):
        moved = MappingProxyType({**anatomy.landmarks, key: anatomy.landmark(key) + [0, 0, up]})
        someone = replace(anatomy, landmarks=moved)
        if sound:
            assert probe_pose(someone, "c2-oblique", side).name == "c2-oblique"
            continue
        with pytest.raises(ValueError, match=rf"{OCI}_{side} asks for a rotation of .* within 8\. Check the landmarks"):
            probe_pose(someone, "c2-oblique", side)


def test_same_question_same_answer(anatomy: Anatomy, placed: dict[tuple[str, str], ProbePose]) -> None:
    again = probe_pose(anatomy, "c2-oblique", "left")
    assert np.array_equal(again.ras_from_probe.matrix, placed["c2-oblique", "left"].ras_from_probe.matrix)


def test_named_pose_refuses(anatomy: Anatomy) -> None:
    with pytest.raises(ValueError, match="Did you mean 'c2-oblique'"):
        probe_pose(anatomy, "c2-obliq")
    with pytest.raises(ValueError, match="side is 'median'"):
        probe_pose(anatomy, "c2-spine", "median")


@pytest.mark.parametrize(
    ("name", "structure", "landmark"),
    [
        ("c2-spine", None, "c2_spinous_tip"),
        ("c2-oblique", "obliquus_capitis_inferior_right", None),
        ("nuchal-line", "greater_occipital_nerve_right", None),
        ("c2-c3-facet", "third_occipital_nerve_right", None),
        ("occipital-artery", "occipital_artery_right", None),
        ("nuchal-line", "skin", None),
    ],
)
def test_what_an_anatomy_lacks_is_named(anatomy: Anatomy, name: str, structure: str | None, landmark: str | None) -> None:
    lacking = replace(
        anatomy,
        structures=MappingProxyType({k: v for k, v in anatomy.structures.items() if k != structure}),
        landmarks=MappingProxyType({k: v for k, v in anatomy.landmarks.items() if k != landmark}),
    )
    with pytest.raises(ValueError, match=rf"{name}.*{structure or landmark}"):
        probe_pose(lacking, name, "right")


def test_a_nerve_elsewhere_is_reported(anatomy: Anatomy) -> None:
    key = f"{NERVE}_right"
    line = anatomy[key].centerline
    assert line is not None
    moved = replace(anatomy[key], centerline=line + [0, 0, 70.0])
    strange = replace(anatomy, structures=MappingProxyType({**anatomy.structures, key: moved}))
    with pytest.raises(ValueError, match="c2-oblique"):
        probe_pose(strange, "c2-oblique", "right")


def test_wrong_forms_give_a_pose_or_a_sentence(tiny_anatomy: Anatomy) -> None:
    for name in NAMES:
        try:
            assert isinstance(probe_pose(tiny_anatomy, name), ProbePose)
        except ValueError as sentence:
            assert str(sentence).endswith(".")
