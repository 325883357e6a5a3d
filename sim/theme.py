"""Styles of the pictures: colours and light, read from `sim/data/themes.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice, unknown
from meshes.model import Structure
from sim.tables import table

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Theme:
    """One style.

    Parameters
    ----------
    name, about : str
        Key of the style, and what it is for.
    paper, ink, muted, rule, halo : (3,) arrays
        Colours of background, text, lesser text, thin lines and the rim round text, 0 to 1.
    text_scale : float
        Multiplies every text size.
    key, fill, rim : float
        Intensities of the three lights.
    occlusion, shadow, edge : float
        Strengths of ambient occlusion, soft shadow and darkened outline.
    mute_others : float
        Share by which colours move to grey, for a calmer picture.
    clear_depth : float
        Exponent that deepens the colour of clear skin.
    plain : bool
        Plain words in place of anatomical terms are suggested to whoever writes the labels.
    colours, structures : mappings of str to (3,) array
        Named colours, and colours of structures by unsided key.
    press : bool
        All colours of the finished picture are brought within what offset inks can print (`sim.palette_checks`).
    """

    name: str
    about: str
    paper: Array
    ink: Array
    muted: Array
    rule: Array
    halo: Array
    text_scale: float
    key: float
    fill: float
    rim: float
    occlusion: float
    shadow: float
    edge: float
    mute_others: float
    clear_depth: float
    plain: bool
    colours: Mapping[str, Array]
    structures: Mapping[str, Array]
    press: bool = False

    def colour(self, name: str) -> Array:
        """Return a colour, (3,) in 0 to 1, from '#rrggbb' or a name. Raises ValueError naming the nearest."""
        if name.startswith("#"):
            return hex_colour(name)
        if name not in self.colours:
            raise ValueError(unknown("colour", name, self.colours))
        return self.colours[name]

    def of_structure(self, structure: Structure) -> Array:
        """Return the colour of a structure: its own, else that of its kind."""
        unsided = structure.key.removesuffix("_left").removesuffix("_right")
        own = self.structures.get(unsided)
        colour = own if own is not None else self.colours.get(structure.kind, self.colours["ligament"])
        return toward_grey(colour, self.mute_others)


def hex_colour(text: str) -> Array:
    """Return '#rrggbb' as (3,) float in 0 to 1. Raises ValueError for anything else."""
    digits = text.removeprefix("#")
    try:
        if len(digits) != 6:
            raise ValueError
        return np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255.0
    except ValueError:
        raise ValueError(f"colour is {text!r}, which is not of the form '#rrggbb'.") from None


def toward_grey(colour: Array, share: float) -> Array:
    """Return `colour` moved toward a light grey of its own lightness."""
    grey = np.full(3, 0.35 + 0.65 * float(colour @ (0.3, 0.59, 0.11)))
    return colour + share * (grey - colour)


def style_names() -> tuple[str, ...]:
    """Return the names of the styles."""
    return tuple(table("themes")["styles"])


@cache
def load_theme(name: str) -> Theme:
    """Return a style by name. Raises ValueError naming the nearest."""
    rows = table("themes")
    check_choice("style", name, rows["styles"])
    style: dict[str, Any] = rows["styles"][name]
    row: dict[str, Any] = {k: hex_colour(v) if str(v).startswith("#") else v for k, v in style.items()}
    own = rows["palettes"].get(row.pop("palette"), {})
    colours, structures = ({**rows[part], **own.get(part, {})} for part in ("colours", "structures"))
    return Theme(name=name, colours=_colours(colours), structures=_colours(structures), **row)


def _colours(rows: Mapping[str, str]) -> Mapping[str, Array]:
    """A table of hex colours as arrays."""
    return MappingProxyType({name: hex_colour(text) for name, text in rows.items()})
