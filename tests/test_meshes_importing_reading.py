"""Surfaces of every format that is read: what programs wrote comes back; what is spoiled is one plain line, never a crash."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from meshes.exports.glb import GLTF_FROM_RAS
from meshes.exports.request import Export
from meshes.exports.write import write_export
from meshes.importing.limits import Limits
from meshes.importing.raw import ImportFault, RawPart, RawParts
from meshes.importing.reading import read_parts
from meshes.model import Anatomy
from sim.commands.export import export_of

Array = NDArray[np.float64]
SOME = ["suboccipital", "greater_occipital_nerve", "atlas", "mandible"]
TO_MM = {"ras": np.eye(3), "y-up": 1000 * GLTF_FROM_RAS.T}
CUBE = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 2.0) for z in (0.0, 3.0)])
QUADS = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


@pytest.fixture(scope="module")
def some(anatomy: Anatomy) -> Export:
    return export_of(anatomy, SOME)


def fault(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(ImportFault) as caught:
        read_parts([path], limits=limits or Limits())
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    return str(caught.value)


def volume_of(part: RawPart) -> float:
    a, b, c = (part.vertices[part.faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


@pytest.mark.parametrize("name", ["parts.glb", "parts.zip", "parts.vtm"])
def test_an_export_comes_back_whole(some: Export, tmp_path: Path, name: str) -> None:
    write_export(some, tmp_path / name)
    for source in (tmp_path / name, tmp_path):
        found = read_parts([source])
        assert sorted(str(p.key) for p in found.parts) == sorted(some.keys) and found.notes == ()
        assert found.credit and found.licence == "Apache-2.0" and len({p.origin for p in found.parts}) == len(some.keys)
        for part in found.parts:
            mesh = some.anatomy[part.key or ""].mesh
            places = part.vertices @ TO_MM[part.frame or ""].T
            assert part.unit == {"ras": "mm", "y-up": "m"}[part.frame or ""]
            assert np.abs(places[part.faces] - mesh.vertices_mm[mesh.faces]).max() < 0.01
            assert part.colour is not None and np.abs(np.array(part.colour) - some.colours[part.key or ""]).max() < 0.01
        assert found.landmarks.keys() == some.anatomy.landmarks.keys()
        assert max(np.abs(at - some.anatomy.landmarks[n]).max() for n, at in found.landmarks.items()) < 0.001


@cache
def made(folder: Path) -> Mapping[str, Path]:
    """One cube in every format, as VTK and trimesh write it, and by hand."""
    import pyvista as pv
    import trimesh

    faces = np.hstack([np.full((6, 1), 4), QUADS]).ravel()
    poly: Any = pv.PolyData(CUBE, faces)
    tri: Any = poly.triangulate()
    for name, binary in (("text", False), ("binary", True)):
        tri.save(folder / f"{name}.stl", binary=binary)
        poly.save(folder / f"{name}.ply", binary=binary)
        poly.save(folder / f"{name}.vtk", binary=binary)
        poly.save(folder / f"{name}.vtp", binary=binary)
    writer(folder / "raw.vtp", poly, "SetEncodeAppendedData", 0)
    writer(folder / "base64.vtp", poly, "SetEncodeAppendedData", 1)
    writer(folder / "lzma.vtp", poly, "SetCompressorTypeToLZMA")
    writer(folder / "plain.vtp", poly, "SetCompressorTypeToNone")
    poly.save(folder / "whole.obj")
    mesh: Any = trimesh.Trimesh(np.array(tri.points), tri.regular_faces, process=False)
    mesh.export(folder / "trimesh.glb")
    mesh.export(folder / "trimesh.obj")
    mesh.export(folder / "trimesh.stl")
    mesh.export(folder / "trimesh.ply")
    pv.MultiBlock({"cube": poly}).save(folder / "scene.vtm")
    return {p.name: p for p in sorted(folder.iterdir()) if p.is_file()}


def writer(path: Path, poly: Any, setting: str, *values: int) -> None:
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    out = vtkXMLPolyDataWriter()
    out.SetFileName(str(path))
    out.SetInputData(poly)
    out.SetDataModeToAppended()
    getattr(out, setting)(*values)
    out.Write()


@pytest.fixture(scope="module")
def cubes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return made(tmp_path_factory.mktemp("cubes"))


def test_every_format_gives_the_same_closed_cube(cubes: Mapping[str, Path]) -> None:
    for name, path in cubes.items():
        (part,) = read_parts([path]).parts
        assert len(part.faces) == 12 and abs(abs(volume_of(part)) - 6) < 1e-6, name
        assert np.allclose(np.ptp(part.vertices, axis=0), [1, 2, 3]), name
        assert (part.frame, part.unit) == (("y-up", "m") if name.endswith(".glb") else (None, None)), name


@pytest.mark.parametrize(("head", "frame"), [("SPACE=RAS", "ras"), ("SPACE=LPS", "lps"), ("made by hand", None)])
def test_a_header_tells_the_frame(cubes: Mapping[str, Path], tmp_path: Path, head: str, frame: str | None) -> None:
    stl, ply, obj = (bytearray(cubes[n].read_bytes()) for n in ("binary.stl", "binary.ply", "whole.obj"))
    stl[:80] = f"3D Slicer. {head}".encode().ljust(80)
    (tmp_path / "a.stl").write_bytes(stl)
    (tmp_path / "a.ply").write_bytes(ply.replace(b"\nelement", f"\ncomment {head}\nelement".encode(), 1))
    (tmp_path / "a.obj").write_bytes(f"# {head}\n".encode() + obj)
    assert [p.frame for p in read_parts([tmp_path]).parts] == [frame] * 3


OBJ = """mtllib colours.mtl
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
v 0 0 1
g skull left
usemtl bone
f 1/1/1 2/2 3//3 4
o jaw
f -5 -4 -1
g skull left
f 1 2 5
"""


def test_groups_of_an_obj_are_parts_and_polygons_are_triangles(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(OBJ)
    (tmp_path / "colours.mtl").write_text("newmtl bone\nKd 1 0.5 0\n")
    first, second = read_parts([tmp_path]).parts
    assert (first.name, len(first.faces), first.colour) == ("skull left", 3, (1, 0.5, 0))
    assert (second.name, len(second.faces), second.colour) == ("jaw", 1, (1, 0.5, 0))  # a material holds until the next
    assert second.vertices[second.faces[0]].tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1]] and first.origin != second.origin


def test_solids_and_face_groups_are_parts(tmp_path: Path) -> None:
    facet = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 {}\nendloop\nendfacet\n"
    solids = [f"solid {n}\n{facet.format(i)}endsolid {n}\n" for i, n in enumerate(("skull", "jaw"))]
    (tmp_path / "a.stl").write_text("".join(solids))
    ply = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\nelement face 2\n"
    ply += "property list uchar int vertex_indices\nproperty int label\nend_header\n"
    ply += "0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2 7\n3 0 1 3 9\n"
    (tmp_path / "b.ply").write_text(ply)
    assert [p.name for p in read_parts([tmp_path]).parts] == ["skull", "jaw", "b label 7", "b label 9"]


def gltf(nodes: list[dict[str, Any]], **more: Any) -> str:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype="<f4").tobytes()
    uri = "data:application/octet-stream;base64," + base64.b64encode(points).decode()
    tree = {
        "asset": {"version": "2.0"}, "nodes": nodes, "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"componentType": 5126, "count": 3, "type": "VEC3", "bufferView": 0}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}], "buffers": [{"byteLength": 36, "uri": uri}],
    }  # fmt: skip
    return json.dumps(tree | more)


def test_transforms_of_nodes_are_applied_to_each_use_of_a_mesh(tmp_path: Path) -> None:
    turn = [0, 0, 0.5**0.5, 0.5**0.5]
    nodes = [
        {"children": [1, 2], "scale": [2, 2, 2]}, {"name": "a", "mesh": 0, "translation": [1, 0, 0]},
        {"name": "b", "mesh": 0, "rotation": turn}, {"name": "c", "mesh": 0, "scale": [-1, 1, 1]},
    ]  # fmt: skip
    (tmp_path / "a.gltf").write_text(gltf(nodes))
    parts = {p.name: p for p in read_parts([tmp_path / "a.gltf"]).parts}
    assert np.allclose(parts["a"].vertices, [[2, 0, 0], [4, 0, 0], [2, 2, 0]])
    assert np.allclose(parts["b"].vertices, [[0, 0, 0], [0, 2, 0], [-2, 0, 0]])
    assert parts["c"].faces.tolist() == [[2, 1, 0]]


@pytest.mark.parametrize(("change", "says"), [
    ({"buffers": [{"byteLength": 36, "uri": "https://example.org/a.bin"}]}, "leads elsewhere"),
    ({"buffers": [{"byteLength": 36, "uri": "../secret.bin"}]}, "outside its folder"),
    ({"buffers": [{"byteLength": 36, "uri": "%2e%2e/secret.bin"}]}, "outside its folder"),
    ({"buffers": [{"byteLength": 36, "uri": "/etc/hostname"}]}, "leads elsewhere"),
    ({"buffers": [{"byteLength": 36, "uri": "gone.bin"}]}, "not beside it"),
    ({"extensionsRequired": ["KHR_draco_mesh_compression"]}, "without compression"),
    ({"nodes": [{"children": [1]}, {"children": [0], "mesh": 0}]}, "each other's children"),
    ({"nodes": [{"mesh": 5}]}, "does not hold"),
    ({"asset": {"version": "1.0"}}, "glTF 2.0"),
])  # fmt: skip
def test_a_gltf_that_means_harm_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(36))
    (tmp_path / "in" / "a.gltf").write_text(gltf(**({"nodes": [{"mesh": 0}]} | change)))
    assert says in fault(tmp_path / "in" / "a.gltf")


def test_links_out_of_the_folder_are_not_followed_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(36))
    (tmp_path / "in" / "b.bin").symlink_to(tmp_path / "secret.bin")
    (tmp_path / "in" / "a.gltf").write_text(gltf([{"mesh": 0}], buffers=[{"byteLength": 36, "uri": "b.bin"}]))
    assert "not beside it" in fault(tmp_path / "in" / "a.gltf")


def test_points_that_are_no_numbers_and_faces_without_points_are_refused(tmp_path: Path, cubes: Mapping[str, Path]) -> None:
    stl = bytearray(cubes["binary.stl"].read_bytes())
    stl[96:100] = struct.pack("<f", float("nan"))
    (tmp_path / "nan.stl").write_bytes(stl)
    assert "not finite" in fault(tmp_path / "nan.stl")
    for name, text in {
        "a.obj": "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "b.obj": "v 0 0 inf\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
        "c.obj": "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 -9\n", "d.obj": "v 0 0\nf 1 2 3\n", "e.obj": "v 0 0 0\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
        assert name in fault(tmp_path / name)


def test_xml_with_entities_is_refused(tmp_path: Path) -> None:
    laughs = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>'
    laughs += '<VTKFile type="PolyData">&b;</VTKFile>'
    for name in ("a.vtp", "a.vtm"):
        (tmp_path / name).write_text(laughs)
        assert "entities" in fault(tmp_path / name)


def test_a_scene_that_names_files_elsewhere_is_refused(tmp_path: Path, cubes: Mapping[str, Path]) -> None:
    text = '<VTKFile type="vtkMultiBlockDataSet"><vtkMultiBlockDataSet><DataSet name="a" file="{}"/>'
    text += "</vtkMultiBlockDataSet></VTKFile>"
    (tmp_path / "in").mkdir()
    (tmp_path / "b.vtp").write_bytes(cubes["raw.vtp"].read_bytes())
    for elsewhere in ("../b.vtp", "/b.vtp", "gone.vtp"):
        (tmp_path / "in" / "a.vtm").write_text(text.format(elsewhere))
        assert "a.vtm" in fault(tmp_path / "in" / "a.vtm")


def test_the_largest_number_of_triangles_holds_for_every_format(cubes: Mapping[str, Path]) -> None:
    for path in cubes.values():
        assert "more than can be read" in fault(path, Limits(faces=2))


def volumes() -> Mapping[str, bytes]:
    """A few voxels in each format of labels, whole and packed."""
    import gzip
    import zlib

    import nibabel as nib

    values = np.zeros((6, 6, 6), dtype=np.uint8)
    values[2:4, 2:4, 2:4] = 1
    raw = values.tobytes()
    nifti = nib.Nifti1Image(values, np.eye(4)).to_bytes()
    nrrd = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 6 6 6\nspace: left-posterior-superior\n"
    nrrd += b"space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nencoding: "
    meta = b"ObjectType = Image\nNDims = 3\nDimSize = 6 6 6\nElementSpacing = 1 1 1\nElementType = MET_UCHAR\n"
    return {
        "a.nii": nifti, "a.nii.gz": gzip.compress(nifti), "a.nrrd": nrrd + b"raw\n\n" + raw,
        "b.nrrd": nrrd + b"gzip\n\n" + gzip.compress(raw), "a.mha": meta + b"ElementDataFile = LOCAL\n" + raw,
        "b.mha": meta + b"CompressedData = True\nElementDataFile = LOCAL\n" + zlib.compress(raw),
    }  # fmt: skip


def check_sound(found: RawParts) -> None:
    for part in found.parts:
        assert np.isfinite(part.vertices).all() and part.faces.shape[1] == 3
        assert 0 <= part.faces.min() <= part.faces.max() < len(part.vertices)


Spoil = Callable[[bytes], bytes]


@st.composite
def spoiling(draw: st.DrawFn) -> Spoil:
    """A change of a file: cut, bytes turned over, a piece taken out, put in twice, or numbers in it made huge."""
    kind = draw(st.sampled_from(["cut", "flip", "drop", "twice", "huge"]))
    where = draw(st.lists(st.floats(0, 0.999), min_size=1, max_size=6))
    value, length = draw(st.integers(1, 255)), draw(st.integers(1, 40))

    def spoil(data: bytes) -> bytes:
        at = [int(w * len(data)) for w in where]
        out = bytearray(data)
        if kind == "cut":
            return data[: at[0]]
        if kind == "flip":
            for i in at:
                out[i] ^= value
            return bytes(out)
        if kind == "drop":
            return data[: at[0]] + data[at[0] + length :]
        if kind == "twice":
            return data[: at[0] + length] + data[at[0] :]
        digits = [i for i, b in enumerate(data) if 48 <= b <= 57] or [0]
        i = digits[int(where[0] * len(digits))]
        return data[:i] + b"9" * (length % 12 + 1) + data[i:]

    return spoil


class Whole:
    """Files that are not spoiled yet; printed by its name only."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files


@pytest.fixture(scope="module")
def whole(cubes: Mapping[str, Path]) -> Whole:
    out = {name: path.read_bytes() for name, path in cubes.items()} | volumes()
    return Whole(out | {"a.gltf": gltf([{"mesh": 0, "children": [1]}, {"mesh": 0, "scale": [2, 2, 2]}]).encode()})


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(spoils=st.lists(spoiling(), min_size=1, max_size=2))
def test_a_spoiled_file_is_one_line_or_a_sound_surface(
    whole: Whole, tmp_path_factory: pytest.TempPathFactory, spoils: list[Spoil]
) -> None:
    folder = tmp_path_factory.mktemp("spoiled", numbered=True)
    for name, data in whole.files.items():
        spoiled = data
        for spoil in spoils:
            spoiled = spoil(spoiled or b"0")
        (folder / name).write_bytes(spoiled)
        try:
            check_sound(read_parts([folder / name], limits=Limits(voxels=1_000_000)))
        except ImportFault as error:
            assert "\n" not in str(error) and str(error).endswith(".") and len(str(error)) < 400, error
        (folder / name).unlink()
