"""Files of other tools, or folders and zips of them, as surfaces; nothing is written anywhere, and no library sees junk first."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.importing.gltf import buffer_files, read_gltf
from meshes.importing.label_tables import beside, stem_of
from meshes.importing.labels import distinct, parts_of
from meshes.importing.limits import LIMITS, Limits, check_count, colour_from_hex, faults_of
from meshes.importing.obj import read_obj
from meshes.importing.raw import ImportFault, RawPart, RawParts
from meshes.importing.rights import rights_in
from meshes.importing.stl_ply import read_ply, read_stl
from meshes.importing.unpacking import File, shelves
from meshes.importing.volumes import Volume, data_file, read_meta, read_nifti, read_nrrd
from meshes.importing.vtk_legacy import read_vtk
from meshes.importing.vtk_xml import points_of, read_vtp, scene_files
from meshes.markups import read_markups

SURFACES: Mapping[str, Callable[..., list[RawPart]]] = {".stl": read_stl, ".ply": read_ply, ".vtk": read_vtk}
VOLUMES: Mapping[str, Callable[[File, bytes], Volume]] = {
    ".nii.gz": read_nifti, ".nii": read_nifti, ".nrrd": read_nrrd, ".nhdr": read_nrrd, ".mha": read_meta, ".mhd": read_meta,
}  # fmt: skip
ENDINGS = (*SURFACES, ".obj", ".vtp", ".vtm", ".gltf", ".glb", *VOLUMES)
BESIDE = (".bin", ".mtl", ".raw", ".zraw", ".ctbl", ".label", ".json", ".txt", ".md", ".png", ".jpg", ".jpeg", ".fcsv", ".toml")
MOST_RIGHTS = 3
AS_SAID = "as its files say (see the credit): look there before you pass it on"
OWN_BLOCK = "surfaces"  # of a scene of Inion; its others are lines and points


@dataclass
class _Found:
    """What was read so far."""

    parts: list[RawPart] = field(default_factory=list)
    landmarks: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)  # files of a shelf that belong to others
    rights: dict[str, None] = field(default_factory=dict)  # what files say of themselves, each once
    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # of the shelf's tables of parts, by path of the part


def read_parts(paths: Sequence[Path], *, limits: Limits = LIMITS) -> RawParts:
    """Return the surfaces of files, of folders of them, and of zips.

    Parameters
    ----------
    paths : sequence of Path
        STL, PLY, OBJ, VTK, VTP, VTM, glTF, GLB; label volumes NIfTI, NRRD, MHA, MHD with their tables beside them; a folder of
        such, or a zip. What is hidden is passed over; what is of another kind is told in the notes.
    limits : Limits
        What is refused as too large.

    Raises
    ------
    ImportFault
        If one cannot be used, or there is no surface at all; one line that says what, where, and how to mend it.
    """
    found = _Found()
    faces = 0
    for shelf, names in shelves([Path(p) for p in paths], limits):
        found.used, found.rows = set(), {}
        files = [File(shelf, name) for name in names]
        _tables(files, found)
        for file in sorted(files, key=_rank):
            if file.name in found.used:
                continue
            before = len(found.parts)
            _read(file, found)
            _drop_empty(file, before, found)
            faces += sum(len(p.faces) for p in found.parts[before:])
            check_count(file.origin, "triangles with the files before it", faces, 4 * limits.faces)
    if not found.parts:
        named = ", ".join(str(Path(p).name) for p in paths) or "nothing"
        raise ImportFault(f"{named}: there is no surface and no label volume; files must end in one of {', '.join(ENDINGS)}.")
    credit, licence = _rights(found)
    return RawParts(tuple(distinct(found.parts)), found.landmarks, tuple(dict.fromkeys(found.notes)), credit, licence)


def _rights(found: _Found) -> tuple[str | None, str | None]:
    """Credit and licence, as an export of Inion tells them, or as the files say; the latter is noted."""
    credit, licence = (found.told.get(k) for k in ("credit", "licence"))
    text = [v if isinstance(v, str) and v else None for v in (credit, licence)]
    if found.told or not found.rights:
        return text[0], text[1]
    said = "; ".join(list(found.rights)[:MOST_RIGHTS])
    found.notes.append(f"The files say: {said.rstrip('.')}. That is kept as the credit.")
    return said, AS_SAID


def _drop_empty(file: File, before: int, found: _Found) -> None:
    """Leave out parts of a file that have no triangle. Raises ImportFault if none of them has one."""
    new = found.parts[before:]
    kept = [p for p in new if len(p.faces)]
    if new and not kept:
        raise ImportFault(f"{file.origin} holds no triangle; export it again, or leave it out.")
    found.notes += [f"{p.origin}: {p.name} has no triangle; it was left out." for p in new if not len(p.faces)]
    found.parts[before:] = kept


def ending_of(name: str) -> str | None:
    """Return the ending of a file's name among those that are read, or None."""
    return next((e for e in ENDINGS if name.lower().endswith(e) and len(name) > len(e)), None)


def _rank(file: File) -> tuple[int, str]:
    """Scenes and headers first: they claim the files beside them."""
    return (0 if ending_of(file.base) in (".vtm", ".gltf", ".mhd", ".nhdr") else 1, file.name)


def _read(file: File, found: _Found) -> None:
    """Read one file into `found`."""
    ending = ending_of(file.base)
    if ending is None:
        if not file.base.lower().endswith(BESIDE):
            found.notes.append(f"{file.origin} is of a kind that is not read; it was passed over.")
        return
    name = stem_of(file.base)
    with faults_of(file.origin):
        data = file.read()
        if said := rights_in(file.base, data):
            found.rights[said] = None
        if ending in VOLUMES:
            _volume(file, data, VOLUMES[ending], found)
        elif ending == ".vtm":
            _scene(file, data, found)
        elif ending == ".vtp":
            parts, told = read_vtp(file.origin, name, data, file.limits)
            if not parts:
                found.notes.append(f"{file.origin} holds lines or points, no surface; it was passed over.")
            found.parts += parts
            found.told = found.told or _credit(told)
        elif ending in (".gltf", ".glb"):
            found.used.update(buffer_files(file, data))
            parts, told = read_gltf(file, data, file.limits)
            found.parts += [p.renamed(name, p.origin) if len(parts) == 1 and p.name.startswith("node ") else p for p in parts]
            _own_gltf(told, found)
        elif ending == ".obj":
            found.parts += read_obj(file, name, data, file.limits)
        else:
            found.parts += [_keyed(p, file, found) for p in SURFACES[ending](file.origin, name, data, file.limits)]


def _credit(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a table tells of credit and licence, if it is one of Inion."""
    return {k: told[k] for k in ("credit", "licence") if k in told} if "anatomy" in told or "software" in told else {}


def _own_gltf(told: Mapping[str, Any], found: _Found) -> None:
    """Take landmarks and credit from an export of Inion."""
    if not told:
        return
    back = np.array(told["ras_mm_from_gltf"], dtype=np.float64)
    for name, at in dict(told.get("landmarks", {})).items():
        point = back[:3, :3] @ np.array(at, dtype=np.float64) + back[:3, 3]
        if point.shape == (3,) and np.isfinite(point).all():
            found.landmarks[str(name)] = point
    found.told = found.told or _credit(told)


def _volume(file: File, data: bytes, read: Callable[[File, bytes], Volume], found: _Found) -> None:
    """Surfaces of a label volume, named by its header or by the table beside it."""
    volume = read(file, data)
    if kept := data_file(file, data) if file.base.lower().endswith((".mhd", ".nhdr")) else None:
        found.used.add(kept)
    names, told, used = beside(file)
    found.used.update(used)
    found.told = found.told or _credit(told or volume.told)
    parts, notes = parts_of(volume, names, stem_of(file.base), file.limits)
    found.parts += parts
    found.notes += notes


def _scene(file: File, data: bytes, found: _Found) -> None:
    """Parts of a VTM; of a scene of Inion only the surfaces, and the landmarks."""
    files, told = scene_files(file, data, file.limits)
    own = "anatomy" in told
    found.told = found.told or _credit(told)
    for block, name, part in files:
        found.used.add(part.name)
        if own and block != OWN_BLOCK:
            if block == "landmarks":
                found.landmarks.update(points_of(part.origin, part.read(), file.limits))
            continue
        if ending_of(part.base) != ".vtp":
            found.notes.append(f"{part.origin} is of a kind that is not read; it was passed over.")
            continue
        with faults_of(part.origin):
            parts, _ = read_vtp(part.origin, name or stem_of(part.base), part.read(), file.limits)
        found.parts += parts


def _tables(files: Sequence[File], found: _Found) -> None:
    """Take from a zip or folder of STL that Inion wrote its table of parts and its landmarks."""
    for file in files:
        if file.base != "parts.json":
            continue
        with faults_of(file.origin):
            told = json.loads(file.read().decode("utf-8"))
            if not isinstance(told, dict) or not _credit(told):
                continue
            found.told = found.told or _credit(told)
            rows = [r for r in told.get("parts", []) if isinstance(r, dict) and isinstance(r.get("file"), str)]
            found.rows.update({str(PurePosixPath(file.name).parent / r["file"]): r for r in reversed(rows)})  # the first counts
            marks = file.find("landmarks.mrk.json")
            if marks is not None:
                found.landmarks.update(_markups(marks))


def _markups(file: File) -> Mapping[str, NDArray[np.float64]]:
    """Points of a file of markups, which is read from a folder that is removed at once."""
    with tempfile.TemporaryDirectory(prefix="inion-") as folder:
        path = Path(folder) / "landmarks.mrk.json"
        path.write_bytes(file.read())
        try:
            return read_markups(path)
        except ValueError as error:
            raise ImportFault(str(error).replace(str(path), file.origin)) from None


def _keyed(part: RawPart, file: File, found: _Found) -> RawPart:
    """The same part with the key and colour that the table of its folder tells."""
    row = found.rows.get(file.name, {})
    if not isinstance(row.get("key"), str):
        return part
    return replace(part, colour=colour_from_hex(row.get("colour")), key=row["key"], estimated=row.get("estimated") is True)
