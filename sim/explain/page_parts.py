"""The elements of the patient page in one language: passages with their sources, frequencies as dots, a time line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshes.references import reference, short_citation
from sim.anatomies import is_real
from sim.debrief.html import NOTHING, Html, esc, joined, n, svg, tag

if TYPE_CHECKING:
    from meshes.model import Anatomy
    from scenarios.explain_texts import ClockText, Dots, Passage, RiskText, Texts

DOT, DOTS_IN_ROW, RADIUS = 10.0, 10, 0.36
ICON_SPEAKER = "M4 10v8h5l7 6V4L9 10z M20 9.5a6 6 0 0 1 0 9 M23 6a11 11 0 0 1 0 16"


@dataclass(frozen=True)
class Tongue:
    """The texts of one language, and the numbers of the sources.

    Parameters
    ----------
    texts : Texts
        Of `scenarios.explain_texts`.
    claims : mapping of str to tuple of int
        The numbers of each claim's sources in the list at the end.
    """

    texts: Texts
    claims: Mapping[str, tuple[int, ...]]

    def ui(self, key: str) -> str:
        """Return a word of the page's furniture. Raises ValueError if the language lacks it."""
        try:
            return self.texts.ui[key]
        except KeyError:
            raise ValueError(f"the texts in {self.texts.language!r} lack the word {key!r}.") from None

    def of(self, base: str) -> str:
        """Return the plain name of a structure without a side; empty where the language has none."""
        row = self.texts.structures.get(base)
        return "" if row is None else row.name


def texts_of(texts: Texts, anatomy: Anatomy) -> Texts:
    """Return the texts with what is true of an anatomy: whether the head is a model, how sure its nerves are, whose it is."""
    meta, said = anatomy.meta, list[str]()
    if meta.get("tre_mm") is not None:
        said.append(texts.ui["nerves_estimated"].format(mm=round(float(meta["tre_mm"]))))
    if meta.get("credit"):
        said.append(texts.ui["anatomy_from"].format(credit=str(meta["credit"]).strip().rstrip(".")))
    note = texts.ui["person_note" if is_real(anatomy) else "model_note"]
    return replace(texts, ui={**texts.ui, "whose": " ".join(said), "model_note": note})


def source_rows(claims: Iterable[tuple[str, Sequence[str]]]) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """Return the numbers of each claim's sources, and the sources' keys in the order of their numbers.

    Parameters
    ----------
    claims : iterable of (str, sequence of str)
        Claims in the order in which they are told, with the keys of their sources.
    """
    keys: list[str] = []
    numbers: dict[str, tuple[int, ...]] = {}
    for claim, sources in claims:
        for key in sources:
            if key not in keys:
                keys.append(key)
        numbers[claim] = tuple(keys.index(key) + 1 for key in sources)
    return numbers, keys


def evidence_key(level: str) -> str:
    """Return the word that says a level of evidence in plain words."""
    return f"evidence_{level.lower()}"


def citation(key: str) -> str:
    """Return a source as the page writes it: authors and year, where it was published, its DOI as text."""
    row = reference(key)
    parts = [short_citation(key), str(row.get("journal", ""))]
    parts.append(f"doi:{row['doi']}" if "doi" in row else "")
    return ". ".join(p.rstrip(".") for p in parts if p) + "."


def said(text: str, name: str = "p", class_: str | None = None, more: Html = NOTHING) -> Html:
    """Return a text that the button 'read aloud' reads."""
    return tag(name, tag("span", esc(text), data_say=""), more, class_=class_)


def passage(tongue: Tongue, text: str, claims: Sequence[str], class_: str | None = None) -> Html:
    """Return a passage, with a button that opens its sources if it rests on claims."""
    if not claims:
        return said(text, class_=class_)
    numbers = ", ".join(str(i) for i in sorted({i for claim in claims for i in tongue.claims[claim]}))
    word = tongue.ui("sources" if "," in numbers else "source")
    button = tag("button", esc(f"{word} {numbers}".strip()), type="button", class_="source", data_claims=" ".join(claims))
    refs = tag("span", esc(f" [{numbers}]"), class_="refs") if numbers else NOTHING
    return said(text, class_=class_, more=joined([refs, esc(" "), button], ""))


def passages(tongue: Tongue, rows: Iterable[Passage], class_: str | None = None) -> Html:
    """Return passages, one under the other."""
    return joined(passage(tongue, row.text, row.claims, class_) for row in rows)


def titled(title: str, *children: Html, class_: str | None = None) -> Html:
    """Return a part of a step under its own heading."""
    return tag("section", tag("h3", tag("span", esc(title), data_say="")), *children, class_=class_)


def icons(row: Dots, *, good: bool = False) -> Html:
    """Return a frequency as dots, filled and hollow, over its words; of a broken number the last dot is filled in part."""
    lines = -(-row.total // DOTS_IN_ROW)
    dots = [joined(_dot(i, min(max(row.filled - i, 0.0), 1.0)), "") for i in range(row.total)]
    wide = DOT * min(row.total, DOTS_IN_ROW)
    drawing = svg(wide, DOT * lines, row.label, *dots, class_="icons good" if good else "icons")
    return tag("figure", drawing, tag("figcaption", esc(row.label), aria_hidden="true"))


def _dot(number: int, share: float) -> list[Html]:
    """One dot, of which a share from the left is filled."""
    x, y, r = (number % DOTS_IN_ROW + 0.5) * DOT, (number // DOTS_IN_ROW + 0.5) * DOT, RADIUS * DOT
    round_ = [tag("circle", cx=n(x), cy=n(y), r=n(r), class_="yes" if share >= 1 else "no")]
    if 0 < share < 1:
        edge = r * (2 * share - 1)
        half = (r * r - edge * edge) ** 0.5
        path = f"M{x + edge:.2f} {y - half:.2f}A{r:.2f} {r:.2f} 0 {int(share > 0.5)} 0 {x + edge:.2f} {y + half:.2f}Z"
        round_.append(tag("path", d=path, class_="yes"))
    return round_


def counted(tongue: Tongue, dots: Iterable[Dots], words: Sequence[Html], *, good: bool = False) -> Html:
    """Return one row of a list: words, and dots beside them where something was counted."""
    drawn = [icons(row, good=good) for row in dots]
    parts = [tag("div", *drawn, class_="counted")] if drawn else []
    return tag("li", *parts, tag("div", *words), class_="risk")


def risk(tongue: Tongue, row: RiskText) -> Html:
    """Return one risk: how often, as dots where it was counted, and in words."""
    often = said(row.often, class_="often") if row.often else NOTHING
    return counted(tongue, row.dots, [passage(tongue, row.text, row.claims), often])


def benefit(tongue: Tongue, row: Passage) -> Html:
    """Return one benefit, with dots where something was counted."""
    return counted(tongue, row.dots, [passage(tongue, row.text, row.claims)], good=True)


def clock(tongue: Tongue, rows: Iterable[ClockText]) -> Html:
    """Return what to expect as a line of moments."""
    moments = [tag("li", said(row.when, "span", "when"), passage(tongue, row.text, row.claims)) for row in rows]
    return tag("ol", *moments, class_="clock")


def say_button(tongue: Tongue) -> Html:
    """Return the button that reads a step aloud; hidden until the page finds a voice."""
    mark = tag("svg", tag("path", d=ICON_SPEAKER), viewBox="0 0 32 28", aria_hidden="true")
    return tag("button", mark, tag("span", esc(tongue.ui("read_aloud"))), type="button", class_="say", hidden="")
