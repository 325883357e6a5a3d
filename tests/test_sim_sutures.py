from __future__ import annotations

import numpy as np
import pytest

from meshes.model import Anatomy, Structure
from meshes.surface import SurfaceQuery
from sim.cameras import stand
from sim.marks import ball
from sim.picture import Camera, Picture
from sim.picture_shown import Cut, Shown
from sim.stage import light, pieces_of
from sim.sutures import LIFT_MM, WIDTH_MM, sutures_of
from sim.theme import load_theme

RADIUS = 70.0


@pytest.fixture(scope="module")
def skull() -> Anatomy:
    turn = np.linspace(-1.0, 1.0, 80)
    line = RADIUS * np.stack([np.zeros(80), np.sin(turn), np.cos(turn)], axis=1)
    bone = Structure("cranium", "median", "bone", "bone", "cranium", "cranium", None, ball((0.0, 0.0, 0.0), RADIUS))
    return Anatomy.of("ball", [bone], {}, {"sagittal_suture": line, "superior_nuchal_line_right": line + 5.0})


def test_sutures_lie_on_the_bone_and_are_as_wide_as_said(skull: Anatomy) -> None:
    ribbon = sutures_of(skull)
    assert ribbon is not None
    above = SurfaceQuery(skull["cranium"].mesh).signed_distance(ribbon.vertices_mm)
    assert above.min() > 0.0 and above.max() < 2 * LIFT_MM
    assert np.allclose(np.abs(ribbon.vertices_mm[:, 0]), WIDTH_MM / 2, atol=0.05)
    corners = ribbon.vertices_mm[ribbon.faces]
    out = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((out * corners.mean(axis=1)).sum(axis=1) > 0).all()


def test_a_skull_without_sutures_and_a_body_without_skull_have_none(skull: Anatomy) -> None:
    assert sutures_of(Anatomy.of("bare", list(skull.structures.values()), {}, {})) is None
    assert sutures_of(Anatomy.of("none", [], {}, dict(skull.curves))) is None


@pytest.mark.parametrize(("opacity", "count"), [(1.0, 2), (0.5, 1), (0.0, 0)])
def test_only_a_solid_skull_carries_them(skull: Anatomy, opacity: float, count: int) -> None:
    pieces = pieces_of(skull, Picture("p", (Shown("cranium", opacity),)), load_theme("atlas"))
    assert len(pieces) == count


def test_a_cut_takes_them_with_the_bone(skull: Anatomy) -> None:
    front = Cut((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), capped=False)
    picture = Picture("p", (Shown("cranium"),), cuts=(front,))
    lines = pieces_of(skull, picture, load_theme("atlas"))[-1]
    assert lines.mesh.vertices_mm[:, 1].max() < 1e-6
    view = stand(Camera("superior"), lines.mesh.vertices_mm, 200, 200)
    layers = light(pieces_of(skull, picture, load_theme("atlas")), view, load_theme("atlas"), 0)
    assert len(layers) == 1


def test_sutures_are_darker_than_the_bone(skull: Anatomy) -> None:
    for style in ("atlas", "patient", "dark"):
        bone, lines = pieces_of(skull, Picture("p", (Shown("cranium"),)), load_theme(style))
        assert (lines.colour < 0.8 * bone.colour).all()
