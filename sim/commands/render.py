"""`inion render`: scenarios to PNG, SVG and PDF files, each view by itself or all panels on one page."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from scenarios.basics import CameraName
from scenarios.faults import ScenarioError
from scenarios.loader import list_scenarios, load_scenario
from scenarios.model import Scenario
from sim.commands.anatomy_option import with_anatomy
from sim.commands.faults import BadInput, cannot
from sim.commands.sizes import parse_size
from sim.compose import chosen_views

if TYPE_CHECKING:
    from meshes.model import Anatomy
    from sim.picture import Picture

Work = tuple[str, str, Callable[[Path, Sequence[str]], Sequence[str]]]


def run(args: argparse.Namespace) -> int:
    """Render every scenario that is named; nothing is written before all of them are found sound."""
    if args.sheet:
        return _sheets(args)
    size = parse_size(args.size)
    formats = _formats(args.format)
    if args.figure and args.view:
        raise BadInput("--figure takes its views from the scenario's panels; leave out --view.")
    lack = "there is no table [figure]; add one with [[figure.panel]]."
    scenarios = _chosen(args, lambda s: not args.figure or s.figure is not None, lack)
    for scenario in scenarios:
        _check_views(scenario, args.view)
    with nullcontext() if args.check else made_folder(args.out) as folder:
        work = (_figures if args.figure else _pictures)(args, scenarios, size)
        _check_names([name for name, _, _ in work], f".{formats[0]}")
        if folder is None:
            args.tell(f"Nothing is wrong. Pictures: {len(work)}.")
            return 0
        written = _written(args, work, folder, formats)
    if args.json:
        print(json.dumps({"written": written}))
    return 0


def _chosen(args: argparse.Namespace, has: Callable[[Scenario], bool], lack: str) -> list[Scenario]:
    """The scenarios that are named, each of which must have what is asked for; 'all' means those that have it."""
    every = "all" in args.scenarios
    found = [load_scenario(name) for name in (list_scenarios() if every else args.scenarios)]
    for scenario in found:
        if not every and not has(scenario):
            raise BadInput(f"{scenario.origin.file}: {lack}")
    return [with_anatomy(args, scenario) for scenario in found if has(scenario)]


def _check_names(names: Sequence[str], ending: str) -> None:
    """Refuse names of which two are the same: one file would take the place of another."""
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise BadInput(f"two pictures would be called {twice[0]}{ending}; give the scenarios different file names.")


def _sheets(args: argparse.Namespace) -> int:
    """Write the map sheets of PREEMPT scenarios."""
    given = {"--view": args.view, "--format": args.format, "--figure": args.figure, "--size": args.size, "--style": args.style,
             "--seed": args.seed, "--transparent": args.transparent}  # fmt: skip
    for option, value in given.items():
        if value is not None and value is not False and value != []:
            raise BadInput(f"{option} is not for a map sheet; leave it out.")
    _library("--sheet")
    lack = "its procedure is not 'preempt', of which alone there are map sheets."
    scenarios = _chosen(args, lambda s: s.procedure is not None and s.procedure.name == "preempt", lack)
    _check_names([s.name for s in scenarios], f"-sheet-{args.sheet}.pdf")
    if args.check:
        args.tell(f"Nothing is wrong. Map sheets: {len(scenarios)}.")
        return 0
    from sim.map_sheet import write_map_sheet

    written: list[str] = []
    with made_folder(args.out) as folder:
        for scenario in scenarios:
            with _told_as(scenario.origin.file, folder):
                written += map(str, write_map_sheet(scenario, folder, args.sheet))
    print(json.dumps({"written": written}) if args.json else "\n".join(written))
    return 0


@contextmanager
def _told_as(name: str, path: Path) -> Iterator[None]:
    """Turn what goes wrong while `path` is made for `name` into a fault of one line."""
    try:
        yield
    except ScenarioError:
        raise
    except ValueError as error:
        raise BadInput(f"{name}: {error}") from error
    except OSError as error:
        raise cannot("be written", error.filename or path, error) from error


def _library(option: str) -> None:
    if importlib.util.find_spec("reportlab") is None:
        raise BadInput(f"{option} needs reportlab, which is not installed; install inion with the extra [print].")


def _formats(asked: list[str]) -> tuple[str, ...]:
    """The formats, each once, after their libraries are found."""
    formats = tuple(dict.fromkeys(asked)) or ("png",)
    if "pdf" in formats:
        _library("--format pdf")
    return formats


def _pictures(args: argparse.Namespace, scenarios: list[Scenario], size: tuple[int, int] | None) -> list[Work]:
    """What is done for each picture: its name without ending, what is told meanwhile, and how it is written."""
    from sim.anatomies import anatomy_for
    from sim.compose import missing_structures
    from sim.rendering import pictures_of, write_picture

    work: list[Work] = []
    for scenario in scenarios:
        anatomy = anatomy_for(scenario)
        missing = missing_structures(scenario, anatomy)
        if missing and not args.quiet:
            args.tell(f"{scenario.origin.file}: not part of the anatomy {anatomy.name!r}: {', '.join(missing)}.")
        pictures = pictures_of(
            scenario, anatomy, views=args.view, size=size, style=args.style, seed=args.seed, transparent=args.transparent
        )
        for picture in pictures:
            work.append((picture.name, picture.name, partial(_write_picture, write_picture, picture, anatomy, scenario)))
    return work


def _write_picture(
    write: Callable[..., Sequence[str]],
    picture: Picture,
    anatomy: Anatomy,
    scenario: Scenario,
    path: Path,
    formats: Sequence[str],
) -> Sequence[str]:
    """Write one picture; return the labels for which there was no room."""
    return (
        write(picture, anatomy, path, scenario)
        if formats == ("png",)
        else write(picture, anatomy, path, scenario, formats=formats)
    )


def _figures(args: argparse.Namespace, scenarios: list[Scenario], size: tuple[int, int] | None) -> list[Work]:
    """What is done for each figure."""
    return [(f"{s.name}-figure", s.name, partial(_write_figure, args, s, size)) for s in scenarios]


def _write_figure(
    args: argparse.Namespace, scenario: Scenario, size: tuple[int, int] | None, path: Path, formats: Sequence[str]
) -> Sequence[str]:
    """Make and write one figure; return the labels for which there was no room."""
    from sim.anatomies import anatomy_for
    from sim.figures import figure_of
    from sim.rendering import metadata, write_plate

    anatomy = anatomy_for(scenario)
    page = figure_of(scenario, anatomy, size=size, style=args.style, seed=args.seed, transparent=args.transparent)
    write_plate(page.plate, path, metadata(page.frame, anatomy, scenario), formats)
    return page.dropped


def _written(args: argparse.Namespace, work: list[Work], folder: Path, formats: Sequence[str]) -> list[str]:
    """Write everything; return the paths."""
    from sim.progress import progress

    written: list[str] = []
    with progress("rendering", len(work), quiet=args.quiet) as step:
        for name, told, write in work:
            step(told)
            path = folder / f"{name}.png"
            with _told_as(name, path):
                dropped = write(path, formats)
            if dropped and not args.quiet:
                args.tell(f"{name}: no room for {', '.join(repr(text) for text in dropped)}.")
            for ending in formats:
                written.append(str(folder / f"{name}.{ending}"))
                if not args.json:
                    print(folder / f"{name}.{ending}", flush=True)
    return written


def _check_views(scenario: Scenario, names: list[str]) -> None:
    try:
        chosen_views(scenario, names)
    except ValueError as error:
        own, cameras = ", ".join(v.name for v in scenario.view), ", ".join(get_args(CameraName))
        raise BadInput(f"--{error} Views of {scenario.name}: {own}; cameras: {cameras}.") from error


@contextmanager
def made_folder(name: str) -> Iterator[Path]:
    """Give a folder that can be written to, made if need be; what was made and is still empty goes again if the rest fails."""
    made = [p for p in (Path(name), *Path(name).parents) if not os.path.lexists(p)]
    try:
        yield writable(name)
    except BaseException:
        for path in made:
            with suppress(OSError):
                path.rmdir()
        raise


def writable(name: str) -> Path:
    """Return the folder, made if need be, after writing a probe file of some size into it."""
    if not name.strip():
        raise BadInput("-o is empty; give a folder, or leave it out.")
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
