"""The maps of a person's measures: smooth, one-to-one, the same on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.bends import Bump, Lordosis, Scales
from meshes.maps import Chain, eased, inverse
from meshes.points import FLIP

CLOUD = np.random.default_rng(2).uniform([-60, -60, -200], [60, 60, 125], (400, 3))
BODIES = np.array([[0, 5.5, -58], [0, 5, -75], [0, 3, -90], [0, 0, -104], [0, -3, -118], [0, -8, -132], [0, -14, -148.0]])
LEVELS = np.array([-66.0, -140.0, -156.0, -276.0])

scales = st.floats(0.85, 1.2)
maps = st.one_of(
    st.builds(Scales, st.tuples(scales, scales, scales).map(np.array), scales, scales),
    st.builds(Lordosis, st.floats(-22, 22), st.just(LEVELS), st.just(BODIES)),
    st.builds(
        Bump,
        st.just(np.array([0.0, -81, -20])),
        st.just(np.array([0.0, -0.970143, -0.242536])),
        st.floats(-3, 16),
        st.floats(15, 36),
        st.floats(15, 20),
        st.just(45.0),
    ),
)


@settings(deadline=None, max_examples=60)
@given(maps)
def test_a_map_is_one_to_one_and_mirrors(one: Scales | Lordosis | Bump) -> None:
    chain = Chain((one,))
    assert np.linalg.det(chain.jacobian(CLOUD)).min() > 0.05
    assert chain.apply(CLOUD * FLIP) == pytest.approx(chain.apply(CLOUD) * FLIP)
    assert chain.inverse(chain.apply(CLOUD)) == pytest.approx(CLOUD, abs=1e-5)


@settings(deadline=None, max_examples=20)
@given(st.lists(maps, min_size=2, max_size=3))
def test_a_chain_goes_back_through_its_maps(several: list[Scales | Lordosis | Bump]) -> None:
    chain = Chain(tuple(several))
    by_hand = CLOUD
    for one in several:
        by_hand = one.apply(by_hand)
    assert chain.apply(CLOUD) == pytest.approx(by_hand)
    assert chain.inverse(by_hand) == pytest.approx(CLOUD, abs=1e-4)


@settings(deadline=None, max_examples=20)
@given(maps)
def test_normals_stay_square_to_what_lies_in_the_surface(one: Scales | Lordosis | Bump) -> None:
    chain, normal = Chain((one,)), np.tile([0.6, -0.8, 0.0], (len(CLOUD), 1))
    turned = chain.normals(CLOUD, normal)
    assert np.linalg.norm(turned, axis=1) == pytest.approx(1)
    for inside in ([0.8, 0.6, 0.0], [0.0, 0.0, 1.0]):
        along = chain.along(CLOUD, np.tile(inside, (len(CLOUD), 1)))
        assert np.einsum("ij,ij->i", along, turned) == pytest.approx(0, abs=1e-4)
    outward = chain.along(CLOUD, normal)
    assert (np.einsum("ij,ij->i", outward, turned) > 0).all()


def test_a_tube_grows_by_its_cross_section_alone() -> None:
    line = np.linspace([10, 0, 90], [10, 0, 60], 12)
    wide = Scales(np.array([1.2, 1.2, 0.5]), 1.0, 1.0)
    assert Chain((wide,)).calibre(line) == pytest.approx(1.2, abs=0.01)
    assert Chain().calibre(line) == pytest.approx(1.0)


def test_a_lordosis_turns_c7_keeps_the_head_and_the_column_long() -> None:
    bend = Lordosis(20.0, LEVELS, BODIES)
    head = CLOUD[CLOUD[:, 2] > LEVELS[0]]
    assert np.array_equal(bend.apply(head), head)
    plate = np.array([[0, -13, -140], [0, -3, -140.0]])
    back, front = bend.apply(plate)
    assert np.rad2deg(np.arctan2(back[2] - front[2], front[1] - back[1])) == pytest.approx(20, abs=0.3)
    moved = bend.apply(BODIES)
    assert np.linalg.norm(np.diff(moved, axis=0), axis=1).sum() == pytest.approx(
        np.linalg.norm(np.diff(BODIES, axis=0), axis=1).sum(), rel=0.01
    )


def test_a_thick_neck_has_no_thick_vertebrae() -> None:
    thick = Scales(np.ones(3), 1.3, 1.0)
    column, skin = thick.apply(np.array([[5.0, 0, -100]])), thick.apply(np.array([[60.0, 0, -100]]))
    assert column[0, 0] == pytest.approx(5.0) and skin[0, 0] == pytest.approx(78.0)


def test_a_bump_stands_out_by_what_is_pushed_and_fades() -> None:
    tip, outward = np.array([0.0, -81, -20]), np.array([0.0, -1.0, 0.0])
    bump = Bump(tip, outward, 6.0, 20.0, 16.0, 45.0)
    assert bump.apply(tip[None])[0] == pytest.approx([0, -87, -20])
    assert bump.apply((tip + [0, -5, 0])[None])[0] == pytest.approx([0, -92, -20])
    away = np.array([[21.0, -81, -20], [0, -81, -3], [0, -30, -20]])
    assert bump.apply(away) == pytest.approx(away)


def test_a_point_that_no_map_reaches_is_told() -> None:
    class Flat:
        def apply(self, points: np.ndarray) -> np.ndarray:
            return np.column_stack([np.tanh(points[:, 0]), points[:, 1:]])

    with pytest.raises(ValueError, match="no place"):
        inverse(Flat(), np.array([[3.0, 0, 0]]))


def test_the_easing_is_smooth_and_whole() -> None:
    t = np.linspace(-0.5, 1.5, 401)
    value = eased(t, 0.25)
    assert value[0] == 0 and value[-1] == 1 and (np.diff(value) >= 0).all()
    assert np.abs(np.diff(value, 2)).max() < 5e-4
