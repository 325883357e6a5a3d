"""Spine, canal and shoulder girdle against the published dimensions, at coarse spacing."""

from __future__ import annotations

from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest

from meshes.canal import canal_nodes, canal_parts
from meshes.contour import contour
from meshes.curves import catmull_rom
from meshes.fields import Field
from meshes.girdle import girdle_parts, polygon_distance
from meshes.levels import level, upper_joint
from meshes.model import SurfaceMesh
from meshes.parts import Part
from meshes.points import load_table, shared_points
from meshes.spine import LEVELS, cobb_c2_c7, facet_joints, spine_parts, transverse_foramina

BONES = ("atlas", *LEVELS)
COARSE_MM = 1.1


@cache
def parts() -> dict[str, Part]:
    return {p.key: p for p in [*spine_parts(), *canal_parts(), *girdle_parts()]}


@cache
def mesh(key: str) -> SurfaceMesh:
    return contour(parts()[key].field, COARSE_MM if key in BONES else min(COARSE_MM, 2 * parts()[key].spacing))


def extent(key: str) -> np.ndarray:
    v = mesh(key).vertices_mm
    return np.asarray(v.max(axis=0) - v.min(axis=0))


def overlap_mm(a: Field, b: Field, step: float = 1.0) -> float:
    lower, upper = np.maximum(a.lower, b.lower), np.minimum(a.upper, b.upper)
    if (lower >= upper).any():
        return 0.0
    axes = [np.arange(lower[i], upper[i] + step, step) for i in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[a(grid) < 1.0]
    return float(max(0.0, -np.maximum(a(grid), b(grid)).min())) if len(grid) else 0.0


def test_parts_are_the_spine_in_order_with_a_disc_below_each_body() -> None:
    keys = [p.key for p in spine_parts()]
    assert tuple(keys[:9]) == BONES
    assert keys[9:] == [f"intervertebral_disc_{a}_{b}" for a, b in pairwise(("c2", "c3", "c4", "c5", "c6", "c7", "t1", "t2"))]


@pytest.mark.parametrize("key", [*BONES, "intervertebral_disc_c4_c5", "clavicle", "scapula", "spinal_cord", "c2_spinal_ganglion"])
def test_surface_is_closed(key: str) -> None:
    import trimesh

    surface = trimesh.Trimesh(mesh(key).vertices_mm, mesh(key).faces, process=False)
    assert surface.is_watertight and surface.is_winding_consistent and surface.volume > 0
    assert surface.body_count == 1


def test_atlas_has_its_published_size() -> None:
    width, depth, _ = extent("atlas")
    assert 66 <= width <= 86
    assert 41 <= depth <= 50
    assert width == pytest.approx(2 * shared_points()["c1_transverse_tip_right"][0], abs=1.5)


def test_atlas_is_a_ring_without_body() -> None:
    inside = np.array([[0.0, y, -44.0] for y in np.arange(-24.0, 6.0)])
    assert (parts()["atlas"].field(inside) > 0).all()


def test_atlas_is_the_widest_from_c1_to_c6() -> None:
    widths = [extent(key)[0] for key in BONES[:6]]
    assert widths[0] == max(widths)


def test_atlas_canal_is_wide_enough() -> None:
    x = np.arange(-16.0, 16.0, 0.25)
    free = parts()["atlas"].field(np.column_stack([x, np.full_like(x, -12.0), np.full_like(x, -44.0)])) > 0
    assert 24 <= 0.25 * free.sum() <= 32


def test_dens_stands_behind_the_anterior_arch() -> None:
    tip = shared_points()["dens_tip"]
    assert abs(parts()["axis"].field(tip)[0]) < 1.0
    y = np.arange(4.0, 10.0, 0.05)
    line = np.column_stack([np.zeros_like(y), y, np.full_like(y, -40.0)])
    gap = 0.05 * ((parts()["axis"].field(line) > 0) & (parts()["atlas"].field(line) > 0)).sum()
    assert 0.5 <= gap <= 3.0


def test_axis_spine_is_cleft_and_reaches_its_tubercles() -> None:
    field = parts()["axis"].field
    assert abs(field(shared_points()["c2_spinous_tubercle_right"])[0]) < 1.0
    assert field(np.array([[0.0, -42.0, -76.5]]))[0] > 0.3


@pytest.mark.parametrize("number", ["c3", "c4", "c5", "c6", "c7", "t1", "t2"])
def test_spine_ends_at_the_shared_tip(number: str) -> None:
    key = next(k for k in LEVELS if load_table("vertebrae")[k]["number"] == number)
    tip = shared_points()[f"{number}_spinous_tip"]
    v = mesh(key).vertices_mm
    assert v[:, 1].min() == pytest.approx(tip[1], abs=1.5)
    assert v[v[:, 1] < tip[1] + 3][:, 2].mean() == pytest.approx(tip[2], abs=3.0)


@pytest.mark.parametrize("name, key", [("c1_posterior_tubercle", "atlas"), ("c1_anterior_tubercle", "atlas"),
                                       ("c1_transverse_tip_right", "atlas"), ("c2_transverse_tip_right", "axis"),
                                       ("c7_transverse_tip_right", "seventh_cervical_vertebra"),
                                       ("clavicle_sternal_end_right", "clavicle"), ("clavicle_acromial_end_right", "clavicle"),
                                       ("acromion_right", "scapula"), ("scapula_superior_angle_right", "scapula"),
                                       ("scapular_spine_root_right", "scapula")])  # fmt: skip
def test_bone_passes_through_the_shared_point(name: str, key: str) -> None:
    near = np.linalg.norm(mesh(key).vertices_mm - shared_points()[name], axis=1).min()
    assert near < 2.0


@pytest.mark.parametrize("number", ["c3", "c4", "c5", "c6"])
def test_cleft_spine_has_two_ends_of_unequal_length(number: str) -> None:
    key = next(k for k in LEVELS if load_table("vertebrae")[k]["number"] == number)
    v = mesh(key).vertices_mm
    right, left = (v[v[:, 0] * side > 1.5] for side in (1.0, -1.0))
    ends = np.array([half[half[:, 1].argmin()] for half in (right, left)])
    assert 0.4 < abs(ends[0, 1] - ends[1, 1]) < 3.0 or abs(abs(ends[0, 0]) - abs(ends[1, 0])) > 0.3
    assert parts()[key].field(ends.mean(axis=0)[None])[0] > 0.3


def test_seventh_spine_is_single_and_the_longest_of_the_neck() -> None:
    back = [mesh(key).vertices_mm[:, 1].min() - level(key).origin[1] for key in LEVELS[1:6]]
    assert back.index(min(back)) == 4 and min(back) < -45
    end = mesh(LEVELS[5]).vertices_mm
    assert np.ptp(end[end[:, 1] < end[:, 1].min() + 4, 0]) < 10


def test_laminae_slope_like_tiles() -> None:
    """The lower edge of a lamina hangs behind the upper edge of the next, with a narrow gap between."""
    for above, below in pairwise(LEVELS[1:6]):
        centre = level(below).origin
        y, z = np.meshgrid(np.arange(-32.0, -12.0, 0.4), np.arange(-14.0, 18.0, 0.4))
        plane = centre + np.column_stack([np.full(y.size, 8.0), y.ravel(), z.ravel()])
        upper, lower = (plane[parts()[key].field(plane) < 0] for key in (above, below))
        edge, next_edge = upper[upper[:, 2].argmin()], lower[lower[:, 2].argmax()]
        assert edge[2] - next_edge[2] < 3.5
        assert edge[1] < next_edge[1] - 1.0


def test_pillars_are_columns_waisted_between_their_facets() -> None:
    out = np.arange(0.0, 10.0, 0.1)[:, None] * [1.0, 0.0, 0.0]
    for key, below in pairwise(LEVELS[1:6]):
        place = level(key)
        back = shared_points()[f"{place.size['number']}_articular_pillar_right"]
        assert abs(parts()[key].field(back)[0]) < 1.0
        upper, lower = upper_joint(place), upper_joint(level(below))
        ends = [upper.middle - 2.0 * upper.normal, 0.5 * (upper.middle + lower.middle), lower.middle + 2.0 * lower.normal]
        top, waist, foot = (0.1 * (parts()[key].field(end - [0.0, 2.0, 0.0] + out) < 0).sum() for end in ends)
        assert waist + 0.3 < min(top, foot)


def test_facets_face_up_and_back_at_their_angle() -> None:
    for key in LEVELS[1:5]:
        joint, place = upper_joint(level(key)), level(key)
        steep = np.degrees(np.arccos(joint.normal @ place.up))
        assert 40 <= steep <= 55 and joint.normal[1] < 0
        face = parts()[key].field(joint.middle + 1.2 * joint.normal)[0], parts()[key].field(joint.middle - 1.2 * joint.normal)[0]
        assert face[0] > 0 > face[1]


def test_spinal_nerve_lies_in_a_groove_between_two_tubercles() -> None:
    for key in LEVELS[1:5]:
        place, form = level(key), parts()[key].field
        front, back = (np.array(place.size[k]) for k in ("anterior_tubercle", "posterior_tubercle"))
        heights = []
        for at in (front, 0.5 * (front + back), back - [1.5, 0.0, 0.0]):
            column = at + np.arange(-8.0, 6.0, 0.1)[:, None] * [0.0, 0.0, 1.0]
            heights.append(column[form(place.at(column)) < 0.2][:, 2].max())
        assert heights[1] + 0.4 < min(heights[0], heights[2])


def test_obliquus_inferior_spans_its_published_length() -> None:
    points = shared_points()
    assert 50 <= np.linalg.norm(points["c2_spinous_tip"] - points["c1_transverse_tip_right"]) <= 63


def test_lordosis_is_within_the_published_window() -> None:
    assert -5 <= cobb_c2_c7() <= 30


def test_typical_vertebra_matches_the_published_means() -> None:
    for key in LEVELS[1:5]:
        row = load_table("vertebrae")[key]
        assert row["body_height"] == pytest.approx(10.9, abs=2 * 1.35)
        assert 14.0 <= row["body_depth"] <= 16.5
        assert 53 <= extent(key)[0] <= 62


@pytest.mark.slow
def test_neighbours_do_not_interpenetrate() -> None:
    keys = [k for k in parts() if k not in ("spinal_cord", "clavicle", "scapula")]
    for a, b in combinations(keys, 2):
        assert overlap_mm(parts()[a].field, parts()[b].field) < 0.5, f"{a} and {b} overlap"


def test_facet_joints_have_a_gap() -> None:
    for above, below in pairwise(LEVELS):
        middle = facet_joints()[below]
        apart = parts()[above].field(middle)[0] + parts()[below].field(middle)[0]
        assert 0.3 <= apart <= 2.0


def test_artery_has_a_free_way_through_every_foramen() -> None:
    centres = transverse_foramina()
    for key in BONES[:6]:
        assert parts()[key].field(centres[key])[0] > 2.0
    assert centres["atlas"] == pytest.approx(shared_points()["c1_transverse_foramen_right"], abs=1.0)


def test_groove_of_the_artery_stays_off_the_midline() -> None:
    way = catmull_rom(load_table("vertebrae")["artery"]["beyond"], 0.5)
    on_arch = way[parts()["atlas"].field(way) < 4.5]
    radius = load_table("vertebrae")["artery"]["clear_radius"]
    assert on_arch[:, 0].min() - radius >= 8.0


def test_canal_is_free() -> None:
    cord, _ = canal_nodes()
    for key in BONES:
        assert parts()[key].field(catmull_rom(cord, 2.0)).min() > 4.0
        assert parts()[key].field(mesh("spinal_dura_mater").vertices_mm).min() > -0.3


def test_csf_behind_the_cord_at_c1_c2() -> None:
    y = np.arange(-32.0, 0.0, 0.05)
    line = np.column_stack([np.zeros_like(y), y, np.full_like(y, -53.0)])
    dura, cord = (y[parts()[k].field(line) < 0].min() for k in ("spinal_dura_mater", "spinal_cord"))
    assert 3.0 <= cord - dura <= 6.0


def test_cord_has_its_published_area_at_c5() -> None:
    row = next(r for r in load_table("canal")["canal"]["nodes"] if r["name"] == "C5")
    assert np.pi * np.prod(row["cord_half"]) == pytest.approx(78.1, abs=6.0)


def test_second_ganglion_lies_between_arch_and_lamina() -> None:
    v = mesh("c2_spinal_ganglion").vertices_mm
    thick = v[(v[:, 0] > 12.5) & (v[:, 0] < 17.0)]
    assert 4.5 <= np.ptp(thick[:, 2]) <= 7.0
    assert v[:, 2].max() < -46 and v[:, 2].min() > -58


def test_girdle_is_cut_at_the_lower_plane_and_jointed() -> None:
    for key in ("clavicle", "scapula"):
        assert mesh(key).vertices_mm[:, 2].min() > -213.0
    between = mesh("clavicle").vertices_mm[mesh("clavicle").vertices_mm[:, 0] > 155]
    assert 0.3 <= parts()["scapula"].field(between).min() <= 4.0


def test_polygon_distance_of_a_square() -> None:
    square = [[0, 0], [2, 0], [2, 2], [0, 2]]
    assert polygon_distance(square, [[1, 1], [3, 1], [3, 3]]) == pytest.approx([-1.0, 1.0, np.sqrt(2)])
