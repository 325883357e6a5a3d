"""What patients are told: whole in every language, resting on claims that rest on sources, and easy to read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from meshes.references import reference
from meshes.terms import terms
from scenarios.basics import ConditionName
from scenarios.explain_claims import EVIDENCE, PLACEHOLDER, READ, filled, number_text
from scenarios.explain_texts import (
    Dots,
    Passage,
    ProcedureText,
    RiskText,
    StepText,
    _in_order,
    claim,
    claims,
    languages,
    load_texts,
)
from scenarios.procedure_files import list_procedures, load_procedure
from scenarios.skin_maps import map_names
from tests.reading_grade import fernandez_huerta, flesch_kincaid, kandel_moles, sentences, syllables, wiener_sachtext, words

DATA = Path(__file__).parents[1] / "scenarios" / "data" / "explain"
TABLES = ("ui", "names", "structures", "steps", "pieces", "passages")
KINDS = ("steps", "expect", "risks", "passages")
OTHERS = ("es", "de", "fr")
PLACES = ("site", "needle", "ultrasound", "convergence")
ADVERTISED = {"clinic_claim": "ben_claim", "regen_series_claim": "ben_regen_claim"}  # each with the one text that weighs it
SAME = {  # words that are spelt alike in two languages
    "DOI", "Date", "Menu", "Muscles", "Name", "Notes", "Page", "Pause", "Source", "Sources", "Start", "L", "R",
}  # fmt: skip
ENGLISH = re.compile(r"\b(the|and|with|your|needle|pain|nerve|head|of|you|from|this)\b(?![.:}])")


@cache
def table(name: str) -> Mapping[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))


def leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    else:
        yield ".".join(path), node


def strings(language: str) -> dict[str, str]:
    return {f"{name}.{key}": text for name in TABLES for key, text in leaves(table(f"{language}/{name}"))}


def marks(text: str) -> list[str]:
    return sorted(found.group() for found in PLACEHOLDER.finditer(text))


def sections(procedure: ProcedureText) -> dict[str, str]:
    """Return each section of a procedure as one text."""
    out = {
        "steps": " ".join(f"{s.title}. {s.text} {s.feel}" for s in procedure.steps),
        "expect": " ".join(f"{c.when}: {c.text}" for c in procedure.expect),
        "risks": " ".join(f"{r.text} {r.often}" for r in procedure.risks),
        "status": procedure.status.text,
    }
    for part in ("benefits", "alternatives", "prepare", "after", "call_us"):
        out[part] = " ".join(p.text for p in getattr(procedure, part))
    if procedure.investigational:
        out["investigational"] = procedure.investigational.text
    return out


@cache
def groups(language: str) -> dict[str, str]:
    """Return every group of passages that is read as a whole."""
    texts = load_texts(language)
    out = {f"{key} {name}": text for key, p in texts.procedures.items() for name, text in sections(p).items()}
    out |= {key: " ".join(sections(p).values()) for key, p in texts.procedures.items()}
    out |= {key: " ".join([*(p.text for p in c.summary), c.felt.text]) for key, c in texts.conditions.items()}
    out["structures"] = " ".join(s.about for s in texts.structures.values())
    out["convergence"] = " ".join(p.text for p in texts.convergence)
    out["questions"] = " ".join(p.text for p in texts.questions)
    return out


def told(procedure: ProcedureText) -> Iterator[StepText | RiskText | Passage | Any]:
    yield from (*procedure.steps, *procedure.expect, *procedure.risks, *procedure.benefits, procedure.status)
    if procedure.investigational:
        yield procedure.investigational


# --- the languages


def test_a_language_that_is_not_written_is_refused() -> None:
    assert languages() == ("en", *OTHERS)
    with pytest.raises(ValueError, match=r"language is 'it', which is not known\. (Did you mean|Allowed: de, en, es, fr)"):
        load_texts("it")
    with pytest.raises(ValueError, match="language is 'pt'"):
        claims("pt")


@pytest.mark.parametrize("language", languages())
def test_every_procedure_condition_and_many_structures_are_told(language: str) -> None:
    texts = load_texts(language)
    assert sorted(texts.procedures) == list_procedures()
    assert set(texts.conditions) == set(get_args(ConditionName))
    assert len(texts.structures) >= 25 and set(texts.structures) <= set(terms())
    assert len(texts.ui) >= 70 and texts.name == texts.ui[f"lang_{language}"]
    assert texts.convergence and texts.questions


@pytest.mark.parametrize("language", OTHERS)
def test_no_language_lacks_a_text_or_has_one_more(language: str) -> None:
    assert set(strings(language)) == set(strings("en"))
    assert set(table(f"{language}/claims")) == set(claims())
    assert [list(table(f"{language}/{name}")) for name in TABLES] == [list(table(f"en/{name}")) for name in TABLES]


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_fills_in_the_same_numbers(language: str) -> None:
    english, other = strings("en"), strings(language)
    assert [key for key in english if marks(english[key]) != marks(other[key])] == []
    ours, theirs = table("claims"), table(f"{language}/claims")
    assert [key for key in theirs if set(marks(ours[key]["statement"])) != set(marks(theirs[key]))] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_page_shows_the_same_numbers_in_every_language(language: str) -> None:
    def numbers(text: str) -> list[float]:
        return sorted(float(n.replace(",", ".")) for n in re.findall(r"\d+(?:[.,]\d+)?", text))

    english, other = groups("en"), groups(language)
    assert [key for key in english if numbers(english[key]) != numbers(other[key])] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_english_is_left_over(language: str) -> None:
    english, other = strings("en"), strings(language)
    alike = {other[key] for key in english if english[key] == other[key] and not key.startswith("ui.lang")}
    assert alike <= SAME
    said = {**other, **{f"claims.{k}": v for k, v in table(f"{language}/claims").items()}}
    assert {key: text for key, text in said.items() if ENGLISH.search(PLACEHOLDER.sub("", text))} == {}


def test_english_that_is_left_over_would_be_found() -> None:
    assert ENGLISH.search("Die Nadel geht into the muscle") and not ENGLISH.search("Die Nadel geht in den Muskel")


@pytest.mark.parametrize("language", languages())
def test_texts_are_clean(language: str) -> None:
    every = strings(language)
    assert {k: t for k, t in every.items() if t != t.strip() or "  " in t or '"' in t or "—" in t} == {}
    whole = (".text", ".feel", ".about")
    ended = {k: t for k, t in every.items() if k.startswith(("passages.", "pieces.often.")) or k.endswith(whole)}
    assert {k: t for k, t in ended.items() if t[-1] not in ".?!"} == {}
    bare = {k: t for k, t in every.items() if re.search(r"\d", PLACEHOLDER.sub("", t).replace("100", ""))}
    assert {k: t for k, t in bare.items() if k != "ui.no_3d"} == {}, "a number stands outside the claims"


SIDES = {"en": ("left", "right"), "es": ("izquierda", "derecha"), "de": ("link", "recht"), "fr": ("gauche", "droit")}


@pytest.mark.parametrize("language", languages())
def test_left_is_left_in_every_language(language: str) -> None:
    ui = load_texts(language).ui
    for side, stem, other in zip(("left", "right"), SIDES[language], reversed(SIDES[language]), strict=True):
        for key in (side, f"view_{side}", f"seen_{side}", f"patients_{side}", f"turn_{side}"):
            assert stem in ui[key].lower() and other not in ui[key].lower(), key
        assert ui[f"letter_{side}"] == ui[side][0].upper()


# --- the claims


@pytest.mark.parametrize("key", claims())
def test_claim_rests_on_sources_that_exist(key: str) -> None:
    one = claim(key)
    assert one.evidence in EVIDENCE and (one.sources or one.evidence not in READ)
    assert all(reference(source)["authors"] for source in one.sources)
    assert bool(one.citation) == bool(one.sources) and (not one.doi or one.doi.startswith("10."))
    row = table("claims")[key]
    assert row["statement"].endswith(".") and len(row["statement"]) < 200
    assert not re.search(r"\d", PLACEHOLDER.sub("", row["statement"]).replace("T2", ""))
    assert {m.strip("{}") for m in marks(row["statement"])} == set(row.get("numbers", {}))


def test_every_claim_is_told_somewhere() -> None:
    pieces = table("pieces")
    every = [piece for kind in KINDS for piece in pieces[kind].values()]
    used = {key for piece in every for key in piece.get("claims", ())}
    assert used == set(claims())


def test_every_piece_is_used_and_has_its_words() -> None:
    plan, pieces = table("plan"), table("pieces")
    lists = [leaf if isinstance(leaf, list) else [leaf] for _, leaf in leaves(plan)]
    named = {name for names in lists for name in names}
    for kind in KINDS:
        assert set(pieces[kind]) - named == set(), kind
    said = {f"{a}.{b}" for a, rows in table("en/steps").items() for b in rows}
    assert said == set(pieces["steps"]) and set(table("en/passages")) == set(pieces["passages"])
    assert set(table("en/pieces")["expect"]) == set(pieces["expect"]) and set(table("en/pieces")["risks"]) == set(pieces["risks"])


def test_a_claim_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="'toxin_days'"):
        claim("toxin_day")
    with pytest.raises(ValueError, match="number is 'hihg'"):
        filled("{toxin_days.hihg}", "en", {}, {"toxin_days": claim("toxin_days")})
    with pytest.raises(ValueError, match="claim is 'bruise'"):
        filled("{bruise.low}", "en", {}, {"toxin_days": claim("toxin_days")})


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert [number_text(4.5, language) for language in languages()] == ["4.5", "4,5", "4,5", "4,5"]
    assert number_text(44.8, "de", 0) == "45" and number_text(9.0, "en") == "9" and number_text(2.74, "fr", 1) == "2,7"
    assert claim("gon_neck_depth", "es").statement.count("17,5") == 1


# --- what is told


@pytest.mark.parametrize("key", list_procedures())
def test_procedure_is_told_as_its_file_says(key: str) -> None:
    text, file = load_texts("en").procedures[key], load_procedure(key)
    kinds = [step.id for step in text.steps]
    assert ("ultrasound" in kinds) == (file.guidance == "ultrasound") and 5 <= len(kinds) <= 8
    assert kinds[:3] == ["nerve", "why", "place"] and kinds[-3:] == ["needle", "feel", "after"]
    assert (text.investigational is not None) == (file.status == "investigational")
    if text.investigational is not None:
        assert "not a proven treatment" in text.investigational.text and "study" in text.name
    assert all([text.expect, text.benefits, text.risks, text.alternatives, text.prepare, text.after, text.call_us])
    assert [row for row in told(text) if not row.claims] == []
    assert [step.focus for step in text.steps if step.focus not in {*PLACES, *load_texts("en").structures}] == []


@pytest.mark.parametrize("key", list_procedures())
def test_serious_risks_come_last_and_name_how_often(key: str) -> None:
    risks = load_texts("en").procedures[key].risks
    assert [r.serious for r in risks] == sorted(r.serious for r in risks)
    assert all(re.search(r"\d|count|Common|as many", r.often) for r in risks)


def test_placebo_and_doubt_are_told() -> None:
    texts = load_texts("en")
    days = texts.procedures["preempt-31"].benefits[0]
    assert "8 to 9 fewer headache days" in days.text and "dummy injections they had 6 to 7" in days.text
    half = texts.procedures["preempt-31"].benefits[1]
    assert half.dots == (Dots("With this treatment", 44.8, 100), Dots("With dummy injections", 34.2, 100))
    cluster = next(p for p in texts.procedures["gon-block-landmark"].benefits if p.claims == ("gon_cluster",))
    assert cluster.dots == (Dots("With this treatment", 11, 13), Dots("With dummy injections", 0, 10))


def test_what_clinics_advertise_is_never_told_as_true() -> None:
    passages, pieces = table("en/passages"), table("pieces")
    for key, only in ADVERTISED.items():
        holders = [name for kind in KINDS for name, piece in pieces[kind].items() if key in piece.get("claims", ())]
        assert holders == [only] and "We found no study" in passages[only]


def test_where_pain_is_felt_is_painted() -> None:
    named = {name for condition in load_texts("en").conditions.values() for name in condition.maps}
    assert named <= set(map_names())


def test_steps_out_of_order_are_refused() -> None:
    assert _in_order("x", ["nerve.gon", "place.lon", "after.block"])
    for wrong in (["place.lon", "nerve.gon"], ["nerve.gon", "nerve.lon"]):
        with pytest.raises(ValueError, match="must follow nerve, why, place"):
            _in_order("x", wrong)


# --- how hard it is to read


def test_the_formulas_tell_plain_from_hard() -> None:
    assert [syllables(w, "en") for w in ("needle", "nerve", "numb", "injection", "area")] == [2, 1, 1, 3, 3]
    assert [syllables(w, "es") for w in ("aguja", "oído", "nervio", "guía")] == [3, 3, 2, 2]
    assert [syllables(w, "de") for w in ("Nadel", "Kopfschmerzen", "Theorie", "neue")] == [2, 3, 3, 2]
    assert [syllables(w, "fr") for w in ("tête", "aiguille", "région", "moelle")][:3] == [1, 2, 2]
    assert sentences("It is 1.5 mL. Is it? Yes!") == 3 and words("L'aiguille, 1,5 ml") == ["L'aiguille", "1,5", "ml"]
    hard = "Percutaneous neuromodulation of occipital nociceptive afferents necessitates multidisciplinary consideration."
    assert flesch_kincaid(hard) > 20 > 8 > flesch_kincaid("The needle goes in here. You may feel a sting.")
    assert wiener_sachtext("Okzipitalnervenblockaden erfordern eine interdisziplinäre Kontraindikationsprüfung.") > 10
    assert fernandez_huerta("La neuromodulación percutánea requiere consideraciones multidisciplinares individualizadas.") < 30
    assert kandel_moles("La neuromodulation percutanée nécessite une évaluation multidisciplinaire individualisée.") < 30


def test_english_is_read_at_grade_eight_and_a_whole_page_at_six() -> None:
    grades = {key: flesch_kincaid(text) for key, text in groups("en").items()}
    assert {key: round(g, 1) for key, g in grades.items() if g > 8} == {}
    assert max(grades[key] for key in list_procedures()) <= 6


def test_english_is_read_at_grade_eight_by_textstat() -> None:
    textstat = pytest.importorskip("textstat")
    try:
        grades = {key: textstat.flesch_kincaid_grade(text) for key, text in groups("en").items()}
    except LookupError:
        pytest.skip("this textstat fetches a dictionary from the network")
    assert {key: g for key, g in grades.items() if g > 8} == {}


@pytest.mark.parametrize(
    ("language", "formula", "least"),
    [("es", fernandez_huerta, 60), ("fr", kandel_moles, 60), ("de", lambda text: -wiener_sachtext(text), -8)],
)
def test_other_languages_are_as_plain(language: str, formula: Any, least: float) -> None:
    eases = {key: formula(text) for key, text in groups(language).items()}
    assert {key: round(e, 1) for key, e in eases.items() if e < least} == {}


@pytest.mark.parametrize("language", languages())
def test_sentences_are_short(language: str) -> None:
    found = [s for text in groups(language).values() for s in re.split(r"(?<=[.!?])\s+", text)]
    assert {s for s in found if len(words(s)) > 36} == set()
