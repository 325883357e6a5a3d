"""`inion validate`: the model against every published figure that it claims to honour."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from sim.commands.anatomy_option import named_anatomy
from sim.commands.faults import BadInput
from sim.commands.physics import physics
from sim.commands.population import population
from sim.commands.reference import compare

if TYPE_CHECKING:
    from scenarios.validate import Row

WORDS = {"male": "man", "female": "woman"}


def run(args: argparse.Namespace) -> int:
    """Print one row for each figure, man and woman; exit status 1 if one lies outside its window."""
    from scenarios.validate import validate
    from sim.anatomies import both_sexes, is_real
    from sim.sonoanatomy import sonoanatomy

    if args.model is not None and args.anatomy is not None:
        raise BadInput("--model and --anatomy are the same; give one of them.")
    anatomy = named_anatomy(args.model, "--model") if args.model is not None else named_anatomy(args.anatomy or "shipped")
    for option, value in (("--reference", args.reference), ("--population", args.population)):
        if value is not None and is_real(anatomy):
            raise BadInput(f"{option} bends the model to other people; {anatomy.name!r} is a real person, and is not bent.")
    if args.reference is not None:
        return compare(args, anatomy)
    if args.population is not None:
        return population(args, anatomy)
    if args.ultrasound:
        return physics(args)
    if args.out is not None:
        raise BadInput("-o belongs to --ultrasound; to keep the table, redirect it: inion validate > table.txt.")
    people = [validate(person) for person in both_sexes(anatomy)]
    shown = sonoanatomy(anatomy)
    rows = [row for person in people for row in person] + shown
    outside = [row for row in rows if not row.inside]
    if args.json:
        print(json.dumps([_plain(row) for row in rows], indent=2))
    else:
        pairs = list(zip(*people, strict=True))
        for line in table([pair for pair in pairs if not args.failed or not all(row.inside for row in pair)]):
            print(line)
        whose = anatomy.name if is_real(anatomy) else "the default patient"
        print(f"\nWhat the ultrasound image shows of {whose}, measured on its own labels:")
        for line in table([(row,) for row in shown if not args.failed or not row.inside]):
            print(line)
        print(f"{len(rows)} rows, {len(rows) - len(outside)} inside, {len(outside)} outside.")
    return 1 if outside else 0


def table(figures: Sequence[tuple[Row, ...]]) -> list[str]:
    """Return figures, each measured on one person or on several, as lines of a table."""
    people = [word for row in (figures[0] if figures else ()) for word in (WORDS.get(row.sex, row.sex), "target", "window")]
    cells: list[tuple[str, ...]] = [("id", "figure", "side", *people, "source", "evidence", "verdict")]
    cells += [_cells(rows) for rows in figures]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cells(rows: tuple[Row, ...]) -> tuple[str, ...]:
    from meshes.references import short_citations

    first, people = rows[0], list[str]()
    for row in rows:
        people.append("-" if math.isnan(row.measured) else f"{row.measured:.1f} {row.unit}".strip())
        people += [row.target, f"{row.low:g} to {row.high:g}"]
    wrong = [f"OUTSIDE ({WORDS.get(row.sex, row.sex)}) {row.problem}".strip() for row in rows if not row.inside]
    sources = ", ".join(short_citations(first.sources))
    return first.id, first.text, first.side, *people, sources, first.evidence, "; ".join(wrong) or "inside"


def _plain(row: Row) -> dict[str, object]:
    values = asdict(row)
    measured = None if math.isnan(row.measured) else round(row.measured, 3)
    return values | {"measured": measured, "verdict": "inside" if row.inside else "outside"}
