"""Batches on workers of Dask, in processes of their own: killed, stopped, replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sim.batch import files
from tests.batches import BOTH_SIDES, PROGRAM, made, tree

ROOT = Path(__file__).parent.parent


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
    plan.write_text(BOTH_SIDES.replace("images = 3", "images = 60"))  # so that there is much left to do when it is stopped
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
