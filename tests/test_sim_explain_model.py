"""The 3-D model of the patient's page: places, sides, cameras, the way of the pain, and the file that the browser reads."""

from __future__ import annotations

import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from meshes.model import Anatomy
from scenarios.loader import load_scenario
from sim.cameras import stand
from sim.explain import model_scripts
from sim.explain.model import PatientModel, patient_model, three_js, viewer_js
from sim.explain.model_cameras import angles, direction, framed
from sim.explain.model_glb import Surface, write_glb
from sim.explain.model_paths import NEEDED, convergence
from sim.explain.model_store import kept_surfaces
from sim.explain.model_tools import corners_of, png_of
from sim.picture import Camera
from sim.tables import table
from sim.ultrasound.image import BModeImage

Array = NDArray[np.float64]

SOME = (
    "skin", "auricle_left", "auricle_right", "eyebrow_right", "cranium", "axis", "obliquus_capitis_inferior_left",
    "obliquus_capitis_inferior_right", "brainstem", "occipital_artery_right",
    *(f"{n}_{s}" for n in NEEDED for s in ("left", "right")),
)  # fmt: skip

OF_A_TRIANGLE = "f9083c7b0c93c019d35ef91a5216626a76b4565ce9a60fb5bc2a6b99fd1dd833"  # of the file that `write_glb` makes of it


@pytest.fixture(scope="module")
def few(anatomy: Anatomy) -> Anatomy:
    """The shipped model with few structures: quick to thin."""
    return Anatomy.of("few", [anatomy[k] for k in SOME], dict(anatomy.landmarks), dict(anatomy.curves))


@pytest.fixture(scope="module")
def right(few: Anatomy, voxel_cache: Path) -> PatientModel:
    return patient_model(few, load_scenario("gon-block-landmark"))


@pytest.fixture(scope="module")
def left(few: Anatomy, right: PatientModel) -> PatientModel:
    return patient_model(few, load_scenario("gon-block-landmark"), side="left")


def read(glb: bytes) -> Any:
    import trimesh

    return trimesh.load_scene(io.BytesIO(glb), file_type="glb")


def a_triangle(x_mm: float = 1.0) -> Surface:
    corners = np.array([[x_mm, 0, 0], [0, 200.004, 0], [0, 0, -300.0]])
    flat = np.tile([0.0, 0.6, 0.8], (3, 1))
    return Surface("flap", corners, flat, np.array([[255, 0, 0]] * 3, dtype=np.uint8), np.array([[0, 1, 2]]))


def test_another_reader_finds_every_structure_in_its_place(few: Anatomy, right: PatientModel) -> None:
    scene = read(right.glb)
    assert set(scene.geometry) >= set(SOME) | {"needle_shaft", "needle_hub"}
    for key in SOME:
        found = np.array(scene.geometry[key].bounds)
        full = few[key].mesh.vertices_mm
        placed = found * 0.01 if np.abs(found).max() > 1000 else found
        low = np.abs(placed[0] - full.min(axis=0)).max(), np.abs(placed[1] - full.max(axis=0)).max()
        assert max(low) < 2.5, key  # thinning moves an edge a little, quantising by a hundredth
    assert scene.geometry["auricle_right"].bounds[0][0] > 0 > scene.geometry["auricle_left"].bounds[1][0]


def test_numbers_are_kept_to_a_hundredth_of_a_millimetre_and_normals_to_a_degree() -> None:
    scene = read(write_glb([a_triangle(327.67)]))
    (node,) = scene.graph.nodes_geometry
    matrix, name = scene.graph[node]
    flap = scene.geometry[name]
    placed = flap.vertices @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.abs(placed - a_triangle(327.67).vertices_mm).max() <= 0.0051
    assert np.allclose(np.array(flap.visual.vertex_colors)[:, :3], [255, 0, 0])


@pytest.mark.parametrize("surfaces, text", [([], "no surface"), ([a_triangle(400.0)], "flap reaches further than 328 mm")])
def test_what_cannot_be_written_is_refused(surfaces: list[Surface], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        write_glb(surfaces)


def test_an_anatomy_without_skin_is_refused(few: Anatomy) -> None:
    bare = Anatomy.of("bare", [few["axis"]], {}, {})
    with pytest.raises(ValueError, match="has no skin"):
        patient_model(bare, load_scenario("gon-block-landmark"))
    with pytest.raises(ValueError, match="side is 'middle'"):
        patient_model(few, load_scenario("gon-block-landmark"), side="middle")


def test_all_told_is_plain_and_names_every_structure(right: PatientModel) -> None:
    told = json.loads(json.dumps(right.info))
    assert set(told["structures"]) == set(SOME)
    assert told["units"] == "mm" and "MIT" in told["attribution"]
    for step in told["cameras"].values():
        assert set(step) >= {"azimuth_deg", "elevation_deg", "focus_mm", "width_mm", "height_mm", "show", "highlight", "paint"}
    assert all(0 <= value <= 1 for layer in told["layers"].values() for value in layer.values())


def test_layers_and_steps_name_nothing_that_does_not_exist(anatomy: Anatomy) -> None:
    from meshes.terms import split_key
    from scenarios.selection import groups

    known = {"*", "probe", "ultrasound", "sites", *groups(), *(s.kind for s in anatomy.structures.values())}
    known |= {split_key(key)[0] for key in anatomy.structures}
    rules = table("explain_model")
    assert {"calm", "pathway"} <= set(rules["layers"])
    shows = [row["show"] for row in rules["layers"].values()] + [row.get("add", {}) for row in rules["steps"].values()]
    names = {name.removeprefix("own:") for show in shows for name in show}
    names |= {n.removeprefix("own:") for row in rules["steps"].values() for n in row.get("highlight", ())}
    names |= {name for part in ("keys", "ghost") for name in rules["triangles"][part]} | set(rules["triangles"]["kinds"])
    assert names <= known
    assert {row["layer"] for row in rules["steps"].values()} <= set(rules["layers"])


@pytest.mark.parametrize("name, target", [("nerve", "nerve"), ("needle", "tip"), ("place", "entry"), ("convergence", "meeting")])
def test_at_each_step_what_matters_is_near_the_middle_and_seen(right: PatientModel, few: Anatomy, name: str, target: str) -> None:
    info, step = right.info, right.info["cameras"][name]
    places = {
        "tip": [info["needle"]["tip_mm"]], "entry": [s["point_mm"] for s in info["sites"]],
        "meeting": [info["convergence"]["meeting_mm"]], "nerve": few["greater_occipital_nerve_right"].centerline,
    }  # fmt: skip
    asked: dict[str, Any] = {k: step[k] for k in ("azimuth_deg", "elevation_deg", "width_mm")}
    camera = Camera(focus_mm=tuple(step["focus_mm"]), **asked)
    view = stand(camera, np.zeros((1, 3)), round(10 * step["width_mm"]), round(10 * step["height_mm"]))
    pixels = view.project(np.asarray(places[target]))[0] / (view.width_px, view.height_px)
    assert ((pixels > 0.12) & (pixels < 0.88)).all()
    assert step["seen"] > 0.6


@pytest.mark.slow
def test_the_left_is_the_mirror_of_the_right(right: PatientModel, left: PatientModel) -> None:
    for name in ("start", "nerve", "needle", "convergence", "map:cluster-headache"):
        one, other = right.info["cameras"][name], left.info["cameras"][name]
        assert one["azimuth_deg"] == pytest.approx(-other["azimuth_deg"], abs=3)
        assert one["focus_mm"][0] == pytest.approx(-other["focus_mm"][0], abs=4)
    assert right.info["needle"]["entry_mm"][0] > 0 > left.info["needle"]["entry_mm"][0]
    assert right.info["cameras"]["nerve"]["highlight"] == ["greater_occipital_nerve_right"]
    assert left.info["cameras"]["nerve"]["highlight"] == ["greater_occipital_nerve_left"]
    assert left.info["cameras"]["map:cluster-headache"]["paint"][0]["side"] == left.info["side"] == "left"


def test_a_region_that_rests_on_a_missing_nerve_is_left_out(right: PatientModel) -> None:
    from scenarios.skin_maps import map_names

    assert {"greater_occipital_nerve", "cluster-headache"} <= set(right.info["maps"]) < set(map_names())


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_way_of_the_pain_runs_through_its_structures_to_behind_the_eye(anatomy: Anatomy, side: str) -> None:
    from meshes.surface import SurfaceQuery

    told = convergence(anatomy, side)
    assert told is not None
    path = np.array(told["path_mm"])
    assert (path[:, 0] * (1 if side == "right" else -1) > -0.5).all()
    for leg in told["legs"]:
        key, last = leg["key"], len(path) - 1
        if leg["to"] - leg["from"] < 0.02 or key.startswith("ophthalmic"):
            continue
        own = path[round(leg["from"] * last) + 2 : round(leg["to"] * last) - 1]
        assert np.median(SurfaceQuery(anatomy[key].mesh).signed_distance(own)) < 0.3, key
    nucleus = SurfaceQuery(anatomy[f"spinal_nucleus_of_trigeminal_nerve_{side}"].mesh)
    assert nucleus.signed_distance(np.array([told["meeting_mm"]]))[0] < 0.3
    at = path[round(told["meeting"] * (len(path) - 1))]
    assert np.linalg.norm(at - told["meeting_mm"]) < 2.5
    eye, felt = anatomy.landmark(f"pupil_{side}"), path[-1]
    assert 15 < eye[1] - felt[1] < 35 and np.hypot(*(eye - felt)[[0, 2]]) < 3


def test_an_anatomy_without_the_brainstem_has_no_way_of_the_pain(few: Anatomy) -> None:
    kept = [s for s in few.structures.values() if "nucleus" not in s.key]
    assert convergence(Anatomy.of("less", kept, dict(few.landmarks), {}), "right") is None


def test_an_image_lies_in_its_true_place_and_its_picture_is_not_turned() -> None:
    ras = np.array([[-0.2, 0, 0, 30], [0, 0.1, 0, -60], [0, 0, 1, 5], [0, 0, 0, 1.0]])  # columns to the patient's left
    grey = np.zeros((200, 150), dtype=np.uint8)
    grey[:100, :75] = 250  # bright at the top left
    image = BModeImage(grey, np.zeros((200, 150), dtype=np.int16), ("",), (0.1, 0.2), ras, 20.0)
    corners = corners_of(image)
    assert np.allclose(corners[0], [30.1, -60.05, 5]) and np.allclose(corners[2], [0.1, -40.05, 5])
    assert corners[0][0] > corners[1][0]  # the picture's right side is the patient's left
    from PIL import Image

    shown = np.asarray(Image.open(io.BytesIO(__import__("base64").b64decode(png_of(grey, (0.1, 0.2), 150).split(",")[1]))))
    assert shown.shape == (100, 150) and shown[20, 20] > 200 and shown[20, 130] < 50 and shown[90, 20] < 50


def test_angles_and_directions_agree_and_a_frame_holds_its_points(rng: np.random.Generator) -> None:
    assert np.allclose(direction(90, 0), [1, 0, 0]) and np.allclose(direction(180, 0), [0, -1, 0])
    assert angles(direction(-130, 25)) == pytest.approx((-130, 25))
    points = rng.normal(size=(40, 3)) * 50
    camera = framed(points, 130, -20)
    view = stand(
        Camera(azimuth_deg=130, elevation_deg=-20, focus_mm=tuple(camera["focus_mm"]), width_mm=camera["width_mm"]),
        points, round(10 * camera["width_mm"]), round(10 * camera["height_mm"]),
    )  # fmt: skip
    pixels = view.project(points)[0]
    assert (pixels > 100).all() and (pixels < np.array([view.width_px, view.height_px]) - 100).all()


def test_surfaces_come_from_disk_the_second_time_and_damage_is_mended(few: Anatomy, tmp_path: Path) -> None:
    small = Anatomy.of("small", [few["axis"], few["obliquus_capitis_inferior_left"]], {}, {})
    first = kept_surfaces(small, tmp_path)
    (path,) = (tmp_path / "pages").glob("*.npz")
    stamp = path.stat().st_mtime_ns
    again = kept_surfaces(small, tmp_path)
    assert path.stat().st_mtime_ns == stamp
    assert [s.key for s in again] == [s.key for s in first]
    assert all(
        np.array_equal(a.colours, b.colours) and np.array_equal(a.faces, b.faces) for a, b in zip(first, again, strict=True)
    )
    assert again[1].grain_mm is not None and again[0].grain_mm is None
    path.write_bytes(path.read_bytes()[:900])
    assert len(kept_surfaces(small, tmp_path)) == 2


def test_the_scripts_carry_their_licence_and_one_name_each() -> None:
    text = three_js()
    assert "SPDX-License-Identifier: MIT" in text[:200] and "THREE.GLTFLoader=GLTFLoader" in text and "</script" not in text
    assert "window.InionViewer = InionViewer" in viewer_js() and "</script" not in viewer_js()


def test_a_trimesh_without_three_js_is_told_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_scripts, "TEMPLATE", "resources/templates/none.zip")
    with pytest.raises(ValueError, match="install trimesh 4 or 5"):
        model_scripts.three_js.__wrapped__()


@pytest.mark.slow
def test_the_whole_model_is_small_and_has_its_ultrasound(anatomy: Anatomy, voxel_cache: Path) -> None:
    made = patient_model(anatomy, load_scenario("gon-block-c2"))
    triangles = sum(row["triangles"] for row in made.info["structures"].values())
    assert 50_000 < triangles < 75_000 and len(made.glb) < 4e6
    sheet = np.array(made.info["ultrasound"]["corners_mm"])
    normal = np.array(made.info["ultrasound"]["normal"])
    tip = np.array(made.info["needle"]["tip_mm"])
    assert abs((tip - sheet.mean(axis=0)) @ normal) < 1.0  # the needle lies in the scanned plane
    assert made.info["ultrasound"]["png"].startswith("data:image/png;base64,")
    assert made.info["ultrasound"]["left_side"] == "L"
    assert set(made.info["cameras"]) >= {"start", "nerve", "place", "needle", "ultrasound", "feel", "after", "convergence"}


def test_the_file_of_the_page_and_that_of_an_export_share_their_arrays() -> None:
    """The bytes of both are those of the two writers that stood before."""
    from meshes.exports.gltf_file import INDICES, GltfFile

    page, export = GltfFile(strided=True), GltfFile()
    rows = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.int16)
    for file in (page, export):
        file.add(rows, bounds=True)
        file.add(np.array([0, 1, 1], dtype=np.uint16), target=INDICES)
    assert page.chunks[0] == np.array([[1, 2, 3, 0], [4, 5, 6, 0]], dtype="<i2").tobytes()
    assert export.chunks[0] == rows.astype("<i2").tobytes()
    assert page.views == [
        {"buffer": 0, "byteOffset": 0, "target": 34962, "byteStride": 8, "byteLength": 16},
        {"buffer": 0, "byteOffset": 16, "target": INDICES, "byteLength": 6},
    ]
    assert export.views[1] == {"buffer": 0, "byteOffset": 12, "byteLength": 6, "target": INDICES}
    assert [len(c) % 4 for c in (*page.chunks, *export.chunks)] == [0] * 4
    whole = page.whole({"asset": {"version": "2.0"}})
    assert whole[:4] == b"glTF" and int.from_bytes(whole[8:12], "little") == len(whole)
    assert sha256(write_glb([a_triangle()])).hexdigest() == OF_A_TRIANGLE


@pytest.mark.parametrize("inward", [(0, -1, 0), (0, -0.8, 0.6), (0, 1, 0), (-1, 0, 0), (-0.6, 0.7, -0.39)])
@pytest.mark.parametrize("side", ["right", "left"])
def test_a_needle_is_never_seen_end_on(inward: tuple[float, float, float], side: str) -> None:
    import trimesh

    from sim.explain.model_steps import Placed, Steps

    line = np.array(inward) / np.linalg.norm(inward) * (1 if side == "right" else (-1, 1, 1))
    skin = trimesh.creation.icosphere(3, 90.0)
    grey = np.full((len(skin.vertices), 3), 128, dtype=np.uint8)
    head = Surface("skin", np.array(skin.vertices), np.array(skin.vertices) / 90, grey, np.array(skin.faces))
    needle = {"entry_mm": (-90 * line).tolist(), "tip_mm": (-84 * line).tolist(), "direction": line.tolist()}
    steps = Steps(Anatomy.of("ball", [], {}, {}), [head], Placed(side, needle, [{"point_mm": needle["entry_mm"]}], {}, None))
    made = steps.step("needle")
    assert made is not None
    toward = direction(made["azimuth_deg"], made["elevation_deg"])
    assert np.degrees(np.arccos(abs(toward @ line))) > 45  # it is not short
    assert toward @ -line > 0.35  # nor behind the head
