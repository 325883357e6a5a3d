"""Sweeps: the section that was asked for, along the curve that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.contour import contour
from meshes.model import SurfaceMesh
from meshes.sweeps import Sweep, sweep

if TYPE_CHECKING:
    import trimesh

STRAIGHT = [[0, 0, 0], [0, 0, 20], [0, 0, 40]]
BENT = [[0, 0, 0], [4, 6, 15], [2, 14, 30], [0, 18, 45]]


def solid(mesh: SurfaceMesh) -> trimesh.Trimesh:
    import trimesh

    return trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)


def strap(width: float = 12.0, thickness: float = 5.0) -> Sweep:
    return sweep(STRAIGHT, width=[(0, width), (1, width)], thickness=[(0, thickness), (1, thickness)], wide_along=[1, 0, 0])


def body(form: Sweep, spacing: float = 0.7) -> trimesh.Trimesh:
    mesh = contour(form.field(), spacing)
    return solid(mesh)


def section_area(solid: trimesh.Trimesh, height: float) -> float:
    flat, _ = solid.section(plane_origin=[0, 0, height], plane_normal=[0, 0, 1]).to_2D()
    loops = (np.asarray(p) for p in flat.discrete)
    return float(sum(0.5 * abs(np.sum(p[:-1, 0] * p[1:, 1] - p[1:, 0] * p[:-1, 1])) for p in loops))


@settings(max_examples=6, deadline=None)
@given(st.floats(8, 16), st.floats(4, 8))
def test_section_is_an_ellipse_of_the_asked_axes(width: float, thickness: float) -> None:
    form = strap(width, thickness)
    assert section_area(body(form), 20.3) == pytest.approx(np.pi / 4 * width * thickness, rel=0.02)
    ends = np.array([[width, 0, 40.6], [-width, 0, 40.6], [0, thickness, 40.6], [0, -thickness, 40.6]]) / 2
    assert form.field()(ends) == pytest.approx(0, abs=1e-6)


def test_section_follows_the_table_along_the_length() -> None:
    spindle = sweep(STRAIGHT, width=[(0, 4), (0.5, 12), (1, 6)], thickness=[(0, 4), (0.5, 8), (1, 4)], wide_along=[1, 0, 0])
    solid = body(spindle)
    areas = [section_area(solid, z) for z in (2.0, 20.0, 38.0)]
    assert areas[1] == pytest.approx(np.pi / 4 * 96, rel=0.03)
    assert areas[0] < areas[2] < 0.5 * areas[1]


def test_a_round_straight_sweep_is_a_capsule() -> None:
    form = strap(8, 8).field()
    rng = np.random.default_rng(2)
    p = rng.uniform([-9, -9, -8], [9, 9, 48], (400, 3))
    want = np.linalg.norm(p - np.column_stack([np.zeros((400, 2)), np.clip(p[:, 2], 0, 40)]), axis=1) - 4
    assert form(p) == pytest.approx(want, abs=1e-6)


def test_surface_is_closed_and_bent_sweeps_keep_their_volume() -> None:
    form = sweep(BENT, width=[(0, 9), (1, 9)], thickness=[(0, 5), (1, 5)], wide_along=[1, 0, 0])
    solid = body(form)
    length = np.linalg.norm(np.diff(form.axis, axis=0), axis=1).sum()
    assert solid.is_watertight and solid.body_count == 1
    caps = 4 / 3 * np.pi * 4.5 * 2.5 * 2.5
    assert solid.volume == pytest.approx(np.pi / 4 * 45 * length + caps, rel=0.02)


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(-1, 1)] * 3).map(np.array))
def test_wide_direction_is_unit_and_square_to_the_curve(wide: np.ndarray) -> None:
    if np.linalg.norm(np.cross(wide, [0.1, 0.4, 0.9])) < 0.6:
        return
    form = sweep(BENT, width=[(0, 9), (1, 9)], thickness=[(0, 5), (1, 5)], wide_along=wide)
    along = np.gradient(form.axis, axis=0)
    assert np.linalg.norm(form.width_dir, axis=1) == pytest.approx(1)
    assert np.einsum("ij,ij->i", along, form.width_dir) == pytest.approx(0, abs=1e-9)


def test_wide_direction_turns_from_one_end_to_the_other() -> None:
    form = sweep(STRAIGHT, width=[(0, 9), (1, 9)], thickness=[(0, 3), (1, 3)], wide_along=[[1, 0, 0], [0, 1, 0]])
    assert form.width_dir[0] == pytest.approx([1, 0, 0]) and form.width_dir[-1] == pytest.approx([0, 1, 0])
    assert form.field()([[4, 0, 1], [0, 4, 39]]).max() < 0 < form.field()([[0, 4, 1], [4, 0, 39]]).min()


def test_axis_goes_through_its_nodes_from_origin_to_insertion() -> None:
    axis = sweep(BENT, width=[(0, 9), (1, 9)], thickness=[(0, 5), (1, 5)], wide_along=[1, 0, 0]).axis
    assert axis[0] == pytest.approx(BENT[0]) and axis[-1] == pytest.approx(BENT[-1])
    assert max(np.linalg.norm(axis - node, axis=1).min() for node in np.array(BENT)) < 0.3


def test_fibres_run_along_and_tendon_is_at_the_ends() -> None:
    form = strap()
    at = np.column_stack([np.linspace(-5, 5, 41), np.zeros(41), np.linspace(0, 40, 41)])
    direction, grain, tendon = form.fibres_at(at)
    assert direction == pytest.approx(np.tile([0, 0, 1.0], (41, 1)), abs=1e-6)
    assert grain[:, 0] == pytest.approx(at[:, 2], abs=0.3)
    assert tendon[0] == 1 and tendon[-1] == 1 and tendon[20] == 0


def test_grain_across_has_no_seam_round_the_muscle() -> None:
    angle = np.linspace(-np.pi, np.pi, 721)
    ring = np.column_stack([6 * np.cos(angle), 2.5 * np.sin(angle), np.full(721, 20.0)])
    across = strap().fibres_at(ring)[1][:, 1]
    assert np.abs(np.diff(across)).max() < 0.2 and np.ptp(across) > 8


def test_no_tendon_where_none_is_asked_for() -> None:
    form = sweep(STRAIGHT, width=[(0, 9), (1, 9)], thickness=[(0, 3), (1, 3)], wide_along=[1, 0, 0], tendon=(0, 0.3))
    assert form.tendon[0] == 0 and form.tendon[-1] == 1
