"""Fat and superficial fascia: closed layers of charted thickness between the skin and what lies beneath."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.fields import ellipsoid, gradient, project
from meshes.parts import Part
from meshes.points import load_table
from meshes.skin import skin_field
from meshes.subcutis import fat_thickness, skin_thickness, subcutis_parts

Array = NDArray[np.float64]
PLACES = load_table("subcutis")["places"]
HEAP = ellipsoid([28, -46, -78], [12, 12, 25])  # a muscle that comes within some 4 mm of the skin of the nape


@pytest.fixture(scope="module")
def parts() -> dict[str, Part]:
    return {p.key: p for p in subcutis_parts({"heap": HEAP, "skin": skin_field()})}


def under(at: Array, depth: float) -> Array:
    """Return points `depth` mm under the skin nearest to `at`."""
    on = project(skin_field(), at)
    return np.asarray(on - depth * gradient(skin_field(), on))


@pytest.mark.parametrize("name", PLACES)
def test_chart_gives_what_is_said_of_each_place_on_both_sides(name: str) -> None:
    at = np.array([PLACES[name]["at"], PLACES[name]["at"] * np.array([-1, 1, 1])])
    np.testing.assert_allclose(fat_thickness(at), PLACES[name]["fat_mm"], atol=0.35)
    np.testing.assert_allclose(skin_thickness(at), PLACES[name]["skin_mm"], atol=0.1)


def test_chart_stays_between_its_extremes_everywhere() -> None:
    p = np.random.default_rng(3).uniform([-220, -130, -220], [220, 130, 130], (4000, 3))
    fat, skin = fat_thickness(p), skin_thickness(p)
    assert fat.min() >= 0.4 and fat.max() <= 6.5 and skin.min() >= 1.2 and skin.max() <= 1.9


def test_places_of_the_chart_lie_on_the_skin() -> None:
    away = {n: float(skin_field()(row["at"])[0]) for n, row in PLACES.items() if abs(skin_field()(row["at"])[0]) > 3.0}
    assert not away


@pytest.mark.slow
@pytest.mark.parametrize("key", ["subcutaneous_fat", "superficial_fascia"])
def test_layers_are_closed_light_and_reach_the_cut(parts: dict[str, Part], key: str) -> None:
    import trimesh

    mesh = parts[key].mesh
    assert mesh is not None and len(mesh.faces) <= 60_000
    body = trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)
    assert body.is_watertight and body.is_winding_consistent and body.volume > 0
    assert body.bounds[0][2] == pytest.approx(-211.6, abs=0.1)
    assert skin_field()(mesh.vertices_mm).max() < -0.2


def test_layers_follow_each_other_from_the_skin_down(parts: dict[str, Part]) -> None:
    fat, fascia = parts["subcutaneous_fat"].field, parts["superficial_fascia"].field
    at = np.array([[0, -101, 59], [0, 88, 62], [46, 77, -32]], dtype=np.float64)
    skin_mm, fat_mm = skin_thickness(at), fat_thickness(at)
    for i in range(len(at)):
        fat_middle, fascia_middle = (under(at[i : i + 1], d) for d in (skin_mm[i] + fat_mm[i] / 2, skin_mm[i] + fat_mm[i] + 0.2))
        assert fat(fat_middle)[0] < 0 < fascia(fat_middle)[0]
        assert fascia(fascia_middle)[0] < 0 < fat(fascia_middle)[0]


def test_what_lies_beneath_presses_fat_and_fascia_thinner_but_not_away(parts: dict[str, Part]) -> None:
    fat, fascia = (parts[k].mesh for k in ("subcutaneous_fat", "superficial_fascia"))
    assert fat is not None and fascia is not None
    for mesh in (fat, fascia):
        assert HEAP(mesh.vertices_mm).min() > -0.5
    summit = project(skin_field(), np.array([[28.0, -64.0, -78.0]]))
    line = summit - np.arange(0.0, 12.0, 0.1)[:, None] * gradient(skin_field(), summit)
    inside = np.array([parts[k].field(line) < 0 for k in ("subcutaneous_fat", "superficial_fascia")])
    assert 0.3 < 0.1 * inside[0].sum() < fat_thickness(summit)[0] - 0.5
    assert 0.1 * inside[1].sum() == pytest.approx(0.8, abs=0.4)
