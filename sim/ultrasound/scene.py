"""What is in the tissue beside the anatomy: needle, injectate, wires of a phantom, the moment of the pulse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
BEVELS = ("standard", "short")


@dataclass(frozen=True, eq=False)
class ScanNeedle:
    """A needle as the beam meets it.

    Parameters
    ----------
    entry_mm, tip_mm : (3,) arrays
        Where it crosses the skin, and its tip, RAS.
    diameter_mm : float
    echogenic : bool
        Shaft with a rough pattern that sends sound back at any angle.
    bevel : {'standard', 'short'}
        Standard is 12 degrees to the shaft, short 30 (block needles).
    moved_mm : float
        How far it was last advanced; drags the tissue along.
    """

    entry_mm: Array
    tip_mm: Array
    diameter_mm: float = 0.7
    echogenic: bool = False
    bevel: str = "short"
    moved_mm: float = 0.0

    def __post_init__(self) -> None:
        for name in ("entry_mm", "tip_mm"):
            object.__setattr__(self, name, _point(name, getattr(self, name)))
        if not 0.1 <= self.diameter_mm <= 5:
            raise ValueError(f"diameter_mm is {self.diameter_mm}; it must be from 0.1 to 5 mm.")
        if self.bevel not in BEVELS:
            raise ValueError(f"bevel is {self.bevel!r}; allowed: {', '.join(BEVELS)}.")
        if np.linalg.norm(self.tip_mm - self.entry_mm) < 0.01:
            raise ValueError("entry_mm and tip_mm are one point; they must lie apart.")
        if not abs(self.moved_mm) <= 50:
            raise ValueError(f"moved_mm is {self.moved_mm}; it must be from -50 to 50 mm.")

    @property
    def direction(self) -> Array:
        """Unit vector (3,) from the entry to the tip."""
        way = self.tip_mm - self.entry_mm
        return np.asarray(way / np.linalg.norm(way))


@dataclass(frozen=True, eq=False)
class Injectate:
    """Fluid in a fascial plane: a lens that grows with its volume.

    Parameters
    ----------
    centre_mm : (3,) array
        Where it is given, RAS.
    normal : (3,) array
        Square to the plane in which it spreads.
    volume_ml : float
    thickness_mm : float
        In the middle; the radius follows from the volume of a paraboloid lens.
    """

    centre_mm: Array
    normal: Array
    volume_ml: float
    thickness_mm: float = 3.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "centre_mm", _point("centre_mm", self.centre_mm))
        normal = _point("normal", self.normal)
        if np.linalg.norm(normal) < 1e-9:
            raise ValueError("normal has no length.")
        object.__setattr__(self, "normal", normal / np.linalg.norm(normal))
        if not 0 <= self.volume_ml <= 50:
            raise ValueError(f"volume_ml is {self.volume_ml}; it must be from 0 to 50 mL.")
        if not 0.1 <= self.thickness_mm <= 20:
            raise ValueError(f"thickness_mm is {self.thickness_mm}; it must be from 0.1 to 20 mm.")

    @property
    def radius_mm(self) -> float:
        """Radius of the lens, mm: V = pi R^2 h / 2."""
        return float(np.sqrt(2000 * self.volume_ml / (np.pi * self.thickness_mm)))


@dataclass(frozen=True, eq=False)
class Targets:
    """Points that send sound back, for phantoms.

    Parameters
    ----------
    points_mm : (n, 3) array
        RAS.
    amplitude : (n,) array
    """

    points_mm: Array
    amplitude: Array


def _point(name: str, value: ArrayLike) -> Array:
    point = np.array(value, dtype=np.float64)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise ValueError(f"{name} must be three finite numbers, mm RAS.")
    point.setflags(write=False)
    return point
