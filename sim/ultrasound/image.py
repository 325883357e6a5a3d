"""One ultrasound frame: what the scanner shows, and what lies under each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
OUTSIDE = 0  # label of air, gel, and all that lies beyond the sector of a curved probe


@dataclass(frozen=True, eq=False)
class Doppler:
    """What colour or power Doppler found, on the pixels of the image.

    Parameters
    ----------
    mode : {'colour', 'power'}
    velocity_cm_s : (rows, columns) float32 array
        Along the beam, positive toward the probe, aliased at `nyquist_cm_s`; 0 where nothing is shown.
    power_db : (rows, columns) float32 array
        Strength of the moving echoes over the threshold; 0 where nothing is shown.
    box : tuple of four int
        First row, first column, last row + 1, last column + 1 of the colour box.
    nyquist_cm_s : float
        Speed along the beam at which the colour wraps round.
    """

    mode: Literal["colour", "power"]
    velocity_cm_s: NDArray[np.float32]
    power_db: NDArray[np.float32]
    box: tuple[int, int, int, int]
    nyquist_cm_s: float

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Which pixels (rows, columns) carry colour."""
        return np.asarray(self.power_db > 0)


@dataclass(frozen=True, eq=False)
class BModeImage:
    """One frame.

    Parameters
    ----------
    pixels : (rows, columns) uint8 array
        Grey levels; row 0 lies at the probe's face. Column 0 lies at the marked end of the probe when `marker_side` is 'left',
        at the other end when it is 'right'.
    labels : (rows, columns) int16 array
        Index into `keys` of the structure at each pixel, in the middle of the slice.
    keys : tuple of str
        Keys of the anatomy's structures; `keys[0]` is '' (outside the body, or not seen); further names without a structure in
        the
        anatomy are 'needle', 'injectate' and 'soft_tissue' (what fills the space between structures).
    pixel_mm : (float, float)
        Height (along the beam) and width of a pixel.
    ras_from_image : (4, 4) array
        Takes (column, row, 0, 1), counted from the middle of the first pixel, to RAS mm; the third axis is 1 mm along the
        probe's elevation. True places: under compression tissue lies where the image shows it, not where it lay at rest.
    depth_mm : float
        From the face of the probe to the last row.
    marker_side : {'left', 'right'}
        Side of the picture at which the probe's marked end lies.
    settings : mapping
        Of probe and scanner, for the screen's text and for a file's metadata: 'probe', 'frequency_mhz', 'focus_mm', 'gain_db',
        'dynamic_range_db', ...
    seed : int
        Of the scatterers.
    doppler : Doppler or None
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int16]
    keys: tuple[str, ...]
    pixel_mm: tuple[float, float]
    ras_from_image: Array
    depth_mm: float
    marker_side: Literal["left", "right"] = "left"
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    seed: int = 0
    doppler: Doppler | None = None

    def __post_init__(self) -> None:
        for array in (self.pixels, self.labels, self.ras_from_image):
            array.setflags(write=False)

    def key_at(self, row: int, column: int) -> str:
        """Return the key of the structure at a pixel."""
        return self.keys[int(self.labels[row, column])]

    def mask(self, *keys: str) -> NDArray[np.bool_]:
        """Return which pixels (rows, columns) show one of some structures."""
        return np.isin(self.labels, [i for i, key in enumerate(self.keys) if key in keys])

    def ras(self, row: float, column: float) -> Array:
        """Return the place (3,) of a pixel, mm RAS."""
        return np.asarray((self.ras_from_image @ [column, row, 0.0, 1.0])[:3])
