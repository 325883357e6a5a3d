"""The scanner's table, `sim/data/scanner.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any


@cache
def scanner_table() -> Mapping[str, Any]:
    """Return the parsed file."""
    return MappingProxyType(tomllib.loads(files("sim").joinpath("data/scanner.toml").read_text(encoding="utf-8")))
