"""Surfaces in the older format of VTK (`.vtk`), text and binary: read here, as VTK's readers trust what a header declares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.importing.limits import AGAIN, LIMITS, Limits, check_count, check_room, numbers_in, strips, triangles
from meshes.importing.raw import ImportFault, RawPart
from meshes.importing.stl_ply import told_of

TYPES = {
    "unsigned_char": "u1", "char": "i1", "unsigned_short": "u2", "short": "i2", "unsigned_int": "u4", "int": "i4",
    "unsigned_long": "u8", "long": "i8", "float": "f4", "double": "f8", "vtkidtype": "i8", "vtktypeint64": "i8",
}  # fmt: skip
Numbers = NDArray[Any]


@dataclass
class _Reader:
    """A place in the file."""

    origin: str
    data: bytes
    binary: bool
    at: int = 0

    def line(self) -> str | None:
        """The next line that is not empty, or None at the end."""
        while self.at < len(self.data):
            end = self.data.find(b"\n", self.at, self.at + 100_000)
            end = min(len(self.data), self.at + 100_000) if end < 0 else end
            text = self.data[self.at : end].decode("latin-1").strip()
            self.at = end + 1
            if text:
                return text
        return None

    def numbers(self, count: int, kind: str) -> Numbers:
        """The next numbers, of a type as numpy calls it."""
        item = np.dtype(">" + kind)
        if self.binary:
            check_room(self.origin, f"{count:,} numbers", count * item.itemsize, len(self.data) - self.at)
            out = np.frombuffer(self.data, item, count, self.at)
            self.at += count * item.itemsize
            return out.astype(item.newbyteorder("="))
        check_room(self.origin, f"{count:,} numbers", 2 * count - 1 if count else 0, len(self.data) - self.at)
        end = self._end_of_numbers()
        out = numbers_in(self.origin, self.data[self.at : end])
        if len(out) < count:
            raise ImportFault(f"{self.origin} declares {count:,} numbers and ends after {len(out):,}; {AGAIN}")
        self.at = end
        return out[:count] if kind[0] == "f" else out[:count].astype(np.int64)

    def _end_of_numbers(self) -> int:
        """Where the next word begins that is no number; `nan` and `inf` count as numbers."""
        found = re.compile(rb"(?:^|(?<=\s))(?!nan\b|inf\b)[A-Za-z]", re.IGNORECASE).search(self.data, self.at)
        return found.start() if found else len(self.data)


def read_vtk(origin: str, name: str, data: bytes, limits: Limits = LIMITS) -> list[RawPart]:
    """Return the surface of a legacy VTK file, if it holds polygons or strips.

    Raises
    ------
    ImportFault
        If it holds another kind of data, or the counts do not fit the file.
    """
    head = data[:1024].split(b"\n", 3)
    if len(head) < 4 or not head[0].startswith(b"# vtk DataFile Version"):
        raise ImportFault(f"{origin} has no VTK header; {AGAIN}")
    coding = head[2].strip().upper()
    if coding not in (b"ASCII", b"BINARY"):
        raise ImportFault(f"{origin} does not say whether it is text or binary; {AGAIN}")
    version = re.search(rb"Version\s+(\d+)", head[0])
    reader = _Reader(origin, data, coding == b"BINARY", sum(len(h) + 1 for h in head[:3]))
    line = reader.line() or ""
    if line.upper().split() != ["DATASET", "POLYDATA"]:
        raise ImportFault(f"{origin} holds no surface ({line[:40]!r}); save it as polygonal data.")
    told: dict[str, str] = {}
    points, faces = _surface(reader, int(version[1]) if version else 3, limits, told)
    unit, frame = told_of(head[1].decode("latin-1") + " " + " ".join(f"{k}={v}" for k, v in told.items()))
    return [RawPart(name, origin, points, faces, None, told.get("key"), unit, frame)]


def _surface(
    reader: _Reader, version: int, limits: Limits, told: dict[str, str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points and triangles; texts of the fields go into `told`."""
    points: NDArray[np.float64] | None = None
    faces: list[NDArray[np.int64]] = []
    while (line := reader.line()) is not None:
        words = line.split()
        word = words[0].upper()
        if word == "POINTS" and len(words) == 3:
            count = _count(reader.origin, words[1], "points", 3 * limits.faces)
            points = reader.numbers(3 * count, _type(reader.origin, words[2])).reshape(-1, 3).astype(np.float64)
        elif word in ("POLYGONS", "TRIANGLE_STRIPS", "LINES", "VERTICES") and len(words) == 3:
            cells = _cells(reader, words, version, limits)
            if word == "POLYGONS":
                faces.append(triangles(reader.origin, *cells))
            elif word == "TRIANGLE_STRIPS":
                faces.append(strips(reader.origin, *cells))
        elif word in ("POINT_DATA", "CELL_DATA"):
            break
        elif word == "METADATA":
            _pass_over(reader)
        elif word == "FIELD" and len(words) == 3:
            told.update(_fields(reader, _count(reader.origin, words[2], "fields", limits.files), limits))
        else:
            raise ImportFault(f"{reader.origin} has {line[:40]!r} where points or polygons should stand; {AGAIN}")
    found = sum(map(len, faces))
    if points is None or not found:
        raise ImportFault(f"{reader.origin} holds no surface (points and polygons); export it as one, or leave it out.")
    check_count(reader.origin, "triangles", found, limits.faces)
    return points, np.concatenate(faces)


def _fields(reader: _Reader, count: int, limits: Limits) -> dict[str, str]:
    """Texts of the fields; numbers are passed over."""
    out: dict[str, str] = {}
    for _ in range(count):
        words = (reader.line() or "").split()
        if words[:1] == ["METADATA"]:
            _pass_over(reader)
            words = (reader.line() or "").split()
        if len(words) != 4:
            raise ImportFault(f"{reader.origin} has a field that cannot be read; {AGAIN}")
        rows = _count(reader.origin, words[1], "columns", limits.files) * _count(reader.origin, words[2], "rows", limits.faces)
        if words[3].lower() != "string":
            reader.numbers(rows, _type(reader.origin, words[3]))
            continue
        check_room(reader.origin, f"{rows:,} texts", rows, len(reader.data) - reader.at)
        texts = [_text(reader) for _ in range(rows)]
        out[words[0]] = texts[0] if texts else ""
    return out


def _text(reader: _Reader) -> str:
    """The next text: a line, or in a binary file the bytes that its first two bits and the length after them tell."""
    if not reader.binary:
        return reader.line() or ""
    check_room(reader.origin, "a text", 1, len(reader.data) - reader.at)
    wide = {3: 1, 2: 2, 1: 4, 0: 8}[reader.data[reader.at] >> 6]
    length = int.from_bytes(reader.data[reader.at : reader.at + wide], "big") & ((1 << (8 * wide - 2)) - 1)
    reader.at += wide
    check_room(reader.origin, "a text", length, len(reader.data) - reader.at)
    reader.at += length
    return reader.data[reader.at - length : reader.at].decode("utf-8", "replace")


def _pass_over(reader: _Reader) -> None:
    """Skip the block of remarks, which an empty line ends."""
    end = re.compile(rb"\n\s*\n").search(reader.data, reader.at)
    reader.at = end.end() if end else len(reader.data)


def _cells(reader: _Reader, words: list[str], version: int, limits: Limits) -> tuple[Numbers, Numbers]:
    """Corners in a row, and where each polygon begins."""
    first = _count(reader.origin, words[1], "polygons", 4 * limits.faces)
    second = _count(reader.origin, words[2], "corners", 16 * limits.faces)
    if version >= 5:
        told = [_part(reader, "OFFSETS", first), _part(reader, "CONNECTIVITY", second)]
        return told[1], told[0]
    rows = reader.numbers(second, "i4").astype(np.int64)
    sizes: list[int] = []
    at = 0
    for _ in range(first):
        if at >= len(rows) or rows[at] < 0:
            raise ImportFault(f"{reader.origin} has polygons that reach beyond their list of corners; {AGAIN}")
        sizes.append(int(rows[at]))
        at += int(rows[at]) + 1
    if at > len(rows):
        raise ImportFault(f"{reader.origin} has polygons that reach beyond their list of corners; {AGAIN}")
    counts = np.array(sizes, dtype=np.int64)
    keep = np.ones(at, dtype=bool)
    keep[np.cumsum(counts + 1) - counts - 1] = False
    return rows[:at][keep], np.concatenate([[0], np.cumsum(counts)])


def _part(reader: _Reader, word: str, count: int) -> Numbers:
    words = (reader.line() or "").split()
    if len(words) != 2 or words[0].upper() != word:
        raise ImportFault(f"{reader.origin} has no {word} of its polygons; {AGAIN}")
    return reader.numbers(count, _type(reader.origin, words[1])).astype(np.int64)


def _count(origin: str, word: str, what: str, most: int) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 20):
        raise ImportFault(f"{origin} declares {word[:20]!r} {what}, which is no number; {AGAIN}")
    return check_count(origin, what, int(word), most)


def _type(origin: str, word: str) -> str:
    if word.lower() not in TYPES:
        raise ImportFault(f"{origin} holds numbers of the type {word[:20]!r}, which is not known; {AGAIN}")
    return TYPES[word.lower()]
