"""What lies between the structures of a cut: a face of fat and connective tissue in the plane, where there is nothing else.

It stays inside the skin and behind the front of the spine, so that it is never drawn in airways, mouth or face, and out of the
spinal canal, the cranial cavity and whatever a bone encloses.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshes.model import Anatomy, SurfaceMesh
from meshes.voxels import inside_mask
from sim.cutting import clip

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

STEP_MM = 0.7
BEHIND_MM = 0.06  # the face lies this far below the plane, so that the faces of structures lie on it
SMOOTH_CELLS = 0.8
OVERLAP_CELLS = 2  # it reaches under the faces of what is drawn
FORAMEN_MM = 5  # openings of bone up to this width are taken for closed
GAP_MM = 10.0  # radius of a disc that fits into no gap that is closed near the front of the spine
SKIN_MM = 4.0  # no skin of the neck is thicker
SMALL_MM2 = 12.0
CANAL_MM = 3.0  # kept free round the dura
BODY_KINDS = ("muscle", "bone", "disc", "artery", "vein", "brain", "gland", "cartilage")
VERTEBRAE = (
    "atlas", "axis", "third_cervical_vertebra", "fourth_cervical_vertebra", "fifth_cervical_vertebra", "sixth_cervical_vertebra",
    "seventh_cervical_vertebra",
)  # fmt: skip
FILLED = ("fat and connective tissue, not modelled in detail", "filling")  # row of the legend: words, colour
NEEDED = ("skin", "cranium", "spinal_dura_mater", *VERTEBRAE)


def fillable(anatomy: Anatomy) -> bool:
    """Whether an anatomy has what tells airway, canal and cranial cavity from the space between muscles."""
    return all(key in anatomy for key in NEEDED)


def filling(anatomy: Anatomy, point_mm: Array, normal: Array, drawn: frozenset[str]) -> SurfaceMesh | None:
    """Return the face between the structures of a plane; None where there is no room for one.

    Parameters
    ----------
    anatomy : Anatomy
        `fillable`.
    point_mm, normal : (3,) arrays
        Of the plane; the normal looks toward whoever sees the face.
    drawn : frozenset of str
        Keys that the cut shows: the face reaches a little under theirs. The place of a muscle, bone or vessel that is not
        drawn stays empty.
    """
    sheet = _Sheet(anatomy["skin"].mesh, point_mm, normal)
    skin = sheet.section(anatomy["skin"].mesh)
    if not skin.any():
        return None
    shown, other = np.zeros_like(skin), np.zeros_like(skin)
    for key, structure in anatomy.structures.items():
        if structure.kind in BODY_KINDS or (key in drawn and structure.kind not in ("skin", "hair")):
            part = shown if key in drawn else other
            part |= sheet.section(structure.mesh)
    shut = _enclosed(sheet, anatomy) | _canal(sheet, anatomy) | _skin_itself(sheet, anatomy, skin)
    room = skin & ~shown & ~_large(other) & ~shut & _held(sheet, anatomy, shown)
    under = ndimage.binary_dilation(room, iterations=OVERLAP_CELLS) & shown
    return sheet.face(room | under)


def _large(mask: Mask) -> Mask:
    """A mask without its small parts: the place of a small branch that is not drawn counts as fat."""
    parts, count = ndimage.label(mask)
    areas = np.bincount(parts.ravel(), minlength=count + 1) * STEP_MM**2
    return np.asarray(mask & (areas[parts] >= SMALL_MM2))


def _closed(mask: Mask, radius_mm: float) -> Mask:
    """A mask with its gaps closed, as wide as a disc of that radius."""
    edge = int(np.ceil(radius_mm / STEP_MM)) + 1
    grown = ndimage.distance_transform_edt(~np.pad(mask, edge)) * STEP_MM <= radius_mm
    return np.asarray((ndimage.distance_transform_edt(grown) * STEP_MM > radius_mm)[edge:-edge, edge:-edge])


def _held(sheet: _Sheet, anatomy: Anatomy, body: Mask) -> Mask:
    """What lies behind the front of the spine: well behind it all, near it only what structures hold between them."""
    return np.asarray(_behind(sheet, anatomy, 0.0) & (_closed(body, GAP_MM) | _behind(sheet, anatomy, GAP_MM)))


def _skin_itself(sheet: _Sheet, anatomy: Anatomy, skin: Mask) -> Mask:
    """The thickness of the skin: from its surface to the fat under it."""
    if "subcutaneous_fat" not in anatomy:
        return np.zeros_like(skin)
    depth = ndimage.distance_transform_edt(skin) * STEP_MM
    layer = skin & ~sheet.section(anatomy["subcutaneous_fat"].mesh) & (depth < SKIN_MM)
    level = anatomy["skin"].mesh.vertices_mm[:, 2].min()
    start = layer & (depth <= 1.5 * STEP_MM) & (sheet.places[..., 2] > level + SKIN_MM)
    return np.asarray(ndimage.binary_propagation(start, mask=layer))


class _Sheet:
    """A grid of places in a plane, over the skin."""

    def __init__(self, skin: SurfaceMesh, point_mm: Array, normal: Array) -> None:
        self.normal = normal / np.linalg.norm(normal)
        aside = np.eye(3)[np.argmin(np.abs(self.normal))]
        u = np.cross(aside, self.normal)
        u /= np.linalg.norm(u)
        self.axes = np.array([u, np.cross(self.normal, u), self.normal])
        self.level = float(self.normal @ point_mm)
        flat = skin.vertices_mm @ self.axes.T
        self.low = np.append(flat[:, :2].min(axis=0) - 2 * STEP_MM, self.level)
        self.shape = tuple(int(n) for n in np.ceil((flat[:, :2].max(axis=0) - self.low[:2]) / STEP_MM) + 3)

    @property
    def places(self) -> Array:
        """The places (nu, nv, 3), mm RAS."""
        i, j = np.meshgrid(*(np.arange(n) for n in self.shape), indexing="ij")
        flat = np.stack([self.low[0] + i * STEP_MM, self.low[1] + j * STEP_MM, np.full(i.shape, self.level)], axis=-1)
        return np.asarray(flat @ self.axes)

    def section(self, mesh: SurfaceMesh) -> Mask:
        """Return which places (nu, nv) lie inside a closed surface."""
        flat = mesh.vertices_mm @ self.axes.T
        if not flat[:, 2].min() < self.level < flat[:, 2].max():
            return np.zeros(self.shape, dtype=bool)
        start = np.clip(np.floor((flat[:, :2].min(axis=0) - self.low[:2]) / STEP_MM).astype(int) - 1, 0, None)
        stop = np.minimum(np.ceil((flat[:, :2].max(axis=0) - self.low[:2]) / STEP_MM).astype(int) + 2, self.shape)
        out = np.zeros(self.shape, dtype=bool)
        low = self.low + np.append(start * STEP_MM, 0.0)
        turned = replace(mesh, vertices_mm=flat)
        part = inside_mask(turned, low, (*(int(n) for n in stop - start), 1), STEP_MM)
        out[start[0] : stop[0], start[1] : stop[1]] = part[:, :, 0]
        return out

    def face(self, mask: Mask) -> SurfaceMesh | None:
        """Return the masked places as a smooth-edged face just below the plane."""
        inward = ndimage.gaussian_filter(mask.astype(np.float64), SMOOTH_CELLS) - 0.5
        near = ndimage.binary_dilation(mask, iterations=2)
        index = np.arange(mask.size).reshape(mask.shape)
        a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
        cell = near[:-1, :-1] & near[1:, :-1] & near[1:, 1:] & near[:-1, 1:]
        faces = np.concatenate([np.stack(t, axis=-1)[cell] for t in ((a, b, c), (a, c, d))])
        if not len(faces):
            return None
        points = self.places.reshape(-1, 3) - BEHIND_MM * self.normal
        whole = SurfaceMesh(points, faces, np.tile(self.normal, (len(points), 1)))
        out, _ = clip(whole, -inward.ravel())
        return out if len(out.faces) else None


def _enclosed(sheet: _Sheet, anatomy: Anatomy) -> Mask:
    """The cranial cavity and all else that bone encloses in the plane; small openings and the foramen magnum count as closed."""
    bone = sheet.section(anatomy["cranium"].mesh)
    if "mandible" in anatomy:
        bone |= sheet.section(anatomy["mandible"].mesh)
    shut = _closed(bone, FORAMEN_MM / 2)
    front, rear = anatomy.landmark("basion"), anatomy.landmark("opisthion")
    along = front - rear
    up = np.cross([1.0, 0.0, 0.0], along)
    off = sheet.places - (front + rear) / 2
    ring = np.hypot(off @ along / (along @ along) * 2, off[..., 0] / np.linalg.norm(along) * 2) <= 1.15
    lid = ring & (np.abs(off @ up) / np.linalg.norm(up) <= STEP_MM)
    return np.asarray(ndimage.binary_fill_holes(shut | lid))


def _canal(sheet: _Sheet, anatomy: Anatomy) -> Mask:
    """The dura with what lies in it, and a rim about it."""
    dura = sheet.section(anatomy["spinal_dura_mater"].mesh)
    return np.asarray(ndimage.distance_transform_edt(~dura) * STEP_MM <= CANAL_MM) if dura.any() else dura


def _behind(sheet: _Sheet, anatomy: Anatomy, by_mm: float) -> Mask:
    """What lies behind the front of the spine; above it behind the mastoids, below C7 behind the canal, where the lungs begin."""
    heights, fronts = [], []
    for key in reversed(VERTEBRAE):
        points = anatomy[key].mesh.vertices_mm
        heights.append(float(points[points[:, 1].argmax(), 2]))
        fronts.append(float(points[:, 1].max()))
    dura = anatomy["spinal_dura_mater"].mesh.vertices_mm
    lowest = anatomy["seventh_cervical_vertebra"].mesh.vertices_mm[:, 2].min()
    canal = float(dura[np.abs(dura[:, 2] - lowest) < 10, 1].mean())
    mastoid = (anatomy.landmark("mastoid_base_left") + anatomy.landmark("mastoid_base_right")) / 2
    places = sheet.places
    front = np.interp(places[..., 2], [lowest, *heights, mastoid[2]], [canal, *fronts, mastoid[1]])
    return np.asarray(places[..., 1] < front - by_mm)
