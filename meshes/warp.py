"""A smooth map of space that carries one set of landmarks to another without folding.

Thin-plate splines (Bookstein, 1989, doi 10.1109/34.24792) in three dimensions, walked in small steps: one spline over a
great distance may fold; a chain of short ones, each checked, does not. The kernel is rounded at its tip, so that the skin
shows no pimple where a landmark was given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshes._check import check_points
from meshes.maps import Chain

Array = NDArray[np.float64]
SOFT_MM = 4.0  # roundness of the kernel's tip
CHUNK = 20000  # points evaluated at once
MOST_STEPS = 32
LEAST_STRETCH = 0.15  # least local volume ratio of one step that counts as unfolded
PROBE_STEP_MM = 12.0  # of the grid on which folding is looked for


@dataclass(frozen=True)
class Spline:
    """One thin-plate spline step.

    Parameters
    ----------
    knots : (k, 3) array
        Where the landmarks stand before the step, mm.
    weights : (k, 3) array
        Of the kernel, the distance rounded at its tip; mm per mm.
    affine : (4, 3) array
        Constant row, then linear rows: displacement, mm.
    """

    knots: Array
    weights: Array
    affine: Array

    def apply(self, points: Array) -> Array:
        """Return (n, 3) points moved, mm."""
        out = np.empty_like(points)
        for i in range(0, len(points), CHUNK):
            p = points[i : i + CHUNK]
            out[i : i + CHUNK] = p + _distances(p, self.knots) @ self.weights + self.affine[0] + p @ self.affine[1:]
        return out

    def jacobian(self, points: Array) -> Array:
        """Return the derivative (n, 3, 3) of the map at (n, 3) points."""
        d = points[:, None, :] - self.knots[None]
        unit = d / np.sqrt((d**2).sum(axis=2, keepdims=True) + SOFT_MM**2)
        return np.asarray(np.eye(3) + self.affine[1:].T + np.einsum("nkj,ki->nij", unit, self.weights, optimize=True))


def warp_between(source: ArrayLike, target: ArrayLike, *, stiffness: float = 0.0, around: ArrayLike | None = None) -> Chain:
    """Return the unfolded map that carries `source` landmarks to `target`: a chain of splines, with its inverse.

    Parameters
    ----------
    source, target : (k, 3) array
        Matching landmarks, mm, at least four and not in one plane.
    stiffness : float
        Smoothing: 0 carries every landmark exactly; more lets it miss by more, for a calmer map.
    around : (n, 3) array, optional
        Points where folding is looked for; by default a grid round the landmarks.

    Raises
    ------
    ValueError
        If there are too few landmarks, they lie in one plane, or no number of steps avoids folding.
    """
    a, b = check_points("source", source), check_points("target", target)
    if len(a) != len(b):
        raise ValueError(f"source has {len(a)} landmarks and target {len(b)}; they must match one to one.")
    if len(a) < 4 or np.linalg.matrix_rank(a - a.mean(axis=0), tol=1.0) < 3:
        raise ValueError(f"{len(a)} landmarks are too few, or lie in one plane; give at least four that span space.")
    probes = grid_round(np.vstack([a, b])) if around is None else check_points("around", around)
    probes = np.vstack([probes, _between(a)])
    steps = 1
    while steps <= MOST_STEPS:
        warp, least = _walk(a, b, steps, stiffness, probes)
        if least > LEAST_STRETCH:
            return warp
        steps *= 2
    raise ValueError(
        "the landmarks cannot be carried over without folding; two of them stand too near each other or are swapped."
    )


def grid_round(points: Array) -> Array:
    """Return a coarse grid (n, 3) over the box of `points`, mm."""
    low, high = points.min(axis=0) - PROBE_STEP_MM, points.max(axis=0) + PROBE_STEP_MM
    axes = [np.arange(low[i], high[i] + PROBE_STEP_MM, PROBE_STEP_MM) for i in range(3)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _between(knots: Array) -> Array:
    """The knots, and points on the way from each to its nearest neighbours, where a fold comes first."""
    near = knots[cKDTree(knots).query(knots, k=min(4, len(knots)))[1][:, 1:]]
    shares = np.array([0.0, 0.1, 0.3, 0.5])[:, None, None, None]
    return np.asarray((knots[:, None] + shares * (near - knots[:, None])).reshape(-1, 3))


def _walk(a: Array, b: Array, count: int, stiffness: float, probes: Array) -> tuple[Chain, float]:
    """A chain of `count` steps along straight ways, and the least volume ratio met on the probes."""
    chain, here, p, least = [], a, probes, np.inf
    for i in range(count):
        goal = a + (b - a) * ((i + 1) / count)
        step = _spline(here, goal, stiffness)
        least = min(least, float(np.linalg.det(step.jacobian(p)).min()))
        chain.append(step)
        here, p = step.apply(here), step.apply(p)
    return Chain(tuple(chain)), least


def _spline(a: Array, b: Array, stiffness: float) -> Spline:
    k = len(a)
    poly = np.hstack([np.ones((k, 1)), a])
    matrix = np.zeros((k + 4, k + 4))
    matrix[:k, :k] = _distances(a, a) - stiffness * np.eye(k)
    matrix[:k, k:], matrix[k:, :k] = poly, poly.T
    right = np.vstack([b - a, np.zeros((4, 3))])
    solved = np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    return Spline(a, solved[:k], solved[k:])


def _distances(p: Array, q: Array) -> Array:
    square = (p**2).sum(axis=1)[:, None] + (q**2).sum(axis=1)[None] - 2.0 * (p @ q.T)
    return np.asarray(np.sqrt(np.maximum(square, 0.0) + SOFT_MM**2))
