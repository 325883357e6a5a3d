"""The patient's handout: two pages that say what the patient page says, with its sources, for hand and wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from meshes._check import check_choice
from meshes.model import Anatomy
from scenarios.model import Scenario
from sim import handout_blocks as blocks
from sim.explain.page_parts import texts_of
from sim.explain.page_side import page_condition, page_places, page_procedure, page_side, with_side, with_sites
from sim.handout_blocks import ACCENT, Notes
from sim.handout_figure import SHARPER, HandoutFigure, draw_strip, handout_figures
from sim.handout_flow import Block, Placed, Region, placed, write_page
from sim.paper import INK, MUTED, RULE, Paper, page_size
from sim.paper_text import Run, broken
from sim.paper_trial import Trial

if TYPE_CHECKING:
    from scenarios.explain_texts import Texts

PAGES = 2
MARGIN, GUTTER, GAP = 32.0, 18.0, 7.0
TITLE, LEAD, SMALL = 20.0, 12.0, 8.0
SIZES = (11.0, 11.5, 12.0, 12.5)
CUTS = range(6)
SETTINGS = ((True, 1.0), (True, 0.6), (False, 1.0), (False, 0.6))  # figures across the page, room between blocks
PAIR = 2  # figures, where there is room for no more than a column's width
WITHOUT_STEP = {"after": 2, "why": 3}  # from which cut a step is left out; what it says stands in the lists too, or on the page
SIGNS = {"M": "*", "R": "†", "KNOWN": "†", "DERIVED": "‡"}


@dataclass(frozen=True)
class Head:
    """What stands over a handout: its language, title, scenario (for the side) and clinic."""

    texts: Texts
    title: str
    scenario: Scenario
    clinic: str
    chosen: str = ""


def handout(
    scenario: Scenario, texts: Texts, *, paper: str = "a4", clinic: str = "", side: str = "", sites: Sequence[str] = (),
    anatomy: Anatomy | None = None, sharper: float = SHARPER,
) -> bytes:  # fmt: skip
    """Return the handout of a scenario as a PDF of two pages.

    Parameters
    ----------
    scenario : Scenario
        Its `page` names the procedure and the condition.
    texts : Texts
        Of one language.
    paper : {'a4', 'letter'}
    clinic : str
        Name, and telephone if wanted, printed at the head.
    side : str
        The patient's side, 'left', 'right' or 'both'; empty keeps the scenario's.
    sites : sequence of str
        Ids of the chosen sites; none given shows all.
    anatomy : Anatomy, optional
        By default the scenario's own.
    sharper : float
        Fineness of the figures.

    Raises
    ------
    ValueError
        If paper, side or a site is not known, or the scenario has no procedure and no condition to tell.
    """
    from scenarios.sites import Ground
    from sim.anatomies import anatomy_for

    size = page_size(paper)
    chosen = with_side(scenario, side or None)
    body = anatomy or anatomy_for(chosen)
    texts = texts_of(texts, body)
    chosen = with_sites(chosen, sites, Ground(body)) if sites else chosen
    figures = handout_figures(chosen, body, texts, sharper=sharper)
    picked = chosen.procedure is not None and chosen.procedure.sites
    places = _places(texts, page_places(chosen, Ground(body))) if picked else ""
    return lay_handout(chosen, texts, size, figures, clinic=clinic, chosen=places).finish()


def lay_handout(
    scenario: Scenario, texts: Texts, size: tuple[float, float], figures: Sequence[HandoutFigure], *, clinic: str = "",
    chosen: str = "",
) -> Paper:  # fmt: skip
    """Return the handout, ready to be finished: all that can be said and shown, in the largest letters that fit two pages.

    Raises ValueError if it does not fit even with its shortest choice of words.
    """
    procedure, condition = page_procedure(scenario), page_condition(scenario)
    if procedure is None and condition is None:
        raise scenario.origin.error(("page",), "a handout needs a procedure or a condition of the page.")
    head = Head(
        texts, texts.procedures[procedure].name if procedure else texts.conditions[condition or ""].name, scenario, clinic, chosen
    )
    for cut, (wide, loose) in product(CUTS, SETTINGS):
        best = None
        for letters in SIZES:
            notes = Notes()
            flow = content(texts, procedure, condition, notes, cut=cut)
            fit = _fitted(head, size, figures, flow, notes, letters, wide=wide, loose=loose)
            if fit is None:
                break
            best = fit
        if best is not None:
            return _written(best)
    raise ValueError(f"{scenario.name}: the handout in {texts.name} does not fit on two pages of this paper.")


def content(texts: Texts, procedure: str | None, condition: str | None, notes: Notes, *, cut: int = 0) -> list[Block]:
    """Return the blocks of a handout; a higher `cut` leaves out more of what is said elsewhere too, never a risk or a warning."""
    out: list[Block] = []
    row = texts.procedures[procedure] if procedure else None
    if row is not None and row.investigational is not None:
        out.append(blocks.investigational(texts, row.investigational, notes))
    if condition:
        out += blocks.condition(texts, condition, notes, most=3 if cut < 4 else 1)
    if row is None:
        out += blocks.passages(texts, texts.ui["why_eye"], texts.convergence, notes)
        return out + blocks.passages(texts, texts.ui["questions"], texts.questions, notes)
    told = [s for s in row.steps if cut < WITHOUT_STEP.get(s.id, len(CUTS))]
    return [*out, *blocks.steps(texts, told, notes), *blocks.of_procedure(texts, row, notes, cut=cut)]


@dataclass(frozen=True)
class Fit:
    """A handout that fits: what stands where."""

    head: Head
    size: tuple[float, float]
    strip: tuple[Sequence[HandoutFigure], float, float]
    places: Sequence[Placed]
    notes: Notes
    letters: float
    end: float


def _fitted(
    head: Head, size: tuple[float, float], figures: Sequence[HandoutFigure], flow: Sequence[Block], notes: Notes,
    letters: float, *, wide: bool, loose: float,
) -> Fit | None:  # fmt: skip
    """The handout with letters of one size, figures across the page or in a column; None if it does not fit."""
    trial = Trial(size)
    column = (size[0] - 2 * MARGIN - GUTTER) / 2
    right = MARGIN + column + GUTTER
    strip = (figures, MARGIN, size[0] - 2 * MARGIN) if wide else (figures[:PAIR], right, column)
    top = _head(trial, head)
    low = draw_strip(trial, strip[0], head.texts, strip[1], top, strip[2]) + GAP
    foot = size[1] - MARGIN - 1.2 * SMALL
    end = foot - _sources_height(head.texts, notes, size)
    first = [Region(0, MARGIN, low if wide else top, column, foot), Region(0, right, low, column, foot)]
    places = placed(flow, [*first, *(Region(1, x, MARGIN, column, end) for x in (MARGIN, right))], letters, trial, loose=loose)
    return None if places is None else Fit(head, size, strip, places, notes, letters, end)


def _written(fit: Fit) -> Paper:
    """The two pages."""
    texts = fit.head.texts
    out = _blank(texts, fit.head.title, fit.size)
    out.bookmark(fit.head.title)
    figures, x, width = fit.strip
    draw_strip(out, figures, texts, x, _head(out, fit.head), width)
    _page(out, texts, fit.places, 0, fit.letters)
    out.turn()
    _page(out, texts, fit.places, 1, fit.letters)
    _sources(out, texts, fit.notes, fit.end + GAP)
    return out


def _blank(texts: Texts, title: str, size: tuple[float, float]) -> Paper:
    return Paper(size, title=title, subject=texts.ui["page_title"], language=texts.language)


def _page(out: Paper, texts: Texts, places: Sequence[Placed], page: int, letters: float) -> None:
    """The text of a page, and its number."""
    write_page(out, places, page, letters)
    number = f"{texts.ui['page']} {page + 1} {texts.ui['of']} {PAGES}"
    with out.tag("P"):
        y = out.height - MARGIN + 2
        out.write(number, out.width - MARGIN, y, SMALL, colour=MUTED, align="right")
        out.write(texts.ui["made_with"], MARGIN, y, SMALL, colour=MUTED)


def _head(out: Paper, head: Head) -> float:
    """Clinic, name and date, title, condition and side; returns where the text begins."""
    words, right = head.texts.ui, out.width - MARGIN
    y = MARGIN + LEAD
    with out.tag("P"):
        if head.clinic:
            out.write(head.clinic, MARGIN, y, LEAD, bold=True)
        else:
            _blank_line(out, words["clinic"], MARGIN, MARGIN + 0.42 * (right - MARGIN), y)
        _blank_line(out, words["name"], MARGIN + 0.45 * (right - MARGIN), MARGIN + 0.79 * (right - MARGIN), y)
        _blank_line(out, words["date"], MARGIN + 0.81 * (right - MARGIN), right, y)
    y += GAP
    out.rule(MARGIN, y, right, y, colour=ACCENT, thick=1.4)
    with out.tag("H1"):
        y = out.paragraph(head.title, MARGIN, y + GAP, right - MARGIN, TITLE, bold=True, leading=1.15)
    with out.tag("P"):
        said = f"{words['chosen_side']}: {_side(head.texts, head.scenario)}"
        y = out.paragraph(said, MARGIN, y + 2, right - MARGIN, LEAD, bold=True, colour=ACCENT)
        if head.chosen:
            y = out.paragraph(f"{words['chosen_sites']}: {head.chosen}", MARGIN, y, right - MARGIN, LEAD - 1)
    return y + GAP


def _places(texts: Texts, rows: Sequence[tuple[str, str, int]]) -> str:
    """The chosen places in plain words: muscle or nerve, side, how many."""
    out = []
    for base, side, count in rows:
        name = texts.structures[base].name if base in texts.structures else base.replace("_", " ")
        where = f", {texts.ui[side].lower()}" if side in ("left", "right") else ""
        out.append(f"{name}{where} ({count})")
    return "; ".join(out) + "."


def _side(texts: Texts, scenario: Scenario) -> str:
    key = check_choice("side", page_side(scenario), ("left", "right", "both"))
    return texts.ui["both_sides" if key == "both" else key]


def _blank_line(out: Paper, word: str, x0: float, x1: float, y: float) -> None:
    said = out.write(word, x0, y, 9.5, colour=MUTED)
    out.rule(said.x1 + 4, y + 1, x1, y + 1, colour=INK)


def _source_runs(texts: Texts, notes: Notes) -> list[Run]:
    """Each claim's number with where it was read; signs for what was not read in the source itself."""
    from scenarios.explain_texts import claim

    runs: list[Run] = []
    used: dict[str, str] = {}
    for key, number in notes.order.items():
        row = claim(key)
        sign = SIGNS.get(row.evidence, "")
        if sign:
            used.setdefault(sign, "known" if row.evidence in ("R", "KNOWN") else row.evidence.lower())
        runs += [Run(f"{number}\u00a0", bold=True), Run(f"{row.citation or texts.ui['no_source'].rstrip('.')}{sign}   ")]
    told = " ".join(f"{sign} {texts.ui[f'evidence_{level}']}" for sign, level in used.items())
    return [*runs, Run(f"\n{told} {texts.ui['not_medical_device']}")]


def _sources_height(texts: Texts, notes: Notes, size: tuple[float, float]) -> float:
    """Room for the sources; the blocks have numbered them already."""
    lines = broken(_source_runs(texts, notes), SMALL, size[0] - 2 * MARGIN)
    return (1.26 * (SMALL + 1)) + len(lines) * 1.18 * SMALL + GAP + 3


def _sources(out: Paper, texts: Texts, notes: Notes, y: float) -> None:
    """The numbered sources, small, at the foot of the last page."""
    out.rule(MARGIN, y, out.width - MARGIN, y, colour=RULE)
    out.bookmark(texts.ui["sources"], 1, y=y)
    with out.tag("H2"):
        y = out.paragraph(texts.ui["sources"], MARGIN, y + 3, out.width - 2 * MARGIN, SMALL + 1, bold=True)
    with out.tag("P"):
        out.paragraph(_source_runs(texts, notes), MARGIN, y, out.width - 2 * MARGIN, SMALL, colour=MUTED, leading=1.18)
