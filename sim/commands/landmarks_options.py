"""The options of `inion landmarks`."""

from __future__ import annotations

from argparse import ArgumentParser


def landmarks_options(parser: ArgumentParser) -> None:
    """Add the options of `inion landmarks`."""
    add = parser.add_argument
    add("name", metavar="NAME", help="an anatomy of `inion atlas list`, or 'shipped'")
    add("-o", "--out", metavar="FILE", help="write the points for 3D Slicer: .mrk.json or .fcsv")
    add("--picture", metavar="FILE.png", help="draw them, numbered, on bone and skin from five sides")
    add("--view", action="store_true", help="a window: correct them by clicking on bone or skin, approve, undo, save")
    add("--set", metavar="FILE", help="make the anatomy anew with points of 3D Slicer (.mrk.json, .json, .fcsv) as given")
    add("--approve", action="append", default=[], metavar="LANDMARK", help="it is right where it is; may be repeated")
    add("-q", "--quiet", action="store_true", help="no progress")
