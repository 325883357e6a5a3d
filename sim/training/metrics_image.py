"""Measures of the picture: target in view, tip in the slice, tip seen, probe held still. None where no probe guides."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.training.metrics_attempt import Attempt, depth, settings
from sim.training.trial import fluid_in_image, needle_in_image
from sim.ultrasound.needle_echo import on_lines
from sim.ultrasound.probes import elevation_fwhm_mm

if TYPE_CHECKING:
    from sim.training.state import TrialState
    from sim.ultrasound.poses import ProbePose
    from sim.ultrasound.settings import Settings

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Pair = tuple[float, float]


class Sight(NamedTuple):
    """How the whole advance went: mm of it that count, and mm of these in which the tip was seen."""

    counted_mm: float
    seen_mm: float


def image_target_seen(a: Attempt) -> float | None:
    """Return the share (%) of punctures at which a target's structure was in the picture."""
    keys = {t.structure for t in a.world.targets if t.structure}
    if not guided(a) or not a.entered or not keys:
        return None
    seen = 0
    for c in a.entered:
        if c.after.probe is not None:
            image = a.scanner(c.after).image(c.after.probe)
            seen += bool(image.mask(*keys).any())
    return 100.0 * seen / len(a.entered)


def in_plane_fraction(a: Attempt) -> float | None:
    """Return the share (%) of the advance with the tip within half the slice's thickness at its depth of the scanned plane."""
    if not guided(a) or not a.advances:
        return None
    states = a.along_advances(max(1, round(a.advanced_mm / settings()["in_plane_step_mm"])))
    return 100.0 * sum(_in_plane(a, s) for s in states) / len(states)


def tip_visible_fraction(a: Attempt) -> float | None:
    """Return the share (%) of the advance in which the tip stood out in the picture."""
    if not guided(a) or not a.advances:
        return None
    sight = _sight(a)
    return 100.0 * sight.seen_mm / sight.counted_mm if sight.counted_mm > 0 else None


def blind_advance(a: Attempt) -> float | None:
    """Return how far (mm) the needle was advanced while its tip could not be seen."""
    if not guided(a) or not a.advances:
        return None
    sight = _sight(a)
    return sight.counted_mm - sight.seen_mm


def probe_motion_advancing(a: Attempt) -> float | None:
    """Return how far (mm) the probe moved while the needle stood in the tissue: at the face or in the depth, the larger."""
    if not guided(a) or not a.entered:
        return None
    total = 0.0
    for c in a.changes:
        if depth(c.before) > 0 and c.before.probe is not None and c.after.probe is not None:
            total += _shifted(c.before.probe, c.after.probe)
    return total


def tip_contrast_db(shown: Floats, bare: Floats, at: Pair, setting: Settings) -> float:
    """Return how far (dB) a tip stands out: over the speckle around it, and over the same place without the needle, the less.

    Parameters
    ----------
    shown, bare : (lines, samples) float32 arrays
        Levels, dB, of one frame with the needle and without.
    at : (float, float)
        Line and sample of the tip.
    setting : Settings
        Of the frames.

    Returns
    -------
    float
        -inf where the tip lies outside the frame.

    Notes
    -----
    The mean power of a few pixels at the tip against the median power of a window around it in the bare frame, taken as the mean
    of speckle (the median of an exponential law is ln 2 of its mean). A tip against a bright layer is not told from the layer.
    """
    lines, samples = shown.shape
    if not (0 <= at[0] <= lines - 1 and 0 <= at[1] <= samples - 1):
        return -np.inf
    s = settings()
    step = setting.model.width_mm / setting.lines, setting.sample_mm
    tip, around = (_window(at, s[name], step, shown.shape) for name in ("tip_box_mm", "speckle_box_mm"))
    power = _power(shown[tip])
    speckle = float(np.median(10 ** (bare[around].astype(np.float64) / 10)) / np.log(2))
    return float(10 * np.log10(power / max(speckle, _power(bare[tip]))))


def _sight(a: Attempt) -> Sight:
    """Frames with and without the needle at even lengths of the advance, each compared at the tip; kept for both measures."""
    held: Sight | None = a.__dict__.get("_sight")
    if held is None:
        held = _looked(a)
        a.__dict__["_sight"] = held
    return held


def _looked(a: Attempt) -> Sight:
    s = settings()
    count = min(int(s["most_images"]), max(1, round(a.advanced_mm)))
    each, counted, seen = a.advanced_mm / count, 0, 0
    bare: dict[tuple[int, int, int], Floats] = {}
    for state in a.along_advances(count):
        if state.probe is None:
            counted += 1
            continue
        assert state.needle is not None
        scanner, pose = a.scanner(state), state.probe
        line, sample = on_lines(pose.probe_from_ras.apply(state.needle.tip_mm[None]), scanner.settings)
        beside = not -0.5 <= line[0] <= scanner.settings.lines - 0.5
        if beside and state.needle.depth_mm <= s["entry_mm"]:
            continue
        counted += 1
        needle, fluid = needle_in_image(state, a.world), fluid_in_image(state, a.world)
        if needle is None:
            continue
        key = id(pose), id(scanner), len(state.deposits)
        if key not in bare:
            bare[key] = scanner.echoes(pose, injectate=fluid).levels_db
        shown = scanner.echoes(pose, needle=needle, injectate=fluid).levels_db
        seen += tip_contrast_db(shown, bare[key], (float(line[0]), float(sample[0])), scanner.settings) >= s["visible_db"]
    return Sight(counted * each, seen * each)


def guided(a: Attempt) -> bool:
    """Return whether the procedure is guided by ultrasound."""
    return a.world.procedure.guidance == "ultrasound"


def _in_plane(a: Attempt, state: TrialState) -> bool:
    if state.probe is None or state.needle is None:
        return False
    setting = a.scanner(state).settings
    _, off, deep = state.probe.probe_from_ras.apply(state.needle.tip_mm[None])[0]
    thick = elevation_fwhm_mm(setting.model, setting.mhz, float(np.clip(deep, 0.0, setting.deep_mm)))
    return bool(abs(off) < 0.5 * float(thick))


def _shifted(a: ProbePose, b: ProbePose) -> float:
    """How far the scanned plane moved, mm: at the face or at a depth, the larger."""
    lever = float(settings()["lever_mm"])
    deep = np.linalg.norm(b.face_mm + lever * b.axis - a.face_mm - lever * a.axis)
    ends = [np.linalg.norm(b.face_mm + k * lever * b.lateral - a.face_mm - k * lever * a.lateral) for k in (-1, 0, 1)]
    return float(max(deep, *ends))


def _window(at: Pair, half_mm: list[float], step: Pair, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The lines and samples within half widths of a place."""
    out = []
    for place, half, one, most in zip(at, half_mm, step, shape, strict=True):
        low = int(max(np.floor(place - half / one + 0.5), 0))
        out.append(slice(low, int(max(min(np.ceil(place + half / one + 0.5), most), low + 1))))
    return out[0], out[1]


def _power(levels: Floats) -> float:
    """Mean power of levels in dB."""
    return float(np.mean(10 ** (levels.astype(np.float64) / 10)))
