"""The JSON Schema of scenario files, for editors: `python -m scenarios.schema` writes it anew."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from scenarios.model import Scenario

NAME = "scenario.schema.json"


def schema_text() -> str:
    """Return the JSON Schema that the types of `scenarios.model` publish."""
    schema = Scenario.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Inion scenario"} | schema
    schema["title"] = "Inion scenario"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_path() -> Path:
    """Return where the published schema is kept."""
    return Path(str(files("scenarios") / "data" / NAME))


if __name__ == "__main__":
    schema_path().write_text(schema_text(), encoding="utf-8")
