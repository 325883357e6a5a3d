from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.model import Anatomy
from sim.training.palpation import bone_depth, feel, towards
from sim.training.world import World, world_for


@pytest.fixture(scope="session")
def block(anatomy: Anatomy) -> World:
    return world_for("gon-block-landmark", "right", anatomy)


@pytest.mark.parametrize(
    ("landmark", "what", "firmness"),
    [
        ("inion_skin", "bump", "hard"),
        ("mastoid_tip_skin_right", "rounded tip", "firm"), ("mastoid_tip_skin_left", "rounded tip", "firm"),
        ("c2_spinous_tip_skin", "broad knob", "soft"), ("c7_spinous_tip_skin", "stands out", "firm"),
    ],
)  # fmt: skip
def test_a_landmark_is_felt_under_the_finger(block: World, landmark: str, what: str, firmness: str) -> None:
    felt = feel(block, block.anatomy.landmark(landmark))
    assert any(what in n and "right under the finger" in n for n in felt.near) and felt.firmness == firmness
    assert all(n.capitalize() in felt.text or n[1:] in felt.text for n in felt.near)


@pytest.mark.parametrize(
    ("off", "words"),
    [
        ((0.0, 0.0, -8.0), "above"), ((0.0, 0.0, 8.0), "below"), ((8.0, 0.0, 0.0), "to the patient's left"),
        ((-8.0, 0.0, 0.0), "to the patient's right"),
    ],
)  # fmt: skip
def test_a_bump_beside_the_finger_is_told_with_its_direction(block: World, off: tuple[float, ...], words: str) -> None:
    bump = next(n for n in feel(block, block.anatomy.landmark("inion_skin") + np.array(off)).near if "bump" in n)
    assert words in bump


def test_no_structure_is_named(block: World) -> None:
    names = {"inion", "mastoid", "nuchal", "axis", "spinous", "artery", "occipital"}
    landmarks = block.anatomy.landmarks
    for point in [p for name, p in landmarks.items() if name.endswith(("_skin", "_skin_right")) or "tip" in name]:
        assert not {w for w in names if w in feel(block, point).text.lower()}


def test_the_ridge_is_felt_along_the_nuchal_line_and_not_above_it(block: World) -> None:
    line = block.anatomy.curve("superior_nuchal_line_skin_right")
    middle = line[len(line) // 2]
    assert any("ridge" in n for n in feel(block, middle).near)
    assert not any("ridge" in n for n in feel(block, middle + [0.0, 0.0, 30.0]).near)


def test_the_occipital_artery_is_felt_to_beat_where_it_is_shallow(block: World) -> None:
    artery = block.anatomy["occipital_artery_right"]
    assert artery.centerline is not None and artery.radius_mm is not None
    depth = -block.ground.skin.signed_distance(artery.centerline) - artery.radius_mm
    shallow = artery.centerline[(depth < 3) & (artery.radius_mm > 0.6)]
    assert len(shallow)
    assert feel(block, shallow[0]).pulse and "pulse" in feel(block, shallow[0]).text
    assert not feel(block, block.anatomy.landmark("vertex")).pulse
    assert not feel(block, block.anatomy.landmark("c7_spinous_tip_skin")).pulse


def test_bone_is_told_to_the_step_of_a_finger(block: World) -> None:
    point = block.anatomy.landmark("opisthocranion_skin")
    felt = feel(block, point)
    normal = block.ground.skin.closest(felt.point_mm)[1][0]
    depth = bone_depth(block, felt.point_mm, -normal)
    assert depth is not None and felt.bone_mm is not None and abs(felt.bone_mm - depth) <= 1.0
    assert felt.bone_mm == round(felt.bone_mm)
    nape = feel(block, block.anatomy.landmark("c2_spinous_tip_skin"))
    assert nape.bone_mm is not None and nape.bone_mm % 5 == 0


@pytest.mark.parametrize("key", ["trigger-trapezius", "trigger-splenius-capitis", "trigger-sternocleidomastoid"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_trigger_point_is_tender_and_its_neighbourhood_is_not(anatomy: Anatomy, key: str, side: str) -> None:
    world = world_for(key, side, anatomy)
    (target,) = world.targets
    assert feel(world, target.skin_mm).tender and "hurts" in feel(world, target.skin_mm).text
    assert not feel(world, target.skin_mm * [-1, 1, 1]).tender
    assert not feel(world, target.skin_mm + [0.0, 0.0, 25.0]).tender


def test_a_block_has_no_trigger_point(block: World) -> None:
    assert not feel(block, block.targets[0].skin_mm).tender


def test_a_point_must_be_three_finite_numbers(block: World) -> None:
    with pytest.raises(ValueError, match="finite"):
        feel(block, [0.0, np.nan, 0.0])
    with pytest.raises(ValueError, match="shape"):
        feel(block, [0.0, 1.0])


def test_left_and_right_feel_alike_anywhere(block: World) -> None:
    @settings(max_examples=40, deadline=None)
    @given(st.tuples(*[st.floats(-150, 150)] * 3))
    def check(point: tuple[float, float, float]) -> None:
        here, there = (feel(block, np.array(point) * [s, 1, 1]) for s in (1, -1))
        assert here.text.startswith(here.firmness.capitalize()) and "  " not in here.text
        if np.linalg.norm(here.point_mm * [-1, 1, 1] - there.point_mm) < 0.2:  # else it is as near to two places of the skin
            assert sorted(n.split(" about")[0] for n in here.near) == sorted(n.split(" about")[0] for n in there.near)

    check()


def test_directions_in_words() -> None:
    assert towards(np.array([0.0, 0.0, 2.0])) == "above"
    assert towards(np.array([-2.0, 0.0, -2.0])) == "below and to the patient's left"
    assert towards(np.array([0.0, 3.0, 0.5])) == "toward the face"
    assert towards(np.zeros(3)) == ""
