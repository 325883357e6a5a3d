"""`inion landmarks`: the landmarks of an anatomy looked at, approved, and set by hand."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.commands.anatomy_option import named_anatomy
from sim.commands.faults import BadInput, cannot
from sim.commands.landmarks_view import show
from sim.commands.render import writable

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshes.model import Anatomy
    from sim.landmark_rows import Row

PNG = ".png"
TOLD_MM = 0.5


def run(args: argparse.Namespace) -> int:
    """List, draw, write, or set landmarks; nothing is changed before the request is found sound."""
    _check(args)
    if args.view:
        print("\n".join(show(args, set_landmarks)))
        return 0
    anatomy = named_anatomy(args.name, "NAME")
    told: dict[str, Any] = {}
    if args.set is not None or args.approve:
        anatomy, told = _kept(args, anatomy)
    from sim.landmark_rows import rows_of

    rows = rows_of(anatomy)
    written = [str(p) for p in (_marks(args, anatomy), _picture(args, anatomy, rows)) if p is not None]
    if args.json:
        answer = told | {"anatomy": anatomy.name, "landmarks": [r.told() for r in rows], "written": written}
        print(json.dumps(answer | _whose(anatomy), indent=1, ensure_ascii=False))
    else:
        print("\n".join([*_changes(told), *_lines(anatomy, rows), *written]))
    return 0


def set_landmarks(name: str, change: Callable[[Anatomy], Anatomy]) -> tuple[Anatomy, Anatomy]:
    """Change the landmarks of an anatomy of the library and keep it, whole or not at all; return it before and after.

    Raises
    ------
    BadInput
        If it is not the user's own, a point cannot be right, or it cannot be written; what was there is still good then.
    """
    from meshes import library
    from meshes.library_lock import alone

    if name not in library.names():
        raise BadInput(f"{name} is not an anatomy of `inion atlas list`; only those can be corrected.")
    try:
        with alone(library.folder(), name):
            before, about = library.read(name), library.about(name)
            after = change(before)
            if after is not before:
                library.write(after, about)
    except ValueError as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise cannot("be written", error.filename or library.path_of(name), error) from error
    return before, after


def _check(args: argparse.Namespace) -> None:
    """Refuse names of files that cannot be, before anything is computed."""
    from meshes.exports.write import LANDMARKS
    from meshes.library import SHIPPED

    if args.out is not None and not args.out.lower().endswith(LANDMARKS):
        raise BadInput(f"-o is {args.out!r}; name a file that ends in {' or '.join(LANDMARKS)}.")
    if args.picture is not None and not args.picture.lower().endswith(PNG):
        raise BadInput(f"--picture is {args.picture!r}; name a file that ends in {PNG}.")
    for path in (args.out, args.picture):
        if path is not None and Path(path).is_dir():
            raise BadInput(f"{path} is a folder; add the name of a file.")
    if args.view and (args.set is not None or args.approve or args.out is not None or args.picture is not None or args.json):
        raise BadInput("--view opens a window, in which landmarks are moved, approved and saved; leave the other options out.")
    if args.view and args.name == SHIPPED:
        raise BadInput(f"{SHIPPED} is the model itself, which has nothing to correct; name one of `inion atlas list`.")
    if args.set is not None and args.approve:
        raise BadInput("--set and --approve are two steps; call the command twice.")


def _kept(args: argparse.Namespace, anatomy: Anatomy) -> tuple[Anatomy, dict[str, Any]]:
    """The anatomy after --set or --approve, and what has changed."""
    from meshes.markups import read_markups
    from meshes.points import load_table
    from meshes.real_bounds import tilt_deg
    from meshes.real_correct import approved, changed, corrected, known_landmarks
    from sim.progress import progress

    if args.set is None:
        _, after = set_landmarks(args.name, lambda a: approved(a, args.approve))
        return after, {"approved": list(args.approve)}
    try:
        points = read_markups(args.set)
        moved = changed(anatomy, points)
    except OSError as error:
        raise cannot("be read", args.set, error) from error
    except ValueError as error:
        raise BadInput(f"--set: {error}") from error
    with progress("setting", 1, quiet=args.quiet or args.json or not moved) as step:
        step(f"{args.name} anew; about a minute")
        before, after = set_landmarks(args.name, lambda a: corrected(a, points))
    told: dict[str, Any] = {"set": {n: _moved(n, p, before, after) for n, p in moved.items()}}
    turn = tilt_deg({n: f.point_mm for n, f in known_landmarks(after).items()})
    if moved and turn > load_table("corrections")["same"]["told_deg"]:
        told["tilt_deg"] = round(turn, 1)
    return after, told


def _moved(name: str, given: Any, before: Anatomy, after: Anatomy) -> dict[str, float | None]:
    """How far (mm) a landmark has moved, and how far the point that was given lies off the surface that it was put on."""
    here, was = after.landmark(name), before.landmarks.get(name)
    moved = None if was is None else round(float(np.linalg.norm(here - was)), 1)
    return {"moved_mm": moved, "off_mm": round(float(np.linalg.norm(here - given)), 1)}


def _changes(told: dict[str, Any]) -> list[str]:
    """What was changed, in words."""
    if "approved" in told:
        return [f"Approved: {', '.join(told['approved'])}."]
    if "set" not in told:
        return []
    if not told["set"]:
        return ["Nothing was changed: these points are where they were. To say that one is right, use --approve."]
    lines = []
    for name, far in told["set"].items():
        moved = f", {far['moved_mm']:.1f} mm from where it was" if far["moved_mm"] is not None else ""
        off = f"; the point lay {far['off_mm']:.1f} mm off its surface and was put on it" if far["off_mm"] >= TOLD_MM else ""
        lines.append(f"Set by hand: {name}{moved}{off}.")
    if "tilt_deg" in told:
        lines.append(
            f"The frame stays as it was: these porions and orbitalia lie turned in it by {told['tilt_deg']:.1f} degrees."
        )
    return lines


def _lines(anatomy: Anatomy, rows: list[Row]) -> list[str]:
    """The table, what is to be looked at first."""
    asked = [r.name for r in rows if r.asked]
    found = [r for r in rows if r.confidence is not None]
    head = f"{anatomy.name}: {len(found)} landmarks of the person's own, {len(rows) - len(found)} more that follow from them."
    if not found:
        head = f"{anatomy.name}: {len(rows)} landmarks, all of the model itself."
    ask = f"To look at, the least sure first: {', '.join(asked)}." if asked else ""
    wide = max(len(r.name) for r in rows)
    table = [f"   no. {'landmark':{wide}}  sure      x       y       z  how"]
    table += [
        f"{'*' if r.asked else ' '} {r.number:4d} {r.name:{wide}}  {r.sure:4} {r.x:7.1f} {r.y:7.1f} {r.z:7.1f}  {r.how}"
        for r in (found or rows)
    ]
    frame = "mm: x to the patient's right, y forward, z up. * asked for."
    return [t for t in (head, ask, *table, frame, *_whose(anatomy).values()) if t]


def _whose(anatomy: Anatomy) -> dict[str, str]:
    credit = anatomy.meta.get("credit")
    return {"credit": f"{str(credit).rstrip('.')}."} if credit else {}


def _marks(args: argparse.Namespace, anatomy: Anatomy) -> Path | None:
    """Write the points for 3D Slicer."""
    if args.out is None:
        return None
    from meshes.exports.write import write_export
    from sim.commands.export import export_of

    out = Path(args.out)
    writable(str(out.parent))
    try:
        return write_export(export_of(anatomy), out)[-1]
    except ValueError as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise cannot("be written", out, error) from error


def _picture(args: argparse.Namespace, anatomy: Anatomy, rows: list[Row]) -> Path | None:
    """Write the sheet."""
    if args.picture is None:
        return None
    from sim.landmark_sheet import landmark_sheet
    from sim.page import DISCLAIMER
    from sim.progress import progress
    from sim.release import program_version
    from sim.stills import save_png

    out = Path(args.picture)
    writable(str(out.parent))
    with progress("drawing", 1, quiet=args.quiet or args.json) as step:
        step("the landmarks from five sides")
        image = landmark_sheet(anatomy, rows).image
    about = {"Software": f"Inion {program_version()}", "Title": f"Landmarks of {anatomy.name}", "Disclaimer": DISCLAIMER}
    try:
        return save_png(image, out, about | {"Credit": str(anatomy.meta.get("credit", ""))})
    except OSError as error:
        raise cannot("be written", out, error) from error
