"""The mapping file: which structure each part is, for a person to read and edit."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from meshes._check import unknown
from meshes.importing.naming import NO_SIDE, Guess, guess, known_keys, side_of_folder
from meshes.importing.raw import ImportFault, RawPart, RawParts
from meshes.terms import terms

MOST_BYTES = 4_000_000
HEAD = """\
# Which structure each part is. Write the key of a structure, or "" to leave the part out.
# A pair in one part ("trapezius" without a side) is parted at the middle; a part without a side gets it from its place.
# "cranium+" puts a part together with the others of that structure; without the +, two parts of one name are refused.
# All keys: inion list structures. Lines with PROPOSED are guesses too weak to be taken without you.
schema = 1

[parts]
"""


def handle(part: RawPart, raw: RawParts) -> str:
    """Return what a mapping calls a part: its name, or its origin where another has that name too."""
    return part.name if part.name and Counter(p.name for p in raw.parts)[part.name] == 1 else part.origin


def guesses(raw: RawParts) -> dict[str, Guess]:
    """Return what each part seems to be, by its origin; what the file itself tells comes first."""
    known = set(known_keys())
    told = {p.origin: Guess(p.key, "told by the file", 1.0) for p in raw.parts if p.key in known}
    return {p.origin: told.get(p.origin) or _by_folder(guess(p.name), p) for p in raw.parts}


def _by_folder(found: Guess, part: RawPart) -> Guess:
    """A guess with the side that the nearest of the part's folders tells, if its name tells none."""
    if found.key is None or found.key not in terms() or not terms()[found.key].paired:
        return found
    *folders, _ = part.origin.split("/")
    side = next((s for s in map(side_of_folder, reversed(folders)) if s), None)
    if side is None:
        return found
    how = f"{found.how.removesuffix(NO_SIDE)}; its side by its folder"
    return replace(found, key=f"{found.key}_{side}", how=how, words=(*found.words[:-1], side))


def mapping_text(raw: RawParts, found: Mapping[str, Guess] | Sequence[Guess] | None = None) -> str:
    """Return the text of a mapping file with the guesses, TOML.

    Parameters
    ----------
    raw : RawParts
    found : mapping of str to Guess, or sequence of Guess, optional
        By origin or name, or in the order of the parts; what the file itself tells of a part comes first.
    """
    own = guesses(raw)
    if found is not None and not isinstance(found, Mapping):
        found = dict(zip((p.origin for p in raw.parts), found, strict=True))
    found = own if found is None else {**found, **{o: g for o, g in own.items() if g.sure == 1.0}}
    lines = []
    for part in raw.parts:
        it = found.get(part.origin) or found.get(part.name) or guess(part.name)
        key = it.key if it.taken and it.key else ""
        said = f"{it.how} ({it.sure:.0%} sure)" if it.key else it.how
        if it.key and not it.taken:
            said = f"PROPOSED {it.key}: {said}"
        if handle(part, raw) != part.origin:
            said += f"; {part.origin}"
        lines.append(f"{_quoted(handle(part, raw))} = {_quoted(key)} # {_plain(said)}")
    return HEAD + "\n".join(lines) + "\n"


def read_mapping(path: str | Path) -> dict[str, str]:
    """Return a mapping file's structures by part; '' for what is left out.

    Raises
    ------
    ImportFault
        If it cannot be read, is no mapping, or names a structure that is not known: the nearest are told.
    """
    try:
        with Path(path).open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise ImportFault(f"{path}: cannot be read ({error.strerror or error}).") from error
    if len(data) > MOST_BYTES:
        raise ImportFault(f"{path} is too large for a mapping file.")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ImportFault(f"{path} is no TOML file: {_plain(str(error))}.") from error
    rows = table.get("parts")
    if table.get("schema") != 1 or not isinstance(rows, dict):
        raise ImportFault(f"{path} is no mapping file: it needs schema = 1 and a table [parts]; import without --map writes one.")
    for part, key in rows.items():
        if not isinstance(key, str):
            raise ImportFault(f'{path}: {part!r} must be the key of a structure in quotes, or "" to leave it out.')
        check_key(f"{path}: {_plain(part)}", key)
    return dict(rows)


def check_key(where: str, key: str) -> None:
    """Raise ImportFault if a part is given a structure that is not known; '' is none."""
    if key and key.removesuffix("+") not in set(known_keys()):
        raise ImportFault(unknown(where, key.removesuffix("+"), known_keys()))


def _quoted(text: str) -> str:
    return json.dumps(text.encode("utf-8", "replace").decode("utf-8"), ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(text: str) -> str:
    """One line without signs that steer a terminal or end a comment."""
    return "".join(c if c.isprintable() else " " for c in text)
