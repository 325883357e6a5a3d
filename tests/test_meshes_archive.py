"""The model file: what is written comes back, and nothing else is taken for it."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from meshes import archive, load_anatomy
from meshes.archive import digest, read_archive, write_archive
from meshes.contour import contour
from meshes.fields import ellipsoid, sphere
from meshes.model import Anatomy, MissingName, Structure, SurfaceMesh, mirrored_mesh


@cache
def small() -> Anatomy:
    skin = contour(ellipsoid([0, -20, 0], [180, 100, 200]), 12.0)
    plain = contour(sphere([30, -60, -40], 9), 2.0)
    rng = np.random.default_rng(1)
    n = len(plain.vertices_mm)
    fibres = rng.normal(size=(n, 3))
    fibres /= np.linalg.norm(fibres, axis=1, keepdims=True)
    muscle = SurfaceMesh(plain.vertices_mm, plain.faces, plain.normals, fibres, rng.uniform(0, 60, (n, 2)), rng.uniform(0, 1, n))
    line = np.cumsum(rng.normal(size=(30, 3)), axis=0)
    parts = [
        Structure("skin", "median", "skin", "skin", "skin", "cutis", 7163, skin, sources=("gordon2014",), evidence="FOUND"),
        Structure("masseter_right", "right", "muscle", "muscle", "masseter", "musculus masseter", None, muscle),
        Structure(
            "greater_occipital_nerve_right", "right", "nerve", "nerve", "greater occipital nerve", "nervus occipitalis major",
            None, contour(sphere(line[0], 3), 1.0), line, rng.uniform(0.4, 2, 30),
            {"medial": line[::3] + 5, "lateral": line[::2]}, ("kim2018", "shim2011"), "FOUND",
        ),
    ]  # fmt: skip
    meta = {"sex": "male", "head_length_mm": 199.5}
    return Anatomy.of("toy", parts, {"inion": [0.123456, -81, -20]}, {"superior_nuchal_line_right": line}, meta)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_archive(small(), tmp_path / "toy.inion")
    return tmp_path / "toy.inion"


def test_vertices_come_back_within_four_microns(written: Path) -> None:
    back = read_archive(written)
    assert list(back.structures) == list(small().structures)
    for key, s in small().structures.items():
        assert np.abs(back[key].mesh.vertices_mm - s.mesh.vertices_mm).max() < 0.004
        assert np.array_equal(back[key].mesh.faces, s.mesh.faces)


def test_a_mirrored_left_structure_takes_no_room_and_comes_back(tmp_path: Path) -> None:
    right = small()["greater_occipital_nerve_right"]
    flip = np.array([-1.0, 1.0, 1.0])
    assert right.centerline is not None
    left = replace(
        right, key="greater_occipital_nerve_left", side="left", mesh=mirrored_mesh(right.mesh),
        centerline=right.centerline * flip, branches={k: v * flip for k, v in right.branches.items()},
    )  # fmt: skip
    bulged = replace(left, mesh=replace(left.mesh, vertices_mm=left.mesh.vertices_mm * 1.01))
    for other, kept in ((left, False), (bulged, True)):
        path = tmp_path / f"pair-{kept}.inion"
        write_archive(Anatomy.of("pair", [right, other], {}, {}), path)
        with zipfile.ZipFile(path) as archive:
            assert (f"{other.key}/vertices" in archive.namelist()) is kept
        back = read_archive(path)[other.key]
        assert np.abs(back.mesh.vertices_mm - other.mesh.vertices_mm).max() < 0.004
        assert back.centerline is not None and np.allclose(back.centerline, left.centerline, atol=1e-4)
        assert np.allclose(back.branches["medial"], left.branches["medial"], atol=1e-4)
        assert np.einsum("ij,ij->i", back.mesh.normals, other.mesh.normals).min() > 0.99


def test_normals_and_fibres_come_back_unit_and_within_a_degree(written: Path) -> None:
    back = read_archive(written)
    for key, s in small().structures.items():
        pairs = [(back[key].mesh.normals, s.mesh.normals), (back[key].mesh.fibres, s.mesh.fibres)]
        for got, want in pairs:
            if want is None:
                assert got is None
                continue
            assert got is not None
            assert np.linalg.norm(got, axis=1) == pytest.approx(1)
            assert np.einsum("ij,ij->i", got, want).min() > np.cos(np.deg2rad(1))


def test_grain_and_tendon_come_back(written: Path) -> None:
    got, want = read_archive(written)["masseter_right"].mesh, small()["masseter_right"].mesh
    assert got.grain == pytest.approx(want.grain, abs=0.02)
    assert got.tendon == pytest.approx(want.tendon, abs=0.5 / 255 + 1e-9)
    assert read_archive(written)["skin"].mesh.grain is None


def test_lines_radii_and_branches_come_back(written: Path) -> None:
    got, want = (a["greater_occipital_nerve_right"] for a in (read_archive(written), small()))
    assert got.centerline == pytest.approx(want.centerline, abs=1e-4)
    assert got.radius_mm == pytest.approx(want.radius_mm, abs=1e-5)
    assert sorted(got.branches) == ["lateral", "medial"]
    for name, line in want.branches.items():
        assert got.branches[name] == pytest.approx(line, abs=1e-4)


def test_words_landmarks_curves_and_meta_come_back(written: Path) -> None:
    back = read_archive(written)
    for key, s in small().structures.items():
        for name in ("key", "side", "kind", "tissue", "ta2", "latin", "fma", "sources", "evidence"):
            assert getattr(back[key], name) == getattr(s, name)
    assert back.landmark("inion") == pytest.approx([0.1235, -81, -20], abs=1e-9)
    assert back.curve("superior_nuchal_line_right") == pytest.approx(small().curve("superior_nuchal_line_right"), abs=1e-4)
    assert (back.name, dict(back.meta)) == ("toy", dict(small().meta))


def test_written_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_archive(small(), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_read_and_written_again_stays_as_exact(tmp_path: Path, written: Path) -> None:
    again = tmp_path / "again.inion"
    write_archive(read_archive(written), again)
    for key, s in small().structures.items():
        assert np.abs(read_archive(again)[key].mesh.vertices_mm - s.mesh.vertices_mm).max() < 0.008


def test_what_was_read_cannot_be_written_to(written: Path) -> None:
    back = read_archive(written)
    with pytest.raises(ValueError, match="read-only"):
        back["skin"].mesh.vertices_mm[0] = 0
    with pytest.raises(TypeError):
        back.structures["skin"] = back["skin"]  # type: ignore[index]


def refused(path: Path) -> str:
    with pytest.raises(ValueError) as error:
        read_archive(path)
    return str(error.value)


@pytest.mark.parametrize("content", [b"", b"solid skin\n", bytes(range(256)) * 40], ids=["empty", "text", "noise"])
def test_junk_is_refused_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "junk").write_bytes(content)
    assert "is not a model file of Inion" in (text := refused(tmp_path / "junk")) and "inion build" in text


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, written: Path, share: float) -> None:
    whole = written.read_bytes()
    (tmp_path / "cut").write_bytes(whole[: int(share * len(whole))])
    assert "is not a model file of Inion" in refused(tmp_path / "cut")


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_a_damaged_file_is_refused(tmp_path: Path, written: Path, share: float) -> None:
    content = bytearray(written.read_bytes())
    at = int(share * len(content))
    content[at : at + 64] = bytes(64)
    (tmp_path / "hurt").write_bytes(content)
    assert "is not a model file of Inion" in refused(tmp_path / "hurt")


def rewritten(source: Path, target: Path, *, head: object = None, without: str = "", junk: str = "") -> Path:
    """Copy an archive with another head, without a member, or with a member's bytes replaced."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name == without:
                continue
            content = old.read(name)
            if name == "head.json" and head is not None:
                content = json.dumps(head).encode()
            new.writestr(name, b"junk" if name == junk else content)
    return target


def head_of(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as z:
        return dict(json.loads(z.read("head.json")))


def test_another_format_is_refused_by_number(tmp_path: Path, written: Path) -> None:
    path = rewritten(written, tmp_path / "new", head=head_of(written) | {"format": 99})
    assert "has format 99, not 2" in refused(path)


@pytest.mark.parametrize("member", ["head.json", "skin/vertices", "skin/faces", "greater_occipital_nerve_right/branch/medial"])
def test_a_file_that_lacks_a_member_is_refused(tmp_path: Path, written: Path, member: str) -> None:
    assert "is not a model file of Inion" in refused(rewritten(written, tmp_path / "less", without=member))


@pytest.mark.parametrize("member", ["head.json", "skin/vertices"])
def test_a_member_that_is_junk_is_refused(tmp_path: Path, written: Path, member: str) -> None:
    assert "is not a model file of Inion" in refused(rewritten(written, tmp_path / "junk", junk=member))


@pytest.mark.parametrize("head", [[], {"format": 2}, "words"], ids=["list", "bare", "text"])
def test_a_head_of_another_shape_is_refused(tmp_path: Path, written: Path, head: object) -> None:
    assert "is not a model file of Inion" in refused(rewritten(written, tmp_path / "odd", head=head))


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as z:
        z.writestr("readme.txt", "hello")
    assert "is not a model file of Inion" in refused(tmp_path / "other.zip")


def test_a_missing_file_stays_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "none.inion")
    with pytest.raises(FileNotFoundError):
        load_anatomy(str(tmp_path / "none.inion"))


def test_a_write_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError("no space left on device")

    monkeypatch.setattr(archive, "_npy", full)
    with pytest.raises(OSError, match="no space"):
        write_archive(small(), tmp_path / "toy.inion")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_keeps_the_file_that_was_there(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written.read_bytes()
    monkeypatch.setattr(archive, "_npy", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_archive(small(), written)
    assert written.read_bytes() == before and list(written.parent.iterdir()) == [written]


def test_names_that_are_missing_say_what_is_near(written: Path) -> None:
    back = read_archive(written)
    with pytest.raises(MissingName, match="Did you mean 'masseter_right'"):
        back["maseter_right"]
    with pytest.raises(MissingName, match="inion"):
        back.landmark("innion")
    with pytest.raises(MissingName, match="superior_nuchal_line_right"):
        back.curve("superior_nuchal_line")
    assert "skin" in back and "skull" not in back


def test_a_model_is_loaded_once(written: Path) -> None:
    assert load_anatomy(str(written)) is load_anatomy(str(written))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, "not a regular file"),
        (os.mkdir, "directory"),
        (lambda p: os.truncate(os.open(p, os.O_CREAT | os.O_RDWR), 300_000_000), "300 MB"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_would_hang_or_fill_the_memory_is_not_opened(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(ValueError, match=words):
        read_archive(tmp_path / "x")
