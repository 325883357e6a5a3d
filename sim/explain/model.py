"""The 3-D model of the patient's page: one binary glTF file, and what the viewer has to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from meshes.model import Anatomy, Structure
from meshes.terms import split_key
from scenarios.model import Scenario
from scenarios.selection import groups
from sim.app.scene.bake import SEED
from sim.explain.model_glb import Surface, write_glb
from sim.explain.model_maps import with_maps
from sim.explain.model_paths import convergence
from sim.explain.model_scripts import three_js, three_revision, viewer_js
from sim.explain.model_steps import Placed, Steps
from sim.explain.model_store import kept_surfaces
from sim.explain.model_surfaces import GHOST
from sim.explain.model_tools import (
    aim_of,
    entry_told,
    hex_of,
    needle_of,
    needle_told,
    picture_of,
    png_of,
    site_told,
    ultrasound_told,
)  # fmt: skip
from sim.shading import fibre_texture
from sim.tables import table
from sim.theme import Theme, load_theme

__all__ = ["PatientModel", "patient_model", "three_js", "viewer_js"]


@dataclass(frozen=True, eq=False)
class PatientModel:
    """What the viewer gets.

    Parameters
    ----------
    glb : bytes
        A binary glTF file: a node for each structure by its key, and those of needle and probe.
    info : dict
        Plain values for a JSON file: 'structures', 'groups', 'layers', 'cameras', 'needle', 'sites', 'ultrasound',
        'convergence', 'maps', 'colours', 'light', 'side', 'units', 'frame', 'attribution'.
    """

    glb: bytes
    info: dict[str, Any]


def patient_model(anatomy: Anatomy, scenario: Scenario, *, side: str | None = None) -> PatientModel:
    """Return the model of a scenario on an anatomy.

    Parameters
    ----------
    anatomy : Anatomy
        With a skin.
    scenario : Scenario
        Its procedure, needle, probe and ultrasound are shown.
    side : {'left', 'right'}, optional
        The patient's side that is treated; by default the page's, else the procedure's; right of both.

    Raises
    ------
    ScenarioError
        If the scenario names what the anatomy lacks.
    ValueError
        If the anatomy has no skin, or the side is neither.
    """
    own = _side(scenario, side)
    theme = load_theme(table("explain_model")["style"])
    if "skin" not in anatomy:
        raise ValueError(f"the anatomy {anatomy.name!r} has no skin; the patient's page needs one.")
    surfaces = kept_surfaces(anatomy)
    skin, maps = with_maps(anatomy, next(s for s in surfaces if s.key == "skin"), theme)
    surfaces = [skin if s.key == "skin" else s for s in surfaces]
    picture = picture_of(scenario, anatomy, None if side is None else own)
    needle = needle_of(picture, own)
    told, tools = needle_told(needle, theme) if needle is not None else (None, [])
    sound, probe = ultrasound_told(anatomy, picture, theme)
    sites = [site_told(m, theme) for m in picture.markers] or ([entry_told(needle, skin, theme)] if needle is not None else [])
    placed = Placed(own, told, sites, sound, convergence(anatomy, own), aim_of(scenario, anatomy, own))
    steps = Steps(anatomy, surfaces, placed)
    info = _described(anatomy, surfaces, theme) | {
        "layers": {name: steps.named(row["show"]) for name, row in table("explain_model")["layers"].items()},
        "cameras": steps.all(maps, skin.weights), "maps": maps, "side": own, "needle": told,
        "sites": sites, "ultrasound": sound or None, "convergence": placed.convergence,
    }  # fmt: skip
    return PatientModel(write_glb([*surfaces, *tools, *probe]), info)


def _side(scenario: Scenario, side: str | None) -> str:
    """The side that is treated."""
    page, procedure = scenario.page, scenario.procedure
    chosen = side or (page.side if page is not None else None) or (procedure.side if procedure is not None else None) or "right"
    if chosen not in ("left", "right", "both"):
        raise ValueError(f"side is {chosen!r}; it must be left or right.")
    return "left" if chosen == "left" else "right"


def _described(anatomy: Anatomy, surfaces: list[Surface], theme: Theme) -> dict[str, Any]:
    """What does not depend on the scenario."""
    rules = table("explain_model")
    structures = {s.key: _structure(anatomy[s.key], s, theme) for s in surfaces if not s.key.endswith(GHOST)}
    bare = {split_key(key)[0] for key in structures}
    names = {name: [m for m in members if m in bare] for name, members in groups().items()}
    return {
        "structures": structures, "groups": {name: held for name, held in names.items() if held},
        "limits": {k: rules["camera"][k] for k in ("widths_mm", "elevation_deg")},
        "tools": dict(rules["tools"]) | {"path_mm": rules["convergence"]["path_mm"]},
        "colours": {name: hex_of(theme.colours[name]) for name in ("nerve", "needle", "line", "target", "group_6", "sheet")}
        | {"paper": hex_of(theme.paper), "ink": hex_of(theme.ink)},
        "textures": {"fibres": _fibres()},
        "light": {name: getattr(theme, name) for name in ("key", "fill", "rim", "edge")},
        "units": "mm", "frame": "RAS: +x the patient's right, +y front, +z top", "source": anatomy.name,
        "attribution": f"Drawn with three.js r{three_revision(three_js())}, MIT licence, copyright Three.js Authors.",
    }  # fmt: skip


def _fibres() -> str:
    """The tile of muscle fibres, small."""
    tall = fibre_texture(SEED)
    wide, high = table("explain_model")["tools"]["fibre_px"]
    return png_of(tall, (high / len(tall), wide / tall.shape[1]), wide)


def _structure(structure: Structure, surface: Surface, theme: Theme) -> Mapping[str, Any]:
    """One structure in numbers and names."""
    points = np.asarray(surface.vertices_mm, dtype=np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    return {
        "group": structure.kind, "tissue": structure.tissue, "side": structure.side, "name": structure.ta2,
        "colour": hex_of(theme.of_structure(structure)), "centre": np.round((low + high) / 2, 1).tolist(),
        "box": [np.round(low, 1).tolist(), np.round(high, 1).tolist()], "triangles": len(surface.faces),
    }  # fmt: skip
