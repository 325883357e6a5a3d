"""`inion explain`: a scenario explained to a patient, as a page for a tablet or as a handout of two sheets."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.loader import load_scenario
from sim.commands.anatomy_option import with_anatomy
from sim.commands.faults import BadInput, cannot
from sim.commands.render import writable

if TYPE_CHECKING:
    from meshes.model import Anatomy
    from scenarios.model import Scenario

PAGE, PAPER = ".html", ".pdf"
ALL = "all"
LONGEST_CLINIC = 80
PIECES = 4  # of work that a page tells


def run(args: argparse.Namespace) -> int:
    """Write the page or the handout; nothing is written before the request is found sound."""
    scenario = load_scenario(args.scenario)
    out = Path(args.out or f"{scenario.name}{PAGE}")
    if out.suffix.lower() not in (PAGE, PAPER):
        raise BadInput(f"-o is {str(out)!r}; its ending must be {PAGE} (page) or {PAPER} (handout).")
    languages = _languages(args.language)
    if out.suffix.lower() == PAPER and len(languages) > 1:
        raise BadInput(f"a handout has one language, {len(languages)} are asked for; run the command once for each.")
    if args.paper is not None and out.suffix.lower() != PAPER:
        raise BadInput(f"--paper belongs to a handout; let -o end in {PAPER}.")
    clinic = " ".join((args.clinic or "").split())
    if len(clinic) > LONGEST_CLINIC:
        raise BadInput(f"--clinic has {len(clinic)} letters; it may have {LONGEST_CLINIC}.")
    scenario, anatomy = _chosen(args, scenario)
    writable(str(out.parent))
    try:
        data = _page(args, scenario, anatomy, languages, clinic) if out.suffix.lower() == PAGE else _handout(
            args, scenario, anatomy, languages[0], clinic
        )  # fmt: skip
    except ValueError as error:
        raise error if hasattr(error, "lines") else BadInput(str(error)) from error
    _write(out, data)
    told = {"written": str(out), "languages": languages, "side": _side(scenario), "bytes": len(data)}
    print(json.dumps(told) if args.json else out)
    return 0


def _languages(asked: list[str]) -> list[str]:
    """The languages that are asked for, each once; English by default."""
    from scenarios.explain_texts import languages

    known = languages()
    if ALL in asked:
        return list(known)
    for name in asked:
        if name not in known:
            raise BadInput(f"--language is {name!r}; it must be one of {', '.join(known)}, or {ALL}.")
    return list(dict.fromkeys(asked)) or [known[0]]


def _chosen(args: argparse.Namespace, scenario: Scenario) -> tuple[Scenario, Anatomy]:
    """The scenario for the patient's side and sites, and its anatomy."""
    from scenarios.sites import Ground
    from sim.anatomies import anatomy_for
    from sim.explain.page_side import page_condition, page_procedure, with_side, with_sites

    if page_procedure(scenario) is None and page_condition(scenario) is None:
        raise BadInput(f"{scenario.origin.file}: has neither a procedure nor a table [page]; there is nothing to explain.")
    try:
        scenario = with_side(scenario, args.side)
    except ValueError as error:
        raise error if hasattr(error, "lines") else BadInput(f"--{error}") from error
    scenario = with_anatomy(args, scenario)
    anatomy = anatomy_for(scenario)
    ids = [name.strip() for text in args.sites for name in text.split(",") if name.strip()]
    try:
        return with_sites(scenario, ids, Ground(anatomy)), anatomy
    except ValueError as error:
        raise error if hasattr(error, "lines") else BadInput(f"--sites: {error}") from error


def _page(args: argparse.Namespace, scenario: Scenario, anatomy: Anatomy, languages: list[str], clinic: str) -> bytes:
    """The page as a file."""
    from sim.explain.page import explain_page
    from sim.progress import progress

    with progress("explaining", PIECES, quiet=args.quiet) as step:
        tell: Callable[[str], None] = step
        return explain_page(scenario, anatomy, languages=languages, clinic=clinic, tell=tell).encode("utf-8")


def _handout(args: argparse.Namespace, scenario: Scenario, anatomy: Anatomy, language: str, clinic: str) -> bytes:
    """The handout as a file; its side and sites are already those of the scenario."""
    from scenarios.explain_texts import load_texts
    from sim.handout import handout

    return handout(scenario, load_texts(language), paper=args.paper or "a4", clinic=clinic, anatomy=anatomy)


def _side(scenario: Scenario) -> str:
    from sim.explain.page_side import page_side

    return page_side(scenario)


def _write(out: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    from sim.stills import write_whole

    try:
        write_whole(out, lambda stream: stream.write(data))
    except OSError as error:
        raise cannot("be written", out, error) from error
