"""Fields against closed forms, and the laws by which they are joined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from meshes import fields as f
from meshes.fields import Array, Field

RNG = np.random.default_rng(4)
CLOUD = RNG.uniform(-30, 30, (400, 3))
TURN = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()

numbers = st.floats(-12, 12)
places = st.tuples(numbers, numbers, numbers).map(np.array)
sizes = st.floats(0.5, 12)


def segment_distance(p: Array, a: Array, b: Array) -> Array:
    t = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(p - a - t[:, None] * (b - a), axis=1)


@st.composite
def shapes(draw: st.DrawFn) -> Field:
    kind = draw(st.sampled_from(["sphere", "box", "ellipsoid", "cone"]))
    centre = draw(places)
    if kind == "sphere":
        return f.sphere(centre, draw(sizes))
    if kind == "box":
        return f.box(centre, [draw(sizes), draw(sizes), draw(sizes)], TURN)
    if kind == "ellipsoid":
        return f.ellipsoid(centre, [draw(sizes), draw(sizes), draw(sizes)], TURN)
    return f.rounded_cone(centre, centre + [6.0, 3.0, -4.0], draw(sizes), draw(sizes))


@given(places, sizes)
def test_sphere_is_the_distance_to_its_centre_less_its_radius(centre: Array, radius: float) -> None:
    assert f.sphere(centre, radius)(CLOUD) == pytest.approx(np.linalg.norm(CLOUD - centre, axis=1) - radius)


@given(places, sizes)
def test_an_ellipsoid_of_equal_radii_is_a_sphere(centre: Array, radius: float) -> None:
    ball = f.ellipsoid(centre, [radius] * 3, TURN)
    assert ball(CLOUD) == pytest.approx(f.sphere(centre, radius)(CLOUD), abs=1e-6)


@given(places, st.tuples(sizes, sizes, sizes).map(np.array))
def test_an_ellipsoid_is_zero_on_its_surface_and_signed_off_it(centre: Array, radii: Array) -> None:
    direction = CLOUD / np.linalg.norm(CLOUD, axis=1, keepdims=True)
    form = f.ellipsoid(centre, radii, TURN)
    for scale, sign in ((1.0, 0), (0.8, -1), (1.3, 1)):
        value = form(centre + (scale * direction * radii) @ TURN)
        assert (np.abs(value) < 1e-9).all() if sign == 0 else (np.sign(value) == sign).all()


def test_an_ellipsoid_is_a_true_distance_along_its_axes() -> None:
    form = f.ellipsoid([1, 2, 3], [4, 6, 9], TURN)
    for axis, radius in zip(TURN, (4, 6, 9), strict=True):
        assert form([np.array([1, 2, 3]) + axis * (radius + 1.5)])[0] == pytest.approx(1.5, rel=0.25)
    assert form([[1, 2, 3]])[0] == -4


@given(places, st.tuples(sizes, sizes, sizes).map(np.array))
def test_box_is_the_distance_to_the_nearest_point_of_the_box(centre: Array, half: Array) -> None:
    local = (CLOUD - centre) @ TURN.T
    outside = np.linalg.norm(local - np.clip(local, -half, half), axis=1)
    inside = (half - np.abs(local)).min(axis=1)
    want = np.where(inside > 0, -inside, outside)
    assert f.box(centre, half, TURN)(CLOUD) == pytest.approx(want)


def test_rounding_a_box_keeps_its_faces_and_cuts_its_corners() -> None:
    form = f.box([0, 0, 0], [5, 6, 7], rounding=2)
    assert form([[5, 0, 0], [0, -6, 0], [0, 0, 7]]) == pytest.approx(0)
    assert form([[5, 6, 7]])[0] == pytest.approx(2 * (np.sqrt(3) - 1))


@given(places, places.filter(lambda v: np.linalg.norm(v) > 1), sizes)
def test_a_tube_of_one_radius_is_a_capsule(a: Array, along: Array, radius: float) -> None:
    assert f.tube([a, a + along], [radius, radius])(CLOUD) == pytest.approx(segment_distance(CLOUD, a, a + along) - radius)


def test_a_bent_tube_is_the_union_of_its_pieces() -> None:
    line, radii = np.array([[0, 0, 0], [10, 0, 0], [10, 8, 0.0]]), [1.0, 2.0, 0.5]
    pieces = f.union(f.rounded_cone(line[0], line[1], 1, 2), f.rounded_cone(line[1], line[2], 2, 0.5))
    assert f.tube(line, radii)(CLOUD) == pytest.approx(pieces(CLOUD))


def test_half_space_ignores_the_length_of_its_normal() -> None:
    assert f.half_space([0, 0, 2], [0, 0, 7])([[3, 4, 5], [0, 0, -1]]) == pytest.approx([3, -3])


@settings(deadline=None)
@given(shapes())
def test_the_box_of_a_shape_holds_its_inside(form: Field) -> None:
    inside = CLOUD[form(CLOUD) < 0]
    assert ((inside >= form.lower - 1e-9) & (inside <= form.upper + 1e-9)).all()


@settings(deadline=None)
@given(shapes(), shapes())
def test_union_subtract_and_intersect_are_set_operations(a: Field, b: Field) -> None:
    in_a, in_b = a(CLOUD) < 0, b(CLOUD) < 0
    assert ((f.union(a, b)(CLOUD) < 0) == (in_a | in_b)).all()
    assert ((f.intersect(a, b)(CLOUD) < 0) == (in_a & in_b)).all()
    off = np.abs(b(CLOUD)) > 1e-9
    assert ((f.subtract(a, b)(CLOUD) < 0) == (in_a & ~in_b))[off].all()


@settings(deadline=None)
@given(shapes(), shapes())
def test_union_is_commutative_and_idempotent_and_undone_by_subtract(a: Field, b: Field) -> None:
    assert f.union(a, b)(CLOUD) == pytest.approx(f.union(b, a)(CLOUD))
    assert f.union(a, a)(CLOUD) == pytest.approx(a(CLOUD))
    assert (f.subtract(a, a)(CLOUD) >= 0).all()
    assert (f.intersect(f.subtract(a, b), b)(CLOUD) >= 0).all()


@settings(deadline=None)
@given(shapes(), shapes(), st.floats(0.1, 8))
def test_smooth_union_stays_just_under_the_minimum(a: Field, b: Field, blend: float) -> None:
    sharp, soft = f.union(a, b)(CLOUD), f.smooth_union([a, b], blend)(CLOUD)
    assert (soft <= sharp + 1e-9).all() and (soft >= sharp - blend / 4 - 1e-9).all()
    apart = np.abs(a(CLOUD) - b(CLOUD)) >= blend
    assert soft[apart] == pytest.approx(sharp[apart])


def test_smooth_union_fills_the_crease_by_a_quarter_of_the_blend() -> None:
    a, b = f.sphere([-5, 0, 0], 6), f.sphere([5, 0, 0], 6)
    crease = np.array([[0, np.sqrt(11), 0]])
    assert f.union(a, b)(crease)[0] == pytest.approx(0)
    assert f.smooth_union([a, b], 4)(crease)[0] == pytest.approx(-1)
    assert f.smooth_union([a, b], 0)(crease)[0] == pytest.approx(0)


@settings(deadline=None)
@given(shapes(), shapes(), st.floats(0.1, 6))
def test_soft_edges_only_take_away(a: Field, b: Field, blend: float) -> None:
    for soft, sharp in (
        (f.subtract(a, b, blend=blend), f.subtract(a, b)),
        (f.intersect(a, b, blend), f.intersect(a, b)),
    ):
        gap = soft(CLOUD) - sharp(CLOUD)
        assert (gap >= -1e-9).all() and (gap <= blend / 4 + 1e-9).all()


@settings(deadline=None)
@given(shapes(), st.floats(-2, 4))
def test_offset_shifts_the_values_and_keeps_the_box_large_enough(form: Field, amount: float) -> None:
    grown = f.offset(form, amount)
    assert grown(CLOUD) == pytest.approx(form(CLOUD) - amount)
    assert (grown.lower <= form.lower).all() and (grown.upper >= form.upper + max(amount, 0) - 1e-9).all()


@settings(deadline=None)
@given(shapes())
def test_mirrored_twice_is_the_form_itself(form: Field) -> None:
    flip = np.array([-1.0, 1.0, 1.0])
    image = f.mirrored(form)
    assert image(CLOUD * flip) == pytest.approx(form(CLOUD))
    assert f.mirrored(image)(CLOUD) == pytest.approx(form(CLOUD))
    assert image.lower[0] == -form.upper[0] and image.upper[0] == -form.lower[0]


@settings(deadline=None)
@given(shapes())
def test_symmetric_is_the_right_half_on_both_sides(form: Field) -> None:
    both, flip = f.symmetric(form), np.array([-1.0, 1.0, 1.0])
    right = CLOUD[CLOUD[:, 0] >= 0]
    assert both(right) == pytest.approx(form(right))
    assert both(right * flip) == pytest.approx(form(right))
    assert both.lower[0] == -both.upper[0] <= form.lower[0]


@settings(deadline=None)
@given(shapes(), places)
def test_placed_moves_the_form_rigidly(form: Field, origin: Array) -> None:
    moved = f.placed(form, TURN, origin)
    world = CLOUD @ TURN.T + origin
    assert moved(world) == pytest.approx(form(CLOUD))
    inside = world[form(CLOUD) < 0]
    assert ((inside >= moved.lower) & (inside <= moved.upper)).all()


def test_sampled_is_within_the_error_of_its_grid() -> None:
    form, spacing = f.smooth_union([f.sphere([0, 0, 0], 8), f.sphere([9, 2, 0], 5)], 3), 1.0
    copy = f.sampled(form, spacing, 4.0)
    near = f.project(form, 0.3 * CLOUD, level=1.5)
    assert np.abs(copy(near) - form(near)).max() < 0.25 * spacing
    finer = f.sampled(form, spacing / 2, 4.0)
    assert np.abs(finer(near) - form(near)).max() < np.abs(copy(near) - form(near)).max()


def test_sampled_far_away_grows_with_the_distance() -> None:
    copy = f.sampled(f.sphere([0, 0, 0], 5), 1.0, 3.0)
    far = copy([[8, 0, 0], [28, 0, 0], [0, 0, -40]])
    assert far == pytest.approx([3, 23, 35], abs=0.1)


def test_sampled_half_is_the_whole_of_what_is_symmetric() -> None:
    form = f.symmetric(f.union(f.sphere([5, 0, 0], 8), f.sphere([14, 2, 3], 4)))
    half = f.sampled(form, 1.0, 4.0, half=True)
    near = f.project(form, 0.3 * CLOUD, level=1.0)
    assert np.abs(half(near) - form(near)).max() < 0.25
    assert half(near * [-1, 1, 1]) == pytest.approx(half(near))


def test_sample_grid_is_exact_near_the_surface_and_of_the_right_sign_far_from_it() -> None:
    form, low = f.sphere([1, 2, 3], 30), np.full(3, -45.0)
    values, origin = f.sample_grid(form, low, -low, 1.5, band=6.0)
    nodes = np.argwhere(np.ones(values.shape, bool))
    truth = form(origin + 1.5 * nodes).reshape(values.shape)
    assert np.abs(values - truth)[np.abs(truth) < 4].max() < 1e-4
    assert ((values < 0) == (truth < 0)).all()
    assert np.abs(values - truth).max() < 6.0  # in the kink at the centre, half a brick


@settings(deadline=None)
@given(shapes())
def test_gradient_is_a_unit_vector(form: Field) -> None:
    away = CLOUD[form(CLOUD) > 0.5]
    length = np.linalg.norm(f.gradient(form, away), axis=1)
    assert length == pytest.approx(1)


def test_gradient_points_out_of_a_sphere() -> None:
    centre = np.array([1.0, 2, 3])
    out = (CLOUD - centre) / np.linalg.norm(CLOUD - centre, axis=1, keepdims=True)
    assert f.gradient(f.sphere(centre, 4), CLOUD) == pytest.approx(out, abs=1e-3)


@pytest.mark.parametrize("level", [-1.5, 0.0, 2.0])
@pytest.mark.parametrize(
    "form",
    [f.sphere([0, 0, 0], 7), f.ellipsoid([1, 2, 3], [7, 8, 10], TURN), f.rounded_cone([0, 0, 0], [9, 3, -4], 5, 4)],
    ids=["sphere", "ellipsoid", "cone"],
)
def test_project_lands_on_the_level(form: Field, level: float) -> None:
    near = CLOUD[np.abs(form(CLOUD) - level) < 5]
    landed = f.project(form, near, level=level)
    assert np.abs(form(landed) - level).max() < 0.01


def test_project_takes_the_shortest_way_to_a_sphere() -> None:
    centre = np.array([2.0, -1, 0])
    start = CLOUD[np.linalg.norm(CLOUD - centre, axis=1) > 2]
    out = (start - centre) / np.linalg.norm(start - centre, axis=1, keepdims=True)
    assert f.project(f.sphere(centre, 6), start) == pytest.approx(centre + 6 * out, abs=0.01)
