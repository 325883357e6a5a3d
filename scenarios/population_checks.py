"""Does a sampled population pass the right tissues, and reproduce the published frequencies?"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.course_checks import exit_of, faults, most_pressed_mm, pressed_mm, stations_in_person, stations_of
from meshes.courses import KINDS, Course, ways
from meshes.model import Anatomy
from meshes.nape import right_layers
from meshes.paths import Layers
from meshes.patient import Patient, bent, fit
from meshes.points import FLIP, load_table
from meshes.population import sample_population
from meshes.variants import Route
from scenarios.occipital import medial_third_point

Array = NDArray[np.float64]
SIDES = ("right", "left")
MAPPED = 20  # people whose passage is judged in their own space too
Report = Callable[[str], None]


@dataclass(frozen=True)
class Passage:
    """What one side of one person shows.

    Parameters
    ----------
    person : int
    side : {'right', 'left'}
    course : Course
    faults : tuple of str
        What is wrong with the passage; empty if nothing is.
    exit_mm : float
        From the medial third point to where the nerve comes out, in the person, seen from behind.
    pressed_mm : float
        How deep the nerve's axis lies, at most, in a muscle that it only runs beside.
    """

    person: int
    side: str
    course: Course
    faults: tuple[str, ...]
    exit_mm: float
    pressed_mm: float = 0.0


@dataclass(frozen=True)
class Figure:
    """One figure of a population beside its window."""

    text: str
    measured: float
    low: float
    high: float
    sources: tuple[str, ...]
    evidence: str

    @property
    def inside(self) -> bool:
        """Whether the figure lies in its window."""
        return self.low <= self.measured <= self.high


@dataclass(frozen=True)
class _Ground:
    anatomy: Anatomy
    layers: Layers
    thirds: dict[str, Array]


_shared: dict[str, _Ground] = {}


def passages(
    anatomy: Anatomy, patients: Sequence[Patient], *, jobs: int | None = None, report: Report = lambda _: None
) -> list[Passage]:
    """Return the passage of the nerve on both sides of each person.

    Parameters
    ----------
    anatomy : Anatomy
        The shipped model.
    patients : sequence of Patient
    jobs : int, optional
        Processes to share the work; by default one for each core.
    report : callable
        Called with a line of progress now and then.
    """
    thirds = {side: medial_third_point(anatomy, side).skin_point for side in SIDES}
    _shared["ground"] = _Ground(anatomy, right_layers(anatomy), thirds)
    fit(anatomy, patients[0])  # what it measures once of the anatomy is shared by the processes
    work = list(enumerate(patients))
    count = jobs or os.cpu_count() or 1
    out: list[Passage] = []
    if count == 1 or len(work) < 4 * count or sys.platform != "linux":
        results = map(_both_sides, work)
        for i, pair in enumerate(results, 1):
            out.extend(pair)
            _tell(report, i, len(work))
        return out
    with multiprocessing.get_context("fork").Pool(count) as pool:
        for i, pair in enumerate(pool.imap(_both_sides, work, chunksize=4), 1):
            out.extend(pair)
            _tell(report, i, len(work))
    return out


def _tell(report: Report, done: int, of: int) -> None:
    if done % 50 == 0 or done == of:
        report(f"patient {done}/{of}")


def _both_sides(work: tuple[int, Patient]) -> tuple[Passage, Passage]:
    number, patient = work
    right, left = (_passage(number, patient, side, _shared["ground"]) for side in SIDES)
    return right, left


def _passage(number: int, patient: Patient, side: str, ground: _Ground) -> Passage:
    course = patient.right if side == "right" else patient.left
    try:
        route = Route(course, ground.layers)
        wrong = faults(route, stations_of(route))
        chain = fit(ground.anatomy, patient)
        if number < MAPPED:
            wrong += [f"in the person: {line}" for line in faults(route, stations_in_person(route, chain, side))]
        out = exit_of(route) * (np.ones(3) if side == "right" else FLIP)
    except ValueError as error:
        return Passage(number, side, course, (f"cannot be seated: {error}",), float("nan"))
    there, third = chain.apply(np.array([out, ground.thirds[side]]))
    return Passage(number, side, course, tuple(wrong), float(np.linalg.norm((there - third)[[0, 2]])), pressed_mm(route))


def figures(found: Sequence[Passage]) -> list[Figure]:
    """Return the figures of a population: failures, nearness to the medial third point, and the share of each variant."""
    table, variants = load_table("population"), load_table("variants")
    near = table["medial_third"]
    wrong = sum(bool(p.faults) for p in found)
    within = float(np.mean([p.exit_mm <= near["radius_mm"] for p in found]))
    out = [
        Figure("sides on which the nerve does not pass the tissues of its course", wrong, 0, 0, ("kim2018",), "FOUND"),
        Figure(near["text"], within, near["low"], near["high"], tuple(near["sources"]), near["evidence"]),
        _tunnels(found, table["tunnels"]),
    ]
    for kind in KINDS:
        row = variants[kind]
        for way, share in ways(kind).items():
            met = [getattr(p.course, kind) == way for p in found]
            out.append(_share(f"{row['text']}: {row[way]['text']}", met, share, row["sources"], row["evidence"]))
    row = variants["doubled"]
    out.append(_share(row["text"], [p.course.doubled for p in found], row["share"], row["sources"], row["evidence"]))
    return [*out, _asymmetry(found)]


def _tunnels(found: Sequence[Passage], row: Mapping[str, Any]) -> Figure:
    """The share of sides on which the groove beside a muscle is deeper than the nerve is thick."""
    share = float(np.mean([p.pressed_mm > most_pressed_mm() for p in found]))
    return Figure(row["text"], share, 0.0, row["most"], tuple(row["sources"]), row["evidence"])


def _asymmetry(found: Sequence[Passage]) -> Figure:
    row = load_table("variants")["asymmetry"]
    people: dict[int, set[float | None]] = {}
    for p in found:
        people.setdefault(p.person, set()).add(p.course.trapezius_lateral_mm)
    differ = [len(places) > 1 for places in people.values()]
    return _share(f"people: {row['text']}", differ, row["share"], row["sources"], row["evidence"])


def _share(text: str, met: Sequence[bool], share: float, sources: Sequence[str], evidence: str) -> Figure:
    """A frequency beside the interval in which a sample of this size falls."""
    from scipy.stats import binom

    n = len(met)
    low, high = binom.interval(load_table("population")["interval"]["share"], n, share)
    return Figure(text, float(np.mean(met)), float(low) / n, float(high) / n, tuple(sources), evidence)


def carried_third_mm(anatomy: Anatomy, patients: Sequence[Patient]) -> float:
    """Return the greatest distance (mm), seen from behind, between the medial third point as a person's map carries it and
    the one found on the person's own skin: what carrying it, as `passages` does, is worth.
    """
    thirds = np.array([medial_third_point(anatomy, side).skin_point for side in SIDES])
    worst = 0.0
    for patient in patients:
        person = bent(anatomy, replace(patient, right=Course(), left=Course()))
        true = np.array([medial_third_point(person, side).skin_point for side in SIDES])
        apart = (fit(anatomy, patient).apply(thirds) - true)[:, [0, 2]]
        worst = max(worst, float(np.linalg.norm(apart, axis=1).max()))
    return worst


def check_population(
    anatomy: Anatomy, n: int, seed: int = 0, *, report: Report = lambda _: None
) -> tuple[list[Figure], list[Passage]]:
    """Return the figures of `n` sampled people, and the sides on which something is wrong."""
    people, row = sample_population(n, seed), load_table("population")["carried_third"]
    found, worst = passages(anatomy, people, report=report), carried_third_mm(anatomy, people[:MAPPED])
    carried = Figure(row["text"], worst, 0.0, row["most_mm"], tuple(row["sources"]), row["evidence"])
    return [*figures(found), carried], [p for p in found if p.faults]
