"""Files of a published atlas: checked before use, made into our structures, fetched in spite of a bad server."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meshes import atlas_install, library
from meshes.atlas_download import CHUNK, Manner, download
from meshes.atlas_files import ATLASES, Atlas, AtlasFault, absent, atlas, faults, opened
from meshes.terms import split_key, terms
from tests.atlases import KEYS, Faults, as_it_is, ball, served, small_atlas, unpacked, zip_of

ROOT = Path(__file__).parents[1]
REFERENCE = Path(os.environ.get("INION_REFERENCE", ROOT.parent / "shared" / "reference-anatomy"))
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference anatomy is not on this machine")
QUICK = Manner(workers=3, tries=3, timeout_s=0.5, pause_s=0.01, piece_bytes=40_000)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshes.real_anatomy.real_anatomy", as_it_is)


# The table


@pytest.mark.parametrize("name", ATLASES)
def test_every_file_of_the_table_is_pinned_and_goes_to_a_structure_that_exists(name: str) -> None:
    known = atlas(name)
    assert len({p.file for p in known.parts}) == len(known.parts)
    for part in known.parts:
        assert re.fullmatch(r"FMA\d+(nsn)?\.obj", part.file)
        assert re.fullmatch(r"[0-9a-f]{64}", part.sha256) or re.fullmatch(r"[0-9a-f]{40}", part.git_blob)
        assert not part.key or split_key(part.key)[0] in terms()
        if part.key and "left" in part.name.split() and part.key not in ("cranium", "mandible", "procerus"):
            assert part.key.endswith("_left"), part.name
    assert known.table["archive"]["url"].startswith("https://") and known.table["mirror"]["url"].startswith("https://")
    assert {"cranium", "axis", "obliquus_capitis_inferior_right", "semispinalis_capitis_left"} <= {p.key for p in known.parts}


@needs_reference
def test_the_copy_that_is_here_is_the_published_one() -> None:
    known = atlas("bodyparts3d")
    with opened(REFERENCE / "bodyparts3d", known) as copy:
        assert faults(copy, known) == ()
        assert [p.name for p in absent(copy, known)] == ["skin", "aponeurosis of epicranius"]


@needs_reference
def test_each_disc_lies_between_the_two_vertebrae_of_its_name() -> None:
    order = ["axis", *(f"{n}_cervical_vertebra" for n in ("third", "fourth", "fifth", "sixth", "seventh"))]
    names = ["c2", "c3", "c4", "c5", "c6", "c7", "t1"]
    known = atlas("bodyparts3d")
    parts = {p.key: p for p in known.parts if p.key.startswith("intervertebral") or p.key in (*order, "first_thoracic_vertebra")}
    with opened(REFERENCE, known) as copy:
        points = {k: atlas_install._read_obj(copy.read(p.file, p.most_bytes), p)[0] for k, p in parts.items()}
    bodies = {}
    for key, name in zip([*order, "first_thoracic_vertebra"], names, strict=True):
        at = points[key]
        body = at[(np.abs(at[:, 0]) < 8) & (at[:, 1] < at[:, 1].min() + 14)]
        bodies[name] = (body[:, 2].min() + body[:, 2].max()) / 2
    discs = [k for k in points if k.startswith("intervertebral")]
    assert len(discs) == 5
    for key in discs:
        above, below = key.split("_")[-2:]
        assert bodies[below] < points[key][:, 2].mean() < bodies[above], key


# Copies


def copy_of(tmp_path: Path, contents: dict[str, bytes], how: str) -> Path:
    if how == "folder":
        return unpacked(tmp_path / "copy", contents)
    if how == "folder in a folder":
        unpacked(tmp_path / "copy" / "obj", contents)
        return tmp_path / "copy"
    (tmp_path / "copy.zip").write_bytes(contents["atlas.zip"])
    return tmp_path / "copy.zip"


@pytest.mark.parametrize("how", ["folder", "folder in a folder", "zip"])
def test_a_copy_becomes_an_anatomy(how: str, tmp_path: Path, quick: None, kept: Path) -> None:
    known, contents = small_atlas()
    told: list[str] = []
    with opened(copy_of(tmp_path, contents, how), known) as copy:
        done = atlas_install.install(known, copy, told.append)
        assert len(told) == len(atlas_install.groups(known, copy)) + atlas_install.STAGES
    anatomy = library.read("bodyparts3d")
    assert set(anatomy.structures) == set(KEYS) and done.parts == 6 and done.absent == ("skin",)
    assert anatomy.meta["credit"] == library.about("bodyparts3d")["credit"] == "Nobody, CC0"
    assert set(library.about("bodyparts3d")["files"]) == {p.file for p in known.parts if p.needed}
    assert [p.name for p in kept.iterdir()] == ["bodyparts3d"]


def test_surfaces_are_welded_outward_merged_and_right_is_right(tmp_path: Path, quick: None) -> None:
    known, contents = small_atlas()
    with opened(unpacked(tmp_path / "copy", contents), known) as copy:
        atlas_install.install(known, copy)
    anatomy = library.read("bodyparts3d")
    for structure in anatomy.structures.values():
        assert structure.surface.is_watertight and structure.surface.volume > 0, structure.key
    assert anatomy["cranium"].surface.body_count == 2
    assert anatomy["scapula_right"].mesh.vertices_mm[:, 0].mean() == pytest.approx(40, abs=0.1)  # LPS: published at x = -40
    assert anatomy["cranium"].mesh.vertices_mm[:, 1].min() == pytest.approx(-25, abs=0.2)


def test_crumbs_are_left_out(tmp_path: Path, quick: None) -> None:
    known, _ = small_atlas()
    big, small = ball((0, 0, 0)), ball((30, 0, 0), 0.1)
    n = big.count(b"\nv ")
    shifted = re.sub(
        rb"(\d+)//\d+", lambda m: b"%d" % (int(m[1]) + n), b"\n".join(r for r in small.splitlines() if r[:1] == b"f")
    )
    content = b"\n".join([big, *(r for r in small.splitlines() if r.startswith(b"v ")), shifted])
    mesh = atlas_install._surface(content, known.parts[0], known)
    assert mesh.body_count == 1 and np.abs(mesh.vertices).max() < 6


def test_what_need_not_be_there_is_used_where_it_is(tmp_path: Path, quick: None) -> None:
    known, contents = small_atlas()
    with opened(unpacked(tmp_path / "copy", contents, skin=True), known) as copy:
        done = atlas_install.install(known, copy)
    assert done.absent == () and "skin" in library.read("bodyparts3d").structures


def test_an_open_skin_is_told_and_not_used(tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    known, contents = small_atlas()
    torn = contents["S.obj"][: contents["S.obj"].rindex(b"f ")]
    blob = hashlib.sha1(b"blob %d\0" % len(torn) + torn).hexdigest()
    known = replace(known, parts=(*known.parts[:-1], replace(known.parts[-1], git_blob=blob)))
    with opened(unpacked(tmp_path / "copy", {**contents, "S.obj": torn}, skin=True), known) as copy:
        done = atlas_install.install(known, copy)
    assert done.open == ("skin",) and done.parts == 6 and "skin" not in library.read("bodyparts3d").structures


@pytest.mark.parametrize("how", ["folder", "zip"])
@pytest.mark.parametrize("file", ["P3.obj", "S.obj"])
def test_one_flipped_byte_is_found_and_its_file_named(file: str, how: str, tmp_path: Path, quick: None) -> None:
    known, contents = small_atlas()
    content = bytearray(contents[file])
    content[len(content) // 2] ^= 1
    changed = {**{n: c for n, c in contents.items() if n.endswith(".obj")}, file: bytes(content)}
    place = unpacked(tmp_path / "copy", changed, skin=True)
    if how == "zip":
        place = tmp_path / "copy.zip"
        place.write_bytes(zip_of(changed))
    with opened(place, known) as copy:
        found = faults(copy, known)
        assert len(found) == 1 and file in found[0] and "is another" in found[0]
        with pytest.raises(AtlasFault, match=file):
            atlas_install.install(known, copy)
    assert library.names() == ()


def test_absent_and_cut_files_are_named_and_counted(tmp_path: Path, quick: None) -> None:
    known, contents = small_atlas()
    place = unpacked(tmp_path / "copy", contents)
    (place / "P1.obj").unlink()
    (place / "P4.obj").write_bytes(contents["P4.obj"][:100])
    with opened(place, known) as copy, pytest.raises(AtlasFault, match=r"no P1\.obj \(part 1\)\. 1 more file is wrong"):
        atlas_install.install(known, copy)
    with opened(place, known) as copy:
        assert "P4.obj (part 4) has 100 bytes" in faults(copy, known)[1]


def _add(path: Path, name: str, content: bytes = b"x", mode: int = 0o644) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, content)


def _bomb(path: Path) -> None:
    """A member that says 2 GB of itself, three times."""
    for i in range(3):
        _add(path, f"big{i}")
    content = bytearray(path.read_bytes())
    for found in list(re.finditer(rb"PK\x01\x02", content))[-3:]:
        content[found.start() + 24 : found.start() + 28] = (2_000_000_000).to_bytes(4, "little")
    path.write_bytes(content)


def _lying(path: Path) -> None:
    """A wanted member that is far larger than it says."""
    path.write_bytes(zip_of({"P0.obj": bytes(50_000_000)}))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(content)


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "climbs out": (lambda p: _add(p, "../../x.obj"), "points out of it"),
    "climbs out on Windows": (lambda p: _add(p, "..\\x.obj"), "points out of it"),
    "absolute": (lambda p: _add(p, "/etc/x"), "points out of it"),
    "drive": (lambda p: _add(p, "C:/x"), "points out of it"),
    "link": (lambda p: _add(p, "obj/link", b"/etc/passwd", 0o120777), "the link"),
    "bomb": (_bomb, "that is no atlas"),
    "twice": (lambda p: _add(p, "other/P0.obj"), "twice"),
    "junk": (lambda p: p.write_bytes(b"\x00\xff" * 5000), "neither a folder nor a whole ZIP"),
    "empty": (lambda p: p.write_bytes(b""), "neither a folder nor a whole ZIP"),
    "cut": (lambda p: p.write_bytes(p.read_bytes()[:-200]), "neither a folder nor a whole ZIP"),
    "lies": (_lying, "P0"),
    "gone": (lambda p: p.unlink(), "is not there"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_zip_that_means_harm_is_refused_in_one_line(case: str, tmp_path: Path, quick: None, kept: Path) -> None:
    known, contents = small_atlas()
    place = copy_of(tmp_path, contents, "zip")
    spoil, says = HOSTILE[case]
    spoil(place)
    with pytest.raises(AtlasFault, match=says) as told, opened(place, known) as copy:
        atlas_install.install(known, copy)
    assert "\n" not in str(told.value) and not kept.exists()
    assert {p.name for p in tmp_path.iterdir()} <= {"copy.zip"}


@pytest.mark.parametrize(
    "content", [b"", b"v 1 2\nf 1 2 3\n", b"v a b c\nf 1 1 1\n", b"v nan 0 0\nf 1 1 1\n", b"v 0 0 0\nf 1 2 3\n"]
)
def test_a_surface_that_cannot_be_read_is_named(content: bytes) -> None:
    with pytest.raises(AtlasFault, match=r"P0\.obj"):
        atlas_install._read_obj(content, small_atlas()[0].parts[0])


# An install that is stopped

KILLED = """
import os, signal, sys
from meshes.atlas_files import opened
from meshes import atlas_install
from tests.atlases import as_it_is, small_atlas
import meshes.real_anatomy
meshes.real_anatomy.real_anatomy = as_it_is
known, _ = small_atlas()
def tell(text):
    if text == {text!r}:
        os.kill(os.getpid(), signal.SIGKILL)
with opened({copy!r}, known) as copy:
    atlas_install.install(known, copy, tell)
"""


@pytest.mark.parametrize(("text", "ready"), [("scapula_left", 2), ("writing", 5)])
def test_an_install_that_was_killed_goes_on(text: str, ready: int, tmp_path: Path, quick: None, kept: Path) -> None:
    known, contents = small_atlas()
    place = unpacked(tmp_path / "copy", contents)
    script = KILLED.format(text=text, copy=str(place))
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={**os.environ, library.FOLDER_VARIABLE: str(kept)})
    assert done.returncode == -signal.SIGKILL
    assert library.names() == () and atlas_install.staging(known).is_dir()
    with opened(place, known) as copy:
        assert atlas_install.install(known, copy).resumed == ready
    assert set(library.read("bodyparts3d").structures) == set(KEYS) and [p.name for p in kept.iterdir()] == ["bodyparts3d"]


def test_what_is_damaged_of_a_stopped_install_is_made_anew(tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    known, contents = small_atlas()
    place = unpacked(tmp_path / "copy", contents)
    with opened(place, known) as copy:
        with monkeypatch.context() as patch, pytest.raises(OSError):
            patch.setattr(library, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            atlas_install.install(known, copy)
        file = next(atlas_install.staging(known).glob("mandible-*.npz"))
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        assert atlas_install.install(known, copy).resumed == 4
    assert library.read("bodyparts3d")["mandible"].surface.is_watertight


# The network


def fetched(known: Atlas, where: Path) -> tuple[Path, list[str]]:
    told: list[str] = []
    return download(known, where, told.append, None, QUICK), told


def installs(known: Atlas, place: Path) -> bool:
    with opened(place, known) as copy:
        return faults(copy, known) == ()


@pytest.mark.parametrize(
    "how",
    [Faults(), Faults(broken={"atlas.zip": 20_000}), Faults(ranges=False), Faults(ranges=False, broken={"atlas.zip": 20_000})],
    ids=["well", "breaks off", "refuses ranges", "refuses ranges and breaks off"],
)
def test_the_archive_is_fetched(how: Faults, tmp_path: Path) -> None:
    _, contents = small_atlas()
    with served(contents, how) as url:
        known, _ = small_atlas(url)
        place, told = fetched(known, tmp_path / "net")
    assert place.read_bytes() == contents["atlas.zip"] and told == [] and installs(known, place)
    assert [p.name for p in (tmp_path / "net").iterdir()] == ["archive.zip"]
    if how.ranges:
        assert len({span for _, span in how.asked}) >= 2  # in pieces


def test_a_slow_server_is_asked_again_for_the_rest(tmp_path: Path) -> None:
    _, contents = small_atlas()
    how = Faults(broken={"atlas.zip": 20_000}, stall_s=1.0)
    with served(contents, how) as url:
        known, _ = small_atlas(url)
        place, _ = fetched(known, tmp_path / "net")
    assert place.read_bytes() == contents["atlas.zip"]
    starts = {int(span.split("=")[1].split("-")[0]) for _, span in how.asked}
    assert [s for s in starts if s % QUICK.piece_bytes == CHUNK]


@pytest.mark.parametrize("how", [Faults(gone=("atlas.zip",)), Faults(wrong=("atlas.zip",))], ids=["gone", "another"])
def test_the_mirror_is_taken_where_the_archive_is_gone_or_another(how: Faults, tmp_path: Path) -> None:
    _, contents = small_atlas()
    how.broken = {"P2.obj": 20_000}
    with served(contents, how) as url:
        known, _ = small_atlas(url)
        place, told = fetched(known, tmp_path / "net")
    assert place.is_dir() and installs(known, place) and len(told) == 1 and "mirror" in told[0]
    assert ("P2.obj", f"bytes={CHUNK}-") in how.asked and (place / "S.obj").read_bytes() == contents["S.obj"]


def test_what_need_not_be_there_may_be_gone_or_wrong(tmp_path: Path) -> None:
    _, contents = small_atlas()
    for i, how in enumerate((Faults(gone=("atlas.zip", "S.obj")), Faults(gone=("atlas.zip",), wrong=("S.obj",)))):
        with served(contents, how) as url:
            known, _ = small_atlas(url)
            place, _ = fetched(known, tmp_path / str(i))
        assert installs(known, place) and not (place / "S.obj").exists()


@pytest.mark.parametrize("fault", [{"gone": ("atlas.zip", "P3.obj")}, {"gone": ("atlas.zip",), "wrong": ("P3.obj",)}])
def test_a_file_that_is_not_to_be_had_is_named(fault: dict[str, tuple[str, ...]], tmp_path: Path) -> None:
    _, contents = small_atlas()
    with served(contents, Faults(**fault)) as url:  # type: ignore[arg-type]
        known, _ = small_atlas(url)
        with pytest.raises(AtlasFault, match=r"P3\.obj.*--from") as told:
            fetched(known, tmp_path / "net")
    assert "\n" not in str(told.value)


def test_a_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    _, contents = small_atlas()
    with served(contents, Faults(gone=("atlas.zip", "P5.obj"))) as url:
        known, _ = small_atlas(url)
        with pytest.raises(AtlasFault):
            fetched(known, tmp_path / "net")
    here = {p.name for p in (tmp_path / "net" / "files").iterdir() if p.suffix == ".obj"}
    again = Faults(gone=("atlas.zip",))
    with served(contents, again) as url:
        known, _ = small_atlas(url)
        fetched(known, tmp_path / "net")
    assert here and here.isdisjoint(name for name, _ in again.asked)


def test_a_network_that_is_away_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        known, _ = small_atlas(f"http://127.0.0.1:{free.getsockname()[1]}/")
    with pytest.raises(AtlasFault, match=r"cannot be downloaded: .*refused.*--from FOLDER\|ZIP") as told:
        fetched(known, tmp_path / "net")
    assert "\n" not in str(told.value) and "object at" not in str(told.value)


def test_bytes_without_end_are_cut_off(tmp_path: Path) -> None:
    _, contents = small_atlas()
    with served({**contents, "P1.obj": contents["P1.obj"] * 20}, Faults(gone=("atlas.zip",))) as url:
        known, _ = small_atlas(url)
        with pytest.raises(AtlasFault, match=r"more than .* bytes of P1\.obj"):
            fetched(known, tmp_path / "net")
    assert max(p.stat().st_size for p in (tmp_path / "net").rglob("*") if p.is_file()) < 1_100_000
