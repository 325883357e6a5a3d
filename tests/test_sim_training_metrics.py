"""What is measured of the hand and of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scenarios.procedure_files import list_procedures, load_procedure
from sim.training.critical import critical_errors, critical_table
from sim.training.metrics import measure, metrics, said
from sim.training.world import World
from sim.ultrasound.poses import ProbePose
from tests.attempts import Hand, at_target, value

Array = NDArray[np.float64]
OFTEN = settings(max_examples=25, deadline=None)


# --- the tables ---------------------------------------------------------------------------------------------------------------


def test_every_procedure_names_metrics_and_errors_that_exist() -> None:
    for key in list_procedures():
        procedure = load_procedure(key)
        assert set(procedure.metrics) <= set(metrics()), key
        assert set(procedure.critical) <= set(critical_table()), key


def test_an_empty_log_has_nothing_to_measure_and_no_error(c2: World) -> None:
    assert {m.value for k, m in measure(c2, Hand(c2).log).items() if k != "sites_missed"} == {None}
    assert critical_errors(c2, Hand(c2).log) == ()


def test_an_unknown_metric_names_the_nearest(c2: World) -> None:
    with pytest.raises(ValueError, match="path_length"):
        measure(c2, Hand(c2).log, ["path_lenght"])


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (2.345, "mm", "2.3 mm"),
        (1, "times", "1 time"),
        (3, "times", "3 times"),
        (66.7, "%", "67%"),
        (None, "mm", "nothing to measure"),
    ],
)
def test_a_value_is_said_with_its_unit(number: float | None, unit: str, text: str) -> None:
    assert said(number, unit) == text


# --- the hand -----------------------------------------------------------------------------------------------------------------


def test_a_straight_way_in_and_out(c2: World) -> None:
    hand = at_target(c2).then(seconds=4)
    depth = c2.targets[0].depth_mm
    hand.out().then(seconds=2)
    assert value(hand, "path_in_tissue") == pytest.approx(2 * depth)
    assert value(hand, "path_length") == pytest.approx(2 * depth)
    assert (value(hand, "passes"), value(hand, "tissue_damage"), value(hand, "redirections")) == (1, 0, 0)
    assert value(hand, "time_in_tissue") == pytest.approx(7)
    assert value(hand, "elapsed_time") == pytest.approx(11)


def test_the_way_from_one_entry_to_the_next_counts_in_air_only(c2: World) -> None:
    t = c2.targets[0]
    hand = Hand(c2).hold(t.skin_mm, t.direction).hold(t.skin_mm + [0, 0, 7], t.direction).push(5)
    assert value(hand, "path_length") == pytest.approx(12)
    assert value(hand, "path_in_tissue") == pytest.approx(5)


@OFTEN
@given(deep=st.floats(6, 40), deg=st.floats(3, 40), cuts=st.integers(1, 5))
def test_a_turn_in_the_depth_sweeps_a_sector_and_is_one_redirection_however_it_is_cut(
    c2: World, deep: float, deg: float, cuts: int
) -> None:
    entry, along, aside = np.zeros(3), np.array([0.0, 1, 0]), np.array([0.0, 0, 1])
    hand = Hand(c2).hold(entry, along).push(deep)
    for turn in np.deg2rad(np.linspace(0, deg, cuts + 1)[1:]):
        hand.hold(entry, np.cos(turn) * along + np.sin(turn) * aside, deep)
    assert value(hand, "tissue_damage") == pytest.approx(0.5 * np.deg2rad(deg) * deep**2, rel=1e-6)
    assert value(hand, "redirections") == 1
    assert value(hand, "path_in_tissue") == pytest.approx(deep + np.deg2rad(deg) * deep, rel=1e-6)


def test_turns_with_a_push_between_are_two_and_a_turn_near_the_skin_is_none(c2: World) -> None:
    hand = Hand(c2).hold(np.zeros(3), np.array([0, 1, 0])).push(3).hold(np.zeros(3), np.array([0, 1, 0.2]), 3)
    assert value(hand, "redirections") == 0
    hand.push(10).hold(np.zeros(3), np.array([0, 1, 0.0]), 13).push(2).hold(np.zeros(3), np.array([0, 1, 0.2]), 15)
    assert value(hand, "redirections") == 2


def test_an_even_push_is_smoother_than_one_by_jerks(c2: World) -> None:
    def pushed(steps: list[float]) -> float:
        hand = Hand(c2).hold(np.zeros(3), np.array([0, 1, 0]))
        for mm in steps:
            hand.push(mm)
        found = value(hand, "motion_smoothness")
        assert found is not None
        return found

    even, jerky = pushed([2.0] * 8), pushed([7, -3, 8, -4, 6, -2, 5, -1])
    assert 0 <= even < 0.2 * jerky


def test_the_angle_is_that_between_shaft_and_skin(c2: World) -> None:
    skin = c2.targets[0].skin_mm
    normal = c2.ground.skin.closest(skin)[1][0]
    aside = np.cross(normal, [0, 0, 1.0])
    aside /= np.linalg.norm(aside)
    for deg in (90, 40, 20):
        way = -np.sin(np.deg2rad(deg)) * normal + np.cos(np.deg2rad(deg)) * aside
        assert value(Hand(c2).hold(skin, way).push(10), "angle_to_skin") == pytest.approx(deg, abs=1)


# --- the picture --------------------------------------------------------------------------------------------------------------


def beside(world: World, pose: ProbePose, off_mm: float = 0.0, steep_deg: float = 30.0) -> Hand:
    """A needle beside the probe's unmarked end, its whole shaft some way out of the plane."""
    away = 0.5 * world.scanner({}).settings.model.width_mm + 2.5
    a = np.deg2rad(steep_deg)
    entry = pose.face_mm - away * pose.lateral + off_mm * pose.elevation
    return Hand(world, probe=pose).hold(entry, np.cos(a) * pose.lateral + np.sin(a) * pose.axis)


def test_a_tip_in_the_plane_is_seen_and_one_beside_it_is_not(c2: World) -> None:
    pose = c2.pose("c2-oblique", "right")
    both = ["in_plane_fraction", "tip_visible_fraction", "blind_advance", "image_target_seen"]
    good = measure(c2, (hand := beside(c2, pose).push(16)).log, both)
    bad = measure(c2, beside(c2, pose, off_mm=4.0).push(16).log, both)
    assert (good["in_plane_fraction"].value, bad["in_plane_fraction"].value) == (100, 0)
    assert good["tip_visible_fraction"].value > 60 > 10 > bad["tip_visible_fraction"].value  # type: ignore[operator]
    assert good["blind_advance"].value < 5 < 10 < bad["blind_advance"].value  # type: ignore[operator]
    assert good["image_target_seen"].value == 100
    assert measure(c2, hand.log, both) == good


def test_a_push_without_the_probe_is_blind(c2: World) -> None:
    pose = c2.pose("c2-oblique", "right")
    hand = beside(c2, pose).then(probe=None).push(20)
    assert (value(hand, "in_plane_fraction"), value(hand, "tip_visible_fraction")) == (0, 0)
    assert value(hand, "blind_advance") == pytest.approx(20)
    assert value(hand, "image_target_seen") == 0


def test_a_picture_too_shallow_does_not_show_the_target(c2: World) -> None:
    hand = beside(c2, c2.pose("c2-oblique", "right")).then(knobs={"depth_mm": 12.0}).push(2)
    assert value(hand, "image_target_seen") == 0


def test_the_probe_counts_only_while_the_needle_is_in(c2: World) -> None:
    pose = c2.pose("c2-oblique", "right")
    moved = replace(pose, centre_mm=pose.centre_mm + 5 * pose.lateral)
    hand = beside(c2, pose).then(probe=moved).then(probe=pose).push(10)
    assert value(hand, "probe_motion_advancing") == 0
    assert value(hand.then(probe=moved), "probe_motion_advancing") == pytest.approx(5)


def test_a_landmark_technique_has_no_picture(worlds: Callable[[str, str], World]) -> None:
    hand = Hand(worlds("gon-block-landmark", "right")).treat(worlds("gon-block-landmark", "right").targets[0])
    for key in ("image_target_seen", "in_plane_fraction", "tip_visible_fraction", "blind_advance", "probe_motion_advancing"):
        assert value(hand, key) is None
