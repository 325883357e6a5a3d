"""`inion build`: the shipped model from its data."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from sim.commands.faults import BadInput, cannot


def run(args: argparse.Namespace) -> int:
    """Build the model and write it; with --check compare it with the file that is shipped, and write nothing."""
    from meshes.archive import digest, shipped_path, write_archive
    from meshes.build import build_anatomy
    from sim.progress import progress

    target = Path(args.out) if args.out else shipped_path()
    if args.check and not target.is_file():
        raise BadInput(f"{target}: there is no model to compare with. Make it with `inion build`.")
    if target.is_dir():
        raise BadInput(f"{target}: is a directory; -o is the file of the model.")
    with progress("building", 0, quiet=args.quiet) as step:
        anatomy = build_anatomy(step)
    try:
        if not args.check:
            write_archive(anatomy, target)
            return _answer(args, {"written": str(target), "sha256": digest(target)}, f"{target}\nsha256 {digest(target)}", 0)
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / "model"
            write_archive(anatomy, fresh)
            same = fresh.read_bytes() == target.read_bytes()
    except OSError as error:
        raise cannot("be written", error.filename or target, error) from error
    text = "is what the data give." if same else "is not what the data give; remake it with `inion build`."
    return _answer(args, {"file": str(target), "current": same}, f"{target} {text}", 0 if same else 1)


def _answer(args: argparse.Namespace, values: dict[str, object], text: str, status: int) -> int:
    print(json.dumps(values) if args.json else text)
    return status
