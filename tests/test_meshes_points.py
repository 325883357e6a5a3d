"""Shared points: both sides, in the frame they claim, not to be written to."""

from __future__ import annotations

import numpy as np
import pytest

from meshes.points import FLIP, load_table, shared_curves, shared_points

PAIRED = sorted(n.removesuffix("_right") for n in shared_points() if n.endswith("_right"))
LINES = sorted(n.removesuffix("_right") for n in shared_curves() if n.endswith("_right"))


@pytest.mark.parametrize("name", PAIRED)
def test_left_mirrors_right(name: str) -> None:
    right, left = shared_points()[f"{name}_right"], shared_points()[f"{name}_left"]
    assert right[0] > 0 and np.array_equal(left, right * FLIP)


@pytest.mark.parametrize("name", LINES)
def test_left_curve_mirrors_the_right_one(name: str) -> None:
    right, left = shared_curves()[f"{name}_right"], shared_curves()[f"{name}_left"]
    assert np.array_equal(left, right * FLIP) and (right[:, 0] >= 0).all()


def test_points_without_a_side_lie_in_the_midline() -> None:
    median = {n: p for n, p in shared_points().items() if not n.endswith(("_right", "_left"))}
    assert {n: p[0] for n, p in median.items() if p[0] != 0} == {} and "inion" in median


def test_the_frame_is_frankfort_with_its_origin_between_the_porions() -> None:
    p = shared_points()
    assert 0.5 * (p["porion_right"] + p["porion_left"]) == pytest.approx([0, 0, 0], abs=0.5)
    assert p["orbitale_right"][2] == pytest.approx(0, abs=0.5)
    assert p["glabella"][1] > 0 > p["inion"][1] and p["bregma"][2] > p["c7_spinous_tip"][2]


def test_vertebrae_go_down_in_their_order() -> None:
    for part in ("body", "spinous_tip"):
        names = [f"{v}_{part}" for v in ("c2", "c3", "c4", "c5", "c6", "c7", "t1", "t2")]
        heights = [shared_points()[n][2] for n in names]
        assert heights == sorted(heights, reverse=True)


def test_spinous_tips_lie_behind_their_bodies() -> None:
    p = shared_points()
    for v in ("c2", "c3", "c4", "c5", "c6", "c7", "t1", "t2"):
        assert 35 < p[f"{v}_body"][1] - p[f"{v}_spinous_tip"][1] < 65


def test_nothing_shared_can_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        shared_points()["inion"][0] = 1
    with pytest.raises(ValueError, match="read-only"):
        shared_curves()["superior_nuchal_line_left"][0, 0] = 1
    with pytest.raises(TypeError):
        shared_points()["inion"] = np.zeros(3)  # type: ignore[index]
    with pytest.raises(TypeError):
        load_table("landmarks")["points"] = {}  # type: ignore[index]


def test_a_table_that_is_not_there_is_a_missing_file() -> None:
    with pytest.raises(FileNotFoundError):
        load_table("no_such_table")
