"""Arrays of numbers as a binary glTF file keeps them, and the two chunks of such a file."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]
GLB, JSON, BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
TYPES = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125, "float32": 5126}
SHAPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
VERTICES, INDICES = 34962, 34963


@dataclass
class GltfFile:
    """Numbers gathered while a file is written.

    Parameters
    ----------
    strided : bool
        Rows of vertices begin at multiples of four bytes, as numbers smaller than that must.

    References
    ----------
    Khronos Group, glTF 2.0.
    """

    strided: bool = False
    accessors: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    length: int = 0

    def add(self, array: Numbers, *, target: int = VERTICES, normalized: bool = False, bounds: bool = False) -> int:
        """Append an array (n,) or (n, k) and return its accessor."""
        rows = np.ascontiguousarray(array.reshape(len(array), -1))
        told: dict[str, Any] = {
            "bufferView": len(self.views), "componentType": TYPES[rows.dtype.name], "count": len(rows),
            "type": SHAPES[rows.shape[1]],
        }  # fmt: skip
        if normalized:
            told["normalized"] = True
        if bounds:
            told |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        stride = {}
        if self.strided and target == VERTICES:
            rows = _padded(rows)
            stride = {"byteStride": rows.shape[1] * rows.itemsize}
        data = rows.astype(rows.dtype.newbyteorder("<")).tobytes()
        size = {"byteLength": len(data)}
        order = {"target": target} | stride | size if self.strided else size | {"target": target}
        self.accessors.append(told)
        self.views.append({"buffer": 0, "byteOffset": self.length} | order)
        data += bytes(-len(data) % 4)
        self.chunks.append(data)
        self.length += len(data)
        return len(self.accessors) - 1

    def whole(self, tree: dict[str, Any]) -> bytes:
        """Return the file: the tree of its nodes with the arrays that it names added, then the numbers."""
        body = b"".join(self.chunks)
        held = {"accessors": self.accessors, "bufferViews": self.views, "buffers": [{"byteLength": len(body)}]}
        head = json.dumps(tree | held, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        head += b" " * (-len(head) % 4)
        start = struct.pack("<III", GLB, 2, 12 + 8 + len(head) + 8 + len(body))
        return b"".join([start, struct.pack("<II", len(head), JSON), head, struct.pack("<II", len(body), BIN), body])


def _padded(rows: Numbers) -> Numbers:
    """Rows filled up with zeros to multiples of four bytes."""
    wide = -(-rows.shape[1] * rows.itemsize // 4) * 4
    out = np.zeros((len(rows), wide // rows.itemsize), dtype=rows.dtype)
    out[:, : rows.shape[1]] = rows
    return out
