"""The options of `inion import`."""

from __future__ import annotations

import argparse

UNITS = ("mm", "cm", "m")
FRAMES = ("ras", "lps", "y-up")


def import_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `inion import`."""
    parser.epilog = (
        "A first call only looks: it tells what each part seems to be, writes NAME.map.toml for you to edit, and ends with exit "
        "status 2. Call again with --map NAME.map.toml, or with --yes, and the anatomy is kept. docs/import.md tells the rest."
    )
    add = parser.add_argument
    add("paths", nargs="+", metavar="FOLDER|FILE", help="surfaces (STL, PLY, OBJ, VTP, VTK, VTM, glTF, GLB, ZIP of them), or "
        "label volumes (NIfTI, NRRD, MHA)")  # fmt: skip
    add("--name", required=True, metavar="NAME", help="of the anatomy, as --anatomy will ask for it: a-z, 0-9, '-' and '_'")
    add("--map", metavar="FILE.toml", help="what each part is; written by a first call for you to edit")
    add("--yes", action="store_true", help="take the names as they are guessed")
    add("--unit", choices=UNITS, help="of the files, where they do not tell or tell it wrong")
    add("--frame", choices=FRAMES, help="of the files, where they do not tell or tell it wrong")
    add("--mirrored", action="store_true", help="right and left are swapped in the files: turn them back")
    add("--landmarks", metavar="FILE", help="your own points, of 3D Slicer: .mrk.json or .fcsv, labelled by Inion's names")
    add("--credit", metavar="TEXT", help="whom to name wherever the anatomy is drawn or exported, besides whom the files name")
    add("--licence", metavar="TEXT", help="under which it may be passed on (default: as the files say, else not at all)")
    add("--replace", action="store_true", help="take the place of an anatomy of that name")
    add("--preview", metavar="FILE.png", help="a picture of the parts, to look at before you agree")
    add("--report", metavar="FILE", help="all that was found and changed: .json or .md")
    add("--no-names", action="store_true", help="do not keep the files' names, where a person's name may stand")
    add("-q", "--quiet", action="store_true", help="no progress")
