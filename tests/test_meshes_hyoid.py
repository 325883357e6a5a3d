"""The hyoid bone: its size, its place before C3, its surface."""

from __future__ import annotations

import numpy as np
import pytest

from meshes.contour import contour
from meshes.hyoid import hyoid_field, hyoid_parts
from meshes.mandible import mandible_field
from meshes.model import SurfaceMesh
from meshes.points import shared_points
from meshes.terms import terms


@pytest.fixture(scope="module")
def hyoid() -> SurfaceMesh:
    return contour(hyoid_field(), 0.8)


def test_it_is_one_closed_symmetric_bone(hyoid: SurfaceMesh) -> None:
    import trimesh

    body = trimesh.Trimesh(hyoid.vertices_mm, hyoid.faces, process=False)
    assert body.is_watertight and body.volume > 0 and body.body_count == 1
    v = hyoid.vertices_mm
    assert np.abs(hyoid_field()(v * [-1, 1, 1])).max() < 0.2


def test_it_has_the_size_of_an_adult_one(hyoid: SurfaceMesh) -> None:
    v = hyoid.vertices_mm
    assert np.ptp(v[:, 0]) == pytest.approx(46, abs=5)
    assert np.ptp(v[:, 1]) == pytest.approx(36, abs=5)
    body = v[np.abs(v[:, 0]) < 4]
    assert np.ptp(body[:, 2]) == pytest.approx(10.5, abs=1.5)


def test_its_horns_rise_behind_and_its_lesser_horns_stand_up(hyoid: SurfaceMesh) -> None:
    v = hyoid.vertices_mm
    tips = v[v[:, 1] < 18]
    assert np.abs(tips[:, 0]).min() > 18 and tips[:, 2].mean() > v[:, 2].mean()
    assert v[(v[:, 1] > 34) & (np.abs(v[:, 0]) > 12)][:, 2].max() > v[np.abs(v[:, 0]) < 4][:, 2].max() + 2


def test_it_stands_before_c3_below_and_behind_the_chin(hyoid: SurfaceMesh) -> None:
    v, at = hyoid.vertices_mm, shared_points()
    assert v[:, 2].min() < at["c3_body"][2] < v[:, 2].max()
    assert v[np.abs(v[:, 0]) < 8][:, 1].min() > at["c3_body"][1] + 20 and v[:, 1].max() < at["menton"][1] - 30
    assert mandible_field()(v).min() > 8


def test_its_part_names_a_term() -> None:
    (part,) = hyoid_parts()
    assert part.key == "hyoid_bone" and not terms()[part.key].paired and part.sources
