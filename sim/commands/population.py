"""`inion validate --population N`: sampled people, the passage of the nerve and the published frequencies."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from sim.commands.faults import BadInput

if TYPE_CHECKING:
    from meshes.model import Anatomy

SHOWN = 20  # faults that are printed


def population(args: argparse.Namespace, anatomy: Anatomy) -> int:
    """Print one row for each figure of a sampled population; exit status 1 if one lies outside its window."""
    from meshes.references import short_citations
    from scenarios.population_checks import check_population

    if args.population < 1:
        raise BadInput(f"--population is {args.population}; give 1 person or more.")
    if args.seed < 0:
        raise BadInput(f"--seed is {args.seed}; give 0 or more.")
    rows, wrong = check_population(anatomy, args.population, args.seed, report=lambda line: print(line, file=sys.stderr))
    outside = [row for row in rows if not row.inside]
    if args.json:
        faults = [{"person": p.person, "side": p.side, "course": p.course.table(), "faults": p.faults} for p in wrong]
        print(json.dumps({"rows": [asdict(row) | {"inside": row.inside} for row in rows], "faults": faults}, indent=2))
        return 1 if outside else 0
    for row in outside if args.failed else rows:
        window, sources = f"{row.low:.3g} to {row.high:.3g}", ", ".join(short_citations(row.sources))
        verdict = "inside" if row.inside else "OUTSIDE"
        print(f"{row.measured:8.3f}  {window:16}  {verdict:7}  {row.text}  ({sources}; {row.evidence})")
    for p in wrong[:SHOWN]:
        print(f"person {p.person} {p.side}: {'; '.join(p.faults)}")
    print(f"{args.population} people, seed {args.seed}: {len(rows) - len(outside)} figures inside, {len(outside)} outside.")
    return 1 if outside else 0
