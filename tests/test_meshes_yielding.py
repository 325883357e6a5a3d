from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from meshes import fields
from meshes.contour import contour
from meshes.model import SurfaceMesh
from meshes.surface import SurfaceQuery
from meshes.tubes import Tube
from meshes.yielding import midway, with_groove, with_tendon, without_groove

SLAB = contour(fields.box([0.0, 0.0, 0.0], [20.0, 6.0, 20.0], rounding=2.0), 1.5, faces=400)
LINE = np.column_stack([np.linspace(-30, 30, 60), np.full(60, -5.4), np.linspace(-4, 4, 60)])


def solid(mesh: SurfaceMesh) -> Any:
    import trimesh

    return trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)


def test_a_groove_is_as_wide_and_deep_as_its_nerve_and_leaves_the_rest() -> None:
    nerve = Tube(LINE, np.full(60, 1.4))
    cut = with_groove(SLAB, [nerve])
    form, held = solid(cut), SurfaceQuery(cut)
    assert form.is_watertight and form.is_winding_consistent and 0 < solid(SLAB).volume - form.volume < 400
    assert not held.contains(LINE).any() and not held.contains(LINE + [0.0, 1.2, 0.0]).any()
    inner = LINE[15:45] + [0.0, 1.7, 0.0]
    assert held.contains(inner).all()
    kept = np.array([np.abs(cut.vertices_mm - v).max(axis=1).min() < 1e-9 for v in SLAB.vertices_mm])
    far = nerve.field()(SLAB.vertices_mm) > 0.1
    assert kept[far].all()
    assert np.allclose(np.linalg.norm(cut.normals, axis=1), 1.0)


def test_a_nerve_that_takes_the_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="whole muscle"):
        with_groove(SLAB, [Tube(np.column_stack([np.zeros(9), np.zeros(9), np.linspace(-60, 60, 9)]), np.full(9, 50.0))])


def test_an_old_groove_is_closed() -> None:
    whole = fields.box([0.0, 0.0, 0.0], [20.0, 6.0, 20.0], rounding=2.0)
    grooved = contour(fields.subtract(whole, Tube(LINE, np.full(60, 1.4)).field()), 0.6)
    deepest = -whole(grooved.vertices_mm).min()
    assert deepest > 1.0
    assert -whole(without_groove(grooved, whole).vertices_mm).min() < 0.2 * deepest


def test_a_band_of_tendon_fades_into_the_belly() -> None:
    mesh = replace(SLAB, tendon=np.zeros(len(SLAB.vertices_mm)))
    at = mesh.vertices_mm[0]
    banded = with_tendon(mesh, at, 1.0).tendon
    assert isinstance(banded, np.ndarray) and banded[0] == 1.0
    assert (banded[np.linalg.norm(mesh.vertices_mm - at, axis=1) > 8.0] == 0.0).all()


def test_midway_of_a_line_outside_is_nothing() -> None:
    ball = fields.sphere([0.0, 0.0, 0.0], 5.0)
    middle = midway(np.array([[-9.0, 0.0, 0.0], [9.0, 0.0, 0.0]]), ball)
    assert middle is not None and np.abs(middle).max() < 0.3
    assert midway(np.array([[-9.0, 6.0, 0.0], [9.0, 6.0, 0.0]]), ball) is None
