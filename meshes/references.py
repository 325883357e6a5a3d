"""The bibliography: `data/references.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from meshes._check import unknown
from meshes.points import load_table

_INITIALS = re.compile(r"(\s+[A-Z](\.?-?[A-Z])*\.?)+$")


def reference(key: str) -> Mapping[str, Any]:
    """Return one entry. Raises ValueError naming the nearest keys."""
    table = load_table("references")
    row = table.get(key)
    if not isinstance(row, Mapping):
        raise ValueError(unknown("source", key, [k for k, v in table.items() if isinstance(v, Mapping)]))
    return row


def short_citation(key: str) -> str:
    """Return an entry as a reader expects it in a caption: 'Kim 2018'."""
    row = reference(key)
    if "short" in row:
        return str(row["short"])
    name = _INITIALS.sub("", re.split(r",| et al\.| and | & ", str(row["authors"]))[0].strip())
    return f"{name} {row['year']}" if "year" in row else name


def short_citations(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the short citations of `keys`, each once, in order."""
    return tuple(dict.fromkeys(short_citation(key) for key in keys))
