from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim.cli
from meshes.model import Anatomy
from scenarios.loader import list_scenarios
from scenarios.model import Scenario
from sim.picture import Picture

ROOT = Path(__file__).parent.parent
GOOD = 'schema = 1\ntitle = "A test"\n[[show]]\nstructures = ["bones"]\n[[view]]\nname = "main"\ncamera = "posterior"\n'
INION = '{ landmark = "inion" }'


@pytest.fixture
def stub(tiny_anatomy: Anatomy, anatomy: Anatomy, monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    """Ellipsoids for an anatomy, and stills that are not drawn but noted."""
    made: list[Picture] = []

    def write(picture: Picture, _held: Anatomy, path: Path, scenario: object) -> tuple[str, ...]:
        made.append(picture)
        path.write_bytes(b"png")
        return ()

    import sim.anatomies
    import sim.rendering

    def asked(scenario: Scenario) -> Anatomy:
        return anatomy if scenario.probe and scenario.probe.pose else tiny_anatomy  # a named pose is found on true forms only

    monkeypatch.setattr(sim.anatomies, "anatomy_for", asked)
    monkeypatch.setattr(sim.rendering, "write_picture", write)
    return made


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must be refused; return its one line."""
    assert sim.cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.endswith("\n")
    (line,) = err.splitlines()
    assert "Traceback" not in line
    return line


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sim", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, **options
    )


def test_help_answers_within_half_a_second() -> None:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = command("--help")
        times.append(time.perf_counter() - start)
    assert done.returncode == 0 and min(times) <= 0.5
    for name in sim.cli.COMMANDS:
        assert name in done.stdout


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in sim.cli.COMMANDS:
        assert sim.cli.main([name, "--help"]) == 0
        assert "usage: inion" in capsys.readouterr().out


def test_scenarios_are_rendered_and_their_paths_told(stub: list[Picture], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        sim.cli.main(["render", "gon-path", "preempt-31", "-o", "deep/er", "--size", "320x240", "--style", "dark", "--seed", "9"])
        == 0
    )
    out, err = capsys.readouterr()
    names = ["gon-path", "preempt-31", "preempt-31-side", "preempt-31-back"]
    assert out.splitlines() == [str(Path("deep/er") / f"{n}.png") for n in names]
    assert all(Path(line).is_file() for line in out.splitlines())
    assert [line.split()[:2] for line in err.splitlines()] == [["rendering", f"{i}/4"] for i in (1, 2, 3, 4)]
    assert {(p.width_px, p.height_px, p.style, p.seed) for p in stub} == {(320, 240, "dark", 9)}
    assert sorted(p.name for p in Path("deep/er").iterdir()) == sorted(f"{n}.png" for n in names)


def test_all_names_every_scenario_of_the_list(
    stub: list[Picture], here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [n for n in list_scenarios() if n.startswith(("gon-", "preempt-3"))]
    monkeypatch.setattr("sim.commands.render.list_scenarios", lambda: names)
    assert sim.cli.main(["render", "all", "--json", "-q"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and len(json.loads(out)["written"]) == len(stub)
    assert len(names) == 7 and {p.name for p in stub} >= set(names)


def test_checking_writes_nothing(stub: list[Picture], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").write_text(GOOD)
    assert sim.cli.main(["render", "mine.toml", "--check"]) == 0
    assert not stub and not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rendr"], ["'rendr'", "'render'"]),
        (["render"], ["NAME|FILE"]),
        (["render", "gon-pth"], ["'gon-pth'", "'gon-path'"]),
        (["render", "gon-path", "--siez", "3x3"], ["--siez", "--size"]),
        (["render", "gon-path", "--size", "0x100"], ["0x100", "64x64"]),
        (["render", "gon-path", "--size", "-5x-5"], ["-5x-5", "64x64"]),
        (["render", "gon-path", "--size=-5x-5"], ["-5x-5", "64x64"]),
        (["render", "gon-path", "--size", "99999999x99999999"], ["7680"]),
        (["render", "gon-path", "--size", "big"], ["'big'", "1920x1080"]),
        (["render", "gon-path", "--view", "postrior"], ["'postrior'", "'posterior'", "close-up"]),
        (["render", "gon-path", "--style", "drak"], ["'drak'", "Did you mean 'dark'"]),
        (["render", "gon-path", "--seed", "-1"], ["seed"]),
        (["render", "gon-path", "--seed", "x"], ["'x'"]),
        (["render", "."], [".: is a directory"]),
        (["render", "missing.toml"], ["missing.toml: there is no such file"]),
        (["render", "gon-path.toml"], ["'gon-path'"]),
        (["render", ""], ["scenario"]),
        (["list", "stuctures"], ["'stuctures'", "Did you mean 'structures'"]),
        (["--bogus"], ["--bogus", "inion --help"]),
        (["render", "x" * 5000], ["cannot be read"]),
        (["validate", "--model", "nope.inion"], ["nope.inion", "cannot be read"]),
        (["validate", "--model", "."], ["directory"]),
        (["validate", "--model", "/dev/zero"], ["not a regular file"]),
        (["validate", "--model", ""], ["--model is empty"]),
        (["build", "-o", ""], ["-o is empty"]),
        (["build", "-o", "/dev/null"], ["not a regular file"]),
        (["build", "--check", "-o", str(ROOT / "README.md")], ["not a model file"]),
        (["build", "--check", "-o", "nope.inion"], ["nope.inion"]),
        (["build", "-o", "nope/model.inion"], ["nope", "-o"]),
        (["build", "-o", "."], ["directory"]),
        ([], ["usage"]),
    ],
)
def test_a_bad_request_is_one_line(
    arguments: list[str], words: list[str], here: Path, capsys: pytest.CaptureFixture[str], stub: list[Picture]
) -> None:
    if not arguments:
        assert sim.cli.main([]) == 2
        line = capsys.readouterr().err
    else:
        line = refused(capsys, *arguments)
    for word in words:
        assert word in line
    assert not list(here.iterdir()) and not stub


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.write_text(GOOD.replace("bones", "bonez")), ["a.toml:4:", "'bones'"]),
        (lambda p: p.write_text(GOOD.replace("posterior", "postrior")), ["a.toml:7:", "'posterior'"]),
        (lambda p: p.write_text(GOOD + "zoom = 'big'\n"), ["a.toml:8:", "zoom"]),
        (lambda p: p.write_text(GOOD + "zom = 2\n"), ["a.toml:8:", "'zoom'"]),
        (lambda p: p.write_text(GOOD + 'focus = { site = "TEM_X1" }\n'), ["a.toml:8:", "site"]),
        (lambda p: p.write_text(GOOD + "[anatomy.patient]\nhead_lenth_mm = 3\n"), ["a.toml:9:", "'head_length_mm'"]),
        (lambda p: p.write_text(GOOD + '[anatomy]\nsource = "nope"\n'), ["a.toml:9:", "nope"]),
        (lambda p: p.write_text(GOOD + 'hide = ["bones"]\n'), ["a.toml:8:", "empty"]),
        (lambda p: p.write_text(GOOD + '[[step]]\nname = "a"\nremove = ["bones"]\n'), ["a.toml:10:", "empty"]),
        (lambda p: p.write_text(GOOD.replace("[[view]]", "opacity = 0\n[[view]]")), ["a.toml:3:", "opacity"]),
        (lambda p: p.write_text(f"{GOOD}[needle]\nentry = {INION}\ntip = {INION}\n"), ["a.toml:8:", "entry and tip"]),
        (lambda p: p.write_text(f"{GOOD}[probe]\nmedial = {INION}\nlateral = {INION}\n"), ["a.toml:8:", "medial and lateral"]),
        (lambda p: p.write_text(f"{GOOD}[[line]]\nthrough = [{INION}, {INION}]\n"), ["a.toml:8:", "one point"]),
        (lambda p: p.write_bytes(os.urandom(5000) + b"\xff"), ["a.toml:"]),
        (lambda p: p.mkdir(), ["directory"]),
        (lambda p: (p.touch(), os.truncate(p, 10**9)), ["1,000 MB"]),
    ],
)
def test_a_bad_scenario_is_one_line_with_its_place(
    make: Callable[[Path], Any], words: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(here / "a.toml")
    start = time.perf_counter()
    line = refused(capsys, "render", "a.toml")
    assert time.perf_counter() - start < 5
    for word in words:
        assert word in line


def test_a_folder_that_cannot_be_written_is_told_before_the_work(
    stub: list[Picture], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "taken").write_text("a file")
    assert "taken" in refused(capsys, "render", "gon-path", "-o", "taken")
    assert "taken/in" in refused(capsys, "render", "gon-path", "-o", "taken/in")
    assert "/proc/nowhere" in refused(capsys, "render", "gon-path", "-o", "/proc/nowhere")
    assert "/dev/full" in refused(capsys, "render", "gon-path", "-o", "/dev/full")
    assert not stub


def test_a_full_disk_is_one_line_and_leaves_nothing(
    stub: list[Picture], here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sim.rendering

    def full(picture: Picture, anatomy: Anatomy, path: Path, scenario: object) -> tuple[str, ...]:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(sim.rendering, "write_picture", full)
    line = refused(capsys, "render", "gon-path", "-q")
    assert "No space left" in line and "make room" in line
    assert not list(here.rglob("*.png"))


def test_two_scenarios_of_one_name_are_refused(stub: list[Picture], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a").mkdir()
    for path in ("x.toml", "a/x.toml"):
        Path(path).write_text(GOOD)
    assert "x.png" in refused(capsys, "render", "x.toml", "a/x.toml")
    assert not stub


@pytest.mark.parametrize("what", ["scenarios", "structures", "groups", "sites", "views", "styles"])
def test_names_are_listed_for_people_and_programs(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sim.cli.main(["list", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sim.cli.main(["list", what, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [line.split()[0] for line in lines] == list(rows) and all(rows.values())


def test_a_closed_pipe_is_no_fault() -> None:
    done = subprocess.run(
        f"{sys.executable} -m sim list structures | head -1", shell=True, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == "" and len(done.stdout.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["list", "scenarios"], ["list", "structures", "--json"], ["--version"], ["--help"]])
def test_an_answer_that_cannot_be_written_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sim", *arguments], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "cannot be written" in done.stderr


def test_a_path_that_the_terminal_cannot_write_is_escaped() -> None:
    done = command("render", "zü.toml", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2 and done.stderr.startswith("z\\xfc.toml: there is no such file")


def test_the_version_is_told() -> None:
    done = command("--version")
    assert done.returncode == 0 and done.stdout.startswith("inion ")


def test_doctor_looks_at_everything(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    status = sim.cli.main(["doctor", "--json"])
    checks = json.loads(capsys.readouterr().out)
    assert [c["name"] for c in checks] == ["Python", "packages", "OpenGL", "model", "fonts", "writing", "memory", "disk"]
    assert status == (0 if all(c["good"] for c in checks) else 1)
    assert all(bool(c["cure"]) != c["good"] for c in checks)


def test_doctor_names_the_cure_for_a_missing_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    import sim.doctor

    monkeypatch.setattr(sim.doctor, "PROBE", "raise ImportError('libGL.so.1: cannot open shared object file')")
    check = sim.doctor.check_opengl()
    assert not check.good and "libGL.so.1" in check.found and "install" in check.cure
    monkeypatch.setattr(sim.doctor, "PROBE", "import os; os.abort()")
    assert not sim.doctor.check_opengl().good


def test_doctor_tells_a_python_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sim.doctor

    monkeypatch.setattr(sys, "executable", str(tmp_path))
    check = sim.doctor.check_opengl()
    assert not check.good and "cannot be started" in check.found and check.cure


@pytest.mark.slow
@pytest.mark.image
def test_the_command_renders_a_picture_of_the_size_that_is_asked_for(tmp_path: Path) -> None:
    done = command("render", "gon-path", "-o", str(tmp_path), "--size", "320x240")
    assert done.returncode == 0, done.stderr
    from PIL import Image

    with Image.open(tmp_path / "gon-path.png") as image:
        assert image.size == (320, 240)
        assert np.asarray(image.convert("L")).std() > 10
