"""The shipped model, built from its data: bones, skin, muscles, vessels, nerves, landmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from meshes import fields
from meshes.blades import carved
from meshes.canal import canal_parts
from meshes.contour import contour
from meshes.fields import Field
from meshes.girdle import girdle_parts
from meshes.hair import hair_parts
from meshes.head_muscles import head_muscle_parts
from meshes.healing import healed
from meshes.hyoid import hyoid_parts
from meshes.landmarks import derive_landmarks
from meshes.ligaments import ligament_parts
from meshes.mandible import mandible_parts
from meshes.model import Anatomy, Side, Structure, SurfaceMesh, mirrored_mesh
from meshes.neck_muscles import neck_muscle_parts
from meshes.nerves import nerve_beds, nerve_parts
from meshes.parts import Part
from meshes.points import FLIP
from meshes.skin import skin_field, skin_parts
from meshes.skull import skull_parts
from meshes.spine import spine_parts
from meshes.subcutis import subcutis_parts
from meshes.terms import terms
from meshes.vessels import vessel_beds, vessel_parts

Array = NDArray[np.float64]
Report = Callable[[str], None]
BONE_GRID_MM = 0.9
BED_BLEND_MM = 1.2  # over which the edges of a nerve's or vessel's groove in a muscle are rounded


def build_parts() -> list[Part]:
    """Return every part of the default model before contouring, in catalogue order."""
    bony = [*skull_parts(), *mandible_parts(), *hyoid_parts(), *spine_parts(), *girdle_parts()]
    bones = bone_field(bony)
    skin = fields.sampled(skin_field(), 1.2, half=True)
    muscles = [*neck_muscle_parts(bones, skin), *head_muscle_parts(bones, skin)]
    canal = canal_parts()
    ligaments = ligament_parts(bony, [p.field for p in (*canal, *muscles)])
    layers = {p.key: p.field for p in (*bony, *muscles, *canal)} | {"skin": skin, "bones": bones}
    vessels = vessel_parts(layers)
    layers |= {p.key: p.field for p in vessels}
    nerves = nerve_parts(layers)
    beds = [vessel_beds(vessels, layers), nerve_beds(nerves, layers)]
    muscles = [_without(p, [groove for bed in beds for groove in bed.get(p.key, ())]) for p in muscles]
    covers = [*skin_parts(), *subcutis_parts({p.key: p.field for p in muscles} | {"bones": bones}), *hair_parts()]
    return [*covers, *bony, *ligaments, *muscles, *canal, *nerves, *vessels]


def bone_field(parts: Iterable[Part]) -> Field:
    """Return all bones of the right half (and midline) as one sampled field, valid on both sides."""
    return reduce(fields.union, [fields.sampled(p.field, BONE_GRID_MM, half=True) for p in parts])


def build_anatomy(report: Report = lambda _: None) -> Anatomy:
    """Return the default model, built from the data tables.

    Parameters
    ----------
    report : callable
        Called with one line of progress at a time.

    Returns
    -------
    Anatomy
        Named 'shipped'; default adult man, neutral upright head.
    """
    report("forming parts")
    parts = build_parts()
    structures: list[Structure] = []
    for number, part in enumerate(parts, 1):
        report(f"surface {number}/{len(parts)} {part.key}")
        structures.extend(structures_of(part))
    order = {key: i for i, key in enumerate(terms())}
    structures.sort(key=lambda s: order[_unsided(s)])
    table = {s.key: s for s in structures}
    report("landmarks")
    landmarks, curves = derive_landmarks(table)
    return Anatomy.of("shipped", structures, landmarks, curves, {"posture": "neutral upright", "sex": "male"})


def structures_of(part: Part) -> list[Structure]:
    """Return the one median structure or the right and left structures of a part."""
    mesh = healed(part.mesh or contour(part.field, part.spacing, faces=part.faces))
    if part.fibres is not None:
        direction, grain, tendon = part.fibres(mesh.vertices_mm)
        mesh = SurfaceMesh(mesh.vertices_mm, mesh.faces, mesh.normals, direction, grain, tendon)
    if not terms()[part.key].paired:
        return [_structure(part, "median", mesh, part.centerline, part.branches)]
    left = None if part.centerline is None else part.centerline * FLIP
    branches = {k: v * FLIP for k, v in part.branches.items()}
    return [
        _structure(part, "left", mirrored_mesh(mesh), left, branches),
        _structure(part, "right", mesh, part.centerline, part.branches),
    ]


def _structure(part: Part, side: Side, mesh: SurfaceMesh, line: Array | None, branches: Mapping[str, Array]) -> Structure:
    term = terms()[part.key]
    key = part.key if side == "median" else f"{part.key}_{side}"
    return Structure(
        key, side, term.kind, term.tissue, term.ta2, term.latin, term.fma.get(side), mesh, line, part.radius_mm,
        dict(branches), part.sources, part.evidence,
    )  # fmt: skip


def _unsided(structure: Structure) -> str:
    return structure.key if structure.side == "median" else structure.key.removesuffix(f"_{structure.side}")


def _without(part: Part, beds: Sequence[Field]) -> Part:
    return replace(part, field=carved(part.field, beds, BED_BLEND_MM)) if beds else part
