"""Surfaces that cut themselves are found and mended."""

from __future__ import annotations

import numpy as np
import pytest

from meshes.contour import contour
from meshes.fields import sphere
from meshes.healing import healed, self_intersections
from meshes.model import Anatomy, SurfaceMesh


def folded() -> SurfaceMesh:
    """A ball with a few vertices pushed right through it, and out on the other side."""
    ball = contour(sphere([0, 0, 0], 10.0), 1.5)
    vertices = np.array(ball.vertices_mm)
    top = np.argsort(vertices[:, 2])[-3:]
    vertices[top] += np.array([[3.5, 0, -1.0], [-3.5, 0.5, -1.2], [0.2, 3.0, -22.0]])
    return SurfaceMesh(vertices, ball.faces, ball.normals)


def test_a_ball_has_none() -> None:
    ball = contour(sphere([0, 0, 0], 10.0), 1.5)
    assert len(self_intersections(ball)) == 0
    assert np.abs(healed(ball).vertices_mm - ball.vertices_mm).max() <= 0.5 / 128


def test_a_folded_ball_is_found_and_mended_near_the_fold_only() -> None:
    mesh = folded()
    assert len(self_intersections(mesh)) > 0
    mended = healed(mesh)
    assert len(self_intersections(mended)) == 0
    moved = np.linalg.norm(mended.vertices_mm - mesh.vertices_mm, axis=1) > 0.01
    assert 0 < moved.mean() < 0.5
    assert np.allclose(np.linalg.norm(mended.normals, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("side", ["right", "median"])
def test_no_shipped_surface_cuts_itself(anatomy: Anatomy, side: str) -> None:
    found = {k: len(self_intersections(s.mesh)) for k, s in anatomy.structures.items() if s.side == side}
    assert {k: n for k, n in found.items() if n} == {}
