from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes.model import Anatomy
from sim.training.actions import ChooseSide, NeedleAdvance, Wait, action_from
from sim.training.metrics import Measure, groups, measure, metrics
from sim.training.reference import Reference, derive, part, reference_for, reference_from
from sim.training.runs import Run, Runs, load_runs, save_runs
from sim.training.scoring import score, told
from sim.training.trial import replay
from sim.training.world import World, world_for
from tests.attempts import Hand

Numbers = st.lists(st.floats(-100, 100), min_size=3, max_size=12)
KEYS = ("elapsed_time", "tip_visible_fraction", "angle_to_skin", "passes")


def rows(**columns: Sequence[float | None]) -> list[dict[str, float | None]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def usual(**changes: Sequence[float | None]) -> Reference:
    experts = rows(elapsed_time=[60, 70, 80], tip_visible_fraction=[90, 95, 100], angle_to_skin=[40, 42, 44], passes=[1, 1, 2])
    columns: dict[str, Sequence[float | None]] = {
        "elapsed_time": [120, 140, 200],
        "tip_visible_fraction": [20, 40, 60],
        "angle_to_skin": [20, 60, 70],
        "passes": [2, 1, 1],
    }
    return derive(experts, rows(**{**columns, **changes}), KEYS, "gon-block-c2")


# --- marks --------------------------------------------------------------------------------------------------------------------


def test_groups_apart_are_cut_midway_between_their_nearest_values() -> None:
    marks = usual().marks
    assert marks["elapsed_time"].pass_mark == 100 and marks["elapsed_time"].expert == (70, 60, 80)
    assert marks["tip_visible_fraction"].pass_mark == 75


def test_a_window_is_measured_from_the_middle_of_the_experts() -> None:
    mark = usual().marks["angle_to_skin"]
    assert (mark.middle, mark.pass_mark) == (42, 10)  # experts are at most 2 off, novices at least 18
    assert [mark.passed(v) for v in (31, 33, 42, 51.9, 52.1)] == [False, True, True, True, False]
    assert mark.grade(42) == 1 and mark.grade(20) == 0 and 0 < mark.grade(55) < 1


def test_what_does_not_tell_the_groups_apart_is_not_counted() -> None:
    reference = usual()
    passes = reference.marks["passes"]
    assert not passes.separates and passes.pass_mark is None and not passes.passed(1)
    assert [m.key for m in reference.counted] == ["elapsed_time", "tip_visible_fraction", "angle_to_skin"]


def test_groups_that_overlap_are_cut_where_the_fewest_are_wrong() -> None:
    limit, index = part([1, 2, 3, 4, 9], [3.5, 5, 6, 7, 8, 10])
    assert limit == 4.5 and index == pytest.approx(4 / 5 - 1 / 6)


def test_a_measure_that_novices_never_reach_is_marked_at_the_worst_expert() -> None:
    mark = usual(elapsed_time=[None, None, None]).marks["elapsed_time"]
    assert mark.pass_mark == 80 and mark.separates
    assert mark.passed(80) and not mark.passed(80.1) and not mark.passed(None)
    assert (mark.grade(79), mark.grade(81)) == (1, 0)


def test_a_measure_that_experts_never_reach_is_not_counted() -> None:
    experts = rows(elapsed_time=[None, None, None])
    assert not derive(experts, rows(elapsed_time=[1, 2, 3]), ["elapsed_time"]).marks["elapsed_time"].separates


def test_how_many_must_be_reached_is_cut_in_the_same_way() -> None:
    reference = usual()  # experts reach all three, novices none
    assert reference.least_passed == 2 and reference.runs == 6


def test_too_few_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="2 novice runs; at least 3"):
        derive(rows(passes=[1, 1, 1]), rows(passes=[4, 5]), ["passes"])


@given(Numbers, Numbers)
def test_no_cut_parts_two_groups_better(good: list[float], bad: list[float]) -> None:
    limit, index = part(good, bad)
    tried = [np.mean(np.array(good) <= x) - np.mean(np.array(bad) <= x) for x in [*good, *bad]]
    assert index == pytest.approx(max(0.0, *tried))
    if np.isfinite(limit):
        assert np.mean(np.array(good) <= limit) - np.mean(np.array(bad) <= limit) == pytest.approx(index)


@given(Numbers, Numbers, st.floats(-120, 120), st.sampled_from(["elapsed_time", "tip_visible_fraction", "angle_to_skin"]))
def test_grades_lie_between_nought_and_one_and_follow_the_mark(good: list[float], bad: list[float], v: float, key: str) -> None:
    reference = derive(rows(**{key: good[:3]}), rows(**{key: bad[:3]}), [key])
    mark = reference.marks[key]
    assert 0 <= mark.grade(v) <= 1
    if mark.separates:
        assert mark.grade(mark.middle) == 1 and mark.passed(mark.middle)
        assert mark.passed(v) or mark.grade(v) < 1


# --- the score ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(anatomy: Anatomy) -> World:
    return world_for("gon-block-c2", "right", anatomy)


def taken(**values: float | None) -> Mapping[str, Measure]:
    return MappingProxyType({k: Measure(k, v, metrics()[k].unit) for k, v in values.items()})


def attempt(world: World) -> Hand:
    t = world.targets[0]
    items = tuple(range(len(world.procedure.checklist)))
    return Hand(world, confirmed=items).hold(t.skin_mm, t.direction).push(8).out()


def test_an_attempt_like_an_expert_passes_with_full_points(world: World) -> None:
    values = taken(elapsed_time=60, tip_visible_fraction=97, angle_to_skin=42, passes=9)
    found = score(world, attempt(world).log, usual(), values)
    assert found.passed and found.points == 100 and found.reasons == () and (found.met, found.needed, found.counted) == (3, 2, 3)
    assert dict(found.groups) == {"imaging": 100, "needling": 100, "efficiency": 100}
    assert list(found.groups) == [g for g in groups() if g in found.groups]


def test_an_attempt_like_a_novice_fails_and_is_told_why_and_what_next(world: World) -> None:
    values = taken(elapsed_time=150, tip_visible_fraction=None, angle_to_skin=70, passes=1)
    found = score(world, attempt(world).log, usual(), values)
    assert not found.passed and found.points == 0 and found.met == 0
    assert found.reasons[0] == "0 of 3 measures reached their marks; 2 are needed to pass."
    seen = next(r for r in found.reasons if r.startswith("Tip seen"))
    assert "nothing to measure; at least 75% passes, experts had 95%" in seen and "Next time: " in seen
    window = next(r for r in found.reasons if r.startswith("Angle"))
    assert "70°; from 32° to 52° passes, experts had 42°" in window


def test_half_way_between_the_medians_is_half_of_the_points(world: World) -> None:
    values = taken(elapsed_time=105, tip_visible_fraction=67.5, angle_to_skin=53, passes=1)
    assert score(world, attempt(world).log, usual(), values).points == pytest.approx(50)


def test_a_critical_error_fails_the_best_attempt(world: World) -> None:
    t = world.targets[0]
    hand = Hand(world).then(side="left").hold(t.skin_mm, t.direction).push(8).out()
    values = taken(elapsed_time=60, tip_visible_fraction=97, angle_to_skin=42, passes=1)
    found = score(world, hand.log, usual(), values)
    assert found.points == 100 and not found.passed
    assert {c.key for c in found.critical} == {"wrong_side", "bone_defect_ignored"}
    assert all("Next time: " in reason for reason in found.reasons)


def test_a_score_is_equal_when_it_is_made_again_and_goes_through_json(world: World) -> None:
    hand, reference = attempt(world), usual()
    first = score(world, hand.log, reference)
    assert score(world, hand.log, reference) == first
    out = told(first)
    assert json.loads(json.dumps(out, allow_nan=False)) == out
    assert [m["key"] for m in out["measures"]] == list(KEYS)


def test_the_reference_must_be_of_the_same_procedure(world: World) -> None:
    other = replace(usual(), procedure="preempt-31")
    with pytest.raises(ValueError, match="preempt-31"):
        score(world, attempt(world).log, other)


def test_a_reference_in_which_nothing_counts_passes_nobody(world: World) -> None:
    same = rows(passes=[1, 1, 1])
    found = score(world, attempt(world).log, derive(same, same, ["passes"], "gon-block-c2"), taken(passes=1))
    assert not found.passed and found.points == 0


def test_a_recording_replayed_and_scored_again_gives_the_same_bit_for_bit(anatomy: Anatomy, tmp_path: Path) -> None:
    world = world_for("gon-block-landmark", "right", anatomy)
    t = world.targets[0]
    told_actions: list[dict[str, object]] = [
        {"kind": "choose_side", "side": "right"},
        *({"kind": "confirm", "item": i} for i in range(len(world.procedure.checklist))),
        {"kind": "needle_place", "point_mm": t.skin_mm.tolist(), "direction": t.direction.tolist()},
        {"kind": "needle_advance", "mm": t.depth_mm - 1.0},
        {"kind": "aspirate"},
        {"kind": "inject", "ml": t.volume_ml},
        {"kind": "needle_remove"},
        {"kind": "finish"},
    ]
    actions = tuple(action_from({**a, "at_s": float(i)}) for i, a in enumerate(told_actions))
    measured = {k: m.value for k, m in measure(world, replay(world, actions)).items()}
    assert measured["passes"] == 1 and measured["aspirated_before"] == 100 and measured["checklist_done"] == 100
    assert measured["injection_point_error"] == pytest.approx(0, abs=0.5)
    runs = Runs("gon-block-landmark", "right", world.about, (Run("expert", 0, actions),), (measured,))
    back = load_runs(save_runs(tmp_path / "x.json.gz", runs))
    again = {k: m.value for k, m in measure(world, replay(world, back.runs[0].actions)).items()}
    assert again == measured == dict(back.measures[0])


# --- recorded runs ------------------------------------------------------------------------------------------------------------


def some_runs() -> Runs:
    actions = (ChooseSide(at_s=0.5, side="right"), NeedleAdvance(at_s=1 / 3, mm=0.1 + 0.2), Wait(at_s=9.0))
    who = ["expert"] * 3 + ["novice"] * 3
    runs = tuple(Run(w, i, actions) for i, w in enumerate(who))  # type: ignore[arg-type]
    measures = rows(elapsed_time=[60, 70, 80, 120, 140, None], passes=[1, 1, 1, 2, 3, 4])
    return Runs("gon-block-c2", "right", {"anatomy": "shipped", "seed": 0}, runs, tuple(measures))


def test_runs_come_back_as_they_were_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    runs = some_runs()
    path = save_runs(tmp_path / "gon-block-c2.json.gz", runs)
    back = load_runs(path)
    assert (back.procedure, back.side, dict(back.about), back.runs) == (runs.procedure, runs.side, runs.about, runs.runs)
    assert [dict(m) for m in back.measures] == list(runs.measures)
    assert save_runs(tmp_path / "again.json.gz", back).read_bytes() == path.read_bytes()
    assert list(tmp_path.glob("*.part")) == []
    found = reference_from(back, ["elapsed_time", "passes"])
    assert found.procedure == "gon-block-c2" and found.marks["passes"].pass_mark == 1.5


def broken(tmp_path: Path, **changes: object) -> Path:
    path = save_runs(tmp_path / "x.json.gz", some_runs())
    data = json.loads(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(json.dumps({k: v for k, v in (data | changes).items() if v is not None}).encode()))
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": 2}, "schema is 2"),
        ({"side": None}, "'side' is missing"),
        ({"measures": []}, "6 runs have 0 rows"),
        ({"measures": [{"passes": "one"}] * 6}, "passes is 'one'"),
        ({"runs": [{"who": "teacher", "seed": 1, "actions": []}] * 6}, "who is 'teacher'"),
        ({"runs": [{"who": "expert", "seed": 1, "actions": [{"kind": "fly"}]}] * 6}, "kind"),
    ],
)
def test_a_broken_file_gives_one_line(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=r"^x\.json\.gz: ") as error:
        load_runs(broken(tmp_path, **changes))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_what_is_no_archive_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.json.gz").write_bytes(b"not an archive")
    with pytest.raises(ValueError, match="not a file of recorded runs"):
        load_runs(tmp_path / "x.json.gz")


def test_a_measure_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    runs = some_runs()
    bad = replace(runs, measures=(*runs.measures[:-1], {"passes": float("inf")}))
    with pytest.raises(ValueError, match="not finite"):
        save_runs(tmp_path / "x.json.gz", bad)
    assert list(tmp_path.iterdir()) == []


def test_a_procedure_without_runs_is_told() -> None:
    with pytest.raises(ValueError, match="no reference runs are shipped for 'gon-block-c9'"):
        reference_for("gon-block-c9")


def test_actions_keep_every_bit(tmp_path: Path) -> None:
    back = load_runs(save_runs(tmp_path / "x.json.gz", some_runs()))
    assert back.runs[0].actions[1] == action_from({"kind": "needle_advance", "at_s": 1 / 3, "mm": 0.1 + 0.2})
