"""Unit and frame by the skull alone: every turn by right angles, tilted heads, scans that are cut off, and what is no skull."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from meshes.importing.orientation import TO_RAS, Seat, axes_in_words, check_skull, frame_of, right_angles, seated, unit_of
from meshes.importing.raw import ImportFault
from meshes.model import SurfaceMesh
from meshes.real_dress import outward
from meshes.real_fit import Similarity
from tests.scans import Array, thin


def skull(move: Array, keep: np.ndarray | None = None) -> SurfaceMesh:
    vertices, faces = thin("cranium")
    return outward(vertices @ move.T, faces if keep is None else faces[keep[faces].all(axis=1)])


@pytest.mark.slow
@settings(max_examples=3, deadline=None)
@given(st.integers(0, 23), st.tuples(*[st.floats(-1, 1)] * 3), st.floats(0, 40), st.floats(0.85, 1.2), st.booleans())
def test_a_tilted_head_in_any_frame_is_recognised(
    which: int, axis: tuple[float, float, float], degrees: float, size: float, mirrored: bool
) -> None:
    way = np.array(axis) / max(float(np.linalg.norm(axis)), 1e-9)
    tilt = Rotation.from_rotvec(np.deg2rad(degrees) * way).as_matrix()
    axes = right_angles()[which]
    seat = seated(skull(size * axes.T @ tilt @ np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0])))
    assert np.allclose(seat.axes, axes), (axes_in_words(axes), axes_in_words(seat.axes))
    assert seat.tilt(axes) == pytest.approx(degrees * float(np.linalg.norm(way)), abs=3)
    check_skull(seat)


def test_frames_are_named_and_lie_as_they_are_defined() -> None:
    assert axes_in_words(TO_RAS["lps"]) == "+x to the left, +y to the back, +z to the top"
    assert axes_in_words(TO_RAS["y-up"]) == "+x to the left, +y to the top, +z to the front"
    assert all(np.linalg.det(t) == pytest.approx(1) for t in (*TO_RAS.values(), *right_angles()))
    assert len(right_angles()) == 24


@pytest.mark.parametrize(("unit", "times"), [("mm", 1.0), ("cm", 0.1), ("m", 0.001)])
def test_the_unit_is_told_by_the_size(unit: str, times: float) -> None:
    vertices, faces = thin("cranium")
    assert unit_of(times * vertices, faces)[0] == unit


def test_a_size_between_units_is_refused() -> None:
    vertices, faces = thin("cranium")
    with pytest.raises(ImportFault, match="no head in mm, cm or m"):
        unit_of(vertices / 3.2, faces)


@pytest.mark.slow
def test_a_scan_that_is_cut_off_above_is_recognised_and_one_without_base_refused() -> None:
    z = thin("cranium")[0][:, 2]
    seat = seated(skull(TO_RAS["lps"].T, z < 30))
    check_skull(seat)
    assert np.allclose(seat.axes, TO_RAS["lps"]) and seat.way.scale == pytest.approx(1, abs=0.1)
    with pytest.raises(ImportFault, match="no skull base"):
        check_skull(seated(skull(np.eye(3), z > 0)))


def test_another_bone_is_no_skull() -> None:
    with pytest.raises(ImportFault, match="no skull"):
        check_skull(seated(outward(*thin("mandible"))))


def seat(turn: Array) -> Seat:
    return Seat(Similarity(turn, 1.0, np.zeros(3)), 1.0, 1.0)


def test_what_is_told_is_held_against_what_is_seen() -> None:
    lps = seat(TO_RAS["lps"])
    assert frame_of(lps, None, "")[1] == frame_of(lps, "lps", "the file")[1] == "lps"
    with pytest.raises(ImportFault, match=r"the file says ras, but .*--frame lps"):
        frame_of(lps, "ras", "the file")
    about = seat(np.diag([-1.0, -1.0, 1.0]) @ TO_RAS["y-up"])
    assert frame_of(about, "y-up", "the file")[1].startswith("+x to the right, +y to the top")
    with pytest.raises(ImportFault, match="--frame says y-up"):
        frame_of(about, "y-up", "--frame")


def test_a_head_between_two_frames_is_asked_for() -> None:
    with pytest.raises(ImportFault, match="turned by 45 degrees"):
        frame_of(seat(Rotation.from_euler("x", 45, degrees=True).as_matrix()), None, "")
