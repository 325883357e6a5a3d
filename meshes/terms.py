"""Anatomical terms: keys, Terminologia Anatomica names, ids, aliases, from `data/terms.toml`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from meshes._check import check_choice
from meshes.points import load_table

SIDES = ("left", "right")


@dataclass(frozen=True)
class Term:
    """One unsided term.

    Parameters
    ----------
    key : str
        English term in snake case.
    ta2, latin, plain : str
        English and Latin terms, and plain words for a patient.
    kind, tissue : str
        Class of structure, and class of tissue for physics.
    paired : bool
        Whether there is one on each side.
    fma : mapping of side to int
        Foundational Model of Anatomy ids, where known.
    aliases : tuple of str
        Clinical words and abbreviations, for search only.
    """

    key: str
    ta2: str
    latin: str
    plain: str
    kind: str
    tissue: str
    paired: bool
    fma: Mapping[str, int]
    aliases: tuple[str, ...]


@cache
def terms() -> Mapping[str, Term]:
    """Return every term by its key, in catalogue order."""
    out = {}
    for key, row in load_table("terms").items():
        if not isinstance(row, dict):
            continue
        out[key] = Term(
            key, row["ta2"], row["latin"], row["plain"], row["kind"], row["tissue"], row["paired"],
            MappingProxyType(row.get("fma", {})), tuple(row.get("aliases", ())),
        )  # fmt: skip
    return MappingProxyType(out)


def split_key(key: str) -> tuple[str, str]:
    """Return (unsided key, side) of a structure's key; side is 'median' where none is written."""
    for side in SIDES:
        if key.endswith(f"_{side}"):
            return key.removesuffix(f"_{side}"), side
    return key, "median"


def find_keys(name: str, available: Collection[str]) -> list[str]:
    """Return the keys among `available` that `name` means.

    `name` may be a key, an unsided key (both sides), or an alias with or without a side.

    Raises
    ------
    ValueError
        If nothing is meant; the message names the nearest names.
    """
    if name in available:
        return [name]
    base, side = split_key(name)
    base = _alias_table().get(base, base)
    wanted = [base] if side == "median" else []
    wanted += [f"{base}_{s}" for s in SIDES if side in ("median", s)]
    found = [k for k in wanted if k in available]
    if not found:
        check_choice("structure", name, [*available, *sorted({split_key(k)[0] for k in available}), *_alias_table()])
    return found


@cache
def _alias_table() -> Mapping[str, str]:
    return {alias: term.key for term in terms().values() for alias in term.aliases}
