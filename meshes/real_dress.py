"""Structures of a real person: his own surfaces dressed as the model's structures, with fibres lent by its muscles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.carry import carried
from meshes.maps import Chain, unit
from meshes.model import Anatomy, Side, Structure, SurfaceMesh
from meshes.points import load_table
from meshes.real_landmarks_fits import owner_of
from meshes.surface import SurfaceQuery
from meshes.terms import split_key, terms

Array = NDArray[np.float64]
EVIDENCE = "FOUND"
LENT = 3  # every which point of a lending muscle is carried
STUB = SurfaceMesh(np.eye(3), np.array([[0, 1, 2]]), np.eye(3))


def carried_over(anatomy: Anatomy, chain: Chain) -> Anatomy:
    """Return `anatomy` moved by a map, as `carry.carried` does, with normals of the moved surfaces: dear maps are asked less."""
    stubs = [replace(s, mesh=STUB) for s in anatomy.structures.values()]
    lines = carried(Anatomy.of(anatomy.name, stubs, anatomy.landmarks, anatomy.curves), chain)
    meshes = [s.mesh for s in anatomy.structures.values()]
    cuts = np.cumsum([len(m.vertices_mm) for m in meshes])[:-1]
    points = np.split(chain.apply(np.vstack([m.vertices_mm for m in meshes])), cuts)
    out = []
    for stub, mesh, moved in zip(lines.structures.values(), meshes, points, strict=True):
        new = outward(moved, mesh.faces)
        if mesh.fibres is not None:
            fibres = unit(chain.along(mesh.vertices_mm, mesh.fibres))
            new = replace(new, fibres=fibres, grain=mesh.grain, tendon=mesh.tendon)
        out.append(replace(stub, mesh=new))
    return Anatomy.of(anatomy.name, out, lines.landmarks, lines.curves, anatomy.meta)


def thinned(structure: Structure) -> Structure:
    """Return a muscle that lends its fibres, with fewer points: it is carried only for them."""
    mesh = structure.mesh
    few = {n: None if (v := getattr(mesh, n)) is None else v[::LENT] for n in ("fibres", "grain", "tendon")}
    return replace(structure, mesh=SurfaceMesh(mesh.vertices_mm[::LENT], STUB.faces, mesh.normals[::LENT], **few))


def outward(vertices: Array, faces: NDArray[np.int64]) -> SurfaceMesh:
    """Return a surface with its faces and normals outward; normals are those of the faces round a vertex, by area."""
    corners = vertices[faces]
    if np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() < 0:
        faces = faces[:, ::-1].copy()
        corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for i in range(3):
        for j in range(3):
            normals[:, j] += np.bincount(faces[:, i], weights=cross[:, j], minlength=len(vertices))
    size = np.linalg.norm(normals, axis=1, keepdims=True)
    return SurfaceMesh(vertices, faces, np.where(size > 0, normals / np.maximum(size, 1e-12), [0.0, 0.0, 1.0]))


def dressed(name: str, over: Anatomy, real: Mapping[str, SurfaceMesh], estimated: Sequence[str]) -> Anatomy:
    """Return an anatomy of a person's own parts and of what was carried over, in the catalogue's order.

    Parameters
    ----------
    name : str
    over : Anatomy
        The model carried to the person: what he lacks, and the muscles that lend their fibres.
    real : mapping of str to SurfaceMesh
        His own parts by key.
    estimated : sequence of str
        Keys of `over` that stay.
    """
    own = {key: _structure(key, mesh, over) for key, mesh in real.items()}
    kept = {key: over[key] for key in estimated}
    order = {key: i for i, key in enumerate(terms())}
    keys = sorted({**kept, **own}, key=lambda k: (order[split_key(k)[0]], k))
    return Anatomy.of(name, [own.get(k) or kept[k] for k in keys], over.landmarks, over.curves)


def on_surfaces(
    person: Anatomy, landmarks: Mapping[str, Array], curves: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return landmarks and curves moved to the nearest place of the bone or skin that they belong to."""
    seats = load_table("seats")
    queries = {k: SurfaceQuery(s.mesh) for k, s in person.structures.items() if s.kind == "bone" or k == "skin"}
    out = {}
    for name, at in landmarks.items():
        bare = split_key(name)[0]
        bone = owner_of(name, queries)
        inside = bare.endswith("_body") or bare == "c1_transverse_foramen"
        on_skin = bare.endswith("_skin") or bare in load_table("skin")["landmarks"]
        key = None if inside else "skin" if on_skin else bone
        out[name] = at if key is None else queries[key].closest(at)[0][0]
    lines = {}
    for name, line in curves.items():
        on = seats["curves"].get(split_key(name)[0], {}).get("on", "skin")
        lines[name] = queries[on].closest(line)[0] if on in queries else line
    return out, lines


def _structure(key: str, mesh: SurfaceMesh, over: Anatomy) -> Structure:
    base, side = split_key(key)
    term = terms()[base]
    if key in over and over[key].mesh.fibres is not None:
        mesh = _with_fibres(mesh, over[key].mesh)
    return Structure(
        key, cast(Side, side), term.kind, term.tissue, term.ta2, term.latin, term.fma.get(side), mesh, evidence=EVIDENCE
    )


def _with_fibres(mesh: SurfaceMesh, lender: SurfaceMesh) -> SurfaceMesh:
    """A muscle's surface with the fibres, grain and tendon of the nearest place of the model's, laid into the surface."""
    assert lender.fibres is not None
    near = cKDTree(lender.vertices_mm).query(mesh.vertices_mm)[1]
    along = lender.fibres[near]
    flat = along - np.einsum("ij,ij->i", along, mesh.normals)[:, None] * mesh.normals
    steep = np.linalg.norm(flat, axis=1, keepdims=True) < 0.1
    grain, tendon = (None if v is None else v[near] for v in (lender.grain, lender.tendon))
    return replace(mesh, fibres=unit(np.where(steep, along, flat)), grain=grain, tendon=tendon)
