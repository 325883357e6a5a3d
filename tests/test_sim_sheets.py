"""Contact sheets: what each layer shows, the same cameras for the reference, the command and its refusals."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh  # noqa: TID253

import sim.anatomies
import sim.cli
from meshes.model import Anatomy, Structure
from meshes.terms import split_key, terms
from sim.marks import ball
from sim.reference_atlas import reference_atlas
from sim.sheet_layers import names_of, numbers_of, sheet_layers, sheet_views
from sim.sheets import contact_sheet, overview
from sim.stills import read_metadata
from sim.theme import load_theme

SMALL = (96, 80)
HERE = Path(__file__).parent.parent
REFERENCE = Path(os.environ.get("INION_REFERENCE", HERE.parent / "shared" / "reference-anatomy"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A reference of five small surfaces in its own frame: +x left, +y posterior."""
    home = tmp_path / "reference"
    (home / "bodyparts3d").mkdir(parents=True)
    (home / "z-anatomy").mkdir()
    places = {
        "left splenius capitis": ("muscle", (40, 30, -60)),
        "descending part of right trapezius": ("muscle", (-50, 60, -90)),
        "transverse part of right trapezius": ("muscle", (-60, 60, -120)),
        "right zygomaticus major": ("muscle", (-40, -70, -30)),
        "frontal bone": ("bone", (0, -60, 60)),
        "set of head hairs": ("skin", (0, 0, 120)),
    }
    items = []
    for i, (name, (group, at)) in enumerate(places.items()):
        _ball(at).export(home / "bodyparts3d" / f"{i}.obj")
        items.append({"name": name, "group": group, "file": f"{i}.obj"})
    (home / "bodyparts3d" / "manifest.json").write_text(json.dumps({"items": items}))
    _ball((-45, 20, 0), 8).export(home / "z-anatomy" / "vessel__Occipital_vein.r.ply")
    frame = np.diag([-1.0, -1.0, 1.0, 1.0]).tolist()
    (home / "landmarks.json").write_text(json.dumps({"inion_from_native": frame}))
    return home


def _ball(at: tuple[float, float, float], radius: float = 20.0) -> Any:
    return trimesh.creation.icosphere(subdivisions=2, radius=radius).apply_translation(at)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, list[str]]:
    status = sim.cli.main(["sheets", *arguments])
    out, err = capsys.readouterr()
    return status, out, err.splitlines()


def test_every_kind_of_the_catalogue_is_on_a_sheet_and_has_a_colour(tiny_anatomy: Anatomy) -> None:
    seen = {key for layer in sheet_layers().values() for key in layer.own(tiny_anatomy)}
    assert set(tiny_anatomy.structures) - seen == set()
    assert {t.kind for t in terms().values()} <= set(load_theme("atlas").colours)


def test_the_layers_take_the_muscles_away_from_outside_in(tiny_anatomy: Anatomy) -> None:
    own = {name: set(layer.own(tiny_anatomy)) for name, layer in sheet_layers().items()}
    assert "trapezius_left" in own["superficial-muscles"] - own["intermediate-muscles"]
    assert "splenius_capitis_left" in own["intermediate-muscles"] - own["deep-muscles"]
    assert {"semispinalis_capitis_left", "obliquus_capitis_inferior_right"} <= own["deep-muscles"]
    assert "semispinalis_capitis_right" not in own["deep-muscles"]
    assert "greater_occipital_nerve_left" in own["nerves-and-vessels"]
    assert not own["nerves-and-vessels"] & own["bone"]


@pytest.fixture(scope="module")
def balls() -> Anatomy:
    """Skin, a bone in the middle, a muscle on each side of it and one behind."""
    rows = [
        ("skin", "skin", (0, 0, 0), 120.0),
        ("axis", "bone", (0, 0, 0), 15.0),
        ("semispinalis_capitis_left", "muscle", (-45, 0, 0), 20.0),
        ("semispinalis_capitis_right", "muscle", (45, 0, 0), 20.0),
        ("trapezius_left", "muscle", (-20, -60, 0), 25.0),
    ]
    return Anatomy.of("balls", [structure(*row) for row in rows], {}, {})


def structure(key: str, kind: str, at: tuple[float, float, float], radius: float) -> Structure:
    side = split_key(key)[1]
    return Structure(key, side, kind, kind, key, key, None, ball(at, radius))  # type: ignore[arg-type]


def _middle_of_muscle(view: np.ndarray) -> float:
    """Share of the width at which the red of a view has its middle."""
    pixels = view.astype(int)
    red = (pixels[..., 0] > 1.5 * pixels[..., 2]) & (pixels[..., 0] > 1.4 * pixels[..., 1])
    assert red.mean() > 0.02
    return float(np.argwhere(red)[:, 1].mean() / view.shape[1])


def test_a_sheet_holds_the_same_cameras_for_every_anatomy(balls: Anatomy) -> None:
    layer = sheet_layers()["superficial-muscles"]
    lower = Anatomy.of("less", [s for s in balls.structures.values() if s.key != "semispinalis_capitis_right"], {}, {})
    sheet = contact_sheet(layer, {"one": balls, "two": lower}, size=SMALL)
    assert [len(row) for row in sheet.views] == [len(sheet_views())] * 2
    for first, second in zip(*sheet.views, strict=True):
        assert first.shape == second.shape == (SMALL[1], SMALL[0], 3)
    behind = [row[0].astype(int) for row in sheet.views]
    half = SMALL[0] // 2
    assert np.abs(behind[0][:, : half - 8] - behind[1][:, : half - 8]).max() <= 3  # what both have stands in the same place
    assert np.abs(behind[0][:, half:] - behind[1][:, half:]).max() > 60
    assert sheet.image.width >= 4 * SMALL[0] and sheet.image.height > 2 * SMALL[1]
    small = overview([sheet, sheet], ["one", "two"])
    assert small.width > small.height


def test_the_patients_left_is_left_from_behind_and_right_from_the_front(balls: Anatomy) -> None:
    posterior, _, _, anterior = contact_sheet(sheet_layers()["deep-muscles"], {"balls": balls}, size=SMALL).views[0]
    assert _middle_of_muscle(posterior) < 0.4 and _middle_of_muscle(anterior) > 0.6  # this layer shows the muscle of the left


def test_a_row_without_the_layer_says_so(tiny_anatomy: Anatomy) -> None:
    empty = Anatomy.of("empty", [tiny_anatomy["skin"]], {}, {})
    sheet = contact_sheet(sheet_layers()["nerves-and-vessels"], {"one": tiny_anatomy, "none": empty}, size=SMALL)
    assert np.ptp(sheet.views[1][0].astype(int), axis=(0, 1)).max() <= 3  # paper only


def test_the_reference_comes_under_the_names_and_in_the_frame_of_the_model(folder: Path) -> None:
    atlas = reference_atlas(folder)
    assert set(atlas.structures) == {"splenius_capitis_left", "trapezius_right", "frontal_bone", "occipital_vein_right"}
    assert np.allclose(atlas["splenius_capitis_left"].mesh.vertices_mm.mean(axis=0), (-40, -30, -60), atol=0.5)
    assert np.allclose(atlas["trapezius_right"].mesh.vertices_mm.mean(axis=0), (55, -60, -105), atol=0.5)
    kinds = {k: (s.kind, s.side) for k, s in atlas.structures.items()}
    assert kinds["occipital_vein_right"] == ("vein", "right") and kinds["frontal_bone"] == ("bone", "median")
    assert "BodyParts3D" in str(atlas.meta["credit"]) and "CC BY-SA" in str(atlas.meta["credit"])


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference anatomy is not on this machine")
def test_the_real_reference_holds_what_the_model_is_judged_by() -> None:
    atlas = reference_atlas(REFERENCE)
    for key in ("trapezius_left", "obliquus_capitis_inferior_right", "atlas", "skin", "vertebral_artery_left", "spinal_cord"):
        assert key in atlas, key
    assert not [k for k, s in atlas.structures.items() if s.side == "left" and s.mesh.vertices_mm[:, 0].mean() > 0]


def test_the_command_writes_a_sheet_for_each_layer_and_an_overview(
    tiny_anatomy: Anatomy, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sim.anatomies, "load_anatomy", lambda source: tiny_anatomy)
    words = ["-o", str(tmp_path / "o"), "--size", "64x64", "--layer", "skin", "--layer", "bone", "--reference", str(folder)]
    status, out, err = _run(capsys, *words)
    assert status == 0
    assert [Path(p).name for p in out.splitlines()] == ["sheet-skin.png", "sheet-bone.png", "sheet-overview.png"]
    assert [line.split()[1] for line in err] == ["1/2", "2/2"]
    said = read_metadata(tmp_path / "o" / "sheet-bone.png")
    assert said["Anatomy"] == "tiny, BodyParts3D" and "BodyParts3D" in said["Credit"]
    status, out, err = _run(capsys, *words, "-q", "--json")
    assert status == 0 and len(json.loads(out)["written"]) == 3 and err == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layer", "dep-muscles"], "deep-muscles"),
        (["--reference", "nowhere"], "landmarks.json"),
        (["--reference", ""], "--reference is empty"),
        (["--anatomy", ""], "--anatomy is empty"),
        (["--anatomy", "nofile"], "nofile"),
        (["--size", "9000x80"], "--size"),
        (["--size", "1700x80"], "1600x1600"),
        (["--style", "atla"], "atlas"),
        (["--seed", "-1"], "--seed"),
        (["-o", "/dev/null/x"], "/dev/null/x"),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = _run(capsys, *words)
    assert (status, out, len(err)) == (2, "", 1) and said in err[0]


def test_a_broken_reference_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bodyparts3d" / "manifest.json").write_text("{")
    status, out, err = _run(capsys, "--reference", str(folder))
    assert (status, out, len(err)) == (2, "", 1) and str(folder) in err[0]


def test_structures_are_numbered_in_the_order_of_their_names(tiny_anatomy: Anatomy) -> None:
    layer = sheet_layers()["deep-muscles"]
    numbers = numbers_of(layer, tiny_anatomy)
    assert sorted(numbers.values()) == list(range(1, len(numbers) + 1))
    assert f"{numbers['obliquus_capitis_inferior']} obliquus capitis inferior" in names_of(layer, tiny_anatomy).split(", ")
    assert numbers_of(sheet_layers()["skin"], Anatomy.of("x", [tiny_anatomy["skin"]], {}, {})) == {}
