"""`inion validate`: the model against every published figure that it claims to honour."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from sim.commands.faults import BadInput, cannot

if TYPE_CHECKING:
    from scenarios.validate import Row


def run(args: argparse.Namespace) -> int:
    """Print one row for each figure; exit status 1 if one lies outside its window."""
    from scenarios.validate import validate
    from sim.anatomies import load_anatomy

    if not args.model.strip():
        raise BadInput("--model is empty; give the file of a model, or leave it out.")
    try:
        anatomy = load_anatomy(args.model)
    except OSError as error:
        raise cannot("be read", args.model, error) from error
    except ValueError as error:
        raise BadInput(f"--model: {error}") from error
    rows = validate(anatomy)
    outside = [row for row in rows if not row.inside]
    if args.json:
        print(json.dumps([_plain(row) for row in rows], indent=2))
    else:
        for line in table(outside if args.failed else rows):
            print(line)
        print(f"{len(rows)} rows, {len(rows) - len(outside)} inside, {len(outside)} outside.")
    return 1 if outside else 0


def table(rows: list[Row]) -> list[str]:
    """Return the rows as lines of a table."""
    cells: list[tuple[str, ...]] = [("id", "figure", "side", "measured", "target", "window", "source", "evidence", "verdict")]
    cells += [_cells(row) for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cells(row: Row) -> tuple[str, ...]:
    from meshes.references import short_citations

    measured = "-" if math.isnan(row.measured) else f"{row.measured:.1f} {row.unit}".strip()
    verdict = "inside" if row.inside else f"OUTSIDE {row.problem}".strip()
    window = f"{row.low:g} to {row.high:g}"
    sources = ", ".join(short_citations(row.sources))
    return row.id, row.text, row.side, measured, row.target, window, sources, row.evidence, verdict


def _plain(row: Row) -> dict[str, object]:
    values = asdict(row)
    measured = None if math.isnan(row.measured) else round(row.measured, 3)
    return values | {"measured": measured, "verdict": "inside" if row.inside else "outside"}
