"""Rigid transforms: they compose, they invert, they refuse frames that do not meet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from meshes.frames import Frame, RigidTransform, frame_from_axes

POINTS = np.random.default_rng(0).uniform(-200, 200, (20, 3))


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    m = np.eye(4)
    m[:3, :3] = Rotation.from_euler("xyz", draw(st.tuples(*[st.floats(-180, 180)] * 3)), degrees=True).as_matrix()
    m[:3, 3] = draw(st.tuples(*[st.floats(-300, 300)] * 3))
    return m


@given(matrices(), matrices())
def test_composition_applies_the_right_hand_one_first(a: np.ndarray, b: np.ndarray) -> None:
    image_to_probe, probe_to_ras = RigidTransform(a, "image", "probe"), RigidTransform(b, "probe", "ras")
    both = probe_to_ras @ image_to_probe
    assert (both.source, both.target) == ("image", "ras")
    assert both.apply(POINTS) == pytest.approx(probe_to_ras.apply(image_to_probe.apply(POINTS)), abs=1e-6)


@given(matrices(), matrices(), matrices())
def test_composition_is_associative(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    p, q, r = RigidTransform(a, "needle", "image"), RigidTransform(b, "image", "probe"), RigidTransform(c, "probe", "ras")
    assert ((r @ q) @ p).matrix == pytest.approx((r @ (q @ p)).matrix, abs=1e-9)


@given(matrices())
def test_inverse_leads_back(m: np.ndarray) -> None:
    there = RigidTransform(m, "probe", "ras")
    back = there.inverse()
    assert (back.source, back.target) == ("ras", "probe")
    assert back.apply(there.apply(POINTS)) == pytest.approx(POINTS, abs=1e-6)
    assert (there @ back).matrix == pytest.approx(np.eye(4), abs=1e-9)


@given(matrices())
def test_distances_and_handedness_are_kept(m: np.ndarray) -> None:
    moved = RigidTransform(m, "probe", "ras").apply(POINTS)
    assert np.linalg.norm(np.diff(moved, axis=0), axis=1) == pytest.approx(np.linalg.norm(np.diff(POINTS, axis=0), axis=1))
    triple = [float(np.linalg.det(np.diff(p[:4], axis=0))) for p in (POINTS, moved)]
    assert triple[0] == pytest.approx(triple[1], rel=1e-6)


@pytest.mark.parametrize(("first", "then"), [("ras", "probe"), ("image", "needle"), ("native", "ras")])
def test_frames_that_do_not_meet_are_refused_by_name(first: Frame, then: Frame) -> None:
    a, b = RigidTransform(np.eye(4), "probe", first), RigidTransform(np.eye(4), then, "ras")
    with pytest.raises(ValueError, match=f"frames do not meet: {first} -> {then}"):
        b @ a


@pytest.mark.parametrize(
    "bad",
    [np.diag([2.0, 1, 1, 1]), np.diag([-1.0, 1, 1, 1]), np.eye(3), np.full((4, 4), np.nan)],
    ids=["scaled", "mirrored", "3x3", "nan"],
)
def test_a_matrix_that_is_not_rigid_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="matrix"):
        RigidTransform(bad, "probe", "ras")


def test_a_transform_cannot_be_written_to_and_keeps_its_own_copy() -> None:
    m = np.eye(4)
    t = RigidTransform(m, "probe", "ras")
    m[0, 3] = 99
    assert t.matrix[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        t.matrix[0, 3] = 1


@given(matrices())
def test_frame_from_axes_stands_where_it_is_told(m: np.ndarray) -> None:
    x, z, origin = m[:3, 0], m[:3, 2], m[:3, 3]
    pose = frame_from_axes(origin, 3 * x, 2 * z + 5 * x, "probe")
    assert (pose.source, pose.target) == ("probe", "ras")
    assert pose.matrix == pytest.approx(m, abs=1e-9)
    assert pose.apply([[0, 0, 0], [7, 0, 0]]) == pytest.approx(np.array([origin, origin + 7 * x]), abs=1e-6)
