"""Courses: which of the documented ways the greater occipital nerve and the occipital artery take on one side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from meshes._check import check_choice
from meshes.points import load_table

if TYPE_CHECKING:
    import numpy as np

KINDS = ("semispinalis", "oblique", "trapezius", "artery")
PLACES = {
    "oblique_lateral_mm": ("oblique", "lateral_mm"),
    "semispinalis_lateral_mm": ("semispinalis", "lateral_mm"),
    "semispinalis_inferior_mm": ("semispinalis", "inferior_mm"),
    "trapezius_lateral_mm": ("trapezius", "lateral_mm"),
    "trapezius_inferior_mm": ("trapezius", "inferior_mm"),
}
MOST_DRAWS = 1000
Draw = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Course:
    """The way of nerve and artery on one side; `Course()` is the shipped one.

    Parameters
    ----------
    semispinalis : {'muscle', 'band', 'medial'}
        Through semispinalis capitis, through its tendinous band, or past its medial border.
    oblique : {'round', 'through'}
        Round the lower border of obliquus capitis inferior, or through it.
    trapezius : {'aponeurosis', 'muscle'}
        Through the aponeurosis (or the fascia lateral to trapezius), or through muscle.
    doubled : bool
        Split in two round the aponeurosis of trapezius.
    artery : {'beside', 'single', 'helical'}
        Apart from the nerve, crossing it once, or winding round it.
    oblique_lateral_mm : float, optional
        Where the nerve winds round the oblique, from the midline; None is the shipped place, here and below.
    semispinalis_lateral_mm, semispinalis_inferior_mm, trapezius_lateral_mm, trapezius_inferior_mm : float, optional
        Where it leaves these muscles: from the midline, and below the inion, in a head of the shipped size.

    Raises
    ------
    ValueError
        If a way is not known, or a place lies outside two and a half SD of its mean.

    References
    ----------
    kim2018, bovim1991, natsis2006, won2018, tubbs2014, janis2010 (`data/variants.toml`).
    """

    semispinalis: str = "muscle"
    oblique: str = "round"
    trapezius: str = "aponeurosis"
    doubled: bool = False
    artery: str = "beside"
    oblique_lateral_mm: float | None = None
    semispinalis_lateral_mm: float | None = None
    semispinalis_inferior_mm: float | None = None
    trapezius_lateral_mm: float | None = None
    trapezius_inferior_mm: float | None = None

    def __post_init__(self) -> None:
        for kind in KINDS:
            check_choice(kind, getattr(self, kind), tuple(ways(kind)))
        if not isinstance(self.doubled, bool):
            raise ValueError(f"doubled is {self.doubled!r}; it must be true or false.")
        for name in PLACES:
            value, (low, high) = getattr(self, name), span(name, 2.5)
            if value is not None and not low <= float(value) <= high:
                raise ValueError(f"{name} is {value}, which is outside {low:.1f} to {high:.1f} mm.")

    @property
    def as_shipped(self) -> bool:
        """Whether this is the course of the shipped model."""
        return self == Course()

    def table(self) -> dict[str, Any]:
        """Return what differs from the shipped course, for a record."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


def default_course() -> Course:
    """Return the course of the shipped model."""
    return Course()


def ways(kind: str) -> dict[str, float]:
    """Return the published share of each way of a kind."""
    rows = load_table("variants")[kind]
    return {name: float(row["share"]) for name, row in rows.items() if isinstance(row, dict)}


def span(name: str, sd: float) -> tuple[float, float]:
    """Return a place's mean minus and plus `sd` standard deviations, mm."""
    muscle, axis = PLACES[name]
    row = load_table("variants")[f"{muscle}_position"][axis]
    return row["mean"] - sd * row["sd"], row["mean"] + sd * row["sd"]


def draw_courses(rng: np.random.Generator) -> tuple[Course, Course]:
    """Return the courses of a person's right and left side, drawn from the published shares, means and SDs.

    Which way each structure takes is drawn side by side; the places are alike on both sides but in the share of people
    whose sides differ.
    """
    places = _places(rng)
    sides = [Course(**{**_ways(rng), **place}) for place in places]
    return sides[0], sides[1]


def _ways(rng: np.random.Generator) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for kind in KINDS:
        shares = ways(kind)
        out[kind] = str(rng.choice(list(shares), p=list(shares.values())))
    out["doubled"] = bool(rng.random() < load_table("variants")["doubled"]["share"])
    return out


def _places(rng: np.random.Generator) -> tuple[Draw, Draw]:
    """Draw both sides' places until the order from below upward holds on both."""
    row = load_table("variants")["draw"]
    same = rng.random() >= load_table("variants")["asymmetry"]["share"]
    wide = load_table("variants")["trapezius_position"]["lateral_mm"]["sd"]
    likeness = 1.0 if same else 1.0 - 0.5 * (row["side_difference_sd_mm"] / wide) ** 2
    for _ in range(MOST_DRAWS):
        first, other = _normals(rng, row), _normals(rng, row)
        second = {k: likeness * first[k] + (1.0 - likeness**2) ** 0.5 * other[k] for k in first}
        sides = (_millimetres(first), _millimetres(second))
        if all(_in_order(side, row) for side in sides) and _within(first, row) and _within(second, row):
            return tuple({k: v for k, v in side.items() if k in PLACES} for side in sides)  # type: ignore[return-value]
    raise RuntimeError("no places in order were drawn; mend `draw` in variants.toml.")


def _normals(rng: np.random.Generator, row: Mapping[str, float]) -> dict[str, float]:
    """Standard normal scores of the places; those of the inferior distances hang together."""
    shared, tie = rng.standard_normal(), row["inferior_correlation"]
    names = [*PLACES, "oblique_inferior_mm"]
    own = dict(zip(names, rng.standard_normal(len(names)), strict=True))
    return {n: tie**0.5 * shared + (1 - tie) ** 0.5 * v if n.endswith("inferior_mm") else v for n, v in own.items()}


def _within(scores: Draw, row: Mapping[str, float]) -> bool:
    return all(abs(v) <= row["clip_sd"] for v in scores.values())


def _millimetres(scores: Draw) -> dict[str, float]:
    table = load_table("variants")
    out = {}
    for name, score in scores.items():
        muscle, axis = name.split("_", 1)
        place = table[f"{muscle}_position"][axis]
        out[name] = round(float(place["mean"] + score * place["sd"]), 2)
    return out


def _in_order(side: Draw, row: Mapping[str, float]) -> bool:
    order = [side[f"{muscle}_inferior_mm"] for muscle in ("oblique", "semispinalis", "trapezius")]
    return all(a - b >= row["least_drop_mm"] for a, b in pairwise(order))
