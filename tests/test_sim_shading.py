from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes.model import SurfaceMesh
from sim import shading
from sim.cutting import cap, clip, plane_distance
from sim.marks import ball

Z = np.array([0.0, 0.0, 1.0])


def floor(half: float = 60.0, step: float = 1.5) -> SurfaceMesh:
    x = np.arange(-half, half, step)
    n = len(x)
    vertices = np.stack([*np.meshgrid(x, x, indexing="ij"), np.zeros((n, n))], axis=-1).reshape(-1, 3)
    i = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate([np.stack([i, i + n, i + n + 1], 1), np.stack([i, i + n + 1, i + 1], 1)])
    return SurfaceMesh(vertices, faces, np.tile(Z, (len(vertices), 1)))


def test_an_open_floor_is_fully_lit_and_a_corner_under_a_ball_is_not() -> None:
    ground = floor()
    points, normals = np.array([[0.0, 0, 0], [40.0, 40, 0]]), np.stack([Z, Z])
    alone = shading.ambient_light(shading.occupancy([ground]), points, normals)
    under = shading.ambient_light(shading.occupancy([ground, ball((0, 0, 14), 11)]), points, normals)
    assert alone.min() > 0.9
    assert under[0] < alone[0] - 0.15
    assert under[1] == pytest.approx(alone[1], abs=0.07)


def test_a_ball_throws_a_shadow_away_from_the_light() -> None:
    scene = shading.occupancy([floor(), ball((0, 0, 20), 9)])
    toward = np.array([1.0, 0, 1]) / np.sqrt(2)
    lit = shading.key_light(scene, np.array([[-24.0, 0, 0], [24.0, 0, 0]]), np.stack([Z, Z]), toward)
    assert lit[0] < lit[1] - 0.06
    assert lit[1] > 0.85


@given(st.floats(0.0, 0.99), st.integers(0, 1000))
def test_clear_skin_stays_a_share_and_rises_to_its_outline(opacity: float, seed: int) -> None:
    normals = np.random.default_rng(seed).normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    facing = normals @ Z
    alpha = shading.clear_alpha(normals, Z, opacity)
    assert (alpha >= 0).all() and (alpha <= max(0.95, opacity)).all()
    front = np.flatnonzero(facing > 0)
    order = front[np.argsort(facing[front])]
    assert (np.diff(alpha[order]) <= 1e-6).all()
    assert shading.clear_alpha(Z[None], Z, opacity)[0] <= opacity + 1e-6


def test_fibres_repeat_and_follow_the_seed() -> None:
    first = shading.fibre_texture(1)
    assert (first == shading.fibre_texture(1)).all()
    assert (first != shading.fibre_texture(2)).any()
    rows, columns = np.abs(np.diff(first.astype(int), axis=0)).mean(), np.abs(np.diff(first.astype(int), axis=1)).mean()
    per_mm = [rows * first.shape[0] / shading.TEXTURE_MM[1], columns * first.shape[1] / shading.TEXTURE_MM[0]]
    assert per_mm[0] > 5 * per_mm[1]
    seam = np.abs(first[0].astype(int) - first[-1]).mean()
    assert seam < 3 * rows + 1


def test_mottling_is_gentle_and_follows_the_seed(rng: np.random.Generator) -> None:
    points = rng.uniform(-90, 90, (4000, 3))
    first = shading.mottling(points, 3)
    assert first.mean() == pytest.approx(1, abs=0.01)
    assert 0.01 < first.std() < 0.08
    assert (first == shading.mottling(points, 3)).all()
    assert np.abs(first - shading.mottling(points, 4)).max() > 0.01


def test_depth_light_darkens_only_what_lies_behind_an_edge() -> None:
    depth = np.full((60, 60), -np.inf, dtype=np.float32)
    depth[10:50, 10:50] = 0
    depth[25:35, 10:50] = 6
    factor = shading.depth_light(depth, shading.surroundings(depth, 3.0))
    assert factor[36, 30] < 0.95
    assert (factor[~np.isfinite(depth)] == 1).all()
    assert factor[30, 30] == pytest.approx(1)
    paper = np.full((4, 4), -np.inf, dtype=np.float32)
    assert (shading.depth_light(paper, shading.surroundings(paper, 1.0)) == 1).all()


def test_only_the_top_layer_of_skin_is_kept() -> None:
    pixels = np.array([[0.0, 0], [1, 1], [30, 30], [1, 0]])
    top = shading.topmost(pixels, np.array([0.0, 40, 0, 35]), 5.0, 16.0)
    assert top.tolist() == [0.0, 1.0, 1.0, 1.0]


def test_shade_keeps_shadows_warm() -> None:
    dark = np.array([0.4], dtype=np.float32)
    one = np.ones(1, dtype=np.float32)
    colour = shading.shade(np.full(3, 0.8), dark, one, 0 * one, (1.0, 1.0, 1.0))[0]
    assert colour[0] > colour[1] > colour[2]
    assert np.allclose(shading.shade(np.full(3, 0.8), one, one, 0 * one, (1, 1, 1)), 0.8)


def test_a_clipped_ball_is_closed_by_its_cap() -> None:
    mesh = ball((0, 0, 0), 10)
    kept, rim = clip(mesh, plane_distance(mesh.vertices_mm, np.zeros(3), np.array([0, 0.3, 1.0])))
    face = cap(rim, np.array([0, 0.3, 1.0]))
    assert face is not None
    assert (plane_distance(kept.vertices_mm, np.zeros(3), np.array([0, 0.3, 1.0])) < 1e-6).all()
    a, b, c = (face.vertices_mm[face.faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    assert (cross @ np.array([0, 0.3, 1.0]) > -1e-9).all()
    assert np.linalg.norm(cross, axis=1).sum() / 2 == pytest.approx(np.pi * 100, rel=0.04)


def test_clipping_carries_fibres_grain_and_tendon() -> None:
    mesh = ball((0, 0, 0), 10)
    n = len(mesh.vertices_mm)
    muscle = SurfaceMesh(
        mesh.vertices_mm,
        mesh.faces,
        mesh.normals,
        np.tile(Z, (n, 1)),
        mesh.vertices_mm[:, :2].copy(),
        mesh.vertices_mm[:, 2].copy(),
    )
    kept, _ = clip(muscle, plane_distance(mesh.vertices_mm, np.array([0, 0, 3.3]), Z))
    assert kept.grain is not None and kept.tendon is not None and kept.fibres is not None
    assert np.allclose(kept.grain, kept.vertices_mm[:, :2])
    assert kept.tendon.max() == pytest.approx(3.3)


def test_a_cut_beside_the_mesh_takes_all_or_nothing() -> None:
    mesh = ball((0, 0, 0), 10)
    for z, count in ((20.0, len(mesh.faces)), (-20.0, 0)):
        kept, rim = clip(mesh, plane_distance(mesh.vertices_mm, np.array([0, 0, z]), Z))
        assert len(kept.faces) == count
        assert len(rim) == 0
    assert cap(np.zeros((0, 2, 3)), Z) is None
