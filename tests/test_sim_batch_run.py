"""A batch that is begun, stopped, gone on with or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sim.batch import files, read, work
from sim.commands import batch as command
from sim.commands.faults import BadInput
from tests.batches import SEVERAL, arguments, made, tree


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
