"""What patients are told rests on claims: `data/explain/claims.toml`, and their wording in other languages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from meshes._check import check_choice, unknown
from meshes.references import reference, short_citations

LANGUAGES = ("en", "es", "de", "fr")
EVIDENCE = ("FOUND", "V", "M", "R", "DERIVED", "KNOWN")
READ = ("FOUND", "V", "M", "DERIVED")
DECIMAL_COMMA = ("es", "de", "fr")
PLACEHOLDER = re.compile(r"\{(?:(?P<claim>[a-z0-9_]+)\.)?(?P<number>[a-z0-9_]+)(?::(?P<places>[0-9]))?\}")


@dataclass(frozen=True)
class Claim:
    """One thing that a source says, in our words.

    Attributes
    ----------
    key : str
        Name of the claim.
    statement : str
        What was found, one plain line in the language asked for.
    numbers : Mapping[str, float]
        The numbers of the statement, each by a name.
    sources : tuple of str
        Keys of `meshes/data/references.toml`; empty where nothing was read.
    evidence : str
        FOUND, V (label text), M (read on a copy or quoted), R (recalled), DERIVED or KNOWN (taught and practised).
    citation : str
        Short citations of the sources, joined by semicolons.
    doi : str
        DOI of the first source that has one, else an empty text.
    """

    key: str
    statement: str
    numbers: Mapping[str, float]
    sources: tuple[str, ...]
    evidence: str
    citation: str
    doi: str


@cache
def explain_table(name: str) -> Mapping[str, Any]:
    """Return a table of `scenarios/data/explain` by its path without ending, such as 'claims' or 'de/ui'."""
    path = files("scenarios") / "data" / "explain" / f"{name}.toml"
    return MappingProxyType(tomllib.loads(path.read_text("utf-8")))


def claim(key: str, language: str = "en") -> Claim:
    """Return one claim.

    Parameters
    ----------
    key : str
        Name of the claim, such as 'toxin_days'.
    language : str
        Of the statement: 'en', 'es', 'de' or 'fr'.

    Raises
    ------
    ValueError
        If there is no such claim or language; the nearest names are given.
    """
    known = claims(language)
    if key not in known:
        raise ValueError(unknown("claim", key, known))
    return known[key]


@cache
def claims(language: str = "en") -> Mapping[str, Claim]:
    """Return every claim by its key, worded in `language`. Raises ValueError if there is no such language."""
    check_choice("language", language, LANGUAGES)
    rows = {key: row for key, row in explain_table("claims").items() if isinstance(row, Mapping)}
    worded = {} if language == "en" else explain_table(f"{language}/claims")
    return MappingProxyType({key: _claim(key, row, worded.get(key, row["statement"]), language) for key, row in rows.items()})


def number_text(value: float, language: str, places: int | None = None) -> str:
    """Return a number as the language writes it: 4.5, or 4,5."""
    text = f"{value:g}" if places is None else f"{value:.{places}f}"
    return text.replace(".", ",") if language in DECIMAL_COMMA else text


def filled(text: str, language: str, own: Mapping[str, float], others: Mapping[str, Claim]) -> str:
    """Return `text` with its {claim.number} placeholders written out.

    Parameters
    ----------
    text : str
        May hold {number} of `own`, {claim.number} of `others`; {claim.number:0} rounds to that many places.
    language : str
        Decides the decimal sign.
    own : Mapping[str, float]
        Numbers that need no claim's name.
    others : Mapping[str, Claim]
        Claims that may be named.

    Raises
    ------
    ValueError
        If a placeholder names a claim or a number that is not there.
    """

    def written(found: re.Match[str]) -> str:
        key, number, places = found["claim"], found["number"], found["places"]
        if key is not None and key not in others:
            raise ValueError(f"{text[:50]!r}: {unknown('claim', key, others)}")
        numbers = own if key is None else others[key].numbers
        if number not in numbers:
            raise ValueError(f"{text[:50]!r}: {unknown('number', number, numbers)}")
        return number_text(numbers[number], language, None if places is None else int(places))

    return PLACEHOLDER.sub(written, text)


def _claim(key: str, row: Mapping[str, Any], statement: str, language: str) -> Claim:
    numbers = {name: float(value) for name, value in row.get("numbers", {}).items()}
    sources, evidence = tuple(row.get("sources", ())), row["evidence"]
    if evidence not in EVIDENCE:
        raise ValueError(f"claim {key}: {unknown('evidence', evidence, EVIDENCE)}")
    if evidence in READ and not sources:
        raise ValueError(f"claim {key}: its evidence is {evidence!r}, so it must name its sources.")
    doi = next((str(reference(s)["doi"]) for s in sources if "doi" in reference(s)), "")
    words = filled(statement, language, numbers, {})
    return Claim(key, words, MappingProxyType(numbers), sources, evidence, "; ".join(short_citations(sources)), doi)
