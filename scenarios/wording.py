"""What pydantic finds wrong with a scenario, said in the words of the format."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from importlib.resources import files
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from meshes._check import nearest, unknown
from scenarios.faults import KeyPath, Origin
from scenarios.model import Scenario
from scenarios.table_faults import keys_at

LONGEST, DEEPEST, MOST_BITS = 60, 3, 200
_WORDS: Mapping[str, str] = {
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "finite_number": "must be a finite number",
    "string_type": "must be a text in quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list in brackets",
    "list_type": "must be a list in brackets",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "greater_than": "must be more than {gt:.10g}",
    "greater_than_equal": "must be at least {ge:.10g}",
    "less_than": "must be less than {lt:.10g}",
    "less_than_equal": "must be at most {le:.10g}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must be of small letters a to z, digits, '-' and '_', at most 41, the first a letter or digit",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
}


def told(error: ValidationError, table: Mapping[str, Any], origin: Origin) -> list[str]:
    """Return one line for each place at fault, in the order of the file."""
    found = [(detail, _known_path(detail["loc"], table)) for detail in error.errors()]
    paths = [path for _, path in found]
    strange = [path for detail, path in found if detail["type"] == "extra_forbidden"]
    out: dict[KeyPath, str] = {}
    for detail, path in found:
        missing = detail["type"] == "missing"
        if missing and _misspelt(detail, path, strange):
            continue
        if not missing and any(len(p) > len(path) and p[: len(path)] == path for p in paths):
            continue  # what is wrong stands deeper: pydantic counts only sound items, and tries every type of a union
        key = (*path, str(detail["loc"][-1])) if missing else path
        out.setdefault(key, _fault(detail, path, origin))
    return list(out.values())


def _misspelt(detail: ErrorDetails, path: KeyPath, strange: list[KeyPath]) -> bool:
    """Whether an unknown key of the same table looks like the one that is missing."""
    beside = [str(p[-1]) for p in strange if p[:-1] == path]
    return any(detail["loc"][-1] in nearest(name, keys_at(Scenario, path)) for name in beside)


def _fault(detail: ErrorDetails, path: KeyPath, origin: Origin) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return origin.fault(path, unknown("key", _cut(str(path[-1])), keys_at(Scenario, path[:-1])))
    if kind == "missing" and isinstance(detail["loc"][-1], int):
        return origin.fault(path, f"must have {2 if path[-1:] == ('size',) else 3} numbers; it is {_short(value)}.")
    if kind == "missing":
        return origin.fault(path, f"the key {str(detail['loc'][-1])!r} is missing.")
    if path[:-1] == ("procedure", "follow_the_pain"):
        return origin.fault(path, _extra_site(str(path[-1]), detail))
    if kind == "literal_error":
        return origin.fault(path, _choice(value, detail.get("ctx", {}).get("expected", "")))
    if kind == "value_error":
        return origin.fault(path, str(detail.get("ctx", {}).get("error", detail["msg"])))
    return origin.fault(path, f"{_must(detail, path)}; it is {_short(value)}.")


def _must(detail: ErrorDetails, path: KeyPath) -> str:
    kind, value = detail["type"], detail["input"]
    if path[:2] == ("anatomy", "patient") and len(path) > 2:
        return "must be a finite number, a text, true or false, or a table of these"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if kind == "string_pattern_mismatch" and path[-1:] == ("colour",):
        return "must be '#rrggbb' or a name of the style's colours"
    if kind == "too_short" and not value:
        return "must not be empty"
    words = _WORDS.get(kind)
    return detail["msg"].removeprefix("Input ").rstrip(".") if words is None else words.format_map(detail.get("ctx", {}))


def _choice(value: Any, expected: str) -> str:
    names = [a or b for a, b in re.findall(r"'([^']+)'|(\d+)", expected)]
    if isinstance(value, str) and value in names:
        return f"is a text; it must be the number {value}, without quotes."
    if isinstance(value, str):
        return unknown("it", _cut(value), names).removeprefix("it ")
    return f"is {_short(value)}; allowed: {', '.join(names)}."


def _extra_site(muscle: str, detail: ErrorDetails) -> str:
    table = tomllib.loads((files("scenarios") / "data" / "preempt_sites.toml").read_text("utf-8"))
    most = table["follow_the_pain"]["most_extra"]
    if muscle in most:
        return f"must be a whole number, or {{ left = 1, right = 0 }}; it is {_short(detail['input'])}."
    limits = f"At most: {', '.join(f'{name} {number}' for name, number in most.items())}."
    if muscle in table["groups"]:
        return f"{muscle} takes no extra site. {limits}"
    return f"{unknown('muscle', _cut(muscle), most)} {limits}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _short(value: Any) -> str:
    return _cut(_toml(value, DEEPEST))


def _toml(value: Any, depth: int) -> str:
    """Return a value as it is written in TOML, what lies too deep left out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return "a number of too many digits"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(v, depth - 1) for v in value[:LONGEST]) if depth else '...'}]"
    if isinstance(value, Mapping):
        rows = (f"{k} = {_toml(v, depth - 1)}" for k, v in list(value.items())[:LONGEST])
        return f"{{ {', '.join(rows) if depth else '...'} }}"
    return repr(value)


def _known_path(location: tuple[str | int, ...], table: Any) -> KeyPath:
    """Return the part of pydantic's location that exists in the file: no names of unions, no missing key."""
    path: KeyPath = ()
    for part in location:
        inside = part in table if isinstance(table, Mapping) else isinstance(table, list) and part in range(len(table))
        if inside:
            table = table[part]
            path = (*path, part)
    return path
