"""A scenario for the patient's own side and chosen sites."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

from meshes._check import check_choice, unknown
from meshes.terms import split_key
from scenarios.basics import CameraName, Side
from scenarios.model import Scenario
from scenarios.sites import Ground
from scenarios.targets import targets_of
from sim.procedures import marked, told

OTHER = {"left": "right", "right": "left"}
_SIDE = re.compile(r"(?<![a-z])(left|right)(?![a-z])")
_SITE = re.compile(r"_([LR])(?=\d+$)")
VECTORS = ("offset_mm", "point_mm", "normal")
KEPT = ("anatomy", "film", "figure")


def page_side(scenario: Scenario) -> str:
    """Return the side that a scenario is of: 'left', 'right' or 'both'; 'both' without a procedure or page that names one.

    Raises ScenarioError where its procedure and its page name different sides.
    """
    page, procedure = scenario.page, scenario.procedure
    asked = None if page is None else page.side
    if procedure is None:
        return asked or "both"
    if asked not in (None, procedure.side) and procedure.side != "both":
        raise scenario.origin.error(("page", "side"), f"is {asked!r}, but the procedure is on the {procedure.side}.")
    return procedure.side


def with_side(scenario: Scenario, side: str | None) -> Scenario:
    """Return a scenario for a side of the patient: as it is, or all its places mirrored. The patient stays as he is.

    Raises
    ------
    ValueError
        If the side is no side, or the scenario is always of both sides.
    """
    own = page_side(scenario)
    if side is None or side == own:
        return scenario
    check_choice("side", side, get_args(Side))
    procedure = scenario.procedure
    if own == "both":
        if procedure is not None and procedure.name == "preempt":
            raise ValueError(f"side is {side!r}, but preempt is always given on both sides; leave the side out.")
        return _on(scenario, side)
    table = scenario.model_dump(by_alias=True, exclude_unset=True)
    turned = {k: v if k in KEPT else _mirrored(v, k) for k, v in table.items()}
    return Scenario.model_validate(turned).read_from(scenario.origin)


def with_sites(scenario: Scenario, ids: Sequence[str], ground: Ground) -> Scenario:
    """Return a scenario that marks only some sites of its procedure.

    Raises
    ------
    ValueError
        If it has no procedure, or an id is not one of its sites.
    """
    if not ids:
        return scenario
    if scenario.procedure is None:
        raise ValueError("sites are chosen, but the scenario has no procedure.")
    every = scenario.procedure.model_copy(update={"sites": ()})
    known = [m.id for m in marked(every, ground).markers]
    for name in ids:
        if name not in known:
            hint = unknown("site", name, known) if known else f"the procedure {every.name!r} has no sites on the skin to choose."
            raise ValueError(hint)
    chosen = every.model_copy(update={"sites": tuple(dict.fromkeys(ids))})
    return scenario.model_copy(update={"procedure": chosen}).read_from(scenario.origin)


def _on(scenario: Scenario, side: str) -> Scenario:
    """A scenario of both sides, kept to one."""
    if scenario.procedure is None:
        if scenario.page is None:
            return scenario
        change: dict[str, Any] = {"page": scenario.page.model_copy(update={"side": side})}
    else:
        change = {"procedure": scenario.procedure.model_copy(update={"side": side})}
    return scenario.model_copy(update=change).read_from(scenario.origin)


def _mirrored(value: Any, key: str) -> Any:
    """A value of a scenario with left and right exchanged."""
    if isinstance(value, dict):
        return {_swapped(str(k)): _mirrored(v, str(k)) for k, v in value.items()}
    if key in VECTORS and isinstance(value, (list, tuple)):
        return (-value[0], *value[1:])
    if isinstance(value, (list, tuple)):
        return tuple(_mirrored(v, key) for v in value)
    if key == "azimuth_deg" and value is not None:
        return -value
    return _swapped(value, key) if isinstance(value, str) else value


def _swapped(text: str, key: str = "") -> str:
    """A name with left and right exchanged; cameras without a side, seen from the patient's right, get that of his left."""
    if key in ("title", "caption", "evidence", "text"):
        return text
    if key == "camera" and text in ("oblique", "anterior-oblique"):
        return {"oblique": "posterior-oblique-left", "anterior-oblique": "anterior-oblique-left"}[text]
    turned = _SITE.sub(lambda m: "_R" if m[1] == "L" else "_L", _SIDE.sub(lambda m: OTHER[m[0]], text))
    return turned if key != "camera" or turned in get_args(CameraName) else text


def page_procedure(scenario: Scenario) -> str | None:
    """Return the key of the procedure that a scenario explains: its page's, else its own."""
    if scenario.page is not None and (scenario.page.procedure or scenario.procedure is None):
        return scenario.page.procedure
    return None if scenario.procedure is None else told(scenario.procedure).key


def page_condition(scenario: Scenario) -> str | None:
    """Return the condition that a scenario's patient has, if it is named."""
    return None if scenario.page is None else scenario.page.condition


def page_places(scenario: Scenario, ground: Ground) -> list[tuple[str, str, int]]:
    """Return the places of a scenario's procedure by muscle (else bone or nerve), without side, and side, with their number."""
    procedure = scenario.procedure
    if procedure is None:
        return []
    found = targets_of(told(procedure), ground, procedure.side)
    kept = [t for t in found if not procedure.sites or t.id in procedure.sites] or list(found)
    counted = Counter((split_key((t.muscles or (t.structure,))[0])[0], t.side) for t in kept)
    return [(base, side, count) for (base, side), count in counted.items()]
