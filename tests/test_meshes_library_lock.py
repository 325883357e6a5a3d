"""One writer at a time for each anatomy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meshes import library
from meshes.library_lock import alone
from tests.atlases import small_anatomy

ROOT = Path(__file__).parents[1]
TAKER = "import sys, pathlib, meshes.library_lock as lock; lock.alone(pathlib.Path(sys.argv[1]), 'mine').__enter__()"
HOLDER = """
import sys, time
from pathlib import Path
from meshes.library_lock import alone
with alone(Path(sys.argv[1]), "mine"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_writer_is_told_and_a_dead_one_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="mine is being installed, written or removed by another process; wait") as fault:
            library.write(small_anatomy(), {})
        assert "\n" not in str(fault.value) and library.names() == ()
        with alone(tmp_path, "another"):
            pass
    finally:
        holder.kill()
        holder.communicate()
    assert (tmp_path / ".mine.lock").exists()
    library.write(small_anatomy(), {})
    assert library.names() == ("mine",) and not (tmp_path / ".mine.lock").exists()


def test_a_writer_does_not_hinder_itself(tmp_path: Path) -> None:
    with alone(tmp_path, "mine"):
        with alone(tmp_path, "mine"):
            pass
        assert not _free(tmp_path)
    assert not (tmp_path / ".mine.lock").exists() and _free(tmp_path)


def test_nobody_removes_or_installs_what_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    library.write(small_anatomy(), {})
    with alone(tmp_path, "mine"):
        told = subprocess.run([sys.executable, "-m", "sim", "atlas", "remove", "mine"], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 2 and "being installed, written or removed" in told.stderr and told.stderr.count("\n") == 1
    assert library.names() == ("mine",)
    library.remove("mine")
    assert library.names() == ()


def _free(folder: Path) -> bool:
    """Whether another process could take the lock."""
    return subprocess.run([sys.executable, "-c", TAKER, str(folder)], cwd=ROOT, capture_output=True).returncode == 0
