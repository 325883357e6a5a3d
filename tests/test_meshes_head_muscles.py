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
MEDIAN = [k for k in ORDER if load_table("head_muscles")[k].get("median")]
PAIRED = [k for k in ORDER if k not in MEDIAN]


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
    return [f"{k}_{side}" for k in PAIRED for side in SIDES] + MEDIAN


@pytest.mark.parametrize("key", keys())
def test_muscle_is_closed_and_under_the_skin(head: Anatomy, skin: SurfaceQuery, bone: SurfaceQuery, key: str) -> None:
    muscle = head[key]
    assert muscle.surface.is_watertight and muscle.kind == ("fascia" if key == "epicranial_aponeurosis" else "muscle")
    assert skin.signed_distance(muscle.mesh.vertices_mm).max() < -0.7
    assert bone.signed_distance(muscle.mesh.vertices_mm).min() > -0.8


@pytest.mark.parametrize("key", keys())
def test_muscle_has_fibres(head: Anatomy, key: str) -> None:
    mesh = head[key].mesh
    assert mesh.fibres is not None and mesh.grain is not None and mesh.tendon is not None
    assert np.linalg.norm(mesh.fibres, axis=1) == pytest.approx(1, abs=1e-3)
    assert mesh.tendon.min() > -1e-6 and mesh.tendon.max() < 1 + 1e-6


@pytest.mark.parametrize("side", SIDES)
def test_temporalis_is_8_8_mm_thick_in_front_and_thin_behind(head: Anatomy, side: str) -> None:
    sign = 1 if side == "right" else -1
    muscle = SurfaceQuery(head[f"temporalis_{side}"].mesh)

    def depth(y: float, z: float) -> float:
        far, _ = muscle.ray([sign * 100, y, z], [-sign, 0, 0], 100)
        _, normals = muscle.closest([[sign * (100 - far[0]), y, z]])
        return float((far[1] - far[0]) * abs(normals[0, 0]))

    assert depth(44, 30) == pytest.approx(8.8, abs=2.0)
    assert 1.0 < depth(-20, 50) < 4.0


@pytest.mark.parametrize("side", SIDES)
def test_masseter_is_9_7_mm_thick_at_rest(head: Anatomy, side: str) -> None:
    sign = 1 if side == "right" else -1
    masseter = SurfaceQuery(head[f"masseter_{side}"].mesh)
    thick = []
    for y in range(24, 48, 4):
        for z in range(-48, -20, 4):
            far, _ = masseter.ray([sign * 100, y, z], [-sign, 0, 0], 100)
            if len(far) >= 2:
                thick.append(far[1] - far[0])
    assert max(thick) == pytest.approx(9.7, abs=1.5)


def test_aponeurosis_joins_the_bellies_as_a_thin_sheet(head: Anatomy) -> None:
    sheet = head["epicranial_aponeurosis"]
    query = SurfaceQuery(sheet.mesh)
    for key in ("frontalis_left", "frontalis_right", "occipitalis_left", "occipitalis_right"):
        assert np.abs(query.signed_distance(head[key].mesh.vertices_mm)).min() < 1.0, key
    assert sheet.surface.volume / (sheet.surface.area / 2) == pytest.approx(1.2, abs=0.4)
    fibres = sheet.mesh.fibres
    top = sheet.mesh.vertices_mm[:, 2] > 105
    assert fibres is not None and np.abs(fibres[top, 1]).mean() > 0.8


def test_aponeurosis_lies_under_the_greater_occipital_nerve(head: Anatomy) -> None:
    sheet, skin = SurfaceQuery(head["epicranial_aponeurosis"].mesh), SurfaceQuery(head["skin"].mesh)
    for side in SIDES:
        for name, branch in head[f"greater_occipital_nerve_{side}"].branches.items():
            above = branch[branch[:, 2] > 30]
            assert sheet.signed_distance(above).min() > 0.2, name
            near = sheet.closest(above)[0]
            assert (skin.signed_distance(near) < skin.signed_distance(above)).all(), name


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
