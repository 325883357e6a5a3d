"""Surface queries on spheres, whose answers are known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.contour import contour
from meshes.fields import sphere
from meshes.surface import SurfaceQuery, path_length

RADIUS = 60.0
CENTRE = np.array([3.0, -4.0, 5.0])


@cache
def ball() -> SurfaceQuery:
    return SurfaceQuery(contour(sphere(CENTRE, RADIUS), 3.0))


directions = st.tuples(*[st.floats(-1, 1)] * 3).map(np.array).filter(lambda v: np.linalg.norm(v) > 0.2)


def on_ball(v: np.ndarray) -> np.ndarray:
    return np.asarray(ball().closest(CENTRE + RADIUS * v / np.linalg.norm(v))[0][0])


def great_circle(a: np.ndarray, b: np.ndarray) -> float:
    u, v = (a - CENTRE) / np.linalg.norm(a - CENTRE), (b - CENTRE) / np.linalg.norm(b - CENTRE)
    return float(RADIUS * np.arctan2(np.linalg.norm(np.cross(u, v)), u @ v))


def test_distance_is_signed() -> None:
    points = CENTRE + np.array([[0.0, 0, 0], [59, 0, 0], [0, 61, 0], [0, 0, 100]])
    assert ball().signed_distance(points) == pytest.approx([-60, -1, 1, 40], abs=0.1)
    assert ball().contains(points).tolist() == [True, True, False, False]


def test_closest_gives_point_and_outward_normal() -> None:
    near, normal = ball().closest(CENTRE + np.array([[100.0, 0, 0], [0, -20, 0]]))
    assert near == pytest.approx(CENTRE + np.array([[60.0, 0, 0], [0, -60, 0]]), abs=0.1)
    assert normal == pytest.approx(np.array([[1.0, 0, 0], [0, -1, 0]]), abs=0.05)


def test_ray_meets_both_walls_in_order() -> None:
    far, normal = ball().ray(CENTRE - [100, 0, 0], [1, 0, 0], 300)
    assert far == pytest.approx([40, 160], abs=0.1)
    assert normal[:, 0] == pytest.approx([-1, 1], abs=0.05)
    assert len(ball().ray(CENTRE + [100, 0, 0], [1, 0, 0], 300)[0]) == 0


@settings(max_examples=15, deadline=None)
@given(directions, directions)
def test_geodesic_is_a_great_circle(u: np.ndarray, v: np.ndarray) -> None:
    a, b = on_ball(u), on_ball(v)
    path = ball().geodesic(a, b)
    assert np.linalg.norm(path[0] - a) < 1e-6 and np.linalg.norm(path[-1] - b) < 1e-6
    assert path_length(path) == pytest.approx(great_circle(a, b), rel=0.01, abs=0.05)
    assert np.abs(ball().signed_distance(path)).max() < 1e-3


@settings(max_examples=10, deadline=None)
@given(directions, directions, directions)
def test_geodesic_is_a_metric(u: np.ndarray, v: np.ndarray, w: np.ndarray) -> None:
    a, b, c = on_ball(u), on_ball(v), on_ball(w)
    ab, bc, ac = (path_length(ball().geodesic(p, q)) for p, q in ((a, b), (b, c), (a, c)))
    assert ac <= (ab + bc) * 1.005 + 0.05
    assert path_length(ball().geodesic(b, a)) == pytest.approx(ab, abs=1e-9)


def test_geodesic_from_a_vertex_an_edge_and_to_itself() -> None:
    mesh = ball().mesh
    corner, edge = mesh.vertices_mm[7], mesh.vertices_mm[mesh.faces[11][:2]].mean(axis=0)
    far = on_ball(np.array([-1.0, 0.3, 0.2]))
    for start in (corner, edge):
        path = ball().geodesic(start, far)
        assert path[0] == pytest.approx(start, abs=1e-6)
        assert path_length(path) == pytest.approx(great_circle(start, far), rel=0.01)
    assert path_length(ball().geodesic(corner, corner)) == 0


@settings(max_examples=20, deadline=None)
@given(directions, directions, st.floats(0, 60))
def test_walk_has_its_length(u: np.ndarray, wish: np.ndarray, length: float) -> None:
    start = on_ball(u)
    normal = (start - CENTRE) / RADIUS
    if abs(wish @ normal) / np.linalg.norm(wish) > 0.3:
        return
    end, path = ball().walk(start, wish, min(length, 40.0))
    assert path_length(path) == pytest.approx(min(length, 40.0), abs=0.02)
    assert end == pytest.approx(path[-1])


def test_walk_follows_the_meridian() -> None:
    end, _ = ball().walk(on_ball(np.array([1.0, 0, 0])), [0, 0, 1], np.pi / 6 * RADIUS)
    assert end == pytest.approx(CENTRE + RADIUS * np.array([np.cos(np.pi / 6), 0, 0.5]), abs=0.3)


def test_walk_refuses_long_steps_and_square_directions() -> None:
    with pytest.raises(ValueError, match="step_mm"):
        ball().walk(CENTRE, [0, 0, 1], 10, step_mm=2)
    with pytest.raises(ValueError, match="square"):
        ball().walk(CENTRE + [RADIUS, 0, 0], [1, 0, 0], 10)
