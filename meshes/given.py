"""Landmarks that a user gives: are they a head's, in Inion's frame, with left and right as they should be?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes import load_anatomy
from meshes._check import unknown
from meshes.points import load_table

Array = NDArray[np.float64]
FEWEST = 4
FRAME = "The frame is right, anterior, superior (RAS): a right-hand point has the greater first coordinate."


def check_landmarks(given: Mapping[str, ArrayLike]) -> dict[str, tuple[float, ...]]:
    """Return given landmarks as (x, y, z) tuples, mm.

    Raises
    ------
    ValueError
        If a name is not the model's, a point is no point, there are too few or they lie in one plane, left and right
        are swapped, the head is turned, or one lies far from where the others put it.
    """
    if not given:
        return {}
    known = load_anatomy().landmarks
    out = {}
    for name, value in given.items():
        if name not in known:
            raise ValueError(unknown("landmark", name, known))
        point = np.asarray(value, dtype=np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            raise ValueError(f"landmark {name} is {value!r}; it must be three finite numbers, mm.")
        out[name] = tuple(float(v) for v in point)
    here, there = np.array([known[n] for n in out]), np.array(list(out.values()))
    if len(out) < FEWEST or np.linalg.matrix_rank(there - there.mean(axis=0), tol=5.0) < 3:
        raise ValueError(f"{len(out)} landmarks are too few, or lie in one plane; give at least {FEWEST} that span space.")
    _check_sides(out)
    _check_place(list(out), here, there)
    return out


def _check_sides(points: Mapping[str, tuple[float, ...]]) -> None:
    swapped = []
    for name, point in points.items():
        if name.endswith("_right"):
            other = points.get(name.removesuffix("right") + "left")
            if other is not None and other[0] >= point[0]:
                swapped.append(name.removesuffix("_right"))
    if swapped:
        raise ValueError(f"left and right of {', '.join(swapped[:4])} are swapped. {FRAME}")


def _check_place(names: list[str], here: Array, there: Array) -> None:
    """Refuse a turned or mirrored head, and a point that lies where the others do not put it."""
    table = load_table("patient")["given"]
    a, b = here - here.mean(axis=0), there - there.mean(axis=0)
    u, _, vt = np.linalg.svd(b.T @ a)
    mirrored = np.linalg.det(u @ vt) < 0
    turn = u @ np.diag([1.0, 1.0, -1.0 if mirrored else 1.0]) @ vt
    angle = np.rad2deg(np.arccos(np.clip(0.5 * (np.trace(turn) - 1.0), -1.0, 1.0)))
    if angle > table["most_turn"]:
        raise ValueError(f"the landmarks are of a head turned by {angle:.0f} degrees, or left and right are swapped. {FRAME}")
    size = float(np.einsum("ij,ij->", b, a @ turn.T) / np.einsum("ij,ij->", a, a))
    off = np.linalg.norm(b - size * a @ turn.T, axis=1)
    worst = int(np.argmax(off))
    if off[worst] > table["farthest"]:
        raise ValueError(
            f"landmark {names[worst]} lies {off[worst]:.0f} mm from where the others put it; "
            f"{table['farthest']:g} mm is the most allowed. Is it another point, or on the other side?"
        )
