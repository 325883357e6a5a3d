"""Plans of small batches, and what carries them out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from sim.batch import files, run
from sim.batch.plan import parse_plan

SMALL = """
schema = 1
seed = 3
[patients]
shipped = true
[[ultrasound]]
pose = "nuchal-line"
images = 3
motions = { tilt = [-2, 2], press = -25 }
settings = { depth_mm = 20, lines = 96, samples = 384, gain_db = [-3, 3] }
needle = { share = 1, reached = [0.6, 1.0], beside_plane_mm = [-0.3, 0.3] }
[[ultrasound]]
name = "bad"
pose = "nuchal-line"
motions = { press = -25 }
settings = { depth_mm = 12, lines = 64, samples = 256 }
needle = { aim = "facial_artery", must_show = true }
"""
SEVERAL = """
schema = 1
seed = 3
[patients]
shipped = true
person = [{ name = "slim", measures = { bmi = 21.0 } }]
[[ultrasound]]
pose = "nuchal-line"
images = 3
settings = { depth_mm = 20, lines = 96, samples = 384 }
"""
BOTH_SIDES = SEVERAL.replace("images = 3", 'images = 3\nside = "both"')
# As `inion batch`, in a process of its own.
PROGRAM = """
import argparse, sys
from sim.commands import batch
args = argparse.Namespace(plan=sys.argv[1], out=sys.argv[2], workers=int(sys.argv[3]), scheduler=None, limit=None, check=False,
    anatomy=None, json=False, quiet=False, tell=lambda text: print(text, file=sys.stderr, flush=True))
if __name__ == "__main__":
    sys.exit(batch.run(args))
"""


def made(text: str, folder: Path, *, limit: int | None = None, **changes: Any) -> run.Outcome:
    folder.mkdir(exist_ok=True)
    with files.held(folder):
        return run.carry_out(run.prepare(parse_plan(text), folder, limit), workers=0, **changes)


def arguments(plan: Path, out: Path, **changes: Any) -> argparse.Namespace:
    usual = {
        "workers": 0,
        "scheduler": None,
        "limit": None,
        "check": False,
        "json": False,
        "quiet": True,
        "tell": print,
        "anatomy": None,
    }
    return argparse.Namespace(plan=str(plan), out=str(out), **(usual | changes))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
