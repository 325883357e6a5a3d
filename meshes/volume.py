"""The anatomy as voxels: which structure fills each place, how far its border is, its bundles and its fibres.

What a beam of ultrasound meets is read from here many times a second, whatever the number of triangles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
SPACING_MM = 0.25
DEPTH_STEP_MM = 0.01  # of the byte that tells how far the border is
BRICK = 4  # voxels along each edge of a brick
FIBRE_SCALE = 32767
FIBRE_RATIO = 4  # voxels between the nodes of the fibres
EMPTY, FILLING = "", "soft_tissue"  # outside the skin; what fills the space between structures


@dataclass(frozen=True, eq=False)
class LabelVolume:
    """A box of voxels.

    Parameters
    ----------
    bricks : (nx / 4, ny / 4, nz / 4, 64) uint32 array
        Voxels in cubes of 4 x 4 x 4, each cube in one piece of memory, so that what lies near in the head lies near there too.
        Four
        bytes a voxel, lowest first: index into `keys`; distance to the nearest border of that structure in steps of
        0.01 mm (255: 2.55 mm or more; beyond 0.66 mm a lower bound); share of connective tissue, 0 to 255; share of tendon, 0
        to 255.
    fibres : (px, py, pz, 4) int16 array
        Direction of the fibres times 32767 at every fourth voxel; zero where there are none.
    low : (3,) array
        Middle of the first voxel, mm RAS.
    spacing_mm : float
    keys : tuple of str
        Of the structures; '' is outside the skin, 'soft_tissue' what fills the space between structures.
    """

    bricks: NDArray[np.uint32]
    fibres: NDArray[np.int16]
    low: Array
    spacing_mm: float
    keys: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y, z."""
        a, b, c, _ = self.bricks.shape
        return a * BRICK, b * BRICK, c * BRICK

    @property
    def cells(self) -> NDArray[np.uint32]:
        """The voxels (nx, ny, nz) in their natural order; a copy."""
        a, b, c, _ = self.bricks.shape
        return np.ascontiguousarray(self.bricks.reshape(a, b, c, 4, 4, 4).transpose(0, 3, 1, 4, 2, 5).reshape(self.shape))

    @property
    def high(self) -> Array:
        """Middle of the last voxel, mm RAS."""
        return np.asarray(self.low + self.spacing_mm * (np.array(self.shape) - 1))

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Index into `keys` (nx, ny, nz)."""
        return (self.cells & 255).astype(np.uint8)

    @property
    def depths_mm(self) -> NDArray[np.float32]:
        """Distance to the nearest border (nx, ny, nz), mm, at most 2.55."""
        return ((self.cells >> 8) & 255).astype(np.float32) * np.float32(DEPTH_STEP_MM)

    def holds(self, points: ArrayLike) -> bool:
        """Whether all points (n, 3) mm lie in the box."""
        p = np.asarray(points, dtype=np.float64)
        return bool((p >= self.low).all() and (p <= self.high).all())

    def key_at(self, points: ArrayLike) -> list[str]:
        """Return the structure at each point (n, 3) mm, to the nearest voxel; '' outside the box."""
        p = np.atleast_2d(np.asarray(points, dtype=np.float64))
        at = np.round((p - self.low) / self.spacing_mm).astype(int)
        inside = np.asarray(((at >= 0) & (at < self.shape)).all(axis=1))
        safe = np.where(inside[:, None], at, 0)
        brick, within = safe // BRICK, safe % BRICK
        place = within @ np.array([BRICK * BRICK, BRICK, 1])
        index = self.bricks[brick[:, 0], brick[:, 1], brick[:, 2], place] & 255
        return [self.keys[i] if ok else EMPTY for i, ok in zip(index, inside, strict=True)]


def packed(
    label: NDArray[np.uint8], depth_mm: NDArray[np.float32], connective: NDArray[np.uint8], tendon: NDArray[np.uint8]
) -> NDArray[np.uint32]:
    """Return the four bytes of each voxel as one number; see `LabelVolume`."""
    steps = np.clip(np.round(depth_mm / DEPTH_STEP_MM), 0, 255).astype(np.uint32)
    return np.asarray(
        label.astype(np.uint32) | steps << 8 | connective.astype(np.uint32) << 16 | tendon.astype(np.uint32) << 24,
        dtype=np.uint32,
    )


def bricked(cells: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return voxels (nx, ny, nz), each a multiple of 4, in bricks (nx / 4, ny / 4, nz / 4, 64)."""
    a, b, c = (n // BRICK for n in cells.shape)
    return np.ascontiguousarray(cells.reshape(a, 4, b, 4, c, 4).transpose(0, 2, 4, 1, 3, 5).reshape(a, b, c, 64))
