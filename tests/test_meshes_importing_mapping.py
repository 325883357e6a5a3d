"""The mapping file: readable, editable, and the same when it is read back."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes.importing.mapping import guesses, mapping_text, read_mapping
from meshes.importing.naming import guess
from meshes.importing.raw import ImportFault, RawPart, RawParts

POINTS, FACES = np.eye(3), np.array([[0, 1, 2]])


def raw(*names: str, key: str | None = None) -> RawParts:
    return RawParts(tuple(RawPart(n, f"folder/{i}.stl", POINTS, FACES, key=key) for i, n in enumerate(names)))


def written(folder: Path, text: str) -> Path:
    (folder / "map.toml").write_text(text, "utf-8")
    return folder / "map.toml"


def test_guesses_are_written_with_their_reasons_and_read_back(tmp_path: Path) -> None:
    parts = raw("Skull", "OCI_l", "inferior oblique left", "Segment_3")
    text = mapping_text(parts)
    assert "PROPOSED obliquus_capitis_inferior_left" in text and "not known" in text
    assert read_mapping(written(tmp_path, text)) == {
        "Skull": "cranium", "OCI_l": "obliquus_capitis_inferior_left", "inferior oblique left": "", "Segment_3": "",
    }  # fmt: skip
    assert mapping_text(parts, [guess(p.name) for p in parts.parts]) == text


def test_what_the_file_itself_tells_comes_first(tmp_path: Path) -> None:
    told = raw("Segment_1", key="atlas")
    assert read_mapping(written(tmp_path, mapping_text(told, [guess("Segment_1")]))) == {"Segment_1": "atlas"}


def test_two_parts_of_one_name_are_told_apart_by_where_they_come_from(tmp_path: Path) -> None:
    assert read_mapping(written(tmp_path, mapping_text(raw("node", "node")))) == {"folder/0.stl": "", "folder/1.stl": ""}


def test_parts_named_alike_get_their_sides_from_their_folders() -> None:
    parts = tuple(RawPart("OCI", f"scan/{side}/OCI.stl", POINTS, FACES) for side in ("links", "rechts"))
    found = guesses(RawParts((*parts, RawPart("C1", "scan/left/C1.stl", POINTS, FACES))))
    assert [g.key for g in found.values()] == ["obliquus_capitis_inferior_left", "obliquus_capitis_inferior_right", "atlas"]
    assert all("by its folder" in g.how and "no side" not in g.how for g in list(found.values())[:2])


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_any_name_comes_back(name: str) -> None:
    assert list(tomllib.loads(mapping_text(raw(name)))["parts"]) == [name]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('schema = 1\n[parts]\n"a" = "atlass"\n', "'atlas'"),
        ('schema = 1\n[parts]\n"a" = 3\n', "in quotes"),
        ("schema = 2\n[parts]\n", "schema = 1"),
        ("schema = 1\nparts = [", "no TOML"),
        ('schema = 1\n[parts]\n"a" = "atlas"\n"a" = "axis"\n', "no TOML"),
    ],
)
def test_a_faulty_file_is_told_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ImportFault) as told:
        read_mapping(written(tmp_path, text))
    assert says in str(told.value) and "\n" not in str(told.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImportFault, match="cannot be read"):
        read_mapping(tmp_path / "none.toml")
