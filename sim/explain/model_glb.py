"""Surfaces as one binary glTF file with small numbers: places in hundredths of a millimetre, normals and colours in bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]

STEP_MM = 0.01  # of a place; a metre either way would not fit, a bust does
MOST = 32767
GLB, JSON, BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
TYPES = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125}
SHAPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
VERTICES, INDICES = 34962, 34963


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles of one thing.

    Parameters
    ----------
    key : str
        Name of the node.
    vertices_mm, normals : (n, 3) arrays
        Unit normals.
    colours : (n, 3) uint8 array
    faces : (m, 3) int array
    grain_mm : (n, 2) array, optional
        Along and across the fibres.
    weights : (n, k) uint8 array, optional
        Any numbers more for each vertex; kept four by four as `_WEIGHTS_0`, `_WEIGHTS_1`, ...
    """

    key: str
    vertices_mm: Numbers
    normals: Numbers
    colours: NDArray[np.uint8]
    faces: Numbers
    grain_mm: Numbers | None = None
    weights: NDArray[np.uint8] | None = None


@dataclass
class _File:
    """What is gathered while a file is written."""

    accessors: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    length: int = 0

    def add(self, array: Numbers, *, target: int = VERTICES, normalized: bool = False, bounds: bool = False) -> int:
        """Append an array (n,) or (n, k) whose rows begin at multiples of four bytes; return its accessor."""
        rows = np.ascontiguousarray(array.reshape(len(array), -1))
        told: dict[str, Any] = {
            "bufferView": len(self.views), "componentType": TYPES[rows.dtype.name], "count": len(rows),
            "type": SHAPES[rows.shape[1]],
        }  # fmt: skip
        if normalized:
            told["normalized"] = True
        if bounds:
            told |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self.length, "target": target}
        if target == VERTICES:
            wide = -(-rows.shape[1] * rows.itemsize // 4) * 4
            padded = np.zeros((len(rows), wide // rows.itemsize), dtype=rows.dtype)
            padded[:, : rows.shape[1]] = rows
            rows, view["byteStride"] = padded, wide
        data = rows.astype(rows.dtype.newbyteorder("<")).tobytes()
        view["byteLength"] = len(data)
        data += bytes(-len(data) % 4)
        self.accessors.append(told)
        self.views.append(view)
        self.chunks.append(data)
        self.length += len(data)
        return len(self.accessors) - 1


def write_glb(surfaces: Sequence[Surface]) -> bytes:
    """Return a GLB file with one node for each surface, under a root that scales to mm.

    Parameters
    ----------
    surfaces : sequence of Surface
        RAS, mm, each vertex within 327 mm of the origin.

    Raises
    ------
    ValueError
        If a place is too far off, or there is nothing to write.

    References
    ----------
    Khronos Group, glTF 2.0 and KHR_mesh_quantization.
    """
    if not surfaces:
        raise ValueError("there is no surface to write.")
    file, meshes, nodes = _File(), [], []
    for surface in surfaces:
        meshes.append({"name": surface.key, "primitives": [_primitive(file, surface)]})
        nodes.append({"name": surface.key, "mesh": len(meshes) - 1})
    root = {"name": "ras_mm", "scale": [STEP_MM] * 3, "children": list(range(len(nodes)))}
    body = b"".join(file.chunks)
    told = {
        "asset": {"version": "2.0", "generator": "Inion"},
        "extensionsUsed": ["KHR_mesh_quantization"], "extensionsRequired": ["KHR_mesh_quantization"],
        "scene": 0, "scenes": [{"nodes": [len(nodes)]}], "nodes": [*nodes, root], "meshes": meshes,
        "accessors": file.accessors, "bufferViews": file.views, "buffers": [{"byteLength": len(body)}],
    }  # fmt: skip
    head = json.dumps(told, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 4)
    whole = 12 + 8 + len(head) + 8 + len(body)
    return b"".join(
        [struct.pack("<III", GLB, 2, whole), struct.pack("<II", len(head), JSON), head, struct.pack("<II", len(body), BIN), body]
    )


def _primitive(file: _File, surface: Surface) -> dict[str, Any]:
    """The arrays of one surface."""
    places = np.round(np.asarray(surface.vertices_mm, dtype=np.float64) / STEP_MM)
    if not np.isfinite(places).all() or np.abs(places).max(initial=0) > MOST:
        raise ValueError(f"{surface.key} reaches further than {MOST * STEP_MM:.0f} mm from the origin; the page cannot hold it.")
    kind = "uint16" if len(places) <= 65535 else "uint32"
    attributes = {
        "POSITION": file.add(places.astype(np.int16), bounds=True),
        "NORMAL": file.add(np.round(127 * np.asarray(surface.normals)).astype(np.int8), normalized=True),
        "COLOR_0": file.add(np.asarray(surface.colours, dtype=np.uint8), normalized=True),
    }
    if surface.grain_mm is not None:
        grain = np.clip(np.round(np.asarray(surface.grain_mm) / STEP_MM), -MOST, MOST)
        attributes["_GRAIN"] = file.add(grain.astype(np.int16))
    if surface.weights is not None:
        for first in range(0, surface.weights.shape[1], 4):
            four = np.zeros((len(places), 4), dtype=np.uint8)
            part = surface.weights[:, first : first + 4]
            four[:, : part.shape[1]] = part
            attributes[f"_WEIGHTS_{first // 4}"] = file.add(four, normalized=True)
    faces = np.asarray(surface.faces).ravel().astype(kind)
    return {"attributes": attributes, "indices": file.add(faces, target=INDICES), "mode": 4}
