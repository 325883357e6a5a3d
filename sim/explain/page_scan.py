"""The ultrasound picture of the patient page: the image with its outlines, once; plain names over it in each language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from meshes.terms import split_key
from sim.debrief.html import Html, esc, n, tag
from sim.explain.page_parts import Tongue
from sim.explain.page_pictures import HANDS, Shot, hand, jpeg_of, leader
from sim.insets import insonated
from sim.lettering import line_height
from sim.page import Box
from sim.picture import Picture
from sim.scans import ends_of
from sim.theme import load_theme
from sim.ultrasound.image import BModeImage
from sim.ultrasound.naming import place_names
from sim.ultrasound.outlines import draw_outlines, kind_of, seen_structures
from sim.ultrasound.screen_layout import ScreenLayout, lay_out_screen

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH_PX = 560
FINER = 2  # pixels of the image for each of its units
LETTERS = 2.2  # how much larger than on a scanner's screen the names are
NAMED = {"needle": 1, "nerve": 1, "artery": 1, "muscle": 2, "bone": 1}  # kinds that get names, and how many of each


@dataclass(frozen=True, eq=False)
class Scan:
    """An ultrasound image, and where it stands on its drawing.

    Parameters
    ----------
    shot : Shot
    image : BModeImage
    layout : ScreenLayout
        Of the image alone.
    aim : str or None
        Key of the nerve that is sought.
    """

    shot: Shot
    image: BModeImage
    layout: ScreenLayout
    aim: str | None = None


def scan_of(anatomy: Anatomy, picture: Picture) -> Scan | None:
    """Return the ultrasound picture of what a scenario shows; None if it shows none."""
    if picture.inset is None:
        return None
    image = insonated(anatomy, picture.inset)
    layout = _alone(lay_out_screen(image, WIDTH_PX, ("", "")))
    return Scan(
        Shot("scan", jpeg_of(_drawn(image, layout)), (layout.image.width, layout.image.height)), image, layout, picture.inset.aim
    )


def _alone(layout: ScreenLayout) -> ScreenLayout:
    """A layout of the image alone, without settings and scales, with larger names."""
    box = layout.image
    return replace(layout, image=Box(0, 0, box.width, box.height), margin=0, words=(), unit=layout.unit * LETTERS)


def _drawn(image: BModeImage, layout: ScreenLayout) -> Image:
    """The grey image, with outlines of what may be named, in more pixels than it has units."""
    from PIL import Image

    area = Box(0, 0, FINER * layout.image.width, FINER * layout.image.height)
    grey = Image.fromarray(image.pixels).resize((area.width, area.height), Image.Resampling.BICUBIC)
    pixels: NDArray[np.uint8] = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
    kept = np.isin(image.labels, [i for i, key in enumerate(image.keys) if kind_of(key) in NAMED])
    draw_outlines(pixels, area, replace(image, labels=np.where(kept, image.labels, 0)), load_theme("dark"), FINER * 0.7)
    return Image.fromarray(pixels)


def scan_figure(tongue: Tongue, scan: Scan) -> Html:
    """Return the ultrasound picture with plain names in one language."""
    wide, high = scan.shot.size
    parts = [tag("use", href=f"#shot-{scan.shot.id}", width=n(wide), height=n(high))]
    names = plain_names(tongue, scan.image, scan.aim)
    placed, _ = place_names(scan.image, scan.layout, names)
    for name in placed:
        x0, y0, x1, y1 = name.box
        if name.leader is not None:
            to = name.leader[1]
            parts.append(leader((x0, y0, x1, y1), to, "u"))
        step = line_height(name.size_px)
        parts += [
            tag("text", esc(line), x=n((x0 + x1) / 2), y=n(y0 + (i + 0.8) * step), class_="u-name", text_anchor="middle",
                font_size=n(name.size_px))
            for i, line in enumerate(name.lines)
        ]  # fmt: skip
    said = ", ".join(dict.fromkeys(" ".join(p.lines) for p in placed))
    label = f"{tongue.ui('ultrasound_picture')}: {said}" if said else tongue.ui("ultrasound_picture")
    drawing = tag("svg", *parts, viewBox=f"0 0 {wide} {high}", role="img", aria_label=label)
    return tag("figure", drawing, tag("figcaption", esc(_caption(tongue, scan.image))), class_="scan")


def plain_names(tongue: Tongue, image: BModeImage, aim: str | None = None) -> dict[str, str]:
    """Return the names that an image gets: needle, the nerve aimed at, an artery, two muscles, a bone; the others get none."""
    seen = seen_structures(image)
    names = {s.key: tongue.ui("needle") if s.key == "needle" else tongue.of(split_key(s.key)[0]) for s in seen}
    kept: list[str] = []
    for kind, most in NAMED.items():
        rows = sorted((s for s in seen if s.kind == kind and names[s.key]), key=lambda s: (s.key != aim, -int(s.mask.sum())))
        kept += [s.key for s in rows[:most] if kind != "nerve" or aim in (None, s.key)]
    return {key: text if key in kept else "" for key, text in names.items()}


def _caption(tongue: Tongue, image: BModeImage) -> str:
    """What lies at the left and at the right, and that the picture is computed."""
    left, right = (hand(tongue, HANDS[end]) if end in HANDS else "" for end in ends_of(image))
    sides = f"← {left} | {right} →" if left and right else ""
    return " ".join(p for p in (sides, tongue.ui("ultrasound_here"), tongue.ui("ultrasound_made")) if p)


def shots_with(shots: Sequence[Shot], scan: Scan | None) -> list[Shot]:
    """Return the shots, with the ultrasound picture if there is one."""
    return [*shots, *([scan.shot] if scan is not None else [])]
