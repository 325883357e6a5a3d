"""Exported surfaces and scenes, read back by other programs' readers: every structure in its place, on its side, under its name.

`strays` is the judge; it is shown a mirrored, a scaled and a misnamed copy too, so that it is known to see them.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.exports import glb as glb_module
from meshes.exports import stl as stl_module
from meshes.exports.files import write_files
from meshes.exports.glb import glb
from meshes.exports.request import Export
from meshes.exports.stl import stl_zip
from meshes.exports.vtk_scene import vtk_files
from meshes.exports.write import write_export
from meshes.markups import read_markups
from meshes.model import Anatomy
from sim.commands.export import export_of
from sim.reference_atlas import reference_atlas

Array = NDArray[np.float64]
Parts = Mapping[str, tuple[Array, NDArray[np.int64]]]
REFERENCE = Path(__file__).parents[2] / "shared" / "reference-anatomy"
SOME = ["suboccipital", "greater_occipital_nerve", "occipital_artery", "eyebrow", "atlas", "mandible"]
NEAR_MM = 0.1
FLIP = np.diag([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def some(anatomy: Anatomy) -> Export:
    return export_of(anatomy, SOME)


@pytest.fixture(scope="module")
def few(anatomy: Anatomy) -> Export:
    return export_of(anatomy, ["greater_occipital_nerve", "atlas"])


@pytest.fixture(scope="module")
def carried(anatomy: Anatomy) -> Export:
    """As an anatomy made from a scan says of itself."""
    meta = {
        "credit": "BodyParts3D, © The Database Center for Life Science", "licence": "CC BY-SA 2.1 JP", "tre_mm": 4.26,
        "estimated": ["greater_occipital_nerve_left", "greater_occipital_nerve_right"], "landmark_confidence": {"inion": 0.4},
    }  # fmt: skip
    whole = Anatomy.of("somebody", anatomy.structures.values(), anatomy.landmarks, anatomy.curves, meta)
    return export_of(whole, ["greater_occipital_nerve", "atlas"])


def strays(parts: Parts, export: Export) -> list[str]:
    """Return what is wrong with surfaces that were read back, by key, vertices in RAS, mm."""
    out = [f"{key} is missing" for key in export.keys if key not in parts]
    out += [f"{key} was not asked for" for key in parts if key not in export.keys]
    for s in export.structures:
        if s.key not in parts:
            continue
        points, faces = parts[s.key]
        here, there = cKDTree(points), cKDTree(s.mesh.vertices_mm)
        off = max(here.query(s.mesh.vertices_mm)[0].max(), there.query(points)[0].max())
        if off > NEAR_MM:
            out.append(f"{s.key} is {off:.2f} mm off")
        corners = points[faces]
        if np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) <= 0:
            out.append(f"{s.key} is inside out")
        across = float(corners.mean(axis=(0, 1))[0])
        if s.side != "median" and (across > 0) != (s.side == "right"):
            out.append(f"{s.key} lies on the other side")
    return out


def of_glb(data: bytes) -> Parts:
    """Surfaces of a GLB by trimesh, taken by the standard's words: metres, +Y up, +Z front, -X right."""
    import trimesh

    scene: Any = trimesh.load(io.BytesIO(data), file_type="glb", process=False)
    out = {}
    for node in scene.graph.nodes_geometry:
        matrix, name = scene.graph[node]
        mesh = scene.geometry[name].copy()
        mesh.apply_transform(matrix)
        x, y, z = 1000 * np.asarray(mesh.vertices, dtype=np.float64).T
        out[node] = (np.column_stack([-x, z, y]), np.asarray(mesh.faces))
    return out


def of_zip(data: bytes, folder: Path) -> Parts:
    """Surfaces of a zip by VTK, put into RAS as 3D Slicer does: LPS, unless the header says otherwise."""
    import pyvista as pv
    from vtkmodules.vtkIOGeometry import vtkSTLReader

    out = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    for path in folder.glob("*.stl"):
        reader = vtkSTLReader()
        reader.SetFileName(str(path))
        reader.Update()
        mesh: Any = pv.wrap(reader.GetOutput())
        ras = "SPACE=RAS" in reader.GetHeader()
        flip = (1.0, 1.0, 1.0) if ras else (-1.0, -1.0, 1.0)
        out[path.stem] = (np.asarray(mesh.points, dtype=np.float64) * flip, mesh.regular_faces)
    return out


def of_vtm(path: Path) -> tuple[Parts, Any]:
    import pyvista as pv

    scene: Any = pv.read(path)
    blocks = scene["surfaces"]
    parts = {key: (np.asarray(blocks[key].points, dtype=np.float64), blocks[key].regular_faces) for key in blocks.keys()}  # noqa: SIM118
    return parts, scene


def tree_of(data: bytes) -> dict[str, Any]:
    return dict(json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")]))


def test_glb_of_everything_lies_where_it_should(anatomy: Anatomy) -> None:
    export = export_of(anatomy)
    assert strays(of_glb(glb(export)), export) == []


def test_a_mirrored_glb_is_found_out(few: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glb_module, "GLTF_FROM_RAS", glb_module.GLTF_FROM_RAS @ FLIP)
    found = strays(of_glb(glb(few)), few)
    assert "greater_occipital_nerve_right lies on the other side" in found
    assert "atlas is inside out" in found


def test_a_glb_in_millimetres_is_found_out(few: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glb_module, "MM_PER_METRE", 1.0)
    assert len(strays(of_glb(glb(few)), few)) >= len(few.keys)


def test_glb_says_what_it_is(carried: Export) -> None:
    tree = tree_of(glb(carried))
    root = tree["nodes"][tree["scenes"][0]["nodes"][0]]
    assert tree["asset"]["copyright"] == "BodyParts3D, © The Database Center for Life Science; CC BY-SA 2.1 JP"
    assert root["extras"]["unit"] == "m"
    assert "+Y superior" in root["extras"]["frame"]
    assert root["extras"]["note"] == "nerve position estimated, ± 4.3 mm"
    kinds = [tree["nodes"][i] for i in root["children"]]
    leaves = {tree["nodes"][i]["name"]: tree["nodes"][i]["extras"] for kind in kinds for i in kind["children"]}
    assert {k["name"] for k in kinds} == {"kind_nerve", "kind_bone"}
    nerve = leaves["greater_occipital_nerve_left"]
    assert (nerve["side"], nerve["ta2"], nerve["estimated"], nerve["error_mm"]) == ("left", "greater occipital nerve", True, 4.3)
    assert (leaves["atlas"]["fma"], leaves["atlas"]["estimated"]) == (12519, False)


def test_the_way_back_to_ras_stands_in_the_glb(few: Export) -> None:
    tree = tree_of(glb(few))
    extras = tree["nodes"][-1]["extras"]
    back = np.array(extras["ras_mm_from_gltf"])
    for name, metres in extras["landmarks"].items():
        np.testing.assert_allclose((back @ [*metres, 1.0])[:3], few.anatomy.landmark(name), atol=1e-3)
    assert len(extras["landmarks"]) == len(few.anatomy.landmarks)


def test_glb_shows_the_colours_of_the_atlas(some: Export) -> None:
    tree = tree_of(glb(some))
    for material in tree["materials"]:
        light = np.array(material["pbrMetallicRoughness"]["baseColorFactor"][:3])
        shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(shown, some.colours[material["name"]], atol=1e-3)


def test_glb_keeps_normals_outward(some: Export) -> None:
    import trimesh

    scene: Any = trimesh.load(io.BytesIO(glb(some)), file_type="glb", process=False)
    for mesh in scene.geometry.values():
        faces = mesh.face_normals
        mean = mesh.vertex_normals[mesh.faces].mean(axis=1)
        assert (np.einsum("ij,ij->i", faces, mean) > 0).mean() > 0.98


def test_stl_zip_opens_the_right_way_round_in_slicer(some: Export, tmp_path: Path) -> None:
    assert strays(of_zip(stl_zip(some), tmp_path), some) == []


def test_an_stl_that_does_not_say_its_frame_is_found_out(few: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = stl_module.stl
    monkeypatch.setattr(stl_module, "stl", lambda mesh, name: real(mesh, name).replace(b"SPACE=RAS", b"SPACE=???"))
    assert "greater_occipital_nerve_left lies on the other side" in strays(of_zip(stl_zip(few), tmp_path), few)


def test_stl_headers_are_not_taken_for_text(some: Export) -> None:
    with zipfile.ZipFile(io.BytesIO(stl_zip(some))) as archive:
        for name in archive.namelist():
            if name.endswith(".stl"):
                data = archive.read(name)
                assert not data.startswith(b"solid")
                assert len(data) == 84 + 50 * int.from_bytes(data[80:84], "little")


def test_stl_zip_tells_names_colours_and_landmarks(carried: Export, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(stl_zip(carried))) as archive:
        archive.extractall(tmp_path)
    told = json.loads((tmp_path / "parts.json").read_text("utf-8"))
    parts = {p["file"]: p for p in told["parts"]}
    assert set(parts) == {p.name for p in tmp_path.glob("*.stl")}
    assert parts["greater_occipital_nerve_left.stl"]["colour"] == "#efc630"
    assert (told["unit"], told["frame"][:3]) == ("mm", "RAS")
    readme = (tmp_path / "README.txt").read_text("utf-8")
    for words in ("BodyParts3D", "CC BY-SA 2.1 JP", "± 4.3 mm", "millimetre", "SPACE=RAS", "place estimated"):
        assert words in readme
    for name in ("landmarks.mrk.json", "landmarks.fcsv"):
        np.testing.assert_allclose(read_markups(tmp_path / name)["inion"], carried.anatomy.landmark("inion"), atol=1e-5)
    assert "confidence 0.40" in (tmp_path / "landmarks.fcsv").read_text("utf-8")


def test_vtm_holds_surfaces_courses_curves_and_landmarks(some: Export, tmp_path: Path) -> None:
    write_export(some, tmp_path / "scene.vtm")
    parts, scene = of_vtm(tmp_path / "scene.vtm")
    assert strays(parts, some) == []
    for name in ("greater_occipital_nerve_right", "occipital_artery_left"):
        trunk = some.anatomy[name].centerline
        assert trunk is not None
        course = scene["courses"][name]
        np.testing.assert_allclose(course.points[: len(trunk)], trunk, atol=1e-4)
        assert course.n_lines == 1 + len(some.anatomy[name].branches)
    for name, line in some.anatomy.curves.items():
        np.testing.assert_allclose(scene["curves"][name].points, line, atol=1e-4)
    marks = scene["landmarks"]["landmarks"]
    where = dict(zip(marks.point_data["name"], marks.points, strict=True))
    np.testing.assert_allclose(where["mastoid_tip_right"], some.anatomy.landmark("mastoid_tip_right"), atol=1e-4)


def test_vtm_says_what_it_is(carried: Export, tmp_path: Path) -> None:
    write_export(carried, tmp_path / "scene.vtm")
    _, scene = of_vtm(tmp_path / "scene.vtm")
    nerve = scene["surfaces"]["greater_occipital_nerve_left"]
    for data in (scene, nerve):
        assert data.field_data["SPACE"][0] == "RAS", "3D Slicer takes a VTP for LPS unless it says so"
        assert data.field_data["unit"][0] == "mm"
        assert "BodyParts3D" in data.field_data["credit"][0]
        assert data.field_data["note"][0] == "nerve position estimated, +/- 4.3 mm", "VTK holds ASCII"
    assert (nerve.field_data["key"][0], nerve.field_data["side"][0]) == ("greater_occipital_nerve_left", "left")
    np.testing.assert_allclose(nerve["rgb"][0] / 255, carried.colours["greater_occipital_nerve_left"], atol=0.01)


def test_equal_anatomies_give_equal_files(carried: Export) -> None:
    assert glb(carried) == glb(carried)
    assert stl_zip(carried) == stl_zip(carried)


@pytest.mark.parametrize("make", [glb, stl_zip, lambda e: vtk_files(e, "s")])
def test_a_structure_that_is_absent_or_none_is_refused(some: Export, make: Callable[[Export], object]) -> None:
    with pytest.raises(ValueError, match="'atlas'"):
        make(replace(some, keys=("atlass",)))
    with pytest.raises(ValueError, match="no structure"):
        make(replace(some, keys=()))


def test_a_scene_does_not_mix_with_older_parts(carried: Export, some: Export, tmp_path: Path) -> None:
    write_export(some, tmp_path / "scene.vtm")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match="holds other files"):
        write_export(carried, tmp_path / "scene.vtm")
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    write_export(some, tmp_path / "scene.vtm")


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, turn: int) -> None:
    (tmp_path / "b.json").write_bytes(b"old")
    real, calls = getattr(os, name), []

    def failing(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == turn:
            raise OSError(28, "No space left on device")
        return real(*args)

    monkeypatch.setattr(os, name, failing)
    with pytest.raises(OSError, match="No space"):
        write_files(tmp_path, {"deep/er/a.vtp": b"new", "b.json": b"new", "c.vtm": b"new"})
    assert {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == {"b.json": b"old"}
    assert not (tmp_path / "deep").exists()


def test_files_are_written_in_place_of_old_ones(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(b"old")
    paths = write_files(tmp_path, {"deep/a.vtp": b"1", "b.json": b"2"})
    assert [p.read_bytes() for p in paths] == [b"1", b"2"]
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["a.vtp", "b.json"]


@pytest.mark.slow
def test_every_structure_survives_stl_and_vtm(anatomy: Anatomy, tmp_path: Path) -> None:
    export = export_of(anatomy)
    assert strays(of_zip(stl_zip(export), tmp_path / "zip"), export) == []
    write_export(export, tmp_path / "scene.vtm")
    parts, scene = of_vtm(tmp_path / "scene.vtm")
    assert strays(parts, export) == []
    assert sorted(scene["curves"].keys()) == sorted(anatomy.curves)


@pytest.mark.slow
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference anatomy is not beside the repository")
def test_a_real_adult_without_landmarks_or_axes_is_exported_with_his_credit(tmp_path: Path) -> None:
    export = export_of(reference_atlas(REFERENCE))
    parts = of_glb(glb(export))
    assert set(parts) == set(export.keys)
    assert parts["semispinalis_capitis_right"][0][:, 0].mean() > 0
    assert "Database Center for Life Science" in tree_of(glb(export))["asset"]["copyright"]
    write_export(export, tmp_path / "scene.vtm")
    with zipfile.ZipFile(io.BytesIO(stl_zip(export))) as archive:
        assert "landmarks.fcsv" not in archive.namelist()
        assert "Database Center for Life Science" in archive.read("README.txt").decode()
