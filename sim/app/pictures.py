"""The two live pictures of a state: the ultrasound frame and the 3-D view, as bytes of JPEG."""

from __future__ import annotations

import io
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from sim.training.state import TrialState

if TYPE_CHECKING:
    from sim.training.world import World
    from sim.ultrasound.image import BModeImage
    from sim.ultrasound.poses import ProbePose
    from sim.ultrasound.scanner import Scanner

QUALITY, SCAN_QUALITY = 80, 80
LIVE = MappingProxyType({"lines": 192, "samples": 768})  # finer than the page shows; measures are taken on whole frames
_live: WeakKeyDictionary[Scanner, Scanner] = WeakKeyDictionary()
DOPPLER: dict[int, Literal["colour", "power"]] = {1: "colour", 2: "power"}


def scan_image(world: World, state: TrialState, at_s: float, pose: ProbePose | None = None) -> BModeImage | None:
    """Return the frame that the scanner shows in a state; None while the probe is off the skin.

    Parameters
    ----------
    world, state
    at_s : float
        Moment of the pulse.
    pose : ProbePose, optional
        In place of the state's.
    """
    from sim.training.trial import fluid_in_image, needle_in_image
    from sim.ultrasound.doppler import DopplerSettings

    held = state.probe if pose is None else pose
    if held is None:
        return None
    mode = DOPPLER.get(round(state.knobs.get("doppler", 0.0)))
    return live_scanner(world.scanner(state.knobs)).image(
        held, time_s=at_s, needle=needle_in_image(state, world), injectate=fluid_in_image(state, world),
        doppler=None if mode is None else DopplerSettings(mode),
    )  # fmt: skip


def live_scanner(scanner: Scanner) -> Scanner:
    """Return a scanner like another, with as many lines and samples as a live picture needs; kept as long as the other is."""
    if scanner not in _live:
        _live[scanner] = scanner.with_settings(**LIVE)
    return _live[scanner]


def coloured(image: BModeImage) -> NDArray[np.uint8]:
    """Return the grey frame (rows, columns), or with Doppler over it (rows, columns, 3)."""
    if image.doppler is None:
        return image.pixels
    from sim.page import Box
    from sim.ultrasound.colours import lay_doppler

    pixels = np.repeat(image.pixels[..., None], 3, axis=2)
    rows, columns = image.pixels.shape
    lay_doppler(pixels, Box(0, 0, columns, rows), image.doppler, image.pixel_mm)
    return pixels


def beside_each_other(view: NDArray[np.uint8], image: BModeImage | None) -> NDArray[np.uint8]:
    """Return the 3-D view (rows, columns, 3) with the ultrasound frame to its right, as high as the view."""
    from PIL import Image

    if image is None:
        return view
    rows = view.shape[0]
    shape = image.pixels.shape
    width = max(1, round(rows * shape[1] * image.pixel_mm[1] / (shape[0] * image.pixel_mm[0])))
    frame = Image.fromarray(coloured(image)).convert("RGB").resize((width, rows), Image.Resampling.BILINEAR)
    return np.concatenate([view, np.asarray(frame)], axis=1)


def told(image: BModeImage) -> dict[str, Any]:
    """Return what stands round a frame: depth, width, focus, ends, marker."""
    from sim.scans import ends_of
    from sim.ultrasound.readout import focuses_mm, settings_lines

    return {
        "depth_mm": image.depth_mm, "width_mm": round(image.pixels.shape[1] * image.pixel_mm[1], 2),
        "ends": list(ends_of(image)), "focus_mm": list(focuses_mm(image)), "marker": image.marker_side,
        "lines": list(settings_lines(image)),
    }  # fmt: skip


def jpeg(pixels: NDArray[np.uint8], quality: int = QUALITY) -> bytes:
    """Return pixels (rows, columns) or (rows, columns, 3) as a JPEG file."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()
