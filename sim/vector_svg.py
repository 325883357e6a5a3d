"""A plate as an SVG file: the drawing as a picture inside, all else as shapes and text that can be chosen and changed."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from sim.lettering import FACES, baseline, font_path, left_end, text_width
from sim.palette_checks import hex_of
from sim.vector_plate import Bar, Disc, Plate, Raster, Shape, Words, rim_colour, rim_px

Array = NDArray[np.float64]

FAMILY = "DejaVu Sans"
FALLBACK = "'DejaVu Sans', Verdana, 'Bitstream Vera Sans', sans-serif"
SPACES = (
    'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:inion="urn:inion:metadata"'
)
DUBLIN = {"Title": "title", "Description": "description", "Sources": "source", "Software": "creator"}
PNG_LEVEL = 6


def svg_text(plate: Plate, metadata: Mapping[str, str]) -> str:
    """Return a plate as the text of an SVG file.

    Parameters
    ----------
    plate : Plate
        One of its pixels is one unit of the file.
    metadata : mapping of str to str
        The same as a PNG's; 'Title' and 'Description' are also what a screen reader says.

    Notes
    -----
    Every line of text is as long as in the PNG (`textLength`), whatever font the reader has. The letters that are used are
    embedded where fontTools is installed; programs that ignore embedded fonts need DejaVu Sans for the same look.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg {SPACES} width="{plate.width_px}" height="{plate.height_px}" viewBox="0 0 {plate.width_px} {plate.height_px}" '
        f'role="img" aria-labelledby="title desc" font-family="{FALLBACK}">',
        f'<title id="title">{escape(metadata.get("Title", ""))}</title>',
        f'<desc id="desc">{escape(metadata.get("Description", ""))}</desc>',
        *_metadata(metadata),
        *_faces(plate.words),
    ]
    if plate.paper is not None:
        lines.append(f'<rect width="{plate.width_px}" height="{plate.height_px}" fill="{hex_of(plate.paper)}"/>')
    lines += [_image(raster) for raster in plate.rasters]
    lines += ['<g fill="none" stroke-linecap="round" stroke-linejoin="round">', *map(_shape, plate.shapes), "</g>"]
    lines += ["<g>", *(_text(words, plate.halo) for words in plate.words if words.text), "</g>", "</svg>"]
    return "\n".join(lines) + "\n"


def _metadata(facts: Mapping[str, str]) -> list[str]:
    """What the file says of itself, in Dublin Core where that has a word for it, and by its own names."""
    dublin = [f"<dc:{word}>{escape(facts[key])}</dc:{word}>" for key, word in DUBLIN.items() if facts.get(key)]
    own = [f"<inion:fact name={quoteattr(key)}>{escape(value)}</inion:fact>" for key, value in facts.items()]
    return ["<metadata>", *dublin, *own, "</metadata>"]


def _faces(words: Iterable[Words]) -> list[str]:
    """The letters that are used, as fonts inside the file."""
    used: dict[bool, set[str]] = {}
    for w in words:
        used.setdefault(w.bold, set()).update(w.text)
    rules = []
    for bold, letters in sorted(used.items()):
        data = _subset(FACES[bold], "".join(sorted(letters)))
        if data is not None:
            weight = "bold" if bold else "normal"
            source = f"url(data:font/woff;base64,{base64.b64encode(data).decode()}) format('woff')"
            rules.append(f"@font-face {{ font-family: '{FAMILY}'; font-weight: {weight}; src: {source}; }}")
    return [f"<defs><style>{' '.join(rules)}</style></defs>"] if rules else []


def _subset(face: str, letters: str) -> bytes | None:
    """A font of those letters only; None where it cannot be made."""
    path = font_path(face)
    try:
        from fontTools import subset
    except ImportError:
        return None
    if path is None or not letters:
        return None
    options = subset.Options(flavor="woff", hinting=False, layout_features=["kern"], notdef_outline=True, recalc_timestamp=False)
    options.drop_tables = [*options.drop_tables, "FFTM"]
    fonts = subset.load_font(io.BytesIO(path.read_bytes()), options)
    worker = subset.Subsetter(options)
    worker.populate(text=letters)
    worker.subset(fonts)
    out = io.BytesIO()
    subset.save_font(fonts, out, options)
    return out.getvalue()


def _image(raster: Raster) -> str:
    """A raster as a PNG inside the file."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(raster.pixels).save(out, format="PNG", compress_level=PNG_LEVEL)
    height, width = raster.pixels.shape[:2]
    data = base64.b64encode(out.getvalue()).decode()
    place = f'x="{raster.x}" y="{raster.y}" width="{width}" height="{height}"'
    return f'<image {place} preserveAspectRatio="none" xlink:href="data:image/png;base64,{data}"/>'


def _shape(shape: Shape) -> str:
    """One shape."""
    if isinstance(shape, Bar):
        x0, y0, x1, y1 = shape.box
        return f'<rect x="{x0}" y="{y0}" width="{x1 - x0}" height="{y1 - y0}" fill="{hex_of(shape.colour)}"/>'
    opacity = f' opacity="{_number(shape.opacity)}"' if shape.opacity < 1 else ""
    if isinstance(shape, Disc):
        x, y = (_number(v) for v in shape.centre)
        return f'<circle cx="{x}" cy="{y}" r="{_number(shape.radius)}" fill="{hex_of(shape.colour)}"{opacity}/>'
    path = "L".join(f"{_number(x)} {_number(y)}" for x, y in shape.points)
    return f'<path d="M{path}" stroke="{hex_of(shape.colour)}" stroke-width="{_number(shape.width)}"{opacity}/>'


def _text(words: Words, halo: Array) -> str:
    """One line of text."""
    width = text_width(words.text, words.size, bold=words.bold)
    place = f'x="{_number(left_end(words.x, width, words.anchor))}" y="{_number(baseline(words.y, words.size, bold=words.bold))}"'
    look = f'font-size="{words.size}" fill="{hex_of(words.colour)}"' + (' font-weight="bold"' if words.bold else "")
    rim = rim_px(words)
    if rim:
        colour = hex_of(rim_colour(words, halo))
        look += f' stroke="{colour}" stroke-width="{2 * rim}" stroke-linejoin="round" paint-order="stroke"'
    length = f' textLength="{_number(width)}" lengthAdjust="spacingAndGlyphs"' if len(words.text) > 1 else ""
    return f"<text {place} {look}{length}>{escape(words.text)}</text>"


def _number(value: float) -> str:
    """A number to a hundredth."""
    return f"{float(value):.2f}".rstrip("0").rstrip(".")
