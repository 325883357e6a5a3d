"""From surfaces to voxels: a box of a label volume, or one of its tiles.

What a voxel holds does not depend on the box that it is made in, but for the last bit of a distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

from meshes.model import Anatomy, Structure
from meshes.points import load_table
from meshes.volume import EMPTY, FIBRE_RATIO, FIBRE_SCALE, FILLING, SPACING_MM, bricked, packed
from meshes.voxels import inside_mask

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Parts = dict[str, Structure]
TILE = 160  # voxels along each edge of a tile
BAND_MM = 0.66  # distances are measured this far from a surface
FAR_SLACK = 1.8  # voxels: a border may pass this much nearer than the middle of the nearest voxel beside it
MARGIN = 24  # voxels round a tile in which fibres are followed
COARSE_MM = SPACING_MM * FIBRE_RATIO
SEED_BUNDLES, SEED_SEPTA = 11, 23
BLOCK = 32  # voxels along the cubes in which the depth under the skin is measured, where not all of it is wanted


@dataclass(frozen=True)
class Tile:
    """Bricks (40, 40, 40, 64) and fibres (40, 40, 40, 4) of one cube; see `LabelVolume`."""

    bricks: NDArray[np.uint32]
    fibres: NDArray[np.int16]


def volume_keys(anatomy: Anatomy) -> tuple[str, ...]:
    """Return the keys that a label volume of an anatomy uses: outside, filling, then the structures from the outside inward."""
    order = load_table("volume")["layers"]["order"]
    ranks = {kind: i for i, kind in enumerate(order)}
    solid = [s for s in anatomy.structures.values() if (s.kind in ranks and s.centerline is None) or s.tissue in SOLID]
    ranked = sorted(solid, key=lambda s: ranks[layer_of(s)])
    return (EMPTY, FILLING, *(s.key for s in ranked))


SOLID = ("brain", "nucleus", "spinal_cord", "dura")  # have an axis, but are too wide to be tubes


def layer_of(structure: Structure) -> str:
    """Return the layer of the table `volume` that a structure belongs to."""
    return structure.tissue if structure.tissue in ("dura", "spinal_cord", "nucleus") else structure.kind


def first_node(tile: ArrayLike) -> NDArray[np.int64]:
    """Return the lattice index (3,) of the first voxel of a tile."""
    return np.asarray(tile, dtype=np.int64) * TILE


def build_tile(anatomy: Anatomy, tile: Sequence[int]) -> Tile:
    """Return one tile of an anatomy's voxels.

    Parameters
    ----------
    anatomy : Anatomy
    tile : (3,) ints
        Its place: tile (0, 0, 0) begins at the origin, each is 40 mm wide.
    """
    voxels = build_voxels(anatomy, first_node(tile), np.ones((TILE // FIBRE_RATIO,) * 3, dtype=bool))
    return Tile(voxels.bricks(_far(voxels.label, voxels.depth)), voxels.fibres)


@dataclass(frozen=True, eq=False)
class Voxels:
    """What is known of the voxels (nx, ny, nz) of a box.

    Parameters
    ----------
    label : uint8 array
        Indices of `volume_keys`.
    depth : float32 array
        Distance to the border of what a voxel holds, mm; `splat.FAR_MM` where it is more than `BAND_MM`.
    connective, sinewy : uint8 arrays
        Shares of connective tissue and of tendon, of 255.
    fibres : (nx / 4, ny / 4, nz / 4, 4) int16 array
    """

    label: Bytes
    depth: Floats
    connective: Bytes
    sinewy: Bytes
    fibres: NDArray[np.int16]

    def bricks(self, depth: Floats) -> NDArray[np.uint32]:
        """Return all but the fibres, as a `LabelVolume` holds it, with these distances."""
        return bricked(packed(self.label, depth, self.connective, self.sinewy))


def build_voxels(anatomy: Anatomy, first: NDArray[np.int64], wanted: Mask) -> Voxels:
    """Return the voxels of a box.

    Parameters
    ----------
    anatomy : Anatomy
    first : (3,) int array
        Lattice index of the first voxel, a multiple of 4; voxel (0, 0, 0) lies at the origin.
    wanted : (nx / 4, ny / 4, nz / 4) bool array
        Cubes of 1 mm in which bundles, septa, and the border under the skin are wanted.
    """
    low, shape = np.asarray(first * SPACING_MM, dtype=np.float64), np.array(wanted.shape) * FIBRE_RATIO
    keys = volume_keys(anatomy)
    near = _near_parts(anatomy, keys, low, low + shape * SPACING_MM)
    label, depth = _labelled(near, keys, low, wanted)
    directions, tendon = _directions(near, low, shape)
    connective = _connective(anatomy, near, keys, label, directions, first, wanted)
    inner = directions[tuple(slice(MARGIN // FIBRE_RATIO, (MARGIN + int(n)) // FIBRE_RATIO) for n in shape)]
    fibres = np.zeros((*inner.shape[:3], 4), dtype=np.int16)
    fibres[..., :3] = np.round(inner * FIBRE_SCALE)
    fleshy = _of_kinds(near, keys, "muscle", "fascia", "ligament")[label]
    sinewy = np.where(fleshy, np.round(_enlarged(tendon, shape) * 255), 0).astype(np.uint8)
    return Voxels(label, depth, connective, sinewy, fibres)


def _near_parts(anatomy: Anatomy, keys: tuple[str, ...], low: Array, high: Array) -> Parts:
    """The structures that come near a box, each with only those triangles that lie at its height.

    A slice of a surface depends on the triangles that it cuts and on no others, so this changes nothing.
    """
    room = MARGIN * SPACING_MM + 1.0
    out = {}
    for key in keys:
        if key not in anatomy:
            continue
        mesh = anatomy[key].mesh
        v = mesh.vertices_mm
        if (v.max(axis=0) < low - room).any() or (v.min(axis=0) > high + room).any():
            continue
        heights = v[:, 2][mesh.faces]
        kept = (heights.min(axis=1) <= high[2] + room) & (heights.max(axis=1) >= low[2] - room)
        out[key] = replace(anatomy[key], mesh=replace(mesh, faces=mesh.faces[kept]))
    return out


def _of_kinds(near: Parts, keys: tuple[str, ...], *kinds: str) -> Mask:
    """Which labels (256,) are structures of these kinds."""
    out = np.zeros(256, dtype=bool)
    out[[i for i, key in enumerate(keys) if key in near and near[key].kind in kinds]] = True
    return out


def _labelled(near: Parts, keys: tuple[str, ...], low: Array, rough: Mask) -> tuple[Bytes, Floats]:
    """Labels and distances to the border of what each voxel holds, mm."""
    from meshes.splat import FAR_MM, lay, splat_distances

    shape = np.array(rough.shape) * FIBRE_RATIO
    label, depth = np.zeros(shape, dtype=np.uint8), np.full(shape, FAR_MM, dtype=np.float32)
    for index, key in enumerate(keys):
        part = _part(near[key], low, shape) if key in near else None
        if part is None:
            continue
        mesh, held = near[key].mesh, label[part].shape
        start = low + SPACING_MM * np.array([p.start for p in part])
        corners = mesh.vertices_mm[mesh.faces]
        end = start + SPACING_MM * np.array(held)
        meets = ((corners.min(axis=1) <= end + BAND_MM) & (corners.max(axis=1) >= start - BAND_MM)).all(axis=1)
        distance = np.full(held, FAR_MM, dtype=np.float32)
        splat_distances(corners[meets], start, SPACING_MM, BAND_MM, distance)
        inside = inside_mask(mesh, start, held, SPACING_MM)
        lay(label[part], depth[part], inside, distance, index)
        if key == "skin" and inside.any():
            _fill(label, near[key], low, index, rough)
    return label, depth


def _far(label: Bytes, depth: Floats) -> Floats:
    """Give what lies deeper than was measured a lower bound: the way to the nearest voxel at a border, or to the tile's edge."""
    border = np.zeros(label.shape, dtype=bool)
    for axis in range(3):
        differs = np.diff(label, axis=axis) != 0
        for part in (slice(None, -1), slice(1, None)):
            where = [slice(None)] * 3
            where[axis] = part
            border[tuple(where)] |= differs
    edge = np.minimum(np.arange(TILE), TILE - 1 - np.arange(TILE)).astype(np.float32)
    bound = np.minimum(np.minimum(edge[:, None, None], edge[None, :, None]), edge[None, None, :])
    if border.any():
        bound = np.minimum(bound, distance_transform_edt(~border).astype(np.float32))
    far = (bound - np.float32(FAR_SLACK)) * np.float32(SPACING_MM)
    return np.where(depth > BAND_MM, np.maximum(np.minimum(far, depth), np.float32(BAND_MM)), depth).astype(np.float32)


def _part(structure: Structure, low: Array, shape: NDArray[np.int64]) -> tuple[slice, slice, slice] | None:
    """The voxels that a structure can reach; None if there are none."""
    v = structure.mesh.vertices_mm
    first = np.clip(np.floor((v.min(axis=0) - BAND_MM - low) / SPACING_MM).astype(int), 0, shape)
    last = np.clip(np.ceil((v.max(axis=0) + BAND_MM - low) / SPACING_MM).astype(int) + 1, 0, shape)
    if (last - first < 1).any():
        return None
    i, j, k = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return i, j, k


def _fill(label: Bytes, skin: Structure, low: Array, index: int, rough: Mask) -> None:
    """Turn what lies deeper than the skin is thick into filling; the border is true where cubes are wanted."""
    thick = float(load_table("volume")["layers"]["skin_mm"])
    rim = int(np.ceil(thick / SPACING_MM)) + 1
    inside = inside_mask(skin.mesh, low - rim * SPACING_MM, tuple(n + 2 * rim for n in label.shape), SPACING_MM)
    own, block = slice(rim, -rim), max(label.shape) if rough.all() else BLOCK
    deep = inside[own, own, own].copy()
    for corner in product(*(range(0, n, block) for n in label.shape)):
        part = tuple(slice(a, a + block) for a in corner)
        if rough[tuple(slice(a // FIBRE_RATIO, (a + block) // FIBRE_RATIO) for a in corner)].any():
            around = inside[tuple(slice(a, a + block + 2 * rim) for a in corner)]
            if not around.all():
                deep[part] = (distance_transform_edt(around) * SPACING_MM > thick)[own, own, own]
    label[deep & (label == index)] = 1


def lattice(start: Array, counts: NDArray[np.int64]) -> Array:
    """Places (nx, ny, nz, 3) of a lattice of 1 mm, mm."""
    steps = np.stack(np.meshgrid(*[np.arange(n) for n in counts], indexing="ij"), axis=-1)
    return np.asarray(start + COARSE_MM * steps, dtype=np.float64)


def _directions(near: Parts, low: Array, shape: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Fibre directions (nx, ny, nz, 3) and tendon shares on a 1 mm lattice that begins `MARGIN` voxels before the box."""
    counts = (shape + 2 * MARGIN) // FIBRE_RATIO
    start = low - MARGIN * SPACING_MM
    out, tendon = np.zeros((*counts, 3), dtype=np.float32), np.zeros(counts, dtype=np.float32)
    nodes, end = lattice(start, counts), start + COARSE_MM * counts
    for structure in near.values():
        mesh = structure.mesh
        v = mesh.vertices_mm
        if mesh.fibres is None or (v.max(axis=0) < start - BAND_MM).any() or (v.min(axis=0) > end + BAND_MM).any():
            continue
        within = ((nodes >= start + np.floor(v.min(axis=0) - start)) & (nodes <= start + np.ceil(v.max(axis=0) - start))).all(-1)
        wanted = within & inside_mask(mesh, start, tuple(int(n) for n in counts), COARSE_MM)
        at = np.round((v - start) / COARSE_MM).astype(int)
        at = at[((at >= 0) & (at < counts)).all(axis=1)]
        on_surface = np.zeros(counts, dtype=bool)
        on_surface[tuple(at.T)] = True  # thin sheets hold no node inside
        wanted |= on_surface & ~out.any(axis=-1)
        if wanted.any():
            _, nearest = cKDTree(v).query(nodes[wanted])
            out[wanted] = mesh.fibres[nearest]
            tendon[wanted] = 0.0 if mesh.tendon is None else mesh.tendon[nearest]
    return out, tendon


def _fine(rough: Mask) -> Mask:
    """What is said of cubes of 1 mm, of their voxels."""
    for axis in range(3):
        rough = rough.repeat(FIBRE_RATIO, axis=axis)
    return rough


def _connective(
    anatomy: Anatomy, near: Parts, keys: tuple[str, ...], label: Bytes, directions: Floats, first: NDArray[np.int64], rough: Mask
) -> Bytes:
    """Share of connective tissue, 0 to 255, where it is wanted: bundles' sheaths in muscle, septa in fat."""
    from meshes.splat import drawn_along, spread_over

    bundles, septa = load_table("volume")["bundles"], load_table("volume")["septa"]
    soft, wanted = _of_kinds(near, keys, "fat"), _fine(rough)
    soft[1] = True  # what fills the space between structures
    out = np.zeros(label.shape, dtype=np.uint8)
    fleshy, fatty = _of_kinds(near, keys, "muscle", "ligament")[label] & wanted, soft[label] & wanted
    if fleshy.any():
        steps = int(bundles["half_length_mm"] / bundles["stride_mm"])
        noise = _banded(first, label.shape, SEED_BUNDLES, bundles)
        drawn = drawn_along(noise, directions, fleshy, MARGIN, FIBRE_RATIO, steps, bundles["stride_mm"] / SPACING_MM)
        out[fleshy] = _ridges(drawn[fleshy], bundles)
    if fatty.any():
        noise = _banded(first, label.shape, SEED_SEPTA, septa)
        normals = _skinward(anatomy, np.asarray(first * SPACING_MM, dtype=np.float64), rough)
        drawn = spread_over(noise, normals, fatty, MARGIN, FIBRE_RATIO, septa["half_length_mm"] / SPACING_MM)
        out[fatty] = _ridges(drawn[fatty], septa)
    return out


def _skinward(anatomy: Anatomy, low: Array, rough: Mask) -> Floats:
    """Unit normals (nx, ny, nz, 3) of the nearest skin, at the cubes that are wanted and those beside them."""
    mesh = anatomy["skin"].mesh
    out = np.zeros((*rough.shape, 3), dtype=np.float32)
    at = binary_dilation(rough, np.ones((3, 3, 3)))
    out[at] = mesh.normals[cKDTree(mesh.vertices_mm).query(lattice(low, np.array(rough.shape))[at])[1]]
    return out


def _banded(first: NDArray[np.int64], shape: tuple[int, ...], seed: int, rule: dict[str, float]) -> Floats:
    """Noise of one scale on the voxels of a box and its margin, the same wherever boxes overlap."""
    from meshes.splat import white

    around = int(np.ceil(3 * rule["coarse_mm"] / SPACING_MM))
    noise = white(first - MARGIN - around, tuple(n + 2 * (MARGIN + around) for n in shape), seed)
    fine, coarse = (gaussian_filter(noise, rule[k] / SPACING_MM, truncate=3.0) for k in ("fine_mm", "coarse_mm"))
    cut = slice(around, -around)
    return np.ascontiguousarray((fine - coarse)[cut, cut, cut])


def _ridges(values: Floats, rule: dict[str, float]) -> Bytes:
    """From drawn noise to shares of 255: the crests alone are connective tissue."""
    share = (values / rule["deviation"] - rule["from"]) / (rule["to"] - rule["from"])
    return np.asarray(np.round(np.clip(share, 0, 1).astype(np.float32) * 255), dtype=np.uint8)


def _enlarged(coarse: Floats, shape: NDArray[np.int64]) -> Floats:
    """Read a 1 mm lattice (with margin) on the voxels of the box."""
    for axis in range(3):
        at = (np.arange(shape[axis]) + MARGIN) / FIBRE_RATIO
        first = at.astype(np.int64)
        share = (at - first).reshape([-1 if a == axis else 1 for a in range(3)])
        below, above = (np.take(coarse, first + step, axis=axis) for step in (0, 1))
        coarse = np.asarray(below * (1 - share) + above * share, dtype=np.float32)
    return coarse
