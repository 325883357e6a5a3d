"""`inion atlas`: published atlases that can be installed, and the anatomies that the user keeps."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.commands.faults import BadInput, library_faults

if TYPE_CHECKING:
    from meshes.atlas_files import Atlas

ACTIONS = ("list", "install", "verify", "remove")


def atlas_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `inion atlas`."""
    add = parser.add_argument
    add("action", choices=ACTIONS, help="what is done")
    add("name", nargs="?", metavar="NAME", help="an atlas or an anatomy of `inion atlas list`")
    add("--from", dest="copy", metavar="FOLDER|ZIP", help="install or verify a copy that is here, without a network")
    add("-q", "--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """List, install, verify or remove; nothing is changed before the request is found sound."""
    if args.action == "list":
        if args.name is not None or args.copy is not None:
            raise BadInput("list takes nothing else; leave it out.")
        return _list(args)
    if not (args.name or "").strip():
        raise BadInput(f"{args.action} needs a name; see `inion atlas list`.")
    if args.copy is not None and args.action == "remove":
        raise BadInput("--from belongs to install and verify; leave it out.")
    if args.copy is not None and not args.copy.strip():
        raise BadInput("--from is empty; give the folder or the ZIP file that holds the atlas.")
    return {"install": _install, "verify": _verify, "remove": _remove}[args.action](args)


def _list(args: argparse.Namespace) -> int:
    from meshes import library
    from meshes.atlas_files import ATLASES, atlas

    kept = library.names()
    rows = [_row(name) for name in kept]
    rows += [{"name": n, "installed": False, "title": atlas(n).table["title"]} for n in ATLASES if n not in kept]
    lines = [f"{row['name']}: {row['title']} ({_state(row)})" for row in rows]
    return _answer(args, {"folder": str(library.folder()), "anatomies": rows}, "\n".join(lines), 0)


def _row(name: str) -> dict[str, Any]:
    from meshes import library

    row: dict[str, Any] = {"name": name, "installed": True, "mb": round(library.bytes_of(name) / 1e6, 1)}
    try:
        told = library.about(name)
    except ValueError as error:
        return row | {"title": "an anatomy that is damaged", "fault": str(error)}
    return row | {"title": told.get("title", "an anatomy of yours"), "credit": told.get("credit", "")}


def _state(row: dict[str, Any]) -> str:
    if not row["installed"]:
        return f"not installed; `inion atlas install {row['name']}`"
    return ", ".join(t for t in (f"installed, {row['mb']:.1f} MB", row.get("credit", ""), row.get("fault", "")) if t)


def _install(args: argparse.Namespace) -> int:
    from meshes import library
    from meshes.atlas_files import opened
    from meshes.atlas_install import STAGES, groups, install
    from sim.progress import progress

    known = _atlas(args.name)
    with library_faults(), _copy(args, known) as place, opened(place, known) as copy:
        with progress("installing", len(groups(known, copy)) + STAGES, quiet=args.quiet or args.json) as step:
            done = install(known, copy, step)
        mb = library.bytes_of(known.name) / 1e6
    lack = f"\nNot in this copy, and carried over from the shipped model: {', '.join(done.absent)}." if done.absent else ""
    lack += f"\nAn open surface as published, and carried over too: {', '.join(done.open)}." if done.open else ""
    went_on = f"\nWent on with {done.resumed} structures of an install that was interrupted." if done.resumed else ""
    text = f"{known.name} is installed: {done.parts} files, each checked; {mb:.1f} MB in {done.path}.{lack}{went_on}"
    told = {
        "installed": known.name,
        "folder": str(done.path),
        "files": done.parts,
        "absent": list(done.absent),
        "open": list(done.open),
        "mb": round(mb, 1),
    }
    credit = {"credit": known.table["credit"], "licence": known.table["licence"], "resumed": done.resumed}
    return _answer(args, told | credit, f"{text}\n{known.table['credit']}.", 0)


@contextmanager
def _copy(args: argparse.Namespace, known: Atlas) -> Iterator[Path]:
    """The copy that is named, or one that is downloaded."""
    if args.copy is not None:
        yield Path(args.copy)
        return
    from meshes import library
    from meshes.atlas_download import download
    from meshes.atlas_install import staging
    from meshes.library_lock import alone
    from sim.progress import progress

    quiet = args.quiet or args.json
    with alone(library.folder(), known.name):
        yield download(known, staging(known), args.tell, lambda total: progress("downloading", total, quiet=quiet))


def _verify(args: argparse.Namespace) -> int:
    from meshes import library
    from meshes.atlas_files import faults, opened

    with library_faults():
        if args.copy is not None:
            known = _atlas(args.name)
            with opened(args.copy, known) as copy:
                found, what = list(faults(copy, known)), f"{copy.place} holds {known.name} as published"
        else:
            _kept(args.name)
            found, what = library.faults(args.name), f"{args.name} is as it was installed"
    files = "" if found or args.copy is not None else _made_of(args.name)
    return _answer(
        args, {"name": args.name, "sound": not found, "faults": found}, "\n".join(found) or f"{what}{files}.", bool(found)
    )


def _made_of(name: str) -> str:
    from meshes import library

    files = library.about(name).get("files", {})
    return f" (its model file by SHA-256; made of {len(files)} files that were each checked)" if files else ""


def _remove(args: argparse.Namespace) -> int:
    from meshes import library
    from meshes.atlas_files import ATLASES, atlas
    from meshes.atlas_install import staging
    from meshes.library_lock import alone

    left = staging(atlas(args.name)) if args.name in ATLASES else None
    half = left is not None and left.is_dir()
    with library_faults():
        here = args.name in library.names()
        if here or not half:
            _kept(args.name)
        with alone(library.folder(), args.name):
            if here:
                library.remove(args.name)
            if left is not None and half:
                shutil.rmtree(left)
    return _answer(args, {"removed": args.name}, f"{args.name} is removed.", 0)


def _atlas(name: str) -> Atlas:
    from meshes.atlas_files import atlas

    try:
        return atlas(name)
    except ValueError as error:
        raise BadInput(str(error)) from error


def _kept(name: str) -> None:
    """Refuse the name of an anatomy that is not there."""
    from meshes import library
    from meshes._check import unknown
    from meshes.atlas_files import ATLASES

    if name == library.SHIPPED:
        raise BadInput(
            "'shipped' is the model that comes with Inion; it is checked by `inion build --check` and cannot be removed."
        )
    if name not in library.names():
        if name in ATLASES:
            raise BadInput(f"{name} is not installed; `inion atlas install {name}`.")
        raise BadInput(unknown("anatomy", name, list(dict.fromkeys([*library.names(), *ATLASES]))))


def _answer(args: argparse.Namespace, told: dict[str, Any], text: str, status: int) -> int:
    print(json.dumps(told, indent=1, ensure_ascii=False) if args.json else text)
    return int(status)
