"""The options of `inion render`, `inion movie`, `inion explain`, `inion batch` and `inion export`."""

from __future__ import annotations

from argparse import ArgumentParser

from sim.commands.anatomy_option import anatomy_option
from sim.commands.training_options import seed

STYLES = ("atlas", "patient", "dark", "print", "distinct")
FORMATS = ("png", "svg", "pdf")
FILMS = ("turntable", "layer-peel", "needle-path", "ultrasound-sweep", "tour")
PAPERS = ("a4", "letter")


def render_options(parser: ArgumentParser) -> None:
    """Add the options of `inion render`."""
    add = parser.add_argument
    add("scenarios", nargs="+", metavar="NAME|FILE", help="a name of `inion list`, a scenario file (.toml), or 'all'")
    add("-o", "--out", default="out", metavar="DIR", help="folder of the pictures (default: out)")
    view = "a view of the scenario, a camera of `inion list views`, or 'all'; may be repeated"
    add("--view", action="append", default=[], metavar="VIEW", help=view)
    add("--format", action="append", default=[], choices=FORMATS, help="kind of file (default: png); may be repeated")
    add("--figure", action="store_true", help="the scenario's panels a, b, c on one page")
    add("--sheet", choices=PAPERS, help="a PREEMPT scenario as a map sheet for the wall, on this paper (PDF and PNG)")
    add("--transparent", action="store_true", help="no paper behind the drawing")
    add("--size", metavar="WxH", help="pixels, 64x64 to 7680x7680, in place of the scenario's")
    add("--style", choices=STYLES, help="in place of the scenario's")
    add("--seed", type=seed, metavar="N", help="of all that is random, in place of the scenario's")
    add("--check", action="store_true", help="only check the scenarios, write nothing")
    anatomy_option(parser)


def movie_options(parser: ArgumentParser) -> None:
    """Add the options of `inion movie`."""
    add = parser.add_argument
    add("scenario", metavar="NAME|FILE", help="a name of `inion list`, or a scenario file (.toml)")
    add("-o", "--out", required=True, metavar="FILE", help="the film: .mp4, .webm or .gif")
    add("--kind", choices=FILMS, help="what happens, in place of the scenario's")
    add("--view", metavar="VIEW", help="a view of the scenario")
    add("--seconds", type=float, metavar="S", help="how long it is")
    add("--fps", type=float, metavar="N", help="pictures a second")
    add("--size", metavar="WxH", help="pixels (default: 1280x720)")
    add("--sweep", metavar="WHAT:FROM:TO", help="of an ultrasound sweep, as in `inion scan --sweep`")
    add("--captions-file", action="store_true", help="also write the captions beside the film, as .vtt")
    add("--style", choices=STYLES, help="in place of the scenario's")
    add("--seed", type=seed, metavar="N", help="of all that is random, in place of the scenario's")
    anatomy_option(parser)


def explain_options(parser: ArgumentParser) -> None:
    """Add the options of `inion explain`."""
    add = parser.add_argument
    add("scenario", metavar="NAME|FILE", help="a name of `inion list`, or a scenario file (.toml)")
    add("-o", "--out", metavar="FILE", help="the page (.html, the default) or the handout of two sheets (.pdf)")
    add("--language", action="append", default=[], metavar="CODE", help="en, es, de, fr, or 'all'; may be repeated (default: en)")
    add("--clinic", metavar="NAME", help="written on the page")
    add("--side", choices=["left", "right"], help="the patient's, in place of the scenario's")
    add("--sites", action="append", default=[], metavar="ID,ID,...", help="only these sites of the procedure")
    add("--paper", choices=PAPERS, help="of the handout (default: a4)")
    anatomy_option(parser)


def batch_options(parser: ArgumentParser) -> None:
    """Add the options of `inion batch`."""
    add = parser.add_argument
    add("plan", metavar="PLAN.toml", help="what is made: see docs/batch.md")
    add("-o", "--out", default="batch", metavar="DIR", help="folder; what is finished there is kept (default: batch)")
    add("--workers", type=int, default=2, metavar="N", help="processes on this machine; 0 works in this one (default: 2)")
    add("--scheduler", metavar="ADDRESS", help="of an existing Dask cluster, in place of workers here")
    add("--limit", type=int, metavar="N", help="only the first N items")
    add("--check", action="store_true", help="only check the plan, make nothing")
    anatomy_option(parser, "the plan's patients")


def export_options(parser: ArgumentParser) -> None:
    """Add the options of `inion export`."""
    add = parser.add_argument
    kinds = ".glb, .zip (STL), .nii.gz, .nii (labels), .vtm, .mrk.json or .fcsv (default: head.glb)"
    add("-o", "--out", default="head.glb", metavar="FILE", help=kinds)
    add("--anatomy", default="shipped", metavar="NAME", help="'shipped', a name of `inion atlas list`, or a model file")
    add("--structures", nargs="+", metavar="NAME", help="keys, groups, clinical names or patterns (default: all)")
    add("--step", type=float, metavar="MM", help="edge of a voxel, 0.5 to 4; labels only (default: 1)")
