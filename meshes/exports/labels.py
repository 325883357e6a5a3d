"""An anatomy as a label volume: one number a voxel, NIfTI in RAS, with its table of names and colours beside it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.exports.request import Array, Export, Tell, about, about_line, plain, row
from meshes.model import Structure, SurfaceMesh
from meshes.points import load_table
from meshes.surface import SurfaceQuery
from meshes.volume_build import layer_of
from meshes.voxels import inside_mask, strewn

Labels = NDArray[np.unsignedinteger[Any]]
FILLING = "soft_tissue_between"
FILLING_COLOUR = "#d8c3a5"
BEFORE, AFTER = ("hair",), ("gland", "vein", "artery", "nerve")  # round the layers of the table `volume`; later lies over earlier
LEAST_MM, MOST_MM = 0.5, 4.0
ROOM = 2  # voxels round the whole
THIN = 2.5  # voxels: what is thinner keeps its middle, so that it has no holes
REACH = 3.0  # voxels within which the far side of a thin structure is looked for
START_MM = 0.01  # below the surface, where that search begins


@dataclass(frozen=True)
class LabelVolume:
    """Labels on a regular grid.

    Parameters
    ----------
    values : (nx, ny, nz) uint8 or uint16 array
        0 outside, i + 1 for `keys[i]`.
    origin : (3,) array
        Middle of voxel (0, 0, 0), mm RAS.
    step_mm : float
    keys : tuple of str
        Structures, and `soft_tissue_between` last where there is a skin.
    """

    values: Labels
    origin: Array
    step_mm: float
    keys: tuple[str, ...]

    @property
    def ras_from_voxel(self) -> Array:
        """The affine, (4, 4)."""
        out = np.diag([self.step_mm, self.step_mm, self.step_mm, 1.0])
        out[:3, 3] = self.origin
        return out


def label_volume(export: Export, tell: Tell | None = None) -> LabelVolume:
    """Return the structures as labels; deep ones lie over superficial ones, nerves and vessels over all.

    The skin is a shell as thick as the table `volume` says; what it encloses and no structure takes is `soft_tissue_between`.
    Sheets and nerves thinner than the voxels keep a layer or a line of voxels.

    Parameters
    ----------
    export : Export
    tell : callable, optional
        Called with the key of each structure as it is begun.

    Raises
    ------
    ValueError
        If the edge of the voxels is out of range.
    """
    step = export.step_mm
    if not LEAST_MM <= step <= MOST_MM:
        raise ValueError(f"the voxels' edge is {step:g} mm; it must be from {LEAST_MM:g} to {MOST_MM:g}.")
    corners = np.array([[f(s.mesh.vertices_mm, axis=0) for f in (np.min, np.max)] for s in export.structures])
    first = np.floor(corners[:, 0].min(axis=0) / step).astype(int) - ROOM
    last = np.ceil(corners[:, 1].max(axis=0) / step).astype(int) + ROOM
    keys = (*export.keys, FILLING) if "skin" in export.keys else export.keys
    values = np.zeros(tuple(last - first + 1), dtype=np.uint8 if len(keys) < 256 else np.uint16)
    for s in sorted(export.structures, key=_rank):
        if tell is not None:
            tell(s.key)
        _paint(values, s, first, step, keys)
    return LabelVolume(values, first * step, step, keys)


def labels_files(export: Export, stem: str, suffix: str, tell: Tell | None = None) -> dict[str, bytes]:
    """Return `stem.ctbl` (colour table of 3D Slicer), `stem.json` (the whole table) and the volume, by file name.

    Parameters
    ----------
    export : Export
    stem : str
        Name of the files without ending.
    suffix : {'.nii.gz', '.nii'}
        Of the volume.
    tell : callable, optional
        See `label_volume`.

    Raises
    ------
    ValueError
        If the edge of the voxels is out of range.
    ImportError
        If nibabel is not installed.
    """
    _nibabel()
    volume = label_volume(export, tell)
    table = label_table(export, volume)
    data = _nifti(export, volume, table)
    packed = gzip.compress(data, compresslevel=5, mtime=0) if suffix.endswith(".gz") else data
    told = json.dumps(table, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return {f"{stem}.ctbl": _colour_table(stem, table).encode(), f"{stem}.json": told.encode(), f"{stem}{suffix}": packed}


def label_table(export: Export, volume: LabelVolume) -> dict[str, Any]:
    """Return what the numbers of a volume mean, how large its voxels are, and what every file says of itself."""
    rows = []
    for i, key in enumerate(volume.keys, 1):
        told = _filling() if key == FILLING else row(export, key)
        rows.append({"label": i} | told)
    return about(export) | {
        "unit": "mm", "voxel_mm": volume.step_mm, "ras_from_voxel": volume.ras_from_voxel.tolist(), "labels": rows,
    }  # fmt: skip


def _filling() -> dict[str, Any]:
    return {
        "key": FILLING, "side": "median", "kind": "filling", "tissue": "filling", "ta2": "soft tissue between", "latin": "",
        "fma": None, "colour": FILLING_COLOUR, "evidence": "design", "sources": [], "estimated": False,
    }  # fmt: skip


def _rank(s: Structure) -> int:
    """How late a structure is painted: from the outside inward, what is thin and wanted last."""
    layers = [*BEFORE, *(layer for layer in load_table("volume")["layers"]["order"] if layer not in AFTER), *AFTER]
    layer = layer_of(s)
    return layers.index(layer if layer in layers else "ligament")


def _paint(values: Labels, s: Structure, first: NDArray[np.int64], step: float, keys: Sequence[str]) -> None:
    """Set the voxels of one structure."""
    low = np.floor(s.mesh.vertices_mm.min(axis=0) / step).astype(int) - 1
    high = np.ceil(s.mesh.vertices_mm.max(axis=0) / step).astype(int) + 2
    part = values[tuple(slice(a, b) for a, b in zip(low - first, high - first, strict=True))]
    inside = inside_mask(s.mesh, low * step, part.shape, step)
    label = keys.index(s.key) + 1
    if s.key == "skin":
        thick = float(load_table("volume")["layers"]["skin_mm"])
        part[inside] = label
        part[_eroded(inside, max(1, round(thick / step)))] = keys.index(FILLING) + 1
        return
    part[inside] = label
    bare = np.ones(len(s.mesh.vertices_mm), dtype=bool) if _is_thin(s, step) else _bare(inside, s.mesh, low, step)
    if bare.any():
        at = np.round(_middle(s.mesh, bare, step) / step).astype(int) - low
        part[tuple(at.T)] = label


def _eroded(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Return `mask` without its outermost voxels, `steps` deep: diamonds and boxes in turn, so about as deep every way."""
    for turn in range(steps):
        out = mask.copy()
        for axis in range(3):
            seen = out.copy() if turn % 2 else mask
            here, there = (np.moveaxis(a, axis, 0) for a in (out, seen))
            here[1:] &= there[:-1]
            here[:-1] &= there[1:]
        mask = out
    return mask


def _is_thin(s: Structure, step: float) -> bool:
    """Whether a structure is on the whole thinner than a few voxels."""
    corners = s.mesh.vertices_mm[s.mesh.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    return bool(2 * volume / max(area, 1e-9) < THIN * step)


def _bare(inside: NDArray[np.bool_], mesh: SurfaceMesh, low: NDArray[np.int64], step: float) -> NDArray[np.bool_]:
    """Return which vertices have no voxel of their structure beside them: its thin edges and tips."""
    at = np.round(mesh.vertices_mm / step).astype(int) - low
    found = np.zeros(len(at), dtype=bool)
    for shift in np.ndindex(3, 3, 3):
        found |= inside[tuple((at + shift - np.array([1, 1, 1])).T)]
    return ~found


def _middle(mesh: SurfaceMesh, bare: NDArray[np.bool_], step: float) -> Array:
    """Return points (n, 3) mm closer together than voxels, midway between a thin structure's sides, at `bare` vertices."""
    faces = mesh.faces[bare[mesh.faces].any(axis=1)]
    used, faces = np.unique(faces, return_inverse=True)
    start, inward = mesh.vertices_mm[used], -mesh.normals[used]
    far = SurfaceQuery(mesh).first_hit(start + START_MM * inward, inward, REACH * step)
    depth = np.where(np.isnan(far), START_MM, far / 2 + START_MM)[:, None]
    points, _ = strewn((start + depth * inward)[faces.reshape(-1, 3)], step / 2)
    return points


def _nifti(export: Export, volume: LabelVolume, table: dict[str, Any]) -> bytes:
    nib = _nibabel()
    image = nib.Nifti1Image(volume.values, volume.ras_from_voxel)
    head = image.header
    head.set_xyzt_units("mm")
    head.set_sform(volume.ras_from_voxel, code="aligned")
    head.set_qform(volume.ras_from_voxel, code="aligned")
    head.set_intent("label", name="inion labels")
    head["descrip"] = plain(about_line(export)).encode()[:79]
    head.extensions.append(nib.nifti1.Nifti1Extension("comment", json.dumps(table, ensure_ascii=False).encode()))
    return bytes(image.to_bytes())


def _colour_table(stem: str, table: dict[str, Any]) -> str:
    """Colours by number as 3D Slicer reads them."""
    lines = [f"# Color table file {stem}.ctbl", f"# {table['credit']}; {table['licence']}", "0 background 0 0 0 0"]
    for r in table["labels"]:
        red, green, blue = (int(r["colour"][i : i + 2], 16) for i in (1, 3, 5))
        lines.append(f"{r['label']} {r['key']} {red} {green} {blue} 255")
    return "\n".join(lines) + "\n"


def _nibabel() -> Any:
    """The library that writes NIfTI, or an ImportError that says how to get it."""
    try:
        import nibabel
    except ImportError as error:
        raise ImportError('NIfTI files need nibabel. Use `pip install "inion[medical]"`, or write surfaces') from error
    return nibabel
