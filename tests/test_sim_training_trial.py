"""A trial: its tables, what it refuses, sides, marks and steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from meshes.model import Anatomy
from sim.training.actions import AnyAction, action_from
from sim.training.trial import HANDLERS, start, step
from sim.training.trial_events import event, event_kinds
from sim.training.world import World, world_for
from tests.trials import Trial, same


def test_every_action_has_its_handler_and_every_event_its_words() -> None:
    assert set(HANDLERS) == set(get_args(AnyAction))
    for kind in event_kinds().values():
        told = event(kind.key, 1.0, value=2.0, what="place", more="")
        assert told.text.strip() and "{" not in told.text and kind.severity in ("info", "good", "warning", "danger")
    with pytest.raises(ValueError, match="'injected'"):
        event("injecte", 0.0)


def test_a_world_shares_what_is_heavy(anatomy: Anatomy, c2: World) -> None:
    other = world_for("gon-block-c2", "right", anatomy, seed=5)
    assert other.truth is c2.truth and other.targets is c2.targets
    assert other.scanner({}).medium is c2.scanner({"depth_mm": 30.0}).medium
    assert other.scanner({}).settings.seed == 5 and other.scanner({}) is other.scanner({"doppler": 1.0})
    assert other.about["seed"] == 5 and other.about["procedure"] == "gon-block-c2"


def test_sides_that_a_procedure_does_not_have_are_refused(anatomy: Anatomy, preempt: World) -> None:
    assert preempt.side == "both" and len(preempt.targets) == 31
    with pytest.raises(ValueError, match="one side"):
        world_for("gon-block-c2", "both", anatomy)
    with pytest.raises(ValueError, match="'right'"):
        world_for("gon-block-c2", "rihgt", anatomy)


def test_what_cannot_be_done_is_refused_with_a_reason_and_changes_nothing_but_the_time(c2: World) -> None:
    trial = Trial(c2)
    wrong: list[dict[str, Any]] = [
        {"kind": "needle_advance", "mm": 2.0}, {"kind": "aspirate"}, {"kind": "inject", "ml": 1.0}, {"kind": "probe_slide"},
        {"kind": "probe_place", "point_mm": (500.0, 0.0, 0.0)}, {"kind": "confirm", "item": 60},
        {"kind": "go_to_step", "step": "x"},
        {"kind": "knob", "name": "depth_mm", "value": 400.0}, {"kind": "knob", "name": "doppler", "value": 1.5},
        {"kind": "probe_pose", "name": "c3-oblique", "side": "right"}, {"kind": "needle_beside", "end": "other"},
        {"kind": "mark", "name": "inion", "point_mm": (0.0, 0.0, 0.0)},
        {"kind": "needle_place", "point_mm": (0.0, -66.0, -78.0), "direction": (0.0, -1.0, 0.0)},
        {"kind": "probe_place", "point_mm": (0.0, -66.0, -78.0), "toward": (0.0, 0.0, 0.0)},
    ]  # fmt: skip
    for i, values in enumerate(wrong, start=1):
        before = trial.state
        (refused,) = trial.do(**values)
        assert refused.kind == "refused" and refused.text and refused.structure == values["kind"], values
        assert same(replace(before, at_s=float(i)), trial.state), values
    assert "10 to 150" in trial.moments[7].events[0].text and "c2-oblique" in trial.moments[9].events[0].text


def test_time_does_not_run_backward_and_nothing_follows_the_end(c2: World) -> None:
    late = step(c2, start(c2), action_from({"kind": "wait", "at_s": 5.0})).state
    back = step(c2, late, action_from({"kind": "wait", "at_s": 4.0}))
    assert back.state is late and back.events[0].kind == "refused"
    end = step(c2, late, action_from({"kind": "finish", "at_s": 6.0})).state
    after = step(c2, end, action_from({"kind": "confirm", "item": 0, "at_s": 7.0}))
    assert after.state is end and after.events[0].kind == "refused"


def test_checklist_steps_side_and_marks_are_kept(c2: World) -> None:
    trial = Trial(c2)
    trial.do("choose_side", side="left")
    trial.do("choose_side", side="right")
    trial.do("confirm", item=1)
    trial.do("confirm", item=1)
    trial.do("go_to_step", step=c2.procedure.steps[2].id)
    inion = c2.landmarks["inion"]
    (mark,) = trial.do("mark", name="inion", point_mm=(inion + [6.0, 0.0, 0.0]).tolist())
    assert trial.state.side == "right" and trial.state.confirmed == (1,) and trial.state.step == c2.procedure.steps[2].id
    assert mark.value == pytest.approx(6.0, abs=0.5) and np.linalg.norm(trial.state.marks["inion"] - inion) == mark.value
    assert trial.do("mark", name="my place", point_mm=inion.tolist())[0].value is None


def test_any_place_on_the_nuchal_line_is_right(preempt: World) -> None:
    trial = Trial(preempt)
    for side in ("left", "right"):
        line = preempt.anatomy.curve(f"superior_nuchal_line_skin_{side}")
        for name in ("superior_nuchal_line", f"superior_nuchal_line_{side}"):
            (mark,) = trial.do("mark", name=name, point_mm=line[len(line) // 4].tolist())
            assert mark.value is not None and mark.value < 1.0
