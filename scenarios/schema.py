"""The JSON Schema of scenario files, for editors: `python -m scenarios.schema` writes it anew."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from scenarios.model import Scenario

NAME = "scenario.schema.json"
NULL = {"type": "null"}


def schema_text() -> str:
    """Return the JSON Schema that the types of `scenarios.model` publish."""
    schema = without_null(Scenario.model_json_schema(by_alias=True))
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "Inion scenario"}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_path() -> Path:
    """Return where the published schema is kept."""
    return Path(str(files("scenarios") / "data" / NAME))


def without_null(node: Any) -> Any:
    """TOML has no null: a key that is not given is left out."""
    if isinstance(node, list):
        return [without_null(item) for item in node if item != NULL]
    if not isinstance(node, dict):
        return node
    out = {key: without_null(value) for key, value in node.items() if not (key == "default" and value is None)}
    choices = out.get("anyOf")
    if isinstance(choices, list) and len(choices) == 1:
        del out["anyOf"]
        out = choices[0] | out
    return out


if __name__ == "__main__":
    schema_path().write_text(schema_text(), encoding="utf-8")
