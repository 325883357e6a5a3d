"""STL and PLY as arrays; what a header declares is held against the file before anything is made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.importing.limits import AGAIN, LIMITS, Limits, check_count, check_room, numbers_in, triangles
from meshes.importing.raw import Frame, ImportFault, RawPart, Unit

STL_HEAD = 84
FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
PLY_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
GROUPS = ("part", "group", "label", "object", "object_id", "segment")  # properties of faces by which a PLY is parted


def told_of(text: str) -> tuple[Unit | None, Frame | None]:
    """Return unit and frame that a header tells in the words SPACE=RAS and UNIT=mm, as 3D Slicer and Inion write them."""
    frame = re.search(r"\bSPACE\s*[=:]\s*(RAS|LPS)\b", text, re.IGNORECASE)
    unit = re.search(r"\bUNITS?\s*[=:]\s*(mm|cm|m)\b", text, re.IGNORECASE)
    frames: dict[str, Frame] = {"ras": "ras", "lps": "lps"}
    units: dict[str, Unit] = {"mm": "mm", "cm": "cm", "m": "m"}
    return (units[unit[1].lower()] if unit else None), (frames[frame[1].lower()] if frame else None)


def welded(corners: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return vertices (n, 3) and faces (m, 3) of triangles (m, 3, 3): corners at exactly one place become one vertex."""
    flat = np.ascontiguousarray(corners.reshape(-1, 3)) + 0.0  # -0.0 and 0.0 are one place
    rows = flat.view(np.dtype((np.void, flat.dtype.itemsize * 3))).ravel()
    _, first, back = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return flat[first[order]].astype(np.float64), rank[back.ravel()].reshape(-1, 3)


def read_stl(origin: str, name: str, data: bytes, limits: Limits = LIMITS) -> list[RawPart]:
    """Return the surfaces of an STL, binary or text; each `solid` of a text is a part.

    Raises
    ------
    ImportFault
        If the number of triangles does not fit the file, or the text is none.
    """
    count = int.from_bytes(data[80:STL_HEAD], "little") if len(data) >= STL_HEAD else -1
    needed = STL_HEAD + count * FACET.itemsize
    looks_like_text = re.match(rb"\s*solid\b", data) is not None and b"facet" in data[:2000]
    if count >= 0 and (needed == len(data) or (not looks_like_text and needed <= len(data))):
        check_count(origin, "triangles", count, limits.faces)
        if count == 0:
            raise ImportFault(f"{origin} holds no triangle; export it again, or leave it out.")
        corners = np.frombuffer(data, dtype=FACET, count=count, offset=STL_HEAD)["corners"]
        unit, frame = told_of(data[:80].decode("latin-1"))
        return [RawPart(name, origin, *welded(corners), unit=unit, frame=frame)]
    if not looks_like_text:
        if len(data) < STL_HEAD:
            raise ImportFault(f"{origin} is too short for an STL ({len(data)} bytes); {AGAIN}")
        check_room(origin, f"{count:,} triangles", needed, len(data))
    return _text_stl(origin, name, data, limits)


def _text_stl(origin: str, name: str, data: bytes, limits: Limits) -> list[RawPart]:
    unit, frame = told_of(data[:2000].decode("latin-1"))
    out: list[RawPart] = []
    faces = 0
    for told, body in _solids(data):
        rows = re.findall(rb"\bvertex\s+([^\r\n]+)", body, re.IGNORECASE)
        faces += len(rows) // 3
        check_count(origin, "triangles", faces, limits.faces)
        numbers = numbers_in(origin, b" ".join(rows))
        loops = len(re.findall(rb"\bouter\s+loop", body))
        if not rows or len(numbers) != 3 * len(rows) or len(rows) != 3 * loops:
            raise ImportFault(f"{origin} has a solid that is not made of whole triangles; {AGAIN}")
        out.append(RawPart(told or name, origin, *welded(numbers.reshape(-1, 3, 3)), unit=unit, frame=frame))
    if not re.search(rb"\bendsolid\b", data[-2000:]):
        raise ImportFault(f"{origin} ends before its solid does; {AGAIN}")
    return [out[0].renamed(name, origin)] if len(out) == 1 else out


def _solids(data: bytes) -> list[tuple[str, bytes]]:
    """Names and texts of the solids of a text STL."""
    starts = list(re.finditer(rb"^[ \t]*solid\b([^\r\n]*)", data, re.MULTILINE))
    ends = [m.start() for m in starts[1:]] + [len(data)]
    return [(m[1].decode("latin-1").strip(), data[m.end() : end]) for m, end in zip(starts, ends, strict=True)]


@dataclass(frozen=True)
class _Element:
    name: str
    count: int
    properties: tuple[tuple[str, str, str | None], ...]  # name, type, type of the length of a list

    @property
    def has_lists(self) -> bool:
        return any(length for _, _, length in self.properties)


Columns = dict[str, Any]


def read_ply(origin: str, name: str, data: bytes, limits: Limits = LIMITS) -> list[RawPart]:
    """Return the surfaces of a PLY, text or binary; faces that carry a number of their group are parted by it.

    Raises
    ------
    ImportFault
        If the header does not fit the file, or there are no points or faces.
    """
    end = re.search(rb"end_header\r?\n", data[: 1 << 16])
    if not data.startswith(b"ply") or end is None:
        raise ImportFault(f"{origin} has no PLY header; {AGAIN}")
    lines = data[: end.start()].decode("latin-1").splitlines()
    elements, order = _ply_head(origin, lines, limits)
    unit, frame = told_of("\n".join(line for line in lines if line.startswith(("comment", "obj_info"))))
    body = data[end.end() :]
    read = _ply_text(origin, elements, body) if order is None else _ply_binary(origin, elements, body, order)
    vertex, face = read.get("vertex", {}), read.get("face", {})
    corners = face.get("vertex_indices", face.get("vertex_index"))
    if not {"x", "y", "z"} <= vertex.keys() or corners is None:
        raise ImportFault(f"{origin} holds no surface (points and faces); export it as one, or leave it out.")
    points = np.column_stack([vertex[k] for k in "xyz"]).astype(np.float64)
    values, offsets = corners
    by = next((g for g in GROUPS if g in face and face[g].dtype.kind in "iu"), None)
    groups = np.zeros(len(offsets) - 1, dtype=np.int64) if by is None else face[by].astype(np.int64)
    sizes = np.maximum(np.diff(offsets) - 2, 0)
    check_count(origin, "triangles", int(sizes.sum()), limits.faces)
    faces, owner = triangles(origin, values, offsets), np.repeat(groups, sizes)
    kinds = np.unique(owner)
    check_count(origin, "groups of faces", len(kinds), limits.labels)
    colour = _mean_colour(vertex)
    whole = RawPart(name, origin, points, faces, colour, None, unit, frame)
    if len(kinds) <= 1:
        return [whole]
    return [
        RawPart(f"{name} {by} {kind}", origin, *pruned(points, faces[owner == kind]), colour, None, unit, frame) for kind in kinds
    ]


def pruned(points: NDArray[np.float64], faces: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the points that faces use, and the faces by their new numbers."""
    used, back = np.unique(faces, return_inverse=True)
    return points[used], back.reshape(-1, 3).astype(np.int64)


def _mean_colour(vertex: Columns) -> tuple[float, float, float] | None:
    if not all(k in vertex and vertex[k].dtype == np.uint8 and len(vertex[k]) for k in ("red", "green", "blue")):
        return None
    red, green, blue = (float(np.mean(vertex[k])) / 255 for k in ("red", "green", "blue"))
    return red, green, blue


def _ply_head(origin: str, lines: list[str], limits: Limits) -> tuple[list[_Element], str | None]:
    """Elements, and the order of bytes ('<' or '>'), None for text."""
    orders = {"ascii": None, "binary_little_endian": "<", "binary_big_endian": ">"}
    order: str | None = "?"
    elements: list[_Element] = []
    for line in lines:
        match line.split():
            case ["format", kind, *_] if kind in orders:
                order = orders[kind]
            case ["element", name, count] if count.isascii() and count.isdigit() and len(count) < 20:
                elements.append(_Element(name, check_count(origin, f"rows of {name}", int(count), 3 * limits.faces), ()))
            case ["property", "list", length, kind, name] if elements and PLY_TYPES.get(length, "f")[0] in "iu":
                elements[-1] = _with(origin, elements[-1], (name, kind, length))
            case ["property", kind, name] if elements:
                elements[-1] = _with(origin, elements[-1], (name, kind, None))
            case ["ply"] | ["comment", *_] | ["obj_info", *_] | []:
                pass
            case _:
                raise ImportFault(f"{origin} has the line {line[:60]!r} in its header, which is no PLY; {AGAIN}")
    if order == "?":
        raise ImportFault(f"{origin} does not say whether it is text or binary; {AGAIN}")
    return elements, order


def _with(origin: str, element: _Element, added: tuple[str, str, str | None]) -> _Element:
    if added[1] not in PLY_TYPES or added[0] in (p[0] for p in element.properties):
        raise ImportFault(f"{origin} has the property {added[0]!r} of type {added[1]!r} in its header, which is no PLY; {AGAIN}")
    return _Element(element.name, element.count, (*element.properties, added))


def _ply_binary(origin: str, elements: list[_Element], body: bytes, order: str) -> dict[str, Columns]:
    out: dict[str, Columns] = {}
    at = 0
    for element in elements:
        least = sum(np.dtype(PLY_TYPES[length or kind]).itemsize for _, kind, length in element.properties)
        check_room(origin, f"{element.count:,} rows of {element.name}", element.count * least, len(body) - at)
        if element.count == 0 or not element.properties:
            continue
        if element.has_lists:
            out[element.name], at = _binary_lists(origin, element, body, at, order)
            continue
        kind = np.dtype([(n, order + PLY_TYPES[k]) for n, k, _ in element.properties])
        rows = np.frombuffer(body, kind, element.count, at)
        out[element.name] = {n: rows[n].astype(rows[n].dtype.newbyteorder("=")) for n, _, _ in element.properties}
        at += element.count * kind.itemsize
    return out


def _binary_lists(origin: str, element: _Element, body: bytes, at: int, order: str) -> tuple[Columns, int]:
    """Rows that hold lists: at once where all are as long as the first, else one by one."""
    fields: list[tuple[Any, ...]] = []
    spot = at
    for name, kind, length in element.properties:  # the first row tells how long the lists may all be
        item = np.dtype(order + PLY_TYPES[kind])
        if length is None:
            fields.append((name, item))
            spot += item.itemsize
            continue
        size = np.dtype(order + PLY_TYPES[length])
        check_room(origin, element.name, spot + size.itemsize, len(body))
        n = int(np.frombuffer(body, size, 1, spot)[0])
        check_room(origin, f"a list of {n:,}", n * item.itemsize, len(body) - spot - size.itemsize)
        fields += [(f"{name} length", size), (name, item, (n,))]
        spot += size.itemsize + n * item.itemsize
    whole = np.dtype(fields)
    if at + element.count * whole.itemsize <= len(body):
        rows = np.frombuffer(body, whole, element.count, at)
        if all((rows[f"{n} length"] == rows[n].shape[1]).all() for n, _, length in element.properties if length):
            columns: Columns = {}
            for name, _, length in element.properties:
                values = rows[name].astype(rows[name].dtype.newbyteorder("="))
                columns[name] = values if length is None else (values.ravel(), np.arange(element.count + 1) * values.shape[1])
            return columns, at + element.count * whole.itemsize
    return _uneven_lists(origin, element, body, at, order)


def _uneven_lists(origin: str, element: _Element, body: bytes, at: int, order: str) -> tuple[Columns, int]:
    kinds = [
        (n, np.dtype(order + PLY_TYPES[k]), None if s is None else np.dtype(order + PLY_TYPES[s]))
        for n, k, s in element.properties
    ]
    held: dict[str, list[Any]] = {n: [] for n, _, _ in kinds}
    for _ in range(element.count):
        for name, item, size in kinds:
            n = 1
            if size is not None:
                check_room(origin, element.name, at + size.itemsize, len(body))
                n = int(np.frombuffer(body, size, 1, at)[0])
                at += size.itemsize
            check_room(origin, f"a list of {n:,}", n * item.itemsize, len(body) - at)
            held[name].append(np.frombuffer(body, item, n, at))
            at += n * item.itemsize
    out: Columns = {}
    for name, item, size in kinds:
        values = np.concatenate(held[name]).astype(item.newbyteorder("="))
        out[name] = values if size is None else (values, np.cumsum([0, *map(len, held[name])]))
    return out, at


def _ply_text(origin: str, elements: list[_Element], body: bytes) -> dict[str, Columns]:
    numbers = numbers_in(origin, body)
    out: dict[str, Columns] = {}
    at = 0
    for element in elements:
        width = len(element.properties)
        if element.count * width > len(numbers) - at:
            raise ImportFault(f"{origin} declares {element.count:,} rows of {element.name} and ends before; {AGAIN}")
        if element.has_lists:
            out[element.name], at = _text_lists(origin, element, numbers, at)
            continue
        rows = numbers[at : at + element.count * width].reshape(-1, max(width, 1))
        out[element.name] = {
            n: rows[:, i].astype(PLY_TYPES[k]) if PLY_TYPES[k][0] in "iu" else rows[:, i]
            for i, (n, k, _) in enumerate(element.properties)
        }
        at += element.count * width
    return out


def _text_lists(origin: str, element: _Element, numbers: NDArray[np.float64], at: int) -> tuple[Columns, int]:
    held: dict[str, list[Any]] = {n: [] for n, _, _ in element.properties}
    for _ in range(element.count):
        for name, _, length in element.properties:
            n = 1
            if length is not None:
                n = int(numbers[at]) if at < len(numbers) and 0 <= numbers[at] <= len(numbers) else -1
                at += 1
            if n < 0 or at + n > len(numbers):
                raise ImportFault(f"{origin} ends within a list of {element.name}; {AGAIN}")
            held[name].append(numbers[at : at + n])
            at += n
    out: Columns = {}
    for name, kind, length in element.properties:
        values = np.concatenate(held[name]) if held[name] else np.zeros(0)
        values = values.astype(np.int64) if PLY_TYPES[kind][0] in "iu" else values
        out[name] = values if length is None else (values, np.cumsum([0, *map(len, held[name])]))
    return out, at
