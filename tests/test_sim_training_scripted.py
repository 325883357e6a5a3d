"""The scripted hands: they do what they say, repeat bit for bit, and scoring tells them apart; the shipped runs are theirs."""

from __future__ import annotations

import argparse
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.model import Anatomy
from meshes.patient import Patient
from scenarios.procedure_files import list_procedures, load_procedure
from sim.commands import reference_runs
from sim.commands.faults import BadInput
from sim.tables import table
from sim.training.critical import critical_errors
from sim.training.metrics import metrics
from sim.training.reference import reference_for, reference_from
from sim.training.runs import ENDING, load_runs
from sim.training.scoring import score
from sim.training.scripted import make_reference, recorded, remeasured, scripted
from sim.training.scripted_hand import Hand, Style, aim, in_style
from sim.training.scripted_view import View
from sim.training.state import TrialLog
from sim.training.world import World, world_for
from sim.ultrasound.image import BModeImage
from sim.ultrasound.poses import ProbePose

PROCEDURES = list_procedures()
BY_HAND = [p for p in PROCEDURES if load_procedure(p).guidance == "landmark"]
SHIPPED = Path(str(files("sim") / "data" / "reference_runs"))
FRESH = 100  # the shipped runs have the seeds from 0 to 7


def world(anatomy: Anatomy, procedure: str, side: str = "right") -> World:
    return world_for(procedure, side, anatomy)


def told_apart(w: World, seed: int) -> None:
    reference = reference_for(w.procedure.key)
    good = scripted(w, "expert", seed)
    of_expert, of_novice = score(w, good, reference), score(w, scripted(w, "novice", seed), reference)
    assert of_expert.passed, (of_expert.met, of_expert.needed, of_expert.reasons)
    assert not of_novice.passed and of_novice.met < of_expert.met, of_novice.met
    assert of_expert.points > of_novice.points + 20
    check_manner(w, good)


def check_manner(w: World, log: TrialLog) -> None:
    """An expert goes through the steps in their order, checks all, needs no help, and does nothing that cannot be done."""
    kinds = {e.kind for e in log.events}
    assert not kinds & {"refused", "helped"}
    visited = [m.action.step for m in log.moments if m.action.kind == "go_to_step"]
    order = [s.id for s in w.procedure.steps]
    assert visited == order
    last = log.moments[-1].state
    assert last.finished and last.needle is None and len(last.confirmed) == len(w.procedure.checklist)


@pytest.mark.parametrize(("procedure", "side"), [(p, ("right", "left")[i % 2]) for i, p in enumerate(BY_HAND)])
def test_expert_passes_and_novice_fails_by_landmarks(anatomy: Anatomy, procedure: str, side: str) -> None:
    told_apart(world(anatomy, procedure, side), FRESH + (side == "left"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FRESH + 2, FRESH + 2 + int(os.environ.get("INION_SEEDS", "1"))))
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("procedure", PROCEDURES)
def test_expert_passes_and_novice_fails_in_every_procedure(anatomy: Anatomy, procedure: str, side: str, seed: int) -> None:
    told_apart(world(anatomy, procedure, side), seed)


@pytest.mark.slow
@pytest.mark.parametrize("procedure", [*BY_HAND, "gon-block-nuchal-line"])
def test_expert_passes_and_novice_fails_on_a_woman(procedure: str) -> None:
    told_apart(world_for(procedure, "left", Patient(sex="female")), FRESH)


@pytest.mark.parametrize("who", ["expert", "novice"])
def test_a_seed_gives_one_attempt_and_another_seed_another(anatomy: Anatomy, who: str) -> None:
    w = world(anatomy, "gon-block-landmark")
    first, again, other = (scripted(w, who, seed) for seed in (3, 3, 4))  # type: ignore[arg-type]
    assert first.actions == again.actions
    assert first.actions != other.actions
    times = [a.at_s for a in first.actions]
    assert times == sorted(times)


def test_a_novice_makes_the_errors_that_are_described(anatomy: Anatomy) -> None:
    w = world(anatomy, "gon-block-landmark")
    logs = [scripted(w, "novice", seed) for seed in range(24)]
    errors = [{c.key for c in critical_errors(w, log)} for log in logs]
    wrong = sum("wrong_side" in e for e in errors)
    assert 0 < wrong < len(logs) / 3  # a minority
    assert sum("no_aspiration" in e for e in errors) > len(logs) / 3
    assert sum(log.moments[-1].state.passes > 1 for log in logs) > len(logs) / 2
    pushes = [m.action.mm for log in logs for m in log.moments if m.action.kind == "needle_advance"]
    assert np.median([mm for mm in pushes if mm > 0]) > 3.5


@given(st.floats(-40, 40), st.floats(-170, 170), st.floats(25, 85))
@settings(max_examples=40, deadline=None)
def test_a_needle_is_turned_to_where_it_should_point(procedure_hand: Hand, pitch: float, yaw: float, angle: float) -> None:
    hand = procedure_hand
    target = hand.world.targets[0]
    hand.do("needle_place", point_mm=target.skin_mm, direction=target.direction)
    normal = hand.world.ground.skin.closest(hand.needle.entry_mm)[1][0]
    side = np.cross(normal, target.direction)
    side /= np.linalg.norm(side)
    turn, lean = np.deg2rad(yaw), np.deg2rad(angle)
    wanted = np.cos(lean) * (np.cos(turn) * side + np.sin(turn) * np.cross(normal, side)) - np.sin(lean) * normal
    aim(hand, wanted)
    assert np.rad2deg(np.arccos(np.clip(hand.needle.direction @ wanted, -1, 1))) < 0.1


@given(st.floats(-2, 2))
@settings(max_examples=20, deadline=None)
def test_a_style_is_steeper_or_flatter_by_its_own_measure(anatomy: Anatomy, lean: float) -> None:
    w = world(anatomy, "gon-block-landmark")
    hand = Hand(w, np.random.default_rng(0), "expert", Style(lean, 0.0))
    target = w.targets[0]
    normal = w.ground.skin.closest(target.skin_mm)[1][0]
    styled = in_style(hand, target.skin_mm, target.direction)
    before, after = (np.rad2deg(np.arcsin(-(d @ normal))) for d in (target.direction, styled))
    assert after - before == pytest.approx(lean * table("scripted")["expert"]["style_deg"], abs=1e-6)


@pytest.fixture(scope="module")
def procedure_hand(anatomy: Anatomy) -> Hand:
    return Hand(world(anatomy, "gon-block-landmark"), np.random.default_rng(5), "expert")


def test_what_is_read_from_a_picture_lies_where_the_anatomy_has_it(
    anatomy: Anatomy, oblique: BModeImage, right: ProbePose
) -> None:
    view = View(right, oblique, {key: s.kind for key, s in anatomy.structures.items()})
    nerve, above, below = (f"{n}_right" for n in ("greater_occipital_nerve", "semispinalis_capitis", "obliquus_capitis_inferior"))
    assert view.shows(nerve, above, below) and not view.shows("greater_occipital_nerve_left")
    spot = view.spot(nerve, above, below)
    middle = spot.mean(axis=0)
    assert view.key_at(middle) == nerve
    border = view.border_mm(float(spot[:, 0].min()) - 1.0, above, below)
    assert border is not None and abs(border - middle[1]) < 3.0  # the nerve lies in the plane that is read
    assert view.border_mm(99.0, above, below) is None and view.key_at((99.0, 5.0)) == ""
    bone = view.places("axis")
    assert view.clear_mm(middle, bone[0], ("bone",)) < 0.6 and view.clear_mm(middle, middle, ("nerve",), spare=nerve) > 1.0


def test_every_procedure_has_shipped_runs_that_tell_the_groups_apart() -> None:
    assert sorted(p.name.removesuffix(ENDING) for p in SHIPPED.iterdir()) == sorted(PROCEDURES)
    assert sum(p.stat().st_size for p in SHIPPED.iterdir()) < 700_000
    for procedure in PROCEDURES:
        path = SHIPPED / f"{procedure}{ENDING}"
        runs = load_runs(path)
        assert path.stat().st_size < 60_000 and runs.procedure == procedure
        assert [r.who for r in runs.runs].count("expert") == [r.who for r in runs.runs].count("novice") == 8
        assert all(set(row) == set(metrics()) for row in runs.measures)
        sides = ["both"] if load_procedure(procedure).sides == "both" else ["left", "right"]
        assert sorted(set(runs.about["sides"])) == sides
        marks = reference_from(runs, load_procedure(procedure).metrics)
        met = [sum(m.passed(row[m.key]) for m in marks.counted) for row in runs.measures]
        experts, novices = ([n for n, r in zip(met, runs.runs, strict=True) if r.who == who] for who in ("expert", "novice"))
        assert min(experts) >= marks.least_passed > max(novices), procedure


@pytest.mark.parametrize("procedure", ["trigger-trapezius", "ons-lead"])
def test_a_shipped_run_is_what_the_hand_does_now_and_measures_the_same(anatomy: Anatomy, procedure: str) -> None:
    check_shipped(procedure, (0, 9))


@pytest.mark.slow
@pytest.mark.parametrize("procedure", PROCEDURES)
def test_the_shipped_runs_of_every_procedure_are_what_the_hands_do_now(procedure: str) -> None:
    check_shipped(procedure, (1, 8, 15))


def check_shipped(procedure: str, which: tuple[int, ...]) -> None:
    runs = load_runs(SHIPPED / f"{procedure}{ENDING}")
    for i in which:
        run = runs.runs[i]
        side = runs.about["sides"][i]
        w = world_for(procedure, "right" if side == "both" else side)
        if procedure in BY_HAND:  # what is seen in a picture may differ in the last bit on another processor
            assert scripted(w, run.who, run.seed).actions == run.actions
    for again, i in zip(remeasured(runs, which), which, strict=True):
        held = runs.measures[i]
        assert again.keys() == held.keys()
        for key, value in again.items():
            assert value == (None if held[key] is None else pytest.approx(held[key], rel=1e-3, abs=1e-6)), key


def test_a_reference_is_made_with_equal_bytes(tmp_path: Path) -> None:
    one, two = (make_reference("trigger-trapezius", tmp_path / name, 2) for name in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()
    assert [(r.who, r.seed) for r in load_runs(one).runs] == [("expert", 0), ("expert", 1), ("novice", 0), ("novice", 1)]


def test_faults_are_told() -> None:
    with pytest.raises(ValueError, match="runs is 0"):
        recorded("trigger-trapezius", 0)
    with pytest.raises(ValueError, match="trigger-trapezius"):
        recorded("trigger-trapezeus", 1)
    with pytest.raises(BadInput):
        reference_runs.run(options(["trigger-trapezeus"], None))


def options(procedures: list[str], out: Path | None) -> argparse.Namespace:
    return argparse.Namespace(reference_runs=procedures, out=None if out is None else str(out))


def test_the_command_writes_the_files_and_tells_the_marks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference_runs.run(options(["trigger-trapezius"], tmp_path)) == 0
    assert "trigger-trapezius" in capsys.readouterr().out
    assert (tmp_path / f"trigger-trapezius{ENDING}").is_file()
