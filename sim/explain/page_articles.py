"""The words of each step of the patient page, in one language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.debrief.html import NOTHING, Html, esc, joined, tag
from sim.explain.page_parts import (
    Tongue,
    benefit,
    citation,
    clock,
    evidence_key,
    passage,
    passages,
    risk,
    said,
    say_button,
    titled,
)  # fmt: skip
from sim.explain.page_plan import LAST, PageStep

if TYPE_CHECKING:
    from scenarios.explain_texts import Claim, ConditionText, ProcedureText, StepText

TITLES = {"pain": "where_pain", "path": "why_eye", "expect": "what_to_expect", "benefits": "benefits", "risks": "risks",
          "prepare": "prepare", "more": "questions"}  # fmt: skip
STATIONS = ("greater_occipital_nerve", "spinal_nucleus_of_trigeminal_nerve")  # the third is a place: behind the eye


@dataclass(frozen=True)
class Told:
    """What the words of a page need, in one language.

    Parameters
    ----------
    tongue : Tongue
    procedure : str, optional
        Key.
    conditions : tuple of str
        Whose pain is told; the first is the patient's.
    side : str
        'left', 'right' or 'both'.
    sites : tuple of (str, str, int)
        Muscle without side, side and number of places, in order.
    sources : tuple of str
        Keys, in the order of their numbers.
    claims : mapping of str to Claim
    own : bool
        Whether the first condition is known to be the patient's.
    colours : mapping of str to tuple of str
        Of each condition's painted regions: where pain starts, where it spreads.
    credit : str
        Whose work the page uses.
    shots : mapping of str to Html
        Still picture of each view, for paper and for browsers without WebGL.
    seen : mapping of str to str
        In words, what each view shows.
    scan : Html
        The ultrasound picture.
    """

    tongue: Tongue
    procedure: str | None
    conditions: tuple[str, ...]
    side: str
    sites: tuple[tuple[str, str, int], ...]
    sources: tuple[str, ...]
    claims: Mapping[str, Claim]
    own: bool = True
    colours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    credit: str = ""
    shots: Mapping[str, Html] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)
    scan: Html = NOTHING

    @property
    def treatment(self) -> ProcedureText | None:
        """The procedure's texts."""
        return None if self.procedure is None else self.tongue.texts.procedures[self.procedure]

    @property
    def complaints(self) -> tuple[ConditionText, ...]:
        """The conditions' texts."""
        return tuple(self.tongue.texts.conditions[name] for name in self.conditions)

    def ui(self, key: str) -> str:
        """Return a word of the page's furniture."""
        return self.tongue.ui(key)


def tongue_block(told: Told, steps: Sequence[PageStep]) -> Html:
    """Return all steps in one language."""
    language = told.tongue.texts.language
    return tag("div", *(article(told, step) for step in steps), class_="tongue", lang=language, id=f"in-{language}")


def article(told: Told, step: PageStep) -> Html:
    """Return one step: its heading, its picture for paper, its words."""
    name = f"{told.tongue.texts.language}-{step.id}"
    heading = tag("h2", tag("span", esc(_title(told, step)), data_say=""), id=name)
    top = tag("div", heading, say_button(told.tongue), class_="topline")
    shot = NOTHING if step.kind in ("pain", *LAST, "more") else _shots(told, step)
    return tag("article", top, shot, *_BODIES[step.kind](told, step), class_="step", aria_labelledby=name,
               data_step=step.id, data_seen=told.seen.get(step.view, ""))  # fmt: skip


def _shots(told: Told, step: PageStep) -> Html:
    """The still picture of a step, or all of those in a row."""
    own = [shot for name, shot in told.shots.items() if name.split("@")[0] == step.id] or [told.shots.get(step.view, NOTHING)]
    return own[0] if len(own) == 1 else tag("div", *own, class_="wide-shots")


def _title(told: Told, step: PageStep) -> str:
    """The heading of a step."""
    if step.kind == "told":
        return _step(told, step).title
    if step.kind == "welcome":
        return told.treatment.name if told.treatment is not None else told.complaints[0].name
    return told.ui(TITLES[step.kind])


def _step(told: Told, step: PageStep) -> StepText:
    assert told.treatment is not None
    return next(row for row in told.treatment.steps if row.id == step.id)


def _welcome(told: Told, step: PageStep) -> list[Html]:
    first = told.complaints[0]
    summary = passages(told.tongue, first.summary)
    hint = tag("p", esc(told.ui("tap_hint")), class_="soft screen-only")
    if told.treatment is None:
        return [summary, hint]
    own = [titled(first.name, summary)] if told.own else []
    return [_investigational(told), *own, hint]


def _investigational(told: Told) -> Html:
    """The notice that a treatment is still being studied."""
    treatment = told.treatment
    if treatment is None or treatment.investigational is None:
        return NOTHING
    row = treatment.investigational
    title = tag("h3", tag("span", esc(told.ui("investigational")), data_say=""))
    return tag("section", title, passage(told.tongue, row.text, row.claims), class_="note")


def _told(told: Told, step: PageStep) -> list[Html]:
    row, tongue = _step(told, step), told.tongue
    parts = [passage(tongue, row.text, row.claims)]
    if row.feel:
        parts.append(tag("div", said(told.ui("what_you_feel"), "strong"), said(row.feel), class_="feel"))
    if step.pulse:
        parts += [_stations(told), passages(tongue, tongue.texts.convergence)]
    if step.id == "ultrasound":
        parts.append(told.scan)
    if step.id == "place" and (len(told.sites) > 1 or any(count > 1 for _, _, count in told.sites)):
        parts.append(_sites(told))
    if step.id == "after" and told.treatment is not None:
        parts += [passages(tongue, (p for p in told.treatment.after if p.text not in row.text)), _call(told)]
    return parts


def _stations(told: Told) -> Html:
    """The numbered places of the way of the pain, in words."""
    names = [*(told.tongue.of(base) for base in STATIONS), told.ui("behind_eye")]
    return titled(told.ui("pain_path"), tag("ol", *(tag("li", tag("span", esc(name), data_say="")) for name in names)))


def _call(told: Told) -> Html:
    """When to call the clinic."""
    assert told.treatment is not None
    return titled(told.ui("call_us"), passages(told.tongue, told.treatment.call_us), class_="call")


def _sites(told: Told) -> Html:
    """The chosen places by muscle."""
    rows = [tag("li", tag("span", esc(_site(told, *row)), data_say="")) for row in told.sites]
    return titled(told.ui("chosen_sites"), tag("ul", *rows))


def _site(told: Told, base: str, side: str, count: int) -> str:
    name = told.tongue.of(base) or told.ui("place")
    where = f" ({told.ui(side)})" if side in ("left", "right") else ""
    return f"{name}{where}: {count}" if count > 1 else f"{name}{where}"


def _pain(told: Told, step: PageStep) -> list[Html]:
    pairs = list(zip(told.conditions, told.complaints, strict=True))
    chips = [
        tag("button", esc(c.name), type="button", data_condition=key, aria_pressed="true" if i == 0 else "false")
        for i, (key, c) in enumerate(pairs)
    ]
    choice = tag("div", *chips, class_="chips screen-only", role="group", aria_label=told.ui("where_pain"))
    parts = [] if told.own else [choice]
    for i, (key, condition) in enumerate(pairs):
        words = joined([passage(told.tongue, condition.felt.text, condition.felt.claims), _legend(told, key)])
        title = tag("h3", tag("span", esc(condition.name), data_say=""))
        class_ = " ".join(c for c, holds in (("unchosen", i > 0), ("other", i > 0 and told.own)) if holds)
        own = (shot for name, shot in told.shots.items() if name.split("@")[0] == f"pain:{key}")
        shots = tag("div", *own, class_="wide-shots")
        parts.append(tag("section", title, words, shots, class_=class_ or None, data_of=key))
    return [*parts, choice] if told.own else parts  # whose pain it is comes first


def _legend(told: Told, condition: str) -> Html:
    """What the colours of the painted skin mean."""
    rows = [
        tag("li", tag("svg", tag("rect", x="2", y="2", width="22", height="22", rx="5", fill=colour), viewBox="0 0 26 26",
                      aria_hidden="true"), tag("span", esc(told.ui(key)), data_say=""))
        for colour, key in zip(told.colours.get(condition, ()), ("where_pain_starts", "where_pain_spreads"), strict=False)
    ]  # fmt: skip
    return tag("ul", *rows, class_="legend") if rows else NOTHING


def _path(told: Told, step: PageStep) -> list[Html]:
    return [_stations(told), passages(told.tongue, told.tongue.texts.convergence)]


def _expect(told: Told, step: PageStep) -> list[Html]:
    assert told.treatment is not None
    return [clock(told.tongue, told.treatment.expect)]


def _benefits(told: Told, step: PageStep) -> list[Html]:
    assert told.treatment is not None
    rows = [benefit(told.tongue, row) for row in told.treatment.benefits]
    return [_investigational(told), tag("ul", *rows, class_="plain-list")]


def _risks(told: Told, step: PageStep) -> list[Html]:
    assert told.treatment is not None
    parts = []
    for serious in (False, True):
        rows = [risk(told.tongue, row) for row in told.treatment.risks if row.serious == serious]
        if rows:
            held = tag("ul", *rows, class_="plain-list")
            parts.append(titled(told.ui("serious"), held, class_="call") if serious else held)
    if told.treatment.alternatives:
        parts.append(titled(told.ui("alternatives"), passages(told.tongue, told.treatment.alternatives)))
    return parts


def _prepare(told: Told, step: PageStep) -> list[Html]:
    assert told.treatment is not None
    after = any(row.id == "after" for row in told.treatment.steps)
    parts = [passages(told.tongue, told.treatment.prepare)]
    return parts if after else [*parts, titled(told.ui("after"), passages(told.tongue, told.treatment.after)), _call(told)]


def _more(told: Told, step: PageStep) -> list[Html]:
    numbered = enumerate(told.sources, 1)
    rows = [tag("li", tag("p", esc(citation(key)), lang="en"), *_found(told, number)) for number, key in numbered]
    taught = joined(_statement(told, c) for c in told.claims.values() if not c.sources)
    legal = [tag("p", esc(told.ui(key))) for key in ("not_medical_device", "model_note", "kept_here")]
    if told.tongue.texts.ui.get("whose"):
        legal.append(tag("p", esc(told.ui("whose"))))
    attribution = tag("p", esc(told.credit), lang="en")
    return [
        passages(told.tongue, told.tongue.texts.questions),
        titled(told.ui("sources"), tag("ol", *rows, class_="sources")),
        *([titled(told.ui("no_source"), taught, class_="untold")] if taught else []),
        tag("div", *legal, attribution, class_="legal"),
    ]


def _found(told: Told, number: int) -> list[Html]:
    """What was found in a source."""
    return [_statement(told, c) for c in told.claims.values() if number in told.tongue.claims.get(c.key, ())]


def _statement(told: Told, claim: Claim) -> Html:
    return tag("p", esc(f"{claim.statement} ({told.ui(evidence_key(claim.evidence)).rstrip('.')})"), class_="soft")


_BODIES: Mapping[str, Callable[[Told, PageStep], list[Html]]] = {
    "welcome": _welcome, "told": _told, "pain": _pain, "path": _path, "expect": _expect, "benefits": _benefits, "risks": _risks,
    "prepare": _prepare, "more": _more,
}  # fmt: skip
