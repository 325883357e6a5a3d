"""The option `--anatomy` of all commands that draw or compute: an anatomy in place of the scenario's own."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from sim.commands.faults import BadInput, cannot

if TYPE_CHECKING:
    from meshes.model import Anatomy
    from scenarios.model import Scenario

SOURCES = "'shipped', a name of `inion atlas list`, or a model written by `inion build -o`"


def anatomy_option(parser: ArgumentParser, instead: str = "the scenario's own") -> None:
    """Add `--anatomy`, which is None where it is not given."""
    parser.add_argument("--anatomy", metavar="NAME", help=f"in place of {instead}: {SOURCES}")


def named_anatomy(source: str, option: str = "--anatomy") -> Anatomy:
    """Return the anatomy that an option names. Raises BadInput, one line with the nearest name or how to install it."""
    from sim.anatomies import load_anatomy

    if not source.strip():
        raise BadInput(f"{option} is empty; name {SOURCES}, or leave it out.")
    try:
        return load_anatomy(source)
    except OSError as error:
        raise cannot("be read", source, error) from error
    except ValueError as error:
        raise BadInput(f"{option}: {error}") from error


def with_anatomy(args: Namespace, scenario: Scenario) -> Scenario:
    """Return the scenario with the anatomy that is asked for, and tell if that takes the place of a patient of its own."""
    source = getattr(args, "anatomy", None)
    if source is None:
        return scenario
    from sim.anatomies import with_source

    named_anatomy(source)
    if scenario.anatomy.patient and not getattr(args, "quiet", False):
        args.tell(f"{scenario.origin.file}: [anatomy.patient] is left out; --anatomy {source} holds, as it is.")
    return with_source(scenario, source)
