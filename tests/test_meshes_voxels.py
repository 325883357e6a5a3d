from __future__ import annotations

import numpy as np
import pytest

from meshes import fields
from meshes.contour import contour
from meshes.voxels import surface_field, surface_grid

BALL = contour(fields.sphere([3.0, -2.0, 5.0], 9.0), 0.8)
LOW, HIGH = np.array([-15.0, -20.0, -10.0]), np.array([20.0, 15.0, 20.0])


def test_distances_to_a_ball_are_those_of_the_ball() -> None:
    field = surface_field(BALL, LOW, HIGH, 0.6)
    p = np.random.default_rng(0).uniform(LOW + 4, HIGH - 4, (3000, 3))
    true = np.linalg.norm(p - [3.0, -2.0, 5.0], axis=1) - 9.0
    near = np.abs(true) < 0.9
    assert np.abs(field(p)[near] - true[near]).max() < 0.1
    assert np.abs(field(p) - true)[np.abs(true) < 6].max() < 0.7
    assert (np.sign(field(p)) == np.sign(true))[np.abs(true) > 0.1].all()


def test_a_thin_sheet_between_coarse_nodes_is_not_lost() -> None:
    sheet = contour(fields.box([0.0, 0.0, 0.3], [10.0, 10.0, 0.5]), 0.4)
    field = surface_field(sheet, [-14.0, -14.0, -9.0], [14.0, 14.0, 9.0], 0.6)
    assert field([[0.0, 0.0, 0.3]])[0] < -0.2
    assert field([[0.0, 0.0, 6.3]])[0] == pytest.approx(5.5, abs=0.6)


def test_the_same_surface_comes_from_memory_and_a_moved_one_does_not() -> None:
    first = surface_grid(BALL, LOW, HIGH, 1.0)
    assert surface_grid(BALL, LOW, HIGH, 1.0) is first
    moved = contour(fields.sphere([3.5, -2.0, 5.0], 9.0), 0.8)
    assert surface_grid(moved, LOW, HIGH, 1.0) is not first


def test_a_region_apart_from_the_surface_is_refused() -> None:
    with pytest.raises(ValueError, match="no part in the region"):
        surface_field(BALL, [100.0, 100.0, 100.0], [120.0, 120.0, 120.0])
