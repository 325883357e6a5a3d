"""What setting landmarks by hand has changed for a block of the greater occipital nerve, in plain words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from meshes.measure import Subject, at_nuchal_line
from meshes.model import Anatomy
from scenarios.occipital import NERVE, medial_third_point

Array = NDArray[np.float64]
SIDES = ("right", "left")


def effects(before: Anatomy, after: Anatomy) -> list[str]:
    """Return the estimated error, and how far site and nerve have moved, a line for each; without what cannot be measured.

    Nothing is returned where no landmark has moved.

    Parameters
    ----------
    before, after : Anatomy
        Of the same person, in the same frame.
    """
    if all(n in before.landmarks and np.array_equal(before.landmarks[n], p) for n, p in after.landmarks.items()):
        return []
    return [t for t in (_error(before, after), _site(before, after), _nerve(before, after)) if t]


def _error(before: Anatomy, after: Anatomy) -> str:
    now, was = after.meta.get("tre_mm"), before.meta.get("tre_mm")
    if now is None:
        return ""
    ninth = after.meta.get("tre_90_mm")
    wide = f", nine in ten within {float(ninth):.1f} mm" if ninth is not None else ""
    then = f" (was {float(was):.1f} mm)" if was is not None else ""
    return f"Estimated error of what is carried over: {float(now):.1f} mm{then}{wide}."


def _site(before: Anatomy, after: Anatomy) -> str:
    far = _moved(before, after, lambda a, side: medial_third_point(a, side).skin_point)
    return f"Site at the medial third of the line from inion to mastoid: moved {far}." if far else ""


def _nerve(before: Anatomy, after: Anatomy) -> str:
    far = _moved(before, after, lambda a, side: at_nuchal_line(Subject(a), NERVE, side))
    return f"Greater occipital nerve at the superior nuchal line: moved {far}." if far else ""


def _moved(before: Anatomy, after: Anatomy, place: Callable[[Anatomy, str], Array]) -> str:
    """How far a place of each side has moved, in words; '' if one of them cannot be told."""
    try:
        far = {s: float(np.linalg.norm(place(after, s) - place(before, s))) for s in SIDES}
    except (KeyError, ValueError):
        return ""
    return ", ".join(f"{mm:.1f} mm ({side})" for side, mm in far.items())
