"""Colour and power Doppler on a tube of blood, and on the occipital artery of the shipped model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from meshes.strands import strands_from
from sim.ultrasound.doppler import DopplerSettings
from sim.ultrasound.image import BModeImage
from sim.ultrasound.medium import Phantom
from sim.ultrasound.phantoms import orientations, plain, uniform
from sim.ultrasound.placing import probe_pose
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.tissues import tissue

Array = NDArray[np.float64]
POSE = orientations()[0]
DEPTH_MM, RADIUS_MM, PEAK_S = 15.0, 2.0, 0.1
ARTERY_CM_S, VEIN_CM_S = (float(scanner_table()["doppler"][name]) for name in ("artery_cm_s", "vein_cm_s"))
QUICK: Mapping[str, Any] = {"lines": 128, "samples": 512, "depth_mm": 30}


@pytest.fixture(scope="module")
def ground() -> Phantom:
    return uniform(POSE, plain())


def tube(ground: Phantom, deg: float, *, kind: str = "artery", key: str = "tube", back: bool = False) -> Phantom:
    """A straight vessel in the image, at an angle to the beam, that runs toward the marked end as it gets deeper."""
    way = np.array([np.sin(np.deg2rad(deg)), 0.0, np.cos(np.deg2rad(deg))])
    line = POSE.ras_from_probe.apply(np.array([0.0, 0, DEPTH_MM]) + np.linspace(-14, 14, 9)[:, None] * way)
    strands = strands_from({key: (kind, line[::-1] if back else line, RADIUS_MM)})
    return replace(ground, strands=strands, by_key={**ground.by_key, key: tissue("blood")})


def look(
    phantom: Phantom, pose: ProbePose = POSE, time_s: float = PEAK_S, scanner: Mapping[str, Any] = QUICK, **wanted: Any
) -> BModeImage:
    doppler = DopplerSettings(**{"scale_cm_s": 80.0, "wall_filter_cm_s": 1.0, **wanted})
    return Scanner(phantom, **scanner).image(pose, time_s=time_s, doppler=doppler)


def in_middle(image: BModeImage) -> float:
    """Speed shown in the middle of the tube, cm/s."""
    assert image.doppler is not None
    place = POSE.ras_from_probe.apply(np.array([[0.0, 0, DEPTH_MM]]))[0]
    column, row = np.round((np.linalg.inv(image.ras_from_image) @ [*place, 1.0])[:2]).astype(int)
    assert image.key_at(row, column) in ("tube", "vertebral_artery_right")
    return float(image.doppler.velocity_cm_s[row, column])


@pytest.mark.parametrize("deg", [30.0, 60.0, 75.0])
@pytest.mark.parametrize("steer", [-20.0, 0.0, 20.0])
def test_speed_follows_the_cosine(ground: Phantom, deg: float, steer: float) -> None:
    expected = -2 * ARTERY_CM_S * np.cos(np.deg2rad(deg - steer))  # fastest in the middle; away from the probe
    found = in_middle(look(tube(ground, deg), steer_deg=steer))
    assert found == pytest.approx(expected, rel=0.1, abs=1.0)


def test_speed_is_least_at_the_wall(ground: Phantom) -> None:
    image = look(tube(ground, 60))
    assert image.doppler is not None
    rows = np.flatnonzero(image.doppler.shown[:, image.pixels.shape[1] // 2])
    speeds = np.abs(image.doppler.velocity_cm_s[rows, image.pixels.shape[1] // 2])
    middle = len(rows) // 2
    assert speeds[middle] > 2.5 * max(speeds[0], speeds[-1])
    assert len(rows) * image.pixel_mm[0] == pytest.approx(2 * RADIUS_MM / np.sin(np.deg2rad(60)), abs=1.0)


def test_sign_flips_with_the_steer_past_perpendicular_and_with_the_flow(ground: Phantom) -> None:
    steep = tube(ground, 80)
    assert in_middle(look(steep, steer_deg=20)) < -5 and in_middle(look(steep, steer_deg=-30)) > 5
    assert in_middle(look(tube(ground, 60, back=True))) == pytest.approx(-in_middle(look(tube(ground, 60))), rel=0.02)


def test_nothing_is_shown_at_a_right_angle(ground: Phantom) -> None:
    image = look(tube(ground, 90))
    assert image.doppler is not None and not image.doppler.shown.any()


def test_too_fast_a_flow_wraps_round(ground: Phantom) -> None:
    true = in_middle(look(tube(ground, 60)))
    scale = abs(true) * 0.75
    image = look(tube(ground, 60), scale_cm_s=scale)
    assert image.doppler is not None and image.doppler.nyquist_cm_s == scale
    assert in_middle(image) == pytest.approx(true + 2 * scale, abs=1.0)
    assert np.abs(image.doppler.velocity_cm_s).max() <= scale * 1.0001


def test_the_wall_filter_takes_slow_flow(ground: Phantom) -> None:
    vein = tube(ground, 60, kind="vein")
    fastest = 2 * VEIN_CM_S * np.cos(np.deg2rad(60))
    shown = look(vein, wall_filter_cm_s=0.3 * fastest)
    assert shown.doppler is not None and shown.doppler.shown.sum() > 0.5 * shown.mask("tube").sum()
    assert in_middle(shown) == pytest.approx(fastest, rel=0.1)  # veins run home, so toward the probe
    hidden = look(vein, wall_filter_cm_s=1.3 * fastest)
    assert hidden.doppler is not None and not hidden.doppler.shown.any()
    power = look(vein, wall_filter_cm_s=1.3 * fastest, mode="power").doppler
    assert power is not None and power.shown.sum() < shown.doppler.shown.sum()


def test_arteries_beat_and_known_ones_have_their_own_speed(ground: Phantom) -> None:
    artery = tube(ground, 60)
    rest = in_middle(look(artery, time_s=0.0))
    assert rest == pytest.approx(scanner_table()["doppler"]["diastole_share"] * in_middle(look(artery)), rel=0.05)
    named = in_middle(look(tube(ground, 60, key="vertebral_artery_right")))
    expected = scanner_table()["doppler"]["vertebral_artery_cm_s"] / ARTERY_CM_S
    assert named / in_middle(look(artery)) == pytest.approx(expected, rel=0.05)


def test_power_has_no_sign(ground: Phantom) -> None:
    ahead, back = (look(tube(ground, 60, back=b), mode="power").doppler for b in (False, True))
    assert ahead is not None and back is not None and ahead.mode == "power"
    assert ahead.shown.any() and (ahead.power_db >= 0).all()
    assert np.allclose(ahead.power_db, back.power_db, atol=0.05)


def test_colour_stays_in_its_vessel_and_in_its_box(ground: Phantom) -> None:
    image = look(tube(ground, 60), box=(0.2, 0.1, 0.8, 0.7))
    assert image.doppler is not None and image.doppler.shown.any()
    away = distance_transform_edt(~image.mask("tube")) * image.pixel_mm[0]
    assert away[image.doppler.shown].max() < 0.6
    top, left, bottom, right = image.doppler.box
    inside = np.zeros(image.pixels.shape, dtype=bool)
    inside[top:bottom, left:right] = True
    assert not image.doppler.shown[~inside].any() and inside.mean() == pytest.approx(0.36, abs=0.02)
    grey = Scanner(tube(ground, 60), **QUICK).image(POSE, time_s=PEAK_S)
    assert (image.pixels == grey.pixels).all()


def test_a_moving_probe_flashes(ground: Phantom) -> None:
    still = look(tube(ground, 90)).doppler
    pressed, lifted = (look(tube(ground, 90), moving_mm_s=(0, 0, v)).doppler for v in (40.0, -40.0))
    slid = look(tube(ground, 90), moving_mm_s=(120.0, 0, 0)).doppler
    assert still is not None and pressed is not None and lifted is not None and slid is not None
    assert not still.shown.any()
    assert pressed.shown.mean() > 0.05 and (pressed.velocity_cm_s[pressed.shown] > 0).mean() > 0.95
    assert lifted.shown.mean() > 0.05 and (lifted.velocity_cm_s[lifted.shown] < 0).mean() > 0.95
    assert slid.shown.any()


@pytest.mark.parametrize("probe", ["linear-12-3", "curved-5-2"])
def test_marker_side_mirrors_colour_with_the_image(ground: Phantom, probe: str) -> None:
    left, right = (
        look(tube(ground, 60), scanner={**QUICK, "probe": probe, "marker_side": side}, box=(0.1, 0.0, 0.7, 1.0))
        for side in ("left", "right")
    )
    assert left.doppler is not None and right.doppler is not None and left.doppler.shown.any()
    assert (left.pixels == right.pixels[:, ::-1]).all()
    shared = np.zeros(left.pixels.shape, dtype=bool)
    columns = left.pixels.shape[1]
    shared[:, round(0.3 * columns) + 1 : round(0.7 * columns) - 1] = True
    assert (left.doppler.velocity_cm_s == right.doppler.velocity_cm_s[:, ::-1])[shared].all() and left.doppler.shown[shared].any()


def test_curved_beams_fan_out(ground: Phantom) -> None:
    """A tube along the face is met at a right angle in the middle alone: colour changes its sign there."""
    image = look(tube(ground, 90), scanner={**QUICK, "probe": "curved-5-2", "frequency_mhz": 3.5}, wall_filter_cm_s=0.5)
    assert image.doppler is not None
    column = np.nonzero(image.doppler.shown)[1] - image.pixels.shape[1] / 2
    speed = image.doppler.velocity_cm_s[image.doppler.shown]
    assert np.sign(speed[column < -10]).mean() * np.sign(speed[column > 10]).mean() < -0.9


def test_the_image_tells_how_flow_was_looked_for(ground: Phantom) -> None:
    told = look(tube(ground, 60), steer_deg=10, wall_filter_cm_s=3.0).settings
    assert (told["doppler_steer_deg"], told["wall_filter_cm_s"], told["doppler_scale_cm_s"]) == (10, 3.0, 80.0)
    assert Scanner(ground, **QUICK).image(POSE).doppler is None


NAN = float("nan")


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"mode": "color"}, "Did you mean 'colour'"), ({"scale_cm_s": 0.0}, "scale_cm_s is 0"),
        ({"scale_cm_s": NAN}, "scale_cm_s is nan"),
        ({"scale_cm_s": 1e9}, "scale_cm_s"), ({"wall_filter_cm_s": -1.0}, "wall_filter_cm_s"),
        ({"wall_filter_cm_s": NAN}, "wall_filter_cm_s"),
        ({"scale_cm_s": 5.0, "wall_filter_cm_s": 5.0}, "below the scale"), ({"scale_cm_s": 1.5}, "wall_filter_cm_s"),
        ({"steer_deg": 31.0}, "steer_deg is 31"), ({"steer_deg": NAN}, "steer_deg"), ({"box": (0.5, 0, 0.4, 1)}, "box"),
        ({"box": (0, 0, 1, 1.1)}, "box"), ({"box": (0, NAN, 1, 1)}, "box"), ({"gain_db": NAN}, "finite"),
        ({"moving_mm_s": (0, 0, float("inf"))}, "finite"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(wanted: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        DopplerSettings(**wanted)


@pytest.mark.slow
@pytest.mark.parametrize("steer", [-20.0, 20.0])
def test_the_occipital_artery_is_coloured(scanner: Scanner, steer: float) -> None:
    """Of the shipped model; slow, for its tiles are needed nowhere else."""
    anatomy = scanner.medium.anatomy  # type: ignore[attr-defined]
    pose = probe_pose(anatomy, "occipital-artery", "right")
    wanted = DopplerSettings(scale_cm_s=15.0, steer_deg=steer)
    image = scanner.with_settings(depth_mm=15, frequency_mhz=12).image(pose, time_s=PEAK_S, doppler=wanted)
    assert image.doppler is not None
    vessels = [k for k in image.keys if "artery" in k or "vein" in k]
    shown = image.doppler.shown
    assert (shown & image.mask("occipital_artery_right")).sum() > 0.3 * image.mask("occipital_artery_right").sum()
    away = distance_transform_edt(~image.mask(*vessels)) * image.pixel_mm[0]
    assert away[shown].max() < 0.6
