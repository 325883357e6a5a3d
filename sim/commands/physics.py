"""`inion validate --ultrasound`: what the simulated ultrasound measures on phantoms, against theory and published figures."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from sim.commands.faults import cannot


def physics(args: argparse.Namespace) -> int:
    """Measure every check, print the table, write it if asked; exit status 1 if a figure lies outside its window."""
    from sim.ultrasound.checks import report, run_checks

    figures = run_checks()
    if args.out is not None:
        try:
            Path(args.out).write_text(report(figures), encoding="utf-8")
        except OSError as error:
            raise cannot("be written", args.out, error) from error
    if args.json:
        print(json.dumps([asdict(f) | {"inside": f.inside} for f in figures], indent=2))
    else:
        print(report([f for f in figures if not args.failed or not f.inside]))
        print(f"{len(figures)} figures, {sum(f.inside for f in figures)} inside.")
    return 0 if all(f.inside for f in figures) else 1
