"""The face on the skin: nose, lids, lips and brows as solid forms, folds and margins as relief lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.curves import catmull_rom, profile
from meshes.fields import Field, ellipsoid, smooth_union, subtract, tube

Array = NDArray[np.float64]
STATIONS_PER_RADIUS = 2.5  # of a tube, on average: fewer would facet it
FORM_REACH = 14.0  # mm round a form's box beyond which it is not asked: no surface is that far from its form
LINE_STEP = 0.25  # mm between the stations of a relief line
Relief = Callable[[Array, Array], Array]


def with_features(head: Field, table: Mapping[str, Any]) -> Field:
    """Return `head` with the right half of a face, or of another featured region, worked into it.

    Parameters
    ----------
    head : Field
        The skin with its broad forms; read at x >= 0 only.
    table : mapping
        A region of `skin.toml`: `box` (2, 3) mm that holds every feature, `form` and `relief` rows.

    Returns
    -------
    Field
        The same field outside `box`.
    """
    lower, upper = np.array(table["box"], dtype=np.float64)
    forms = [(form_field(row), row) for row in table["form"]]
    reliefs = [relief_height(row) for row in table.get("relief", [])]

    def distance(p: Array) -> Array:
        out = head(p)
        inside = np.flatnonzero(((p >= lower - 0.6) & (p <= upper)).all(axis=1))
        if len(inside):
            out[inside] = _worked(p[inside], out[inside], forms, reliefs)
        return out

    return Field(distance, head.lower, head.upper)


def _worked(p: Array, base: Array, forms: Sequence[tuple[Field, Mapping[str, Any]]], reliefs: Sequence[Relief]) -> Array:
    """Return `base` distances at `p` after every form and relief; a form counts only near its box."""
    out = base
    for shape, row in forms:
        near = np.flatnonzero(((p >= shape.lower - FORM_REACH) & (p <= shape.upper + FORM_REACH)).all(axis=1))
        if len(near):
            body, blend = _held(out[near], shape), float(row["blend"])
            joined = subtract(body, shape, blend=blend) if row.get("carve") else smooth_union([body, shape], blend)
            out = out.copy()
            out[near] = joined(p[near])
    for relief in reliefs:
        out = out - relief(p[:, 0], p[:, 2])
    return out


def _held(values: Array, like: Field) -> Field:
    return Field(lambda _: values, like.lower, like.upper)


def form_field(row: Mapping[str, Any]) -> Field:
    """Return one solid form of a table: a tube through `nodes` with `radii`, or an ellipsoid, in mm."""
    if "centre" in row:
        return ellipsoid(row["centre"], row["half_axes"])
    nodes = np.array(row["nodes"], dtype=np.float64)
    line = catmull_rom(nodes, float(np.mean(row["radii"])) / STATIONS_PER_RADIUS)
    at = np.linspace(0.0, 1.0, len(line))
    return tube(line, profile(_fractions(nodes), row["radii"], at))


def relief_height(row: Mapping[str, Any]) -> Relief:
    """Return the height (mm) that one relief line of a table adds at two flat coordinates (n,), (n,) in mm."""
    nodes = np.array([[x, 0.0, z] for x, z in row["line"]], dtype=np.float64)
    line = catmull_rom(nodes, LINE_STEP)[:, [0, 2]]
    heights = profile(_fractions(nodes), row["heights"], np.linspace(0.0, 1.0, len(line)))
    width = float(row["width"])

    tree, reach = cKDTree(line), 3.0 * width
    ahead = np.gradient(line, axis=0)
    step = np.linalg.norm(ahead, axis=1)
    ahead, slope = ahead / step[:, None], np.gradient(heights) / step

    def height(x: Array, z: Array) -> Array:
        q = np.column_stack([x, z])
        away, nearest = tree.query(q, distance_upper_bound=reach)
        near = np.minimum(nearest, len(line) - 1)
        past = np.clip(np.einsum("ij,ij->i", q - line[near], ahead[near]), -LINE_STEP, LINE_STEP)
        square = np.where(away < reach, away**2 - past**2, np.inf)
        return np.asarray((heights[near] + past * slope[near]) * np.exp(-square / width**2))

    return height


def _fractions(nodes: Array) -> Array:
    """Return the share of the chord length walked at each node."""
    walked = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(nodes, axis=0), axis=1))])
    return np.asarray(walked / walked[-1])
