"""Charts through points of forms that are known: spheres, cylinders, a bent axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.charts import LevelChart, RadiusChart
from meshes.curves import Array

CENTRE = np.array([2.0, -5.0, 30.0])


def directions(n: int, seed: int = 0) -> Array:
    v = np.random.default_rng(seed).normal(size=(n, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def bumpy(n: int = 70) -> Array:
    """Named-point-like cloud: a smooth head-sized form, not a sphere."""
    d = directions(n, 1)
    return CENTRE + d * (75 + 8 * d[:, :1] ** 2 - 6 * d[:, 1:2] + 5 * d[:, 2:] * d[:, 1:2])


def column(z: Array, angle: Array, radius: Array, axis_y: Array) -> Array:
    return np.column_stack([radius * np.sin(angle), axis_y + radius * np.cos(angle), z])


def test_radius_chart_reproduces_its_points() -> None:
    points = bumpy()
    assert np.abs(RadiusChart.through(CENTRE, points).field()(points)).max() < 0.15


def test_radius_chart_is_finer_with_a_finer_grid() -> None:
    points = bumpy()
    coarse, fine = (np.abs(RadiusChart.through(CENTRE, points, step_deg=s).field()(points)).max() for s in (6.0, 2.0))
    assert fine < coarse


@settings(max_examples=10, deadline=None)
@given(st.floats(20, 100), st.integers(20, 60))
def test_radius_chart_of_a_sphere_is_the_sphere(radius: float, n: int) -> None:
    chart = RadiusChart.through(CENTRE, CENTRE + radius * directions(n), step_deg=6.0)
    off = CENTRE + np.array([[0.5], [0.9], [1.4]])[:, None] * radius * directions(50, 7)
    want = np.linalg.norm(off - CENTRE, axis=-1) - radius
    assert chart.field()(off.reshape(-1, 3)) == pytest.approx(want.ravel(), abs=1e-3 * radius)


def test_radius_chart_follows_the_smooth_form_between_its_points() -> None:
    d = directions(300, 9)
    truth = CENTRE + d * (75 + 8 * d[:, :1] ** 2 - 6 * d[:, 1:2] + 5 * d[:, 2:] * d[:, 1:2])
    assert np.abs(RadiusChart.through(CENTRE, bumpy()).field()(truth)).max() < 2.0


def test_radius_chart_has_no_seam_and_no_kink_at_its_poles() -> None:
    chart = RadiusChart.through(CENTRE, bumpy())
    tiny = 1e-5
    for a, b in (
        ([0, 1, tiny], [0, 1, -tiny]),  # where the azimuth wraps
        ([1, tiny, 0], [1, -tiny, 0]),  # the pole of the grid
        ([-1, 0, tiny], [-1, 0, -tiny]),
    ):
        near = np.array([a, b], dtype=float)
        r = chart.radius(near / np.linalg.norm(near, axis=1, keepdims=True))
        assert r[0] == pytest.approx(r[1], abs=0.05)


def test_radius_chart_field_at_its_centre_is_inside() -> None:
    value = RadiusChart.through(CENTRE, bumpy()).field()(CENTRE[None])
    assert np.isfinite(value).all() and value[0] < -60


def test_smoothing_lets_a_stray_point_go() -> None:
    points = CENTRE + 70 * directions(60)
    points[0] = CENTRE + 78 * directions(60)[0]
    tight, loose = (abs(RadiusChart.through(CENTRE, points, smoothing=s).field()(points[:1])[0]) for s in (0.0, 1.0))
    assert tight < 0.3 and loose > 2.0


def test_level_chart_reproduces_its_points_round_a_bent_axis() -> None:
    rng = np.random.default_rng(3)
    axis = np.array([[-30.0, -160], [-15, -110], [-12, -60]])
    z, angle = rng.uniform(-155, -65, 60), rng.uniform(-np.pi, np.pi, 60)
    radius = 55 + 6 * np.cos(2 * angle) + 0.05 * (z + 110)
    points = column(z, angle, radius, np.interp(z, axis[:, 1], axis[:, 0]))
    assert np.abs(LevelChart.through(axis, points).field()(points)).max() < 0.15


@settings(max_examples=10, deadline=None)
@given(st.floats(20, 90))
def test_level_chart_of_a_cylinder_is_the_cylinder(radius: float) -> None:
    axis = np.array([[4.0, -100], [4.0, 0]])
    z, angle = (v.ravel() for v in np.meshgrid(np.linspace(-100, 0, 6), np.arange(0, 2 * np.pi, np.pi / 4)))
    chart = LevelChart.through(axis, column(z, angle, np.full(z.shape, radius), np.full(z.shape, 4.0)))
    rng = np.random.default_rng(0)
    test = column(rng.uniform(-95, -5, 80), rng.uniform(-np.pi, np.pi, 80), rng.uniform(0.4, 1.5, 80) * radius, np.full(80, 4.0))
    assert chart.field()(test) == pytest.approx(np.hypot(test[:, 0], test[:, 1] - 4) - radius, abs=1e-3 * radius)


def test_level_chart_angle_is_anterior_at_zero_and_right_at_a_quarter() -> None:
    axis = np.array([[0.0, -50], [0.0, 50]])
    z, angle = (v.ravel() for v in np.meshgrid(np.linspace(-40, 40, 5), np.arange(0, 2 * np.pi, np.pi / 6)))
    chart = LevelChart.through(axis, column(z, angle, 40 + 5 * np.cos(angle) + 3 * np.sin(angle), np.zeros_like(z)))
    front, right, back = chart.radius(np.array([0, np.pi / 2, np.pi]), np.zeros(3))
    assert [front, right, back] == pytest.approx([45, 43, 35], abs=0.1)


def test_level_chart_takes_its_axis_in_any_order() -> None:
    axis = np.array([[-30.0, -160], [-15, -110], [-12, -60]])
    z, angle = (v.ravel() for v in np.meshgrid(np.linspace(-150, -70, 5), np.arange(0, 2 * np.pi, np.pi / 4)))
    points = column(z, angle, np.full(z.shape, 50.0), np.interp(z, axis[:, 1], axis[:, 0]))
    up, down = LevelChart.through(axis, points).field(), LevelChart.through(axis[::-1], points).field()
    assert up(points + 3.0) == pytest.approx(down(points + 3.0))
