"""Painted regions of the skin: on the right place, on the right side, on anybody, and seen in the picture."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.model import Anatomy
from meshes.patient import Patient
from meshes.points import FLIP
from scenarios.skin_maps import map_middle, map_names, skin_map, skin_weight, weight_at
from sim.anatomies import load_anatomy
from sim.cameras import View
from sim.picture import Camera, Picture, SkinPaint
from sim.picture_shown import Shown
from sim.skin_paint import coat_of, refined
from sim.theme import load_theme

Array = NDArray[np.float64]
NERVES = [n for n in map_names() if skin_map(n).kind == "nerve"]
ONE_SIDED = ["cluster-headache", "cervicogenic-headache", "occipital-neuralgia-spread", "cervicogenic-headache-spread"]


SCENE = """
schema = 1
title = "t"
[[show]]
structures = ["skin"]
[[view]]
name = "f"
camera = "anterior"
[[view]]
name = "b"
camera = "posterior"
[[view]]
name = "r"
camera = "right"
"""


@pytest.fixture(scope="module")
def woman() -> Anatomy:
    """Somebody smaller, with another neck."""
    return load_anatomy(Patient(sex="female", head_length_mm=180.0, head_breadth_mm=142.0, neck_circumference_mm=315.0))


def at(anatomy: Anatomy, name: str, offset: tuple[float, float, float] = (0, 0, 0)) -> Array:
    """A landmark of the right side, moved and put back on the skin."""
    place = anatomy.landmark(name) + np.array(offset)
    skin = anatomy["skin"].mesh.vertices_mm
    return np.asarray(skin[cKDTree(skin).query(place)[1]])


PLACES = [
    ("greater_occipital_nerve", "inion_skin", (25, 0, 15), True),
    ("greater_occipital_nerve", "vertex", (12, -15, 0), True),
    ("greater_occipital_nerve", "vertex", (12, 25, 0), False),
    ("greater_occipital_nerve", "inion_skin", (15, 0, -12), False),
    ("greater_occipital_nerve", "glabella_skin", (10, 0, 10), False),
    ("lesser_occipital_nerve", "mastoid_base_skin_right", (0, -12, 8), True),
    ("lesser_occipital_nerve", "inion_skin", (20, 0, 20), False),
    ("third_occipital_nerve", "inion_skin", (12, 0, -25), True),
    ("third_occipital_nerve", "inion_skin", (12, 0, 15), False),
    ("great_auricular_nerve", "gonion_skin_right", (0, -5, 0), True),
    ("great_auricular_nerve", "menton_skin", (10, 0, 5), False),
    ("ophthalmic_nerve", "glabella_skin", (20, 0, 20), True),
    ("ophthalmic_nerve", "vertex", (12, 25, 0), True),
    ("ophthalmic_nerve", "pronasale", (2, -4, 5), True),
    ("ophthalmic_nerve", "subnasale", (8, 0, -5), False),
    ("maxillary_nerve", "subnasale", (8, 0, -5), True),
    ("maxillary_nerve", "orbitale_right", (0, 12, -8), True),
    ("maxillary_nerve", "menton_skin", (10, 10, 10), False),
    ("mandibular_nerve", "pogonion_skin", (10, 0, 0), True),
    ("mandibular_nerve", "tragus_right", (0, 12, 5), True),
    ("mandibular_nerve", "orbitale_right", (0, 12, -8), False),
    ("chronic-migraine", "hairline_temple_right", (0, 0, 0), True),
    ("chronic-migraine", "inion_skin", (15, 0, 0), False),
    ("occipital-neuralgia", "vertex", (22, -30, 0), True),
    ("occipital-neuralgia", "glabella_skin", (10, 0, 0), False),
    ("cluster-headache", "supraorbital_notch_skin_right", (4, 0, 5), True),
    ("cluster-headache", "euryon_skin_right", (0, 0, 0), False),
    ("cervicogenic-headache", "c2_spinous_tip_skin", (28, 0, 0), True),
    ("cervicogenic-headache-spread", "pupil_right", (0, 0, 0), True),
]


@pytest.mark.parametrize("person", ["anatomy", pytest.param("woman", marks=pytest.mark.slow)])
def test_regions_hold_the_places_that_they_are_taught_to_hold(person: str, request: pytest.FixtureRequest) -> None:
    who: Anatomy = request.getfixturevalue(person)
    wrong = []
    for region, landmark, offset, inside in PLACES:
        place = at(who, landmark, offset)
        right = weight_at(who, region, "right", place[None])[0]
        mirrored = weight_at(who, region, "left", (place * FLIP)[None])[0]
        if {bool(right > 0.5), bool(mirrored > 0.5)} != {inside}:
            wrong.append((region, landmark, offset, right, mirrored))
    assert wrong == []


def test_a_region_lies_on_the_side_that_is_asked_for(anatomy: Anatomy) -> None:
    x = anatomy["skin"].mesh.vertices_mm[:, 0]
    for name in map_names():
        right, left = (skin_weight(anatomy, name, side) for side in ("right", "left"))
        assert (right * x).sum() / right.sum() > 12 and (left * x).sum() / left.sum() < -12, name
        assert map_middle(anatomy, name, "right")[0] > 8 and map_middle(anatomy, name, "left")[0] < -8
        both = skin_weight(anatomy, name, "both")
        assert (both >= np.maximum(right, left) - 1e-12).all() and 0 <= both.min() <= both.max() <= 1


@pytest.mark.parametrize("name", ONE_SIDED)
def test_what_keeps_to_one_side_never_reaches_the_other(anatomy: Anatomy, name: str) -> None:
    x = anatomy["skin"].mesh.vertices_mm[:, 0]
    assert skin_weight(anatomy, name, "right")[x < 2].max() == 0
    assert skin_weight(anatomy, name, "left")[x > -2].max() == 0


def test_areas_of_nerves_meet_without_gap_or_overlap(anatomy: Anatomy) -> None:
    points = anatomy["skin"].mesh.vertices_mm
    total = sum(skin_weight(anatomy, name, "both") for name in NERVES)
    assert np.mean(np.asarray(total) > 1.05) < 0.001
    scalp = points[:, 2] > max(anatomy.landmark("inion_skin")[2], 20.0)
    assert np.mean(np.asarray(total)[scalp] < 0.95) < 0.002


def test_left_mirrors_right(anatomy: Anatomy) -> None:
    points = anatomy["skin"].mesh.vertices_mm[::7]
    for name in map_names():
        right, left = weight_at(anatomy, name, "right", points), weight_at(anatomy, name, "left", points * FLIP)
        assert np.mean(np.abs(right - left)) < 0.004, name


def test_pain_fades_softly_and_nerves_end_crisply(anatomy: Anatomy) -> None:
    path = np.linspace(at(anatomy, "hairline_temple_right"), at(anatomy, "vertex"), 400)
    soft = weight_at(anatomy, "chronic-migraine", "right", path)
    assert max(abs(b - a) for a, b in pairwise(soft)) < 0.06 and soft[0] > 0.9 and soft[-1] == 0
    assert all(skin_map(n).edge_mm < 2 for n in NERVES)
    assert all(skin_map(n).edge_mm >= 5 for n in map_names() if n not in NERVES)


def test_what_is_not_known_is_refused(anatomy: Anatomy) -> None:
    with pytest.raises(ValueError, match=r"region is 'cluster_headache'.*cluster-headache"):
        skin_weight(anatomy, "cluster_headache", "right")
    with pytest.raises(ValueError, match="side is 'up'"):
        skin_weight(anatomy, "ophthalmic_nerve", "up")
    with pytest.raises(ValueError, match="opacity"):
        SkinPaint("ophthalmic_nerve", opacity=1.5)


def test_splitting_keeps_the_surface_and_opens_no_gap(anatomy: Anatomy) -> None:
    mesh = anatomy["skin"].mesh
    coat = coat_of(anatomy, mesh, [SkinPaint("greater_occipital_nerve", "right")], load_theme("atlas"))
    assert coat is not None and len(coat.cover) == len(coat.mesh.vertices_mm) > len(mesh.vertices_mm) + 500

    def area(vertices: Array, faces: NDArray[np.int64]) -> float:
        a, b, c = (vertices[faces[:, i]] for i in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    assert area(coat.mesh.vertices_mm, coat.mesh.faces) == pytest.approx(area(mesh.vertices_mm, mesh.faces), rel=1e-9)
    edges = np.sort(np.stack([coat.mesh.faces, np.roll(coat.mesh.faces, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    a, b = coat.mesh.vertices_mm[edges[:, 0]], coat.mesh.vertices_mm[edges[:, 1]]
    jump = np.abs(coat.cover[edges[:, 0]] - coat.cover[edges[:, 1]])
    assert np.linalg.norm(a - b, axis=1)[jump > 0.3].max(initial=0) < 1.5  # no coarse triangle across a border


def test_a_mesh_of_one_value_is_left_as_it_is(anatomy: Anatomy) -> None:
    mesh = anatomy["skin"].mesh
    same, values = refined(mesh, np.ones((len(mesh.vertices_mm), 1)), lambda p: np.ones((len(p), 1)))
    assert same is mesh and len(values) == len(mesh.vertices_mm)


@pytest.mark.image
@pytest.mark.parametrize("opacity", [1.0, 0.15])
def test_paint_is_seen_on_its_side_of_the_picture(anatomy: Anatomy, opacity: float) -> None:
    from sim.stills import render_picture

    shown = tuple(Shown(k, opacity) for k in ("skin", "auricle_left", "auricle_right"))
    camera = Camera("posterior", focus_mm=(0, 0, 20), width_mm=260)
    plain = Picture("p", shown, width_px=420, height_px=360, camera=camera, scale_bar=False, orientation=False, disclaimer=False)
    bare = np.asarray(render_picture(anatomy, plain), dtype=float)
    paint = SkinPaint("greater_occipital_nerve", "right", "#0000ff")
    painted = np.asarray(render_picture(anatomy, Picture(**{**vars(plain), "maps": (paint,)})), dtype=float)
    view = View(np.array([0, 0, 20.0]), np.array([0, -1.0, 0]), np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), 1, 1, 1)
    assert view.project(map_middle(anatomy, "greater_occipital_nerve", "right"))[0][0] > 0  # his right is at the right
    bluer = (painted[..., 2] - painted[..., 0]) - (bare[..., 2] - bare[..., 0])
    left, right = bluer[:, :205], bluer[:, 215:]
    assert right.max() > 90 and (right > 50).mean() > 0.08
    assert left.max() < 30


def test_scenario_paints_and_names_only_what_the_camera_sees(anatomy: Anatomy) -> None:
    from scenarios.loader import parse_scenario
    from sim.compose import compose

    scenario = parse_scenario(
        SCENE
        + """
        [[map]]
        region = "ophthalmic_nerve"
        label = "V1"
        [[map]]
        region = "greater_occipital_nerve"
        label = "GON"
        side = "left"
        """
    )
    front, back, right = compose(scenario, anatomy)
    assert [x.text for x in front.labels] == ["V1"] and [x.text for x in back.labels] == ["GON"]
    assert [x.text for x in right.labels] == ["V1"] and back.labels[0].point_mm is not None and back.labels[0].point_mm[0] < 0
    assert [len(p.maps) for p in (front, back, right)] == [2, 2, 2]
    assert [x.text for x in back.legend] == [skin_map("greater_occipital_nerve").label]
    assert "Kwon 2018" in front.sources


def test_scenario_with_an_unknown_region_says_where(anatomy: Anatomy) -> None:
    from scenarios.loader import parse_scenario
    from sim.compose import compose

    with pytest.raises(ValueError, match=r"map.*region.*greater_occipital_nerv'"):
        compose(parse_scenario(SCENE + '[[map]]\nregion = "greater_occipital_nerv"\n'), anatomy)
