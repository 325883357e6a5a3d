"""Eyebrows and hair: thin forms that stand on the skin where the hairlines say."""

from __future__ import annotations

import numpy as np
import pytest

from meshes.contour import contour
from meshes.hair import hair_parts
from meshes.parts import Part
from meshes.points import load_table
from meshes.skin import skin_field


@pytest.fixture(scope="module")
def parts() -> dict[str, Part]:
    return {p.key: p for p in hair_parts()}


@pytest.mark.parametrize(("key", "spacing", "height"), [("eyebrow", 0.6, 0.6), ("hairs_of_head", 3.0, 5.0)])
def test_hair_is_one_closed_form_rooted_in_the_skin(parts: dict[str, Part], key: str, spacing: float, height: float) -> None:
    import trimesh

    mesh = contour(parts[key].field, spacing)
    body = trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)
    assert body.is_watertight and body.body_count == 1 and body.volume > 0
    depth = skin_field()(mesh.vertices_mm)
    assert depth.min() > -0.5 and depth.max() == pytest.approx(height, abs=0.1)


def test_eyebrow_lies_over_the_upper_margin_of_the_orbit(parts: dict[str, Part]) -> None:
    mesh = contour(parts["eyebrow"].field, 0.8)
    assert mesh.vertices_mm[:, 0].min() > 7 and mesh.vertices_mm[:, 0].max() < 56
    assert mesh.vertices_mm[:, 2].min() > 33 and mesh.vertices_mm[:, 2].max() < 49


def test_hair_ends_at_the_hairline_and_leaves_face_and_ear_free(parts: dict[str, Part]) -> None:
    hair, curves = parts["hairs_of_head"].field, load_table("skin")["curves"]
    line = np.array([*curves["hairline"]["through"], *curves["temporal_hairline"]["through"][1:-1]])
    assert np.abs(hair(line)).max() < 2.5
    covered = np.array([[0, -25, 124], [0, -107, 22], [76, -30, 60], [0, 60, 103]])
    bare = np.array([[0, 90, 50], [72, 6, -3], [80, -8, 10], [0, -62, -90], [60, 60, 30]])
    assert (hair(covered) < 0).all() and (hair(bare) > 1).all()
