"""Muscles of the neck and the nuchal ligament, built deep to superficial from recipes.

Each muscle settles on what lies beneath it, is cut by it with a thin fascial plane between, and keeps
under the skin. Paired muscles are given for the right side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from meshes.fields import Field, from_grid, half_space, intersect, offset, sample_grid, subtract
from meshes.muscle_recipes import heads_fibres, joined, read_heads, recipe_points
from meshes.parts import Part
from meshes.points import load_table
from meshes.sheets import Sheet, bedded, wrap
from meshes.sweeps import Sweep

TABLE = "neck_muscles"
LOWER, UPPER = np.array([-8.0, -112.0, -218.0]), np.array([192.0, 62.0, 6.0])  # of the grid of what is filled, mm
STEP = 1.0  # of that grid, mm
ROUNDING = 1.2  # mm over which cut edges are rounded, so that none is a knife's edge
FILM_REACH = 1.5  # mm above its own face to which a muscle is lifted over a bump
COVER_FROM = 14.0  # mm above the model's end, over which its flat cut would be taken for skin
SOFT_STEP = 0.8  # of the grid on which a form is smoothed, mm
BLOCK = 6  # its nodes along the edge of a block


def muscle_order() -> tuple[str, ...]:
    """Return the unsided keys of the nuchal ligament and the neck muscles, deep to superficial."""
    return tuple(load_table(TABLE)["muscle"])


def neck_muscle_parts(bones: Field, skin: Field) -> list[Part]:
    """Return the nuchal ligament (median) and the neck muscles (right side), deep to superficial.

    Parameters
    ----------
    bones : Field
        Skull, spine and shoulder girdle together; sampled, for speed.
    skin : Field
        Outer surface of the body.

    Returns
    -------
    list of Part
        In the order of `muscle_order`; no part overlaps one before it.
    """
    table, points = load_table(TABLE), recipe_points(TABLE)
    layers = table["layers"]
    filled, parts = _Filled(bones), []
    cover = _endless(skin, layers["cut_z_mm"] + COVER_FROM)
    edge = _endless(skin, layers["cut_z_mm"] + COVER_FROM)
    for key, row in table["muscle"].items():
        beneath = filled.field()
        heads = tuple(_seated(head, beneath, cover, row, layers) for head in read_heads(row, points))
        raw = joined([_blanket(head, beneath, row, layers) for head in heads])
        form = _cut(raw, beneath, edge, row, layers)
        parts.append(
            Part(
                key=key,
                field=form,
                spacing=row["spacing"],
                faces=row["faces"],
                fibres=heads_fibres(heads),
                sources=tuple(row["sources"]),
                evidence=row["evidence"],
            )
        )
        filled = filled.with_form(form)
    return parts


class _Filled:
    """What is already there, on one grid: bones, then each muscle in turn."""

    def __init__(self, bones: Field, values: NDArray[np.float32] | None = None) -> None:
        self.bones = bones
        self.shape = tuple(np.ceil((UPPER - LOWER) / STEP).astype(int) + 1)
        if values is None:
            axes = [LOWER[i] + STEP * np.arange(self.shape[i]) for i in range(3)]
            yz = np.stack(np.meshgrid(axes[1], axes[2], indexing="ij"), axis=-1).reshape(-1, 2)
            planes = [bones(np.column_stack([np.full(len(yz), x), yz])) for x in axes[0]]
            values = np.stack(planes).reshape(self.shape).astype(np.float32)
        self.values = values

    def field(self) -> Field:
        """Return it as a field."""
        return from_grid(self.values, LOWER, STEP, self.bones.lower, self.bones.upper)

    def with_form(self, form: Field) -> _Filled:
        """Return it with one more form, sampled only in the blocks that the form comes near."""
        values = self.values.copy()
        low = np.clip((form.lower - 4.0 - LOWER) // STEP, 0, None).astype(int)
        high = np.minimum(np.ceil((form.upper + 4.0 - LOWER) / STEP).astype(int) + 1, self.shape)
        starts = np.stack(np.meshgrid(*[np.arange(low[i], high[i], BLOCK) for i in range(3)], indexing="ij"), -1).reshape(-1, 3)
        near = np.abs(form(LOWER + STEP * (starts + 0.5 * (BLOCK - 1)))) < 1.5 * BLOCK * STEP
        local = np.stack(np.meshgrid(*[np.arange(BLOCK)] * 3, indexing="ij"), -1).reshape(-1, 3)
        index = (starts[near][:, None, :] + local[None]).reshape(-1, 3)
        index = index[(index < self.shape).all(axis=1)]
        at = tuple(index.T)
        values[at] = np.minimum(values[at], form(LOWER + STEP * index))
        return _Filled(self.bones, values)


def _seated(head: Sheet | Sweep, beneath: Field, skin: Field, row: Mapping[str, Any], layers: Mapping[str, Any]) -> Sheet | Sweep:
    """Return a sheet wrapped between what lies beneath and the skin; a sweep as it is."""
    if isinstance(head, Sweep) or not row.get("wrap", True):
        return head
    wrapped = wrap(
        head,
        beneath,
        skin,
        gap=-row.get("sink", 0.0),
        cover=row.get("depth", layers["skin_cover_mm"]),
        settle=row.get("settle", 0.0),
        stiffness_mm=tuple(row.get("stiffness", (10.0, 4.0))),
    )
    return bedded(wrapped, row["bed"], beneath) if "bed" in row else wrapped


def _endless(skin: Field, from_z: float) -> Field:
    """Return the skin as if it went on straight down below `from_z`: its flat end is no surface to keep from."""

    def distance(p: NDArray[np.float64]) -> NDArray[np.float64]:
        q = p.copy()
        q[:, 2] = np.maximum(q[:, 2], from_z)
        return skin(q)

    return Field(distance, skin.lower, skin.upper)


def _blanket(head: Sheet | Sweep, beneath: Field, row: Mapping[str, Any], layers: Mapping[str, Any]) -> Field:
    """Return the field of a head that keeps at least `film` mm of thickness where a bump beneath stands into it."""
    if isinstance(head, Sweep) or "film" not in row:
        form = head.field()
    else:
        form = head.over(beneath, film=row["film"], reach=FILM_REACH, gap=layers["gap_mm"])
    return _softened(form, row["soft"]) if "soft" in row else form


def _softened(form: Field, width: float) -> Field:
    """Return a form without ripples narrower than about twice `width` mm, its edges rounded."""
    margin = 4.0 * width + STEP
    values, origin = sample_grid(form, form.lower - margin, form.upper + margin, SOFT_STEP, band=10.0)
    smooth = gaussian_filter(values, width / SOFT_STEP, mode="nearest")
    return from_grid(smooth, origin, SOFT_STEP, form.lower, form.upper)


def _cut(form: Field, beneath: Field, skin: Field, row: Mapping[str, Any], layers: Mapping[str, Any]) -> Field:
    """Return a muscle without what lies beneath it, under the skin, above the end of the model."""
    floor = half_space((0.0, 0.0, layers["cut_z_mm"]), (0.0, 0.0, -1.0))
    free = subtract(form, offset(beneath, layers["gap_mm"]), blend=ROUNDING)
    if not row.get("median", False):
        free = intersect(free, half_space((layers["midline_mm"], 0.0, 0.0), (-1.0, 0.0, 0.0)))
    kept = intersect(intersect(free, offset(skin, -row.get("cover", layers["skin_cover_mm"])), blend=ROUNDING), floor)
    lowest = [-1e4 if row.get("median", False) else layers["midline_mm"], -1e4, layers["cut_z_mm"]]
    return replace(kept, lower=form.lower.clip(min=lowest), upper=form.upper)
