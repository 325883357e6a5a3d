"""`inion atlas`: what a user types and reads."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from meshes import library
from meshes.atlas_files import Atlas
from sim.commands.atlas import atlas_options, run
from sim.commands.faults import BadInput
from tests.atlases import Faults, as_it_is, served, small_anatomy, small_atlas, unpacked

ROOT = Path(__file__).parents[1]
REFERENCE = Path(os.environ.get("INION_REFERENCE", ROOT.parent / "shared" / "reference-anatomy"))
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference anatomy is not on this machine")


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> tuple[Atlas, dict[str, bytes]]:
    known, contents = small_atlas()
    use(known, monkeypatch)
    return known, contents


def use(known: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshes.real_anatomy.real_anatomy", as_it_is)
    monkeypatch.setattr("meshes.atlas_files.atlas", lambda _name: known)


def inion(*words: str) -> int:
    parser = argparse.ArgumentParser()
    atlas_options(parser)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(words)
    args.tell = lambda text: sys.stderr.write(f"{text}\n")
    return run(args)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    inion(*words, "--json")
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_install_list_verify_remove(
    small: tuple[Atlas, dict[str, bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = unpacked(tmp_path / "copy", small[1])
    assert not told(capsys, "list")["anatomies"][0]["installed"]
    assert inion("install", "bodyparts3d", "--from", str(place)) == 0
    out, err = capsys.readouterr()
    assert "6 files, each checked" in out and "carried over from the shipped model: skin" in out and "Nobody, CC0" in out
    assert "installing 1/8 checking the files" in err and "8/8 writing" in err
    row = told(capsys, "list")["anatomies"]
    assert [(r["name"], r["installed"], r["credit"]) for r in row] == [("bodyparts3d", True, "Nobody, CC0")]
    assert inion("verify", "bodyparts3d") == inion("verify", "bodyparts3d", "--from", str(place)) == 0
    assert inion("remove", "bodyparts3d") == 0 and library.names() == ()


def test_it_is_installed_from_the_network_and_nothing_else_is_left(
    small: tuple[Atlas, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(small[1], Faults(gone=("atlas.zip",))) as url:
        use(small_atlas(url)[0], monkeypatch)
        assert inion("install", "bodyparts3d") == 0
    err = capsys.readouterr().err
    assert "taking the mirror" in err and "downloading 7/7" in err
    assert [p.name for p in kept.iterdir()] == ["bodyparts3d"] and "skin" in library.read("bodyparts3d").structures


def test_a_flipped_byte_is_named_and_the_status_is_1(
    small: tuple[Atlas, dict[str, bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = unpacked(tmp_path / "copy", small[1])
    inion("install", "bodyparts3d", "--from", str(place))
    content = bytearray((place / "P4.obj").read_bytes())
    content[1000] ^= 1
    (place / "P4.obj").write_bytes(content)
    file = next(library.path_of("bodyparts3d").glob("*.inion"))
    model = bytearray(file.read_bytes())
    model[len(model) // 2] ^= 1
    file.write_bytes(model)
    capsys.readouterr()
    assert inion("verify", "bodyparts3d") == 1 and file.name in capsys.readouterr().out
    assert inion("verify", "bodyparts3d", "--from", str(place)) == 1 and "P4.obj" in capsys.readouterr().out
    answer = told(capsys, "verify", "bodyparts3d", "--from", str(place))
    assert not answer["sound"] and len(answer["faults"]) == 1
    with pytest.raises(BadInput, match=r"P4\.obj"):
        inion("install", "bodyparts3d", "--from", str(place))


def test_an_anatomy_of_the_user_is_listed_verified_and_removed_too(capsys: pytest.CaptureFixture[str]) -> None:
    library.write(small_anatomy(), {"credit": "Me"})
    assert [r["name"] for r in told(capsys, "list")["anatomies"]] == ["mine", "bodyparts3d"]
    assert inion("verify", "mine") == 0 and inion("remove", "mine") == 0 and library.names() == ()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("install",), "needs a name"), (("install", " "), "needs a name"), (("list", "x"), "takes nothing else"),
        (("install", "bodyparts"), "Did you mean 'bodyparts3d'"), (("verify", "bodyparts3d"), "is not installed"),
        (("remove", "bodyparts3d"), "is not installed"), (("remove", "bodypart3d"), "Did you mean"),
        (("remove", "shipped"), "cannot be removed"), (("verify", "../x"), "not known"),
        (("remove", "mine", "--from", "x"), "--from belongs"), (("install", "bodyparts3d", "--from", ""), "--from is empty"),
        (("install", "bodyparts3d", "--from", "nowhere"), "is not there"),
        (("install", "bodyparts3d", "--from", "."), r"has no FMA\d+\.obj .* more files are wrong"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    words: tuple[str, ...], says: str, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=says) as fault:
        inion(*words)
    assert "\n" not in str(fault.value) and not kept.exists()


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))
import meshes.atlas_files, meshes.real_anatomy
from tests.atlases import as_it_is, small_atlas
meshes.real_anatomy.real_anatomy = as_it_is
meshes.atlas_files.atlas = lambda name: small_atlas()[0]
from tests.test_sim_commands_atlas import inion
from sim.commands.faults import BadInput
try:
    inion("install", "bodyparts3d", "--from", {copy!r}, "-q")
except BadInput as fault:
    print(fault)
    sys.exit(2)
"""


def test_a_full_disk_is_told_and_leaves_the_last_good_state(
    small: tuple[Atlas, dict[str, bytes]], tmp_path: Path, kept: Path
) -> None:
    place = unpacked(tmp_path / "copy", small[1])
    inion("install", "bodyparts3d", "--from", str(place), "-q")
    before = {p.name: p.read_bytes() for p in library.path_of("bodyparts3d").iterdir()}
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL.format(most=12_000, copy=str(place))], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, library.FOLDER_VARIABLE: str(kept)},
    )  # fmt: skip
    assert done.returncode == 2 and done.stdout.count("\n") == 1 and "what was there is still good" in done.stdout, done.stderr
    assert {p.name: p.read_bytes() for p in library.path_of("bodyparts3d").iterdir()} == before
    assert library.faults("bodyparts3d") == []
    assert inion("install", "bodyparts3d", "--from", str(place), "-q") == 0


@needs_reference
def test_one_flipped_byte_in_the_real_copy_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (REFERENCE / "bodyparts3d").glob("*.obj"):
        (tmp_path / file.name).symlink_to(file)
    assert inion("verify", "bodyparts3d", "--from", str(tmp_path)) == 0
    spoiled = tmp_path / "FMA32537.obj"
    content = bytearray(spoiled.read_bytes())
    content[len(content) // 2] ^= 1
    spoiled.unlink()
    spoiled.write_bytes(content)
    capsys.readouterr()
    assert inion("verify", "bodyparts3d", "--from", str(tmp_path)) == 1
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and "FMA32537.obj (left obliquus capitis inferior)" in out


# Told by the process itself: the peak that a parent sees of its child starts at the parent's own, and this parent may be large.
REAL = """
import resource, sys
from pathlib import Path
from tests.test_sim_commands_atlas import inion
status = inion("install", "bodyparts3d", "--from", {copy!r}, "-q")
own = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print("peak", int(own) + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


@pytest.mark.slow
@needs_reference
def test_the_real_atlas_in_time_memory_and_room(kept: Path) -> None:
    script = REAL.format(copy=str(REFERENCE / "bodyparts3d"))
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = {**os.environ, library.FOLDER_VARIABLE: str(kept)}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert min(worked, time.monotonic() - start) < 180  # a busy machine takes longer by the clock
    assert 0.1e6 < int(done.stdout.split("peak")[1]) < 4e6  # kB
    assert sum(p.stat().st_size for p in kept.rglob("*") if p.is_file()) < 60e6
    anatomy = library.read("bodyparts3d")
    assert library.faults("bodyparts3d") == []
    assert {"skin", "greater_occipital_nerve_left", "occipital_artery_right"} <= set(anatomy.meta["estimated"])
    assert not {"cranium", "atlas", "obliquus_capitis_inferior_left"} & set(anatomy.meta["estimated"])
    assert "Database Center for Life Science" in anatomy.meta["credit"] and 0 < anatomy.meta["tre_mm"] <= 6
    for key in ("obliquus_capitis_inferior", "scapula", "greater_occipital_nerve"):
        assert (
            anatomy[f"{key}_right"].mesh.vertices_mm[:, 0].mean() > 5 > -5 > anatomy[f"{key}_left"].mesh.vertices_mm[:, 0].mean()
        )
