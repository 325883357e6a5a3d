"""`inion landmarks`: looked at, written for 3D Slicer, approved, and set by hand; what cannot be right changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes import library
from meshes.markups import markups_json, markups_table, read_markups
from meshes.model import Anatomy
from meshes.real_correct import BY_HAND, corrected
from meshes.surface import SurfaceQuery
from sim.cli import main
from sim.landmark_rows import rows_of
from sim.landmark_sheet import VIEWS, landmark_sheet
from tests.landmark_person import BONES, keep, person_of, quick_map
from tests.test_meshes_real_landmarks import adult_parts, needs_adult

Array = NDArray[np.float64]
NAPE = ("obliquus_capitis_inferior", "semispinalis_capitis", "trapezius", "greater_occipital_nerve")
UP_MM = 5.0


@pytest.fixture(scope="module")
def person(anatomy: Anatomy) -> Anatomy:
    return person_of(anatomy)


@pytest.fixture(autouse=True)
def kept(person: Anatomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library with a small copy of the person, of which no map is made."""
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "kept"))
    keep(person)
    return tmp_path / "kept"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    calls: list[Mapping[str, Any]] = []
    monkeypatch.setattr("meshes.real_correct.real_anatomy", quick_map(calls))
    return calls


def digests(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["landmarks", "mine", "--json", *words]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def moved(person: Anatomy, name: str, step: tuple[float, float, float]) -> dict[str, Array]:
    return {n: p + np.array(step) * (n == name) for n, p in person.landmarks.items()}


def test_what_is_asked_for_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["landmarks", "mine"]) == 0
    out = capsys.readouterr().out
    assert "the least sure first: nasion, inion." in out and "Nobody, CC0" in out
    table = [line for line in out.splitlines() if "as a test found it" in line]
    assert [line.split()[2] for line in table[:2]] == ["nasion", "inion"] and all(line[0] == "*" for line in table[:2])
    assert not any(line[0] == "*" for line in table[2:])
    rows = told(capsys)["landmarks"]
    assert rows[0]["name"] == "nasion" and rows[0]["confidence"] == 0.3 and rows[0]["asked"]
    numbers = {r["name"]: r["number"] for r in rows}
    assert numbers["mastoid_tip_left"] == numbers["mastoid_tip_right"] != numbers["inion"]
    assert main(["landmarks", "shipped"]) == 0 and "all of the model itself" in capsys.readouterr().out


@pytest.mark.parametrize("ending", [".mrk.json", ".fcsv"])
def test_points_go_to_slicer_and_back_unchanged(
    ending: str, tmp_path: Path, kept: Path, person: Anatomy, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"points{ending}"
    assert main(["landmarks", "mine", "-q", "-o", str(file)]) == 0
    back = read_markups(file)
    assert back.keys() == person.landmarks.keys() and "confidence 0.40" in file.read_text("utf-8")
    assert max(float(np.linalg.norm(back[n] - p)) for n, p in person.landmarks.items()) < 0.01
    before = digests(kept)
    assert told(capsys, "--set", str(file))["set"] == {} and digests(kept) == before


def lps(points: Mapping[str, Array]) -> str:
    text = markups_json({n: p * [-1, -1, 1] for n, p in points.items()})
    return text.replace('"coordinateSystem": "RAS"', '"coordinateSystem": "LPS"')


def metres(points: Mapping[str, Array]) -> str:
    return markups_json({n: p / 1000 for n, p in points.items()}).replace('"coordinateUnits": "mm"', '"coordinateUnits": "m"')


@pytest.mark.parametrize("write", [markups_json, markups_table, lps, metres])
def test_a_corrected_file_is_taken_as_given_and_once(
    write: Callable[[Mapping[str, Array]], str], person: Anatomy, kept: Path, tmp_path: Path,
    quick: list[Mapping[str, Any]], capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file = tmp_path / f"points{'.fcsv' if write is markups_table else '.mrk.json'}"
    file.write_text(write(moved(person, "inion", (0, -1, UP_MM))), "utf-8")
    answer = told(capsys, "--set", str(file))
    assert list(answer["set"]) == ["inion"] and answer["set"]["inion"]["moved_mm"] == pytest.approx(np.hypot(1, UP_MM), abs=0.1)
    known = quick[0]["known"]
    assert (known["inion"].confidence, known["inion"].how) == (1.0, BY_HAND) and known["nasion"].confidence == 0.3
    assert set(quick[0]["parts"]) == set(BONES) and quick[0]["again"]["credit"] == "Nobody, CC0"
    now, about = library.read("mine"), library.about("mine")
    np.testing.assert_allclose(now.landmark("inion") - person.landmark("inion"), [0, -1, UP_MM], atol=0.01)
    seat = SurfaceQuery(now["skin"].mesh).closest(now.landmark("inion"))[0][0]
    np.testing.assert_allclose(now.landmark("inion_skin"), seat, atol=0.01)
    assert about["title"] == "Mine" and about["credit"] == "Nobody, CC0" and library.faults("mine") == []
    asked = [r["name"] for r in answer["landmarks"] if r["asked"]]
    assert asked == ["nasion"]
    before = digests(kept)
    assert told(capsys, "--set", str(file))["set"] == {}  # what followed the inion is not taken for set by hand
    assert len(quick) == 1 and digests(kept) == before
    file.write_text(write(person.landmarks), "utf-8")
    assert list(told(capsys, "--set", str(file))["set"]) == ["inion"]  # put back
    np.testing.assert_allclose(library.read("mine").landmark("inion"), person.landmark("inion"), atol=0.001)


def test_one_that_is_right_is_approved_and_nothing_moves(person: Anatomy, capsys: pytest.CaptureFixture[str]) -> None:
    before = library.read("mine")
    row = next(r for r in told(capsys, "--approve", "inion")["landmarks"] if r["name"] == "inion")
    assert row["confidence"] == 1.0 and row["how"] == "approved by hand; as a test found it" and not row["asked"]
    now = library.read("mine")
    assert all(np.allclose(now.landmark(n), p) for n, p in before.landmarks.items())
    assert all(np.array_equal(s.mesh.vertices_mm, before[k].mesh.vertices_mm) for k, s in now.structures.items())


def tilted(points: dict[str, Array]) -> dict[str, Array]:
    steps = {f"{n}_{s}": d for n, d in (("porion", 9.0), ("orbitale", -9.0)) for s in ("left", "right")}
    return points | {n: points[n] + [0, 0, d] for n, d in steps.items()}


def swapped(points: dict[str, Array]) -> dict[str, Array]:
    return points | {"porion_left": points["porion_right"], "porion_right": points["porion_left"]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: p | {"inion": p["inion"] - [0, 60, 0]}, "inion lies 5.* mm off the cranium"),
        (lambda p: p | {"inion": p["glabella"]}, "inion would move 1.. mm"),
        (lambda p: p | {"inion": p["inion"] + [30, 0, 0]}, "inion lies .* mm (beside the midline|off)"),
        (swapped, "porion_.* lies on the patient's other side"),
        (lambda p: p | {"inion": p["inion_lower_border"] + [0, 0, 0.3]}, "inion and inion_lower_border lie in one place"),
        (lambda p: {n: v * [-1, -1, 1] for n, v in p.items()}, r"other side.*RAS, LPS.*more points are at fault"),
        (lambda p: {n: v / 1000 for n, v in p.items()}, "mm off the|one place|other side"),
        (lambda p: p | {"inoin": p["inion"]}, "'inoin', which is not known. Did you mean 'inion'"),
        (lambda p: p | {"splenius_capitis_at_c4_left": p["splenius_capitis_at_c4_left"] + 3}, "take it out of the file"),
        (tilted, "turn the head by|off the cranium"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_told_in_one_line_and_changes_nothing(
    change: Callable[[dict[str, Array]], dict[str, Array]], says: str, person: Anatomy, kept: Path, tmp_path: Path,
    quick: list[Mapping[str, Any]], capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file, before = tmp_path / "points.mrk.json", digests(kept)
    file.write_text(markups_json(change(dict(person.landmarks))), "utf-8")
    assert main(["landmarks", "mine", "-q", "--set", str(file)]) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and re.search(says, err), err
    assert not quick and digests(kept) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nobody",), "'nobody'"), (("shipped", "--approve", "inion"), "only those can be corrected"),
        (("mine", "-o", "x.stl"), ".mrk.json or .fcsv"), (("mine", "--picture", "x.jpg"), ".png"),
        (("mine", "--set", "nowhere.fcsv"), "cannot be read"), (("mine", "--set", "x.txt"), "must end in"),
        (("mine", "--approve", "inoin"), "Did you mean 'inion'"),
        (("mine", "--set", "a.fcsv", "--approve", "inion"), "two steps"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_met(words: tuple[str, ...], says: str, kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digests(kept)
    assert main(["landmarks", *words]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1 and digests(kept) == before


def test_a_full_disk_leaves_what_was_there(
    person: Anatomy, kept: Path, tmp_path: Path, quick: list[Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file, before = tmp_path / "points.mrk.json", digests(kept)
    file.write_text(markups_json(moved(person, "inion", (0, 0, UP_MM))), "utf-8")

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(library, "write_archive", full)
    assert main(["landmarks", "mine", "-q", "--set", str(file)]) == 2
    assert "disk is full" in capsys.readouterr().err and digests(kept) == before


@pytest.mark.image
def test_the_sheet_shows_each_landmark_where_it_is(person: Anatomy) -> None:
    rows = rows_of(person)
    sheet = landmark_sheet(person, rows, size=(2400, 1860))
    words = np.array(sheet.words)
    for i, (x0, y0, x1, y1) in enumerate(words):
        others = np.delete(words, i, axis=0)
        meets = (others[:, 0] < x1) & (others[:, 2] > x0) & (others[:, 1] < y1) & (others[:, 3] > y0)
        assert not meets.any()
        assert 0 <= x0 < x1 <= 2400 and 0 <= y0 < y1 <= 1860
    assert set(sheet.places) == set(VIEWS)
    assert {"inion", "mastoid_tip_left", "porion_left"} <= sheet.places["left"].keys()
    assert "porion_right" not in sheet.places["left"] and "nasion" not in sheet.places["posterior"]
    back, front = sheet.places["posterior"], sheet.places["anterior"]
    assert back["mastoid_tip_left"][0] < back["inion"][0] < back["mastoid_tip_right"][0]
    assert front["zygion_right"][0] < front["nasion"][0] < front["zygion_left"][0]
    assert back["inion"][1] < back["c2_spinous_tip"][1]
    x, y = (round(v) for v in back["inion"])
    red, green, blue = sheet.image.getpixel((x, y))  # type: ignore[misc]
    assert red > 150 and green < 80 and blue < 80  # asked for
    assert all(
        "_body" in n or "foramen" in n or n in ("dens_tip", *(f"coronoid_tip_{s}" for s in ("left", "right")))
        for n in sheet.unplaced
    )


@pytest.mark.slow
def test_the_site_of_the_block_moves_with_the_inion(
    anatomy: Anatomy, person: Anatomy, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    from scenarios.occipital import medial_third_point

    few = [anatomy[k] for k in anatomy.structures if k in (*BONES, "skin") or k.rpartition("_")[0] in NAPE]
    model = Anatomy.of("few", few, anatomy.landmarks, anatomy.curves)  # the whole takes three times as long
    monkeypatch.setattr("meshes.real_anatomy.load_anatomy", lambda: model)
    meta = {**person.meta, "estimated": [k for k in model.structures if k not in BONES]}
    person = Anatomy.of("mine", few, person.landmarks, person.curves, meta)
    made = corrected(person, {"inion": person.landmark("inion") + [0, 0, UP_MM]})
    for key in BONES:
        np.testing.assert_array_equal(made[key].mesh.vertices_mm, person[key].mesh.vertices_mm)
    lifted = made.landmark("inion_skin") - person.landmark("inion_skin")
    assert 0.6 * UP_MM < made.landmark("inion")[2] - person.landmark("inion")[2] < 1.2 * UP_MM
    for side in ("right", "left"):
        step = medial_third_point(made, side).skin_point - medial_third_point(person, side).skin_point
        assert np.linalg.norm(step - 2 / 3 * lifted) < 1.5 and step[2] > 1.0
    assert (
        made.meta["credit"] == "Nobody, CC0"
        and made.meta["landmarks_set"].keys() == {"inion"}
        and made.meta["tre_mm"] is not None
    )
    assert corrected(made, {"inion": person.landmark("inion") + [0, 0, UP_MM]}) is made


@pytest.mark.long
@needs_adult
def test_nothing_drifts_on_a_real_adult(tmp_path: Path) -> None:
    from meshes.archive import read_archive, write_archive
    from meshes.real_anatomy import real_anatomy
    from scenarios.occipital import medial_third_point

    def again(anatomy: Anatomy, points: Mapping[str, Array]) -> Anatomy:
        write_archive(corrected(anatomy, points), tmp_path / "a.inion")
        return read_archive(tmp_path / "a.inion")

    parts = {k: m for k, m in adult_parts().items() if k != "skin"}
    write_archive(real_anatomy("adult", parts, None, {"credit": "someone"}), tmp_path / "adult.inion")
    adult = read_archive(tmp_path / "adult.inion")
    up = {"inion": adult.landmark("inion") + [0, 0, UP_MM]}
    once = again(adult, up)
    between = again(once, {"nasion": adult.landmark("nasion") + [0, 1, 0]})
    twice = again(between, {"nasion": once.landmark("nasion")})
    assert between.meta["landmarks_given"]["nasion"] != twice.meta["landmarks_given"]["nasion"]
    for key, structure in once.structures.items():
        assert np.abs(structure.mesh.vertices_mm - twice[key].mesh.vertices_mm).max() < 0.01, key
    for side in ("right", "left"):
        step = medial_third_point(once, side).skin_point - medial_third_point(adult, side).skin_point
        lifted = once.landmark("inion_skin") - adult.landmark("inion_skin")
        assert step[2] > 0.5 and np.linalg.norm(step - 2 / 3 * lifted) < 1.5
