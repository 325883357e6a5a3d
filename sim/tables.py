"""The data tables of this package, `sim/data/*.toml`, each read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any


@cache
def table(name: str) -> Mapping[str, Any]:
    """Return a table of `sim/data` by its file name without ending."""
    return MappingProxyType(tomllib.loads(files("sim").joinpath(f"data/{name}.toml").read_text(encoding="utf-8")))
