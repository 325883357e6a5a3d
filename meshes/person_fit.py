"""How well a model bent to a real person's landmarks covers that person: distances of surfaces, overlap of muscles, paths.

Surface distance is the mean, both ways, over points spread evenly on the parts that both show. Overlap is Dice's: twice the
shared volume over the sum (Dice, 1945, doi 10.2307/1932409), on a grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy, SurfaceMesh
from meshes.points import load_table
from meshes.reference_adult import ReferenceAdult
from meshes.surface import SurfaceQuery
from meshes.voxels import inside_mask

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
PROBES = 2500  # points on each surface
SEED = 1
STEP_MM = 1.0  # of the grid for overlaps
CLEAR_MM = 0.5  # off the surface, where a line of sight starts
SIGHT_MM = 300.0
HEAD_CENTRE = np.array([0.0, -10.0, 35.0])  # from where the outer table is seen outward
PARTS = {"whole": "", "descending": "descending ", "shared": "upper "}
VIEWS = np.array([[0, 1, 0], [1, 1, 0], [-1, 1, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 1], [0, 1, -1]], dtype=np.float64)


@dataclass(frozen=True)
class FitRow:
    """One comparison.

    Parameters
    ----------
    name, kind : str
        What is compared; kind is 'distance' or 'path' (mm, mean both ways, at most `limit`) or 'overlap' (Dice, at least).
    value, limit : float
    note : str
        Each way's mean for distances; volumes in cm3 (ours, his) for overlaps.
    """

    name: str
    kind: str
    value: float
    limit: float
    note: str

    @property
    def inside(self) -> bool:
        """Whether the value keeps the limit."""
        return self.value >= self.limit if self.kind == "overlap" else self.value <= self.limit


@dataclass(frozen=True)
class _Probed:
    """A surface with points and normals spread over it."""

    query: SurfaceQuery
    points: Array
    normals: Array


def fit_rows(anatomy: Anatomy, adult: ReferenceAdult) -> Iterator[FitRow]:
    """Yield a row for every comparison of `data/reference_adult.toml`.

    Parameters
    ----------
    anatomy : Anatomy
        Bent to the adult's landmarks (`Patient.from_landmarks(adult_landmarks())`).
    adult : ReferenceAdult
    """
    table = load_table("reference_adult")
    for row in table["distance"]:
        yield _distance_row(anatomy, adult, row)
    for row in table["overlap"]:
        for side in ("right", "left"):
            yield _overlap_row(anatomy, adult, row, side)
    for row in table["path"]:
        for side in ("right", "left"):
            yield _path_row(anatomy, adult, row, side)


def _distance_row(anatomy: Anatomy, adult: ReferenceAdult, row: Mapping[str, Any]) -> FitRow:
    theirs = adult.drawn("skin") if row["theirs"] == ["skin"] else adult.surface(row["theirs"])
    a, b = _probed(anatomy[row["ours"][0]].mesh), _probed(theirs)
    keep = WHERE[row["where"]]
    there, back = (_distances(one.points[keep(one)], other.query) for one, other in ((a, b), (b, a)))
    mean = 0.5 * float(there.mean() + back.mean())
    far = float(np.percentile(np.concatenate([there, back]), 95))
    note = f"{there.mean():.2f} and {back.mean():.2f} mm; 95 % within {far:.1f} mm"
    return FitRow(row["name"], "distance", mean, row["limit"], note)


def _overlap_row(anatomy: Anatomy, adult: ReferenceAdult, row: Mapping[str, Any], side: str) -> FitRow:
    ours = anatomy[f"{row['ours']}_{side}"].mesh
    theirs = adult.surface([name.format(side=side) for name in row["theirs"]])
    (mine, points), (his, _) = _filled(ours, ours, theirs), _filled(theirs, ours, theirs)
    if row.get("part") == "descending":
        mine = mine & _above_shoulder(points, anatomy, side)
    if row.get("part") == "shared":
        mine = mine & (points[:, 2] >= theirs.vertices_mm[:, 2].min())
    share = 2.0 * float((mine & his).sum()) / float(mine.sum() + his.sum())
    name = f"{PARTS[row.get('part', 'whole')]}{row['ours']} {side}".replace("_", " ")
    litre = STEP_MM**3 / 1000.0
    return FitRow(name, "overlap", share, row["limit"], f"{mine.sum() * litre:.1f} and {his.sum() * litre:.1f} cm3")


def _path_row(anatomy: Anatomy, adult: ReferenceAdult, row: Mapping[str, Any], side: str) -> FitRow:
    line = anatomy[f"{row['ours']}_{side}"].centerline
    assert line is not None
    theirs = adult.drawn(f"{row['theirs']}.{side[0]}")
    bottom, top = theirs.vertices_mm[:, 2].min(), theirs.vertices_mm[:, 2].max()
    shared = line[(line[:, 2] > bottom) & (line[:, 2] < top)]
    gaps = _distances(shared, SurfaceQuery(theirs))
    name = f"{row['ours']} {side}".replace("_", " ")
    return FitRow(name, "path", float(gaps.mean()), row["limit"], f"centreline to his surface; at most {gaps.max():.1f} mm")


def _probed(mesh: SurfaceMesh) -> _Probed:
    import trimesh

    body: Any = trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)
    points, cells = trimesh.sample.sample_surface(body, PROBES, seed=SEED)
    return _Probed(SurfaceQuery(mesh), np.asarray(points), np.asarray(body.face_normals[cells]))


def _distances(points: Array, query: SurfaceQuery) -> Array:
    return np.asarray(np.linalg.norm(query.closest(points)[0] - points, axis=1))


def _unseen(surface: _Probed, index: NDArray[np.intp], directions: Array) -> Mask:
    """Whether the way out from each point along its direction meets the surface again."""
    starts = surface.points[index] + CLEAR_MM * directions
    return np.array([len(surface.query.ray(p, d, SIGHT_MM)[0]) > 0 for p, d in zip(starts, directions, strict=True)], dtype=bool)


def _whole(surface: _Probed) -> Mask:
    return np.ones(len(surface.points), dtype=bool)


def _braincase(surface: _Probed) -> Mask:
    """The outer table above a line that falls backward from the ear and forward of it above the brows."""
    p = surface.points
    behind = (p[:, 1] < 25) & (p[:, 2] > -30) & (p[:, 2] > -5 - 0.35 * p[:, 1])
    region = behind | ((p[:, 1] >= 25) & (p[:, 2] > 48))
    out = p - HEAD_CENTRE
    out = out / np.linalg.norm(out, axis=1, keepdims=True)
    index = np.flatnonzero(region & (np.einsum("ij,ij->i", surface.normals, out) > 0.2))
    return _chosen(len(p), index[~_unseen(surface, index, out[index])])


def _face(surface: _Probed) -> Mask:
    """What is seen of the bones of the face from the front and the sides, above the teeth."""
    p = surface.points
    region = (p[:, 1] > 25) & (p[:, 2] > -50) & (p[:, 2] < 40)
    seen = np.zeros(len(p), dtype=bool)
    for view in VIEWS / np.linalg.norm(VIEWS, axis=1, keepdims=True):
        index = np.flatnonzero(region & ~seen & (surface.normals @ view > 0.1))
        seen[index[~_unseen(surface, index, np.tile(view, (len(index), 1)))]] = True
    return seen


def _skin(surface: _Probed) -> Mask:
    """The outer skin of head and neck, down to the root of the neck."""
    p = surface.points
    axis = np.column_stack([np.zeros(len(p)), np.where(p[:, 2] > -60, 0.0, -15.0), p[:, 2]])
    outward = np.einsum("ij,ij->i", surface.normals, p - axis) > 0
    return np.asarray((p[:, 2] > -130) & (np.abs(p[:, 0]) < 95) & outward)


def _chosen(count: int, index: NDArray[np.intp]) -> Mask:
    mask = np.zeros(count, dtype=bool)
    mask[index] = True
    return mask


WHERE: Mapping[str, Callable[[_Probed], Mask]] = {"whole": _whole, "braincase": _braincase, "face": _face, "skin": _skin}


def _filled(mesh: SurfaceMesh, *within: SurfaceMesh) -> tuple[Mask, Array]:
    """Which nodes of a grid over all of `within` lie inside `mesh`, and where the nodes are (n, 3) mm."""
    low = np.min([m.vertices_mm.min(axis=0) for m in within], axis=0)
    high = np.max([m.vertices_mm.max(axis=0) for m in within], axis=0)
    shape = tuple(int(n) for n in np.ceil((high - low) / STEP_MM).astype(int) + 1)
    inside = inside_mask(mesh, low, shape, STEP_MM)
    return inside.ravel(), low + STEP_MM * np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 3)


def _above_shoulder(points: Array, anatomy: Anatomy, side: str) -> Mask:
    """Above the line from the spinous tip of C7 to the acromion, where the descending part of trapezius runs."""
    near, far = anatomy.landmark("c7_spinous_tip"), anatomy.landmark(f"acromion_{side}")
    share = np.clip(np.abs(points[:, 0]) / abs(far[0]), 0.0, 1.0)
    return np.asarray(points[:, 2] > near[2] + share * (far[2] - near[2]))
