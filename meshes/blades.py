"""Pieces of bone as fields: elliptic bars along curves, oblique columns, and their joining."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.curves import arc_length, catmull_rom
from meshes.fields import Field, offset

Array = NDArray[np.float64]
REACH_MM = 3.0  # beyond a piece's box by this much (and its blend) only the distance to the box is used


def blade(nodes: ArrayLike, half_wide: ArrayLike, half_thin: ArrayLike, wide_along: ArrayLike, step_mm: float = 0.0) -> Field:
    """Return a bar of elliptic section along a curve, with round ends.

    Parameters
    ----------
    nodes : (n, 3) array
        Axis, mm.
    half_wide, half_thin : float or (n,) array
        Half-axes of the section at the nodes, mm.
    wide_along : (3,) or (n, 3) array
        Direction of the wide half-axis; made square to the axis.
    step_mm : float
        If positive, the axis is first rounded into a curve through the nodes with this step.
    """
    axis = np.asarray(nodes, dtype=np.float64)
    wide = np.broadcast_to(np.asarray(half_wide, dtype=np.float64), (len(axis),))
    thin = np.broadcast_to(np.asarray(half_thin, dtype=np.float64), (len(axis),))
    towards = np.broadcast_to(np.asarray(wide_along, dtype=np.float64), axis.shape)
    if step_mm > 0 and len(axis) > 2:
        curve = catmull_rom(axis, step_mm)
        at = arc_length(curve) / arc_length(curve)[-1]
        nearest = np.linalg.norm(curve[:, None] - axis[None], axis=2).argmin(axis=0)
        knots = np.maximum.accumulate(at[nearest]) + 1e-9 * np.arange(len(axis))
        wide, thin = np.interp(at, knots, wide), np.interp(at, knots, thin)
        towards = np.column_stack([np.interp(at, knots, towards[:, i]) for i in range(3)])
        axis = curve
    bars = [_bar(axis[i : i + 2], wide[i : i + 2], thin[i : i + 2], towards[i : i + 2]) for i in range(len(axis) - 1)]

    def distance(p: Array) -> Array:
        return np.minimum.reduce([bar(p) for bar in bars])

    reach = np.maximum(wide, thin)[:, None]
    return Field(distance, (axis - reach).min(axis=0), (axis + reach).max(axis=0))


def _bar(ends: Array, wide: Array, thin: Array, towards: Array):  # type: ignore[no-untyped-def]
    a, along = ends[0], ends[1] - ends[0]
    length = max(float(np.linalg.norm(along)), 1e-9)
    unit = along / length
    mean = towards.mean(axis=0)
    w_dir = mean - (mean @ unit) * unit
    w_dir = w_dir / max(float(np.linalg.norm(w_dir)), 1e-9)
    t_dir = np.cross(unit, w_dir)

    def distance(p: Array) -> Array:
        d = p - a
        s = d @ unit
        t = np.clip(s / length, 0.0, 1.0)
        over, w, h = s - t * length, d @ w_dir, d @ t_dir
        rw, rh = wide[0] + t * (wide[1] - wide[0]), thin[0] + t * (thin[1] - thin[0])
        return _ellipse(w, h, over, rw, rh)

    return distance


def _ellipse(w: Array, h: Array, over: Array, rw: Array, rh: Array) -> Array:
    low = np.minimum(rw, rh)
    k0 = np.sqrt((w / rw) ** 2 + (h / rh) ** 2 + (over / low) ** 2)
    k1 = np.sqrt((w / rw**2) ** 2 + (h / rh**2) ** 2 + (over / low**2) ** 2)
    return np.where(k1 > 1e-6, k0 * (k0 - 1.0) / np.maximum(k1, 1e-6), -low)


def column(a: ArrayLike, b: ArrayLike, half_wide: float, half_deep: float, waist: float, wide_along: ArrayLike) -> Field:
    """Return an endless elliptic column through `a` and `b`, narrowed by the share `waist` midway.

    Its box reaches half the distance beyond both points; cut it there.
    """
    start, end = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    length = float(np.linalg.norm(end - start))
    unit = (end - start) / length
    w_dir = np.asarray(wide_along, dtype=np.float64)
    w_dir = w_dir - (w_dir @ unit) * unit
    w_dir = w_dir / np.linalg.norm(w_dir)
    t_dir = np.cross(unit, w_dir)

    def distance(p: Array) -> Array:
        d = p - start
        t = np.clip(d @ unit / length, 0.0, 1.0)
        shape = 1.0 - waist * np.sin(np.pi * t)
        return _ellipse(d @ w_dir, d @ t_dir, np.zeros(len(p)), half_wide * shape, half_deep * shape)

    grow = max(half_wide, half_deep)
    ends = np.array([start - 0.5 * (end - start), end + 0.5 * (end - start)])
    return Field(distance, ends.min(axis=0) - grow, ends.max(axis=0) + grow)


def joined(pieces: Sequence[Field], blend: float) -> Field:
    """Return the union of pieces with fillets of about `blend` mm; a far piece costs only its box."""
    margin = blend + REACH_MM

    def distance(p: Array) -> Array:
        out = np.full(len(p), 1e4)
        for piece in pieces:
            gap = _to_box(piece, p)
            near = gap < margin
            gap[near] = piece(p[near])
            h = np.maximum(blend - np.abs(out - gap), 0.0) / max(blend, 1e-9)
            out = np.minimum(out, gap) - h * h * blend * 0.25
        return out

    lower = np.minimum.reduce([f.lower for f in pieces]) - blend
    return Field(distance, lower, np.maximum.reduce([f.upper for f in pieces]) + blend)


def carved(body: Field, tools: Sequence[Field], blend: float = 0.0, gap: float = 0.0) -> Field:
    """Return `body` without `tools` grown by `gap` mm, edges rounded by `blend`; a far tool costs only its box."""
    grown = [offset(tool, gap) if gap else tool for tool in tools]

    def distance(p: Array) -> Array:
        out = body(p)
        for tool in grown:
            near = _to_box(tool, p) < blend + 1.0
            cut, kept = -tool(p[near]), out[near]
            h = np.maximum(blend - np.abs(kept - cut), 0.0) / max(blend, 1e-9)
            out[near] = np.maximum(kept, cut) + h * h * blend * 0.25
        return out

    return Field(distance, body.lower, body.upper)


def _to_box(field: Field, p: Array) -> Array:
    out = np.maximum(np.maximum(field.lower - p, p - field.upper), 0.0)
    return np.sqrt(np.einsum("ij,ij->i", out, out))
