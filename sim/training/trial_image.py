"""What an attempt puts into the ultrasound image: the needle and the fluid, at their places under the pressed probe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scenarios.sites import needle
from sim.training.spread import LOST, Pool, injectate, pools
from sim.training.state import TrialState
from sim.training.trial_events import rule
from sim.training.trial_path import at_rest, under_press
from sim.training.world import World
from sim.ultrasound.scene import Injectate, ScanNeedle

Array = NDArray[np.float64]
SHOWN_MM = 0.05  # a tip less deep than this is not yet in the image
MOST_MOVED_MM = 50.0
GROWTH = 1 / 3  # of a pool's thickness with its volume: pools of all volumes are alike in form


def needle_in_image(state: TrialState, world: World) -> ScanNeedle | None:
    """Return the needle as the beam meets it, true places, mm RAS; None while its tip is on the skin, or there is none."""
    held = state.needle
    if held is None or held.depth_mm < SHOWN_MM:
        return None
    tool = needle(held.key)
    bevel = "short" if tool.gauge <= rule("short_bevel_to_gauge") else "standard"
    moved = min(max(held.moved_mm, -MOST_MOVED_MM), MOST_MOVED_MM)
    return ScanNeedle(held.entry_mm, held.tip_mm, tool.diameter_mm, bevel=bevel, moved_mm=moved)


def fluid_in_image(state: TrialState, world: World) -> Injectate | None:
    """Return the fluid that the image shows, true places, mm RAS; None where nothing was given, or a vessel took it away.

    It is the pool nearest to the tip, or to the last place of giving if the needle is out; what lies near it is poured together.
    """
    given = [pool for pool in pools(state.deposits, world.truth) if pool.kind not in LOST]
    if not given:
        return None
    near = state.deposits[-1].tip_mm
    if state.needle is not None:
        near = at_rest(world, state, state.needle.tip_mm[None])[0]
    chosen = min(given, key=lambda pool: float(np.linalg.norm(pool.centre_mm - near)))
    together = [p for p in given if float(np.linalg.norm(p.centre_mm - chosen.centre_mm)) <= rule("merge_mm")]
    pool = _poured(chosen, together)
    return injectate(pool, under_press(world, state, pool.centre_mm))


def _poured(chosen: Pool, together: list[Pool]) -> Pool:
    """One pool of several."""
    ml = np.array([p.ml for p in together])
    total = float(ml.sum())
    centre = (ml[:, None] * np.array([p.centre_mm for p in together])).sum(axis=0) / total
    return replace(chosen, centre_mm=centre, ml=total, thickness_mm=chosen.thickness_mm * (total / chosen.ml) ** GROWTH)
