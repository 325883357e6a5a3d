"""How far colours stand apart for every kind of eye, and whether four inks can print them.

Colours are sRGB, 0 to 1. Differences are CIEDE2000. The gamut of print is that of a Neugebauer halftone: each point of the
paper shows one of eight mixtures of full inks or black, and the eye averages their light. Real halftones scatter light into
the paper and reach somewhat further, so what passes here is on the safe side.

References
----------
sharma2005, machado2009, iso2004.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from sim.tables import table

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

DEFICIENCIES = ("protan", "deutan", "tritan")
DOTS, BLACKS = 25, 21
L_STEP, HUE_STEP = 2.0, 5.0
KNEE = 0.75
BLACK_TO = 30.0  # L* below which darkness is pressed together to that of black ink
SAFE = 0.97  # share of the chroma that a cell of the gamut reaches at most
LUT = 33
STRIP_PX = 256


def linear(rgb: ArrayLike) -> Array:
    """Return sRGB as shares of light."""
    c = np.asarray(rgb, dtype=np.float64)
    return np.where(c <= 0.04045, c / 12.92, ((np.maximum(c, 0.0) + 0.055) / 1.055) ** 2.4)


def encoded(light: ArrayLike) -> Array:
    """Return shares of light as sRGB, cut to 0 to 1."""
    c = np.clip(np.asarray(light, dtype=np.float64), 0.0, 1.0)
    return np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)


def lab(rgb: ArrayLike) -> Array:
    """Return L*, a*, b* (..., 3) under D50 of sRGB colours (..., 3); white paper is white."""
    screen = table("colour_science")["screen"]
    xyz = linear(rgb) @ (np.array(screen["adapt"]) @ np.array(screen["xyz_from_rgb"])).T
    return _lab_of(xyz / np.array(screen["white_d50"]))


def rgb_of(lab_values: ArrayLike) -> Array:
    """Return sRGB (..., 3), cut to 0 to 1, of L*, a*, b*."""
    screen = table("colour_science")["screen"]
    xyz = _xyz_of(np.asarray(lab_values, dtype=np.float64)) * np.array(screen["white_d50"])
    return encoded(xyz @ np.linalg.inv(np.array(screen["adapt"]) @ np.array(screen["xyz_from_rgb"])).T)


def hex_of(rgb: ArrayLike) -> str:
    """Return an sRGB colour (3,), cut to 0 to 1, as '#rrggbb'."""
    return "#" + "".join(f"{int(v):02x}" for v in np.round(255 * np.clip(np.asarray(rgb, dtype=np.float64), 0, 1)))


def seen_by(rgb: ArrayLike, deficiency: str) -> Array:
    """Return colours (..., 3) as an eye sees them: 'normal', 'protan', 'deutan' or 'tritan'."""
    if deficiency == "normal":
        return np.asarray(rgb, dtype=np.float64)
    return encoded(linear(rgb) @ np.array(table("colour_science")["vision"][deficiency]).T)


def least_difference(first: ArrayLike, second: ArrayLike) -> float:
    """Return how far two colours stand apart (CIEDE2000) for the eye that tells them apart least."""
    eyes = ("normal", *DEFICIENCIES)
    return min(float(difference(lab(seen_by(first, eye)), lab(seen_by(second, eye)))) for eye in eyes)


def difference(first: ArrayLike, second: ArrayLike) -> Array:
    """Return the CIEDE2000 difference of L*, a*, b* (..., 3)."""
    p, q = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    mean = (np.hypot(p[..., 1], p[..., 2]) + np.hypot(q[..., 1], q[..., 2])) / 2
    g = 1.5 - 0.5 * np.sqrt(mean**7 / (mean**7 + 25.0**7))
    (c1, h1), (c2, h2) = (_polar(v[..., 1] * g, v[..., 2]) for v in (p, q))
    dl, dc = q[..., 0] - p[..., 0], c2 - c1
    turn = np.where(c1 * c2 > 0, (h2 - h1 + 180) % 360 - 180, 0.0)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    c = (c1 + c2) / 2
    h = np.where(c1 * c2 > 0, (h1 + turn / 2) % 360, h1 + h2)
    t = 1 - 0.17 * _cos(h - 30) + 0.24 * _cos(2 * h) + 0.32 * _cos(3 * h + 6) - 0.20 * _cos(4 * h - 63)
    high = ((p[..., 0] + q[..., 0]) / 2 - 50) ** 2
    sl, sc, sh = 1 + 0.015 * high / np.sqrt(20 + high), 1 + 0.045 * c, 1 + 0.015 * c * t
    rt = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((h - 275) / 25) ** 2))))
    a, b, d = dl / sl, dc / sc, dh / sh
    return np.asarray(np.sqrt(np.maximum(a * a + b * b + d * d + rt * b * d, 0.0)))


def printable(rgb: ArrayLike) -> NDArray[np.bool_]:
    """Return which colours (...,) of (..., 3) four inks on coated paper can print."""
    light, chroma, hue = _split(lab(rgb))
    return np.asarray((light >= _black() - 0.5) & (chroma <= _reach(light, hue) + 0.5))


def to_press(rgb: ArrayLike) -> Array:
    """Return the nearest colours that can be printed: hue stays, chroma and darkness give way, softly."""
    values = lab(rgb)
    light, _, hue = _split(values)
    raised = np.where(light < BLACK_TO, _black() + light * (BLACK_TO - _black()) / BLACK_TO, light)
    most = np.maximum(_reach(raised, hue), 1e-6)
    chroma = np.hypot(values[..., 1], values[..., 2]) / most
    soft = np.where(chroma > KNEE, KNEE + (1 - KNEE) * np.tanh((chroma - KNEE) / (1 - KNEE)), chroma) * most
    turned = np.radians(hue)
    return rgb_of(np.stack([raised, soft * np.cos(turned), soft * np.sin(turned)], axis=-1))


def pixels_to_press(pixels: Pixels) -> None:
    """Bring pixels (height, width, 3 or 4) within what can be printed, in place."""
    grid = _lut()
    for top in range(0, len(pixels), STRIP_PX):
        part = pixels[top : top + STRIP_PX, :, :3]
        at = (part.reshape(-1, 3).T * ((LUT - 1) / 255.0)).astype(np.float32)
        new = np.stack([ndimage.map_coordinates(grid[..., i], at, order=1) for i in range(3)], axis=1)
        part[...] = np.round(new * 255).reshape(part.shape)


@cache
def _lut() -> NDArray[np.float32]:
    """Printable colours (LUT, LUT, LUT, 3) of a grid of red, green and blue."""
    axis = np.linspace(0, 1, LUT)
    return to_press(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)).astype(np.float32)


@cache
def _gamut() -> Array:
    """Highest chroma (L*, hue) that inks reach, on a grid of lightness and hue; 0 where they reach none."""
    c, m, y, k = np.meshgrid(*[np.linspace(0, 1, DOTS)] * 3, np.linspace(0, 1, BLACKS), indexing="ij")
    xyz = np.zeros((*c.shape, 3))
    for on in product((False, True), repeat=3):
        share = np.prod([dot if is_on else 1 - dot for dot, is_on in zip((c, m, y), on, strict=True)], axis=0) * (1 - k)
        xyz += share[..., None] * _ink("".join(n for n, is_on in zip("cmy", on, strict=True) if is_on) or "paper")
    xyz += k[..., None] * _ink("k")
    light, chroma, hue = (v.ravel() for v in _split(_lab_of(xyz / _ink("paper"))))
    out = np.zeros((round(100 / L_STEP) + 1, round(360 / HUE_STEP)))
    at = (np.round(light / L_STEP).astype(np.int64), np.round(hue / HUE_STEP).astype(np.int64) % out.shape[1])
    np.maximum.at(out, at, chroma)
    return out * SAFE


def _reach(light: Array, hue: Array) -> Array:
    """Highest chroma that can be printed at a lightness and hue."""
    at = np.stack([light / L_STEP, hue / HUE_STEP]).reshape(2, -1)
    wrapped = np.concatenate([_gamut(), _gamut()[:, :1]], axis=1)
    return np.asarray(ndimage.map_coordinates(wrapped, at, order=1, mode="nearest")).reshape(np.shape(light))


@cache
def _black() -> float:
    """The L* of black ink beside white paper."""
    return float(_lab_of(_ink("k") / _ink("paper"))[0])


def _ink(name: str) -> Array:
    """Light that a full ink throws back, X, Y, Z."""
    return _xyz_of(np.array(table("colour_science")["press"][name]))


def _split(values: Array) -> tuple[Array, Array, Array]:
    """L*, chroma and hue (degrees) of L*, a*, b*."""
    return values[..., 0], np.hypot(values[..., 1], values[..., 2]), np.degrees(np.arctan2(values[..., 2], values[..., 1])) % 360


def _polar(a: Array, b: Array) -> tuple[Array, Array]:
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _cos(degrees: Array) -> Array:
    return np.asarray(np.cos(np.radians(degrees)))


def _lab_of(xyz: Array) -> Array:
    """L*, a*, b* of light as shares of white."""
    f = np.where(xyz > 216 / 24389, np.cbrt(np.maximum(xyz, 0)), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def _xyz_of(values: Array) -> Array:
    """Light as shares of white of L*, a*, b*."""
    y = (values[..., 0] + 16) / 116
    f = np.stack([y + values[..., 1] / 500, y, y - values[..., 2] / 200], axis=-1)
    return np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389)
