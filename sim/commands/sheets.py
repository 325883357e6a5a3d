"""`inion sheets`: contact sheets of the model, layer by layer, for judging it by eye."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from meshes._check import check_choice
from sim.commands.faults import BadInput, cannot
from sim.commands.render import writable
from sim.commands.sizes import parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshes.model import Anatomy

OVERVIEW = "overview"


def run(args: argparse.Namespace) -> int:
    """Write one PNG for each layer that the anatomy has, and an overview of all; nothing before the input is found sound."""
    from sim.progress import progress
    from sim.sheet_layers import sheet_layers
    from sim.sheets import contact_sheet, overview
    from sim.stills import save_png

    size = _size(args.size)
    layers = sheet_layers()
    try:
        wanted = [check_choice("layer", name, layers) for name in args.layer] or list(layers)
    except ValueError as error:
        raise BadInput(f"--{error}") from error
    anatomies = _anatomies(args)
    mine = next(iter(anatomies.values()))
    wanted = [name for name in layers if name in wanted and layers[name].own(mine)]
    if not wanted:
        raise BadInput(f"the anatomy {mine.name!r} has nothing of {', '.join(args.layer)}.")
    folder = writable(args.out)
    made, written = [], []
    with progress("sheet", len(wanted), quiet=args.quiet) as step:
        for name in wanted:
            step(name)
            made.append(contact_sheet(layers[name], anatomies, size=size, style=args.style, seed=args.seed))
    pictures = {sheet.layer.name: sheet.image for sheet in made} | {OVERVIEW: overview(made, list(anatomies), style=args.style)}
    for name, image in pictures.items():
        path = folder / f"sheet-{name}.png"
        try:
            save_png(image, path, _metadata(name, anatomies, args))
        except OSError as error:
            raise cannot("be written", path, error) from error
        written.append(str(path))
    print(json.dumps({"written": written}) if args.json else "\n".join(written))
    return 0


def _size(text: str | None) -> tuple[int, int]:
    """Pixels of one view; a sheet holds several."""
    from sim.sheets import DEFAULT_SIZE, MOST_PX

    size = parse_size(text) or DEFAULT_SIZE
    if max(size) > MOST_PX:
        raise BadInput(f"--size is {size[0]}x{size[1]}; one view may have at most {MOST_PX}x{MOST_PX} pixels.")
    return size


def _anatomies(args: argparse.Namespace) -> Mapping[str, Anatomy]:
    """The model, and the reference if it is asked for, by the titles of their rows."""
    from sim.anatomies import load_anatomy
    from sim.reference_atlas import NAME, reference_atlas

    for option, value in (("--anatomy", args.anatomy), ("--reference", args.reference)):
        if value is not None and not value.strip():
            raise BadInput(f"{option} is empty; leave it out or name what it is.")
    try:
        out = {"Inion": load_anatomy(args.anatomy)}
    except OSError as error:
        raise cannot("be read", args.anatomy, error) from error
    except ValueError as error:
        raise BadInput(f"--anatomy: {error}") from error
    if args.reference is not None:
        try:
            out[f"reference ({NAME})"] = reference_atlas(Path(args.reference))
        except FileNotFoundError as error:
            raise BadInput(f"--reference: {error}") from error
        except OSError as error:
            raise cannot("be read", args.reference, error) from error
        except (ValueError, KeyError) as error:
            raise BadInput(f"--reference: {args.reference} cannot be read ({error}).") from error
    return out


def _metadata(name: str, anatomies: Mapping[str, Anatomy], args: argparse.Namespace) -> dict[str, str]:
    from sim.page import DISCLAIMER
    from sim.release import program_version

    credit = "; ".join(str(a.meta["credit"]) for a in anatomies.values() if "credit" in a.meta)
    return {
        "Software": f"Inion {program_version()}",
        "Title": f"Contact sheet: {name}",
        "Anatomy": ", ".join(a.name for a in anatomies.values()),
        "Seed": str(args.seed),
        "Style": args.style,
        "Credit": credit,
        "Disclaimer": DISCLAIMER,
    }
