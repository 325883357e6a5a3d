"""Still pictures of the patient page, for paper and for browsers without WebGL; words are laid over them in each language."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from sim.cameras import View, edge_marks, stand
from sim.debrief.html import Html, esc, joined, n, tag
from sim.explain.page_parts import Tongue
from sim.lettering import line_height, text_width, wrapped
from sim.page import lay_out
from sim.picture import Camera, Line, Needle, Picture, Probe
from sim.picture_shown import Shown
from sim.theme import load_theme

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]
SIZE = (640, 560)  # of the drawing's own units: letters of 28 are 9 points high where it stands on paper
NAME_PX, SMALL_PX = 28, 24
SHARPER = 1.5
QUALITY = 80
EDGE = 12.0
NAME_WIDE = 210.0
DISC = 17.0
SEEN = {("L", "R"): "behind", ("R", "L"): "front", ("A", "P"): "left", ("P", "A"): "right"}
HANDS = {"L": "left", "R": "right", "A": "front", "P": "back"}


@dataclass(frozen=True)
class Shot:
    """A still picture and the places of the words on it.

    Parameters
    ----------
    id : str
        Of the image in the page.
    jpeg : bytes
    size : (int, int)
        Of the drawing's own units; the image may have more pixels.
    names : tuple of (str, float, float)
        Key of a structure, and where it is.
    sides : (str, str)
        Which of L, R, A, P of the patient lies at the left and at the right.
    stations : tuple of (float, float)
        Numbered places.
    """

    id: str
    jpeg: bytes
    size: tuple[int, int]
    names: tuple[tuple[str, float, float], ...] = ()
    sides: tuple[str, str] = ("", "")
    stations: tuple[tuple[float, float], ...] = ()

    @property
    def seen(self) -> str:
        """Where it is seen from: 'front', 'behind', 'left' or 'right'; empty from above or below."""
        return SEEN.get(self.sides, "")


def still(
    anatomy: Anatomy,
    name: str,
    camera: Mapping[str, Any],
    shown: Mapping[str, float],
    *,
    highlight: Sequence[str] = (),
    named: Mapping[str, Sequence[float]] | None = None,
    stations: Sequence[Sequence[float]] = (),
    needles: tuple[Needle, ...] = (),
    probe: Probe | None = None,
    lines: tuple[Line, ...] = (),
    sharper: float = SHARPER,
    **more: Any,
) -> Shot:
    """Return a still picture of what a step shows.

    Parameters
    ----------
    anatomy : Anatomy
    name : str
        Of the shot.
    camera : mapping
        azimuth_deg, elevation_deg, focus_mm, width_mm.
    shown : mapping of str to float
        Opacity of structures by key; what the anatomy lacks is passed over.
    highlight : sequence of str
    named : mapping of str to (3,) floats
        What gets its name, and where it is, mm.
    stations : sequence of (3,) floats
        Numbered places, mm.
    needles, probe, lines
        As in `Picture`.
    sharper : float
        Pixels of the image for each unit.
    **more
        Further parts of the `Picture`.
    """
    from sim.stills import render_picture

    width, height = (round(sharper * side) for side in SIZE)
    bright = set(highlight)
    look = tuple(Shown(k, min(o, 1.0), k in bright) for k, o in shown.items() if o > 0 and k in anatomy)
    of = Camera(
        azimuth_deg=camera["azimuth_deg"], elevation_deg=camera["elevation_deg"], focus_mm=tuple(camera["focus_mm"]),
        width_mm=camera["width_mm"],
    )  # fmt: skip
    picture = Picture(
        name, look, style="patient", width_px=width, height_px=height, camera=of, needles=needles, probe=probe, lines=lines,
        scale_bar=False, orientation=False, disclaimer=False, **more,
    )  # fmt: skip
    view, corner = standing_of(picture)
    at = {k: _on_page(view, corner, p, sharper) for k, p in (named or {}).items()}
    marks = edge_marks(view)
    return Shot(
        name, jpeg_of(render_picture(anatomy, picture)), SIZE, tuple((k, *xy) for k, xy in at.items()),
        (marks["left"], marks["right"]), tuple(_on_page(view, corner, p, sharper) for p in stations),
    )  # fmt: skip


def standing_of(picture: Picture) -> tuple[View, tuple[int, int]]:
    """Return the camera of a picture that says where it looks, and the corner of its drawing, pixels."""
    box = lay_out(picture, load_theme(picture.style)).drawing
    return stand(picture.camera, np.zeros((1, 3)), box.width, box.height), (box.x0, box.y0)


def _on_page(view: View, corner: tuple[int, int], point: Sequence[float], sharper: float) -> tuple[float, float]:
    pixel = view.project(np.asarray(point, dtype=np.float64)[None])[0][0] + corner
    return float(pixel[0] / sharper), float(pixel[1] / sharper)


def jpeg_of(image: Image) -> bytes:
    """Return a picture as a JPEG file."""
    held = io.BytesIO()
    image.convert("RGB").save(held, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return held.getvalue()


def store(shots: Sequence[Shot]) -> Html:
    """Return the images once, for all languages to use."""
    rows = [
        tag("symbol", Html(f'<image href="data:image/jpeg;base64,{base64.b64encode(s.jpeg).decode("ascii")}" '
                           f'width="{s.size[0]}" height="{s.size[1]}"/>'),
            id=f"shot-{s.id}", viewBox=f"0 0 {s.size[0]} {s.size[1]}")
        for s in shots
    ]  # fmt: skip
    return tag("svg", *rows, width="0", height="0", class_="away", aria_hidden="true")


def words_seen(tongue: Tongue, shot: Shot) -> str:
    """Return in words what a picture shows: from where it is seen, and what is named."""
    names = [text for key, _, _ in shot.names if (text := name_in(tongue, key))]
    parts = [tongue.ui("picture_of"), tongue.ui(f"seen_{shot.seen}") if shot.seen else "", "; ".join(names)]
    return " ".join(f"{p.rstrip('.')}." for p in parts if p)


def name_in(tongue: Tongue, key: str) -> str:
    """Return the plain name of what is named in a picture."""
    from meshes.terms import split_key

    return tongue.ui(key) if key in ("site", "needle") else tongue.of(split_key(key)[0])


def shot_figure(tongue: Tongue, shot: Shot) -> Html:
    """Return a still picture with its words in one language."""
    wide, high = shot.size
    parts = [tag("use", href=f"#shot-{shot.id}", width=n(wide), height=n(high)), *_sides(tongue, shot)]
    texts = [(name_in(tongue, key), (x, y)) for key, x, y in shot.names]
    parts += _names([t for t in texts if t[0]], shot.size)
    for i, (x, y) in enumerate(shot.stations, 1):
        parts.append(tag("circle", cx=n(x), cy=n(y), r=n(DISC), class_="p-disc"))
        parts.append(tag("text", esc(i), x=n(x), y=n(y + 0.5 * DISC), class_="p-number", text_anchor="middle"))
    drawing = tag("svg", *parts, viewBox=f"0 0 {wide} {high}", role="img", aria_label=words_seen(tongue, shot))
    caption = tag("figcaption", esc(tongue.ui(f"view_{shot.seen}"))) if shot.seen else Html("")
    return tag("figure", drawing, caption, class_="shot")


def _sides(tongue: Tongue, shot: Shot) -> list[Html]:
    """Which side of the patient lies where."""
    out, y = [], shot.size[1] - EDGE
    for side, x, anchor in ((shot.sides[0], EDGE, "start"), (shot.sides[1], shot.size[0] - EDGE, "end")):
        if side in HANDS:
            out.append(tag("text", esc(hand(tongue, HANDS[side])), x=n(x), y=n(y), class_="p-hand", text_anchor=anchor))
    return out


def hand(tongue: Tongue, side: str) -> str:
    """Return the letter and the words of a side of the patient; of front and back the word alone."""
    if side in ("front", "back"):
        return tongue.ui(f"letter_{side}")
    return f"{tongue.ui(f'letter_{side}')} · {tongue.ui(f'patients_{side}')}"


def _names(rows: Sequence[tuple[str, tuple[float, float]]], size: tuple[int, int]) -> list[Html]:
    """Names at the border nearer to their thing, one under the other, with lines."""
    out: list[Html] = []
    step = line_height(NAME_PX)
    below = {"start": 2 * EDGE, "end": 2 * EDGE}
    for text, (x, y) in sorted(rows, key=lambda row: row[1][1]):
        anchor = "start" if x < size[0] / 2 else "end"
        lines = wrapped(text, NAME_PX, NAME_WIDE, bold=True)
        top = max(below[anchor], min(y - 70.0 - step * len(lines) / 2, size[1] - 90.0 - step * len(lines)))
        below[anchor] = top + step * len(lines) + EDGE
        at = EDGE if anchor == "start" else size[0] - EDGE
        wide = max(text_width(line, NAME_PX, bold=True) for line in lines)
        box = (at, top, at + wide, below[anchor] - EDGE) if anchor == "start" else (at - wide, top, at, below[anchor] - EDGE)
        out.append(leader(box, (x, y), "p"))
        out += [
            tag("text", esc(line), x=n(at), y=n(top + (i + 0.8) * step), class_="p-name", text_anchor=anchor)
            for i, line in enumerate(lines)
        ]
    return out


def leader(box: Box, to: tuple[float, float], look: str) -> Html:
    """Return a line from the border of a text's box to a place, with a dot at its end."""
    x0, y0 = min(max(to[0], box[0]), box[2]), min(max(to[1], box[1] - 2), box[3] + 4)
    ends = {"x1": n(x0), "y1": n(y0), "x2": n(to[0]), "y2": n(to[1])}
    lines = [tag("line", class_=f"{look}-{kind}", **ends) for kind in ("halo", "line")]
    return joined([*lines, tag("circle", cx=n(to[0]), cy=n(to[1]), r="6" if look == "p" else "4", class_="p-dot")])
