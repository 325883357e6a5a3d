"""An anatomy as one binary glTF file: metres, +Y up, +Z to the front, the patient's right at -X, as that standard asks."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.exports.request import Array, Export, about, row
from meshes.model import Structure

Numbers = NDArray[Any]
MM_PER_METRE = 1000.0
GLTF_FROM_RAS = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])  # a turn, no mirror
GLB, JSON, BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
TYPES = {"uint16": 5123, "uint32": 5125, "float32": 5126}
SHAPES = {1: "SCALAR", 3: "VEC3"}
VERTICES, INDICES = 34962, 34963
SHORT = 65535
ROUGHNESS = 0.6
UNIT_FRAME = "glTF 2.0: +Y superior, +Z anterior, -X the patient's right, origin midway between the porions"


@dataclass
class _File:
    """Numbers gathered while a file is written."""

    accessors: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    length: int = 0

    def add(self, array: Numbers, *, target: int = VERTICES, bounds: bool = False) -> int:
        """Append an array (n,) or (n, k) and return its accessor."""
        rows = np.ascontiguousarray(array.reshape(len(array), -1))
        told: dict[str, Any] = {
            "bufferView": len(self.views), "componentType": TYPES[rows.dtype.name], "count": len(rows),
            "type": SHAPES[rows.shape[1]],
        }  # fmt: skip
        if bounds:
            told |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        data = rows.astype(rows.dtype.newbyteorder("<")).tobytes()
        self.accessors.append(told)
        self.views.append({"buffer": 0, "byteOffset": self.length, "byteLength": len(data), "target": target})
        data += bytes(-len(data) % 4)
        self.chunks.append(data)
        self.length += len(data)
        return len(self.accessors) - 1


def glb(export: Export) -> bytes:
    """Return the structures as a GLB file: a root that says what it is, a node for each kind, under it one for each structure.

    Colours are linear, as glTF asks, and one for each structure: many readers pass over colours of vertices, and a muscle in the
    colour of its tendon would be taken for bone. Extras tell key, side, TA2 term, FMA id, colour and evidence of each structure,
    and of the whole frame, credit, landmarks (metres) and the way back to RAS, mm.

    References
    ----------
    Khronos Group, glTF 2.0.
    """
    file = _File()
    meshes: list[dict[str, Any]] = []
    materials: list[dict[str, Any]] = []
    leaves: list[dict[str, Any]] = []
    for s in export.structures:
        primitive = _primitive(file, s) | {"material": len(materials)}
        materials.append(_material(s.key, linear(export.colours[s.key])))
        meshes.append({"name": s.key, "primitives": [primitive]})
        leaves.append({"name": s.key, "mesh": len(meshes) - 1, "extras": row(export, s.key)})
    nodes = _tree(export, leaves)
    told = about(export)
    body = b"".join(file.chunks)
    return _container({
        "asset": {"version": "2.0", "generator": export.software, "copyright": f"{told['credit']}; {told['licence']}"},
        "scene": 0, "scenes": [{"name": export.anatomy.name, "nodes": [len(nodes) - 1]}], "nodes": nodes, "meshes": meshes,
        "materials": materials, "accessors": file.accessors, "bufferViews": file.views, "buffers": [{"byteLength": len(body)}],
    }, body)  # fmt: skip


def to_gltf(points_mm: Array) -> Array:
    """Return points (n, 3) mm RAS in metres of a glTF scene."""
    return np.asarray(points_mm @ GLTF_FROM_RAS.T / MM_PER_METRE)


def linear(colour: Array) -> Array:
    """Return linear light of sRGB values, 0 to 1. Source: IEC 61966-2-1."""
    c = np.asarray(colour, dtype=np.float64)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def _tree(export: Export, leaves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All nodes: structures, then kinds, then the root."""
    kinds = list(dict.fromkeys(s.kind for s in export.structures))
    groups = [
        {"name": f"kind_{kind}", "children": [i for i, leaf in enumerate(leaves) if leaf["extras"]["kind"] == kind]}
        for kind in kinds
    ]
    back = np.eye(4)
    back[:3, :3] = GLTF_FROM_RAS.T * MM_PER_METRE
    marks = {name: np.round(to_gltf(p), 7).tolist() for name, p in export.anatomy.landmarks.items()}
    extras = about(export) | {
        "unit": "m", "frame": UNIT_FRAME, "ras_mm_from_gltf": np.round(back, 6).tolist(), "landmarks": marks,
    }  # fmt: skip
    first = len(leaves)
    root = {"name": f"{export.anatomy.name}_anatomy", "children": [first + i for i in range(len(groups))], "extras": extras}
    return [*leaves, *groups, root]


def _primitive(file: _File, s: Structure) -> dict[str, Any]:
    """The arrays of one structure."""
    places, normals = to_gltf(s.mesh.vertices_mm), s.mesh.normals @ GLTF_FROM_RAS.T
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    attributes = {
        "POSITION": file.add(places.astype(np.float32), bounds=True),
        "NORMAL": file.add(normals.astype(np.float32)),
    }
    kind = np.uint16 if len(places) <= SHORT else np.uint32
    return {"attributes": attributes, "indices": file.add(s.mesh.faces.ravel().astype(kind), target=INDICES), "mode": 4}


def _material(name: str, colour: Array) -> dict[str, Any]:
    surface = {
        "baseColorFactor": [*np.round(colour, 6).tolist(), 1.0], "metallicFactor": 0.0, "roughnessFactor": ROUGHNESS,
    }  # fmt: skip
    return {"name": name, "pbrMetallicRoughness": surface}


def _container(tree: dict[str, Any], body: bytes) -> bytes:
    """The two chunks of a GLB file."""
    head = json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    head += b" " * (-len(head) % 4)
    return b"".join(_parts(head, body))


def _parts(head: bytes, body: bytes) -> Iterator[bytes]:
    yield struct.pack("<III", GLB, 2, 12 + 8 + len(head) + 8 + len(body))
    yield struct.pack("<II", len(head), JSON) + head
    yield struct.pack("<II", len(body), BIN) + body
