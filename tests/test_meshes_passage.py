"""The way of a nerve through three slabs of muscle under the skin, known by construction.

Posterior is -y. Slabs, from deep to superficial: obliquus y -30..-20, semispinalis -46..-36, trapezius -58..-50; skin at -70.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from meshes.contour import contour
from meshes.curves import resample
from meshes.fields import Array, box
from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.passage import Station, visits, walk_tissues

OBLIQUE, SEMI, TRAP = MUSCLES = ("obliquus_capitis_inferior", "semispinalis_capitis", "trapezius")
SLABS = {OBLIQUE: (-25.0, 5.0), SEMI: (-41.0, 5.0), TRAP: (-54.0, 4.0)}
WANTED = [
    f"in {OBLIQUE}", f"between {OBLIQUE} and {SEMI}", f"in {SEMI}", f"between {SEMI} and {TRAP}", f"in {TRAP}", f"on {TRAP}",
]  # fmt: skip
STRAIGHT = np.array([[30.0, -22.3, 0], [30, -63.3, 0]])  # no point on a face


def structure(key: str, kind: str, mesh: SurfaceMesh, line: Array | None = None) -> Structure:
    side = next((s for s in ("left", "right") if key.endswith(s)), "median")
    return Structure(key, side, kind, kind, key, key, None, mesh, line, None if line is None else np.ones(len(line)))


def slab(side: float, middle: float, half: float) -> SurfaceMesh:
    return contour(box([side * 30, middle, 0], [24, half, 18]), 1.8)


@cache
def neck(line: tuple[tuple[float, ...], ...] = tuple(map(tuple, STRAIGHT.tolist()))) -> Anatomy:
    """Return both sides of the toy neck with a nerve along `line` on the right, mirrored on the left."""
    parts = [structure("skin", "skin", contour(box([0, 30, 0], [110, 100, 90]), 8.0))]
    for name, sign in (("right", 1.0), ("left", -1.0)):
        parts += [structure(f"{m}_{name}", "muscle", slab(sign, *SLABS[m])) for m in MUSCLES]
        nerve = resample(np.array(line) * [sign, 1, 1], 0.5)
        parts.append(structure(f"greater_occipital_nerve_{name}", "nerve", slab(sign, -63.0, 2), nerve))
    return Anatomy.of("slabs", parts, {}, {})


def places(anatomy: Anatomy, side: str = "right", **options: int) -> list[str]:
    return [s.place for s in walk_tissues(anatomy, f"greater_occipital_nerve_{side}", MUSCLES, **options)]


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_straight_nerve_meets_the_slabs_in_their_order(side: str) -> None:
    assert places(neck(), side) == WANTED


@pytest.mark.parametrize("side", ["right", "left"])
def test_stations_change_where_the_faces_are(side: str) -> None:
    nerve = neck()[f"greater_occipital_nerve_{side}"].centerline
    stations = walk_tissues(neck(), f"greater_occipital_nerve_{side}", MUSCLES)
    starts = [nerve[s.first][1] for s in stations[1:]]
    assert starts == pytest.approx([-30, -36, -46, -50, -58], abs=1.05)


def test_stations_follow_one_another_without_a_hole() -> None:
    stations = walk_tissues(neck(), "greater_occipital_nerve_right", MUSCLES, every=1)
    assert stations[0].first == 0
    assert stations[-1].last == len(neck()["greater_occipital_nerve_right"].centerline) - 1
    assert all(b.first == a.last + 1 for a, b in pairwise(stations))


def test_looking_less_often_gives_the_same_places() -> None:
    assert places(neck(), every=1) == places(neck(), every=4) == WANTED


def test_the_way_back_is_the_way_reversed() -> None:
    back = neck(tuple(map(tuple, STRAIGHT[::-1].tolist())))
    assert places(back) == WANTED[::-1]


def test_a_nerve_that_stays_between_two_muscles_pierces_none() -> None:
    along = neck(((20.0, -33.0, -10.0), (40.0, -33.0, 10.0)))
    assert places(along) == [f"between {OBLIQUE} and {SEMI}"]


def test_a_nerve_far_from_every_muscle_is_free_and_one_under_the_first_is_under_it() -> None:
    deep = neck(((30.0, 10.0, 0.0), (30.0, -16.0, 0.0)))
    assert places(deep) == ["free", f"under {OBLIQUE}"]


def test_only_the_muscles_asked_for_count() -> None:
    stations = walk_tissues(neck(), "greater_occipital_nerve_right", (OBLIQUE, TRAP))
    assert f"in {SEMI}" not in [s.place for s in stations]


def test_visits_holds_for_the_true_order_and_for_a_part_of_it() -> None:
    stations = walk_tissues(neck(), "greater_occipital_nerve_right", MUSCLES)
    assert visits(stations, WANTED) and visits(stations, WANTED[1::2]) and visits(stations, [])


@pytest.mark.parametrize("at", range(len(WANTED) - 1))
def test_visits_fails_when_two_neighbours_change_places(at: int) -> None:
    wrong = list(WANTED)
    wrong[at], wrong[at + 1] = wrong[at + 1], wrong[at]
    assert not visits(walk_tissues(neck(), "greater_occipital_nerve_right", MUSCLES), wrong)


def test_visits_fails_for_a_place_never_visited() -> None:
    around = [Station(p, i, i) for i, p in enumerate(WANTED) if p != f"in {TRAP}"]
    assert not visits(around, WANTED) and visits(around, [p for p in WANTED if p != f"in {TRAP}"])


def test_a_second_visit_counts() -> None:
    there_and_back = [Station(p, i, i) for i, p in enumerate([*WANTED, *WANTED[::-1]])]
    assert visits(there_and_back, [WANTED[2], WANTED[5], WANTED[2]])
    assert not visits(there_and_back, [WANTED[2], WANTED[5], WANTED[2], WANTED[5]])


def test_a_structure_without_a_centreline_is_refused() -> None:
    with pytest.raises(ValueError, match="trapezius_right has no centreline"):
        walk_tissues(neck(), "trapezius_right", MUSCLES)


@pytest.mark.parametrize("order", [(SEMI, TRAP), (TRAP, SEMI)])
def test_of_two_muscles_in_reach_the_nearer_one_counts(order: tuple[str, str]) -> None:
    thin = {SEMI: slab(1.0, -30.0, 1.5), TRAP: slab(1.0, -34.0, 1.5)}  # faces at -28.5, -31.5 and -32.5, -35.5
    parts = [structure(f"{m}_right", "muscle", mesh) for m, mesh in thin.items()]
    line = np.array([[25.0, -27.6, 0], [35.0, -27.6, 0]])
    parts += [neck()["skin"], structure("greater_occipital_nerve_right", "nerve", thin[SEMI], line)]
    stations = walk_tissues(Anatomy.of("thin", parts, {}, {}), "greater_occipital_nerve_right", order, every=1)
    assert [s.place for s in stations] == [f"under {SEMI}"]
