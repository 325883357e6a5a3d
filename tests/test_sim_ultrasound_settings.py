"""What is set on the scanner."""

from __future__ import annotations

from typing import Any

import pytest

from sim.ultrasound.aiming import places_of
from sim.ultrasound.medium import Phantom, no_strands
from sim.ultrasound.phantoms import layered, plain, strand
from sim.ultrasound.poses import tilt
from sim.ultrasound.probes import probe_model
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.settings import Settings, settings_from
from sim.ultrasound.tissues import tissue
from tests.insonation import EVERY_PROBE, NAN, POSE, QUICK

# ---- settings


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"lines": 31}, "lines is 31; it must be a number from 32 to 1024"), ({"lines": 1025}, "lines"),
        ({"lines": 64.5}, "whole number"),
        ({"lines": NAN}, "lines is nan"), ({"lines": "64"}, "lines is '64'"), ({"lines": True}, "lines is True"),
        ({"samples": 127}, "samples"), ({"samples": 4100}, "samples"), ({"samples": 510}, "multiple of 4"),
        ({"planes": 2}, "planes is 2; allowed: 1, 3, 5"), ({"planes": 0}, "planes"), ({"planes": NAN}, "planes"),
        ({"depth_mm": 9.9}, "depth_mm is 9.9; it must be a number from 10 to 150 mm"), ({"depth_mm": NAN}, "depth_mm is nan"),
        ({"depth_mm": 151}, "depth_mm"), ({"frequency_mhz": 2.0}, "for the probe linear-12-3"),
        ({"frequency_mhz": 40}, "frequency_mhz"),
        ({"focus_mm": 0.0}, "focus_mm"), ({"focus_mm": 151.0}, "focus_mm"), ({"focus_mm": NAN}, "focus_mm"),
        ({"gain_db": 30.5}, "gain_db"),
        ({"gain_db": -31}, "gain_db"), ({"gain_db": NAN}, "gain_db is nan"), ({"tgc_db": (1.0,)}, "1 sliders"),
        ({"tgc_db": (0.0,) * 65}, "65 sliders"), ({"tgc_db": (0.0, NAN)}, "tgc_db is nan"),
        ({"tgc_db": (0.0, 21.0)}, "tgc_db is 21"),
        ({"dynamic_range_db": 29}, "dynamic_range_db"), ({"dynamic_range_db": 91}, "dynamic_range_db"),
        ({"marker_side": "top"}, "marker_side"),
        ({"marker_side": "rigth"}, "Did you mean 'right'"), ({"gel_mm": -0.1}, "gel_mm"), ({"gel_mm": 31.0}, "gel_mm"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"), ({"seed": NAN}, "seed"), ({"probe": "linear-12-4"}, "Did you mean 'linear-12-3'"),
        ({"dept_mm": 30}, "setting is 'dept_mm', which is not known. Did you mean 'depth_mm'"),
        ({"colour": 1}, "setting is 'colour'"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(flesh: Phantom, wanted: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Scanner(flesh, **wanted)


@EVERY_PROBE
def test_what_is_not_set_is_the_probes_usual(probe: str) -> None:
    settings, model = settings_from({"probe": probe}), probe_model(probe)
    assert (settings.deep_mm, settings.mhz) == (model.default_depth_mm, model.default_mhz)
    assert settings.focal_mm == pytest.approx(min(model.default_focus_mm, 0.9 * settings.deep_mm))
    assert hash(settings) == hash(settings_from({"probe": probe})) and settings == Settings(probe=probe)


def test_settings_can_be_changed_and_the_voxels_stay(scanner: Scanner) -> None:
    other = scanner.with_settings(gain_db=3, tgc_db=[0, 1, 2])
    assert other.medium is scanner.medium and other.settings.tgc_db == (0.0, 1.0, 2.0) and scanner.settings.gain_db == 0
    with pytest.raises(ValueError, match="gain_db"):
        scanner.with_settings(gain_db=99)


def test_true_speed_shifts_what_lies_deep() -> None:
    fast = plain("flesh", sound_speed_m_s=1600.0)
    block = layered(POSE, [(fast, 0.0), (tissue("bone"), 20.0)])
    rows = []
    for true in (False, True):
        image = Scanner(block, **QUICK, true_speed=true).image(POSE)
        rows.append(float((image.labels[:, 60] == image.keys.index("flesh")).sum()) * image.pixel_mm[0])
    assert rows[0] == pytest.approx(20.0, abs=0.25) and rows[1] == pytest.approx(20.0 * 1540 / 1600, abs=0.25)


def test_the_probe_follows_its_own_frame(flesh: Phantom) -> None:
    """A rod that leans toward elevation moves in the image as the plane is fanned after it."""
    leaning = strand(POSE, plain(), "vein", 3.0, 15.0, tilt_deg=30.0)
    scanner = Scanner(leaning, **QUICK)
    depths = []
    for deg in (-10.0, 0.0, 10.0):
        pose = tilt(POSE, deg)
        image = scanner.image(pose)
        row, column = places_of(image, "rod")[0]
        point = image.ras(row, column)
        assert abs((point - POSE.face_mm) @ POSE.lateral) < 0.3
        depths.append(float((point - pose.face_mm) @ POSE.axis))
    assert depths[0] < depths[1] < depths[2] and depths[2] - depths[0] > 1.5


def test_a_phantom_without_strands_has_none(flesh: Phantom) -> None:
    assert len(no_strands()) == 0 and Scanner(flesh, **QUICK).tables.label("injectate") > 0
