from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.cameras import AXES, axes_of, camera_names, edge_marks, hidden, scale_bar_mm, stand
from sim.marks import ball
from sim.picture import Camera

BOX = np.array([[x, y, z] for x in (-180, 180) for y in (-100, 100) for z in (-210, 125)], dtype=float)
MARKS = {
    "posterior": ("L", "R", "S", "I"),
    "anterior": ("R", "L", "S", "I"),
    "right": ("P", "A", "S", "I"),
    "left": ("A", "P", "S", "I"),
    "superior": ("L", "R", "A", "P"),
    "inferior": ("L", "R", "P", "A"),
    "oblique": ("L", "R", "S", "I"),
    "posterior-oblique-left": ("L", "R", "S", "I"),
    "anterior-oblique-right": ("R", "L", "S", "I"),
}


@pytest.mark.parametrize("name", camera_names())
def test_axes_are_orthonormal_and_right_handed(name: str) -> None:
    toward, right, up = axes_of(Camera(name))
    frame = np.stack([right, up, toward])
    assert np.allclose(frame @ frame.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(frame) == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "marks"), MARKS.items())
def test_marks_of_side_of_named_views(name: str, marks: tuple[str, ...]) -> None:
    found = edge_marks(stand(Camera(name), BOX, 400, 300))
    assert tuple(found[e] for e in ("left", "right", "top", "bottom")) == marks


@pytest.mark.parametrize("name", camera_names())
def test_marks_are_true_for_every_view(name: str) -> None:
    view = stand(Camera(name), BOX, 400, 300)
    marks = edge_marks(view)
    middle, _ = view.project(view.focus_mm[None])
    for edge, axis, sign in (("left", 0, -1), ("right", 0, 1), ("top", 1, -1), ("bottom", 1, 1)):
        moved, _ = view.project((view.focus_mm + 10.0 * np.array(AXES[marks[edge]]))[None])
        shift = (moved - middle)[0]
        assert shift[axis] * sign > 0
        assert abs(shift[axis]) >= abs(shift[1 - axis]) - 1e-9


def test_the_oblique_view_is_from_behind_and_the_right() -> None:
    toward, _, _ = axes_of(Camera("oblique"))
    assert toward[0] > 0.4 and toward[1] < -0.4 and toward[2] > 0


@given(st.floats(-180, 180), st.floats(-89, 89), st.floats(10, 600))
def test_scale_is_exact_for_any_camera(azimuth: float, elevation: float, width_mm: float) -> None:
    camera = Camera(azimuth_deg=azimuth, elevation_deg=elevation, width_mm=width_mm, focus_mm=(3, 4, 5))
    view = stand(camera, BOX, 800, 600)
    assert view.px_per_mm == pytest.approx(800 / width_mm)
    length = scale_bar_mm(view.px_per_mm, 300)
    ends, _ = view.project(np.stack([view.focus_mm, view.focus_mm + length * view.right]))
    assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(length * view.px_per_mm)
    assert 0.3 < length * view.px_per_mm / 300 <= 1 + 1e-6
    assert f"{length:.0e}"[0] in "125"


@pytest.mark.parametrize("name", camera_names())
def test_all_that_is_shown_fits(name: str) -> None:
    view = stand(Camera(name), BOX, 500, 400)
    pixels, _ = view.project(BOX)
    assert (pixels > 0).all() and (pixels < (500, 400)).all()


def test_zoom_enlarges_about_the_focus() -> None:
    near, far = (stand(Camera(zoom=z, focus_mm=(1, 2, 3)), BOX, 500, 400) for z in (3, 1))
    assert near.px_per_mm == pytest.approx(3 * far.px_per_mm)
    assert np.allclose(near.project([[1, 2, 3]])[0], [[250, 200]])


def test_unknown_view_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="'posterior'"):
        axes_of(Camera("posteriro"))


def test_a_point_behind_a_ball_is_hidden() -> None:
    mesh = ball((0, 0, 0), 10)
    view = stand(Camera("posterior"), BOX, 500, 400)
    points = np.array([[0.0, 12, 0], [0, -10, 0], [0, -30, 0], [30, 12, 0]])
    assert hidden(points, view, mesh.vertices_mm, mesh.faces).tolist() == [True, False, False, False]
