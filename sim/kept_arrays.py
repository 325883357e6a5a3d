"""Arrays made of an anatomy's surfaces, kept on disk: named by what they depend on, written whole or not at all."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Structure

_log = logging.getLogger(__name__)


def digest_of(rules: str, structures: Iterable[Structure]) -> str:
    """Return a name for what arrays depend on: rules, and the surfaces of structures."""
    digest = blake2b(rules.encode())
    for structure in structures:
        digest.update(f"{structure.key} {structure.kind}".encode())
        mesh = structure.mesh
        for array in (mesh.vertices_mm, mesh.faces, mesh.normals, mesh.grain, mesh.tendon):
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:32]


def keep(path: Path, arrays: Mapping[str, NDArray[Any]], most: int, *, compressed: bool) -> None:
    """Write arrays to a .npz file and let the oldest files beside it go; a folder that cannot be written is no fault.

    Parameters
    ----------
    path : Path
    arrays : mapping of str to array
    most : int
        How many files are kept in the folder.
    compressed : bool
    """
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.part.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save: Any = np.savez_compressed if compressed else np.savez
        save(temporary, **arrays)
        os.replace(temporary, path)
    except OSError as error:
        _log.info("arrays are kept in memory only: %s", error)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    with suppress(OSError):
        for old in sorted(path.parent.glob("*.npz"), key=lambda p: p.stat().st_mtime, reverse=True)[most:]:
            old.unlink(missing_ok=True)
