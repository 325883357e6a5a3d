"""Paths: nodes seated on slabs and balls, where every place can be worked out by hand.

The toy neck is seen from behind (-y): skin face at y = -60, then a superficial slab, a deep slab and bone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes import fields as f
from meshes.curves import arc_length
from meshes.fields import Field
from meshes.paths import RULES, faces_of, kept_clear, path, posterior_border, scalp_path, seat_node

LAYERS: dict[str, Field] = {
    "skin": f.box([0, 0, 0], [90, 60, 90]),
    "trapezius": f.box([0, -47, 0], [80, 3, 80]),  # y from -50 to -44
    "semispinalis_capitis": f.box([0, -36, 0], [80, 4, 80]),  # -40 to -32
    "obliquus_capitis_inferior": f.box([20, -22, -50], [15, 6, 5]),  # x 5..35, y -28..-16, z -55..-45
    "bones": f.sphere([0, 20, 0], 30),
}
sideways, upright = st.floats(8, 30), st.floats(-53, -47)


def seat(rule: str, **row: Any) -> np.ndarray:
    return seat_node({"seat": rule, **row}, LAYERS)


@settings(max_examples=15, deadline=None)
@given(st.floats(-60, 60), st.floats(-60, 60))
def test_faces_are_found_from_behind(x: float, z: float) -> None:
    assert faces_of(LAYERS["trapezius"], x, z) == pytest.approx((-50, -44), abs=0.11)


def test_faces_are_those_of_the_first_layer_met() -> None:
    two = f.union(LAYERS["trapezius"], LAYERS["semispinalis_capitis"])
    assert faces_of(two, 0, 0) == pytest.approx((-50, -44), abs=0.11)


def test_no_layer_there_is_said_with_the_place() -> None:
    with pytest.raises(ValueError, match=r"no such layer behind lateral 85\.0, height 0\.0"):
        faces_of(LAYERS["trapezius"], 85, 0)


@settings(max_examples=15, deadline=None)
@given(sideways, upright, st.floats(0, 3))
def test_faces_gaps_and_middles(x: float, z: float, gap: float) -> None:
    at = {"lateral": x, "height": z}
    muscle, tolerance = "semispinalis_capitis", 0.11
    assert seat("superficial_face", of=muscle, gap=gap, **at) == pytest.approx([x, -40 - gap, z], abs=tolerance)
    assert seat("deep_face", of=muscle, gap=gap, **at) == pytest.approx([x, -32 + gap, z], abs=tolerance)
    assert seat("within", of=muscle, **at) == pytest.approx([x, -36, z], abs=tolerance)
    pair = ["obliquus_capitis_inferior", "semispinalis_capitis"]
    assert seat("between", of=pair, **at) == pytest.approx([x, -30, z], abs=tolerance)


def test_below_is_under_the_lowest_point_of_the_section() -> None:
    place = seat("below", of="obliquus_capitis_inferior", lateral=20, gap=1.5)
    assert place[0] == 20 and place[2] == pytest.approx(-56.5, abs=0.25)
    assert -28 <= place[1] <= -16


def test_below_with_a_lean_takes_the_posterior_corner() -> None:
    place = seat("below", of="obliquus_capitis_inferior", lateral=20, lean=0.4, gap=0)
    assert place == pytest.approx([20, -28, -55], abs=0.3)


def test_below_beside_the_muscle_is_refused() -> None:
    with pytest.raises(ValueError, match=r"obliquus_capitis_inferior has no section at lateral 50\.0"):
        seat("below", of="obliquus_capitis_inferior", lateral=50)


def test_under_skin_is_at_its_depth_from_behind_or_from_a_point() -> None:
    assert seat("under_skin", lateral=20, height=10, depth=7) == pytest.approx([20, -53, 10], abs=0.11)
    assert seat("under_skin", near=[86, 0, 10], depth=7) == pytest.approx([83, 0, 10], abs=0.02)


def test_a_depth_that_the_body_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nothing lies 70 mm under the skin behind lateral 20\.0"):
        seat("under_skin", lateral=20, height=10, depth=70)


def test_on_bone_keeps_its_gap() -> None:
    place = seat("on_bone", near=[0, -18, 3], gap=2.0)
    assert np.linalg.norm(place - [0, 20, 0]) == pytest.approx(32, abs=0.02)


def test_behind_border_is_behind_the_rearmost_point_on_the_right() -> None:
    place = seat("behind_border", of="obliquus_capitis_inferior", height=-50, gap=1.0)
    assert place[1:] == pytest.approx([-29, -50], abs=0.35) and 5 <= place[0] <= 35
    with pytest.raises(ValueError, match=r"no section at height 10\.0"):
        seat("behind_border", of="obliquus_capitis_inferior", height=10, gap=1.0)


def test_posterior_border_is_the_rear_edge_from_above_down() -> None:
    border = posterior_border(LAYERS["obliquus_capitis_inferior"], -46, -54.5, 2.0)
    assert border[:, 1] == pytest.approx(-28, abs=0.35) and border[:, 2].tolist() == [-46, -48, -50, -52, -54]


@settings(max_examples=10, deadline=None)
@given(st.floats(0, 5), st.floats(0, 2))
def test_along_border_walks_down_from_the_height_of_a_place(distance: float, gap: float) -> None:
    place = seat("along_border", of="obliquus_capitis_inferior", near=[52, 10, -46], distance=distance, gap=gap)
    assert place[1:] == pytest.approx([-28 - gap, -46 - distance], abs=0.4)


def test_on_face_is_on_the_nearest_side_whichever_that_is() -> None:
    muscle = "semispinalis_capitis"
    assert seat("on_face", of=muscle, near=[10, -50, 0], gap=1.5) == pytest.approx([10, -41.5, 0], abs=0.02)
    assert seat("on_face", of=muscle, near=[10, -20, 0], gap=1.5) == pytest.approx([10, -30.5, 0], abs=0.02)


def test_mid_face_is_outside_before_the_middle_of_the_section() -> None:
    place = seat("mid_face", of="obliquus_capitis_inferior", near=[0, 0, -50], ahead=2.0, gap=1.2)
    assert place == pytest.approx([36.2, -20, -50], abs=0.35)
    with pytest.raises(ValueError, match=r"no section at height 10\.0"):
        seat("mid_face", of="obliquus_capitis_inferior", near=[0, 0, 10], gap=1.0)


def test_a_point_is_itself_and_a_misspelt_rule_names_the_nearest() -> None:
    assert seat("point", near=[1, 2, 3]).tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match=r"seat is 'betwen', which is not known. Did you mean 'between'"):
        seat("betwen")


def test_a_seat_follows_its_layer_when_the_layer_moves() -> None:
    moved = LAYERS | {"semispinalis_capitis": f.placed(LAYERS["semispinalis_capitis"], np.eye(3), [0, 1.7, 0])}
    for rule in ("superficial_face", "deep_face", "within"):
        row = {"seat": rule, "of": "semispinalis_capitis", "lateral": 20, "height": -50}
        assert seat_node(row, moved)[1] - seat_node(row, LAYERS)[1] == pytest.approx(1.7, abs=0.11)


def test_path_is_smooth_through_its_nodes() -> None:
    rows: list[dict[str, Any]] = [
        {"seat": "point", "near": [15, -10, -55]},
        {"seat": "between", "of": ["obliquus_capitis_inferior", "semispinalis_capitis"], "lateral": 22, "height": -50},
        {"seat": "within", "of": "trapezius", "lateral": 20, "height": -20},
    ]
    line = path(rows, LAYERS)
    steps = np.diff(line, axis=0)
    assert np.linalg.norm(steps, axis=1).max() < 0.6
    unit = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", unit[1:], unit[:-1]).min() > 0.9
    for row in rows:
        assert np.linalg.norm(line - seat_node(row, LAYERS), axis=1).min() < 0.3


def test_kept_clear_leaves_the_bone_and_holds_the_ends() -> None:
    line = np.column_stack([np.linspace(-45, 45, 181), np.full(181, -8.0), np.full(181, 2.0)])
    assert LAYERS["bones"](line).min() < -1
    free = kept_clear(line, [(LAYERS["bones"], 1.5)])
    assert LAYERS["bones"](free).min() > 1.5 - 0.15
    assert free[0] == pytest.approx(line[0]) and free[-1] == pytest.approx(line[-1])
    assert arc_length(free)[-1] < 1.2 * arc_length(line)[-1]


def test_kept_clear_gives_each_point_its_own_room() -> None:
    line = np.column_stack([np.linspace(-40, 40, 161), np.full(161, -9.0), np.zeros(161)])
    wall = f.half_space([0, -10, 0], [0, -1, 0])  # solid above y = -10
    room = np.linspace(0.5, 2.5, 161)
    free = kept_clear(line, [(wall, room)])
    inner = slice(8, -8)
    assert -10 - free[inner, 1] == pytest.approx(np.interp(free[inner, 0], line[:, 0], room), abs=0.2)


def test_kept_clear_leaves_a_free_straight_path_alone() -> None:
    line = np.column_stack([np.linspace(-40, 40, 161), np.full(161, -55.0), np.zeros(161)])
    assert kept_clear(line, [(LAYERS["bones"], 2.0)]) == pytest.approx(line, abs=1e-6)


def test_scalp_path_stays_at_its_depth_once_it_has_left_the_trunk() -> None:
    skin = f.sphere([0, 0, 0], 95)
    start = np.array([26.0, -88, 0])
    line = scalp_path(start, [[28, -92, 15], [26, -85, 40], [22, -65, 68]], 3.0, skin)
    assert line[0] == pytest.approx(start, abs=1e-6)
    share = arc_length(line) / arc_length(line)[-1]
    assert skin(line[share > 0.2]) == pytest.approx(-3, abs=0.05)


def test_every_rule_is_used_here() -> None:
    assert set(RULES) == {
        "point", "between", "superficial_face", "deep_face", "within", "below", "under_skin", "on_bone", "on_face",
        "behind_border", "along_border", "mid_face",
    }  # fmt: skip
