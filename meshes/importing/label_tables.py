"""What the numbers of a label volume mean, as other programs write it: 3D Slicer, ITK-SNAP, nnU-Net, and Inion itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from meshes.importing.limits import colour_from_hex, colour_of
from meshes.importing.unpacking import File

SNAP = re.compile(r'^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+[\d.]+\s+\d\s+\d\s+"([^"]*)"\s*$')
COLOURS = re.compile(r"^\s*(\d+)\s+(\S+)\s+(\d+)\s+(\d+)\s+(\d+)(?:\s+\d+)?\s*$")
MOST_BYTES = 5_000_000
NOTHING = ("background", "clear label", "")


@dataclass(frozen=True)
class Label:
    """One row of a table.

    Parameters
    ----------
    name : str
    key, kind : str, optional
        As an export of Inion tells them.
    colour : tuple of float, optional
        sRGB in 0 to 1.
    estimated : bool
        An export of Inion says that its place is an estimate.
    """

    name: str
    key: str | None = None
    colour: tuple[float, float, float] | None = None
    kind: str | None = None
    estimated: bool = False


Table = dict[int, Label]


def of_inion(text: bytes) -> tuple[Table, dict[str, Any]]:
    """Return the labels of a table of Inion and the table itself, or two empty ones."""
    try:
        whole = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}, {}
    rows = whole.get("labels") if isinstance(whole, dict) else None
    if not isinstance(rows, list) or "ras_from_voxel" not in whole:
        return {}, {}
    out: Table = {}
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get("label"), int) and isinstance(row.get("key"), str):
            colour, estimated = colour_from_hex(row.get("colour")), row.get("estimated") is True
            out[row["label"]] = Label(row["key"], row["key"], colour, str(row.get("kind")), estimated)
    return out, whole


def of_dataset(text: bytes) -> Table:
    """Return the labels of a `dataset.json` of nnU-Net: names to numbers, or numbers to names."""
    try:
        rows = json.loads(text.decode("utf-8")).get("labels")
    except (ValueError, RecursionError, AttributeError):
        return {}
    out: Table = {}
    for a, b in rows.items() if isinstance(rows, dict) else ():
        number, name = (a, b) if isinstance(b, str) else (b, a)
        if str(number).isascii() and str(number).isdigit() and len(str(number)) < 9 and name.strip().lower() not in NOTHING:
            out[int(number)] = Label(name.strip())
    return out


def of_text(text: bytes) -> Table:
    """Return the labels of a colour table of 3D Slicer (`.ctbl`, `.txt`) or of ITK-SNAP; lines of another kind are no table."""
    out: Table = {}
    for line in text.decode("utf-8", "replace").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        snap, plain = SNAP.match(line), COLOURS.match(line)
        if snap:
            number, *rgb, name = snap.groups()
        elif plain:
            number, name, *rgb = plain.groups()
        else:
            return {}
        if len(number) < 9 and int(number) and name.strip().lower() not in NOTHING:
            out[int(number)] = Label(name.strip(), colour=colour_of(int(c) / 255 for c in rgb))
    return out


READERS: Mapping[str, Callable[[bytes], Table]] = {".ctbl": of_text, ".txt": of_text, ".label": of_text}


def beside(file: File) -> tuple[Table, dict[str, Any], tuple[str, ...]]:
    """Return the labels of the table beside a volume, the table where it is one of Inion, and the names of the files used.

    A table has the volume's name with another ending, or is the `dataset.json` of nnU-Net.
    """
    stem = stem_of(file.base)
    rows: Table = {}
    told: dict[str, Any] = {}
    used: list[str] = []
    if (found := file.find(f"{stem}.json")) and (text := _small(found)):
        rows, told = of_inion(text)
        rows = rows or of_dataset(text)
        used += [found.name] if rows else []
    for ending, read in READERS.items():
        if (found := file.find(f"{stem}{ending}")) and (text := _small(found)) and (table := read(text)):
            rows = rows or table
            used.append(found.name)
    if not rows and (found := file.find("dataset.json")) and (text := _small(found)) and (rows := of_dataset(text)):
        used.append(found.name)
    return rows, told, tuple(used)


def _small(file: File) -> bytes:
    data = file.read()
    return data if len(data) <= MOST_BYTES else b""


def stem_of(name: str) -> str:
    """Return a file's name without its ending, `.nii.gz` and `.seg.nrrd` as one ending."""
    out = re.sub(r"(\.seg)?\.(nii\.gz|nii|nrrd|nhdr|mha|mhd)$", "", name, flags=re.IGNORECASE)
    return out if out != name else PurePosixPath(name).stem
