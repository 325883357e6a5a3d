"""The patient's handout: two pages in every language, nothing left out that warns, real text, tags, and the right side."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest

from meshes.model import Anatomy
from scenarios.explain_texts import Texts, claims, languages, load_texts
from scenarios.loader import list_scenarios, load_scenario
from scenarios.model import Scenario
from sim.explain.page_side import page_condition, page_procedure, with_side
from sim.handout import PAGES, SIZES, handout, lay_handout
from sim.handout_figure import HandoutFigure, draw_strip
from sim.paper import SIZES as PAPERS
from sim.paper import Paper, overlapping, page_size
from sim.paper_trial import Trial

BODY_PT = 11.0
SMALLEST_PT = 7.4  # the raised numbers of sources


@cache
def told() -> dict[tuple[str | None, str | None], Scenario]:
    """One shipped scenario for each procedure and condition that are told together."""
    found: dict[tuple[str | None, str | None], Scenario] = {}
    for name in list_scenarios():
        scenario = load_scenario(name)
        if scenario.page is not None:
            found.setdefault((page_procedure(scenario), page_condition(scenario)), scenario)
    return found


def stub(texts: Texts, scenario: Scenario) -> tuple[HandoutFigure, ...]:
    """Figures of the true size and words, with nothing drawn."""
    from PIL import Image

    image = Image.new("RGB", (64, 56), "white")
    steps = {s.id: s.title for s in texts.procedures[page_procedure(scenario) or ""].steps}
    legend = (("#cc0000", texts.ui["where_pain_starts"]), ("#cc8800", texts.ui["where_pain_spreads"]))
    name = (texts.structures["greater_occipital_nerve"].name, (0.5, 0.6))
    return (
        HandoutFigure(image, steps["nerve"], texts.ui["view_behind"], (name,), ("L", "R")),
        HandoutFigure(image, steps["place"], texts.ui["view_right"], ((texts.ui["site"], (0.4, 0.4)),), ("P", "A")),
        HandoutFigure(image, texts.ui["where_pain"], texts.ui["view_right"], (), ("P", "A"), legend),
    )


def laid(scenario: Scenario, language: str, paper: str = "a4") -> Paper:
    texts = load_texts(language)
    return lay_handout(scenario, texts, page_size(paper), stub(texts, scenario))


def text_of(data: bytes) -> list[str]:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    return [" ".join(document[i].get_textpage().get_text_bounded().split()) for i in range(len(document))]


def written(made: Paper) -> str:
    return " ".join(" ".join(w.text for w in made.words).split())


def check(scenario: Scenario, language: str, paper: str) -> None:
    texts = load_texts(language)
    made = laid(scenario, language, paper)
    assert made.page + 1 == PAGES
    assert not [(a.text, b.text) for a, b in overlapping(made.words)]
    assert min(w.size for w in made.words) >= SMALLEST_PT
    assert all(w.x0 > 25 and w.y0 > 25 and w.x1 < made.width - 25 and w.y1 < made.height - 15 for w in made.words)
    letters: Counter[float] = Counter()
    for w in made.words:
        letters[w.size] += len(w.text)
    body, count = letters.most_common(1)[0]
    assert body in SIZES
    assert body >= BODY_PT
    assert count > 0.6 * letters.total()
    row = texts.procedures[page_procedure(scenario) or ""]
    said = "".join(c for w in made.words for c in w.text if c.isalpha())
    kept = (
        [r.text for r in row.risks] + [r.often for r in row.risks] + [p.text for p in (*row.call_us, *row.benefits, row.status)]
    )
    for text in [*kept, *([row.investigational.text] if row.investigational else [])]:
        assert "".join(c for c in text if c.isalpha()) in said, text


def longest(language: str, count: int) -> list[Scenario]:
    """The scenarios with most to say."""
    texts = load_texts(language)

    def length(scenario: Scenario) -> int:
        row = texts.procedures[page_procedure(scenario) or ""]
        return sum(len(s.text) for s in row.steps) + sum(len(r.text) for r in row.risks) + sum(len(b.text) for b in row.benefits)

    return sorted(told().values(), key=length)[-count:]


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("language", languages())
def test_what_says_most_fits_on_two_pages_with_all_its_warnings(language: str, paper: str) -> None:
    for scenario in longest(language, 2):
        check(scenario, language, paper)


@pytest.mark.slow
@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("language", languages())
def test_every_scenario_fits_on_two_pages(language: str, paper: str) -> None:
    assert len(told()) >= 17
    for scenario in told().values():
        check(scenario, language, paper)


def test_every_procedure_is_checked() -> None:
    assert {p for p, _ in told()} == set(load_texts("en").procedures)


def test_every_claim_has_its_number_and_every_number_its_source() -> None:
    made = laid(load_scenario("gon-block-nuchal-line"), "en")
    row = load_texts("en").procedures["gon-block-nuchal-line"]
    used = {key for part in (row.risks, row.benefits, row.expect, row.call_us) for piece in part for key in piece.claims}
    last = written(made).split("Sources", 1)[1]
    for key in used:
        cited = claims()[key].citation
        assert "".join((cited or "No study was read").split()) in "".join(last.split()), key
    numbers = {
        int(n) for w in made.words if w.page == 1 and w.size < 8.5 for n in w.text.replace("\u00a0", " ").split() if n.isdigit()
    }
    assert set(range(1, 20)) <= numbers


def tags(data: bytes) -> list[tuple[str, str]]:
    """Kind and alternative text of every element of the reading order."""
    import pypdfium2
    import pypdfium2.raw as raw

    def text(read: object, element: object) -> str:
        held = ctypes.create_string_buffer(2000)
        read(element, held, 2000)  # type: ignore[operator]
        return held.raw.decode("utf-16-le").split("\0")[0]

    def walk(element: object) -> Iterator[tuple[str, str]]:
        yield text(raw.FPDF_StructElement_GetType, element), text(raw.FPDF_StructElement_GetAltText, element)
        for i in range(raw.FPDF_StructElement_CountChildren(element)):
            child = raw.FPDF_StructElement_GetChildAtIndex(element, i)
            if child:
                yield from walk(child)

    document = pypdfium2.PdfDocument(data)
    out = []
    for page in (document[i] for i in range(len(document))):
        tree = raw.FPDF_StructTree_GetForPage(page)
        for i in range(raw.FPDF_StructTree_CountChildren(tree)):
            out += list(walk(raw.FPDF_StructTree_GetChildAtIndex(tree, i)))
        raw.FPDF_StructTree_Close(tree)
    return out


def test_the_file_can_be_read_out_and_found_again() -> None:
    import pypdfium2

    data = laid(load_scenario("prp-gon"), "de").finish()
    document = pypdfium2.PdfDocument(data)
    texts = load_texts("de")
    assert document.get_metadata_dict()["Title"] == texts.procedures["prp-gon"].name
    outline = [entry.get_title() for entry in document.get_toc()]
    assert outline[0] == texts.procedures["prp-gon"].name
    assert {texts.ui["risks"], texts.ui["benefits"], texts.ui["sources"]} <= set(outline)
    assert b"/Lang (de)" in data
    found = tags(data)
    kinds = [kind for kind, _ in found]
    assert {"Document", "H1", "H2", "P", "L", "LI", "LBody", "Figure", "Caption"} <= set(kinds)
    assert [alt for kind, alt in found if kind == "Figure" and alt]
    pages = text_of(data)
    assert len(pages) == PAGES
    assert texts.ui["investigational"] in pages[0]
    assert texts.ui["call_us"] in pages[1]
    assert "ä" in pages[0] + pages[1]


def test_clinic_side_and_places_are_filled_in() -> None:
    texts = load_texts("en")
    scenario = with_side(load_scenario("gon-block-landmark"), "left")
    made = lay_handout(scenario, texts, page_size("a4"), stub(texts, scenario), clinic="Harbour Clinic", chosen="Back, left (1).")
    said = written(made)
    assert "Your side: Left" in said
    assert "Harbour Clinic" in said
    assert "Places chosen: Back, left (1)." in said
    blank = written(laid(load_scenario("gon-block-landmark"), "en"))
    assert "Your side: Right" in blank
    assert "Clinic" in blank


def test_the_same_handout_has_the_same_bytes() -> None:
    scenario = load_scenario("ons-lead")
    assert laid(scenario, "fr").finish() == laid(scenario, "fr").finish()


def test_a_trial_measures_what_is_drawn() -> None:
    texts = load_texts("es")
    scenario = load_scenario("trigger-trapezius")
    figures = stub(texts, scenario)
    paper = Paper(page_size("a4"), title="", subject="", language="es")
    assert draw_strip(Trial(page_size("a4")), figures, texts, 40, 50, 500) == draw_strip(paper, figures, texts, 40, 50, 500)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"paper": "a3"}, "paper is 'a3'"), ({"side": "top"}, "side is 'top'"), ({"sites": ["nowhere"]}, "nowhere")],
)
def test_what_cannot_be_printed_is_said(tiny_anatomy: Anatomy, wrong: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        handout(load_scenario("gon-block-landmark"), load_texts("en"), anatomy=tiny_anatomy, **wrong)  # type: ignore[arg-type]


def test_a_scenario_without_a_page_has_no_handout(tiny_anatomy: Anatomy) -> None:
    scenario = load_scenario("layers")
    if scenario.page is None:
        with pytest.raises(ValueError, match="a handout needs a procedure or a condition"):
            lay_handout(scenario, load_texts("en"), page_size("a4"), ())


@pytest.mark.slow
@pytest.mark.image
def test_the_whole_handout_shows_nerve_place_and_pain(anatomy: Anatomy) -> None:
    data = handout(
        load_scenario("gon-block-landmark"), load_texts("en"), anatomy=anatomy, clinic="Harbour Clinic", side="left", sharper=0.6
    )
    pages = text_of(data)
    assert len(pages) == PAGES
    assert "Your side: Left" in pages[0]
    alts = [alt for kind, alt in tags(data) if kind == "Figure" and alt]
    assert len(alts) >= 2
    assert "nerve" in alts[0].lower()
