"""What the page is told in words and numbers: procedures, the state of an attempt, attempts on record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.compose import told_of
from sim.training.state import TrialState

if TYPE_CHECKING:
    from sim.records import Records
    from sim.training.world import World

MOST_LISTED = 60
STANDING = ("standard", "approved", "off-label", "investigational")  # the order in which procedures are listed


def procedures_told() -> list[dict[str, Any]]:
    """Return every procedure as the first page lists it."""
    from scenarios.procedure_files import list_procedures, load_procedure

    rows = []
    for key in list_procedures():
        p = load_procedure(key)
        rows.append({
            "key": key, "title": p.title, "short": p.short, "guidance": p.guidance, "status": p.status, "sides": p.sides,
            "status_text": p.status_text,
        })  # fmt: skip
    return sorted(rows, key=lambda row: (STANDING.index(row["status"]), not row["key"].startswith("gon-block"), row["title"]))


def hello_told(patients: Sequence[str], records: Records) -> dict[str, Any]:
    """Return what the first page needs: procedures, patients, attempts left open, attempts to look at."""
    return {"procedures": procedures_told(), "patients": list(patients)} | attempts_told(records)


def procedure_told(world: World, mode: str) -> dict[str, Any]:
    """Return what the page shows of a procedure from its beginning: steps, checklist, landmarks, product, needle, limits."""
    p, tool = world.procedure, world.tool
    model = world.scanner({}).settings.model
    learn = mode == "learn"
    return {
        "key": p.key, "title": p.title, "guidance": p.guidance, "status": p.status, "status_text": p.status_text,
        "side": world.side, "position": p.position.text, "pose": p.pose, "product": p.product.name,
        "volume_ml": p.product.volume_ml, "units_per_ml": p.product.units_per_ml, "needle": tool.label,
        "needle_length_mm": tool.length_mm, "needle_end": p.needle_end, "stimulate": p.stimulate,
        "steps": [{"id": s.id, "text": s.text, "hint": s.hint if learn else ""} for s in p.steps],
        "checklist": [c.text for c in p.checklist], "landmarks": [{"name": t.name, "text": t.text} for t in p.landmarks],
        "sites": [{"id": t.id, "text": t.text} for t in world.targets] if len(world.targets) > 1 else [],
        "frequency": [model.lowest_mhz, model.highest_mhz], "probe": model.label, "anatomy": told_of(world.anatomy, ""),
    }  # fmt: skip


def state_told(world: World, state: TrialState, tip_in: str = "") -> dict[str, Any]:
    """Return the state in numbers, and what the tip is in, if that may be told."""
    settings = world.scanner(state.knobs).settings
    told: dict[str, Any] = {
        "side": state.side, "step": state.step, "confirmed": list(state.confirmed), "given_ml": round(state.given_ml, 3),
        "passes": state.passes, "aspirated": state.aspirated, "finished": state.finished, "marks": list(state.marks),
        "knobs": {
            "depth_mm": settings.deep_mm, "gain_db": settings.gain_db, "focus_mm": settings.focal_mm,
            "frequency_mhz": settings.mhz, "dynamic_range_db": settings.dynamic_range_db,
            "doppler": state.knobs.get("doppler", 0.0),
        },
        "probe": None, "needle": None, "done_at": sorted({d.target for d in state.deposits if d.target}),
    }  # fmt: skip
    if state.probe is not None:
        told["probe"] = {"press_mm": round(state.probe.press_mm, 2)}
    if state.needle is not None:
        held = state.needle
        told["needle"] = {"depth_mm": round(held.depth_mm, 2), "left_mm": round(world.tool.length_mm - held.depth_mm, 1)}
        if state.probe is not None:
            told["needle"] |= _angles(held.direction, state)
        if tip_in:
            told["needle"]["in"] = tip_in
    return told


def _angles(direction: Any, state: TrialState) -> dict[str, float]:
    """Angle to the probe's face, and out of the scanned plane, degrees."""
    assert state.probe is not None
    steep = np.rad2deg(np.arcsin(np.clip(float(direction @ state.probe.axis), -1, 1)))
    off = np.rad2deg(np.arcsin(np.clip(float(direction @ state.probe.elevation), -1, 1)))
    return {"steep_deg": round(float(steep), 1), "off_plane_deg": round(float(off), 1)}


def attempts_told(records: Records) -> dict[str, Any]:
    """Return attempts that were broken off, the latest ended ones, and the trainees' names."""
    return {
        "open": [dict(a) for a in reversed(records.open_attempts())][:MOST_LISTED],
        "ended": [dict(a) for a in reversed(records.attempts())][:MOST_LISTED],
        "trainees": [dict(t) for t in records.trainees()],
    }
