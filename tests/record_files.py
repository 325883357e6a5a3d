"""What tests of records write, and how they look into the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sim.training.actions import NeedleAdvance
from sim.training.state import Event, HeldNeedle, Moment, TrialState
from sim.ultrasound.poses import ProbePose

ROOT = Path(__file__).parents[1]


def advance(at_s: float, mm: float = 0.5) -> dict[str, Any]:
    return {"kind": "needle_advance", "at_s": at_s, "mm": mm}


def a_moment(at_s: float = 3.0) -> Moment:
    probe = ProbePose(np.array([10.0, -80, 5]), np.array([-1.0, 0, 0]), np.array([0.0, 1, 0]), 2.5)
    needle = HeldNeedle("25g-38mm", np.array([12.0, -85, 4]), np.array([0.0, 1, 0]), 7.0)
    event = Event(at_s, "pop", "trapezius_right", (12.0, -78.0, 4.0), 0.4, "A give is felt.")
    return Moment(NeedleAdvance(at_s=at_s, mm=0.1 + 0.2), TrialState(at_s, probe=probe, needle=needle), (event,))


def in_file(path: Path, text: str) -> bool:
    """Whether a text stands anywhere in the file or its journals."""
    return any(text.encode() in p.read_bytes() for p in path.parent.glob(f"{path.name}*"))


def run(code: str, *arguments: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, user=user, check=False
    )
