"""The window of `inion landmarks NAME --view`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.commands.faults import BadInput

if TYPE_CHECKING:
    from meshes.model import Anatomy
    from sim.app.window.screen import Screen

NO_SCREEN = "no screen was found; look with --picture FILE.png, and correct in a file with -o FILE and --set FILE."


def show(args: argparse.Namespace, save: Callable[[str, Callable[[Anatomy], Anatomy]], tuple[Anatomy, Anatomy]]) -> list[str]:
    """Show the landmarks of an anatomy until the window is closed; return what was saved, in lines.

    Parameters
    ----------
    args : Namespace
        With the anatomy's name.
    save : callable
        Does a change to an anatomy that is kept, and returns it before and after.
    """
    from meshes.real_correct import known_landmarks
    from sim.app.window.landmarks import SIZE, LandmarkWindow
    from sim.app.window.screen import run as run_window
    from sim.canvas import hushed
    from sim.commands.anatomy_option import named_anatomy
    from sim.landmark_rows import rows_of
    from sim.progress import progress

    anatomy = named_anatomy(args.name, "NAME")
    if not known_landmarks(anatomy):
        raise BadInput(f"{args.name} has no landmarks that were found on a person; there is nothing to correct.")
    screen = opened(f"Inion: landmarks of {args.name}", SIZE)
    try:
        _wait(screen)
        with progress("looking", 1, quiet=args.quiet) as step, hushed():
            step("how each landmark was found")
            window = LandmarkWindow(anatomy, rows_of(anatomy), lambda change: save(args.name, change))
        try:
            run_window(window, screen)
        finally:
            window.close()
    finally:
        screen.close()
    return list(window.desk.told) or ["Nothing was saved."]


def _wait(screen: Screen) -> None:
    """Say in the window that one has to wait: an anatomy that does not tell how its landmarks were found is looked at anew."""
    from sim.app.window.draw import TITLE_PX, Sheet

    sheet = Sheet(screen.size, screen.scale)
    middle = (sheet.image.width / 2, sheet.image.height / 2)
    sheet.text(*middle, "One moment: the landmarks are being looked at.", TITLE_PX, anchor="mm")
    screen.inputs()
    screen.show(sheet.pixels())


def opened(title: str, size: tuple[int, int]) -> Screen:
    """Return a window on the screen. Raises BadInput if there is no screen."""
    from sim.app.window.screen import NoScreen, Screen

    try:
        return Screen(title, size)
    except NoScreen as fault:
        raise BadInput(NO_SCREEN) from fault
