"""Attempts on record as text for other programs: CSV, JSON, statements of xAPI, and Perk Tutor's table of metrics."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from meshes._check import check_choice
from sim.record_lines import Attempt, Trainee
from sim.record_xapi import bare, measures_of, statements
from sim.records import Records
from sim.tables import table

EXPORT_SCHEMA = 1
# A spreadsheet runs a cell that begins with one of these, wide forms included, as a formula.
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_FIRST = ("attempt", "trainee", "procedure", "side", "started", "finished", "elapsed_s", "passed", "points")
_EVENT = (
    "attempt",
    "trainee",
    "procedure",
    "side",
    "n",
    "action",
    "at_s",
    "kind",
    "structure",
    "x_mm",
    "y_mm",
    "z_mm",
    "value",
    "text",
)


@dataclass(frozen=True)
class _Asked:
    """What is to be exported."""

    records: Records
    attempts: tuple[Attempt, ...]
    people: Mapping[str, Trainee]
    names: bool
    titles: Mapping[str, str]

    def person(self, attempt: Attempt) -> Trainee | None:
        """Whose attempt it is."""
        return self.people.get(attempt["trainee"] or "")


def exported(
    records: Records,
    attempts: str | Sequence[str] | None,
    kind: str,
    names: bool = False,
    titles: Mapping[str, str] | None = None,
) -> tuple[str, str]:
    """Return attempts as text, and its media type.

    Parameters
    ----------
    records : Records
    attempts : str, sequence of str, or None
        Id or ids; None for all.
    kind : str
        'csv' (a row an attempt), 'events' (CSV, a row an event), 'json' (everything; floats keep every bit), 'xapi' (statements)
        or 'tsv' (Perk Tutor's table of metrics).
    names : bool
        Tell the trainees' names; otherwise only their random ids.
    titles : mapping of str to str, optional
        Titles of procedures by key, for the statements.

    Raises
    ------
    ValueError
        If there is no such kind or attempt.
    """
    make, media = KINDS[check_choice("kind", kind, tuple(KINDS))]
    keys = [attempts] if isinstance(attempts, str) else attempts
    found = tuple(records.attempt(key) for key in ([a["id"] for a in records.attempts()] if keys is None else keys))
    people = {t["id"]: t if names else Trainee(id=t["id"], name=None, created=t["created"]) for t in records.trainees()}
    return make(_Asked(records, found, people, names, titles or {})), media


def _attempts_csv(asked: _Asked) -> str:
    """A row an attempt: who, what, when, result, what a replay needs, and every metric (`metric [unit]`)."""
    measures = [measures_of(a["score"]) for a in asked.attempts]
    units = {key: str(row["unit"]) for held in measures for key, row in held.items()}
    about = dict.fromkeys(key for a in asked.attempts for key in a["about"])
    named = ["name"] if asked.names else []
    header = [*_FIRST, *named, "critical", "note", *about, *(f"{key} [{unit}]" if unit else key for key, unit in units.items())]
    rows = []
    for attempt, held in zip(asked.attempts, measures, strict=True):
        first: dict[str, Any] = {**attempt, "attempt": attempt["id"]}
        person = asked.person(attempt)
        name = [person["name"] if person else None] if named else []
        told = [bare(attempt["about"].get(key)) for key in about]
        values = [held[key]["value"] if key in held else None for key in units]
        rows.append([*(first[column] for column in _FIRST), *name, _critical(attempt), attempt["note"], *told, *values])
    return _written(header, rows)


def _events_csv(asked: _Asked) -> str:
    """A row an event: when, what, where (mm, RAS), its measure and its text."""
    rows = []
    for attempt in asked.attempts:
        first = [attempt["id"], attempt["trainee"], attempt["procedure"], attempt["side"]]
        for line in asked.records.lines(attempt["id"]):
            for event in line.events:
                place = event.get("point_mm") or (None, None, None)
                rest = (event.get("structure", ""), *place, event.get("value"), event.get("text", ""))
                rows.append([*first, line.n, line.action["kind"], event["at_s"], event["kind"], *rest])
    return _written(_EVENT, rows)


def _whole_json(asked: _Asked) -> str:
    """Everything on record; a replay of its actions is equal to the last bit."""
    used = {a["trainee"] for a in asked.attempts}
    whole = {
        "format": "inion-records",
        "schema": EXPORT_SCHEMA,
        "trainees": [t for t in asked.people.values() if t["id"] in used],
        "attempts": [{**a, "lines": [asdict(line) for line in asked.records.lines(a["id"])]} for a in asked.attempts],
    }
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _xapi(asked: _Asked) -> str:
    """A list of statements."""
    said = [s for a in asked.attempts for s in statements(a, asked.person(a), asked.titles.get(a["procedure"], ""), asked.names)]
    return json.dumps(said, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _perk_tutor_tsv(asked: _Asked) -> str:
    """Metrics as Perk Tutor writes them, in its names and units where it measures the same thing.

    Its table has a column MetricValue; of several attempts, here there is one column each, headed by the attempt's id.
    """
    perk, metrics = table("xapi")["perk_tutor"], table("metrics")["metrics"]
    held = [measures_of(a["score"]) for a in asked.attempts]
    units = {key: str(row["unit"]) for measures in held for key, row in measures.items() if row["value"] is not None}
    columns = ["MetricValue"] if len(held) == 1 else [a["id"] for a in asked.attempts]
    lines = [["MetricName", "MetricRoles", "MetricUnit", *columns]]
    for key, unit in units.items():
        values = [measures.get(key, {}).get("value") for measures in held]
        told = ["" if value is None else f"{value:.10g}" for value in values]
        label = str(metrics.get(key, {}).get("label") or key)
        lines.append([label, perk["roles"].get(key, perk["own"]), perk["units"].get(unit, unit), *told])
    return "".join("\t".join(" ".join(cell.split()) for cell in cells) + "\n" for cells in lines)


def _critical(attempt: Attempt) -> str:
    """Critical errors by their keys."""
    found = (attempt["score"] or {}).get("critical") or ()
    return "; ".join(str(c.get("key", c)) if isinstance(c, Mapping) else str(c) for c in found)


def _written(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV (RFC 4180, lines end in LF)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_cell(v) for v in header])
    writer.writerows([_cell(v) for v in row] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    """A cell: numbers as they are, nothing for None, texts that no spreadsheet takes for a formula."""
    if value is None or isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.lstrip().startswith(FORMULA) or text.startswith(("\t", "\r", "\n")) else text


KINDS: Mapping[str, tuple[Callable[[_Asked], str], str]] = {
    "csv": (_attempts_csv, "text/csv"),
    "events": (_events_csv, "text/csv"),
    "json": (_whole_json, "application/json"),
    "xapi": (_xapi, "application/json"),
    "tsv": (_perk_tutor_tsv, "text/tab-separated-values"),
}
