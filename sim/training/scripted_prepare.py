"""What comes before the needle, by an expert's hand: checklist, side, landmarks felt and marked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from meshes.curves import point_at
from scenarios.sites import read_table
from sim.tables import table
from sim.training.scripted_hand import Hand

Array = NDArray[np.float64]


def prepare(hand: Hand) -> None:
    """Go through the checklist, name the side, and find every landmark; the injection point last, from the others."""
    hand.to("prepare")
    for item in range(len(hand.world.procedure.checklist)):
        hand.do("confirm", item=item)
    if hand.world.side != "both":
        hand.to("side")
        hand.do("choose_side", side=hand.world.side)
    hand.to("harvest")
    hand.to("landmarks")
    points = [name for name in hand.world.landmarks if is_point(hand, name)]
    for name in hand.world.landmarks:
        if name not in points:
            find(hand, name, hand.world.landmarks[name])
    for step in ("point", "entry", "find"):
        hand.to(step)
    for name in points:
        find(hand, name, measured(hand, name))


def find(hand: Hand, name: str, place: Array) -> None:
    """Feel for a landmark from beside it, then on it, and mark it with the error of a hand."""
    spread = float(hand.habits["landmark_mm"])
    hand.do("palpate", point_mm=hand.on_skin(place, 3 * spread))
    found = hand.on_skin(place, spread)
    hand.do("palpate", point_mm=found)
    hand.do("mark", name=name, point_mm=found)


def is_point(hand: Hand, name: str) -> bool:
    """Return whether a mark is that of an injection point, rather than of a landmark."""
    bare = name.removesuffix("_left").removesuffix("_right")
    return bare in {target.id for target in hand.world.procedure.targets}


def measured(hand: Hand, name: str) -> Array:
    """Return where an injection point lies: measured from the marks where a rule says how, else as it is felt."""
    at = next(t.at for t in hand.world.procedure.targets if t.id == name.removesuffix("_left").removesuffix("_right"))
    rule = SHARES.get(at)
    marks = hand.state.marks
    if rule is None or not {"inion", "mastoid_tip"} <= set(marks):
        return hand.world.landmarks[name]
    line = hand.world.ground.skin.geodesic(marks["inion"], marks["mastoid_tip"])
    return np.asarray(hand.world.ground.skin.closest(point_at(line, rule()))[0][0])


def mark_of(hand: Hand, name: str) -> Array:
    """Return where a landmark has been marked. Raises ValueError if it has not."""
    for label in (name, f"{name}_{hand.world.side}"):
        if label in hand.state.marks:
            return np.asarray(hand.state.marks[label])
    raise ValueError(f"{name} is not marked, but the view of the procedure starts from it; add it to the procedure's landmarks.")


def toward_treated(hand: Hand) -> float:
    """Return +1 if the treated side is the patient's left, where the marked end points, else -1."""
    return 1.0 if hand.world.side == "left" else -1.0


def view_of(hand: Hand) -> dict[str, object]:
    """Return how the procedure's view is found by hand."""
    return dict(table("scripted")["views"][hand.world.procedure.pose])


def _medial_third() -> float:
    return float(read_table("gon_sites")["definitions"]["medial_third"]["fraction"])


def _lateral_third() -> float:
    return float(read_table("target_rules")["nerves"]["lateral_third"]["fraction"])


SHARES: dict[str, Callable[[], float]] = {"medial_third": _medial_third, "lateral_third": _lateral_third}
