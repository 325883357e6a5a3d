"""What is corrected by hand before it is saved: landmarks that were moved or approved, and whether each move could be kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.points import load_table
from meshes.real_bounds import SECTION, Refusal, refused, surface_of
from meshes.real_correct import approved, corrected, known_landmarks, own_parts
from meshes.terms import split_key
from sim.landmark_rows import Row
from sim.landmark_sheet import BONY, named

Array = NDArray[np.float64]
SKIN = "skin"


@dataclass(frozen=True)
class _State:
    """What one undo brings back."""

    moved: Mapping[str, Array] = field(default_factory=dict)
    approved: frozenset[str] = frozenset()


class Corrections:
    """The landmarks of a person's bones and skin, and what was done to them.

    Parameters
    ----------
    anatomy : Anatomy
        Of a person.
    rows : sequence of Row
        Of `rows_of`: those to be looked at come first.
    """

    def __init__(self, anatomy: Anatomy, rows: Sequence[Row]) -> None:
        self.anatomy = anatomy
        shown = {k for k in own_parts(anatomy) if anatomy[k].kind in BONY} | {SKIN}
        self.surface = {r.name: surface_of(anatomy, r.name) or "" for r in rows}
        self.rows = tuple(r for r in rows if self.surface[r.name] in shown and SECTION not in r.name)
        self.row = {r.name: r for r in self.rows}
        self._known = known_landmarks(anatomy)
        self._now, self._past = _State(), list[_State]()
        self._refused: dict[str, Refusal] = {}

    @property
    def count(self) -> int:
        """How many landmarks were moved or approved."""
        return len(self._now.moved) + len(self._now.approved)

    @property
    def moved(self) -> tuple[str, ...]:
        """Names of those that were moved."""
        return tuple(self._now.moved)

    @property
    def approved(self) -> frozenset[str]:
        """Names of those that were approved."""
        return self._now.approved

    def at(self, name: str) -> Array:
        """Return where a landmark lies now (3,), mm RAS."""
        return self._now.moved.get(name, self.row[name].point_mm)

    def far_mm(self, name: str) -> float:
        """Return how far a landmark was moved, mm."""
        return float(np.linalg.norm(self.at(name) - self.row[name].point_mm))

    def place(self, name: str, point_mm: Array) -> None:
        """Move a landmark."""
        moved = {**self._now.moved, name: point_mm}
        if np.linalg.norm(point_mm - self.row[name].point_mm) <= load_table("corrections")["same"]["within_mm"]:
            del moved[name]
        self._do(_State(moved, self._now.approved - {name}))

    def approve(self, name: str) -> str:
        """Say that a landmark is right where it is, or no longer; return in words why not where that cannot be."""
        row = self.row[name]
        if name in self._now.moved:
            return "It was moved: what you set by hand needs no approval. U undoes the move."
        if row.confidence is None:
            return "It follows from the others; there is nothing to approve. It can be moved."
        if row.band == "hand":
            return "It was set or approved by hand before."
        self._do(_State(self._now.moved, self._now.approved ^ {name}))
        return ""

    def undo(self) -> str | None:
        """Take the last step back; return the name of the landmark that it changed, None if there was none."""
        if not self._past:
            return None
        was, self._now = self._now, self._past.pop()
        self._check()
        changed = set(was.moved) ^ set(self._now.moved) or was.approved ^ self._now.approved
        changed = changed or {n for n in was.moved if was.moved[n] is not self._now.moved[n]}
        return min(changed)

    def refusal(self, name: str = "") -> str:
        """Return in words why a move could not be kept, '' if it could; of all moves together where no name is given."""
        held = self._refused.get(name) if name else next(iter(self._refused.values()), None)
        if held is None:
            return ""
        text = held.what
        for key in sorted(self.row, key=len, reverse=True):
            text = text.replace(key, title_of(key))
        return f"{text[:1].upper()}{text[1:]}."

    def change(self) -> Callable[[Anatomy], Anatomy]:
        """Return what is to be done to the anatomy that is kept: points set by hand, then others approved."""
        now = self._now

        def done(anatomy: Anatomy) -> Anatomy:
            after = corrected(anatomy, now.moved) if now.moved else anatomy
            return approved(after, sorted(now.approved)) if now.approved else after

        return done

    def _do(self, state: _State) -> None:
        self._past.append(self._now)
        self._now = state
        self._check()

    def _check(self) -> None:
        self._refused = refused(self.anatomy, self._now.moved, self._known) if self._now.moved else {}


def title_of(name: str) -> str:
    """Return a landmark's name in words, with its side."""
    bare, side = split_key(name)
    words = named(bare.replace("_skin", "_on_skin"))
    return f"{words[:1].upper()}{words[1:]}{'' if side == 'median' else f' ({side})'}"


def told_lines(made: Corrections) -> tuple[str, ...]:
    """Return what was done, a line for each landmark."""
    moved = (f"Set by hand: {title_of(n)}, {made.far_mm(n):.1f} mm from where it was." for n in made.moved)
    return (*moved, *(f"Approved: {title_of(n)}." for n in sorted(made.approved)))
