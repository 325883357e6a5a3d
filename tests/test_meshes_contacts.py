"""Neighbours touch but do not stand in one another."""

from __future__ import annotations

import numpy as np
import pytest

from meshes.contacts import clashes
from meshes.contour import contour
from meshes.fields import sphere
from meshes.model import Anatomy, Structure


def ball(key: str, kind: str, x: float, radius: float) -> Structure:
    return Structure(key, "median", kind, kind, key, key, None, contour(sphere([x, 0, 0], radius), 1.0))


def pair(gap: float, kind: str = "muscle") -> Anatomy:
    return Anatomy.of("pair", [ball("atlas", "bone", 0.0, 10.0), ball("axis", kind, 20.0 + gap, 10.0)], {}, {})


@pytest.mark.parametrize("gap", [0.2, 0.0, -0.4])
def test_touching_is_right(gap: float) -> None:
    assert list(clashes(pair(gap))) == []


def test_standing_in_one_another_is_found_with_its_depth_and_place() -> None:
    found = list(clashes(pair(-3.0)))
    assert {(c.inner, c.outer) for c in found} == {("atlas", "axis"), ("axis", "atlas")}
    assert all(2.7 < c.depth_mm <= 3.01 and np.linalg.norm(c.at - [8.5, 0, 0]) < 2.5 for c in found)


def test_a_nerve_may_run_through_a_muscle_but_not_through_bone() -> None:
    nerve = ball("c2_spinal_ganglion", "nerve", 0.0, 2.0)
    for kind, faults in (("muscle", 0), ("bone", 1)):
        found = list(clashes(Anatomy.of("x", [nerve, ball("axis", kind, 0.0, 10.0)], {}, {})))
        assert len(found) == faults


def test_what_pokes_through_the_skin_is_found() -> None:
    found = list(clashes(Anatomy.of("x", [ball("skin", "skin", 0.0, 10.0), ball("axis", "bone", 5.0, 6.0)], {}, {})))
    assert [(c.inner, c.outer) for c in found] == [("axis", "skin")] and 0.9 < found[0].depth_mm < 1.1


@pytest.mark.slow
def test_neighbours_of_the_shipped_model_touch_at_most(anatomy: Anatomy) -> None:
    keys = [k for k, s in anatomy.structures.items() if s.side != "left"]
    assert [f"{c.inner} in {c.outer}: {c.depth_mm:.2f} mm at {c.at.round(0)}" for c in clashes(anatomy, keys)] == []
