"""What a batch makes: images, labels, needles, pictures and checksums."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshes.model import Anatomy
from sim.batch import Batch, read, run, work
from sim.batch.items import items_of
from sim.batch.plan import parse_plan
from tests.batches import SMALL, made, tree


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, voxel_cache: Path) -> tuple[Path, run.Outcome]:
    """Three images of the shipped adult, pressed not at all, and an item that cannot be made."""
    folder = tmp_path_factory.mktemp("batch")
    return folder, made(SMALL, folder)


def test_the_layout_is_read_back(small: tuple[Path, run.Outcome]) -> None:
    folder, outcome = small
    assert (outcome.planned, len(outcome.made), outcome.complete) == (4, 3, False)
    batch = read(folder)
    assert isinstance(batch, Batch) and len(batch) == 3 and batch.manifest["counts"] == {"planned": 4, "finished": 3, "failed": 1}
    for item in batch:
        assert (
            item.meta["layout"] == 1
            and item.meta["id"] == item.id
            and item.meta["patient"] == {"name": "shipped", "measures": {}}
        )
        assert item.bmode.dtype == np.uint8 and item.labels.dtype == np.uint16
        assert item.bmode.shape == item.labels.shape == (item.meta["rows"], item.meta["columns"])
        assert item.bmode.std() > 20
        assert set(np.unique(item.labels)) == set(item.keys)
        assert all(batch.manifest["labels"][number] == key for number, key in item.keys.items())
        assert {str(n): int((item.labels == n).sum()) for n in item.keys} == item.meta["pixels"]


def test_labels_agree_with_the_geometry(small: tuple[Path, run.Outcome], anatomy: Anatomy) -> None:
    """The probe does not press, so that what an image shows lies where it lies in the anatomy."""
    from meshes.voxels import surface_field

    nerve = anatomy["greater_occipital_nerve_right"].centerline
    assert nerve is not None
    for item in read(small[0]):
        assert item.meta["nerve"]["visible"] and item.meta["nerve"]["key"] == "greater_occipital_nerve_right"
        middle = item.ras(*item.meta["nerve"]["middle_row_column"])
        assert np.linalg.norm(nerve - middle, axis=1).min() < 1.5
        mask = item.mask("cranium")
        rows, columns = (found[:: max(1, len(found) // 50)] for found in np.nonzero(mask))
        points = np.array([item.ras(r, c) for r, c in zip(rows, columns, strict=True)])
        assert len(points) > 20
        field = surface_field(anatomy["cranium"].mesh, points.min(axis=0) - 3, points.max(axis=0) + 3)
        assert np.median(field(points)) < 0 and field(points).max() < 0.6
        left, right = item.ras(0, 0), item.ras(0, item.meta["columns"] - 1)
        assert (item.meta["ends"]["left_of_image"] == "L") == (left[0] < right[0])


def test_needles_lie_where_they_are_told_to_lie(small: tuple[Path, run.Outcome]) -> None:
    for item in read(small[0]):
        told = item.meta["needle"]
        assert told["present"] and told["visible"] and told["pixels"] == item.mask("needle").sum() > 0
        row, column = told["tip_row_column"]
        beside = np.array(told["tip_mm"]) - item.ras(row, column)
        assert np.linalg.norm(beside) == pytest.approx(abs(told["beside_plane_mm"]), abs=1e-3)
        rows, columns = np.nonzero(item.mask("needle"))
        assert np.hypot(rows - row, columns - column).min() * item.meta["pixel_mm"][0] < 1.5


def test_one_bad_item_is_told_and_stops_no_other(small: tuple[Path, run.Outcome]) -> None:
    folder, outcome = small
    [(bad, why)] = outcome.failed.items()
    assert bad.startswith("shipped-bad-right-0000") and "does not show facial_artery_right" in why
    told = json.loads((folder / "items" / bad / "error.json").read_text())
    assert told["error"] == why and told["asked"]["needle"]["aim"] == "facial_artery"
    assert read(folder).manifest["failed"] == [{"id": bad, "error": why}]


def test_sha256sum_accepts_the_checksums(small: tuple[Path, run.Outcome]) -> None:
    folder, _ = small
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    done = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count(": OK") == 2 + 3 * 4
    assert not (folder / ".work").exists()


def test_an_item_has_the_same_bytes_whatever_is_made_with_it(small: tuple[Path, run.Outcome], tmp_path: Path) -> None:
    folder, outcome = small
    items = tuple(items_of(parse_plan(SMALL)))
    last = outcome.made[-1]
    assert work.do(work.Task(str(tmp_path), items[:3], (last,)), lambda _id: None) == {}
    assert tree(tmp_path / "items" / last) == tree(folder / "items" / last)
    assert [p.name for p in (tmp_path / "items").iterdir()] == [last]


@pytest.mark.slow
@pytest.mark.image
def test_pictures_of_scenarios_and_of_the_scanned_pose(tmp_path: Path, anatomy: Anatomy) -> None:
    """The probe presses at C2: the needle is drawn at the nerve of the neck at rest, not where the image shows it."""
    text = SMALL.replace("images = 3", 'outputs = ["bmode", "labels", "picture"]\nscene = { size = [640, 480] }')
    text = text.replace('"nuchal-line"', '"c2-oblique"', 1).replace("press = -25", "press = 0", 1).replace("0.6, 1.0", "1.0, 1.0")
    text = text.replace("depth_mm = 20", "depth_mm = 40")
    text = text[: text.index('[[ultrasound]]\nname = "bad"')]
    text += '[[picture]]\nscenario = "gon-path"\nviews = ["posterior"]\nsize = [640, 480]\n'
    assert made(text, tmp_path).complete
    by_kind = {item.meta["kind"]: item for item in read(tmp_path)}
    for item in by_kind.values():
        assert item.picture.shape == (480, 640, 3) and item.picture.std() > 20
    assert by_kind["picture"].meta["scenario"]["view"] == "posterior"
    nerve, told = anatomy["greater_occipital_nerve_right"].centerline, by_kind["ultrasound"].meta["needle"]
    assert nerve is not None
    gaps = [np.linalg.norm(nerve - told[name], axis=1).min() for name in ("tip_at_rest_mm", "tip_mm")]
    assert gaps[0] < 3 < gaps[1]


@pytest.mark.slow
def test_a_box_shows_what_the_tiles_of_the_scanner_show(anatomy: Anatomy, oblique: Any, right: Any) -> None:
    from sim.batch.voxels import BoxStore, Sheet
    from sim.ultrasound.medium import AnatomyMedium
    from sim.ultrasound.scanner import Scanner

    for sheets in ((), (Sheet(right.face_mm, right.elevation, 5.0),)):
        image = Scanner(AnatomyMedium(anatomy, BoxStore(anatomy, sheets)), lines=192, samples=768).image(right)
        assert (image.labels != oblique.labels).mean() < 1e-4
        assert np.abs(image.pixels.astype(int) - oblique.pixels).mean() < 0.05
