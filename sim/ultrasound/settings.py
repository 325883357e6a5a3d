"""What is set on the scanner: probe, depth, frequency, focus, gain, dynamic range, and how finely a frame is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from meshes._check import check_choice, unknown
from sim.ultrasound.probes import ProbeModel, probe_model
from sim.ultrasound.rules import scanner_table

MARKER_SIDES = ("left", "right")


@dataclass(frozen=True)
class Settings:
    """Settings of a scanner. What is None is the probe's usual.

    Parameters
    ----------
    probe : str
        Name of a preset: 'linear-12-3', 'linear-11-5', 'hockey-15-7', 'linear-9-4', 'curved-5-2'.
    lines, samples, planes : int
        Beams across the image, samples along each, elevation planes of each (1, 3 or 5).
    depth_mm, frequency_mhz, focus_mm : float, optional
        Depth of the image; frequency; depth of the transmit focus.
    gain_db : float
    tgc_db : tuple of float
        Sliders of the time-gain compensation, shallow to deep, evenly spaced.
    dynamic_range_db : float
        From black to white.
    marker_side : {'left', 'right'}
        Side of the picture that shows the probe's marked end.
    true_speed : bool
        Let echoes lie where a scanner that assumes 1540 m/s would put them, in place of where they are.
    gel_mm : float, optional
        Gap between face and skin that gel fills; a wider one is air.
    noise : bool
        Add the receiver's noise.
    face_echoes : bool
        Draw the reverberation at the face and below bone.
    seed : int
        Of the scatterers.
    """

    probe: str = "linear-12-3"
    lines: int = 256
    samples: int = 1024
    planes: int = 3
    depth_mm: float | None = None
    frequency_mhz: float | None = None
    focus_mm: float | None = None
    gain_db: float = 0.0
    tgc_db: tuple[float, ...] = ()
    dynamic_range_db: float = 60.0
    marker_side: Literal["left", "right"] = "left"
    true_speed: bool = False
    gel_mm: float | None = None
    noise: bool = True
    face_echoes: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        knobs, model = scanner_table()["knobs"], probe_model(self.probe)
        usual_gel = scanner_table()["face"]["gel_mm"]
        for name, usual in (("depth_mm", model.default_depth_mm), ("frequency_mhz", model.default_mhz), ("gel_mm", usual_gel)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, usual)
        if self.focus_mm is None:
            object.__setattr__(self, "focus_mm", min(model.default_focus_mm, 0.9 * self.deep_mm))
        for name, unit in (("lines", ""), ("samples", ""), ("depth_mm", "mm"), ("gain_db", "dB"), ("dynamic_range_db", "dB")):
            _within(name, getattr(self, name), knobs[f"{name}_range"], unit)
        _whole(self, ("lines", "samples", "planes", "seed"))
        _within("frequency_mhz", self.frequency_mhz, [model.lowest_mhz, model.highest_mhz], f"MHz for the probe {model.key}")
        _within("focus_mm", self.focus_mm, [1.0, knobs["depth_mm_range"][1]], "mm")
        _within("gel_mm", self.gel_mm, [0.0, 30.0], "mm")
        if self.planes not in knobs["planes_allowed"]:
            raise ValueError(f"planes is {self.planes}; allowed: {', '.join(map(str, knobs['planes_allowed']))}.")
        if self.samples % 4:
            raise ValueError(f"samples is {self.samples}; it must be a multiple of 4.")
        check_choice("marker_side", self.marker_side, MARKER_SIDES)
        object.__setattr__(self, "tgc_db", tuple(float(v) for v in self.tgc_db))
        if len(self.tgc_db) == 1 or len(self.tgc_db) > 64:
            raise ValueError(f"tgc_db has {len(self.tgc_db)} sliders; give none, or 2 to 64 from shallow to deep.")
        for value in self.tgc_db:
            _within("tgc_db", value, knobs["tgc_db_range"], "dB")

    @property
    def model(self) -> ProbeModel:
        """The probe."""
        return probe_model(self.probe)

    @property
    def deep_mm(self) -> float:
        """Depth of the image, mm."""
        return float(self.depth_mm)  # type: ignore[arg-type]

    @property
    def mhz(self) -> float:
        """Frequency, MHz."""
        return float(self.frequency_mhz)  # type: ignore[arg-type]

    @property
    def focal_mm(self) -> float:
        """Depth of the transmit focus, mm."""
        return float(self.focus_mm)  # type: ignore[arg-type]

    @property
    def gap_mm(self) -> float:
        """Gap that gel fills, mm."""
        return float(self.gel_mm)  # type: ignore[arg-type]

    @property
    def sample_mm(self) -> float:
        """Step along the beam, mm."""
        return self.deep_mm / self.samples


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Return settings from names and values. Raises ValueError naming the nearest where a name is not known."""
    known = [f.name for f in fields(Settings)]
    for name in values:
        if name not in known:
            raise ValueError(unknown("setting", name, known))
    return Settings(**values)


def _within(name: str, value: Any, allowed: list[float], unit: str) -> None:
    low, high = allowed
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and low <= value <= high
    if not good:
        raise ValueError(f"{name} is {value!r}; it must be a number from {low:g} to {high:g} {unit}".rstrip() + ".")


def _whole(settings: Settings, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(settings, name)
        good = isinstance(value, int | float | np.integer) and not isinstance(value, bool) and math.isfinite(value)
        if not good or int(value) != value or value < 0:
            raise ValueError(f"{name} is {value!r}; it must be a whole number, 0 or more.")
        object.__setattr__(settings, name, int(value))
