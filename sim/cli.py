"""The command `inion`. Heavy imports are made by the command that needs them."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from sim.commands.anatomy_option import SOURCES, anatomy_option
from sim.commands.atlas import atlas_options
from sim.commands.import_options import import_options
from sim.commands.landmarks_options import landmarks_options
from sim.commands.product_options import (
    STYLES,
    batch_options,
    explain_options,
    export_options,
    movie_options,
    render_options,
)  # fmt: skip
from sim.commands.training_options import seed, serve_options, train_options, view_options

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

DONE, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130
COMMANDS = {
    "render": "make the pictures of scenarios",
    "movie": "make a film of a scenario",
    "explain": "make the page, or the handout, that explains a scenario to a patient",
    "batch": "make pictures, ultrasound images and labels in bulk, from a plan",
    "list": "name scenarios, structures, groups, sites, views or styles",
    "scan": "make an ultrasound image or clip of a pose of the probe",
    "export": "write the anatomy as surfaces, labels, a scene or landmarks for other programs",
    "atlas": "list, install, verify or remove real anatomies",
    "import": "make an anatomy of your own surfaces or label volumes",
    "landmarks": "look at the landmarks of a real anatomy, approve them, or set them by hand",
    "serve": "train in the browser: probe, needle, ultrasound, debrief",
    "train": "train in a window, run an attempt from a file of moves, or write out what is on record",
    "view": "look at the head in a window",
    "validate": "measure the model against the published figures",
    "sheets": "make contact sheets of the model, layer by layer, to judge it by eye",
    "build": "make the shipped model anew from its data",
    "doctor": "say what this machine lacks, and how to mend it",
    "bench": "measure time and memory of rendering, of a new patient, of ultrasound, of the training app, and of batches",
}
LISTS = (
    "scenarios", "structures", "groups", "sites", "views", "styles", "poses", "probes", "procedures", "metrics", "attempts",
    "trainees", "maps",
)  # fmt: skip
MODULES = {"list": "listing", "import": "import_"}
CHOICE = re.compile(r"argument (?P<name>\S+): invalid choice: '(?P<value>.*)' \(choose from (?P<allowed>.*)\)", re.DOTALL)
SIGNED = (
    "--size",
    "--seed",
    "--repeat",
    "--slide",
    "--across",
    "--rotate",
    "--tilt",
    "--rock",
    "--press",
    "--gain",
    "--steer",
    "--tgc",
    "--depth",
    "--frequency",
    "--focus",
    "--dynamic-range",
    "--inject",
    "--time",
    "--scale",
    "--fps",
    "--frames",
    "--width",
    "--diameter",
    "--port",
    "--seconds",
    "--workers",
    "--limit",
    "--step",
)  # options whose value may be typed with a sign
ABOUT = "Ultrasound-guided injection simulator for the head and neck. For training and explanation; no medical advice."


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2 after one line."""
        choice = CHOICE.fullmatch(message)
        if choice is not None:
            allowed = re.findall(r"[\w-]+", choice["allowed"])
            near = difflib.get_close_matches(choice["value"], allowed, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Allowed: {', '.join(allowed)}."
            name = f"{choice['name']} " if choice["name"].startswith("-") else ""
            self.exit(BAD_INPUT, f"{self.prog}: {name}{choice['value']!r} is not known. {hint}\n")
        options = [o for action in self._actions for o in action.option_strings]
        wrong = message.removeprefix("unrecognized arguments: ").split()[0] if message.startswith("unrecognized") else ""
        near = difflib.get_close_matches(wrong, options, n=1)
        hint = f" Did you mean {near[0]}?" if near else f" See `{self.prog} --help`."
        self.exit(BAD_INPUT, f"{self.prog}: {message}.{hint}\n")

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help; argparse itself says nothing if it cannot be written."""
        print(self.format_help(), end="", file=file)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 a check failed, 2 the input is at fault.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the name of the program; those of the process by default.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _status(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except ImportError as error:
        _tell(f"inion {arguments[0]}: {error}. Run `inion doctor`: it says what is missing and how to mend it.")
        return FAILED
    except KeyboardInterrupt:
        _tell("inion: stopped.")
        return STOPPED
    except BrokenPipeError:
        _silence()
        return DONE
    except OSError as error:
        _silence()
        place = f"{error.filename}: cannot be used" if error.filename else "the answer cannot be written"
        _tell(f"inion: {place} ({error.strerror or error}).")
        return BAD_INPUT


def _status(arguments: list[str]) -> int:
    try:
        args = _parsed(arguments)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    return _run(args) if args.command != "doctor" else int(import_module("sim.commands.doctor").run(args))


def _silence() -> None:
    """Let nothing that is still to be printed fail again when Python ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(args: argparse.Namespace) -> int:
    from scenarios.faults import ScenarioError
    from sim.commands.faults import BadInput

    try:
        return int(import_module(f"sim.commands.{MODULES.get(args.command, args.command)}").run(args))
    except ScenarioError as error:
        for line in error.lines:
            _tell(line)
        return BAD_INPUT
    except BadInput as error:
        _tell(f"inion {args.command}: {error}")
        return BAD_INPUT
    except FileNotFoundError as error:
        _tell(f"inion {args.command}: {error.filename} is missing. Run `inion doctor`: it says how to mend it.")
        return FAILED


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser, commands = _parsers()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        near = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Commands: {', '.join(COMMANDS)}."
        parser.exit(BAD_INPUT, f"inion: {arguments[0]!r} is no command. {hint}\n")
    args, rest = parser.parse_known_args(_joined(arguments))
    if args.version:
        from sim.release import program_version

        print(f"inion {program_version()}")
        parser.exit(DONE)
    if args.command is None and rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if args.command is None:
        parser.print_help(sys.stderr)
        parser.exit(BAD_INPUT)
    if rest:
        commands[args.command].error(f"unrecognized arguments: {' '.join(rest)}")
    args.tell = _tell
    return args


def _joined(arguments: list[str]) -> list[str]:
    """Join `--size -5x5` to `--size=-5x5`, so that the value is not taken for an option."""
    out: list[str] = []
    for word in arguments:
        if out and out[-1] in SIGNED and re.match(r"-\d", word):
            out[-1] += f"={word}"
        else:
            out.append(word)
    return out


def _parsers() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(prog="inion", description=ABOUT, allow_abbrev=False)
    parser.add_argument("--version", action="store_true", help="print the version")
    group = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    made = {
        n: group.add_parser(n, help=text, description=f"{text.capitalize()}.", allow_abbrev=False) for n, text in COMMANDS.items()
    }
    render_options(made["render"])
    movie_options(made["movie"])
    explain_options(made["explain"])
    batch_options(made["batch"])
    export_options(made["export"])
    atlas_options(made["atlas"])
    import_options(made["import"])
    landmarks_options(made["landmarks"])
    _sheet_options(made["sheets"])
    _scan_options(made["scan"])
    serve_options(made["serve"])
    train_options(made["train"])
    view_options(made["view"])
    made["list"].add_argument("what", nargs="?", default="scenarios", choices=LISTS, help="what is named")
    made["list"].add_argument("--records", metavar="FILE", help="attempts and trainees: where they are recorded")
    anatomy_option(made["list"], "the shipped model's, structures only")
    anatomy_option(made["validate"], "the shipped model")
    made["validate"].add_argument("--model", metavar="FILE", help="the same as --anatomy")
    made["validate"].add_argument(
        "--reference", metavar="DIR", help="bend the model to a real adult's landmarks and compare it with his surfaces in DIR"
    )
    made["validate"].add_argument("--population", type=int, metavar="N", help="sample N people and check their nerves instead")
    made["validate"].add_argument("--seed", type=int, default=0, metavar="S", help="of the people that are sampled")
    made["validate"].add_argument("--ultrasound", action="store_true", help="measure the physics of the ultrasound instead")
    made["validate"].add_argument("-o", "--out", metavar="FILE", help="with --ultrasound: also write the table as Markdown")
    made["validate"].add_argument("--failed", action="store_true", help="print only the rows outside their window")
    made["build"].add_argument("-o", "--out", metavar="FILE", help="where the model goes; by default the shipped one is replaced")
    runs = "make the scripted runs anew from which the pass marks come, of these procedures or all"
    made["build"].add_argument("--reference-runs", nargs="*", metavar="PROCEDURE", help=runs)
    made["build"].add_argument("--gallery", metavar="DIR", help="write the gallery of the documentation into this folder instead")
    made["build"].add_argument("--check", action="store_true", help="compare with the shipped model; exit 1 if it differs")
    made["bench"].add_argument("what", choices=["render", "patient", "ultrasound", "app", "batch"], help="what is measured")
    made["bench"].add_argument("--scenario", default="gon-path", metavar="NAME", help="scenario that is rendered")
    made["bench"].add_argument("--size", default="1920x1080", metavar="WxH", help="pixels")
    made["bench"].add_argument("--repeat", type=int, default=3, metavar="N", help="the median of N runs is told")
    made["bench"].add_argument("--quick", action="store_true", help="ultrasound: fewer frames, no comparison of images")
    parts = ["frames", "start", "growth", "triangles", "simus"]
    made["bench"].add_argument("--part", action="append", choices=parts, help="ultrasound: only this part; may be repeated")
    for name, each in made.items():
        each.add_argument("--json", action="store_true", help="answer for a program")
        if name in ("render", "sheets", "build", "scan", "movie", "explain", "batch", "export"):
            each.add_argument("-q", "--quiet", action="store_true", help="no progress")
    return parser, made


def _sheet_options(parser: Parser) -> None:
    parser.add_argument("-o", "--out", default="out", metavar="DIR", help="folder of the pictures (default: out)")
    parser.add_argument("--anatomy", default="shipped", metavar="NAME", help=SOURCES)
    parser.add_argument("--reference", metavar="DIR", help="folder of the reference anatomy, drawn below from the same cameras")
    parser.add_argument("--layer", action="append", default=[], metavar="LAYER", help="only this layer; may be repeated")
    parser.add_argument("--size", metavar="WxH", help="pixels of one view, 64x64 to 1600x1600 (default: 760x760)")
    parser.add_argument("--style", default="atlas", choices=STYLES, help="of the pictures (default: atlas)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of all that is random")


def _scan_options(parser: Parser) -> None:
    add = parser.add_argument
    add("--pose", default="c2-oblique", metavar="POSE", help="a pose of `inion list poses` (default: c2-oblique)")
    add("--side", default="right", choices=["left", "right"], help="of the patient (default: right)")
    add("-o", "--out", default="scan.png", metavar="FILE", help="image .png, or clip .mp4, .webm, .gif (default: scan.png)")
    for name, unit, text in (
        ("slide", "MM", "slide along the face, over the skin"), ("across", "MM", "slide across the face, over the skin"),
        ("rotate", "DEG", "turn about the beam, clockwise from outside"), ("tilt", "DEG", "fan the plane"), ("rock", "DEG",
        "heel to toe"),
        ("press", "MM", "press more, or less"),
    ):  # fmt: skip
        add(f"--{name}", type=float, default=0.0, metavar=unit, help=f"from the pose: {text}")
    add(
        "--sweep",
        metavar="WHAT:FROM:TO",
        help="clip: slide, across, rotate, tilt, rock, press, needle (0:1), inject (mL) or time (s)",
    )
    add("--frames", type=int, default=60, metavar="N", help="of a clip (default: 60)")
    add("--fps", type=float, default=20.0, metavar="N", help="frames a second of a clip (default: 20)")
    add("--needle", metavar="STRUCTURE", help="needle in plane, to a structure that the image shows, such as gon")
    add("--end", default="lateral", choices=["lateral", "medial"], help="end of the probe where it enters (default: lateral)")
    add("--diameter", type=float, default=0.7, metavar="MM", help="of the needle (default: 0.7, 22 G)")
    add("--echogenic", action="store_true", help="needle with an echogenic shaft")
    add("--inject", type=float, default=0.0, metavar="ML", help="fluid at the needle's tip")
    add("--doppler", choices=["colour", "power"], help="look for flow")
    add("--scale", type=float, metavar="CM/S", help="of the colour")
    add("--steer", type=float, metavar="DEG", help="of the Doppler beams, toward the marked end")
    add("--time", type=float, default=0.0, metavar="S", help="moment of the pulse")
    add("--probe", metavar="PROBE", help="a probe of `inion list probes`, in place of the pose's")
    for name, unit in (("depth", "mm"), ("frequency", "MHz"), ("focus", "mm"), ("gain", "dB"), ("dynamic-range", "dB")):
        dest = f"{name.replace('-', '_')}_{unit.lower()}"
        add(f"--{name}", dest=dest, type=float, metavar=unit.upper(), help=f"{name.replace('-', ' ')}, {unit}")
    add("--tgc", metavar="DB,DB,...", help="sliders of the time-gain compensation, shallow to deep")
    add(
        "--marker",
        default="left",
        choices=["left", "right"],
        help="side of the picture with the probe's marked end (default: left)",
    )
    add("--true-speed", action="store_true", help="show the depth error of a scanner that assumes 1540 m/s")
    for name in ("lines", "samples", "planes"):
        add(f"--{name}", type=int, metavar="N", help=f"{name} that are computed")
    add("--seed", type=seed, metavar="N", help="of the speckle")
    add("--overlay", action="store_true", help="outline and name what is seen")
    add("--raw", action="store_true", help="the bare image, without the scanner's screen")
    add("--width", type=int, default=960, metavar="PX", help="of the scanner's screen (default: 960)")
    add("--anatomy", default="shipped", metavar="NAME", help=SOURCES)


def _tell(text: str) -> None:
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)
