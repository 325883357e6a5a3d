"""Where a probe lies: its frame, the motions of the hand, resting on skin, and the named poses."""

from __future__ import annotations

from collections.abc import Callable
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
from sim.ultrasound.poses import ProbePose, contact, crossing, limit, press, rock, rotate, slide, tilt
from tests.conftest import ellipsoid

Array = NDArray[np.float64]
SIDES = ("right", "left")
NAMES = tuple(named_poses())
FLIP = np.array([-1.0, 1.0, 1.0])
LEFT = np.array([-1.0, 0, 0])
NERVE, ARTERY = "greater_occipital_nerve", "occipital_artery"


def behind() -> ProbePose:
    """A probe behind a neck: marked end to the patient's left, beam forward, elevation cranial."""
    return ProbePose(np.array([0.0, -60, -70]), LEFT, np.array([0.0, 1, 0]))


@pytest.fixture(scope="module")
def subject(anatomy: Anatomy) -> Subject:
    return Subject(anatomy)


@pytest.fixture(scope="module")
def skin(subject: Subject) -> SurfaceQuery:
    return subject.query("skin")


@pytest.fixture(scope="module")
def placed(anatomy: Anatomy) -> dict[tuple[str, str], ProbePose]:
    return {(name, side): probe_pose(anatomy, name, side) for name in NAMES for side in SIDES}


@pytest.fixture(scope="module")
def ball() -> SurfaceQuery:
    import trimesh

    from meshes.model import SurfaceMesh

    mesh = trimesh.creation.icosphere(subdivisions=5, radius=60.0)
    v = np.asarray(mesh.vertices, dtype=np.float64)
    return SurfaceQuery(SurfaceMesh(v, np.asarray(mesh.faces, dtype=np.int64), v / 60.0))


def angle(a: Array, b: Array) -> float:
    return float(np.rad2deg(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def in_image(pose: ProbePose, points: Array) -> Array:
    return pose.probe_from_ras.apply(np.atleast_2d(points)) + [0, 0, pose.press_mm]


def test_frame_of_the_probe() -> None:
    pose = replace(behind(), press_mm=4.0)
    assert pose.elevation == pytest.approx([0, 0, 1])
    assert pose.face_mm == pytest.approx([0, -56, -70])
    frame = pose.ras_from_probe
    assert (frame.source, frame.target) == ("probe", "ras")
    assert frame.apply([[1.0, 2, 3]])[0] == pytest.approx([-1, -53, -68])
    assert pose.probe_from_ras.apply(frame.apply([[1.0, 2, 3]]))[0] == pytest.approx([1, 2, 3])
    assert not any(v.flags.writeable for v in (pose.centre_mm, pose.lateral, pose.axis))


def test_axes_are_made_exact() -> None:
    pose = ProbePose(np.zeros(3), np.array([-3.0, 0, 0]), np.array([5e-4, 2.0, 0]))
    assert np.linalg.norm(pose.lateral) == pytest.approx(1, abs=1e-14) and np.linalg.norm(pose.axis) == pytest.approx(
        1, abs=1e-14
    )
    assert abs(pose.lateral @ pose.axis) < 1e-15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"centre_mm": np.array([np.nan, 0, 0])}, "centre_mm is"),
        ({"centre_mm": np.zeros(2)}, "three finite numbers"),
        ({"lateral": np.zeros(3)}, "must have a length"),
        ({"axis": np.array([np.inf, 0, 0])}, "three finite numbers"),
        ({"axis": np.array([-1.0, 1, 0])}, "meet at 45.0 degrees; they must be square"),
        ({"press_mm": -0.1}, "between 0 and"),
        ({"press_mm": float("nan")}, "finite number"),
        ({"press_mm": 1e6}, "between 0 and"),
    ],
)
def test_pose_refuses(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(behind(), **change)  # type: ignore[arg-type]


def test_rotate_is_clockwise_from_outside() -> None:
    turned = rotate(behind(), 90)  # behind the patient, left is left: clockwise brings the left end up
    assert turned.lateral == pytest.approx([0, 0, 1]) and turned.axis == pytest.approx([0, 1, 0])


def test_tilt_swings_the_beam_toward_elevation() -> None:
    turned = tilt(behind(), 30)
    assert turned.axis == pytest.approx([0, np.cos(np.pi / 6), 0.5]) and turned.lateral == pytest.approx(LEFT)


def test_rock_swings_the_beam_toward_the_marked_end_and_lifts_it() -> None:
    turned = rock(behind(), 30)
    assert turned.axis == pytest.approx([-0.5, np.cos(np.pi / 6), 0])
    assert turned.lateral[1] == pytest.approx(-0.5)  # the marked end moves back, out of the neck


@pytest.mark.parametrize("motion", [rotate, tilt, rock])
@pytest.mark.parametrize("deg", [0.0, 7.3, -33.0, 179.0, 725.0])
def test_there_and_back(motion: Callable[[ProbePose, float], ProbePose], deg: float) -> None:
    start = rock(tilt(rotate(replace(behind(), press_mm=3.0), 20), 11), -5)
    back = motion(motion(start, deg), -deg)
    assert np.abs(back.ras_from_probe.matrix - start.ras_from_probe.matrix).max() < 1e-9


@pytest.mark.parametrize("motion", [rotate, tilt, rock])
def test_half_and_half_is_the_whole(motion: Callable[[ProbePose, float], ProbePose]) -> None:
    pose = tilt(behind(), 12)
    assert motion(motion(pose, 10), 15).axis == pytest.approx(motion(pose, 25).axis, abs=1e-12)


@pytest.mark.parametrize("motion", [rotate, tilt, rock, press])
def test_motions_refuse_what_is_no_number(motion: Callable[[ProbePose, float], ProbePose]) -> None:
    for bad in (float("nan"), float("inf"), None):
        with pytest.raises(ValueError, match="finite number"):
            motion(behind(), bad)  # type: ignore[arg-type]


def test_press_stays_in_its_limits() -> None:
    assert press(press(behind(), 3), 2).press_mm == 5
    assert press(behind(), -3).press_mm == 0
    assert press(behind(), 1e9).press_mm == limit("press_most_mm")


def test_slide_on_a_ball_follows_a_great_circle(ball: SurfaceQuery) -> None:
    start = tilt(flat_on_skin(ball, [0, -60, 0], LEFT), 10)
    end = slide(start, ball, along_mm=60 * np.pi / 4)
    assert angle(end.centre_mm, np.array([-1.0, -1, 0])) < 0.5
    across = slide(start, ball, across_mm=30)
    assert across.centre_mm[2] == pytest.approx(60 * np.sin(0.5), abs=0.4)
    for pose in (end, across):
        inward = -pose.centre_mm / np.linalg.norm(pose.centre_mm)
        assert angle(inward, pose.axis) == pytest.approx(10, abs=0.5)
    assert end.elevation @ [0, 0, 1] == pytest.approx(np.cos(np.deg2rad(10)), abs=0.01)


@pytest.mark.parametrize(("along", "across"), [(15.0, 0.0), (-20.0, 0.0), (0.0, 12.0), (9.0, -14.0)])
def test_slide_there_and_back_on_the_neck(
    skin: SurfaceQuery, placed: dict[tuple[str, str], ProbePose], along: float, across: float
) -> None:
    for name in ("c2-spine", "c2-oblique"):
        start = placed[name, "right"]
        there = slide(start, skin, along, across)
        gone = np.linalg.norm(there.centre_mm - start.centre_mm)
        assert 0.8 * np.hypot(along, across) < gone <= np.hypot(along, across) + 1e-6
        back = slide(there, skin, -along, -across)
        assert np.linalg.norm(back.centre_mm - start.centre_mm) < 0.1
        assert angle(back.axis, start.axis) < 0.5 and angle(back.lateral, start.lateral) < 0.5
        assert there.press_mm == start.press_mm and there.name == name


def test_slide_nowhere_and_too_far(skin: SurfaceQuery) -> None:
    start = flat_on_skin(skin, [0, -60, -75], LEFT)
    assert np.abs(slide(start, skin).ras_from_probe.matrix - start.ras_from_probe.matrix).max() < 1e-6
    with pytest.raises(ValueError, match="at most 300 mm"):
        slide(start, skin, along_mm=1e7)
    with pytest.raises(ValueError, match="across_mm is nan"):
        slide(start, skin, across_mm=float("nan"))
    with pytest.raises(ValueError, match="square to the skin"):
        normal = skin.closest(start.centre_mm)[1][0]
        slide(ProbePose(start.centre_mm, normal, np.cross(normal, [0, 0, 1])), skin, along_mm=5)


def test_contact_of_a_flat_face_on_a_ball(ball: SurfaceQuery) -> None:
    pose = flat_on_skin(ball, [0, -60, 0], LEFT)
    gaps = contact(pose, ball, 38.4, n=3)
    sag = 60 - np.sqrt(60**2 - 19.2**2)
    assert gaps == pytest.approx([sag, 0, sag], abs=0.1)
    assert contact(press(pose, 2.0), ball, 38.4, n=3) == pytest.approx(gaps - 2, abs=1e-6)
    moved = replace(pose, centre_mm=pose.centre_mm + 30 * LEFT)
    assert np.isnan(contact(moved, ball, 70.0, n=5)).tolist() == [False, False, False, False, True]  # past the ball's rim


@pytest.mark.parametrize(("width", "n"), [(0.0, 64), (float("nan"), 64), (1e5, 64), (38.4, 1)])
def test_contact_refuses(ball: SurfaceQuery, width: float, n: int) -> None:
    with pytest.raises(ValueError, match=r"width_mm is|n is"):
        contact(flat_on_skin(ball, [0, -60, 0], LEFT), ball, width, n)


def test_crossing_of_a_line() -> None:
    line = np.array([[0.0, -40, -90], [0, -40, -60], [5, -30, -80]])
    assert crossing(line, behind()) == pytest.approx(np.array([[0, -40, -70], [2.5, -35, -70]]))
    assert crossing(line + [0, 0, 100], behind()).shape == (0, 3)
    through = np.array([[1.0, -40, -75], [1, -40, -70], [1, -40, -65]])  # a vertex in the plane counts once
    assert crossing(through, behind()) == pytest.approx(np.array([[1, -40, -70]]))
    with pytest.raises(ValueError, match="not finite"):
        crossing(np.array([[0, np.nan, 0], [0, 0, 1]]), behind())


def test_beam_angle() -> None:
    steep = np.array([[0.0, -40, -80], [0, -30, -60]])
    assert beam_angle_deg(steep, behind()) == pytest.approx(np.rad2deg(np.arctan2(20, 10)))
    with pytest.raises(ValueError, match="does not cross"):
        beam_angle_deg(steep + [0, 0, 90], behind())


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
    muscle = anatomy[f"obliquus_capitis_inferior_{side}"].mesh.vertices_mm
    along = np.linalg.svd(muscle - muscle.mean(axis=0), full_matrices=False)[2][0]
    assert abs(along @ pose.elevation) < np.sin(np.deg2rad(3))
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
    skin = Subject(someone).query("skin")
    for name in NAMES:
        pose = probe_pose(someone, name, "right")
        if not (of := named_poses()[name].of):
            continue
        seen = in_image(pose, crossing(someone[f"{of[0]}_right"].centerline, pose))  # type: ignore[arg-type]
        assert np.abs(seen[:, 0]).min() <= named_poses()[name].within_mm + 0.1
        if name == "c2-oblique":
            assert 15 - 0.1 <= -rotation_deg(pose, skin) <= 35 + 0.1


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
