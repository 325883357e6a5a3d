"""`inion import`: a person's own surfaces or label volumes as an anatomy; looked at first, then kept whole or not at all."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.commands.faults import BadInput, cannot, library_faults
from sim.commands.import_landmarks import estimated, given_points, landmarks_of, settled
from sim.commands.render import writable

if TYPE_CHECKING:
    from meshes.importing.raw import RawParts
    from meshes.model import SurfaceMesh
    from meshes.real_landmarks import Found
    from meshes.real_parts import RealParts
    from sim.import_report import Report

LICENCE = "your own scan: not for passing on"
CREDIT = "a scan of the user's own ({name})"
REPORTS = (".json", ".md")
MAP_ENDING = ".map.toml"
STAGES = ("reading", "finding unit, frame and names", "finding landmarks", "laying the model on it", "writing")
BAD_INPUT = 2


def run(args: argparse.Namespace) -> int:
    """Preview an import (exit status 2), or make and keep the anatomy."""
    from sim.progress import progress

    agreed = args.yes or args.map is not None
    _check(args, agreed=agreed)
    with library_faults(), progress("importing", len(STAGES) if agreed else 3, quiet=args.quiet or args.json) as step:
        step(STAGES[0])
        given = given_points(args.landmarks)
        raw, files = _read(args)
        step(STAGES[1])
        real = _understood(args, raw, agreed=agreed)
        parts = real.keyed()
        step(STAGES[2])
        marks = landmarks_of(real, raw, given)
        report = _report(args, raw, real, marks, files)
        if args.preview is not None:
            _preview(args, real)
        if agreed:
            step(STAGES[3])
            report, home = _keep(args, raw, real, parts, report, lambda: step(STAGES[4]))
        _write_report(args, report)
    return _installed(args, report, home) if agreed else _asked(args, report)


def _check(args: argparse.Namespace, *, agreed: bool) -> None:
    """Refuse what can be refused before anything is read."""
    from meshes import library

    with library_faults():
        library.check_name(args.name)
    if args.name in library.names() and not args.replace:
        raise BadInput(f"there is an anatomy {args.name!r} already; choose another --name, or add --replace.")
    for place in args.paths:
        if not place.strip() or not Path(place).exists():
            raise BadInput(f"{place!r} is not there; give a folder, or files, that hold the parts.")
    for option in ("credit", "licence", "landmarks", "map"):
        value = getattr(args, option)
        if value is not None and not value.strip():
            raise BadInput(f"--{option} is empty; leave it out or say what it is.")
    if args.report is not None and not args.report.lower().endswith(REPORTS):
        raise BadInput(f"--report is {args.report!r}; it must end in {' or '.join(REPORTS)}.")
    if args.preview is not None and not args.preview.lower().endswith(".png"):
        raise BadInput(f"--preview is {args.preview!r}; it must end in .png.")
    if not agreed and _map_path(args).exists():
        raise BadInput(f"{_map_path(args)} is there already; call again with --map and it, or remove it to begin anew.")
    for out in (args.preview, args.report):
        if out is not None:
            if Path(out).is_dir():
                raise BadInput(f"{out!r} is a folder; add the name of a file.")
            writable(str(Path(out).parent))
    if agreed:
        try:
            writable(str(library.folder()))
        except BadInput as error:  # told now, not after minutes of work
            raise BadInput(_elsewhere(str(error))) from error


def _elsewhere(fault: str) -> str:
    """The fault of a folder, with the cure for the folder of anatomies."""
    from meshes import library

    cure = f"set {library.FOLDER_VARIABLE} to another folder"
    told = fault.replace("choose another folder with -o", cure)
    return told if cure in told else f"{told} Mend that, or {cure}."


def _map_path(args: argparse.Namespace) -> Path:
    return Path(f"{args.name}{MAP_ENDING}")


def _read(args: argparse.Namespace) -> tuple[RawParts, dict[str, str]]:
    """All surfaces of the files, and the files' SHA-256 by their names."""
    from meshes.archive import digest
    from meshes.importing.reading import read_parts
    from meshes.importing.unpacking import hidden

    paths = [Path(p) for p in args.paths]
    raw = read_parts(paths)
    inside = [f for p in paths for f in (sorted(q for q in p.rglob("*") if q.is_file()) if p.is_dir() else [p])]
    seen = [f for f in inside if not any(hidden(part) for part in _short(f, paths).split("/"))]
    names = {f: f"file {i}" if args.no_names else _short(f, paths) for i, f in enumerate(seen, 1)}
    return raw, {name: digest(f) for f, name in names.items()}


def _short(file: Path, paths: list[Path]) -> str:
    """A file's name as from the folder that was given; never where that folder lies."""
    folder = next((p for p in paths if p.is_dir() and file.is_relative_to(p)), None)
    return file.name if folder is None else file.relative_to(folder).as_posix()


def _understood(args: argparse.Namespace, raw: RawParts, *, agreed: bool) -> RealParts:
    """The parts in RAS, mm, named; a mapping file is written first, so that what is at fault can be mended in it."""
    from meshes.importing.mapping import read_mapping
    from meshes.importing.raw import ImportFault
    from meshes.importing.understanding import understood

    mapping = None if args.map is None else read_mapping(Path(args.map))
    args.mapping = mapping
    if not agreed:
        _write_map(args, raw)
    try:
        real: RealParts = understood(raw, mapping=mapping, unit=args.unit, frame=args.frame, mirrored=args.mirrored)
    except ImportFault as error:
        if args.map is not None:
            raise
        if agreed:
            write = "call without --yes to have one written" if "mapping file" in str(error) else ""
            raise BadInput(f"{str(error).rstrip('.')}{write and f'; {write}'}.") from error
        text = f"{str(error).rstrip('.')}. {_map_path(args)} lists the parts; if a name is at fault, edit it and add --map."
        raise BadInput(text) from error
    return real


def _write_map(args: argparse.Namespace, raw: RawParts) -> None:
    from meshes.importing.mapping import mapping_text
    from sim.stills import write_whole

    text = mapping_text(raw)
    try:
        write_whole(_map_path(args), lambda stream: stream.write(text.encode()))
    except OSError as error:
        raise cannot("be written", _map_path(args), error) from error


def _report(
    args: argparse.Namespace, raw: RawParts, real: RealParts, marks: Mapping[str, Found], files: Mapping[str, str]
) -> Report:
    from meshes.real_landmarks import to_ask
    from sim.import_report import Report, rows_of

    return Report(args.name, rows_of(raw, real, args.mapping), (*real.told, *raw.notes), marks, to_ask(marks), files)


def _preview(args: argparse.Namespace, real: RealParts) -> None:
    from sim.import_preview import import_preview
    from sim.page import DISCLAIMER
    from sim.release import program_version
    from sim.stills import save_png

    about = {"Software": f"Inion {program_version()}", "Title": f"Import of {args.name}", "Disclaimer": DISCLAIMER}
    try:
        save_png(import_preview(args.name, real.parts), args.preview, about)
    except OSError as error:
        raise cannot("be written", args.preview, error) from error


def _keep(
    args: argparse.Namespace, raw: RawParts, real: RealParts, parts: Mapping[str, SurfaceMesh], report: Report, writing: Any
) -> tuple[Report, Path]:
    """Make the anatomy and write it; return the report with what was made, and where it is."""
    from dataclasses import replace

    from meshes import library
    from meshes.importing.courses import anatomy_of
    from sim.import_report import made_of

    own = ". ".join(t for t in (raw.credit, args.credit) if t) or CREDIT.format(name=args.name)
    licence = args.licence or raw.licence or LICENCE
    meta = {"source": args.name, "credit": own, "licence": licence}
    whole = settled(real, raw, report.landmarks)
    anatomy = anatomy_of(args.name, parts, report.landmarks, meta, estimated=estimated(raw), settled=whole)
    report = replace(report, made=made_of(anatomy))
    writing()
    about = {
        "title": "an anatomy of yours", "credit": own, "licence": licence, "files": dict(report.files),
        "imported": {
            "found": _kept_told(report, raw, names=not args.no_names),
            "unit": real.unit, "frame": real.frame, "mirrored": real.mirrored,
            "parts": [_kept_row(r, names=not args.no_names) for r in report.rows],
            "landmarks": {n: {"confidence": round(float(f.confidence), 2), "how": f.how} for n, f in report.landmarks.items()},
        },
    }  # fmt: skip
    return report, library.write(anatomy, about)


def _kept_row(row: Mapping[str, Any], *, names: bool) -> dict[str, Any]:
    """What is kept of a part: with its name only if that is wanted."""
    kept = {k: row[k] for k in ("part", "key", "how", "sure", "triangles", "size_mm", "mended", "wrong") if names or k != "part"}
    if names:
        return kept

    def bare(text: str) -> str:
        return reduce(lambda t, origin: t.replace(f"{origin}: ", ""), row["sources"], text)

    return kept | {"mended": [bare(t) for t in row["mended"]], "wrong": row["wrong"] and bare(row["wrong"])}


def _kept_told(report: Report, raw: RawParts, *, names: bool) -> list[str]:
    """What is kept of the sentences on unit, frame and names: only those that name no part, if names are not wanted."""
    if names:
        return list(report.told)
    said = [n for p in raw.parts for n in (p.name, p.origin) if n]
    return [t for t in report.told if t not in raw.notes and not any(n in t for n in said)]


def _write_report(args: argparse.Namespace, report: Report) -> None:
    from sim.import_report import json_text, markdown
    from sim.stills import write_whole

    if args.report is None:
        return
    text = markdown(report) if args.report.lower().endswith(".md") else json_text(report)
    try:
        write_whole(args.report, lambda stream: stream.write(text.encode()))
    except OSError as error:
        raise cannot("be written", args.report, error) from error


def _asked(args: argparse.Namespace, report: Report) -> int:
    """Tell what was found, and that the user's word is awaited."""
    from sim.import_report import as_json, findings, table

    told = as_json(report) | {"installed": False, "map": str(_map_path(args)), "preview": args.preview}
    print(json.dumps(told, ensure_ascii=False, indent=1) if args.json else "\n".join([table(report), "", *findings(report)]))
    where = _map_path(args)
    args.tell(f"inion import: nothing is kept yet. Look, edit {where}, and call again with --map {where}; or with --yes.")
    return BAD_INPUT


def _installed(args: argparse.Namespace, report: Report, home: Path) -> int:
    """Tell where the anatomy is, how far off it may be, and what to do next."""
    from sim.import_report import as_json, findings, outcome

    if args.json:
        print(json.dumps(as_json(report) | {"installed": True, "folder": str(home)}, ensure_ascii=False, indent=1))
        return 0
    lines = [f"{args.name} is kept in {home}.", *findings(report), *outcome(report.made)]
    if report.asked:
        look = f"`inion landmarks {args.name} --picture landmarks.png`"
        lines.append(f"Look at the landmarks with {look}; correct them with `--set FILE.mrk.json`.")
    lines.append(f"Next: `inion render gon-path --anatomy {args.name}`, `inion scan --anatomy {args.name}`.")
    print("\n".join(lines))
    return 0
