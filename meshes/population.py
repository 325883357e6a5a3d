"""Virtual patients: people drawn from the published distributions, the same for the same seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from meshes.courses import draw_courses
from meshes.patient import Patient
from meshes.points import load_table

MEASURES = ("head_length_mm", "head_breadth_mm", "head_height_mm", "biacromial_breadth_mm")
PROTUBERANCE, NECK, LORDOSIS = "external_occipital_protuberance_mm", "neck_circumference_mm", "cervical_lordosis_deg"


def sample_patient(seed: int | np.random.Generator | None = None) -> Patient:
    """Return a person drawn from the published distributions.

    Parameters
    ----------
    seed : int or Generator, optional
        The same number gives the same person.

    References
    ----------
    gordon2014 (head, neck, shoulders), eop_sexes, guo2018 (lordosis); variants as `courses.draw_courses`.
    """
    rng = np.random.default_rng(seed)
    table = load_table("population")
    sex = "female" if rng.random() < table["sex"]["female_share"] else "male"
    size = _score(rng)
    values: dict[str, Any] = {name: _measure(rng, name, sex, size) for name in MEASURES}
    values |= _neck(rng, sex)
    height = float(np.clip(_drawn(rng, PROTUBERANCE, sex), *load_table("patient")[PROTUBERANCE]["range"]))
    kind = 1 + int(np.searchsorted(table[PROTUBERANCE]["types_mm"], height))
    lordosis = load_table("patient")[LORDOSIS][sex] + table[LORDOSIS]["sd"] * _score(rng)
    right, left = draw_courses(rng)
    return Patient(
        sex=sex, external_occipital_protuberance_mm=round(height, 1), external_occipital_protuberance_type=kind,
        cervical_lordosis_deg=round(float(lordosis), 1), right=right, left=left, **values,
    )  # fmt: skip


def sample_population(n: int, seed: int = 0) -> list[Patient]:
    """Return `n` people; person i is the same however many are drawn.

    Raises
    ------
    ValueError
        If `n` is below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; a population has at least 1 person.")
    return [sample_patient(np.random.default_rng([seed, i])) for i in range(n)]


def _score(rng: np.random.Generator) -> float:
    """A standard normal score within the clip."""
    most = load_table("population")["clip"]["sd"]
    while True:
        score = float(rng.standard_normal())
        if abs(score) <= most:
            return score


def _sd(row: Mapping[str, Any], sex: str) -> float:
    return float(row["sd"][sex])


def _drawn(rng: np.random.Generator, name: str, sex: str) -> float:
    return float(load_table("patient")[name][sex] + _sd(load_table("population")[name], sex) * _score(rng))


def _measure(rng: np.random.Generator, name: str, sex: str, size: float) -> float:
    """A measure that shares part of its variance with the person's size."""
    row = load_table("population")[name]
    score = row["size"] * size + (1 - row["size"] ** 2) ** 0.5 * _score(rng)
    most = load_table("population")["clip"]["sd"]
    return round(float(load_table("patient")[name][sex] + _sd(row, sex) * np.clip(score, -most, most)), 1)


def _neck(rng: np.random.Generator, sex: str) -> dict[str, float]:
    """BMI, and the neck that goes with it."""
    bmi = _drawn(rng, "bmi", sex)
    line = load_table("patient")["neck_from_bmi"][sex]
    residual = load_table("population")[NECK]["residual_sd"][sex] * _score(rng)
    return {"bmi": round(bmi, 1), NECK: round(float(line["constant"] + line["slope"] * bmi + residual), 1)}
