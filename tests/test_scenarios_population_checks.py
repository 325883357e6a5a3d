from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from meshes import load_anatomy
from meshes.course_checks import faults, stations_of, stations_on_surfaces
from meshes.courses import Course
from meshes.model import Anatomy
from meshes.nape import right_layers
from meshes.paths import Layers
from meshes.patient import Patient, bent
from meshes.population import sample_population
from meshes.tubes import Tube
from meshes.variants import Route, varied
from scenarios.population_checks import Passage, check_population, figures

DRAWN = {
    "oblique_lateral_mm": 24.0, "semispinalis_lateral_mm": 11.0, "semispinalis_inferior_mm": 30.0,
    "trapezius_lateral_mm": 21.0, "trapezius_inferior_mm": 15.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def layers(anatomy: Anatomy) -> Layers:
    return right_layers(anatomy)


@pytest.mark.parametrize("way", [
    {}, {"semispinalis": "medial"}, {"oblique": "through"}, {"trapezius": "muscle"}, {"doubled": True},
    {"artery": "single"}, {"artery": "helical"},
])  # fmt: skip
def test_each_way_passes_its_tissues(layers: Layers, way: dict[str, object]) -> None:
    route = Route(Course(**DRAWN, **way), layers)  # type: ignore[arg-type]
    assert faults(route, stations_of(route)) == []


def test_a_nerve_that_does_not_go_its_way_is_found(layers: Layers) -> None:
    medial, piercing = (Route(Course(**DRAWN, semispinalis=s), layers) for s in ("medial", "muscle"))
    assert any("pierces" in line for line in faults(medial, stations_of(piercing)))
    beside = Route(Course(**DRAWN), layers)
    beside.__dict__["_pair"] = (beside.nerve, Tube(beside.nerve.points + 0.5, beside.nerve.radius_mm))
    assert any("artery is not beside" in line for line in faults(beside, stations_of(beside)))


def test_the_nerve_leaves_where_it_was_told_to(layers: Layers) -> None:
    line = Route(Course(**DRAWN), layers).nerve.points
    for muscle, lateral, inferior in (("semispinalis_capitis", 11.0, 30.0), ("trapezius", 21.0, 15.0)):
        last = line[np.flatnonzero(layers[muscle](line) < 0)[-1]]
        assert np.hypot(last[0] - lateral, last[2] + 20.0 + inferior) < 3.0, muscle


def test_a_wrong_share_is_outside_its_interval() -> None:
    found = [Passage(i // 2, "right", Course(artery="helical"), (), 10.0) for i in range(400)]
    outside = {f.text.split(":")[0] for f in figures(found) if not f.inside}
    assert "how the occipital artery meets the nerve" in outside


@pytest.mark.slow
def test_a_thousand_people_pass(anatomy: Anatomy) -> None:
    rows, wrong = check_population(anatomy, 1000, 7)
    assert wrong == []
    assert [row.text for row in rows if not row.inside] == []


@pytest.mark.slow
def test_twenty_people_pass_as_finished_surfaces() -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(finished_faults, sample_population(20, 13)))
    assert len(found) == 20 and [(number, lines) for number, lines in enumerate(found) if lines] == []


def finished_faults(patient: Patient) -> list[str]:
    """What is wrong with a person's nerves, as finished surfaces, on both sides."""
    anatomy = load_anatomy()
    person, layers, wrong = bent(anatomy, patient), right_layers(anatomy), []
    for side, course in (("right", patient.right), ("left", patient.left)):
        wrong += [f"{side}: {line}" for line in faults(Route(course, layers), stations_on_surfaces(person, side))]
    return wrong


@pytest.mark.slow
def test_varied_changes_one_side_and_keeps_surfaces_closed(anatomy: Anatomy) -> None:
    course = Course(**DRAWN, semispinalis="medial", artery="single")
    person = varied(anatomy, Course(), course)
    assert varied(anatomy, Course(), Course()) is anatomy
    assert list(person.structures) == list(anatomy.structures)
    assert person["greater_occipital_nerve_right"] is anatomy["greater_occipital_nerve_right"]
    for name in ("greater_occipital_nerve", "occipital_artery", "semispinalis_capitis", "trapezius"):
        changed = person[f"{name}_left"]
        assert changed.surface.is_watertight and changed.surface.is_winding_consistent and changed.surface.volume > 0
        assert changed.mesh.vertices_mm[:, 0].max() < 4.0
    line = person["greater_occipital_nerve_left"].centerline
    assert line is not None and (line[:, 0] < 1.0).all()
