"""The scanner's table, `sim/data/scanner.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.tables import table


def scanner_table() -> Mapping[str, Any]:
    """Return the parsed file."""
    return table("scanner")
