from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from meshes.model import Anatomy, Structure, SurfaceMesh
from scenarios.faults import ScenarioError
from scenarios.loader import load_scenario
from scenarios.model import Scenario
from sim.cli import main
from sim.figure_panels import Part, figure_parts
from sim.figures import FigurePage, figure_of
from sim.lettering import text_width
from sim.marks import ball, tube
from sim.palette_checks import printable
from sim.picture import Camera, Label, Needle, Picture
from sim.picture_shown import Cut, Shown
from sim.stills import compose_still, render
from sim.vector_plate import Stroke

FIGURE = """
schema = 1
title = "A figure"
caption = "Both from behind."
sources = ["kim2018"]
size = [800, 600]
[[show]]
structures = ["cranium", "greater_occipital_nerve_right", "occipital_artery_right", "axis"]
[needle]
entry = { point_mm = [20, -140, 0] }
tip = { point_mm = [20, -60, 0] }
[[line]]
through = [{ point_mm = [-40, -130, 0] }, { point_mm = [40, -130, 0] }]
legend = "a line"
[procedure]
name = "gon-block-landmark"
definitions = ["medial_third", "two_by_two"]
[[view]]
name = "back"
camera = "posterior"
[[view]]
name = "side"
camera = "right"
[labels]
structures = ["cranium", "axis", "greater_occipital_nerve_right"]
[figure]
columns = 2
[[figure.panel]]
title = "Before the block, in words that are long enough to be broken into two lines of the heading"
without = ["needle", "lines", "markers"]
[[figure.panel]]
title = "After"
hide = ["axis"]
[[figure.panel]]
view = "side"
"""


def scenario_of(folder: Path, text: str = FIGURE) -> Scenario:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(str(path))


@pytest.fixture(scope="module")
def parts(tiny_anatomy: Anatomy, tmp_path_factory: pytest.TempPathFactory) -> list[Part]:
    scenario = scenario_of(tmp_path_factory.mktemp("parts"))
    assert scenario.figure is not None
    return figure_parts(scenario, tiny_anatomy, scenario.figure)


@pytest.fixture(scope="module")
def page(tiny_anatomy: Anatomy, tmp_path_factory: pytest.TempPathFactory) -> FigurePage:
    return figure_of(scenario_of(tmp_path_factory.mktemp("page")), tiny_anatomy, size=(1000, 900))


def test_a_panel_leaves_out_what_it_says_and_nothing_else(parts: list[Part]) -> None:
    before, after, side = (p.picture for p in parts)
    assert not before.needles and not before.lines and not before.markers and not before.legend
    assert after.needles and after.lines and len(after.markers) == 2 and "a line" in [r.text for r in after.legend]
    keys = {s.key for s in before.shown}
    assert "axis" in keys and {s.key for s in after.shown} == keys - {"axis"}
    assert "axis" not in {label.key for label in after.labels} and "axis" in {label.key for label in before.labels}
    assert [p.letter for p in parts] == ["a", "b", "c"] and side.camera.view == "right"
    assert all(p.picture.title == p.picture.caption == "" and not p.picture.sources and p.sources for p in parts)


@pytest.mark.slow
def test_fluid_is_changed_in_one_panel_alone(anatomy: Anatomy, tmp_path: Path) -> None:
    scenario = load_scenario("gon-block-c2")
    assert scenario.figure is not None and scenario.ultrasound is not None
    insets = [p.picture.inset for p in figure_parts(scenario, anatomy, scenario.figure)]
    wanted = [panel.inject_ml for panel in scenario.figure.panel]
    assert [i.inject_ml for i in insets if i] == wanted and len(set(wanted)) > 1


@pytest.mark.image
def test_panels_are_aligned_lettered_and_on_the_page(page: FigurePage) -> None:
    a, b, c = page.boxes
    assert (a.y0, a.y1) == (b.y0, b.y1) and (a.x0, a.x1) == (c.x0, c.x1) and c.y0 > a.y1
    assert len({(box.width, box.height) for box in page.boxes}) == 1
    letters = {w.text: w for w in page.plate.words if w.text in ("a", "b", "c") and w.bold}
    for letter, box in zip("abc", page.boxes, strict=True):
        assert letters[letter].x == box.x0 and letters[letter].y < box.y0
    for raster, box in zip(page.plate.rasters, page.boxes, strict=True):
        assert box.x0 <= raster.x and raster.x + raster.pixels.shape[1] <= box.x1
        assert box.y0 <= raster.y and raster.y + raster.pixels.shape[0] <= box.y1
    whole = " ".join(w.text for w in page.plate.words)
    assert whole.count("Sources:") == 1 and whole.count("Not a medical device") == 1 and "A figure" in whole


@pytest.mark.image
def test_no_text_of_a_figure_lies_over_another_or_off_the_page(page: FigurePage) -> None:
    boxes = []
    for w in page.plate.words:
        if len(w.text) > 2 or w.bold is False:
            wide, high = text_width(w.text, w.size, bold=w.bold), 0.8 * w.size
            x = w.x - {"l": 0.0, "m": 0.5, "r": 1.0}[w.anchor[0]] * wide
            boxes.append((w.text, x, x + wide, w.y - high / 2, w.y + high / 2))
    for text, x0, x1, y0, y1 in boxes:
        assert x0 >= 0 and x1 <= page.plate.width_px and y0 >= 0 and y1 <= page.plate.height_px, text
    for (p, ax0, ax1, ay0, ay1), (q, bx0, bx1, by0, by1) in combinations(boxes, 2):
        assert ax1 <= bx0 or bx1 <= ax0 or ay1 <= by0 or by1 <= ay0, (p, q)


@pytest.mark.image
def test_panels_of_one_view_have_one_scale_and_one_middle(page: FigurePage) -> None:
    first, second, third = page.px_per_mm
    assert first == pytest.approx(second) and third != pytest.approx(first)
    cameras = [p.picture.camera for p in page.parts[:2]]
    assert cameras[0].focus_mm == cameras[1].focus_mm


@pytest.mark.image
def test_legends_of_several_panels_are_written_once(page: FigurePage) -> None:
    assert [w.text for w in page.plate.words].count("a line") == 1
    assert page.frame.legend and not any(p.picture.legend for p in page.parts)


@pytest.mark.image
def test_the_legend_of_a_figure_for_print_is_in_colours_that_can_be_printed(tiny_anatomy: Anatomy, tmp_path: Path) -> None:
    text = FIGURE.replace('legend = "a line"', 'legend = "a line"\ncolour = "#00ff00"')
    made = figure_of(scenario_of(tmp_path, text), tiny_anatomy, size=(700, 600), style="print")
    assert "#00ff00" in [row.colour for row in made.frame.legend]
    assert all(printable(s.colour) for s in (*made.plate.shapes, *made.plate.words))


def test_two_files_of_one_name_are_refused_and_no_folder_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(scenario_of(tmp_path).origin.file)
    assert main(["render", path, path, "--view", "side", "-o", str(tmp_path / "new" / "folder")]) == 2
    said = capsys.readouterr().err
    assert "two pictures would be called mine-side.png" in said and said.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]


def test_a_scenario_without_a_figure_and_a_page_without_room_are_refused(tiny_anatomy: Anatomy, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no figure"):
        figure_of(load_scenario("gon-landmark"), tiny_anatomy)
    with pytest.raises(ScenarioError, match="no room"):
        figure_of(scenario_of(tmp_path), tiny_anatomy, size=(200, 150))
    every = FIGURE.replace('hide = ["axis"]', 'hide = ["cranium", "axis", "gon", "occipital_artery"]')
    with pytest.raises(ScenarioError, match=r"mine\.toml:33: figure\.panel\[2\]\.hide: .*empty"):
        figure_of(scenario_of(tmp_path, every), tiny_anatomy)


def test_a_panel_shows_its_step(anatomy: Anatomy) -> None:
    scenario = load_scenario("layers")
    step = scenario.step[2].name
    from scenarios.products import Figure, Panel

    with_figure = scenario.model_copy(update={"figure": Figure(panel=(Panel(), Panel(step=step)))})
    assert with_figure.figure is not None
    whole, third = (p.picture for p in figure_parts(with_figure, anatomy, with_figure.figure))
    assert len(third.shown) < len(whole.shown) and "skin" not in {s.key for s in third.shown}


# --- what is hidden, and what is cut ---------------------------------------------------------------------------------


def nerve(key: str, points: list[list[float]], radius: float) -> Structure:
    line = np.linspace(np.array(points[0]), np.array(points[1]), 60)
    mesh = tube(line, radius)
    return Structure(key, "median", "nerve", "nerve", key, key, None, mesh, line, np.full(60, radius))


@pytest.fixture(scope="module")
def crossing() -> Anatomy:
    """A nerve that runs from left to right behind a ball; another in front of the first."""
    return Anatomy.of(
        "crossing",
        [
            Structure("trapezius", "median", "muscle", "muscle", "trapezius", "trapezius", None, ball((0, -40, 0), 22)),
            nerve("nerve", [[-80.0, -17, 0], [80, -17, 0]], 2.0),
            nerve("other", [[-50.0, -25, -30], [-50, -25, 30]], 2.0),
        ],
        {},
        {},
    )


CROSSING = Picture(
    "p", (Shown("trapezius"), Shown("nerve", behind="dashed"), Shown("other")), width_px=640, height_px=480, scale_bar=False,
    orientation=False, disclaimer=False, camera=Camera("posterior", focus_mm=(0, -40, 0), width_mm=190),
)  # fmt: skip


def dashes(anatomy: Anatomy, picture: Picture) -> list[np.ndarray]:
    """The dashes in mm from the middle of the picture, x right and y up."""
    made = compose_still(anatomy, picture)
    middle = np.array([picture.width_px, picture.height_px]) / 2
    plain = [s for s in made.plate.shapes if isinstance(s, Stroke) and s.opacity == 1]
    return [(s.points - middle) / made.px_per_mm * (1, -1) for s in plain]


@pytest.mark.image
def test_a_hidden_nerve_is_dashed_behind_what_hides_it_and_only_there(crossing: Anatomy) -> None:
    found = dashes(crossing, CROSSING)
    points = np.concatenate(found)
    assert len(found) >= 4 and np.abs(points[:, 1]).max() < 0.5
    assert points[:, 0].min() == pytest.approx(-22, abs=1.5) and points[:, 0].max() == pytest.approx(22, abs=1.5)
    lengths = [float(np.linalg.norm(d[-1] - d[0])) for d in found]
    assert max(lengths) - min(lengths) < 0.3
    gaps = [b[0, 0] - a[-1, 0] for a, b in pairwise(found)]
    assert min(gaps) > 0.5 and max(gaps) - min(gaps) < 0.3
    shown = (Shown("trapezius"), Shown("nerve"))
    assert not dashes(crossing, replace(CROSSING, shown=shown))
    assert not dashes(crossing, replace(CROSSING, shown=(Shown("trapezius", 0.4), Shown("nerve", behind="dashed"))))
    front = replace(CROSSING, camera=replace(CROSSING.camera, view="anterior"))
    assert not dashes(crossing, front)


@pytest.mark.image
def test_dashes_are_of_one_length_in_the_picture_whatever_its_scale(crossing: Anatomy) -> None:
    near = replace(CROSSING, camera=replace(CROSSING.camera, width_mm=95))
    lengths = []
    for picture in (CROSSING, near):
        made = compose_still(crossing, picture)
        strokes = [s for s in made.plate.shapes if isinstance(s, Stroke) and s.opacity == 1]
        lengths.append(np.median([np.linalg.norm(s.points[-1] - s.points[0]) + s.width for s in strokes]))
    assert lengths[0] == pytest.approx(lengths[1], rel=0.1)


@pytest.mark.image
def test_a_needle_in_front_and_a_part_cut_away_are_not_dashed(crossing: Anatomy) -> None:
    cut = replace(CROSSING, cuts=(Cut((0, 0, 0), (1, 0, 0), ("nerve",)),))
    assert max(d[:, 0].max() for d in dashes(crossing, cut)) < 1
    crossed = replace(
        CROSSING,
        shown=(Shown("other"), Shown("nerve", behind="dashed")),
        needles=(Needle((40, -60, 40), (40, -60, -40), length_mm=80, diameter_mm=3, hub=False),),
    )
    assert not dashes(crossing, crossed)


@pytest.mark.image
def test_the_label_of_a_hidden_nerve_points_to_its_dashes(crossing: Anatomy) -> None:
    label = (Label("the nerve", key="nerve"),)
    covered = replace(CROSSING, shown=(Shown("trapezius"), Shown("nerve", behind="dashed")), labels=label)
    covered = replace(covered, camera=replace(CROSSING.camera, width_mm=38))
    made = render(crossing, covered)
    assert made.hidden == () and [w.text for w in made.plate.words] == ["the nerve"]
    assert render(crossing, replace(covered, shown=(Shown("trapezius"), Shown("nerve")))).hidden == ("the nerve",)


@pytest.mark.image
def test_a_cut_face_has_its_edge_and_is_named_in_its_middle() -> None:
    bone = Structure("cranium", "median", "bone", "bone", "cranium", "cranium", None, ball((0, 0, 0), 30))
    anatomy = Anatomy.of("ball", [bone], {}, {})
    picture = Picture(
        "cut", (Shown("cranium"),), width_px=640, height_px=480, scale_bar=False, orientation=False, disclaimer=False,
        camera=Camera("posterior", focus_mm=(0, 0, 0), width_mm=100), cuts=(Cut((0, 0, 0), (0, -1, 0)),),
        labels=(Label("bone", key="cranium"),),
    )  # fmt: skip
    made = render(anatomy, picture)
    pixels = np.asarray(made.image).astype(int)
    radius = 30 * made.px_per_mm
    rim = pixels[240 - round(radius) - 2 : 240 - round(radius) + 4, 320].max(axis=0)
    inside = pixels[240 - round(0.6 * radius), 320]
    assert rim.sum() > inside.sum() + 60
    assert inside[0] > inside[2] + 25
    dots = [s.centre for s in made.plate.shapes if hasattr(s, "centre")]
    assert dots and all(np.hypot(x - 320, y - 240) < 0.75 * radius for x, y in dots)


def test_points_within_a_cap_lie_in_its_plane_and_inside() -> None:
    from sim.cutting import cap, clip, plane_distance

    mesh: SurfaceMesh = ball((0, 0, 0), 20)
    _, rim = clip(mesh, plane_distance(mesh.vertices_mm, np.array([0, 0, 5.0]), np.array([0, 0, 1.0])))
    face = cap(rim, np.array([0, 0, 1.0]))
    assert face is not None and len(face.vertices_mm) > face.faces.max() + 100
    assert np.abs(face.vertices_mm[:, 2] - 5).max() < 1e-6
    inner = face.vertices_mm[face.faces.max() + 1 :]
    assert np.hypot(inner[:, 0], inner[:, 1]).max() < np.sqrt(375) + 0.1
    assert np.abs(inner.mean(axis=0)[:2]).max() < 1.0
