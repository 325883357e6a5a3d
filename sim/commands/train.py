"""`inion train`: an attempt from a file of moves, the records of attempts, or the desktop window."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.commands.anatomy_option import named_anatomy
from sim.commands.faults import BadInput, cannot

if TYPE_CHECKING:
    from sim.training.state import TrialLog
    from sim.training.world import World

SIGN = {"danger": "!!", "warning": "! ", "good": "+ ", "info": "  "}


def run(args: argparse.Namespace) -> int:
    """Do what is asked for; exit status 1 if the attempt did not pass."""
    _check(args)
    if args.export or args.erase is not None:
        return _records(args)
    if args.script is None:
        from sim.commands.view import window

        if args.procedure is not None:
            try:
                args.procedure = procedure_of(args.procedure)
            except ValueError as error:
                raise BadInput(str(error)) from error
        return window(args)
    return _script(args)


def _check(args: argparse.Namespace) -> None:
    """Raise BadInput for options that do not go together, or a file that would be written over."""
    recording = args.export or args.erase is not None
    if recording and (args.script or args.procedure):
        raise BadInput("--export and --erase are about records; leave out the procedure and --script.")
    if args.anatomy is not None and (recording or args.patient is not None):
        raise BadInput(f"--anatomy does not go with {'records' if recording else '--patient'}; leave one of them out.")
    if args.out and not args.export:
        raise BadInput("-o goes with --export.")
    if args.debrief and not args.debrief.lower().endswith((".html", ".htm")):
        raise BadInput(f"--debrief is {args.debrief!r}; its ending must be .html.")
    held = os.environ.get("INION_RECORDS") if args.records is None else args.records
    for option, written in (("-o", args.out), ("--debrief", args.debrief)):
        for kept in (held, args.script):
            if written and kept and Path(written).resolve() == Path(kept).resolve():
                raise BadInput(f"{option} would write over {kept}; choose another file.")


def _script(args: argparse.Namespace) -> int:
    from sim.app.shelf import anatomy_of
    from sim.training.moves import load_moves
    from sim.training.reference import reference_for
    from sim.training.scoring import score, told
    from sim.training.trial import replay
    from sim.training.world import world_for

    if args.anatomy is not None:
        named_anatomy(args.anatomy)
    try:
        moves = load_moves(args.script)
        name = args.procedure or moves.procedure
        if not name:
            raise BadInput(f"{args.script} names no procedure; name one of `inion list procedures`.")
        if args.procedure and moves.procedure and procedure_of(args.procedure) != procedure_of(moves.procedure):
            raise BadInput(f"{args.script} is of {moves.procedure}, not of {args.procedure}.")
        patient = args.anatomy or args.patient or moves.patient
        world = world_for(procedure_of(name), args.side or moves.side or default_side(name), anatomy_of(patient), args.seed or 0)
    except OSError as error:
        raise cannot("be read", args.script, error) from error
    except ValueError as error:
        raise BadInput(str(error)) from error
    log = replay(world, moves.actions)
    result = told(score(world, log, reference_for(world.procedure.key)))
    if args.debrief:
        _write_debrief(args.debrief, world, log, result)
    if args.json:
        print(json.dumps(result | {"events": [e.__dict__ for e in log.events]}))
    else:
        _print(world, log, result)
    return 0 if result["passed"] else 1


def procedure_of(name: str) -> str:
    """Return the procedure of a name: a procedure's own, or that of a scenario. Raises ValueError naming the nearest."""
    from meshes._check import unknown
    from scenarios.loader import list_scenarios, load_scenario
    from scenarios.procedure_files import list_procedures

    if name in list_procedures() or name.endswith(".toml"):
        return name
    if name in list_scenarios():
        asked = load_scenario(name).procedure
        if asked is not None:
            own = {"preempt": "preempt-39" if asked.follow_the_pain else "preempt-31"}.get(asked.name, asked.name)
            if own in list_procedures():
                return own
    raise ValueError(unknown("procedure", name, list_procedures()))


def default_side(name: str) -> str:
    """Return 'both' for a procedure of both sides, else 'right'."""
    from scenarios.procedure_files import load_procedure

    return "both" if load_procedure(procedure_of(name)).sides == "both" else "right"


def _write_debrief(path: str, world: World, log: TrialLog, result: Mapping[str, Any]) -> None:
    from sim.app.scene.live import SceneModel
    from sim.debrief.page import debrief

    page = debrief(world, log, result, scene=SceneModel(world.anatomy))
    try:
        Path(path).write_text(page, "utf-8")
    except OSError as error:
        raise cannot("be written", path, error) from error


def _print(world: World, log: TrialLog, result: Mapping[str, Any]) -> None:
    from sim.compose import told_of
    from sim.training.trial_events import event_kinds

    print(f"{world.procedure.title}, patient's {world.side}: {log.seconds:.0f} s, {len(log.actions)} moves")
    whose = told_of(world.anatomy, "")
    if whose:
        print(f"On {world.anatomy.name}: {whose}.")
    for event in log.events:
        severity = event_kinds()[event.kind].severity
        if event.text and severity != "info":
            print(f"{SIGN[severity]} {event.at_s:7.1f} s  {event.text}")
    print()
    width = max(len(row["label"]) for row in result["measures"])
    for row in result["measures"]:
        print(f"  {row['label']:<{width}}  {_amount(row, 'value'):<16}  {_verdict(row)}")
    met = f"{result['met']} of {result['counted']} measures reach their marks, {result['needed']} must"
    print(f"\n{'Passed' if result['passed'] else 'Not passed'}: {result['points']:.0f} of 100; {met}.")
    for reason in result["reasons"]:
        print(f"- {reason}")


def _amount(row: Mapping[str, Any], key: str) -> str:
    return "-" if row[key] is None else f"{round(row[key], 6):.4g} {row['unit']}".strip()


def _verdict(row: Mapping[str, Any]) -> str:
    """Whether a measure reaches its mark, in words."""
    if not row["counted"]:
        return "for information"
    within = "within " if row["better"] == "window" else ""
    of = " of the experts' median" if within else ""
    return f"{'reached' if row['passed'] else 'not reached'}, the mark is {within}{_amount(row, 'mark')}{of}"


def _records(args: argparse.Namespace) -> int:
    """Erase a trainee, or write attempts out."""
    from sim.commands.held_records import opened
    from sim.record_exports import exported

    records = opened(args.records)
    if args.erase is not None:
        found = [t["id"] for t in records.trainees() if args.erase in (t["name"], t["id"])]
        if not found:
            raise BadInput(f"no trainee is called {args.erase!r}; `inion list trainees` names them.")
        for trainee in found:
            records.erase_trainee(trainee)
        args.tell("Erased, with all attempts.")
        return 0
    try:
        text, _ = exported(records, None, args.export)
    except ValueError as error:
        raise BadInput(str(error)) from error
    if args.out is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return 0
    try:
        Path(args.out).write_text(text, "utf-8", newline="")
    except OSError as error:
        raise cannot("be written", args.out, error) from error
    return 0
