"""Colour and power Doppler: blood that moves along the beam, aliased, filtered, and flash where the probe moves.

Each place has a complex echo whose phase turns by pi at the scale's end, as the autocorrelation of a real scanner has (Kasai
1985); it is
blurred with the beam, so that slow and fast blood mix, and wraps round by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from meshes._check import check_choice
from meshes.terms import split_key
from sim.ultrasound.frame import Echoes, placed, rest_depth
from sim.ultrasound.geometry import beams, grid, lateral_deviation_mm
from sim.ultrasound.image import Doppler
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.probes import axial_fwhm_mm
from sim.ultrasound.pulse import pulse_wave
from sim.ultrasound.rules import scanner_table
from sim.ultrasound.settings import Settings

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
MODES = ("colour", "power")
STEP = 4


@dataclass(frozen=True)
class DopplerSettings:
    """How flow is looked for.

    Parameters
    ----------
    mode : {'colour', 'power'}
    scale_cm_s : float, optional
        Speed along the beam at which the colour wraps round.
    wall_filter_cm_s : float, optional
        Slower motion along the beam is not shown.
    steer_deg : float
        The Doppler beams lean this far toward the marked end; linear probes only.
    box : tuple of four float, optional
        Colour box in shares of the picture: left, top, right, bottom.
    gain_db : float
    moving_mm_s : (float, float, float)
        Speed of the probe along its lateral, elevation and axis: makes flash.
    """

    mode: Literal["colour", "power"] = "colour"
    scale_cm_s: float | None = None
    wall_filter_cm_s: float | None = None
    steer_deg: float = 0.0
    box: tuple[float, float, float, float] = (0.12, 0.06, 0.88, 0.72)
    gain_db: float = 0.0
    moving_mm_s: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        rule = scanner_table()["doppler"]
        check_choice("mode", self.mode, MODES)
        for name in ("scale_cm_s", "wall_filter_cm_s"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, float(rule[name]))
        low, high = rule["scale_cm_s_range"]
        if not low <= self.scale <= high:
            raise ValueError(f"scale_cm_s is {self.scale_cm_s}; it must be from {low:g} to {high:g} cm/s.")
        if not 0 <= self.wall_filter < self.scale:
            raise ValueError(
                f"wall_filter_cm_s is {self.wall_filter_cm_s}; it must be from 0 to below the scale, {self.scale:g} cm/s."
            )
        low, high = rule["steer_deg_range"]
        if not low <= self.steer_deg <= high:
            raise ValueError(f"steer_deg is {self.steer_deg}; it must be from {low:g} to {high:g} degrees.")
        left, top, right, bottom = self.box
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(f"box is {self.box}; it must be left, top, right, bottom in shares of the picture, 0 to 1.")
        if not np.isfinite([self.gain_db, *self.moving_mm_s]).all():
            raise ValueError("gain_db and moving_mm_s must be finite.")

    @property
    def scale(self) -> float:
        """Speed at which the colour wraps round, cm/s."""
        return float(self.scale_cm_s)  # type: ignore[arg-type]

    @property
    def wall_filter(self) -> float:
        """Least speed shown, cm/s."""
        return float(self.wall_filter_cm_s)  # type: ignore[arg-type]


def flow(
    echoes: Echoes, pose: ProbePose, settings: Settings, wanted: DopplerSettings, time_s: float, rate_per_min: float
) -> Doppler:
    """Return what Doppler shows in a frame.

    Parameters
    ----------
    echoes : Echoes
        Of the same pose, settings and moment.
    pose, settings, wanted
    time_s, rate_per_min : float
        Moment of the beat.
    """
    rule = scanner_table()["doppler"]
    speed, power = _blood(echoes, pose, settings, wanted, time_s, rate_per_min)
    turn = np.pi * speed / wanted.scale
    real, imaginary = power * np.cos(turn), power * np.sin(turn)
    moving, strength = _flash(echoes, settings, wanted)
    real += strength * np.cos(np.pi * moving / wanted.scale)
    imaginary += strength * np.sin(np.pi * moving / wanted.scale)
    blur = _blur(settings)
    real, imaginary, power = (gaussian_filter(f, blur, mode="nearest", truncate=2.5) for f in (real, imaginary, power + strength))
    velocity = np.arctan2(imaginary, real) * (wanted.scale / np.pi)
    level = 10 * np.log10(np.maximum(power, 1e-9)) + rule["blood_db"] + wanted.gain_db
    shown = (level > rule["least_db"]) & ((np.abs(velocity) >= wanted.wall_filter) | (wanted.mode == "power"))
    return _on_pixels(np.where(shown, velocity, 0), np.where(shown, level, 0), settings, wanted)


def _blood(
    echoes: Echoes, pose: ProbePose, settings: Settings, wanted: DopplerSettings, time_s: float, rate: float
) -> tuple[Floats, Floats]:
    """Speed toward the probe (cm/s) and power of blood (lines, nodes)."""
    share, rod = echoes.vessel[..., 0], echoes.vessel[..., 1].astype(np.int64)
    speed, power = np.zeros(share.shape, dtype=np.float32), np.zeros(share.shape, dtype=np.float32)
    line, node = np.nonzero((share > 0.02) & (rod >= 0))
    if not len(line):
        return speed, power
    rods, which = echoes.rods, rod[line, node]
    along = rods.end[which] - rods.start[which]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    place = _rest(echoes, pose, settings, line, node) - rods.start[which]
    away = np.linalg.norm(place - np.einsum("ij,ij->i", place, along)[:, None] * along, axis=1)
    radius = rods.radius_mm[which].mean(axis=1)
    profile = np.maximum(1 - (np.minimum(away / radius, 0.97)) ** 2, 0)
    beat = pulse_wave(time_s, rate)
    mean = _mean_speeds(rods.keys, rods.kinds, float(beat))[rods.owner[which]]
    beam = _doppler_way(pose, settings, wanted)[line]
    speed[line, node] = -2 * mean * profile * np.einsum("ij,ij->i", along, beam)
    kept = np.clip((np.abs(speed[line, node]) / max(wanted.wall_filter, 1e-3)) ** 4, 0, 1)
    power[line, node] = share[line, node] * kept
    return speed, power


def _mean_speeds(keys: tuple[str, ...], kinds: tuple[str, ...], beat: float) -> Array:
    """Mean speed over the section (keys,), cm/s, along the way from origin to end; veins run home."""
    rule = scanner_table()["doppler"]
    still = float(rule["diastole_share"])
    out = np.zeros(len(keys))
    for i, (key, kind) in enumerate(zip(keys, kinds, strict=True)):
        if kind == "artery":
            out[i] = float(rule.get(f"{split_key(key)[0]}_cm_s", rule["artery_cm_s"])) * (still + (1 - still) * beat)
        elif kind == "vein":
            out[i] = -float(rule["vein_cm_s"])
    return out


def _doppler_way(pose: ProbePose, settings: Settings, wanted: DopplerSettings) -> Array:
    """Unit directions (lines, 3) of the Doppler beams, RAS."""
    way = beams(settings).way.copy()
    if settings.model.kind == "linear":
        lean = np.deg2rad(wanted.steer_deg)
        way = np.broadcast_to([np.sin(lean), 0.0, np.cos(lean)], way.shape)
    return np.asarray(way @ pose.ras_from_probe.matrix[:3, :3].T)


def _rest(echoes: Echoes, pose: ProbePose, settings: Settings, line: NDArray[np.int64], node: NDArray[np.int64]) -> Array:
    """Resting places (n, 3), mm RAS, of nodes in the middle of the slice."""
    start, way = placed(beams(settings), pose)
    middle = start.shape[1] // 2
    contact = echoes.contact
    depth = np.asarray(node * STEP * settings.sample_mm, dtype=np.float64)
    rest = rest_depth(depth, contact.skin_mm[line, middle], contact.bone_mm[line, middle])
    return np.asarray(start[line, middle] + rest[:, None] * way[line], dtype=np.float64)


def _flash(echoes: Echoes, settings: Settings, wanted: DopplerSettings) -> tuple[Floats, Floats]:
    """Speed (cm/s) and power of tissue under a moving probe (lines, nodes): strong echoes shine through the wall filter."""
    levels = echoes.levels_db[:, ::STEP]
    nodes = echoes.vessel.shape[1]
    levels = np.pad(levels, ((0, 0), (0, nodes - levels.shape[1])), mode="edge")
    across, over, along = (v / 10 for v in wanted.moving_mm_s)
    rule = scanner_table()["doppler"]
    toward = along * np.cos(np.deg2rad(wanted.steer_deg)) + across * np.sin(np.deg2rad(wanted.steer_deg))
    broad = float(rule["broad_share"]) * float(np.hypot(across, over))
    if abs(toward) + broad < 0.5 * wanted.wall_filter:
        return np.zeros_like(levels), np.zeros_like(levels)
    grain = echoes.real[:, ::STEP]
    grain = np.pad(grain, ((0, 0), (0, nodes - grain.shape[1])), mode="edge")
    speed = toward + 3 * broad * np.tanh(grain)
    kept = np.clip((np.abs(speed) / max(wanted.wall_filter, 1e-3)) ** 4, 0, 1)
    return speed.astype(np.float32), (kept * 10 ** (np.clip(levels + rule["flash_db"] - 12, -40, 12) / 10)).astype(np.float32)


def _blur(settings: Settings) -> tuple[float, float]:
    """Deviation of the blur in lines and in nodes."""
    middle = settings.deep_mm / 2
    widths = float(scanner_table()["doppler"]["blur_widths"])
    pitch = float(np.median(beams(settings).spacing_mm))
    lateral = float(lateral_deviation_mm(settings, np.array([middle]))[0])
    axial = 2 * axial_fwhm_mm(settings.model, settings.mhz) / 2.355
    return widths * lateral / pitch, widths * axial / (STEP * settings.sample_mm)


def _on_pixels(velocity: Floats, level: Floats, settings: Settings, wanted: DopplerSettings) -> Doppler:
    g = grid(settings)
    left, top, right, bottom = wanted.box
    r0, r1, c0, c1 = round(top * g.rows), round(bottom * g.rows), round(left * g.columns), round(right * g.columns)
    flip = settings.marker_side == "right"
    rows, columns = np.arange(r0, r1), np.arange(c0, c1)
    of = g.columns - 1 - columns if flip else columns
    if g.whole is not None:
        line, sample = np.round(g.line[0, of]).astype(int)[None], np.round(g.sample[rows, 0] / STEP).astype(int)[:, None]
    else:
        line, sample = (np.round(a[np.ix_(rows, of)] / s).astype(int) for a, s in ((g.line, 1), (g.sample, STEP)))
    inside = line >= 0
    out = []
    for field in (velocity, level):
        whole = np.zeros((g.rows, g.columns), dtype=np.float32)
        whole[r0:r1, c0:c1] = np.where(inside, field[np.maximum(line, 0), np.maximum(sample, 0)], 0)
        out.append(whole)
    return Doppler(wanted.mode, out[0], out[1], (r0, c0, r1, c1), wanted.scale)
