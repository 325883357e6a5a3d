"""The bony head: measured on coarse surfaces against the published windows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.contour import contour
from meshes.fields import Field
from meshes.landmarks import derive_landmarks
from meshes.mandible import mandible_field, mandible_parts
from meshes.model import Structure, SurfaceMesh
from meshes.points import shared_curves, shared_points
from meshes.skull import cranium_field, skull_parts

Array = NDArray[np.float64]
SPACING = 1.6  # mm
TOLERANCE = 1.0  # mm, of the form at the shared points


@pytest.fixture(scope="module")
def cranium() -> SurfaceMesh:
    return contour(cranium_field(), SPACING)


@pytest.fixture(scope="module")
def mandible() -> SurfaceMesh:
    return contour(mandible_field(), 1.0)


def crossings(field: Field, start: Array, direction: Array, length: float) -> Array:
    """Distances from `start` at which a ray enters and leaves the bone, mm."""
    unit = np.asarray(direction, dtype=np.float64) / np.linalg.norm(direction)
    t = np.arange(0.0, length, 0.05)
    inside = field(np.asarray(start) + np.outer(t, unit)) < 0
    return t[1:][inside[1:] != inside[:-1]]


def thickness(start: tuple[float, float, float], direction: tuple[float, float, float]) -> float:
    """Length of the first stretch of bone that a ray meets, mm."""
    found = crossings(cranium_field(), np.array(start), np.array(direction), 60.0)
    return float(found[1] - found[0])


def span(points: Array, axis: int) -> float:
    return float(np.ptp(points[:, axis]))


@pytest.mark.parametrize("name", ["cranium", "mandible"])
def test_surface_is_closed_and_outward(name: str, request: pytest.FixtureRequest) -> None:
    import trimesh

    mesh: SurfaceMesh = request.getfixturevalue(name)
    solid = trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)
    assert solid.is_watertight and solid.is_winding_consistent and solid.volume > 0
    assert solid.body_count == 1


def test_parts_keep_the_agreed_budget() -> None:
    (cranium,), (mandible,) = skull_parts(), mandible_parts()
    assert cranium.key == "cranium" and cranium.spacing <= 1.0
    assert mandible.key == "mandible" and mandible.spacing <= 0.8


def test_cranial_measures_lie_in_the_published_windows(cranium: SurfaceMesh) -> None:
    v, at = cranium.vertices_mm, shared_points()
    vault = v[v[:, 2] > 15]
    assert span(vault[np.abs(vault[:, 0]) < 4], 1) == pytest.approx(183.2, abs=15)
    assert span(vault, 0) == pytest.approx(139.1, abs=14)
    assert np.linalg.norm(at["basion"] - at["bregma"]) == pytest.approx(134.6, abs=13.6)
    assert span(v[(v[:, 2] < 6) & (v[:, 1] > 15)], 0) == pytest.approx(135.1, abs=6.5)
    assert 152 <= np.linalg.norm(at["nasion"] - at["inion"]) <= 178
    assert 39 <= np.linalg.norm(at["inion"] - at["opisthion"]) <= 56
    assert 85 <= np.linalg.norm(at["inion"] - at["mastoid_tip_right"]) <= 105


@pytest.mark.parametrize(
    "name",
    [
        "glabella",
        "nasion",
        "bregma",
        "vertex_skull",
        "lambda",
        "opisthocranion",
        "inion",
        "inion_lower_border",
        "opisthion",
        "basion",
        "porion_right",
        "orbitale_right",
        "supraorbital_notch_right",
        "supraorbital_rim_lateral_left",
        "euryon_left",
        "asterion_right",
        "zygion_right",
        "mastoid_tip_right",
        "mastoid_base_left",
        "styloid_tip_right",
    ],
)
def test_cranium_passes_through_shared_points(name: str) -> None:
    assert abs(float(cranium_field()(shared_points()[name])[0])) <= TOLERANCE + 0.05


@pytest.mark.parametrize("name", ["superior_nuchal_line_right", "superior_nuchal_line_left"])
def test_nuchal_lines_lie_on_the_bone(name: str) -> None:
    assert np.abs(cranium_field()(shared_curves()[name])).max() <= TOLERANCE + 0.05


def test_biasterionic_and_biorbital_breadth() -> None:
    field = cranium_field()
    asterion = crossings(field, np.array([90.0, -52.0, 3.0]), np.array([-1.0, 0, 0]), 60.0)[0]
    rim = crossings(field, np.array([90.0, 60.0, 20.0]), np.array([-1.0, 0, 0]), 60.0)[0]
    assert 2 * (90 - asterion) == pytest.approx(108.9, abs=10.8)
    assert 2 * (90 - rim) == pytest.approx(99.2, abs=7.8)


def test_bone_thickness_at_the_occiput() -> None:
    assert 9 <= thickness((0, -98, -32), (0, 0.82, 0.57)) <= 29
    assert 4.5 <= thickness((38, -100, 4), (-0.42, 0.9, 0.1)) <= 9
    assert 4.5 <= thickness((24, -75, -45), (-0.1, 0.5, 0.85)) <= 9


def test_protuberance_stands_proud_of_the_squama() -> None:
    field = cranium_field()
    ahead = np.array([0.0, 1.0, 0.0])
    median = crossings(field, np.array([0.0, -110.0, -20.0]), ahead, 60.0)[0]
    beside = crossings(field, np.array([16.0, -110.0, -20.0]), ahead, 60.0)[0]
    assert beside - median >= 5.0


def test_skull_is_hollow_and_the_foramen_open() -> None:
    field, at = cranium_field(), shared_points()
    assert float(field(np.array([0.0, -10.0, 60.0]))[0]) > 20
    hole = (at["basion"] + at["opisthion"]) / 2
    assert (field(hole + np.linspace(-15, 15, 31)[:, None] * np.array([0.0, 0.27, -0.96])) > 5).all()
    ahead = np.array([0.0, 35.0, 10.0])
    length = crossings(field, hole, ahead, 40.0)[0] + crossings(field, hole, -ahead, 40.0)[0]
    assert length == pytest.approx(36.6, abs=5)


def test_zygomatic_arch_is_free_of_the_temporal_wall() -> None:
    found = crossings(cranium_field(), np.array([80.0, 34.0, -4.5]), np.array([-1.0, 0, 0]), 60.0)
    assert found[0] < 20 and found[2] - found[1] > 15


@pytest.mark.parametrize("at", [(36, 25), (32, 18), (28, 10), (20, 20)])
def test_temporal_fossa_is_a_shallow_wall_before_it_turns_in(at: tuple[float, float]) -> None:
    found = crossings(cranium_field(), np.array([60.0, *at]), np.array([-1.0, 0, 0]), 30.0)
    assert 1.0 < found[0] < 12.0


def test_orbit_is_as_wide_and_high_as_an_adult_one() -> None:
    field = cranium_field()
    medial = 25 - crossings(field, np.array([25.0, 74, 18]), np.array([-1.0, 0, 0]), 25.0)[0]
    lateral = 35 + crossings(field, np.array([35.0, 59, 16]), np.array([1.0, 0, 0]), 25.0)[0]
    assert np.hypot(lateral - medial, 74 - 59) == pytest.approx(38, abs=4)
    start, up = np.array([30.0, 67, 16]), np.array([0.0, 0, 1])
    assert crossings(field, start, up, 40.0)[0] + crossings(field, start, -up, 40.0)[0] == pytest.approx(34, abs=3)


def test_pterygoid_plates_part_behind_and_join_in_front() -> None:
    field = cranium_field()
    assert len(crossings(field, np.array([10.0, 28.0, -12.0]), np.array([1.0, 0, 0]), 22.0)) == 4
    assert len(crossings(field, np.array([10.0, 38.0, -12.0]), np.array([1.0, 0, 0]), 22.0)) == 2


def test_sutures_lie_on_the_vault_and_meet(cranium: SurfaceMesh) -> None:
    bone = Structure("cranium", "median", "bone", "bone", "cranium", "cranium", None, cranium)
    _, lines = derive_landmarks({"cranium": bone})
    bregma, lam = shared_points()["bregma"], shared_points()["lambda"]
    assert np.linalg.norm(lines["sagittal_suture"][[0, -1]] - [bregma, lam], axis=1).max() < 3
    for side in ("left", "right"):
        assert np.linalg.norm(lines[f"coronal_suture_{side}"][0] - bregma) < 3
        assert np.linalg.norm(lines[f"lambdoid_suture_{side}"][0] - lam) < 3
        assert np.linalg.norm(lines[f"squamous_suture_{side}"][0] - lines[f"coronal_suture_{side}"][-1]) < 2
        for name in ("coronal", "lambdoid", "squamous"):
            assert np.abs(cranium_field()(lines[f"{name}_suture_{side}"])).max() < 0.8


def test_mandible_meets_the_skull_without_touching_it(mandible: SurfaceMesh) -> None:
    gap = cranium_field()(mandible.vertices_mm)
    assert gap.min() > -0.3
    teeth = mandible.vertices_mm[(mandible.vertices_mm[:, 2] > -42) & (mandible.vertices_mm[:, 1] > 50)]
    assert cranium_field()(teeth).min() < 1.5


def test_mandible_passes_through_its_points_and_has_a_human_angle(mandible: SurfaceMesh) -> None:
    field, at = mandible_field(), shared_points()
    for name in ("menton", "gonion_right", "coronoid_tip_right", "mandible_condyle_right"):
        assert abs(float(field(at[name])[0])) <= 2.0, name
    v = mandible.vertices_mm
    ramus = v[(v[:, 2] < -12) & (v[:, 2] > -50)]
    back = np.polyfit(*_edge(ramus, 2, 1), 1)[0]
    body = v[(v[:, 1] > 26) & (v[:, 1] < 76)]
    base = np.polyfit(*_edge(body, 1, 2), 1)[0]
    angle = 90 + np.degrees(np.arctan(-back)) + np.degrees(np.arctan(-base))
    assert 120 <= angle <= 125


def _edge(v: Array, along: int, across: int) -> tuple[Array, Array]:
    """Lowest value `across` in 3 mm steps `along` an axis."""
    step = np.floor(v[:, along] / 3).astype(int)
    keys = np.unique(step)
    return keys * 3 + 1.5, np.array([v[step == k, across].min() for k in keys])


def test_field_is_a_distance_outside_the_bone(cranium: SurfaceMesh) -> None:
    v, n = cranium.vertices_mm, cranium.normals
    vault = (v[:, 2] > 0) & (v[:, 1] < 20) & (np.einsum("ij,ij->i", v - [0, -10, 40], n) > 0)
    far = cranium_field()(v[vault] + 8.0 * n[vault])
    assert np.quantile(far, 0.05) > 6.5 and np.quantile(far, 0.95) < 9.0
