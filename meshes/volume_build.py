"""From surfaces to voxels: one tile of a label volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from meshes.model import Anatomy, Structure
from meshes.points import load_table
from meshes.volume import EMPTY, FIBRE_RATIO, FIBRE_SCALE, FILLING, SPACING_MM, bricked, packed
from meshes.voxels import inside_mask

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
TILE = 160  # voxels along each edge of a tile
BAND_MM = 0.66  # distances are measured this far from a surface
FAR_SLACK = 1.8  # voxels: a border may pass this much nearer than the middle of the nearest voxel beside it
MARGIN = 24  # voxels round a tile in which fibres are followed
COARSE_MM = SPACING_MM * FIBRE_RATIO
SEED_BUNDLES, SEED_SEPTA = 11, 23


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
    keys = volume_keys(anatomy)
    low = np.asarray(first_node(tile) * SPACING_MM, dtype=np.float64)
    label, depth = _labelled(anatomy, keys, low)
    directions, tendon = _directions(anatomy, keys, low)
    connective = _connective(anatomy, keys, label, directions, first_node(tile))
    inner = directions[_inner(FIBRE_RATIO)]
    fibres = np.zeros((*inner.shape[:3], 4), dtype=np.int16)
    fibres[..., :3] = np.round(inner * FIBRE_SCALE)
    share = _enlarged(tendon)
    fleshy = np.isin(label, _indices(anatomy, keys, "muscle", "fascia", "ligament"))
    sinewy = np.where(fleshy, np.round(share * 255), 0).astype(np.uint8)
    return Tile(bricked(packed(label, depth, connective, sinewy)), fibres)


def _inner(ratio: int) -> tuple[slice, slice, slice]:
    one = slice(MARGIN // ratio, MARGIN // ratio + TILE // ratio)
    return one, one, one


def _indices(anatomy: Anatomy, keys: Sequence[str], *kinds: str) -> list[int]:
    return [i for i, key in enumerate(keys) if key in anatomy and anatomy[key].kind in kinds]


def _meets(structure: Structure, low: Array, high: Array) -> bool:
    v = structure.mesh.vertices_mm
    return bool((v.max(axis=0) >= low - BAND_MM).all() and (v.min(axis=0) <= high + BAND_MM).all())


def _labelled(anatomy: Anatomy, keys: Sequence[str], low: Array) -> tuple[NDArray[np.uint8], Floats]:
    """Labels (160, 160, 160) and distances to the border of what each voxel holds, mm."""
    from meshes.splat import FAR_MM, lay

    shape = (TILE,) * 3
    label, depth = np.zeros(shape, dtype=np.uint8), np.full(shape, FAR_MM, dtype=np.float32)
    for index, key in enumerate(keys):
        if key not in anatomy:
            continue
        part = _part(anatomy[key], low)
        if part is None:
            continue
        inside, distance = _near_form(anatomy[key], low + SPACING_MM * np.array([p.start for p in part]), label[part].shape)
        lay(label[part], depth[part], inside, distance, index)
        if key == "skin" and inside.any():
            _fill(label, anatomy[key], low, index)
    return label, _far(label, depth)


def _far(label: NDArray[np.uint8], depth: Floats) -> Floats:
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


def _part(structure: Structure, low: Array) -> tuple[slice, slice, slice] | None:
    """The voxels of a tile that a structure can reach; None if there are none."""
    v = structure.mesh.vertices_mm
    first = np.clip(np.floor((v.min(axis=0) - BAND_MM - low) / SPACING_MM).astype(int), 0, TILE)
    last = np.clip(np.ceil((v.max(axis=0) + BAND_MM - low) / SPACING_MM).astype(int) + 1, 0, TILE)
    if (last - first < 1).any():
        return None
    i, j, k = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return i, j, k


def _fill(label: NDArray[np.uint8], skin: Structure, low: Array, index: int) -> None:
    """Turn what lies deeper than the skin is thick into filling; structures are laid over it afterwards."""
    thick = float(load_table("volume")["layers"]["skin_mm"])
    rim = int(np.ceil(thick / SPACING_MM)) + 1  # the surface may lie in the next tile
    inside = inside_mask(skin.mesh, low - rim * SPACING_MM, (TILE + 2 * rim,) * 3, SPACING_MM)
    deep = distance_transform_edt(inside) * SPACING_MM > thick if not inside.all() else inside
    label[deep[rim:-rim, rim:-rim, rim:-rim] & (label == index)] = 1


def _near_form(structure: Structure, low: Array, shape: tuple[int, ...]) -> tuple[Mask, Floats]:
    """Which voxels lie inside a structure, and the distance to its surface, mm, where that is at most `BAND_MM`."""
    from meshes.splat import FAR_MM, splat_distances

    corners = structure.mesh.vertices_mm[structure.mesh.faces]
    high = low + SPACING_MM * np.array(shape)
    near = ((corners.min(axis=1) <= high + BAND_MM) & (corners.max(axis=1) >= low - BAND_MM)).all(axis=1)
    distance = np.full(shape, FAR_MM, dtype=np.float32)
    splat_distances(corners[near], low, SPACING_MM, BAND_MM, distance)
    return inside_mask(structure.mesh, low, shape, SPACING_MM), distance


def _directions(anatomy: Anatomy, keys: Sequence[str], low: Array) -> tuple[Floats, Floats]:
    """Fibre directions (n, n, n, 3) and tendon shares (n, n, n) on a 1 mm lattice that begins `MARGIN` voxels before the tile."""
    n = (TILE + 2 * MARGIN) // FIBRE_RATIO
    start = low - MARGIN * SPACING_MM
    out, tendon = np.zeros((n, n, n, 3), dtype=np.float32), np.zeros((n, n, n), dtype=np.float32)
    nodes = start + COARSE_MM * np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1)
    for key in keys:
        if key not in anatomy or anatomy[key].mesh.fibres is None:
            continue
        mesh = anatomy[key].mesh
        if not _meets(anatomy[key], start, start + COARSE_MM * n):
            continue
        near = _near(mesh.vertices_mm, start, n) & inside_mask(mesh, start, (n, n, n), COARSE_MM)
        near |= _near_surface(mesh.vertices_mm, start, n) & ~out.any(axis=-1)
        if near.any():
            _, nearest = _tree(mesh.vertices_mm.tobytes(), len(mesh.vertices_mm)).query(nodes[near])
            assert mesh.fibres is not None
            out[near] = mesh.fibres[nearest]
            tendon[near] = 0.0 if mesh.tendon is None else mesh.tendon[nearest]
    return out, tendon


@lru_cache(maxsize=64)
def _tree(vertices: bytes, count: int) -> cKDTree:
    return cKDTree(np.frombuffer(vertices, dtype=np.float64).reshape(count, 3))


def _near(vertices: Array, start: Array, n: int) -> Mask:
    """Nodes in the box of a structure."""
    out = np.zeros((n, n, n), dtype=bool)
    a = np.clip(np.floor((vertices.min(axis=0) - start) / COARSE_MM).astype(int), 0, n)
    b = np.clip(np.ceil((vertices.max(axis=0) - start) / COARSE_MM).astype(int) + 1, 0, n)
    out[a[0] : b[0], a[1] : b[1], a[2] : b[2]] = True
    return out


def _near_surface(vertices: Array, start: Array, n: int) -> Mask:
    """Nodes that hold a vertex of a structure: thin sheets hold no node inside."""
    out = np.zeros((n, n, n), dtype=bool)
    at = np.round((vertices - start) / COARSE_MM).astype(int)
    at = at[((at >= 0) & (at < n)).all(axis=1)]
    out[at[:, 0], at[:, 1], at[:, 2]] = True
    return out


def _connective(
    anatomy: Anatomy, keys: Sequence[str], label: NDArray[np.uint8], directions: Floats, first: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Share of connective tissue (160, 160, 160), 0 to 255: bundles' sheaths in muscle, septa in fat."""
    from meshes.splat import drawn_along, spread_over

    rules = load_table("volume")
    fleshy = np.isin(label, _indices(anatomy, keys, "muscle", "ligament"))
    fatty = np.isin(label, [1, *_indices(anatomy, keys, "fat")])
    out = np.zeros(label.shape, dtype=np.float32)
    if fleshy.any():
        noise = _banded(first, SEED_BUNDLES, rules["bundles"])
        steps = int(rules["bundles"]["half_length_mm"] / rules["bundles"]["stride_mm"])
        drawn = drawn_along(noise, directions, fleshy, MARGIN, FIBRE_RATIO, steps, rules["bundles"]["stride_mm"] / SPACING_MM)
        out[fleshy] = _ridges(drawn[fleshy], rules["bundles"])
    if fatty.any():
        noise = _banded(first, SEED_SEPTA, rules["septa"])
        normals = _skinward(anatomy, np.asarray(first * SPACING_MM, dtype=np.float64))
        drawn = spread_over(noise, normals, fatty, MARGIN, FIBRE_RATIO, rules["septa"]["half_length_mm"] / SPACING_MM)
        out[fatty] = _ridges(drawn[fatty], rules["septa"])
    return np.round(out * 255).astype(np.uint8)


def _banded(first: NDArray[np.int64], seed: int, rule: dict[str, float]) -> Floats:
    """Noise of one scale on the voxels of a tile and its margin, the same wherever tiles overlap."""
    from meshes.splat import white

    around = int(np.ceil(3 * rule["coarse_mm"] / SPACING_MM))
    whole = TILE + 2 * (MARGIN + around)
    noise = white(first - MARGIN - around, (whole,) * 3, seed)
    fine, coarse = (gaussian_filter(noise, rule[k] / SPACING_MM, truncate=3.0) for k in ("fine_mm", "coarse_mm"))
    cut = slice(around, whole - around)
    return np.ascontiguousarray((fine - coarse)[cut, cut, cut])


def _ridges(values: Floats, rule: dict[str, float]) -> Floats:
    """From drawn noise to shares, 0 to 1: the crests alone are connective tissue."""
    share = (values / rule["deviation"] - rule["from"]) / (rule["to"] - rule["from"])
    return np.asarray(np.clip(share, 0, 1), dtype=np.float32)


def _skinward(anatomy: Anatomy, low: Array) -> Floats:
    """Unit normals (n, n, n, 3) of the nearest skin on a 1 mm lattice of the tile: septa and fascia run along the skin."""
    n = TILE // FIBRE_RATIO
    mesh = anatomy["skin"].mesh
    nodes = low + COARSE_MM * np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1)
    _, nearest = _tree(mesh.vertices_mm.tobytes(), len(mesh.vertices_mm)).query(nodes)
    return np.asarray(mesh.normals[nearest], dtype=np.float32)


def _enlarged(coarse: Floats) -> Floats:
    """Read a 1 mm lattice (with margin) on the voxels of the tile."""
    at = (np.arange(TILE) + MARGIN) / FIBRE_RATIO
    for axis in range(3):
        where = [np.arange(s, dtype=float) for s in coarse.shape]
        where[axis] = at
        coarse = map_coordinates(coarse, np.meshgrid(*where, indexing="ij"), order=1, mode="nearest")
    return np.asarray(coarse, dtype=np.float32)
