"""Is the model true to the literature? Every figure of `meshes/data/literature.toml`, measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from meshes.measure import Measure, Subject, gon_exit
from meshes.metrics import METRICS
from meshes.model import Anatomy
from meshes.points import load_table
from scenarios.occipital import medial_third_point
from scenarios.preempt import check_sites, preempt_sites

NEAR_MM = 20.0  # the circle of Won 2018
FULL = {"temporalis": 2, "occipitalis": 2, "trapezius": 4}


@dataclass(frozen=True)
class Row:
    """One figure: what was published, what the model of a man or a woman measures, whether it lies in the window."""

    id: str
    sex: str
    text: str
    side: str
    measured: float
    target: str
    low: float
    high: float
    unit: str
    sources: tuple[str, ...]
    evidence: str
    posture: str
    problem: str = ""

    @property
    def inside(self) -> bool:
        """Whether the measured value lies in its window."""
        return not self.problem and self.low <= self.measured <= self.high


def validate(anatomy: Anatomy) -> list[Row]:
    """Return every row of the literature table, left and right apart, measured on `anatomy`.

    Targets and windows are those of the anatomy's sex where the table tells them apart.
    """
    subject = Subject(anatomy)
    rows = []
    for entry in load_table("literature")["row"]:
        for side in ("left", "right") if entry["sided"] else ("median",):
            rows.append(_row(entry, side, subject))
    return rows


def _row(entry: Mapping[str, Any], side: str, subject: Subject) -> Row:
    measure = {**METRICS, **SITE_METRICS}[entry["metric"]]
    value, problem = float("nan"), ""
    try:
        value = float(measure(subject, side))
    except (KeyError, ValueError, IndexError) as error:
        problem = str(error)
    sex = str(subject.anatomy.meta.get("sex", "male"))
    goal = entry | entry.get(sex, {})
    return Row(
        entry["id"], sex, entry["text"], side, value, goal["target"], goal["low"], goal["high"], entry["unit"],
        tuple(entry["sources"]), entry["evidence"], entry["posture"], problem,
    )  # fmt: skip


def _near_medial_third(s: Subject, side: str) -> float:
    site = medial_third_point(s.anatomy, side).skin_point
    artery = s.anatomy[f"occipital_artery_{side}"].centerline
    if artery is None:
        raise ValueError(f"occipital_artery_{side} has no centreline.")
    leaves = gon_exit(s, side, "trapezius")
    gaps = [float(np.linalg.norm(leaves - site)), float(np.linalg.norm(artery - site, axis=1).min())]
    return float(max(gaps) <= NEAR_MM)


def _total(of: Callable[[Any], float], follow: Mapping[str, int] | None) -> Measure:
    return lambda s, side: sum(of(site) for site in preempt_sites(s.anatomy, follow))


SITE_METRICS: Mapping[str, Measure] = {
    "near_medial_third": _near_medial_third,
    "preempt_sites": _total(lambda site: 1, None),
    "preempt_units": _total(lambda site: site.units, None),
    "preempt_sites_max": _total(lambda site: 1, FULL),
    "preempt_units_max": _total(lambda site: site.units, FULL),
    "preempt_valid": lambda s, side: float(
        not [f for f in check_sites(s.anatomy, preempt_sites(s.anatomy, FULL)) if f.severity == "error"]
    ),
}
