"""`inion export`: from the request to the files, and requests that are at fault, told in one line with nothing left behind."""

from __future__ import annotations

import argparse
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim.anatomies
from meshes.archive import write_archive
from meshes.markups import read_markups
from meshes.model import Anatomy
from sim.commands.export import export_of, run
from sim.commands.faults import BadInput


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def asked(**options: Any) -> argparse.Namespace:
    return argparse.Namespace(
        **{"anatomy": "shipped", "out": "head.glb", "structures": None, "step": None, "json": False, "quiet": True} | options
    )


def told(error: pytest.ExceptionInfo[BadInput]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("out", "options", "written"),
    [
        ("head.glb", {"structures": ["bones"]}, ["head.glb"]),
        ("new/Parts.ZIP", {"structures": ["gon", "atlas"]}, ["new/Parts.ZIP"]),
        ("labels.nii.gz", {"structures": ["atlas"], "step": 2.0}, ["labels.ctbl", "labels.json", "labels.nii.gz"]),
        ("landmarks.mrk.json", {}, ["landmarks.mrk.json"]),
        ("landmarks.fcsv", {}, ["landmarks.fcsv"]),
    ],
)
def test_a_format_is_chosen_by_the_ending(
    here: Path, capsys: pytest.CaptureFixture[str], out: str, options: dict[str, Any], written: list[str]
) -> None:
    assert run(asked(out=out, **options)) == 0
    assert capsys.readouterr().out.strip() == str(Path(out))
    assert sorted(p.relative_to(here).as_posix() for p in here.rglob("*") if p.is_file()) == written


def test_a_scene_is_a_file_and_its_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyvista as pv

    run(asked(out="scene.vtm", structures=["suboccipital_right"], json=True))
    answer = json.loads(capsys.readouterr().out)
    assert answer["written"][-1] == "scene.vtm"
    assert all((here / path).is_file() for path in answer["written"])
    scene: Any = pv.read(here / "scene.vtm")
    assert all(name.endswith("_right") for name in scene["surfaces"].keys())  # noqa: SIM118
    assert answer["structures"] == scene["surfaces"].n_blocks


def test_the_answer_for_a_program(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(asked(structures=["atlas", "*_nerve_right"], json=True))
    answer = json.loads(capsys.readouterr().out)
    assert answer["written"] == ["head.glb"]
    assert answer["frame"].startswith("RAS")
    assert "not a medical device" in answer["disclaimer"]
    assert (answer["anatomy"], answer["landmarks"]) == ("shipped", 177)


def test_names_are_those_of_scenarios(anatomy: Anatomy) -> None:
    assert export_of(anatomy, ["gon"]).keys == ("greater_occipital_nerve_left", "greater_occipital_nerve_right")
    assert len(export_of(anatomy).keys) == len(anatomy.structures)


def test_an_anatomy_of_a_file_keeps_its_landmarks(here: Path, anatomy: Anatomy) -> None:
    marks, meta = {"inion": np.array([1.0, -80.0, 2.0])}, {"credit": "By me", "licence": "CC0"}
    mine = Anatomy.of("mine", [anatomy["atlas"]], marks, {}, meta)
    write_archive(mine, here / "mine.inion")
    run(asked(anatomy=str(here / "mine.inion"), out="parts.zip"))
    with zipfile.ZipFile(here / "parts.zip") as archive:
        assert "By me; CC0" in archive.read("README.txt").decode()
        archive.extract("landmarks.fcsv")
    assert read_markups(here / "landmarks.fcsv")["inion"].tolist() == [1.0, -80.0, 2.0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"out": "head.obj"}, "must end in one of .glb, .zip, .nii.gz, .nii, .vtm, .mrk.json, .fcsv"),
        ({"out": ".glb"}, "after a name"),
        ({"out": "folder.glb"}, "which is a folder"),
        ({"structures": ["atlass"]}, "'atlas'"),
        ({"structures": ["no_such_*"]}, "fits no structure"),
        ({"out": "a.fcsv", "structures": ["atlas"]}, "Leave it out"),
        ({"step": 1.0}, "it belongs to .nii.gz and .nii"),
        ({"out": "a.nii.gz", "step": 0.01}, "must be from 0.5 to 4"),
        ({"out": "a.nii", "step": float("nan")}, "must be from 0.5 to 4"),
        ({"anatomy": "nobody.inion"}, "nobody"),
        ({"out": "a.file/head.glb", "structures": ["atlas"]}, "cannot be writ"),
    ],
)
def test_requests_at_fault_are_told_in_one_line(here: Path, options: dict[str, Any], says: str) -> None:
    (here / "folder.glb").mkdir()
    (here / "a.file").write_text("x")
    with pytest.raises(BadInput) as caught:
        run(asked(**options))
    assert says in told(caught)
    assert sorted(p.name for p in here.iterdir()) == ["a.file", "folder.glb"]


def test_an_anatomy_without_landmarks_has_none_to_export(here: Path, anatomy: Anatomy, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Anatomy.of("bare", [anatomy["atlas"]], {}, {})
    monkeypatch.setattr(sim.anatomies, "load_anatomy", lambda _source: bare)
    with pytest.raises(BadInput) as caught:
        run(asked(out="a.mrk.json"))
    assert "has no landmarks" in told(caught)
    assert list(here.iterdir()) == []


def test_a_full_disk_leaves_the_old_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "head.glb").write_bytes(b"old")
    real = os.replace

    def full(source: Any, target: Any) -> None:
        if str(target).endswith("head.glb"):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BadInput) as caught:
        run(asked(structures=["atlas"]))
    assert "The disk is full" in told(caught)
    assert {p.name: p.read_bytes() for p in here.iterdir()} == {"head.glb": b"old"}


def test_progress_names_each_structure(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(asked(out="a.nii.gz", structures=["atlas", "axis"], step=4.0, quiet=False))
    assert capsys.readouterr().err.splitlines() == ["exporting 1/2 atlas", "exporting 2/2 axis"]
