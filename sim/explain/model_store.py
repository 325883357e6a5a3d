"""The surfaces of the patient's page, kept on disk by their content, beside the voxels: thinning them takes some seconds."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from meshes.model import Anatomy
from meshes.volume_store import cache_folder
from sim.explain.model_glb import Surface
from sim.explain.model_surfaces import surfaces_of, triangles_of
from sim.kept_arrays import digest_of, keep
from sim.tables import table

VERSION = 3  # of the content; a change makes old files useless
FOLDER = "pages"
LARGEST_FILES = 20
ARRAYS = ("vertices_mm", "normals", "colours", "faces", "grain_mm")


def kept_surfaces(anatomy: Anatomy, folder: Path | None = None) -> list[Surface]:
    """Return the surfaces of an anatomy, from disk if they have been made before.

    Parameters
    ----------
    anatomy : Anatomy
    folder : Path, optional
        That of the voxels by default; one that cannot be written is no fault.
    """
    path = (cache_folder() if folder is None else folder) / FOLDER / f"{_digest(anatomy)}.npz"
    found = _read(path)
    if found is None:
        found = surfaces_of(anatomy)
        _write(path, found)
    return found


def _digest(anatomy: Anatomy) -> str:
    """A name for what the surfaces depend on: the drawn structures, the style, and how many triangles they get."""
    page = table("explain_model")
    rules = [VERSION, page["triangles"], page["occlusion"], page["style"], dict(table("themes"))]
    return digest_of(json.dumps(rules, sort_keys=True), (x for x in anatomy.structures.values() if triangles_of(x)))


def _read(path: Path) -> list[Surface] | None:
    """The surfaces from disk; None if there are none, or they are damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            out = []
            for i, key in enumerate(held["keys"]):
                vertices, normals, colours, faces = (held[f"{i} {name}"] for name in ARRAYS[:4])
                grain = held[f"{i} grain_mm"] if f"{i} grain_mm" in held.files else None
                out.append(Surface(str(key), vertices, normals, colours, faces, grain))
            return out
    except (OSError, ValueError, KeyError, EOFError, IndexError, zipfile.BadZipFile):
        return None


def _write(path: Path, surfaces: Sequence[Surface]) -> None:
    """Keep the surfaces, whole or not at all."""
    arrays = {"keys": np.array([s.key for s in surfaces])}
    for i, surface in enumerate(surfaces):
        arrays |= {f"{i} {name}": held for name in ARRAYS if (held := getattr(surface, name)) is not None}
    keep(path, arrays, LARGEST_FILES, compressed=False)
