"""What this machine lacks for Inion, and the exact command that mends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

OLDEST_PYTHON = (3, 11)
MEMORY_MB, DISK_MB = 1500, 500
RENDER_SECONDS = 60
SHELL_PACKAGES: Mapping[str, str] = {
    "apt-get": "apt-get install -y libgl1 libegl1 libopengl0 libgl1-mesa-dri libxrender1",
    "dnf": "dnf install -y mesa-libGL mesa-libEGL libglvnd-opengl mesa-dri-drivers libXrender",
    "zypper": "zypper install -y Mesa-libGL1 Mesa-libEGL1 libOpenGL0 Mesa-dri libXrender1",
    "pacman": "pacman -S --noconfirm mesa libglvnd libxrender",
    "apk": "apk add mesa-gl mesa-egl mesa-dri-gallium libxrender",
}
PROBE = """
import numpy, pyvista
p = pyvista.Plotter(off_screen=True, window_size=(64, 64))
p.set_background("black")
p.add_mesh(pyvista.Sphere(), color="white", lighting=False)
image = p.screenshot(return_img=True)
assert image[32, 32].min() > 200 and image[0, 0].max() < 50, "the picture is empty"
print(p.render_window.GetClassName())
"""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        What was looked at.
    good : bool
        Whether it is as it must be.
    found : str
        What was found.
    cure : str
        Exact command, or what to do; empty where nothing is wrong.
    """

    name: str
    good: bool
    found: str
    cure: str = ""


def examine() -> list[Check]:
    """Return every check, in the order in which they should be mended."""
    checks: Mapping[str, Callable[[], Check]] = {
        "Python": check_python, "packages": check_packages, "OpenGL": check_opengl, "model": check_model, "fonts": check_fonts,
        "writing": check_writing, "memory": check_memory, "disk": check_disk,
    }  # fmt: skip
    return [_looked(name, check) for name, check in checks.items()]


def _looked(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except OSError as error:
        found = " ".join(f"cannot be looked at: {error}".split())
        return Check(name, False, found, "go to a folder that exists and that you may read, and run `inion doctor` again")


def check_python() -> Check:
    """Check the version of Python."""
    found = ".".join(map(str, sys.version_info[:3]))
    need = ".".join(map(str, OLDEST_PYTHON))
    if sys.version_info >= OLDEST_PYTHON:
        return Check("Python", True, found)
    return Check(
        "Python", False, f"{found}, {need} is needed", f"{_as_root(f'apt-get install -y python{need} python{need}-venv')}"
    )


def check_packages() -> Check:
    """Check that every package that Inion needs is installed and new enough."""
    try:
        wanted = [r for r in requires("inion") or [] if "extra ==" not in r]
    except PackageNotFoundError:
        return Check("packages", False, "inion is not installed, only its files are there", _install())
    missing = [r for r in wanted if not _satisfied(r)]
    if not missing:
        return Check("packages", True, f"all {len(wanted)} are there")
    return Check(
        "packages", False, f"missing or too old: {', '.join(missing)}", f"{sys.executable} -m pip install {_quoted(missing)}"
    )


def check_opengl() -> Check:
    """Check that a picture can be drawn off screen, in a process of its own: a bad driver may bring it down."""
    cure = opengl_cure()
    try:
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=RENDER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Check("OpenGL", False, f"drawing off screen took longer than {RENDER_SECONDS} s", cure)
    except OSError as error:
        found = f"{sys.executable or 'Python'} cannot be started ({error.strerror or error})"
        return Check("OpenGL", False, found, "make Python's file executable, or install Python anew")
    if done.returncode == 0:
        return Check("OpenGL", True, f"draws off screen ({done.stdout.strip().splitlines()[-1]})")
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()] or [f"exit status {done.returncode}"]
    if "No module named" in lines[-1]:
        cure = f"{sys.executable} -m pip install pyvista vtk"
    return Check("OpenGL", False, f"cannot draw off screen: {' '.join(lines[-1].split())[:160]}", cure)


def opengl_cure() -> str:
    """Return the command that installs a software OpenGL on this system."""
    if sys.platform == "darwin":
        return "run in a session with a display; then: brew install mesa"
    if sys.platform == "win32":
        return "install the driver of the graphics card"
    for tool, command in SHELL_PACKAGES.items():
        if shutil.which(tool):
            return _as_root(f"apt-get update && {command}" if tool == "apt-get" else command)
    return "install Mesa (libGL, libEGL, libOpenGL and its DRI drivers) with the system's package manager"


def check_model() -> Check:
    """Check that the shipped model is there and can be read."""
    try:
        from meshes.archive import digest, read_archive, shipped_path
    except ImportError as error:
        return Check("model", False, f"cannot be read without its packages ({error})", _install())

    path = shipped_path()
    if not path.is_file():
        return Check("model", False, f"{path} is missing", "inion build")
    try:
        anatomy = read_archive(path)
    except (ValueError, OSError) as error:
        return Check("model", False, " ".join(str(error).split()), "inion build")
    return Check(
        "model", True, f"{len(anatomy.structures)} structures, {len(anatomy.landmarks)} landmarks, sha256 {digest(path)[:12]}"
    )


def check_fonts() -> Check:
    """Check that the letters of labels can be drawn."""
    try:
        from PIL import ImageFont

        font = ImageFont.load_default(size=20)
    except (ImportError, OSError) as error:
        return Check("fonts", False, " ".join(str(error).split()), f"{sys.executable} -m pip install --force-reinstall pillow")
    name = font.getname()[0] if hasattr(font, "getname") else "bitmap"
    good = hasattr(font, "getname")
    return Check(
        "fonts", good, str(name), "" if good else f"{sys.executable} -m pip install --force-reinstall --no-cache-dir pillow"
    )


def check_writing() -> Check:
    """Check that pictures can be written here."""
    try:
        with tempfile.TemporaryFile(dir=Path.cwd()) as file:
            file.write(bytes(4096))
    except OSError as error:
        return Check(
            "writing", False, f"{Path.cwd()}: {error.strerror}", "choose another folder: inion render gon-path -o FOLDER"
        )
    return Check("writing", True, str(Path.cwd()))


def check_memory() -> Check:
    """Check that enough memory is free."""
    free = _free_memory_mb()
    if free is None:
        return Check("memory", True, "not told by this system")
    if free >= MEMORY_MB:
        return Check("memory", True, f"{free:.0f} MB free")
    return Check(
        "memory",
        False,
        f"{free:.0f} MB free, {MEMORY_MB} MB are needed",
        "close other programs, or make smaller pictures: --size 960x540",
    )


def check_disk() -> Check:
    """Check that enough disk is free."""
    free = shutil.disk_usage(Path.cwd()).free / 1e6
    good = free >= DISK_MB
    return Check("disk", good, f"{free:.0f} MB free", "" if good else f"make room: {DISK_MB} MB are advised")


def _install() -> str:
    return (
        f"{sys.executable} -m pip install -e ." if Path("pyproject.toml").is_file() else f"{sys.executable} -m pip install inion"
    )


def _satisfied(requirement: str) -> bool:
    name = requirement.split(";")[0].strip()
    for sign in "<>=!~[ ":
        name = name.split(sign)[0]
    try:
        found = version(name)
    except PackageNotFoundError:
        return False
    oldest = requirement.split(";")[0].partition(">=")[2].split(",")[0].strip()
    return _numbers(found) >= _numbers(oldest)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


def _quoted(names: list[str]) -> str:
    return " ".join(f"'{name}'" for name in names)


def _as_root(command: str) -> str:
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return command
    return " && ".join(f"sudo {part}" for part in command.split(" && "))


def _free_memory_mb() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None
