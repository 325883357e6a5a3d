"""The options of `inion serve`, `inion train` and `inion view`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

from sim.commands.anatomy_option import anatomy_option

KINDS = ("csv", "events", "json", "xapi")


def serve_options(parser: ArgumentParser) -> None:
    """Add the options of `inion serve`."""
    add = parser.add_argument
    add("--port", type=int, default=8400, metavar="N", help="to listen on; 0 takes any free one (default: 8400)")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="to listen on (default: 127.0.0.1, this machine only)")
    add("--beyond-loopback", action="store_true", help="allow a --host that other machines reach; they need the token")
    add("--token", metavar="TEXT", help="asked of every page; made up beyond loopback if none is given")
    add("--open", action="store_true", help="open the browser")
    add(
        "--rendering", choices=["auto", "local", "server"], default="auto",
        help="who draws the 3-D view: the browser (local), the server, or the browser where it can do it fast (default: auto)",
    )  # fmt: skip
    add("--seed", type=seed, default=0, metavar="N", help="of the speckle")
    anatomy_option(parser, "the man and the woman that can be chosen")
    _records(parser)


def train_options(parser: ArgumentParser) -> None:
    """Add the options of `inion train`."""
    add = parser.add_argument
    add("procedure", nargs="?", metavar="PROCEDURE", help="a name of `inion list procedures`, or a scenario with a procedure")
    add("--script", metavar="FILE", help="run an attempt from a file of moves (.toml) and print its score")
    add("--exam", action="store_true", help="in the window: skin and ultrasound only, as at the bedside")
    add("--side", choices=["left", "right", "both"], help="of the patient (default: the file's, else right)")
    add("--patient", choices=["man", "woman"], help="(default: the file's, else man)")
    add("--seed", type=seed, default=0, metavar="N", help="of the speckle")
    add("--debrief", metavar="FILE", help="page (.html) for the debrief, after --script or in the window")
    add("--export", choices=KINDS, help="write out what is on record")
    add("-o", "--out", metavar="FILE", help="with --export: file to write; by default it is printed")
    add("--erase", metavar="NAME", help="erase a trainee with all attempts")
    anatomy_option(parser, "--patient")
    _records(parser)


def view_options(parser: ArgumentParser) -> None:
    """Add the options of `inion view`."""
    add = parser.add_argument
    add("--patient", choices=["man", "woman"], help="(default: man)")
    anatomy_option(parser, "--patient")
    add("--show", choices=["skin", "glass", "muscles", "nerves"], default="glass", help="what is shown first (default: glass)")
    add("--shot", metavar="FILE", help="write one picture of the window (.png) and close it")


def seed(text: str) -> int:
    """Return a seed that is typed. Raises ArgumentTypeError, one line."""
    if not text.isdecimal() or int(text) >= 2**31:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 0 to {2**31 - 1}")
    return int(text)


def _records(parser: ArgumentParser) -> None:
    parser.add_argument("--records", metavar="FILE", help="where attempts are kept (default: the user's data folder)")
