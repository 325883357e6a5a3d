"""Plans of batches: what is sound, and what is told of what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenarios.faults import ScenarioError
from sim.batch.items import items_of
from sim.batch.plan import load_plan, parse_plan, plan_schema
from tests.batches import SMALL

EXAMPLES = sorted((Path(__file__).parent.parent / "docs" / "examples").glob("batch-*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_the_plans_of_the_documents_are_sound_and_fit_the_schema(path: Path) -> None:
    import tomllib

    import jsonschema

    assert len(list(items_of(load_plan(path)))) > 0
    jsonschema.validate(tomllib.loads(path.read_text("utf-8")), json.loads(plan_schema()))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("seed = 3", "seed = -3"), r"plan.toml:3: seed: must be greater than or equal to 0; it is -3"),
        (("shipped = true", "shiped = true"), r"plan.toml:5: patients.shiped: .*'shiped'.*Did you mean 'shipped'"),
        (("shipped = true", "count = 0"), r"plan.toml:4: patients: there is no patient"),
        (('"nuchal-line"\nimages', '"nuchal-lin"\nimages'), r"plan.toml:7: .*pose: is 'nuchal-lin'.*Did you mean 'nuchal-line'"),
        (("images = 3", "images = 0"), r"plan.toml:8: ultrasound\[1\].images: must be greater than or equal to 1"),
        (("[-2, 2]", "[2, -2]"), r"plan.toml:9: .*tilt: begins at 2 and ends at -2; write the lower number first"),
        (("[-2, 2]", "[-200, 2]"), r"plan.toml:9: .*tilt: tilt is -200; it must be a number from -60 to 60"),
        (("lines = 96", "lines = 9"), r"plan.toml:10: .*lines is 9; it must be a number from 32 to 1024"),
        (("[-3, 3]", "[-3, nan]"), r"plan.toml:10: .*gain_db.*finite"),
        (("share = 1,", "share = 2,"), r"plan.toml:11: .*needle.share: must be less than or equal to 1; it is 2"),
        (("[0.6, 1.0]", "[0, 1]"), r"plan.toml:11: .*reached: goes from 0 to 1; it must lie within 0.02 and 1"),
        (('"facial_artery"', '"facial_arter"'), r"plan.toml:17: .*needle.aim: .*'facial_arter'.*Did you mean 'facial_artery'"),
        (('name = "bad"\n', ""), r"two blocks are called 'nuchal-line'"),
        (("schema = 1", "schema = 2"), r"plan.toml:2: schema: must be 1; it is 2"),
        (("[patients]\nshipped = true\n", ""), r"plan.toml: the key 'patients' is missing"),
        (("shipped = true", 'person = [{ name = "a", measures = { bmi = 300 } }]'), r"measures: bmi is 300.*outside 16 to 50"),
        (("shipped = true", 'person = [{ name = "a", measures = { bmj = 30 } }]'), r"'bmj'.*Did you mean 'bmi'"),
        (("[[ultrasound]]\npose", '[[picture]]\nscenario = "gon-pth"\n[[ultrasound]]\npose'), r"'gon-pth'.*'gon-path'"),
        (("images = 3", "images = 3\n="), r"plan.toml:9: is not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_plan_is_told_in_one_line(change: tuple[str, str], line: str) -> None:
    assert change[0] in SMALL
    with pytest.raises(ScenarioError, match=line) as caught:
        parse_plan(SMALL.replace(*change), file="plan.toml")
    assert len(caught.value.lines) == 1


def test_a_plan_that_asks_for_nothing_or_too_much_is_refused() -> None:
    with pytest.raises(ScenarioError, match="nothing is asked for"):
        parse_plan("schema = 1\n[patients]\ncount = 2\n")
    with pytest.raises(ScenarioError, match="at most 1,000,000"):
        parse_plan(SMALL.replace("images = 3", "images = 1000000").replace("shipped = true", "count = 5"))
    with pytest.raises(ScenarioError, match="there is no such file"):
        load_plan("nowhere/plan.toml")
