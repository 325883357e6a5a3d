"""The landmarks of an anatomy as rows of a table: number, how sure each is, how it was found, and whether it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.points import load_table
from meshes.real_correct import APPROVED, BY_HAND, known_landmarks
from meshes.real_landmarks import to_ask
from meshes.terms import split_key

Array = NDArray[np.float64]
Band = Literal["asked", "unsure", "fair", "sure", "hand", "model"]
FAIR = 0.75  # a confidence from which a point is drawn as sure
FOLLOWS, MODEL = "follows from the others", "of the model itself"


@dataclass(frozen=True, eq=False)
class Row:
    """One landmark.

    Parameters
    ----------
    number : int
        Of its unsided name.
    name : str
    point_mm : (3,) array
        RAS, mm, in the anatomy's frame.
    confidence : float or None
        0 to 1; None for one that follows from the others.
    how : str
        In words.
    asked : bool
        Whether a person should look at it.
    """

    number: int
    name: str
    point_mm: Array
    confidence: float | None
    how: str
    asked: bool

    @property
    def x(self) -> float:
        """To the patient's right, mm."""
        return float(self.point_mm[0])

    @property
    def y(self) -> float:
        """Forward, mm."""
        return float(self.point_mm[1])

    @property
    def z(self) -> float:
        """Up, mm."""
        return float(self.point_mm[2])

    @property
    def sure(self) -> str:
        """The confidence as it is written."""
        return "" if self.confidence is None else f"{self.confidence:.2f}"

    @property
    def band(self) -> Band:
        """How it is drawn."""
        if self.confidence is None:
            return "model"
        if self.how == BY_HAND or self.how.startswith(APPROVED):
            return "hand"
        if self.asked:
            return "asked"
        least = load_table("real_landmarks")["confidence"]["ask_below"]
        return "unsure" if self.confidence < least else "fair" if self.confidence < FAIR else "sure"

    def told(self) -> dict[str, Any]:
        """Return what a program is told."""
        at = [round(v, 3) for v in (self.x, self.y, self.z)]
        said = {"number": self.number, "name": self.name, "point_mm": at, "confidence": self.confidence}
        return said | {"how": self.how, "asked": self.asked}


def rows_of(anatomy: Anatomy) -> list[Row]:
    """Return the landmarks: those that are asked for, the least sure first, then those that were found, then the rest.

    Both sides of a landmark have one number; found ones are numbered first.
    """
    known = known_landmarks(anatomy, look=True)
    asked = to_ask(known)
    rest = [n for n in anatomy.landmarks if n not in known]
    names = [*asked, *(n for n in known if n not in asked), *rest]
    numbers = {bare: i for i, bare in enumerate(dict.fromkeys(split_key(n)[0] for n in [*known, *rest]), 1)}
    rows = []
    for name in names:
        found = known.get(name)
        how = found.how if found else FOLLOWS if known else MODEL
        sure = None if found is None else found.confidence
        rows.append(Row(numbers[split_key(name)[0]], name, np.asarray(anatomy.landmark(name)), sure, how, name in asked))
    return rows
