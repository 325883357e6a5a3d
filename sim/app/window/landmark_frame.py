"""Where everything stands in the window of landmarks, and the picture of it: bar, view with its dots, panel, foot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.real_bounds import is_inside
from sim.app.window.corrections import Corrections, title_of
from sim.app.window.draw import LINE, SMALL_PX, SOFT, TITLE_PX, Sheet, inset
from sim.app.window.landmark_marks import Dot, draw_key
from sim.app.window.landmark_panel import colour_of
from sim.landmark_rows import Row
from sim.landmark_sheet import BANDS
from sim.page import Box

if TYPE_CHECKING:
    from sim.app.scene.bones import BoneScene

Array = NDArray[np.float64]

LEAST_PX, LEAST_SCALE = (1180, 700), 0.6
BAR_PX, PANEL_PX, GAP_PX, KEY_PX = 44, 372, 8, 26
CORNER_PX = (150, 44)  # taken by R and L in the upper corners, and by the scale bar with the key of colours below
ONE_PX, BEHIND_MM = 6.0, 5.0  # dots so near one another look like one, and the farther one's name would be read as the nearer's
LAYERS = {"glass": "Bones, clear skin", "bones": "Bones", "skin": "Skin", "alone": "Its bone alone"}
VIEWS = {
    "b": ("posterior", "Behind"), "r": ("right", "Right"), "l": ("left", "Left"), "f": ("anterior", "Front"),
    "t": ("superior", "Above"), "d": ("inferior", "Below"),
}  # fmt: skip
COLOURS = {
    "asked": "please look", "unsure": "under 0.5", "fair": "0.5 to 0.75", "sure": "over 0.75", "hand": "by hand",
    "model": "follows from others",
}  # fmt: skip


@dataclass(frozen=True)
class Places:
    """Boxes of the window, pixels."""

    scale: float
    bar: Box
    view: Box
    key: Box
    panel: Box


def places(size: tuple[int, int], scale: float, foot_px: int) -> Places:
    """Return the layout of a window.

    Parameters
    ----------
    size : (int, int)
        Width and height, pixels.
    scale : float
        As the screen asks for; made less where the window is small.
    foot_px : int
        Height of the strip at the foot.
    """
    scale = max(LEAST_SCALE, min(scale, size[0] / LEAST_PX[0], size[1] / LEAST_PX[1]))
    bar, panel, gap, key = (round(n * scale) for n in (BAR_PX, PANEL_PX, GAP_PX, KEY_PX))
    low, left = size[1] - foot_px, size[0] - panel - gap
    return Places(
        scale, Box(0, 0, size[0], bar), Box(0, bar, left - gap, low - key), Box(0, low - key, left - gap, low),
        Box(left, bar, size[0] - gap, low - gap),
    )  # fmt: skip


def dots_of(scene: BoneScene, made: Corrections, chosen: str, hover: str) -> list[Dot]:
    """Return the landmarks that are seen, and the chosen one wherever it lies."""
    rows = [r for r in made.rows if not is_inside(r.name) or r.name == chosen]
    points = np.array([made.at(r.name) for r in rows])
    seen = scene.seen(points, [made.surface[r.name] for r in rows])
    pixels, near = scene.camera.project(points)
    kept = list[int]()
    for i in sorted(range(len(rows)), key=lambda i: (rows[i].name != chosen, -near[i])):
        behind = any(np.linalg.norm(pixels[i] - pixels[k]) < ONE_PX and near[k] - near[i] > BEHIND_MM for k in kept)
        within = (pixels[i] >= 0).all() and (pixels[i] < scene.size).all()
        if rows[i].name == chosen or (seen[i] and within and not behind):
            kept.append(i)
    return [_dot(scene, made, rows[i], pixels[i], chosen, hover, bool(seen[i])) for i in kept]


def _dot(scene: BoneScene, made: Corrections, row: Row, at: Array, chosen: str, hover: str, seen: bool) -> Dot:
    moved, text = row.name in made.moved, f"{row.number} {title_of(row.name)}"
    was = scene.project(row.point_mm)[0] if moved else None
    gone = not seen or is_inside(row.name)
    return Dot(
        row.name, float(at[0]), float(at[1]), str(row.number), f"{text}, hidden" if gone else text, colour_of(made, row),
        bold=row.asked or row.name == hover or moved or row.name in made.approved, chosen=row.name == chosen,
        refused=bool(made.refusal(row.name)), hidden=gone, was=None if was is None else (float(was[0]), float(was[1])),
    )  # fmt: skip


def taken(size: tuple[int, int]) -> list[tuple[float, float, float, float]]:
    """Return where the sides of the patient and the scale bar stand on a view; no name may lie over them."""
    wide, high = CORNER_PX
    bar = 0.25 * size[0]
    return [(0, 0, wide, high), (size[0] - wide, 0, size[0], high), (0, size[1] - high, bar, size[1])]


def draw_bar(sheet: Sheet, box: Box, title: str, layer: str, view: str) -> None:
    """Draw title, buttons of what is shown, and of the side from which one looks."""
    inner, gap = inset(box, sheet.px(7)), sheet.px(5)
    sheet.text(inner.x0 + gap, (box.y0 + box.y1) / 2, title, TITLE_PX, bold=True)
    x = inner.x0 + sheet.width_of(title, TITLE_PX, True) + 4 * gap
    layers = [(str(n + 1), text, f"layer:{name}", name == layer) for n, (name, text) in enumerate(LAYERS.items())]
    sides = [(key.upper(), text, f"view:{name}", name == view) for key, (name, text) in VIEWS.items()]
    for group in (layers, sides):
        for key, text, deed, on in group:
            wide = sheet.width_of(key, SMALL_PX, True) + sheet.width_of(text, SMALL_PX) + sheet.px(22)
            sheet.button(Box(x, inner.y0, x + wide, inner.y1), key, text, deed, on=on)
            x += wide + gap
        x += 3 * gap


def draw_colours(sheet: Sheet, box: Box, made: Corrections) -> None:
    """Say what the colours of the dots mean, of those that there are."""
    sheet.fill(Box(box.x0, box.y0, box.x1, box.y0 + 1), LINE)
    used = {colour_of(made, row) for row in made.rows}
    x, y, head = float(box.x0 + sheet.px(10)), (box.y0 + box.y1) / 2, "Confidence:"
    sheet.text(x, y, head, SMALL_PX, SOFT)
    x += sheet.width_of(head, SMALL_PX) + sheet.px(12)
    for band, text in COLOURS.items():
        if BANDS[band][0] in used:
            x = draw_key(sheet, x, y, BANDS[band][0], text) + sheet.px(16)
