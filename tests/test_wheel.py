from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("meshes", "scenarios", "sim")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout, built without the network."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment in which the wheel is installed; what it needs is borrowed from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    apart = ["--no-deps", "--no-index", "--ignore-installed", "--prefix", str(folder)]  # or pip takes away the one it runs beside
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", *apart, str(wheel)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (site / "borrowed.pth").write_text("\n".join(p for p in sys.path if p.endswith("-packages")) + "\n")
    return folder


def run(elsewhere: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(elsewhere / "bin" / "python"), "-P", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {n for n in archive.namelist() if ".dist-info/" not in n}
        licence = [n for n in archive.namelist() if n.endswith("licenses/LICENSE")]
    here = {
        p.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for p in (ROOT / package).rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert inside == here and len(licence) == 1


@pytest.mark.slow
@pytest.mark.image
def test_the_installed_wheel_renders_away_from_the_checkout(elsewhere: Path, tmp_path: Path) -> None:
    where = run(
        elsewhere, tmp_path, "-c", "import sim, meshes, scenarios; print(sim.__file__, meshes.__file__, scenarios.__file__)"
    )
    assert where.stdout.count(str(elsewhere)) == 3, where.stdout + where.stderr
    done = run(elsewhere, tmp_path, str(elsewhere / "bin" / "inion"), "render", "gon-path", "--size", "320x240", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "gon-path.png").stat().st_size > 5000
    assert done.stdout.strip() == "out/gon-path.png"
