"""Sections of the debrief page that are words: the heading, the result, the procedure with its sources, and the signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from meshes.references import reference, short_citations
from sim.compose import told_of
from sim.debrief.html import NOTHING, Html, esc, facts, joined, paragraph, section, tag
from sim.debrief.timeline import clock
from sim.tables import table
from sim.training.critical import critical_table
from sim.training.metrics import metrics
from sim.training.state import TrialLog

if TYPE_CHECKING:
    from scenarios.procedure_model import Cited
    from sim.training.world import World

NEXT = "Next time: "
MODES: Mapping[str, str] = {"learn": "learning, with hints", "exam": "examination"}
MODELS = ("man", "woman")
SIGN = "✖"
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def heading(world: World, log: TrialLog) -> Html:
    """Return the title and the facts of an attempt."""
    about, procedure = log.about, world.procedure
    helped = sum(event.kind == "helped" for event in log.events)
    side = {"both": "both sides"}.get(world.side, f"the patient's {world.side}")
    rows: dict[str, object] = {"Side": side, "Mode": MODES.get(str(about.get("mode", "")), "free practice")}
    if about.get("trainee"):
        rows = {"Trainee": about["trainee"]} | rows
    if about.get("started"):
        rows["Begun"] = when(str(about["started"]))
    rows["Time taken"] = f"{clock(log.seconds)} min"
    rows["Help"] = "none" if not helped else f"the instructor laid the probe {helped} time{'s' if helped > 1 else ''}"
    patient, whose = about.get("patient"), told_of(world.anatomy, "")
    if whose:
        rows["Patient"] = f"{world.anatomy.name}; {whose}"
    elif isinstance(patient, Mapping):
        rows["Patient"] = "own measures"
    else:
        rows["Patient"] = f"model of a {patient}" if patient in MODELS else "shipped model"
    if about.get("version"):
        rows["Inion"] = f"version {about['version']}"
    lead = "Debrief of an attempt in the simulator"
    return tag("header", tag("h1", esc(procedure.title)), paragraph(lead, "lead"), facts(rows))


def when(iso: str) -> str:
    """Return a moment (ISO 8601) as '28 November 2026, 20:07 UTC'; what is no moment as it stands."""
    try:
        at = datetime.fromisoformat(iso).astimezone(UTC)
    except ValueError:
        return iso
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}, {at.hour:02d}:{at.minute:02d} UTC"


def result(log: TrialLog, score: Mapping[str, Any]) -> Html:
    """Return the result: passed or not, the points, critical errors first, then the other reasons."""
    critical = list(score.get("critical", ()))
    finished = bool(log.moments) and log.moments[-1].state.finished
    scored = int(score.get("counted", 0)) > 0
    word, class_ = ("Passed ✔", "passed") if score.get("passed") else (f"Not passed {SIGN}", "failed")
    if not finished or not scored:
        word, class_ = ("Not passed ✖" if critical else "Not scored", "failed" if critical else "open")
    points = f"{score['points']:.0f} of 100 points" if scored else "no pass marks for this procedure yet"
    marks = f"{score['met']} of {score['counted']} measures reached their marks; {score['needed']} are needed" if scored else ""
    count = f"{len(critical)} critical error{'' if len(critical) == 1 else 's'}"
    spans = [tag("span", esc(text)) for text in (points, marks, count) if text]
    box = tag("div", tag("strong", esc(word)), *spans, class_=f"verdict {class_}", role="status")
    parts = [box]
    if not finished:
        parts.append(paragraph("The attempt was broken off; what was done until then is judged here.", "notice"))
    parts += [_critical(row) for row in critical]
    parts.append(_other_reasons(score, critical))
    return section("Result", "result", *parts)


def _critical(row: Mapping[str, Any]) -> Html:
    """One critical error: what happened, why it matters, what to do next time."""
    known = critical_table().get(str(row["key"]))
    title = tag("h3", esc(f"{SIGN} Critical error: {label_of(row)}, at {clock(float(row['at_s']))}"))
    parts = [title, paragraph(row["text"])]
    if known is not None:
        parts += [paragraph(known.why), tag("p", tag("strong", esc(NEXT)), esc(known.next))]
    return tag("div", *parts, class_="critical")


def label_of(row: Mapping[str, Any]) -> str:
    """Return the label of a critical error as of `scoring.told`."""
    known = critical_table().get(str(row["key"]))
    return known.label if known is not None else str(row["key"]).replace("_", " ")


def _other_reasons(score: Mapping[str, Any], critical: list[Mapping[str, Any]]) -> Html:
    """The reasons that are not those of critical errors, which stand above already."""
    told = [str(row["text"]) for row in critical]
    rest = [reason for reason in score.get("reasons", ()) if not any(str(reason).startswith(text) for text in told)]
    if not rest:
        good = "Nothing to mend: every measure that counts reached its mark."
        return NOTHING if critical or not score.get("passed") else paragraph(good)
    items = []
    for reason in rest:
        happened, _, ahead = str(reason).partition(NEXT)
        advice = tag("span", tag("strong", esc(NEXT)), esc(ahead), class_="advice") if ahead else NOTHING
        items.append(tag("li", esc(happened), advice))
    return joined([tag("h3", esc("What to work on")), tag("ol", *items, class_="reasons")])


def about_procedure(world: World, score: Mapping[str, Any], number: int) -> Html:
    """Return what the procedure is, with its sources and the disclaimer."""
    p = world.procedure
    product = p.product
    per = f"{product.volume_ml:g} mL at each target, {product.range_ml[0]:g} to {product.range_ml[1]:g} mL accepted"
    most = f"at most {product.most_ml:g} mL in all"
    units = f"; {product.units_per_ml:g} U/mL, at most {product.most_units:g} U in all" if product.units_per_ml else ""
    aims = [tag("li", esc(text)) for text in dict.fromkeys(target.text for target in p.targets)]
    needle = f"Needle: {world.tool.label}. Guidance: {p.guidance}."
    parts = [
        tag("p", tag("strong", esc("Where: ")), esc("the tip has to come to")), tag("ul", *aims),
        tag("p", tag("strong", esc("What is given: ")), esc(f"{product.name}: {per}; {most}{units}. {_cited(product.sources)}")),
        paragraph(needle),
        tag("p", tag("strong", esc("Standing: ")), esc(f"{p.status}. {p.status_text}")),
        _texts("Who it is for", p.indication), _texts("What tells that it worked", p.success),
        tag("p", tag("strong", esc("What is known of its benefit: ")), esc(f"{p.evidence.text} {_cited(p.evidence.sources)}")),
    ]  # fmt: skip
    used = _sources(world, score)
    listed = tag("ul", *(tag("li", esc(full_reference(key))) for key in used), class_="sources")
    notice = paragraph(table("debrief")["about"]["disclaimer"], "notice")
    return section("The procedure and its sources", "about", *parts, tag("h3", esc("Sources")), listed, notice, number=number)


def _texts(title: str, rows: Iterable[Cited]) -> Html:
    """A list of texts, each with its sources."""
    items = [tag("li", esc(f"{row.text} {_cited(row.sources)}")) for row in rows]
    return joined([tag("h3", esc(title)), tag("ul", *items)])


def _cited(keys: Iterable[str]) -> str:
    """Short citations in brackets; nothing without any."""
    short = short_citations(keys)
    return f"({'; '.join(short)})" if short else ""


def _sources(world: World, score: Mapping[str, Any]) -> list[str]:
    """Keys of all that the page cites, in the order of the alphabet of their short forms."""
    p = world.procedure
    cited = [*p.product.sources, *p.evidence.sources, *p.sources]
    for row in (*p.indication, *p.success):
        cited += row.sources
    for measured in score.get("measures", ()):
        cited += metrics()[measured["key"]].sources if measured["key"] in metrics() else ()
    for row in score.get("critical", ()):
        cited += critical_table()[row["key"]].sources if row["key"] in critical_table() else ()
    texts = table("debrief")
    cited += [table("metrics")["marks"]["sources"][0], *texts["cusum"]["source"]]
    return sorted(dict.fromkeys(cited), key=lambda key: (full_reference(key).lower(), key))


def full_reference(key: str) -> str:
    """Return a source as a list of references names it."""
    row = reference(key)
    year = f" ({row['year']})" if "year" in row else ""
    rest = [str(row[name]) for name in ("title", "journal", "publisher") if name in row]
    found = [f"doi {row['doi']}"] if "doi" in row else [f"PMID {row['pmid']}"] if "pmid" in row else []
    return ". ".join([f"{row.get('authors', key)}{year}", *rest, *found]).replace("..", ".") + "."


def signatures(log: TrialLog) -> Html:
    """Return the lines to sign on."""
    name = log.about.get("trainee")
    trainee = f"Trainee: {name}" if name else "Trainee (name, signature)"
    lines = (trainee, "Date", "Examiner (name, signature)", "Date")
    return tag("section", *(tag("div", esc(text)) for text in lines), class_="signing", aria_label="Signatures")
