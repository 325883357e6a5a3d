from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshes.model import Anatomy
from scenarios.faults import ScenarioError
from sim.batch import Batch, files, read, run, work
from sim.batch.items import items_of, sheaves
from sim.batch.people import patient_from, people, plain_patient
from sim.batch.plan import load_plan, parse_plan, plan_schema
from sim.commands import batch as command
from sim.commands.faults import BadInput

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("batch-*.toml"))
SMALL = """
schema = 1
seed = 3
[patients]
shipped = true
[[ultrasound]]
pose = "nuchal-line"
images = 3
motions = { tilt = [-2, 2], press = -25 }
settings = { depth_mm = 20, lines = 96, samples = 384, gain_db = [-3, 3] }
needle = { share = 1, reached = [0.6, 1.0], beside_plane_mm = [-0.3, 0.3] }
[[ultrasound]]
name = "bad"
pose = "nuchal-line"
motions = { press = -25 }
settings = { depth_mm = 12, lines = 64, samples = 256 }
needle = { aim = "facial_artery", must_show = true }
"""
SEVERAL = """
schema = 1
seed = 3
[patients]
shipped = true
person = [{ name = "slim", measures = { bmi = 21.0 } }]
[[ultrasound]]
pose = "nuchal-line"
images = 3
settings = { depth_mm = 20, lines = 96, samples = 384 }
"""
BOTH_SIDES = SEVERAL.replace("images = 3", 'images = 3\nside = "both"')
# As `inion batch`, in a process of its own.
PROGRAM = """
import argparse, sys
from sim.commands import batch
args = argparse.Namespace(plan=sys.argv[1], out=sys.argv[2], workers=int(sys.argv[3]), scheduler=None, limit=None, check=False,
    anatomy=None, json=False, quiet=False, tell=lambda text: print(text, file=sys.stderr, flush=True))
if __name__ == "__main__":
    sys.exit(batch.run(args))
"""


def made(text: str, folder: Path, *, limit: int | None = None, **changes: Any) -> run.Outcome:
    folder.mkdir(exist_ok=True)
    with files.held(folder):
        return run.carry_out(run.prepare(parse_plan(text), folder, limit), workers=0, **changes)


def arguments(plan: Path, out: Path, **changes: Any) -> argparse.Namespace:
    usual = {
        "workers": 0,
        "scheduler": None,
        "limit": None,
        "check": False,
        "json": False,
        "quiet": True,
        "tell": print,
        "anatomy": None,
    }
    return argparse.Namespace(plan=str(plan), out=str(out), **(usual | changes))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, voxel_cache: Path) -> tuple[Path, run.Outcome]:
    """Three images of the shipped adult, pressed not at all, and an item that cannot be made."""
    folder = tmp_path_factory.mktemp("batch")
    return folder, made(SMALL, folder)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Items are a few bytes, quickly made; the list tells which were made."""
    ids: list[str] = []

    def fake(folder: Path, whole: Any, left: Any, say: Any) -> dict[str, str]:
        def write(at: Path) -> dict[str, Any]:
            (at / "bmode.png").write_bytes(b"grey " * 10)
            nerve = {"visible": True}
            return {"id": at.name, "kind": "ultrasound", "patient": {"name": "x"}, "pose": "p", "side": "right", "seed": 1} | {
                "nerve": nerve
            }

        for item in whole:
            if item.id in left:
                files.put_item(folder, item.id, lambda at, i=item: write(at) | {"id": i.id})
                ids.append(item.id)
                say(item.id)
        return {}

    monkeypatch.setattr(work, "_made", fake)
    return ids


# the plan


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


# items


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


# what is made


def test_the_layout_is_read_back(small: tuple[Path, run.Outcome]) -> None:
    folder, outcome = small
    assert (outcome.planned, len(outcome.made), outcome.complete) == (4, 3, False)
    batch = read(folder)
    assert isinstance(batch, Batch) and len(batch) == 3 and batch.manifest["counts"] == {"planned": 4, "finished": 3, "failed": 1}
    for item in batch:
        assert (
            item.meta["layout"] == 1
            and item.meta["id"] == item.id
            and item.meta["patient"] == {"name": "shipped", "measures": {}}
        )
        assert item.bmode.dtype == np.uint8 and item.labels.dtype == np.uint16
        assert item.bmode.shape == item.labels.shape == (item.meta["rows"], item.meta["columns"])
        assert item.bmode.std() > 20
        assert set(np.unique(item.labels)) == set(item.keys)
        assert all(batch.manifest["labels"][number] == key for number, key in item.keys.items())
        assert {str(n): int((item.labels == n).sum()) for n in item.keys} == item.meta["pixels"]


def test_labels_agree_with_the_geometry(small: tuple[Path, run.Outcome], anatomy: Anatomy) -> None:
    """The probe does not press, so that what an image shows lies where it lies in the anatomy."""
    from meshes.voxels import surface_field

    nerve = anatomy["greater_occipital_nerve_right"].centerline
    assert nerve is not None
    for item in read(small[0]):
        assert item.meta["nerve"]["visible"] and item.meta["nerve"]["key"] == "greater_occipital_nerve_right"
        middle = item.ras(*item.meta["nerve"]["middle_row_column"])
        assert np.linalg.norm(nerve - middle, axis=1).min() < 1.5
        mask = item.mask("cranium")
        rows, columns = (found[:: max(1, len(found) // 50)] for found in np.nonzero(mask))
        points = np.array([item.ras(r, c) for r, c in zip(rows, columns, strict=True)])
        assert len(points) > 20
        field = surface_field(anatomy["cranium"].mesh, points.min(axis=0) - 3, points.max(axis=0) + 3)
        assert np.median(field(points)) < 0 and field(points).max() < 0.6
        left, right = item.ras(0, 0), item.ras(0, item.meta["columns"] - 1)
        assert (item.meta["ends"]["left_of_image"] == "L") == (left[0] < right[0])


def test_needles_lie_where_they_are_told_to_lie(small: tuple[Path, run.Outcome]) -> None:
    for item in read(small[0]):
        told = item.meta["needle"]
        assert told["present"] and told["visible"] and told["pixels"] == item.mask("needle").sum() > 0
        row, column = told["tip_row_column"]
        beside = np.array(told["tip_mm"]) - item.ras(row, column)
        assert np.linalg.norm(beside) == pytest.approx(abs(told["beside_plane_mm"]), abs=1e-3)
        rows, columns = np.nonzero(item.mask("needle"))
        assert np.hypot(rows - row, columns - column).min() * item.meta["pixel_mm"][0] < 1.5


def test_one_bad_item_is_told_and_stops_no_other(small: tuple[Path, run.Outcome]) -> None:
    folder, outcome = small
    [(bad, why)] = outcome.failed.items()
    assert bad.startswith("shipped-bad-right-0000") and "does not show facial_artery_right" in why
    told = json.loads((folder / "items" / bad / "error.json").read_text())
    assert told["error"] == why and told["asked"]["needle"]["aim"] == "facial_artery"
    assert read(folder).manifest["failed"] == [{"id": bad, "error": why}]


def test_sha256sum_accepts_the_checksums(small: tuple[Path, run.Outcome]) -> None:
    folder, _ = small
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    done = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count(": OK") == 2 + 3 * 4
    assert not (folder / ".work").exists()


def test_an_item_has_the_same_bytes_whatever_is_made_with_it(small: tuple[Path, run.Outcome], tmp_path: Path) -> None:
    folder, outcome = small
    items = tuple(items_of(parse_plan(SMALL)))
    last = outcome.made[-1]
    assert work.do(work.Task(str(tmp_path), items[:3], (last,)), lambda _id: None) == {}
    assert tree(tmp_path / "items" / last) == tree(folder / "items" / last)
    assert [p.name for p in (tmp_path / "items").iterdir()] == [last]


# beginning again


def test_a_second_run_makes_only_what_is_missing_or_damaged(tmp_path: Path, drawn: list[str]) -> None:
    first = made(SEVERAL, tmp_path)
    assert first.complete and len(drawn) == 6
    before = tree(tmp_path)
    assert made(SEVERAL, tmp_path).found == 6 and len(drawn) == 6 and tree(tmp_path) == before
    ids = list(first.made)
    (tmp_path / "items" / ids[0] / "bmode.png").write_bytes(b"grex " * 10)
    (tmp_path / "items" / ids[1] / "meta.json").unlink()
    (tmp_path / "items" / ids[2] / "SHA256SUMS").write_text("")
    shutil.rmtree(tmp_path / "items" / ids[3])
    (tmp_path / "items" / ids[4] / "stray").write_text("x")
    (tmp_path / ".work" / "half").mkdir(parents=True)
    again = made(SEVERAL, tmp_path)
    assert sorted(again.made) == sorted(drawn[6:]) == sorted(ids[:5]) and again.found == 1
    assert tree(tmp_path) == before


def test_a_limit_makes_the_first_items_and_the_next_run_the_rest(tmp_path: Path, drawn: list[str]) -> None:
    first = made(SEVERAL, tmp_path, limit=2)
    assert len(first.made) == 2 and not first.complete and len(read(tmp_path)) == 2
    rest = made(SEVERAL, tmp_path)
    assert len(rest.made) == 4 and rest.complete and len(set(drawn)) == len(drawn) == 6


def test_a_folder_of_another_plan_is_refused(tmp_path: Path, drawn: list[str]) -> None:
    made(SEVERAL, tmp_path)
    with pytest.raises(BadInput, match=r"holds a batch of another plan; choose another folder with -o\."):
        made(SEVERAL.replace("seed = 3", "seed = 4"), tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BadInput, match=r"manifest.json is damaged"):
        made(SEVERAL, tmp_path)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(BadInput, match="holds items without a manifest"):
        made(SEVERAL, tmp_path)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(SEVERAL)
    with files.held(tmp_path / "out"), pytest.raises(BadInput, match="is in use by another run"):
        command.run(arguments(plan, tmp_path / "out"))


def test_a_disk_that_is_full_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> dict[str, str]:
        raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr(work, "_made", full)
    plan = tmp_path / "plan.toml"
    plan.write_text(SEVERAL)
    with pytest.raises(BadInput, match=r"cannot be written .*The disk is full") as caught:
        command.run(arguments(plan, tmp_path / "out"))
    assert "\n" not in str(caught.value)


def test_the_command_answers_checks_and_refuses(tmp_path: Path, drawn: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    plan, out = tmp_path / "plan.toml", tmp_path / "out"
    plan.write_text(SEVERAL)
    assert command.run(arguments(plan, out, check=True)) == 0
    assert "Nothing is wrong. Items: 6 (6 ultrasound)." in capsys.readouterr().out and not out.exists()
    for wrong, line in (({"workers": -1}, "--workers is -1"), ({"limit": 0}, "--limit is 0")):
        with pytest.raises(BadInput, match=line):
            command.run(arguments(plan, out, **wrong))
    assert command.run(arguments(plan, out, json=True)) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"folder": str(out), "planned": 6, "found": 0, "made": 6, "complete": True, "failed": {}}


# Dask: minutes


def started(plan: Path, out: Path, workers: int = 2) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(plan), str(out), str(workers)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


def finished(out: Path) -> list[Path]:
    return [p for p in (out / "items").glob("*") if files.is_whole(p)]


def wait_for(ready: Any, seconds: float = 600) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.05)


def worker_pids(parent: int) -> list[int]:
    """The processes of Dask's workers, oldest first; Python's own helper of spawned processes is none."""
    import psutil

    out = []
    for process in sorted(psutil.Process(parent).children(recursive=True), key=lambda p: p.create_time()):
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(process.cmdline()):
                out.append(process.pid)
    return out


def is_running(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, voxel_cache: Path) -> Iterator[dict[str, bytes]]:
    """What one process makes of the plan of two patients."""
    folder = tmp_path_factory.mktemp("several")
    assert made(BOTH_SIDES, folder).complete
    yield tree(folder)


@pytest.mark.slow
def test_a_killed_worker_and_a_killed_run_leave_nothing_half_made(tmp_path: Path, several: dict[str, bytes]) -> None:
    pytest.importorskip("distributed")
    plan, out = tmp_path / "plan.toml", tmp_path / "out"
    plan.write_text(BOTH_SIDES)
    run_one = started(plan, out)
    wait_for(lambda: len(finished(out)) >= 1 or run_one.poll() is not None)
    assert run_one.poll() is None
    for pid in worker_pids(run_one.pid)[:1]:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(finished(out)) >= 4 or run_one.poll() is not None)
    workers = worker_pids(run_one.pid)
    run_one.kill()
    run_one.communicate()
    wait_for(lambda: not any(is_running(pid) for pid in workers), 60)
    before = {p.name: p.stat().st_mtime_ns for p in finished(out)}
    assert 4 <= len(before) < 12 and not (out / "SHA256SUMS").exists()
    run_two = started(plan, out)
    _, told = run_two.communicate(timeout=900)
    assert run_two.returncode == 0, told
    assert f"made {12 - len(before)}, found {len(before)}, failed 0 of 12." in told
    assert all((out / "items" / name).stat().st_mtime_ns == moment for name, moment in before.items())
    assert tree(out) == several


@pytest.mark.long
def test_a_killed_worker_is_replaced_and_its_items_are_made_again(tmp_path: Path, several: dict[str, bytes]) -> None:
    pytest.importorskip("distributed")
    plan, out = tmp_path / "plan.toml", tmp_path / "out"
    plan.write_text(BOTH_SIDES)
    program = started(plan, out)
    wait_for(lambda: len(finished(out)) >= 1 or program.poll() is not None)
    for pid in worker_pids(program.pid):
        os.kill(pid, signal.SIGKILL)
    _, told = program.communicate(timeout=900)
    assert program.returncode == 0, told
    assert told.count("making ") == 12 and tree(out) == several


@pytest.mark.long
def test_a_run_that_is_stopped_from_the_keyboard_leaves_all_sound(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    plan, out = tmp_path / "plan.toml", tmp_path / "out"
    plan.write_text(BOTH_SIDES)
    program = started(plan, out)
    wait_for(lambda: len(finished(out)) >= 1 or program.poll() is not None)
    workers = worker_pids(program.pid)
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=120)
    assert program.returncode not in (0, None)
    wait_for(lambda: not any(is_running(pid) for pid in workers), 60)
    assert all(files.is_whole(p) for p in (out / "items").iterdir())


@pytest.mark.long
def test_a_cluster_that_runs_already_is_used(tmp_path: Path, several: dict[str, bytes]) -> None:
    pytest.importorskip("distributed")
    start = "from distributed import LocalCluster\nif __name__ == '__main__':\n    c = LocalCluster(n_workers=1, "
    start += "threads_per_worker=1, dashboard_address=None)\n    print(c.scheduler_address, flush=True)\n    input()\n"
    with subprocess.Popen(
        [sys.executable, "-c", start],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as cluster:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        plan, out = tmp_path / "plan.toml", tmp_path / "out"
        plan.write_text(BOTH_SIDES)
        code = PROGRAM.replace("scheduler=None", f"scheduler={address!r}")
        done = subprocess.run(
            [sys.executable, "-c", code, str(plan), str(out), "2"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        cluster.communicate("\n", timeout=60)
    assert done.returncode == 0, done.stderr
    assert tree(out) == several


@pytest.mark.slow
@pytest.mark.image
def test_pictures_of_scenarios_and_of_the_scanned_pose(tmp_path: Path, anatomy: Anatomy) -> None:
    """The probe presses at C2: the needle is drawn at the nerve of the neck at rest, not where the image shows it."""
    text = SMALL.replace("images = 3", 'outputs = ["bmode", "labels", "picture"]\nscene = { size = [640, 480] }')
    text = text.replace('"nuchal-line"', '"c2-oblique"', 1).replace("press = -25", "press = 0", 1).replace("0.6, 1.0", "1.0, 1.0")
    text = text.replace("depth_mm = 20", "depth_mm = 40")
    text = text[: text.index('[[ultrasound]]\nname = "bad"')]
    text += '[[picture]]\nscenario = "gon-path"\nviews = ["posterior"]\nsize = [640, 480]\n'
    assert made(text, tmp_path).complete
    by_kind = {item.meta["kind"]: item for item in read(tmp_path)}
    for item in by_kind.values():
        assert item.picture.shape == (480, 640, 3) and item.picture.std() > 20
    assert by_kind["picture"].meta["scenario"]["view"] == "posterior"
    nerve, told = anatomy["greater_occipital_nerve_right"].centerline, by_kind["ultrasound"].meta["needle"]
    assert nerve is not None
    gaps = [np.linalg.norm(nerve - told[name], axis=1).min() for name in ("tip_at_rest_mm", "tip_mm")]
    assert gaps[0] < 3 < gaps[1]


@pytest.mark.slow
def test_a_box_shows_what_the_tiles_of_the_scanner_show(anatomy: Anatomy, oblique: Any, right: Any) -> None:
    from sim.batch.voxels import BoxStore, Sheet
    from sim.ultrasound.medium import AnatomyMedium
    from sim.ultrasound.scanner import Scanner

    for sheets in ((), (Sheet(right.face_mm, right.elevation, 5.0),)):
        image = Scanner(AnatomyMedium(anatomy, BoxStore(anatomy, sheets)), lines=192, samples=768).image(right)
        assert (image.labels != oblique.labels).mean() < 1e-4
        assert np.abs(image.pixels.astype(int) - oblique.pixels).mean() < 0.05
