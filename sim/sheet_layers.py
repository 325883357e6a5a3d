"""What the contact sheets show, layer by layer, and from which sides: `data/sheets.toml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.terms import split_key, terms
from scenarios.selection import catalogue, select
from sim.picture_shown import Shown
from sim.stills import FLOOR_MM, lowest_mm
from sim.tables import table

Array = NDArray[np.float64]

EXTENT_STEP = 5
FEWEST_NUMBERED = 3
CLEAR = 0.4


@dataclass(frozen=True)
class SheetLayer:
    """What one contact sheet shows; a row of `data/sheets.toml`.

    Parameters
    ----------
    name, title : str
        For the file, and for the heading.
    kinds : tuple of str
        Every structure of these kinds.
    show, hide : tuple of str
        Groups or keys that are added, or left out.
    behind : tuple of str
        Kinds that stand behind, `behind_opacity` solid.
    clear : tuple of str
        Groups or keys of its own that let what they hold be seen.
    frame : tuple of str
        Groups or keys that the cameras fit; none given fits all of the layer's own.
    """

    name: str
    title: str
    kinds: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    behind_opacity: float = 1.0
    clear: tuple[str, ...] = ()
    frame: tuple[str, ...] = ()

    def own(self, anatomy: Anatomy) -> list[str]:
        """Return the keys of an anatomy that the layer is about."""
        listed = [k for k, s in anatomy.structures.items() if s.kind in self.kinds]
        wanted = {*listed, *_chosen(self.show, anatomy)} - set(_chosen(self.hide, anatomy))
        return [k for k in anatomy.structures if k in wanted]

    def shown(self, anatomy: Anatomy) -> tuple[Shown, ...]:
        """Return all that is drawn of an anatomy; nothing if it has nothing of the layer."""
        own = self.own(anatomy)
        rest = [k for k, s in anatomy.structures.items() if s.kind in self.behind and k not in own] if own else []
        clear = _chosen(self.clear, anatomy)
        return (*(Shown(k, CLEAR if k in clear else 1.0) for k in own), *(Shown(k, self.behind_opacity) for k in rest))

    def extent(self, anatomy: Anatomy) -> Array:
        """Return points (n, 3) that the cameras fit."""
        keys = (_chosen(self.frame, anatomy) if self.frame else []) or self.own(anatomy)
        points = np.concatenate([anatomy[k].mesh.vertices_mm[::EXTENT_STEP] for k in keys])
        above = points[points[:, 2] > lowest_mm(anatomy) + FLOOR_MM]
        return above if len(above) else points


def sheet_layers() -> Mapping[str, SheetLayer]:
    """Return the layers by name, from the skin inward."""
    rows: list[dict[str, Any]] = [
        {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()} for row in table("sheets")["layer"]
    ]
    return MappingProxyType({str(row["name"]): SheetLayer(**row) for row in rows})


def sheet_views() -> Mapping[str, str]:
    """Return the cameras (`sim.cameras`) by the names that stand on the sheets."""
    return MappingProxyType(table("sheets")["views"])


def numbers_of(layer: SheetLayer, anatomy: Anatomy) -> dict[str, int]:
    """Return the number of each unsided key that a layer is about; none where there are few."""
    bare = dict.fromkeys(split_key(k)[0] for k in layer.own(anatomy))
    return {key: i for i, key in enumerate(bare, 1)} if len(bare) >= FEWEST_NUMBERED else {}


def names_of(layer: SheetLayer, anatomy: Anatomy) -> str:
    """Return the terms of what a layer is about, each once, with its number."""
    bare, numbers = dict.fromkeys(split_key(k)[0] for k in layer.own(anatomy)), numbers_of(layer, anatomy)
    words = {k: terms()[k].ta2 if k in terms() else anatomy[k].ta2 if k in anatomy else k.replace("_", " ") for k in bare}
    return ", ".join(f"{numbers[k]} {words[k]}" if k in numbers else words[k] for k in bare)


def _chosen(names: Sequence[str], anatomy: Anatomy) -> list[str]:
    """Keys of an anatomy that groups or keys mean; those of the catalogue that it lacks are passed over."""
    known = [*catalogue(), *(k for k in anatomy.structures if k not in catalogue())]
    return [k for k in select(names, known) if k in anatomy]
