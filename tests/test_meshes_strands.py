"""Nerves and vessels as rods."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from meshes.curves import arc_length
from meshes.model import Anatomy
from meshes.strands import STEP_MM, Strands, strands_from, strands_of

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def strands(anatomy: Anatomy) -> Strands:
    return strands_of(anatomy)


def gap(points: Array, s: Strands) -> Array:
    """Distance of points (n, 3) to the nearest rod's axis."""
    way = s.end - s.start
    out = []
    for p in points:
        share = np.clip(((p - s.start) * way).sum(axis=1) / np.maximum((way**2).sum(axis=1), 1e-12), 0, 1)
        out.append(np.linalg.norm(p - s.start - share[:, None] * way, axis=1).min())
    return np.array(out)


def part(s: Strands, key: str) -> Strands:
    at = s.owner == s.keys.index(key)
    return Strands(s.start[at], s.end[at], s.radius_mm[at], s.across[at], s.along_mm[at], s.owner[at], s.keys, s.kinds)


def trunk(s: Strands, key: str) -> Strands:
    """The rods of a structure up to where the way begins anew: a branch."""
    own = part(s, key)
    ends = np.flatnonzero(np.diff(own.along_mm) < 0)
    n = ends[0] + 1 if len(ends) else len(own)
    return Strands(
        own.start[:n], own.end[:n], own.radius_mm[:n], own.across[:n], own.along_mm[:n], own.owner[:n], s.keys, s.kinds
    )


def test_every_nerve_and_vessel_with_an_axis_has_rods(anatomy: Anatomy, strands: Strands) -> None:
    wanted = {k for k, s in anatomy.structures.items() if s.kind in ("nerve", "artery", "vein") and s.centerline is not None}
    wanted = {k for k in wanted if anatomy[k].tissue in ("nerve", "artery", "vein")}
    assert set(strands.keys) == wanted and len(wanted) > 20
    assert set(np.unique(strands.owner)) == set(range(len(strands.keys)))
    assert [anatomy[k].kind for k in strands.keys] == list(strands.kinds)
    assert set(strands.kinds) == {"nerve", "artery", "vein"}


@pytest.mark.parametrize("key", ["greater_occipital_nerve_right", "occipital_artery_left", "vertebral_artery_right"])
def test_rods_follow_the_axis(anatomy: Anatomy, strands: Strands, key: str) -> None:
    line = anatomy[key].centerline
    assert line is not None
    own = trunk(strands, key)
    assert gap(line, own).max() < 0.1
    assert np.allclose(own.start[0], line[0], atol=1e-6) and np.allclose(own.end[-1], line[-1], atol=1e-6)
    assert np.allclose(own.start[1:], own.end[:-1])
    assert np.linalg.norm(own.end - own.start, axis=1).max() <= STEP_MM * 1.05
    assert np.allclose(np.diff(own.along_mm), np.diff(own.along_mm)[0]) and own.along_mm[0] == 0
    assert own.along_mm[-1] < arc_length(line)[-1]


@pytest.mark.parametrize("key", ["greater_occipital_nerve_right", "occipital_artery_left", "vertebral_artery_right"])
def test_radii_are_those_of_the_structure(anatomy: Anatomy, strands: Strands, key: str) -> None:
    line, radius = anatomy[key].centerline, anatomy[key].radius_mm
    assert line is not None and radius is not None
    own = trunk(strands, key)
    assert np.allclose(own.radius_mm[:, 0], np.interp(own.along_mm, arc_length(line), radius))
    assert np.allclose(own.radius_mm[1:, 0], own.radius_mm[:-1, 1])


def test_all_radii_are_sound_and_branches_are_there(anatomy: Anatomy, strands: Strands) -> None:
    assert (strands.radius_mm > 0).all() and (strands.radius_mm < 12).all()
    with_branches = [k for k in strands.keys if anatomy[k].branches]
    assert with_branches
    for key in with_branches:
        for line in anatomy[key].branches.values():
            assert gap(line, part(strands, key)).max() < 0.2


def test_frames_are_square_and_turn_little(strands: Strands) -> None:
    way = strands.end - strands.start
    way = way / np.linalg.norm(way, axis=1, keepdims=True)
    assert np.isfinite(strands.across).all()
    assert np.allclose(np.linalg.norm(strands.across, axis=1), 1, atol=1e-9)
    assert np.abs((strands.across * way).sum(axis=1)).max() < 1e-9
    chained = (np.linalg.norm(strands.start[1:] - strands.end[:-1], axis=1) < 1e-9) & (np.diff(strands.along_mm) > 0)
    turn = np.arccos(np.clip((strands.across[1:] * strands.across[:-1]).sum(axis=1), -1, 1))[chained]
    bend = np.arccos(np.clip((way[1:] * way[:-1]).sum(axis=1), -1, 1))[chained]
    assert (turn <= bend + 1e-6).all()  # no twist of its own


@given(
    st.lists(st.tuples(*[st.floats(-50, 50)] * 3), min_size=2, max_size=6), st.floats(0.2, 3),
    st.tuples(*[st.floats(-60, 60)] * 3), st.floats(0.5, 30),
)  # fmt: skip
def test_near_leaves_out_nothing_that_comes_into_the_box(
    nodes: list[tuple[float, float, float]], radius: float, corner: tuple[float, float, float], side: float
) -> None:
    line = np.array(nodes)
    if arc_length(line)[-1] < 1e-3:
        return
    s = strands_from({"line": ("vein", line, radius)})
    low = np.array(corner)
    high = low + side
    kept = s.near(low, high)
    middle = (s.start + s.end) / 2
    beyond = np.linalg.norm(np.maximum(np.maximum(low - middle, middle - high), 0), axis=1)
    assert len(kept) >= (beyond < radius * 0.99).sum()
    assert len(kept) <= (beyond <= np.sqrt(3) * (radius + STEP_MM) + 1e-9).sum()
    assert (kept.owner == 0).all() and kept.keys == ("line",)


def test_strands_without_any_are_empty() -> None:
    none = strands_from({})
    assert len(none) == 0 and none.keys == () and len(none.near(np.zeros(3), np.ones(3))) == 0
    assert len(strands_from({"dot": ("nerve", np.zeros((1, 3)), 1.0)})) == 0


def test_radius_may_change_along_a_line() -> None:
    s = strands_from({"cone": ("artery", np.array([[0.0, 0, 0], [10, 0, 0]]), np.array([1.0, 3.0]))})
    assert s.radius_mm[0, 0] == 1 and s.radius_mm[-1, 1] == 3 and (np.diff(s.radius_mm, axis=1) > 0).all()


def test_left_mirrors_right(anatomy: Anatomy, strands: Strands) -> None:
    right, left = trunk(strands, "greater_occipital_nerve_right"), trunk(strands, "greater_occipital_nerve_left")
    assert np.allclose(right.start * [-1, 1, 1], left.start, atol=1e-6)
