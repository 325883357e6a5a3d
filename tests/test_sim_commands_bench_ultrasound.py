from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sim.commands import bench_simus, bench_ultrasound
from sim.commands.faults import BadInput

FRAMES = 3


def asked(**more: Any) -> argparse.Namespace:
    return argparse.Namespace(**({"json": False, "repeat": 1, "quick": True, "part": ["frames"]} | more))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """No process is started; what would be asked of it is noted, and each answers with longer times than the one before."""
    seen: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(bench_ultrasound, "BUSY", 1e9)

    def fresh(part: str, **words: Any) -> dict[str, Any]:
        seen.append((part, words))
        ms = float(len(seen))
        row = {"pose": "c2-oblique", "size": "256x1024x3", "with": [], "frames": 3}
        times = {"median_ms": ms, "p95_ms": 2 * ms, "worst_ms": 3 * ms, "fps": 1e3 / ms}
        return {"threads": words["threads"], "rows": [row | times], "peak_mb": 100.0}

    monkeypatch.setattr(bench_ultrasound, "_fresh", fresh)
    return seen


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every anatomy's voxels are soft tissue throughout, made at once."""
    import sim.ultrasound.medium as medium
    from meshes.volume import LabelVolume

    class Plain:
        keys = ("", "soft_tissue")

        def __init__(self, anatomy: Any, *rest: Any) -> None:
            pass

        def box(self, low: Any, high: Any) -> LabelVolume:
            size = [4 * int(n) for n in np.ceil(high - low + 4)]
            return medium.block({"soft_tissue": medium.tissue("fat")}, {"soft_tissue": -np.ones(size)}, low - 2, tuple(size))

    monkeypatch.setattr(medium, "VolumeStore", Plain)


@pytest.mark.usefixtures("plain")
@pytest.mark.slow
def test_three_frames_are_timed_while_the_probe_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.ultrasound.scanner import Scanner

    poses, with_what = [], []
    image = Scanner.image

    def watched(self: Scanner, pose: Any, **more: Any) -> Any:
        poses.append(pose.ras_from_probe.matrix)
        with_what.append(sorted(more))
        return image(self, pose, **more)

    monkeypatch.setattr(Scanner, "image", watched)
    monkeypatch.setattr(bench_ultrasound, "WARM", 1)
    monkeypatch.setattr(bench_ultrasound, "POSES", ("c2-oblique",))
    monkeypatch.setattr(bench_ultrasound, "SIZES", ((64, 256, 1, False), (64, 256, 1, True)))
    answer = bench_ultrasound.frames(1, FRAMES)
    assert answer["threads"] == 1
    assert [r["frames"] for r in answer["rows"]] == [FRAMES, FRAMES]
    assert all(0 < r["median_ms"] <= r["p95_ms"] <= r["worst_ms"] for r in answer["rows"])
    assert all(r["fps"] == pytest.approx(1e3 / r["median_ms"], rel=0.02) for r in answer["rows"])
    moved = [np.abs(a - b).max() for a, b in pairwise(poses[:4])]
    assert min(moved) > 1e-3  # nothing can be kept from the frame before
    assert {"needle", "injectate"} <= set(answer["rows"][1]["with"]) and answer["rows"][0]["with"] == []
    assert with_what[-1] == answer["rows"][1]["with"] and with_what[0] == []


def test_the_probe_moves_little_from_frame_to_frame() -> None:
    from meshes import load_anatomy

    poses = bench_ultrasound.moving(load_anatomy(), "c2-oblique", 4)
    steps = [np.linalg.norm(b.centre_mm - a.centre_mm) for a, b in pairwise(poses)]
    turns = [np.degrees(np.arccos(np.clip(a.axis @ b.axis, -1, 1))) for a, b in pairwise(poses)]
    assert min(steps) > 0.05 and max(steps) < 0.3
    assert min(turns) > 0.05 and max(turns) < 1.5


def test_growth_finds_the_law_that_the_times_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    def spent(tasks: list[Callable[..., object]], values: list[object]) -> list[float]:
        s = tasks[0].__self__.settings  # type: ignore[attr-defined]
        return [2e-5 * s.lines * s.samples * s.planes] * len(values)

    monkeypatch.setattr(bench_ultrasound, "timed", spent)
    grid = [[n, s, p] for n in (64, 256) for s in (256, 1024) for p in (1, 3)]
    answer = bench_ultrasound.growth(FRAMES, grid)
    assert answer["exponent"] == pytest.approx(1.0, abs=0.02)
    assert [answer[f"of_{k}"] for k in ("lines", "samples", "planes")] == pytest.approx([1.0] * 3, abs=0.03)
    assert answer["ns_per_sample"] == pytest.approx(20.0, rel=0.02) and answer["r2"] > 0.99
    assert [row[:3] for row in answer["rows"]] == grid


def test_times_are_told_in_milliseconds() -> None:
    assert statistics.median(bench_ultrasound.timed([time.sleep] * 3, [0.02] * 3)) == pytest.approx(20, abs=15)
    with pytest.raises(ValueError):
        bench_ultrasound.timed([time.sleep] * 2, [0.0])


def test_the_coarse_copy_has_a_quarter_of_the_triangles_and_keeps_fibres() -> None:
    from meshes import load_anatomy
    from meshes.model import Anatomy

    whole = load_anatomy()
    keys = ("obliquus_capitis_inferior_right", "axis")
    small = Anatomy.of("two", [whole[k] for k in keys], whole.landmarks, whole.curves)
    coarse = bench_ultrasound.decimated(small, 0.25)
    for key in keys:
        old, new = small[key].mesh, coarse[key].mesh
        assert len(new.faces) == pytest.approx(0.25 * len(old.faces), rel=0.05)
        assert np.abs(new.vertices_mm.max(axis=0) - old.vertices_mm.max(axis=0)).max() < 0.5
        assert (old.fibres is None) == (new.fibres is None)
        assert new.fibres is None or len(new.fibres) == len(new.vertices_mm)
    with pytest.raises(ValueError, match="kept is nan; it must be more than 0"):
        bench_ultrasound.decimated(small, float("nan"))


def test_medians_are_taken_over_fresh_processes(told: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_ultrasound.run(asked(json=True, repeat=3)) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [words["threads"] for _, words in told] == [2, 1] * 3
    assert answer["frames"]["two_threads"]["rows"][0]["median_ms"] == 3.0  # of the first, third and fifth
    assert answer["frames"]["one_thread"]["rows"][0]["median_ms"] == 4.0
    assert answer["frames"]["one_thread"]["rows"][0]["size"] == "256x1024x3"


def test_lines_for_a_reader(told: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_ultrasound.run(asked()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and "threads: 2" in lines[0] and "1000.0 frames/s" in lines[1] and "500.0 frames/s" in lines[3]


@pytest.mark.usefixtures("told")
def test_a_busy_machine_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench_ultrasound, "BUSY", -1.0)
    bench_ultrasound.run(asked())
    assert capsys.readouterr().out.startswith("other work runs on this machine (load")
    bench_ultrasound.run(asked(json=True))
    assert "load" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("repeat", [0, -2])
def test_no_repeats_are_refused(repeat: int) -> None:
    with pytest.raises(BadInput, match="it must be 1 or more"):
        bench_ultrasound.run(asked(repeat=repeat))


def test_an_unknown_part_is_refused(told: list[Any]) -> None:
    with pytest.raises(BadInput, match="--part is 'frame'; allowed: frames, start"):
        bench_ultrasound.run(asked(part=["frames", "frame"]))
    assert told == []


def test_what_fails_in_a_process_is_told_in_one_line() -> None:
    with pytest.raises(ImportError, match="KeyError: 'nothing'"):
        bench_ultrasound._fresh("nothing")


def test_simus_is_left_out_where_it_is_not_installed(
    told: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert bench_ultrasound.run(asked(part=["simus"])) == 0
    assert "inion[bench]" in capsys.readouterr().out and told == []


def test_width_of_known_profiles() -> None:
    x = np.arange(-2, 2, 0.01)
    assert bench_simus.width(np.exp(-4 * np.log(2) * (x / 0.4) ** 2), 0.01) == pytest.approx(0.4, abs=0.002)
    assert bench_simus.width(np.maximum(1 - abs(x - 0.3), 0), 0.01) == pytest.approx(1.0, abs=0.01)
    for bad in (np.ones(5), np.arange(5.0), np.array([0.0, np.nan, 0.0]), np.zeros(4)):
        with pytest.raises(ValueError, match="does not fall to half"):
            bench_simus.width(bad, 0.1)


def test_contrast_and_speckle_of_a_made_field(rng: np.random.Generator) -> None:
    x, z = np.meshgrid(np.arange(-8, 8, 0.05), np.arange(9, 21, 0.05))
    noise = abs(rng.standard_normal(x.shape) + 1j * rng.standard_normal(x.shape))
    inside = np.hypot(x, z - bench_simus.POINT_MM) < bench_simus.CYST_MM
    found = bench_simus.measured(noise * np.where(inside, 10 ** (-9 / 20), 1) * 10 ** (-z / 20), x, z)
    assert found["contrast"] == pytest.approx(-9, abs=0.3)
    assert found["snr"] == pytest.approx(1.913, abs=0.03)  # of Rayleigh's law, whatever the loss with depth
    for bad in (np.zeros_like(x), np.full_like(x, np.nan)):
        with pytest.raises(ValueError, match="not a positive number"):
            bench_simus.measured(bad, x, z)
    with pytest.raises(ValueError, match="no sample lies in the cyst"):
        bench_simus.measured(noise, x, z + 40)


def test_our_phantom_has_the_contrast_and_the_widths_that_were_asked() -> None:
    pytest.importorskip("pymust")
    from sim.ultrasound.probes import lateral_fwhm_mm, probe_model

    found = bench_simus.measured(*bench_simus_field(-9.0))
    assert found["contrast"] == pytest.approx(-9, abs=1.0) and found["snr"] == pytest.approx(1.91, abs=0.1)
    point = bench_simus._own_point()
    law = lateral_fwhm_mm(probe_model("linear-12-3"), 7.54, bench_simus.POINT_MM, bench_simus.POINT_MM)
    assert point["lateral_mm"] == pytest.approx(float(law), rel=0.15)
    assert 0.1 < point["axial_mm"] < 0.25


def bench_simus_field(db: float) -> tuple[Any, Any, Any]:
    field, (x, z) = bench_simus._own_cyst(db)
    return field, x, z


def test_simus_finds_a_point_where_it_lies() -> None:
    pytest.importorskip("pymust")
    param, flat = bench_simus._param(0.0), np.zeros((1, 192))
    rf = bench_simus._rf(param, np.array([3.0]), np.array([10.0]), np.ones(1), flat, 12.0)
    silent = bench_simus._rf(param, np.array([-8.0]), np.array([4.0]), np.ones(1), flat, 12.0)
    assert rf.shape == silent.shape  # so that signals can be added
    x, z = np.meshgrid(np.arange(2, 4, 0.1), np.arange(9.5, 10.5, 0.05))
    _, _, (image,) = bench_simus._beamformed(param, [rf], flat, x, z)
    top = np.unravel_index(np.argmax(abs(image)), image.shape)
    assert (x[top], z[top]) == (pytest.approx(3.0, abs=0.11), pytest.approx(10.0, abs=0.15))


@pytest.mark.usefixtures("plain")
def test_a_long_run_of_simus_is_extrapolated(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pymust")
    monkeypatch.setattr(bench_simus, "_rf", lambda param, x, *rest: (time.sleep(1e-4 * len(x)), np.zeros((4, 192)))[1])
    monkeypatch.setattr(bench_simus, "_beamformed", lambda *rest: (1.0, 0.1, []))
    answer = bench_simus.simus([500, 10_000_000], 100)
    assert [r["extrapolated"] for r in answer["rows"]] == [False, False, True]
    assert answer["rows"][2]["simulation_s"] == pytest.approx(1000, rel=0.5)
    long = answer["rows"][2]
    assert long["ratio"] == pytest.approx(1e3 * (long["simulation_s"] + 0.1) / answer["ours_ms"], rel=0.01)
    told = "\n".join(bench_simus.simus_told(answer))
    assert told.count("extrapolated") == 1
