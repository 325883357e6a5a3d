"""`inion batch`: scenarios, patients, views and ultrasound poses in bulk."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.anatomy_option import named_anatomy
from sim.commands.faults import BadInput, cannot
from sim.commands.render import writable

if TYPE_CHECKING:
    from sim.batch.plan_model import Plan

MOST_WORKERS = 256


def run(args: argparse.Namespace) -> int:
    """Make what is left of a plan; nothing is written before the plan is found sound."""
    from sim.batch.plan import load_plan

    if not 0 <= args.workers <= MOST_WORKERS:
        raise BadInput(f"--workers is {args.workers}; it must be from 0 to {MOST_WORKERS}.")
    if args.limit is not None and args.limit < 1:
        raise BadInput(f"--limit is {args.limit}; it must be 1 or more.")
    plan = _of_anatomy(load_plan(args.plan), getattr(args, "anatomy", None))
    if args.check:
        from sim.batch.items import items_of

        kinds = Counter(item.kind for item in items_of(plan))
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        args.tell(f"Nothing is wrong. Items: {sum(kinds.values())} ({told}).")
        return 0
    return _make(args, plan, writable(args.out))


def _of_anatomy(plan: Plan, name: str | None) -> Plan:
    """The plan, of one anatomy in place of its patients if one is named."""
    if name is None:
        return plan
    from meshes import library
    from sim.batch.plan_model import Patients

    named_anatomy(name)
    if name != library.SHIPPED and name not in library.names():
        raise BadInput(f"--anatomy is {name!r}, a file; a batch takes 'shipped' or a name of `inion atlas list`.")
    only = Patients(shipped=True) if name == library.SHIPPED else Patients(anatomies=(name,))
    return plan.model_copy(update={"patients": only})


def _make(args: argparse.Namespace, plan: object, folder: Path) -> int:
    from sim.batch.files import held
    from sim.batch.plan_model import Plan
    from sim.batch.run import carry_out, prepare
    from sim.progress import progress

    assert isinstance(plan, Plan)
    try:
        with held(folder):
            batch = prepare(plan, folder, args.limit)
            found = len(batch.asked) - len(batch.left)
            if found and not args.quiet:
                args.tell(f"finished before: {found} of {len(batch.asked)}.")
            with progress("making", len(batch.left), quiet=args.quiet) as step:
                outcome = carry_out(batch, workers=args.workers, scheduler=args.scheduler, step=step)
    except BlockingIOError:
        raise BadInput(f"{folder} is in use by another run of inion batch; wait for its end, or choose another folder.") from None
    except BadInput:
        raise
    except OSError as error:
        raise cannot("be written", error.filename or folder, error) from error
    if args.json:
        told = {"planned": outcome.planned, "found": outcome.found, "made": len(outcome.made), "complete": outcome.complete}
        print(json.dumps({"folder": str(folder), **told, "failed": dict(outcome.failed)}))
    else:
        print(folder)
    for item_id, why in outcome.failed.items():
        args.tell(f"{item_id}: {why}")
    if not args.quiet:
        made, of = len(outcome.made), outcome.planned
        args.tell(f"made {made}, found {outcome.found}, failed {len(outcome.failed)} of {of}.")
    return 1 if outcome.failed else 0
