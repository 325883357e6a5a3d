"""Colours of Doppler on the screen: red toward the probe, blue away from it, orange for power."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.page import Box
from sim.ultrasound.image import Doppler

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

SHARES = (0.0, 0.35, 0.75, 1.0)
TOWARD = ((70, 0, 4), (190, 12, 10), (245, 105, 20), (255, 225, 90))
AWAY = ((2, 10, 80), (10, 40, 200), (20, 130, 245), (120, 235, 255))
POWER = ((60, 18, 0), (170, 70, 0), (245, 140, 20), (255, 225, 130))
POWER_DB = 30.0  # the strength that is shown brightest
FAINTEST = 1e-3
STEP_PIXELS = 0.7  # of the coarser pixel


def flow_colours(share: ArrayLike) -> Array:
    """Return colours (..., 3), 0 to 255, of velocities -1 to 1 as shares of the scale: positive, toward the probe, is red."""
    s = np.clip(np.asarray(share, dtype=np.float64), -1, 1)
    return np.where((s >= 0)[..., None], _ramp(s, TOWARD), _ramp(-s, AWAY))


def power_colours(share: ArrayLike) -> Array:
    """Return colours (..., 3), 0 to 255, of powers 0 to 1 as shares of the scale."""
    return _ramp(np.clip(np.asarray(share, dtype=np.float64), 0, 1), POWER)


def doppler_colours(doppler: Doppler) -> Array:
    """Return the colour (rows, columns, 3), 0 to 255, of every pixel of a Doppler map, shown or not."""
    if doppler.mode == "colour":
        return flow_colours(doppler.velocity_cm_s / doppler.nyquist_cm_s)
    return power_colours(doppler.power_db / POWER_DB)


def bar_colours(doppler: Doppler, height_px: int) -> Array:
    """Return the colours (height, 3) of the colour bar, from its top."""
    if doppler.mode == "colour":
        return flow_colours(np.linspace(1, -1, height_px))
    return power_colours(np.linspace(1, 0, height_px))


def lay_doppler(pixels: Pixels, area: Box, doppler: Doppler, pixel_mm: tuple[float, float]) -> None:
    """Lay Doppler over the grey image where it is shown, with soft borders, in place.

    Parameters
    ----------
    pixels : (height, width, 3) uint8 array
        The screen.
    area : Box
        Where the image stands on it.
    doppler : Doppler
        On the pixels of the image.
    pixel_mm : (float, float)
        Height and width of a pixel of the image.
    """
    shown = doppler.shown
    if not shown.any():
        return
    blur = STEP_PIXELS * max(pixel_mm) / np.array(pixel_mm)
    share = _enlarged(shown.astype(np.float64), area, blur)
    weighted = doppler_colours(doppler) * shown[..., None]
    colour = np.stack([_enlarged(weighted[..., i], area, blur) for i in range(3)], axis=-1)
    colour /= np.maximum(share, FAINTEST)[..., None]
    part = pixels[area.y0 : area.y1, area.x0 : area.x1]
    cover = np.where(share > FAINTEST, np.clip(3 * share - 1, 0, 1), 0)[..., None]
    part[...] = np.round(part + cover * (np.clip(colour, 0, 255) - part))


def _ramp(share: Array, stops: tuple[tuple[int, int, int], ...]) -> Array:
    """Colours between stops."""
    table = np.array(stops, dtype=np.float64)
    return np.stack([np.interp(share, SHARES, table[:, i]) for i in range(3)], axis=-1)


def _enlarged(values: Array, area: Box, blur: Array) -> Array:
    """A map, slightly blurred to hide its stairs, at the size of the image on the screen."""
    from PIL import Image
    from scipy.ndimage import gaussian_filter

    picture = Image.fromarray(gaussian_filter(values.astype(np.float32), blur, mode="nearest"))
    return np.asarray(picture.resize((area.width, area.height), Image.Resampling.BICUBIC), dtype=np.float64)
