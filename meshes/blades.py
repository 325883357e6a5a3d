"""Pieces of bone as fields: elliptic bars along curves, oblique columns, and their joining."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshes.curves import arc_length, catmull_rom, profile, tangents
from meshes.fields import Field, offset

Array = NDArray[np.float64]
REACH_MM = 3.0  # beyond a piece's box by this much (and its blend) only the distance to the box is used


def blade(
    nodes: ArrayLike, half_wide: ArrayLike, half_thin: ArrayLike, wide_along: ArrayLike, step_mm: float = 0.0, power: float = 2.0
) -> Field:
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
    power : float
        Exponent of the section: 2 an ellipse, more a rounded board.
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
        wide, thin = profile(knots, wide, at), profile(knots, thin, at)
        towards = np.column_stack([np.interp(at, knots, towards[:, i]) for i in range(3)])
        axis = curve
    if step_mm > 0 and len(axis) > 2:
        distance = _along_curve(axis, wide, thin, towards, power)
    else:
        bars = [_bar(axis[i : i + 2], wide[i : i + 2], thin[i : i + 2], towards[i : i + 2], power) for i in range(len(axis) - 1)]
        distance = lambda p: np.minimum.reduce([bar(p) for bar in bars])  # noqa: E731
    reach = np.maximum(wide, thin)[:, None]
    return Field(distance, (axis - reach).min(axis=0), (axis + reach).max(axis=0))


def _along_curve(axis: Array, wide: Array, thin: Array, towards: Array, power: float) -> Callable[[Array], Array]:
    """Distance to elliptic sections that turn and taper smoothly along a finely stepped axis."""
    along, tree = tangents(axis), cKDTree(axis)
    last = len(axis) - 1
    step = float(np.linalg.norm(np.diff(axis, axis=0), axis=1).mean())
    w_dir = towards - np.einsum("ij,ij->i", towards, along)[:, None] * along
    w_dir = w_dir / np.linalg.norm(w_dir, axis=1, keepdims=True)

    def distance(p: Array) -> Array:
        _, i = tree.query(p, workers=-1)
        d = p - axis[i]
        t = np.einsum("ij,ij->i", d, along[i])
        at = np.clip(i + np.clip(t / step, -1.0, 1.0), 0.0, last)
        j = np.minimum(at.astype(np.int64), last - 1)
        f = at - j
        rw, rh = wide[j] + f * (wide[j + 1] - wide[j]), thin[j] + f * (thin[j + 1] - thin[j])
        unit = along[j] + f[:, None] * (along[j + 1] - along[j])
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        side = w_dir[j] + f[:, None] * (w_dir[j + 1] - w_dir[j])
        d = p - (axis[j] + f[:, None] * (axis[j + 1] - axis[j]))
        over = np.where((at <= 0.0) | (at >= last), np.einsum("ij,ij->i", d, unit), 0.0)
        w = np.einsum("ij,ij->i", d, side)
        h = np.einsum("ij,ij->i", d, np.cross(unit, side))
        return _section(w, h, over, rw, rh, power)

    return distance


def _bar(ends: Array, wide: Array, thin: Array, towards: Array, power: float) -> Callable[[Array], Array]:
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
        rw, rh = wide[0] + t * (wide[1] - wide[0]), thin[0] + t * (thin[1] - thin[0])
        return _section(d @ w_dir, d @ t_dir, s - t * length, rw, rh, power)

    return distance


def _section(w: Array, h: Array, over: Array, rw: Array, rh: Array, power: float) -> Array:
    """Distance to a superellipse of half-axes rw and rh, with an end cap of the smaller one."""
    low = np.minimum(rw, rh)
    u, v, o = np.abs(w) / rw, np.abs(h) / rh, np.abs(over) / low
    if power == 2.0:
        k = np.maximum(np.sqrt(u * u + v * v + o * o), 1e-6)
        slope = np.sqrt((u / rw) ** 2 + (v / rh) ** 2 + (o / low) ** 2) / k
    else:
        k = np.maximum((u**power + v**power + o**power) ** (1 / power), 1e-6)
        m = power - 1
        slope = np.sqrt((u**m / rw) ** 2 + (v**m / rh) ** 2 + (o**m / low) ** 2) / k**m
    return np.where(k > 1e-5, (k - 1.0) / np.maximum(slope, 1e-4), -low)


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
        return _section(d @ w_dir, d @ t_dir, np.zeros(len(p)), half_wide * shape, half_deep * shape, 2.3)

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
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", out, out)))
