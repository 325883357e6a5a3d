from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshes.model import Anatomy
from sim.app.scene.bake import bake, level_names, thinned
from sim.app.scene.live import Fluid, Held, Scene, SceneModel
from sim.app.scene.parts import fluid_solid, marks_solid, needle_matrix, needle_solids, probe_matrix, probe_solid
from sim.app.scene.sight import directions, seen
from sim.app.scene.stamps import lay_sides
from sim.app.scene.store import baked_of, digest_of
from sim.theme import load_theme
from sim.ultrasound.poses import ProbePose, slide
from tests.conftest import ellipsoid

pytestmark = pytest.mark.image

SIZE = (360, 270)
KEPT = (
    "skin", "cranium", "atlas", "axis", "greater_occipital_nerve_left", "greater_occipital_nerve_right", "occipital_artery_right",
    "obliquus_capitis_inferior_right", "trapezius_left", "trapezius_right", "semispinalis_capitis_right",
)  # fmt: skip
THEME = load_theme("atlas")


@pytest.fixture(scope="module")
def few(anatomy: Anatomy) -> Anatomy:
    """Some structures of the shipped model, so that they are soon thinned."""
    return Anatomy.of("few", [anatomy[key] for key in KEPT], anatomy.landmarks, anatomy.curves)


@pytest.fixture(scope="module")
def model(few: Anatomy, voxel_cache: Path) -> SceneModel:
    return SceneModel(few)


@pytest.fixture(scope="module")
def _scene(model: SceneModel) -> Iterator[Scene]:
    with Scene(model, SIZE, names=False) as scene:
        yield scene


@pytest.fixture
def scene(_scene: Scene) -> Scene:
    """A view from behind of nothing but the skin."""
    _scene.resize(SIZE)
    _scene.view("posterior")
    _scene.show("skin")
    _scene.update()
    return _scene


def nerve_coloured(pixels: np.ndarray) -> int:
    r, g, b = np.moveaxis(pixels.astype(float), -1, 0)
    return int(((r > 110) & (g > 0.65 * r) & (g < 0.95 * r) & (b < 0.45 * g)).sum())


def changed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.astype(int) - b).max(axis=2) > 30


def test_the_skin_hides_everything_and_the_other_levels_reveal_the_nerve(scene: Scene, few: Anatomy) -> None:
    nerve = few["greater_occipital_nerve_right"]
    inside = np.asarray(nerve.centerline)[len(np.asarray(nerve.centerline)) // 3]
    scene.update(targets=[inside], fluid=[Fluid(inside, 5.0, np.array([0.0, -1.0, 0.0]), 3.0)])
    for name in ("posterior", "posterior-oblique-right", "left", "right", "anterior", "superior"):
        scene.view(name)
        scene.show("skin")
        assert nerve_coloured(scene.image()) == 0
    scene.view("posterior")
    for layer in ("glass", "nerves"):
        scene.show(layer)
        assert nerve_coloured(scene.image()) > 60


def test_what_lies_under_the_skin_does_not_touch_the_picture_of_the_skin(scene: Scene, right: ProbePose) -> None:
    bare = scene.image()
    deep = right.face_mm + 20 * right.axis
    scene.update(targets=[deep], trace=np.array([deep, deep + 3]), fluid=[(deep, 4.0, right.axis, 2.0)])
    assert np.array_equal(scene.image(), bare)
    scene.show("nerves", hidden=["bone"])
    assert changed(scene.image(), bare).any()


def test_the_picture_changes_where_the_probe_slides_and_nowhere_else(scene: Scene, model: SceneModel, right: ProbePose) -> None:
    scene.update(probe=right)
    before = scene.image()
    assert np.array_equal(scene.image(), before)
    moved = slide(right, model.skin, along_mm=8.0)
    scene.update(probe=moved)
    after = scene.image()
    rows, columns = np.nonzero(changed(before, after))
    near = scene.project(np.array([right.face_mm - s * right.axis for s in (0, 130)]))
    assert len(rows) > 30
    margin = 60 * scene.camera.px_per_mm
    assert near[:, 0].min() - margin < columns.min() and columns.max() < near[:, 0].max() + margin
    assert near[:, 1].min() - margin < rows.min() and rows.max() < near[:, 1].max() + margin
    scene.update(probe=right)
    assert np.array_equal(scene.image(), before)


@pytest.mark.parametrize("layer", level_names())
def test_a_picture_over_the_kept_anatomy_is_the_one_that_is_drawn_whole(scene: Scene, right: ProbePose, layer: str) -> None:
    scene.show(layer)
    scene.image()
    scene.update(probe=right, needle=(right.face_mm, right.face_mm + 20 * right.axis, right.axis, 0.7))
    short = scene.image()
    scene.orbit(0.0, 0.0)  # has the anatomy drawn anew
    assert np.array_equal(short, scene.image())


@pytest.mark.parametrize(("view", "side"), [("posterior", "left"), ("superior", "left"), ("anterior", "right")])
def test_left_is_left(scene: Scene, few: Anatomy, view: str, side: str) -> None:
    scene.view(view)
    bare = scene.image()
    scene.update(marks={"here": np.array([-110.0, -20.0, 20.0])})
    columns = np.nonzero(changed(scene.image(), bare))[1]
    assert len(columns)
    assert (columns.mean() < SIZE[0] / 2) == (side == "left")
    letters = np.empty_like(bare)
    letters[...] = np.round(255 * THEME.paper)
    lay_sides(letters, scene.camera, THEME)
    corner = (slice(0, 44), slice(0, 90) if side == "left" else slice(SIZE[0] - 90, SIZE[0]))
    assert changed(letters[corner], np.round(255 * THEME.paper)).any()
    assert (scene.project(few.landmark("c1_transverse_tip_left"))[0, 0] < SIZE[0] / 2) == (side == "left")
    assert np.array_equal(scene.image()[corner], letters[corner])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(-180, 180), st.floats(-80, 80), st.floats(80, 400), st.floats(0, SIZE[0]), st.floats(0, SIZE[1]))
def test_a_place_under_a_pixel_is_drawn_at_that_pixel(
    scene: Scene, few: Anatomy, azimuth: float, elevation: float, width: float, x: float, y: float
) -> None:
    scene.orbit(azimuth, elevation)
    scene.look_at(few.landmark("inion_skin"), width)
    place = scene.pick(x, y)
    if place is None:
        return
    assert np.abs(scene.project(place)[0] - (x, y)).max() < 1e-6
    assert np.linalg.norm(scene.model.skin.closest(place)[0][0] - place) < 1e-6
    again = scene.pick(*scene.project(place)[0])
    assert again is not None and np.linalg.norm(again - place) < 1e-3


def test_a_pointer_hits_the_skin_that_is_drawn(scene: Scene, few: Anatomy) -> None:
    inion = few.landmark("inion_skin")
    for layer in ("skin", "glass"):
        scene.show(layer)
        hit = scene.pick(*scene.project(inion)[0])
        assert hit is not None and np.linalg.norm(hit - inion) < 0.5
    assert scene.pick(2, 2) is None
    scene.show("skin")
    paper = np.round(255 * THEME.paper).astype(int)
    pixels = scene.image()
    rows, columns = np.mgrid[60 : SIZE[1] - 40 : 7, 5 : SIZE[0] : 7]
    drawn = np.abs(pixels[rows, columns].astype(int) - paper).max(axis=-1) > 6
    hit_there = np.array(
        [
            [scene.pick(x + 0.5, y + 0.5) is not None for x, y in zip(*line, strict=True)]
            for line in zip(columns, rows, strict=True)
        ]
    )
    assert (drawn != hit_there).mean() < 0.01  # the thinned skin is drawn, the full one is hit


def test_the_camera_obeys_the_hand(scene: Scene, few: Anatomy) -> None:
    place = few.landmark("inion_skin")
    before = scene.project(place)[0]
    scene.pan(12.0, 5.0)
    assert np.allclose(scene.project(place)[0] - before, (12.0, -5.0))
    scene.zoom(2.0)
    middle = np.array(SIZE) / 2
    assert np.allclose(scene.project(place)[0] - middle, 2 * (before + (12.0, -5.0) - middle))
    scene.look_at(place, 120.0)
    assert np.allclose(scene.project(place)[0], middle)
    right, up = scene.axes()
    assert np.allclose(scene.project(place + 60 * right)[0], (SIZE[0], middle[1]))
    assert np.allclose(scene.project(place + 10 * up)[0], middle - (0, 10 * SIZE[0] / 120.0))
    scene.orbit(30.0, 0.0)
    assert scene.camera.toward[0] < -0.4  # from the back to the patient's left
    scene.resize((500, 300))
    assert scene.image().shape == (300, 500, 3)
    assert np.allclose(scene.project(place)[0], (250, 150))


def test_an_image_lies_on_the_sheet_with_its_marker_at_the_marked_end(scene: Scene, right: ProbePose) -> None:
    scene.show("nerves", hidden=KEPT)
    toward = right.elevation
    scene.orbit(float(np.degrees(np.arctan2(toward[0], toward[1]))) - 180.0, float(np.degrees(np.arcsin(toward[2]))))
    scene.look_at(right.face_mm + 20 * right.axis, 70.0)
    picture = np.zeros((40, 60), dtype=np.uint8)
    picture[:20, :30] = 250  # over, at the left
    for side, sign in (("left", 1.0), ("right", -1.0)):
        scene.update(probe=right, us_image=picture, us_marker_side=side)  # type: ignore[arg-type]
        pixels = scene.image()

        def grey(along: float, deep: float, pixels: np.ndarray = pixels) -> float:
            x, y = scene.project(right.face_mm + along * right.lateral + deep * right.axis)[0]
            return float(pixels[int(y), int(x)].mean())

        assert grey(sign * 10, 8) > 180
        assert max(grey(-sign * 10, 8), grey(sign * 10, 32), grey(-sign * 10, 32)) < 90


def test_what_is_hidden_is_gone_and_uncovers_what_it_hid(scene: Scene) -> None:
    scene.show("muscles")
    whole = scene.image()
    scene.show("muscles", hidden=["trapezius", "semispinalis_capitis_right"])
    assert changed(scene.image(), whole).sum() > 300
    scene.show("muscles", hidden=["muscle"])
    assert nerve_coloured(scene.image()) > nerve_coloured(whole)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: s.show("glas"), "'glass'"),
        (lambda s: s.show("glass", ["trapezus"]), "'trapezius'"),
        (lambda s: s.view("posteror"), "'posterior'"),
        (lambda s: s.zoom(0.0), "above 0"),
        (lambda s: s.resize((10, 20)), "between 64 and 4096"),
    ],
)
def test_faults_are_told_in_one_line_and_change_nothing(scene: Scene, call: object, words: str) -> None:
    before = scene.image()
    with pytest.raises(ValueError, match=words) as told:
        call(scene)  # type: ignore[operator]
    assert "\n" not in str(told.value)
    assert np.array_equal(scene.image(), before)


def test_scenes_are_independent_and_equal_when_they_show_the_same(model: SceneModel, right: ProbePose) -> None:
    with Scene(model, SIZE) as one, Scene(model, SIZE) as other:
        for scene in (one, other):
            scene.show("glass")
            scene.update(probe=right, marks={"inion": right.centre_mm})
        first = one.image()
        assert np.array_equal(first, other.image())
        other.orbit(40.0, 10.0)
        other.update()
        assert not np.array_equal(other.image(), first)
        assert np.array_equal(one.image(), first)
    one.close()  # once more does no harm


def test_a_fine_picture_is_the_same_one_with_smooth_edges(scene: Scene) -> None:
    plain, fine = scene.image(), scene.image(fine=True)
    assert not np.array_equal(plain, fine)
    assert np.abs(plain.astype(int) - fine).mean() < 2.0
    assert np.array_equal(scene.image(), plain)
    assert scene.jpeg()[:2] == b"\xff\xd8"


def test_names_stand_beside_marks_that_face_the_viewer(model: SceneModel, few: Anatomy) -> None:
    marks = {"inion": few.landmark("inion_skin")}
    with Scene(model, SIZE, names=True) as named, Scene(model, SIZE, names=False) as plain:
        for view, expected in (("posterior", True), ("anterior", False)):
            for scene in (named, plain):
                scene.view(view)
                scene.update(marks=marks)
            assert (changed(named.image(), plain.image()).sum() > 20) == expected


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, i]].astype(float) for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_tools_are_closed_and_face_outward() -> None:
    needle = Held([0, 0, 0], [0, 0, 10], [0, 0, 1], 0.7)
    solids = [
        probe_solid(38.4, THEME),
        *needle_solids(needle, THEME),
        fluid_solid([Fluid([1, 2, 3], 5.0, [0, 1, 1], 2.0)], THEME),
    ]
    solids.append(marks_solid({"a": np.zeros(3)}, [np.ones(3) * 9], np.array([[0, 0, 0], [5.0, 0, 0]]), THEME))
    for solid in solids:
        assert volume(solid.vertices_mm, solid.faces) > 0
        a, b, c = (solid.vertices_mm[solid.faces[:, i]].astype(float) for i in range(3))
        across = np.cross(b - a, c - a)
        outward = np.einsum("ij,ij->i", across, solid.normals[solid.faces].mean(axis=1))
        assert (outward > -1e-6).mean() > 0.99
    pool = solids[3]
    assert volume(pool.vertices_mm, pool.faces) == pytest.approx(4 / 3 * np.pi * 25 * 1.0, rel=0.05)
    body = probe_solid(38.4, THEME).vertices_mm
    assert body[:, 2].max() == 0.0
    assert np.abs(body[body[:, 2] > -0.5][:, 0]).max() == pytest.approx(38.4 / 2, abs=1.0)


def test_a_needle_ends_at_its_tip_and_a_probe_lies_in_its_pose(right: ProbePose) -> None:
    tip, way = np.array([3.0, -80.0, -30.0]), np.array([0.6, 0.8, 0.0])
    matrix = needle_matrix(Held(tip - 20 * way, tip, way, 0.7, 60.0), 3.0)
    assert np.allclose(matrix @ [0, 0, 60, 1], [*tip, 1])
    assert np.allclose(matrix @ [0, 0, 0, 1], [*(tip - 60 * way), 1])
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(9.0)
    assert np.allclose(probe_matrix(right) @ [5, 0, 7, 1], [*(right.face_mm + 5 * right.lateral + 7 * right.axis), 1])


def test_only_what_can_be_seen_from_outside_is_kept() -> None:
    inner, outer = ellipsoid(np.zeros(3), np.full(3, 5.0)), ellipsoid(np.zeros(3), np.full(3, 9.0))
    points = np.concatenate([inner.vertices_mm, outer.vertices_mm]).astype(np.float32)
    faces = np.concatenate([inner.faces, outer.faces + len(inner.vertices_mm)]).astype(np.int32)
    mask = seen(points, faces, directions())
    assert not mask[: len(inner.faces)].any()
    assert mask[len(inner.faces) :].all()


def test_thinning_keeps_form_and_normals(few: Anatomy) -> None:
    mesh = few["atlas"].mesh
    thin = thinned(mesh, 1500)
    assert len(thin.faces) <= 1500
    assert volume(thin.vertices_mm, thin.faces) == pytest.approx(volume(mesh.vertices_mm, mesh.faces), rel=0.03)
    assert thinned(mesh, 10**6) is mesh


def test_surfaces_are_kept_on_disk_and_made_anew_when_damaged(tiny_anatomy: Anatomy, tmp_path: Path) -> None:
    keys = ("skin", "atlas", "greater_occipital_nerve_left", "trapezius_left")
    small = Anatomy.of("small", [tiny_anatomy[k] for k in keys], tiny_anatomy.landmarks, tiny_anatomy.curves)
    told: list[tuple[int, int]] = []
    first = baked_of(small, tmp_path, lambda done, of: told.append((done, of)))
    assert told == [(i, 4) for i in range(4)]
    (path,) = tmp_path.rglob("*.npz")
    again = baked_of(small, tmp_path, lambda done, of: pytest.fail("made twice"))
    assert again.parts == first.parts
    for name in ("vertices_mm", "normals", "colours", "grain_mm", "faces"):
        assert np.array_equal(getattr(again, name), getattr(first, name))
    path.write_bytes(path.read_bytes()[:-200])
    assert np.array_equal(baked_of(small, tmp_path).faces, first.faces)
    blocked = tmp_path / "a file"
    blocked.write_text("no folder")
    assert np.array_equal(baked_of(small, blocked).faces, first.faces)
    other = Anatomy.of("small", [tiny_anatomy[k] for k in keys[:3]], {}, {})
    assert digest_of(other) != digest_of(small)


def test_an_anatomy_with_nothing_to_show_is_refused() -> None:
    with pytest.raises(ValueError, match="no structure"):
        bake(Anatomy.of("empty", [], {}, {}))


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.slow
def test_ten_scenes_of_the_whole_model_keep_their_memory(anatomy: Anatomy, right: ProbePose, voxel_cache: Path) -> None:
    model = SceneModel(anatomy)
    picture = np.zeros((300, 300), dtype=np.uint8)
    scenes = [Scene(model) for _ in range(10)]

    def work(rounds: int) -> None:
        for i in range(rounds):
            for scene in scenes:
                scene.show(level_names()[i % 4])
                scene.orbit(3.0, 0.0)
                tip = right.face_mm + (i % 20) * right.axis
                scene.update(
                    probe=slide(right, model.skin, along_mm=i % 7), needle=(right.face_mm, tip, right.axis, 0.7),
                    marks={"a": right.centre_mm + i % 3}, fluid=[(tip, 3.0 + i % 3, right.axis, 2.0)], us_image=picture,
                )  # fmt: skip
                scene.image()

    work(8)
    before = resident_mb()
    work(20)
    assert resident_mb() - before < 25.0
    for scene in scenes:
        scene.close()


@pytest.mark.slow
def test_closed_scenes_give_their_memory_back(model: SceneModel) -> None:
    def once() -> None:
        with Scene(model) as scene:
            scene.show("glass")
            scene.image()

    for _ in range(5):
        once()
    before = resident_mb()
    for _ in range(20):
        once()
    assert resident_mb() - before < 60.0


@pytest.mark.slow
def test_the_whole_model_stays_in_its_budget(anatomy: Anatomy, voxel_cache: Path) -> None:
    model = SceneModel(anatomy)
    assert len(model.baked.faces) < 100_000
    for level in level_names():
        ghosts = sum(len(rows) for rows in model.ghosts(level).values())
        assert len(model.solid(level)) + ghosts < 55_000
    assert set(model.baked.seen) == {"muscles"}
