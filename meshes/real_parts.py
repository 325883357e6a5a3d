"""A person's own surfaces, understood: named, in Inion's frame and unit, and mended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.model import SurfaceMesh
from meshes.points import FLIP

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RealPart:
    """One surface of a person.

    Parameters
    ----------
    name : str
        As read; of several that were put together, all names.
    key : str or None
        Of the structure that it is; None if it is not used.
    mesh : SurfaceMesh
        RAS, mm.
    colour : tuple of float, optional
        sRGB in 0 to 1.
    origin : str
        File, and part of it; of several, all.
    sources : tuple of str, optional
        Origin of each part that it was made of, as `RealParts.changes` has them.
    """

    name: str
    key: str | None
    mesh: SurfaceMesh
    colour: tuple[float, float, float] | None
    origin: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RealParts:
    """All surfaces of a person.

    Parameters
    ----------
    parts : tuple of RealPart
        No key twice.
    told : tuple of str
        What was found of unit, frame, right and left, and names, one plain sentence each, with its evidence.
    changes : mapping of str to tuple of str
        What was mended, by origin.
    unrepaired : mapping of str to str
        What stays wrong, by origin.
    unit, frame : str
        Of the files of the skull: 'mm', 'cm', 'm'; 'ras', 'lps', 'y-up', or the way of its axes in words.
    mirrored : bool
        Whether right and left were changed back.
    turn : (3, 3) array
        How RAS as the file has it was turned besides, because the head lay or was turned far; points given with the scan, such as
        landmarks, have to be turned too: `placed` does it.
    """

    parts: tuple[RealPart, ...]
    told: tuple[str, ...]
    changes: Mapping[str, tuple[str, ...]]
    unrepaired: Mapping[str, str]
    unit: str = "mm"
    frame: str = "ras"
    mirrored: bool = False
    turn: Array = field(default_factory=lambda: np.eye(3))

    def keyed(self) -> dict[str, SurfaceMesh]:
        """Return the surfaces that are used, by key, as `real_anatomy` takes them."""
        return {p.key: p.mesh for p in self.parts if p.key is not None}

    def placed(self, points: ArrayLike) -> Array:
        """Return points (n, 3) mm that were given in the scan's RAS where the parts now are."""
        given = np.atleast_2d(np.asarray(points, dtype=np.float64))
        if self.mirrored:
            given = given * FLIP
        return np.asarray(given @ self.turn.T)
