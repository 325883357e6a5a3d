"""Needle and fluid in the image, and the way from an image to a needle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.ultrasound.aiming import needle_to, places_of, pool_at
from sim.ultrasound.image import BModeImage
from sim.ultrasound.medium import Phantom
from sim.ultrasound.needle_echo import insertion_deg
from sim.ultrasound.phantoms import plain, strand
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.scene import Injectate, ScanNeedle
from tests.insonation import NAN, NERVE, POSE, QUICK, area, at, middle_depth, pixel, shown

# ---- needle and fluid


def needle(y: float = 0.0, **more: Any) -> ScanNeedle:
    return ScanNeedle(at(-17.0, 3.0, y), at(2.0, 15.0, y), **more)


def test_a_needle_in_plane_shows_along_its_way(flesh: Phantom) -> None:
    scanner = Scanner(flesh, **QUICK)
    bare, image = scanner.image(POSE), scanner.image(POSE, needle=needle())
    rows, columns = np.nonzero(image.mask("needle"))
    points = (image.ras_from_image @ np.stack([columns, rows, np.zeros(len(rows)), np.ones(len(rows))]))[:3].T
    offset = points - needle().entry_mm
    along = offset @ needle().direction
    away = np.linalg.norm(offset - along[:, None] * needle().direction, axis=1)
    length = np.linalg.norm(needle().tip_mm - needle().entry_mm)
    assert away.max() < 0.7 and along.min() < 0.5 and length - 0.5 < along.max() < length + 0.5
    assert "needle" not in shown(bare)
    assert insertion_deg(needle(), POSE) == pytest.approx(np.rad2deg(np.arctan2(12, 19)), abs=1e-6)


def test_a_flat_needle_is_bright_and_a_steep_one_is_not(flesh: Phantom) -> None:
    scanner = Scanner(flesh, **QUICK)
    bare, found = scanner.image(POSE).pixels, []
    for deg in (0.0, 10.0, 25.0, 50.0):
        way = np.array([np.cos(np.deg2rad(deg)), np.sin(np.deg2rad(deg))])
        image = scanner.image(
            POSE, needle=ScanNeedle(at(*(np.array([0.0, 14.0]) - 6 * way)), at(*(np.array([0.0, 14.0]) + 6 * way)))
        )
        mask = image.mask("needle")
        columns = np.flatnonzero(mask.any(axis=0))[6:-10]  # without the tip, which shines at any angle
        found.append(np.where(mask, image.pixels, 0)[:, columns].max(axis=0).mean())
        if deg == 0:
            assert found[0] > np.where(mask, bare, 0)[:, columns].max(axis=0).mean() + 40
    assert found[0] > found[1] > found[2] > found[3]


def test_a_needle_out_of_the_slice_is_not_seen(flesh: Phantom) -> None:
    scanner = Scanner(flesh, **QUICK)
    off = scanner.image(POSE, needle=needle(5.0))
    assert "needle" not in shown(off)
    assert np.abs(off.pixels.astype(int) - scanner.image(POSE).pixels).mean() < 0.5


def test_a_needle_across_the_plane_shows_as_a_dot(flesh: Phantom) -> None:
    image = Scanner(flesh, **QUICK).image(POSE, needle=ScanNeedle(at(3.0, 12.0, -8.0), at(3.0, 12.0, 8.0)))
    rows, columns = np.nonzero(image.mask("needle"))
    row, column = pixel(image, at(3.0, 12.0))
    assert (
        len(rows) and abs(rows.mean() - row) * image.pixel_mm[0] < 0.5 and abs(columns.mean() - column) * image.pixel_mm[1] < 0.5
    )
    assert area(image, "needle") < 1.0


def test_an_echogenic_shaft_shows_better_when_steep(flesh: Phantom) -> None:
    scanner = Scanner(flesh, **QUICK)
    steep = {e: ScanNeedle(at(-6.0, 1.0), at(2.0, 20.0), echogenic=e) for e in (False, True)}
    levels = {
        e: scanner.image(POSE, needle=n).pixels[scanner.image(POSE, needle=n).mask("needle")].mean() for e, n in steep.items()
    }
    assert levels[True] > levels[False] + 10


def lens(**more: Any) -> Injectate:
    return Injectate(**{"centre_mm": at(0.0, 15.0), "normal": -POSE.axis, "volume_ml": 1.0, **more})


@pytest.mark.parametrize(("volume", "thick"), [(1.0, 3.0), (0.5, 2.0), (2.0, 8.0)])
def test_fluid_fills_the_area_of_its_lens(flesh: Phantom, volume: float, thick: float) -> None:
    fluid = lens(volume_ml=volume, thickness_mm=thick)
    image = Scanner(flesh, **QUICK).image(POSE, injectate=fluid)
    assert np.pi * fluid.radius_mm**2 * thick / 2 == pytest.approx(1000 * volume)
    assert area(image, "injectate") == pytest.approx(2 / 3 * 2 * fluid.radius_mm * thick, rel=0.1)
    assert middle_depth(image, "injectate") == pytest.approx(15.0, abs=0.3)
    assert image.pixels[image.mask("injectate")].mean() < 0.6 * image.pixels[image.mask("plain")].mean()


def test_no_fluid_changes_nothing(flesh: Phantom) -> None:
    scanner = Scanner(flesh, **QUICK)
    assert (scanner.image(POSE, injectate=lens(volume_ml=0.0)).pixels == scanner.image(POSE).pixels).all()


@pytest.mark.parametrize(("depth", "way"), [(14.0, -1), (16.0, 1)])
def test_fluid_moves_a_nerve_out_of_its_way(depth: float, way: int) -> None:
    scanner = Scanner(strand(POSE, plain(), "nerve", 2.0, depth), **QUICK)
    before, after = (middle_depth(scanner.image(POSE, injectate=f), "rod") for f in (None, lens()))
    assert before == pytest.approx(depth, abs=0.2) and 0.4 < way * (after - before) < 2.5


def test_fluid_parts_layers(layers: Phantom) -> None:
    fluid = lens(centre_mm=at(0.0, 8.0), thickness_mm=4.0)
    image = Scanner(layers, **QUICK).image(POSE, injectate=fluid)
    column = [image.keys[i] for i in image.labels[:, image.pixels.shape[1] // 2]]
    runs = [k for i, k in enumerate(column) if i == 0 or column[i - 1] != k]
    assert runs[:4] == ["fat_layer", "injectate", "flesh", "bone"]


def test_aim_reaches_the_nerve_from_both_ends(scanner: Scanner, right: ProbePose, oblique: BModeImage) -> None:
    target = oblique.ras(*places_of(oblique, NERVE)[0])
    width = scanner.settings.model.width_mm
    for end, way in (("marked", 1.0), ("other", -1.0)):
        aimed = needle_to(oblique, right, NERVE, end=end, width_mm=width)  # type: ignore[arg-type]
        away = float(np.linalg.norm(aimed.tip_mm - target))
        column, row = (np.linalg.inv(oblique.ras_from_image) @ [*aimed.tip_mm, 1.0])[:2]
        assert oblique.key_at(round(row), round(column)) != NERVE and 1.3 < away < 3.0  # beside the nerve, not in it
        assert abs((aimed.tip_mm - right.face_mm) @ right.elevation) < 1e-6
        assert way * ((aimed.entry_mm - right.face_mm) @ right.lateral) == pytest.approx(width / 2 + 2.5)
        half = needle_to(oblique, right, NERVE, end=end, width_mm=width, reached=0.5)  # type: ignore[arg-type]
        assert np.linalg.norm(half.tip_mm - half.entry_mm) == pytest.approx(0.5 * np.linalg.norm(aimed.tip_mm - aimed.entry_mm))
    with pytest.raises(ValueError, match="the image does not show sternocleidomastoid_right"):
        needle_to(oblique, right, "sternocleidomastoid_right", end="marked", width_mm=width)


def test_a_pool_opens_the_plane_between_layers(layers: Phantom) -> None:
    image = Scanner(layers, **QUICK).image(POSE)
    pool = pool_at(image, POSE, ScanNeedle(at(-10.0, 2.0), at(0.0, 9.3)), 1.0)
    depth = (pool.centre_mm - POSE.face_mm) @ POSE.axis
    assert depth == pytest.approx(8.0, abs=0.2) and abs(pool.normal @ POSE.axis) > 0.99
    far = pool_at(image, POSE, ScanNeedle(at(-10.0, 2.0), at(0.0, 14.0)), 1.0)  # no border is near
    assert (far.centre_mm - POSE.face_mm) @ POSE.axis == pytest.approx(14.0, abs=0.2)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ScanNeedle(np.zeros(3), np.array([NAN, 0, 0])), "tip_mm must be three finite"),
        (lambda: ScanNeedle(np.zeros(2), np.ones(3)), "entry_mm must be three finite"),
        (lambda: ScanNeedle(np.zeros(3), np.zeros(3)), "one point"), (lambda: needle(diameter_mm=0.0), "diameter_mm is 0"),
        (lambda: needle(diameter_mm=NAN), "diameter_mm is nan"), (lambda: needle(bevel="blunt"), "standard, short"),
        (lambda: needle(moved_mm=NAN), "moved_mm is nan"), (lambda: needle(moved_mm=51.0), "moved_mm"),
        (lambda: lens(volume_ml=-1.0), "volume_ml is -1"), (lambda: lens(volume_ml=NAN), "volume_ml is nan"),
        (lambda: lens(thickness_mm=0.0), "thickness_mm is 0"), (lambda: lens(normal=np.zeros(3)), "no length"),
        (lambda: lens(normal=np.array([NAN, 0, 1])), "normal must be"),
        (lambda: lens(centre_mm=np.array([np.inf, 0, 1])), "centre_mm must be"),
    ],
)  # fmt: skip
def test_an_impossible_scene_is_refused(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()
