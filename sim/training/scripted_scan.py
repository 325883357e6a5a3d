"""The view of a procedure found by a scripted expert's hand: laid down, slid, turned, pressed, until the nerve shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.curves import point_at
from scenarios.target_places import sided
from sim.tables import table
from sim.training.scripted_hand import Hand
from sim.training.scripted_prepare import mark_of, toward_treated, view_of
from sim.training.scripted_view import View, look, nearest_mm

Array = NDArray[np.float64]
DOWN = np.array([0.0, 0.0, -1.0])
CENTRED_MM, MOST_SLIDES, ALL = 1.0, 3, 3


def find_view(hand: Hand) -> View:
    """Lay the probe by the manoeuvre of the procedure's view, find the nerve, and bring it to its place in the picture.

    Returns the frame that shows at the end; the nerve may be missing from it if it was not found.
    """
    row = view_of(hand)
    hand.to("scan")
    _lay(hand, row)
    for step in ("align", "count"):
        hand.to(step)
    _swing(hand, row)
    view = _search(hand, row)
    view = _centred(hand, row, view)
    view = _longest(hand, row, view)
    if _shown(hand, row, view) < ALL:
        view = _search(hand, row)
    hand.to("vessels")
    hand.do("knob", name="doppler", value=1.0)
    hand.do("wait")
    hand.do("knob", name="doppler", value=0.0)
    return view


def wanted(hand: Hand, row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sided keys of what the view must show: the nerve, and what it lies on or beside."""
    return tuple(sided(name, "left" if hand.world.side == "left" else "right") for name in row["see"])


def end_of(hand: Hand, row: Mapping[str, Any]) -> str:
    """Return the end of the probe beside which the needle enters: 'marked' or 'other'."""
    if "end" in row:
        return str(row["end"])
    lateral = "marked" if toward_treated(hand) > 0 else "other"
    medial = "other" if lateral == "marked" else "marked"
    return lateral if hand.world.procedure.needle_end == "lateral" else medial


def beside(hand: Hand, spot: Array, end: str) -> float:
    """Return how far across the picture the tip should rest, beside a nerve's section (n, 2) on the side of the needle."""
    way = 1.0 if end == "marked" else -1.0
    return way * (float((spot[:, 0] * way).max()) + float(hand.habits["beside_mm"]))


def _lay(hand: Hand, row: Mapping[str, Any]) -> None:
    skin = hand.world.ground.skin
    first, *others = (mark_of(hand, name) for name in row["start"])
    place, toward = first, np.array(row["toward"])
    for last in others:
        place = point_at(skin.geodesic(first, last), row["share"])
        along = last - first
        toward = along * np.sign(along @ toward)
    if row["down_mm"]:
        place = skin.walk(place, DOWN, row["down_mm"])[0]
    hand.do("probe_place", point_mm=hand.on_skin(place, hand.habits["site_mm"]), toward=toward / np.linalg.norm(toward))


def _swing(hand: Hand, row: Mapping[str, Any]) -> None:
    """To the side of the block and headward, the lateral end turned toward the head, then pressed."""
    way = toward_treated(hand)
    if row["out_mm"] or row["up_mm"]:
        hand.do("probe_slide", along_mm=way * row["out_mm"] + hand.stray(1.0), across_mm=row["up_mm"] + hand.stray(1.0))
    if row["turn_deg"]:
        hand.do("probe_turn", how="rotate", deg=way * row["turn_deg"] + hand.stray(hand.habits["aim_deg"]))
    if row["press_mm"]:
        hand.do("probe_press", mm=row["press_mm"] + hand.stray(0.5))


def _search(hand: Hand, row: Mapping[str, Any]) -> View:
    """Slide across the plane until the picture shows all that it must; else back to where it showed most."""
    shown: list[tuple[int, float, View]] = []
    at = 0.0
    for across in table("scripted")["search"]["across_mm"]:
        if across != at:
            hand.do("probe_slide", across_mm=across - at)
            at = across
        view = look(hand)
        shown.append((_shown(hand, row, view), at, view))
        if shown[-1][0] == ALL:
            return view
    _, best, _ = max(shown, key=lambda seen: (seen[0], -abs(seen[1])))
    hand.do("probe_slide", across_mm=best - at)
    return look(hand)


def _shown(hand: Hand, row: Mapping[str, Any], view: View) -> int:
    """How much of what must be seen shows: the structures, the nerve near the others, and layers that face beside the nerve."""
    nerve, *others = wanted(hand, row)
    if not view.shows(nerve, *others):
        return 0
    spot = view.spot(nerve, *others)
    if any(nearest_mm(spot, view.places(key)) > row["near_mm"] for key in others):
        return 1
    between = hand.world.targets[0].between
    across = beside(hand, spot, end_of(hand, row))
    return ALL if len(between) < 2 or view.border_mm(across, *between) is not None else 2


def _centred(hand: Hand, row: Mapping[str, Any], view: View) -> View:
    """Slide along the plane until the nerve lies where the needle has room, within a millimetre."""
    nerve, *others = wanted(hand, row)
    goal = (row["middle_mm"] + 0.5 * hand.style_deg) * (1.0 if end_of(hand, row) == "marked" else -1.0)
    for _ in range(MOST_SLIDES):
        spot = view.spot(nerve, *others)
        if not len(spot):
            break
        off = float(spot[:, 0].mean()) - goal
        if abs(off) <= CENTRED_MM:
            break
        hand.do("probe_slide", along_mm=off)
        view = look(hand)
    return view


def _longest(hand: Hand, row: Mapping[str, Any], view: View) -> View:
    """Try small turns to either side, and keep that in which the guiding muscle shows longest with the nerve on it."""
    if not row["long"]:
        return view
    other = wanted(hand, row)[1]
    for deg in row["turns_deg"]:
        hand.do("probe_turn", how="rotate", deg=deg)
        turned = look(hand)
        better = _shown(hand, row, turned) == ALL and _length(turned, other) > _length(view, other) + 1.0
        if not better:
            hand.do("probe_turn", how="rotate", deg=-deg)
        else:
            view = turned
    return _centred(hand, row, view)


def _length(view: View, key: str) -> float:
    across = view.places(key)[:, 0]
    return float(np.ptp(across)) if len(across) else 0.0
