"""From an anatomy to what the live view draws: thinned surfaces, light baked into their colours, and what can be seen of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.bulk import vertex_normals
from meshes.model import Anatomy, Structure, SurfaceMesh
from sim import shading
from sim.app.scene.sight import directions, seen
from sim.tables import table
from sim.theme import Theme, load_theme

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Numbers = NDArray[np.int32]

STYLE = "atlas"
SEED = 0
COVERING = ("skin", "hair")
HARD = ("bone", "disc")
ASTRAY = 0.4  # cosine
TINY = 40  # triangles: nothing is thinned below


@dataclass(frozen=True)
class Part:
    """Where one structure stands in the arrays.

    Parameters
    ----------
    key, kind : str
        Of the structure.
    faces, ghost_faces : (first, end) of int
        Rows of `Baked.faces`, solid and as a ghost.
    """

    key: str
    kind: str
    faces: tuple[int, int]
    ghost_faces: tuple[int, int]

    @property
    def names(self) -> tuple[str, ...]:
        """What a level may call it by: its key, the unsided one, its kind."""
        return self.key, self.key.removesuffix("_left").removesuffix("_right"), self.kind


@dataclass(frozen=True, eq=False)
class Baked:
    """All surfaces of the live view in common arrays.

    Parameters
    ----------
    vertices_mm, normals : (n, 3) float32 arrays
        RAS mm; unit, of the full surfaces.
    colours : (n, 3) uint8 array
        With ambient occlusion, tendon and mottling.
    grain_mm : (n, 2) float32 array
        Along and across the fibres; 0 where there are none.
    faces : (m, 3) int32 array
    parts : tuple of Part
    seen : mapping of str to (m,) bool array
        By level that is sifted: faces that any viewer can see while nothing is hidden.
    """

    vertices_mm: Floats
    normals: Floats
    colours: NDArray[np.uint8]
    grain_mm: Floats
    faces: Numbers
    parts: tuple[Part, ...]
    seen: Mapping[str, NDArray[np.bool_]]

    def rows(self, names: Sequence[str], hidden: Sequence[str] = (), *, ghost: bool = False) -> NDArray[np.int64]:
        """Return which faces (k,) belong to structures of these keys or kinds, without the `hidden` ones."""
        away, wanted = set(hidden), set(names)
        spans = [p.ghost_faces if ghost else p.faces for p in self.parts if wanted & set(p.names) and not away & set(p.names)]
        return np.concatenate([np.arange(a, b) for a, b in spans] or [np.zeros(0, dtype=np.int64)])


def bake(anatomy: Anatomy, tell: Callable[[int, int], None] | None = None) -> Baked:
    """Return the arrays of an anatomy.

    Parameters
    ----------
    anatomy : Anatomy
    tell : callable, optional
        Called with (structures done, structures in all).
    """
    shown = [s for s in anatomy.structures.values() if triangles_of(s) > 0]
    if not shown:
        raise ValueError("the anatomy has no structure that the view could show.")
    light = _lights(shown)
    theme = load_theme(STYLE)
    pieces: list[_Piece] = []
    spans: list[tuple[int, int]] = []
    for done, structure in enumerate(shown):
        if tell is not None:
            tell(done, len(shown))
        full = triangles_of(structure)
        share = table("app_scene")["triangles"]["ghost"].get(structure.kind, 0.0)
        solid = thinned(structure.mesh, full)
        for surface, scenes in ((solid, light), (thinned(solid, round(full * share)) if share else None, {})):
            piece = _piece(structure, surface, scenes, theme)
            first = spans[-1][1] if spans else 0
            spans.append((first, first + len(piece.faces)))
            pieces.append(piece)
    start = np.cumsum([0] + [len(p.vertices) for p in pieces])
    faces = np.concatenate([p.faces + n for p, n in zip(pieces, start, strict=False)]).astype(np.int32)
    parts = tuple(Part(s.key, s.kind, spans[2 * i], spans[2 * i + 1]) for i, s in enumerate(shown))
    vertices, normals, colours, grain = (np.concatenate([getattr(p, f) for p in pieces]) for f in _Piece.__slots__[:4])
    whole = Baked(vertices, normals, colours, grain, faces, parts, {})
    seen_at = {name: _seen(whole, name) for name, row in table("app_scene")["levels"].items() if row.get("sift")}
    return Baked(vertices, normals, colours, grain, faces, parts, seen_at)


def level_names() -> tuple[str, ...]:
    """Return the names of the levels of revealing."""
    return tuple(table("app_scene")["levels"])


def triangles_of(structure: Structure) -> int:
    """Return how many triangles a structure gets; 0 if it is not drawn."""
    rows = table("app_scene")["triangles"]
    unsided = structure.key.removesuffix("_left").removesuffix("_right")
    return int(rows["keys"].get(unsided, rows["kinds"].get(structure.kind, 0)))


def thinned(mesh: SurfaceMesh, triangles: int) -> SurfaceMesh:
    """Return a surface with about so many triangles, or as it is if it has no more; its normals are those of the nearest corners.

    References
    ----------
    Garland, Heckbert 1997, doi 10.1145/258734.258849: quadric error metrics; VTK's own code does it.
    """
    if len(mesh.faces) <= max(triangles, TINY):
        return mesh
    import pyvista as pv
    from vtkmodules.vtkFiltersCore import vtkQuadricDecimation

    faces: Any = np.array(mesh.faces)
    thin = vtkQuadricDecimation()
    thin.SetInputData(pv.PolyData.from_regular_faces(np.array(mesh.vertices_mm), faces))
    thin.SetTargetReduction(1.0 - max(triangles, TINY) / len(mesh.faces))
    thin.VolumePreservationOn()
    thin.Update()
    out: Any = pv.wrap(thin.GetOutput())
    points, left = np.array(out.points, dtype=np.float64), np.array(out.regular_faces, dtype=np.int64)
    old, own = mesh.normals[cKDTree(mesh.vertices_mm).query(points)[1]], vertex_normals(points, left)
    astray = np.einsum("ij,ij->i", old, own) < ASTRAY  # the nearest corner lies on the other side of a thin tube
    return SurfaceMesh(points, left, np.where(astray[:, None], own, old))


@dataclass(frozen=True, slots=True)
class _Piece:
    """One surface, thinned and coloured."""

    vertices: Floats
    normals: Floats
    colours: NDArray[np.uint8]
    grain: Floats
    faces: NDArray[np.int64]


def _piece(structure: Structure, surface: SurfaceMesh | None, light: Mapping[str, shading.Occupancy], theme: Theme) -> _Piece:
    """A thinned surface of a structure in its colours; what its corners carry is taken from the nearest of the full one."""
    mesh = structure.mesh
    if surface is None:
        none = np.zeros((0, 3), dtype=np.float32)
        return _Piece(none, none, none.astype(np.uint8), none[:, :2], np.zeros((0, 3), dtype=np.int64))
    points, normals = surface.vertices_mm, surface.normals
    near = cKDTree(mesh.vertices_mm).query(points)[1]
    colour = np.broadcast_to(theme.of_structure(structure), points.shape)
    if mesh.tendon is not None:
        colour = colour + np.clip(mesh.tendon[near], 0, 1)[:, None] * (theme.colours["tendon"] - colour)
    if structure.kind == "bone":
        colour = colour * shading.mottling(points, SEED)[:, None]
    group = _light_of(structure.kind)
    scene, strength = light.get(group), theme.occlusion * table("app_scene")["occlusion"].get(group, 1.0)
    open_sky = np.ones(len(points), dtype=np.float32)
    ambient = open_sky if scene is None else shading.ambient_light(scene, points, normals)
    lit = shading.shade(colour, ambient, open_sky, 0 * open_sky, (strength, 0.0, 0.0))
    grain = np.zeros((len(points), 2)) if mesh.grain is None else mesh.grain[near]
    return _Piece(
        points.astype(np.float32), normals.astype(np.float32), np.round(255 * np.clip(lit, 0, 1)).astype(np.uint8),
        np.asarray(grain, dtype=np.float32), surface.faces,
    )  # fmt: skip


def _lights(shown: Sequence[Structure]) -> dict[str, shading.Occupancy]:
    """What stands in the light of the covering, of flesh, and of bones, nerves and vessels, which are seen without flesh."""
    groups: dict[str, list[SurfaceMesh]] = {}
    for structure in shown:
        name = _light_of(structure.kind)
        for place in (name, "flesh") if name == "deep" and structure.kind in HARD else (name,):
            groups.setdefault(place, []).append(structure.mesh)
    return {name: shading.occupancy(meshes) for name, meshes in groups.items()}


def _light_of(kind: str) -> str:
    """Name of the group of surfaces that shade one another."""
    return "cover" if kind in COVERING else "flesh" if kind in ("muscle", "ligament") else "deep"


def _seen(baked: Baked, level: str) -> NDArray[np.bool_]:
    """Faces (m,) of a level's solid structures that are not always behind others."""
    rows = baked.rows(table("app_scene")["levels"][level]["solid"])
    out = np.zeros(len(baked.faces), dtype=bool)
    out[rows[seen(baked.vertices_mm, baked.faces[rows], directions())]] = True
    return out
