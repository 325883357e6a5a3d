"""The nape as layers: fields of the right half's muscles, bones and skin, their borders, and how a muscle gives way."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from meshes.fields import Field
from meshes.model import Anatomy, joined_meshes
from meshes.paths import Layers
from meshes.voxels import Grid, surface_field, surface_grid

Array = NDArray[np.float64]
NERVE, ARTERY, SSC, OCI, TRAPEZIUS = (
    "greater_occipital_nerve", "occipital_artery", "semispinalis_capitis", "obliquus_capitis_inferior", "trapezius",
)  # fmt: skip
MUSCLES = (
    OCI, "obliquus_capitis_superior", "rectus_capitis_posterior_major", "rectus_capitis_posterior_minor", SSC, "splenius_capitis",
    TRAPEZIUS, "occipitalis", "semispinalis_cervicis", "sternocleidomastoid",
)  # fmt: skip
BONES = ("cranium", "atlas", "axis", "third_cervical_vertebra")
LOWER, UPPER, SKIN_UPPER = np.array([-8.0, -115.0, -95.0]), np.array([62.0, 20.0, 40.0]), np.array([78.0, 20.0, 126.0])
GRID_MM, SKIN_GRID_MM = 0.6, 1.2
CLOSING_MM, GROOVE_MM, ROOM_MM = 3.6, 2.6, 8.0  # half the widest groove that closes; how far from the nerve; room round it


def right_layers(anatomy: Anatomy) -> Layers:
    """Return the layers of an anatomy's right half round the nape as fields, by unsided key, with 'skin' and 'bones'.

    The groove in which the anatomy's own nerve lies is closed: another course finds the muscles whole.
    """
    nerve = anatomy[f"{NERVE}_right"].centerline
    out: dict[str, Field] = {}
    for muscle in MUSCLES:
        if f"{muscle}_right" in anatomy:
            grid = surface_grid(anatomy[f"{muscle}_right"].mesh, LOWER, UPPER, GRID_MM)
            out[muscle] = grid.field if nerve is None else closed(grid, nerve).field
    out["nuchal_ligament"] = surface_field(anatomy["nuchal_ligament"].mesh, LOWER, UPPER, GRID_MM)
    out["bones"] = surface_field(joined_meshes([anatomy[b].mesh for b in BONES]), LOWER, UPPER, GRID_MM)
    out["skin"] = surface_field(anatomy["skin"].mesh, LOWER, SKIN_UPPER, SKIN_GRID_MM)
    return MappingProxyType(out)


def closed(grid: Grid, line: Array) -> Grid:
    """Return a muscle's grid without the groove along a line (n, 3): grown and shrunk by as much, near the line only."""
    low = np.clip(np.floor((line.min(axis=0) - ROOM_MM - grid.origin) / grid.spacing_mm).astype(int), 0, grid.values.shape)
    high = np.clip(np.ceil((line.max(axis=0) + ROOM_MM - grid.origin) / grid.spacing_mm).astype(int), 0, grid.values.shape)
    if (high - low < 2).any():
        return grid
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    part = grid.values[box]
    outside = distance_transform_edt(part < CLOSING_MM) * grid.spacing_mm - 0.5 * grid.spacing_mm
    places = grid.places(np.indices(part.shape).reshape(3, -1).T + low)
    near, _ = cKDTree(line).query(places, distance_upper_bound=ROOM_MM)
    filled = np.maximum(CLOSING_MM - outside, np.minimum(near, ROOM_MM).reshape(part.shape) - GROOVE_MM)
    values = grid.values.copy()
    values[box] = np.minimum(part, filled)
    return Grid(values, grid.origin, grid.spacing_mm)


@dataclass(frozen=True)
class Recess:
    """A dent in the medial border of a muscle.

    Parameters
    ----------
    border_mm, to_mm : float
        Where the border was and is, from the midline.
    width_mm : float
        How far lateral the muscle still gives way.
    middle_mm, half_mm : float
        Height of its middle, and half its height.
    """

    border_mm: float
    to_mm: float
    width_mm: float
    middle_mm: float
    half_mm: float

    def depth(self, z: Array) -> Array:
        """Return how far (n,) the border recedes at heights `z`, mm."""
        t = np.clip(np.abs(z - self.middle_mm) / self.half_mm, 0.0, 1.0)
        return np.asarray((self.to_mm - self.border_mm) * (1 - t**4) ** 2)

    def moved(self, points: Array) -> Array:
        """Return points (n, 3) of the muscle where they come to lie."""
        share = np.clip((self.border_mm + self.width_mm - points[:, 0]) / self.width_mm, 0.0, 1.2)
        return np.asarray(points + (self.depth(points[:, 2]) * share**2)[:, None] * np.array([1.0, 0.0, 0.0]))

    def origin(self, points: Array) -> Array:
        """Return where `moved` takes points (n, 3) from."""
        out = points.copy()
        for _ in range(6):
            out[:, 0] += points[:, 0] - self.moved(out)[:, 0]
        return out


def receded(form: Field, recess: Recess) -> Field:
    """Return a muscle's field with its medial border dented."""
    return Field(lambda p: form(recess.origin(p)), form.lower, form.upper)


def covers(form: Field, lateral: float, height: float) -> bool:
    """Return whether a layer has more than a grazed edge behind this place."""
    y = np.arange(form.lower[1], form.upper[1], 0.3)
    return int((form(np.column_stack([np.full_like(y, lateral), y, np.full_like(y, height)])) < 0).sum()) > 1


def borders(form: Field, height: float) -> tuple[float, float]:
    """Return the medial and lateral border (from the midline, mm) of a right-sided layer at a height."""
    x, y = np.arange(0.5, form.upper[0], 0.5), np.arange(form.lower[1], form.upper[1], 0.5)
    xx, yy = np.meshgrid(x, y, indexing="ij")
    inside = form(np.column_stack([xx.ravel(), yy.ravel(), np.full(xx.size, height)])).reshape(xx.shape) < 0
    found = x[inside.any(axis=1)]
    if not len(found):
        raise ValueError(f"the layer has no section at height {height:.1f} mm.")
    return float(found[0]), float(found[-1])
