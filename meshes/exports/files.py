"""Several files that belong together, written whole or not at all."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

DATE = (2020, 1, 1, 0, 0, 0)  # fixed: equal anatomies give equal files


def write_files(folder: str | Path, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write files into a folder, all of them or none; what stood there before stays if one cannot be written.

    Parameters
    ----------
    folder : path
        Must exist. Folders within it are made.
    contents : mapping of str to bytes
        By path within `folder`, the one that the user named last.

    Returns
    -------
    tuple of Path
        Where they were written, in the order of `contents`.

    Raises
    ------
    OSError
        If one cannot be written; nothing is changed then.
    """
    root, mark = Path(folder), secrets.token_hex(6)
    targets = [root / name for name in contents]
    parts = [t.with_name(f".{t.name}.{mark}.part") for t in targets]
    made = _make_folders(targets)
    try:
        for part, content in zip(parts, contents.values(), strict=True):
            with part.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        _put_in_place(parts, targets, mark)
    except BaseException:
        for part in parts:
            part.unlink(missing_ok=True)
        for empty in reversed(made):
            with suppress(OSError):
                empty.rmdir()
        raise
    return tuple(targets)


def zipped(contents: Mapping[str, bytes]) -> bytes:
    """Return a zip file of `contents`, by path within it; equal contents give equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, date_time=DATE)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, content)
    return out.getvalue()


def _make_folders(targets: Sequence[Path]) -> list[Path]:
    """Make the folders of `targets` that are absent; return those that were made, outer ones first."""
    made: list[Path] = []
    for target in targets:
        absent = [f for f in target.parents if not f.exists()]
        for folder in reversed(absent):
            folder.mkdir()
            made.append(folder)
    return made


def _put_in_place(parts: Sequence[Path], targets: Sequence[Path], mark: str) -> None:
    """Move `parts` to `targets`; if one cannot be moved, put back what the ones before replaced."""
    saved: dict[Path, Path] = {}
    placed: list[Path] = []
    try:
        for target in targets[:-1]:  # the last is replaced in one step, or not at all
            if target.is_file():
                saved[target] = target.with_name(f".{target.name}.{mark}.old")
                _keep(target, saved[target])
        for part, target in zip(parts, targets, strict=True):
            os.replace(part, target)
            placed.append(target)
    except BaseException:
        for target in placed:
            if target in saved:
                os.replace(saved[target], target)
            else:
                target.unlink(missing_ok=True)
        raise
    finally:
        for old in saved.values():
            old.unlink(missing_ok=True)


def _keep(path: Path, copy: Path) -> None:
    """Give a file a second name, or copy it where the disk knows no second names."""
    try:
        os.link(path, copy)
    except OSError:
        shutil.copy2(path, copy)
