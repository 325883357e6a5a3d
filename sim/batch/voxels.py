"""Voxels of just the box that some images need, and their texture near just the planes that are scanned.

`meshes.volume_build` makes whole tiles of 40 mm, which a session that moves about needs; an image of one pose needs a fifth of
the dozen tiles that its box touches, and of that box a sheet some millimetres thick. What the images meet is the same, voxel
for voxel, on the same lattice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.model import Anatomy
from meshes.volume import FIBRE_RATIO, SPACING_MM, LabelVolume
from meshes.volume_build import BAND_MM, COARSE_MM, Mask, build_voxels, lattice, volume_keys
from meshes.volume_store import VolumeStore

Array = NDArray[np.float64]
MOST_VOXELS = 24_000_000  # of a box, for the sake of memory; what is larger is put together of tiles


@dataclass(frozen=True, eq=False)
class Sheet:
    """A plane that is scanned.

    Parameters
    ----------
    point_mm, normal : (3,) arrays
        RAS; the normal is a unit vector.
    half_mm : float
        How far from the plane texture is needed.
    """

    point_mm: Array
    normal: Array
    half_mm: float


class BoxStore(VolumeStore):
    """The voxels of one anatomy, box by box; boxes are not kept on disk, for they are quickly made.

    Parameters
    ----------
    anatomy : Anatomy
    sheets : sequence of Sheet
        Where bundles and septa are wanted; none given: everywhere.
    """

    def __init__(self, anatomy: Anatomy, sheets: Sequence[Sheet] = ()) -> None:
        super().__init__(anatomy)
        self.sheets = tuple(sheets)

    def box(self, low: ArrayLike, high: ArrayLike) -> LabelVolume:
        """Return the voxels of a box, a little larger: to whole millimetres; of whole tiles if it is very large.

        Parameters
        ----------
        low, high : (3,) arrays
            Corners, mm RAS.

        Raises
        ------
        ValueError
            If a corner is not finite, or the box is larger than can be held.
        """
        if box_voxels(low, high) <= MOST_VOXELS:
            return build_box(self.anatomy, *_lattice(low, high), self.sheets)
        return super().box(low, high)


def box_voxels(low: ArrayLike, high: ArrayLike) -> float:
    """Return how many voxels a box has; nan or inf if a corner is not finite."""
    extent = np.asarray(high, dtype=np.float64) - np.asarray(low, dtype=np.float64)
    return float(np.prod(extent / SPACING_MM + 2 * FIBRE_RATIO))


def _lattice(low: ArrayLike, high: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First voxel (3,) and number of voxels (3,) of a box, on whole millimetres."""
    first, last = np.floor(np.asarray(low) / COARSE_MM), np.ceil(np.asarray(high) / COARSE_MM) + 1
    return first.astype(np.int64) * FIBRE_RATIO, (last - first).astype(np.int64) * FIBRE_RATIO


def build_box(anatomy: Anatomy, first: NDArray[np.int64], shape: NDArray[np.int64], sheets: Sequence[Sheet] = ()) -> LabelVolume:
    """Return the voxels of a box.

    Parameters
    ----------
    anatomy : Anatomy
    first : (3,) int array
        Lattice index of the first voxel, a multiple of 4; voxel (0, 0, 0) lies at the origin.
    shape : (3,) int array
        Voxels along x, y, z, multiples of 4.
    sheets : sequence of Sheet
        Where bundles, septa, and the border under the skin are wanted; none given: everywhere.

    Returns
    -------
    LabelVolume
        Distances beyond 0.66 mm are not measured: they only spare the scanner a look.
    """
    low = np.asarray(first * SPACING_MM, dtype=np.float64)
    voxels = build_voxels(anatomy, first, _near_sheets(low, shape, sheets))
    bricks = voxels.bricks(np.minimum(voxels.depth, np.float32(BAND_MM)))
    for array in (bricks, voxels.fibres):
        array.setflags(write=False)
    return LabelVolume(bricks, voxels.fibres, low, SPACING_MM, volume_keys(anatomy))


def _near_sheets(low: Array, shape: NDArray[np.int64], sheets: Sequence[Sheet]) -> Mask:
    """Which cubes of 1 mm lie near a plane that is scanned."""
    middles = lattice(low + COARSE_MM / 2, shape // FIBRE_RATIO)
    rough = np.full(middles.shape[:3], not sheets)
    for sheet in sheets:
        rough |= np.abs((middles - sheet.point_mm) @ sheet.normal) < sheet.half_mm + COARSE_MM
    return rough
