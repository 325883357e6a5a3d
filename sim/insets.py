"""The ultrasound image beside a picture: a panel as high as the page."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from meshes.model import Anatomy, Held
from sim.picture import Inset, Picture
from sim.scans import ends_of
from sim.ultrasound.aiming import aimed_image
from sim.ultrasound.doppler import DopplerSettings
from sim.ultrasound.image import BModeImage
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.scanner import Scanner
from sim.vector_plate import Raster, Words

PANEL_SHARE = 0.45  # of the picture's width
MARGIN_SHARE = 0.02
LEAST_PX, MOST_PX = 320, 3840  # of the scanner's screen
SMALL_TEXTS = 1.15  # height of the panel's text, in that of the page's small text
MOST_LETTERS = 2.0
PEAK_S = 0.1  # moment of the beat at which flow is shown


def panel_px(picture: Picture) -> int:
    """Return the width of a picture's panel; 0 without an inset, or where the picture is too small for one."""
    wide = round(PANEL_SHARE * picture.width_px)
    return wide if picture.inset is not None and wide >= LEAST_PX else 0


def without_panel(picture: Picture) -> Picture:
    """Return a picture as it is beside its panel."""
    return replace(picture, width_px=picture.width_px - panel_px(picture), inset=None)


def panel(anatomy: Anatomy, picture: Picture, small_px: float = 0.0) -> tuple[Raster, tuple[Words, ...]]:
    """Return the ultrasound image at the right of `without_panel(picture)`, and what is written on it.

    Its text is no smaller than the page's small text, `small_px` high.
    """
    from sim.ultrasound.screen import compose_screen
    from sim.ultrasound.screen_layout import FULL_PX, TEXT_PX, lay_out_screen

    def letters(width: int) -> float:
        return float(np.clip(SMALL_TEXTS * small_px * FULL_PX / (TEXT_PX * width), 1.0, MOST_LETTERS))

    assert picture.inset is not None
    wide, margin = panel_px(picture), round(MARGIN_SHARE * picture.height_px)
    shown = insonated(anatomy, picture.inset)
    wanted = int(np.clip(wide - margin, LEAST_PX, MOST_PX))
    room, ends = picture.height_px - 2 * margin, ends_of(shown)
    while wanted > LEAST_PX and (high := lay_out_screen(shown, wanted, ends, letters=letters(wanted)).height) > room:
        wanted = max(LEAST_PX, min(int(wanted * room / high), wanted - 1))  # its furniture does not shrink with it
    made = compose_screen(
        shown, overlay=picture.inset.overlay, ends=ends, width_px=wanted, lettered=False, letters=letters(wanted)
    )  # fmt: skip
    x = picture.width_px - wide + (wide - margin - made.image.width) // 2
    y = max((picture.height_px - made.image.height) // 2, 0)
    words = tuple(replace(w, x=w.x + x, y=w.y + y) for w in made.words)
    return Raster(np.array(made.image), x, y, "ultrasound image"), words


def insonated(anatomy: Anatomy, inset: Inset) -> BModeImage:
    """Return the ultrasound image of an inset. Raises ValueError if its needle's aim is not in view."""
    pose = ProbePose(np.array(inset.centre_mm), np.array(inset.lateral), np.array(inset.axis), inset.press_mm)
    scanner = _scanner(Held(anatomy), inset.settings)
    doppler = None if inset.doppler is None else DopplerSettings(inset.doppler)
    if inset.aim is None:
        return scanner.image(pose, time_s=PEAK_S, doppler=doppler)
    return aimed_image(
        scanner, pose, inset.aim, end=inset.needle_end, diameter_mm=inset.needle_mm, inject_ml=inset.inject_ml, time_s=PEAK_S,
        doppler=doppler,
    )  # fmt: skip


@lru_cache(maxsize=2)
def _scanner(held: Held, settings: tuple[tuple[str, str | float], ...]) -> Scanner:
    """The scanner of an anatomy, kept for the views of one scenario."""
    return Scanner(held.anatomy, **dict(settings))
