"""The occipital and vertebral arteries, seated on bone, under skin, and through the foramina."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshes.nerves import branching_part
from meshes.parts import Part
from meshes.paths import Layers
from meshes.points import load_table
from meshes.spine import transverse_foramina

SCALP_DEPTH_MM = 3.0  # in the dense layer between skin and epicranial aponeurosis, under the nerve


def vessel_parts(layers: Layers) -> list[Part]:
    """Return the arteries of the right side; `layers` as for `nerves.nerve_parts`."""
    table = load_table("vessels")
    rows = {key: _with_foramina(table[key]) for key in table if isinstance(table[key], dict)}
    return [branching_part(key, row, layers, SCALP_DEPTH_MM) for key, row in rows.items()]


def _with_foramina(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with each 'foramen' node replaced by the centre of that vertebra's foramen."""
    centres = transverse_foramina()
    nodes = [{**n, "seat": "point", "near": centres[n["of"]].tolist()} if n["seat"] == "foramen" else n for n in row["nodes"]]
    return {**row, "nodes": nodes}
