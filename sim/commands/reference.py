"""`inion validate --reference DIR`: the model bent to a real adult's landmarks, beside his surfaces."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.faults import BadInput, cannot

if TYPE_CHECKING:
    from meshes.model import Anatomy
    from meshes.person_fit import FitRow

UNITS = {"distance": "mm", "path": "mm", "overlap": "Dice"}


def compare(args: argparse.Namespace, anatomy: Anatomy) -> int:
    """Print one row for each comparison; exit status 1 if one misses its limit."""
    from meshes.patient import Patient, bent
    from meshes.person_fit import fit_rows
    from meshes.reference_adult import ReferenceAdult, adult_landmarks, adult_muscle_areas

    try:
        adult = ReferenceAdult(Path(args.reference))
        person = Patient.from_landmarks(adult_landmarks(), muscle_area_mm2=adult_muscle_areas())
        rows = list(fit_rows(bent(anatomy, person), adult))
    except OSError as error:
        raise (cannot("be read", error.filename, error) if error.filename else BadInput(f"--reference: {error}")) from error
    except (ValueError, KeyError) as error:
        raise BadInput(f"--reference: {error}") from error
    missed = [row for row in rows if not row.inside]
    if args.json:
        print(json.dumps([asdict(row) | {"value": round(row.value, 3), "inside": row.inside} for row in rows], indent=2))
    else:
        for line in table(missed if args.failed else rows):
            print(line)
        print(f"{len(rows)} comparisons, {len(rows) - len(missed)} within the limit, {len(missed)} not.")
    return 1 if missed else 0


def table(rows: list[FitRow]) -> list[str]:
    """Return the comparisons as lines of a table."""
    cells = [("compared", "measured", "limit", "more", "verdict")]
    for row in rows:
        sign = "at least" if row.kind == "overlap" else "at most"
        verdict = "within" if row.inside else "MISSED"
        cells.append((row.name, f"{row.value:.2f} {UNITS[row.kind]}", f"{sign} {row.limit:.2f}", row.note, verdict))
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
