"""What the live view draws of an anatomy, kept on disk by its content, beside the voxels."""

from __future__ import annotations

import json
import logging
import os
import secrets
import zipfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np

from meshes.model import Anatomy
from meshes.volume_store import cache_folder
from sim.app.scene.bake import Baked, Part, bake, triangles_of
from sim.tables import table

VERSION = 7  # of the content; a change makes old files useless
FOLDER = "scenes"
LARGEST_FILES = 40
ARRAYS = ("vertices_mm", "normals", "colours", "grain_mm", "faces")
_log = logging.getLogger(__name__)


def baked_of(anatomy: Anatomy, folder: Path | None = None, tell: Callable[[int, int], None] | None = None) -> Baked:
    """Return the arrays of an anatomy, from disk if they have been made before.

    Parameters
    ----------
    anatomy : Anatomy
    folder : Path, optional
        That of the voxels by default; one that cannot be written is no fault.
    tell : callable, optional
        Called with (done, in all) while they are made.
    """
    path = (cache_folder() if folder is None else folder) / FOLDER / f"{digest_of(anatomy)}.npz"
    found = _read(path)
    if found is None:
        found = bake(anatomy, tell)
        _write(path, found)
    return found


def digest_of(anatomy: Anatomy) -> str:
    """Return a name for what the arrays depend on: the drawn surfaces, the style, and the rules of the view."""
    rules = {name: table("app_scene")[name] for name in ("triangles", "levels", "occlusion")}
    digest = blake2b(
        f"{VERSION} {json.dumps(rules, sort_keys=True)} {json.dumps(dict(table('themes')), sort_keys=True)}".encode()
    )
    for structure in anatomy.structures.values():
        if triangles_of(structure):
            digest.update(f"{structure.key} {structure.kind}".encode())
            mesh = structure.mesh
            for array in (mesh.vertices_mm, mesh.faces, mesh.normals, mesh.grain, mesh.tendon):
                if array is not None:
                    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:32]


def _read(path: Path) -> Baked | None:
    """The arrays from disk; None if there are none, or they are damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            parts = tuple(Part(p[0], p[1], (p[2], p[3]), (p[4], p[5])) for p in json.loads(str(held["parts"])))
            seen = {name.removeprefix("seen_"): held[name] for name in held.files if name.startswith("seen_")}
            vertices, normals, colours, grain, faces = (held[name] for name in ARRAYS)
    except (OSError, ValueError, KeyError, EOFError, IndexError, zipfile.BadZipFile):
        return None
    return Baked(vertices, normals, colours, grain, faces, parts, seen)


def _write(path: Path, baked: Baked) -> None:
    """Keep the arrays, whole or not at all."""
    parts = json.dumps([(p.key, p.kind, *p.faces, *p.ghost_faces) for p in baked.parts])
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.part.npz")
    arrays = {name: getattr(baked, name) for name in ARRAYS} | {f"seen_{level}": mask for level, mask in baked.seen.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(temporary, parts=np.array(parts), **arrays)
        os.replace(temporary, path)
    except OSError as error:
        _log.info("the view's surfaces are kept in memory only: %s", error)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    with suppress(OSError):
        for old in sorted(path.parent.glob("*.npz"), key=lambda p: p.stat().st_mtime, reverse=True)[LARGEST_FILES:]:
            old.unlink(missing_ok=True)
