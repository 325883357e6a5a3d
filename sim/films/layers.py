"""The layers of a picture from outside inward, for a scenario that names no steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meshes.model import Anatomy
from scenarios.selection import select
from sim.picture import Picture

LAYERS = (
    ("the skin", ("skin", "eyebrow_*", "hairs_of_head", "auricle_*")),
    ("the fat under the skin", ("subcutaneous_fat",)),
    ("the superficial fascia", ("superficial_fascia",)),
    ("the outer muscles", ("superficial_muscles", "epicranial_aponeurosis", "occipitalis", "frontalis")),
    ("the second layer of muscles", ("intermediate_muscles",)),
    ("the third layer of muscles", ("deep_muscles",)),
    ("the small muscles below the skull", ("suboccipital",)),
)


def layered(picture: Picture, anatomy: Anatomy) -> tuple[Picture, ...]:
    """Return the picture, and the picture without each further layer of what it shows; what would leave nothing is not done."""
    out, gone = [picture], set[str]()
    shown = {x.key for x in picture.shown}
    for words, names in LAYERS:
        own = shown & set(_keys(names, anatomy)) - gone
        if not own or not shown - gone - own:
            continue
        gone |= own
        rest = tuple(x for x in picture.shown if x.key not in gone)
        labels = tuple(x for x in picture.labels if x.key not in gone)
        maps = () if "skin" in gone else picture.maps
        out.append(replace(picture, shown=rest, labels=labels, caption=f"Without {words}.", maps=maps))
    return tuple(out)


def _keys(names: Sequence[str], anatomy: Anatomy) -> list[str]:
    """The structures of an anatomy that names mean; names that it does not know mean none."""
    out = []
    for name in names:
        try:
            out += select([name], list(anatomy.structures))
        except ValueError:
            continue
    return out
