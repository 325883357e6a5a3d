"""Names of parts as other programs and people write them: which structure is meant, on which side, and how sure that is."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

from meshes.atlas_files import ATLASES, atlas
from meshes.points import load_table
from meshes.terms import SIDES, split_key, terms

Role = Literal["whole", "piece", "beside"]
Bag = tuple[str, ...]
TAKEN = 0.5  # from here on a guess is used without being asked for
OWN, EXACT, LISTED, IN_DOUBT, HELD, ALIKE = 0.99, 0.95, 0.85, 0.45, 0.4, 0.35  # how sure each way of knowing is
SHORT = 3  # letters of an alias that may be anything
NO_SIDE = "; no side in the name"
LIKENESS = 0.86  # of spellings
FMA = re.compile(r"(?<![a-z])fma[\s_:.-]*(\d{3,6})(?:nsn)?(?![a-z0-9])", re.IGNORECASE)

AGAIN = re.compile(r"\bre (?=export|import|mesh|sampl|slic|seg|touch|work|cut|do)")  # no German side
CAPITALS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # where words that are written together begin


@dataclass(frozen=True)
class Guess:
    """What a name seems to mean.

    Parameters
    ----------
    key : str or None
        The structure. A paired one whose side the name does not tell has none in its key: its place tells. None if not known.
    how : str
        In plain words, why.
    sure : float
        0 to 1. Below `TAKEN` it is a proposal, for the user to confirm.
    role : {'whole', 'piece', 'beside'}
        Whether the part is the structure, one of several that make it, or goes with it.
    words : tuple of str
        What was left of the name, without side: two pieces of the same words and side are one too many.
    """

    key: str | None
    how: str
    sure: float
    role: Role = "whole"
    words: Bag = ()

    @property
    def taken(self) -> bool:
        """Whether it is used without being asked for."""
        return self.key is not None and self.sure >= TAKEN


@dataclass(frozen=True)
class _Meaning:
    key: str | None
    how: str
    sure: float
    role: Role = "whole"


def guess(name: str) -> Guess:
    """Return what the name of a part, a file's stem, a label or a node, means."""
    if known := _by_key(name) or _by_fma(name):
        return known
    words, side = _words(name)
    if not words:
        return Guess(None, "the name tells nothing", 0.0)
    joined, its_side = _words(name, split=False)  # RCPmaj is one word, and so would RC Pmaj be two
    bags = _bags(words)
    for bag, at in [*((b, side) for b in bags), *((b, its_side) for b in _bags(joined))]:
        if bag in _book():
            return _sided(_book()[bag], at, bag)
    return _held(bags[-1], side) or _alike(bags[-1], side) or Guess(None, "not known", 0.0, words=bags[-1])


def side_of_folder(name: str) -> str | None:
    """Return the side that a folder's name tells, if it tells nothing else: 'L. Smith' is no left."""
    words, side = _words(name)
    return None if set(_without_noise(words)) - {"side", "seite"} else side


def known_keys() -> tuple[str, ...]:
    """Return every key that a part may have; paired ones with either side, or without for both in one part."""
    return tuple(k for b, t in terms().items() for k in ((b, *(f"{b}_{s}" for s in SIDES)) if t.paired else (b,)))


def _by_key(name: str) -> Guess | None:
    flat = re.sub(r"[\s.-]+", "_", name.strip().lower())
    return Guess(flat, "Inion's own name", OWN, words=(split_key(flat)[0],)) if flat in set(known_keys()) else None


def _by_fma(name: str) -> Guess | None:
    found = FMA.search(name)
    meaning = _fma_book().get(int(found.group(1))) if found else None
    return None if meaning is None else Guess(meaning.key, meaning.how, meaning.sure, meaning.role, (name,))


def _bags(words: Sequence[str]) -> list[Bag]:
    """The words in order of the alphabet: all, without noise, and without numbers."""
    plain = _without_noise(words)
    return [tuple(sorted(b)) for b in (words, plain, [w for w in plain if not w.isdigit()]) if b]


def _words(name: str, *, split: bool = True) -> tuple[list[str], str | None]:
    """The words of a name, `split` before capitals too, and the side that it tells; none where it tells both."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(c for c in plain if not unicodedata.combining(c)).replace("ß", "ss")
    plain = FMA.sub(" ", plain)
    plain = (CAPITALS.sub(" ", plain) if split else plain).lower()
    plain = AGAIN.sub("re", re.sub(r"[^a-z0-9]+", " ", plain))
    plain = re.sub(r"\b(c|t|th|hw|hwk|bwk)\s*0?([1-9]\d?)\b", r"\1\2", plain)
    plain = re.sub(r"\b(c[1-9]|t[1-9])([ct][1-9])\b", r"\1 \2", plain)
    table = load_table("import_names")
    words, sides = [], set[str]()
    for word in plain.split():
        side = next((s for s in SIDES if word in table["sides"][s]), None)
        if side:
            sides.add(side)
        else:
            words.append(word)
    lone = len(words) == 1  # N. and A. stand for nerve and artery only before a name
    words = [w if lone and len(w) == 1 else table["same"].get(w, w) for w in words]
    return words, sides.pop() if len(sides) == 1 else None


def _without_noise(words: Iterable[str]) -> list[str]:
    noise = set(load_table("import_names")["noise"])
    return [w for w in words if w not in noise]


def _sided(meaning: _Meaning, side: str | None, bag: Bag) -> Guess:
    """A meaning with the side of the name."""
    key, role, how = meaning.key, meaning.role, meaning.how
    if key is not None and terms()[key].paired:
        if side:
            key = f"{key}_{side}"
        else:
            how = f"{how}{NO_SIDE}"
    elif key is not None and side and role == "whole":
        role = "piece"
    return Guess(key, how, meaning.sure, role, (*bag, side or ""))


@cache
def _book() -> Mapping[Bag, _Meaning]:
    """Every phrase as a bag of words, and what it means: the later in this list yields to the earlier."""
    table, out = load_table("import_names"), dict[Bag, _Meaning]()

    def add(phrase: str, meaning: _Meaning) -> None:
        words, _ = _words(phrase)
        for bag in (tuple(sorted(words)), tuple(sorted(_without_noise(words)))):
            if bag:
                out.setdefault(bag, meaning)

    for group, how, sure in (("doubtful", "may mean something else too", IN_DOUBT), ("whole", "a usual name", LISTED)):
        for key, names in table[group].items():
            for name in names:
                add(name, _Meaning(key, how, sure))
    for key, term in terms().items():
        for name in (key, term.ta2, term.latin):
            if name in (key, term.ta2) or _alone(term.latin):
                add(name, _Meaning(key, "its anatomical term", EXACT))
        for alias in term.aliases:
            vague = len(alias) <= SHORT
            add(alias, _Meaning(key, "a short form, may mean something else" if vague else "a usual name",
                                IN_DOUBT if vague else LISTED))  # fmt: skip
    roles: tuple[Role, ...] = ("piece", "beside")
    for role in roles:
        for key, names in table[role].items():
            for name in names:
                add(name, _Meaning(key, f"a part of {key}" if role == "piece" else f"goes with {key}", LISTED, role))
    for meaning, name in _atlas_names():
        add(name, meaning)
    for name in table["none"]["names"]:
        add(name, _Meaning(None, "known, and no structure of Inion", LISTED))
    return MappingProxyType(out)


def _alone(latin: str) -> bool:
    """Whether a Latin term means one structure only: discs and ligaments share theirs."""
    return sum(t.latin == latin for t in terms().values()) == 1


def _atlas_names() -> list[tuple[_Meaning, str]]:
    out = []
    for name in ATLASES:
        for part in atlas(name).parts:
            key, role = _role(name, part.file)
            how = f"a name of {name}" if key else f"a name of {name}, and no structure of Inion"
            out.append((_Meaning(key, how, LISTED, role), part.name))
    return out


@cache
def _role(name: str, file: str) -> tuple[str | None, Role]:
    """The unsided structure of an atlas' file, and what it is of it."""
    parts = atlas(name).parts
    part = next(p for p in parts if p.file == file)
    if not part.key:
        return None, "whole"
    same = [p for p in parts if p.key == part.key]
    base = split_key(part.key)[0]
    if len(same) == 1:
        return base, "whole"
    mains = [p for p in same if set(_words(p.name)[0]) <= set(base.split("_"))]
    if part in mains and len(mains) == 1:
        return base, "whole"
    return base, "beside" if len(mains) == 1 or part.name.endswith("tooth") else "piece"


@cache
def _fma_book() -> Mapping[int, _Meaning]:
    """What each id of the Foundational Model of Anatomy means, with its side."""
    out = dict[int, _Meaning]()
    for name in ATLASES:
        for part in atlas(name).parts:
            found, (_, role) = FMA.search(part.fma), _role(name, part.file)
            if found:
                how = f"its FMA id is that of {part.name}"
                out[int(found.group(1))] = _Meaning(part.key or None, how, EXACT, role)
    for key, term in terms().items():
        for side, number in term.fma.items():
            sided = f"{key}_{side}" if term.paired else key
            out.setdefault(number, _Meaning(sided, f"its FMA id is that of {term.ta2}", EXACT))
    return MappingProxyType(out)


def _held(bag: Bag, side: str | None) -> Guess | None:
    """A proposal: the longest known phrase that stands in the name, if the rest does not make another thing of it."""
    others, have = set(load_table("import_names")["others"]), set(bag)
    fits = [(len(p), m) for p, m in _book().items() if m.key and set(p) < have and not (have - set(p)) & others]
    longest = max((n for n, _ in fits), default=0)
    best = [m for n, m in fits if n == longest]
    if not best or len({m.key for m in best}) > 1:
        return None
    return _sided(_Meaning(best[0].key, "its name stands in a longer one", HELD, best[0].role), side, bag)


def _numbered(bag: Bag) -> list[str]:
    return [w for w in bag if any(c.isdigit() for c in w)]


def _alike(bag: Bag, side: str | None) -> Guess | None:
    """A proposal: the known phrase that is spelt most alike; a number is never another's: L1 is not T1."""
    spelt = {" ".join(p): m for p, m in _book().items() if m.key and len(" ".join(p)) > 4 and _numbered(p) == _numbered(bag)}
    near = difflib.get_close_matches(" ".join(bag), list(spelt), n=1, cutoff=LIKENESS)
    if not near:
        return None
    return _sided(_Meaning(spelt[near[0]].key, f"spelt like '{near[0]}'", ALIKE, spelt[near[0]].role), side, bag)
