"""Curves: through their nodes, of their length, evenly divided."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes import curves
from meshes.curves import Array

steps = st.tuples(*[st.floats(-8, 8)] * 3).map(np.array).filter(lambda v: np.linalg.norm(v) > 1.0)
polylines = st.lists(steps, min_size=2, max_size=7).map(lambda s: np.cumsum([np.zeros(3), *s], axis=0))
ANGLE = np.linspace(0, np.pi, 2001)
ARC = 20 * np.column_stack([np.cos(ANGLE), np.sin(ANGLE), np.zeros_like(ANGLE)])


def gap(point: Array, line: Array) -> float:
    """Return the distance from a point to a polyline."""
    a, ab = line[:-1], np.diff(line, axis=0)
    t = np.clip(np.einsum("ij,ij->i", point - a, ab) / np.einsum("ij,ij->i", ab, ab), 0, 1)
    return float(np.linalg.norm(point - a - t[:, None] * ab, axis=1).min())


@settings(deadline=None)
@given(polylines)
def test_arc_length_grows_from_nothing_and_is_no_shorter_than_the_chord(line: Array) -> None:
    s = curves.arc_length(line)
    assert s[0] == 0 and (np.diff(s) > 0).all()
    assert s[-1] >= np.linalg.norm(line[-1] - line[0]) - 1e-9
    assert s[-1] == pytest.approx(curves.arc_length(line[::-1])[-1])


def test_arc_length_of_a_half_circle() -> None:
    assert curves.arc_length(ARC)[-1] == pytest.approx(20 * np.pi, rel=1e-5)


@settings(deadline=None)
@given(polylines, st.floats(0.2, 3))
def test_catmull_rom_passes_through_its_nodes_and_keeps_its_ends(nodes: Array, spacing: float) -> None:
    line = curves.catmull_rom(nodes, spacing)
    assert line[0] == pytest.approx(nodes[0]) and line[-1] == pytest.approx(nodes[-1])
    for node in nodes:
        assert gap(node, line) < 0.55 * spacing


@settings(deadline=None)
@given(polylines)
def test_catmull_rom_comes_closer_to_its_nodes_when_finer(nodes: Array) -> None:
    fine = curves.catmull_rom(nodes, 0.02)
    assert max(gap(node, fine) for node in nodes) < 0.011


def test_catmull_rom_of_points_on_a_circle_stays_near_it() -> None:
    line = curves.catmull_rom(ARC[::200], 0.5)
    assert np.abs(np.linalg.norm(line, axis=1) - 20).max() < 0.3
    assert curves.arc_length(line)[-1] == pytest.approx(20 * np.pi, rel=0.01)


def test_catmull_rom_of_points_on_a_line_is_the_line() -> None:
    line = curves.catmull_rom([[0, 0, 0], [1, 1, 1], [5, 5, 5], [6, 6, 6]], 0.25)
    assert line == pytest.approx(np.repeat(line[:, :1], 3, axis=1))
    assert (np.diff(line[:, 0]) > 0).all()


def test_catmull_rom_of_two_nodes_is_straight_and_even() -> None:
    assert curves.catmull_rom([[0, 0, 0], [0, 0, 4]], 1.0)[:, 2] == pytest.approx([0, 1, 2, 3, 4])


def test_a_repeated_node_does_not_break_the_curve() -> None:
    line = curves.catmull_rom([[0, 0, 0], [4, 0, 0], [4, 0, 0], [8, 3, 0]], 0.5)
    assert np.isfinite(line).all()
    assert curves.arc_length(line)[-1] == pytest.approx(9, abs=0.5)


@settings(deadline=None)
@given(polylines, st.floats(0.3, 4))
def test_resample_is_even_along_the_polyline_and_keeps_the_ends(line: Array, spacing: float) -> None:
    out = curves.resample(line, spacing)
    total = curves.arc_length(line)[-1]
    assert out[0] == pytest.approx(line[0]) and out[-1] == pytest.approx(line[-1])
    assert len(out) - 1 == max(round(total / spacing), 1)
    chords = np.linalg.norm(np.diff(out, axis=0), axis=1)
    assert chords.max() <= total / (len(out) - 1) + 1e-9
    assert max(gap(p, line) for p in out) < 1e-9


def test_resample_of_a_smooth_curve_has_equal_steps() -> None:
    chords = np.linalg.norm(np.diff(curves.resample(ARC, 1.0), axis=0), axis=1)
    assert chords == pytest.approx(chords.mean(), rel=1e-4)


@settings(deadline=None)
@given(polylines, st.floats(0, 1))
def test_point_at_divides_the_length(line: Array, share: float) -> None:
    point = curves.point_at(line, share)
    assert gap(point, line) < 1e-9
    assert curves.point_at(line[::-1], 1 - share) == pytest.approx(point, abs=1e-6)


def test_point_at_of_a_half_circle() -> None:
    assert curves.point_at(ARC, 0.5) == pytest.approx([0, 20, 0], abs=1e-3)
    assert curves.point_at(ARC, 0.25) == pytest.approx(20 * np.array([np.sqrt(0.5), np.sqrt(0.5), 0]), abs=1e-3)
    assert curves.point_at(ARC, 0) == pytest.approx(ARC[0]) and curves.point_at(ARC, 1) == pytest.approx(ARC[-1])


def test_tangents_are_unit_and_square_to_the_radius_of_a_circle() -> None:
    along = curves.tangents(ARC)
    assert np.linalg.norm(along, axis=1) == pytest.approx(1)
    assert np.einsum("ij,ij->i", along, ARC)[1:-1] == pytest.approx(0, abs=1e-6)
    assert along[0] == pytest.approx([0, 1, 0], abs=1e-2)


def test_a_suture_swings_to_both_sides_in_its_surface_and_keeps_its_ends() -> None:
    line = np.column_stack([np.arange(0.0, 80.5, 0.5), np.zeros(161), np.zeros(161)])
    toothed = curves.serrated(line, np.tile([0.0, 0.0, 1.0], (161, 1)), wave=9.0, swing=1.0)
    assert toothed[[0, -1]] == pytest.approx(line[[0, -1]])
    assert np.abs(toothed[:, 2]).max() == pytest.approx(0) and toothed[:, 0] == pytest.approx(line[:, 0])
    assert 0.8 < toothed[:, 1].max() < 1.7 and -1.7 < toothed[:, 1].min() < -0.8


@given(st.lists(st.floats(0.1, 9), min_size=3, max_size=6), st.floats(-0.5, 1.5))
def test_profile_passes_through_its_values_and_never_overshoots(values: list[float], at: float) -> None:
    stations = np.linspace(0, 1, len(values))
    assert curves.profile(stations, values, stations) == pytest.approx(values)
    assert min(values) - 1e-9 <= float(curves.profile(stations, values, at)) <= max(values) + 1e-9


def test_profile_beyond_its_ends_keeps_the_end_values() -> None:
    assert curves.profile([0, 0.5, 1], [2, 5, 3], [-1, 2]) == pytest.approx([2, 3])


def test_points_that_are_not_points_are_refused() -> None:
    with pytest.raises(ValueError, match="nodes has shape"):
        curves.catmull_rom([[0, 0], [1, 1]])
    with pytest.raises(ValueError, match="points holds a number that is not finite"):
        curves.resample([[0, 0, 0], [np.nan, 0, 0]], 1.0)
