"""Tubes: capsules, tapers and branches against closed forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes import fields, tubes
from meshes.contour import contour
from meshes.curves import arc_length, resample
from meshes.model import SurfaceMesh
from meshes.tubes import Tube, joined, tube

if TYPE_CHECKING:
    import trimesh

CLOUD = np.random.default_rng(5).uniform([-6, -6, -6], [16, 6, 6], (500, 3))
LINE = np.array([[0.0, 0, 0], [10, 0, 0]])
ANGLE = np.linspace(0, np.pi / 2, 60)
BEND = 15 * np.column_stack([np.cos(ANGLE), np.sin(ANGLE), np.zeros_like(ANGLE)])


def solid(mesh: SurfaceMesh) -> trimesh.Trimesh:
    import trimesh

    return trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.3, 4))
def test_a_straight_tube_is_a_capsule(radius: float) -> None:
    got = Tube(LINE, np.full(2, radius)).field()(CLOUD)
    assert got == pytest.approx(fields.rounded_cone(LINE[0], LINE[1], radius, radius)(CLOUD), abs=1e-9)


def test_a_taper_follows_its_radii() -> None:
    form = tube(resample(LINE, 0.5), [(0, 1), (1, 3)]).field()
    for x in (2.0, 5.0, 8.0):
        assert form([[x, 1 + 0.2 * x, 0]])[0] == pytest.approx(0, abs=0.05)


def test_radii_are_given_over_the_length_whatever_the_spacing_of_the_points() -> None:
    uneven = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [10, 0, 0]])
    assert tube(uneven, [(0, 1.0), (1, 3.0)]).radius_mm == pytest.approx([1, 1.2, 1.4, 3])
    assert tube(uneven, [(0, 1), (0.2, 2), (1, 2)]).radius_mm == pytest.approx([1, 1.5, 2, 2], abs=0.2)


def test_the_ends_are_round() -> None:
    form = Tube(LINE, np.full(2, 2.0)).field()
    assert form([[-2, 0, 0], [12, 0, 0], [10 + np.sqrt(2), np.sqrt(2), 0]]) == pytest.approx(0, abs=1e-9)


def test_a_bent_tube_is_a_torus_in_its_middle() -> None:
    form = tube(BEND, [(0, 2), (1, 2)]).field()
    angle = np.linspace(0.15, np.pi / 2 - 0.15, 40)
    ring = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(40)])
    for out, up, want in ((17.0, 0.0, 0.0), (13.0, 0.0, 0.0), (15.0, 2.0, 0.0), (15.0, 0.0, -2.0), (18.0, 4.0, 3.0)):
        assert form(ring * out + [0, 0, up]) == pytest.approx(want, abs=0.01)


def test_a_tube_is_a_closed_surface_of_its_volume() -> None:
    form = tube(BEND, [(0, 2), (1, 2)])
    mesh = contour(form.field(), 0.35)
    body = solid(mesh)
    assert body.is_watertight
    assert body.volume == pytest.approx(np.pi * 4 * arc_length(BEND)[-1] + 4 / 3 * np.pi * 8, rel=0.01)


def test_the_box_holds_the_tube() -> None:
    form = tube(BEND, [(0, 1), (1, 3)]).field()
    cloud = np.random.default_rng(0).uniform(-8, 22, (4000, 3))
    inside = cloud[form(cloud) < 0]
    assert len(inside) > 20 and (inside >= form.lower).all() and (inside <= form.upper).all()


def test_a_branch_blends_into_its_trunk_in_one_piece() -> None:
    trunk, twig = Tube(LINE, np.full(2, 1.2)), Tube(np.array([[5.0, 0, 0], [8, 6, 0]]), np.full(2, 0.7))
    both = joined([trunk, twig], 0.4)
    sharp = fields.union(trunk.field(), twig.field())
    gap = sharp(CLOUD) - both(CLOUD)
    assert gap.min() >= -1e-9 and 0 < gap.max() <= 0.1 + 1e-9
    mesh = contour(both, 0.5)
    assert solid(mesh).body_count == 1


def test_one_tube_alone_is_itself() -> None:
    only = Tube(LINE, np.full(2, 1.2))
    assert np.array_equal(joined([only])(CLOUD), only.field()(CLOUD))


@pytest.mark.parametrize("name", ["grid", "anywhere", "on the line"])
def test_the_compiled_search_finds_the_nearest_point_of_a_line(name: str) -> None:
    from meshes.nearest_line import nearest_of_line

    rng = np.random.default_rng(2)
    grid = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3) * 0.4
    points = {
        "grid": (BEND[::6, None] + rng.normal(size=(10, 1, 3)) * 4 + grid).reshape(-1, 3),
        "anywhere": rng.normal(size=(700, 3)) * 40,
        "on the line": BEND[rng.integers(0, len(BEND), 333)],
    }[name]  # fmt: skip
    apart = np.linalg.norm(points[:, None] - BEND, axis=2)
    assert apart[np.arange(len(points)), nearest_of_line(points, BEND)] == pytest.approx(apart.min(axis=1), abs=1e-12)


def test_a_tube_says_the_same_of_many_points_and_of_few() -> None:
    form = tube(BEND, [(0, 2), (1, 1)]).field()
    many = np.random.default_rng(3).uniform(-8, 22, (3 * tubes.MANY, 3))
    few = np.concatenate([form(part) for part in np.array_split(many, 12)])
    assert np.array_equal(form(many), few)


def test_less_room_round_a_true_distance_gives_the_same_surface() -> None:
    trunk, twig = tube(BEND, [(0, 1.4), (1, 0.9)]), Tube(np.array([BEND[30], [14.0, 14, 6]]), np.full(2, 0.5))
    form = joined([trunk, twig])
    wide, narrow = contour(form, 0.4, faces=4000), contour(form, 0.4, faces=4000, true=True)
    assert np.array_equal(wide.vertices_mm, narrow.vertices_mm) and np.array_equal(wide.faces, narrow.faces)
