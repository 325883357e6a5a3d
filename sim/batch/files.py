"""The layout of a batch on disk: items that appear whole or not at all, their checksums, the manifest."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MANIFEST, ITEMS, SUMS, INDEX, META, ERROR = "manifest.json", "items", "SHA256SUMS", "items.jsonl", "meta.json", "error.json"
WORK = ".work"  # half-made items, and the lock; gone when a run ends
CHUNK = 1 << 20
Write = Callable[[Path], Mapping[str, Any]]


def put_item(folder: Path, item_id: str, write: Write) -> None:
    """Make one item in a folder of its own and put it into its place, whole or not at all.

    Parameters
    ----------
    folder : Path
        Of the batch.
    item_id : str
    write : callable
        Writes the item's files into the folder that it is given, and returns the content of `meta.json`.
    """
    half = folder / WORK / secrets.token_hex(8)
    half.mkdir(parents=True)
    try:
        put_json(half / META, write(half))
        _put_in_place(half, folder / ITEMS / item_id)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def put_error(folder: Path, item_id: str, told: Mapping[str, Any]) -> None:
    """Say in an item's place why it could not be made."""
    half = folder / WORK / secrets.token_hex(8)
    half.mkdir(parents=True)
    try:
        put_json(half / ERROR, told)
        _put_in_place(half, folder / ITEMS / item_id)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _put_in_place(half: Path, place: Path) -> None:
    """Add the checksums and move a folder to its place, in place of what is not whole there."""
    lines = [f"{file_digest(path)}  {path.name}\n" for path in sorted(half.iterdir())]
    (half / SUMS).write_text("".join(lines), "utf-8")
    place.parent.mkdir(exist_ok=True)
    for _ in range(3):
        try:
            half.rename(place)
            return
        except OSError:
            if is_whole(place):  # another worker has just made it
                return
            shutil.rmtree(place, ignore_errors=True)
    half.rename(place)


def is_whole(place: Path) -> bool:
    """Return whether a folder holds a finished item whose files have their checksums, and nothing else."""
    try:
        sums = read_sums(place / SUMS)
        names = {path.name for path in place.iterdir()} - {SUMS}
        return META in names and names == set(sums) and all(file_digest(place / n) == digest for n, digest in sums.items())
    except (OSError, ValueError):
        return False


def read_sums(path: Path) -> dict[str, str]:
    """Return the checksums of a file in the form of `sha256sum`, by name. Raises ValueError if it is none."""
    out = {}
    for line in path.read_text("utf-8").splitlines():
        digest, gap, name = line[:64], line[64:66], line[66:]
        if gap != "  " or not name or len(digest) != 64:
            raise ValueError(f"{path} is no list of checksums.")
        out[name] = digest
    return out


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def put_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    put_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def put_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        part.write_text(text, "utf-8", newline="\n")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def put_sums(folder: Path, item_ids: list[str]) -> None:
    """Write the checksums of all that is finished, for `sha256sum -c`."""
    lines = [f"{file_digest(folder / name)}  {name}\n" for name in (MANIFEST, INDEX)]
    for item_id in item_ids:
        place = folder / ITEMS / item_id
        sums = read_sums(place / SUMS) | {SUMS: file_digest(place / SUMS)}
        lines += [f"{digest}  {ITEMS}/{item_id}/{name}\n" for name, digest in sums.items()]
    put_text(folder / SUMS, "".join(lines))


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder for one run, so that two do not make the same items; what an earlier run left half-made is removed.

    Raises
    ------
    BlockingIOError
        If another run holds it.
    """
    work = folder / WORK
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        with suppress(ImportError):  # a system without file locks: the user keeps to one run
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in work.iterdir():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        yield
        shutil.rmtree(work, ignore_errors=True)
