"""`inion render`: scenarios to PNG files."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import get_args

from scenarios.basics import CameraName
from scenarios.loader import list_scenarios, load_scenario
from scenarios.model import Scenario
from sim.commands.faults import BadInput, cannot
from sim.commands.sizes import parse_size
from sim.compose import chosen_views


def run(args: argparse.Namespace) -> int:
    """Render every scenario that is named; nothing is written before all of them are found sound."""
    size = parse_size(args.size)
    names = list_scenarios() if "all" in args.scenarios else args.scenarios
    scenarios = [load_scenario(name) for name in names]
    for scenario in scenarios:
        _check_views(scenario, args.view)
    folder = None if args.check else writable(args.out)

    from sim.anatomies import anatomy_for
    from sim.compose import compose, missing_structures
    from sim.progress import progress
    from sim.rendering import file_name, write_picture

    work = []
    for scenario in scenarios:
        anatomy = anatomy_for(scenario)
        missing = missing_structures(scenario, anatomy)
        if missing and not args.quiet:
            args.tell(f"{scenario.origin.file}: not part of the anatomy {anatomy.name!r}: {', '.join(missing)}.")
        pictures = compose(scenario, anatomy, views=args.view, size=size, style=args.style, seed=args.seed)
        work += [(picture, anatomy, scenario) for picture in pictures]
    names = [file_name(picture) for picture, _, _ in work]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise BadInput(f"two pictures would be called {twice[0]}; give the scenarios different file names.")
    if folder is None:
        args.tell(f"Nothing is wrong. Pictures: {len(work)}.")
        return 0

    written = []
    with progress("rendering", len(work), quiet=args.quiet) as step:
        for (picture, anatomy, scenario), name in zip(work, names, strict=True):
            step(picture.name)
            try:
                dropped = write_picture(picture, anatomy, folder / name, scenario)
            except OSError as error:
                raise cannot("be written", folder / name, error) from error
            if dropped and not args.quiet:
                args.tell(f"{name}: no room for {', '.join(repr(text) for text in dropped)}.")
            written.append(str(folder / name))
            if not args.json:
                print(folder / name, flush=True)
    if args.json:
        print(json.dumps({"written": written}))
    return 0


def _check_views(scenario: Scenario, names: list[str]) -> None:
    try:
        chosen_views(scenario, names)
    except ValueError as error:
        own, cameras = ", ".join(v.name for v in scenario.view), ", ".join(get_args(CameraName))
        raise BadInput(f"--{error} Views of {scenario.name}: {own}; cameras: {cameras}.") from error


def writable(name: str) -> Path:
    """Return the folder, made if need be, after writing a probe file of some size into it."""
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, probe = tempfile.mkstemp(prefix=".inion-", dir=folder)
        try:
            os.write(handle, bytes(4096))
            os.fsync(handle)
        finally:
            os.close(handle)
            Path(probe).unlink()
    except OSError as error:
        raise cannot("be written to", folder, error) from error
    return folder
