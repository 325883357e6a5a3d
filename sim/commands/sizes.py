"""The size of a picture as it is typed: 1920x1080."""

from __future__ import annotations

import re

from sim.commands.faults import BadInput
from sim.picture import MAX_HEIGHT_PX, MAX_WIDTH_PX, MIN_SIDE_PX


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Return (width, height) in pixels. Raises `BadInput` unless it is WxH within the limits."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*([+-]?\d{1,9})\s*[xX×]\s*([+-]?\d{1,9})\s*", text)
    if found is None:
        raise BadInput(f"--size is {text!r}; it must be WIDTHxHEIGHT, such as 1920x1080.")
    width, height = int(found.group(1)), int(found.group(2))
    if not (MIN_SIDE_PX <= width <= MAX_WIDTH_PX and MIN_SIDE_PX <= height <= MAX_HEIGHT_PX):
        limits = f"{MIN_SIDE_PX}x{MIN_SIDE_PX} to {MAX_WIDTH_PX}x{MAX_HEIGHT_PX}"
        raise BadInput(f"--size is {width}x{height}; it must be from {limits}.")
    return width, height
