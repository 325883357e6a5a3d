"""What pydantic finds wrong with a table of some format, told in one line for each place at fault."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from meshes._check import unknown
from scenarios.faults import KeyPath, Origin

SHORTENED = 60


def faults_of(error: ValidationError, model: type[BaseModel], origin: Origin) -> list[str]:
    """Return one line for each place at fault in a file of the format `model`; what holds a deeper fault is left out."""
    found = [(detail, tuple(detail["loc"])) for detail in error.errors(include_url=False)]
    deepest = [(d, p) for d, p in found if not any(len(q) > len(p) and q[: len(p)] == p for _, q in found)]
    lines = (origin.fault(p[:-1] if d["type"] == "missing" else p, _message(d, p, model)) for d, p in deepest)
    return list(dict.fromkeys(lines))


def keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that the table at `path` of a format may have."""
    for part in path:
        inner = next((f for n, f in model.model_fields.items() if (f.alias or n) == part), None)
        model = (_model_in(inner.annotation) or model) if inner is not None else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _message(detail: ErrorDetails, path: KeyPath, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown("key", str(path[-1])[:SHORTENED], keys_at(model, path[:-1]))
    if detail["type"] == "missing":
        return f"the key {str(path[-1])!r} is missing."
    if detail["type"] == "value_error":
        return str(detail.get("ctx", {}).get("error", detail["msg"]))
    value = repr(detail["input"])
    short = value if len(value) <= SHORTENED else f"{value[:SHORTENED]}..."
    words = detail["msg"].removeprefix("Input should ").removeprefix("Value should ").removeprefix("Tuple should ")
    return f"must {words}; it is {short}."


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for a in get_args(annotation) if (m := _model_in(a)) is not None), None)
