"""From the pieces of a picture to what a film's window draws: light of the surroundings baked in, lamps left to the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, SurfaceMesh
from sim import shading
from sim.app.scene.vtk import GRAIN, actor_of, light, surface, vtk_array
from sim.picture import Picture
from sim.stage import PAINT_ON_GLASS, Piece, base_colour, glass_colour, pieces_of
from sim.theme import Theme

if TYPE_CHECKING:
    from vtkmodules.vtkRenderingCore import vtkActor

Array = NDArray[np.float64]

MARK_STRENGTHS = 0.4
MOST_OUTLINE = 0.95
GHOST_LIFT = 1.12  # stills light what is clear with all lamps, the window from the camera alone


@dataclass(frozen=True, eq=False)
class Scenery:
    """What stands still in one picture of a film.

    Parameters
    ----------
    pieces : tuple of Piece
        Before light, without needles and probe.
    solid, clear : tuples of vtkActor
        Clear ones from the inside outward.
    occupancy : Occupancy
        Of the solid pieces, by which what moves among them is lit.
    """

    pieces: tuple[Piece, ...]
    solid: tuple[vtkActor, ...]
    clear: tuple[vtkActor, ...]
    occupancy: shading.Occupancy


def scenery_of(anatomy: Anatomy, picture: Picture, theme: Theme) -> Scenery:
    """Return the actors of a picture. Raises `MissingName` for a structure that the anatomy does not hold."""
    pieces = [p for p in pieces_of(anatomy, picture, theme) if len(p.mesh.faces)]
    solid = _within_reach([p for p in pieces if p.opacity >= 1], picture)
    clear = [p for p in pieces if p.opacity < 1]
    scene = shading.occupancy([p.mesh for p in solid if p.material != "mark"] or [p.mesh for p in pieces])
    groups = [[p for p in solid if p.material == material] for material in dict.fromkeys(p.material for p in solid)]
    made = tuple(solid_actor(group, scene, theme, picture.seed) for group in groups)
    ordered = sorted(clear, key=lambda p: {"mark": 1, "skin": 2}.get(p.material, 0))
    return Scenery((*solid, *clear), made, tuple(a for p in ordered for a in clear_actors(p, theme)), scene)


def solid_actor(group: Sequence[Piece], scene: shading.Occupancy, theme: Theme, seed: int) -> vtkActor:
    """Return one actor of solid pieces of one material."""
    material = group[0].material
    points = np.concatenate([p.mesh.vertices_mm for p in group])
    normals = np.concatenate([p.mesh.normals for p in group])
    base = np.concatenate([base_colour(p, theme, seed) for p in group])
    ambient, whole = shading.ambient_light(scene, points, normals), np.ones(len(points), dtype=np.float32)
    occlusion = theme.occlusion if material != "mark" else MARK_STRENGTHS
    colours = shading.shade(base, ambient, whole, 0 * whole, (occlusion, 0.0, 0.0))
    grain = None
    if material == "muscle":
        grain = np.concatenate([p.mesh.grain for p in group if p.mesh.grain is not None])
    actor = _actor(SurfaceMesh(points, _joined(group), normals), _bytes(colours), grain)
    light(actor, theme, material, edge=theme.edge if material != "mark" else 0.2, fibres=grain is not None)
    return actor


def clear_actors(piece: Piece, theme: Theme) -> list[vtkActor]:
    """Return the actors of a piece that is seen through; paint on it is an actor of its own."""
    opacity, mesh = piece.opacity, piece.mesh
    looks = {
        "skin": (shading.CLEAR_LOW * opacity, min(shading.CLEAR_HIGH * opacity, max(MOST_OUTLINE, opacity))),
        "mark": (0.75 * opacity, min(1.85 * opacity, 1.0)),
    }
    bare = Piece(piece.key, piece.material, mesh, piece.colour, opacity)
    tone = np.clip(GHOST_LIFT * glass_colour(bare, theme), 0, 1)
    actor = _actor(mesh, _bytes(np.broadcast_to(tone, mesh.vertices_mm.shape)), None)
    light(actor, theme, "glass", ghost=looks.get(piece.material, (opacity, opacity)))
    return [actor, *(() if piece.coat is None else (_paint(piece, theme),))]


def _paint(piece: Piece, theme: Theme) -> vtkActor:
    """The painted part of a clear skin."""
    assert piece.coat is not None
    alpha = PAINT_ON_GLASS * piece.coat.cover
    faces = piece.mesh.faces[(alpha[piece.mesh.faces] > 0).any(axis=1)]
    rgba = np.concatenate([_bytes(piece.coat.colours), _bytes(alpha[:, None])], axis=1)
    actor = _actor(SurfaceMesh(piece.mesh.vertices_mm, faces, piece.mesh.normals), rgba, None)
    light(actor, theme, "skin")
    actor.ForceTranslucentOn()
    return actor


def _within_reach(pieces: list[Piece], picture: Picture) -> list[Piece]:
    """The pieces without those that lie wholly under a closed skin, which no camera can see."""
    skin = next((p for p in pieces if p.key == "skin"), None)
    if skin is None or picture.window is not None or any(not c.keys or "skin" in c.keys for c in picture.cuts):
        return pieces
    return [p for p in pieces if p.material in ("skin", "mark") or p is skin or _comes_out(p, skin)]


def _comes_out(piece: Piece, skin: Piece) -> bool:
    """Whether a part of a piece may lie outside the skin: some corner stands over the skin's nearest corner."""
    from scipy.spatial import cKDTree

    points = piece.mesh.vertices_mm[::3]
    near = cKDTree(skin.mesh.vertices_mm).query(points)[1]
    over = np.einsum("ij,ij->i", points - skin.mesh.vertices_mm[near], skin.mesh.normals[near])
    return bool((over > 0.2).any())


def _actor(mesh: SurfaceMesh, colours: NDArray[np.uint8], grain: Array | None) -> vtkActor:
    """Triangles in colours (n, 3) or (n, 4), with millimetres along and across fibres (n, 2) if they have any."""
    data: Any = surface(mesh.vertices_mm.astype(np.float32), mesh.faces.astype(np.int32), mesh.normals.astype(np.float32))
    data.GetPointData().SetScalars(vtk_array(colours))
    if grain is not None:
        values = vtk_array(grain.astype(np.float32))
        values.SetName(GRAIN)
        data.GetPointData().AddArray(values)
    return actor_of(data)


def _joined(group: Sequence[Piece]) -> NDArray[np.int64]:
    """Triangles of all pieces, counted through."""
    start = np.cumsum([0] + [len(p.mesh.vertices_mm) for p in group])
    return np.concatenate([p.mesh.faces + n for p, n in zip(group, start, strict=False)])


def _bytes(values: Array) -> NDArray[np.uint8]:
    """Shares as whole numbers to 255."""
    return np.asarray(np.round(np.clip(values, 0, 1) * 255), dtype=np.uint8)
