"""Where the beams of a probe run, and which beam and sample lie under each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.ultrasound.probes import elevation_fwhm_mm, lateral_fwhm_mm
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.settings import Settings

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
SMALLEST_PIXEL_MM = 0.05
WIDTHS_PER_DEVIATION = 2.354820045


@dataclass(frozen=True, eq=False)
class Beams:
    """The beams in the probe's frame, mm.

    Parameters
    ----------
    start : (lines, 3) array
        On the face, in the middle of the slice; line 0 at the marked end.
    way : (lines, 3) array
        Unit directions.
    planes_mm : (planes,) array
        Elevation of the planes.
    spacing_mm : (samples,) array
        Between neighbouring lines at every depth.
    """

    start: Array
    way: Array
    planes_mm: Array
    spacing_mm: Array


@dataclass(frozen=True, eq=False)
class Grid:
    """The pixels.

    Parameters
    ----------
    line, sample : float32 arrays
        Line and sample under each pixel: (1, columns) and (rows, 1), or (rows, columns) for a sector.
    rows, columns : int
    pixel_mm : float
        Square.
    whole : tuple of four arrays or None
        Of a rectangular picture: line (columns,) and share beyond it, sample (rows,) and share beyond it.
    left_mm, top_mm : float
        Lateral place (+ toward the marked end) and depth of the middle of the first pixel.
    """

    line: Floats
    sample: Floats
    rows: int
    columns: int
    pixel_mm: float
    left_mm: float
    top_mm: float
    whole: tuple[NDArray[np.int32], Floats, NDArray[np.int32], Floats] | None = None


@cache
def beams(settings: Settings) -> Beams:
    """Return the beams of a probe as it is set."""
    model, n = settings.model, settings.lines
    share = (n - 1 - 2 * np.arange(n)) / (2 * n)  # from +1/2 at the marked end to -1/2
    start, way = np.zeros((n, 3)), np.zeros((n, 3))
    z = (np.arange(settings.samples) + 0.5) * settings.sample_mm
    if model.kind == "curved":
        angle = share * np.deg2rad(model.field_deg)
        way[:, 0], way[:, 2] = np.sin(angle), np.cos(angle)
        start = model.radius_mm * (way - [0.0, 0.0, 1.0])
        spacing = (model.radius_mm + z) * np.deg2rad(model.field_deg) / n
    else:
        start[:, 0], way[:, 2] = share * model.width_mm, 1.0
        spacing = np.full(settings.samples, model.width_mm / n)
    rule = scanner_table()["planes"]
    planes = np.array(rule[str(settings.planes)]) * reference_slice_mm(settings)
    return Beams(start, way, planes, spacing)


def reference_slice_mm(settings: Settings) -> float:
    """Return the thickness of the slice (FWHM) at the depth for which the planes are set."""
    at = min(float(scanner_table()["planes"]["at_mm"]), settings.deep_mm / 2)
    return float(elevation_fwhm_mm(settings.model, settings.mhz, at))


def plane_weights(settings: Settings, depth_mm: Array) -> tuple[Floats, Floats]:
    """Return the shares (planes, n) of the elevation planes at depths (n,) mm.

    First for scatterers (their squares sum to 1), then for borders (they sum to 1).
    """
    y = beams(settings).planes_mm[:, None]
    deviation = elevation_fwhm_mm(settings.model, settings.mhz, depth_mm) / WIDTHS_PER_DEVIATION
    share = np.exp(-0.5 * (y / deviation) ** 2)
    flat = share / share.sum(axis=0)
    return (share / np.sqrt((share**2).sum(axis=0))).astype(np.float32), flat.astype(np.float32)


def lateral_deviation_mm(settings: Settings, depth_mm: Array) -> Array:
    """Return the deviation of the beam's spread across lines at depths (n,) mm."""
    return lateral_fwhm_mm(settings.model, settings.mhz, depth_mm, settings.focal_mm) / WIDTHS_PER_DEVIATION


@cache
def grid(settings: Settings) -> Grid:
    """Return the pixels of the picture, marked end first."""
    model = settings.model
    if model.kind == "curved":
        return _sector(settings)
    pixel = max(model.width_mm / (2 * settings.lines), SMALLEST_PIXEL_MM)
    columns, rows = round(model.width_mm / pixel), max(round(settings.deep_mm / pixel), 2)
    across = (np.arange(columns) + 0.5) * pixel
    down = (np.arange(rows) + 0.5) * pixel
    line = np.clip(across / model.width_mm * settings.lines - 0.5, 0, settings.lines - 1)
    sample = np.clip(down / settings.sample_mm, 0, settings.samples - 1)
    i, k = np.minimum(line.astype(np.int32), settings.lines - 2), np.minimum(sample.astype(np.int32), settings.samples - 2)
    whole = i, (line - i).astype(np.float32), k, (sample - k).astype(np.float32)
    left = model.width_mm / 2 - pixel / 2
    return Grid(line[None].astype(np.float32), sample[:, None].astype(np.float32), rows, columns, pixel, left, pixel / 2, whole)


def _sector(settings: Settings) -> Grid:
    model = settings.model
    half, far = np.deg2rad(model.field_deg) / 2, model.radius_mm + settings.deep_mm
    width, top = 2 * far * np.sin(half), model.radius_mm * np.cos(half) - model.radius_mm
    pixel = max(width / (2 * settings.lines), SMALLEST_PIXEL_MM)
    columns, rows = round(width / pixel), round((settings.deep_mm - top) / pixel)
    x = width / 2 - (np.arange(columns) + 0.5) * pixel
    z = top + (np.arange(rows) + 0.5) * pixel
    away = np.hypot(x[None], z[:, None] + model.radius_mm)
    angle = np.arctan2(x[None], z[:, None] + model.radius_mm)
    line = (0.5 - angle / (2 * half)) * settings.lines - 0.5
    sample = (away - model.radius_mm) / settings.sample_mm
    outside = (np.abs(angle) > half) | (sample < 0) | (sample > settings.samples)
    line, sample = np.clip(line, 0, settings.lines - 1), np.clip(sample, 0, settings.samples - 1)
    line[outside] = -1
    return Grid(line.astype(np.float32), sample.astype(np.float32), rows, columns, pixel, width / 2 - pixel / 2, top + pixel / 2)


def ras_from_image(settings: Settings, ras_from_probe: Array) -> Array:
    """Return the matrix (4, 4) from (column, row, mm of elevation, 1) to RAS mm, for the probe's pose (4, 4)."""
    g = grid(settings)
    toward = -1.0 if settings.marker_side == "left" else 1.0
    probe_from_image = np.zeros((4, 4))
    probe_from_image[0, 0], probe_from_image[0, 3] = toward * g.pixel_mm, -toward * g.left_mm
    probe_from_image[2, 1], probe_from_image[2, 3] = g.pixel_mm, g.top_mm
    probe_from_image[1, 2] = probe_from_image[3, 3] = 1.0
    return np.asarray(ras_from_probe @ probe_from_image)
