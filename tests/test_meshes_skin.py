"""The skin against the population's tape and against the bony points beneath it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.contour import contour
from meshes.ear import auricle_axes
from meshes.fields import Field
from meshes.model import SurfaceMesh
from meshes.points import load_table, shared_points
from meshes.skin import skin_field, skin_parts
from meshes.skull import skull_parts

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def skin() -> Field:
    return skin_field()


@pytest.fixture(scope="module")
def auricle() -> SurfaceMesh:
    return contour(skin_parts()[1].field, 1.2)


def girth(skin: Field, centre: Array, across: Array, along: Array) -> float:
    """Return the convex perimeter, as a tape lies, of the skin in the plane of two unit vectors."""
    from scipy.spatial import ConvexHull

    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    rays = np.cos(angle)[:, None] * along + np.sin(angle)[:, None] * across
    reach = np.arange(0.0, 140.0, 0.5)
    values = skin((centre + reach[:, None, None] * rays).reshape(-1, 3)).reshape(len(reach), -1)
    first = np.argmax(values > 0, axis=0)
    rim = centre + reach[first, None] * rays
    return float(ConvexHull(np.column_stack([(rim - centre) @ across, (rim - centre) @ along])).area)


def crossing(skin: Field, start: list[float], direction: list[float]) -> Array:
    """Return the outermost skin met along a line that starts inside."""
    reach = np.arange(0.0, 160.0, 0.25)
    line = np.array(start) + reach[:, None] * np.array(direction, dtype=float)
    return np.asarray(line[np.flatnonzero(skin(line) < 0)[-1]])


def test_head_has_the_size_of_a_man(skin: Field) -> None:
    front, back = np.array([0, 90.0, 49]), crossing(skin, [0, 0, 22], [0, -1, 0])
    assert np.linalg.norm(front - back) == pytest.approx(198, abs=4)
    assert 2 * crossing(skin, [0, -22, 43], [1, 0, 0])[0] == pytest.approx(154, abs=4)
    along = np.array([0, 196.5, 27.0]) / np.hypot(196.5, 27.0)
    assert girth(skin, np.array([0, -8.0, 35.5]), np.array([1.0, 0, 0]), along) == pytest.approx(574, abs=16)


def test_neck_has_the_girth_of_a_man(skin: Field) -> None:
    along = np.array([0, np.cos(np.deg2rad(15)), -np.sin(np.deg2rad(15))])
    assert 375 <= girth(skin, np.array([0, -7.0, -108.0]), np.array([1.0, 0, 0]), along) <= 400
    assert 57 <= crossing(skin, [0, -13, -105], [1, 0, 0])[0] <= 62


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("inion", 4.5, 6.5),
        ("opisthocranion", 5, 8),
        ("vertex_skull", 5, 7),
        ("glabella", 4, 7.5),
        ("nasion", 4, 8.5),
        ("menton", 8, 12),
        ("euryon_right", 5, 8),
        ("zygion_right", 4.5, 8),
        ("gonion_right", 8, 15),
        ("mastoid_tip_right", 8, 12.5),
        ("acromion_right", 4, 7),
        ("clavicle_sternal_end_right", 6, 12),
        ("c1_posterior_tubercle", 26, 34),
        ("c2_spinous_tip", 21, 24),
        ("c7_spinous_tip", 6, 9),
        ("t1_spinous_tip", 5, 8),
    ],
)
def test_depth_of_bone_under_the_skin(skin: Field, name: str, least: float, most: float) -> None:
    assert least <= -float(skin(shared_points()[name])[0]) <= most


def test_every_shared_point_is_covered(skin: Field) -> None:
    bare = {name: float(skin(at)[0]) for name, at in shared_points().items() if at[2] > -205 and skin(at)[0] > -2.5}
    assert not bare


def test_nasal_bones_are_covered(skin: Field) -> None:
    rng = np.random.default_rng(7)
    near = rng.uniform([0, 70, -8], [16, 115, 36], (60_000, 3))
    near = near[np.abs(skin(near) + 1.6) < 0.2]
    assert len(near) > 200 and skull_parts()[0].key == "cranium"
    assert skull_parts()[0].field(near).min() > 0


def test_nape_is_hollow_and_the_seventh_spine_shows(skin: Field) -> None:
    back = [crossing(skin, [0, 0, z], [0, -1, 0])[1] for z in (-21, -99)]
    assert back[1] > back[0] + 20
    knob, above, below = (crossing(skin, [0, 0, z], [0, -1, 0])[1] for z in (-134, -122, -146))
    assert knob < (above + below) / 2 - 0.3


def test_skin_is_symmetric(skin: Field) -> None:
    points = np.random.default_rng(5).uniform([-100, -110, -200], [100, 120, 120], (2000, 3))
    np.testing.assert_allclose(skin(points), skin(points * [-1, 1, 1]), atol=1e-9)


def test_skin_is_closed_and_in_one_piece(skin: Field) -> None:
    import trimesh

    mesh = contour(skin, 3.0)
    body = trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)
    assert body.is_watertight and body.is_winding_consistent and body.volume > 5e6
    assert body.bounds[0][2] == pytest.approx(-212, abs=0.5)
    assert 2.5 <= np.ptp(body.bounds[:, 0]) / 154 <= 2.8


def test_auricle_has_the_size_of_an_ear(skin: Field, auricle: SurfaceMesh) -> None:
    import trimesh

    assert trimesh.Trimesh(auricle.vertices_mm, auricle.faces, process=False).is_watertight
    local = auricle.vertices_mm @ auricle_axes(load_table("skin")["auricle"])
    assert np.ptp(local[:, 1]) == pytest.approx(64.2, abs=4.5)
    assert np.ptp(local[:, 0]) == pytest.approx(36.1, abs=3.0)
    assert 20 <= skin(auricle.vertices_mm).max() <= 23
    assert skin(auricle.vertices_mm).min() > -0.1
    assert 30 < auricle.vertices_mm[:, 2].max() < 45 and -28 < auricle.vertices_mm[:, 2].min() < -18


def test_soft_landmarks_and_curves_lie_on_the_skin(skin: Field) -> None:
    table = load_table("skin")
    away = {name: float(skin(row["at"])[0]) for name, row in table["landmarks"].items() if abs(skin(row["at"])[0]) > 1.5}
    assert not away
    for row in table["curves"].values():
        assert np.abs(skin(row["through"])).max() < 3.0
