"""From the names that a scenario uses to keys of structures: groups, clinical names, patterns."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from meshes._check import unknown
from meshes.terms import SIDES, find_keys, split_key, terms


@cache
def groups() -> Mapping[str, tuple[str, ...]]:
    """Return the unsided keys of every group of `data/groups.toml`."""
    table = tomllib.loads((files("scenarios") / "data" / "groups.toml").read_text("utf-8"))
    out = {}
    for name, row in table.items():
        if isinstance(row, dict):
            kinds = row.get("kinds", ())
            out[name] = tuple(row.get("members", ())) or tuple(t.key for t in terms().values() if t.kind in kinds)
    return MappingProxyType(out)


@cache
def procedure_names() -> tuple[str, ...]:
    """Return the keys of the shipped procedure files, sorted, without reading the files."""
    folder = files("scenarios") / "data" / "procedures"
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


@cache
def catalogue() -> tuple[str, ...]:
    """Return every key that an anatomy may hold, with its side."""
    return tuple(k for t in terms().values() for k in ([f"{t.key}_{s}" for s in SIDES] if t.paired else [t.key]))


def select(names: Iterable[str], available: Collection[str], *, side: str = "both") -> list[str]:
    """Return the keys that `names` mean, each once, in the order of `available`.

    Parameters
    ----------
    names : iterable of str
        Keys with or without side, clinical names, groups (also with a side: 'suboccipital_right'), patterns with '*'.
    available : collection of str
        Keys to choose from.
    side : {'left', 'right', 'both'}
        Keep only those of one side, and those of the midline.

    Raises
    ------
    ValueError
        If a name means nothing; the message names the nearest.
    """
    found = {key for name in names for key in select_one(name, available)}
    return [k for k in available if k in found and (side == "both" or split_key(k)[1] in (side, "median"))]


def select_one(name: str, available: Collection[str]) -> list[str]:
    """Return the keys that one name means; raises ValueError if there are none."""
    if any(sign in name for sign in "*?["):
        found = [k for k in available if fnmatchcase(k, name)]
        if not found:
            raise ValueError(f"The pattern {name!r} fits no structure.")
        return found
    group, side = (name, "median") if name in groups() else split_key(name)
    if group in groups():
        wanted = set(groups()[group])
        return [k for k in available if split_key(k)[0] in wanted and (side == "median" or split_key(k)[1] in (side, "median"))]
    try:
        return find_keys(name, available)
    except ValueError:
        unsided = {split_key(k)[0] for k in available}
        aliases = {a for t in terms().values() for a in t.aliases}
        raise ValueError(unknown("structure", name, [*available, *sorted(unsided | aliases), *groups()])) from None
