"""A plate as a PDF file: the drawing as a picture inside, all else as shapes and text with its fonts embedded."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.lettering import FACES, baseline, font_path, left_end, text_width
from sim.paper_text import face
from sim.vector_plate import Bar, Disc, Plate, Raster, Shape, Words, rim_colour, rim_px

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

Array = NDArray[np.float64]

PX_PER_INCH = 300.0
POINTS = 72.0 / PX_PER_INCH
ROUND = 1  # of line caps and joins


def pdf_bytes(plate: Plate, metadata: Mapping[str, str]) -> bytes:
    """Return a plate as a PDF file of one page, 300 of its pixels to the inch; the same plate gives the same bytes.

    Parameters
    ----------
    plate : Plate
        Without paper, the page is transparent.
    metadata : mapping of str to str
        The same as a PNG's: title and subject of the document, and all of it among the keywords.

    Raises
    ------
    ImportError
        If reportlab is not installed.
    """
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(plate.width_px * POINTS, plate.height_px * POINTS), pageCompression=1, invariant=1)
    _describe(canvas, metadata)
    canvas.scale(POINTS, POINTS)
    if plate.paper is not None:
        canvas.setFillColorRGB(*plate.paper)
        canvas.rect(0, 0, plate.width_px, plate.height_px, stroke=0, fill=1)
    for raster in plate.rasters:
        _image(canvas, raster, plate.height_px)
    canvas.setLineCap(ROUND)
    canvas.setLineJoin(ROUND)
    for shape in plate.shapes:
        _shape(canvas, shape, plate.height_px)
    _opaque(canvas, 1.0)
    for words in plate.words:
        if words.text:
            _text(canvas, words, plate)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _describe(canvas: Canvas, metadata: Mapping[str, str]) -> None:
    """Say what the file is and how it was made."""
    canvas.setTitle(metadata.get("Title", ""))
    canvas.setSubject(metadata.get("Description", ""))
    canvas.setAuthor(metadata.get("Software", "Inion"))
    canvas.setCreator(metadata.get("Software", "Inion"))
    canvas.setKeywords([f"{key}: {value}" for key, value in metadata.items() if key not in ("Title", "Description")])


def _image(canvas: Canvas, raster: Raster, page_px: int) -> None:
    """Draw a raster, with its opacity if it has one."""
    from PIL import Image
    from reportlab.lib.utils import ImageReader

    height, width = raster.pixels.shape[:2]
    if height and width:
        picture = ImageReader(Image.fromarray(raster.pixels))
        canvas.drawImage(picture, raster.x, page_px - raster.y - height, width, height, mask="auto")


def _shape(canvas: Canvas, shape: Shape, page_px: int) -> None:
    """Draw one shape."""
    if isinstance(shape, Bar):
        x0, y0, x1, y1 = shape.box
        _opaque(canvas, 1.0)
        canvas.setFillColorRGB(*shape.colour)
        canvas.rect(x0, page_px - y1, x1 - x0, y1 - y0, stroke=0, fill=1)
        return
    _opaque(canvas, shape.opacity)
    if isinstance(shape, Disc):
        canvas.setFillColorRGB(*shape.colour)
        canvas.circle(float(shape.centre[0]), page_px - float(shape.centre[1]), shape.radius, stroke=0, fill=1)
        return
    canvas.setStrokeColorRGB(*shape.colour)
    canvas.setLineWidth(shape.width)
    path = canvas.beginPath()
    path.moveTo(float(shape.points[0, 0]), page_px - float(shape.points[0, 1]))
    for x, y in shape.points[1:]:
        path.lineTo(float(x), page_px - float(y))
    canvas.drawPath(path, stroke=1, fill=0)


def _text(canvas: Canvas, words: Words, plate: Plate) -> None:
    """Draw one line of text, as long as in the PNG."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    name = face(words.bold)
    width = text_width(words.text, words.size, bold=words.bold)
    natural = stringWidth(words.text, name, words.size)
    stretch = width / natural if natural > 0 else 1.0
    x = left_end(words.x, width, words.anchor)
    y = plate.height_px - baseline(words.y, words.size, bold=words.bold)
    if words.halo:
        _rim(canvas, words, rim_colour(words, plate.halo), x, y, stretch)
    line = canvas.beginText(x, y)
    line.setFont(name, words.size)
    line.setHorizScale(100 * stretch)
    line.setFillColorRGB(*words.colour)
    line.textOut(words.text)
    line.setHorizScale(100)
    canvas.drawText(line)


def _rim(canvas: Canvas, words: Words, colour: Array, x: float, y: float, stretch: float) -> None:
    """Draw the rim round words as outlines; drawn as text it would be copied twice."""
    loaded = _outlines(FACES[words.bold])
    if loaded is None:
        return
    glyphs, names, per_em = loaded
    canvas.setStrokeColorRGB(*colour)
    canvas.setLineWidth(2 * rim_px(words))
    scale = words.size / per_em
    for letter in words.text:
        glyph = glyphs[names.get(ord(letter), ".notdef")]
        path = canvas.beginPath()
        glyph.draw(_pen(path, x, y, scale * stretch, scale, glyphs))
        canvas.drawPath(path, stroke=1, fill=0)
        x += glyph.width * scale * stretch


def _pen(path: Any, x: float, y: float, across: float, up: float, glyphs: Any) -> Any:
    """A pen of fontTools that draws on a path of the page."""
    from fontTools.pens.basePen import BasePen

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return x + across * point[0], y + up * point[1]

    class Pen(BasePen):  # type: ignore[misc]
        def _moveTo(self, point: tuple[float, float]) -> None:  # noqa: N802
            path.moveTo(*at(point))

        def _lineTo(self, point: tuple[float, float]) -> None:  # noqa: N802
            path.lineTo(*at(point))

        def _curveToOne(self, a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> None:  # noqa: N802
            path.curveTo(*at(a), *at(b), *at(c))

        def _closePath(self) -> None:  # noqa: N802
            path.close()

    return Pen(glyphs)


@cache
def _outlines(face: str) -> tuple[Any, Mapping[int, str], int] | None:
    """Glyphs, their names by letter, and units per em of a font; None where it cannot be read."""
    path = font_path(face)
    try:
        from fontTools.ttLib import TTFont
    except ImportError:
        return None
    if path is None:
        return None
    font = TTFont(io.BytesIO(path.read_bytes()))
    return font.getGlyphSet(), font.getBestCmap(), int(font["head"].unitsPerEm)


def _opaque(canvas: Canvas, opacity: float) -> None:
    """Set how far what follows covers what is below."""
    canvas.setFillAlpha(opacity)
    canvas.setStrokeAlpha(opacity)
