"""Frames and the rigid transforms between them; a transform refuses frames that do not meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_points

Array = NDArray[np.float64]
Frame = Literal["ras", "probe", "image", "needle", "native"]


@dataclass(frozen=True)
class RigidTransform:
    """A rotation and a shift from one frame to another.

    Parameters
    ----------
    matrix : (4, 4) array
        Homogeneous, rotation part orthonormal with determinant 1, shift in mm.
    source, target : Frame
        What it takes and what it gives.
    """

    matrix: Array
    source: Frame
    target: Frame

    def __post_init__(self) -> None:
        m = np.asarray(self.matrix, dtype=np.float64)
        if m.shape != (4, 4) or not np.isfinite(m).all():
            raise ValueError(f"matrix has shape {m.shape}; it must be (4, 4) and finite.")
        if not np.allclose(m[:3, :3] @ m[:3, :3].T, np.eye(3), atol=1e-6) or np.linalg.det(m[:3, :3]) < 0:
            raise ValueError("matrix is not rigid: its rotation part must be orthonormal and right-handed.")
        m = m.copy()
        m.setflags(write=False)
        object.__setattr__(self, "matrix", m)

    def __matmul__(self, first: RigidTransform) -> RigidTransform:
        """Return the transform that applies `first`, then this one."""
        if first.target != self.source:
            raise ValueError(f"frames do not meet: {first.target} -> {self.source}.")
        return RigidTransform(self.matrix @ first.matrix, first.source, self.target)

    def inverse(self) -> RigidTransform:
        """Return the way back."""
        r, t = self.matrix[:3, :3], self.matrix[:3, 3]
        m = np.eye(4)
        m[:3, :3], m[:3, 3] = r.T, -r.T @ t
        return RigidTransform(m, self.target, self.source)

    def apply(self, points: ArrayLike) -> Array:
        """Return (n, 3) `points` of the source frame in the target frame, mm."""
        p = check_points("points", points)
        return p @ self.matrix[:3, :3].T + self.matrix[:3, 3]


def frame_from_axes(origin: ArrayLike, x: ArrayLike, z: ArrayLike, source: Frame) -> RigidTransform:
    """Return the RAS pose of a frame with its origin, its x axis, and its z axis made square to x."""
    ex = np.asarray(x, dtype=np.float64)
    ex = ex / np.linalg.norm(ex)
    ez = np.asarray(z, dtype=np.float64)
    ez = ez - (ez @ ex) * ex
    ez = ez / np.linalg.norm(ez)
    m = np.eye(4)
    m[:3, 0], m[:3, 1], m[:3, 2], m[:3, 3] = ex, np.cross(ez, ex), ez, np.asarray(origin, dtype=np.float64)
    return RigidTransform(m, source, "ras")
