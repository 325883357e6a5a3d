"""The user's own anatomies: atlases that were installed and scans that were imported, each in a folder of its own.

A folder holds one model file, named by its content, and `about.json`, which names that file and its SHA-256. The latter is
replaced in one step when the former is whole, so that what was there stays good until what is new is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from meshes._check import unknown
from meshes.archive import digest, read_archive, write_archive
from meshes.library_lock import alone
from meshes.model import Anatomy

FOLDER_VARIABLE = "INION_ANATOMIES"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
ABOUT, ENDING = "about.json", ".inion"
SHIPPED = "shipped"
MODEL, SUM, SEAL = "model", "sha256", "seal"  # entries of about.json: the file, its SHA-256, that of all other entries
MOST_ABOUT_BYTES = 10_000_000
NAMED_BY = 16  # digits of the SHA-256 in a model file's name


def folder() -> Path:
    """Return the folder of the anatomies: `INION_ANATOMIES`, or `anatomies` in the user's data folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_data_dir

    return Path(user_data_dir("inion", appauthor=False)) / "anatomies"


def names() -> tuple[str, ...]:
    """Return the names of the anatomies that are there, sorted."""
    with suppress(OSError):
        return tuple(sorted(p.name for p in folder().iterdir() if NAME.fullmatch(p.name) and (p / ABOUT).is_file()))
    return ()


def check_name(name: str) -> str:
    """Return `name` if an anatomy may be called so.

    Raises
    ------
    ValueError
        If it may not, telling what a name is.
    """
    if name == SHIPPED:
        raise ValueError("'shipped' is the model that comes with Inion; choose another name.")
    if not NAME.fullmatch(name):
        raise ValueError(f"the name {name!r} must be 1 to 41 of a-z, 0-9, '-' and '_', beginning with a letter or a digit.")
    return name


def path_of(name: str) -> Path:
    """Return the folder of an anatomy, which need not be there yet. Raises ValueError if none may be called so."""
    return folder() / check_name(name)


def about(name: str) -> dict[str, Any]:
    """Return what was written about an anatomy: credit, licence, where it came from.

    Raises
    ------
    ValueError
        If there is none of that name, telling the nearest, or what is written is damaged.
    """
    path = _known(name) / ABOUT
    try:
        if path.stat().st_size > MOST_ABOUT_BYTES:
            raise ValueError("it is too large")
        out = json.loads(path.read_text("utf-8"))
        if out[SEAL] != _seal(out) or Path(out[MODEL]).name != out[MODEL]:
            raise ValueError("it was changed")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}). {_cure(name)}") from error
    return {str(k): v for k, v in out.items()}


def model_path(name: str) -> Path:
    """Return the model file of an anatomy. Raises ValueError as `about` does."""
    return path_of(name) / str(about(name)[MODEL])


def read(name: str) -> Anatomy:
    """Return an anatomy by its name.

    Raises
    ------
    ValueError
        If there is none of that name, telling the nearest, or its file is damaged.
    OSError
        If it cannot be read.
    """
    path = model_path(name)
    if not path.is_file():
        raise ValueError(f"{path} is missing. {_cure(name)}")
    state = path.stat()
    return _read(str(path), state.st_mtime_ns, state.st_size, name)


def write(anatomy: Anatomy, about: Mapping[str, Any]) -> Path:
    """Keep an anatomy under its own name, in place of one that is there; whole or not at all.

    Parameters
    ----------
    anatomy : Anatomy
    about : mapping
        Kept beside it: what JSON can hold.

    Returns
    -------
    Path
        The folder that holds it.

    Raises
    ------
    ValueError
        If it may not be called so, or another process is writing it.
    TypeError
        If `about` holds what JSON cannot.
    OSError
        If it cannot be written; what was there before is still there and good.
    """
    home = path_of(anatomy.name)
    with alone(home.parent, anatomy.name):
        return _written(home, anatomy, about)


def _written(home: Path, anatomy: Anatomy, about: Mapping[str, Any]) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    fresh = home / f".{secrets.token_hex(6)}{ENDING}"
    try:
        write_archive(anatomy, fresh)
        _synced(fresh)
        told = {k: v for k, v in about.items() if k not in (MODEL, SUM, SEAL)} | {SUM: digest(fresh)}
        told[MODEL] = f"{anatomy.name}-{told[SUM][:NAMED_BY]}{ENDING}"
        fresh.replace(home / told[MODEL])
        _put(home / ABOUT, json.dumps(told | {SEAL: _seal(told)}, indent=1, sort_keys=True, allow_nan=False))
    except BaseException:
        fresh.unlink(missing_ok=True)
        _tidy(home)
        raise
    _tidy(home)
    return home


def remove(name: str) -> None:
    """Take an anatomy away. Raises ValueError if there is none, or it is being written; OSError if it cannot be removed."""
    home = _known(name)
    with alone(home.parent, name):
        (home / ABOUT).unlink()
        shutil.rmtree(home)


def faults(name: str) -> list[str]:
    """Return what is wrong with the files of an anatomy, one line each; empty if each is as it was written.

    Raises
    ------
    ValueError
        If there is no anatomy of that name.
    """
    _known(name)
    try:
        told = about(name)
    except ValueError as error:
        return [str(error)]
    path = path_of(name) / str(told[MODEL])
    if not path.is_file():
        return [f"{path} is missing. {_cure(name)}"]
    if digest(path) == told[SUM]:
        return []
    return [f"{path} is not what was written: {_where(path)}. {_cure(name)}"]


def bytes_of(name: str) -> int:
    """Return how many bytes an anatomy takes on the disk."""
    return sum(p.stat().st_size for p in path_of(name).iterdir() if p.is_file())


@lru_cache(maxsize=4)
def _read(path: str, _modified: int, _size: int, name: str) -> Anatomy:
    if digest(path) != about(name)[SUM]:
        raise ValueError(f"{path} is not what was written: {_where(Path(path))}. {_cure(name)}")
    return read_archive(path)


def _where(path: Path) -> str:
    """The part of a model file that is damaged, in words."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                try:
                    archive.read(member)
                except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError):
                    return f"its {member.split('/')[0]} is damaged"
    except (zipfile.BadZipFile, ValueError, EOFError, OSError):
        return "it cannot be opened"
    return "its SHA-256 is another"


def _known(name: str) -> Path:
    have = names()
    if name not in have:
        raise ValueError(unknown("anatomy", name, [SHIPPED, *have]))
    return folder() / name


def _cure(name: str) -> str:
    return f"Install or import {name!r} again, or take it away with `inion atlas remove {name}`."


def _seal(told: Mapping[str, Any]) -> str:
    rest = {k: v for k, v in told.items() if k != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _put(path: Path, text: str) -> None:
    """Replace a small file in one step."""
    fresh = path.with_name(f".{secrets.token_hex(6)}.json")
    try:
        fresh.write_text(text, "utf-8")
        _synced(fresh)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _tidy(home: Path) -> None:
    """Remove what `about.json` does not name; the folder too, if nothing was ever whole in it."""
    kept: set[str] = set()
    with suppress(OSError, ValueError, KeyError):
        kept = {ABOUT, str(json.loads((home / ABOUT).read_text("utf-8"))[MODEL])}
    with suppress(OSError):
        for path in home.iterdir():
            if path.name not in kept and path.suffix in (ENDING, ".json", ".part"):
                path.unlink(missing_ok=True)
        home.rmdir()
