"""Meetings of sutures on bones that are still apart."""

from __future__ import annotations

import json

import numpy as np

from meshes.model import SurfaceMesh
from meshes.real_sutures import suture_bones, suture_meetings
from meshes.reference_adult import ReferenceAdult
from tests.test_meshes_real_landmarks import REFERENCE, miss, name_of, native, needs_adult


def plate(x: float, y: float) -> SurfaceMesh:
    """A quarter of a plate with two layers, one corner at (0, 0)."""
    grid = np.array([(i * x, j * y, z) for z in (50.0, 44.0) for i in range(0, 41, 2) for j in range(0, 41, 2)], dtype=float)
    return SurfaceMesh(grid, np.array([[0, 1, 2]]), np.ones_like(grid))


def test_three_bones_meet_on_the_outer_side() -> None:
    bones = {"parietal_bone_right": plate(1, -1), "parietal_bone_left": plate(-1, -1), "frontal_bone": plate(0.5, 1)}
    low = plate(1, 1)
    bones["occipital_bone"] = SurfaceMesh(low.vertices_mm - [0, 0, 100], low.faces, low.normals)
    met = suture_meetings(bones)
    assert set(met) == {"bregma"}
    assert np.linalg.norm(met["bregma"] - [0, 0, 50]) < 2.0
    far = SurfaceMesh(bones["frontal_bone"].vertices_mm + [0, 30, 0], bones["frontal_bone"].faces, bones["frontal_bone"].normals)
    assert suture_meetings({**bones, "frontal_bone": far}) == {} and suture_meetings({}) == {}


def words_of(bone: str) -> str:
    base, _, side = bone.rpartition("_")
    return f"{side} {base.replace('_', ' ')}" if side in ("right", "left") else bone.replace("_", " ")


@needs_adult
def test_sutures_of_the_adult_meet_within_5_mm_of_the_hand() -> None:
    adult = ReferenceAdult(REFERENCE)
    met = suture_meetings({bone: native(adult.surface([words_of(bone)])) for bone in suture_bones()})
    text = json.loads((REFERENCE / "landmarks.json").read_text("utf-8"))["landmarks_inion"]
    hand = {name: np.array(at) for words, at in text.items() if (name := name_of(words)) is not None}
    for name in ("bregma", "lambda"):
        assert miss(met[name], hand[name]) < 5.0, name
    assert met["asterion_right"][0] > 40 > -40 > met["asterion_left"][0]
