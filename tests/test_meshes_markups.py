"""Markups of 3D Slicer: what is written is read again; what Slicer writes, in RAS or LPS, comes out in RAS; junk is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes.markups import markups_json, markups_table, read_markups
from meshes.model import Anatomy

POINTS = {"inion": [1.25, -85.5, -3.0], "mastoid_tip_right": [55.0, -20.0, -30.5], "mastoid_tip_left": [-55.0, -20.0, -30.5]}
SLICER_5 = """# Markups fiducial file version = 5.4
# CoordinateSystem = LPS
# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID
1,-10.5,20.25,30,0,0,0,1,1,1,0,inion,,,2,0
2,-1,2,3,0,0,0,1,1,1,0,missing one,,,3,0
3,-4,5,6,0,0,0,1,1,1,0,"tip, right",a note,,2,0
"""
SLICER_4 = """# Markups fiducial file version = 4.10
# CoordinateSystem = 0
# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID
vtkMRMLMarkupsFiducialNode_0,10.5,-20.25,30,0,0,0,1,1,1,0,inion,,
"""
text = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).map(str.split).map(" ".join).filter(bool)
number = st.floats(-1000, 1000)


def saved(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("name", "write"), [("a.mrk.json", markups_json), ("a.fcsv", markups_table)])
def test_all_landmarks_come_back_on_their_side(tmp_path: Path, anatomy: Anatomy, name: str, write: Any) -> None:
    content = write(anatomy.landmarks, about="Inion, ± x\nmore", notes={"inion": "a, b\nc"})
    back = read_markups(saved(tmp_path, name, content))
    assert list(back) == list(anatomy.landmarks)
    for key, point in anatomy.landmarks.items():
        np.testing.assert_allclose(back[key], point, atol=1e-5)
    assert back["mastoid_tip_right"][0] > 40


@given(points=st.dictionaries(text, st.tuples(number, number, number), min_size=1, max_size=6))
def test_any_label_survives(points: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("marks")
    for name, write in (("a.mrk.json", markups_json), ("a.fcsv", markups_table)):
        back = read_markups(saved(folder, name, write(points)))
        assert list(back) == list(points)
        np.testing.assert_allclose(list(back.values()), list(points.values()), atol=1e-5)


def test_tables_of_slicer_in_either_frame(tmp_path: Path) -> None:
    later = read_markups(saved(tmp_path, "later.fcsv", SLICER_5))
    assert list(later) == ["inion", "tip, right"], "a point that was never placed is no point"
    np.testing.assert_allclose(later["inion"], [10.5, -20.25, 30])
    np.testing.assert_allclose(later["tip, right"], [4, -5, 6])
    np.testing.assert_allclose(read_markups(saved(tmp_path, "old.FCSV", SLICER_4))["inion"], [10.5, -20.25, 30])


@pytest.mark.parametrize(
    ("space", "unit", "factor"), [("RAS", "mm", 1), ("LPS", "mm", -1), ("RAS", ["cm", "UCUM", "centimeter"], 10)]
)
def test_json_of_slicer_in_either_frame(tmp_path: Path, space: str, unit: Any, factor: float) -> None:
    whole = json.loads(markups_json(POINTS))
    whole["markups"][0] |= {"coordinateSystem": space, "coordinateUnits": unit}
    whole["markups"][0]["controlPoints"][1]["positionStatus"] = "undefined"
    whole["markups"].insert(0, {"type": "Plane", "controlPoints": [{"label": "p", "position": [0, 0, 0]}]})
    back = read_markups(saved(tmp_path, "a.mrk.json", json.dumps(whole)))
    assert list(back) == ["inion", "mastoid_tip_left"]
    np.testing.assert_allclose(back["inion"], np.array(POINTS["inion"]) * (factor, factor, abs(factor)))


def test_without_a_frame_json_is_lps_as_in_slicer(tmp_path: Path) -> None:
    whole = json.loads(markups_json(POINTS))
    del whole["markups"][0]["coordinateSystem"]
    assert read_markups(saved(tmp_path, "a.json", json.dumps(whole)))["mastoid_tip_left"][0] > 0


def changed(**of_first: Any) -> str:
    whole = json.loads(markups_json(POINTS))
    whole["markups"][0]["controlPoints"][0] |= of_first
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.mrk.json", "", "no JSON"),
        ("a.mrk.json", b"\xff\xfe\x00\x81", "no text"),
        ("a.mrk.json", "[" * 100_000, "no JSON"),
        ("a.mrk.json", "{}", "no 'markups'"),
        ("a.mrk.json", '{"markups": []}', "no placed point"),
        ("a.mrk.json", changed(position=[1, 2]), "three finite numbers"),
        ("a.mrk.json", changed(position=[1, 2, "3"]), "three finite numbers"),
        ("a.mrk.json", changed(position=[1, 2, float("nan")]), "three finite numbers"),
        ("a.mrk.json", changed(label="mastoid_tip_left"), "two points have the label 'mastoid_tip_left'"),
        ("a.mrk.json", changed(label="", id=""), "no label"),
        ("a.mrk.json", markups_json(POINTS).replace('"RAS"', '"IJK"'), "coordinate system is 'IJK'"),
        ("a.mrk.json", markups_json(POINTS).replace('"mm"', '"inch"'), "unit is 'inch'"),
        ("a.fcsv", "# CoordinateSystem = 2\n1,2,3\n", "coordinate system is '2'"),
        ("a.fcsv", "1,2,3\n", "line 1"),
        ("a.fcsv", SLICER_4 + "x,one,2,3,0,0,0,1,1,1,0,b,,\n", "line 5"),
        ("a.fcsv", SLICER_4 + "x,inf,2,3,0,0,0,1,1,1,0,b,,\n", "line 5"),
        ("a.txt", "", "must end in one of"),
    ],
)  # fmt: skip
def test_bad_files_are_told_in_one_line(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        read_markups(saved(tmp_path, name, content))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.fcsv"
    with path.open("wb") as stream:
        stream.truncate(10**10)
    with pytest.raises(ValueError, match="more than"):
        read_markups(path)


def test_a_point_that_is_none_is_not_written() -> None:
    with pytest.raises(ValueError, match="three finite numbers"):
        markups_json({"inion": [1, 2, np.inf]})
