"""The prebuilt model: an `Anatomy` in one compact file.

Vertices are kept as 16-bit steps of 1/128 mm (of the model's box, where it is larger than 512 mm), normals and fibres as signed
bytes, and a left structure that is the mirror image of its right one is kept as just that, so that the
shipped model stays small and loads in well under a second.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import stat
import zipfile
import zlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, Structure, SurfaceMesh, mirrored_mesh
from meshes.points import FLIP

Array = NDArray[np.float64]
FORMAT = 2
STEPS = 65535
LATTICE_MM = 1 / 128  # step of the vertices of any model that lies within REACH_MM of the origin
REACH_MM = 256.0
SHIPPED = "model.inion"
MAX_BYTES, MAX_UNPACKED_BYTES = 200_000_000, 2_000_000_000
_FIELDS = ("key", "side", "kind", "tissue", "ta2", "latin", "fma", "sources", "evidence")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, IndexError, TypeError, ValueError, RuntimeError)


def write_archive(anatomy: Anatomy, path: str | Path) -> None:
    """Write `anatomy` to `path`; the file appears whole or not at all."""
    target = Path(path)
    lower, upper = _box(anatomy)
    head: dict[str, Any] = {"format": FORMAT, "name": anatomy.name, "meta": dict(anatomy.meta), "structures": []}
    head |= {"lower": lower.tolist(), "upper": upper.tolist()}
    head["landmarks"] = {k: np.round(v, 4).tolist() for k, v in anatomy.landmarks.items()}
    arrays: dict[str, NDArray[Any]] = {f"curve/{k}": v.astype(np.float32) for k, v in anatomy.curves.items()}
    step = float((upper - lower).max()) / STEPS
    for s in anatomy.structures.values():
        right = anatomy.structures.get(f"{s.key.removesuffix('_left')}_right") if s.side == "left" else None
        mirror = right is not None and _is_mirror(s, right, step)
        head["structures"].append({k: getattr(s, k) for k in _FIELDS} | {"branches": list(s.branches), "mirror": mirror})
        if not mirror:
            arrays |= {f"{s.key}/{k}": v for k, v in _packed(s, lower, upper).items()}
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        with zipfile.ZipFile(temporary, "x", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            _put(archive, "head.json", json.dumps(head, indent=0, sort_keys=True).encode())
            for name, value in arrays.items():
                _put(archive, name, _npy(value))
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def read_archive(path: str | Path) -> Anatomy:
    """Return the anatomy kept in `path`.

    Raises
    ------
    ValueError
        If the file is not an archive of this format.
    OSError
        If it cannot be read.
    """
    _check_file(Path(path))
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise ValueError("it unpacks to too much")
            head = json.loads(archive.read("head.json"))
            anatomy = _anatomy(head, archive) if head["format"] == FORMAT else None
    except _DAMAGE as error:
        raise ValueError(f"{path} is not a model file of Inion ({error}). Make one with `inion build`.") from error
    if anatomy is None:
        raise ValueError(f"{path} has format {head['format']!r}, not {FORMAT}. Make it anew with `inion build`.")
    return anatomy


def _check_file(path: Path) -> None:
    """Refuse what would hang or fill the memory when it is opened."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ValueError(f"{path} is a directory, not a model file.")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path} is not a regular file, so it is no model file.")
    if status.st_size > MAX_BYTES:
        size = f"{status.st_size / 1e6:,.0f} MB"
        raise ValueError(f"{path} has {size}; a model file has at most {MAX_BYTES / 1e6:.0f} MB. Is it the right file?")


def shipped_path() -> Path:
    """Return the path of the model that comes with the package."""
    return Path(str(files("meshes") / "data" / SHIPPED))


def digest(path: str | Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _anatomy(head: Mapping[str, Any], archive: zipfile.ZipFile) -> Anatomy:
    arrays = {n: np.load(io.BytesIO(archive.read(n)), allow_pickle=False) for n in archive.namelist() if n != "head.json"}
    lower, upper = np.array(head["lower"]), np.array(head["upper"])
    structures = [_unpacked(row, arrays, lower, upper) for row in head["structures"]]
    curves = {n.removeprefix("curve/"): v for n, v in arrays.items() if n.startswith("curve/")}
    return Anatomy.of(head["name"], structures, head["landmarks"], curves, head["meta"])


def on_lattice(vertices: Array) -> Array:
    """Return vertices (mm) moved to the nearest point that the file can hold exactly, within `REACH_MM` of the origin."""
    return np.asarray(np.round(vertices / LATTICE_MM) * LATTICE_MM)


def _box(anatomy: Anatomy) -> tuple[Array, Array]:
    """The box whose steps vertices are kept in: the lattice's, where the model lies within it."""
    meshes = [s.mesh for s in anatomy.structures.values()]
    lower = np.min([m.vertices_mm.min(axis=0) for m in meshes], axis=0)
    upper = np.max([m.vertices_mm.max(axis=0) for m in meshes], axis=0)
    if (lower >= -REACH_MM).all() and (upper <= REACH_MM - LATTICE_MM).all():
        return np.full(3, -REACH_MM), np.full(3, -REACH_MM + STEPS * LATTICE_MM)
    return lower, upper


def _packed(s: Structure, lower: Array, upper: Array) -> Mapping[str, NDArray[Any]]:
    mesh = s.mesh
    order = np.uint16 if len(mesh.vertices_mm) <= STEPS else np.uint32
    steps = np.round((mesh.vertices_mm - lower) / (upper - lower) * STEPS).astype(np.uint16)
    out: dict[str, NDArray[Any]] = {"vertices": steps, "faces": mesh.faces.astype(order), "normals": _bytes(mesh.normals)}
    if mesh.fibres is not None:
        out["fibres"] = _bytes(mesh.fibres)
    if mesh.grain is not None:
        out["grain"] = mesh.grain.astype(np.float16)
    if mesh.tendon is not None:
        out["tendon"] = np.round(mesh.tendon * 255).astype(np.uint8)
    if s.centerline is not None and s.radius_mm is not None:
        out["centerline"], out["radius"] = s.centerline.astype(np.float32), s.radius_mm.astype(np.float32)
    return out | {f"branch/{k}": v.astype(np.float32) for k, v in s.branches.items()}


def _unpacked(row: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], lower: Array, upper: Array) -> Structure:
    kept = row["key"].removesuffix("_left") + "_right" if row["mirror"] else row["key"]

    def read(name: str, scale: float = 1.0) -> Array | None:
        value = arrays.get(f"{kept}/{name}")
        return None if value is None else value.astype(np.float64) / scale

    def required(name: str) -> NDArray[Any]:
        return arrays[f"{kept}/{name}"]

    vertices = lower + required("vertices").astype(np.float64) * ((upper - lower) / STEPS)
    mesh = SurfaceMesh(
        vertices, required("faces").astype(np.int64), _unit(required("normals").astype(np.float64)),
        _maybe_unit(read("fibres")), read("grain"), read("tendon", 255.0),
    )  # fmt: skip
    fields = {k: row[k] for k in _FIELDS} | {"sources": tuple(row["sources"])}
    branches = {name: required(f"branch/{name}").astype(np.float64) for name in row["branches"]}
    line, radius = read("centerline"), read("radius")
    if row["mirror"]:
        mesh, branches = mirrored_mesh(mesh), {name: branch * FLIP for name, branch in branches.items()}
        line = None if line is None else line * FLIP
    return Structure(**fields, mesh=mesh, centerline=line, radius_mm=radius, branches=branches)


def _is_mirror(left: Structure, right: Structure, step: float) -> bool:
    """Whether `left` is `right` mirrored, triangle by triangle, to the step in which vertices are kept."""
    a, b = left.mesh, right.mesh
    if a.faces.shape != b.faces.shape or left.branches.keys() != right.branches.keys():
        return False
    lines = [(left.branches[k], right.branches[k]) for k in left.branches] + [(a.vertices_mm, b.vertices_mm)]
    if left.centerline is not None and right.centerline is not None:
        lines.append((left.centerline, right.centerline))
    same = (left.centerline is None) == (right.centerline is None) and np.array_equal(a.faces, b.faces[:, ::-1])
    return bool(same and all(p.shape == q.shape and np.abs(p - q * FLIP).max() <= step for p, q in lines))


def _bytes(unit: Array) -> NDArray[np.int8]:
    return np.round(np.clip(unit, -1, 1) * 127).astype(np.int8)


def _unit(v: Array) -> Array:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9))


def _maybe_unit(v: Array | None) -> Array | None:
    return None if v is None else _unit(v)


def _npy(value: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=False)
    return buffer.getvalue()


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Write a member with a fixed date, so that equal models give equal files."""
    info = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, content)
