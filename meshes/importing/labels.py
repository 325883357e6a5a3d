"""From labels to surfaces: each label in its own box, at sub-voxel places, smoothed a little, with the volume of its voxels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshes.bulk import vertex_normals, volume_of
from meshes.importing.label_tables import Label
from meshes.importing.limits import LIMITS, Limits, check_count
from meshes.importing.raw import ImportFault, RawPart
from meshes.importing.volumes import Volume

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]
FILLING = "soft_tissue_between"  # of an export of Inion: what no structure takes
SMOOTHING = ((3.0, 0.1, 20), (12.0, 0.03, 40), (np.inf, 0.02, 60))  # up to so many voxels thick: pass band and rounds of the sinc
MOST_SHIFT = 0.3  # voxels by which a surface is moved to keep its volume


def parts_of(volume: Volume, names: Mapping[int, Label], alone: str, limits: Limits = LIMITS) -> tuple[list[RawPart], list[str]]:
    """Return a surface for each label of a volume, and notes on what was passed over.

    Parameters
    ----------
    volume : Volume
    names : mapping of int to Label
        From a table beside, used where the volume does not name its labels itself.
    alone : str
        Name of the part if there is only one label and no table, as where each structure has its own file.

    Raises
    ------
    ImportFault
        If the numbers are no labels, or none is there.
    """
    layers = volume.values if volume.values.ndim == 4 else volume.values[None]
    rows = dict(volume.labels) or {(0, n): row for n, row in names.items()}
    out: list[RawPart] = []
    notes: list[str] = []
    for layer, values in enumerate(layers):
        whole = whole_numbers(volume.origin, values, limits)
        boxes = {n: box for n, box in enumerate(ndimage.find_objects(whole), 1) if box is not None}
        check_count(volume.origin, "labels", len(boxes), limits.labels)
        filled = next((n for (at, n), row in rows.items() if at == layer and row.key == FILLING), None)
        if boxes.pop(filled or 0, None) is not None:
            notes.append(f"{volume.origin}: the label {FILLING} is what no structure takes; it was left out.")
        lone = alone if not rows and len(boxes) == len(layers) == 1 else None
        for number, box in boxes.items():
            row = rows.get((layer, number), Label(lone or f"label {number}"))
            mask, low = _body(whole, rows, layer) if row.key == "skin" and filled is not None else _mask(whole, number, box)
            points, faces = surface(mask, volume.affine, low)
            if len(faces):
                origin = f"{volume.origin}: label {number}" + (f" of layer {layer}" if len(layers) > 1 else "")
                told = (row.colour, row.key, volume.unit, volume.frame, row.estimated)
                out.append(RawPart(row.name, origin, points, faces, *told))
    if not out:
        raise ImportFault(f"{volume.origin} holds no label: every voxel is 0; export it again, or leave it out.")
    if unnamed := sum(p.name.startswith("label ") for p in out):
        notes.append(f"{volume.origin}: {unnamed} labels have no name; put a table of labels beside it, with the same name.")
    return out, notes


def whole_numbers(origin: str, values: NDArray[Any], limits: Limits = LIMITS) -> NDArray[Any]:
    """Return labels as whole numbers that `find_objects` takes, in the least memory.

    Raises
    ------
    ImportFault
        If there are fractions, negative numbers, or so many different ones that it is a scan and not labels.
    """
    scan = f"{origin} is no label volume but a scan in grey values; segment it first, and import the segmentation."
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0:
        raise ImportFault(scan)
    planes = range(values.shape[2])
    if values.dtype.kind == "f" and any((values[:, :, k] % 1 != 0).any() for k in planes):
        raise ImportFault(scan)
    if high > 1_000_000:
        raise ImportFault(f"{origin} has labels up to {high:.0f}; number them from 1.")
    kind: Any = np.uint8 if high < 256 else np.uint16 if high < 65536 else np.int32
    seen = np.zeros(int(high) + 1, dtype=bool)
    for k in planes:
        seen[values[:, :, k].astype(kind).ravel()] = True
        if seen.sum() > limits.labels + 1:
            raise ImportFault(scan)
    return values.astype(kind, copy=False)


def _mask(values: NDArray[Any], number: int, box: tuple[slice, ...]) -> tuple[Mask, NDArray[np.int64]]:
    """The voxels of a label in its box, and the box's first voxel."""
    return values[box] == number, np.array([s.start for s in box])


def _body(values: NDArray[Any], rows: Mapping[tuple[int, int], Label], layer: int) -> tuple[Mask, NDArray[np.int64]]:
    """All that an export of Inion holds but hair: what its shell of skin encloses, whose outside is the skin."""
    hair = [n for (la, n), row in rows.items() if la == layer and row.kind == "hair"]
    mask = (values > 0) & ~np.isin(values, hair)
    return mask, np.zeros(3, dtype=np.int64)


def surface(mask: Mask, affine: Array, low: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """Return the surface of a mask: vertices (n, 3) where `affine` puts them, faces (m, 3) counter-clockwise from outside.

    Parameters
    ----------
    mask : (nx, ny, nz) bool array
    affine : (4, 4) array
        From voxel numbers of the whole volume, voxels' middles at whole numbers.
    low : (3,) int array
        Voxel of the whole volume that is (0, 0, 0) of the mask.
    """
    import pyvista as pv

    steps = np.linalg.norm(affine[:3, :3], axis=0)
    grid = pv.ImageData(dimensions=np.array(mask.shape) + 2, spacing=tuple(steps))
    grid.point_data["in"] = np.pad(mask, 1).astype(np.uint8).ravel(order="F")
    found: Any = grid.contour([0.5], scalars="in", method="flying_edges", compute_normals=False)
    if found.n_cells == 0:
        return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)
    volume = float(mask.sum()) * float(np.prod(steps))
    thick = 2 * volume / max(float(found.area), 1e-12) / float(steps.min())  # what is thin would shrink to a thread
    band, rounds = next((b, n) for most, b, n in SMOOTHING if thick <= most)
    smooth = found.smooth_taubin(n_iter=rounds, pass_band=band, normalize_coordinates=True, non_manifold_smoothing=True)
    points = np.asarray(smooth.points, dtype=np.float64)
    faces = np.asarray(smooth.regular_faces, dtype=np.int64)
    if volume_of(points, faces) < 0:
        faces = faces[:, ::-1]
    points = _kept(points, faces, volume, MOST_SHIFT * float(steps.min()))
    voxels = points / steps - 1 + low
    if np.linalg.det(affine[:3, :3]) < 0:
        faces = faces[:, ::-1]
    return voxels @ affine[:3, :3].T + affine[:3, 3], np.ascontiguousarray(faces)


def _kept(points: Array, faces: NDArray[np.int64], volume: float, most: float) -> Array:
    """Move a surface along its normals until it encloses `volume`, or by `most` mm: corners cut by the contour come back."""
    import trimesh

    moved = 0.0
    for _ in range(3):
        area = float(trimesh.triangles.area(points[faces]).sum())
        step = float(np.clip((volume - volume_of(points, faces)) / max(area, 1e-12), -most - moved, most - moved))
        moved += step
        points = points + step * vertex_normals(points, faces)
    return points


def distinct(parts: Sequence[RawPart]) -> list[RawPart]:
    """Return parts whose origins differ: a name, and a number where names are alike, is added."""
    out: list[RawPart] = []
    counts: dict[str, int] = {}
    alike: dict[str, int] = {}
    for part in parts:
        alike[part.origin] = alike.get(part.origin, 0) + 1
    for part in parts:
        origin = part.origin if alike[part.origin] == 1 else f"{part.origin}: {part.name}"
        counts[origin] = counts.get(origin, 0) + 1
        out.append(part.renamed(part.name, origin if counts[origin] == 1 else f"{origin} ({counts[origin]})"))
    return out
