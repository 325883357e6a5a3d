"""Nerves and vessels as a needle meets them: the nearest one to a point, and where a way crosses their walls."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.strands import Strands

Array = NDArray[np.float64]
Index = NDArray[np.int64]
STEP_MM = 0.1  # between places at which a way is asked for the wall of a tube; crossings are then found between them
PIECE_MM = 5.0  # a way is looked at in pieces, each with the tubes near it
FAR = float("inf")


class Tubes:
    """The nerves or vessels of one kind, with a tree of their rods.

    Parameters
    ----------
    strands : Strands
    kind : {'nerve', 'artery', 'vein'}
    """

    def __init__(self, strands: Strands, kind: str) -> None:
        of = np.array([k == kind for k in strands.kinds], dtype=bool)
        self.rods = np.flatnonzero(of[strands.owner]) if len(strands) else np.zeros(0, dtype=np.int64)
        self.strands = strands
        self._tree = cKDTree(0.5 * (strands.start + strands.end)[self.rods]) if len(self.rods) else None
        long = np.linalg.norm(strands.end - strands.start, axis=1)[self.rods]
        self._slack = float(strands.radius_mm[self.rods].max() + 0.5 * long.max()) if len(self.rods) else 0.0

    def near(self, point: Array, reach_mm: float) -> Index:
        """Return the rods that may come within `reach_mm` of a point (3,)."""
        if self._tree is None:
            return np.zeros(0, dtype=np.int64)
        return np.asarray(self.rods[self._tree.query_ball_point(point, reach_mm + self._slack)], dtype=np.int64)

    def nearest(self, point: Array, reach_mm: float) -> tuple[str, float]:
        """Return the key nearest to a point (3,), and the distance to its wall, mm; ('', inf) if none is within reach."""
        if self._tree is None:
            return "", FAR
        first, _ = self._tree.query(point)
        if first > reach_mm + self._slack:
            return "", FAR
        rods = self.near(point, float(first))
        away = wall_distance(self.strands, rods, point[None])[0]
        best = int(np.argmin(away))
        return (self.strands.keys[self.strands.owner[rods[best]]], float(away[best])) if away[best] <= reach_mm else ("", FAR)

    def walls(self, start: Array, way: Array, length: float) -> list[tuple[str, float, float]]:
        """Return the walls that a straight way crosses: key, mm from the start, slope of the distance to it (negative: enters).

        Parameters
        ----------
        start, way : (3,) arrays
            Where it begins, mm, and its unit direction.
        length : float
            mm.
        """
        out = []
        for low, high in pairwise(np.linspace(0, length, max(int(np.ceil(length / PIECE_MM)), 1) + 1)):
            rods = self.near(start + 0.5 * (low + high) * way, 0.5 * (high - low))
            if not len(rods):
                continue
            at = np.linspace(low, high, max(int(np.ceil((high - low) / STEP_MM)), 2) + 1)
            away, owners = wall_distance(self.strands, rods, start + at[:, None] * way), self.strands.owner[rods]
            for owner in np.unique(owners):
                wall = away[:, owners == owner].min(axis=1)
                for i in np.flatnonzero((wall[:-1] < 0) != (wall[1:] < 0)):
                    t = at[i] + (at[i + 1] - at[i]) * wall[i] / (wall[i] - wall[i + 1])
                    out.append((self.strands.keys[owner], float(t), float((wall[i + 1] - wall[i]) / (at[i + 1] - at[i]))))
        return out



def wall_distance(strands: Strands, rods: Index, points: Array) -> Array:
    """Return the distances (n, k) mm from points (n, 3) to the walls of some rods (k,), negative within."""
    start, way = strands.start[rods], strands.end[rods] - strands.start[rods]
    square = np.maximum((way**2).sum(axis=1), 1e-12)
    off = points[:, None] - start[None]
    share = np.clip((off * way).sum(axis=2) / square, 0.0, 1.0)
    radius = strands.radius_mm[rods]
    return np.asarray(np.linalg.norm(off - share[..., None] * way, axis=2) - radius[:, 0] - share * (radius[:, 1] - radius[:, 0]))
