"""Does the ultrasound image show what a sonographer expects at the nerve's two views? Measured on the image's own labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from meshes.model import Anatomy
from scenarios.validate import Row
from sim.scans import Scan, frame, scanner_for
from sim.tables import table
from sim.ultrasound.aiming import places_of
from sim.ultrasound.image import BModeImage
from sim.ultrasound.medium import AnatomyMedium

NERVE = "greater_occipital_nerve"
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
BESIDE_MM = 3.0  # from the nerve's middle to where the layer over it is looked at
TOUCH_MM = 1.0  # a layer counts as beside the nerve within this way of its wall


def views() -> Sequence[Mapping[str, Any]]:
    """Return the rows of `sim/data/sonoanatomy.toml`."""
    rows: Sequence[Mapping[str, Any]] = table("sonoanatomy")["view"]
    return rows


def sonoanatomy(anatomy: Anatomy) -> list[Row]:
    """Return what the images of an anatomy show, one row for each figure and side."""
    out, medium = [], AnatomyMedium(anatomy)
    for view in views():
        for side in SIDES:
            scan = Scan(pose=view["pose"], side=side)
            image, _ = frame(scanner_for(medium, scan), anatomy, scan)
            out += _rows(image, view, side, str(anatomy.meta.get("sex", "male")))
    return out


def _rows(image: BModeImage, view: Mapping[str, Any], side: str, sex: str) -> list[Row]:
    nerve = f"{NERVE}_{side}"

    def row(number: str, text: str, value: float, target: str, low: float, high: float, unit: str, problem: str = "") -> Row:
        return Row(
            f"{view['id']}{number}", sex, f"{text} {view['text']}", side, value, target, low, high, unit, tuple(view["sources"]),
            view["evidence"], view["posture"], problem,
        )  # fmt: skip

    try:
        depth = float(places_of(image, nerve)[0][0]) * image.pixel_mm[0]
    except ValueError as error:
        return [row("a", "image shows the nerve", float("nan"), "true", 1, 1, "bool", str(error))]
    column = layers(image, nerve, side)
    rows = [
        row("a", "GON depth in the image", depth, view["target"], view["low"], view["high"], "mm"),
        row("b", "layers in order over and under the nerve", float(in_order(view["order"], column)), "true", 1, 1, "bool"),
    ]
    if view["between"]:
        rows.append(row("c", "nerve between its two muscles", float(_between(view["between"], column)), "true", 1, 1, "bool"))
    if view.get("roof"):
        over = float(roofed(image, nerve, view["roof"]))
        rows.append(row("e", "fascia beside the nerve lies over its middle", over, "true", 1, 1, "bool"))
    if view["artery"]:
        lateral = artery_lateral_mm(image, nerve, f"{view['artery']}_{side}", side)
        rows.append(row("d", "occipital artery lateral to the nerve", lateral, "lateral", 0.5, 15, "mm"))
    return rows


def layers(image: BModeImage, nerve: str, side: str) -> list[tuple[str, float, float]]:
    """Return (unsided key, top mm, bottom mm) of what the column through the middle of the nerve passes, from the probe down."""
    _, middle = places_of(image, nerve)[0]
    strip = image.labels[:, round(middle)]
    cuts = np.flatnonzero(np.diff(strip)) + 1
    starts, ends = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(strip)]])
    tail = f"_{side}"
    return [
        (image.keys[strip[a]].removesuffix(tail), a * image.pixel_mm[0], b * image.pixel_mm[0])
        for a, b in zip(starts, ends, strict=True)
        if image.keys[strip[a]]
    ]


def in_order(wanted: Sequence[str], column: Sequence[tuple[str, float, float]]) -> bool:
    """Whether a column passes the wanted structures one after the other."""
    names = iter(name for name, _, _ in column)
    return all(any(name == want for name in names) for want in wanted)


def roofed(image: BModeImage, nerve: str, roof: str) -> bool:
    """Whether a layer, in the columns `BESIDE_MM` to both sides of a nerve's middle, lies over that middle."""
    row, column = places_of(image, nerve)[0]
    away = BESIDE_MM / image.pixel_mm[1]
    depths = [np.flatnonzero(image.mask(roof)[:, round(column + side * away)]) for side in (-1, 1)]
    return all(len(d) > 0 and d.mean() < row for d in depths)


def _between(pair: Sequence[str], column: Sequence[tuple[str, float, float]]) -> bool:
    """Whether the nearest layer above the nerve and the nearest below are the two muscles, but for a bed of loose tissue."""
    at = next(i for i, (name, _, _) in enumerate(column) if name == NERVE)
    bed = ("soft_tissue", NERVE)
    above = [c for c in column[:at] if c[0] not in bed]
    below = [c for c in column[at + 1 :] if c[0] not in bed]
    if not above or not below:
        return False
    top, bottom = column[at][1], column[at][2]
    return (above[-1][0], below[0][0]) == tuple(pair) and top - above[-1][2] < TOUCH_MM and below[0][1] - bottom < TOUCH_MM


def artery_lateral_mm(image: BModeImage, nerve: str, artery: str, side: str) -> float:
    """Return how far (mm) the middle of an artery lies lateral of the nerve's, in the patient; NaN if it is not shown."""
    if not image.mask(artery).any():
        return float("nan")
    points = [image.ras(*places_of(image, key)[0]) for key in (nerve, artery)]
    return float((points[1] - points[0])[0] * (1 if side == "right" else -1))
