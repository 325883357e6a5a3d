"""The trainee's hands at a window: what keys, buttons and the pointer ask for. The keys are those of the browser's page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sim.app.window.asks import Message

TOOLS = ("view", "cursor", "probe", "needle")
LAYERS = ("skin", "glass", "muscles", "nerves")
VIEWS = ("posterior", "posterior-oblique-right", "posterior-oblique-left", "right", "left", "anterior", "superior")
ENDS = ("marked", "other")
STEEP_DEG = (35, 40, 45, 50, 60, 20, 25, 30)
AMOUNTS_ML, TOXIN_ML = (0.5, 0.1, 0.25, 1.0, 2.0), (0.1, 0.05, 0.2)
VOLT = 0.5
# Knob: least, most, step; the frequency's range is the probe's.
KNOBS = {
    "depth_mm": (20.0, 80.0, 5.0), "gain_db": (-20.0, 20.0, 1.0), "focus_mm": (5.0, 60.0, 1.0), "frequency_mhz": (1.0, 30.0, 0.5),
    "dynamic_range_db": (40.0, 90.0, 5.0),
}  # fmt: skip
ARROWS = {"left": (-1, 0), "right": (1, 0), "up": (0, 1), "down": (0, -1)}
KEYS = {
    "1": "tool:view", "2": "tool:cursor", "3": "tool:probe", "4": "tool:needle", "left": "arrow:left", "right": "arrow:right",
    "up": "arrow:up", "down": "arrow:down", "q": "rotate-", "e": "rotate+", "r": "tilt+", "f": "tilt-", "t": "rock+",
    "g": "rock-", "]": "press+", "[": "press-", "w": "advance+", "s": "advance-", "a": "aspirate", "i": "inject", "n": "beside",
    "b": "here:needle", "p": "here:probe", "return": "feel", "m": "mark", "l": "layer", "v": "camera",
    "c": "confirm", "x": "side", "tab": "next", "h": "pose", "z": "lift", "delete": "remove", "backspace": "remove",
    "u": "stimulate", "j": "amount", "k": "steep", "o": "end", "d": "doppler", "prior": "knob-:depth_mm",
    "next": "knob+:depth_mm", "-": "knob-:gain_db", "=": "knob+:gain_db", "+": "knob+:gain_db",
    ",": "knob-:focus_mm", ".": "knob+:focus_mm", ";": "knob-:frequency_mhz", "'": "knob+:frequency_mhz",
    "9": "knob-:dynamic_range_db", "0": "knob+:dynamic_range_db", "f1": "help", "?": "help", "escape": "finish",
}  # fmt: skip
SAME = {"page_up": "prior", "page_down": "next", "enter": "return", "iso_left_tab": "tab"}
ACTS: Mapping[str, dict[str, Any]] = {
    "rotate-": {"kind": "probe_turn", "how": "rotate", "deg": -2}, "rotate+": {"kind": "probe_turn", "how": "rotate", "deg": 2},
    "tilt-": {"kind": "probe_turn", "how": "tilt", "deg": -2}, "tilt+": {"kind": "probe_turn", "how": "tilt", "deg": 2},
    "rock-": {"kind": "probe_turn", "how": "rock", "deg": -2}, "rock+": {"kind": "probe_turn", "how": "rock", "deg": 2},
    "press+": {"kind": "probe_press", "mm": 0.5}, "press-": {"kind": "probe_press", "mm": -0.5}, "lift": {"kind": "probe_lift"},
    "aspirate": {"kind": "aspirate"}, "remove": {"kind": "needle_remove"},
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What the session has told of a procedure and of the attempt, as of `sim.app.telling`."""

    procedure: Mapping[str, Any]
    state: Mapping[str, Any]

    @property
    def marks(self) -> tuple[tuple[str, str], ...]:
        """Names and texts of what can be marked: landmarks, then the places of a series."""
        p = self.procedure
        return (*((t["name"], t["text"]) for t in p["landmarks"]), *((t["id"], t["id"]) for t in p["sites"]))

    @property
    def by_ultrasound(self) -> bool:
        """Whether the probe guides the needle."""
        return bool(self.procedure["guidance"] == "ultrasound")

    @property
    def may_be_shown(self) -> bool:
        """Whether the trainee may ask for the probe's place."""
        return self.by_ultrasound and self.state["mode"] == "learn"

    @property
    def amounts_ml(self) -> tuple[float, ...]:
        """What may be given at once."""
        return TOXIN_ML if self.procedure["units_per_ml"] else AMOUNTS_ML


@dataclass(frozen=True)
class Hands:
    """What is held and chosen; indices run on beyond the end, and begin anew there.

    Parameters
    ----------
    tool : {'view', 'cursor', 'probe', 'needle'}
        What arrows and pointer move.
    landmark, camera, steep, amount : int
        Which mark comes next; view; steepness and amount that are chosen.
    end : str
        End of the probe at which the needle goes in; '' as the procedure has it.
    help : bool
        Whether the keys are explained.
    ending : bool
        Whether the trainee has asked once to finish.
    """

    tool: str = "view"
    landmark: int = 0
    camera: int = 0
    steep: int = 0
    amount: int = 0
    end: str = ""
    help: bool = False
    ending: bool = False

    def mark(self, told: Told) -> tuple[str, str]:
        """Return name and text of what is marked next; empty where there is nothing to mark."""
        return told.marks[self.landmark % len(told.marks)] if told.marks else ("", "")

    def steep_deg(self) -> int:
        """Return the angle between needle and the probe's face."""
        return STEEP_DEG[self.steep % len(STEEP_DEG)]

    def amount_ml(self, told: Told) -> float:
        """Return what is given at once."""
        return told.amounts_ml[self.amount % len(told.amounts_ml)]

    def needle_end(self, told: Told) -> str:
        """Return the end of the probe at which the needle goes in. The marked end points to the patient's left."""
        if self.end:
            return self.end
        right = "left" not in (told.state["side"], told.procedure["side"])
        return "other" if right == (told.procedure["needle_end"] == "lateral") else "marked"


Answer = tuple[Hands, tuple[Message, ...]]


def deed_of(key: str) -> str | None:
    """Return what a key does; None if nothing. Keys are characters, or X's names of them in small letters."""
    name = key.lower().removeprefix("kp_")
    return KEYS.get(SAME.get(name, name))


def do(hands: Hands, deed: str, told: Told, *, far: bool = False) -> Answer:
    """Return the hands after a deed, and what is asked of the session.

    Parameters
    ----------
    hands : Hands
    deed : str
        A value of `KEYS`, or 'step:ID', 'item:N', 'side:left', 'landmark:N', all of which a click can mean.
    told : Told
    far : bool
        Whether Shift is held: further at once.
    """
    name, _, what = deed.partition(":")
    hands = replace(hands, ending=False) if name != "finish" else hands
    if name in ACTS:
        return hands, (_act(**ACTS[name]),)
    if name == "tool":
        return replace(hands, tool=what), ()
    return DEEDS[name](hands, what, told, far)


def _act(kind: str, **values: Any) -> Message:
    return {"do": "acts", "acts": [{"kind": kind, **values}]}


def _arrow(hands: Hands, what: str, _told: Told, far: bool) -> Answer:
    x, y = ARROWS[what]
    if hands.tool == "view":
        turn = 15 if far else 5
        return hands, ({"do": "camera", "azimuth_deg": x * turn, "elevation_deg": y * turn},)
    if hands.tool == "cursor":
        walk = 10 if far else 2
        return hands, ({"do": "cursor", "right_mm": x * walk, "up_mm": y * walk},)
    if hands.tool == "probe":
        slide = 5 if far else 1
        return hands, (_act("probe_slide", along_mm=-x * slide, across_mm=y * slide),)
    return hands, (_act("needle_aim", pitch_deg=y * 2, yaw_deg=x * 2),)


def _knob(hands: Hands, what: str, told: Told, steps: int) -> Answer:
    low, high, step = KNOBS[what]
    if what == "frequency_mhz":
        low, high = told.procedure["frequency"]
    value = float(min(high, max(low, told.state["knobs"][what] + steps * step)))
    return hands, (_act("knob", name=what, value=value),)


def _mark(hands: Hands, _what: str, told: Told, far: bool) -> Answer:
    name, _ = hands.mark(told)
    onward = replace(hands, landmark=hands.landmark + 1)
    return (onward, ()) if far or not name else (onward, ({"do": "here", "what": "mark", "name": name},))


def _confirm(hands: Hands, _what: str, told: Told, _far: bool) -> Answer:
    left = [i for i in range(len(told.procedure["checklist"])) if i not in told.state["confirmed"]]
    return hands, tuple(_act("confirm", item=i) for i in left[:1])


def _item(hands: Hands, what: str, told: Told, _far: bool) -> Answer:
    return hands, () if int(what) in told.state["confirmed"] else (_act("confirm", item=int(what)),)


def _side(hands: Hands, what: str, told: Told, _far: bool) -> Answer:
    side = what or told.procedure["side"]
    return hands, (_act("choose_side", side=side),) if side in ("left", "right") else ()


def _next(hands: Hands, _what: str, told: Told, far: bool) -> Answer:
    ids = [s["id"] for s in told.procedure["steps"]]
    at = (ids.index(told.state["step"]) if told.state["step"] in ids else 0) + (-1 if far else 1)
    return hands, (_act("go_to_step", step=ids[at]),) if 0 <= at < len(ids) else ()


def _layer(hands: Hands, what: str, told: Told, _far: bool) -> Answer:
    layer = what or LAYERS[(LAYERS.index(told.state["layer"]) + 1) % len(LAYERS)]
    return hands, ({"do": "camera", "layer": layer},)


def _camera(hands: Hands, _what: str, _told: Told, far: bool) -> Answer:
    at = hands.camera + (-1 if far else 1)
    return replace(hands, camera=at), ({"do": "camera", "view": VIEWS[at % len(VIEWS)]},)


def _pose(hands: Hands, _what: str, told: Told, _far: bool) -> Answer:
    p = told.procedure
    side = p["side"] if p["side"] in ("left", "right") else told.state["side"] or "right"
    return hands, (_act("probe_pose", name=p["pose"], side=side),) if told.may_be_shown else ()


def _finish(hands: Hands, _what: str, _told: Told, _far: bool) -> Answer:
    if hands.help:
        return replace(hands, help=False), ()
    return (replace(hands, ending=False), (_act("finish"),)) if hands.ending else (replace(hands, ending=True), ())


DEEDS: Mapping[str, Callable[[Hands, str, Told, bool], Answer]] = {
    "arrow": _arrow,
    "knob-": lambda h, what, told, far: _knob(h, what, told, -4 if far else -1),
    "knob+": lambda h, what, told, far: _knob(h, what, told, 4 if far else 1),
    "doppler": lambda h, _, told, far: (h, (_act("knob", name="doppler", value=(told.state["knobs"]["doppler"] + 1) % 3),)),
    "advance+": lambda h, _, told, far: (h, (_act("needle_advance", mm=5 if far else 1),)),
    "advance-": lambda h, _, told, far: (h, (_act("needle_advance", mm=-5 if far else -1),)),
    "inject": lambda h, _, told, far: (h, (_act("inject", ml=h.amount_ml(told)),)),
    "beside": lambda h, _, told, far: (h, (_act("needle_beside", end=h.needle_end(told), steep_deg=h.steep_deg()),)),
    "stimulate": lambda h, _, told, far: (h, (_act("stimulate", volt=VOLT),) if told.procedure["stimulate"] else ()),
    "here": lambda h, what, told, far: (h, ({"do": "here", "what": what},)),
    "feel": lambda h, _, told, far: (h, ({"do": "here", "what": "palpate"},)),
    "mark": _mark,
    "landmark": lambda h, what, told, far: (replace(h, landmark=int(what)), ()),
    "confirm": _confirm,
    "item": _item,
    "side": _side,
    "next": _next,
    "step": lambda h, what, told, far: (h, (_act("go_to_step", step=what),)),
    "layer": _layer,
    "camera": _camera,
    "pose": _pose,
    "amount": lambda h, _, told, far: (replace(h, amount=h.amount + 1), ()),
    "steep": lambda h, _, told, far: (replace(h, steep=h.steep + 1), ()),
    "end": lambda h, _, told, far: (replace(h, end=ENDS[1 - ENDS.index(h.needle_end(told))]), ()),
    "help": lambda h, _, told, far: (replace(h, help=not h.help), ()),
    "finish": _finish,
}
