"""Anything that is done in a trial: nothing raises, and all of it replays bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.training.actions import AnyAction, action_from
from sim.training.state import TrialState
from sim.training.trial import fluid_in_image, needle_in_image, replay, start
from sim.training.world import World, world_for
from tests.trials import Trial, same


def near(world: World) -> st.SearchStrategy[list[float]]:
    places = [t.skin_mm for t in world.targets[:6]]
    return st.builds(
        lambda place, off: (place + np.array(off)).tolist(), st.sampled_from(places), st.tuples(*[st.floats(-6, 6)] * 3)
    )


def deeds(world: World) -> st.SearchStrategy[dict[str, Any]]:
    ways = st.tuples(*[st.floats(-1, 1)] * 3)
    inward = st.sampled_from([t.direction.tolist() for t in world.targets[:6]])
    act = partial(st.fixed_dictionaries)

    def of(kind: str, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        return act({"kind": st.just(kind), **values})

    either, ends = st.sampled_from(["left", "right"]), st.sampled_from(["marked", "other"])
    push = of("needle_advance", mm=st.floats(-6, 15))
    needle = [
        of("needle_place", point_mm=near(world), direction=inward),
        of("needle_place", point_mm=near(world), direction=ways),
        of("needle_beside", end=ends, steep_deg=st.floats(-10, 90), off_plane_deg=st.floats(-30, 30)),
        of("needle_aim", pitch_deg=st.floats(-40, 40), yaw_deg=st.floats(-180, 180)),
        push, push, push, of("needle_advance", mm=st.floats(-90, 90)),
        of("needle_remove"), of("aspirate"), of("inject", ml=st.floats(0.05, 3)), of("stimulate", volt=st.floats(0.1, 5)),
    ]  # fmt: skip
    probe = [
        of("probe_pose", name=st.sampled_from(["c2-oblique", "no-pose"]), side=st.just("right")),
        of("probe_slide", along_mm=st.floats(-2, 2), across_mm=st.floats(-2, 2)),
        of("probe_turn", how=st.sampled_from(["rotate", "tilt", "rock"]), deg=st.floats(-12, 12)),
        of("probe_press", mm=st.floats(-20, 20)), of("probe_lift"),
    ]  # fmt: skip
    other = [
        of("choose_side", side=either), of("confirm", item=st.integers(0, 12)), of("go_to_step", step=st.just("side")),
        of("palpate", point_mm=near(world)), of("mark", name=st.sampled_from(["inion", "a"]), point_mm=near(world)),
        of("knob", name=st.sampled_from(["depth_mm", "gain_db", "doppler"]), value=st.floats(-10, 60)), of("wait"),
        of("palpate", point_mm=st.tuples(*[st.floats(-1000, 1000)] * 3)),
    ]  # fmt: skip
    return st.one_of(*needle, *needle, *probe, *other)


def sequences(world: World, *opening: dict[str, Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Deeds after an opening, or with the needle already in a target, or from nothing."""
    at = st.sampled_from(world.targets[:6])
    entered = at.map(
        lambda t: [
            {"kind": "needle_place", "point_mm": t.skin_mm.tolist(), "direction": t.direction.tolist()},
            {"kind": "needle_advance", "mm": float(t.depth_mm)},
        ]
    )
    first = st.one_of(st.just(list(opening)), entered, st.just([]))
    return st.builds(lambda a, b: a + b, first, st.lists(deeds(world), min_size=6, max_size=20))


def timed(rows: list[dict[str, Any]]) -> Iterator[AnyAction]:
    for i, row in enumerate(rows):
        yield action_from({**row, "at_s": float(i)})


def check_any(world: World, rows: list[dict[str, Any]]) -> None:
    actions = list(timed(rows))
    log = replay(world, actions)
    state: TrialState = start(world)
    for action, moment in zip(actions, log.moments, strict=True):
        assert moment.action is action and moment.state.at_s == action.at_s
        if [e.kind for e in moment.events] == ["refused"]:
            assert same(replace(state, at_s=action.at_s), moment.state)
        else:
            assert not any(e.kind == "refused" for e in moment.events)
        state = moment.state
        if state.needle is not None:
            assert -1e-9 <= state.needle.depth_mm <= world.tool.length_mm + 1e-9
            assert np.linalg.norm(state.needle.direction) == pytest.approx(1.0)
        needle_in_image(state, world)
        fluid_in_image(state, world)
    again = replay(world, [action_from(m.action.model_dump(mode="json")) for m in log.moments])
    assert all(same(a.state, b.state) and a.events == b.events for a, b in zip(log.moments, again.moments, strict=True))


@pytest.mark.slow
def test_a_recording_replays_bit_for_bit_on_the_same_body_built_anew_whatever_was_scanned_before(c2: World) -> None:
    trial = Trial(c2)
    trial.in_plane(short_mm=1.2)
    for kind, values in (("inject", {"ml": 1.0}), ("probe_slide", {"along_mm": 2.0}), ("needle_advance", {"mm": 30.0})):
        trial.do(kind, **values)
    fresh = world_for("gon-block-c2", "right", replace(c2.anatomy))
    assert fresh.truth is not c2.truth
    fresh.scanner({"depth_mm": 60.0}).image(fresh.pose("c2-oblique", "left"))
    log = replay(fresh, [m.action for m in trial.moments])
    assert all(same(a.state, b.state) and a.events == b.events for a, b in zip(log.moments, trial.moments, strict=True))


def test_nothing_that_is_done_at_c2_raises_and_all_of_it_replays(c2: World) -> None:
    probe = {"kind": "probe_pose", "name": "c2-oblique", "side": "right"}
    needle = {"kind": "needle_beside", "end": "other", "steep_deg": 47.0}

    @settings(max_examples=20, deadline=None)
    @given(sequences(c2, probe, needle, {"kind": "needle_advance", "mm": 20.0}))
    def check(rows: list[dict[str, Any]]) -> None:
        check_any(c2, rows)

    check()


def test_nothing_that_is_done_in_preempt_raises_and_all_of_it_replays(preempt: World) -> None:
    @settings(max_examples=20, deadline=None)
    @given(sequences(preempt))
    def check(rows: list[dict[str, Any]]) -> None:
        check_any(preempt, [row for row in rows if row["kind"] != "probe_pose"])

    check()
