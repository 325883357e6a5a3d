"""Surfaces and scenes in the XML formats of VTK (`.vtp`, `.vtm`): read here, as VTK's readers trust what a header declares."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from meshes.importing.limits import (
    AGAIN,
    LIMITS,
    Limits,
    check_count,
    check_room,
    colour_from_hex,
    inflated,
    numbers_in,
    strips,
    triangles,
)
from meshes.importing.raw import ImportFault, RawPart
from meshes.importing.stl_ply import told_of
from meshes.importing.unpacking import File

TYPES = {
    "Int8": "i1", "UInt8": "u1", "Int16": "i2", "UInt16": "u2", "Int32": "i4", "UInt32": "u4", "Int64": "i8", "UInt64": "u8",
    "Float32": "f4", "Float64": "f8", "String": "u1",
}  # fmt: skip
PACKERS = {"vtkZLibDataCompressor": "zlib", "vtkLZMADataCompressor": "lzma"}
TEXTS = ("key", "estimated", "SPACE", "unit", "colour", "credit", "licence", "anatomy")
Numbers = NDArray[Any]


@dataclass
class _Xml:
    """A parsed file."""

    origin: str
    root: ElementTree.Element
    appended: bytes
    limits: Limits
    used: int = 0  # bytes unpacked so far
    texts: dict[str, str] = field(default_factory=dict)

    def take(self, count: int) -> int:
        """Note that `count` bytes more are unpacked. Raises ImportFault if a file unpacks to too much."""
        self.used += count
        check_count(self.origin, "bytes unpacked", self.used, self.limits.file_bytes)
        return count


def read_vtp(origin: str, name: str, data: bytes, limits: Limits = LIMITS) -> tuple[list[RawPart], dict[str, str]]:
    """Return the surface of a VTP, if it has polygons or strips, and the texts of its field data.

    Raises
    ------
    ImportFault
        If the counts do not fit the file, or it is packed in a way that is not known.
    """
    xml = _parsed(origin, data, limits)
    whole = xml.root.find("PolyData")
    if xml.root.get("type") != "PolyData" or whole is None:
        raise ImportFault(f"{origin} holds {xml.root.get('type', 'no surface')[:40]}; save it as polygonal data (VTP).")
    _read_texts(xml, whole.find("FieldData"))
    points: list[NDArray[np.float64]] = []
    faces: list[NDArray[np.int64]] = []
    before = 0
    for piece in whole.iter("Piece"):
        p, f = _piece(xml, piece)
        points.append(p)
        faces.append(f + before)
        before += len(p)
    check_count(origin, "triangles", sum(map(len, faces)), limits.faces)
    if not sum(map(len, faces)):
        return [], xml.texts
    unit, frame = told_of(" ".join(f"{k}={v}" for k, v in xml.texts.items()))
    colour = colour_from_hex(xml.texts.get("colour"))
    key, estimated = xml.texts.get("key") or None, xml.texts.get("estimated") == "true"
    part = RawPart(name, origin, np.concatenate(points), np.concatenate(faces), colour, key, unit, frame, estimated)
    return [part], xml.texts


def points_of(origin: str, data: bytes, limits: Limits = LIMITS) -> dict[str, NDArray[np.float64]]:
    """Return the points (3,) of a VTP by the texts of its point data `name`; landmarks of an export of Inion."""
    xml = _parsed(origin, data, limits)
    piece = xml.root.find("PolyData/Piece")
    found = None if piece is None else piece.find("PointData/Array[@Name='name']")
    if piece is None or found is None:
        return {}
    names = _strings(_array(xml, found))
    points, _ = _piece(xml, piece)
    if len(names) != len(points) or not np.isfinite(points).all():
        raise ImportFault(f"{origin} has {len(names)} names for {len(points)} landmarks; {AGAIN}")
    return dict(zip(names, points, strict=True))


def scene_files(file: File, data: bytes, limits: Limits = LIMITS) -> tuple[list[tuple[str, str, File]], dict[str, str]]:
    """Return (block, name, file) of each part of a VTM, and the texts of its field data.

    Raises
    ------
    ImportFault
        If a part is not beside the scene, or lies outside its folder.
    """
    xml = _parsed(file.origin, data, limits)
    scene = xml.root.find("vtkMultiBlockDataSet")
    if scene is None:
        raise ImportFault(f"{file.origin} is no scene of VTK; save it as VTM.")
    _read_texts(xml, xml.root.find("FieldData"))
    out: list[tuple[str, str, File]] = []
    stack = [("", scene, 0)]
    while stack:
        block, node, depth = stack.pop()
        for child in node:
            if child.tag == "DataSet" and child.get("file"):
                out.append((block, child.get("name") or "", file.beside(child.get("file", ""))))
                check_count(file.origin, "parts", len(out), limits.files)
            elif child.tag in ("Block", "Piece"):
                stack.append((child.get("name") or block, child, depth + 1))
    return out, xml.texts


def _parsed(origin: str, data: bytes, limits: Limits) -> _Xml:
    """The tree, and the bytes appended to it, which are no XML."""
    mark = re.search(rb"<AppendedData[^>]*>", data)
    appended = b""
    if mark:
        start = data.find(b"_", mark.end(), mark.end() + 1000)
        end = data.rfind(b"</AppendedData>")
        if start < 0 or end < start:
            raise ImportFault(f"{origin} has no end of its appended data; {AGAIN}")
        appended = data[start + 1 : end]
        data = data[: mark.end()] + data[end:]
    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", data, re.IGNORECASE):
        raise ImportFault(f"{origin} declares entities, which no program that writes surfaces does; export it again.")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise ImportFault(f"{origin} is no whole XML file; {AGAIN}") from None
    if root.tag != "VTKFile":
        raise ImportFault(f"{origin} is XML, but not of VTK; {AGAIN}")
    return _Xml(origin, root, appended, limits)


def _read_texts(xml: _Xml, fields: ElementTree.Element | None) -> None:
    for node in fields.findall("Array") if fields is not None else ():
        if node.get("type") == "String" and node.get("Name") in TEXTS:
            texts = _strings(_array(xml, node))
            if texts:
                xml.texts[node.get("Name", "")] = texts[0]


def _strings(codes: Numbers) -> list[str]:
    """Texts of bytes that each end in a zero."""
    whole = codes.astype(np.uint8).tobytes()
    return [t.decode("utf-8", "replace") for t in whole.split(b"\0")[:-1]]


def _piece(xml: _Xml, piece: ElementTree.Element) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    n = _declared(xml, piece, "NumberOfPoints", 3 * xml.limits.faces)
    where = piece.find("Points/DataArray")
    points = np.zeros(0) if where is None or n == 0 else _array(xml, where)
    if points.size != 3 * n:
        raise ImportFault(f"{xml.origin} declares {n:,} points and holds {points.size // 3:,}; {AGAIN}")
    makers: dict[str, Callable[[str, Numbers, Numbers], NDArray[np.int64]]] = {"Polys": triangles, "Strips": strips}
    faces = [np.zeros((0, 3), dtype=np.int64)]
    for kind, make in makers.items():
        count = _declared(xml, piece, f"NumberOf{kind}", 4 * xml.limits.faces)
        if count == 0:
            continue
        corners, ends = (_cells(xml, piece, kind, word) for word in ("connectivity", "offsets"))
        if len(ends) != count:
            raise ImportFault(f"{xml.origin} declares {count:,} polygons and holds {len(ends):,}; {AGAIN}")
        faces.append(make(xml.origin, corners, np.concatenate([[0], ends])))
    return points.reshape(-1, 3).astype(np.float64), np.concatenate(faces)


def _cells(xml: _Xml, piece: ElementTree.Element, kind: str, word: str) -> NDArray[np.int64]:
    node = piece.find(f"{kind}/DataArray[@Name='{word}']")
    if node is None:
        raise ImportFault(f"{xml.origin} has no {word} of its polygons; {AGAIN}")
    return _array(xml, node).astype(np.int64)


def _declared(xml: _Xml, piece: ElementTree.Element, name: str, most: int) -> int:
    text = piece.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ImportFault(f"{xml.origin} declares {text[:20]!r} as its {name}; {AGAIN}")
    return check_count(xml.origin, name, int(text), most)


def _array(xml: _Xml, node: ElementTree.Element) -> Numbers:
    """The numbers of a data array, however it is written."""
    if node.get("type") not in TYPES:
        raise ImportFault(f"{xml.origin} holds numbers of the type {node.get('type')!r:.30}, which is not known; {AGAIN}")
    order = ">" if xml.root.get("byte_order") == "BigEndian" else "<"
    kind = np.dtype(order + TYPES[node.get("type", "")])
    written = node.get("format", "ascii")
    if written == "ascii":
        return numbers_in(xml.origin, (node.text or "").encode("ascii", "replace")).astype(kind.newbyteorder("="))
    if written == "appended":
        offset = node.get("offset", "")
        if not (offset.isascii() and offset.isdigit() and len(offset) < 20):
            raise ImportFault(f"{xml.origin} has an array that does not say where it lies; {AGAIN}")
        tag = xml.root.find("AppendedData")
        raw = tag is not None and tag.get("encoding") == "raw"
        packed = xml.appended[int(offset) :]
    else:
        raw, packed = False, (node.text or "").strip().encode("ascii", "replace")
    content = _content(xml, packed, raw, order)
    return np.frombuffer(content[: len(content) // kind.itemsize * kind.itemsize], kind).astype(kind.newbyteorder("="))


def _content(xml: _Xml, packed: bytes, raw: bool, order: str) -> bytes:
    """The bytes of an array: a head that tells lengths, then the data, packed in blocks or plain."""
    width = np.dtype(order + ("u8" if xml.root.get("header_type") == "UInt64" else "u4"))
    compressor = xml.root.get("compressor")
    if compressor is None:
        first = int(np.frombuffer(_some(xml, packed, raw, 0, width.itemsize), width)[0])
        check_room(xml.origin, "an array", first, len(packed))
        return _some(xml, packed, raw, width.itemsize, first)
    if compressor not in PACKERS:
        raise ImportFault(f"{xml.origin} is packed by {compressor[:40]}, which is not read; save it with zlib, or unpacked.")
    blocks, size, last = (int(v) for v in np.frombuffer(_some(xml, packed, raw, 0, 3 * width.itemsize), width))
    if blocks == 0:
        return b""
    check_room(xml.origin, f"{blocks:,} blocks", (3 + blocks) * width.itemsize, len(packed))
    total = xml.take((blocks - (1 if last else 0)) * size + last)
    head = (3 + blocks) * width.itemsize
    sizes = [int(v) for v in np.frombuffer(_some(xml, packed, raw, 0, head), width)[3:]]
    body = packed[head:] if raw else _some(xml, packed[-(-head // 3) * 4 :], False, 0, sum(sizes))
    check_room(xml.origin, "its blocks", sum(sizes), len(body))
    if PACKERS[compressor] == "zlib":
        check_room(xml.origin, "an array", total, 1032 * sum(sizes) + 1032)
    out, at = [], 0
    for i, n in enumerate(sizes):
        needed = last if last and i == blocks - 1 else size
        out.append(inflated(xml.origin, body[at : at + n], needed, kind=PACKERS[compressor]))
        at += n
    return b"".join(out)


def _plain(xml: _Xml, packed: bytes, start: int, count: int) -> bytes:
    check_room(xml.origin, "an array", start + count, len(packed))
    return packed[start : start + count]


def _some(xml: _Xml, packed: bytes, raw: bool, start: int, count: int) -> bytes:
    """`count` bytes from `start`; as text of base 64 only so much is turned back as is needed."""
    if raw:
        return _plain(xml, packed, start, count)
    text = packed[: -(-(start + count) // 3) * 4]
    try:
        out = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ImportFault(f"{xml.origin} has an array that is no base 64; {AGAIN}") from None
    check_room(xml.origin, "an array", start + count, len(out))
    return out[start : start + count]
