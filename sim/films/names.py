"""Labels of a film's frames: placed once for each rest of the camera, and faded in and out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.anchors import anchors_of
from sim.cameras import View
from sim.canvas import Drawing
from sim.labels import balanced
from sim.overlay import Sheet, anchors_on_page, place_labels, write_labels
from sim.page import Box, Page
from sim.picture import Label, Picture
from sim.stage import Piece
from sim.stills import FADE, SIDEWAYS


def write_names(
    sheet: Sheet, picture: Picture, pieces: Sequence[Piece], view: View, drawing: Drawing, boxes: tuple[Box, Box]
) -> None:
    """Write the labels of what can be seen, with their lines; those for which there is no room are left out."""
    labels, anchors = _anchored(picture, pieces, view, drawing, sheet.page)
    placed, _ = place_labels(labels, anchors, sheet.page, boxes)
    write_labels(sheet, placed)


def _anchored(
    picture: Picture, pieces: Sequence[Piece], view: View, drawing: Drawing, page: Page
) -> tuple[list[Label], list[tuple[float, float]]]:
    """The labels whose thing can be seen, and where on the page it is."""
    level = abs(float(view.toward[0])) < SIDEWAYS
    keys = [k for label in picture.labels for k in (label.key, label.twin if level else None) if k is not None]
    places = anchors_on_page(anchors_of(keys, pieces, view, drawing, np.zeros((0, 2)), 0.0), page)
    labels, options = [], []
    for label in picture.labels:
        if label.key is not None:
            found = [places[k] for k in (label.key, label.twin) if k in places]
        else:
            found = _of_point(label, view, page)
        if found:
            labels.append(label)
            options.append(found)
    chosen = balanced(options, (page.left.x1 + page.right.x0) / 2)
    return labels, [places_of[i] for places_of, i in zip(options, chosen, strict=True)]


def _of_point(label: Label, view: View, page: Page) -> list[tuple[float, float]]:
    """Pixel of a labelled point; nothing outside the drawing, or where it fades into the paper."""
    (x, y), _ = view.project(np.asarray(label.point_mm, dtype=np.float64))
    rim = FADE * min(view.width_px, view.height_px)
    inside = rim <= x <= view.width_px - rim and rim <= y <= view.height_px - rim
    return [(float(x + page.drawing.x0), float(y + page.drawing.y0))] if inside else []
