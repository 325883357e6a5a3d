"""Forms of bone described by data rows, and how they join a body one after another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshes._check import check_choice
from meshes.curves import arc_length, catmull_rom, profile, tangents
from meshes.fields import Field, box, ellipsoid, tube

Array = NDArray[np.float64]
REACH = 12.0  # mm round a form's box within which it is felt
FINE = 0.5  # mm between the stations of a strap's tables
COARSE = 3.0  # mm between the nodes of a tube


@dataclass(frozen=True)
class Step:
    """One change to a body: a form that is added or carved, or a swelling of its surface.

    Parameters
    ----------
    mode : {'add', 'carve', 'swell'}
        How `form` acts.
    form : Field
        A shape (add, carve); of a swelling, its rise in mm and its box.
    blend : float
        Fillet, mm (add, carve).
    """

    mode: str
    form: Field
    blend: float = 0.0

    def apply(self, p: Array, out: Array) -> None:
        """Change the distances `out` (n,) of a body at `p` (n, 3), in place, near the form only."""
        reach = 0.0 if self.mode == "swell" else REACH
        lower, upper = self.form.lower - reach, self.form.upper + reach
        near = (p[:, 0] > lower[0]) & (p[:, 0] < upper[0])
        for i in (1, 2):
            near &= (p[:, i] > lower[i]) & (p[:, i] < upper[i])
        close = np.flatnonzero(near)
        if not len(close):
            return
        q, old = p[close], out[close]
        new = self.form(q)
        if self.mode == "add":
            out[close] = _soft_min(old, new, self.blend)
        elif self.mode == "carve":
            out[close] = -_soft_min(-old, new, self.blend)
        else:
            out[close] = old - new * np.clip(1.5 - np.abs(old) / 8.0, 0.0, 1.0)


def stepped(body: Field, steps: Iterable[Step]) -> Field:
    """Return `body` after all `steps`, in their order."""
    todo = tuple(steps)

    def distance(p: Array) -> Array:
        p = np.asfortranarray(p)
        out = np.array(body(p), dtype=np.float64)
        for step in todo:
            step.apply(p, out)
        return out

    added = [s.form for s in todo if s.mode == "add"]
    lower = np.minimum.reduce([body.lower, *(f.lower for f in added)])
    upper = np.maximum.reduce([body.upper, *(f.upper for f in added)])
    return Field(distance, lower, upper)


def step(row: Mapping[str, Any], mode: str) -> Step:
    """Return the step that a data row describes."""
    if mode == "swell":
        return swelling(row["through"], row["height"], row["width"])
    return Step(mode, form(row), float(row["blend"]))


def form(row: Mapping[str, Any]) -> Field:
    """Return the form that a data row describes; its `kind` is tube, strap, oval, ellipsoid or box."""
    kind = check_choice("kind", str(row["kind"]), ("tube", "strap", "oval", "ellipsoid", "box"))
    if kind in ("ellipsoid", "box"):
        axes = _axes(row["long_axis"]) if "long_axis" in row else None
        if kind == "box":
            return box(row["centre"], row["half_axes"], axes, float(row["rounding"]))
        return ellipsoid(row["centre"], row["half_axes"], axes)
    if kind == "tube":
        axis, radius = _along(row["through"], COARSE, row["radius"])
        return tube(axis, radius)
    return strap(row["through"], row["half_width"], row["half_thickness"], row["normal"], oval=kind == "oval")


def strap(nodes: ArrayLike, half_width: ArrayLike, half_thickness: ArrayLike, normal: ArrayLike, *, oval: bool = False) -> Field:
    """Return a flat rod with rounded sections across the line from its first to its last node.

    Parameters
    ----------
    nodes : (n, 3) array-like
        Axis, mm; it must not turn back on the line between its ends.
    half_width, half_thickness : (n,) array-like
        Across and along `normal` at each node, mm.
    normal : (3,) array-like
        Direction in which the rod is thin.
    oval : bool
        Elliptic sections in place of bars with round edges.
    """
    section = _oval_distance if oval else _flat_distance
    axis, wide, thin = _along(nodes, FINE, half_width, half_thickness)
    start, chord = axis[0], axis[-1] - axis[0]
    length = float(np.linalg.norm(chord))
    chord = chord / length
    n = np.asarray(normal, dtype=np.float64)
    n = n - (n @ chord) * chord
    n = n / np.linalg.norm(n)
    s = (axis - start) @ chord

    def distance(p: Array) -> Array:
        at = (p - start) @ chord
        inside = np.clip(at, 0.0, length)
        q = p - np.column_stack([np.interp(inside, s, axis[:, i]) for i in range(3)])
        past = at - inside
        q = q - past[:, None] * chord
        return section(q @ n, q, past, np.interp(inside, s, wide), np.interp(inside, s, thin))

    big = np.maximum(wide, thin)[:, None]
    return Field(distance, (axis - big).min(axis=0), (axis + big).max(axis=0))


def _flat_distance(up: Array, q: Array, past: Array, w: Array, h: Array) -> Array:
    """Return the distance to a bar of half-sizes `h` along the normal and `w` across, its edges and ends fully rounded."""
    side = np.sqrt(np.maximum(np.einsum("ij,ij->i", q, q) - up * up, 0.0))
    edge = np.minimum(w, h)
    beyond = np.maximum(side - (w - edge), 0.0), np.maximum(np.abs(up) - (h - edge), 0.0), past
    return np.asarray(np.sqrt(beyond[0] ** 2 + beyond[1] ** 2 + beyond[2] ** 2) - edge)


def _oval_distance(up: Array, q: Array, past: Array, w: Array, h: Array) -> Array:
    """Return the distance to an ellipse of half-axes `h` along the normal and `w` across, to first order."""
    side = np.sqrt(np.maximum(np.einsum("ij,ij->i", q, q) - up * up, 0.0))
    end = np.minimum(w, h)
    k0 = np.sqrt((up / h) ** 2 + (side / w) ** 2 + (past / end) ** 2)
    k1 = np.sqrt((up / h**2) ** 2 + (side / w**2) ** 2 + (past / end**2) ** 2)
    return np.asarray(np.where(k1 > 1e-9, k0 * (k0 - 1.0) / np.maximum(k1, 1e-9), -end))


def swelling(nodes: ArrayLike, height: ArrayLike, width: ArrayLike) -> Step:
    """Return a soft ridge (or groove, where `height` is negative) over a curve on a surface.

    Parameters
    ----------
    nodes : (n, 3) array-like
        Curve on the surface, mm.
    height, width : (n,) array-like
        Rise at the crest and distance from it at which the rise falls to a third, at each node, mm.
    """
    axis, rise, wide = _along(nodes, FINE, height, width)
    tree, along, s = cKDTree(axis), tangents(axis), arc_length(axis)
    reach = 2.6 * wide[:, None]

    def lift(p: Array) -> Array:
        out = np.zeros(len(p))
        d, i = tree.query(p, distance_upper_bound=float(reach.max()))
        near = np.flatnonzero(np.isfinite(d))
        d, i = d[near], i[near]
        ahead = np.einsum("ij,ij->i", p[near] - axis[i], along[i])
        ahead = np.clip(s[i] + ahead, 0.0, s[-1]) - s[i]
        square = np.maximum(d * d - ahead * ahead, 0.0)
        out[near] = np.interp(s[i] + ahead, s, rise) * np.exp(-square / np.interp(s[i] + ahead, s, wide) ** 2)
        return out

    return Step("swell", Field(lift, (axis - reach).min(axis=0), (axis + reach).max(axis=0)))


def _along(nodes: ArrayLike, spacing: float, *values: ArrayLike) -> tuple[Array, ...]:
    """Return a smooth axis through `nodes` and each of `values` read along it."""
    p = np.asarray(nodes, dtype=np.float64)
    axis = catmull_rom(p, spacing)
    known, at = arc_length(p), arc_length(axis)
    read = [profile(known / known[-1], np.broadcast_to(np.asarray(v, float), len(p)), at / at[-1]) for v in values]
    return (axis, *read)


def _axes(long_axis: ArrayLike) -> Array:
    """Return rows x', y', z' with y' along `long_axis` and x' level."""
    y = np.asarray(long_axis, dtype=np.float64) / np.linalg.norm(long_axis)
    x = np.cross(y, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    return np.array([x, y, np.cross(x, y)])


def _soft_min(a: Array, b: Array, blend: float) -> Array:
    """Polynomial smooth minimum (Quilez, 2013)."""
    if blend <= 0:
        return np.minimum(a, b)
    h = np.maximum(blend - np.abs(a - b), 0.0) / blend
    return np.minimum(a, b) - h * h * blend * 0.25
