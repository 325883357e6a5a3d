"""The scanner: images of phantoms with known answers, and of the shipped model at the oblique pose over C2."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes.model import Anatomy
from meshes.terms import split_key
from sim.ultrasound.aiming import places_of
from sim.ultrasound.frame import rest_places
from sim.ultrasound.geometry import beams, grid, ras_from_image
from sim.ultrasound.image import BModeImage
from sim.ultrasound.medium import AnatomyMedium, Phantom
from sim.ultrasound.needle_echo import on_lines
from sim.ultrasound.phantoms import layered, orientations, plain, strand, uniform
from sim.ultrasound.poses import ProbePose, crossing
from sim.ultrasound.probes import probe_model, probes
from sim.ultrasound.pulse import pulse_wave
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.settings import Settings
from sim.ultrasound.tissues import tissue
from tests.insonation import EVERY_PROBE, FLIP, NAN, NERVE, POSE, QUICK, area, at, fresh, pixel, shown

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
