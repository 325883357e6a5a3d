"""From the ending of a file's name to the files that are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from meshes.exports.files import write_files
from meshes.exports.glb import glb
from meshes.exports.labels import labels_files
from meshes.exports.request import Export, Tell, about_line, landmark_notes
from meshes.exports.stl import stl_zip
from meshes.exports.vtk_scene import vtk_files
from meshes.markups import markups_json, markups_table

Files = dict[str, bytes]
LABELS = (".nii.gz", ".nii")
LANDMARKS = (".mrk.json", ".fcsv")


def write_export(export: Export, path: str | Path, tell: Tell | None = None) -> tuple[Path, ...]:
    """Write an anatomy in the format that the ending of `path` names, whole or not at all.

    Parameters
    ----------
    export : Export
    path : path
        Ends in `.glb`, `.zip` (STL), `.nii.gz`, `.nii` (labels), `.vtm`, `.mrk.json` or `.fcsv` (landmarks). Its folder
        must exist.
    tell : callable, optional
        Called with the name of each structure that takes long.

    Returns
    -------
    tuple of Path
        What was written; the file that was asked for last.

    Raises
    ------
    ValueError
        If the ending is not known, the format cannot hold what is asked for, or the folder of a scene holds other files.
    ImportError
        If the format needs a package that is not installed.
    OSError
        If a file cannot be written; nothing is changed then.
    """
    target = Path(path)
    suffix = suffix_of(target)
    stem = target.name[: -len(suffix)]
    files = MAKERS[suffix](export, stem, target.name[-len(suffix) :], tell)
    _check_folder(target.parent, files)
    return write_files(target.parent, files)


def suffix_of(path: Path) -> str:
    """Return the ending of a file's name among those that are known. Raises ValueError in one line."""
    for suffix in MAKERS:
        if path.name.lower().endswith(suffix) and len(path.name) > len(suffix):
            return suffix
    raise ValueError(f"{str(path)!r} must end in one of {', '.join(MAKERS)}, after a name.")


def _check_folder(root: Path, files: Files) -> None:
    """Refuse to write into a folder of parts that holds anything else: old parts would be taken for new ones."""
    for folder in {(root / name).parent for name in files} - {root}:
        here = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
        other = sorted(here - {Path(name).name for name in files})
        if other:
            raise ValueError(f"{folder} holds other files ({other[0]}, ...); remove it, or choose another name.")


def _glb(export: Export, stem: str, suffix: str, _tell: Tell | None) -> Files:
    return {stem + suffix: glb(export)}


def _zip(export: Export, stem: str, suffix: str, _tell: Tell | None) -> Files:
    return {stem + suffix: stl_zip(export)}


def _vtm(export: Export, stem: str, _suffix: str, _tell: Tell | None) -> Files:
    return vtk_files(export, stem)


def _marks(export: Export, stem: str, suffix: str, _tell: Tell | None) -> Files:
    write = markups_table if suffix.lower() == ".fcsv" else markups_json
    anatomy = export.anatomy
    if not anatomy.landmarks:
        raise ValueError(f"the anatomy {anatomy.name!r} has no landmarks.")
    return {stem + suffix: write(anatomy.landmarks, about=about_line(export), notes=landmark_notes(anatomy)).encode()}


MAKERS: Mapping[str, Callable[[Export, str, str, Tell | None], Files]] = {
    ".glb": _glb, ".zip": _zip, ".nii.gz": labels_files, ".nii": labels_files, ".vtm": _vtm, ".mrk.json": _marks, ".fcsv": _marks,
}  # fmt: skip
