"""Signs laid over a picture: rings, dots, and words that stand beside them without touching."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sim.debrief.html import Html, image, n, svg, tag, write

Array = NDArray[np.float64]
RING, DOT = 8.0, 4.5
LETTER_PX, HIGH_PX = 8.6, 15.0  # room that a letter of a word takes
STEPS = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1))  # from a sign to its word
AWAY = (11.0, 20.0, 32.0)


def overlaid(data: bytes, size: tuple[int, int], alt: str, signs: Sequence[Html]) -> Html:
    """Return a picture of a size (pixels) with signs in its own pixels over it."""
    drawing = svg(*size, f"Signs over: {alt}", *signs)
    return tag("div", image(data, alt, size), drawing, class_="overlaid")


def ring(place: Array) -> Html:
    """Return a ring about a pixel (2,): where something belongs."""
    return tag("g", *(tag("circle", cx=n(place[0]), cy=n(place[1]), r=n(RING), class_=c) for c in ("g-halo", "g-true")))


def dot(place: Array) -> Html:
    """Return a dot on a pixel (2,): where something was done."""
    return tag("circle", cx=n(place[0]), cy=n(place[1]), r=n(DOT), class_="g-mine")


def cross(place: Array) -> Html:
    """Return a cross on a pixel (2,): where something is missing."""
    (x, y), a, b = place, 0.7 * RING, 1.4 * RING
    return tag("path", d=f"M{n(x - a)} {n(y - a)}l{n(b)} {n(b)}M{n(x + a)} {n(y - a)}l{n(-b)} {n(b)}", class_="g-off")


def link(start: Array, end: Array) -> Html:
    """Return a line between two pixels (2,)."""
    return tag("line", x1=n(start[0]), y1=n(start[1]), x2=n(end[0]), y2=n(end[1]), class_="g-off")


def words_beside(words: Sequence[str], places: Array, size: tuple[int, int], others: Array | None = None) -> list[Html]:
    """Return words beside their pixels, each where the room is greatest.

    Parameters
    ----------
    words : sequence of str
    places : (n, 2) array
    size : (int, int)
        Of the picture, pixels; words stay within.
    others : (m, 2) array, optional
        Further pixels that words keep off.
    """
    signs = np.concatenate([places, np.zeros((0, 2)) if others is None else others])
    taken: list[Array] = []  # half sizes and middles of words: x, y, half width, half height
    out = []
    for word, place in zip(words, places, strict=True):
        half = np.array([LETTER_PX * len(word) / 2, HIGH_PX / 2])
        options = [place + np.array(step) * (far + half - HIGH_PX / 2) for far in AWAY for step in STEPS]
        best = max(options, key=lambda at: _room(at, half, signs, taken, size))
        taken.append(np.concatenate([best, half]))
        out.append(write(word, float(best[0]), float(best[1]) + 0.35 * HIGH_PX, "haloed", "middle"))
    return out


def _room(at: Array, half: Array, signs: Array, taken: Sequence[Array], size: tuple[int, int]) -> float:
    """How far a word's box stays off all signs and words, up to what is plenty; far below 0 outside the picture."""
    if (at - half < 2).any() or (at + half > np.array(size) - 2).any():
        return -1e3
    gaps = [np.abs(signs - at) - half - RING]
    if taken:
        boxes = np.array(taken)
        gaps.append(np.abs(boxes[:, :2] - at) - half - boxes[:, 2:])
    return float(min(np.concatenate(gaps).max(axis=1).min(), 6.0))
