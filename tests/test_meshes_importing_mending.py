"""Broken surfaces: each fault made in a shipped structure, mended, and nothing that was sound moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial import cKDTree

from meshes import load_anatomy
from meshes.importing.mending import as_it_was, is_closed, mended
from meshes.importing.pieces import components, signed_volume
from tests.scans import Array

Faces = np.ndarray
Spoil = Callable[[Array, Faces], tuple[Array, Faces, Array]]  # points, triangles, and which points of the first were touched
TETRA = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]), np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def none(v: Array) -> Array:
    return np.zeros(len(v), dtype=bool)


def loose(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    return v[f].reshape(-1, 3), np.arange(3 * len(f)).reshape(-1, 3), none(v)


def flipped(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    out = f.copy()
    out[::5] = out[::5, ::-1]
    return v, out, none(v)


def inward(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    return v, f[:, ::-1].copy(), none(v)


def twice(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    return v, np.vstack([f, f[::7], f[::11, ::-1]]), none(v)


def without_area(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    return v, np.vstack([f, f[::9][:, [0, 0, 1]]]), none(v)


def inner_shell(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    """A small one, as deep as there is room."""
    return np.vstack([v, deepest(v, f) + 0.6 * TETRA[0] - 0.15]), np.vstack([f, TETRA[1] + len(v)]), none(v)


def islands(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    far = [0.4 * TETRA[0] + v.max(axis=0) + 2 * i for i in range(20)]
    return np.vstack([v, *far]), np.vstack([f, *[TETRA[1] + len(v) + 4 * i for i in range(20)]]), none(v)


def hole(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    near = np.linalg.norm(v[f].mean(axis=1) - v[f[len(f) // 3]].mean(axis=0), axis=1) < 2.5
    kept = f[~near]
    return v, kept, ~np.isin(np.arange(len(v)), kept)


def many_holes(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    return v, np.delete(f, np.arange(0, len(f), 500), axis=0), none(v)


def flap(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    a, b, _ = f[len(f) // 4]
    return np.vstack([v, v[a] + [0, 0, 3.0]]), np.vstack([f, [[a, b, len(v)]]]), none(v)


def poked(v: Array, f: Faces) -> tuple[Array, Faces, Array]:
    """One point pushed through the surface beyond."""
    out, mesh = v.copy(), outward_normals(v, f)
    i = int(f[len(f) // 2, 0])
    ring = np.unique(f[np.isin(f, f[(f == i).any(axis=1)]).any(axis=1)])
    out[i] = v[ring].mean(axis=0) - 0.2 * mesh[i] + 1.6 * (v[ring[0]] - v[i])
    touched = none(v)
    for _ in range(3):
        ring = np.unique(f[np.isin(f, ring).any(axis=1)])
    touched[ring] = True
    return out, f, touched


def outward_normals(v: Array, f: Faces) -> Array:
    from meshes.real_dress import outward

    return outward(v, f).normals


def deepest(v: Array, f: Faces) -> Array:
    """A point inside, half a millimetre to three under some triangle, as far from the rest as is found."""
    from meshes.real_dress import outward
    from meshes.surface import SurfaceQuery

    mesh = outward(v, f)
    tries = np.vstack([v[:: max(len(v) // 300, 1)] - d * mesh.normals[:: max(len(v) // 300, 1)] for d in (1.5, 2.5, 3.5)])
    return np.asarray(tries[int(np.argmin(SurfaceQuery(mesh).signed_distance(tries)))])


SPOILS: tuple[tuple[Spoil, str], ...] = (
    (loose, "points that lay on others"), (flipped, "turned outward"), (inward, "turned outward"), (twice, "there twice"),
    (without_area, "without area"), (islands, "loose crumbs"), (inner_shell, ""), (hole, "1 hole closed"),
    (many_holes, "holes closed"), (flap, "more than two"), (poked, ""),
)  # fmt: skip


@pytest.mark.parametrize("key", ["obliquus_capitis_inferior_left", "atlas"])
@pytest.mark.parametrize(("spoil", "told"), SPOILS, ids=[s.__name__ for s, _ in SPOILS])
def test_a_fault_is_mended_told_and_nothing_else_moved(key: str, spoil: Spoil, told: str) -> None:
    _mended(key, spoil, told)


@pytest.mark.slow
@pytest.mark.parametrize(("spoil", "told"), [SPOILS[i] for i in (0, 1, 7)], ids=["loose", "flipped", "hole"])
def test_a_fault_of_the_skull_is_mended(spoil: Spoil, told: str) -> None:
    _mended("cranium", spoil, told)


def _mended(key: str, spoil: Spoil, told: str) -> None:
    whole = load_anatomy()[key].mesh
    v, f = np.array(whole.vertices_mm), np.array(whole.faces)
    broken, faces, touched = spoil(v, f)
    mesh, changes, wrong = mended(broken, faces)
    assert wrong is None and is_closed(mesh.faces)
    assert any(told in c for c in changes) if told else True, changes
    assert signed_volume(mesh.vertices_mm, mesh.faces) == pytest.approx(signed_volume(v, f), rel=0.01)
    far = cKDTree(mesh.vertices_mm).query(v)[0]
    assert far[~touched].max() < 0.01
    assert cKDTree(v).query(mesh.vertices_mm)[0].max() < 0.5 or touched.any()
    assert components(mesh.faces, len(mesh.vertices_mm)).max() == 0
    assert np.einsum("ij,ij->i", mesh.normals, outward_normals(mesh.vertices_mm, mesh.faces)).min() > 0.9


def test_a_sound_surface_stays_as_it_is() -> None:
    whole = load_anatomy()["atlas"].mesh
    mesh, changes, wrong = mended(whole.vertices_mm, whole.faces)
    assert (changes, wrong) == ((), None)
    assert np.array_equal(mesh.vertices_mm, whole.vertices_mm) and np.array_equal(mesh.faces, whole.faces)


def test_a_large_shell_inside_is_left_out_whichever_way_it_winds() -> None:
    whole = load_anatomy()["obliquus_capitis_inferior_left"].mesh
    v, f = np.array(whole.vertices_mm), np.array(whole.faces)
    small = v.mean(axis=0) + 0.35 * (v - v.mean(axis=0))
    for inner in (f, f[:, ::-1]):
        mesh, changes, wrong = mended(np.vstack([v, small]), np.vstack([f, inner + len(v)]))
        assert wrong is None and len(mesh.faces) == len(f) and any("1 inner shell" in c for c in changes)


def test_a_head_cut_flat_is_capped_and_a_torn_sheet_is_not() -> None:
    whole = load_anatomy()["obliquus_capitis_inferior_left"].mesh
    v, f = np.array(whole.vertices_mm), np.array(whole.faces)
    middle = v[f].mean(axis=1)[:, 0]
    import pyvista as pv

    half = pv.PolyData.from_regular_faces(v, f).clip("x", origin=(float(np.median(v[:, 0])), 0, 0)).triangulate()
    mesh, _, wrong = mended(np.array(half.points), np.array(half.regular_faces, dtype=np.int64))
    assert wrong is None and is_closed(mesh.faces)
    torn = f[middle > np.quantile(middle, 0.3) + 3 * np.sin(v[f].mean(axis=1)[:, 2])]
    _, _, wrong = mended(v, torn)
    assert wrong is not None and "open" in wrong


def test_a_heap_of_triangles_is_named() -> None:
    heap = np.random.default_rng(0).normal(size=(900, 3))
    _, _, wrong = mended(heap, np.arange(900).reshape(-1, 3))
    assert wrong is not None and "heap of loose triangles" in wrong
    empty, _, wrong = mended(np.zeros((3, 3)), np.array([[0, 0, 1]]))
    assert not len(empty.faces) and wrong


def test_without_pymeshlab_it_is_told_that_cuts_were_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pymeshlab", None)
    whole = load_anatomy()["atlas"].mesh
    _, changes, wrong = mended(whole.vertices_mm, whole.faces)
    assert wrong is None and any("not looked at" in c for c in changes)


def test_a_hollow_surface_of_ours_stays_hollow() -> None:
    v, f = TETRA
    hollow = np.vstack([10 * v, 5 + 0.5 * v]), np.vstack([f, f[:, ::-1] + 4])
    kept = as_it_was(hollow[0][hollow[1]].reshape(-1, 3), np.arange(24).reshape(-1, 3))
    assert kept is not None and len(kept.vertices_mm) == 8 and len(kept.faces) == 8
    assert as_it_was(v, f[:3]) is None
