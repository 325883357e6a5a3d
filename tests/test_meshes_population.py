from __future__ import annotations

import numpy as np
import pytest

from meshes.patient import Patient
from meshes.points import load_table
from meshes.population import sample_patient, sample_population


@pytest.fixture(scope="module")
def people() -> list[Patient]:
    return sample_population(800, 5)


def test_a_seed_gives_the_same_people_however_many(people: list[Patient]) -> None:
    assert sample_population(3, 5) == people[:3]
    assert sample_population(3, 6) != people[:3]
    assert sample_patient(9) == sample_patient(9)


@pytest.mark.parametrize("sex", ["male", "female"])
@pytest.mark.parametrize("name", ["head_length_mm", "head_breadth_mm", "neck_circumference_mm", "bmi", "cervical_lordosis_deg"])
def test_measures_follow_the_means_of_each_sex(people: list[Patient], sex: str, name: str) -> None:
    drawn = np.array([getattr(p, name) for p in people if p.sex == sex])
    assert abs(drawn.mean() - load_table("patient")[name][sex]) < 4 * drawn.std() / np.sqrt(len(drawn))


def test_neck_and_bmi_hang_together_as_published(people: list[Patient]) -> None:
    for sex, low, high in (("male", 0.68, 0.86), ("female", 0.60, 0.80)):
        pair = np.array([(p.bmi, p.neck_circumference_mm) for p in people if p.sex == sex])
        assert low < np.corrcoef(pair.T)[0, 1] < high


def test_men_have_the_greater_protuberance(people: list[Patient]) -> None:
    kinds = {sex: [p.external_occipital_protuberance_type for p in people if p.sex == sex] for sex in ("male", "female")}
    assert np.mean([k == 3 for k in kinds["male"]]) > 0.45
    assert np.mean([k == 1 for k in kinds["female"]]) > 0.7


def test_nobody_is_not_a_population() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sample_population(0)
