from __future__ import annotations

import base64
import io
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw  # noqa: TID253

import sim.rendering
from meshes.model import Anatomy, Structure
from scenarios.loader import load_scenario
from sim.lettering import font, left_end, text_width
from sim.marks import ball, tube
from sim.picture import Camera, Label, LegendItem, Marker, Picture
from sim.picture_shown import Shown
from sim.stills import Rendering, difference, read_metadata, render
from sim.theme import load_theme
from sim.vector_pdf import PX_PER_INCH, pdf_bytes
from sim.vector_plate import Words, painted
from sim.vector_svg import svg_text

SVG = "{http://www.w3.org/2000/svg}"
FACTS = {
    "Title": "Nerve & bone",
    "Description": "Seen <from behind>.",
    "Software": "Inion 0",
    "Seed": "7",
    "Sources": "Şahin 2016",
}
SIZE = (960, 600)


def structure(key: str, kind: str, mesh: object) -> Structure:
    return Structure(key, "median", kind, kind, key, key, None, mesh)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def balls() -> Anatomy:
    return Anatomy.of(
        "balls",
        [
            structure("skin", "skin", ball((0, 0, 0), 70)),
            structure("cranium", "bone", ball((-45, 0, 0), 25)),
            structure("nerve", "nerve", tube([[0, 0, -40], [0, 0, 40]], 5.0)),
        ],
        {},
        {},
    )


@pytest.fixture(scope="module")
def picture() -> Picture:
    return Picture(
        "p", (Shown("cranium"), Shown("nerve"), Shown("skin", 0.2)), title="Nerve & bone",
        caption="Seen from behind: <a test> of äöü.", sources=("Kim 2018",), width_px=SIZE[0], height_px=SIZE[1],
        camera=Camera("posterior", focus_mm=(0, 0, 0), width_mm=190),
        labels=(Label("the nerve", key="nerve", emphasis=True), Label("a bone & more", key="cranium")),
        legend=(LegendItem("in all", "line", "line"), LegendItem("sites", "group_2", "dot"), LegendItem("skin", "skin")),
        markers=(Marker("a", (45, -60, 0), "1", units=5), Marker("b", (45, -60, 20), "12", group=2, units=10)), show_units=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def drawn(balls: Anatomy, picture: Picture) -> Rendering:
    return render(balls, picture)


@pytest.fixture(scope="module")
def clear(balls: Anatomy, picture: Picture) -> Rendering:
    return render(balls, replace(picture, transparent=True))


def ink_box(words: Words) -> tuple[int, int, int]:
    """Left, right and lower border of the ink that Pillow gives a line of text."""
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).text((words.x, words.y), words.text, font=font(words.size, words.bold), anchor=words.anchor, fill=255)
    rows, columns = np.nonzero(np.asarray(mask) > 90)
    return int(columns.min()), int(columns.max()) + 1, int(rows.max()) + 1


def over(image: Image.Image, colour: str | tuple[int, ...]) -> Image.Image:
    ground = Image.new("RGBA", image.size, colour)
    ground.alpha_composite(image.convert("RGBA"))
    return ground.convert("RGB")


@pytest.mark.image
def test_the_plate_is_the_picture(drawn: Rendering) -> None:
    assert difference(drawn.image, painted(drawn.plate)) == 0
    moved = painted(replace(drawn.plate.moved(30, 20), width_px=SIZE[0] + 30, height_px=SIZE[1] + 20))
    assert difference(drawn.image, moved.crop((30, 20, SIZE[0] + 30, SIZE[1] + 20))) < 0.02


@pytest.mark.image
def test_svg_holds_all_text_as_text_and_says_how_it_was_made(drawn: Rendering) -> None:
    root = ET.fromstring(svg_text(drawn.plate, FACTS))
    assert [t.text for t in root.iter(f"{SVG}text")] == [w.text for w in drawn.plate.words]
    assert root.findtext(f"{SVG}title") == FACTS["Title"] and root.findtext(f"{SVG}desc") == FACTS["Description"]
    told = {f.get("name"): f.text for f in root.iter("{urn:inion:metadata}fact")}
    assert told == FACTS
    assert root.findtext(".//{http://purl.org/dc/elements/1.1/}source") == FACTS["Sources"]
    assert len(list(root.iter(f"{SVG}image"))) == 1
    (image,) = root.iter(f"{SVG}image")
    data = image.get("{http://www.w3.org/1999/xlink}href", "").split(",")[1]
    inner = Image.open(io.BytesIO(base64.b64decode(data)))
    assert inner.size == (int(image.get("width", 0)), int(image.get("height", 0))) and inner.mode == "RGB"


@pytest.mark.image
def test_the_sides_are_true_in_svg(balls: Anatomy, picture: Picture) -> None:
    for view, left, right in (("posterior", "L", "R"), ("anterior", "R", "L")):
        plate = render(balls, replace(picture, camera=replace(picture.camera, view=view))).plate
        marks = {
            t.text: float(t.get("x", 0)) for t in ET.fromstring(svg_text(plate, {})).iter(f"{SVG}text") if t.get("font-weight")
        }
        assert marks[left] < SIZE[0] / 2 < marks[right]


@pytest.mark.image
def test_a_browser_shows_the_svg_as_the_png_each_text_within_a_pixel(drawn: Rendering, clear: Rendering, tmp_path: Path) -> None:
    from tests.browsers import browsing

    for name, rendering in (("paper", drawn), ("clear", clear)):
        path = tmp_path / f"{name}.svg"
        path.write_text(svg_text(rendering.plate, FACTS), encoding="utf-8")
        with browsing(*SIZE) as page:
            page.page.goto(path.as_uri())
            boxes = page.page.evaluate(
                "[...document.querySelectorAll('text')].map(t => { const b = t.getBBox(); return [b.x, b.x + b.width]; })"
            )
            page.page.screenshot(path=str(tmp_path / f"{name}.png"), omit_background=True)
        for words, (x0, x1) in zip(rendering.plate.words, boxes, strict=True):
            width = text_width(words.text, words.size, bold=words.bold)
            assert [x0, x1] == pytest.approx(left_end(words.x, width, words.anchor) + np.array([0, width]), abs=1), words.text
        seen = Image.open(tmp_path / f"{name}.png")
        assert (np.asarray(seen.convert("RGBA"))[2, 2, 3] == 0) == (name == "clear")
        assert difference(over(seen, "white"), over(rendering.image, "white")) < 4


@pytest.mark.image
def test_pdf_text_can_be_chosen_and_stands_where_the_png_has_it(drawn: Rendering) -> None:
    reader = pytest.importorskip("pypdfium2")
    pytest.importorskip("reportlab")
    page = reader.PdfDocument(pdf_bytes(drawn.plate, FACTS))[0]
    text = page.get_textpage()
    whole = " ".join(text.get_text_bounded().split())
    for words in drawn.plate.words:
        assert words.text in whole, words.text
    assert whole.count("5 U") == 1 and whole.count("10 U") == 1
    scale = PX_PER_INCH / 72
    for words in drawn.plate.words:
        if len(words.text) > 4:
            index, count = text.search(words.text, match_case=True).get_next()
            chars = np.array([text.get_charbox(i) for i in range(index, index + count) if words.text[i - index] != " "])
            left, right, foot = ink_box(words)
            assert abs(chars[:, 0].min() * scale - left) < 1.3 and abs(chars[:, 2].max() * scale - right) < 1.3, words.text
            if not set(words.text) & set("gjpqy,;()<>&"):
                assert abs(SIZE[1] - chars[:, 1].min() * scale - foot) < 1.0, words.text


@pytest.mark.image
def test_pdf_looks_like_the_png_and_says_how_it_was_made(drawn: Rendering, clear: Rendering) -> None:
    reader = pytest.importorskip("pypdfium2")
    pytest.importorskip("reportlab")
    data = pdf_bytes(drawn.plate, FACTS)
    assert data == pdf_bytes(drawn.plate, FACTS)
    assert b"DejaVuSans" in data and b"FontFile2" in data
    document = reader.PdfDocument(data)
    told = document.get_metadata_dict()
    assert told["Title"] == FACTS["Title"] and told["Subject"] == FACTS["Description"]
    assert "Seed: 7" in told["Keywords"] and "Şahin 2016" in told["Keywords"]
    scale = PX_PER_INCH / 72 * (1 - 1e-6)
    assert difference(document[0].render(scale=scale).to_pil().convert("RGB"), drawn.image) < 5
    bare = reader.PdfDocument(pdf_bytes(clear.plate, FACTS))[0]
    for colour in ((255, 255, 255), (20, 60, 90)):
        shown = bare.render(scale=scale, fill_color=(*colour, 255)).to_pil().convert("RGB")
        assert difference(shown, over(clear.image, colour)) < 5


@pytest.mark.image
def test_a_transparent_picture_laid_on_its_paper_is_the_opaque_one(drawn: Rendering, clear: Rendering) -> None:
    assert clear.image.mode == "RGBA" and drawn.image.mode == "RGB"
    paper = tuple(int(v) for v in np.round(load_theme("atlas").paper * 255))
    first, second = (np.asarray(i).astype(int) for i in (over(clear.image, paper), drawn.image))
    assert np.abs(first - second).mean() < 0.1 and np.percentile(np.abs(first - second), 99.9) < 16
    alpha = np.asarray(clear.image)[..., 3]
    assert alpha[1, 1] == 0 and alpha[SIZE[1] // 2, SIZE[0] // 2] == 255
    glass = alpha[(alpha > 10) & (alpha < 120)]
    assert len(glass) > 1000


@pytest.mark.image
def test_a_transparent_drawing_has_no_fringe_of_paper(balls: Anatomy, picture: Picture) -> None:
    bare = replace(
        picture, shown=(Shown("cranium", colour="#202020"),), transparent=True, labels=(), markers=(), legend=(), title="",
        caption="", sources=(), scale_bar=False, orientation=False, disclaimer=False,
    )  # fmt: skip
    rgba = np.asarray(render(balls, bare).image).astype(int)
    edge = (rgba[..., 3] > 0) & (rgba[..., 3] < 255)
    assert edge.sum() > 100 and rgba[edge][:, :3].max() <= rgba[rgba[..., 3] == 255][:, :3].max() + 12


@pytest.mark.image
def test_rims_of_leader_lines_keep_to_the_drawing_where_there_is_no_paper(drawn: Rendering, clear: Rendering) -> None:
    halo = load_theme("atlas").halo
    for rendering, all_solid in ((drawn, False), (clear, True)):
        (ground,) = rendering.plate.rasters
        rims = [s for s in rendering.plate.shapes if getattr(s, "opacity", 1) == 0.55 and np.allclose(s.colour, halo)]
        assert rims
        for rim in rims:
            shares = np.linspace(0, 1, 9)[:, None]
            x, y = np.floor(rim.points[0] + shares * (rim.points[1] - rim.points[0])).astype(int).T - [[ground.x], [ground.y]]  # type: ignore[union-attr]
            inside = (x >= 0) & (y >= 0) & (x < ground.pixels.shape[1]) & (y < ground.pixels.shape[0])
            if all_solid:
                assert inside.all() and (ground.pixels[y, x, 3] == 255).all()


def test_files_of_every_format_are_written_side_by_side(
    tiny_anatomy: Anatomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("reportlab")
    monkeypatch.setattr(sim.rendering, "anatomy_for", lambda scenario: tiny_anatomy)
    scenario = load_scenario("gon-path")
    paths = sim.rendering.render(scenario, tmp_path, size=(200, 150), formats=("png", "svg", "pdf"), transparent=True)
    assert [p.name for p in paths] == ["gon-path.png", "gon-path.svg", "gon-path.pdf"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in paths)
    told = read_metadata(paths[0])
    facts = {f.get("name"): f.text or "" for f in ET.parse(paths[1]).getroot().iter("{urn:inion:metadata}fact")}
    assert facts == told and told["Scenario"] == "gon-path"
    with Image.open(paths[0]) as image:
        assert image.mode == "RGBA"
    assert paths[2].read_bytes().startswith(b"%PDF")


def test_unknown_formats_and_missing_libraries_are_refused_before_anything_is_written(
    tiny_anatomy: Anatomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim.rendering, "anatomy_for", lambda scenario: tiny_anatomy)
    scenario = load_scenario("gon-path")
    with pytest.raises(ValueError, match="'svg'"):
        sim.rendering.render(scenario, tmp_path / "out", formats=("svgg",))
    monkeypatch.setitem(sys.modules, "reportlab.pdfgen.canvas", None)
    with pytest.raises(ImportError):
        sim.rendering.render(scenario, tmp_path / "out", size=(100, 80), formats=("png", "pdf"))
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
