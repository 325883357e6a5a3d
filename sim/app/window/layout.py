"""Where everything stands in the training window: as on the browser's page, steps, 3-D view, ultrasound, and controls below."""

from __future__ import annotations

from dataclasses import dataclass

from sim.app.window.draw import BUTTON_PX, GAP_PX, PAD_PX
from sim.page import Box

LEAST_PX = (1280, 680)  # a window that is smaller than this has smaller letters
LEAST_SCALE = 0.6
TOP_PX, STEPS_PX, BAR_PX, LOG_PX, TITLE_PX = 36, 262, 40, 138, 26
HAND_ROWS, KNOB_ROWS = 3, 3
VIEW_SHARE = 0.56  # of what 3-D view and ultrasound share
HAND_SHARES = (0.24, 0.32, 0.44)


@dataclass(frozen=True)
class Layout:
    """Boxes of the window, pixels.

    Parameters
    ----------
    scale : float
        How much larger than usual everything is.
    top, steps, log, view_bar, view, scan, knobs : Box
        `scan` holds the ultrasound, the knobs below it.
    hands : tuple of three Box
        Finger, probe, needle.
    """

    scale: float
    top: Box
    steps: Box
    log: Box
    view_bar: Box
    view: Box
    scan: Box
    knobs: Box
    hands: tuple[Box, Box, Box]


def layout(size: tuple[int, int], scale: float) -> Layout:
    """Return the layout of a window.

    Parameters
    ----------
    size : (int, int)
        Width and height, pixels.
    scale : float
        As the screen asks for; made less where the window is small.
    """
    width, height = size
    scale = max(LEAST_SCALE, min(scale, width / LEAST_PX[0], height / LEAST_PX[1]))

    def px(usual: float) -> int:
        return round(usual * scale)

    gap, row = px(GAP_PX), px(BUTTON_PX) + px(4)
    hands_top = height - gap - (px(TITLE_PX) + HAND_ROWS * row + px(PAD_PX))
    head, foot = px(TOP_PX) + gap, hands_top - gap
    left = gap + px(STEPS_PX)
    room = width - left - 3 * gap
    middle = left + gap + round(VIEW_SHARE * room)
    knobs_top = foot - KNOB_ROWS * row - px(PAD_PX)
    log_top = foot - px(LOG_PX)
    x0, x1 = middle + gap, width - gap
    return Layout(
        scale, Box(gap, 0, width - gap, px(TOP_PX) + gap // 2), Box(gap, head, left, log_top), Box(gap, log_top, left, foot),
        Box(left + gap, head, middle, head + px(BAR_PX)), Box(left + gap, head + px(BAR_PX), middle, foot),
        Box(x0, head, x1, knobs_top), Box(x0, knobs_top, x1, foot), _hands(Box(gap, hands_top, width - gap, height - gap), gap),
    )  # fmt: skip


def _hands(row: Box, gap: int) -> tuple[Box, Box, Box]:
    """The three cards side by side."""
    room = row.width - 2 * gap
    first = row.x0 + round(HAND_SHARES[0] * room)
    second = first + gap + round(HAND_SHARES[1] * room)
    return (
        Box(row.x0, row.y0, first, row.y1), Box(first + gap, row.y0, second, row.y1), Box(second + gap, row.y0, row.x1, row.y1),
    )  # fmt: skip


def cells(box: Box, columns: int, rows: int, gap: int) -> list[list[Box]]:
    """Return a box cut into rows of equal cells."""
    wide, high = (box.width - (columns - 1) * gap) / columns, (box.height - (rows - 1) * gap) / rows
    return [
        [
            Box(round(box.x0 + c * (wide + gap)), round(box.y0 + r * (high + gap)), round(box.x0 + c * (wide + gap) + wide),
                round(box.y0 + r * (high + gap) + high))
            for c in range(columns)
        ]
        for r in range(rows)
    ]  # fmt: skip


def across(first: Box, last: Box) -> Box:
    """Return the box from one cell to another of its row."""
    return Box(first.x0, first.y0, last.x1, last.y1)
