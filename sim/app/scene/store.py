"""What the live view draws of an anatomy, kept on disk by its content, beside the voxels."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from meshes.model import Anatomy
from meshes.volume_store import cache_folder
from sim import kept_arrays
from sim.app.scene.bake import Baked, Part, bake, triangles_of
from sim.tables import table

VERSION = 7  # of the content; a change makes old files useless
FOLDER = "scenes"
LARGEST_FILES = 40
ARRAYS = ("vertices_mm", "normals", "colours", "grain_mm", "faces")


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
    told = f"{VERSION} {json.dumps(rules, sort_keys=True)} {json.dumps(dict(table('themes')), sort_keys=True)}"
    return kept_arrays.digest_of(told, (x for x in anatomy.structures.values() if triangles_of(x)))


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
    arrays = {name: getattr(baked, name) for name in ARRAYS} | {f"seen_{level}": mask for level, mask in baked.seen.items()}
    kept_arrays.keep(path, {"parts": np.array(parts), **arrays}, LARGEST_FILES, compressed=True)
