"""Eyebrows and hair that a picture gets with its skin, so that no scenario need name them."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from sim.picture import Picture
from sim.picture_shown import Cut, Shown

SKIN = "skin"
EYEBROWS = ("eyebrow_left", "eyebrow_right")
HAIR = ("hairs_of_head",)


def with_hair(picture: Picture, available: Container[str], *, eyebrows: bool, hair: bool) -> Picture:
    """Return `picture` with the hair that it wants, where its skin is solid.

    Parameters
    ----------
    picture : Picture
        What it shows of its own accord stays as it is.
    available : container of str
        Keys of the anatomy; hair that it lacks is left out.
    eyebrows, hair : bool
        Whether eyebrows, and the hair of the head, are wanted.

    Returns
    -------
    Picture
        Cuts and windows of the skin go through the added hair too.
    """
    shown = {x.key: x for x in picture.shown}
    if SKIN not in shown or shown[SKIN].opacity < 1:
        return picture
    wanted = (*(EYEBROWS if eyebrows else ()), *(HAIR if hair else ()))
    added = tuple(key for key in wanted if key in available and key not in shown)
    window = picture.window
    if window is not None and SKIN in window.keys:
        window = replace(window, keys=(*window.keys, *added))
    cuts = tuple(_through(cut, added) for cut in picture.cuts)
    return replace(picture, shown=(*picture.shown, *(Shown(key) for key in added)), window=window, cuts=cuts)


def _through(cut: Cut, added: tuple[str, ...]) -> Cut:
    """A cut of named structures that opens the skin, opening what stands on it too."""
    return replace(cut, keys=(*cut.keys, *added)) if SKIN in cut.keys else cut
