"""Where a muscle lies at a named level, and how thick it is there: the centre and area of its cross-section.

What a clinician reads off one slice of a scan. The places are rows of `data/sections.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.model import SurfaceMesh
from meshes.points import load_table

Array = NDArray[np.float64]
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Section:
    """A plane cut through a closed surface.

    Parameters
    ----------
    centre : (3,) array
        Centroid of the cut area, mm.
    area_mm2 : float
    """

    centre: Array
    area_mm2: float


def section(mesh: SurfaceMesh, point: ArrayLike, normal: ArrayLike) -> Section | None:
    """Return the cut of `mesh` with a plane through `point`, square to `normal`; None where it misses.

    Holes count negative, several pieces together.
    """
    import trimesh

    n = np.asarray(normal, dtype=np.float64)
    n = n / np.linalg.norm(n)
    origin = np.asarray(point, dtype=np.float64)
    body: Any = trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)
    lines = trimesh.intersections.mesh_plane(body, n, origin)
    if not len(lines):
        return None
    # Every segment spans a triangle with the origin of the plane; signed by the outward side, these add up (shoelace).
    lines, cells = trimesh.intersections.mesh_plane(body, n, origin, return_faces=True)
    a, b = lines[:, 0] - origin, lines[:, 1] - origin
    turn = np.einsum("ij,ij->i", np.cross(b - a, n), body.face_normals[cells])
    double = np.einsum("ij,j->i", np.cross(a, b), n) * np.sign(turn)
    area = 0.5 * float(double.sum())
    if abs(area) < 1e-6:
        return None
    centre = ((a + b) * double[:, None]).sum(axis=0) / (3.0 * double.sum())
    return Section(origin + centre, abs(area))


def muscle_sections(surfaces: Mapping[str, SurfaceMesh], landmarks: Mapping[str, Array], side: str) -> dict[str, Section]:
    """Return the sections of `data/sections.toml` that a person's surfaces and landmarks allow, by name without side.

    Parameters
    ----------
    surfaces : mapping
        Muscles of the side by unsided key.
    landmarks : mapping
        Landmarks by name, (3,) mm, of both sides.
    side : str
        'right' or 'left'.
    """
    out = {}
    for name, row in load_table("sections")["section"].items():
        ends = [landmarks.get(n, landmarks.get(f"{n}_{side}")) for n in row.get("between", [row.get("at_height_of")] * 2)]
        mesh = surfaces.get(row["muscle"])
        if mesh is None or ends[0] is None or ends[1] is None:
            continue
        first, last = np.asarray(ends[0], dtype=np.float64), np.asarray(ends[1], dtype=np.float64)
        normal = last - first if "between" in row else UP
        found = section(mesh, first + row.get("share", 0.0) * (last - first), normal)
        if found is not None:
            out[name] = found
    return out
