"""`inion bench batch`: labelled ultrasound images of virtual patients in bulk, on one worker and on two."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim.commands.faults import BadInput

WHOLE, QUICK = (20, 10), (4, 4)  # patients, and images of each
WORKERS = (1, 2)
PLAN = """
schema = 1
seed = 7
[patients]
count = {patients}
[[ultrasound]]
pose = "c2-oblique"
images = {images}
motions = {{ slide = [-5, 5], across = [-3, 3], rotate = [-5, 5], tilt = [-6, 6], press = [-4, 2] }}
settings = {{ gain_db = [-4, 4] }}
needle = {{ share = 0.5, reached = [0.3, 1.0], inject_ml = [0, 2] }}
"""


def run(args: argparse.Namespace) -> int:
    """Make the same plan on one worker and on two, in turn, in fresh folders, and print the medians."""
    if args.repeat < 1:
        raise BadInput(f"--repeat is {args.repeat}; it must be 1 or more.")
    patients, images = QUICK if args.quick else WHOLE
    text = PLAN.format(patients=patients, images=images)
    rows: list[dict[str, Any]] = []
    for turn in range(args.repeat):  # the order changes, so that a machine that slows down does not favour one of them
        for workers in WORKERS if turn % 2 == 0 else WORKERS[::-1]:
            rows.append({"workers": workers, "load": _load(), **_once(text, workers)})
    one, two = ([row["seconds"] for row in rows if row["workers"] == n] for n in WORKERS)
    pairs = [a / b for a, b in zip(one, two, strict=True)]
    made = min(patients * images - row["failed"] for row in rows)  # an image that is refused costs less, and is none
    answer = {
        "images": made, "refused": patients * images - made, "patients": patients, "cores": os.cpu_count(), "runs": rows,
        "one_per_min": round(60 * made / statistics.median(one), 1),
        "two_per_min": round(60 * made / statistics.median(two), 1), "ratio": round(statistics.median(pairs), 2),
    }  # fmt: skip
    if args.json:
        print(json.dumps(answer))
        return 0
    print(
        f"{made} labelled images, {answer['refused']} refused, of {patients} new patients, {answer['cores']} cores; "
        "all processes' start included"
    )
    for row in rows:
        cost = f"{row['seconds']:.1f} s, {row['cpu_s']:.0f} s of processor"
        print(f"  {row['workers']} worker(s): {cost}, load before {row['load']:.1f}")
    print(f"one worker {answer['one_per_min']} images/min, two {answer['two_per_min']}; ratio {answer['ratio']}")
    return 0


def _once(text: str, workers: int) -> dict[str, Any]:
    """Seconds of one run, and the processor time of its workers."""
    from sim.batch.files import held
    from sim.batch.plan import parse_plan
    from sim.batch.run import carry_out, prepare

    folder = Path(tempfile.mkdtemp(prefix="inion-batch-"))
    try:
        start, before = time.perf_counter(), _processor()
        with _own_cache(folder / "cache"), held(folder / "out"):
            outcome = carry_out(prepare(parse_plan(text), folder / "out", None), workers=workers)
        seconds = time.perf_counter() - start
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"seconds": round(seconds, 2), "cpu_s": round(_processor() - before, 1), "failed": len(outcome.failed)}


@contextmanager
def _own_cache(folder: Path) -> Iterator[None]:
    """Let the workers begin with an empty cache."""
    from meshes.volume_store import FOLDER_VARIABLE

    usual = os.environ.get(FOLDER_VARIABLE)
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(FOLDER_VARIABLE)
        if usual is not None:
            os.environ[FOLDER_VARIABLE] = usual


def _processor() -> float:
    """Processor time (s) of this process and of those of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _load() -> float:
    """Processes that want to run, over the last minute; nan where the system does not tell."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return float("nan")
