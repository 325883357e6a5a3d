"""The user's anatomies: whole or not at all, found by name, and any damage told."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest

import meshes
from meshes import library
from tests.atlases import small_anatomy


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_an_anatomy_comes_back_as_it_was_written() -> None:
    anatomy = small_anatomy(credit="Nobody")
    home = library.write(anatomy, {"title": "Mine", "files": {"a.obj": "00"}})
    back = library.read("mine")
    assert home == library.path_of("mine") and library.names() == ("mine",)
    np.testing.assert_allclose(back["atlas"].mesh.vertices_mm, anatomy["atlas"].mesh.vertices_mm, atol=0.01)
    assert back.meta["credit"] == "Nobody" and library.about("mine")["files"] == {"a.obj": "00"}
    assert library.faults("mine") == []
    assert library.bytes_of("mine") == sum(p.stat().st_size for p in home.iterdir())


def test_it_is_read_by_its_name_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sim

    monkeypatch.chdir(tmp_path)
    library.write(small_anatomy(), {})
    (tmp_path / "mine").write_text("a file of the same name")
    assert meshes.load_anatomy("mine").name == sim.load_anatomy("mine").name == "mine"
    assert meshes.load_anatomy("shipped").name == meshes.load_anatomy().name == "shipped"
    with pytest.raises(ValueError, match="not a model file"):
        sim.load_anatomy(Path("mine"))


def test_a_scenario_asks_for_it_by_name(tmp_path: Path) -> None:
    from scenarios.loader import load_scenario
    from sim.anatomies import anatomy_for

    library.write(small_anatomy(), {})
    shown = "[[show]]\nstructures = ['atlas']\n[[view]]\nname = 'a'\ncamera = 'posterior'\n"
    text = "schema = 1\ntitle = 'One'\n[anatomy]\nsource = '{}'\n" + shown
    file = tmp_path / "one.toml"
    file.write_text(text.format("mine"))
    assert anatomy_for(load_scenario(file)).name == "mine"
    file.write_text(text.format("mien"))
    with pytest.raises(ValueError, match=r"'mien' is neither .*Did you mean 'mine'"):
        anatomy_for(load_scenario(file))
    file.write_text(text.format("bodyparts3d"))
    with pytest.raises(ValueError, match="inion atlas install bodyparts3d"):
        anatomy_for(load_scenario(file))


def test_a_new_one_takes_the_place_of_the_old() -> None:
    library.write(small_anatomy(radius=5), {})
    first = library.read("mine")
    library.write(small_anatomy(radius=7), {})
    assert np.linalg.norm(library.read("mine")["atlas"].mesh.vertices_mm, axis=1).mean() == pytest.approx(7, abs=0.1)
    assert np.linalg.norm(first["atlas"].mesh.vertices_mm, axis=1).mean() == pytest.approx(5, abs=0.1)
    assert len(list(library.path_of("mine").iterdir())) == 2


@pytest.mark.parametrize("name", ["shipped", "", "Mine", "../up", "a/b", "-a", "a" * 42, "a.b", "mine\n"])
def test_a_name_that_cannot_be_is_refused(name: str, folder: Path) -> None:
    with pytest.raises(ValueError, match="name"):
        library.write(small_anatomy(name), {})
    assert not folder.exists() or not list(folder.iterdir())


def test_an_unknown_name_tells_the_nearest() -> None:
    library.write(small_anatomy(), {})
    with pytest.raises(ValueError, match="'mine'"):
        library.read("mien")
    with pytest.raises(ValueError, match="'shipped'"):
        meshes.load_anatomy("shiped")
    with pytest.raises(ValueError, match="not known"):
        library.remove("yours")


def test_it_is_taken_away_whole(folder: Path) -> None:
    library.write(small_anatomy(), {})
    library.remove("mine")
    assert library.names() == () and not list(folder.iterdir())


@pytest.mark.parametrize("where", [0.02, 0.4, 0.9, 0.999])
@pytest.mark.parametrize("which", [".inion", ".json"])
def test_one_flipped_byte_is_found_and_its_file_named(which: str, where: float) -> None:
    home = library.write(small_anatomy(), {"title": "Mine", "files": {"a.obj": "00"}})
    file = next(p for p in home.iterdir() if p.suffix == which)
    content = bytearray(file.read_bytes())
    content[int(where * len(content))] ^= 1
    file.write_bytes(content)
    found = library.faults("mine")
    assert len(found) == 1 and str(file) in found[0] and "\n" not in found[0]
    with pytest.raises(ValueError, match=file.name):
        library.read("mine")
    library.write(small_anatomy(), {})
    assert library.faults("mine") == []


def test_a_damaged_structure_is_named() -> None:
    home = library.write(small_anatomy(), {})
    file = next(home.glob("*.inion"))
    content = bytearray(file.read_bytes())
    content[content.index(b"atlas/vertices") + 200] ^= 255
    file.write_bytes(content)
    assert "its atlas is damaged" in library.faults("mine")[0]


def test_a_missing_model_is_told() -> None:
    next(library.write(small_anatomy(), {}).glob("*.inion")).unlink()
    assert "is missing" in library.faults("mine")[0]
    with pytest.raises(ValueError, match="is missing"):
        library.read("mine")


@pytest.mark.parametrize("step", ["write_archive", "_put"])
@pytest.mark.parametrize("before", [True, False])
def test_a_full_disk_leaves_the_last_good_state(step: str, before: bool, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    if before:
        library.write(small_anatomy(radius=5), {})
    kept = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(library, step, full)
        with pytest.raises(OSError, match="No space"):
            library.write(small_anatomy(radius=7), {})
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == kept
    assert library.names() == (("mine",) if before else ())


def test_what_json_cannot_hold_is_refused_before_anything_changes() -> None:
    library.write(small_anatomy(radius=5), {"title": "Old"})
    with pytest.raises((TypeError, ValueError)):
        library.write(small_anatomy(radius=7), {"title": object()})
    assert library.about("mine")["title"] == "Old" and library.faults("mine") == []


def test_nothing_of_a_damaged_about_leads_out_of_the_folder() -> None:
    home = library.write(small_anatomy(), {})
    told = {**json.loads((home / "about.json").read_text()), "model": "../../../secret.inion"}
    (home / "about.json").write_text(json.dumps(told | {"seal": library._seal(told)}))
    with pytest.raises(ValueError, match="damaged"):
        library.read("mine")
