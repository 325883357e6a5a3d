"""Anatomy: named structures with geometry and tissue, named landmarks and curves.

Everything that a user sees is derived from one immutable `Anatomy`. Frame: RAS, mm, Frankfort
horizontal at z = 0, origin midway between the porions, +x to the patient's right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from meshes._check import unknown
from meshes.points import FLIP

if TYPE_CHECKING:
    import trimesh

Array = NDArray[np.float64]
Side = Literal["left", "right", "median"]


class MissingName(KeyError):
    """A name that the anatomy does not hold; its text names the nearest ones."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class SurfaceMesh:
    """A closed triangle surface.

    Parameters
    ----------
    vertices_mm : (n, 3) array
        RAS, mm.
    faces : (m, 3) int array
        Counter-clockwise seen from outside.
    normals : (n, 3) array
        Unit, outward, one per vertex.
    fibres : (n, 3) array, optional
        Unit fibre direction of muscle or tendon at each vertex.
    grain : (n, 2) array, optional
        Millimetres along and across the fibres, for drawing striation.
    tendon : (n,) array, optional
        Share of tendon at each vertex, 0 belly to 1 tendon.
    """

    vertices_mm: Array
    faces: NDArray[np.int64]
    normals: Array
    fibres: Array | None = None
    grain: Array | None = None
    tendon: Array | None = None

    def __post_init__(self) -> None:
        for name in ("vertices_mm", "faces", "normals", "fibres", "grain", "tendon"):
            value = getattr(self, name)
            if value is not None:
                value.setflags(write=False)


@dataclass(frozen=True)
class Structure:
    """One named part of an anatomy.

    Parameters
    ----------
    key : str
        Terminologia Anatomica English name in snake case, side last.
    side : {'left', 'right', 'median'}
        Always the patient's.
    kind, tissue : str
        Class of structure (bone, muscle, nerve, ...) and tissue class for physics.
    ta2, latin : str
        English and Latin terms of Terminologia Anatomica, unsided.
    fma : int or None
        Foundational Model of Anatomy id where one is known.
    mesh : SurfaceMesh
        Its surface.
    centerline, radius_mm : (n, 3), (n,) arrays or None
        Axis from origin to end, and radius along it, of nerves and vessels: both or neither.
    branches : mapping of str to (n, 3) array
        Named branches of a nerve or vessel, from the trunk outward.
    sources : tuple of str
        Keys of `references.toml`.
    evidence : str
        Level of the weakest number that gives the structure its place and form.
    """

    key: str
    side: Side
    kind: str
    tissue: str
    ta2: str
    latin: str
    fma: int | None
    mesh: SurfaceMesh
    centerline: Array | None = None
    radius_mm: Array | None = None
    branches: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))
    sources: tuple[str, ...] = ()
    evidence: str = ""

    @cached_property
    def surface(self) -> trimesh.Trimesh:
        """The surface as a trimesh, watertight, outward normals, mm."""
        import trimesh

        mesh = self.mesh
        return trimesh.Trimesh(mesh.vertices_mm, mesh.faces, vertex_normals=mesh.normals, process=False)

    @property
    def label(self) -> str:
        """The English term with the side in front, as a reader expects it."""
        return self.ta2 if self.side == "median" else f"{self.side} {self.ta2}"


@dataclass(frozen=True)
class Anatomy:
    """Named structures, landmarks and curves of one head and neck.

    Parameters
    ----------
    name : str
        Of the anatomy: 'shipped', 'bodyparts3d', or the user's.
    structures : mapping of str to Structure
        In catalogue order.
    landmarks, curves : mappings of str to (3,) and (n, 3) arrays
        RAS, mm.
    meta : mapping
        Patient parameters, licence, posture, sources.
    """

    name: str
    structures: Mapping[str, Structure]
    landmarks: Mapping[str, Array]
    curves: Mapping[str, Array]
    meta: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __getitem__(self, key: str) -> Structure:
        if key not in self.structures:
            raise MissingName(unknown("structure", key, self.structures))
        return self.structures[key]

    def __contains__(self, key: object) -> bool:
        return key in self.structures

    def landmark(self, name: str) -> Array:
        """Return a landmark, (3,) mm RAS. Raises `MissingName` (a KeyError) naming the nearest."""
        if name not in self.landmarks:
            raise MissingName(unknown("landmark", name, self.landmarks))
        return self.landmarks[name]

    def curve(self, name: str) -> Array:
        """Return a named curve, (n, 3) mm RAS. Raises `MissingName` naming the nearest."""
        if name not in self.curves:
            raise MissingName(unknown("curve", name, self.curves))
        return self.curves[name]

    @classmethod
    def of(
        cls,
        name: str,
        structures: Iterable[Structure],
        landmarks: Mapping[str, Array],
        curves: Mapping[str, Array],
        meta: Mapping[str, Any] | None = None,
    ) -> Anatomy:
        """Return an anatomy whose tables cannot be written to."""
        return cls(
            name,
            MappingProxyType({s.key: s for s in structures}),
            MappingProxyType({k: _frozen(v) for k, v in landmarks.items()}),
            MappingProxyType({k: _frozen(v) for k, v in curves.items()}),
            MappingProxyType(dict(meta or {})),
        )


class Held:
    """An anatomy that is the same key as any other of the same identity."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and other.anatomy is self.anatomy

    def __hash__(self) -> int:
        return id(self.anatomy)


def mirrored_mesh(mesh: SurfaceMesh) -> SurfaceMesh:
    """Return `mesh` mirrored across x = 0, still outward."""
    fibres = None if mesh.fibres is None else mesh.fibres * FLIP
    return SurfaceMesh(mesh.vertices_mm * FLIP, mesh.faces[:, ::-1].copy(), mesh.normals * FLIP, fibres, mesh.grain, mesh.tendon)


def joined_meshes(meshes: Sequence[SurfaceMesh]) -> SurfaceMesh:
    """Return surfaces as one, each as it is: vertices that lie on each other are not welded, and fibres are left out."""
    starts = np.cumsum([0, *(len(m.vertices_mm) for m in meshes[:-1])])
    faces = np.vstack([m.faces + start for m, start in zip(meshes, starts, strict=True)])
    return SurfaceMesh(np.vstack([m.vertices_mm for m in meshes]), faces, np.vstack([m.normals for m in meshes]))


def _frozen(value: Any) -> Array:
    array = np.array(value, dtype=np.float64)
    array.setflags(write=False)
    return array
