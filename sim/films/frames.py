"""The frames of a film, one after another: drawn live, finished as stills are, written on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.model import Anatomy
from sim.cameras import View, stand
from sim.canvas import Drawing
from sim.films.actors import Scenery, clear_actors, scenery_of, solid_actor
from sim.films.furniture import FilmPage, write_frame, write_turning_markers
from sim.films.names import write_names
from sim.films.script import Moment, Script
from sim.films.ultrasound import LiveImage, slice_actor
from sim.films.window import FilmWindow
from sim.finishing import finished
from sim.marks import Mark, needle_marks, probe_marks
from sim.overlay import Sheet
from sim.page import Box
from sim.picture import Picture
from sim.scans import Sweep
from sim.stage import Piece
from sim.stills import FADE, blank_paper, floor_row, lowest_mm
from sim.theme import Theme, load_theme

if TYPE_CHECKING:
    from vtkmodules.vtkRenderingCore import vtkActor

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

SCAN_HZ = 15.0  # images a second, at most, that the ultrasound machine of a film makes
NEAR_FLOOR_MM = 1.0


@dataclass(frozen=True, eq=False)
class _Shot:
    """One moment, drawn: the page without names, the camera, the drawing and the boxes for names."""

    pixels: Pixels
    view: View
    drawing: Drawing
    boxes: tuple[Box, Box]


def frames_of(anatomy: Anatomy, script: Script, page: FilmPage, sweep: Sweep | None = None) -> Iterator[Pixels]:
    """Yield the frames (height, width, 3) of a film.

    Parameters
    ----------
    anatomy : Anatomy
    script : Script
    page : FilmPage
    sweep : Sweep, optional
        Of an ultrasound sweep.

    Raises
    ------
    ValueError
        If the ultrasound image cannot be made at some moment.
    RuntimeError
        If the machine has no working OpenGL.
    """
    theme = load_theme(script.pictures[0].style)
    box = page.page.drawing
    with FilmWindow((box.width, box.height), theme) as window:
        yield from _Camera(anatomy, script, page, sweep, window, theme).roll()


class _Camera:
    """Draws moments of one film, remembering what the next may need again."""

    def __init__(
        self, anatomy: Anatomy, script: Script, page: FilmPage, sweep: Sweep | None, window: FilmWindow, theme: Theme
    ) -> None:
        self._anatomy, self._script, self._page, self._window, self._theme = anatomy, script, page, window, theme
        self._lowest = lowest_mm(anatomy)
        self._scenes: dict[int, tuple[Scenery, list[Piece]]] = {}
        self._needles: list[tuple[Array, list[vtkActor], list[vtkActor]]] = []
        self._held: tuple[Any, Pixels, View, Drawing] | None = None
        self._named: tuple[Any, Pixels] | None = None
        picture = script.pictures[0]
        self._live = LiveImage(anatomy, picture, sweep) if page.panel is not None else None
        self._moving_needles = any(m.away_mm is not None for m in script.moments)

    def roll(self) -> Iterator[Pixels]:
        """Yield every frame."""
        every = max(1, math.ceil(self._script.fps / SCAN_HZ - 1e-9))
        n = len(self._script.moments)
        for i, moment in enumerate(self._script.moments):
            scanned = i - i % every
            yield self._frame(moment, self._script.moments[scanned], scanned / self._script.fps, (i + 1) / n)

    def _frame(self, moment: Moment, scanned: Moment, time_s: float, done: float) -> Pixels:
        """One frame."""
        picture = self._script.pictures[moment.scene if moment.share < 0.5 else moment.following]
        ground, view, drawing = self._drawn(moment, scanned, time_s)
        pixels = blank_paper(picture.width_px, picture.height_px, self._theme)
        box = self._page.page.drawing
        pixels[box.y0 : box.y0 + len(ground), box.x0 : box.x1] = ground
        self._lay_panel(pixels, scanned, time_s)
        sheet = Sheet(pixels, self._theme, self._page.page)
        boxes = write_frame(sheet, self._page, picture, view, moment.caption, done if self._script.bar else None)
        write_turning_markers(sheet, picture.markers, view, drawing.depth_mm, moment.marks)
        if moment.names <= 0:
            return _lettered(sheet)
        return self._with_names(moment, sheet, picture, _Shot(pixels, view, drawing, boxes))

    def _with_names(self, moment: Moment, sheet: Sheet, picture: Picture, shot: _Shot) -> Pixels:
        """A frame with its labels, more or less faded in."""
        scene = moment.scene if moment.share < 0.5 else moment.following
        bare = Sheet(shot.pixels.copy(), self._theme, self._page.page)
        bare.words = list(sheet.words)
        write_names(sheet, picture, self._scene(scene)[0].pieces, shot.view, shot.drawing, shot.boxes)
        named = _lettered(sheet)
        if moment.names >= 1:
            return named
        plain = _lettered(bare).astype(np.float32)
        return np.asarray(np.round(plain + moment.names * (named - plain)), dtype=np.uint8)

    def _lay_panel(self, pixels: Pixels, moment: Moment, time_s: float) -> None:
        """Put the ultrasound screen into its box, amid its height."""
        box = self._page.panel
        if self._live is None or box is None:
            return
        screen = self._live.screen(moment, time_s, box)
        rows, columns = screen.shape[:2]
        y, x = box.y0 + (box.height - rows) // 2, box.x0 + (box.width - columns) // 2
        pixels[y : y + rows, x : x + columns] = screen

    def _drawn(self, moment: Moment, scanned: Moment, time_s: float) -> tuple[Pixels, View, Drawing]:
        """The finished drawing down to the floor, the camera, and the raw drawing; kept while nothing changes."""
        moves = self._live is not None and moment.swept is not None
        scenes = (moment.scene, moment.following if moment.share else None, moment.share)
        key = (moment.stand, scenes, moment.away_mm, moment.swept, time_s if moves else None)
        if self._held is None or self._held[0] != key:
            box = self._page.page.drawing
            view = stand(moment.stand.camera(), np.zeros((1, 3)), box.width, box.height)
            first, drawing = self._finished(moment.scene, moment, scanned, time_s, view)
            if moment.share > 0:
                second, behind = self._finished(moment.following, moment, scanned, time_s, view)
                first = _mixed(first, second, moment.share, self._theme)
                drawing = drawing if moment.share < 0.5 else behind
            self._held = (key, first, view, drawing)
        return self._held[1:]

    def _finished(self, scene: int, moment: Moment, scanned: Moment, time_s: float, view: View) -> tuple[Pixels, Drawing]:
        """One scene from a camera, deepened and faded as stills are."""
        scenery, floor_pieces = self._scene(scene)
        solid, clear = self._props(scenery, moment, scanned, time_s)
        drawing = self._window.draw([*scenery.solid, *solid, *clear, *scenery.clear], view)
        floor = floor_row(self._lowest, floor_pieces, view)
        margin = round(FADE * min(view.width_px, view.height_px))
        return finished(drawing, view, self._theme, floor, margin), drawing

    def _props(self, scenery: Scenery, moment: Moment, scanned: Moment, time_s: float) -> tuple[list[vtkActor], list[vtkActor]]:
        """What moves: needles drawn back along their way, the probe with its image."""
        solid: list[vtkActor] = []
        clear: list[vtkActor] = []
        if moment.away_mm is not None:
            for way, shafts, shells in self._needle_actors(scenery):
                for actor in (*shafts, *shells):
                    actor.SetPosition(*(-moment.away_mm * way))
                solid += shafts
                clear += shells
        if moment.swept is not None and self._live is not None:
            marks = [m for m in probe_marks(self._live.probe(moment)) if m.colour != "sheet"]  # the image stands in its place
            pieces = [_piece(m, self._theme) for m in marks]
            opaque = [p for p in pieces if p.opacity >= 1]
            solid += [solid_actor(opaque, scenery.occupancy, self._theme, 0)] if opaque else []
            solid.append(slice_actor(self._live.image(scanned, time_s)))
            clear += [a for p in pieces if p.opacity < 1 for a in clear_actors(p, self._theme)]
        return solid, clear

    def _needle_actors(self, scenery: Scenery) -> list[tuple[Array, list[vtkActor], list[vtkActor]]]:
        """Each needle's way inward and its actors, at its target."""
        if not self._needles:
            for needle in self._script.pictures[0].needles:
                way = np.subtract(needle.tip_mm, needle.entry_mm)
                pieces = [_piece(m, self._theme) for m in needle_marks(needle)]
                solid = [solid_actor([p], scenery.occupancy, self._theme, 0) for p in pieces if p.opacity >= 1]
                clear = [a for p in pieces if p.opacity < 1 for a in clear_actors(p, self._theme)]
                self._needles.append((way / max(float(np.linalg.norm(way)), 1e-9), solid, clear))
        return self._needles

    def _scene(self, index: int) -> tuple[Scenery, list[Piece]]:
        """What stands still in a picture, and of it what reaches the flat cut below the shoulders."""
        if index not in self._scenes:
            picture = self._script.pictures[index]
            if self._moving_needles:
                picture = replace(picture, needles=())
            if any(m.swept is not None for m in self._script.moments):
                picture = replace(picture, probe=None)
            scenery = scenery_of(self._anatomy, picture, self._theme)
            low = [p for p in scenery.pieces if p.mesh.vertices_mm[:, 2].min() < self._lowest + NEAR_FLOOR_MM]
            self._scenes[index] = scenery, low
        return self._scenes[index]


def _piece(mark: Mark, theme: Theme) -> Piece:
    """A mark in its colour."""
    return Piece("", "mark", mark.mesh, theme.colour(mark.colour), mark.opacity)


def _lettered(sheet: Sheet) -> Pixels:
    """The page with its text."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(sheet.pixels)
    sheet.letter(ImageDraw.Draw(image))
    return np.array(image)


def _mixed(first: Pixels, second: Pixels, share: float, theme: Theme) -> Pixels:
    """Two drawings of one width, the second shining through; a shorter one ends in paper."""
    rows = max(len(first), len(second))
    both = []
    for pixels in (first, second):
        whole = np.empty((rows, *pixels.shape[1:]), dtype=np.float32)
        whole[...] = np.round(theme.paper * 255)
        whole[: len(pixels)] = pixels
        both.append(whole)
    return np.asarray(np.round(both[0] + share * (both[1] - both[0])), dtype=np.uint8)
