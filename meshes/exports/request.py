"""What is to be exported, and what every exported file says of itself."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes._check import unknown
from meshes.model import Anatomy, Structure

Array = NDArray[np.float64]
Tell = Callable[[str], None]
FRAME = "RAS: +x the patient's right, +y anterior, +z superior; origin midway between the porions, Frankfort plane level"
CREDIT = "Inion model of the head and neck, (c) The Inion authors"
LICENCE = "Apache-2.0"
DISCLAIMER = "For training and explanation; no medical advice, not a medical device."


@dataclass(frozen=True)
class Export:
    """An anatomy, the structures of it that are asked for, and how they look.

    Parameters
    ----------
    anatomy : Anatomy
    keys : tuple of str
        Structures that are written, in the order of the anatomy.
    colours : mapping of str to (3,) array
        sRGB, 0 to 1, by key.
    tendon : (3,) array
        Colour of tendon in a muscle.
    software : str
        Name and version of the program that writes.
    step_mm : float
        Edge of a voxel, for labels.

    Raises
    ------
    ValueError
        If there is no structure, one is not in the anatomy, or one has no colour.
    """

    anatomy: Anatomy
    keys: tuple[str, ...]
    colours: Mapping[str, Array]
    tendon: Array
    software: str = "inion"
    step_mm: float = 1.0

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("there is no structure to export; name at least one that the anatomy holds.")
        for key in self.keys:
            if key not in self.anatomy:
                raise ValueError(unknown("structure", key, self.anatomy.structures))
            if key not in self.colours:
                raise ValueError(f"{key} has no colour.")

    @property
    def structures(self) -> Iterator[Structure]:
        """The structures that are written."""
        return (self.anatomy[key] for key in self.keys)


def plain(text: str) -> str:
    """Return a text in ASCII, for headers that hold nothing else."""
    for sign, words in (("±", "+/-"), ("©", "(c)"), ("–", "-"), ("—", "-"), ("’", "'")):
        text = text.replace(sign, words)
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def hex_of(colour: Array) -> str:
    """Return '#rrggbb' of a colour (3,) in 0 to 1."""
    red, green, blue = (round(255 * float(c)) for c in colour)
    return f"#{red:02x}{green:02x}{blue:02x}"


def about(export: Export) -> dict[str, Any]:
    """Return what a file says of itself: whose anatomy it is, by whom, in which frame, how sure, and what it is not for."""
    meta = export.anatomy.meta
    error = meta.get("tre_mm")
    out: dict[str, Any] = {
        "anatomy": export.anatomy.name, "software": export.software, "frame": FRAME,
        "credit": str(meta.get("credit", CREDIT)), "licence": str(meta.get("licence", LICENCE)), "disclaimer": DISCLAIMER,
    }  # fmt: skip
    if meta.get("estimated"):
        spread = f", ± {float(error):.1f} mm" if error is not None else ""
        out["note"] = f"nerve position estimated{spread}"
    return out | {k: meta[k] for k in ("posture", "sex") if k in meta}


def about_line(export: Export) -> str:
    """Return credit, licence, note and disclaimer in one line."""
    told = about(export)
    parts = [f"{told['credit'].rstrip('.')}; {told['licence']}", told.get("note"), told["disclaimer"]]
    return ". ".join(str(p).rstrip(".") for p in parts if p) + "."


def row(export: Export, key: str) -> dict[str, Any]:
    """Return what a file says of one structure: names, ids, colour, evidence, and whether its place is an estimate."""
    s, meta = export.anatomy[key], export.anatomy.meta
    estimated = key in meta.get("estimated", ())
    out: dict[str, Any] = {
        "key": s.key, "side": s.side, "kind": s.kind, "tissue": s.tissue, "ta2": s.ta2, "latin": s.latin, "fma": s.fma,
        "colour": hex_of(export.colours[key]), "evidence": s.evidence, "sources": list(s.sources), "estimated": estimated,
    }  # fmt: skip
    if estimated and meta.get("tre_mm") is not None:
        out["error_mm"] = round(float(meta["tre_mm"]), 1)
    return out


def landmark_notes(anatomy: Anatomy) -> dict[str, str]:
    """Return a note for each landmark of a real anatomy that was found, not measured: its confidence."""
    found = anatomy.meta.get("landmark_confidence", {})
    return {name: f"confidence {float(value):.2f}" for name, value in found.items() if name in anatomy.landmarks}
