"""The steps of a patient page in their order, and what the head shows at each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from meshes.terms import split_key

if TYPE_CHECKING:
    from scenarios.explain_texts import StepText, Texts

Needle = Literal["none", "moves", "in"]
Kind = Literal["welcome", "told", "pain", "path", "expect", "benefits", "risks", "prepare", "more"]
PATH = "convergence"
NEEDLE_OF: dict[str, Needle] = {"needle": "moves", "ultrasound": "in"}
LAST: tuple[Kind, ...] = ("expect", "benefits", "risks", "prepare")
MOST_NAMES = 3
OF_PLACE = ("place", "needle", "ultrasound", "after")
PLACES = ("site", "needle", "ultrasound", "convergence")


@dataclass(frozen=True)
class PageStep:
    """One step of the page.

    Parameters
    ----------
    id : str
        Unique on the page.
    kind : str
        What its words are: 'told' is a step of the procedure.
    view : str
        What the head shows: a step of the 3-D model.
    focus : str
        Structure without a side, or what else is meant ('site', 'needle', 'ultrasound', 'convergence'); empty for nothing.
    needle : {'none', 'moves', 'in'}
    pulse : bool
        Whether the way is run on which neck pain is felt at the eye.
    """

    id: str
    kind: Kind
    view: str
    focus: str = ""
    needle: Needle = "none"
    pulse: bool = False


def plan(texts: Texts, procedure: str | None, conditions: Sequence[str], views: Sequence[str]) -> tuple[PageStep, ...]:
    """Return the steps of a page.

    Parameters
    ----------
    texts : Texts
        In any language: all have the same steps.
    procedure : str, optional
        Key of a procedure.
    conditions : sequence of str
        Whose pain is shown.
    views : sequence of str
        Steps that the 3-D model knows.
    """
    told = [] if procedure is None else [_told(row, views) for row in texts.procedures[procedure].steps]
    if procedure is not None and texts.procedures[procedure].investigational is not None:
        # what is not a block numbs no area, so none is painted
        told = [replace(step, focus="") if step.id == "feel" else step for step in told]
    if conditions:
        before = next((i for i, step in enumerate(told) if step.pulse or step.id == "why"), min(1, len(told)))
        told.insert(before, PageStep("pain", "pain", f"pain:{conditions[0]}"))
    steps = [PageStep("welcome", "welcome", "start"), *told]
    if procedure is None:
        steps.append(PageStep("why", "path", "convergence", "convergence", pulse=True))
    else:
        end = "after" if "after" in views else "start"
        steps += [PageStep(kind, kind, end) for kind in LAST]
    return (*steps, PageStep("more", "more", "start"))


def _told(row: StepText, views: Sequence[str]) -> PageStep:
    """A step of the procedure. What the model has no view of is shown with the nerve; a place that is not known, by no place."""
    pulse = row.focus == "convergence"
    view = PATH if pulse else row.id if row.id in views else "start" if row.id in OF_PLACE else "nerve"
    return PageStep(row.id, "told", view, row.focus, NEEDLE_OF.get(row.id, "none"), pulse)


def names_of(step: PageStep, highlight: Sequence[str], texts: Texts, side: str) -> list[str]:
    """Return what is named in the picture of a step: what its words mean, then what is brighter, of one side, at most three."""
    own = "right" if side == "both" else side
    out = [step.focus] if step.focus in ("site", "needle") else []
    bases = [*([step.focus] if step.focus not in PLACES and step.focus else []), *(split_key(k)[0] for k in highlight)]
    for base in dict.fromkeys(bases):
        if base in texts.structures:
            out.append(next((k for k in highlight if split_key(k) in ((base, own), (base, "median"))), f"{base}_{own}"))
    return list(dict.fromkeys(out))[:MOST_NAMES]


def shown_at(info: Mapping[str, Any], view: str) -> Mapping[str, Any]:
    """Return what the 3-D model shows at a step: its camera, opacities, what is brighter, the skin that is painted."""
    cameras = info["cameras"]
    row: Mapping[str, Any] = cameras.get(view) or cameras["start"]
    return row
