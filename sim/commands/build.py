"""`inion build`: the shipped model from its data."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

from sim.commands.faults import BadInput, cannot

TOLERANCE_MM = 0.25


def run(args: argparse.Namespace) -> int:
    """Build the model and write it; with --check compare it with the file that is shipped, and write nothing."""
    from meshes.archive import digest, read_archive, shipped_path, write_archive
    from meshes.build import build_anatomy
    from meshes.compare import differences
    from sim.progress import progress

    target = Path(args.out) if args.out else shipped_path()
    if args.check and not target.is_file():
        raise BadInput(f"{target}: there is no model to compare with. Make it with `inion build`.")
    if target.is_dir():
        raise BadInput(f"{target}: is a directory; -o is the file of the model.")
    if not args.check and not os.access(target.parent, os.W_OK):
        raise BadInput(f"{target.parent}: is no folder that can be written to; choose another with -o.")
    with progress("building", 0, quiet=args.quiet) as step:
        anatomy = build_anatomy(step)
    try:
        if not args.check:
            write_archive(anatomy, target)
            return _answer(args, {"written": str(target), "sha256": digest(target)}, f"{target}\nsha256 {digest(target)}", 0)
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / "model"
            write_archive(anatomy, fresh)
            found = differences(read_archive(fresh), read_archive(target), TOLERANCE_MM)
    except OSError as error:
        raise cannot("be written", error.filename or target, error) from error
    except ValueError as error:
        raise BadInput(str(error)) from error
    more = f" ({found[0]}{f'; {len(found) - 1} more' if len(found) > 1 else ''})" if found else ""
    text = f"is not what the data give{more}; remake it with `inion build`." if found else "is what the data give."
    return _answer(args, {"file": str(target), "current": not found, "differences": found}, f"{target} {text}", 1 if found else 0)


def _answer(args: argparse.Namespace, values: dict[str, object], text: str, status: int) -> int:
    print(json.dumps(values) if args.json else text)
    return status
