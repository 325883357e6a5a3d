from __future__ import annotations

import csv
import io
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.record_exports import FORMULA, KINDS, _cell, exported
from sim.record_xapi import bare, duration, measures_of
from sim.records import Records
from sim.tables import table
from sim.training.actions import action_from

MEASURES = {
    "elapsed_time": {"value": 93.25, "unit": "s", "passed": True},
    "tissue_damage": {"value": 12.0, "unit": "mm²", "passed": True},
    "passes": {"value": 2.0, "unit": "times", "passed": False},
    "tip_to_nerve": {"value": 1.25, "unit": "mm", "passed": True},
    "fan_spread": {"value": None, "unit": "mm", "passed": None},
}
CRITICAL = [{"key": "dura_entered", "at_s": 12.0, "structure": "dura", "text": "The dura was entered."}]
EVENTS = [
    {"at_s": 0.1, "kind": "pop", "structure": "skin", "point_mm": [1.0, -2.5, 3.0], "value": 0.4, "text": "=HYPERLINK(1)"},
    {"at_s": 0.1, "kind": "refused", "text": 'Said, with "quotes"\nand a second line.'},
]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records(tmp_path / "records.sqlite") as opened:
        yield opened


@pytest.fixture
def attempts(records: Records) -> list[str]:
    """One passed by Anna, one failed by nobody, one open."""
    anna = records.add_trainee("=Anna Müller")
    passed = records.begin("gon-block-c2", "right", {"anatomy": "/home/anna/scan.nii", "seed": 3, "version": "0.2"}, anna)
    records.append(passed, {"action": {"kind": "needle_advance", "at_s": 0.1, "mm": 0.1 + 0.2}, "events": EVENTS})
    records.append(passed, {"kind": "finish", "at_s": 93.25})
    records.finish(passed, {"passed": True, "points": 84.0, "measures": MEASURES, "critical": []}, "@note")
    failed = records.begin("preempt-31", "both")
    told = [{"key": key, **row} for key, row in MEASURES.items()]
    records.finish(failed, {"passed": False, "points": 12.5, "measures": told, "critical": CRITICAL})
    return [passed, failed, records.begin("preempt-31", "both")]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# CSV


def test_csv_has_a_row_an_attempt_and_a_column_a_metric(records: Records, attempts: list[str]) -> None:
    text, media = exported(records, None, "csv")
    passed, failed, left = rows(text)
    assert media == "text/csv" and [r["attempt"] for r in (passed, failed, left)] == attempts
    assert (passed["passed"], passed["points"], passed["elapsed_s"], passed["seed"]) == ("true", "84.0", "93.25", "3")
    assert (passed["tip_to_nerve [mm]"], failed["passes [times]"], failed["critical"]) == ("1.25", "2.0", "dura_entered")
    assert failed["fan_spread [mm]"] == left["finished"] == left["passed"] == left["tip_to_nerve [mm]"] == ""
    assert "Anna" not in text and "/home" not in text and passed["note"] == "'@note"
    assert rows(exported(records, None, "csv", names=True)[0])[0]["name"] == "'=Anna Müller"


def test_events_csv_has_a_row_an_event(records: Records, attempts: list[str]) -> None:
    first, second = rows(exported(records, attempts[0], "events")[0])
    assert (first["x_mm"], first["y_mm"], first["z_mm"], first["value"]) == ("1.0", "-2.5", "3.0", "0.4")
    assert first["text"] == "'=HYPERLINK(1)" and first["action"] == "needle_advance"
    assert second["kind"] == "refused" and second["text"] == EVENTS[1]["text"] and second["x_mm"] == ""


@given(st.text(max_size=20))
def test_no_text_is_a_formula_in_a_spreadsheet(text: str) -> None:
    cell = str(_cell(text))
    assert not cell.lstrip().startswith((*FORMULA, "\t", "\r"))
    assert cell in (text, f"'{text}")


def test_numbers_stay_numbers() -> None:
    assert [_cell(v) for v in (-1.5, True, None, "-1.5", {"a": 1})] == [-1.5, "true", None, "'-1.5", '{"a": 1}']


# JSON


def test_json_has_everything_to_the_bit(records: Records, attempts: list[str]) -> None:
    whole = json.loads(exported(records, None, "json")[0])
    assert (whole["format"], whole["schema"]) == ("inion-records", 1)
    assert [a["id"] for a in whole["attempts"]] == attempts and whole["trainees"][0]["name"] is None
    for attempt in whole["attempts"]:
        assert tuple(action_from(line["action"]) for line in attempt["lines"]) == records.actions(attempt["id"])
    first = whole["attempts"][0]
    assert first["lines"][0]["action"]["mm"] == 0.1 + 0.2 and first["score"]["measures"] == MEASURES
    assert first["about"]["anatomy"] == "/home/anna/scan.nii"  # a replay needs it
    assert json.loads(exported(records, attempts[0], "json", names=True)[0])["trainees"][0]["name"] == "=Anna Müller"


# xAPI

URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
LASTS = re.compile(r"PT(\d+H)?(\d+M)?\d+(\.\d{1,2})?S")
KEYS = {
    "statement": {"id", "actor", "verb", "object", "result", "context", "timestamp", "version"},
    "result": {"score", "success", "completion", "duration", "extensions"},
    "context": {"registration", "platform", "language", "revision", "extensions"},
}


def faults(statement: dict[str, Any]) -> list[str]:
    """What a learning record store would refuse (xAPI 1.0.3, part two, sections 2 and 4)."""
    actor, verb, thing, context = (statement[k] for k in ("actor", "verb", "object", "context"))
    result = statement.get("result", {})
    checks = {
        "keys": set(statement) <= KEYS["statement"] and set(result) <= KEYS["result"] and set(context) <= KEYS["context"],
        "id": str(uuid.UUID(statement["id"])) == statement["id"],
        "registration": str(uuid.UUID(context["registration"])) == context["registration"],
        "actor": set(actor) <= {"objectType", "account", "name"} and actor["objectType"] == "Agent",
        "account": set(actor["account"]) == {"homePage", "name"} and URI.fullmatch(actor["account"]["homePage"]),
        "verb": URI.fullmatch(verb["id"]) and set(verb) == {"id", "display"},
        "object": URI.fullmatch(thing["id"]) and URI.fullmatch(thing["definition"]["type"]),
        "languages": set(verb["display"]) == set(thing["definition"]["name"]) == {"en"},
        "timestamp": STAMP.fullmatch(statement["timestamp"]),
        "version": re.fullmatch(r"1\.0(\.\d+)?", statement["version"]),
        "duration": LASTS.fullmatch(result.get("duration", "PT0S")),
        "score": -1 <= result.get("score", {}).get("scaled", 0) <= 1,
        "extensions": all(URI.fullmatch(k) for part in (result, context) for k in part.get("extensions", {})),
        "nulls": not has_null(statement),
    }
    return [name for name, sound in checks.items() if not sound]


def has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_null(v) for k, v in value.items() if k != "extensions")
    return value is None


def test_statements_are_sound(records: Records, attempts: list[str]) -> None:
    said = json.loads(exported(records, None, "xapi")[0])
    assert [s["verb"]["display"]["en"] for s in said] == [
        "attempted", "completed", "passed", "attempted", "completed", "failed", "attempted",
    ]  # fmt: skip
    assert [faults(s) for s in said] == [[]] * 7
    assert len({s["id"] for s in said}) == 7
    passed, failed = said[2], said[5]
    assert passed["result"]["score"] == {"scaled": 0.84, "raw": 84.0, "min": 0, "max": 100} and passed["result"]["success"]
    assert passed["result"]["duration"] == "PT1M33.25S" and passed["object"]["id"] == "urn:inion:procedure:gon-block-c2"
    assert passed["result"]["extensions"]["urn:inion:metric:tip_to_nerve"] == {"value": 1.25, "unit": "mm"}
    assert "urn:inion:metric:fan_spread" not in passed["result"]["extensions"]
    assert failed["result"]["success"] is False and failed["result"]["extensions"]["urn:inion:critical"] == CRITICAL
    assert failed["actor"]["account"]["name"] == "anonymous" and passed["context"]["registration"] == attempts[0]


def test_a_fault_in_a_statement_is_found(records: Records, attempts: list[str]) -> None:
    statement = json.loads(exported(records, attempts[0], "xapi")[0])[1]
    assert faults(statement | {"timestamp": "yesterday"}) == ["timestamp"]
    assert faults(statement | {"result": {"duration": "93 s"}}) == ["duration"]
    assert faults(statement | {"verb": {"id": "done", "display": {"en": None}}}) == ["verb", "nulls"]


def test_an_export_repeated_is_identical(records: Records, attempts: list[str]) -> None:
    for kind in KINDS:
        assert exported(records, attempts, kind) == exported(records, attempts, kind)


def test_names_are_told_only_when_asked(records: Records, attempts: list[str]) -> None:
    for kind in KINDS:
        assert "Anna" not in exported(records, attempts[0], kind)[0] and "Müller" not in exported(records, attempts[0], kind)[0]
    actors = [s["actor"] for s in json.loads(exported(records, None, "xapi", names=True)[0])]
    assert actors[0]["name"] == "=Anna Müller" and "name" not in actors[3]
    titled = json.loads(exported(records, attempts[0], "xapi", titles={"gon-block-c2": "Block at C2"})[0])
    assert titled[0]["object"]["definition"]["name"] == {"en": "Block at C2"}


@given(st.floats(0, 1e6))
def test_durations_are_of_iso_8601(seconds: float) -> None:
    text = duration(seconds)
    found = LASTS.fullmatch(text)
    assert found
    hours, minutes, rest = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?([\d.]+)S", text).groups()  # type: ignore[union-attr]
    assert int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest) == pytest.approx(seconds, abs=0.0051)
    assert int(minutes or 0) < 60 and float(rest) < 60


# Perk Tutor


def test_perk_tutors_table_has_its_names_and_units(records: Records, attempts: list[str]) -> None:
    head, *lines = exported(records, attempts[0], "tsv")[0].splitlines()
    assert head == "MetricName\tMetricRoles\tMetricUnit\tMetricValue"
    cells = [line.split("\t") for line in lines]
    assert ["Elapsed Time", "Any = NeedleTipToRAS", "s", "93.25"] in cells
    assert ["Tissue Damage", "Needle = NeedleTipToRAS, Tissue = Skin", "mm^2", "12"] in cells
    assert ["Tissue Punctures", "Needle = NeedleTipToRAS, Tissue = Skin", "count", "2"] in cells
    assert len(cells) == 4 and all(len(row) == 4 for row in cells)
    assert [row[1] for row in cells].count("Inion") == 1


def test_perk_tutors_table_has_a_column_an_attempt(records: Records, attempts: list[str]) -> None:
    head, *lines = (line.split("\t") for line in exported(records, None, "tsv")[0].splitlines())
    assert head[3:] == attempts and all(len(row) == 6 for row in lines)
    assert lines[0][3:] == ["93.25", "93.25", ""]


def test_perk_tutors_roles_are_of_metrics_that_exist() -> None:
    perk, metrics = table("xapi")["perk_tutor"], table("metrics")["metrics"]
    assert set(perk["roles"]) <= set(metrics)
    assert {m["unit"] for m in metrics.values()} & set(perk["units"])


def test_bad_input_is_told(records: Records, attempts: list[str]) -> None:
    for kind, asked, text in (("cvs", None, "csv"), ("json", "nothing", "'nothing'"), ("json", [*attempts, "x"], "'x'")):
        with pytest.raises(ValueError, match=text):
            exported(records, asked, kind)


def test_nothing_on_record_is_an_empty_table(records: Records) -> None:
    assert rows(exported(records, None, "csv")[0]) == rows(exported(records, None, "events")[0]) == []
    assert exported(records, None, "tsv")[0] == "MetricName\tMetricRoles\tMetricUnit\n"
    assert json.loads(exported(records, None, "xapi")[0]) == [] == json.loads(exported(records, None, "json")[0])["attempts"]


def test_measures_may_be_bare_numbers_and_paths_lose_their_folders() -> None:
    assert measures_of({"measures": {"a": 1.5}}) == {"a": {"value": 1.5, "unit": ""}} and measures_of(None) == {}
    assert [bare(v) for v in ("shipped", "/home/anna/scan.nii", r"C:\Users\anna\scan.nii", 3)] == [
        "shipped",
        "scan.nii",
        "scan.nii",
        3,
    ]
