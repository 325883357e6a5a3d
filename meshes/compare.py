"""Are two anatomies the same? Names, landmarks, paths and surfaces, within a tolerance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, SurfaceMesh
from meshes.surface import SurfaceQuery

Array = NDArray[np.float64]
PROBES = 1500  # vertices looked at on each surface


def differences(a: Anatomy, b: Anatomy, tolerance_mm: float) -> list[str]:
    """Return a line for everything in which two anatomies differ; none where they are the same.

    Surfaces are the same if no vertex of one (of an even sample) lies further than `tolerance_mm` from the other:
    machines whose arithmetic differs in the last digit may cut the same form into other triangles.
    """
    out = [f"structure {key} is in one only" for key in sorted(set(a.structures) ^ set(b.structures))]
    out += [f"landmark {name} is in one only" for name in sorted(set(a.landmarks) ^ set(b.landmarks))]
    out += [f"curve {name} is in one only" for name in sorted(set(a.curves) ^ set(b.curves))]
    for name in sorted(set(a.landmarks) & set(b.landmarks)):
        gap = float(np.linalg.norm(a.landmarks[name] - b.landmarks[name]))
        if gap > tolerance_mm:
            out.append(f"landmark {name} differs by {gap:.3f} mm")
    for key in sorted(set(a.structures) & set(b.structures)):
        gap = max(_gap(a[key].mesh, b[key].mesh), _gap(b[key].mesh, a[key].mesh), _path_gap(a, b, key))
        if gap > tolerance_mm:
            out.append(f"structure {key} differs by {gap:.3f} mm")
    return out


def _gap(one: SurfaceMesh, other: SurfaceMesh) -> float:
    every = max(len(one.vertices_mm) // PROBES, 1)
    points = one.vertices_mm[::every]
    near, _ = SurfaceQuery(other).closest(points)
    return float(np.linalg.norm(points - near, axis=1).max())


def _path_gap(a: Anatomy, b: Anatomy, key: str) -> float:
    first, second = a[key].centerline, b[key].centerline
    if first is None or second is None:
        return 0.0 if first is None and second is None else float("inf")
    gaps = np.linalg.norm(first[:, None] - second[None], axis=2).min(axis=1)
    return float(gaps.max())
