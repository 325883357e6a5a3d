from __future__ import annotations

import numpy as np
import pytest

from meshes.model import SurfaceMesh
from sim.marks import ball, line_marks, marker_marks, marks_of, needle_marks, probe_axes, probe_marks, tube, turned
from sim.picture import Line, Marker, Needle, Picture, Probe

PROBE = Probe((10, -80, -40), (0.9, 0.1, 0.2), (-0.1, 1.0, 0.1))


def volume(mesh: SurfaceMesh) -> float:
    a, b, c = (mesh.vertices_mm[mesh.faces[:, i]] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def assert_outward(mesh: SurfaceMesh) -> None:
    assert volume(mesh) > 0
    a, b, c = (mesh.vertices_mm[mesh.faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    big = np.linalg.norm(cross, axis=1) > 1e-6
    own = mesh.normals[mesh.faces].mean(axis=1)
    assert ((cross * own).sum(axis=1)[big] > 0).mean() > 0.97


@pytest.mark.parametrize(
    "mesh",
    [
        ball((1, 2, 3), 4),
        tube([[0, 0, 0], [5, 0, 0], [9, 4, 2]], 1.0),
        turned([[0, 0, 0], [0, 0, 5]], [2, 1]),
        *(mark.mesh for mark in probe_marks(PROBE)),
        *(mark.mesh for mark in needle_marks(Needle((0, -80, 0), (0, -60, 0)))),
    ],
)
def test_marks_are_closed_and_face_outward(mesh: SurfaceMesh) -> None:
    assert_outward(mesh)


def test_volume_of_a_ball() -> None:
    assert volume(ball((5, 5, 5), 10)) == pytest.approx(4 / 3 * np.pi * 1000, rel=0.05)


def test_the_needle_ends_at_its_tip_and_has_its_length() -> None:
    shaft = needle_marks(Needle((0, -80, 0), (0, -60, 0), length_mm=50, diameter_mm=0.7))[0].mesh.vertices_mm
    assert shaft[:, 1].max() == pytest.approx(-60)
    assert np.ptp(shaft[:, 1]) == pytest.approx(50)
    assert np.ptp(shaft[:, 0]) == pytest.approx(0.7, rel=0.02)


def test_the_footprint_has_the_size_of_the_probe() -> None:
    lateral, axis, across = probe_axes(PROBE)
    frame = np.stack([lateral, axis, across])
    assert np.allclose(frame @ frame.T, np.eye(3))
    marks = probe_marks(PROBE)
    foot = (marks[0].mesh.vertices_mm - np.array(PROBE.centre_mm)) @ frame.T
    assert np.ptp(foot[:, 0]) == pytest.approx(38) and np.ptp(foot[:, 2]) == pytest.approx(8)
    assert (foot[:, 1] < 0).all()
    sheet = (marks[1].mesh.vertices_mm - np.array(PROBE.centre_mm)) @ frame.T
    assert sheet[:, 1].max() == pytest.approx(PROBE.depth_mm)


def test_ticks_mark_the_thirds_of_a_line() -> None:
    marks = line_marks(Line(((0, 0, 0), (30, 0, 0), (60, 0, 0)), ticks=(1 / 3, 2 / 3)))
    beads = [mark.mesh.vertices_mm.mean(axis=0)[0] for mark in marks[1:]]
    assert beads == pytest.approx([20, 40], abs=0.2)


def test_dashes_leave_gaps() -> None:
    assert len(line_marks(Line(((0, 0, 0), (60, 0, 0)), dashed=True))) > 4


def test_a_marker_without_target_has_no_geometry() -> None:
    assert marker_marks(Marker("a", (0, 0, 0))) == []
    assert len(marker_marks(Marker("a", (0, 0, 0), target_mm=(0, 10, 0)))) == 2


def test_all_marks_of_a_picture() -> None:
    picture = Picture("p", (), probe=PROBE, needles=(Needle((0, -80, 0), (0, -60, 0)),), lines=(Line(((0, 0, 0), (9, 0, 0))),))
    assert len(marks_of(picture)) == 1 + 3 + 4
