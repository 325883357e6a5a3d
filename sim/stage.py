"""From an anatomy and a picture to coloured, lit geometry: what is drawn, layer by layer. Arrays only; `sim.canvas` draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, Structure, SurfaceMesh
from sim import shading, sutures
from sim.cameras import View
from sim.cutting import cap, clip, plane_distance
from sim.filling import filling
from sim.marks import Mark, marks_of, tube
from sim.picture import Picture
from sim.picture_shown import Shown, Window
from sim.skin_paint import Coat, coat_of
from sim.theme import Theme

Array = NDArray[np.float64]

KEY_LIGHT = (-0.45, 0.62, 0.85)
SKINS = ("skin",)
TEXTURED = ("muscle",)
MATERIAL_OF_KIND = {"skin": "skin", "bone": "bone", "disc": "bone", "artery": "nerve", "vein": "nerve", "nerve": "nerve"}
HIGHLIGHT = 1.10
BESIDE_HIGHLIGHT = 0.16
CUT_FACE = {"bone": (0.92, 0.85, 0.77), "muscle": (0.86, 0.82, 0.80), "artery": (0.66, 0.55, 0.55), "vein": (0.66, 0.66, 0.74)}
CUT_RIM = {  # colour, radius in mm and brightness of the edge of a cut face
    "bone": ("bone", 0.65, 1.04), "muscle": ("tendon", 0.22, 0.86), "artery": ("artery", 0.3, 1.0), "vein": ("vein", 0.3, 1.0)
}  # fmt: skip
RIM_MM = 0.55
SKIN_CELL_MM, SKIN_DEPTH_MM = 4.0, 32.0
FLAT_MM = 0.5
PAINT_ON_GLASS = 0.62


@dataclass(frozen=True)
class Piece:
    """A mesh of the scene before it is lit.

    Parameters
    ----------
    key : str
        Structure it belongs to; empty for a mark.
    material : str
        'bone', 'muscle', 'nerve', 'skin', 'soft', 'face' (of a cut) or 'mark'.
    mesh : SurfaceMesh
        What is left of it after cuts.
    colour : (3,) array
        Before light.
    opacity : float
        Below 1 it is glass.
    coat : Coat, optional
        Paint over its skin; its mesh is then the coat's.
    """

    key: str
    material: str
    mesh: SurfaceMesh
    colour: Array
    opacity: float
    coat: Coat | None = None


@dataclass(frozen=True)
class Layer:
    """Triangles that are drawn together.

    Parameters
    ----------
    material : str
        Decides gloss and texture.
    vertices_mm, normals : (n, 3) float32 arrays
        RAS, mm; unit.
    faces : (m, 3) int array
        For a glass layer, farthest first.
    colours : (n, 3) or (n, 4) uint8 array
        Four numbers make it glass.
    texture : (n, 2) array or None
        Texture coordinates of fibres.
    """

    material: str
    vertices_mm: NDArray[np.float32]
    normals: NDArray[np.float32]
    faces: NDArray[np.int64]
    colours: NDArray[np.uint8]
    texture: NDArray[np.float32] | None = None


def pieces_of(anatomy: Anatomy, picture: Picture, theme: Theme) -> list[Piece]:
    """Return everything the picture shows, coloured and cut, before light.

    Raises `MissingName` (a KeyError) for a structure that the anatomy does not hold.
    """
    anything = any(s.highlight for s in picture.shown)
    pieces: list[Piece] = []
    for shown in picture.shown:
        structure = anatomy[shown.key]
        if shown.opacity > 0:
            piece = _piece(structure, shown, theme, anything)
            cut = [_painted(p, anatomy, picture, theme) for p in _cut(piece, structure, picture, theme)]
            pieces += cut + _sutures(anatomy, piece, picture)
    return pieces + _filled(anatomy, picture, theme) + [_marked(mark, theme) for mark in marks_of(picture)]


def light(pieces: Sequence[Piece], view: View, theme: Theme, seed: int) -> list[Layer]:
    """Return the layers of a scene, lit: one per material, and one of all glass, sorted from the back."""
    if not pieces:
        return []
    solid = [p for p in pieces if p.opacity >= 1]
    glass = [p for p in pieces if p.opacity < 1]
    scene = shading.occupancy([p.mesh for p in solid if p.material != "mark"] or [p.mesh for p in pieces])
    layers = []
    for material in dict.fromkeys(p.material for p in solid):
        group = [p for p in solid if p.material == material]
        layers.append(_solid_layer(material, group, scene, view, theme, seed))
    return layers + ([_glass_layer(glass, view, theme)] if glass else [])


def light_direction(view: View) -> Array:
    """Return the unit vector (3,) toward the key light: above, to the left and in front of the camera."""
    x, y, z = KEY_LIGHT
    direction = x * view.right + y * view.up + z * view.toward
    return np.asarray(direction / np.linalg.norm(direction))


def _piece(structure: Structure, shown: Shown, theme: Theme, anything: bool) -> Piece:
    """A structure in its colour."""
    colour = theme.of_structure(structure) if shown.colour is None else theme.colour(shown.colour)
    if shown.highlight:
        colour = np.clip(colour * HIGHLIGHT, 0, 1)
    elif anything and structure.kind not in SKINS:
        colour = colour + BESIDE_HIGHLIGHT * (colour.mean() * 0.5 + 0.4 - colour)
    mesh = _open_below(structure.mesh) if structure.kind in SKINS and shown.opacity < 1 else structure.mesh
    return Piece(structure.key, _material(structure), mesh, colour, shown.opacity)


def _painted(piece: Piece, anatomy: Anatomy, picture: Picture, theme: Theme) -> Piece:
    """The piece with the regions that the picture paints, if it is of skin."""
    coat = coat_of(anatomy, piece.mesh, picture.maps, theme) if piece.material == "skin" and picture.maps else None
    return piece if coat is None else replace(piece, mesh=coat.mesh, coat=coat)


def _sutures(anatomy: Anatomy, bone: Piece, picture: Picture) -> list[Piece]:
    """The sutures on a solid cranium, cut as it is."""
    lines = sutures.sutures_of(anatomy) if bone.key == sutures.BONE and bone.opacity >= 1 else None
    if lines is None:
        return []
    for cut in picture.cuts:
        if not cut.keys or bone.key in cut.keys:
            lines, _ = clip(lines, plane_distance(lines.vertices_mm, np.asarray(cut.point_mm), np.asarray(cut.normal)))
    return [Piece(bone.key, bone.material, lines, bone.colour * sutures.TINT, 1.0)] if len(lines.faces) else []


def _open_below(mesh: SurfaceMesh) -> SurfaceMesh:
    """A skin without its flat cut below the shoulders, which would show as a pane of glass."""
    low = mesh.vertices_mm[:, 2] < mesh.vertices_mm[:, 2].min() + FLAT_MM
    return replace(mesh, faces=mesh.faces[~low[mesh.faces].all(axis=1)])


def _material(structure: Structure) -> str:
    """Material of a kind of structure."""
    if structure.kind in TEXTURED and structure.mesh.grain is not None:
        return "muscle"
    return MATERIAL_OF_KIND.get(structure.kind, "soft")


def _cut(piece: Piece, structure: Structure, picture: Picture, theme: Theme) -> list[Piece]:
    """The piece after cuts and window, with the faces that close it and the rim of the window."""
    extra: list[Piece] = []
    for cut in picture.cuts:
        if cut.keys and structure.key not in cut.keys:
            continue
        normal = np.asarray(cut.normal, dtype=np.float64)
        mesh, rim = clip(piece.mesh, plane_distance(piece.mesh.vertices_mm, np.asarray(cut.point_mm), normal))
        piece = replace(piece, mesh=mesh)
        face = cap(rim, normal) if cut.capped and structure.kind not in SKINS and len(rim) else None
        if face is not None:
            extra.append(Piece(piece.key, "face", face, piece.colour * CUT_FACE.get(structure.kind, 0.9), piece.opacity))
            extra += _face_rim(piece, structure, rim, theme)
    if picture.window is not None and structure.key in picture.window.keys and len(piece.mesh.faces):
        piece, more = _opened(piece, picture.window)
        extra += more
    return [p for p in (piece, *extra) if len(p.mesh.faces)]


def _filled(anatomy: Anatomy, picture: Picture, theme: Theme) -> list[Piece]:
    """The space between structures in the planes that ask for it, cut by the other planes."""
    pieces = []
    solid = frozenset(s.key for s in picture.shown if s.opacity >= 1)
    for cut in (c for c in picture.cuts if c.fill):
        drawn = solid & frozenset(cut.keys) if cut.keys else solid
        face = filling(anatomy, np.asarray(cut.point_mm), np.asarray(cut.normal, dtype=np.float64), drawn)
        if face is None:
            continue
        for other in (c for c in picture.cuts if c is not cut):
            face, _ = clip(face, plane_distance(face.vertices_mm, np.asarray(other.point_mm), np.asarray(other.normal)))
        if len(face.faces):
            pieces.append(Piece("", "face", face, theme.colours["filling"], 1.0))
    return pieces


def _face_rim(piece: Piece, structure: Structure, rim: Array, theme: Theme) -> list[Piece]:
    """The edge of a cut face: compact bone round spongy bone, fascia round muscle, a wall round blood."""
    if structure.kind not in CUT_RIM or piece.opacity < 1:
        return []
    name, radius, bright = CUT_RIM[structure.kind]
    colour = np.clip((piece.colour if name == structure.kind else theme.colours[name]) * bright, 0, 1)
    return [Piece("", "face", tube(line, radius), colour, 1.0) for line in _chained(rim, least=2)]


def inward_mm(window: Window, points: Array) -> Array:
    """Return how far (n,) mm points lie inside a window's region, negative outside."""
    centre = np.asarray(window.centre_mm, dtype=np.float64)
    if window.shape == "sphere":
        return np.asarray(window.radius_mm - np.linalg.norm(points - centre, axis=1))
    return plane_distance(points, centre, np.asarray(window.normal, dtype=np.float64))


def _opened(piece: Piece, window: Window) -> tuple[Piece, list[Piece]]:
    """The piece outside a window, with what is left inside and the rim."""
    inward = inward_mm(window, piece.mesh.vertices_mm)
    outside, rim = clip(piece.mesh, inward)
    extra = [Piece(piece.key, "soft", tube(s, RIM_MM), piece.colour * 0.82, 1.0) for s in _chained(rim)]
    if window.opacity > 0:
        inside, _ = clip(piece.mesh, -inward)
        extra.append(replace(piece, mesh=inside, opacity=min(window.opacity, 0.99)))
    return replace(piece, mesh=outside), extra


def _chained(segments: Array, *, least: int = 5) -> list[Array]:
    """Segments (k, 2, 3) joined into the lines (n, 3) that they form, without those of fewer points than `least`."""
    start = {tuple(np.round(s[0], 4)): i for i, s in enumerate(segments)}
    left, lines = set(range(len(segments))), []
    while left:
        i = left.pop()
        line = [segments[i][0], segments[i][1]]
        while (following := start.get(tuple(np.round(line[-1], 4)))) in left and following is not None:
            left.remove(following)
            line.append(segments[following][1])
        if len(line) >= least:
            points = np.array(line)
            step = np.linalg.norm(np.diff(points, axis=0, prepend=points[:1] - 1), axis=1)
            lines.append(points[step > 1e-3])
    return [line for line in lines if len(line) >= least]


def _marked(mark: Mark, theme: Theme) -> Piece:
    """A mark in its colour."""
    return Piece("", "mark", mark.mesh, theme.colour(mark.colour), mark.opacity)


def _solid_layer(material: str, group: Sequence[Piece], scene: shading.Occupancy, view: View, theme: Theme, seed: int) -> Layer:
    """One material, lit and merged."""
    points = np.concatenate([p.mesh.vertices_mm for p in group])
    normals = np.concatenate([p.mesh.normals for p in group])
    base = np.concatenate([base_colour(p, theme, seed) for p in group])
    ambient = shading.ambient_light(scene, points, normals)
    key = shading.key_light(scene, points, normals, light_direction(view))
    edge = shading.outline(normals, view.toward)
    strengths = (theme.occlusion, theme.shadow, theme.edge) if material != "mark" else (0.4, 0.2, 0.2)
    colours = shading.shade(base, ambient, key, edge, strengths)
    texture = None
    if material == "muscle":
        texture = np.concatenate([shading.texture_coordinates(p.mesh.grain) for p in group if p.mesh.grain is not None])
    return Layer(material, points.astype(np.float32), normals.astype(np.float32), _joined(group), _bytes(colours), texture)


def base_colour(piece: Piece, theme: Theme, seed: int) -> Array:
    """Colour (n, 3) before light: tendon in muscle, mottling in bone, paint on skin."""
    colour = np.broadcast_to(piece.colour, piece.mesh.vertices_mm.shape)
    if piece.material == "muscle" and piece.mesh.tendon is not None:
        share = np.clip(piece.mesh.tendon, 0, 1)[:, None]
        colour = colour + share * (theme.colours["tendon"] - colour)
    if piece.coat is not None:
        colour = colour + piece.coat.cover[:, None] * (piece.coat.colours - colour)
    if piece.material == "bone":
        colour = colour * shading.mottling(piece.mesh.vertices_mm, seed)[:, None]
    return colour


def _glass_layer(group: Sequence[Piece], view: View, theme: Theme) -> Layer:
    """All glass in one, without the triangles that face away, sorted from the back so that no peeling is needed."""
    points = np.concatenate([p.mesh.vertices_mm for p in group])
    normals = np.concatenate([p.mesh.normals for p in group])
    faces = _joined(group)
    colours = np.concatenate([np.broadcast_to(glass_colour(p, theme), p.mesh.vertices_mm.shape) for p in group])
    alpha = np.concatenate([_alpha(p, view) for p in group])
    pixels, depth = view.project(points)
    skin = np.flatnonzero(np.repeat([p.material == "skin" for p in group], [len(p.mesh.vertices_mm) for p in group]))
    if len(skin):
        alpha[skin] *= shading.topmost(pixels[skin], depth[skin], SKIN_CELL_MM * view.px_per_mm, SKIN_DEPTH_MM)
    a, b, c = (points[faces[:, i]] for i in range(3))
    front = np.flatnonzero(np.cross(b - a, c - a) @ view.toward > 0)
    order = front[np.argsort(depth[faces[front]].sum(axis=1), kind="stable")]
    rgba = np.concatenate([_bytes(colours), _bytes(alpha[:, None])], axis=1)
    return Layer("glass", points.astype(np.float32), normals.astype(np.float32), faces[order], rgba)


def glass_colour(piece: Piece, theme: Theme) -> Array:
    """Colour of glass, (3,) or (n, 3) if painted; a thin film needs a deeper colour than a body."""
    colour = piece.colour**theme.clear_depth if piece.material == "skin" else piece.colour
    if piece.coat is None:
        return colour
    return np.asarray(colour + np.minimum(2 * piece.coat.cover, 1)[:, None] * (piece.coat.colours - colour))


def _alpha(piece: Piece, view: View) -> NDArray[np.float32]:
    """Opacity (n,) of glass: clear in the middle for skin and probe, even for the rest."""
    if piece.material == "skin":
        clear = shading.clear_alpha(piece.mesh.normals, view.toward, piece.opacity)
        return clear if piece.coat is None else np.maximum(clear, (PAINT_ON_GLASS * piece.coat.cover).astype(np.float32))
    if piece.material == "mark":
        edge = shading.outline(piece.mesh.normals, view.toward)
        return np.asarray(np.clip(piece.opacity * (0.75 + 1.1 * edge), 0, 1), dtype=np.float32)
    return np.full(len(piece.mesh.vertices_mm), piece.opacity, dtype=np.float32)


def _joined(group: Sequence[Piece]) -> NDArray[np.int64]:
    """Triangles of all pieces, counted through."""
    start = np.cumsum([0] + [len(p.mesh.vertices_mm) for p in group])
    return np.concatenate([p.mesh.faces + n for p, n in zip(group, start, strict=False)])


def _bytes(values: Any) -> NDArray[np.uint8]:
    """Shares as whole numbers to 255."""
    return np.asarray(np.round(np.clip(values, 0, 1) * 255), dtype=np.uint8)
