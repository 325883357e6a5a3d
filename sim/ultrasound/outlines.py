"""Outlines of the structures under an image: smooth, thin, coloured by kind of structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.terms import split_key, terms
from sim.page import Box
from sim.theme import Theme
from sim.ultrasound.image import BModeImage

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]

UNNAMED = ("", "soft_tissue")
OWN_KINDS = {"needle": "needle", "injectate": "injectate"}
SMALL_KINDS = ("nerve", "artery", "vein", "needle", "injectate")
DRAWN_LAST = ("fat", "skin", "fascia", "ligament", "muscle", "bone", "injectate", "vein", "artery", "nerve", "needle")
GREY_KINDS = ("skin", "fat", "fascia")
COLOUR_OF_KIND = {"injectate": "group_5"}
BRIGHTEST = 0.97
STEP_PIXELS = 0.6  # of the coarser pixel: hides the stairs of the map
SMOOTH_MM, SMOOTH_SHARE = 0.3, 0.35  # most blur, and most share of a structure's inner radius, so that thin ones stay
LINE_PX, RIM_PX, RIM_OPACITY = 1.9, 1.6, 0.45
FILLED, FILL_OPACITY = ("nerve",), 0.22
FAR_SLOPE = (-0.5, 0.1)  # of the depth within bone, along the beam: its far side, which no sound reaches; its near side
MARGIN_SIGMAS = 4.0


@dataclass(frozen=True)
class Seen:
    """A structure that an image shows.

    Parameters
    ----------
    key, kind : str
        Of the anatomy, and the class of its term; 'other' where no term is known.
    mask : (rows, columns) bool array
        Its pixels.
    inner_mm : float
        Radius of the largest circle in it.
    """

    key: str
    kind: str
    mask: Mask
    inner_mm: float

    @property
    def is_small(self) -> bool:
        """Whether nothing may ever cover it."""
        return self.kind in SMALL_KINDS


def seen_structures(image: BModeImage) -> list[Seen]:
    """Return the structures of an image in the order in which they are drawn, nerves late."""
    from scipy.ndimage import distance_transform_edt, find_objects

    out = []
    boxes = find_objects(image.labels.astype(np.int32) + 1)
    for index in np.unique(image.labels):
        key = image.keys[int(index)]
        if key not in UNNAMED:
            mask = image.labels == index
            inner = float(distance_transform_edt(np.pad(mask[boxes[int(index)]], 1), sampling=image.pixel_mm).max())
            out.append(Seen(key, kind_of(key), mask, inner))
    return sorted(out, key=lambda s: (DRAWN_LAST.index(s.kind) if s.kind in DRAWN_LAST else -1, s.key))


def kind_of(key: str) -> str:
    """Return the kind of a structure by its key: that of its term, else 'other'."""
    term = terms().get(split_key(key)[0])
    return OWN_KINDS.get(key, "other") if term is None else term.kind


def outline_colour(key: str, theme: Theme) -> Array:
    """Return the colour (3,) of a structure's outline, as bright as its hue allows, for a black ground."""
    kind = kind_of(key)
    if kind in GREY_KINDS:
        return theme.muted
    base = theme.colours.get(COLOUR_OF_KIND.get(kind, kind), theme.muted)
    return np.asarray(base * (BRIGHTEST / base.max()))


def border_distance(seen: Seen, pixel_mm: tuple[float, float], width_px: int, height_px: int) -> tuple[Box, Floats]:
    """Return how far screen pixels lie from a structure's smoothed border, inside positive.

    Parameters
    ----------
    seen : Seen
        The structure.
    pixel_mm : (float, float)
        Height and width of a pixel of its mask.
    width_px, height_px : int
        Size of the whole image on the screen.

    Returns
    -------
    Box
        The part of the image on the screen that was worked out; all else lies far outside.
    (box height, box width) float32 array
        Screen pixels; exact near the border only.
    """
    from PIL import Image
    from scipy.ndimage import gaussian_filter

    rows, columns = seen.mask.shape
    sigma_mm = max(STEP_PIXELS * min(max(pixel_mm), seen.inner_mm), min(SMOOTH_MM, SMOOTH_SHARE * seen.inner_mm))
    sigma = np.array([sigma_mm / pixel_mm[0], sigma_mm / pixel_mm[1]])
    field = gaussian_filter(seen.mask.astype(np.float32), sigma, mode="nearest", truncate=MARGIN_SIGMAS)
    margin = MARGIN_SIGMAS * sigma
    at = np.nonzero(seen.mask)
    scale = np.array([height_px / rows, width_px / columns])
    low = [max(0, int((a.min() - m) * s) - 4) for a, m, s in zip(at, margin, scale, strict=True)]
    most = (height_px, width_px)
    high = [min(e, int((a.max() + 1 + m) * s) + 4) for a, m, s, e in zip(at, margin, scale, most, strict=True)]
    source = (low[1] / scale[1], low[0] / scale[0], min(high[1] / scale[1], columns), min(high[0] / scale[0], rows))
    size = (high[1] - low[1], high[0] - low[0])
    big = np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BICUBIC, box=source), dtype=np.float32)
    slope = np.hypot(*(np.gradient(big, axis=i) if big.shape[i] > 1 else np.zeros_like(big) for i in (0, 1)))
    return Box(low[1], low[0], high[1], high[0]), np.asarray((big - 0.5) / np.maximum(slope, 1e-3), dtype=np.float32)


def draw_outlines(pixels: Pixels, area: Box, image: BModeImage, theme: Theme, unit: float) -> None:
    """Draw an outline round every structure, and tint nerves faintly, onto `pixels` (height, width, 3), in place.

    Parameters
    ----------
    pixels : (height, width, 3) uint8 array
        The screen.
    area : Box
        Where the image stands on it.
    image : BModeImage
        The frame.
    theme : Theme
        Of the colours.
    unit : float
        Multiplies the width of the lines.
    """
    half = max(1.0, LINE_PX * unit) / 2
    for seen in seen_structures(image):
        box, distance = border_distance(seen, image.pixel_mm, area.width, area.height)
        part = pixels[area.y0 + box.y0 : area.y0 + box.y1, area.x0 + box.x0 : area.x0 + box.x1]
        away, colour = np.abs(distance), outline_colour(seen.key, theme) * 255
        near = _near_side(distance) if seen.kind == "bone" else np.ones_like(distance)
        rim = near * RIM_OPACITY * np.clip(half + RIM_PX * unit - away + 0.5, 0, 1)
        line = near * np.clip(half - away + 0.5, 0, 1)
        fill = FILL_OPACITY * np.clip(distance + 0.5, 0, 1) * (seen.kind in FILLED)
        ground = part + fill[..., None] * (colour - part)
        dimmed = ground * (1 - rim[..., None])
        part[...] = np.round(dimmed + line[..., None] * (colour - dimmed))


def _near_side(distance: Floats) -> Floats:
    """How much (0 to 1) of a border is seen from above: that of bone which lies deep to it is dark, and is not drawn."""
    if min(distance.shape) < 2:
        return np.ones_like(distance)
    down, across = np.gradient(distance)
    slope = down / np.maximum(np.hypot(down, across), 1e-6)
    return np.asarray(np.clip((slope - FAR_SLOPE[0]) / (FAR_SLOPE[1] - FAR_SLOPE[0]), 0, 1), dtype=np.float32)
