"""A carried skin laid over a person's own muscles and bones, as thick above each place as the model's is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.maps import Chain
from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.points import load_table
from meshes.real_dress import outward
from meshes.real_fit import Cloud, sampled, spread
from meshes.terms import split_key

Array = NDArray[np.float64]


def covered(person: Anatomy, model: Anatomy, real: Sequence[str]) -> Anatomy:
    """Return a person whose carried skin, and what lies in and on it, keeps the model's depth over his own parts.

    Parameters
    ----------
    person : Anatomy
        As from `real_dress.dressed`, its skin with the points of the model's.
    model : Anatomy
    real : sequence of str
        Keys of his own parts.
    """
    table = load_table("real_landmarks")["cover"]
    deep = [k for k in real if k in model and split_key(k)[0] in table["over"]]
    hard = {k: person[k].mesh for k in real if k in person and person[k].kind in ("bone", "muscle")}
    before = _depths(model["skin"].mesh, {k: model[k].mesh for k in deep}) if deep else None
    skin, maps = person["skin"].mesh, []
    for width in table["widths_mm"]:
        ask = np.maximum(_wanted(before, skin, {k: person[k].mesh for k in deep}), _lifted(skin, hard))
        push = np.clip(ask, -table["step_mm"], table["step_mm"])[:, None] * skin.normals
        step = spread(skin.vertices_mm, push, width, width / 2, skin.vertices_mm)
        maps.append(step)
        skin = outward(step.apply(skin.vertices_mm), skin.faces)
    return _moved(person, Chain(tuple(maps)), table["with_skin"])


def _wanted(before: Depths | None, skin: SurfaceMesh, parts: Mapping[str, SurfaceMesh]) -> Array:
    """How far (n,) mm outward the skin should go to lie as deep over parts as over the model's; 0 where none is near."""
    if before is None:
        return np.zeros(len(skin.vertices_mm))
    table = load_table("real_landmarks")["cover"]
    now = _depths(skin, parts)
    ask = before.mm - now.mm
    counts = (before.mm < table["thickest_mm"]) & (np.abs(ask) < table["most_mm"])
    return np.where(counts & before.straight & now.straight, ask, 0.0)


def _lifted(skin: SurfaceMesh, parts: Mapping[str, SurfaceMesh]) -> Array:
    """How far (n,) mm outward the skin must go to cover all parts by a least depth; without end where it does already."""
    table = load_table("real_landmarks")["cover"]
    now = _depths(skin, parts)
    short = table["least_mm"] - now.mm
    return np.where((short > 0) & (now.mm > -table["most_mm"]), short, -np.inf)


@dataclass(frozen=True)
class Depths:
    """How deep (n,) mm the nearest part lies under each place of a skin, negative where it stands out; and whether straight."""

    mm: Array
    straight: NDArray[np.bool_]


def _depths(skin: SurfaceMesh, parts: Mapping[str, SurfaceMesh]) -> Depths:
    table = load_table("real_landmarks")["cover"]
    clouds = [sampled(m) for m in parts.values()]
    under = Cloud(np.vstack([c.points for c in clouds]), np.vstack([c.normals for c in clouds]))
    far, near = cKDTree(under.points).query(skin.vertices_mm)
    way = skin.vertices_mm - under.points[near]
    out = np.einsum("ij,ij->i", way, under.normals[near])
    facing = np.abs(np.einsum("ij,ij->i", way, skin.normals)) > table["straight"] * far
    return Depths(np.where(out < 0, -far, far), facing | (far < table["least_mm"]))


def _moved(person: Anatomy, chain: Chain, kinds: Sequence[str]) -> Anatomy:
    """A person with the skin and what goes with it moved."""

    def one(s: Structure) -> Structure:
        if s.kind not in kinds:
            return s
        mesh = outward(chain.apply(s.mesh.vertices_mm), s.mesh.faces)
        return replace(s, mesh=replace(mesh, fibres=s.mesh.fibres, grain=s.mesh.grain, tendon=s.mesh.tendon))

    structures = [one(s) for s in person.structures.values()]
    return Anatomy.of(person.name, structures, person.landmarks, person.curves, person.meta)
