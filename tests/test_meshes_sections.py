"""Slices through muscles: their middles and areas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.contour import contour
from meshes.fields import ellipsoid, rounded_cone, sphere, subtract
from meshes.model import Anatomy
from meshes.points import load_table
from meshes.sections import muscle_sections, section


@settings(deadline=None, max_examples=40)
@given(st.floats(-7, 7), st.floats(0, 180), st.floats(0, 360))
def test_a_ball_is_cut_in_a_disc(offset: float, tilt: float, turn: float) -> None:
    n = np.array([np.sin(np.radians(tilt)) * np.cos(np.radians(turn)), np.sin(np.radians(tilt)) * np.sin(np.radians(turn)), 0])
    n[2] = np.cos(np.radians(tilt))
    centre = np.array([5.0, -20.0, 30.0])
    found = section(BALL, centre + offset * n, n)
    assert found is not None
    assert found.area_mm2 == pytest.approx(np.pi * (100 - offset**2), rel=0.02)
    assert np.linalg.norm(found.centre - (centre + offset * n)) < 0.1


BALL = contour(sphere([5, -20, 30], 10.0), 1.0)


def test_a_plane_that_misses_gives_nothing() -> None:
    assert section(BALL, [5, -20, 41], [0, 0, 1]) is None


def test_a_hole_counts_negative() -> None:
    hollow = contour(subtract(ellipsoid([0, 0, 0], [10, 8, 12]), rounded_cone([0, 0, -20], [0, 0, 20], 3, 3)), 0.7)
    found = section(hollow, [0, 0, 1], [0, 0, 1])
    assert found is not None and found.area_mm2 == pytest.approx(np.pi * (80 * (1 - 1 / 144) - 9), rel=0.03)


def test_the_model_has_a_middle_for_every_row_on_both_sides(anatomy: Anatomy) -> None:
    rows = load_table("sections")["section"]
    for side in ("right", "left"):
        surfaces = {k.removesuffix(f"_{side}"): s.mesh for k, s in anatomy.structures.items() if s.side == side}
        found = muscle_sections(surfaces, anatomy.landmarks, side)
        assert set(found) == set(rows)
        for name, cut in found.items():
            assert np.linalg.norm(cut.centre - anatomy.landmark(f"{name}_{side}")) < 0.05, name
            assert 15 < cut.area_mm2 < 900, name
