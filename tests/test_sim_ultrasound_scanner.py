"""The scanner: images of phantoms with known answers, and of the shipped model at the oblique pose over C2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.terms import split_key
from sim.ultrasound.aiming import needle_to, places_of, pool_at
from sim.ultrasound.frame import rest_places
from sim.ultrasound.geometry import beams, grid, ras_from_image
from sim.ultrasound.image import BModeImage
from sim.ultrasound.medium import AnatomyMedium, Phantom, no_strands
from sim.ultrasound.needle_echo import insertion_deg, on_lines
from sim.ultrasound.phantoms import layered, orientations, plain, strand, uniform
from sim.ultrasound.placing import probe_pose
from sim.ultrasound.poses import ProbePose, crossing, tilt
from sim.ultrasound.probes import probe_model, probes
from sim.ultrasound.pulse import pulse_wave
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.scene import Injectate, ScanNeedle
from sim.ultrasound.settings import Settings, settings_from
from sim.ultrasound.tissues import tissue

Array = NDArray[np.float64]
FLIP = np.array([-1.0, 1, 1])
NERVE = "greater_occipital_nerve_right"
POSE = orientations()[0]
QUICK: Mapping[str, Any] = {"lines": 128, "samples": 512, "depth_mm": 30}
EVERY_PROBE = pytest.mark.parametrize("probe", list(probes()))
NAN = float("nan")


def at(x: float, z: float, y: float = 0.0, pose: ProbePose = POSE) -> Array:
    """A place of the probe's frame, in RAS."""
    return np.asarray(pose.ras_from_probe.apply(np.array([[x, y, z]]))[0])


def pixel(image: BModeImage, point: Array) -> tuple[float, float]:
    column, row = (np.linalg.inv(image.ras_from_image) @ [*point, 1.0])[:2]
    return float(row), float(column)


def area(image: BModeImage, *keys: str) -> float:
    """Of structures in an image, square mm."""
    return float(image.mask(*keys).sum()) * image.pixel_mm[0] * image.pixel_mm[1]


def middle_depth(image: BModeImage, key: str) -> float:
    return float(np.nonzero(image.mask(key))[0].mean()) * image.pixel_mm[0]


def shown(image: BModeImage) -> set[str]:
    return {image.keys[i] for i in np.unique(image.labels)}


@pytest.fixture(scope="module")
def flesh() -> Phantom:
    return uniform(POSE, plain(attenuation_db_cm_mhz=0.62))


@pytest.fixture(scope="module")
def layers() -> Phantom:
    """Fat to 8 mm, flesh to 20 mm, bone below."""
    return layered(POSE, [(plain("fat_layer"), 0.0), (plain("flesh"), 8.0), (tissue("bone"), 20.0)])


@pytest.fixture(scope="module")
def right(anatomy: Anatomy) -> ProbePose:
    return probe_pose(anatomy, "c2-oblique", "right")


def fresh(scanner: Scanner, **changes: Any) -> Scanner:
    """A scanner that holds no voxels yet, over the same tiles."""
    medium = scanner.medium
    assert isinstance(medium, AnatomyMedium)
    return Scanner(AnatomyMedium(medium.anatomy, medium.store), **{"lines": 192, "samples": 768, **changes})


@pytest.fixture(scope="module")
def oblique(scanner: Scanner, right: ProbePose) -> BModeImage:
    return fresh(scanner).image(right)


# ---- what an image is


def test_an_image_is_what_its_class_says(oblique: BModeImage, scanner: Scanner, right: ProbePose) -> None:
    rows, columns = oblique.pixels.shape
    assert oblique.pixels.dtype == np.uint8 and oblique.labels.dtype == np.int16 and oblique.labels.shape == (rows, columns)
    assert rows * oblique.pixel_mm[0] == pytest.approx(oblique.depth_mm, abs=oblique.pixel_mm[0])
    assert columns * oblique.pixel_mm[1] == pytest.approx(scanner.settings.model.width_mm, abs=oblique.pixel_mm[1])
    assert oblique.pixels.min() < 20 and oblique.pixels.max() > 200 and 20 < oblique.pixels.mean() < 130
    assert not oblique.pixels.flags.writeable and not oblique.labels.flags.writeable
    assert oblique.keys[0] == "" and oblique.seed == 0 and oblique.marker_side == "left" and oblique.doppler is None
    assert np.allclose(oblique.ras(-0.5, columns / 2 - 0.5), right.face_mm, atol=1e-6)
    assert oblique.settings["probe"] == probe_model("linear-12-3").label


def test_labels_are_keys_of_the_anatomy(oblique: BModeImage, anatomy: Anatomy) -> None:
    found = shown(oblique)
    assert found - {"", "soft_tissue"} <= set(anatomy.structures)
    muscles = {"trapezius", "semispinalis_capitis", "obliquus_capitis_inferior"}
    assert muscles | {"skin", "subcutaneous_fat", "axis", "greater_occipital_nerve"} <= {split_key(k)[0] for k in found if k}
    assert oblique.key_at(*np.argwhere(oblique.mask(NERVE))[0]) == NERVE


def test_bone_throws_a_shadow(oblique: BModeImage) -> None:
    bone = oblique.mask("axis")
    columns = np.flatnonzero(bone.any(axis=0))
    lowest = [np.flatnonzero(bone[:, c]).max() for c in columns]
    below = np.mean([oblique.pixels[min(low + 40, len(bone) - 1), c] for low, c in zip(lowest, columns, strict=True)])
    assert below < 0.5 * oblique.pixels[: oblique.pixels.shape[0] // 2].mean()


# ---- where things are


@pytest.mark.slow
def test_the_nerve_shows_where_it_is_without_pressure(scanner: Scanner, right: ProbePose, anatomy: Anatomy) -> None:
    """Slow, for the probe then lies further out, over tiles that are needed nowhere else."""
    pose = replace(right, press_mm=0.0)
    image = scanner.with_settings(gel_mm=30).image(pose)
    line = anatomy[NERVE].centerline
    assert line is not None
    crossings = [
        p for p in crossing(line, pose) if abs((p - pose.face_mm) @ pose.lateral) < 15 and 0 < (p - pose.face_mm) @ pose.axis < 38
    ]
    parts = places_of(image, NERVE)
    assert crossings
    for point in crossings:
        row, column = pixel(image, point)
        assert image.key_at(round(row), round(column)) == NERVE
        assert np.linalg.norm([image.ras(*p) - point for p in parts], axis=1).min() < 1.5


def test_the_nerve_under_pressure_is_brought_back_to_its_resting_place(
    scanner: Scanner, right: ProbePose, anatomy: Anatomy
) -> None:
    echoes = scanner.echoes(right)
    image = scanner.picture(echoes, right)
    line = anatomy[NERVE].centerline
    assert line is not None
    pressed = image.ras(*places_of(image, NERVE)[0])
    rest = rest_places(pressed[None], right, echoes.contact, beams(scanner.settings))[0]
    assert np.linalg.norm(line - rest, axis=1).min() < 1.5
    assert np.linalg.norm(line - pressed, axis=1).min() > 2.0  # the pressure is no trifle here
    assert abs((rest - right.face_mm) @ right.elevation) < 1e-6


def test_places_at_rest_stay_where_nothing_is_pressed(layers: Phantom) -> None:
    scanner = Scanner(layers, **QUICK)
    points = np.array([at(x, z) for x in (-15.0, 0, 12) for z in (1.0, 9, 25)])
    assert np.allclose(rest_places(points, POSE, scanner.echoes(POSE).contact, beams(scanner.settings)), points, atol=0.05)


@given(
    st.sampled_from(list(probes())), st.sampled_from(["left", "right"]), st.floats(0, 1), st.floats(0, 1),
    st.sampled_from(range(len(orientations()))),
)  # fmt: skip
def test_pixels_lie_on_the_lines_that_fill_them(probe: str, marker: str, down: float, across: float, which: int) -> None:
    settings, pose = Settings(probe=probe, lines=64, samples=256, marker_side=marker), orientations()[which]  # type: ignore[arg-type]
    g = grid(settings)
    row, column = round(down * (g.rows - 1)), round(across * (g.columns - 1))
    matrix = ras_from_image(settings, pose.ras_from_probe.matrix)
    place = (matrix @ [column, row, 0.0, 1.0])[None, :3]
    line, sample = on_lines(pose.probe_from_ras.apply(place), settings)
    of = column if marker == "left" else g.columns - 1 - column
    told = np.broadcast_to(g.line, (g.rows, g.columns))[row, of], np.broadcast_to(g.sample, (g.rows, g.columns))[row, of]
    if told[0] >= 0:
        assert np.clip(line[0], 0, settings.lines - 1) == pytest.approx(told[0], abs=1e-2)
        assert np.clip(sample[0], 0, settings.samples - 1) == pytest.approx(told[1], abs=1e-2)
    else:
        half = settings.lines / 2
        assert abs(line[0] - half + 0.5) > half - 0.02 or not 0.01 < sample[0] < settings.samples - 0.01


@EVERY_PROBE
def test_every_probe_shows_a_layer_at_its_depth(layers: Phantom, probe: str) -> None:
    image = Scanner(layers, probe=probe, lines=96, samples=512, depth_mm=32).image(POSE)
    row, column = pixel(image, at(0.0, 0.0))
    labels = [image.key_at(round(row + z / image.pixel_mm[0]), round(column)) for z in (2.0, 7.5, 8.5, 19.4)]
    assert labels == ["fat_layer", "fat_layer", "flesh", "flesh"]
    assert "bone" in shown(image) and image.pixels.any()
    if probe_model(probe).kind == "curved":
        assert image.key_at(image.pixels.shape[0] - 1, 0) == "" and image.pixels[-1, 0] == 0


@pytest.mark.parametrize("planes", [1, 3, 5])
def test_planes_change_the_speckle_and_not_the_places(layers: Phantom, planes: int) -> None:
    image = Scanner(layers, **QUICK, planes=planes).image(POSE)
    usual = Scanner(layers, **QUICK).image(POSE)
    assert (image.labels == usual.labels).mean() > 0.999
    assert abs(image.pixels.mean() / usual.pixels.mean() - 1) < 0.15
    assert (planes == 3) == bool((image.pixels == usual.pixels).all())


@pytest.mark.parametrize("depth", [10.0, 150.0])
@pytest.mark.parametrize("probe", ["linear-12-3", "curved-5-2"])
def test_least_and_greatest_depth(layers: Phantom, probe: str, depth: float) -> None:
    scanner = Scanner(layers, probe=probe, lines=64, samples=512, depth_mm=depth)
    image = scanner.image(POSE)
    assert image.depth_mm == depth and "fat_layer" in shown(image)
    assert np.isfinite(scanner.echoes(POSE).levels_db).all()


# ---- sides


def test_marker_side_flips_the_image(scanner: Scanner, right: ProbePose, oblique: BModeImage) -> None:
    other = fresh(scanner, marker_side="right").image(right)
    assert (other.pixels == oblique.pixels[:, ::-1]).all() and (other.labels == oblique.labels[:, ::-1]).all()
    assert other.marker_side == "right"
    last = oblique.pixels.shape[1] - 1
    for row, column in ((0, 0), (100, 37)):
        assert np.allclose(other.ras(row, column), oblique.ras(row, last - column), atol=1e-9)


def test_the_other_side_is_a_mirror(scanner: Scanner, right: ProbePose, oblique: BModeImage, anatomy: Anatomy) -> None:
    pose = ProbePose(right.centre_mm * FLIP, -right.lateral * FLIP, right.axis * FLIP, right.press_mm)
    left = scanner.image(pose)
    swap = {"left": "right", "right": "left"}
    sides = {k: split_key(k) for k in left.keys if k in anatomy}
    names = {k: f"{sides[k][0]}_{swap[sides[k][1]]}" if k in sides and sides[k][1] in swap else k for k in left.keys}
    ours = np.array(oblique.keys, dtype=object)[oblique.labels][:, ::-1]
    theirs = np.array([names[k] for k in left.keys], dtype=object)[left.labels]
    assert (ours == theirs).mean() > 0.985
    assert NERVE.replace("right", "left") in shown(left) and NERVE not in shown(left)


# ---- odd places


@pytest.mark.parametrize("away", [8.0, 60.0, 5000.0])
def test_in_the_air_there_is_a_ladder_and_nothing_else(flesh: Phantom, away: float) -> None:
    scanner = Scanner(flesh, **QUICK, noise=False)
    pose = replace(POSE, centre_mm=POSE.centre_mm - away * POSE.axis)
    image = scanner.image(pose)
    assert shown(image) == {""}
    rows = image.pixels.mean(axis=1)
    assert rows[: len(rows) // 3].max() > 100 and rows[-len(rows) // 4 :].max() == 0
    assert np.ptp(image.pixels[: len(rows) // 3].astype(int), axis=1).max() <= 2  # the same on every line
    bare = scanner.with_settings(face_echoes=False).image(pose)
    assert bare.pixels.max() == 0


def test_gel_fills_a_narrow_gap_alone(flesh: Phantom) -> None:
    lifted = replace(POSE, centre_mm=POSE.centre_mm - 1.0 * POSE.axis)
    assert "plain" in shown(Scanner(flesh, **QUICK, gel_mm=1.2).image(lifted))
    assert shown(Scanner(flesh, **QUICK, gel_mm=0.5).image(lifted)) == {""}


def test_within_the_skull_it_is_black() -> None:
    skull = uniform(POSE, replace(tissue("bone"), key="bone"), above_mm=1.5)
    pose = replace(POSE, centre_mm=POSE.centre_mm + 20 * POSE.axis)
    image = Scanner(skull, **QUICK, noise=False, face_echoes=False).image(pose)
    assert np.isfinite(image.pixels).all() and image.pixels[20:].mean() < 40


def test_upside_down_the_probe_sees_air(flesh: Phantom) -> None:
    pose = ProbePose(POSE.centre_mm, POSE.lateral, -POSE.axis)
    scanner = Scanner(flesh, **QUICK, noise=False)
    image = scanner.image(pose)
    assert np.isfinite(scanner.echoes(pose).levels_db).all()
    assert image.pixels[-image.pixels.shape[0] // 3 :].mean() < 5


@given(
    centre=st.tuples(*[st.floats(-80, 80)] * 3), seed=st.integers(0, 9), press=st.floats(0, 25),
    probe=st.sampled_from(["hockey-15-7", "curved-5-2"]),
)  # fmt: skip
def test_any_pose_gives_a_finite_image(centre: tuple[float, float, float], seed: int, press: float, probe: str) -> None:
    from scipy.spatial.transform import Rotation

    turn = Rotation.random(random_state=seed).as_matrix()
    pose = ProbePose(np.array(centre), turn[:, 0], turn[:, 2], press)
    echoes = Scanner(_held(), probe=probe, lines=32, samples=128, depth_mm=20, planes=1).echoes(pose)
    assert np.isfinite(echoes.levels_db).all() and np.isfinite(echoes.contact.stretch).all()
    assert (echoes.contact.stretch >= 1).all() and (echoes.contact.stretch <= 2.21).all()
    assert (echoes.seen >= 0).all()


def _held() -> Phantom:
    if not _HELD:
        _HELD.append(layered(POSE, [(plain("flesh"), 0.0), (tissue("bone"), 20.0)]))
    return _HELD[0]


_HELD: list[Phantom] = []


@pytest.mark.parametrize(
    "bad", [{"centre_mm": [NAN, 0, 0]}, {"lateral": [NAN, 0, 0]}, {"axis": [0, 0, np.inf]}, {"press_mm": NAN}]
)
def test_a_pose_that_is_no_number_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"finite"):
        ProbePose(**{"centre_mm": POSE.centre_mm, "lateral": POSE.lateral, "axis": POSE.axis, **bad})


@pytest.mark.parametrize("time_s", [NAN, float("inf")])
def test_a_moment_that_is_no_number_is_refused(flesh: Phantom, time_s: float) -> None:
    with pytest.raises(ValueError, match=r"time_s is .*finite"):
        Scanner(flesh, **QUICK).image(POSE, time_s=time_s)


def test_a_place_too_far_for_voxels_is_refused(scanner: Scanner, right: ProbePose) -> None:
    with pytest.raises(ValueError, match="from the origin"):
        scanner.image(replace(right, centre_mm=np.array([1e9, 0, 0])))


# ---- chance


def test_the_same_pose_and_seed_give_the_same_bytes(scanner: Scanner, right: ProbePose, oblique: BModeImage) -> None:
    other = fresh(scanner)
    for _ in range(2):
        again = other.image(right)
        assert again.pixels.tobytes() == oblique.pixels.tobytes() and again.labels.tobytes() == oblique.labels.tobytes()


def test_where_the_probe_was_before_changes_nothing(scanner: Scanner, right: ProbePose, oblique: BModeImage) -> None:
    """Another box of voxels may be held."""
    moved = fresh(scanner)
    assert isinstance(moved.medium, AnatomyMedium)
    moved.medium._held = moved.medium.store.box([-79.0, -79, -79], [79.0, -1, -41])  # of both sides
    held = moved.medium._held
    again = moved.image(right)
    assert moved.medium._held is held
    assert again.pixels.tobytes() == oblique.pixels.tobytes() and again.labels.tobytes() == oblique.labels.tobytes()


def test_another_seed_changes_the_speckle_alone(scanner: Scanner, right: ProbePose, oblique: BModeImage) -> None:
    other = scanner.with_settings(seed=1).image(right)
    assert (other.labels == oblique.labels).all() and other.seed == 1
    assert (other.pixels != oblique.pixels).mean() > 0.3
    assert abs(other.pixels.mean() / oblique.pixels.mean() - 1) < 0.05


def test_noise_is_the_receivers(flesh: Phantom) -> None:
    far = replace(POSE, centre_mm=POSE.centre_mm - 60 * POSE.axis)
    loud, silent = (
        Scanner(flesh, **QUICK, gain_db=30, dynamic_range_db=90, noise=n).image(far).pixels[-60:] for n in (True, False)
    )
    assert loud.std() > 2 and silent.std() == 0


def test_gain_brightens_and_dynamic_range_flattens(oblique: BModeImage, scanner: Scanner, right: ProbePose) -> None:
    louder = scanner.with_settings(gain_db=10).image(right)
    assert louder.pixels.mean() > oblique.pixels.mean() + 5 and (louder.pixels >= oblique.pixels).mean() > 0.999
    hard = scanner.with_settings(dynamic_range_db=40).image(right)
    assert (hard.pixels == 0).mean() > (oblique.pixels == 0).mean()
    deep = scanner.with_settings(tgc_db=(0.0, 20.0)).image(right)
    gained = deep.pixels.astype(int) - oblique.pixels
    assert gained[:20].mean() < 5 and gained[200:300].mean() > 15


# ---- pressure, pulse


@pytest.mark.parametrize("press", [2.0, 5.0, 8.0])
def test_pressure_thins_every_layer_over_bone_alike(layers: Phantom, press: float) -> None:
    image = Scanner(layers, **QUICK).image(replace(POSE, press_mm=press))
    column = image.labels[:, image.pixels.shape[1] // 2]
    left = (20 - press) / 20
    for key, thick in (("fat_layer", 8.0), ("flesh", 12.0)):
        assert (column == image.keys.index(key)).sum() * image.pixel_mm[0] == pytest.approx(thick * left, abs=0.3)


def test_pressing_more_thins_the_muscles_of_the_nape(scanner: Scanner, right: ProbePose) -> None:
    thick = []
    for press in (14.0, 15.5, 17.0):
        image = scanner.image(replace(right, press_mm=press))
        soft = image.mask("subcutaneous_fat", "trapezius_right", "semispinalis_capitis_right", "splenius_capitis_right")
        middle = soft[:, soft.shape[1] // 3 : 2 * soft.shape[1] // 3]
        thick.append(middle.sum(axis=0).mean())
    assert thick[0] > thick[1] + 1 > thick[2] + 2


def test_an_artery_beats(flesh: Phantom) -> None:
    vessel = strand(POSE, plain(), "artery", 4.0, 14.0)
    scanner = Scanner(vessel, lines=256, samples=1024, depth_mm=24)
    rest, peak = (area(scanner.image(POSE, time_s=t), "rod") for t in (0.0, 0.12 * 60 / 70))
    assert rest == pytest.approx(np.pi * 4, rel=0.03)
    assert peak / rest == pytest.approx(1.03**2, abs=0.02)
    again = area(scanner.image(POSE, time_s=60 / 70), "rod")
    assert again == pytest.approx(rest, rel=0.002)


def test_a_vein_closes_under_the_probe_sooner_than_an_artery() -> None:
    areas = {}
    for kind in ("vein", "artery"):
        scanner = Scanner(strand(POSE, plain(), kind, 4.0, 18.0), **QUICK)
        areas[kind] = [area(scanner.image(replace(POSE, press_mm=p)), "rod") for p in (0.0, 4.0, 8.0, 12.0)]
        assert all(a > b for a, b in pairwise(areas[kind])) or kind == "artery"
    ratio = [v / a for v, a in zip(areas["vein"], areas["artery"], strict=True)]
    assert ratio[0] == pytest.approx(1, abs=0.01) and ratio[1] > ratio[2] > ratio[3] and ratio[3] < 0.6


@given(st.floats(-100, 100), st.floats(30, 180))
def test_the_beat_repeats_and_stays_between_rest_and_peak(time_s: float, rate: float) -> None:
    value = float(pulse_wave(time_s, rate))
    assert 0 <= value <= 1
    assert float(pulse_wave(time_s + 60 / rate, rate)) == pytest.approx(value, abs=1e-6)
    assert abs(float(pulse_wave(time_s + 1e-5, rate)) - value) < 0.01  # no jump, not even from beat to beat


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


def test_a_phantom_without_strands_has_none() -> None:
    assert len(no_strands()) == 0 and Scanner(_held(), **QUICK).tables.label("injectate") > 0
