"""A carried skin laid over a person's own muscles and bones, as thick above each place as the model's is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
        ask, known = _wanted(before, skin, {k: person[k].mesh for k in deep})
        ask, known = _on_shoulders(skin, ask, known, [person[k].mesh for k in deep if k.startswith(table["shoulder"])])
        short = _lifted(skin, hard)
        end = _lower_end(skin)
        ask = np.where(short > 0, np.maximum(ask, short), ask)
        told = (known | (short > 0)) & ~end
        push = np.clip(ask, -table["step_mm"], table["step_mm"])[:, None] * skin.normals
        step = spread(skin.vertices_mm[told], push[told], width, width / 2, skin.vertices_mm)
        maps.append(step)
        skin = outward(step.apply(skin.vertices_mm), skin.faces)
    for width in table["lift_widths_mm"]:
        short = _lifted(skin, hard)
        told = ~_lower_end(skin)
        short = np.where(short < table["lift_most_mm"], np.clip(short, 0.0, None), 0.0)  # more is a part's far side
        push = np.minimum(2.0 * short, table["step_mm"])[:, None] * skin.normals  # twice, for those beside it ask nothing
        step = spread(skin.vertices_mm[told], push[told], width, width / 2, skin.vertices_mm)
        maps.append(step)
        skin = outward(step.apply(skin.vertices_mm), skin.faces)
    return _moved(person, Chain(tuple(maps)), table["with_skin"])


def _lower_end(skin: SurfaceMesh) -> NDArray[np.bool_]:
    """The points (n,) of the flat lower end, which ask nothing: parts that end there too are not pierced by it."""
    table = load_table("real_landmarks")["cover"]
    low = skin.vertices_mm[:, 2] < skin.vertices_mm[:, 2].min() + table["end_mm"]
    return np.asarray(low & (skin.normals[:, 2] < -table["straight"]))


def _wanted(before: Depths | None, skin: SurfaceMesh, parts: Mapping[str, SurfaceMesh]) -> tuple[Array, NDArray[np.bool_]]:
    """How far (n,) mm outward the skin should go to lie as deep over parts as over the model's, and where that is known.

    0 where no part is near; beside the end of a part nothing is known, and the skin goes with what lies round it.
    """
    if before is None:
        return np.zeros(len(skin.vertices_mm)), np.ones(len(skin.vertices_mm), dtype=bool)
    table = load_table("real_landmarks")["cover"]
    now = _depths(skin, parts)
    ask = before.mm - now.mm
    counts = (before.mm < table["thickest_mm"]) & (np.abs(ask) < table["most_mm"])
    counts = counts & before.straight & now.straight
    away = np.minimum(np.abs(before.mm), np.abs(now.mm)) > table["away_mm"]
    return np.where(counts, ask, 0.0), counts | away


def _on_shoulders(
    skin: SurfaceMesh, ask: Array, known: NDArray[np.bool_], muscles: Sequence[SurfaceMesh]
) -> tuple[Array, NDArray[np.bool_]]:
    """The same, with the skin no further over the muscle of his shoulders than over the model's, where it faces upward."""
    if not muscles:
        return ask, known
    table = load_table("real_landmarks")["cover"]
    now = _depths(skin, dict(enumerate(muscles)))
    thick = now.straight & (skin.normals[:, 2] > table["upward"]) & (now.mm < table["thickest_mm"])
    thick &= now.mm + ask > table["shoulder_mm"]
    return np.where(thick, table["shoulder_mm"] - now.mm, ask), known | thick


def _lifted(skin: SurfaceMesh, parts: Mapping[str, SurfaceMesh]) -> Array:
    """How far (n,) mm outward the skin must go to cover all parts by a least depth; below 0 where it does already."""
    table = load_table("real_landmarks")["cover"]
    now = _depths(skin, parts)
    short = table["least_mm"] - now.mm
    return np.where(now.mm > -table["most_mm"], short, -np.inf)


@dataclass(frozen=True)
class Depths:
    """How deep (n,) mm the nearest part lies under each place of a skin, negative where it stands out; and whether straight."""

    mm: Array
    straight: NDArray[np.bool_]


def _depths(skin: SurfaceMesh, parts: Mapping[Any, SurfaceMesh]) -> Depths:
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
