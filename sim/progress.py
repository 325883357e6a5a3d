"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Step = Callable[[str], None]


@contextmanager
def progress(title: str, total: int, *, quiet: bool = False, stream: TextIO | None = None) -> Iterator[Step]:
    """Give a function that tells the name of each piece of work as it starts.

    Parameters
    ----------
    title : str
        What is done.
    total : int
        Number of pieces; 0 where it is not known.
    quiet : bool
        Tell nothing.
    stream : text stream
        Standard error by default.
    """
    out = stream or sys.stderr
    if quiet:
        yield lambda _text: None
    elif out.isatty():
        with _bar(title, total, out) as step:
            yield step
    else:
        yield _lines(title, total, out)


def _lines(title: str, total: int, out: TextIO) -> Step:
    count = 0

    def step(text: str) -> None:
        nonlocal count
        count += 1
        place = f"{count}/{total}" if total else f"{count}"
        out.write(f"{title} {place} {text}\n")
        out.flush()

    return step


@contextmanager
def _bar(title: str, total: int, out: TextIO) -> Iterator[Step]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=out), transient=True) as bar:
        task = bar.add_task(title, total=total or None)
        started = False

        def step(text: str) -> None:
            nonlocal started
            bar.update(task, description=f"{title} {text}", advance=1 if started else 0)
            started = True

        yield step
        if total:
            bar.update(task, completed=total)
