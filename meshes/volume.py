"""The anatomy as voxels: which structure fills each place, how far its border is, its bundles and its fibres.

What a beam of ultrasound meets is read from here many times a second, whatever the number of triangles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
SPACING_MM = 0.25
DEPTH_STEP_MM = 0.0025  # of the byte that tells how far the border is
FIBRE_RATIO = 4  # voxels between the nodes of the fibres
EMPTY, FILLING = "", "soft_tissue"  # outside the skin; what fills the space between structures


@dataclass(frozen=True, eq=False)
class LabelVolume:
    """A box of voxels.

    Parameters
    ----------
    cells : (nx, ny, nz) uint32 array
        Four bytes a voxel, lowest first: index into `keys`; distance to the nearest border of that structure in steps of
        0.0025 mm (255: 0.64 mm or more); share of connective tissue, 0 to 255; share of tendon, 0 to 255.
    fibres : (px, py, pz, 4) int8 array
        Direction of the fibres times 127 at every fourth voxel; zero where there are none.
    low : (3,) array
        Middle of the first voxel, mm RAS.
    spacing_mm : float
    keys : tuple of str
        Of the structures; '' is outside the skin, 'soft_tissue' what fills the space between structures.
    """

    cells: NDArray[np.uint32]
    fibres: NDArray[np.int8]
    low: Array
    spacing_mm: float
    keys: tuple[str, ...]

    @property
    def high(self) -> Array:
        """Middle of the last voxel, mm RAS."""
        return np.asarray(self.low + self.spacing_mm * (np.array(self.cells.shape) - 1))

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Index into `keys` (nx, ny, nz)."""
        return (self.cells & 255).astype(np.uint8)

    @property
    def depths_mm(self) -> NDArray[np.float32]:
        """Distance to the nearest border (nx, ny, nz), mm, at most 0.64."""
        return ((self.cells >> 8) & 255).astype(np.float32) * np.float32(DEPTH_STEP_MM)

    def holds(self, points: ArrayLike) -> bool:
        """Whether all points (n, 3) mm lie in the box."""
        p = np.asarray(points, dtype=np.float64)
        return bool((p >= self.low).all() and (p <= self.high).all())

    def key_at(self, points: ArrayLike) -> list[str]:
        """Return the structure at each point (n, 3) mm, to the nearest voxel; '' outside the box."""
        p = np.atleast_2d(np.asarray(points, dtype=np.float64))
        at = np.round((p - self.low) / self.spacing_mm).astype(int)
        inside = ((at >= 0) & (at < self.cells.shape)).all(axis=1)
        safe = np.where(inside[:, None], at, 0)
        index = self.cells[safe[:, 0], safe[:, 1], safe[:, 2]] & 255
        return [self.keys[i] if ok else EMPTY for i, ok in zip(index, inside, strict=True)]


def packed(
    label: NDArray[np.uint8], depth_mm: NDArray[np.float32], connective: NDArray[np.uint8], tendon: NDArray[np.uint8]
) -> NDArray[np.uint32]:
    """Return the four bytes of each voxel as one number; see `LabelVolume`."""
    steps = np.clip(np.round(depth_mm / DEPTH_STEP_MM), 0, 255).astype(np.uint32)
    return np.asarray(
        label.astype(np.uint32) | steps << 8 | connective.astype(np.uint32) << 16 | tendon.astype(np.uint32) << 24, dtype=np.uint32
    )
