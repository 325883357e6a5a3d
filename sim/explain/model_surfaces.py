"""From an anatomy to the thinned, coloured surfaces of the patient's page; light is baked into the colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.terms import split_key
from sim import shading
from sim.app.scene.bake import COVERING, HARD, SEED, thinned
from sim.explain.model_glb import Surface
from sim.tables import table
from sim.theme import Theme, load_theme

Array = NDArray[np.float64]

GHOST = "__ghost"  # ends the key of a coarser form; the viewer knows it too


def surfaces_of(anatomy: Anatomy) -> list[Surface]:
    """Return the surfaces that the page draws, in the anatomy's order.

    Raises
    ------
    ValueError
        If the anatomy has nothing that could be drawn.
    """
    shown = [s for s in anatomy.structures.values() if triangles_of(s) > 0]
    if not shown:
        raise ValueError(f"the anatomy {anatomy.name!r} has no structure that the page could show.")
    lights, theme = _lights(shown), load_theme(table("explain_model")["style"])
    out = []
    for structure in shown:
        solid = _surface(structure, thinned(structure.mesh, triangles_of(structure)), lights, theme)
        out.append(solid)
        if (ghost := _rules()["ghost"].get(split_key(structure.key)[0], 0)) and ghost < len(solid.faces):
            thin = _surface(structure, thinned(structure.mesh, ghost), lights, theme)
            out.append(replace(thin, key=structure.key + GHOST, grain_mm=None))
    return out


def triangles_of(structure: Structure) -> int:
    """Return how many triangles a structure gets; 0 if it is not drawn."""
    return int(_rules()["keys"].get(split_key(structure.key)[0], _rules()["kinds"].get(structure.kind, 0)))


def _rules() -> Mapping[str, Mapping[str, int]]:
    """How many triangles: 'keys', 'kinds', 'ghost'."""
    rules: Mapping[str, Mapping[str, int]] = table("explain_model")["triangles"]
    return rules


def _surface(structure: Structure, mesh: SurfaceMesh, lights: Mapping[str, shading.Occupancy], theme: Theme) -> Surface:
    """A thinned surface in its colours; what its corners carry is taken from the nearest of the full one."""
    points, normals, full = mesh.vertices_mm, mesh.normals, structure.mesh
    near = cKDTree(full.vertices_mm).query(points)[1]
    colour = np.broadcast_to(theme.of_structure(structure), points.shape)
    if full.tendon is not None:
        colour = colour + np.clip(full.tendon[near], 0, 1)[:, None] * (theme.colours["tendon"] - colour)
    if structure.kind == "bone":
        colour = colour * shading.mottling(points, SEED)[:, None]
    group = _group(structure.kind)
    ambient = shading.ambient_light(lights[group], points, normals)
    strength = theme.occlusion * table("explain_model")["occlusion"][group]
    open_sky = np.ones(len(points), dtype=np.float32)
    lit = shading.shade(colour, ambient, open_sky, 0 * open_sky, (strength, 0.0, 0.0))
    grain = None if full.grain is None or structure.kind != "muscle" else full.grain[near]
    return Surface(structure.key, points, normals, np.round(255 * np.clip(lit, 0, 1)).astype(np.uint8), mesh.faces, grain)


def _lights(shown: Sequence[Structure]) -> dict[str, shading.Occupancy]:
    """What stands in the light of the covering, of flesh, and of what is seen without flesh."""
    groups: dict[str, list[SurfaceMesh]] = {}
    for structure in shown:
        name = _group(structure.kind)
        for place in (name, "flesh") if structure.kind in HARD else (name,):
            groups.setdefault(place, []).append(structure.mesh)
    return {name: shading.occupancy(meshes) for name, meshes in groups.items()}


def _group(kind: str) -> str:
    """Name of the group of surfaces that shade one another."""
    return "cover" if kind in COVERING else "flesh" if kind in ("muscle", "ligament") else "deep"
