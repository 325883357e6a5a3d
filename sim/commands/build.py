"""`inion build`: the shipped model from its data."""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.faults import BadInput, cannot

if TYPE_CHECKING:
    from meshes.model import Anatomy

TOLERANCE_MM = 0.25


def run(args: argparse.Namespace) -> int:
    """Build the model and write it; with --check compare it with the file that is shipped, and write nothing."""
    if args.reference_runs is not None:
        from sim.commands.reference_runs import run as reference_runs

        return reference_runs(args)
    if args.gallery is not None:
        return _gallery(args)
    from meshes.archive import digest, read_archive, write_archive
    from meshes.build import build_anatomy
    from meshes.compare import differences
    from sim.progress import progress

    if importlib.util.find_spec("pymeshlab") is None:
        raise BadInput("building the model needs PyMeshLab, which is not installed; add it with `pip install 'inion[build]'`.")
    target = _target(args.out)
    old = _old(target) if args.check else None
    if old is None:
        _check_writable(target)
    with progress("building", 0, quiet=args.quiet) as step:
        anatomy = build_anatomy(step)
    try:
        if old is None:
            write_archive(anatomy, target)
            return _answer(args, {"written": str(target), "sha256": digest(target)}, f"{target}\nsha256 {digest(target)}", 0)
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / "model"
            write_archive(anatomy, fresh)
            found = differences(read_archive(fresh), old, TOLERANCE_MM)
    except OSError as error:
        raise cannot("be written", error.filename or target, error) from error
    except ValueError as error:
        raise BadInput(str(error)) from error
    more = f" ({found[0]}{f'; {len(found) - 1} more' if len(found) > 1 else ''})" if found else ""
    text = f"is not what the data give{more}; remake it with `inion build`." if found else "is what the data give."
    return _answer(args, {"file": str(target), "current": not found, "differences": found}, f"{target} {text}", 1 if found else 0)


def _gallery(args: argparse.Namespace) -> int:
    from sim.gallery import make_gallery

    folder = Path(args.gallery)
    if not folder.is_dir():
        raise BadInput(f"{folder}: is no folder; name that of the documentation, such as docs.")
    try:
        written = make_gallery(folder, args.tell)
    except OSError as error:
        raise cannot("be written", error.filename or folder, error) from error
    return _answer(args, {"written": [str(p) for p in written]}, "\n".join(map(str, written)), 0)


def _target(name: str | None) -> Path:
    from meshes.archive import shipped_path

    if name is not None and not name.strip():
        raise BadInput("-o is empty; give the file of the model, or leave it out to replace the shipped one.")
    target = shipped_path() if name is None else Path(name)
    try:
        if target.is_dir():
            raise BadInput(f"{target}: is a directory; -o is the file of the model.")
        if target.exists() and not target.is_file():
            raise BadInput(f"{target}: is not a regular file; choose another with -o.")
    except OSError as error:
        raise cannot("be written", target, error) from error
    return target


def _old(target: Path) -> Anatomy:
    """Return the model to compare with, read before the long work."""
    from meshes.archive import read_archive

    if not target.is_file():
        raise BadInput(f"{target}: there is no model to compare with. Make it with `inion build`.")
    try:
        return read_archive(target)
    except OSError as error:
        raise cannot("be read", target, error) from error
    except ValueError as error:
        raise BadInput(str(error)) from error


def _check_writable(target: Path) -> None:
    if not target.parent.is_dir():
        raise BadInput(f"{target.parent}: is no folder that can be written to; choose another with -o.")
    try:
        with tempfile.NamedTemporaryFile(prefix=".inion-", dir=target.parent) as file:
            file.write(bytes(4096))
    except OSError as error:
        raise cannot("be written to", target.parent, error) from error


def _answer(args: argparse.Namespace, values: dict[str, object], text: str, status: int) -> int:
    print(json.dumps(values) if args.json else text)
    return status
