"""Where a probe lies: its frame, and the motions of the hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.surface import SurfaceQuery
from sim.ultrasound.placing import beam_angle_deg, flat_on_skin
from sim.ultrasound.poses import ProbePose, contact, crossing, limit, press, rock, rotate, slide, tilt

Array = NDArray[np.float64]
SIDES = ("right", "left")
FLIP = np.array([-1.0, 1.0, 1.0])
LEFT = np.array([-1.0, 0, 0])
NERVE, ARTERY = "greater_occipital_nerve", "occipital_artery"


def behind() -> ProbePose:
    """A probe behind a neck: marked end to the patient's left, beam forward, elevation cranial."""
    return ProbePose(np.array([0.0, -60, -70]), LEFT, np.array([0.0, 1, 0]))


@pytest.fixture(scope="module")
def ball() -> SurfaceQuery:
    import trimesh

    from meshes.model import SurfaceMesh

    mesh = trimesh.creation.icosphere(subdivisions=5, radius=60.0)
    v = np.asarray(mesh.vertices, dtype=np.float64)
    return SurfaceQuery(SurfaceMesh(v, np.asarray(mesh.faces, dtype=np.int64), v / 60.0))


def angle(a: Array, b: Array) -> float:
    return float(np.rad2deg(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


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
