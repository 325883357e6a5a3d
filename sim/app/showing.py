"""From the state of an attempt to what the 3-D view draws: the anatomy at rest, and all else where it stands in that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.training.state import HeldNeedle, TrialState

if TYPE_CHECKING:
    from sim.training.world import World
    from sim.ultrasound.image import BModeImage

Array = NDArray[np.float64]
HIDDEN_LAYER = "skin"


def shown_in(
    world: World, state: TrialState, layer: str, cursor_mm: Array | None, frame: BModeImage | None = None
) -> dict[str, Any]:
    """Return the arguments of `Scene.update`: probe with its frame, needle, marks, and what the layer reveals.

    Parameters
    ----------
    world, state
    layer : str
        'skin' reveals neither targets nor fluid.
    cursor_mm : (3,) array or None
        The finger.
    frame : BModeImage, optional
        Drawn on the scanned sheet.
    """
    from sim.training.spread import pools

    settings, revealed = world.scanner(state.knobs).settings, layer != HIDDEN_LAYER
    needle = None
    if state.needle is not None:
        needle = _at_rest(world, state, state.needle)
    marks = dict(state.marks) | ({} if cursor_mm is None else {"finger": cursor_mm})
    fluid = [(p.centre_mm, p.radius_mm, p.normal, p.thickness_mm) for p in pools(state.deposits, world.truth)] if revealed else []
    return {
        "probe": state.probe, "probe_width_mm": settings.model.width_mm, "probe_depth_mm": settings.deep_mm, "needle": needle,
        "marks": marks, "targets": [t.point_mm for t in world.targets] if revealed else [], "fluid": fluid,
        "us_image": frame.pixels[::2, ::2] if frame is not None and revealed else None,
        "us_marker_side": "left" if frame is None else frame.marker_side,
    }  # fmt: skip


def _at_rest(world: World, state: TrialState, held: HeldNeedle) -> tuple[Any, ...]:
    """The needle in the anatomy that is drawn, which no probe presses: its tip in the tissue in which it really is."""
    from sim.training.trial_path import at_rest

    tool, tip, direction = world.tool, held.tip_mm, held.direction
    if held.depth_mm > 0:
        tip = at_rest(world, state, held.tip_mm[None])[0]
        way = tip - held.entry_mm
        direction = way / max(float(np.linalg.norm(way)), 1e-6)
    return held.entry_mm, tip, direction, tool.diameter_mm, tool.length_mm
