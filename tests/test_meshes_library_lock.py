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
        with pytest.raises(ValueError, match="mine is being installed or written by another process; wait") as fault:
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
    with alone(tmp_path, "mine"), alone(tmp_path, "mine"):
        assert (tmp_path / ".mine.lock").exists()
    assert not (tmp_path / ".mine.lock").exists()
