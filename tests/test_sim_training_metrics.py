from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from meshes.model import Anatomy
from scenarios.procedure_files import list_procedures, load_procedure
from sim.training.critical import critical_errors, critical_table
from sim.training.metrics import measure, metrics, said
from sim.training.state import Event
from sim.training.world import World, world_for
from sim.ultrasound.poses import ProbePose
from tests.attempts import Hand

Array = NDArray[np.float64]
OFTEN = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module")
def worlds(anatomy: Anatomy) -> Callable[[str, str], World]:
    made: dict[tuple[str, str], World] = {}

    def of(key: str, side: str = "right") -> World:
        if (key, side) not in made:
            made[key, side] = world_for(key, side, anatomy)
        return made[key, side]

    return of


@pytest.fixture(scope="module")
def c2(worlds: Callable[[str, str], World]) -> World:
    return worlds("gon-block-c2", "right")


@pytest.fixture(scope="module")
def preempt(worlds: Callable[[str, str], World]) -> World:
    return worlds("preempt-31", "both")


def value(hand: Hand, key: str) -> float | None:
    return measure(hand.world, hand.log, [key])[key].value


def keys(hand: Hand) -> list[str]:
    return [c.key for c in critical_errors(hand.world, hand.log)]


def at_target(world: World, short_mm: float = 0.0) -> Hand:
    """A needle straight through the skin to a little above the target's own point."""
    t = world.targets[0]
    return Hand(world).hold(t.skin_mm, t.direction).push(t.depth_mm - short_mm, pieces=3)


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


# --- what was given -----------------------------------------------------------------------------------------------------------


def test_product_in_the_plane_bathes_the_nerve_and_product_above_it_does_not(c2: World) -> None:
    t = c2.targets[0]
    beside_nerve = _in_plane_beside(c2)
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


def _in_plane_beside(world: World) -> Array:
    """A place near the target, in the plane between its two layers and outside the nerve."""
    t = world.targets[0]
    above, below = (world.ground.surface(key) for key in t.between)
    rng = np.random.default_rng(3)
    for shift in rng.normal(scale=2.0, size=(400, 3)):
        p = t.point_mm + shift
        p = 0.5 * (above.closest(p)[0][0] + below.closest(p)[0][0])
        tip = world.truth.tip(p)
        if set(tip.layers) == set(t.between) and tip.nerve_mm > 0.3 and np.linalg.norm(p - t.point_mm) < 4:
            return np.asarray(p)
    raise AssertionError("no place in the plane near the target")


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


# --- critical errors ----------------------------------------------------------------------------------------------------------


def confirmed(world: World) -> Hand:
    return Hand(world, confirmed=tuple(range(len(world.procedure.checklist))))


def good_block(world: World) -> Hand:
    t = world.targets[0]
    return confirmed(world).hold(t.skin_mm, t.direction).push(t.depth_mm - 3).give(2.0, t, at=_in_plane_beside(world)).out()


def test_a_good_block_has_no_critical_error(c2: World) -> None:
    assert critical_errors(c2, good_block(c2).log) == ()


def test_the_wrong_side(c2: World) -> None:
    t = c2.targets[0]
    assert keys(confirmed(c2).then(side="left").hold(t.skin_mm, t.direction).push(5)) == ["wrong_side"]
    mirrored = confirmed(c2).hold(t.skin_mm * [-1, 1, 1], t.direction * [-1, 1, 1]).push(15)
    assert keys(mirrored) == ["wrong_side"]
    assert "left" in critical_errors(c2, mirrored.log)[0].text


def test_dose_volume_aspiration_and_checklist(c2: World) -> None:
    t, place = c2.targets[0], _in_plane_beside(c2)
    most = c2.procedure.product.most_ml
    hand = confirmed(c2).hold(t.skin_mm, t.direction).push(t.depth_mm - 3)
    hand.give(most, t, at=place)
    assert keys(hand) == ["wrong_product_volume"]
    hand.give(0.2, t, at=place, aspirated=False)
    assert set(keys(hand)) == {"wrong_product_volume", "dose_over_limit", "no_aspiration"}
    assert keys(Hand(c2).hold(t.skin_mm, t.direction).push(5)) == ["bone_defect_ignored"]


@pytest.mark.parametrize(
    ("nerve_or_artery", "error"),
    [("greater_occipital_nerve_right", "intraneural"), ("vertebral_artery_right", "artery_injection")],
)
def test_product_within_nerve_or_artery(c2: World, nerve_or_artery: str, error: str) -> None:
    t, line = c2.targets[0], c2.anatomy[nerve_or_artery].centerline
    assert line is not None
    place = line[int(np.linalg.norm(line - t.point_mm, axis=1).argmin())]
    hand = confirmed(c2).hold(t.skin_mm, t.direction).push(10).give(2.0, t, at=place)
    assert error in keys(hand)
    text = next(c.text for c in critical_errors(c2, hand.log) if c.key == error)
    assert "2 mL" in text and nerve_or_artery.split("_")[0] in text


def test_product_deep_to_the_plane(c2: World) -> None:
    t = c2.targets[0]
    deep = next(p for mm in np.arange(0, 40, 1.0) if c2.truth.below(p := t.point_mm + mm * t.direction, t.between[1]))
    hand = confirmed(c2).hold(t.skin_mm, t.direction).push(10)
    assert "beyond_plane" in keys(hand.give(2.0, t, at=deep))


def test_events_of_vessel_and_dura(c2: World) -> None:
    t = c2.targets[0]
    hand = confirmed(c2).hold(t.skin_mm, t.direction).push(20)
    hand.then(Event(9, "vessel_entered", "vertebral_artery_right"), Event(9.5, "dura_entered", "dura_mater"))
    assert keys(hand) == ["vertebral_artery", "dura"]
    assert critical_errors(c2, hand.log)[0].text == "The needle reached the right vertebral artery."
