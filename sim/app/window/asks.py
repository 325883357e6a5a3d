"""Requests of a fast hand, joined until they are sent: like the page, a window never waits for pictures that nobody will see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Message = Mapping[str, Any]
TURNS = ("azimuth_deg", "elevation_deg", "right", "up")
STEPS = ("right_mm", "up_mm")
ACT_SUMS = {
    "probe_slide": ("along_mm", "across_mm"), "probe_turn": ("deg",), "needle_advance": ("mm",),
    "needle_aim": ("pitch_deg", "yaw_deg"), "probe_press": ("mm",),
}  # fmt: skip
# What one request may ask for at most, as `sim.app.messages` and `sim.training.actions` have it; more is asked for in two.
MOST = {
    "azimuth_deg": 360.0, "elevation_deg": 360.0, "right": 20_000.0, "up": 20_000.0, "right_mm": 60.0, "up_mm": 60.0,
    "along_mm": 120.0, "across_mm": 120.0, "deg": 180.0, "mm": 25.0, "pitch_deg": 90.0, "yaw_deg": 180.0,
}  # fmt: skip
ZOOMS = (0.2, 5.0)


class Asks:
    """Requests that wait to be sent, in order."""

    def __init__(self) -> None:
        self._waiting: list[Message] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message: Message) -> None:
        """Put a request at the end, joined with the last one where that comes to the same."""
        one = joined(self._waiting[-1], message) if self._waiting else None
        if one is None:
            self._waiting.append(message)
        else:
            self._waiting[-1] = one

    def take(self) -> list[Message]:
        """Return all that waits, and wait for nothing more."""
        taken, self._waiting = self._waiting, []
        return taken


def joined(last: Message, later: Message) -> Message | None:
    """Return one request that does what two do, or None where there is none.

    Parameters
    ----------
    last, later : mapping
        Messages of `sim.app.messages`, in the order in which they were made.
    """
    if last["do"] != later["do"]:
        return None
    kind = later["do"]
    if kind == "tick":
        return later
    if kind == "point":
        return later if last["tool"] == later["tool"] else None
    if kind == "cursor":
        return _summed(last, later, STEPS)
    if kind == "camera":
        return _one_camera(last, later)
    return _one_act(last, later) if kind == "acts" else None


def _one_camera(last: Message, later: Message) -> Message | None:
    """Two moves of the camera as one; a named view or layer stands alone."""
    if any(m.get(name) is not None for m in (last, later) for name in ("view", "layer")):
        return None
    zoom = last.get("zoom", 1.0) * later.get("zoom", 1.0)
    if not ZOOMS[0] <= zoom <= ZOOMS[1]:
        return None
    one = _summed(last, later, TURNS)
    if one is None:
        return None
    size = {k: m[k] for m in (last, later) for k in ("width", "height") if k in m}
    return {**one, **({"zoom": zoom} if "zoom" in last or "zoom" in later else {}), **size}


def _one_act(last: Message, later: Message) -> Message | None:
    """Two actions of the same kind and way as one."""
    if len(last["acts"]) != 1 or len(later["acts"]) != 1:
        return None
    a, b = last["acts"][0], later["acts"][0]
    if a["kind"] != b["kind"] or a.get("how") != b.get("how") or a.get("name") != b.get("name"):
        return None
    if a["kind"] == "knob":
        return later
    one = _summed(a, b, ACT_SUMS[a["kind"]]) if a["kind"] in ACT_SUMS else None
    return None if one is None else {"do": "acts", "acts": [one]}


def _summed(a: Message, b: Message, names: tuple[str, ...]) -> Message | None:
    """The second with the first's numbers added; None where one request may not ask for so much."""
    sums = {name: a.get(name, 0.0) + b.get(name, 0.0) for name in names if name in a or name in b}
    if any(abs(value) > MOST[name] for name, value in sums.items()):
        return None
    return {**a, **b, **sums}
