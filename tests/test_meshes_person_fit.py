"""The comparison with a real person: proved on the model itself, dressed as that person, and run on him where he is at hand."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.model import Anatomy, SurfaceMesh
from meshes.person_fit import FitRow, fit_rows
from meshes.points import load_table
from meshes.reference_adult import ReferenceAdult, adult_landmarks

Array = NDArray[np.float64]
HERE = Path(__file__).parent.parent
REFERENCE = Path(os.environ.get("INION_REFERENCE", HERE.parent / "shared" / "reference-anatomy"))
RAS_FROM_NATIVE = np.array([[-1.0, 0, 0, 2.0], [0, -1, 0, 30.0], [0, 0, 1, -1500.0], [0, 0, 0, 1]])


def written(path: Path, mesh: SurfaceMesh, shift: Array) -> None:
    import trimesh

    native = np.linalg.inv(RAS_FROM_NATIVE)
    points = (mesh.vertices_mm + shift) @ native[:3, :3].T + native[:3, 3]
    trimesh.Trimesh(points[mesh.faces].reshape(-1, 3), np.arange(3 * len(mesh.faces)).reshape(-1, 3), process=False).export(path)


def speck(mesh: SurfaceMesh) -> SurfaceMesh:
    """A tetrahedron of a tenth of a millimetre on the surface: his skull has many bones, the model's is one."""
    corners = mesh.vertices_mm[0] + 0.1 * np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    return SurfaceMesh(corners, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]), np.eye(4)[:, :3])


def keys_of() -> dict[str, str]:
    """The model's structure for each of the adult's names that the table compares."""
    table = load_table("reference_adult")
    out = {name: row["ours"][0] for row in table["distance"] for name in row["theirs"] if name != "skin"}
    for row in table["overlap"]:
        out |= {n.format(side=s): f"{row['ours']}_{s}" for n in row["theirs"] for s in ("left", "right")}
    return out


def dressed(folder: Path, anatomy: Anatomy, shifts: Mapping[str, Array]) -> ReferenceAdult:
    """A folder as the adult's own, made of the model's surfaces, unwelded and in another frame."""
    (folder / "bodyparts3d").mkdir(parents=True)
    (folder / "z-anatomy").mkdir()
    items, done = [], set()
    for i, (name, key) in enumerate(keys_of().items()):
        mesh = speck(anatomy[key].mesh) if key in done else anatomy[key].mesh
        done.add(key)
        written(folder / "bodyparts3d" / f"{i}.obj", mesh, shifts.get(key, np.zeros(3)))
        items.append({"name": name, "file": f"{i}.obj"})
    written(folder / "z-anatomy" / "skin.ply", anatomy["skin"].mesh, np.zeros(3))
    for side in ("left", "right"):
        artery = anatomy[f"vertebral_artery_{side}"].mesh
        written(folder / "z-anatomy" / f"vessel__Vertebral_artery.{side[0]}.ply", artery, np.zeros(3))
    (folder / "bodyparts3d" / "manifest.json").write_text(json.dumps({"items": items}))
    (folder / "landmarks.json").write_text(json.dumps({"inion_from_native": RAS_FROM_NATIVE.tolist()}))
    return ReferenceAdult(folder)


@pytest.fixture(scope="module")
def rows(anatomy: Anatomy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, FitRow]:
    shifts = {"mandible": np.array([0.0, 6.0, 0.0]), "sternocleidomastoid_right": np.array([8.0, 0.0, 0.0])}
    adult = dressed(tmp_path_factory.mktemp("adult") / "a", anatomy, shifts)
    return {row.name: row for row in fit_rows(anatomy, adult)}


def test_a_model_covers_itself(rows: dict[str, FitRow]) -> None:
    moved = {"mandible", "sternocleidomastoid right", "descending trapezius right", "descending trapezius left"}
    for name, row in rows.items():
        if name not in moved:
            assert row.inside, row
            assert row.value > 0.97 if row.kind == "overlap" else row.value < (2.5 if row.kind == "path" else 0.05), row


def test_a_moved_bone_and_a_moved_muscle_are_seen(rows: dict[str, FitRow]) -> None:
    assert 1.0 < rows["mandible"].value < 6.0
    assert rows["sternocleidomastoid right"].value < 0.75 and rows["sternocleidomastoid left"].value > 0.97


def test_the_descending_part_is_less_than_the_whole_muscle(rows: dict[str, FitRow]) -> None:
    ours, his = (float(x) for x in rows["descending trapezius right"].note.removesuffix(" cm3").split(" and "))
    assert 0.2 * his < ours < 0.9 * his


def test_landmarks_are_the_models_names_and_right_is_right(anatomy: Anatomy) -> None:
    known = adult_landmarks()
    assert [n for n in known if n not in anatomy.landmarks] == []
    assert all(at[0] > 0 for n, at in known.items() if n.endswith("_right"))
    assert all(at[0] < 0 for n, at in known.items() if n.endswith("_left"))
    assert len(known) > 60


def test_a_folder_without_the_adult_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no landmarks\.json"):
        ReferenceAdult(tmp_path)


def test_an_unknown_structure_of_his_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "bodyparts3d").mkdir()
    (tmp_path / "z-anatomy").mkdir()
    (tmp_path / "bodyparts3d" / "manifest.json").write_text(json.dumps({"items": [{"name": "mandible", "file": "m.obj"}]}))
    (tmp_path / "landmarks.json").write_text(json.dumps({"inion_from_native": RAS_FROM_NATIVE.tolist()}))
    adult = ReferenceAdult(tmp_path)
    with pytest.raises(ValueError, match="Did you mean 'mandible'"):
        adult.surface(["mandibel"])
