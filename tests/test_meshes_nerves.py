"""Nerves and vessels: built on slabs known by construction, and seen in the shipped model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from meshes import fields as f
from meshes.measure import Subject
from meshes.model import Anatomy
from meshes.nerves import beds, branching_part, course_nodes
from meshes.points import load_table
from meshes.spine import facet_joints, transverse_foramina
from meshes.surface import SurfaceQuery

LAYERS: dict[str, f.Field] = {
    "skin": f.box([0, 0, 0], [90, 60, 90]),
    "bones": f.box([0, 20, 0], [80, 20, 80]),  # y from 0 to 40
    "deep": f.box([0, -15, 0], [60, 4, 60]),  # -19 to -11
    "superficial": f.box([0, -30, 0], [60, 4, 60]),  # -34 to -26
    "stem": f.sphere([-30, -22.5, 0], 4),
}
ROW: dict[str, Any] = {
    "radius": [[0, 1.0], [1, 0.5]],
    "nodes": [
        {"name": "start", "seat": "point", "near": [-30, -22.5, 0]},
        {"name": "between", "seat": "between", "of": ["deep", "superficial"], "lateral": 0, "height": 0},
        {"name": "end", "seat": "point", "near": [30, -22.5, 0]},
    ],
    "sources": [],
    "evidence": "KNOWN",
}
ROWS = {k: row for t in ("nerves", "vessels") for k, row in load_table(t).items() if isinstance(row, dict)}
COURSES = [k for k, row in ROWS.items() if not row.get("spindle")]


def test_a_trunk_runs_through_its_nodes_with_its_radii() -> None:
    part = branching_part("n", ROW, LAYERS)
    assert part.centerline is not None and part.radius_mm is not None
    assert part.centerline[0] == pytest.approx([-30, -22.5, 0]) and part.centerline[-1] == pytest.approx([30, -22.5, 0])
    assert (part.radius_mm[0], part.radius_mm[-1]) == pytest.approx((1.0, 0.5))
    assert part.field([[0, -22.5, 0.7], [0, -22.5, 0.8]]) == pytest.approx([-0.05, 0.05], abs=0.03)


def test_what_springs_from_a_parent_ends_at_its_wall() -> None:
    part = branching_part("n", ROW | {"springs_from": ["stem"]}, LAYERS)
    inside = np.array([[x, -22.5, 0.0] for x in (-30, -28, -26.5)])
    assert (part.field(inside) > 0).all() and (part.field([[-25.5, -22.5, 0]]) < 0).all()


def test_a_muscle_is_kept_clear_of_until_a_node_and_pierced_after_it() -> None:
    nodes = [
        {"name": "start", "seat": "point", "near": [-30, -21, 0]},
        {"name": "middle", "seat": "point", "near": [-10, -26.5, 0]},
        {"name": "enters", "seat": "point", "near": [10, -25.5, 0]},
        {"name": "end", "seat": "point", "near": [20, -40, 0]},
    ]
    row = ROW | {"nodes": nodes, "clear_until": [{"node": "enters", "of": ["superficial"], "axis_gap": 0.4}]}
    line = branching_part("n", row, LAYERS).centerline
    assert line is not None
    assert LAYERS["superficial"](line[line[:, 0] < 8]).min() > 0.2
    assert LAYERS["superficial"](line).min() < -3


def test_a_path_pushed_into_bone_comes_out_by_its_radius() -> None:
    nodes = [{"name": n, "seat": "point", "near": [x, y, 0]} for n, x, y in (("a", -30, -5), ("b", 0, 3), ("c", 30, -5))]
    part = branching_part("n", ROW | {"nodes": nodes}, LAYERS)
    assert part.centerline is not None and part.radius_mm is not None
    assert (LAYERS["bones"](part.centerline) - part.radius_mm).min() > 0


def test_a_branch_has_its_own_nodes_and_keeps_clear_of_what_it_names() -> None:
    twig = {
        "from": "trunk", "at": 0.5, "radius": [[0, 0.4], [1, 0.4]], "clear": ["ball"],
        "nodes": [{"name": "t", "seat": "point", "near": [0, -22.5, 40]}],
    }  # fmt: skip
    layers = LAYERS | {"ball": f.sphere([5.3, -22.5, 20], 6)}
    line = branching_part("n", ROW | {"branches": {"up": twig}}, layers).branches["up"]
    assert line[0] == pytest.approx([0, -22.5, 0], abs=0.3) and line[-1] == pytest.approx([0, -22.5, 40])
    assert layers["ball"](line).min() > 0.4


def test_a_spindle_has_no_path() -> None:
    part = branching_part("n", ROW | {"spindle": True}, LAYERS)
    assert part.centerline is None and part.radius_mm is None and not part.branches


def test_a_bed_without_a_stretch_is_the_whole_course() -> None:
    whole = beds("vessels", [branching_part("internal_jugular_vein", ROW, LAYERS)], LAYERS)
    assert list(whole) == ["sternocleidomastoid"]
    [groove] = whole["sternocleidomastoid"]
    assert groove([[x, -22.5, 0] for x in (-29, 0, 29)]).max() < -0.6


@pytest.mark.parametrize("key", ROWS)
def test_every_node_has_a_name_of_its_own(key: str) -> None:
    names = [n["name"] for n in ROWS[key]["nodes"]]
    assert len(set(names)) == len(names) >= 3


def test_vertebral_artery_passes_the_foramina_in_order() -> None:
    nodes = course_nodes(
        {"nodes": [n for n in load_table("vessels")["vertebral_artery"]["nodes"] if "foramen" in n.get("anchor", {})]}, {}
    )
    wanted = transverse_foramina()
    numbers = ("sixth", "fifth", "fourth", "third")
    order = [*(f"{n}_cervical_vertebra" for n in numbers), "axis", "atlas"]
    assert np.allclose(nodes, [wanted[k] for k in order])


@pytest.mark.parametrize("key", COURSES)
def test_paths_of_the_shipped_model_stay_under_the_skin_and_out_of_bone(anatomy: Anatomy, key: str) -> None:
    found = [s for s in anatomy.structures.values() if s.key.removesuffix("_right").removesuffix("_left") == key]
    if not found:
        pytest.skip(f"{key} is not in the shipped model yet")
    nerve = found[-1]
    assert nerve.centerline is not None and nerve.radius_mm is not None
    line, radius = nerve.centerline[2:-2:3], nerve.radius_mm[2:-2:3]
    assert (_subject(anatomy).query("skin").signed_distance(line) < -radius).all()
    for bone in (s for s in anatomy.structures.values() if s.kind == "bone" and s.side != "left"):
        low, high = bone.mesh.vertices_mm.min(axis=0) - 2, bone.mesh.vertices_mm.max(axis=0) + 2
        near = ((line > low) & (line < high)).all(axis=1)
        if near.any():
            depth = _subject(anatomy).query(bone.key).signed_distance(line[near])
            assert (depth > 0.5 * radius[near]).all(), (bone.key, line[near][depth.argmin()])


def test_third_occipital_nerve_crosses_the_joint_of_c2_and_c3(anatomy: Anatomy) -> None:
    if "great_auricular_nerve_right" not in anatomy.structures:
        pytest.skip("the shipped model is older than this course")
    line = anatomy["third_occipital_nerve_right"].centerline
    assert line is not None
    assert np.linalg.norm(line - facet_joints()["third_cervical_vertebra"], axis=1).min() < 9


def test_trunks_of_the_shipped_model_lie_in_the_free_space_between_their_muscles(anatomy: Anatomy) -> None:
    line = anatomy["greater_occipital_nerve_right"].centerline
    assert line is not None
    low = int(np.argmin(line[:, 2]))
    up = line[low : low + 60]
    semispinalis = SurfaceQuery(anatomy["semispinalis_capitis_right"].mesh)
    first = int(np.argmax(semispinalis.contains(up)))
    assert first == 0 or first > 20


_SUBJECTS: dict[int, Subject] = {}


def _subject(anatomy: Anatomy) -> Subject:
    return _SUBJECTS.setdefault(id(anatomy), Subject(anatomy))
