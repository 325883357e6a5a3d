"""A person's own parts cut where the model ends: a muscle of the whole back has no place under a bust."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from meshes.maps import Chain
from meshes.model import Anatomy, SurfaceMesh
from meshes.points import load_table
from meshes.real_dress import outward
from meshes.real_fit import spread

Array = NDArray[np.float64]


def lower_end(model: Anatomy, known: Mapping[str, Array]) -> float:
    """Return the height (mm) at which a person is cut: that of the model's lower end, from the landmarks of neck and shoulder.

    Parameters
    ----------
    model : Anatomy
    known : mapping of str to (3,) array
        His landmarks, in Inion's frame.
    """
    row = load_table("real_landmarks")["cut"]
    end = float(model["skin"].mesh.vertices_mm[:, 2].min())
    shifts = [known[n][2] - model.landmark(n)[2] for n in row["landmarks"] if n in known]
    if len(shifts) >= row["fewest"]:
        return end + float(np.median(shifts))
    return end


def cut(real: Mapping[str, SurfaceMesh], height: float) -> tuple[dict[str, SurfaceMesh], list[str]]:
    """Return a person's parts without what lies below a height, and the keys of those that were cut; one wholly below is gone."""
    out, shortened = {}, []
    for key, mesh in real.items():
        if mesh.vertices_mm[:, 2].min() >= height:
            out[key] = mesh
            continue
        shortened.append(key)
        if mesh.vertices_mm[:, 2].max() > height + load_table("real_landmarks")["cut"]["least_mm"]:
            out[key] = _above(mesh, height)
    return out, shortened


def _above(mesh: SurfaceMesh, height: float) -> SurfaceMesh:
    """A closed surface with a flat end; an open one is left open there."""
    import manifold3d

    faces = np.asarray(mesh.faces, dtype=np.uint64, order="C")
    body = manifold3d.Manifold(manifold3d.Mesh64(np.array(mesh.vertices_mm, order="C"), faces))
    if not body.is_empty():
        kept = body.trim_by_plane((0.0, 0.0, 1.0), height).to_mesh64()
        if len(kept.tri_verts):
            return outward(np.asarray(kept.vert_properties)[:, :3].copy(), np.asarray(kept.tri_verts, dtype=np.int64))
    return _open_above(mesh, height)


def _open_above(mesh: SurfaceMesh, height: float) -> SurfaceMesh:
    """The same of a surface that is no manifold: with a flat end where its edges allow it."""
    import pyvista as pv

    sides = np.column_stack([np.full(len(mesh.faces), 3), mesh.faces])
    whole = pv.PolyData(mesh.vertices_mm, sides)
    closed = whole.n_open_edges == 0
    way, at = (0.0, 0.0, 1.0), (0.0, 0.0, height)
    kept = whole.clip_closed_surface(normal=way, origin=at) if closed else whole.clip(normal=way, origin=at, invert=False)
    kept = kept.triangulate().clean()
    return outward(np.array(kept.points, dtype=np.float64), np.array(kept.regular_faces, dtype=np.int64))


def levelled(model: Anatomy, chain: Chain, height: float) -> Chain:
    """Return a map that brings the model's flat lower end under a height again, whatever the person's surfaces have drawn it to.

    Parameters
    ----------
    model : Anatomy
    chain : Chain
        From the model to the person.
    height : float
        Where the person's own parts end, mm.
    """
    row = load_table("real_landmarks")["cut"]
    skin = model["skin"].mesh.vertices_mm
    low = skin[:, 2].min()
    ends = np.vstack([s.mesh.vertices_mm for s in model.structures.values()])
    ends = ends[ends[:, 2] < low + row["end_mm"]]
    still = chain.apply(skin[skin[:, 2] > low + row["rest_mm"]])
    here = chain.apply(ends)
    maps = list(chain.maps)
    for width in row["widths_mm"]:
        asked = np.zeros_like(here)
        asked[:, 2] = height - row["under_mm"] - here[:, 2]
        every = np.vstack([here, still])
        step = spread(every, np.vstack([asked, np.zeros_like(still)]), width, width / 2, every)
        maps.append(step)
        here, still = step.apply(here), step.apply(still)
    return Chain(tuple(maps))
