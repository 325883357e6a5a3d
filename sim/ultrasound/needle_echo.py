"""What a needle sends back: bright where the beam meets it square and in the slice, with rings under it and a shadow behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.ultrasound.geometry import WIDTHS_PER_DEVIATION, beams
from sim.ultrasound.medium import Tables
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.probes import elevation_fwhm_mm
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.scene import ScanNeedle, Targets
from sim.ultrasound.settings import Settings
from sim.ultrasound.spread import lateral_grain_mm, spread

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
POINT_LINES = 3  # either side, that a point is laid on
SEEN_SHARE = 0.5  # of the beam in elevation beyond which the needle counts as seen


def on_lines(points: Array, settings: Settings) -> tuple[Array, Array]:
    """Return the line and the sample (fractional) of points (n, 3) in the probe's frame, mm."""
    model = settings.model
    if model.kind == "curved":
        away = np.hypot(points[:, 0], points[:, 2] + model.radius_mm)
        angle = np.arctan2(points[:, 0], points[:, 2] + model.radius_mm)
        share, depth = angle / np.deg2rad(model.field_deg), away - model.radius_mm
    else:
        share, depth = points[:, 0] / model.width_mm, points[:, 2]
    return (0.5 - share) * settings.lines - 0.5, depth / settings.sample_mm


def in_slice(elevation_mm: Array, depth_mm: Array, settings: Settings) -> Array:
    """Return the share (n,) of the beam that meets points off the middle of the slice: a half at half the slice's thickness."""
    depth = np.clip(depth_mm, 0.0, settings.deep_mm)
    deviation = elevation_fwhm_mm(settings.model, settings.mhz, depth) / WIDTHS_PER_DEVIATION
    return np.asarray(np.exp(-0.5 * (elevation_mm / deviation) ** 2))


def shaft_level_db(angle_deg: float, echogenic: bool) -> float:
    """Return the level of a shaft, dB against muscle, inserted at an angle to the probe's face (0 is flat)."""
    rule = scanner_table()["needle"]
    slope = rule["echogenic_db_per_deg" if echogenic else "plain_db_per_deg"]
    return float(rule["level_db"] - slope * abs(angle_deg))


def insertion_deg(needle: ScanNeedle, pose: ProbePose) -> float:
    """Return the angle between a needle and the face of the probe, degrees."""
    return float(np.rad2deg(np.arcsin(np.clip(abs(needle.direction @ pose.axis), 0, 1))))


def add_needle(
    real: Floats, imaginary: Floats, seen: NDArray[np.int16], needle: ScanNeedle, pose: ProbePose, settings: Settings,
    table: Tables,
    bone_mm: Floats,
) -> None:  # fmt: skip
    """Add the echoes of a needle to lines and samples, in place, dim what is behind it, and mark it in the labels."""
    from sim.ultrasound.splat import add_points, dim_below, mark

    rule = scanner_table()["needle"]
    length = float(np.linalg.norm(needle.tip_mm - needle.entry_mm))
    along = np.append(np.arange(0.0, length, rule["step_mm"]), length)
    points = pose.probe_from_ras.apply(needle.entry_mm + along[:, None] * needle.direction)
    line, sample = on_lines(points, settings)
    share = in_slice(points[:, 1], points[:, 2], settings) * _lit(line, sample, bone_mm, settings)
    angle = insertion_deg(needle, pose)
    pitch = settings.model.width_mm / settings.lines
    level = 10 ** (shaft_level_db(angle, needle.echogenic) / 20) * share * rule["step_mm"] / pitch
    level *= _passed(sample, settings)
    level[-1] = 10 ** ((rule["level_db"] + rule["tip_db"]) / 20) * share[-1] * _passed(sample[-1:], settings)[0]
    flat_line = line.astype(np.float32)
    dim_below(real, imaginary, flat_line, sample.astype(np.float32), (rule["shadow"] * share).astype(np.float32))
    step = needle.diameter_mm * rule["ring_step_factor"] / max(np.cos(np.deg2rad(angle)), 0.2) / settings.sample_mm
    fade = np.exp(-((angle / rule["ring_fade_deg"]) ** 2))
    for ring in range(int(rule["rings"]) + 1):
        strength = (level * (fade * rule["ring_ratio"]) ** ring).astype(np.float32)
        add_points(real, flat_line, (sample + ring * step).astype(np.float32), strength)
    visible = share > SEEN_SHARE
    half = needle.diameter_mm / 2 / settings.sample_mm
    mark(seen, flat_line[visible], sample[visible].astype(np.float32), np.float32(half), table.label("needle"))


def add_targets(real: Floats, targets: Targets, pose: ProbePose, settings: Settings) -> None:
    """Add points to lines and samples, in place; a point of amplitude 1 in the slice shows with that peak.

    A point has the grain of a scatterer across lines too, so that its width is the beam's wherever it lies between two lines.
    """
    from sim.ultrasound.splat import add_points

    points = pose.probe_from_ras.apply(targets.points_mm)
    line, sample = on_lines(points, settings)
    at = np.clip(np.round(sample), 0, settings.samples - 1).astype(int)
    grain = lateral_grain_mm(settings) / beams(settings).spacing_mm[at]
    strength = targets.amplitude * in_slice(points[:, 1], points[:, 2], settings) * _gain(sample, settings)
    strength = strength * _across(at, grain, settings)
    for beside in range(-POINT_LINES, POINT_LINES + 1):
        near = np.round(line) + beside
        part = strength * np.exp(-0.5 * ((near - line) / grain) ** 2)
        add_points(real, near.astype(np.float32), sample.astype(np.float32), part.astype(np.float32))


def _across(sample: NDArray[np.int_], grain: Array, settings: Settings) -> Array:
    """What turns the gain (n,) of a border, as wide as the face, into that of points with a grain (n,) in lines."""
    kernel = spread(settings).lateral[:, sample].astype(np.float64)
    twice = np.where(np.arange(len(kernel)) == 0, 1.0, 2.0)[:, None]
    alone = np.exp(-0.5 * (np.arange(len(kernel))[:, None] / grain) ** 2)
    return np.asarray((twice * kernel).sum(axis=0) / (twice * kernel * alone).sum(axis=0))


def _gain(sample: Array, settings: Settings) -> Array:
    gain = spread(settings).border_gain
    return np.asarray(gain[np.clip(sample / 4, 0, len(gain) - 1).astype(int)])


def _passed(sample: Array, settings: Settings) -> Array:
    """What the way through usual tissue leaves of an amplitude, times the gain that undoes the beam's spread."""
    rule = scanner_table()["picture"]
    loss = 2 * rule["tgc_db_cm_mhz"] * settings.mhz * np.maximum(sample, 0) * settings.sample_mm / 10
    return np.asarray(10 ** (-loss / 20) * _gain(sample, settings))


def _lit(line: Array, sample: Array, bone_mm: Floats, settings: Settings) -> Array:
    """1 where no bone lies over a point, else 0."""
    at = np.clip(np.round(line), 0, len(bone_mm) - 1).astype(int)
    return np.asarray(sample * settings.sample_mm < bone_mm[at] + 0.3, dtype=np.float64)
