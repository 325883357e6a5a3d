from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.app.messages import message_from
from sim.app.window.asks import Asks
from sim.app.window.hands import KEYS, Hands, Told, deed_of, do
from sim.app.window.layout import cells, layout
from sim.app.window.pointer import dragged, wheeled
from sim.page import Box
from sim.training.actions import action_from

PROCEDURE: dict[str, Any] = {
    "guidance": "ultrasound", "side": "right", "needle_end": "lateral", "units_per_ml": 0.0, "pose": "c2-oblique",
    "stimulate": True, "frequency": [3.0, 12.0], "checklist": ["a", "b"], "steps": [{"id": "one"}, {"id": "two"}], "sites": [],
    "landmarks": [{"name": "inion", "text": "bump"}, {"name": "c2_spinous_tip", "text": "spine"}],
}  # fmt: skip
KNOBS = {"depth_mm": 40.0, "gain_db": 0.0, "focus_mm": 12.0, "frequency_mhz": 10.0, "dynamic_range_db": 60.0, "doppler": 0.0}
STATE = {"side": None, "step": "one", "confirmed": [], "mode": "learn", "phase": "attempt", "layer": "glass", "knobs": KNOBS}
TOLD = Told(PROCEDURE, STATE)


def acts_of(messages: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [act for m in messages for act in m["acts"]]


# What keys and pointer mean


@pytest.mark.parametrize("tool", ["view", "cursor", "probe", "needle"])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("far", [False, True])
def test_every_key_asks_only_for_what_a_session_takes(tool: str, key: str, far: bool) -> None:
    deed = deed_of(key)
    assert deed is not None
    _, asked = do(Hands(tool=tool), deed, TOLD, far=far)
    for message in asked:
        message_from(dict(message))
        for act in message.get("acts", ()):
            action_from(dict(act))


def test_keys_have_the_names_that_other_keyboards_give_them() -> None:
    assert deed_of("KP_Enter") == deed_of("Return") == "feel"
    assert deed_of("Page_Up") == deed_of("Prior") == deed_of("KP_Page_Up")
    assert deed_of("W") == deed_of("w")
    assert deed_of("F9") is None


def test_arrows_move_what_is_in_hand() -> None:
    asked = {tool: do(Hands(tool=tool), "arrow:right", TOLD)[1][0] for tool in ("view", "cursor", "probe", "needle")}
    assert asked["view"]["do"] == "camera" and asked["cursor"] == {"do": "cursor", "right_mm": 2, "up_mm": 0}
    assert asked["probe"]["acts"][0]["kind"] == "probe_slide"
    assert asked["probe"]["acts"][0]["along_mm"] < 0  # its marked end points to the patient's left
    assert asked["needle"]["acts"][0]["kind"] == "needle_aim"


@pytest.mark.parametrize(("side", "end", "expected"), [
    ("right", "lateral", "other"), ("left", "lateral", "marked"), ("right", "medial", "marked"), ("left", "medial", "other"),
])  # fmt: skip
def test_the_needle_goes_in_at_the_end_that_the_procedure_names(side: str, end: str, expected: str) -> None:
    told = Told(PROCEDURE | {"side": side, "needle_end": end}, STATE)
    (act,) = acts_of(do(Hands(), "beside", told)[1])
    assert act["end"] == expected
    hands, _ = do(Hands(), "end", told)
    assert acts_of(do(hands, "beside", told)[1])[0]["end"] != expected


def test_the_checklist_is_confirmed_item_by_item_and_no_further() -> None:
    assert acts_of(do(Hands(), "confirm", TOLD)[1]) == [{"kind": "confirm", "item": 0}]
    half = Told(PROCEDURE, STATE | {"confirmed": [0]})
    assert acts_of(do(Hands(), "confirm", half)[1]) == [{"kind": "confirm", "item": 1}]
    assert do(Hands(), "confirm", Told(PROCEDURE, STATE | {"confirmed": [0, 1]}))[1] == ()


def test_a_mark_is_named_and_the_next_one_follows() -> None:
    hands, first = do(Hands(), "mark", TOLD)
    hands, second = do(hands, "mark", TOLD)
    assert [m["name"] for m in (*first, *second)] == ["inion", "c2_spinous_tip"]
    assert do(Hands(), "mark", TOLD, far=True) == (Hands(landmark=1), ())  # Shift only chooses


def test_one_escape_asks_and_the_second_finishes_unless_something_else_is_done() -> None:
    asked, nothing = do(Hands(), "finish", TOLD)
    assert nothing == () and asked.ending
    assert acts_of(do(asked, "finish", TOLD)[1]) == [{"kind": "finish"}]
    moved, _ = do(asked, "aspirate", TOLD)
    assert do(moved, "finish", TOLD)[1] == ()


def test_escape_closes_the_help_and_ends_nothing() -> None:
    helped, _ = do(Hands(), "help", TOLD)
    assert do(helped, "finish", TOLD) == (Hands(), ())


def test_knobs_stop_at_their_ends() -> None:
    deep = Told(PROCEDURE, STATE | {"knobs": KNOBS | {"depth_mm": 80.0, "frequency_mhz": 12.0}})
    assert acts_of(do(Hands(), "knob+:depth_mm", deep)[1])[0]["value"] == 80.0
    assert acts_of(do(Hands(), "knob+:frequency_mhz", deep)[1])[0]["value"] == 12.0
    assert acts_of(do(Hands(), "knob-:depth_mm", deep)[1])[0]["value"] == 75.0


def test_an_examination_shows_no_place() -> None:
    assert do(Hands(), "pose", TOLD)[1] != ()
    assert do(Hands(), "pose", Told(PROCEDURE, STATE | {"mode": "exam"}))[1] == ()


def test_the_pointer_does_what_the_tool_in_hand_does() -> None:
    drag = {tool: dragged(tool, "left", False, (10, 20), (4, 0))[0] for tool in ("view", "cursor", "probe", "needle")}
    assert [m["do"] for m in drag.values()] == ["camera", "point", "point", "acts"]
    assert dragged("needle", "right", False, (0, 0), (4, 0))[0]["do"] == "camera"
    assert dragged("view", "left", True, (0, 0), (4, 3)) == ({"do": "camera", "right": 4, "up": -3},)
    assert wheeled("needle", True)[0]["acts"][0]["mm"] > 0 > wheeled("needle", False)[0]["acts"][0]["mm"]


# Requests that wait

one_request = st.one_of(
    st.builds(lambda x, y: {"do": "camera", "azimuth_deg": x, "elevation_deg": y}, st.integers(-30, 30), st.integers(-30, 30)),
    st.builds(lambda x: {"do": "camera", "zoom": x}, st.sampled_from([0.5, 0.9, 1.1, 2.0])),
    st.just({"do": "camera", "view": "left"}),
    st.builds(lambda x: {"do": "cursor", "right_mm": x, "up_mm": -x}, st.integers(-50, 50)),
    st.builds(lambda x: {"do": "acts", "acts": [{"kind": "probe_slide", "along_mm": x}]}, st.integers(-5, 5)),
    st.builds(lambda x: {"do": "acts", "acts": [{"kind": "needle_advance", "mm": x}]}, st.integers(-9, 9)),
    st.builds(lambda how, x: {"do": "acts", "acts": [{"kind": "probe_turn", "how": how, "deg": x}]},
              st.sampled_from(["tilt", "rock"]), st.integers(-9, 9)),
    st.just({"do": "acts", "acts": [{"kind": "aspirate"}]}), st.just({"do": "tick"}),
)  # fmt: skip


def outcome(messages: list[Any]) -> list[Any]:
    """What a list of requests comes to: runs of the same kind summed up, in their order."""
    done: list[Any] = []
    for m in messages:
        for act in m.get("acts", [m]):
            kind = (act.get("do"), act.get("kind"), act.get("how"), act.get("view"))
            if kind[0] == "tick" and done and done[-1][0] == kind:
                continue
            once = kind[1] == "aspirate" or kind[3] is not None
            if once or not done or done[-1][0] != kind:
                done.append((kind, {}))
            for name, value in act.items():
                if name == "zoom":
                    done[-1][1][name] = done[-1][1].get(name, 1.0) * value
                elif isinstance(value, int | float):
                    done[-1][1][name] = done[-1][1].get(name, 0.0) + value
    return [(kind, {k: pytest.approx(v) for k, v in sums.items()}) for kind, sums in done]


@given(st.lists(one_request, max_size=30))
def test_joined_requests_come_to_the_same_and_stay_within_bounds(messages: list[Any]) -> None:
    asks = Asks()
    for m in messages:
        asks.add(m)
    taken = asks.take()
    assert len(taken) <= len(messages) and not asks
    for m in taken:
        message_from(dict(m))
        for act in m.get("acts", ()):
            action_from(dict(act))
    plain = [(k, {n: v.expected for n, v in sums.items()}) for k, sums in outcome(messages)]
    assert plain == outcome(list(taken))


def test_a_fast_hand_makes_one_request() -> None:
    asks = Asks()
    for _ in range(20):
        asks.add({"do": "acts", "acts": [{"kind": "probe_slide", "along_mm": 1}]})
    assert asks.take() == [{"do": "acts", "acts": [{"kind": "probe_slide", "along_mm": 20}]}]


# Places


@given(st.integers(700, 3800), st.integers(480, 2200), st.floats(1.0, 3.0))
def test_nothing_overlaps_and_nothing_lies_outside(width: int, height: int, scale: float) -> None:
    at = layout((width, height), scale)
    boxes = [at.steps, at.log, at.view_bar, at.view, at.scan, at.knobs, *at.hands]
    for n, a in enumerate(boxes):
        assert 0 <= a.x0 < a.x1 <= width and 0 <= a.y0 < a.y1 <= height
        for b in boxes[n + 1 :]:
            assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0


def test_cells_fill_a_box() -> None:
    rows = cells(Box(10, 20, 110, 80), 3, 2, 4)
    assert (rows[0][0].x0, rows[0][0].y0) == (10, 20) and (rows[-1][-1].x1, rows[-1][-1].y1) == (110, 80)
    assert rows[0][0].x1 <= rows[0][1].x0 - 3
