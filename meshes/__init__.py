"""Where things are: fields, anatomy, builders. Knows no drawing and no physics."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshes.model import Anatomy

__all__ = ["load_anatomy"]


@cache
def load_anatomy(source: str = "shipped") -> Anatomy:
    """Return an anatomy by name or path.

    Parameters
    ----------
    source : str
        'shipped', or the path of a model file written by `inion build`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a model of this version.
    """
    from meshes.archive import read_archive, shipped_path

    return read_archive(shipped_path() if source == "shipped" else source)
