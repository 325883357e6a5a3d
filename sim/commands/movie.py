"""`inion movie`: a scenario to a film."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scenarios.loader import load_scenario
from scenarios.model import Scenario
from sim.commands.faults import BadInput, cannot
from sim.commands.render import writable
from sim.commands.sizes import parse_size

if TYPE_CHECKING:
    from sim.films.furniture import FilmPage
    from sim.films.kinds import Cast
    from sim.films.script import Script

SUFFIXES = (".mp4", ".webm", ".gif")


def run(args: argparse.Namespace) -> int:
    """Make one film; nothing is written unless it is made whole."""
    scenario, out = load_scenario(args.scenario), Path(args.out)
    if out.suffix.lower() not in SUFFIXES:
        raise BadInput(f"-o is {args.out!r}; its ending must be one of {', '.join(SUFFIXES)}.")
    cast, page, script = _prepared(args, scenario)
    writable(str(out.parent))
    started = time.monotonic()
    try:
        _write(args, cast, page, script, out)
        if args.captions_file:
            _write_captions(script, out.with_suffix(".vtt"))
    except ValueError as error:
        raise BadInput(f"{scenario.origin.file}: {error}") from error
    except ImportError as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise cannot("be written", out, error) from error
    _answer(args, script, out, time.monotonic() - started)
    return 0


def _prepared(args: argparse.Namespace, scenario: Scenario) -> tuple[Cast, FilmPage, Script]:
    """What the film is made of; every fault of the request is found here, before anything is written."""
    from pydantic import ValidationError

    from sim.anatomies import anatomy_for
    from sim.films.casting import cast_of, film_of
    from sim.films.kinds import script_of

    wishes = {
        "kind": args.kind, "view": args.view, "seconds": args.seconds, "fps": args.fps, "size": parse_size(args.size),
        "sweep": args.sweep,
    }  # fmt: skip
    try:
        film = film_of(scenario, wishes)
    except ValidationError as error:
        fault = error.errors()[0]
        raise BadInput(f"--{'.'.join(str(p) for p in fault['loc'])}: {fault['msg']} (given: {fault['input']!r}).") from error
    try:
        cast, page = cast_of(scenario, anatomy_for(scenario), film, style=args.style, seed=args.seed)
        return cast, page, script_of(cast)
    except ValueError as error:
        text = str(error)
        raise BadInput(text if scenario.origin.file in text else f"{scenario.origin.file}: {text}") from error


def _write(args: argparse.Namespace, cast: Cast, page: FilmPage, script: Script, out: Path) -> None:
    """Draw and encode, frame by frame."""
    from sim.film_files import write_film
    from sim.films.frames import frames_of
    from sim.films.kinds import sweep_of
    from sim.progress import progress

    sweep = sweep_of(cast.film) if script.kind == "ultrasound-sweep" else None

    def pictures() -> Iterator[NDArray[np.uint8]]:
        with progress("filming", len(script.moments), quiet=args.quiet) as step:
            for i, frame in enumerate(frames_of(cast.anatomy, script, page, sweep), 1):
                step(f"frame {i}")
                yield frame

    write_film(pictures(), out, script.fps, metadata=_told(cast, script))


def _told(cast: Cast, script: Script) -> Mapping[str, str]:
    """What the file says of itself."""
    from sim.page import DISCLAIMER
    from sim.release import program_version

    picture = script.pictures[0]
    return {
        "title": picture.title, "comment": DISCLAIMER, "software": f"Inion {program_version()}",
        "scenario": cast.scenario.name, "film": script.kind, "seed": str(picture.seed), "sources": "; ".join(picture.sources),
        "evidence": picture.evidence,
    }  # fmt: skip


def _write_captions(script: Script, path: Path) -> None:
    """Write the captions beside the film, whole or not at all."""
    import os
    import secrets

    from sim.films.script import web_captions

    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        part.write_text(web_captions(script), encoding="utf-8")
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _answer(args: argparse.Namespace, script: Script, out: Path, seconds: float) -> None:
    captions = str(out.with_suffix(".vtt")) if args.captions_file else None
    if not args.json:
        for name in (str(out), captions):
            if name:
                print(name)
        return
    told: dict[str, Any] = {
        "written": str(out), "captions": captions, "kind": script.kind, "frames": len(script.moments), "fps": script.fps,
        "seconds": round(script.seconds, 3), "size": [script.pictures[0].width_px, script.pictures[0].height_px],
        "loops": script.loops, "made_in_s": round(seconds, 2),
    }  # fmt: skip
    print(json.dumps(told))
