"""Head muscles and landmarks on the shipped anatomy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from meshes.head_muscles import ORDER
from meshes.landmarks import derive_landmarks
from meshes.model import Anatomy, SurfaceMesh
from meshes.points import load_table
from meshes.surface import SurfaceQuery

SIDES = ("left", "right")
PAIRED = [k for k in ORDER if not load_table("head_muscles")[k].get("median")]


@pytest.fixture(scope="module")
def head(anatomy: Anatomy) -> Anatomy:
    return anatomy


@pytest.fixture(scope="module")
def skin(head: Anatomy) -> SurfaceQuery:
    return SurfaceQuery(head["skin"].mesh)


@pytest.fixture(scope="module")
def bone(head: Anatomy) -> SurfaceQuery:
    return SurfaceQuery(head["cranium"].mesh)


def keys() -> list[str]:
    return [f"{k}_{side}" for k in PAIRED for side in SIDES] + ["procerus"]


@pytest.mark.parametrize("key", keys())
def test_muscle_is_closed_and_under_the_skin(head: Anatomy, skin: SurfaceQuery, bone: SurfaceQuery, key: str) -> None:
    muscle = head[key]
    assert muscle.surface.is_watertight and muscle.kind == "muscle"
    assert skin.signed_distance(muscle.mesh.vertices_mm).max() < -0.7
    assert bone.signed_distance(muscle.mesh.vertices_mm).min() > -0.8


@pytest.mark.parametrize("key", keys())
def test_muscle_has_fibres(head: Anatomy, key: str) -> None:
    mesh = head[key].mesh
    assert mesh.fibres is not None and mesh.grain is not None and mesh.tendon is not None
    assert np.linalg.norm(mesh.fibres, axis=1) == pytest.approx(1, abs=1e-3)
    assert mesh.tendon.min() > -1e-6 and mesh.tendon.max() < 1 + 1e-6


@pytest.mark.parametrize("side", SIDES)
def test_temporalis_is_8_8_mm_thick_in_the_fossa(head: Anatomy, side: str) -> None:
    sign = 1 if side == "right" else -1
    far, _ = SurfaceQuery(head[f"temporalis_{side}"].mesh).ray([sign * 100, 30, 12], [-sign, 0, 0], 100)
    assert len(far) >= 2
    assert far[1] - far[0] == pytest.approx(8.8, abs=2.5)


@pytest.mark.parametrize("side", SIDES)
def test_temporalis_reaches_the_coronoid(head: Anatomy, side: str) -> None:
    tip = head.landmark(f"coronoid_tip_{side}")
    assert SurfaceQuery(head[f"temporalis_{side}"].mesh).signed_distance(tip)[0] < 3.0


def test_occipital_bellies_leave_a_gap(head: Anatomy) -> None:
    for side in SIDES:
        assert np.abs(head[f"occipitalis_{side}"].mesh.vertices_mm[:, 0]).min() > 10


def test_landmarks_lie_where_they_belong(head: Anatomy, skin: SurfaceQuery, bone: SurfaceQuery) -> None:
    for name in ("inion", "glabella", "mastoid_tip_left", "supraorbital_rim_medial_right"):
        assert abs(bone.signed_distance(head.landmark(name))[0]) < 0.1, name
    on_skin = [n for n in head.landmarks if "_skin" in n]
    assert len(on_skin) >= 10
    assert np.abs(skin.signed_distance([head.landmark(n) for n in on_skin])).max() < 0.3


def test_curves_lie_where_they_belong(head: Anatomy, skin: SurfaceQuery, bone: SurfaceQuery) -> None:
    for side in SIDES:
        assert np.abs(bone.signed_distance(head.curve(f"superior_nuchal_line_{side}"))).max() < 0.3
        assert np.abs(skin.signed_distance(head.curve(f"superior_nuchal_line_skin_{side}"))).max() < 0.3
        assert np.abs(skin.signed_distance(head.curve(f"trapezius_ridge_{side}"))).max() < 0.5


def test_a_landmark_far_from_its_bone_is_refused(head: Anatomy) -> None:
    atlas = head["atlas"]
    moved = replace(atlas, mesh=SurfaceMesh(atlas.mesh.vertices_mm + [0, 0, 15], atlas.mesh.faces, atlas.mesh.normals))
    with pytest.raises(ValueError, match=r"landmark c1_\w+ lies"):
        derive_landmarks({"atlas": moved})


def test_landmarks_of_absent_bones_are_left_out(head: Anatomy) -> None:
    landmarks, curves = derive_landmarks({"atlas": head["atlas"]})
    assert "c1_posterior_tubercle" in landmarks and "inion" not in landmarks
    assert not curves


def test_a_misspelt_landmark_names_the_nearest(head: Anatomy) -> None:
    with pytest.raises(KeyError, match="mastoid_tip_left"):
        head.landmark("mastoid_tp_left")
