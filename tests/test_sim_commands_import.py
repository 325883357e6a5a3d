"""`inion import`: looked at first, then kept whole or not at all; exports of Inion come back as they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

import meshes.real_anatomy
from meshes import library, load_anatomy
from meshes.exports.write import write_export
from meshes.importing.courses import anatomy_of, in_the_middle
from meshes.importing.raw import RawPart, RawParts
from meshes.model import Anatomy, SurfaceMesh
from meshes.real_parts import RealPart, RealParts
from meshes.surface import SurfaceQuery
from sim.cli import main
from sim.commands.export import export_of
from sim.import_report import outcome, rows_of
from tests.atlases import as_it_is

pytest.importorskip("meshes.importing.understanding")

Array = NDArray[np.float64]
FEW = ["cranium", "mandible", "atlas", "axis", "third_cervical_vertebra", "obliquus_capitis_inferior", "semispinalis_capitis",
       "trapezius", "gon"]  # fmt: skip


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library, empty; the current folder, empty too."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No registration: the parts as they are."""

    def made(name: str, parts: Mapping[str, SurfaceMesh], marks: object, meta: Mapping[str, Any], **_: object) -> Anatomy:
        return as_it_is(
            name, parts, marks, {**meta, "estimated": ["third_cervical_vertebra"], "tre_mm": 3.0, "tre_90_mm": 9.0, "seating": {}}
        )

    monkeypatch.setattr(meshes.real_anatomy, "real_anatomy", made)


@pytest.fixture(scope="module")
def parts_zip(anatomy: Anatomy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "parts.zip"
    write_export(export_of(anatomy, FEW), out)
    return out


def inion(*words: str | Path) -> int:
    return main(["import", *map(str, words), "-q"])


def test_it_is_looked_at_first_and_then_kept_as_the_mapping_says(
    parts_zip: Path, anatomy: Anatomy, kept: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inion(parts_zip, "--name", "mine", "--report", "look.json") == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "nothing is kept yet" in err and "--map mine.map.toml" in err
    assert "obliquus capitis inferior" in out and "13 structures are known" in out and not kept.exists()
    told = json.loads(Path("look.json").read_text("utf-8"))
    assert {r["key"] for r in told["parts"]} >= {"cranium", "trapezius_left", "trapezius_right"} and "made" not in told
    assert inion(parts_zip, "--name", "mine") == 2 and "is there already" in capsys.readouterr().err
    text = Path("mine.map.toml").read_text("utf-8").replace('"mandible" = "mandible"', '"mandible" = ""')
    Path("mine.map.toml").write_text(text, "utf-8")
    assert inion(parts_zip, "--name", "mine", "--map", "mine.map.toml", "--credit", "Ward 3") == 0
    out = capsys.readouterr().out
    assert "Left out: mandible" in out and "may be off by 3.0 mm" in out and "inion scan --anatomy mine" in out
    back, about = library.read("mine"), library.about("mine")
    assert "atlas" in back and "mandible" not in back
    assert max(_far(anatomy, back, k) for k in back.structures) < 0.1
    assert max(np.linalg.norm(back.landmark(n) - anatomy.landmark(n)) for n in back.landmarks) < 0.01
    assert back.meta["credit"].endswith("Ward 3") and "Inion" in back.meta["credit"]
    assert len(about["files"]["parts.zip"]) == 64 and about["imported"]["unit"] == "mm" and not about["imported"]["mirrored"]


def test_what_is_there_is_not_replaced_unasked_and_names_need_not_be_kept(
    parts_zip: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inion(parts_zip, "--name", "mine", "--yes", "--no-names") == 0
    assert "parts.zip" not in (library.path_of("mine") / library.ABOUT).read_text("utf-8")
    before = library.about("mine")
    capsys.readouterr()
    assert inion(parts_zip, "--name", "mine", "--yes") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "--replace" in err and library.about("mine") == before
    assert inion(parts_zip, "--name", "mine", "--yes", "--replace") == 0 and library.about("mine") != before


def test_what_is_not_known_of_a_name_is_not_kept_with_no_names_and_rights_are(anatomy: Anatomy, quick: None) -> None:
    folder = Path("Smith")
    (folder / "left").mkdir(parents=True)
    for key, name in (("cranium", "Smith skull"), ("atlas", "C1"), ("obliquus_capitis_inferior_left", "left/OCI")):
        text = anatomy[key].surface.export(file_type="obj")
        (folder / f"{name}.obj").write_text(f"# Copyright(C) 2011 The Smith Atlas, CC BY-SA\n{text}", "utf-8")
    (folder / "Smith.docx").write_text("x", "utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("x", "utf-8")
    mapped = 'schema = 1\n[parts]\n"Smith skull" = "cranium"\n"C1" = "cranium+"\n"OCI" = "obliquus_capitis_inferior"\n'
    Path("map.toml").write_text(mapped.replace('"cranium"', '"cranium+"'), "utf-8")
    assert inion(folder, "--name", "own", "--map", "map.toml", "--no-names", "--report", "own.json") == 0
    about = library.about("own")
    assert about["credit"] == "Copyright(C) 2011 The Smith Atlas, CC BY-SA"
    assert len(about["files"]) == 4
    assert "look there" in library.read("own").meta["licence"]
    kept = json.dumps(about["imported"]) + json.dumps(about["files"])
    assert "Smith" not in kept and "C1" not in kept and "OCI" not in kept and "obliquus_capitis_inferior_left" in kept
    rows = {r["key"]: r for r in json.loads(Path("own.json").read_text("utf-8"))["parts"]}
    assert rows["cranium"]["sources"] == ["C1.obj", "Smith skull.obj"] and rows["cranium"]["how"] == "your mapping file"


def test_a_scan_of_ones_own_is_not_for_passing_on(anatomy: Anatomy, quick: None, tmp_path: Path) -> None:
    for key in ("cranium", "atlas"):
        anatomy[key].surface.export(tmp_path / f"{key}.ply")
    assert (
        inion(tmp_path / "cranium.ply", tmp_path / "atlas.ply", "--name", "own", "--yes", "--unit", "mm", "--frame", "ras") == 0
    )
    assert "not for passing on" in library.read("own").meta["licence"] and "(own)" in library.read("own").meta["credit"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ZIP", "--name", "Mine"], "must be 1 to 41"), (["ZIP", "--name", "shipped"], "choose another name"),
        (["nowhere", "--name", "a"], "is not there"), (["ZIP", "--name", "a", "--report", "a.txt"], "must end in .json or .md"),
        (["ZIP", "--name", "a", "--preview", "a.jpg"], "must end in .png"), (["ZIP", "--name", "a", "--credit", " "], "is empty"),
        (["ZIP", "--name", "a", "--map", "no.toml"], "no.toml"), (["ZIP", "--name", "a", "--landmarks", "no.fcsv"], "no.fcsv"),
        (["empty.stl", "--name", "a", "--yes"], "empty.stl"), (["junk.ply", "--name", "a", "--yes"], "junk.ply"),
        (["cut.zip", "--name", "a", "--yes"], "cut.zip"), (["none", "--name", "a", "--yes"], "none"),
        (["ZIP", "--name", "a", "--yes", "--landmarks", "odd.fcsv"], "Did you mean 'inion'"),
        (["ZIP", "--name", "a", "--yes", "--landmarks", "far.fcsv"], "inion lies"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(
    words: list[str], says: str, parts_zip: Path, kept: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty.stl").touch()
    Path("junk.ply").write_bytes(bytes(range(256)) * 9)
    Path("cut.zip").write_bytes(parts_zip.read_bytes()[:5000])
    Path("none").mkdir()
    head = "# CoordinateSystem = RAS\n# columns = id,x,y,z,label\n"
    Path("odd.fcsv").write_text(f"{head}1,0,-90,0,inionn\n", "utf-8")
    Path("far.fcsv").write_text(f"{head}1,0,90,0,inion\n", "utf-8")
    here = sorted(p.name for p in Path().iterdir())
    assert inion(*(parts_zip if w == "ZIP" else w for w in words)) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and says in err and "Traceback" not in err, err
    assert not list(kept.rglob("*")) and sorted(p.name for p in Path().iterdir()) == here


def test_a_full_disk_is_told_and_leaves_nothing(
    parts_zip: Path, kept: Path, quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(library, "write_archive", full)
    assert inion(parts_zip, "--name", "mine", "--yes") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "INION_ANATOMIES" in err and library.names() == ()
    assert not [p for p in kept.rglob("*") if p.is_file() and p.suffix == library.ENDING]


def test_a_folder_of_anatomies_that_cannot_be_written_is_told_before_any_work(
    parts_zip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").touch()
    monkeypatch.setenv(library.FOLDER_VARIABLE, "file/anatomies")
    monkeypatch.setattr("meshes.importing.reading.read_parts", lambda *_: pytest.fail("it began to read"))
    assert inion(parts_zip, "--name", "mine", "--yes") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "file/anatomies" in err and "INION_ANATOMIES" in err and " -o" not in err


def test_estimates_of_an_export_stay_estimates(anatomy: Anatomy, quick: None) -> None:
    parts = {k: anatomy[k].mesh for k in ("cranium", "atlas", "axis")}
    made = anatomy_of("mine", parts, {}, {}, estimated={"axis"})
    assert list(made.meta["estimated"]) == ["axis"]


def test_a_course_is_drawn_into_the_surface_of_ones_own_vessel(anatomy: Anatomy) -> None:
    lent = anatomy["occipital_artery_right"]
    same = in_the_middle(lent, lent.mesh)
    assert lent.centerline is not None and same.centerline is not None
    assert np.abs(same.centerline - lent.centerline).max() < 1e-6
    aside = SurfaceMesh(lent.mesh.vertices_mm + [2.0, 0.0, 1.0], lent.mesh.faces, lent.mesh.normals)
    moved = in_the_middle(lent, aside)
    assert moved.centerline is not None and moved.mesh is aside
    outside = SurfaceQuery(aside).signed_distance(moved.centerline) > 0
    before = SurfaceQuery(aside).signed_distance(lent.centerline) > 0
    assert before.mean() > 0.5 > 0.05 > outside.mean()


def test_the_report_tells_what_was_mended_on_each_piece_and_what_is_not_used() -> None:
    mesh = load_anatomy()["atlas"].mesh
    raw = RawParts(tuple(RawPart(n, f"v.nii.gz: label {i}", mesh.vertices_mm, mesh.faces) for n, i in (("C1", 1), ("skull", 12))))
    parts = (
        RealPart("C1", "atlas", mesh, None, raw.parts[0].origin),
        RealPart("skull, vomer", "cranium", mesh, None, "...", (raw.parts[1].origin, "b.stl")),
    )
    real = RealParts(parts, (), {"b.stl": ("1 hole closed",), raw.parts[0].origin: ("2 points made one",)}, {})
    rows = {r["key"]: r for r in rows_of(raw, real, None)}
    assert rows["cranium"]["mended"] == ["b.stl: 1 hole closed"] and rows["atlas"]["mended"] == ["2 points made one"]
    assert rows["cranium"]["how"] == rows["atlas"]["how"] == "a usual name"
    none = {"tre_mm": 0.0, "tre_90_mm": 0.0, "seating": {}, "cut": []}
    told = outcome({"own": ["atlas"], "estimated": [], "not_used": {"masseter_left": "it lies aside"}, **none})
    assert "masseter_left of the files is not used" in told[1] and not any("may be off" in t for t in told)


def test_the_preview_frames_the_bones_and_calls_parts_as_their_files_do(anatomy: Anatomy) -> None:
    from sim.import_preview import _anatomy, _Parts
    from sim.sheet_layers import names_of

    axis = anatomy["axis"].mesh
    far = SurfaceMesh(axis.vertices_mm - [0.0, 0.0, 900.0], axis.faces, axis.normals)
    parts = [RealPart("atlas", "atlas", anatomy["atlas"].mesh, None, "a"), RealPart("FMA70751", None, far, None, "b")]
    seen = _anatomy("mine", [*parts, RealPart("m", "multifidus_left", far, None, "c")])
    layer = _Parts("import", "", ("bone", "muscle", "unknown"))
    assert "FMA70751" in names_of(layer, seen)
    assert layer.extent(seen)[:, 2].min() == anatomy["atlas"].mesh.vertices_mm[:, 2].min()


@pytest.mark.image
def test_the_preview_shows_what_is_not_known_in_grey(anatomy: Anatomy) -> None:
    from sim.import_preview import import_preview

    few = ("cranium", "mandible", "trapezius_left", "trapezius_right")
    parts = [RealPart(k, k, anatomy[k].mesh, None, k) for k in few]
    plain = import_preview("mine", parts, size=(160, 160))
    odd = import_preview(
        "mine", [RealPart("thing", None, p.mesh, None, "x") if p.key == few[2] else p for p in parts], size=(160, 160)
    )
    assert _red(plain) > 1.4 * _red(odd) > 0
    assert plain.size[0] >= 4 * 160 and len(np.unique(np.asarray(plain).reshape(-1, 3), axis=0)) > 500


def _red(image: Any) -> int:
    pixels = np.asarray(image.convert("RGB"), dtype=np.int64)
    return int((pixels[..., 0] - pixels[..., 2] > 60).sum())


def _far(a: Anatomy, b: Anatomy, key: str) -> float:
    return float(cKDTree(a[key].mesh.vertices_mm).query(b[key].mesh.vertices_mm)[0].max())


@pytest.mark.slow
def test_an_export_comes_back_in_its_frame_with_names_sides_and_courses(parts_zip: Path, anatomy: Anatomy) -> None:
    assert inion(parts_zip, "--name", "back", "--yes") == 0
    back = library.read("back")
    own = [k for k in back.structures if k not in set(back.meta["estimated"])]
    assert set(own) == set(export_of(anatomy, FEW).keys)
    assert max(_far(anatomy, back, k) for k in own) < 0.1
    assert max(np.linalg.norm(back.landmark(n) - anatomy.landmark(n)) for n in anatomy.landmarks) < 0.01
    for side in ("right", "left"):
        nerve = back[f"greater_occipital_nerve_{side}"]
        assert nerve.centerline is not None and nerve.side == side and back.meta["seating"][side] == []
        assert (SurfaceQuery(nerve.mesh).signed_distance(nerve.centerline[3:-3]) < 0.2).mean() > 0.95


LABEL_KINDS = {"bone": 0.5, "muscle": 0.75, "disc": 0.5}  # mm, at voxels of 0.5


@pytest.mark.long
@pytest.mark.parametrize("name", ["all.glb", "all.zip", "all.vtm", "all.nii.gz"])
def test_everything_comes_back_in_every_format(name: str, anatomy: Anatomy) -> None:
    write_export(export_of(anatomy, step_mm=0.5), Path(name))
    assert inion(name, "--name", "back", "--yes") == 0
    back = library.read("back")
    assert set(back.structures) == set(anatomy.structures) and not back.meta["estimated"]
    assert all(
        (s.side, s.ta2, s.tissue) == (anatomy[k].side, anatomy[k].ta2, anatomy[k].tissue) for k, s in back.structures.items()
    )
    if not name.endswith(".nii.gz"):
        assert max(np.linalg.norm(back.landmark(n) - anatomy.landmark(n)) for n in anatomy.landmarks) < 0.01
        assert max(_far(anatomy, back, k) for k in back.structures) < 0.1
        return
    for kind, most in LABEL_KINDS.items():
        keys = [k for k, s in back.structures.items() if s.kind == kind]
        assert max(_p95(anatomy[k].mesh, back[k].mesh) for k in keys) < most, kind


def _p95(ours: SurfaceMesh, theirs: SurfaceMesh) -> float:
    points = theirs.vertices_mm[::7]
    return float(np.quantile(np.linalg.norm(SurfaceQuery(ours).closest(points)[0] - points, axis=1), 0.95))
