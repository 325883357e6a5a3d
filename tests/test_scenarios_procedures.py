from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from pydantic import ValidationError

from meshes.model import Anatomy
from scenarios.faults import ScenarioError
from scenarios.procedure_files import Procedure, list_procedures, load_procedure, parse_procedure, procedure_schema
from scenarios.sites import Ground, needle, read_table
from scenarios.targets import FoundTarget, targets_of
from sim.ultrasound.pose_rules import named_poses

KEYS = {
    "gon-block-landmark", "gon-block-nuchal-line", "gon-block-c2", "preempt-31", "preempt-39", "lesser-occipital-block",
    "third-occipital-block", "prp-gon", "msc-gon", "exosome-gon", "adipose-preempt-regions", "trigger-splenius-capitis",
    "trigger-trapezius", "trigger-sternocleidomastoid", "prp-cervical-attachments", "prf-gon", "ons-lead",
}  # fmt: skip
INVESTIGATIONAL = {"prp-gon", "msc-gon", "exosome-gon", "adipose-preempt-regions", "prp-cervical-attachments"}
FOLDER = Path(str(files("scenarios") / "data" / "procedures"))
GROUNDS: dict[str, Ground] = {}


def text_of(key: str) -> str:
    return (FOLDER / f"{key}.toml").read_text("utf-8")


def sim_table(name: str) -> dict[str, Any]:
    return tomllib.loads((files("sim") / "data" / f"{name}.toml").read_text("utf-8"))


def fault(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse_procedure(text, file="mine.toml")
    (line,) = caught.value.lines
    assert "\n" not in line and line.startswith("mine.toml")
    return line


def found(procedure: Procedure, anatomy: Anatomy) -> tuple[FoundTarget, ...]:
    ground = GROUNDS.setdefault(anatomy.name, Ground(anatomy))
    return targets_of(procedure, ground, "both" if procedure.sides == "both" else "right")


def test_every_procedure_of_the_sources_is_shipped() -> None:
    assert set(list_procedures()) == KEYS
    assert list_procedures() == sorted(KEYS)


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_shipped_procedure_is_whole(key: str) -> None:
    procedure = load_procedure(key)
    assert procedure.key == key
    assert 6 <= len(procedure.steps) <= 10 and 8 <= len(procedure.metrics) <= 14
    assert {"wrong_side", "dose_over_limit"} <= set(procedure.critical)
    assert procedure.checklist and procedure.contraindications and procedure.landmarks and procedure.product.limits
    assert (procedure.pose is not None) == (procedure.guidance == "ultrasound")
    assert any(kind == "finished" for step in procedure.steps for kind in step.done_when)
    jsonschema.validate(tomllib.loads(text_of(key)), procedure_schema())


@pytest.mark.parametrize("key", sorted(KEYS))
def test_names_that_the_simulator_must_know_exist(key: str) -> None:
    procedure = load_procedure(key)
    assert procedure.pose is None or procedure.pose in named_poses()
    assert set(procedure.metrics) <= set(sim_table("metrics")["metrics"])
    assert set(procedure.critical) <= set(sim_table("critical_errors")["errors"])
    assert {kind for step in procedure.steps for kind in step.done_when} <= set(sim_table("events")["kinds"])
    assert ("multi" if {"site_missed", "site_doubled"} & set(procedure.critical) else "") == (
        "multi" if key.startswith("preempt") or key in ("adipose-preempt-regions", "prp-cervical-attachments") else ""
    )


@pytest.mark.parametrize("key", sorted(KEYS))
def test_needle_volume_and_angle_suit_the_targets(key: str, anatomy: Anatomy) -> None:
    procedure = load_procedure(key)
    targets = found(procedure, anatomy)
    shaft = needle(procedure.needle).length_mm
    assert targets and max(t.depth_mm for t in targets) <= shaft + 0.5  # a site may lie half a millimetre too deep for 12.7 mm
    assert sum(t.volume_ml for t in targets) <= procedure.product.most_ml
    low, high = procedure.product.range_ml
    assert all(low <= t.volume_ml <= high for t in targets)
    if procedure.guidance == "landmark":
        normals = GROUNDS[anatomy.name].skin.closest(np.array([t.skin_mm for t in targets]))[1]
        steep = np.degrees(np.arcsin([-t.direction @ n for t, n in zip(targets, normals, strict=True)]))
        assert (procedure.angle_deg[0] - 0.5 <= steep).all() and (steep <= procedure.angle_deg[1] + 0.5).all()


@pytest.mark.parametrize("key", sorted(KEYS))
def test_standing_is_said_plainly(key: str) -> None:
    procedure = load_procedure(key)
    assert (procedure.status == "investigational") == (key in INVESTIGATIONAL)
    assert "FDA" in procedure.status_text
    if key in INVESTIGATIONAL:
        assert procedure.status_text.startswith("Investigational")
        assert re.search(r"\b(not|no|neither)\b.*\bapproved by the FDA", procedure.status_text)
        assert any("investigational" in c.text for c in (*procedure.checklist, *procedure.contraindications))


@pytest.mark.parametrize(("key", "sites", "units"), [("preempt-31", 31, 155), ("preempt-39", 39, 195)])
def test_preempt_gives_the_units_of_its_plan(key: str, sites: int, units: int, anatomy: Anatomy) -> None:
    procedure, plan = load_procedure(key), read_table("preempt_sites")["plan"]
    targets = found(procedure, anatomy)
    assert len(targets) == sites and sum(t.units for t in targets) == units
    each = procedure.product.volume_ml * procedure.product.units_per_ml
    assert each == pytest.approx(plan["units_per_site"]) and sites * each == pytest.approx(units)
    assert procedure.product.most_units == plan["most_units"] and procedure.status == "approved"
    assert f"{units} U" in procedure.title and procedure.sides == "both"


def test_a_users_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "my-block.toml"
    path.write_text(text_of("gon-block-c2").replace("volume_ml = 2.0", "volume_ml = 1.5"), encoding="utf-8")
    procedure = load_procedure(path)
    assert procedure.key == load_procedure(str(path)).key == "my-block" and procedure.product.volume_ml == 1.5
    with pytest.raises(ValidationError):
        procedure.title = "other"  # type: ignore[misc]
    assert load_procedure("gon-block-c2").product.volume_ml == 2.0


@pytest.mark.parametrize("source", ["gon-blok-c2", "gon-blok-c2.toml", "mine/gon-blok-c2.toml"])
def test_what_does_not_exist_is_answered_with_the_nearest(source: str) -> None:
    with pytest.raises(ValueError, match="gon-block-c2") as caught:
        load_procedure(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["", "nothing\0", "."])
def test_what_is_no_file_is_refused_in_one_line(source: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_procedure(source)
    assert len(caught.value.lines) == 1


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.toml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ScenarioError, match="UTF-8"):
        load_procedure(path)


GOOD = text_of("gon-block-c2")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("schema = 1\n", "schema = 1\n[\n", "not valid TOML"),
        ("schema = 1\n", "", "the key 'schema' is missing"),
        ("schema = 1\n", "schema = 2\n", "schema: must be 1"),
        ('needle = "22g-50mm"', 'needle = "22g-05mm"', "needle: it is '22g-05mm', which is not known. Did you mean '22g-50mm'"),
        ('needle = "22g-50mm"', 'neddle = "22g-50mm"\nneedle = "22g-50mm"', "Did you mean 'needle'"),
        ('pose = "c2-oblique"\n', "", "guidance by ultrasound needs a pose"),
        ("most_ml = 6.0", "most_ml = -6.0", "product.most_ml: must be greater than 0"),
        ("volume_ml = 2.0", "volume_ml = 9.0", "product.volume_ml: must lie within range_ml, 1 to 3"),
        ('structure = "greater_occipital_nerve"', 'structure = "greater_ocipital_nerve"', "targets[1].structure"),
        ('"semispinalis_capitis", "obliquus', '"semispinalis_capitus", "obliquus', "Did you mean 'semispinalis_capitis'"),
        ('sources = ["greher2010", "flamer2019"]', 'sources = ["greher2011", "flamer2019"]', "Did you mean 'greher2010'"),
        ('id = "align"', 'id = "scan"', "steps: 'scan' is given 2 times"),
        ('text = "Go through the checklist."', 'text = " "', "steps[1].text: must not be empty"),
        ("angle_deg = [25.0, 55.0]", "angle_deg = [25.0, 155.0]", "angle_deg[2]: must be less than or equal to 90"),
        ('status = "standard"', 'status = "usual"', "status: must be 'approved'"),
    ],
)
def test_a_fault_is_one_line_that_names_the_place(old: str, new: str, says: str) -> None:
    assert old in GOOD
    assert says in fault(GOOD.replace(old, new, 1))


def test_what_claims_to_be_read_must_say_where() -> None:
    text = re.sub(r'(position = \{ text = "[^"]*"), sources = \[[^\]]*\]', r"\1", GOOD, count=1)
    assert "must name its sources" in fault(text)


def test_every_fault_of_a_file_is_told_with_its_line() -> None:
    text = GOOD.replace('needle = "22g-50mm"', 'needle = "none"').replace('at = "c2"', 'at = "c2"\nbetwen = 3')
    text = text.replace("most_ml = 6.0", 'most_ml = "six"')
    with pytest.raises(ScenarioError) as caught:
        parse_procedure(text, file="mine.toml")
    lines = caught.value.lines  # the names are looked up once the types are right
    assert len(lines) == 2 and all(re.match(r"mine\.toml:\d+: ", line) for line in lines)
