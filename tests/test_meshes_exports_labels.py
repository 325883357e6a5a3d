"""Label volumes, read back by nibabel: every voxel within one voxel of its structure, on its side, under its name."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from meshes.exports import labels as labels_module
from meshes.exports.labels import FILLING, label_volume
from meshes.exports.request import Export
from meshes.exports.write import write_export
from meshes.model import Anatomy
from meshes.surface import SurfaceQuery
from sim.commands.export import export_of
from tests.conftest import ellipsoid

nib = pytest.importorskip("nibabel", reason="the extra 'medical' is not installed")

Array = NDArray[np.float64]
SOME = ["obliquus_capitis_inferior", "semispinalis_capitis", "greater_occipital_nerve", "occipital_artery", "atlas", "axis"]
THIN = ("greater_occipital_nerve_right", "occipital_artery_left")
TOUCHING = np.ones((3, 3, 3))


@pytest.fixture(scope="module")
def some(anatomy: Anatomy) -> Export:
    return export_of(anatomy, SOME, step_mm=1.0)


@pytest.fixture(scope="module")
def folder(some: Export, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("labels")
    write_export(some, where / "labels.nii.gz")
    return where


def opened(path: Path) -> tuple[NDArray[Any], Array, Any]:
    image = nib.load(path)
    return np.asarray(image.dataobj), np.asarray(image.affine), image.header


def rows_of(folder: Path) -> dict[str, dict[str, Any]]:
    return {r["key"]: r for r in json.loads((folder / "labels.json").read_text("utf-8"))["labels"]}


def strays(values: NDArray[Any], affine: Array, labels: dict[str, int], anatomy: Anatomy) -> Iterator[str]:
    """Yield what is wrong with labels: a voxel further than a voxel from its structure, or a surface without its voxels."""
    step = float(np.linalg.norm(affine[:3, 0]))
    for key, label in labels.items():
        s = anatomy[key]
        at = np.argwhere(values == label) @ affine[:3, :3].T + affine[:3, 3]
        if not len(at):
            yield f"{key} has no voxel"
            continue
        if SurfaceQuery(s.mesh).signed_distance(at).max() > step:
            yield f"{key} has voxels outside"
        taken = np.round((s.mesh.vertices_mm - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
        other = ~np.isin(values[tuple(taken.T)], (0, label))  # another structure lies over it there
        if cKDTree(at).query(s.mesh.vertices_mm[~other])[0].max() > np.sqrt(3) * step:
            yield f"{key} has a surface without voxels"
        if s.side != "median" and (at[:, 0].mean() > 0) != (s.side == "right"):
            yield f"{key} lies on the other side"


def numbers(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    return {r["key"]: r["label"] for r in rows}


def test_every_voxel_lies_at_its_structure(some: Export, folder: Path) -> None:
    values, affine, _ = opened(folder / "labels.nii.gz")
    labels = numbers(rows_of(folder).values())
    assert tuple(labels) == some.keys
    assert list(strays(values, affine, labels, some.anatomy)) == []


def test_a_mirrored_volume_is_found_out(some: Export, folder: Path) -> None:
    values, affine, _ = opened(folder / "labels.nii.gz")
    nerve = {k: n for k, n in numbers(rows_of(folder).values()).items() if k == "greater_occipital_nerve_right"}
    assert f"{next(iter(nerve))} lies on the other side" in list(strays(values[::-1], affine, nerve, some.anatomy))
    swapped = affine @ np.diag([-1.0, -1.0, 1.0, 1.0])
    assert any("outside" in f for f in strays(values, swapped, nerve, some.anatomy))


def test_thin_structures_stay_whole(some: Export, folder: Path) -> None:
    values, _, _ = opened(folder / "labels.nii.gz")
    rows = rows_of(folder)
    for key in THIN:
        pieces, count = ndimage.label(values == rows[key]["label"], structure=TOUCHING)
        sizes = np.bincount(pieces.ravel())[1:]
        assert sizes.max() / sizes.sum() > 0.98, f"{key} is in {count} pieces"


def test_the_header_says_ras_millimetres_and_whose_it_is(folder: Path) -> None:
    values, affine, head = opened(folder / "labels.nii.gz")
    assert (str(values.dtype), head.get_xyzt_units()[0]) == ("uint8", "mm")
    assert nib.aff2axcodes(affine) == ("R", "A", "S")
    assert int(head["sform_code"]) > 0
    np.testing.assert_allclose(head.get_qform(), affine, atol=1e-5)
    told = json.loads(head.extensions[0].get_content())
    assert told["labels"] == list(rows_of(folder).values())
    assert "Inion" in told["credit"]


def test_the_colour_table_is_one_of_slicer(some: Export, folder: Path) -> None:
    lines = [line.split() for line in (folder / "labels.ctbl").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert lines[0] == ["0", "background", "0", "0", "0", "0"]
    assert [line[1] for line in lines[1:]] == list(some.keys)
    for line in lines[1:]:
        assert len(line) == 6
        np.testing.assert_allclose(np.array(line[2:5], dtype=float) / 255, some.colours[line[1]], atol=0.01)


def test_skin_is_a_shell_round_what_lies_between(anatomy: Anatomy) -> None:
    volume = label_volume(export_of(anatomy, ["skin", "cranium"], step_mm=4.0))
    assert volume.keys == ("skin", "cranium", FILLING)
    skin, cranium, filling = (volume.values == i for i in (1, 2, 3))
    assert filling.sum() > skin.sum() > 0
    assert not (ndimage.binary_dilation(filling) & (volume.values == 0)).any(), "skin encloses what lies between"
    assert cranium.sum() * 64 == pytest.approx(anatomy["cranium"].surface.volume, rel=0.5)
    body = (skin | cranium | filling).sum() * 64
    assert body == pytest.approx(anatomy["skin"].surface.volume, rel=0.05)


def test_nerves_lie_over_the_muscles_that_they_cross(some: Export, folder: Path) -> None:
    values, affine, _ = opened(folder / "labels.nii.gz")
    nerve = some.anatomy["greater_occipital_nerve_left"]
    assert nerve.centerline is not None
    at = np.round((nerve.centerline - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
    assert (values[tuple(at.T)] == rows_of(folder)[nerve.key]["label"]).mean() > 0.95


def test_more_than_a_byte_of_labels(some: Export) -> None:
    one = replace(some.anatomy["atlas"], mesh=ellipsoid(np.zeros(3), np.full(3, 9.0)))
    many = Anatomy.of("many", [replace(one, key=f"part_{i}") for i in range(256)], {}, {})
    export = Export(many, tuple(many.structures), dict.fromkeys(many.structures, np.ones(3)), np.ones(3), step_mm=4.0)
    volume = label_volume(export)
    assert volume.values.dtype == np.uint16
    assert volume.values.max() == 256


def test_unpacked_nifti_is_the_same(anatomy: Anatomy, tmp_path: Path) -> None:
    export = export_of(anatomy, ["atlas"], step_mm=2.0)
    paths = write_export(export, tmp_path / "labels.nii")
    assert [p.name for p in paths] == ["labels.ctbl", "labels.json", "labels.nii"]
    packed = write_export(export, tmp_path / "labels.nii.gz")[-1]
    assert paths[-1].read_bytes() == gzip.decompress(packed.read_bytes())


@pytest.mark.parametrize("step", [0.1, 0.0, -1.0, 9.0, float("nan"), float("inf")])
def test_voxels_of_an_impossible_size_are_refused(anatomy: Anatomy, step: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be from 0\.5 to 4"):
        write_export(export_of(anatomy, ["atlas"], step_mm=step), tmp_path / "labels.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_without_nibabel_it_says_how_to_get_it(anatomy: Anatomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    with pytest.raises(ImportError, match=r"inion\[medical\]"):
        write_export(export_of(anatomy, ["atlas"]), tmp_path / "labels.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_erosion_is_as_deep_every_way() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(41) - 20.0] * 3, indexing="ij"), axis=-1)
    ball = np.linalg.norm(grid, axis=-1) < 18
    left = labels_module._eroded(ball, 4)
    away = np.linalg.norm(grid, axis=-1)
    assert left[away < 18 - 4 * 1.5].all()
    assert not left[away > 18 - 4 + 0.5].any()


@pytest.mark.long
def test_the_whole_head_at_one_millimetre(anatomy: Anatomy, tmp_path: Path) -> None:
    export = export_of(anatomy, step_mm=1.0)
    write_export(export, tmp_path / "labels.nii.gz")
    values, affine, _ = opened(tmp_path / "labels.nii.gz")
    labels = {k: n for k, n in numbers(rows_of(tmp_path).values()).items() if k != FILLING}
    assert tuple(labels) == export.keys
    covered = {f"{key} has a surface without voxels" for key in ("skin", "hairs_of_head")}  # at the flat cut, at the roots
    assert set(strays(values, affine, labels, anatomy)) <= covered
