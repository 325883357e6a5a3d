"""Items of a batch: their names, their draws and whom they are of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sim.batch import run
from sim.batch.items import items_of, sheaves
from sim.batch.people import patient_from, people, plain_patient
from sim.batch.plan import parse_plan
from tests.batches import SEVERAL, SMALL


def test_an_item_keeps_its_id_and_its_draws_when_the_plan_grows() -> None:
    few = list(items_of(parse_plan(SEVERAL)))
    grown = SEVERAL.replace("shipped = true", "shipped = true\ncount = 2").replace("images = 3", "images = 5")
    many = {item.id: item for item in items_of(parse_plan(grown + '[[picture]]\nscenario = "gon-path"\n'))}
    assert all(many[item.id] == item for item in few)
    assert len(many) == 4 * 5 + 4
    other = {item.id for item in items_of(parse_plan(SEVERAL.replace("seed = 3", "seed = 4")))}
    assert not other & {item.id for item in few}


def test_a_motion_that_is_added_changes_no_other_draw() -> None:
    first = next(items_of(parse_plan(SMALL))).asked
    second = next(items_of(parse_plan(SMALL.replace("tilt = [-2, 2],", "tilt = [-2, 2], slide = [-1, 1],")))).asked
    assert second["motions"]["tilt"] == first["motions"]["tilt"] and second["settings"] == first["settings"]
    assert second["motions"]["slide"] != 0


def test_draws_fill_their_range_and_keep_within_it() -> None:
    text = SMALL.replace("images = 3", "images = 400").replace("share = 1,", "share = 0.25,")
    asked = [item.asked for item in items_of(parse_plan(text)) if item.asked["pose"] == "nuchal-line"][:400]
    gains = np.array([a["settings"]["gain_db"] for a in asked])
    assert -3 <= gains.min() < -2.9 and 2.9 < gains.max() <= 3 and abs(gains.mean()) < 0.3
    assert 70 < sum(a["needle"] is not None for a in asked) < 130
    assert len({a["settings"]["seed"] for a in asked}) == 400


def test_an_item_that_is_asked_for_twice_is_made_once() -> None:
    twice = SEVERAL + '[[picture]]\nscenario = "gon-path"\n[[picture]]\nscenario = "gon-path"\n'
    assert len(list(items_of(parse_plan(twice)))) == 2 * 3 + 2


def test_sampled_people_are_those_of_the_population_and_come_back_from_json() -> None:
    from meshes.population import sample_population

    plan = parse_plan(SEVERAL.replace("shipped = true", "count = 3"))
    sampled = [someone for someone in people(plan) if someone.sampled]
    assert [patient_from(json.loads(json.dumps(s.measures))) for s in sampled] == sample_population(3, 3)
    given = {"sex": "female", "muscle_bulk": {"splenius_capitis": 0.8}, "left": {"artery": "helical"}}
    assert plain_patient(patient_from(given)) == given


def test_few_patients_are_shared_out_by_poses_and_many_are_not(tmp_path: Path) -> None:
    text = SEVERAL.replace('pose = "nuchal-line"', 'pose = "nuchal-line"\nside = "both"')
    batch = run.Prepared(parse_plan(text), tmp_path, *(tuple(items_of(parse_plan(text))),) * 3)
    assert len(run._tasks(batch, 1)) == 2 and len(run._tasks(batch, 2)) == 4
    assert len(sheaves(list(batch.items))) == 4
    assert sorted(i for task in run._tasks(batch, 2) for i in task.wanted) == sorted(item.id for item in batch.items)
