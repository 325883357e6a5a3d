"""`inion build --reference-runs`: makes the shipped reference runs anew, `sim/data/reference_runs/*.json.gz`."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.commands.faults import BadInput

RUNS = 8  # of each hand


def run(args: argparse.Namespace) -> int:
    """Record the runs of each procedure and tell what the marks make of them; exit status 1 if the groups are not told apart."""
    from meshes._check import check_choice
    from scenarios.procedure_files import list_procedures, load_procedure
    from sim.training.reference import reference_from
    from sim.training.runs import load_runs
    from sim.training.scripted import make_reference

    try:
        wanted = [check_choice("procedure", name, list_procedures()) for name in args.reference_runs] or list_procedures()
    except ValueError as error:
        raise BadInput(str(error)) from error
    wrong = 0
    for name in wanted:
        runs = load_runs(make_reference(name, args.out or shipped(), RUNS))
        marks = reference_from(runs, load_procedure(name).metrics)
        met: dict[str, list[int]] = {"expert": [], "novice": []}
        for made, row in zip(runs.runs, runs.measures, strict=True):
            met[made.who].append(sum(m.passed(row.get(m.key)) for m in marks.counted))
        apart = min(met["expert"]) >= marks.least_passed > max(met["novice"])
        wrong += not apart
        sign = "apart" if apart else "NOT told apart"
        print(f"{name}: {marks.least_passed} of {len(marks.counted)} needed; experts {min(met['expert'])} or more, "
              f"novices {max(met['novice'])} or fewer: {sign}", flush=True)  # fmt: skip
    return 1 if wrong else 0


def shipped() -> Path:
    """Return the folder of the shipped runs."""
    return Path(__file__).resolve().parent.parent / "data" / "reference_runs"
