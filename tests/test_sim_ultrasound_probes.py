"""Probes and their beams: against the slices and widths that PyMUST gives, and against bad input."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from meshes.references import reference
from sim.ultrasound.probes import (
    ProbeModel,
    axial_fwhm_mm,
    elevation_fwhm_mm,
    lateral_fwhm_mm,
    probe_model,
    probes,
    receive_f_number,
    wavelength_mm,
)

EVERY = pytest.mark.parametrize("model", probes().values(), ids=lambda m: m.key)
DEPTHS = np.array([5.0, 8, 12, 18, 25, 30])
SLICES = {  # two-way thickness, mm, by PyMUST in three dimensions
    ("linear-11-5", 7.6): [3.22, 2.57, 1.88, 1.41, 1.93, 2.46],
    ("linear-12-3", 7.54): [3.68, 3.10, 2.47, 1.74, 2.27, 2.87],
    ("linear-12-3", 10.0): [3.51, 2.89, 2.18, 1.29, 1.79, 2.44],
    ("hockey-15-7", 12.0): [1.90, 1.32, 0.94, 1.58, 2.39, 2.72],
}
WIDTHS = [  # probe, MHz, depth, focus, width of the two-way beam by PyMUST: aperture half the focus, receive F 1.5, mm
    ("linear-11-5", 7.6, 8, 8, 0.334), ("linear-11-5", 7.6, 18, 18, 0.342), ("linear-11-5", 7.6, 30, 30, 0.344),
    ("linear-11-5", 7.6, 8, 16, 0.418), ("linear-11-5", 7.6, 12, 16, 0.449), ("linear-11-5", 7.6, 24, 16, 0.439),
    ("linear-11-5", 7.6, 36, 16, 0.416), ("linear-11-5", 7.6, 15, 30, 0.417), ("linear-11-5", 7.6, 36, 30, 0.443),
    ("linear-12-3", 10.0, 8, 8, 0.263), ("linear-12-3", 10.0, 20, 20, 0.261),
]  # fmt: skip


def test_presets_are_those_that_scenarios_name() -> None:
    assert list(probes()) == ["linear-12-3", "linear-11-5", "hockey-15-7", "linear-9-4", "curved-5-2"]


def test_the_default_probe_is_as_published() -> None:
    model = probe_model("linear-12-3")
    assert (model.width_mm, model.elements, model.pitch_mm) == (38.4, 192, 0.2)
    assert (model.elevation_height_mm, model.elevation_focus_mm) == (5, 20)
    assert (model.default_mhz, model.default_depth_mm) == (10, 40)


@EVERY
def test_a_probe_agrees_with_itself(model: ProbeModel) -> None:
    assert model.width_mm == pytest.approx(model.elements * model.pitch_mm, rel=0.003)
    assert model.lowest_mhz < model.centre_mhz < model.highest_mhz
    assert model.lowest_mhz <= model.default_mhz <= model.highest_mhz
    assert 0 < model.default_focus_mm < model.default_depth_mm
    assert 0.5 < model.bandwidth < 1 and model.footprint_thickness_mm > model.elevation_height_mm
    assert f"{model.highest_mhz:g}-{model.lowest_mhz:g}" in model.key and hash(model) == hash(replace(model))


@EVERY
def test_only_a_curved_face_has_a_radius(model: ProbeModel) -> None:
    assert model.kind == ("curved" if model.key.startswith("curved") else "linear")
    if model.kind == "curved":
        assert model.field_deg == pytest.approx(math.degrees(model.width_mm / model.radius_mm), abs=0.1)
        assert 60 <= model.field_deg <= 70
    else:
        assert (model.radius_mm, model.field_deg) == (0, 0)


@EVERY
def test_every_quantity_says_how_it_is_known(model: ProbeModel) -> None:
    assert set(model.evidence) == {f.name for f in fields(ProbeModel)} - {"key", "label", "kind", "sources", "evidence"}
    assert set(model.evidence.values()) <= {"FOUND", "DERIVED", "KNOWN", "design"}
    assert "FOUND" not in model.evidence.values() or any(reference(key)["level"] == "read" for key in model.sources)


def test_unknown_probe_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"probe is 'linear-12-4', which is not known\. Did you mean 'linear-12-3'"):
        probe_model("linear-12-4")


def test_wavelength() -> None:
    assert wavelength_mm(7.7) == pytest.approx(0.2)
    assert wavelength_mm(10, c=1440) == pytest.approx(0.144)


def test_pulse_is_as_long_as_pymust_says_and_longer_in_a_narrow_band() -> None:
    model = probe_model("linear-11-5")
    assert axial_fwhm_mm(model, 7.6) == pytest.approx(0.184, abs=0.001)
    narrow = replace(model, bandwidth=0.2)
    assert axial_fwhm_mm(narrow, 7.6) == pytest.approx(0.70 * 1.54 / (0.2 * 7.6))


def test_aperture_grows_with_depth_until_the_probe_ends() -> None:
    model = probe_model("linear-12-3")
    found = receive_f_number(model, [0, 40, 1.5 * 38.4, 76.8])
    assert found == pytest.approx([1.5, 1.5, 1.5, 2.0])


@pytest.mark.parametrize(("key", "mhz"), SLICES)
def test_slices_are_as_thick_as_pymust_says(key: str, mhz: float) -> None:
    found = elevation_fwhm_mm(probe_model(key), mhz, DEPTHS)
    assert found == pytest.approx(SLICES[key, mhz], rel=0.15)
    assert found.argmin() == np.argmin(SLICES[key, mhz])


def test_slice_at_the_nerve_is_thicker_than_the_nerve() -> None:
    model = probe_model("linear-12-3")
    assert (elevation_fwhm_mm(model, model.default_mhz, [7, 8]) > 1.8).all()


@pytest.mark.parametrize(("key", "mhz", "depth", "focus", "width"), WIDTHS)
def test_beams_are_as_wide_as_pymust_says(key: str, mhz: float, depth: float, focus: float, width: float) -> None:
    assert float(lateral_fwhm_mm(probe_model(key), mhz, depth, focus)) == pytest.approx(width, rel=0.1)


@pytest.mark.parametrize("depth", [8, 12, 18, 25, 36])
def test_beam_in_focus_is_near_the_reference_of_receive_alone(depth: float) -> None:
    width = float(lateral_fwhm_mm(probe_model("linear-11-5"), 7.6, depth, depth))
    assert 0.8 * 0.366 <= width <= 1.2 * 0.42
    assert width < 0.42  # a focused transmit can only narrow what receive alone gives


@EVERY
def test_beam_is_narrowest_at_its_focus_and_never_wider_than_its_receiving_part(model: ProbeModel) -> None:
    mhz, focus = model.default_mhz, model.default_focus_mm
    shallow = model.width_mm * 1.5  # the aperture still grows: the receiving part is the same at every depth
    depth = np.linspace(0, shallow, 400)
    width = lateral_fwhm_mm(model, mhz, depth, min(focus, shallow / 2))
    assert abs(depth[width.argmin()] - min(focus, shallow / 2)) < 2
    assert (width <= 1.38 * wavelength_mm(mhz) * receive_f_number(model, depth) + 1e-12).all() and (width > 0).all()


@EVERY
def test_beams_sharpen_with_frequency(model: ProbeModel) -> None:
    low, high, depth, focus = model.lowest_mhz, model.highest_mhz, model.default_focus_mm, model.default_focus_mm
    assert axial_fwhm_mm(model, high) < axial_fwhm_mm(model, low)
    assert lateral_fwhm_mm(model, high, depth, focus) < lateral_fwhm_mm(model, low, depth, focus)
    assert elevation_fwhm_mm(model, high, depth) < elevation_fwhm_mm(model, low, depth)


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_laws_keep_the_shape_of_the_depths(shape: tuple[int, ...]) -> None:
    model, depth = probe_model("linear-9-4"), np.full(shape, 20.0)
    for found in (
        receive_f_number(model, depth), lateral_fwhm_mm(model, 6.0, depth, 15.0), elevation_fwhm_mm(model, 6.0, depth),
    ):  # fmt: skip
        assert np.shape(found) == shape and np.isfinite(found).all()


LAWS: dict[str, Callable[..., Any]] = {
    "axial": lambda mhz, depth, focus: axial_fwhm_mm(probe_model("linear-11-5"), mhz),
    "lateral": lambda mhz, depth, focus: lateral_fwhm_mm(probe_model("linear-11-5"), mhz, depth, focus),
    "elevation": lambda mhz, depth, focus: elevation_fwhm_mm(probe_model("linear-11-5"), mhz, depth),
    "f number": lambda mhz, depth, focus: receive_f_number(probe_model("linear-11-5"), depth),
}


@pytest.mark.parametrize("mhz", [math.nan, 0.0, -5.0, 40.0, math.inf])
@pytest.mark.parametrize("law", ["axial", "lateral", "elevation"])
def test_a_frequency_that_the_probe_has_not_is_refused(law: str, mhz: float) -> None:
    with pytest.raises(ValueError, match=r"mhz is .*\. Allowed for linear-11-5: 5 to 11 MHz\."):
        LAWS[law](mhz, 10.0, 10.0)


@pytest.mark.parametrize("depth", [math.nan, -1.0, math.inf, 5000.0, [1.0, math.nan]])
@pytest.mark.parametrize("law", ["lateral", "elevation", "f number"])
def test_a_depth_that_no_probe_reaches_is_refused(law: str, depth: float | list[float]) -> None:
    with pytest.raises(ValueError, match=r"depth_mm holds a value that no probe reaches\. Allowed: 0 to 300 mm\."):
        LAWS[law](7.6, depth, 10.0)


@pytest.mark.parametrize("focus", [math.nan, 0.0, -3.0, math.inf, 5000.0])
def test_a_focus_that_is_none_is_refused(focus: float) -> None:
    with pytest.raises(ValueError, match=r"focus_mm .*Allowed: "):
        LAWS["lateral"](7.6, 10.0, focus)


@pytest.mark.parametrize("value", [math.nan, 0.0, -1.0, math.inf])
def test_a_wave_without_frequency_or_speed_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"mhz is .*Allowed: a finite number above 0, in MHz\."):
        wavelength_mm(value)
    with pytest.raises(ValueError, match=r"c is .*Allowed: a finite number above 0, in m/s\."):
        wavelength_mm(7.6, c=value)
