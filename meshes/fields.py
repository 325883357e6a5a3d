"""Signed distance fields: shapes and the ways to join them.

A `Field` is a function of points that is negative inside, in millimetres, with a box that holds its
inside. Fields are close to distances near their surface; none is trusted far from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

Array = NDArray[np.float64]
BRICK = 8  # fine steps along the edge of a brick
WIDE = 1.6  # edges of a brick from its centre within which a surface may pass through it, for shapes that are no true distance


@dataclass(frozen=True)
class Field:
    """A signed distance function with the box that holds its inside.

    Parameters
    ----------
    distance : callable
        Takes (n, 3) points in mm, returns (n,) signed distances in mm, negative inside.
    lower, upper : (3,) array
        Corners of a box that holds every point where the distance is negative, in mm.
    """

    distance: Callable[[Array], Array]
    lower: Array
    upper: Array

    def __call__(self, points: ArrayLike) -> Array:
        """Return the signed distance at (n, 3) `points`."""
        return self.distance(np.asarray(points, dtype=np.float64).reshape(-1, 3))


def _vec(value: ArrayLike) -> Array:
    return np.asarray(value, dtype=np.float64)


def _norm(v: Array) -> Array:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", v, v)))


def sphere(centre: ArrayLike, radius: float) -> Field:
    """Return a ball."""
    c = _vec(centre)
    return Field(lambda p: _norm(p - c) - radius, c - radius, c + radius)


def ellipsoid(centre: ArrayLike, radii: ArrayLike, axes: ArrayLike | None = None) -> Field:
    """Return an ellipsoid; rows of `axes` (3, 3) are its unit half-axes directions."""
    c, r = _vec(centre), _vec(radii)
    a = np.eye(3) if axes is None else _vec(axes)

    def distance(p: Array) -> Array:
        q = (p - c) @ a.T
        k0 = _norm(q / r)
        k1 = _norm(q / r**2)
        return np.where(k1 > 1e-9, k0 * (k0 - 1.0) / np.maximum(k1, 1e-9), -r.min())

    reach = np.sqrt(((a * r[:, None]) ** 2).sum(axis=0))
    return Field(distance, c - reach, c + reach)


def rounded_cone(a: ArrayLike, b: ArrayLike, radius_a: float, radius_b: float) -> Field:
    """Return a capsule from `a` to `b` whose radius runs linearly between the ends."""
    return tube(np.array([_vec(a), _vec(b)]), np.array([radius_a, radius_b]))


def tube(points: ArrayLike, radii: ArrayLike) -> Field:
    """Return a tube round a polyline (n, 3) with radii (n,) at its points, round ends."""
    pts = _vec(points)
    rad = np.broadcast_to(_vec(radii), (len(pts),))

    def distance(p: Array) -> Array:
        best = np.full(len(p), np.inf)
        for a, b, ra, rb in zip(pts[:-1], pts[1:], rad[:-1], rad[1:], strict=True):
            ab = b - a
            t = np.clip((p - a) @ ab / max(float(ab @ ab), 1e-12), 0.0, 1.0)
            best = np.minimum(best, _norm(p - a - t[:, None] * ab) - (ra + t * (rb - ra)))
        return best

    big = rad[:, None]
    return Field(distance, (pts - big).min(axis=0), (pts + big).max(axis=0))


def box(centre: ArrayLike, half: ArrayLike, axes: ArrayLike | None = None, rounding: float = 0.0) -> Field:
    """Return a box of half-sizes `half` (rounding included) along the rows of `axes`."""
    c, h = _vec(centre), _vec(half)
    a = np.eye(3) if axes is None else _vec(axes)

    def distance(p: Array) -> Array:
        q = np.abs((p - c) @ a.T) - (h - rounding)
        return np.asarray(_norm(np.maximum(q, 0.0)) + np.minimum(q.max(axis=1), 0.0) - rounding)

    reach = (np.abs(a) * h[:, None]).sum(axis=0)
    return Field(distance, c - reach, c + reach)


def half_space(point: ArrayLike, normal: ArrayLike) -> Field:
    """Return the half-space behind a plane; `normal` points out of it. Its box is endless."""
    c, n = _vec(point), _vec(normal)
    n = n / np.linalg.norm(n)
    wide = np.full(3, 1e4)
    return Field(lambda p: (p - c) @ n, -wide, wide)


def union(*fields: Field) -> Field:
    """Return the union of fields."""
    return Field(
        lambda p: np.minimum.reduce([f(p) for f in fields]),
        np.minimum.reduce([f.lower for f in fields]),
        np.maximum.reduce([f.upper for f in fields]),
    )


def smooth_union(fields: Sequence[Field], blend: float) -> Field:
    """Return the union of fields with fillets of radius about `blend` mm."""

    def distance(p: Array) -> Array:
        out = fields[0](p)
        for f in fields[1:]:
            out = _smooth_min(out, f(p), blend)
        return out

    return Field(
        distance,
        np.minimum.reduce([f.lower for f in fields]) - blend,
        np.maximum.reduce([f.upper for f in fields]) + blend,
    )


def subtract(body: Field, *tools: Field, blend: float = 0.0) -> Field:
    """Return `body` without `tools`; `blend` mm rounds the new edges."""

    def distance(p: Array) -> Array:
        out = body(p)
        for tool in tools:
            other = -tool(p)
            out = -_smooth_min(-out, -other, blend) if blend > 0 else np.maximum(out, other)
        return out

    return Field(distance, body.lower, body.upper)


def intersect(a: Field, b: Field, blend: float = 0.0) -> Field:
    """Return what lies in both fields."""

    def distance(p: Array) -> Array:
        if blend > 0:
            return -_smooth_min(-a(p), -b(p), blend)
        return np.maximum(a(p), b(p))

    return Field(distance, np.maximum(a.lower, b.lower), np.minimum(a.upper, b.upper))


def offset(field: Field, amount: float) -> Field:
    """Return `field` grown by `amount` mm (shrunk where negative)."""
    grow = max(amount, 0.0)
    return Field(lambda p: field(p) - amount, field.lower - grow, field.upper + grow)


def mirrored(field: Field) -> Field:
    """Return the mirror image of `field` across the mid-sagittal plane x = 0."""
    flip = np.array([-1.0, 1.0, 1.0])
    lower, upper = field.lower * flip, field.upper * flip
    return Field(lambda p: field(p * flip), np.minimum(lower, upper), np.maximum(lower, upper))


def symmetric(field: Field) -> Field:
    """Return `field`, known for x >= 0, on both sides of the mid-sagittal plane."""
    fold = np.array([1.0, 0.0, 0.0])

    def distance(p: Array) -> Array:
        return field(np.where(fold > 0, np.abs(p), p))

    reach = max(abs(field.lower[0]), abs(field.upper[0]))
    lower, upper = field.lower.copy(), field.upper.copy()
    lower[0], upper[0] = -reach, reach
    return Field(distance, lower, upper)


def placed(field: Field, rotation: ArrayLike, origin: ArrayLike) -> Field:
    """Return `field` moved so that its local point q stands at `rotation @ q + origin`."""
    r, o = _vec(rotation), _vec(origin)
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    world = (field.lower + corners * (field.upper - field.lower)) @ r.T + o
    return Field(lambda p: field((p - o) @ r), world.min(axis=0), world.max(axis=0))


def sampled(field: Field, spacing: float = 0.8, margin: float = 6.0, *, half: bool = False) -> Field:
    """Return a fast copy of `field`: sampled on a grid, trilinear inside it.

    Parameters
    ----------
    field : Field
        What is read often.
    spacing : float
        Grid step, mm.
    margin : float
        Room round the field's box, mm. Beyond it the value is that of the nearest edge plus the distance to it.
    half : bool
        Sample x > -4 mm only and mirror: for what is symmetric about the mid-sagittal plane.
    """
    lower, upper = field.lower - margin, field.upper + margin
    if half:
        lower = lower.copy()
        lower[0] = max(lower[0], -4.0)
    values, origin = sample_grid(field, lower, upper, spacing, band=14.0)
    grid = from_grid(values, origin, spacing, field.lower, field.upper)
    return symmetric(grid) if half else grid


def sample_grid(
    field: Field, lower: Array, upper: Array, spacing: float, *, band: float, wide: float = WIDE
) -> tuple[NDArray[np.float32], Array]:
    """Return values (nx, ny, nz) and the place of node (0, 0, 0): exact near the surface, smooth far from it.

    The box is cut into bricks of `BRICK` steps; where a brick's centre is further than `band` mm from the surface, and
    than `wide` edges, its values are interpolated between its corners.
    """
    side = spacing * BRICK
    bricks = np.maximum(np.ceil((upper - lower) / side).astype(int), 1)
    corners = field(_nodes(lower, bricks + 1, side)).reshape(tuple(bricks + 1)).astype(np.float32)
    values: NDArray[np.float32] = corners
    for axis in range(3):
        values = _stretched(values, axis)
    centres = field(_nodes(lower + 0.5 * side, bricks, side)).reshape(tuple(bricks))
    local = np.stack(np.meshgrid(*[np.arange(BRICK)] * 3, indexing="ij"), -1).reshape(-1, 3)
    near = np.argwhere(np.abs(centres) < max(band, side * wide))
    for batch in np.array_split(near, max(len(near) // 200, 1)):
        index = (batch[:, None, :] * BRICK + local[None]).reshape(-1, 3)
        if len(index):
            values[tuple(index.T)] = field(lower + index * spacing)
    return values, lower


def _nodes(lower: Array, counts: NDArray[np.int_], step: float) -> Array:
    axes = [lower[i] + step * np.arange(counts[i]) for i in range(3)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _stretched(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Linear interpolation to `BRICK` steps between neighbours along one axis, last node dropped."""
    v = np.moveaxis(values, axis, 0)
    t = (np.arange(BRICK, dtype=np.float32) / BRICK)[None, :, None, None]
    fine = v[:-1, None] * (1 - t) + v[1:, None] * t
    return np.moveaxis(fine.reshape(-1, *v.shape[1:]), 0, axis).astype(np.float32, copy=False)


def from_grid(values: NDArray[np.float32], origin: Array, spacing: float, lower: Array, upper: Array) -> Field:
    """Return a field that reads `values` (nx, ny, nz), node (0, 0, 0) at `origin`."""
    top = origin + spacing * (np.array(values.shape) - 1)

    def distance(p: Array) -> Array:
        inside = np.clip(p, origin, top)
        near = map_coordinates(values, ((inside - origin) / spacing).T, order=1, mode="nearest")
        return np.asarray(near.astype(np.float64) + _norm(p - inside))

    return Field(distance, np.asarray(lower, float), np.asarray(upper, float))


def gradient(field: Field, points: ArrayLike, step: float = 0.05) -> Array:
    """Return unit gradients (n, 3) of `field` at `points`: outward normals at its surface."""
    p = _vec(points).reshape(-1, 3)
    g = _differences(field, p, step)
    return g / np.maximum(_norm(g), 1e-12)[:, None]


def project(field: Field, points: ArrayLike, level: float = 0.0, steps: int = 8) -> Array:
    """Return `points` moved along the gradient to where the field equals `level`."""
    p = _vec(points).reshape(-1, 3).copy()
    for _ in range(steps):
        g = _differences(field, p, 0.05) / 0.1
        square = np.maximum(np.einsum("ij,ij->i", g, g), 0.05)
        move = np.clip((field(p) - level) / square, -8.0, 8.0)
        p -= move[:, None] * g
    return p


def _differences(field: Field, p: Array, step: float) -> Array:
    """Central differences (n, 3) over two steps, all points of all axes asked at once."""
    d = step * np.eye(3)[:, None]
    values = field(np.concatenate([(p + d).reshape(-1, 3), (p - d).reshape(-1, 3)])).reshape(2, 3, len(p))
    return np.asarray((values[0] - values[1]).T)


def _smooth_min(a: Array, b: Array, blend: float) -> Array:
    """Polynomial smooth minimum (Quilez, 2013): exact where a and b differ by over `blend`."""
    if blend <= 0:
        return np.minimum(a, b)
    h = np.maximum(blend - np.abs(a - b), 0.0) / blend
    return np.minimum(a, b) - h * h * blend * 0.25
