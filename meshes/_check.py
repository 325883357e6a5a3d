"""Argument checks: one wording for all errors, with the nearest valid names."""

from __future__ import annotations

import difflib
from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike, NDArray


def nearest(value: str, allowed: Collection[str], n: int = 3) -> list[str]:
    """Return up to `n` allowed names that look like `value`, best first."""
    return difflib.get_close_matches(str(value), list(dict.fromkeys(allowed)), n=n, cutoff=0.5)


def unknown(name: str, value: object, allowed: Collection[str]) -> str:
    """Return the sentence that says `value` is not known and names the nearest ones."""
    near = nearest(str(value), allowed)
    if near:
        hint = "Did you mean " + ", ".join(repr(x) for x in near) + "?"
    else:
        shown = sorted(allowed)[:12]
        more = f" and {len(allowed) - 12} more" if len(allowed) > 12 else ""
        hint = f"Allowed: {', '.join(shown)}{more}."
    return f"{name} is {value!r}, which is not known. {hint}"


def check_choice(name: str, value: str, allowed: Collection[str]) -> str:
    """Return `value` if it is allowed, else raise ValueError naming the nearest."""
    if value not in allowed:
        raise ValueError(unknown(name, value, allowed))
    return value


def check_points(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return `value` as an (n, 3) float64 array of finite numbers."""
    points = np.asarray(value, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"{name} has shape {points.shape}; it must be (n, 3).")
    if not np.isfinite(points).all():
        raise ValueError(f"{name} holds a number that is not finite.")
    return points
