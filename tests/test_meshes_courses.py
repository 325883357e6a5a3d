from __future__ import annotations

import pickle

import numpy as np
import pytest

from meshes.courses import KINDS, PLACES, Course, default_course, draw_courses, span, ways
from meshes.points import load_table


def test_shares_of_each_kind_make_a_whole() -> None:
    for kind in KINDS:
        assert sum(ways(kind).values()) == pytest.approx(1.0)


def test_the_default_is_the_shipped_course_and_can_be_kept() -> None:
    course = Course(semispinalis="medial", trapezius_lateral_mm=20.0)
    assert default_course().as_shipped and not course.as_shipped
    assert course.table() == {"semispinalis": "medial", "trapezius_lateral_mm": 20.0}
    assert pickle.loads(pickle.dumps(course)) == course and hash(course) == hash(Course(**course.table()))


@pytest.mark.parametrize("wrong", [{"artery": "helix"}, {"doubled": 1}, {"trapezius_lateral_mm": 60.0}])
def test_what_no_study_describes_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Course(**wrong)  # type: ignore[arg-type]


def test_places_follow_the_published_means_and_stay_in_order() -> None:
    rng = np.random.default_rng(11)
    pairs = [draw_courses(rng) for _ in range(600)]
    for name in PLACES:
        drawn = np.array([getattr(side, name) for pair in pairs for side in pair])
        low, high = span(name, 2.0)
        mean, sd = 0.5 * (low + high), (high - low) / 4
        assert abs(drawn.mean() - mean) < 0.25 * sd, name
        assert 0.7 * sd < drawn.std() < sd, name
        assert drawn.min() >= low - 0.01 and drawn.max() <= high + 0.01
    least = load_table("variants")["draw"]["least_drop_mm"]
    for side in (side for pair in pairs for side in pair):
        assert side.semispinalis_inferior_mm is not None and side.trapezius_inferior_mm is not None
        assert side.semispinalis_inferior_mm - side.trapezius_inferior_mm >= least - 0.01


def test_the_two_sides_of_an_asymmetric_person_differ_as_much_as_in_people() -> None:
    rng = np.random.default_rng(3)
    apart = np.array([a.trapezius_lateral_mm - b.trapezius_lateral_mm for a, b in (draw_courses(rng) for _ in range(1500))])
    differ = apart != 0
    assert 0.39 < differ.mean() < 0.49
    assert 5.0 < apart[differ].std() < 6.5
