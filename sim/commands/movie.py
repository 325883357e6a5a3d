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

from scenarios.faults import Origin, ScenarioError
from scenarios.loader import load_scenario
from scenarios.model import Scenario
from sim.commands.anatomy_option import with_anatomy
from sim.commands.faults import BadInput, cannot
from sim.commands.render import made_folder
from sim.commands.sizes import parse_size
from sim.film_files import SUFFIXES

if TYPE_CHECKING:
    from scenarios.products import Film
    from sim.films.furniture import FilmPage
    from sim.films.kinds import Cast
    from sim.films.script import Script


def run(args: argparse.Namespace) -> int:
    """Make one film; nothing is written unless it is made whole."""
    scenario, out = with_anatomy(args, load_scenario(args.scenario)), Path(args.out)
    captions = out.with_suffix(".vtt") if args.captions_file and out.name else None
    if out.suffix.lower() not in SUFFIXES:
        raise BadInput(f"-o is {args.out!r}; its ending must be one of {', '.join(SUFFIXES)}.")
    for path in (out, captions):
        if path is not None and path.is_dir():
            raise BadInput(f"{path}: is a directory; give the film another name with -o.")
    cast, page, script = _prepared(args, scenario)
    started = time.monotonic()
    with made_folder(str(out.parent)):
        try:
            _write(args, cast, page, script, out)
            if captions is not None:
                _write_captions(script, captions)
        except ValueError as error:
            raise _fault(scenario, error) from error
        except ImportError as error:
            raise BadInput(str(error)) from error
        except OSError as error:
            raise cannot("be written", out, error) from error
    _answer(args, script, (out, captions), time.monotonic() - started)
    return 0


def _prepared(args: argparse.Namespace, scenario: Scenario) -> tuple[Cast, FilmPage, Script]:
    """What the film is made of; every fault of the request is found here, before anything is written."""
    from sim.anatomies import anatomy_for
    from sim.films.casting import cast_of
    from sim.films.kinds import script_of

    film = _film(args, scenario)
    try:
        cast, page = cast_of(scenario, anatomy_for(scenario), film, style=args.style, seed=args.seed)
        return cast, page, script_of(cast)
    except ValueError as error:
        raise _fault(scenario, error) from error


def _film(args: argparse.Namespace, scenario: Scenario) -> Film:
    """The film's settings; a wish that is out of range, or that its kind has no use for, is refused."""
    from pydantic import ValidationError

    from scenarios.wording import told
    from sim.films.casting import film_of

    wishes = {
        "kind": args.kind, "view": args.view, "seconds": args.seconds, "fps": args.fps, "size": parse_size(args.size),
        "sweep": args.sweep,
    }  # fmt: skip
    try:
        film = film_of(scenario, wishes)
    except ValidationError as error:
        raise BadInput(f"--{told(error, wishes, Origin('film', ''))[0].removeprefix(': ')}") from error
    for name in ("seconds", "view") if film.kind == "tour" else () if film.kind == "ultrasound-sweep" else ("sweep",):
        if wishes[name] is not None:
            why = "it is as long as its stops and shows their views" if film.kind == "tour" else "no probe moves in it"
            raise BadInput(f"--{name} is not for a film of the kind {film.kind!r}: {why}; leave it out.")
    return film


def _fault(scenario: Scenario, error: ValueError) -> ValueError:
    """What is wrong, with the scenario's file."""
    return error if isinstance(error, ScenarioError) else BadInput(f"{scenario.origin.file}: {error}")


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
    """Write the captions beside the film."""
    from sim.films.script import web_captions
    from sim.stills import write_whole

    write_whole(path, lambda stream: stream.write(web_captions(script).encode()))


def _answer(args: argparse.Namespace, script: Script, files: tuple[Path, Path | None], seconds: float) -> None:
    """Say what was written."""
    written, captions = (None if path is None else str(path) for path in files)
    if not args.json:
        print("\n".join(name for name in (written, captions) if name))
        return
    told: dict[str, Any] = {
        "written": written, "captions": captions, "kind": script.kind, "frames": len(script.moments), "fps": script.fps,
        "seconds": round(script.seconds, 3), "size": [script.pictures[0].width_px, script.pictures[0].height_px],
        "loops": script.loops, "made_in_s": round(seconds, 2),
    }  # fmt: skip
    print(json.dumps(told))
