"""The face between structures of a cut: where there is fat and connective tissue, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from meshes.model import Anatomy, SurfaceMesh
from meshes.surface import SurfaceQuery
from scenarios.loader import load_scenario, parse_scenario
from sim.filling import FILLED, fillable, filling
from tests.conftest import ellipsoid_anatomy

UP, RIGHT = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
PLANES = [(np.array([0.0, 0.0, z]), UP) for z in (-64.0, 30.0)] + [(np.array([x, 0.0, 0.0]), RIGHT) for x in (0.5, 22.0)]
SPARSE = 6


def _everything(anatomy: Anatomy) -> frozenset[str]:
    return frozenset(k for k, s in anatomy.structures.items() if s.kind not in ("skin", "hair"))


def _area(mesh: SurfaceMesh) -> float:
    a, b, c = (mesh.vertices_mm[mesh.faces[:, i]] for i in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


@pytest.mark.parametrize(("point", "normal"), PLANES, ids=["C2", "head", "midline", "lateral"])
def test_the_face_is_in_the_plane_and_out_of_airway_canal_skull_and_bodies(
    anatomy: Anatomy, point: np.ndarray, normal: np.ndarray
) -> None:
    face = filling(anatomy, point, normal, frozenset())
    assert face is not None
    used = face.vertices_mm[np.unique(face.faces)][::SPARSE]
    assert np.abs((used - point) @ normal).max() < 0.1
    for key in ("spinal_dura_mater", "spinal_cord", "brainstem", "cranium", "axis", "splenius_capitis_right"):
        assert not (SurfaceQuery(anatomy[key].mesh).signed_distance(used) < -0.8).any(), key
    under = -SurfaceQuery(anatomy["skin"].mesh).signed_distance(used)
    assert under.min() > -0.3
    assert used[:, 1].max() < max(anatomy[k].mesh.vertices_mm[:, 1].max() for k in ("atlas", "axis")) + 0.5
    high = used[:, 2] > 10
    assert not high.any() or under[high].max() < 15  # the scalp, never the brain


def test_the_void_between_trapezius_and_fat_is_closed_and_that_of_a_muscle_not_drawn_stays_open(anatomy: Anatomy) -> None:
    at = np.array([0.0, 0.0, -64.0])
    drawn = _everything(anatomy)
    whole, without = (filling(anatomy, at, UP, keys) for keys in (drawn, drawn - {"splenius_capitis_right"}))
    assert whole is not None and without is not None and _area(whole) > 3000
    mesh = anatomy["splenius_capitis_right"].mesh
    deep = without.vertices_mm[np.unique(without.faces)][::SPARSE]
    assert not (SurfaceQuery(mesh).signed_distance(deep) < -0.8).any()
    mirrored = whole.vertices_mm[whole.faces].mean(axis=1)[:, 0]
    assert abs(float((mirrored > 0).mean()) - 0.5) < 0.02


def test_a_scenario_asks_for_it_and_the_legend_names_it(anatomy: Anatomy) -> None:
    from sim.compose import compose
    from sim.stage import pieces_of
    from sim.theme import load_theme

    picture = compose(load_scenario("cross-section-c2"), anatomy)[0]
    assert [cut.fill for cut in picture.cuts] == [True, False]
    assert FILLED[0] in [row.text for row in picture.legend]
    theme = load_theme("atlas")
    plain = replace(picture, cuts=tuple(replace(c, fill=False) for c in picture.cuts))
    counts = [len(pieces_of(anatomy, p, theme)) for p in (picture, plain)]
    assert counts[0] == counts[1] + 1


def test_an_anatomy_that_cannot_tell_airway_from_fat_gets_none() -> None:
    from sim.compose import compose

    whole = ellipsoid_anatomy()
    kept = [s for s in whole.structures.values() if s.key != "spinal_dura_mater"]
    bare = Anatomy.of("bare", kept, whole.landmarks, whole.curves)
    assert fillable(whole) and not fillable(bare)
    asked = parse_scenario(
        'schema = 1\ntitle = "t"\n[[show]]\nstructures = ["skin"]\n[[cut]]\nat = { point_mm = [0, 0, 0] }\nremove = "right"\n'
        'fill = true\n[[view]]\nname = "v"\ncamera = "right"\n'
    )
    assert [compose(asked, a)[0].cuts[0].fill for a in (whole, bare)] == [True, False]
    assert not compose(asked, bare)[0].legend


def test_every_opening_of_the_shipped_cuts_is_closed_whole(anatomy: Anatomy) -> None:
    from sim.compose import compose
    from sim.cutting import cap, clip, plane_distance

    picture = compose(load_scenario("cut-away"), anatomy)[0]
    cut = picture.cuts[0]
    normal = np.array(cut.normal)
    for key in ("mandible", "fourth_cervical_vertebra", "semispinalis_capitis_right", "axis"):
        mesh = anatomy[key].mesh
        _, rim = clip(mesh, plane_distance(mesh.vertices_mm, np.array(cut.point_mm), normal))
        face = cap(rim, normal)
        around = abs(float(np.cross(rim[:, 0], rim[:, 1]).sum(axis=0) @ normal)) / 2
        assert face is not None and _area(face) == pytest.approx(around, rel=0.02), key
