"""What lies in the vertebral canal and above it: spinal cord, dura, the second cervical ganglion, brainstem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.blades import blade, carved, joined
from meshes.brainstem import brainstem_part, foramen_cut
from meshes.curves import catmull_rom
from meshes.fields import Field, half_space, intersect, tube
from meshes.levels import SIDE, level
from meshes.parts import Part
from meshes.points import load_table

Array = NDArray[np.float64]
UP = np.array([0.0, 0.0, 1.0])
DURA_GAP_MM = 0.1


def canal_parts() -> list[Part]:
    """Return spinal cord, dura (a sheath drawn as its outer surface), the right C2 ganglion and the brainstem."""
    cord, dura = _cord_and_dura(load_table("canal")["canal"])
    return [cord, dura, _ganglion(load_table("canal")["c2_spinal_ganglion"], dura.field), brainstem_part()]


def canal_nodes() -> tuple[Array, Array]:
    """Return the middles (n, 3) of the cord and of the dura at the nodes of the data, mm RAS, from above down."""
    rows = load_table("canal")["canal"]["nodes"]
    dura = np.array([_middle(row) for row in rows])
    cord = dura + np.array([[0.0, row["cord_forward"], 0.0] for row in rows])
    return cord, dura


def _middle(row: Mapping[str, Any]) -> Array:
    if "level" in row:
        return level(row["level"]).canal_centre()
    return np.array([0.0, *row["at"]])


def _cord_and_dura(table: Mapping[str, Any]) -> list[Part]:
    rows = table["nodes"]
    below = half_space(*foramen_cut())
    about = {"sources": tuple(table["sources"]), "evidence": table["evidence"]}
    parts = []
    for key, nodes, halves, faces in zip(
        ("spinal_cord", "spinal_dura_mater"), canal_nodes(), ("cord_half", "dura_half"), (3000, 4000), strict=True
    ):
        deep, wide = np.array([row[halves] for row in rows]).T
        line = catmull_rom(nodes, 1.0)
        line = line[below(line) <= 0]
        at = np.interp(line[:, 2], nodes[::-1, 2], np.sqrt(deep * wide)[::-1])
        rounding = float(table["dura_rounding"]) if key == "spinal_dura_mater" else 0.0
        form = intersect(blade(nodes, wide, deep, SIDE, 1.0), below, rounding)
        parts.append(Part(key, form, 0.9, faces, centerline=line, radius_mm=at, **about))
    return parts


def _ganglion(row: Mapping[str, Any], dura: Field) -> Part:
    spindle = blade(row["axis"], row["half_height"], row["half_depth"], UP, 0.5)
    root = tube(row["root"], row["root_radius"])
    form = carved(joined([spindle, root], 1.5), [dura], 0.3, DURA_GAP_MM)
    return Part("c2_spinal_ganglion", form, 0.35, 1200, sources=tuple(row["sources"]), evidence=row["evidence"])
