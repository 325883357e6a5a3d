"""Files of a published atlas: which there are, and a copy of them in a folder or a ZIP file, each checked before it is used."""

from __future__ import annotations

import hashlib
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from meshes._check import check_choice
from meshes.points import load_table

ATLASES = ("bodyparts3d",)
MOST_MEMBERS = 50_000
MOST_UNPACKED_BYTES = 4_000_000_000  # of a whole archive, as it says itself
BLOCK = 1 << 20


class AtlasFault(ValueError):
    """What is wrong with a copy of an atlas; its text is one line."""


@dataclass(frozen=True)
class AtlasPart:
    """One published file.

    Parameters
    ----------
    file, fma, name : str
        Of the file, and of what it shows.
    key : str
        The structure that it is part of; empty if it is not used.
    most_bytes : int
        Its size, or the most that is accepted where that is not known.
    sha256, git_blob : str
        One of them is known: SHA-256 of the content, or SHA-1 of 'blob SIZE', a zero byte and the content.
    """

    file: str
    fma: str
    name: str
    key: str
    most_bytes: int
    sha256: str = ""
    git_blob: str = ""

    @property
    def needed(self) -> bool:
        """Whether an atlas without it is not installed."""
        return bool(self.key and self.sha256)

    def fault(self, content: bytes) -> str:
        """Return what is wrong with a content; empty if it is the published one."""
        if self.sha256 and len(content) != self.most_bytes:
            return f"{self.file} ({self.name}) has {len(content):,} bytes, not {self.most_bytes:,}"
        if self.sha256:
            wrong = hashlib.sha256(content).hexdigest() != self.sha256
        else:
            blob = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
            blob.update(content)
            wrong = blob.hexdigest() != self.git_blob
        return f"{self.file} ({self.name}) is not the published file: its {self.measure} is another" if wrong else ""

    @property
    def measure(self) -> str:
        """The measure by which it is known."""
        return "SHA-256" if self.sha256 else "git blob id"


@dataclass(frozen=True)
class Atlas:
    """A published atlas.

    Parameters
    ----------
    name : str
    parts : tuple of AtlasPart
    table : mapping
        The rest of its data table: title, credit, licence, addresses, mending.
    """

    name: str
    parts: tuple[AtlasPart, ...]
    table: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """A name for all that it is made of."""
        return hashlib.sha256(repr((self.parts, self.table["mending"])).encode()).hexdigest()


class Copy(Protocol):
    """A copy of an atlas: names of the files that are there, and their contents."""

    @property
    def place(self) -> Path:
        """Where it is."""

    def sizes(self) -> Mapping[str, int]:
        """Return the bytes of each file by its name."""

    def read(self, file: str, most: int) -> bytes:
        """Return the content of a file, at most `most` bytes and one."""


@cache
def atlas(name: str) -> Atlas:
    """Return a published atlas by its name. Raises ValueError naming the nearest."""
    table = load_table(f"atlas_{check_choice('atlas', name, ATLASES)}")
    most = int(table["mending"]["most_bytes"])
    rows = ({"most_bytes": row.get("bytes", most)} | {k: v for k, v in row.items() if k != "bytes"} for row in table["part"])
    parts = [AtlasPart(**row) for row in rows]
    return Atlas(name, tuple(parts), {k: v for k, v in table.items() if k != "part"})


@contextmanager
def opened(path: str | Path, known: Atlas) -> Iterator[Copy]:
    """Open a copy of an atlas in a folder or a ZIP file.

    Raises
    ------
    AtlasFault
        If it is neither, or the ZIP file is damaged or means harm.
    OSError
        If it cannot be read.
    """
    place = Path(path)
    wanted = {p.file for p in known.parts}
    if place.is_dir():
        yield _Folder(_home(place, wanted))
        return
    if not place.exists():
        raise AtlasFault(f"{place} is not there; give the folder or the ZIP file that holds the atlas.")
    if not place.is_file() or not zipfile.is_zipfile(place):
        raise AtlasFault(f"{place} is neither a folder nor a whole ZIP file.")
    try:
        archive = zipfile.ZipFile(place)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError) as error:
        raise AtlasFault(f"{place} is a damaged ZIP file ({error}).") from error
    with archive:
        yield _Zip(place, archive, _members(place, archive, wanted))


def checked(copy: Copy, part: AtlasPart) -> bytes:
    """Return the content of a part. Raises AtlasFault if it is not the published one."""
    size = copy.sizes().get(part.file)
    if size is None:
        raise AtlasFault(f"{copy.place} has no {part.file} ({part.name}).")
    if size > part.most_bytes:
        raise AtlasFault(f"{copy.place}: {part.file} ({part.name}) has {size:,} bytes, not {part.most_bytes:,}.")
    content = copy.read(part.file, part.most_bytes)
    fault = part.fault(content)
    if fault:
        raise AtlasFault(f"{copy.place}: {fault}.")
    return content


def faults(copy: Copy, known: Atlas) -> tuple[str, ...]:
    """Return what is wrong with a copy, one line each: files that are needed and absent, or not the published ones."""
    found, have = [], copy.sizes()
    for part in known.parts:
        if part.file in have or part.needed:
            try:
                checked(copy, part)
            except AtlasFault as fault:
                found.append(str(fault))
    return tuple(found)


def absent(copy: Copy, known: Atlas) -> tuple[AtlasPart, ...]:
    """Return the parts that are used where they are there, and are not there."""
    have = copy.sizes()
    return tuple(p for p in known.parts if p.key and not p.needed and p.file not in have)


@dataclass(frozen=True)
class _Folder:
    place: Path

    def sizes(self) -> Mapping[str, int]:
        return {p.name: p.stat().st_size for p in self.place.iterdir() if p.is_file()}

    def read(self, file: str, most: int) -> bytes:
        with (self.place / file).open("rb") as opened:
            return opened.read(most + 1)


@dataclass(frozen=True)
class _Zip:
    place: Path
    archive: zipfile.ZipFile
    members: Mapping[str, zipfile.ZipInfo]

    def sizes(self) -> Mapping[str, int]:
        return {name: info.file_size for name, info in self.members.items()}

    def read(self, file: str, most: int) -> bytes:
        try:
            with self.archive.open(self.members[file]) as opened:
                return opened.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise AtlasFault(f"{self.place}: {file} is damaged ({error}).") from error


def _home(place: Path, wanted: set[str]) -> Path:
    """The folder itself, or the one folder in it that holds the files."""
    for folder in (place, *sorted(p for p in place.iterdir() if p.is_dir())):
        if any((folder / file).is_file() for file in wanted):
            return folder
    return place


def _members(place: Path, archive: zipfile.ZipFile, wanted: set[str]) -> dict[str, zipfile.ZipInfo]:
    """The wanted members by file name; the archive is refused whole if any member means harm."""
    infos = archive.infolist()
    unpacked = sum(info.file_size for info in infos)
    if len(infos) > MOST_MEMBERS or unpacked > MOST_UNPACKED_BYTES:
        raise AtlasFault(
            f"{place} unpacks to {len(infos):,} files, {unpacked / 1e9:,.1f} GB; that is no atlas and is left alone."
        )
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or any(":" in p for p in path.parts[:1]):
            raise AtlasFault(f"{place} holds {info.filename!r}, which points out of it; it is left alone.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise AtlasFault(f"{place} holds the link {info.filename!r}; it is left alone.")
        if path.name in wanted and not info.is_dir():
            if path.name in found:
                raise AtlasFault(f"{place} holds {path.name} twice; it is left alone.")
            found[path.name] = info
    return found
