"""What was read, understood: which structure each part is, its unit and frame, right or mirrored; then mended and joined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.importing.mapping import check_key, guesses
from meshes.importing.mending import HEAP, as_it_was, mended
from meshes.importing.naming import Guess, Role, known_keys
from meshes.importing.orientation import (
    MM,
    SKULL,
    THE_FILE,
    TO_RAS,
    WORDS,
    YOU,
    Seat,
    check_skull,
    check_unit,
    frame_of,
    level_of,
    seated,
    unit_of,
)
from meshes.importing.pieces import open_edges
from meshes.importing.raw import FRAMES, UNITS, ImportFault, RawPart, RawParts
from meshes.importing.sides import check_mirrored, check_places, placed, sided
from meshes.model import SurfaceMesh, joined_meshes, mirrored_mesh
from meshes.points import FLIP
from meshes.real_dress import outward
from meshes.real_fit import Similarity
from meshes.real_parts import RealPart, RealParts
from meshes.terms import split_key, terms

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Named:
    """A part with what it seems to be; its surface is mended and in mm once its unit is known."""

    raw: RawPart
    guess: Guess
    mesh: SurfaceMesh | None = None

    @property
    def key(self) -> str | None:
        return self.guess.key if self.guess.taken else None

    @property
    def surface(self) -> SurfaceMesh:
        assert self.mesh is not None
        return self.mesh


def understood(
    raw: RawParts,
    *,
    mapping: Mapping[str, str] | None = None,
    unit: str | None = None,
    frame: str | None = None,
    mirrored: bool = False,
) -> RealParts:
    """Return the surfaces of a person, named, in RAS and mm, mended.

    Parameters
    ----------
    raw : RawParts
    mapping : mapping of str to str, optional
        Structure of each part, by its origin or its name; '' leaves it out. Parts that it does not hold are left out. Without
        it names are guessed, and what is only proposed is not used.
    unit : {'mm', 'cm', 'm'}, optional
    frame : {'ras', 'lps', 'y-up'}, optional
        Of all files, where they do not tell, or tell it wrong.
    mirrored : bool
        Whether right and left are swapped in the files and shall be changed back.

    Raises
    ------
    ImportFault
        If two parts claim one name, there is no skull or none with a base, unit or frame cannot be told or are not as they
        are told, right and left are swapped and it is not told, or parts are of several frames.
    """
    for name, value, allowed in (("unit", unit, UNITS), ("frame", frame, FRAMES)):
        if value is not None and value not in allowed:
            raise ImportFault(f"{name} is {value!r}; it must be {', '.join(allowed[:-1])} or {allowed[-1]}.")
    parts = _named(raw, mapping)
    _check_names(parts)
    skull = _skull(parts)
    home = skull[0].raw
    size, said = _size(skull, unit or home.unit, "--unit" if unit else THE_FILE)
    work = _Work(parts, unit, size)
    parts = [work.mended(p) for p in parts]
    seat = seated(joined_meshes([p.surface for p in parts if p.key == SKULL and _home(p.raw, home)]))
    check_skull(seat)
    axes, known, how = frame_of(seat, frame or home.frame, YOU if frame else THE_FILE)
    parts = [_in_ras(p, axes, frame, home) for p in parts]
    way = Similarity(seat.way.turn @ axes.T, seat.way.scale, seat.way.shift)
    places = [(placed(p.raw.name, p.key, p.surface, way), p.guess.role) for p in parts if p.key and p.key != SKULL]
    sides = check_mirrored([place for place, _ in places], way, mirrored)
    far = check_places([place for place, role in places if role == "whole"], way, mirrored)
    parts, lone = _sided(parts, way, mirrored)
    turn = _level(seat, axes, mirrored)
    out, left = _together(parts, work.unrepaired)
    made = tuple(replace(p, mesh=_laid(p.mesh, turn, mirrored)) for p in out)
    told = (said, how, sides, *far, *lone, *left, *_proposed(parts))
    return RealParts(made, told, work.changes, work.unrepaired, size, known, mirrored, turn)


def _named(raw: RawParts, mapping: Mapping[str, str] | None) -> list[_Named]:
    found = guesses(raw)
    if mapping is None:
        return [_Named(p, found[p.origin]) for p in raw.parts]
    known = {p.origin for p in raw.parts} | {p.name for p in raw.parts}
    strange = [name for name in mapping if name not in known]
    if strange:
        raise ImportFault(f"the mapping names {strange[0]!r}, and no part has that name; see how the files name it.")
    out = []
    for part in raw.parts:
        key = mapping.get(part.origin, mapping.get(part.name, ""))
        check_key(f"the mapping of {part.name}", key)
        role: Role = "piece" if key.endswith("+") else _role(found[part.origin], key)
        words = (part.origin,) if key.endswith("+") else found[part.origin].words
        out.append(_Named(part, Guess(key.removesuffix("+") or None, "by the mapping", 1.0, role, words)))
    return out


def _role(found: Guess, key: str) -> Role:
    """What a part is of its structure: as its name tells, if the name tells the same structure."""
    return found.role if found.key and split_key(found.key)[0] == split_key(key)[0] else "whole"


def _check_names(parts: Sequence[_Named]) -> None:
    """Refuse two parts that claim one name; of a pair without sides it is their places that tell them apart."""
    wholes, pieces = dict[str, _Named](), dict[tuple[str, ...], _Named]()
    for part in parts:
        if part.key is None or (part.guess.role == "whole" and part.key in terms() and terms()[part.key].paired):
            continue
        taken: dict[Any, _Named] = wholes if part.guess.role == "whole" else pieces
        mark = part.key if part.guess.role == "whole" else (part.key, part.guess.role, *part.guess.words)
        if mark in taken:
            raise ImportFault(_claimed(taken[mark], part))
        taken[mark] = part
    for part in parts:
        if part.key in wholes and part.guess.role == "piece":
            raise ImportFault(_claimed(wholes[part.key], part))


def _claimed(one: _Named, other: _Named) -> str:
    where = f"{one.raw.name} ({one.raw.origin}) and {other.raw.name} ({other.raw.origin})"
    cure = f'write "{other.key}+" in the mapping file if they belong together, or "" for the one that is not wanted'
    return f"two parts claim to be {other.key}: {where}; {cure}."


def _skull(parts: Sequence[_Named]) -> list[_Named]:
    """The parts of the skull that are of one unit and frame by what the files tell."""
    skull = [p for p in parts if p.key == SKULL]
    if not skull:
        raise ImportFault(
            "no part is the skull, and without a skull base the head has no frame; name one 'cranium' in the mapping file, "
            "or add a skull to the files."
        )
    return [p for p in skull if _home(p.raw, skull[0].raw)]


def _home(part: RawPart, home: RawPart) -> bool:
    return (part.unit, part.frame) == (home.unit, home.frame)


def _size(skull: Sequence[_Named], told: str | None, teller: str) -> tuple[str, str]:
    """The unit of the skull, and how it is known, a sentence."""
    joined = joined_meshes([SurfaceMesh(p.raw.vertices.copy(), p.raw.faces.copy(), p.raw.vertices.copy()) for p in skull])
    if told is None:
        unit, said = unit_of(joined.vertices_mm, joined.faces)
        return unit, f"The unit is {WORDS[unit]}: {said}."
    said = check_unit(told, joined.vertices_mm, joined.faces, teller)
    return told, f"{teller[:1].upper()}{teller[1:]} says {WORDS[told]}, and {said}."


class _Work:
    """Mends parts, and keeps what was changed and what stays wrong, by origin."""

    def __init__(self, parts: Sequence[_Named], unit: str | None, size: str) -> None:
        self.unit, self.size = unit, size
        self.changes: dict[str, tuple[str, ...]] = {}
        self.unrepaired: dict[str, str] = {}

    def mended(self, part: _Named) -> _Named:
        """A part in mm, mended if it is used."""
        points = part.raw.vertices * MM[self.unit or part.raw.unit or self.size]
        faces = np.asarray(part.raw.faces, dtype=np.int64)
        if part.key is None:
            return replace(part, mesh=outward(points, faces))
        own = as_it_was(points, faces) if part.raw.key in known_keys() else None  # an export of Inion
        if own is not None:
            return replace(part, mesh=own)
        mesh, changes, wrong = mended(points, faces)
        if not len(mesh.faces) or wrong == HEAP:
            raise ImportFault(f"{part.raw.origin}: {wrong}; leave it out or export it again.")
        if changes:
            self.changes[part.raw.origin] = changes
        if wrong:
            self.unrepaired[part.raw.origin] = wrong
        return replace(part, mesh=mesh)


def _in_ras(part: _Named, axes: Array, frame: str | None, home: RawPart) -> _Named:
    """A part in RAS: by the skull's axes, or by what its own file tells."""
    own = part.raw.frame
    turn = axes if frame or own is None or own == home.frame else TO_RAS[own]
    return replace(part, mesh=_turned(part.surface, turn))


def _turned(mesh: SurfaceMesh, turn: Array) -> SurfaceMesh:
    if np.array_equal(turn, np.eye(3)):
        return mesh
    return SurfaceMesh(mesh.vertices_mm @ turn.T, mesh.faces, mesh.normals @ turn.T)


def _level(seat: Seat, axes: Array, mirrored: bool) -> Array:
    """The turn that levels the head, for points of which right and left were changed back already."""
    turn = level_of(seat, axes)
    return np.diag(FLIP) @ turn @ np.diag(FLIP) if mirrored else turn


def _laid(mesh: SurfaceMesh, turn: Array, mirrored: bool) -> SurfaceMesh:
    if mirrored:
        mesh = mirrored_mesh(mesh)
    return _turned(mesh, turn)


def _sided(parts: Sequence[_Named], way: Similarity, mirrored: bool) -> tuple[list[_Named], list[str]]:
    """Paired structures without a side given one by their place, or parted at the middle."""
    out, told = list[_Named](), list[str]()
    taken = {p.key for p in parts if p.key}
    for part in parts:
        key = part.key
        if key is None or key not in terms() or not terms()[key].paired:
            out.append(part)
            continue
        found = sided(key, part.surface, way, mirrored)
        if found is None:
            told.append(f"{part.raw.name} is one piece over the middle and cannot be parted into right and left; it is left out.")
            out.append(replace(part, guess=Guess(None, "left out", 0.0)))
            continue
        for key, mesh in found:
            if key in taken and part.guess.role == "whole":
                place = f"{part.raw.name} ({part.raw.origin}) by its place"
                raise ImportFault(f"two parts claim to be {key}: {place}, and another by its name or place; leave one out.")
            out.append(_Named(part.raw, replace(part.guess, key=key), mesh))
        if part.guess.role == "whole":
            taken |= {key for key, _ in found}
        told.append(f"{part.raw.name} has no side in its name; by its place it is {' and '.join(k for k, _ in found)}.")
    return out, told


def _together(parts: Sequence[_Named], wrong: Mapping[str, str]) -> tuple[list[RealPart], list[str]]:
    """Parts of one structure put together; those that enclose nothing left out."""
    groups = dict[str, list[_Named]]()
    out, told = list[RealPart](), list[str]()
    for part in parts:
        torn = part.key is not None and part.key != SKULL and len(open_edges(part.surface.faces))
        if torn:
            told.append(f"{part.raw.name} is not used: {wrong.get(part.raw.origin, 'it is open')}, so it encloses nothing.")
        if part.key is None or torn:
            out.append(RealPart(part.raw.name, None, part.surface, part.raw.colour, part.raw.origin))
        else:
            groups.setdefault(part.key, []).append(part)
    for key, group in groups.items():
        names, every = _listed(dict.fromkeys(p.raw.name for p in group)), tuple(dict.fromkeys(p.raw.origin for p in group))
        if len(group) > 1:
            told.append(f"{key} is put together from {len(group)} parts: {_listed(p.raw.name for p in group)}.")
        out.append(RealPart(names, key, joined_meshes([p.surface for p in group]), group[0].raw.colour, _listed(every), every))
    return out, told


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:4]) + (f" and {len(every) - 4} more" if len(every) > 4 else "")


def _proposed(parts: Sequence[_Named]) -> list[str]:
    """What is not used because its name is not sure."""
    return [
        f"{p.raw.name} may be {p.guess.key} ({p.guess.how}); it is not used unless the mapping file says so."
        for p in parts
        if p.guess.key is not None and not p.guess.taken
    ]
