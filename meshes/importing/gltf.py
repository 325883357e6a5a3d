"""glTF 2.0 and GLB: every mesh of every node, its transforms applied; buffers only from within, or from files beside."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from meshes.importing.limits import AGAIN, LIMITS, Limits, check_count, check_room, colour_of, faults_of, strips, triangles
from meshes.importing.raw import ImportFault, RawPart
from meshes.importing.unpacking import File

MAGIC, JSON, BIN = b"glTF", 0x4E4F534A, 0x004E4942
KINDS = {5120: "i1", 5121: "u1", 5122: "i2", 5123: "u2", 5125: "u4", 5126: "f4"}
WIDTHS = {"SCALAR": 1, "VEC3": 3}
TRIANGLES, STRIP, FAN = 4, 5, 6
KNOWN = ("KHR_materials_", "KHR_texture_", "KHR_lights_", "KHR_mesh_quantization", "EXT_texture", "KHR_xmp")  # change no place
DEEPEST = 64
Numbers = NDArray[Any]
Tree = Mapping[str, Any]


@dataclass
class _Gltf:
    """A parsed file."""

    file: File
    tree: Tree
    body: bytes
    limits: Limits
    buffers: dict[int, bytes] = field(default_factory=dict)
    faces: int = 0

    def item(self, kind: str, index: Any) -> Tree:
        """An entry of one of the lists. Raises ImportFault if it is not there."""
        rows = self.tree.get(kind, [])
        if not isinstance(index, int) or isinstance(index, bool) or not isinstance(rows, list) or not 0 <= index < len(rows):
            raise ImportFault(f"{self.file.origin} names {kind} {index!r:.20}, which it does not hold; {AGAIN}")
        row = rows[index]
        if not isinstance(row, dict):
            raise ImportFault(f"{self.file.origin} has no proper entry {index} in {kind}; {AGAIN}")
        return row


def read_gltf(file: File, data: bytes, limits: Limits = LIMITS) -> tuple[list[RawPart], dict[str, Any]]:
    """Return the surfaces of a glTF or GLB, one for each node that has a mesh, and the extras of an export of Inion.

    Raises
    ------
    ImportFault
        If a buffer lies elsewhere, the file needs an extension that is not read, or what it declares is not there.
    """
    origin = file.origin
    tree, body = _opened(origin, data)
    version = tree.get("asset", {}).get("version") if isinstance(tree.get("asset"), dict) else None
    if not str(version).startswith("2"):
        raise ImportFault(f"{origin} is glTF of version {str(version)[:10]}; export it as glTF 2.0.")
    for name in tree.get("extensionsRequired", []) or []:
        if not str(name).startswith(KNOWN):
            raise ImportFault(f"{origin} needs the extension {str(name)[:50]}; export it without compression.")
    gltf = _Gltf(file, tree, body, limits)
    with faults_of(origin):
        return _walked(gltf)


def _opened(origin: str, data: bytes) -> tuple[Tree, bytes]:
    """The tree and the binary chunk."""
    text, body = data, b""
    if data.startswith(MAGIC):
        check_room(origin, "a file", int.from_bytes(data[8:12], "little"), len(data))
        at, text = 12, b""
        while at + 8 <= len(data):
            size, kind = (int.from_bytes(data[at + i : at + i + 4], "little") for i in (0, 4))
            check_room(origin, "a chunk", size, len(data) - at - 8)
            chunk = data[at + 8 : at + 8 + size]
            text, body = (chunk, body) if kind == JSON and not text else (text, chunk if kind == BIN and not body else body)
            at += 8 + size
    try:
        tree = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ImportFault(f"{origin} has no readable description of its content; {AGAIN}") from None
    if not isinstance(tree, dict):
        raise ImportFault(f"{origin} is no glTF; {AGAIN}")
    return tree, body


def _walked(gltf: _Gltf) -> tuple[list[RawPart], dict[str, Any]]:
    """Parts of all nodes, whichever scene they are in."""
    nodes = gltf.tree.get("nodes", [])
    if not isinstance(nodes, list):
        raise ImportFault(f"{gltf.file.origin} has no list of nodes; {AGAIN}")
    children = {c for n in nodes if isinstance(n, dict) for c in n.get("children", [])}
    stack = [(i, np.eye(4), 0) for i in range(len(nodes) - 1, -1, -1) if i not in children]
    out: list[RawPart] = []
    told: dict[str, Any] = {}
    seen: set[int] = set()
    while stack:
        index, above, depth = stack.pop()
        node = gltf.item("nodes", index)
        if index in seen or depth > DEEPEST:
            raise ImportFault(f"{gltf.file.origin} has a node that is its own child, or under two others; export it again.")
        seen.add(index)
        here = above @ _matrix(gltf, node)
        extras = _extras(node)
        if "ras_mm_from_gltf" in extras:
            told = dict(extras)
        if "mesh" in node:
            out += _parts(gltf, node, here)
            check_count(gltf.file.origin, "parts", len(out), gltf.limits.files)
        stack += [(c, here, depth + 1) for c in reversed(node.get("children", []))]
    if len(seen) < len(nodes):
        raise ImportFault(f"{gltf.file.origin} has nodes that are each other's children; export it again.")
    if not out:
        raise ImportFault(f"{gltf.file.origin} holds no surface; export it again, or leave it out.")
    return out, told


def _matrix(gltf: _Gltf, node: Tree) -> NDArray[np.float64]:
    """The transform of a node, (4, 4)."""
    if "matrix" in node:
        out = np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    else:
        turn = Rotation.from_quat(np.array(node.get("rotation", (0, 0, 0, 1)), dtype=np.float64)).as_matrix()
        out = np.eye(4)
        out[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), dtype=np.float64)
        out[:3, 3] = node.get("translation", (0, 0, 0))
    if not np.isfinite(out).all() or abs(np.linalg.det(out[:3, :3])) < 1e-30:
        raise ImportFault(f"{gltf.file.origin} has a node whose transform flattens it; export it again.")
    return np.asarray(out)


def _parts(gltf: _Gltf, node: Tree, here: NDArray[np.float64]) -> list[RawPart]:
    """The mesh of a node; its primitives together, as they are one thing in several materials."""
    mesh = gltf.item("meshes", node["mesh"])
    name = str(node.get("name") or mesh.get("name") or f"node {node['mesh']}")
    extras = {**_extras(mesh), **_extras(node)}
    points, faces, before = [], [], 0
    colour = None
    for primitive in mesh.get("primitives", []):
        if "KHR_draco_mesh_compression" in primitive.get("extensions", {}):
            raise ImportFault(f"{gltf.file.origin} is packed by Draco; export it without compression.")
        if primitive.get("mode", TRIANGLES) not in (TRIANGLES, STRIP, FAN):
            continue
        p = _accessor(gltf, primitive["attributes"]["POSITION"]).astype(np.float64)
        f = _faces(gltf, primitive, len(p))
        gltf.faces += len(f)
        check_count(gltf.file.origin, "triangles", gltf.faces, gltf.limits.faces)
        RawPart(name, gltf.file.origin, p, f)  # checks corners before they are renumbered
        points.append(p @ here[:3, :3].T + here[:3, 3])
        faces.append(f + before)
        before += len(p)
        colour = colour or _colour(gltf, primitive)
    if not sum(map(len, faces)):
        return []
    whole = np.concatenate(faces)
    if np.linalg.det(here[:3, :3]) < 0:
        whole = whole[:, ::-1]
    key = extras.get("key") if isinstance(extras.get("key"), str) else None
    estimated = extras.get("estimated") is True
    return [RawPart(name, gltf.file.origin, np.concatenate(points), whole, colour, key, "m", "y-up", estimated)]


def _extras(row: Tree) -> Tree:
    found = row.get("extras")
    return found if isinstance(found, dict) else {}


def _faces(gltf: _Gltf, primitive: Tree, n_points: int) -> NDArray[np.int64]:
    corners = _accessor(gltf, primitive["indices"]).ravel() if "indices" in primitive else np.arange(n_points)
    corners = corners.astype(np.int64)
    mode = primitive.get("mode", TRIANGLES)
    if mode == TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    make = triangles if mode == FAN else strips
    return make(gltf.file.origin, corners, np.array([0, len(corners)]))


def _accessor(gltf: _Gltf, index: Any) -> Numbers:
    """Numbers (n, k), sparse ones and whole numbers that stand for fractions too."""
    row = gltf.item("accessors", index)
    origin = gltf.file.origin
    kind, width = KINDS.get(row.get("componentType", 0)), WIDTHS.get(row.get("type", ""))
    if kind is None or width is None:
        raise ImportFault(f"{origin} holds numbers of a kind that is not known; {AGAIN}")
    count = check_count(origin, "numbers", int(row.get("count", -1)), 4 * gltf.limits.faces)
    item = np.dtype("<" + kind)
    if "bufferView" in row:
        out = _view(gltf, row["bufferView"], int(row.get("byteOffset", 0)), count, item, width)
    elif "sparse" in row:
        check_room(origin, "numbers", count * item.itemsize, 1032 * max(len(gltf.body), 1_000_000))
        out = np.zeros((count, width), dtype=item)
    else:
        raise ImportFault(f"{origin} has numbers without a place in the file, as packed files do; export it without compression.")
    if "sparse" in row:
        out = _sparse(gltf, row["sparse"], out, item, width)
    if row.get("normalized") and item.kind in "iu":
        return np.maximum(out.astype(np.float64) / np.iinfo(item).max, -1.0)
    return out


def _sparse(gltf: _Gltf, told: Tree, out: Numbers, item: Any, width: int) -> Numbers:
    n = check_count(gltf.file.origin, "numbers", int(told["count"]), len(out))
    at, values = told["indices"], told["values"]
    kind = np.dtype("<" + KINDS[at["componentType"]])
    where = _view(gltf, at["bufferView"], int(at.get("byteOffset", 0)), n, kind, 1).ravel()
    out = out.copy()
    out[where] = _view(gltf, values["bufferView"], int(values.get("byteOffset", 0)), n, item, width)
    return out


def _view(gltf: _Gltf, index: Any, start: int, count: int, item: Any, width: int) -> Numbers:
    row = gltf.item("bufferViews", index)
    data = _buffer(gltf, row.get("buffer"))
    first, size = int(row.get("byteOffset", 0)), int(row.get("byteLength", 0))
    if "EXT_meshopt_compression" in row.get("extensions", {}):
        raise ImportFault(f"{gltf.file.origin} is packed by meshopt; export it without compression.")
    check_room(gltf.file.origin, "a part of its buffer", first + size, len(data))
    stride = int(row.get("byteStride", 0)) or item.itemsize * width
    needed = (count - 1) * stride + item.itemsize * width if count else 0
    if min(first, size, start) < 0 or stride < item.itemsize * width or start + needed > size:
        raise ImportFault(f"{gltf.file.origin} declares {count:,} rows of numbers in {size:,} bytes; {AGAIN}")
    return np.ndarray((count, width), item, data, first + start, (stride, item.itemsize))


def _buffer(gltf: _Gltf, index: Any) -> bytes:
    row = gltf.item("buffers", index)
    if index not in gltf.buffers:
        uri = row.get("uri")
        gltf.buffers[index] = gltf.body if uri is None else _fetched(gltf, str(uri))
        check_room(gltf.file.origin, "a buffer", int(row.get("byteLength", 0)), len(gltf.buffers[index]))
    return gltf.buffers[index]


def _fetched(gltf: _Gltf, uri: str) -> bytes:
    if uri.startswith("data:"):
        head, _, text = uri.partition(",")
        try:
            return base64.b64decode(text, validate=True) if head.endswith(";base64") else unquote(text).encode("latin-1")
        except (binascii.Error, ValueError):
            raise ImportFault(f"{gltf.file.origin} has a buffer that is no base 64; {AGAIN}") from None
    return gltf.file.beside(unquote(uri)).read()


def buffer_files(file: File, data: bytes) -> list[str]:
    """Return the names of files that a glTF names and that lie beside it."""
    tree, _ = _opened(file.origin, data)
    rows = tree.get("buffers")
    uris = [str(r["uri"]) for r in (rows if isinstance(rows, list) else ()) if isinstance(r, dict) and r.get("uri")]
    return [f.name for u in uris if not u.startswith("data:") and (f := file.find(unquote(u)))]


def _colour(gltf: _Gltf, primitive: Tree) -> tuple[float, float, float] | None:
    """The colour of a primitive's material as sRGB; the file holds linear light. Source: IEC 61966-2-1."""
    if "material" not in primitive:
        return None
    told = gltf.item("materials", primitive["material"]).get("pbrMetallicRoughness", {})
    light = colour_of(told.get("baseColorFactor"))
    if light is None:
        return None
    c = np.array(light)
    return colour_of(np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055))
