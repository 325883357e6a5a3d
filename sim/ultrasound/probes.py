"""Probes, and how sharp their beams are: `sim/data/probes.toml` and the laws that its constants belong to.

Widths are full widths at half amplitude (-6 dB) of the two-way beam, in mm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_choice
from sim.tables import table

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ProbeModel:
    """One kind of probe.

    Parameters
    ----------
    key, label : str
        Name in the table, and in words.
    kind : {'linear', 'curved'}
    elements : int
    pitch_mm : float
        From one element to the next, along the face.
    centre_mhz : float
        Middle of the band.
    lowest_mhz, highest_mhz : float
        Frequencies at which it works.
    bandwidth : float
        Width of the band over its middle, -6 dB.
    width_mm : float
        Length of the row of elements; along the arc for a curved probe.
    radius_mm, field_deg : float
        Of a curved face, and the angle that it spans, degrees; both 0 for a linear one.
    elevation_height_mm, elevation_focus_mm : float
        Height of the elements, and depth of the lens's focus.
    default_mhz, default_depth_mm, default_focus_mm : float
        What the scanner starts with: frequency, depth of the image, depth of the transmit focus.
    footprint_thickness_mm : float
        Short side of the head, for drawing.
    sources : tuple of str
        Keys of `meshes/data/references.toml`.
    evidence : mapping of str to str
        FOUND, DERIVED, KNOWN or design, by quantity.
    """

    key: str
    label: str
    kind: Literal["linear", "curved"]
    elements: int
    pitch_mm: float
    centre_mhz: float
    lowest_mhz: float
    highest_mhz: float
    bandwidth: float
    width_mm: float
    radius_mm: float
    field_deg: float
    elevation_height_mm: float
    elevation_focus_mm: float
    default_mhz: float
    default_depth_mm: float
    default_focus_mm: float
    footprint_thickness_mm: float
    sources: tuple[str, ...]
    evidence: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True)
class _Beam:
    """The constants of the laws, as in the table's [beam]."""

    sound_speed_m_s: float
    axial_bandwidth: float
    axial_wavelengths: float
    receive_f_number: float
    transmit_f_number: float
    lateral: float
    lateral_blur: float
    elevation: float
    elevation_blur: float
    deepest_mm: float


@cache
def probes() -> Mapping[str, ProbeModel]:
    """Return every probe by key, in the order of the table."""
    return MappingProxyType({key: _probe(key, row) for key, row in table("probes")["probes"].items()})


def probe_model(key: str) -> ProbeModel:
    """Return one probe. Raises ValueError naming the nearest keys."""
    return probes()[check_choice("probe", key, probes())]


def wavelength_mm(mhz: float, c: float | None = None) -> float:
    """Return the length of a wave, mm.

    Parameters
    ----------
    mhz : float
        Frequency.
    c : float, optional
        Speed of sound, m/s; by default the one that scanners assume, 1540.

    Raises
    ------
    ValueError
        If either is not a number above 0.
    """
    speed = _beam().sound_speed_m_s if c is None else _positive("c", c, "m/s")
    return speed / 1e3 / _positive("mhz", mhz, "MHz")


def axial_fwhm_mm(model: ProbeModel, mhz: float) -> float:
    """Return the length of the pulse's envelope, mm: wavelengths over the relative bandwidth.

    The constant is what PyMUST's one-cycle pulse has on the L11-5v (0.184 mm at 7.6 MHz, bandwidth 0.77) and on the L12-3v
    (0.155 mm at
    7.54 MHz, bandwidth 0.93).

    Raises
    ------
    ValueError
        If the probe does not work at `mhz`.

    References
    ----------
    pymust
    """
    wave, beam = _wave(model, mhz), _beam()
    return max(beam.axial_bandwidth * wave / model.bandwidth, beam.axial_wavelengths * wave)


def receive_f_number(model: ProbeModel, depth_mm: ArrayLike) -> Array:
    """Return depth over receiving aperture, which grows with depth until the whole probe listens.

    Parameters
    ----------
    model : ProbeModel
    depth_mm : array of any shape
        From the face, mm, 0 or more.

    Returns
    -------
    array of the same shape

    Raises
    ------
    ValueError
        If a depth is not a number, negative, or deeper than any probe sees.
    """
    return np.asarray(np.maximum(_beam().receive_f_number, _depth(depth_mm) / model.width_mm))


def lateral_fwhm_mm(model: ProbeModel, mhz: float, depth_mm: ArrayLike, focus_mm: float) -> Array:
    """Return the width of the beam in the image's plane, mm.

    The receiving beam is focused at every depth, K wavelengths times F wide. The transmitted one is so at its own focus
    only, and blurs before and behind it; its aperture is half the focus's depth, at most the probe. The two act as a
    product, so inverse squares add up.

    K = 1.38 is what PyMUST gives for receive alone (one plane wave sent: 0.420 mm at F 1.5, 7.6 MHz, L11-5v); the ideal
    aperture has 1.2. PyMUST with a focused transmit, aperture half the depth, gives 0.334 to 0.344 mm at 8 to 30 mm, this law
    0.336; away from the focus both return to the receiving width, and never differ by more than 10 %. Seven compounded plane
    waves (0.366 mm) lie between. The law treats a curved face as flat.

    Parameters
    ----------
    model : ProbeModel
    mhz : float
    depth_mm : array of any shape
        From the face, mm.
    focus_mm : float
        Depth of the transmit focus.

    Returns
    -------
    array of the same shape

    Raises
    ------
    ValueError
        If the probe does not work at `mhz`, or a depth or the focus is out of reach.

    References
    ----------
    pymust, garcia2022
    """
    wave, beam, depth = _wave(model, mhz), _beam(), _depth(depth_mm)
    focus = float(_depth(_positive("focus_mm", focus_mm, "mm"), "focus_mm"))
    aperture = min(focus / beam.transmit_f_number, model.width_mm)
    sent = np.hypot(beam.lateral * wave * depth / aperture, beam.lateral_blur * aperture * (depth - focus) / focus)
    received = beam.lateral * wave * receive_f_number(model, depth)
    return np.asarray(received * sent / np.hypot(received, sent))


def elevation_fwhm_mm(model: ProbeModel, mhz: float, depth_mm: ArrayLike) -> Array:
    """Return the thickness of the slice, mm: the lens has one focus, and the slice thickens before and behind it.

    That of a focused aperture, with one constant for the focus and one for the blur, which grows more slowly behind the focus
    than before it. Fitted to PyMUST's two-way slices of three lenses at 7.5 to 12 MHz, 5 to 30 mm deep: at worst 14 % off.

    Parameters
    ----------
    model : ProbeModel
    mhz : float
    depth_mm : array of any shape
        From the face, mm.

    Returns
    -------
    array of the same shape

    Raises
    ------
    ValueError
        If the probe does not work at `mhz`, or a depth is out of reach.

    References
    ----------
    pymust
    """
    wave, beam, depth = _wave(model, mhz), _beam(), _depth(depth_mm)
    height, focus = model.elevation_height_mm, model.elevation_focus_mm
    out_of_focus = (depth - focus) / np.sqrt(focus * np.maximum(depth, focus))
    return np.asarray(np.hypot(beam.elevation * wave * focus / height, beam.elevation_blur * height * out_of_focus))


def _wave(model: ProbeModel, mhz: float) -> float:
    """The length of a wave, mm, at a frequency at which the probe works."""
    if not model.lowest_mhz <= mhz <= model.highest_mhz:
        raise ValueError(f"mhz is {mhz:g}. Allowed for {model.key}: {model.lowest_mhz:g} to {model.highest_mhz:g} MHz.")
    return wavelength_mm(mhz)


def _positive(name: str, value: float, unit: str) -> float:
    """`value` if it is a finite number above 0, else ValueError."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value:g}. Allowed: a finite number above 0, in {unit}.")
    return float(value)


def _depth(depth_mm: ArrayLike, name: str = "depth_mm") -> Array:
    """Depths as an array, if a probe can see there, else ValueError."""
    depth, deepest = np.asarray(depth_mm, dtype=np.float64), _beam().deepest_mm
    if not ((depth >= 0) & (depth <= deepest)).all():
        raise ValueError(f"{name} holds a value that no probe reaches. Allowed: 0 to {deepest:g} mm.")
    return depth


def _probe(key: str, row: Mapping[str, Any]) -> ProbeModel:
    """A row of the table."""
    frozen = {"sources": tuple(row["sources"]), "evidence": MappingProxyType(dict(row["evidence"]))}
    return ProbeModel(key=key, **{**row, **frozen})


@cache
def _beam() -> _Beam:
    """The constants of the laws."""
    return _Beam(**{k: v for k, v in table("probes")["beam"].items() if k not in ("sources", "evidence")})
