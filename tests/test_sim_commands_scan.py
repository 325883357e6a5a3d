"""`inion scan`: a PNG from end to end, clips, and bad input that leaves nothing behind."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import sim.anatomies
import sim.cli
import sim.scans
from meshes.model import Anatomy
from sim.commands.scan import FILMS
from sim.scans import Scan
from sim.stills import read_metadata
from sim.ultrasound.scanner import Scanner

COARSE = ("--lines", "64", "--samples", "256", "-q")
Pixels = NDArray[np.uint8]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def loaded(anatomy: Anatomy, scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped model and its voxels as they are held by other tests, so that they are not loaded for each command."""
    real_load, real_scanner = sim.anatomies.load_anatomy, sim.scans.scanner_for

    def shared(given: Anatomy, scan: Scan) -> Scanner:
        made = real_scanner(given, scan)
        made.medium = scanner.medium
        return made

    monkeypatch.setattr(
        sim.anatomies, "load_anatomy", lambda source="shipped": anatomy if source == "shipped" else real_load(source)
    )
    monkeypatch.setattr(sim.scans, "scanner_for", shared)


def done(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a scan that must succeed; return what it prints."""
    status = sim.cli.main(["scan", *COARSE, *arguments])
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    return out


def opened(path: Path) -> Pixels:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image)


# ---- stills


@pytest.mark.slow
def test_from_the_command_to_the_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With nothing shared or stubbed."""
    assert done(capsys, "-o", "a.png") == "a.png\n"
    pixels = opened(here / "a.png")
    assert pixels.shape[1] == 960 and pixels.ndim == 3 and pixels.std() > 20
    told = read_metadata(here / "a.png")
    assert told["Pose"] == "c2-oblique right" and told["Seed"] == "0" and told["Software"].startswith("inion ")
    assert "not a medical device" in told["Disclaimer"] and told["Press"].endswith(" mm")
    settings = json.loads(told["Settings"])
    assert settings["lines"] == 64 and settings["depth_mm"] == 40.0 and settings["seed"] == 0
    matrix = np.array(json.loads(told["Ras from image"]))
    assert matrix.shape == (4, 4) and np.isfinite(matrix).all() and matrix[3].tolist() == [0, 0, 0, 1]
    assert [p.name for p in here.iterdir()] == ["a.png"]


def test_the_same_request_gives_the_same_file(loaded: None, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.png"):
        done(capsys, "-o", name)
    done(capsys, "--seed", "7", "-o", "c.png")
    first, again, other = ((here / f"{n}.png").read_bytes() for n in "abc")
    assert first == again and first != other
    assert read_metadata(here / "c.png")["Seed"] == "7"


def test_the_answer_for_a_program(loaded: None, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(done(capsys, "--json", "--rotate", "5", "-o", "new/a.png"))
    assert answer["written"] == str(Path("new/a.png")) and (here / answer["written"]).is_file()
    assert (answer["frames"], answer["pose"], answer["side"]) == (1, "c2-oblique", "right")
    assert {"greater_occipital_nerve_right", "axis", "skin"} <= set(answer["structures"]) and "" not in answer["structures"]
    for name in ("centre_mm", "lateral", "axis"):
        assert len(answer[name]) == 3
    assert np.linalg.norm(answer["axis"]) == pytest.approx(1, abs=1e-4)
    assert np.shape(answer["ras_from_image"]) == (4, 4) and len(answer["pixel_mm"]) == 2 and answer["press_mm"] > 5


def test_raw_is_the_bare_image(loaded: None, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(done(capsys, "--raw", "--json", "-o", "a.png"))
    pixels = opened(here / "a.png")
    assert pixels.ndim == 2 and pixels.shape[1] == 128
    assert pixels.shape[0] * answer["pixel_mm"][0] == pytest.approx(40, abs=0.4)
    done(capsys, "--raw", "--marker", "right", "-o", "b.png")
    mirrored = opened(here / "b.png")[:, ::-1].astype(int) - pixels
    assert (mirrored != 0).mean() < 0.01


def test_the_overlay_and_the_width_change_the_screen(loaded: None, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done(capsys, "-o", "bare.png", "--width", "640")
    done(capsys, "-o", "named.png", "--width", "640", "--overlay")
    bare, named = opened(here / "bare.png"), opened(here / "named.png")
    assert bare.shape == named.shape and bare.shape[1] == 640
    assert 0.005 < (bare != named).any(axis=2).mean() < 0.5


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (("--needle", "gon"), "needle"), (("--needle", "gon", "--end", "medial", "--echogenic", "--diameter", "0.9"), "needle"),
        (("--needle", "gon", "--inject", "1"), "injectate"), (("--side", "left"), "greater_occipital_nerve_left"),
        (("--press", "-1", "--tilt", "3", "--rock", "-3", "--slide", "-2", "--across", "1"), "axis"),
        (("--depth", "25", "--gain", "-5", "--tgc", "-3,0,3", "--dynamic-range", "50", "--focus", "15"), "skin"),
        (("--frequency", "10"), "skin"),
        (("--doppler", "colour", "--steer", "-10", "--scale", "10", "--time", "0.1"), "skin"), (("--doppler", "power"), "skin"),
        (("--probe", "linear-11-5", "--planes", "1", "--true-speed"), "skin"),
    ],
)  # fmt: skip
def test_options_do_what_they_say(
    loaded: None, here: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], wanted: str
) -> None:
    answer = json.loads(done(capsys, *more, "--json", "-o", "a.png"))
    assert wanted in answer["structures"] and (here / "a.png").stat().st_size > 5000


# ---- clips


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_clip_is_written(loaded: None, here: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    name = f"a{suffix}"
    answer = json.loads(done(capsys, "--sweep", "press:-1:1", "--frames", "4", "--fps", "10", "--raw", "--json", "-o", name))
    assert answer["frames"] == 4 and answer["written"] == name and [p.name for p in here.iterdir()] == [name]
    frames = _gif(here / name) if suffix == ".gif" else _video(here / name)
    assert len(frames) == 4 and frames[0].shape[1] == 128
    assert all(np.abs(a.astype(int) - b).mean() > 0.5 for a, b in pairwise(frames))


def _gif(path: Path) -> list[Pixels]:
    from PIL import Image, ImageSequence

    with Image.open(path) as film:
        return [np.asarray(f.convert("L")) for f in ImageSequence.Iterator(film)]


def _video(path: Path) -> list[Pixels]:
    av = pytest.importorskip("av")
    with av.open(io.BytesIO(path.read_bytes())) as film:
        return [f.to_ndarray(format="gray") for f in film.decode(video=0)]


def test_progress_is_told_unless_quiet(loaded: None, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sim.cli.main(["scan", *COARSE[:-1], "--frames", "2", "--raw", "-o", "a.gif"]) == 0
    out, err = capsys.readouterr()
    assert out == "a.gif\n" and err


# ---- bad input


NOT_A_NUMBER = [
    (f"--{name}", value)
    for name in ("slide", "across", "rotate", "tilt", "rock", "press", "time", "depth", "gain", "focus", "frequency")
    for value in ("nan", "inf")
]  # fmt: skip
BAD: list[tuple[tuple[str, ...], str]] = [
    *(((name, value), name.strip("-")) for name, value in NOT_A_NUMBER),
    (("-o", "a.jpg"), "must be one of .png, .mp4, .webm, .gif"), (("-o", "a"), "must be one of"), (("-o", ""), "must be one of"),
    (("--pose", "c2-obliqe"), "Did you mean 'c2-oblique'"), (("--side", "up"), "'up' is not known"),
    (("--probe", "linear"), "probe is"),
    (("--width", "10"), "--width is 10"), (("--width", "99999"), "--width"), (("--width", "wide"), "--width"),
    (("--slide", "500"), "slide is 500"), (("--press", "26"), "press is 26"), (("--tilt", "-61"), "tilt is -61"),
    (("--tilt", "x"), "--tilt"),
    (("--depth", "5"), "depth_mm is 5"), (("--depth", "-30"), "depth_mm is -30"), (("--frequency", "50"), "frequency_mhz is 50"),
    (("--focus", "0"), "focus_mm is 0"), (("--gain", "99"), "gain_db is 99"),
    (("--dynamic-range", "10"), "dynamic_range_db is 10"),
    (("--lines", "3"), "lines is 3"), (("--samples", "129"), "multiple of 4"), (("--planes", "2"), "allowed: 1, 3, 5"),
    (("--tgc", "1"), "1 sliders"), (("--tgc", "a,b"), "--tgc is 'a,b'"), (("--tgc", "1,nan"), "finite"),
    (("--tgc", "1,99"), "tgc_db is 99"),
    (("--seed", "-1"), "--seed"), (("--seed", "1.5"), "--seed"), (("--needle", "nothing"), "'nothing'"),
    (("--needle", "sternocleidomastoid"), "does not show"), (("--needle", "gon", "--diameter", "0"), "diameter_mm is 0"),
    (("--needle", "gon", "--diameter", "nan"), "diameter_mm is nan"), (("--needle", "gon", "--end", "top"), "'top' is not known"),
    (("--inject", "1"), "fluid needs a needle"), (("--needle", "gon", "--inject", "-1"), "inject is -1"),
    (("--needle", "gon", "--inject", "nan"), "inject is nan"), (("--needle", "gon", "--inject", "99"), "inject is 99"),
    (("--doppler", "color"), "Did you mean 'colour'"), (("--scale", "5"), "belong to --doppler"),
    (("--steer", "0"), "belong to --doppler"),
    (("--doppler", "colour", "--scale", "0"), "scale_cm_s is 0"), (("--doppler", "colour", "--steer", "40"), "steer_deg is 40"),
    (("--sweep", "slide:0:1"), "--sweep makes a clip"), (("--sweep", "slide", "-o", "a.gif"), "WHAT:FROM:TO"),
    (("--sweep", "slid:0:1", "-o", "a.gif"), "'slid'"), (("--sweep", "slide:a:1", "-o", "a.gif"), "must hold numbers"),
    (("--sweep", "slide:nan:1", "-o", "a.gif"), "finite"), (("--sweep", "slide:0:999", "-o", "a.gif"), "slide is 999"),
    (("--sweep", "needle:0:2", "-o", "a.gif"), "needle is 2"), (("--sweep", "inject:0:1", "-o", "a.gif"), "needs a needle"),
    (("--sweep", "needle:0:1", "-o", "a.gif"), "needs a needle"), (("--frames", "0", "-o", "a.gif"), "frames is 0"),
    (("--frames", "-3", "-o", "a.mp4"), "frames is -3"), (("--frames", "99999", "-o", "a.mp4"), "frames is 99999"),
    (("--fps", "0", "-o", "a.gif"), "--fps is 0"), (("--fps", "nan", "-o", "a.gif"), "--fps is nan"),
    (("--fps", "55", "-o", "a.gif"), "fps"),
    (("--needle", "sternocleidomastoid", "-o", "a.mp4"), "does not show"), (("--anatomy", "missing.npz"), "missing.npz"),
    (("--anatomy", "."), "."), (("--dept", "3"), "Did you mean --depth"), (("more",), "more"), (("-o", "file.txt/a.png"), "file"),
    (("-o", "folder.png"), "folder.png"), (("-o", "folder.gif", "--frames", "2", "--raw"), "folder.gif"),
    (("-o", "/proc/a.png"), "/proc"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "text"), BAD, ids=[" ".join(w) or "none" for w, _ in BAD])
def test_bad_input_gives_one_line_and_no_file(
    loaded: None, here: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...], text: str
) -> None:
    (here / "file.txt").write_text("kept")
    for suffix in (".png", ".gif"):
        (here / f"folder{suffix}").mkdir()
    before = {p: p.stat().st_mtime_ns for p in here.rglob("*") if p.is_file()}
    target = () if "-o" in wrong else ("-o", "a.png")
    assert sim.cli.main(["scan", *COARSE, *target, *wrong]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.endswith("\n") and "Traceback" not in err
    (line,) = err.splitlines()
    assert text in line and line.startswith("inion")
    assert {p: p.stat().st_mtime_ns for p in here.rglob("*") if p.is_file()} == before


def test_a_failure_leaves_the_old_picture(loaded: None, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "a.mp4"):
        (here / name).write_bytes(b"old")
        assert sim.cli.main(["scan", *COARSE, "--needle", "sternocleidomastoid", "-o", name]) == 2
        assert (here / name).read_bytes() == b"old"
    assert sorted(p.name for p in here.iterdir()) == ["a.mp4", "a.png"]
    capsys.readouterr()


def test_a_fault_in_the_middle_of_a_clip_leaves_no_part(
    loaded: None, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = Scanner.image, []

    def failing(self: Scanner, *args: Any, **more: Any) -> Any:
        seen.append(1)
        if len(seen) > 2:
            raise ValueError("the probe fell down.")
        return real(self, *args, **more)

    monkeypatch.setattr(Scanner, "image", failing)
    for suffix in FILMS:
        seen.clear()
        assert sim.cli.main(["scan", *COARSE, "--frames", "4", "--raw", "-o", f"a{suffix}"]) == 2
        assert capsys.readouterr().err == "inion scan: the probe fell down.\n"
    assert list(here.iterdir()) == []


# ---- names


@pytest.mark.parametrize(("what", "name"), [("poses", "c2-oblique"), ("probes", "linear-12-3")])
def test_poses_and_probes_are_listed(capsys: pytest.CaptureFixture[str], what: str, name: str) -> None:
    assert sim.cli.main(["list", what]) == 0
    assert any(line.split()[0] == name for line in capsys.readouterr().out.splitlines())
    assert sim.cli.main(["list", what, "--json"]) == 0
    assert name in json.loads(capsys.readouterr().out)
