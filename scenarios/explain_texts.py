"""What patients are told: steps, benefits, risks and words of the page, in several languages (`data/explain`).

Which procedure is told by which pieces, and on which claims a piece rests, stands once for all languages in `plan.toml` and
`pieces.toml`; a language has only its words. So no language can say more, less, or on other grounds than another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from meshes._check import check_choice, unknown
from scenarios.explain_claims import LANGUAGES, Claim, claim, claims, explain_table, filled

__all__ = [
    "Claim",
    "ClockText",
    "ConditionText",
    "Dots",
    "Passage",
    "ProcedureText",
    "RiskText",
    "StepText",
    "StructureText",
    "Texts",
    "claim",
    "claims",
    "languages",
    "load_texts",
]

STEPS = ("nerve", "why", "place", "ultrasound", "needle", "feel", "after")
LISTS = ("benefits", "alternatives", "prepare", "after", "call_us")


@dataclass(frozen=True)
class Dots:
    """A frequency to be drawn as dots: `filled` of `total`, and the words under it."""

    label: str
    filled: float
    total: int


@dataclass(frozen=True)
class Passage:
    """One or a few sentences, the keys of the claims they rest on, and what may be drawn beside them."""

    text: str
    claims: tuple[str, ...] = ()
    dots: tuple[Dots, ...] = ()


@dataclass(frozen=True)
class StructureText:
    """A structure in plain words: its name and what it is or does."""

    name: str
    about: str


@dataclass(frozen=True)
class StepText:
    """One step of the guided tour.

    Attributes
    ----------
    id : str
        'nerve', 'why', 'place', 'ultrasound', 'needle', 'feel' or 'after'.
    title, text, feel : str
        Heading, what is told, and what the patient feels (may be empty).
    focus : str
        A structure's key without side, or 'site', 'needle', 'ultrasound', 'convergence'.
    claims : tuple of str
        Keys of claims.
    """

    id: str
    title: str
    text: str
    feel: str
    focus: str
    claims: tuple[str, ...]


@dataclass(frozen=True)
class ClockText:
    """What to expect, and when."""

    when: str
    text: str
    claims: tuple[str, ...]


@dataclass(frozen=True)
class RiskText:
    """What can go wrong and how often; `serious` ones need help at once."""

    text: str
    often: str
    claims: tuple[str, ...]
    serious: bool = False
    dots: tuple[Dots, ...] = ()


@dataclass(frozen=True)
class ConditionText:
    """A kind of headache: what it is, where it is felt, and the painted regions of `scenarios.skin_maps`."""

    name: str
    summary: tuple[Passage, ...]
    felt: Passage
    maps: tuple[str, ...]


@dataclass(frozen=True)
class ProcedureText:
    """All that is told of one procedure.

    `status` says what is approved; `investigational` is set for what is neither approved nor proven; `call_us` are the
    warning signs.
    """

    name: str
    short: str
    steps: tuple[StepText, ...]
    expect: tuple[ClockText, ...]
    benefits: tuple[Passage, ...]
    risks: tuple[RiskText, ...]
    alternatives: tuple[Passage, ...]
    prepare: tuple[Passage, ...]
    after: tuple[Passage, ...]
    call_us: tuple[Passage, ...]
    status: Passage
    investigational: Passage | None


@dataclass(frozen=True)
class Texts:
    """Every word of one language; `ui` holds the furniture of page and paper by key."""

    language: str
    name: str
    ui: Mapping[str, str]
    structures: Mapping[str, StructureText]
    conditions: Mapping[str, ConditionText]
    procedures: Mapping[str, ProcedureText]
    convergence: tuple[Passage, ...]
    questions: tuple[Passage, ...]


def languages() -> tuple[str, ...]:
    """Return the codes of the languages that the texts are written in."""
    return LANGUAGES


@cache
def load_texts(language: str) -> Texts:
    """Return every text of a language.

    Parameters
    ----------
    language : str
        'en', 'es', 'de' or 'fr'.

    Raises
    ------
    ValueError
        If there is no such language; the languages are named.
    """
    check_choice("language", language, LANGUAGES)
    words, plan = _Words(language), explain_table("plan")
    structures = {key: StructureText(**row) for key, row in explain_table(f"{language}/structures").items()}
    return Texts(
        language=language,
        name=words.ui["language_name"],
        ui=words.ui,
        structures=MappingProxyType(structures),
        conditions=MappingProxyType({key: words.condition(key, row) for key, row in plan["conditions"].items()}),
        procedures=MappingProxyType({key: words.procedure(key, row) for key, row in plan["procedures"].items()}),
        convergence=words.passages(plan["convergence"]),
        questions=words.passages(plan["questions"]),
    )


class _Words:
    """Puts the pieces of the plan together with the words of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.ui: Mapping[str, str] = MappingProxyType(dict(explain_table(f"{language}/ui")))
        self._pieces = explain_table("pieces")
        self._tables = {name: explain_table(f"{language}/{name}") for name in ("steps", "pieces", "passages", "names")}

    def condition(self, key: str, row: Mapping[str, Any]) -> ConditionText:
        name = _row(self._tables["names"]["conditions"], key)
        return ConditionText(name, self.passages(row["summary"]), self.passage(row["felt"]), tuple(row["maps"]))

    def procedure(self, key: str, row: Mapping[str, Any]) -> ProcedureText:
        name = _row(self._tables["names"]["procedures"], key)
        lists = {part: self.passages(row[part]) for part in LISTS}
        return ProcedureText(
            name=name["name"],
            short=name["short"],
            steps=tuple(self.step(step) for step in _in_order(key, row["steps"])),
            expect=tuple(self.clock(piece) for piece in row["expect"]),
            risks=tuple(self.risk(piece) for piece in row["risks"]),
            status=self.passage(row["status"]),
            investigational=self.passage(row["investigational"]) if "investigational" in row else None,
            **lists,
        )

    def step(self, key: str) -> StepText:
        kind, name = key.split(".")
        piece, words = _row(self._pieces["steps"], key), _row(_row(self._tables["steps"], kind), name)
        told = {part: self._filled(words.get(part, ""), piece) for part in ("title", "text", "feel")}
        return StepText(id=kind, focus=piece["focus"], claims=tuple(piece["claims"]), **told)

    def clock(self, key: str) -> ClockText:
        piece, words = _row(self._pieces["expect"], key), _row(self._tables["pieces"]["expect"], key)
        return ClockText(self._filled(words["when"], piece), self._filled(words["text"], piece), tuple(piece["claims"]))

    def risk(self, key: str) -> RiskText:
        piece, words = _row(self._pieces["risks"], key), _row(self._tables["pieces"]["risks"], key)
        often = _row(self._tables["pieces"]["often"], piece.get("often", key))
        serious = bool(piece.get("serious", False))
        told = self._filled(words["text"], piece), self._filled(often, piece)
        return RiskText(*told, tuple(piece["claims"]), serious, self._dots(piece))

    def passage(self, key: str) -> Passage:
        piece = _row(self._pieces["passages"], key)
        text = self._filled(_row(self._tables["passages"], key), piece)
        return Passage(text, tuple(piece.get("claims", ())), self._dots(piece))

    def passages(self, keys: Iterable[str]) -> tuple[Passage, ...]:
        return tuple(self.passage(key) for key in keys)

    def _filled(self, text: str, piece: Mapping[str, Any]) -> str:
        return filled(text, self.language, {}, {key: claim(key) for key in piece.get("claims", ())})

    def _dots(self, piece: Mapping[str, Any]) -> tuple[Dots, ...]:
        rows = piece.get("dots", ())
        return tuple(Dots(_row(self.ui, row["label"]), _number(row["filled"]), int(_number(row["total"]))) for row in rows)


def _number(given: str | int) -> float:
    """Return a number, or that of a claim: 'toxin_half.treated'."""
    if isinstance(given, int):
        return float(given)
    key, number = given.split(".")
    return float(_row(claim(key).numbers, number))


def _row(table: Mapping[str, Any], key: str) -> Any:
    if key not in table:
        raise ValueError(unknown("text", key, table))
    return table[key]


def _in_order(procedure: str, steps: list[str]) -> list[str]:
    """Return the steps if they stand in the fixed order, each kind once; else raise ValueError."""
    kinds = [step.split(".")[0] for step in steps]
    if kinds != [kind for kind in STEPS if kind in kinds]:
        raise ValueError(f"steps of {procedure} are {kinds}; they must follow {', '.join(STEPS)}.")
    return steps
