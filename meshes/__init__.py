"""Where things are: fields, anatomy, builders. Knows no drawing and no physics."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshes.model import Anatomy

__all__ = ["load_anatomy"]


def load_anatomy(source: str = "shipped") -> Anatomy:
    """Return an anatomy by name or path.

    Parameters
    ----------
    source : str
        'shipped', the name of an anatomy that was installed or imported (`meshes.library`), or the path of a model file
        written by `inion build`.

    Raises
    ------
    FileNotFoundError
        If it is a path and there is no such file.
    ValueError
        If it is a name and there is none like it, telling the nearest; or if the file is not a model of this version.
    """
    from meshes import library

    if source == library.SHIPPED:
        return _of_file("")
    if library.NAME.fullmatch(source) and (source in library.names() or not Path(source).exists()):
        return library.read(source)
    return _of_file(source)


@cache
def _of_file(path: str) -> Anatomy:
    from meshes.archive import read_archive, shipped_path

    return read_archive(path or shipped_path())
