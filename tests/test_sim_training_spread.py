"""Where fluid goes, and what it bathes, on the shipped anatomy."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.measure import Subject, gon_c2_point
from meshes.model import Anatomy, Structure
from scenarios.occipital import medial_third_point
from scenarios.sites import Ground
from sim.training.spread import Bathed, bathed, deposit_at, injectate, pools, thickness_mm
from sim.training.state import Deposit
from sim.training.truth import NeedleTruth
from tests.conftest import ellipsoid

Array = NDArray[np.float64]
SIDES = ("right", "left")


@pytest.fixture(scope="module")
def truth(anatomy: Anatomy) -> NeedleTruth:
    return NeedleTruth(anatomy, Ground(anatomy))


def give(truth: NeedleTruth, subject: Subject, side: str, mm: float, ml: float, beside_mm: float = 0.0) -> Deposit:
    """Fluid given some mm toward the skin from the nerve's axis at C2."""
    point = gon_c2_point(subject, side)
    outward = truth.outward(point)[0]
    side_way = np.cross(outward, [0.0, 0.0, 1.0])
    return deposit_at(truth, point + mm * outward + beside_mm * side_way, -outward, ml, "gon", True, 1.0)


def gon(truth: NeedleTruth, deposit: Deposit | list[Deposit], side: str) -> Bathed:
    return bathed(truth, deposit if isinstance(deposit, list) else [deposit], f"greater_occipital_nerve_{side}")


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("mm", [1.7, -1.7])
def test_one_ml_in_its_plane_bathes_the_nerve_at_c2(truth: NeedleTruth, subject: Subject, side: str, mm: float) -> None:
    deposit = give(truth, subject, side, mm, 1.0)
    assert (deposit.kind, deposit.inside) == ("plane", "plane")
    found = gon(truth, deposit, side)
    assert found.circumference_share > 0.9 and found.length_mm > 10 and 0 < found.nearest_mm < 1 and found.inside_ml == 0


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("mm", [1.7, -1.7])
def test_five_ml_reach_the_third_occipital_and_the_suboccipital_nerve(
    truth: NeedleTruth, subject: Subject, side: str, mm: float
) -> None:
    deposit = give(truth, subject, side, mm, 5.0)
    for nerve in ("third_occipital_nerve", "suboccipital_nerve"):
        assert bathed(truth, [deposit], f"{nerve}_{side}").circumference_share > 0.5
    assert bathed(truth, [deposit], f"lesser_occipital_nerve_{side}").circumference_share == 0


@pytest.mark.parametrize("side", SIDES)
def test_a_little_fluid_stays_with_the_nerve(truth: NeedleTruth, subject: Subject, side: str) -> None:
    found = bathed(truth, [give(truth, subject, side, 1.7, 0.5)], f"third_occipital_nerve_{side}")
    assert found.circumference_share == 0 and found.nearest_mm > 10


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("ml", [1.0, 5.0])
def test_fluid_over_semispinalis_does_not_bathe_the_nerve(truth: NeedleTruth, subject: Subject, side: str, ml: float) -> None:
    deposit = give(truth, subject, side, 4.2, ml)
    assert deposit.layers == (f"splenius_capitis_{side}", f"semispinalis_capitis_{side}")
    assert gon(truth, deposit, side).circumference_share == 0


def test_fluid_in_fat_over_the_muscles_does_not_bathe_the_nerve(truth: NeedleTruth, subject: Subject) -> None:
    deposit = give(truth, subject, "right", 24.0, 5.0)
    assert deposit.kind == "subcutis" and gon(truth, deposit, "right").circumference_share == 0


def test_fluid_in_the_muscle_wets_only_the_side_that_touches_it(truth: NeedleTruth, subject: Subject) -> None:
    deposit = give(truth, subject, "right", -5.0, 1.0)
    assert deposit.inside == "obliquus_capitis_inferior_right"
    assert 0.1 < gon(truth, deposit, "right").circumference_share < 0.7


def test_share_grows_with_the_fluid_beside_the_nerve(truth: NeedleTruth, subject: Subject) -> None:
    deposits = [give(truth, subject, "right", 0.0, ml, beside_mm=-8.0) for ml in (0.01, 0.05, 0.1, 0.5)]
    assert {d.kind for d in deposits} == {"plane"}
    found = [gon(truth, d, "right") for d in deposits]
    assert found[0].circumference_share < 0.3 < found[1].circumference_share < 0.9 < found[-1].circumference_share
    for less, more in pairwise(found):
        assert less.circumference_share <= more.circumference_share and less.length_mm <= more.length_mm


def test_fluid_in_the_nerve_is_told_and_bathes_nothing(truth: NeedleTruth, subject: Subject) -> None:
    found = gon(truth, give(truth, subject, "left", 0.0, 0.4), "left")
    assert (found.inside_ml, found.circumference_share) == (pytest.approx(0.4), 0.0) and found.nearest_mm < 0


def test_a_vessel_takes_fluid_away(truth: NeedleTruth) -> None:
    line = truth.anatomy["occipital_artery_right"].centerline
    nerve = truth.anatomy["greater_occipital_nerve_right"].centerline
    assert line is not None and nerve is not None
    near = line[np.argmin(np.linalg.norm(line[:, None] - nerve[None], axis=2).min(axis=1))]
    deposit = deposit_at(truth, near, np.array([0.0, 1.0, 0.0]), 3.0, "", False, 0.0)
    assert deposit.kind == "artery" and gon(truth, deposit, "right").circumference_share == 0


@pytest.mark.parametrize(("kind", "wet"), [("bone", False), ("muscle", False), ("fat", True)])
def test_a_plate_of_bone_or_muscle_stops_fluid_and_fat_does_not(kind: str, wet: bool) -> None:
    parts = [part("skin", "skin", [0.0, 0, 0], [60.0, 60, 60]), part("plate", kind, [0.0, 0, 0], [25.0, 1.5, 25])]
    line = np.linspace([-10.0, 3.0, 0], [10.0, 3.0, 0], 41)
    parts.append(replace(part("a_nerve", "nerve", [0.0, 3, 0], [10.0, 1, 1]), centerline=line, radius_mm=np.full(41, 0.8)))
    anatomy = Anatomy.of("plate", parts, {}, {})
    truth = NeedleTruth(anatomy, Ground(anatomy))
    deposit = deposit_at(truth, [0.0, -3.0, 0.0], [0.0, 1.0, 0.0], 5.0, "", True, 0.0)
    assert deposit.kind == "soft"
    assert (bathed(truth, [deposit], "a_nerve").circumference_share > 0) == wet


def part(key: str, kind: str, centre: list[float], radii: list[float]) -> Structure:
    return Structure(key, "median", kind, kind, key, key, None, ellipsoid(np.array(centre), np.array(radii)))


def test_deposits_that_lie_together_add_up(truth: NeedleTruth, subject: Subject) -> None:
    halves = [give(truth, subject, "right", 1.7, 0.5), give(truth, subject, "right", 1.9, 0.5)]
    apart = [halves[0], give(truth, subject, "right", 1.7, 0.5, beside_mm=6.0)]
    assert [p.ml for p in pools(halves)] == [pytest.approx(1.0)] and len(pools(apart)) == 2
    once, twice = gon(truth, give(truth, subject, "right", 1.8, 1.0), "right"), gon(truth, halves, "right")
    assert twice.length_mm == pytest.approx(once.length_mm, abs=1.5)


def test_a_lens_holds_its_volume_and_is_what_the_scanner_draws(truth: NeedleTruth, subject: Subject) -> None:
    for ml in (0.3, 1.0, 5.0):
        pool = pools([give(truth, subject, "right", 1.7, ml)], truth)[0]
        assert np.pi * pool.radius_mm**2 * pool.thickness_mm / 2 == pytest.approx(1000 * ml)
        drawn = injectate(pool, pool.centre_mm)
        assert (drawn.radius_mm, drawn.volume_ml) == (pytest.approx(pool.radius_mm), ml)
    assert thickness_mm(5.0) > thickness_mm(1.0) > thickness_mm(0.2)


@pytest.mark.parametrize("side", SIDES)
def test_normal_stands_square_to_the_plane_toward_the_skin(truth: NeedleTruth, subject: Subject, side: str) -> None:
    deposit = give(truth, subject, side, 1.7, 1.0)
    face = truth.ground.surface(f"obliquus_capitis_inferior_{side}").closest(deposit.tip_mm)[1][0]
    assert np.linalg.norm(deposit.normal) == pytest.approx(1.0)
    assert deposit.normal @ face > 0.75 and deposit.normal @ truth.outward(deposit.tip_mm)[0] > 0.5


@pytest.mark.parametrize("side", SIDES)
def test_landmark_block_bathes_the_nerve_from_the_bone(truth: NeedleTruth, side: str) -> None:
    site = medial_third_point(truth.anatomy, side)
    deposit = deposit_at(truth, site.target_point, site.direction, 3.0, "", True, 0.0)
    assert gon(truth, deposit, side).circumference_share > 0.5


def test_nothing_given_bathes_nothing(truth: NeedleTruth) -> None:
    assert bathed(truth, [], "greater_occipital_nerve_left") == Bathed(0.0, 0.0, float("inf"), 0.0)


def test_bad_input_is_refused_in_one_line(truth: NeedleTruth) -> None:
    with pytest.raises(ValueError, match="greater_occipital_nerve_left"):
        bathed(truth, [], "greater_occipital_nerve")
    with pytest.raises(ValueError, match="ml is 0"):
        deposit_at(truth, np.zeros(3), np.array([0.0, 1.0, 0.0]), 0.0, "", True, 0.0)
