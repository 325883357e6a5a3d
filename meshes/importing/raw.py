"""What was read of other tools' files, before anything of it is understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Unit = Literal["mm", "cm", "m"]
Frame = Literal["ras", "lps", "y-up"]
UNITS: tuple[str, ...] = get_args(Unit)
FRAMES: tuple[str, ...] = get_args(Frame)


class ImportFault(ValueError):
    """A file that cannot be used: one plain line that says what, where, and how to mend it."""


@dataclass(frozen=True, eq=False)
class RawPart:
    """One surface as a file holds it.

    Parameters
    ----------
    name : str
        Name as read: of the node, group, block, segment or label, else the file's stem.
    origin : str
        File, and member or label in it, for messages. No two parts of a reading share it.
    vertices : (n, 3) array
        In the file's own unit and frame, transforms of its nodes applied; surfaces of labels in mm, RAS.
    faces : (m, 3) int array
        Triangles.
    colour : tuple of float, optional
        sRGB in 0 to 1.
    key : str, optional
        Structure, where the file itself tells it: exports of Inion do.
    unit, frame : str, optional
        As told by the format or the file; None if neither tells.
    estimated : bool
        An export of Inion says that its place is an estimate.
    """

    name: str
    origin: str
    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    colour: tuple[float, float, float] | None = None
    key: str | None = None
    unit: Unit | None = None
    frame: Frame | None = None
    estimated: bool = False

    def __post_init__(self) -> None:
        """Raise ImportFault if the surface has numbers that are not finite, or corners that are not there."""
        if not self.origin:
            raise ImportFault(f"the part {self.name!r} has no origin.")
        if not np.isfinite(self.vertices).all():
            bad = int((~np.isfinite(self.vertices)).any(axis=1).sum())
            raise ImportFault(f"{self.origin}: {bad} of {len(self.vertices)} points are not finite numbers; export it again.")
        if len(self.faces) and not (int(self.faces.min()) >= 0 and int(self.faces.max()) < len(self.vertices)):
            raise ImportFault(
                f"{self.origin}: a face names a point that is not among the {len(self.vertices)} of the file; export it again."
            )

    def renamed(self, name: str, origin: str) -> RawPart:
        """Return the same surface under another name and origin."""
        return replace(self, name=name, origin=origin)


@dataclass(frozen=True, eq=False)
class RawParts:
    """All that was read.

    Parameters
    ----------
    parts : tuple of RawPart
    landmarks : mapping of str to (3,) array
        RAS, mm, where the files are an export of Inion that carries them; else empty.
    notes : tuple of str
        What was passed over, one plain sentence each.
    credit, licence : str, optional
        Of an export of Inion.
    """

    parts: tuple[RawPart, ...]
    landmarks: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    credit: str | None = None
    licence: str | None = None
