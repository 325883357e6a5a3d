"""Arteries and veins of the head and neck, seated on bone and muscle, under skin, and through the foramina."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshes.fields import Field
from meshes.nerves import beds, course_parts
from meshes.parts import Part
from meshes.paths import Layers

SCALP_DEPTH_MM = 3.0  # in the dense layer between skin and epicranial aponeurosis, under the nerve


def vessel_parts(layers: Layers) -> list[Part]:
    """Return the vessels of the right side; `layers` as for `nerves.nerve_parts`."""
    return course_parts("vessels", layers, SCALP_DEPTH_MM)


def vessel_beds(parts: Sequence[Part], layers: Layers) -> Mapping[str, list[Field]]:
    """Return the grooves that vessels lie in, by the muscle to carve."""
    return beds("vessels", parts, layers)
