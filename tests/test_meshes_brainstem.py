"""The brainstem: one closed form of taught size that begins where the cord ends."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from meshes.brainstem import brainstem_part, foramen_cut
from meshes.canal import canal_parts
from meshes.contour import contour
from meshes.model import SurfaceMesh
from meshes.parts import Part


@cache
def parts() -> dict[str, Part]:
    return {p.key: p for p in canal_parts()}


@cache
def mesh(key: str) -> SurfaceMesh:
    return contour(parts()[key].field, 1.2)


def extent(z: float, axis: int) -> float:
    v = mesh("brainstem").vertices_mm
    return float(np.ptp(v[np.abs(v[:, 2] - z) < 1.2, axis]))


def test_it_is_closed_and_symmetric() -> None:
    import trimesh

    body = trimesh.Trimesh(mesh("brainstem").vertices_mm, mesh("brainstem").faces, process=False)
    assert body.is_watertight and 18000 < body.volume < 40000
    p = np.random.default_rng(3).uniform([0, -35, -25], [20, 5, 40], (400, 3))
    assert brainstem_part().field(p) == pytest.approx(brainstem_part().field(p * [-1, 1, 1]), abs=1e-9)


def test_medulla_pons_and_midbrain_have_their_taught_breadths() -> None:
    assert 18 < extent(-7, 0) < 22
    assert 28 < extent(8, 0) < 40 and 21 < extent(11, 1) < 28
    assert 24 < extent(30, 0) < 36
    assert 60 < np.ptp(mesh("brainstem").vertices_mm[:, 2]) < 75


@pytest.mark.parametrize("key", ["spinal_cord", "spinal_dura_mater"])
def test_cord_and_dura_end_where_it_begins(key: str) -> None:
    point, up = foramen_cut()
    assert float(((mesh(key).vertices_mm - point) @ up).max()) == pytest.approx(0, abs=0.1)
    assert float(((mesh("brainstem").vertices_mm - point) @ up).min()) == pytest.approx(0, abs=0.1)


def test_cord_and_brainstem_join_without_a_step() -> None:
    point, up = foramen_cut()
    below, above = (mesh(k).vertices_mm for k in ("spinal_cord", "brainstem"))
    wide = [np.ptp(v[np.abs((v - point) @ up) < 1.0, 0]) for v in (below, above)]
    assert wide[0] == pytest.approx(wide[1], abs=0.8)


def test_its_axis_runs_from_the_foramen_up() -> None:
    line = brainstem_part().centerline
    assert line is not None and (np.diff(line[:, 2]) > 0).all() and np.abs(line[:, 0]).max() < 1e-9
    assert (brainstem_part().field(line[2:-2]) < 0).all()
