"""A published atlas made into an anatomy of the library: its files read, welded, turned outward, and laid under our keys.

What is ready of an install that was interrupted is kept beside the library, by the content that it was made from, and the next
install goes on from there.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes import library
from meshes.atlas_files import Atlas, AtlasFault, AtlasPart, Copy, absent, checked, faults
from meshes.library_lock import alone
from meshes.model import Anatomy, SurfaceMesh

Array = NDArray[np.float64]
Tell = Callable[[str], None]
TO_RAS = {"ras": np.array([1.0, 1.0, 1.0]), "lps": np.array([-1.0, -1.0, 1.0])}
STAGES = 3  # beside the structures: checking, laying the model on them, writing
VERSION = 1  # of what is kept of an interrupted install


@dataclass(frozen=True)
class Installed:
    """What an install has done.

    Parameters
    ----------
    path : Path
        Folder in the library.
    parts : int
        Files that were used.
    absent : tuple of str
        Names of what would be used and was not there; it is carried over from the shipped model.
    open : tuple of str
        Names of what was there as an open surface, which encloses nothing; it is carried over too.
    resumed : int
        Structures that an earlier install had ready.
    """

    path: Path
    parts: int
    absent: tuple[str, ...]
    open: tuple[str, ...]
    resumed: int


def install(known: Atlas, copy: Copy, tell: Tell = lambda _text: None) -> Installed:
    """Make an anatomy of a copy of an atlas, and keep it in the library under the atlas's name.

    Parameters
    ----------
    known : Atlas
    copy : Copy
        As `atlas_files.opened` gives it.
    tell : callable
        Gets a word for each piece of work as it begins; there are `len(groups(known, copy)) + STAGES`.

    Raises
    ------
    AtlasFault
        If a file is absent or not the published one: the first is told, and how many more.
    ValueError
        If the surfaces cannot be made into an anatomy.
    OSError
        If nothing can be written; an earlier install is still there and good.
    """
    tell("checking the files")
    refuse(faults(copy, known))
    with alone(library.folder(), known.name):
        return _installed(known, copy, tell)


def _installed(known: Atlas, copy: Copy, tell: Tell) -> Installed:
    staging(known).mkdir(parents=True, exist_ok=True)
    asked = groups(known, copy)
    meshes, resumed = _structures(known, copy, asked, tell)
    tell("laying the model on them")
    anatomy = _anatomy(known, meshes, _sutures(known, copy))
    tell("writing")
    used = [p for key, parts in asked.items() if key in meshes for p in parts]
    lack = tuple(p.name for p in absent(copy, known))
    unused = tuple(p.name for key, parts in asked.items() if key not in meshes for p in parts)
    path = library.write(anatomy, _about(known, anatomy, used, (*lack, *unused)))
    shutil.rmtree(staging(known), ignore_errors=True)
    return Installed(path, len(used), lack, unused, resumed)


def refuse(found: tuple[str, ...]) -> None:
    """Raise AtlasFault if there are faults: the first, and how many more."""
    if found:
        more = f" {len(found) - 1} more {'file is' if len(found) == 2 else 'files are'} wrong." if len(found) > 1 else ""
        raise AtlasFault(found[0] + more)


def groups(known: Atlas, copy: Copy) -> Mapping[str, tuple[AtlasPart, ...]]:
    """Return the parts of each structure that are there, by its key."""
    have, out = copy.sizes(), dict[str, tuple[AtlasPart, ...]]()
    for part in known.parts:
        if part.key and part.file in have:
            out[part.key] = (*out.get(part.key, ()), part)
    return out


def staging(known: Atlas) -> Path:
    """Return the folder of what is ready of an install, whether or not it is there."""
    return library.folder() / f".{known.name}.part"


def _structures(
    known: Atlas, copy: Copy, asked: Mapping[str, tuple[AtlasPart, ...]], tell: Tell
) -> tuple[dict[str, SurfaceMesh], int]:
    """The structures that can be used, by key, and how many of all were ready from an earlier install."""
    meshes, resumed = dict[str, SurfaceMesh](), 0
    for key, parts in asked.items():
        tell(key)
        kept = staging(known) / f"{key}-{_content(known, parts)}.npz"
        ready = _kept(kept)
        resumed += ready is not None
        mesh = ready or _keep(kept, _merged([_surface(checked(copy, p), p, known) for p in parts]))
        if any(p.needed for p in parts) or _closed(mesh):
            meshes[key] = mesh
    return meshes, resumed


def _sutures(known: Atlas, copy: Copy) -> dict[str, Array]:
    """Where the bones of the skull meet: seen only before they are put together."""
    from meshes.real_sutures import suture_bones, suture_meetings

    have, names = copy.sizes(), suture_bones()
    parts = {name: p for p in known.parts if p.file in have and (name := _side_last(p.name)) in names}
    return suture_meetings({name: _merged([_surface(checked(copy, p), p, known)]) for name, p in parts.items()})


def _side_last(words: str) -> str:
    """A part's name as a key: 'right parietal bone' is 'parietal_bone_right'."""
    first, _, rest = words.partition(" ")
    return "_".join([*rest.split(), first] if first in ("right", "left") else words.split())


def _anatomy(known: Atlas, meshes: Mapping[str, SurfaceMesh], sutures: Mapping[str, Array]) -> Anatomy:
    from meshes.real_anatomy import real_anatomy

    table = known.table
    meta = {k: table[k] for k in ("credit", "licence", "changes", "posture", "sex")}
    return real_anatomy(known.name, meshes, sutures, {"source": known.name, **meta})


def _about(known: Atlas, anatomy: Anatomy, used: list[AtlasPart], lack: tuple[str, ...]) -> dict[str, Any]:
    told = {k: known.table[k] for k in ("title", "credit", "licence", "changes")}
    files = {p.file: p.sha256 or p.git_blob for p in used}
    own = [k for k in anatomy.structures if k not in set(anatomy.meta.get("estimated", ()))]
    return {**told, "atlas": known.name, "files": files, "absent": list(lack), "own_structures": len(own)}


def _content(known: Atlas, parts: tuple[AtlasPart, ...]) -> str:
    told = (VERSION, [(p.file, p.sha256, p.git_blob) for p in parts], known.table["mending"], known.table["frame"])
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _surface(content: bytes, part: AtlasPart, known: Atlas) -> Any:
    """One file as a trimesh in RAS, mm: welded, its crumbs left out, outward."""
    import trimesh

    mending = known.table["mending"]
    vertices, faces = _read_obj(content, part)
    mesh: Any = trimesh.Trimesh(vertices * TO_RAS[known.table["frame"]], faces, process=False)
    mesh.merge_vertices(digits_vertex=round(-np.log10(mending["weld_mm"])))
    mesh.update_faces(mesh.nondegenerate_faces())
    mesh.update_faces(mesh.unique_faces())
    mesh = _without_crumbs(mesh, mending["least_share"])
    mesh.remove_unreferenced_vertices()
    if mesh.volume < 0:
        mesh.invert()
    return mesh


def _read_obj(content: bytes, part: AtlasPart) -> tuple[Array, NDArray[np.int64]]:
    """Vertices and triangles of a published OBJ file."""
    lines = content.splitlines()
    try:
        vertices = np.array([line.split()[1:4] for line in lines if line.startswith(b"v ")], dtype=np.float64)
        corners = [[c.split(b"/")[0] for c in line.split()[1:]] for line in lines if line.startswith(b"f ")]
        faces = np.array(corners, dtype=np.int64) - 1
    except ValueError as error:
        raise AtlasFault(f"{part.file} ({part.name}) cannot be read as OBJ ({error}).") from error
    whole = vertices.ndim == faces.ndim == 2 and vertices.shape[1] == faces.shape[1] == 3 and np.isfinite(vertices).all()
    if not whole or faces.min() < 0 or faces.max() >= len(vertices):
        raise AtlasFault(f"{part.file} ({part.name}) holds no whole triangle surface.")
    return vertices, faces


def _without_crumbs(mesh: Any, share: float) -> Any:
    """Leave out loose pieces that have less than a share of the area."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, e = len(mesh.vertices), np.asarray(mesh.edges)
    _, of_vertex = connected_components(coo_array((np.ones(len(e)), (e[:, 0], e[:, 1])), shape=(n, n)), directed=False)
    of_face = of_vertex[np.asarray(mesh.faces)[:, 0]]
    areas = np.bincount(of_face, weights=np.asarray(mesh.area_faces))
    mesh.update_faces(areas[of_face] >= share * areas.sum())
    return mesh


def _merged(meshes: list[Any]) -> SurfaceMesh:
    import trimesh

    mesh: Any = trimesh.util.concatenate(meshes)
    normals = np.array(mesh.vertex_normals, dtype=np.float64)
    return SurfaceMesh(np.array(mesh.vertices, dtype=np.float64), np.array(mesh.faces, dtype=np.int64), normals)


def _closed(mesh: SurfaceMesh) -> bool:
    """Whether a surface encloses something: each edge lies in two triangles."""
    pairs = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1)
    return bool((np.unique(pairs, axis=0, return_counts=True)[1] == 2).all())


def _keep(path: Path, mesh: SurfaceMesh) -> SurfaceMesh:
    """Keep a surface for an install that goes on later; it appears whole or not at all."""
    for old in path.parent.glob(f"{path.name.rsplit('-', 1)[0]}-*"):
        old.unlink(missing_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, vertices=mesh.vertices_mm, faces=mesh.faces, normals=mesh.normals)
    fresh = path.with_name(f".{secrets.token_hex(6)}")
    try:
        fresh.write_bytes(buffer.getvalue())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return mesh


def _kept(path: Path) -> SurfaceMesh | None:
    """A surface of an earlier install, if it is whole: its file carries checksums."""
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile), np.load(path, allow_pickle=False) as held:
        return SurfaceMesh(held["vertices"], held["faces"], held["normals"])
    return None
