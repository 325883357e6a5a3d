"""What a regional builder hands over: a named field and all that turns it into a structure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.fields import Field
from meshes.model import SurfaceMesh

Array = NDArray[np.float64]
Fibres = Callable[[Array], tuple[Array, Array, Array]]


@dataclass(frozen=True)
class Part:
    """A structure before it is contoured. Paired ones are given for the right side and mirrored.

    Parameters
    ----------
    key : str
        Unsided key of `terms.toml`.
    field : Field
        Its form: right side for paired structures, whole for median ones.
    spacing : float
        Grid step for contouring, mm.
    faces : int
        Triangles to keep.
    fibres : callable, optional
        Points (n, 3) to fibre directions (n, 3), grain (n, 2) mm and tendon share (n,).
    centerline, radius_mm, branches
        As in `Structure`, right side.
    sources, evidence
        As in `Structure`.
    mesh : SurfaceMesh, optional
        Its surface, where contouring would lose a thin layer.
    """

    key: str
    field: Field
    spacing: float
    faces: int
    fibres: Fibres | None = None
    centerline: Array | None = None
    radius_mm: Array | None = None
    branches: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    sources: tuple[str, ...] = ()
    evidence: str = "design"
    mesh: SurfaceMesh | None = None
