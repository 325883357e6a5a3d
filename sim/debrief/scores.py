"""Sections of the debrief page that are scores: every measure against its mark, and the trainee's own history."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from meshes.references import short_citation, short_citations
from sim.debrief.charts import cusum_chart, points_chart, range_chart
from sim.debrief.html import NOTHING, Html, esc, figure, joined, paragraph, section, table, tag
from sim.tables import table as data
from sim.training.cusum import Cusum, cusum, usual_rates
from sim.training.metrics import groups, metrics, said

HEAD = ("Measure", "Yours", "To pass", "Expert script", "Beside the expert", "Result")
VERDICTS: Mapping[str, str] = {
    "acceptable": "The last decision of the curve: failures are rare enough. Keep it up.",
    "unacceptable": "The last decision of the curve: failures are too frequent; more practice under guidance is needed.",
    "undecided": "The curve has not reached a limit yet: more attempts are needed to tell.",
}


def scores(score: Mapping[str, Any], runs: int, number: int) -> Html:
    """Return a table of measures for each group.

    Parameters
    ----------
    score : mapping
        As of `scoring.told`.
    runs : int
        From which the pass marks come; 0 if there are none.
    number : int
        Of the section.
    """
    texts, rows = data("debrief")["scores"], list(score.get("measures", ()))
    source = short_citation(data("metrics")["marks"]["sources"][0])
    origin = str(texts["origin"]).format(runs=runs, source=source) if runs else str(texts["none"])
    parts = [paragraph(origin)]
    if runs:
        parts += [paragraph(texts["key"]), paragraph(texts["information"])]
    for key, label in groups().items():
        held = [row for row in rows if row["group"] == key]
        if held:
            points = score.get("groups", {}).get(key)
            title = label if points is None else f"{label}: {points:.0f} of 100 points"
            parts += [tag("h3", esc(title)), table(f"Measures of {label.lower()}", HEAD, [_row(row) for row in held])]
    return section("Scores", "scores", *parts, number=number)


def _row(row: Mapping[str, Any]) -> list[Html]:
    """One measure."""
    known, unit, value = metrics().get(str(row["key"])), str(row["unit"]), row["value"]
    expert = tuple(row["expert"]) if row["expert"] and row["expert"][0] is not None else None
    about = tag("small", esc(known.text)) if known is not None else NOTHING
    told = "none" if expert is None else said(expert[0], unit)
    span = NOTHING if expert is None else tag("small", _figures(f"{said(expert[1], unit)} to {said(expert[2], unit)}"))
    chart = range_chart(str(row["label"]), value, expert, marks_of(row), unit)
    word, class_ = ("passed", "word-good") if row["passed"] else ("not passed", "word-bad")
    if not row["counted"]:
        word, class_ = "for information", "soft"
    return [
        joined([esc(row["label"]), about], ""), _figures(said(value, unit)), _figures(to_pass(row)),
        joined([_figures(told), span], ""), chart, tag("span", esc(word), class_=class_),
    ]  # fmt: skip


def _figures(text: str) -> Html:
    """Words in which no unit is parted from its number."""
    return esc(re.sub(r"(?<=\d) (?!to )", "\N{NO-BREAK SPACE}", text))


def marks_of(row: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the values that pass just so: none where the measure is not counted, two for a window."""
    if not row["counted"] or row["mark"] is None:
        return ()
    if row["better"] != "window":
        return (float(row["mark"]),)
    return float(row["expert"][0] - row["mark"]), float(row["expert"][0] + row["mark"])


def to_pass(row: Mapping[str, Any]) -> str:
    """Return the pass mark in words."""
    marks, unit = marks_of(row), str(row["unit"])
    if not marks:
        return "–"
    if len(marks) == 2:
        return f"{said(max(marks[0], 0.0), unit)} to {said(marks[1], unit)}"
    return f"{'at most' if row['better'] == 'low' else 'at least'} {said(marks[0], unit)}"


def history_section(score: Mapping[str, Any], history: Sequence[Mapping[str, Any]], named: bool, number: int) -> Html:
    """Return the points over the trainee's attempts at this procedure, and the learning curve.

    Parameters
    ----------
    score : mapping
        Of this attempt.
    history : sequence of mapping
        Earlier attempts, oldest first, with `points` and `passed`; those without are left out.
    named : bool
        Whether somebody has said whose attempt this is.
    number : int
        Of the section.
    """
    scored = [a for a in history if a.get("points") is not None and a.get("passed") is not None]
    before = [(float(a["points"]), bool(a["passed"])) for a in scored]
    now = [(float(score["points"]), bool(score["passed"]))] if score.get("counted") else []
    attempts = [*before, *now]
    title = "Your attempts at this procedure"
    if not before or not now:
        first = "This is the first scored attempt under this name." if now else "This attempt has no points to set beside others."
        nobody = "The attempt bears no name, so that it has no history."
        return section(title, "history", paragraph(first if named else nobody), number=number)
    outcomes = [passed for _, passed in attempts]
    curve = cusum(outcomes)
    best = max(points for points, _ in before)
    done = sum(outcomes)
    so_far = f"{done} {'was' if done == 1 else 'were'} passed"
    place = f"This is attempt {len(attempts)}; {so_far}. Best before: {best:.0f} points, now {now[0][0]:.0f}."
    parts = [
        paragraph(place),
        figure(points_chart(attempts), esc("Points of each attempt. A dot: passed; a cross: not passed; ringed: this attempt.")),
        tag("h3", esc("Learning curve (CUSUM)")), paragraph(_curve_said()),
        figure(cusum_chart(curve, outcomes), esc("Up after each attempt that was not passed, down after each one that was.")),
        paragraph(_verdict(curve)),
    ]  # fmt: skip
    return section(title, "history", *parts, number=number)


def _curve_said() -> str:
    """What the learning curve is, in plain words."""
    rates, texts = usual_rates(), data("debrief")["cusum"]
    good, bad = (f"{100 * share:.0f} %" for share in (rates.acceptable_failure, rates.unacceptable_failure))
    up, down = (f"{abs(cusum([passed]).values[0]):.2f}" for passed in (False, True))
    said_so = str(texts["text"]).format(up=up, down=down, good=good, bad=bad, alpha=f"{100 * max(rates.alpha, rates.beta):.0f} %")
    return f"{said_so} ({'; '.join(short_citations(texts['source']))})"


def _verdict(curve: Cusum) -> str:
    """What the curve says."""
    found = VERDICTS[curve.verdict]
    return f"{found} It found failures rare enough first at attempt {curve.competent_at}." if curve.competent_at else found
