"""Attempts as statements of the Experience API, which learning record stores take (ADL, xAPI 1.0.3, part two)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import PureWindowsPath
from typing import Any
from urllib.parse import quote

from sim.record_lines import Attempt, Trainee
from sim.tables import table


def statements(attempt: Attempt, trainee: Trainee | None, title: str = "", names: bool = False) -> list[dict[str, Any]]:
    """Return what there is to say of an attempt: that it was begun and, once it is, completed, and passed or failed.

    Parameters
    ----------
    attempt : Attempt
    trainee : Trainee or None
    title : str
        Of the procedure, for people; its key by default.
    names : bool
        Tell the trainee's name; otherwise an account with a random id stands for the person.

    Returns
    -------
    list of dict
        Statements, ready for JSON. The same attempt gives the same ids every time.
    """
    said = [_statement(attempt, trainee, title, names, "attempted", attempt["started"])]
    if attempt["finished"] is not None:
        outcome = {True: "passed", False: "failed", None: None}[attempt["passed"]]
        for verb in ("completed", outcome):
            if verb is not None:
                said.append(_statement(attempt, trainee, title, names, verb, attempt["finished"]) | {"result": _result(attempt)})
    return said


def duration(seconds: float) -> str:
    """Return a time as a duration of ISO 8601, to the hundredth of a second: 'PT2M3.5S'."""
    hundredths = round(max(seconds, 0.0) * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    last = f"{rest / 100:.2f}".rstrip("0").rstrip(".")
    return "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "") + f"{last}S"


def measures_of(score: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the measures of a score by their key, each with at least `value` (None if nothing was measured) and `unit`."""
    return dict(_measures((score or {}).get("measures") or {}))


def bare(value: Any) -> Any:
    """Return a value of `about`; of a path only the last part, for folders are often named after people."""
    return PureWindowsPath(value).name or value if isinstance(value, str) else value


def _measures(given: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Measures may be a mapping of records or of bare numbers, or a list of records with `key`."""
    named = given.items() if isinstance(given, Mapping) else ((row["key"], row) for row in given)
    for key, row in named:
        fields = {k: v for k, v in row.items() if k != "key"} if isinstance(row, Mapping) else {"value": row}
        yield str(key), {"value": None, "unit": "", **fields}


def _statement(attempt: Attempt, trainee: Trainee | None, title: str, names: bool, verb: str, timestamp: str) -> dict[str, Any]:
    """One statement, without its result."""
    ours, said = table("xapi")["xapi"], table("xapi")["verbs"][verb]
    procedure, about = attempt["procedure"], attempt["about"]
    told = {"side": attempt["side"], **{key: bare(value) for key, value in about.items() if value is not None}}
    context = {
        "registration": attempt["id"],
        "platform": ours["platform"],
        "language": ours["language"],
        "extensions": {_iri("about", key): value for key, value in told.items()},
    }
    if about.get("version"):
        context["revision"] = str(about["version"])
    definition = {"type": ours["activity_type"], "name": {ours["language"]: title or procedure}}
    return {
        "id": str(uuid.uuid5(uuid.UUID(ours["namespace"]), f"{attempt['id']} {verb}")),
        "actor": _actor(trainee, names),
        "verb": {"id": said["id"], "display": {ours["language"]: said["display"]}},
        "object": {"objectType": "Activity", "id": ours["activity"] + quote(procedure, safe=""), "definition": definition},
        "context": context,
        "timestamp": timestamp,
        "version": ours["version"],
    }


def _actor(trainee: Trainee | None, names: bool) -> dict[str, Any]:
    """Who did it: an account that says nothing of the person, and the name where it is asked for."""
    ours = table("xapi")["xapi"]
    actor = {
        "objectType": "Agent",
        "account": {"homePage": ours["home_page"], "name": trainee["id"] if trainee else ours["nobody"]},
    }
    return actor | {"name": trainee["name"]} if names and trainee and trainee["name"] else actor


def _result(attempt: Attempt) -> dict[str, Any]:
    """What came of it. No value may be null outside of extensions, so that what is not known is left out."""
    result: dict[str, Any] = {"completion": True, "duration": duration(attempt["elapsed_s"])}
    if (points := attempt["points"]) is not None:
        result["score"] = {"scaled": min(max(points / 100, 0.0), 1.0), "raw": min(max(points, 0.0), 100.0), "min": 0, "max": 100}
    if attempt["passed"] is not None:
        result["success"] = attempt["passed"]
    score = attempt["score"] or {}
    known = {key: row for key, row in measures_of(score).items() if row["value"] is not None}
    extensions: dict[str, Any] = {_iri("metric", k): {"value": r["value"], "unit": r["unit"]} for k, r in known.items()}
    if score.get("critical"):
        extensions[_iri("critical")] = score["critical"]
    return result | ({"extensions": extensions} if extensions else {})


def _iri(*parts: str) -> str:
    """The name of an extension."""
    return str(table("xapi")["xapi"]["extension"]) + ":".join(quote(part, safe="") for part in parts)
