"""`inion train --script` and the records, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sim.cli
from scenarios.procedure_files import list_procedures
from sim.commands.train import default_side, procedure_of
from sim.records import Records
from sim.training.moves import moves_text
from sim.training.runs import load_runs

RUNS = Path(__file__).parent.parent / "sim" / "data" / "reference_runs"


def written(folder: Path, procedure: str, who: str) -> Path:
    """Write a shipped run as a file of moves."""
    run = next(r for r in load_runs(RUNS / f"{procedure}.json.gz").runs if r.who == who)
    side = next((a.side for a in run.actions if a.kind == "choose_side"), "right")
    path = folder / f"{who}.toml"
    path.write_text(moves_text(procedure, side, "man", run.actions), "utf-8")
    return path


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert sim.cli.main(words) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == "" and "Traceback" not in line
    return line


def test_an_attempt_from_a_file_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "trigger-trapezius", "expert")
    assert sim.cli.main(["train", "trigger-trapezius", "--script", str(path)]) == 0
    first = capsys.readouterr().out
    assert "Passed" in first and "measures reach their marks" in first
    assert sim.cli.main(["train", "--script", str(path)]) == 0
    assert capsys.readouterr().out == first


def test_the_answer_for_a_program_and_the_status_of_a_failed_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "trigger-trapezius", "novice")
    assert sim.cli.main(["train", "trigger-trapezius", "--script", str(path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False and told["reasons"] and told["events"] and 0 <= told["points"] <= 100


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("train", "gon-block-c3", "--script", "{good}"), "gon-block-c2"),
        (("train", "--script", "nowhere.toml"), "nowhere.toml"),
        (("train", "gon-block-c2", "--script", "{bad}"), "bad.toml"),
        (("train", "--erase", "Nobody", "--records", "{db}"), "Nobody"),
        (("train", "--export", "json", "--records", "{bad}"), "bad.toml"), (("serve", "--host", "0.0.0.0"), "--beyond-loopback"),
        (("serve", "--port", "70000"), "--port"), (("train", "--side", "both", "--script", "{good}"), "both"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], part: str) -> None:
    good = written(tmp_path, "trigger-trapezius", "expert")
    (tmp_path / "bad.toml").write_text("this is no file of moves")
    names = {"good": good, "bad": tmp_path / "bad.toml", "db": tmp_path / "r.sqlite"}
    assert part in refused(capsys, *(w.format(**names) for w in words))


def test_records_are_written_out_and_erased(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Records(tmp_path / "r.sqlite") as records:
        records.finish(records.begin("gon-block-c2", "right", {}, records.add_trainee("Ada")))
    place = ("--records", str(tmp_path / "r.sqlite"))
    assert sim.cli.main(["train", "--export", "csv", "-o", str(tmp_path / "a.csv"), *place]) == 0
    assert "gon-block-c2" in (tmp_path / "a.csv").read_text("utf-8")
    assert sim.cli.main(["train", "--erase", "Ada", *place]) == 0
    capsys.readouterr()
    assert sim.cli.main(["train", "--export", "json", *place]) == 0
    assert "gon-block-c2" not in capsys.readouterr().out


def test_scenarios_name_their_procedures() -> None:
    assert procedure_of("preempt-39") == "preempt-39" and default_side("preempt-39") == "both"
    assert procedure_of("gon-landmark") in list_procedures() and default_side("gon-landmark") == "right"


def documented() -> str:
    """The file of moves that the documentation shows."""
    text = (RUNS.parent.parent.parent / "docs" / "training.md").read_text("utf-8")
    return text.split("```toml\n")[1].split("```")[0]


def test_what_is_documented_runs_and_a_missed_nerve_is_no_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.toml"
    path.write_text(documented(), "utf-8")
    assert sim.cli.main(["train", "--script", str(path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    bathed = next(m for m in told["measures"] if m["key"] == "circumference_bathed")
    assert not bathed["passed"] and any("What the procedure is for was not reached" in r for r in told["reasons"])
    path.write_text(documented().replace('[[move]]\nkind = "inject"\nml = 1.0\n', ""), "utf-8")
    assert sim.cli.main(["train", "--script", str(path), "--json"]) == 1
    assert "nothing_given" in [c["key"] for c in json.loads(capsys.readouterr().out)["critical"]]


def test_nothing_of_the_users_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = written(tmp_path, "trigger-trapezius", "expert")
    page = script.rename(tmp_path / "moves.html")
    held = page.read_bytes()
    assert "write over" in refused(capsys, "train", "--script", str(page), "--debrief", str(page))
    assert page.read_bytes() == held
    records = tmp_path / "r.sqlite"
    Records(records).close()
    before = records.read_bytes()
    assert "write over" in refused(capsys, "train", "--export", "csv", "--records", str(records), "-o", str(records))
    assert records.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--script", "/dev/zero"), ("train", "gon-block-c2", "--export", "csv"),
        ("train", "gon-block-c2", "-o", "x.csv"),
        ("train", "--script", "{good}", "--debrief", "x.pdf"), ("train", "preempt-31", "--script", "{good}"),
        ("train", "--script", "{good}", "--seed", "-1"), ("serve", "--seed", "1.5"), ("serve", "--records", "{folder}"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    names = {"good": written(tmp_path, "trigger-trapezius", "expert"), "folder": tmp_path}
    refused(capsys, *(w.format(**names) for w in words))
