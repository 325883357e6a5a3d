"""The layers of a picture from outside inward, for a scenario that names no steps: what goes, and what is then seen and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meshes.model import Anatomy
from meshes.terms import split_key, terms
from scenarios.selection import select
from sim.picture import Label, Picture
from sim.theme import load_theme

LAYERS = (
    ("the skin", ("skin", "eyebrow_*", "hairs_of_head", "auricle_*")),
    ("the fat under the skin", ("subcutaneous_fat",)),
    ("the superficial fascia", ("superficial_fascia",)),
    ("the outer muscles", ("superficial_muscles", "epicranial_aponeurosis", "occipitalis", "frontalis")),
    ("the second layer of muscles", ("intermediate_muscles",)),
    ("the third layer of muscles", ("deep_muscles",)),
    ("the small muscles below the skull", ("suboccipital",)),
)


MANY = ("the outer muscles", "the small muscles below the skull")
MOST_NAMES = 5  # of one layer
BENEATH = "the bones, nerves and vessels"


def layered(picture: Picture, anatomy: Anatomy) -> tuple[Picture, ...]:
    """Return the picture, and the picture without each further layer of what it shows; what would leave nothing is not done.

    Each names the layer that now lies outermost; its caption tells what went and what is seen.
    """
    layers = _layers(picture, anatomy)
    if not layers:
        return (picture,)
    first = replace(picture, caption=picture.caption.split(". ")[0].rstrip(".") + "." if picture.caption else "")
    out, gone = [_named(first, layers[0][1], anatomy)], set[str]()
    for i, (words, own) in enumerate(layers):
        gone |= own
        rest = tuple(x for x in picture.shown if x.key not in gone)
        labels = tuple(x for x in picture.labels if x.key not in gone)
        maps = () if "skin" in gone else picture.maps
        nearest, keys = layers[i + 1] if i + 1 < len(layers) else (BENEATH, frozenset())
        verb = "are" if words in MANY else "is"
        caption = f"{words[:1].upper()}{words[1:]} {verb} taken away. Now seen: {nearest}."
        out.append(_named(replace(picture, shown=rest, labels=labels, caption=caption, maps=maps), keys, anatomy))
    return tuple(out)


def _layers(picture: Picture, anatomy: Anatomy) -> list[tuple[str, frozenset[str]]]:
    """The layers that the picture shows, outermost first: words and keys; the last of all that is shown is none."""
    out, left = [], {x.key for x in picture.shown}
    for words, names in LAYERS:
        own = frozenset(left & set(_keys(names, anatomy)))
        if own and left - own:
            left -= own
            out.append((words, own))
    return out


def _named(picture: Picture, keys: frozenset[str], anatomy: Anatomy) -> Picture:
    """The picture with the names of some structures, of a pair the one that has room."""
    plain, known = load_theme(picture.style).plain, {x.text for x in picture.labels}
    shown = [x.key for x in picture.shown if x.key in keys and x.opacity > 0]
    labels: dict[str, Label] = {}
    for key in shown:
        base, side = split_key(key)
        if base in labels or anatomy[key].kind == "hair":
            continue
        other = f"{base}_{'left' if side == 'right' else 'right'}"
        term = terms().get(base)
        text = term.plain if plain and term is not None else anatomy[key].ta2
        if text not in known:
            labels[base] = Label(text, key=key, twin=other if side != "median" and other in shown else None)
    return replace(picture, labels=(*picture.labels, *list(labels.values())[:MOST_NAMES]))


def _keys(names: Sequence[str], anatomy: Anatomy) -> list[str]:
    """The structures of an anatomy that names mean; names that it does not know mean none."""
    out = []
    for name in names:
        try:
            out += select([name], list(anatomy.structures))
        except ValueError:
            continue
    return out
