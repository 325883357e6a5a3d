"""An anatomy as one binary glTF file: metres, +Y up, +Z to the front, the patient's right at -X, as that standard asks."""

from __future__ import annotations

from typing import Any

import numpy as np

from meshes.exports.gltf_file import INDICES, GltfFile
from meshes.exports.request import Array, Export, about, row
from meshes.model import Structure

MM_PER_METRE = 1000.0
GLTF_FROM_RAS = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])  # a turn, no mirror
SHORT = 65535
ROUGHNESS = 0.6
UNIT_FRAME = "glTF 2.0: +Y superior, +Z anterior, -X the patient's right, origin midway between the porions"


def glb(export: Export) -> bytes:
    """Return the structures as a GLB file: a root that says what it is, a node for each kind, under it one for each structure.

    Colours are linear, as glTF asks, and one for each structure: many readers pass over colours of vertices, and a muscle in the
    colour of its tendon would be taken for bone. Extras tell key, side, TA2 term, FMA id, colour and evidence of each structure,
    and of the whole frame, credit, landmarks (metres) and the way back to RAS, mm.

    References
    ----------
    Khronos Group, glTF 2.0.
    """
    file = GltfFile()
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
    return file.whole({
        "asset": {"version": "2.0", "generator": export.software, "copyright": f"{told['credit']}; {told['licence']}"},
        "scene": 0, "scenes": [{"name": export.anatomy.name, "nodes": [len(nodes) - 1]}], "nodes": nodes, "meshes": meshes,
        "materials": materials,
    })  # fmt: skip


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


def _primitive(file: GltfFile, s: Structure) -> dict[str, Any]:
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
