from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image  # noqa: TID253

from meshes.model import Anatomy, Structure, SurfaceMesh
from sim.marks import ball, tube
from sim.picture import Camera, Label, LegendItem, Marker, Picture, Probe
from sim.picture_shown import Cut, Shown, Window
from sim.stills import difference, read_metadata, render, render_picture, save_png
from sim.theme import load_theme, style_names

SIZE = {"width_px": 320, "height_px": 240}
BARE = {"scale_bar": False, "orientation": False, "disclaimer": False}


def structure(key: str, kind: str, mesh: SurfaceMesh) -> Structure:
    return Structure(key, "median", kind, kind, key, key, None, mesh)


@pytest.fixture(scope="module")
def balls() -> Anatomy:
    muscle = ball((45, 0, 0), 25)
    grain = muscle.vertices_mm[:, [2, 0]].copy()
    muscle = SurfaceMesh(muscle.vertices_mm, muscle.faces, muscle.normals, grain=grain, tendon=np.zeros(len(grain)))
    parts = [
        structure("skin", "skin", ball((0, 0, 0), 100)),
        structure("cranium", "bone", ball((-45, 0, 0), 25)),
        structure("trapezius", "muscle", muscle),
        structure("nerve", "nerve", tube([[0, 0, -40], [0, 0, 40]], 5.0)),
    ]
    return Anatomy.of("balls", parts, {}, {})


@pytest.fixture(scope="module")
def plain() -> Picture:
    shown = tuple(Shown(k) for k in ("cranium", "trapezius", "nerve"))
    return Picture("plain", shown, camera=Camera("posterior", focus_mm=(0, 0, 0), width_mm=200), **SIZE, **BARE)  # type: ignore[arg-type]


def at(image: Image.Image, x: float, y: float) -> np.ndarray:
    return np.asarray(image)[round(y * image.height), round(x * image.width)].astype(int)


def test_structures_stand_where_they_should_in_their_colours(balls: Anatomy, plain: Picture) -> None:
    image = render_picture(balls, plain)
    assert image.size == (320, 240) and image.mode == "RGB"
    paper = np.round(load_theme("atlas").paper * 255)
    assert np.abs(at(image, 0.03, 0.1) - paper).max() <= 1
    bone, muscle, nerve = at(image, 0.29, 0.5), at(image, 0.72, 0.5), at(image, 0.5, 0.5)
    assert bone.min() > 120 and bone[0] - bone[2] < 90
    assert muscle[0] > 1.5 * muscle[2] and muscle[0] > 1.4 * muscle[1]
    assert nerve[0] > 120 and nerve[1] > 100 and nerve[2] < 0.6 * nerve[1]


def test_the_patients_right_is_on_the_right_from_behind_and_on_the_left_from_the_front(balls: Anatomy, plain: Picture) -> None:
    front = render_picture(balls, replace(plain, camera=replace(plain.camera, view="anterior")))
    muscle = at(front, 0.29, 0.5)
    assert muscle[0] > 1.4 * muscle[1]


def test_the_same_seed_gives_the_same_pixels_and_another_seed_does_not(balls: Anatomy, plain: Picture) -> None:
    first, again, other = (render_picture(balls, replace(plain, seed=s)) for s in (1, 1, 2))
    assert np.abs(np.asarray(first).astype(int) - np.asarray(again)).max() <= 1
    assert difference(first, other) > 0.02


def test_clear_skin_shows_what_is_inside_and_its_own_outline(balls: Anatomy, plain: Picture) -> None:
    wide = replace(plain, camera=replace(plain.camera, width_mm=320))
    bare = render_picture(balls, wide)
    clear = render_picture(balls, replace(wide, shown=(*wide.shown, Shown("skin", 0.15))))
    middle = [np.abs(at(clear, x, 0.5) - at(bare, x, 0.5)).max() for x in (0.36, 0.5, 0.64)]
    assert max(middle) < 60
    row = np.asarray(clear)[120].astype(int)
    paper = np.round(load_theme("atlas").paper * 255)
    tint = np.abs(row - paper).sum(axis=1)
    rim, inner = tint[round(320 * 0.212)], tint[round(320 * 0.26)]
    assert rim > 1.5 * inner > 0


def test_solid_skin_hides_and_a_window_opens_it(balls: Anatomy, plain: Picture) -> None:
    solid = replace(plain, shown=(*plain.shown, Shown("skin")))
    window = Window("sphere", (45, -90, 0), 40.0)
    closed, opened = render_picture(balls, solid), render_picture(balls, replace(solid, window=window))
    assert at(closed, 0.72, 0.5)[1] > 0.6 * at(closed, 0.72, 0.5)[0]
    assert at(opened, 0.72, 0.5)[1] < 0.7 * at(opened, 0.72, 0.5)[0]
    assert np.abs(at(opened, 0.29, 0.5) - at(closed, 0.29, 0.5)).max() < 30


def test_a_cut_takes_one_side_and_closes_the_other(balls: Anatomy, plain: Picture) -> None:
    cut = Cut((0, 0, 0), (0, -1, 0), ("cranium",))
    view = replace(plain, camera=Camera("posterior", focus_mm=(0, 0, 0), width_mm=200))
    image = render_picture(balls, replace(view, cuts=(cut,)))
    assert at(image, 0.29, 0.5).min() > 130
    gone = render_picture(balls, replace(view, cuts=(Cut((-90, 0, 0), (1, 0, 0), ("cranium",)),)))
    assert at(gone, 0.29, 0.5).min() > 240


def test_hidden_and_dropped_labels_are_reported(balls: Anatomy, plain: Picture) -> None:
    labels = (Label("the nerve", key="nerve"), Label("the bone", key="cranium"))
    closed = replace(plain, shown=(*plain.shown, Shown("skin")), labels=labels)
    assert set(render(balls, closed).hidden) == {"the nerve", "the bone"}
    assert render(balls, replace(closed, shown=plain.shown)).hidden == ()
    many = tuple(Label(f"name {i} " * 4, point_mm=(i / 10, 0, i / 2 - 20), priority=i) for i in range(60))
    dropped = render(balls, replace(plain, labels=many)).dropped
    assert 0 < len(dropped) < 60 and dropped[0] == many[0].text


def test_markers_that_face_away_are_left_out(balls: Anatomy, plain: Picture) -> None:
    skin = replace(plain, shown=(Shown("skin"),), camera=Camera("posterior"))
    bare = render_picture(balls, skin)
    behind = render_picture(balls, replace(skin, markers=(Marker("a", (0, 100, 0), "1", normal=(0, 1, 0)),)))
    front = render_picture(balls, replace(skin, markers=(Marker("a", (0, -100, 0), "1", normal=(0, -1, 0)),)))
    assert difference(bare, behind) == 0
    assert difference(bare, front) > 0.05


def test_a_marker_on_steep_skin_is_shown_where_a_window_clears_the_skin(balls: Anatomy, plain: Picture) -> None:
    skin = replace(plain, shown=(Shown("skin"),), camera=Camera("posterior"))
    at_mm = (95.0, -20.0, 24.0)
    steep = (Marker("a", at_mm, "1", normal=(0.95, -0.2, 0.24)),)
    open_ = Window("sphere", at_mm, 30, opacity=0.1, steep=True)
    assert difference(render_picture(balls, skin), render_picture(balls, replace(skin, markers=steep))) == 0
    plainly = replace(skin, window=replace(open_, steep=False))  # another view shows it better
    assert difference(render_picture(balls, plainly), render_picture(balls, replace(plainly, markers=steep))) == 0
    cleared = replace(skin, window=open_)
    assert difference(render_picture(balls, cleared), render_picture(balls, replace(cleared, markers=steep))) > 0.05
    away = (replace(steep[0], normal=(0.95, 0.2, 0.24)),)  # on the far side it stays out, window or not
    assert difference(render_picture(balls, cleared), render_picture(balls, replace(cleared, markers=away))) == 0


@pytest.mark.parametrize("style", style_names())
def test_every_style_draws_every_kind_of_furniture(balls: Anatomy, plain: Picture, style: str) -> None:
    full = replace(
        plain,
        style=style,
        width_px=480,
        height_px=300,
        title="Title",
        caption="What is seen.",
        sources=("Kim 2018",),
        evidence="found",
        labels=(Label("nerve", key="nerve"),),
        legend=(LegendItem("nerve", "nerve", "line"), LegendItem("group", "group_1", "dot")),
        probe=Probe((0, -60, 0), (1, 0, 0), (0, 1, 0)),
        markers=(Marker("a", (0, -100, 0), "1", units=5),),
        show_units=True,
        scale_bar=True,
        orientation=True,
        disclaimer=True,
    )
    result = render(balls, full)
    assert result.dropped == () and result.hidden == ()
    assert np.asarray(result.image).std() > 10


def test_large_pictures_are_tiled_without_seams(balls: Anatomy, plain: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim import canvas

    whole = render_picture(balls, plain)
    monkeypatch.setattr(canvas, "MOST_TILE_PX", 250)
    tiled = render_picture(balls, plain)
    assert difference(whole, tiled) < 0.35


def test_unknown_names_are_refused_with_the_nearest(balls: Anatomy, plain: Picture) -> None:
    with pytest.raises(KeyError, match="cranium"):
        render(balls, replace(plain, shown=(Shown("craniun"),)))
    with pytest.raises(ValueError, match="atlas"):
        render(balls, replace(plain, style="atlass"))
    with pytest.raises(ValueError, match="'nerve'"):
        render(balls, replace(plain, shown=(Shown("nerve", colour="nervee"),)))
    with pytest.raises(ValueError, match="#rrggbb"):
        render(balls, replace(plain, shown=(Shown("nerve", colour="#12"),)))


@pytest.mark.parametrize(("width", "height"), [(0, 100), (-5, 100), (100_000, 100), (1920, 99_999)])
def test_absurd_sizes_are_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="must lie between"):
        Picture("p", (), width_px=width, height_px=height)


def test_nothing_shown_is_paper(balls: Anatomy) -> None:
    image = render_picture(balls, Picture("empty", (), **SIZE, **BARE))  # type: ignore[arg-type]
    assert np.asarray(image).std() < 3


def test_the_comparer_tells_a_wrong_and_an_empty_picture(balls: Anatomy, plain: Picture) -> None:
    image = render_picture(balls, plain)
    assert difference(image, image) == 0
    assert difference(image, Image.new("RGB", image.size, "white")) > 5
    assert difference(image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) > 3
    assert difference(image, image.resize((10, 10))) == float("inf")


def test_metadata_is_read_back(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8))
    facts = {"scenario": "gon-path", "seed": "7", "sources": "Kim 2018; Şahin 2016"}
    path = save_png(image, tmp_path / "a.png", facts)
    assert read_metadata(path) == facts
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8), "red")
    first, second = (save_png(image, tmp_path / n, {"seed": "1"}).read_bytes() for n in ("a.png", "b.png"))
    assert first == second


def test_a_failed_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    old = tmp_path / "a.png"
    old.write_bytes(b"before")
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_png(Image.new("RGB", (8, 8)), old, {})
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert old.read_bytes() == b"before"


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save_png(Image.new("RGB", (8, 8)), tmp_path / "no" / "a.png", {})


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
