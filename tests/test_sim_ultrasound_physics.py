"""The ultrasound against physics: every row of `sim/data/ultrasound_checks.toml`, and that a check can fail."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.ultrasound import checks_angles, checks_beam, checks_geometry, checks_levels, checks_speckle, checks_tools, phantoms
from sim.ultrasound.checks import Figure, check_rows, figure, measure_of, report, run_check, run_checks
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.tissues import tissue

DOWN = phantoms.orientations()[0]


def rows() -> Iterator[Any]:
    for name, row in check_rows().items():
        yield pytest.param(name, marks=[pytest.mark.slow] if row.get("slow") else [])


@pytest.mark.parametrize("name", list(rows()))
def test_row(name: str) -> None:
    found = run_check(name)
    if found.miss:
        assert not found.inside, f"{name} is met now ({found.measured:.4g}): take its line `miss` out of the table"
        pytest.xfail(f"{found.measured:.4g} {found.unit}: {found.miss}")
    assert found.inside, f"{found.measured:.4g}, not {found.low:g} to {found.high:g} {found.unit}"


def test_every_row_names_a_measure_and_a_window() -> None:
    for row in check_rows().values():
        assert callable(measure_of(row["measure"]))
        assert row["low"] <= row["target"] <= row["high"], row["id"]


def test_the_worst_of_several_values_counts() -> None:
    row = check_rows()["points"]
    assert figure(row, [0.01, 0.2, 0.03]).measured == 0.2 and not figure(row, [0.01, 0.2, 0.03]).inside
    assert figure(row, [0.01, 0.05]).inside
    sided = figure(check_rows()["sided_left"], [1.0, 0.0, 1.0])
    assert sided.measured == 0.0 and not sided.inside
    assert figure(check_rows()["rayleigh"], [0.9, 0.2]).measured == 0.2


def test_a_value_that_is_no_number_is_outside() -> None:
    found = figure(check_rows()["points"], [0.01, math.nan])
    assert math.isnan(found.measured) and not found.inside


def test_unknown_check_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'rayleigh'"):
        run_checks(["raleigh"])


def test_report_says_what_is_missed_and_by_which_command_it_is_made() -> None:
    good = Figure("a", "first", 1.0, 0.0, 2.0, "dB", True, ("pymust",), "DERIVED")
    text = report([good, replace(good, text="second", measured=3.0, inside=False, miss="Because.")])
    assert "1 of 2 checks" in text and "inion validate --ultrasound -o docs/ultrasound-validation.md" in text
    assert "| first | 1 | 0 to 2 | dB | yes | pymust | DERIVED |" in text and "- second: 3 dB. Because." in text


def test_statistics_refuse_what_is_not_speckle() -> None:
    rng = np.random.default_rng(0)
    speckle = np.abs(rng.standard_normal(40000) + 1j * rng.standard_normal(40000))
    assert checks_speckle.signal_to_noise(speckle) == pytest.approx(1.913, abs=0.03)
    assert checks_speckle.fits_rayleigh(speckle[:4000]) > 0.01
    bright = np.abs(rng.standard_normal(40000) + 2 + 1j * rng.standard_normal(40000))  # one strong echo in each cell
    assert checks_speckle.signal_to_noise(bright) > 2.1
    assert checks_speckle.fits_rayleigh(bright[:4000]) < 1e-6


def test_a_test_of_a_law_wants_enough_samples() -> None:
    with pytest.raises(ValueError, match="3000 or more"):
        checks_speckle.fits_rayleigh(np.ones(100))


def test_widths_of_a_known_peak() -> None:
    at = np.arange(41, dtype=np.float64) - np.float64(20.3)
    assert checks_tools.width_at(-6.0206 * (at / 4) ** 2, 20) == pytest.approx(8.0, abs=1e-6)
    assert math.isnan(checks_tools.width_at(-0.001 * at**2, 20))
    lags = np.exp(-0.5 * (np.arange(20) / 3.0) ** 2)
    assert checks_tools.half_width(lags) == pytest.approx(2 * 3.0 * math.sqrt(2 * math.log(2)), rel=1e-6)


def test_width_check_sees_another_frequency_and_a_lost_focus() -> None:
    low, high = check_rows()["two_way_8"]["low"], check_rows()["two_way_8"]["high"]
    for wrong in (checks_beam.point_widths(8.0, mhz=5.0, focus_mm=8.0), checks_beam.point_widths(8.0, mhz=7.6, focus_mm=60.0)):
        assert not all(low <= width <= high for width, _ in wrong)


def test_slope_check_sees_a_wrong_loss() -> None:
    scanner = checks_tools.clean(phantoms.uniform(DOWN, phantoms.plain(attenuation_db_cm_mhz=0.74)))
    power = checks_levels.mean_power(scanner, DOWN, 4)
    assert abs(checks_levels.read_slope(power, scanner.settings) / 0.7 - 1) > 0.02


def test_contrast_check_sees_a_wrong_level() -> None:
    rod = phantoms.plain("rod", backscatter_db=-7.5)
    scanner = checks_tools.clean(phantoms.cylinders(DOWN, phantoms.plain(), [(rod, 0.0, 18.0, 8.0)]))
    assert abs(checks_levels.contrast(checks_levels.mean_power(scanner, DOWN), scanner.settings, 0, 18, 8) + 9) > 0.5


def test_overlap_of_histograms_tells_like_from_unlike() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 20000), rng.normal(0, 1, 20000)
    assert checks_levels.apart(a, b) < 0.1 and checks_levels.apart(a, b + 8) > 0.99


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_mirrored_picture_fails(side: str) -> None:
    assert max(checks_geometry.sided(side, flip=True)) == 0.0
    assert min(checks_geometry.freedom_error_mm(side, flip=True)) > 10


def test_border_order_sees_swapped_borders() -> None:
    weak = checks_angles.border_level_db(tissue("muscle"), tissue("blood"))
    assert checks_angles.border_level_db(tissue("skin"), tissue("fat")) - weak > 10


def test_depth_error_needs_the_switch_and_the_fat() -> None:
    assert max(map(abs, checks_geometry.fat_shift_mm(true_speed=False))) < 0.01
    assert min(checks_geometry.fat_shift_mm(2.0)) < 0.32


@pytest.mark.parametrize("loss", [math.nan, -1.0, math.inf, 1e9])
def test_phantoms_refuse_absurd_losses(loss: float) -> None:
    with pytest.raises(ValueError, match="Allowed: 0 to 100"):
        phantoms.plain(attenuation_db_cm_mhz=loss)


@pytest.mark.parametrize("wrong", [[0, 0, 0], [math.nan, 0, 1], [1, 0]])
def test_phantoms_refuse_fibres_without_a_way(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="fibres must be"):
        phantoms.uniform(DOWN, phantoms.plain(), fibres=wrong)


@pytest.mark.parametrize("wrong", [0.0, math.nan, -1.0, 500.0])
def test_phantoms_refuse_absurd_vessels(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"Allowed: 0\.2 to 20"):
        phantoms.vessel(DOWN, phantoms.plain(), wrong, 10.0)


@pytest.mark.parametrize("wrong", [90.0, math.nan])
def test_phantoms_refuse_borders_that_stand_on_end(wrong: float) -> None:
    with pytest.raises(ValueError, match="Allowed: -80 to 80"):
        phantoms.layered(DOWN, [(phantoms.bath(), 0.0)], tilt_deg=wrong)


def test_a_phantom_is_the_same_under_any_pose() -> None:
    tilted = ProbePose(np.array([30.0, -20, 5]), np.array([0.0, 0.6, 0.8]), np.array([1.0, 0, 0]))
    rod = phantoms.plain("rod")
    for pose in (DOWN, tilted):
        held = phantoms.cylinders(pose, phantoms.plain(), [(rod, 5.0, 12.0, 4.0)]).held
        spots = pose.ras_from_probe.apply(np.array([[5.0, 0, 12], [5.0, 0, 15], [0, 0, -1.5]]))
        assert held.key_at(spots) == ["rod", "plain", ""]
