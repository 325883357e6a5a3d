"""`inion view`, the 3-D view in a window, and the window of `inion train`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.commands import held_records
from sim.commands.anatomy_option import named_anatomy
from sim.commands.faults import BadInput, cannot

if TYPE_CHECKING:
    from sim.app.window.screen import Screen
    from sim.app.window.trainer import Trainer

USUAL = "gon-block-c2"
MOST_NAME = 41
PEOPLE = {"man": "Head and neck of a man", "woman": "Head and neck of a woman"}


def run(args: argparse.Namespace) -> int:
    """Show the 3-D view until its window is closed, or write one picture of it."""
    from sim.app.scene.live import SceneModel
    from sim.app.shelf import PATIENTS, anatomy_of
    from sim.app.window.screen import run as run_window
    from sim.app.window.view import SIZE, Viewer
    from sim.canvas import hushed
    from sim.compose import told_of

    if args.shot and not args.shot.lower().endswith(".png"):
        raise BadInput(f"--shot is {args.shot!r}; name a file that ends in .png.")
    if args.anatomy is not None and args.patient is not None:
        raise BadInput("--anatomy takes the place of --patient; leave one of them out.")
    anatomy = anatomy_of(args.patient or PATIENTS[0]) if args.anatomy is None else named_anatomy(args.anatomy)
    screen = None if args.shot else opened("Inion", SIZE)
    title = PEOPLE[args.patient or PATIENTS[0]] if args.anatomy is None else f"Head and neck: {anatomy.name[:MOST_NAME]}"
    with hushed():
        viewer = Viewer(SceneModel(anatomy), args.show, title, foot=told_of(anatomy, ""))
    try:
        if screen is None:
            _write(args.shot, viewer.frame(fine=True))
        else:
            run_window(viewer, screen)
    finally:
        viewer.close()
        if screen is not None:
            screen.close()
    return 0


def window(args: argparse.Namespace) -> int:
    """Train in a window; exit status 1 if the attempt that was finished last did not pass."""
    from scenarios.procedure_files import load_procedure
    from sim.app.shelf import Shelf
    from sim.app.window.screen import run as run_window
    from sim.app.window.talk import Talk
    from sim.app.window.trainer import SIZE, Trainer

    try:
        procedure = load_procedure(args.procedure or USUAL)
    except ValueError as error:
        raise BadInput(str(error)) from error
    if args.anatomy is not None:
        named_anatomy(args.anatomy)
    side = args.side or ("both" if procedure.sides == "both" else "right")
    screen = opened(f"Inion: {procedure.title}", SIZE)
    records = held_records.opened(args.records)
    path = Path(args.debrief) if args.debrief else None
    mode = "exam" if args.exam else "learn"
    shelf = Shelf(records, args.seed or 0, source=args.anatomy)
    trainer = Trainer(Talk(shelf, procedure, side, args.patient or shelf.patients[0], mode, path))
    try:
        run_window(trainer, screen)
    except ValueError as error:
        raise BadInput(str(error)) from error
    finally:
        trainer.close()
        screen.close()
        records.close()
    return _end(trainer, as_json=args.json)


def opened(title: str, size: tuple[int, int]) -> Screen:
    """Return a window on the screen. Raises BadInput if there is no screen."""
    from sim.app.window.screen import NoScreen, Screen

    try:
        return Screen(title, size)
    except NoScreen as fault:
        raise BadInput(f"{fault}.") from fault


def _end(trainer: Trainer, *, as_json: bool) -> int:
    """Say how the attempt ended."""
    result = trainer.talk.result
    if as_json:
        print(json.dumps(result))
    elif result is not None:
        print(f"{'Passed' if result['passed'] else 'Not passed'}: {result['points']:.0f} of 100")
    elif trainer.talk.phase == "attempt":
        print("The attempt was broken off; `inion serve` can take it up.", file=sys.stderr)
    if trainer.talk.written is not None and not as_json:
        print(f"Debrief: {trainer.talk.written}")
    return 0 if result is None or result["passed"] else 1


def _write(path: str, pixels: Any) -> None:
    from PIL import Image

    try:
        Image.fromarray(pixels).save(path)
    except OSError as error:
        raise cannot("be written", path, error) from error
