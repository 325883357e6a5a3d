"""Subcutaneous fat and superficial fascia: closed shells under the skin, as thick as charted, above what lies beneath.

Three nested surfaces bound them: under the skin, under the fat, under the fascia. Each is a level of the skin's own field, so
that none crosses another; muscle and bone that come nearer press fat and fascia thinner, never away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RBFInterpolator

from meshes.contour import contour
from meshes.fields import Field, gradient, intersect, offset, sampled, smooth_union
from meshes.model import SurfaceMesh
from meshes.parts import Part
from meshes.points import FLIP, load_table
from meshes.skin import endless_skin_field, skin_field, splined

Array = NDArray[np.float64]
NOT_BENEATH = ("skin", "auricle")
FAR_MM = 1e3
DEEPEST_MM = 14.0  # under the skin, to which the layers may reach
CLEAR_MM = 6.0  # above what lies beneath, from which it no longer counts
GRID_MM = 1.8  # step of the grid that holds what lies beneath
BELOW_MM = 4.0  # by which the inner surfaces reach under the cut, so that the shells are open rings there
CHART_STEP_MM = 5.0  # of the grid that holds a chart


def fat_thickness(points: ArrayLike) -> Array:
    """Return the thickness (n,) of the subcutaneous fat, mm, that the chart holds nearest `points` (n, 3) mm.

    What lies close beneath the skin may press it thinner in the model.
    """
    return _thickness("fat_mm", points)


def skin_thickness(points: ArrayLike) -> Array:
    """Return the thickness (n,) of dermis and epidermis, mm, that the chart holds nearest `points` (n, 3) mm."""
    return _thickness("skin_mm", points)


def subcutis_parts(layers: Mapping[str, Field]) -> list[Part]:
    """Return subcutaneous fat and superficial fascia (both median), with their surfaces made.

    Parameters
    ----------
    layers : mapping of str to Field
        What lies beneath, right side: bones, muscles; symmetric forms may reach to the left. The skin is left out.
    """
    table = load_table("subcutis")
    size = table["layers"]
    thick = float(table["superficial_fascia"]["thickness_mm"])
    under_skin, under_fat, under_fascia = _boundaries(size, thick, _beneath(layers, float(size["blend_mm"])))
    solids = [_surface(f, size) for f in (under_skin, under_fat, under_fascia)]
    sources = tuple(dict.fromkeys(s for row in table["places"].values() for s in row["sources"]))
    fat = _shell("subcutaneous_fat", (under_skin, under_fat), (solids[0], solids[1]), size)
    fascia = _shell("superficial_fascia", (under_fat, under_fascia), (solids[0] ^ solids[1], solids[2]), size)
    return [replace(fat, sources=sources, evidence="DERIVED"), replace(fascia, evidence="KNOWN")]


def _thickness(what: str, points: ArrayLike) -> Array:
    chart, least, most = _chart(what)
    at = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    return np.clip(chart(np.where([True, False, False], np.abs(at), at)), least, most)


@cache
def _chart(what: str) -> tuple[Callable[[Array], Array], float, float]:
    """Return a spline through the named places, for x >= 0, with the least and greatest of their values."""
    places = load_table("subcutis")["places"].values()
    at = np.array([row["at"] for row in places], dtype=np.float64)
    value = np.array([row[what] for row in places], dtype=np.float64)
    paired = at[:, 0] > 0
    both = np.concatenate([value, value[paired]])
    spline = RBFInterpolator(np.vstack([at, at[paired] * FLIP]), both, kernel="linear")
    return splined(spline, CHART_STEP_MM), float(value.min()), float(value.max())


def _beneath(layers: Mapping[str, Field], blend: float) -> Field:
    """Return all that lies under the fascia as one field with soft valleys, true where the layers may be and held on a grid."""
    joined = smooth_union([_boxed(f, 2.0 * blend) for key, f in layers.items() if key not in NOT_BENEATH], blend)
    skin = endless_skin_field()

    def distance(p: Array) -> Array:
        height = skin(p)
        beyond = np.maximum(height, -DEEPEST_MM - height)
        out = CLEAR_MM + np.maximum(beyond, 0.0)
        near = np.flatnonzero(beyond <= 0)
        if len(near):
            out[near] = np.minimum(joined(p[near]), CLEAR_MM)
        return out

    return sampled(Field(distance, skin.lower - [0.0, 0.0, BELOW_MM], skin.upper), GRID_MM, half=True)


def _boxed(form: Field, room: float) -> Field:
    lower, upper = form.lower - room, form.upper + room

    def distance(p: Array) -> Array:
        out = np.full(len(p), FAR_MM)
        near = np.flatnonzero(((p >= lower) & (p <= upper)).all(axis=1))
        if len(near):
            out[near] = form(p[near])
        return out

    return Field(distance, form.lower, form.upper)


def _boundaries(size: Mapping[str, Any], thick: float, beneath: Field) -> tuple[Field, Field, Field]:
    """Return the solids under the skin, under the fat and under the fascia; the inner two go on below the cut."""
    skin, endless = skin_field(), endless_skin_field()
    low = skin.lower - [0.0, 0.0, BELOW_MM]

    def charted(p: Array) -> Array:
        return endless(p) + skin_thickness(p) + fat_thickness(p)

    def least(more: float) -> Field:
        return Field(lambda p: endless(p) + skin_thickness(p) + more, low, skin.upper)

    under_skin = intersect(least(0.0), offset(skin, -float(size["cut_room_mm"])))
    soft = smooth_union(
        [Field(charted, low, skin.upper), offset(beneath, float(size["film_mm"]) + thick)], float(size["blend_mm"])
    )
    least_fat, least_fascia = float(size["least_fat_mm"]), float(size["least_fascia_mm"])
    under_fat = intersect(soft, least(least_fat))
    under_fascia = intersect(offset(soft, -thick), least(least_fat + least_fascia))
    return under_skin, replace(under_fat, lower=low, upper=skin.upper), replace(under_fascia, lower=low, upper=skin.upper)


def _surface(field: Field, size: Mapping[str, Any]) -> Any:
    """Return the surface of a solid as a body for exact cutting."""
    import manifold3d

    mesh = contour(field, float(size["spacing_mm"]), faces=int(size["surface_triangles"]))
    return manifold3d.Manifold(manifold3d.Mesh(mesh.vertices_mm.astype(np.float32), mesh.faces.astype(np.uint32)))


def _shell(key: str, fields: tuple[Field, Field], solids: tuple[Any, Any], size: Mapping[str, Any]) -> Part:
    """Return what lies between two solids."""
    outer, inner = fields
    held = (solids[0] - solids[1]).simplify(float(size["merge_mm"])).to_mesh()
    vertices = np.array(held.vert_properties[:, :3], dtype=np.float64)
    out, into = outer(vertices), inner(vertices)
    normals = np.where((np.abs(out) < np.abs(into))[:, None], gradient(outer, vertices), -gradient(inner, vertices))
    mesh = SurfaceMesh(vertices, np.array(held.tri_verts, dtype=np.int64), normals)
    shell = Field(lambda p: np.maximum(outer(p), -inner(p)), outer.lower, outer.upper)
    return Part(key, shell, float(size["spacing_mm"]), len(mesh.faces), mesh=mesh)
