"""A picture of imported parts to look at before they are taken: like a sheet of the atlas, what is not known in grey."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, Side, Structure
from meshes.terms import split_key, terms
from sim.picture_shown import Shown
from sim.sheet_layers import SheetLayer
from sim.sheets import contact_sheet

if TYPE_CHECKING:
    from PIL.Image import Image

    from meshes.real_parts import RealPart

Array = NDArray[np.float64]
GREY = "#9c9a96"
NOT_KNOWN = "unknown"
CLEAR_SKIN = 0.35
MOST_NAMED = 12
BENEATH = ("trapezius", "sternocleidomastoid", "skin", "platysma")
SIZE = (620, 620)


@dataclass(frozen=True)
class _Parts(SheetLayer):
    """All parts: skin clear, what is not known grey."""

    def shown(self, anatomy: Anatomy) -> tuple[Shown, ...]:
        """Return every structure of the parts."""
        return tuple(
            Shown(k, CLEAR_SKIN if s.kind == "skin" and len(anatomy.structures) > 1 else 1.0,
                  colour=GREY if s.kind == NOT_KNOWN else None)
            for k, s in anatomy.structures.items()
        )  # fmt: skip

    def extent(self, anatomy: Anatomy) -> Array:
        """Return the points (n, 3) of the bones: a muscle or an unknown part may reach to the hips."""
        bones = [s.mesh.vertices_mm for s in anatomy.structures.values() if s.kind == "bone"]
        return np.concatenate(bones) if bones else super().extent(anatomy)


def import_preview(name: str, parts: Sequence[RealPart], *, size: tuple[int, int] = SIZE) -> Image:
    """Return the parts from behind, the right, obliquely and in front, numbered, right and left marked.

    A second row shows what lies beneath the skin and the outermost muscles, if there are any.

    Parameters
    ----------
    name : str
        Of the anatomy they will be.
    parts : sequence of RealPart
        In RAS, mm.
    size : (int, int)
        Pixels of one view.
    """
    every = _anatomy(name, parts)
    known = [k for k, s in every.structures.items() if s.kind != NOT_KNOWN]
    grey = [s.ta2 for s in every.structures.values() if s.kind == NOT_KNOWN]
    title = f"{name}: {len(known)} structures known" + (f", {len(grey)} parts not known (grey)" if grey else "")
    rows = {title: _with_note(every, grey)}
    beneath = [p for p in parts if split_key(p.key or "")[0] not in BENEATH and p.key]
    if 0 < len(beneath) < len(parts):
        rows["beneath skin, outermost muscles and what is not known"] = _anatomy(name, beneath)
    kinds = tuple(sorted({s.kind for s in every.structures.values()}))
    layer = _Parts("import", "Is each part what it is called, and is right right?", kinds)
    return contact_sheet(layer, rows, size=size).image


def _with_note(anatomy: Anatomy, grey: Sequence[str]) -> Anatomy:
    """The same with the names of what is not known in the line below the picture."""
    if not grey:
        return anatomy
    more = f" and {len(grey) - MOST_NAMED} more" if len(grey) > MOST_NAMED else ""
    note = f"Grey, left out unless you name them: {', '.join(grey[:MOST_NAMED])}{more}."
    return Anatomy.of(anatomy.name, anatomy.structures.values(), {}, {}, {"credit": note})


def _anatomy(name: str, parts: Sequence[RealPart]) -> Anatomy:
    taken: dict[str, Structure] = {}
    for part in parts:
        key = part.key or _free(_slug(part.name), taken)
        taken[key] = _structure(key, part)
    order: Mapping[str, Any] = {key: i for i, key in enumerate(terms())}
    return Anatomy.of(name, sorted(taken.values(), key=lambda s: order.get(split_key(s.key)[0], len(order))), {}, {})


def _structure(key: str, part: RealPart) -> Structure:
    base, side = split_key(key)
    term = terms().get(base) if part.key else None
    kind, tissue, ta2 = (NOT_KNOWN, NOT_KNOWN, part.name) if term is None else (term.kind, term.tissue, term.ta2)
    return Structure(key, cast(Side, side), kind, tissue, ta2, ta2, None, part.mesh)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "unnamed"


def _free(stem: str, taken: Mapping[str, Structure]) -> str:
    """A key for a part that is not known: no structure's, no other part's, without a side."""
    free = (k for k in (stem, f"{stem}_part", *(f"{stem}_part_{i}" for i in range(2, len(taken) + 3))) if k not in taken)
    return next(k for k in free if split_key(k)[1] == "median" and k not in terms())
