"""A real person as an anatomy: proved on the model itself dressed as a scan, and on a real adult where he is at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes import load_anatomy
from meshes.archive import read_archive, write_archive
from meshes.course_checks import ON_OBLIQUE, stations_on_surfaces
from meshes.model import Anatomy, SurfaceMesh
from meshes.nape import NERVE, OCI, SSC, TRAPEZIUS
from meshes.real_anatomy import real_anatomy
from meshes.real_seating import INSIDE, NONE, OVER, UNDER, clamped, order_along
from meshes.subcutis import skin_thickness
from meshes.surface import SurfaceQuery
from scenarios.occipital import medial_third_point
from scenarios.preempt import check_sites, preempt_sites
from tests.test_meshes_real_landmarks import SCANNED, adult_parts, needs_adult, scanned

Array = NDArray[np.float64]
SIDES = ("right", "left")
CREDIT = "BodyParts3D, (c) The Database Center for Life Science"
SEATED = ("cranium", "atlas", "axis", *(f"{m}_{s}" for m in (OCI, SSC, TRAPEZIUS) for s in SIDES))
UNUSED = {f"corrugator_supercilii_{s}" for s in SIDES}  # his lie on the rim of the orbit: see docs/registration.md


def places(person: Anatomy, side: str) -> list[str]:
    met = [s.place for s in stations_on_surfaces(person, side)]
    return [ON_OBLIQUE if p in (f"between {OCI} and {SSC}", f"on {OCI}") else p for p in met]


def bends(line: Array) -> float:
    """The sharpest turn of a line, mm off the straight way over one step."""
    return float(np.linalg.norm(np.diff(line, 2, axis=0), axis=1).max())


@pytest.fixture(scope="module")
def itself(anatomy: Anatomy) -> Anatomy:
    """The model's own skull, upper neck and landmarks, turned and scaled as a scan: everything else comes from the model."""
    parts = {k: scanned(anatomy[k].mesh) for k in SEATED}
    landmarks = {n: SCANNED.apply(at[None])[0] for n, at in anatomy.landmarks.items()}
    return real_anatomy("itself", parts, landmarks, {"credit": "nobody"})


@pytest.fixture(scope="module")
def adult() -> Anatomy:
    parts = {k: m for k, m in adult_parts().items() if k != "skin"}  # as the atlas is installed: without its skin
    return real_anatomy("bodyparts3d", parts, None, {"credit": CREDIT, "licence": "CC BY-SA 2.1 JP"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.pop("cranium"), "no cranium"),
        (lambda p: p.update(atlas=replace(p["atlas"], faces=np.empty((0, 3), np.int64))), "atlas has no triangles"),
        (lambda p: p.update(atlas=replace(p["atlas"], vertices_mm=p["atlas"].vertices_mm * np.nan)), "not finite"),
        (
            lambda p: p.update({f"{OCI}_right": p[f"{OCI}_left"], f"{OCI}_left": p[f"{OCI}_right"]}),
            f"right and left of {OCI} are swapped",
        ),
    ],
)
def test_parts_that_cannot_be_a_head_are_refused(anatomy: Anatomy, change: Any, words: str) -> None:
    parts: dict[str, SurfaceMesh] = {k: anatomy[k].mesh for k in SEATED}
    change(parts)
    with pytest.raises(ValueError, match=words):
        real_anatomy("wrong", parts, anatomy.landmarks)


def test_swapped_landmarks_are_refused(anatomy: Anatomy) -> None:
    other = {"right": "left", "left": "right"}
    swapped = {
        f"{n.rpartition('_')[0]}_{other[n.rpartition('_')[2]]}" if n.endswith(SIDES) else n: at
        for n, at in anatomy.landmarks.items()
    }
    with pytest.raises(ValueError, match="turn the head over"):
        real_anatomy("wrong", {k: anatomy[k].mesh for k in SEATED}, swapped)


def test_a_line_keeps_its_order_where_its_own_way_misses_a_layer() -> None:
    nan = np.nan
    enter = np.array([3.0] * 8 + [nan] * 4 + [-1.0] * 8 + [nan] * 4 + [-4.0] * 8)
    leave = enter + 2.0
    order = order_along(enter, leave, 0.3)
    assert list(order[:8]) == [UNDER] * 8 and list(order[-8:]) == [OVER] * 8 and INSIDE in order[12:20]
    turned = order_along(np.array([3.0] * 8 + [nan] * 6 + [-4.0] * 8), np.array([5.0] * 8 + [nan] * 6 + [-2.0] * 8), 0.3)
    assert set(turned[8:14]) == {NONE}
    slip = np.array([3.0] * 9 + [-4.0] * 2 + [3.0] * 9)
    assert set(order_along(slip, slip + 1.0, 0.3)) == {UNDER}
    assert set(order_along(np.full(5, nan), np.full(5, nan), 0.3)) == {NONE}


def test_a_line_goes_between_its_layers_and_midway_where_they_overlap() -> None:
    low, high = np.array([-np.inf, 1.0, 2.0]), np.array([-1.0, 3.0, 0.0])
    assert clamped(np.zeros(3), low, high).tolist() == [-1.0, 1.0, 1.0]


@pytest.mark.slow
def test_the_model_dressed_as_a_scan_comes_back_as_itself(anatomy: Anatomy, itself: Anatomy) -> None:
    for key in (*SEATED, f"{NERVE}_right", f"{NERVE}_left", "occipital_artery_right", "skin"):
        far = SurfaceQuery(itself[key].mesh).closest(SCANNED.scale * anatomy[key].mesh.vertices_mm[::20])[0]
        gap = np.linalg.norm(far - SCANNED.scale * anatomy[key].mesh.vertices_mm[::20], axis=1)
        assert np.median(gap) < 1.5 and np.quantile(gap, 0.95) < 4.0, (key, np.median(gap))
    assert itself.meta["least_stretch"] > 0.3
    assert itself.meta["seating"] == {"right": [], "left": []}
    assert itself.meta["credit"] == "nobody" and itself.meta["sex"] == "unknown"
    assert "skin" in itself.meta["estimated"] and "atlas" not in itself.meta["estimated"]
    assert np.linalg.norm(itself.landmark("porion_right") + itself.landmark("porion_left")) < 1.0


@pytest.mark.slow
@needs_adult
def test_nothing_folds_and_right_is_right(adult: Anatomy) -> None:
    assert adult.meta["least_stretch"] > 0.05
    for key, s in adult.structures.items():
        if s.side == "right" and (other := key.replace("_right", "_left")) in adult:
            assert s.mesh.vertices_mm[:, 0].mean() > adult[other].mesh.vertices_mm[:, 0].mean(), key
    for name, at in adult.landmarks.items():
        if name.endswith("_right"):
            assert at[0] > 0 > adult.landmark(name.replace("_right", "_left"))[0], name
    corners = adult["skin"].mesh.vertices_mm[adult["skin"].mesh.faces]
    assert np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() > 0


@pytest.mark.slow
@needs_adult
@pytest.mark.parametrize("side", SIDES)
def test_the_nerve_lies_between_his_own_muscles(adult: Anatomy, side: str) -> None:
    assert adult.meta["seating"][side] == []
    met = places(adult, side)
    assert met.index(ON_OBLIQUE) < met.index(f"in {SSC}") < max(met.index(p) for p in met if p.endswith(TRAPEZIUS))
    assert f"in {OCI}" not in met
    nerve = adult[f"{NERVE}_{side}"]
    assert nerve.centerline is not None and bends(nerve.centerline) < 0.6
    assert SurfaceQuery(adult["cranium"].mesh).signed_distance(nerve.centerline).min() > 0.5
    assert SurfaceQuery(adult["skin"].mesh).signed_distance(nerve.centerline).max() < -1.0
    for muscle in (OCI, "obliquus_capitis_superior", "splenius_capitis"):
        assert SurfaceQuery(adult[f"{muscle}_{side}"].mesh).signed_distance(nerve.centerline).min() > -0.5, muscle
    tube = SurfaceQuery(nerve.mesh).signed_distance(nerve.centerline)
    assert np.quantile(tube, 0.9) < 0  # the tube went with its axis


@pytest.mark.slow
@needs_adult
def test_his_parts_are_kept_and_the_rest_is_told_as_estimated(adult: Anatomy) -> None:
    given = adult_parts()
    assert len(adult["atlas"].mesh.vertices_mm) == len(given["atlas"].vertices_mm)
    assert set(adult.meta["estimated"]) & set(given) <= UNUSED | {"skin"} and set(adult.meta["not_used"]) == UNUSED
    assert {f"{NERVE}_right", "occipital_artery_left", "skin"} <= set(adult.meta["estimated"])
    muscle = adult[f"{SSC}_right"].mesh
    assert muscle.fibres is not None and np.median(np.abs(muscle.fibres[:, 2])) > 0.7  # it runs up the neck
    assert 1.0 < adult.meta["tre_mm"] <= 6.0 <= adult.meta["tre_90_mm"] < 15.0
    assert adult.meta["credit"] == CREDIT and adult.meta["landmark_confidence"]["inion"] < 0.5


@pytest.mark.slow
@needs_adult
def test_his_parts_end_with_the_model_and_under_its_skin(adult: Anatomy) -> None:
    assert "multifidus_right" in adult.meta["cut"] and "atlas" not in adult.meta["cut"]
    skin, model = adult["skin"].mesh, load_anatomy()["skin"].mesh
    query, tree, own = SurfaceQuery(skin), cKDTree(skin.vertices_mm), skin_thickness(model.vertices_mm)
    for s in (s for s in adult.structures.values() if s.kind in ("bone", "muscle") and s.key not in adult.meta["estimated"]):
        points = np.vstack([s.mesh.vertices_mm, s.mesh.vertices_mm[s.mesh.faces].mean(axis=1)])
        far, near = tree.query(points, distance_upper_bound=14.0)
        points, near = points[far < 14.0], near[far < 14.0]
        if len(points):  # dermis over all of it, the lower end and the eyelids too
            assert (-query.signed_distance(points) - own[near]).min() > -0.15, s.key
    fascia = adult["superficial_fascia"].mesh.vertices_mm
    fascia = fascia[fascia[:, 2] > skin.vertices_mm[:, 2].min() + 15.0]
    assert query.signed_distance(fascia).max() < 0.0  # it went with the skin


@pytest.mark.slow
@needs_adult
def test_the_plan_and_the_block_are_placed_on_him(adult: Anatomy) -> None:
    sites = preempt_sites(adult)
    assert len(sites) == 31
    for site in sites:
        assert abs(SurfaceQuery(adult["skin"].mesh).signed_distance(site.skin_point[None])[0]) < 0.5, site.id
    assert [s.id for s in sites if s.hit is None] == []
    wrong = {(f.check, f.site) for f in check_sites(adult, sites) if f.severity == "error"}
    assert wrong == set(), wrong
    for side, sign in (("right", 1), ("left", -1)):
        point = medial_third_point(adult, side)
        assert 20 < sign * point.skin_point[0] < 42 and 3 < point.depth_mm < 15
        line = adult[f"{NERVE}_{side}"].centerline
        assert line is not None and np.linalg.norm(line - point.target_point, axis=1).min() < 10.0  # 8 mm in the model


@pytest.mark.slow
@needs_adult
@pytest.mark.image
def test_a_scenario_draws_him(adult: Anatomy, tmp_path: Path) -> None:
    from PIL import Image

    import sim

    write_archive(adult, tmp_path / "adult.inion")
    kept = read_archive(tmp_path / "adult.inion")
    assert kept.meta["credit"] == CREDIT and kept.meta["estimated"] == adult.meta["estimated"]
    library = Path(__file__).parent.parent / "scenarios" / "library" / "gon-path.toml"
    text = library.read_text("utf-8").replace("[[show]]", '[anatomy]\nsource = "adult.inion"\n\n[[show]]', 1)
    (tmp_path / "path.toml").write_text(text, "utf-8")
    first, *_ = sim.render(sim.load_scenario(str(tmp_path / "path.toml")), tmp_path / "out")
    pixels = np.asarray(Image.open(first).convert("RGB")).astype(int)
    yellow = (pixels[..., 0] > 190) & (pixels[..., 1] > 150) & (pixels[..., 2] < 110)
    red = (pixels[..., 0] > 120) & (pixels[..., 1] < 90) & (pixels[..., 2] < 80)
    assert yellow.sum() > 2000 and red.sum() > 5000
