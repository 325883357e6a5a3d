"""Which of a person's own parts are not believed: what lies where no dissection finds it is carried over instead, and told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, SurfaceMesh
from meshes.points import load_table
from meshes.real_dress import outward
from meshes.real_fit import spread
from meshes.real_landmarks_fits import SKULL
from meshes.surface import SurfaceQuery
from meshes.terms import split_key

Array = NDArray[np.float64]


def bedded(person: Anatomy, model: Anatomy, keys: Collection[str]) -> Anatomy:
    """Return a person whose carried muscles under `keys` lie on his skull as far out as the model's on its own.

    Parameters
    ----------
    person : Anatomy
        As from `real_dress.dressed`; those muscles have the points of the model's.
    model : Anatomy
    keys : collection of str
        Of what is carried over in place of parts that are not believed.
    """
    bone, own, out = SurfaceQuery(person[SKULL].mesh), SurfaceQuery(model[SKULL].mesh), dict(person.structures)
    for key in (k for k in keys if k in person and k in model):
        mesh, before = person[key].mesh, own.signed_distance(model[key].mesh.vertices_mm)
        for width in load_table("real_landmarks")["bed"]["widths_mm"]:
            way = bone.closest(mesh.vertices_mm)[1]
            short = np.maximum(before - bone.signed_distance(mesh.vertices_mm), 0.0)
            step = spread(mesh.vertices_mm, short[:, None] * way, width, width / 2, mesh.vertices_mm)
            mesh = replace(mesh, vertices_mm=step.apply(mesh.vertices_mm))
        new = outward(mesh.vertices_mm, mesh.faces)
        out[key] = replace(person[key], mesh=replace(mesh, faces=new.faces, normals=new.normals))
    return Anatomy.of(person.name, out.values(), person.landmarks, person.curves, person.meta)


def implausible(real: Mapping[str, SurfaceMesh], known: Mapping[str, Array]) -> dict[str, str]:
    """Return the parts that are not used, by key, with the reason in one plain sentence.

    Parameters
    ----------
    real : mapping of str to SurfaceMesh
        A person's surfaces by key, in Inion's frame.
    known : mapping of str to (3,) array
        His landmarks, in the same frame.
    """
    out = {}
    for key, mesh in real.items():
        base, side = split_key(key)
        row = load_table("real_landmarks")["plausible"].get(base)
        mark = None if row is None else known.get(f"{row['above']}_{side}")
        if row is None or mark is None:
            continue
        here = mesh.vertices_mm[np.abs(mesh.vertices_mm[:, 0] - mark[0]) < row["beside_mm"], 2]
        if not len(here):
            continue
        height = 0.5 * float(here.min() + here.max() - 2 * mark[2])
        if height < row["least_mm"]:
            out[key] = (
                f"the middle of its belly stands {height:.1f} mm over {row['words']}, and is found {row['least_mm']:g} or more"
            )
    return out
