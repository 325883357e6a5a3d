"""Surfaces as one binary glTF file with small numbers: places in hundredths of a millimetre, normals and colours in bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.exports.gltf_file import INDICES, GltfFile, Numbers

STEP_MM = 0.01  # of a place; a metre either way would not fit, a bust does
MOST = 32767


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
    file, meshes, nodes = GltfFile(strided=True), [], []
    for surface in surfaces:
        meshes.append({"name": surface.key, "primitives": [_primitive(file, surface)]})
        nodes.append({"name": surface.key, "mesh": len(meshes) - 1})
    root = {"name": "ras_mm", "scale": [STEP_MM] * 3, "children": list(range(len(nodes)))}
    return file.whole({
        "asset": {"version": "2.0", "generator": "Inion"},
        "extensionsUsed": ["KHR_mesh_quantization"], "extensionsRequired": ["KHR_mesh_quantization"],
        "scene": 0, "scenes": [{"nodes": [len(nodes)]}], "nodes": [*nodes, root], "meshes": meshes,
    })  # fmt: skip


def _primitive(file: GltfFile, surface: Surface) -> dict[str, Any]:
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
