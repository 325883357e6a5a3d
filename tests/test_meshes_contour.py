"""Surfaces of forms whose volume is known: closed, outward, on the level."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes import fields as f
from meshes.contour import contour
from meshes.fields import Field
from meshes.model import SurfaceMesh

if TYPE_CHECKING:
    import trimesh

FORMS: dict[str, tuple[Callable[[], Field], float]] = {
    "sphere": (lambda: f.sphere([3, -2, 1], 12), 4 / 3 * np.pi * 12**3),
    "ellipsoid": (lambda: f.ellipsoid([0, 5, 0], [9, 12, 16]), 4 / 3 * np.pi * 9 * 12 * 16),
    "capsule": (lambda: f.rounded_cone([0, 0, -10], [0, 4, 12], 6, 6), np.pi * 36 * (np.hypot(22, 4) + 8)),
    "round box": (
        lambda: f.box([0, 0, 0], [10, 12, 8], rounding=3),
        14 * 18 * 10 + 2 * 3 * (14 * 18 + 18 * 10 + 14 * 10) + np.pi * 9 * (14 + 18 + 10) + 4 / 3 * np.pi * 27,
    ),
    "bowl": (lambda: f.subtract(f.sphere([0, 0, 0], 14), f.sphere([0, 0, 0], 9), f.half_space([0, 0, 0], [0, 0, -1])), np.nan),
}
FORMS["bowl"] = (FORMS["bowl"][0], 2 / 3 * np.pi * (14**3 - 9**3))


def solid(mesh: SurfaceMesh) -> trimesh.Trimesh:
    import trimesh

    return trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)


@pytest.mark.parametrize("name", FORMS)
def test_surface_is_watertight_outward_and_of_the_right_volume(name: str) -> None:
    form, volume = FORMS[name]
    mesh = contour(form(), 0.8)
    body = solid(mesh)
    assert body.is_watertight and body.is_winding_consistent
    assert body.volume == pytest.approx(volume, rel=0.01)


@pytest.mark.parametrize("name", ["sphere", "ellipsoid", "capsule"])
def test_vertices_lie_on_the_level_with_outward_unit_normals(name: str) -> None:
    form = FORMS[name][0]()
    mesh = contour(form, 1.5)
    assert np.abs(form(mesh.vertices_mm)).max() < 0.02
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1)
    assert (form(mesh.vertices_mm + 0.5 * mesh.normals) > 0.3).all()
    assert (form(mesh.vertices_mm - 0.5 * mesh.normals) < -0.3).all()


@settings(max_examples=12, deadline=None)
@given(st.tuples(*[st.floats(-5, 5)] * 3), st.floats(4, 15), st.floats(0.7, 1.6))
def test_a_ball_anywhere_at_any_spacing_is_closed_and_has_its_volume(
    centre: tuple[float, ...], radius: float, step: float
) -> None:
    body = solid(contour(f.sphere(centre, radius), step))
    assert body.is_watertight and body.euler_number == 2
    # corners lie on the ball, so volume is only lost: a triangle of the longest edges, sqrt(2) steps, sinks
    # step^2 / (4 radius) on average, which is 3/4 (step / radius)^2 of the volume
    whole = 4 / 3 * np.pi * radius**3
    assert whole * (1 - 0.75 * (step / radius) ** 2) < body.volume < whole * 1.001
    assert body.center_mass == pytest.approx(centre, abs=0.05)


def test_finer_is_closer() -> None:
    errors = [abs(solid(contour(f.sphere([0, 0, 0], 10), s)).volume / (4 / 3 * np.pi * 1000) - 1) for s in (2.5, 1.2, 0.6)]
    assert errors[0] > errors[1] > errors[2]


def test_a_form_that_reaches_its_box_is_closed_there() -> None:
    ball = f.sphere([0, 0, 0], 25)
    cut = Field(ball.distance, np.array([-25.0, -25, -25]), np.array([25.0, 25, 2]))
    body = solid(contour(cut, 1.5))
    assert body.is_watertight and body.bounds[0][2] == pytest.approx(-25, abs=0.1)
    assert 2 < body.bounds[1][2] < 2 + (3.5 + 8) * 1.5  # the wall stands where the search ends, one brick on at most


def test_an_endless_form_is_closed_by_its_box() -> None:
    rod = Field(lambda p: np.hypot(p[:, 0], p[:, 1]) - 5, np.array([-5.0, -5, -8]), np.array([5.0, 5, 8]))
    body = solid(contour(rod, 1.0))
    assert body.is_watertight and np.pi * 25 * 16 < body.volume < np.pi * 25 * 45


def test_only_the_largest_piece_is_kept() -> None:
    body = solid(contour(f.union(f.sphere([0, 0, 0], 8), f.sphere([30, 0, 0], 3)), 1.0))
    assert body.body_count == 1 and body.bounds[1][0] < 10


def test_thinning_keeps_the_surface_closed_and_its_volume() -> None:
    full, thin = contour(f.sphere([0, 0, 0], 15), 0.8), contour(f.sphere([0, 0, 0], 15), 0.8, faces=1500)
    assert len(thin.faces) < 0.3 * len(full.faces) and len(thin.faces) <= 2250
    body = solid(thin)
    assert body.is_watertight
    assert body.volume == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.01)


def test_asking_for_more_faces_than_there_are_changes_nothing() -> None:
    ball = f.sphere([0, 0, 0], 6)
    assert len(contour(ball, 1.0, faces=10**6).faces) == len(contour(ball, 1.0).faces)


def test_the_same_field_gives_the_same_surface() -> None:
    one, two = (contour(FORMS["capsule"][0](), 1.0, faces=800) for _ in range(2))
    assert np.array_equal(one.vertices_mm, two.vertices_mm) and np.array_equal(one.faces, two.faces)


def test_a_surface_cannot_be_written_to() -> None:
    mesh = contour(f.sphere([0, 0, 0], 5), 1.5)
    with pytest.raises(ValueError, match="read-only"):
        mesh.vertices_mm[0] = 0


def test_a_form_too_small_for_the_grid_is_refused() -> None:
    nothing = f.intersect(f.sphere([0, 0, 0], 5), f.sphere([5, 0, 0], 5))
    empty = f.subtract(nothing, f.sphere([2.5, 0, 0], 9))
    with pytest.raises(ValueError, match=r"no inside at a spacing of 1\.0 mm"):
        contour(empty, 1.0)
