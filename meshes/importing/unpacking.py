"""Where files lie: in a folder or in a zip, whose members are read one by one, in memory, and never written anywhere."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from meshes.importing.limits import AGAIN, LIMITS, Limits, check_count, faults_of
from meshes.importing.raw import ImportFault

LINK = 0o120000
DEEPEST = 12  # folders within folders


class Shelf(Protocol):
    """A place that holds files by relative path."""

    @property
    def limits(self) -> Limits:
        """What is too large."""

    def names(self) -> tuple[str, ...]:
        """Return the paths of all files, in order."""

    def has(self, name: str) -> bool:
        """Whether there is a file at a path, listed or not."""

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises ImportFault."""

    def told(self, name: str) -> str:
        """Return how a file is called in messages."""


@dataclass(frozen=True)
class File:
    """A file on a shelf."""

    shelf: Shelf
    name: str

    @property
    def origin(self) -> str:
        """How it is called in messages."""
        return self.shelf.told(self.name)

    @property
    def limits(self) -> Limits:
        """What is too large."""
        return self.shelf.limits

    @property
    def base(self) -> str:
        """Its name without folders."""
        return PurePosixPath(self.name).name

    def read(self) -> bytes:
        """Return its content. Raises ImportFault if it cannot be read, or is empty."""
        data = self.shelf.read(self.name)
        if not data:
            raise ImportFault(f"{self.origin} is empty; export or copy it again, or leave it out.")
        return data

    def beside(self, relative: str) -> File:
        """Return the file that this one names by a path. Raises ImportFault if it is not there, or lies outside the folder."""
        found = self.find(relative)
        if found is None:
            raise ImportFault(f"{self.origin} needs {relative[:80]!r}, which is not beside it; put it there.")
        return found

    def find(self, relative: str) -> File | None:
        """Return the file at a path relative to this one, if it is there. Raises ImportFault if that leads outside the folder."""
        path = inside(self.origin, str(PurePosixPath(self.name).parent), relative)
        return File(self.shelf, path) if self.shelf.has(path) else None


def inside(origin: str, folder: str, relative: str) -> str:
    """Return `folder`/`relative` without dots. Raises ImportFault if it leads out of the shelf, or is an address."""
    text = relative.replace("\\", "/")
    out = [p for p in PurePosixPath(folder).parts if p != "."]
    parts = PurePosixPath(text).parts
    if not parts or text.startswith("/") or ":" in text or "\0" in text:
        raise ImportFault(f"{origin} names the file {relative[:80]!r}, which leads elsewhere; only files beside it are read.")
    for part in parts:
        if part == "..":
            if not out:
                raise ImportFault(f"{origin} names the file {relative[:80]!r}, which lies outside its folder; put it inside.")
            out.pop()
        elif part != ".":
            out.append(part)
    return "/".join(out)


@dataclass(frozen=True)
class Folder:
    """The files of a folder and of the folders in it; what is hidden is passed over, links to folders are not followed."""

    root: Path
    listed: tuple[str, ...]
    limits: Limits
    called: str  # before the names in messages

    @classmethod
    def of(cls, root: Path, limits: Limits = LIMITS, *, called: str = "", depth: int = DEEPEST) -> Folder:
        """List a folder. Raises ImportFault if it holds too many files, or one in it cannot be opened."""

        def closed(error: OSError) -> None:
            why = (error.strerror or "it failed").lower()
            raise ImportFault(f"{error.filename}: the folder cannot be opened: {why}. Let it be read, or import the parts alone.")

        found: list[str] = []
        for at, folders, files in os.walk(root, onerror=closed):
            here = Path(at)
            level = len(here.relative_to(root).parts)
            folders[:] = sorted(f for f in folders if not hidden(f)) if level < depth else []
            found += [(here / f).relative_to(root).as_posix() for f in sorted(files) if not hidden(f) and (here / f).is_file()]
            if len(found) > limits.files:
                raise ImportFault(f"{root.name} holds more than {limits.files:,} files; import only the parts.")
        return cls(root, tuple(found), limits, called)

    def names(self) -> tuple[str, ...]:
        """Return the paths of all files, in order."""
        return self.listed

    def has(self, name: str) -> bool:
        """Whether there is a file at a path, listed or not; one that a link leads to outside the folder is not there."""
        path = self.root / name
        return path.is_file() and path.resolve().is_relative_to(self.root.resolve())

    def told(self, name: str) -> str:
        """Return how a file is called in messages."""
        return f"{self.called}{name}"

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises ImportFault."""
        path = self.root / name
        try:
            size = path.stat().st_size
            check_count(self.told(name), "bytes", size, self.limits.file_bytes)
            return path.read_bytes()
        except OSError as error:
            raise ImportFault(f"{self.told(name)} cannot be read: {(error.strerror or 'it failed').lower()}.") from None


class Zip:
    """The files of a zip, checked before any is read: paths, links, duplicates, sizes.

    Raises
    ------
    ImportFault
        If it is no zip, or holds what no honest one does.
    """

    def __init__(self, path: Path, limits: Limits = LIMITS) -> None:
        self.called, self.limits = path.name, limits
        with faults_of(path.name):
            try:
                self._archive = zipfile.ZipFile(path)
            except (zipfile.BadZipFile, EOFError):
                raise ImportFault(f"{path.name} is no zip file that can be read; {AGAIN}") from None
        try:
            self._members = self._checked()
        except BaseException:
            self._archive.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._archive.close()

    def names(self) -> tuple[str, ...]:
        """Return the paths of all files, in order."""
        return tuple(sorted(n for n in self._members if not any(hidden(p) for p in PurePosixPath(n).parts)))

    def has(self, name: str) -> bool:
        """Whether there is a file at a path."""
        return name in self._members

    def told(self, name: str) -> str:
        """Return how a file is called in messages."""
        return f"{self.called}/{name}"

    def read(self, name: str) -> bytes:
        """Return the content of a member, never more than it declares. Raises ImportFault."""
        info = self._members[name]
        with faults_of(self.told(name)):
            if info.flag_bits & 1:
                raise ImportFault(f"{self.told(name)} is locked by a password; unpack it yourself, and import the folder.")
            with self._archive.open(info) as stream:
                return stream.read(info.file_size + 1)

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        """Its files by path."""
        infos = self._archive.infolist()
        if len(infos) > self.limits.files:
            raise ImportFault(f"{self.called} holds {len(infos):,} files, more than {self.limits.files:,}; pack the parts only.")
        out: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = self._safe(info)
            if info.is_dir():
                continue
            if name in out:
                raise ImportFault(f"{self.called} holds {name!r} twice; pack it again.")
            check_count(self.told(name), "bytes", info.file_size, self.limits.file_bytes)
            out[name] = info
        check_count(self.called, "bytes unpacked", sum(i.file_size for i in out.values()), self.limits.total_bytes)
        return out

    def _safe(self, info: zipfile.ZipInfo) -> str:
        """The path of a member, if it stays within the zip."""
        name = info.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or ":" in name or not parts:
            raise ImportFault(f"{self.called} holds the path {name[:80]!r}, which leads out of it; pack it again without.")
        if stat.S_IFMT(info.external_attr >> 16) == LINK:
            raise ImportFault(f"{self.called} holds the link {name[:80]!r}; pack the file itself.")
        return "/".join(parts)


def hidden(name: str) -> bool:
    """Whether a file or folder is one that systems leave behind, or that is hidden."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def shelves(paths: Sequence[Path], limits: Limits = LIMITS) -> Iterator[tuple[Shelf, tuple[str, ...]]]:
    """Yield the shelves of what a user names, and which of their files are meant.

    Parameters
    ----------
    paths : sequence of Path
        Folders, zips and files; files of one folder share a shelf.

    Raises
    ------
    ImportFault
        If one is not there, or is neither a file nor a folder.
    """
    alone: dict[Path, list[str]] = {}
    several = len(paths) > 1
    for path in paths:
        if path.is_dir():
            folder = Folder.of(path, limits, called=f"{path.name}/" if several else "")
            packs = [n for n in folder.names() if n.lower().endswith(".zip")]
            yield folder, tuple(n for n in folder.names() if n not in packs)
            for name in packs:
                yield from _unpacked(path / name, limits)
        elif not path.is_file():
            raise ImportFault(f"{path} is not there; name a file or a folder of parts.")
        elif path.suffix.lower() == ".zip":
            yield from _unpacked(path, limits)
        else:
            alone.setdefault(path.parent, []).append(path.name)
    for parent, names in alone.items():
        listed = tuple(dict.fromkeys(names))
        yield Folder(parent, listed, limits, ""), listed


def _unpacked(path: Path, limits: Limits) -> Iterator[tuple[Shelf, tuple[str, ...]]]:
    packed = Zip(path, limits)
    try:
        yield packed, packed.names()
    finally:
        packed.close()
