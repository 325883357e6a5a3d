"""What is measured of the product, sites, landmarks, leads and steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.training.metrics import measure
from sim.training.state import Event
from sim.training.world import World
from tests.attempts import Hand, at_target, in_plane_beside, keys, value

Array = NDArray[np.float64]
OFTEN = settings(max_examples=25, deadline=None)


def test_product_in_the_plane_bathes_the_nerve_and_product_above_it_does_not(c2: World) -> None:
    t = c2.targets[0]
    beside_nerve = in_plane_beside(c2)
    good = at_target(c2).give(2.0, t, at=beside_nerve)
    high = at_target(c2, short_mm=14).give(2.0, t)
    wanted = ["tip_to_nerve", "plane_error", "circumference_bathed", "length_bathed", "volume_in_plane", "volume_given"]
    a, b = measure(c2, good.log, wanted), measure(c2, high.log, wanted)
    assert a["tip_to_nerve"].value < 4 < 8 < b["tip_to_nerve"].value  # type: ignore[operator]
    assert a["plane_error"].value == 0 and b["plane_error"].value > 3  # type: ignore[operator]
    assert a["circumference_bathed"].value > 60 > b["circumference_bathed"].value  # type: ignore[operator]
    assert a["length_bathed"].value > b["length_bathed"].value  # type: ignore[operator]
    assert (a["volume_in_plane"].value, b["volume_in_plane"].value) == (100, 0)
    assert a["volume_given"].value == b["volume_given"].value == 2.0


def test_volume_within_its_range_is_no_error_and_beyond_it_the_distance_is(c2: World) -> None:
    t = c2.targets[0]
    low, high = c2.procedure.product.range_ml
    for ml, off in ((low, 0.0), (high, 0.0), (low / 2, low / 2), (high + 0.7, 0.7)):
        assert value(at_target(c2, 3).give(ml, t), "volume_error") == pytest.approx(off)


def test_aspiration_is_counted_by_injection(c2: World) -> None:
    t = c2.targets[0]
    hand = at_target(c2, 3).give(0.5, t).give(0.5, t, aspirated=False).give(0.5, t).give(0.5, t)
    assert value(hand, "aspirated_before") == 75


def test_bone_touched_and_drawn_back_from(worlds: Callable[[str, str], World]) -> None:
    world = worlds("gon-block-landmark", "right")
    t = world.targets[0]
    hand = Hand(world).hold(t.skin_mm, t.direction).push(t.depth_mm)
    assert value(hand, "bone_contacts") == 0
    hand.then(Event(hand.state.at_s, "bone_contact", "occipital_bone")).push(-2).give(1.0, t)
    drawn = value(hand, "bone_drawback")
    assert value(hand, "bone_contacts") == 1
    assert drawn == pytest.approx(world.truth.tip(hand.log.moments[-1].state.deposits[0].tip_mm).bone_mm)
    fresh = hand.out().hold(t.skin_mm, t.direction).push(3).give(1.0, t)
    assert value(fresh, "bone_drawback") == drawn  # the second puncture touched none


def test_the_fan_is_as_wide_as_its_farthest_places(worlds: Callable[[str, str], World]) -> None:
    world = worlds("gon-block-landmark", "right")
    t = world.targets[0]
    hand = Hand(world).hold(t.skin_mm, t.direction).push(t.depth_mm - 1)
    for shift in (0.0, 4.0, -5.0):
        hand.give(0.5, t, at=t.point_mm + [0, 0, shift])
    assert value(hand, "fan_spread") == (pytest.approx(9) if world.procedure.fan else None)


def test_the_lowest_voltage_felt_is_the_threshold(worlds: Callable[[str, str], World]) -> None:
    hand = at_target(worlds("prf-gon", "right"), 1.0)
    for felt in (0.6, None, 0.3, 0.5):
        hand.then(Event(hand.state.at_s, "stimulated", "greater_occipital_nerve_right", None, felt))
    assert value(hand, "stimulation_threshold") == 0.3
    assert value(hand, "tip_to_nerve") == pytest.approx(0, abs=1.5)  # nothing was given: where current was sent last


# --- sites, landmarks, leads --------------------------------------------------------------------------------------------------


def all_sites(world: World, skip: int = 0) -> Hand:
    hand = Hand(world)
    for t in world.targets[skip:]:
        hand.treat(t)
    return hand


def test_all_sites_as_the_rules_say(preempt: World) -> None:
    hand = all_sites(preempt)
    found = {k: m.value for k, m in measure(preempt, hand.log).items()}
    assert found["passes"] == 31
    for key in ("site_error", "depth_error", "dose_error", "sites_missed", "sites_doubled", "order_errors"):
        assert found[key] == pytest.approx(0, abs=1e-6), key
    assert found["muscle_hit"] > 90 and found["side_balance"] == pytest.approx(0, abs=1e-6)  # type: ignore[operator]
    assert keys(hand) == []


def test_a_site_missed_one_doubled_one_out_of_order(preempt: World) -> None:
    hand = all_sites(preempt, skip=1).treat(preempt.targets[5])
    assert (value(hand, "sites_missed"), value(hand, "sites_doubled"), value(hand, "order_errors")) == (1, 1, 0)
    units = preempt.targets[0].units + preempt.targets[5].units
    assert value(hand, "dose_error") == pytest.approx(units / 31)
    assert keys(hand) == ["site_doubled", "wrong_product_volume", "site_missed"]
    assert value(hand.treat(preempt.targets[0]), "order_errors") == 1


def test_entries_off_by_four_millimetres(preempt: World) -> None:
    hand = Hand(preempt).treat(preempt.targets[3], off=(0, 0, 4)).treat(preempt.targets[8], off=(0, 0, 2))
    assert value(hand, "site_error") == pytest.approx(3)


def test_product_far_from_every_site_belongs_to_none(preempt: World) -> None:
    hand = Hand(preempt).treat(preempt.targets[3], off=(0, -45, 0))
    assert value(hand, "sites_missed") == 31


def test_one_side_only_is_no_balance(preempt: World) -> None:
    hand = Hand(preempt)
    for t in preempt.targets:
        if t.side == "right":
            hand.treat(t)
    assert value(hand, "side_balance") == pytest.approx(100)


def test_every_landmark_must_be_marked(c2: World) -> None:
    hand = Hand(c2)
    for i, (name, point) in enumerate(c2.landmarks.items()):
        assert value(hand, "landmark_error") is None
        hand.mark(name, point + [0, 0, 2.0 + i])
    assert value(hand, "landmark_error") == pytest.approx(2.0 + (len(c2.landmarks) - 1) / 2)
    hand.mark("inion", c2.landmarks["inion"], 0.5)  # what the trial said of it holds: on a curve any place is right
    assert value(hand, "landmark_error") < 2.0 + (len(c2.landmarks) - 1) / 2  # type: ignore[operator]


def test_a_lead_across_the_nerve_and_one_that_falls_short(worlds: Callable[[str, str], World]) -> None:
    world = worlds("ons-lead", "right")
    t = world.targets[0]
    whole = Hand(world).hold(t.skin_mm, t.direction).push(t.depth_mm)
    short = Hand(world).hold(t.skin_mm, t.direction).push(0.3 * t.depth_mm)
    assert value(whole, "lead_crossing") > 5  # type: ignore[operator]
    assert value(short, "lead_crossing") == 0
    assert 2 < value(whole, "lead_depth") < 12  # type: ignore[operator]


def test_checklist_counts_before_the_needle_only(c2: World) -> None:
    items = len(c2.procedure.checklist)
    hand = Hand(c2).then(confirmed=(0, 1))
    assert value(hand, "checklist_done") == pytest.approx(200 / items)
    t = c2.targets[0]
    hand.hold(t.skin_mm, t.direction).push(5).then(confirmed=tuple(range(items)))
    assert value(hand, "checklist_done") == pytest.approx(200 / items)


@OFTEN
@given(st.data())
def test_steps_in_order_is_the_longest_run_that_rises(c2: World, data: st.DataObject) -> None:
    ids = [s.id for s in c2.procedure.steps]
    visited = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=12))
    hand = Hand(c2)
    for step in visited:
        hand.then(step=step)
    best = [1] * len(visited)
    for i in range(len(visited)):
        best[i] += max([best[j] for j in range(i) if ids.index(visited[j]) < ids.index(visited[i])], default=0)
    assert value(hand, "steps_in_order") == pytest.approx(100 * max(best) / len(ids))
