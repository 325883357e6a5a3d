"""`inion export`: an anatomy as files of other tools."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.faults import BadInput, cannot
from sim.commands.render import writable

if TYPE_CHECKING:
    from meshes.exports.request import Export
    from meshes.model import Anatomy

STEP_MM = 1.0
STYLE = "atlas"


def run(args: argparse.Namespace) -> int:
    """Export, whole or not at all; nothing is written before the request is found sound."""
    from meshes.exports.request import about
    from meshes.exports.write import write_export
    from sim.progress import progress

    out = Path(args.out)
    _check(args, out)
    anatomy = _anatomy(args.anatomy)
    try:
        export = export_of(anatomy, args.structures or (), step_mm=STEP_MM if args.step is None else args.step)
        writable(str(out.parent))
        with progress("exporting", len(export.keys), quiet=args.quiet) as tell:
            written = write_export(export, out, tell)
    except ValueError as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise cannot("be written", out, error) from error
    if args.json:
        told = about(export) | {"structures": len(export.keys), "landmarks": len(anatomy.landmarks)}
        print(json.dumps({"written": [str(p) for p in written]} | told, ensure_ascii=False))
    else:
        print(written[-1])
    return 0


def export_of(anatomy: Anatomy, structures: list[str] | tuple[str, ...] = (), *, step_mm: float = STEP_MM) -> Export:
    """Return the request to export an anatomy in the colours of the atlas.

    Parameters
    ----------
    anatomy : Anatomy
    structures : sequence of str
        Keys, groups, clinical names or patterns as scenarios use them; all structures if there are none.
    step_mm : float
        Edge of a voxel, for labels.

    Raises
    ------
    ValueError
        If a name means nothing; the message names the nearest.
    """
    from meshes.exports.request import Export
    from scenarios.selection import select
    from sim.release import program_version
    from sim.theme import load_theme

    theme = load_theme(STYLE)
    keys = tuple(select(structures, anatomy.structures)) if structures else tuple(anatomy.structures)
    if not keys:
        raise ValueError(f"the anatomy {anatomy.name!r} has nothing of {', '.join(structures)}.")
    colours = {key: theme.of_structure(anatomy[key]) for key in keys}
    return Export(anatomy, keys, colours, theme.colours["tendon"], f"inion {program_version()}", step_mm)


def _check(args: argparse.Namespace, out: Path) -> None:
    """Refuse an ending or an option that does not belong to the format."""
    from meshes.exports.labels import LEAST_MM, MOST_MM
    from meshes.exports.write import LABELS, LANDMARKS, suffix_of

    try:
        suffix = suffix_of(out)
    except ValueError as error:
        raise BadInput(f"-o is {error}") from error
    if out.is_dir():
        raise BadInput(f"-o is {args.out!r}, which is a folder; add the name of a file.")
    if args.structures and suffix in LANDMARKS:
        raise BadInput("--structures belongs to surfaces and labels; landmarks are written all. Leave it out.")
    if args.step is not None and suffix not in LABELS:
        raise BadInput(f"--step is the edge of voxels; it belongs to {' and '.join(LABELS)}.")
    if args.step is not None and not LEAST_MM <= args.step <= MOST_MM:
        raise BadInput(f"--step is {args.step:g} mm; it must be from {LEAST_MM:g} to {MOST_MM:g}.")


def _anatomy(source: str) -> Anatomy:
    from sim.anatomies import load_anatomy

    try:
        return load_anatomy(source)
    except OSError as error:
        raise cannot("be read", source, error) from error
    except ValueError as error:
        raise BadInput(f"--anatomy: {error}") from error
