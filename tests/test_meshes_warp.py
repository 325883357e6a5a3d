"""Landmarks carried to other landmarks: hit exactly, the affine followed everywhere, nothing folded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from meshes.maps import jacobian
from meshes.warp import grid_round, warp_between

Array = NDArray[np.float64]
KNOTS = np.random.default_rng(5).uniform(-100, 100, (24, 3))
CLOUD = np.random.default_rng(6).uniform(-110, 110, (300, 3))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(0, 7))
def test_landmarks_are_hit_unfolded_and_the_way_back_is_known(seed: int, far: float) -> None:
    goal = KNOTS + np.random.default_rng(seed).uniform(-far, far, KNOTS.shape)
    warp = warp_between(KNOTS, goal)
    assert warp.apply(KNOTS) == pytest.approx(goal, abs=1e-6)
    assert np.linalg.det(warp.jacobian(CLOUD)).min() > 0
    assert warp.inverse(warp.apply(CLOUD)) == pytest.approx(CLOUD, abs=1e-5)


def test_an_affine_change_is_followed_far_from_the_landmarks() -> None:
    turn = np.array([[1.1, 0.05, 0.0], [0.0, 0.9, 0.1], [-0.05, 0.0, 1.05]])
    warp = warp_between(KNOTS, KNOTS @ turn.T + [5.0, -3.0, 8.0])
    far = 3 * CLOUD
    assert warp.apply(far) == pytest.approx(far @ turn.T + [5.0, -3.0, 8.0], abs=1e-6)
    assert warp.jacobian(far) == pytest.approx(np.broadcast_to(turn, (len(far), 3, 3)), abs=1e-6)


def test_a_great_change_takes_several_steps_and_does_not_fold() -> None:
    box = np.array([[x, y, z] for x in (-50.0, 50.0) for y in (-50.0, 50.0) for z in (-50.0, 50.0)])
    pair = np.array([[0.0, -10.0, 0.0], [0.0, 40.0, 0.0]])
    warp = warp_between(np.vstack([box, pair]), np.vstack([box, pair + [[0.0, 46.0, 0.0], [0.0, 0.0, 0.0]]]))
    assert len(warp.maps) > 1
    assert np.linalg.det(warp.jacobian(CLOUD)).min() > 0


def test_the_derivative_of_a_step_is_that_of_its_points() -> None:
    step = warp_between(KNOTS, KNOTS + np.sin(KNOTS / 20) * 4).maps[0]
    assert step.jacobian(CLOUD) == pytest.approx(jacobian(step, CLOUD), abs=1e-6)  # type: ignore[attr-defined]


def test_stiffness_misses_by_a_little_for_a_calmer_map() -> None:
    goal = KNOTS + np.random.default_rng(1).uniform(-5, 5, KNOTS.shape)
    miss = np.linalg.norm(warp_between(KNOTS, goal, stiffness=30.0).apply(KNOTS) - goal, axis=1)
    assert 0.01 < miss.mean() < 5


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (KNOTS[:3], KNOTS[:3], "too few"),
        (KNOTS * [1, 1, 0], KNOTS, "one plane"),
        (KNOTS, KNOTS[:-1], "match one to one"),
        (KNOTS[:6], KNOTS[[1, 0, 2, 3, 4, 5]], "without folding"),
    ],
)
def test_what_cannot_be_carried_is_refused(source: Array, target: Array, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        warp_between(source, target)


def test_the_grid_goes_round_all_points() -> None:
    grid = grid_round(KNOTS)
    assert (grid.min(axis=0) < KNOTS.min(axis=0)).all() and (grid.max(axis=0) > KNOTS.max(axis=0)).all()
