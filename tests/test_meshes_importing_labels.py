"""Label volumes: places, sizes and names as other programs wrote them, and surfaces as true as voxels allow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.exports.write import write_export
from meshes.importing.labels import surface, whole_numbers
from meshes.importing.raw import ImportFault, RawPart
from meshes.importing.reading import read_parts
from meshes.model import Anatomy
from meshes.surface import SurfaceQuery
from sim.commands.export import export_of

nib = pytest.importorskip("nibabel", reason="the extra 'medical' is not installed")
Array = NDArray[np.float64]
CENTRE = np.array([4.3, -7.2, 11.4])
TURN = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


def volume_of(points: Array, faces: NDArray[np.int64]) -> float:
    a, b, c = (points[faces[:, i]] - points.mean(axis=0) for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def ball(affine: Array, shape: tuple[int, int, int] = (40, 44, 48), radius: float = 6.0) -> NDArray[np.uint8]:
    """A sphere about CENTRE on a grid, and a smaller one above it."""
    at = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    out = (np.linalg.norm(at - CENTRE, axis=-1) <= radius).astype(np.uint8)
    out[np.linalg.norm(at - CENTRE - [0, 0, 9], axis=-1) <= 2] = 2
    return out


def grid(turn: Array, steps: Any, shape: tuple[int, int, int] = (40, 44, 48)) -> Array:
    """An affine whose grid has CENTRE in its middle."""
    out = np.eye(4)
    out[:3, :3] = turn * np.asarray(steps)
    out[:3, 3] = CENTRE + [0, 0, 3] - out[:3, :3] @ (np.array(shape) / 2)
    return out


def check_balls(parts: tuple[RawPart, ...], names: list[str]) -> None:
    assert [p.name for p in parts] == names
    for part, centre, radius in zip(parts, (CENTRE, CENTRE + [0, 0, 9]), (6.0, 2.0), strict=True):
        away = np.linalg.norm(part.vertices - centre, axis=1)
        assert np.abs(part.vertices.mean(axis=0) - centre).max() < 0.2 and np.abs(away - radius).max() < 0.5
        assert volume_of(part.vertices, part.faces) > 0 and (part.unit, part.frame) == ("mm", "ras")


@pytest.mark.parametrize(("step", "share"), [(1.0, 0.01), (0.5, 0.003)])
def test_a_sphere_keeps_its_volume_and_its_surface(step: float, share: float) -> None:
    n = int(10 / step) + 3
    at = np.stack(np.meshgrid(*[np.arange(-n, n + 1) * step] * 3, indexing="ij"), axis=-1) - np.array([0.3, 0.17, 0.41]) * step
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = -n * step
    points, faces = surface(np.linalg.norm(at, axis=-1) <= 10, affine, np.zeros(3, dtype=np.int64))
    away = np.linalg.norm(points - np.array([0.3, 0.17, 0.41]) * step, axis=1)
    assert abs(volume_of(points, faces) / (4 / 3 * np.pi * 1000) - 1) < share
    assert np.abs(away - 10).max() < 0.3 * step
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


@pytest.mark.parametrize("mirror", [1.0, -1.0])
@pytest.mark.parametrize("steps", [(0.5, 0.5, 0.6), (0.6, 0.5, 0.5)])
def test_an_oblique_nifti_lies_where_its_affine_says(tmp_path: Path, mirror: float, steps: tuple[float, ...]) -> None:
    affine = grid(TURN @ np.diag([mirror, 1, 1]), steps)
    image = nib.Nifti1Image(ball(affine), affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "seg.nii.gz")
    (tmp_path / "seg.ctbl").write_text("# table\n0 background 0 0 0 0\n1 skull 255 0 0 255\n2 mandible 0 255 0 255\n")
    parts = read_parts([tmp_path / "seg.nii.gz"]).parts
    check_balls(parts, ["skull", "mandible"])
    assert parts[0].colour == (1, 0, 0)


def test_units_and_frame_that_a_nifti_does_not_tell_stay_unknown(tmp_path: Path) -> None:
    image = nib.Nifti1Image(ball(grid(np.eye(3), [0.5] * 3)), None)
    image.header.set_xyzt_units(0)
    image.header["qform_code"] = image.header["sform_code"] = 0
    nib.save(image, tmp_path / "a.nii")
    assert {(p.unit, p.frame) for p in read_parts([tmp_path / "a.nii"]).parts} == {(None, None)}
    metres = grid(np.eye(3), [0.5] * 3)
    metres[:3] /= 1000
    image = nib.Nifti1Image(ball(grid(np.eye(3), [0.5] * 3)), metres)
    image.header.set_xyzt_units("meter")
    nib.save(image, tmp_path / "m.nii")
    check_balls(read_parts([tmp_path / "m.nii"]).parts, ["label 1", "label 2"])


def test_names_in_the_header_and_in_tables_of_other_programs(tmp_path: Path) -> None:
    affine = grid(np.eye(3), [0.5] * 3)
    caret = '<?xml version="1.0"?><CaretExtension><VolumeInformation Index="0"><LabelTable>'
    caret += '<Label Key="1" Red="1" Green="0" Blue="0">skull</Label><Label Key="2">vertebrae_C1</Label>'
    caret += "</LabelTable></VolumeInformation></CaretExtension>"
    image = nib.Nifti1Image(ball(affine), affine)
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, caret.encode()))
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "total.nii.gz")
    check_balls(read_parts([tmp_path / "total.nii.gz"]).parts, ["skull", "vertebrae_C1"])
    plain = nib.Nifti1Image(ball(affine), affine)
    plain.header.set_xyzt_units("mm")
    for name, table in (("a.txt", '# ITK-SnAP\n0 0 0 0 0 0 0 "Clear Label"\n1 9 9 9 1 1 1 "skull"\n2 9 9 9 1 1 1 "the jaw"\n'),
                        ("dataset.json", json.dumps({"labels": {"background": 0, "skull": 1, "the jaw": 2}}))):  # fmt: skip
        folder = tmp_path / name.replace(".", "")
        folder.mkdir()
        nib.save(plain, folder / "a.nii")
        (folder / name).write_text(table)
        found = read_parts([folder])
        check_balls(found.parts, ["skull", "the jaw"])
        assert found.notes == ()


def test_one_file_for_each_structure_has_the_name_of_the_file(tmp_path: Path) -> None:
    affine = grid(np.eye(3), [0.5] * 3)
    for name in ("skull", "vertebrae_C1"):
        nib.save(nib.Nifti1Image((ball(affine) == 1).astype(np.uint8), affine), tmp_path / f"{name}.nii.gz")
    assert [p.name for p in read_parts([tmp_path]).parts] == ["skull", "vertebrae_C1"]


def nrrd_of(values: NDArray[Any], affine: Array, *more: str) -> bytes:
    lps = np.diag([-1, -1, 1]) @ affine[:3]
    rows = " ".join("(" + ",".join(repr(float(v)) for v in lps[:, i]) + ")" for i in range(3))
    origin = "(" + ",".join(repr(float(v)) for v in lps[:, 3]) + ")"
    head = ["NRRD0004", "# made for a test", "type: unsigned char", f"dimension: {values.ndim}", "space: left-posterior-superior"]
    head += [f"sizes: {' '.join(map(str, values.shape))}", f"space directions: {'none ' * (values.ndim - 3)}{rows}"]
    head += [f"space origin: {origin}", "encoding: raw", *more, "", ""]
    return "\n".join(head).encode() + values.tobytes(order="F")


def test_segments_of_slicer_keep_name_colour_and_layer(tmp_path: Path) -> None:
    affine = grid(TURN, (0.5, 0.5, 0.6))
    values = ball(affine)
    layers = np.stack([(values == 1), (values == 2)]).astype(np.uint8)
    more = ["Segment0_ID:=Segment_1", "Segment0_Name:=skull", "Segment0_Color:=1 0.5 0", "Segment0_LabelValue:=1"]
    more += ["Segment0_Layer:=0"]
    more += ["Segment1_ID:=Segment_2", "Segment1_Name:=jaw bone", "Segment1_LabelValue:=1", "Segment1_Layer:=1"]
    (tmp_path / "a.seg.nrrd").write_bytes(nrrd_of(layers, affine, *more))
    parts = read_parts([tmp_path / "a.seg.nrrd"]).parts
    check_balls(parts, ["skull", "jaw bone"])
    assert parts[0].colour == (1, 0.5, 0) and parts[1].colour is None


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd", "packed.nrrd", "packed.mha"])
def test_files_that_itk_writes_lie_where_itk_says(tmp_path: Path, name: str) -> None:
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    affine = grid(TURN, (0.5, 0.5, 0.6))
    image = sitk.GetImageFromArray(np.ascontiguousarray(ball(affine).transpose(2, 1, 0)))
    image.SetSpacing((0.5, 0.5, 0.6))
    image.SetDirection((np.diag([-1, -1, 1]) @ TURN).ravel().tolist())
    image.SetOrigin((affine[:3, 3] * [-1, -1, 1]).tolist())
    sitk.WriteImage(image, str(tmp_path / name), useCompression="packed" in name)
    found = read_parts([tmp_path])
    check_balls(found.parts, ["label 1", "label 2"])
    assert len(found.notes) == 1 and "no name" in found.notes[0]


def test_a_scan_is_not_taken_for_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for values in (rng.normal(0, 300, (30, 30, 30)).astype(np.float32), rng.integers(0, 3000, (30, 30, 30)).astype(np.int16)):
        nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "ct.nii.gz")
        with pytest.raises(ImportFault, match="scan in grey values"):
            read_parts([tmp_path / "ct.nii.gz"])
    nib.save(nib.Nifti1Image(np.zeros((9, 9, 9), np.uint8), np.eye(4)), tmp_path / "zero.nii.gz")
    with pytest.raises(ImportFault, match="no label"):
        read_parts([tmp_path / "zero.nii.gz"])
    assert whole_numbers("a", np.array([[[0.0, 3.0]]])).dtype == np.uint8


def test_exported_labels_come_back_as_well_as_voxels_allow(anatomy: Anatomy, tmp_path: Path) -> None:
    keys = ["obliquus_capitis_inferior", "rectus_capitis_posterior_major", "atlas", "mandible", "skin"]
    write_export(export_of(anatomy, keys, step_mm=1.5), tmp_path / "l.nii.gz")
    for source in (tmp_path, tmp_path / "l.nii.gz"):
        found = read_parts([source])
        assert {p.key for p in found.parts} == set(export_of(anatomy, keys).keys) and found.credit
    for part in found.parts:
        away = np.abs(SurfaceQuery(anatomy[part.key or ""].mesh).signed_distance(part.vertices)) / 1.5
        assert np.median(away) < 0.15 and np.percentile(away, 95) < 0.55, part.key
