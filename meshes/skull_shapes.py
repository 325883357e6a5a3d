"""Parts of bones read from data rows: tubes, straps and ellipsoids, each trusted near its own box."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_choice
from meshes.curves import arc_length, catmull_rom, profile
from meshes.fields import Field, box, ellipsoid, tube

Array = NDArray[np.float64]
MARGIN = 12.0  # mm round a part's box where its distance is computed; further out the box's own is taken
STEP = 2.0  # mm between the nodes of a smoothed axis


def near_only(field: Field, margin: float = MARGIN) -> Field:
    """Return `field`, replaced by the distance to its box beyond `margin` mm: cheap, and low, never high."""

    def distance(p: Array) -> Array:
        gap = np.maximum(np.maximum(field.lower - p, p - field.upper), 0.0)
        out = np.sqrt(np.einsum("ij,ij->i", gap, gap))
        close = np.flatnonzero(out < margin)
        if len(close):
            out[close] = field(p[close])
        return out

    return Field(distance, field.lower, field.upper)


def strap(nodes: ArrayLike, half_width: ArrayLike, half_thickness: ArrayLike, normal: ArrayLike) -> Field:
    """Return a flat tube: elliptic sections, `half_thickness` along `normal`, `half_width` across it.

    Parameters
    ----------
    nodes : (n, 3) array-like
        Axis, mm.
    half_width, half_thickness : (n,) array-like
        At each node, mm.
    normal : (3,) array-like
        Direction in which the strap is thin.
    """
    pts = np.asarray(nodes, dtype=np.float64)
    wide, thin = np.asarray(half_width, dtype=np.float64), np.asarray(half_thickness, dtype=np.float64)
    n = np.asarray(normal, dtype=np.float64) / np.linalg.norm(normal)

    def distance(p: Array) -> Array:
        best = np.full(len(p), np.inf)
        for i in range(len(pts) - 1):
            ab = pts[i + 1] - pts[i]
            t = np.clip((p - pts[i]) @ ab / max(float(ab @ ab), 1e-12), 0.0, 1.0)
            q = p - pts[i] - t[:, None] * ab
            w = wide[i] + t * (wide[i + 1] - wide[i])
            h = thin[i] + t * (thin[i + 1] - thin[i])
            best = np.minimum(best, _flat_distance(q, n, w, h))
        return best

    big = np.maximum(wide, thin)[:, None]
    return Field(distance, (pts - big).min(axis=0), (pts + big).max(axis=0))


def _flat_distance(q: Array, n: Array, w: Array, h: Array) -> Array:
    """Return the distance to an ellipse of half-axes `h` along `n` and `w` across it (first order)."""
    up = q @ n
    side = np.sqrt(np.maximum(np.einsum("ij,ij->i", q, q) - up * up, 0.0))
    k0 = np.hypot(up / h, side / w)
    k1 = np.hypot(up / (h * h), side / (w * w))
    return np.asarray(np.where(k1 > 1e-9, k0 * (k0 - 1.0) / np.maximum(k1, 1e-9), -h))


def part(row: Mapping[str, Any]) -> Field:
    """Return the form that a data row describes; its `kind` is tube, strap, ellipsoid or box."""
    kind = check_choice("kind", str(row["kind"]), ("tube", "strap", "ellipsoid", "box"))
    if kind in ("ellipsoid", "box"):
        axes = _axes(row["long_axis"]) if "long_axis" in row else None
        if kind == "box":
            return near_only(box(row["centre"], row["half_axes"], axes, float(row["rounding"])))
        return near_only(ellipsoid(row["centre"], row["half_axes"], axes))
    nodes = np.asarray(row["through"], dtype=np.float64)
    axis = catmull_rom(nodes, STEP)
    at = arc_length(axis) / arc_length(axis)[-1]
    known = arc_length(nodes) / arc_length(nodes)[-1]
    if kind == "tube":
        return near_only(tube(axis, profile(known, row["radius"], at)))
    wide, thin = profile(known, row["half_width"], at), profile(known, row["half_thickness"], at)
    return near_only(strap(axis, wide, thin, row["normal"]))


def _axes(long_axis: ArrayLike) -> Array:
    """Return rows x', y', z' with y' along `long_axis` and x' level."""
    y = np.asarray(long_axis, dtype=np.float64) / np.linalg.norm(long_axis)
    x = np.cross(y, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    return np.array([x, y, np.cross(x, y)])
