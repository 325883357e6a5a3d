"""Paths of nerves and vessels: named nodes seated on the layers that they belong to.

A node gives how far lateral and how high it lies; the layers give how deep. So a path stays in its
fascial plane when a muscle, a bone or a patient changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from meshes.curves import catmull_rom, resample
from meshes.fields import Field, gradient, project

Array = NDArray[np.float64]
Layers = Mapping[str, Field]
BEHIND_MM, AHEAD_MM, STEP_MM = -125.0, 40.0, 0.1


def seat_node(row: Mapping[str, Any], layers: Layers) -> Array:
    """Return the place (3,) of one node.

    Parameters
    ----------
    row : mapping
        `seat` names the rule; `lateral` and `height` (x and z, mm) or `near` ((3,) mm) say where to look;
        `of` names the layer or the pair of layers (deep, superficial); `gap` mm is kept from a face.
    layers : mapping of str to Field
        Structures by unsided key, right side, with 'skin' and 'bones'.
    """
    rule = check_choice("seat", row["seat"], RULES)
    return RULES[rule](row, layers)


def path(rows: Sequence[Mapping[str, Any]], layers: Layers, spacing: float = 0.5) -> Array:
    """Return the smooth path (n, 3) through the seated nodes of `rows`."""
    return catmull_rom(np.array([seat_node(row, layers) for row in rows]), spacing)


def kept_clear(points: Array, clear_of: Sequence[tuple[Field, float | Array]], rounds: int = 25, smoothing: float = 0.3) -> Array:
    """Return `points` pushed until each field exceeds its clearance (mm; one, or one for each point), smooth, ends held.

    A negative field value is inside; to stay inside a form give its negated field.
    """
    p = points.copy()
    for _ in range(rounds):
        for form, clearance in clear_of:
            short = np.clip(clearance - form(p), 0.0, 1.5)
            moving = np.flatnonzero(short > 0)
            if len(moving):
                p[moving] += short[moving, None] * gradient(form, p[moving], 0.2)
        p[1:-1] += smoothing * (0.5 * (p[:-2] + p[2:]) - p[1:-1])
        p[0], p[-1] = points[0], points[-1]
    return resample(p, 0.5)


def faces_of(form: Field, x: float, z: float) -> tuple[float, float]:
    """Return y of the superficial and the deep face of `form` on the line (x, z) from behind."""
    y = np.arange(BEHIND_MM, AHEAD_MM, STEP_MM)
    inside = np.flatnonzero(form(np.column_stack([np.full_like(y, x), y, np.full_like(y, z)])) < 0)
    if not len(inside):
        raise ValueError(f"no such layer behind lateral {x:.1f}, height {z:.1f} mm.")
    first = inside[0]
    breaks = np.flatnonzero(np.diff(inside) > 1)
    last = inside[breaks[0]] if len(breaks) else inside[-1]
    return float(y[first]), float(y[last])


def _point(row: Mapping[str, Any], layers: Layers) -> Array:
    return np.array(row["near"], dtype=np.float64)


def _between(row: Mapping[str, Any], layers: Layers) -> Array:
    deep, superficial = row["of"]
    x, z = row["lateral"], row["height"]
    top, bottom = faces_of(layers[deep], x, z)[0], faces_of(layers[superficial], x, z)[1]
    return np.array([x, 0.5 * (top + bottom), z])


def _superficial(row: Mapping[str, Any], layers: Layers) -> Array:
    x, z = row["lateral"], row["height"]
    return np.array([x, faces_of(layers[row["of"]], x, z)[0] - row.get("gap", 0.0), z])


def _deep(row: Mapping[str, Any], layers: Layers) -> Array:
    x, z = row["lateral"], row["height"]
    return np.array([x, faces_of(layers[row["of"]], x, z)[1] + row.get("gap", 0.0), z])


def _within(row: Mapping[str, Any], layers: Layers) -> Array:
    x, z = row["lateral"], row["height"]
    return np.array([x, float(np.mean(faces_of(layers[row["of"]], x, z))), z])


def _below(row: Mapping[str, Any], layers: Layers) -> Array:
    """Under the lowest point of the layer's section at this lateral distance."""
    form, x = layers[row["of"]], row["lateral"]
    y, z = np.arange(form.lower[1], form.upper[1], 0.2), np.arange(form.lower[2], form.upper[2], 0.2)
    yy, zz = np.meshgrid(y, z, indexing="ij")
    inside = form(np.column_stack([np.full(yy.size, x), yy.ravel(), zz.ravel()])) < 0
    if not inside.any():
        raise ValueError(f"{row['of']} has no section at lateral {x:.1f} mm.")
    # "lower border" is square to the muscle's own slope: lowest along (posterior + inferior)
    low = np.argmin(zz.ravel()[inside] + row.get("lean", 0.0) * yy.ravel()[inside])
    return np.array([x, yy.ravel()[inside][low], zz.ravel()[inside][low] - row.get("gap", 0.0)])


def _under_skin(row: Mapping[str, Any], layers: Layers) -> Array:
    skin = layers["skin"]
    if "near" in row:
        return np.asarray(project(skin, [row["near"]], level=-row["depth"])[0])
    x, z = row["lateral"], row["height"]
    y = np.arange(faces_of(skin, x, z)[0], AHEAD_MM, STEP_MM)
    deep = skin(np.column_stack([np.full_like(y, x), y, np.full_like(y, z)])) <= -row["depth"]
    if not deep.any():
        raise ValueError(f"nothing lies {row['depth']} mm under the skin behind lateral {x:.1f}, height {z:.1f} mm.")
    return np.array([x, y[int(np.argmax(deep))], z])


def _on_bone(row: Mapping[str, Any], layers: Layers) -> Array:
    return np.asarray(project(layers["bones"], [row["near"]], level=row["gap"])[0])


def _on_face(row: Mapping[str, Any], layers: Layers) -> Array:
    """At a gap from the nearest face of the layer, from whatever side `near` lies on."""
    return np.asarray(project(layers[row["of"]], [row["near"]], level=row["gap"])[0])


def _section(form: Field, height: float) -> tuple[Array, Array]:
    """Return x and y of the grid points inside the right side's horizontal section of `form`."""
    x, y = np.arange(5.0, form.upper[0], 0.3), np.arange(form.lower[1], form.upper[1], 0.3)
    xx, yy = (v.ravel() for v in np.meshgrid(x, y, indexing="ij"))
    inside = form(np.column_stack([xx, yy, np.full(xx.size, height)])) < 0
    return xx[inside], yy[inside]


def _behind_border(row: Mapping[str, Any], layers: Layers) -> Array:
    """Just behind the posterior border of the layer's horizontal section on the right side."""
    x, y = _section(layers[row["of"]], row["height"])
    if not len(y):
        raise ValueError(f"{row['of']} has no section at height {row['height']:.1f} mm.")
    rear = np.argmin(y)
    return np.array([x[rear], y[rear] - row["gap"], row["height"]])


def _mid_face(row: Mapping[str, Any], layers: Layers) -> Array:
    """On the outer face of the layer at the height of `near`, `ahead` mm before the middle of its section."""
    form, height = layers[row["of"]], float(row["near"][2])
    x, y = _section(form, height)
    if not len(y):
        raise ValueError(f"{row['of']} has no section at height {height:.1f} mm.")
    middle = 0.5 * (y.min() + y.max()) + row.get("ahead", 0.0)
    outer = x[np.abs(y - middle) < 0.5].max()
    return np.asarray(project(form, [[outer, middle, height]], level=row["gap"])[0])


def posterior_border(form: Field, top: float, bottom: float, step: float = 3.0) -> Array:
    """Return the rearmost points (n, 3) of the right side's horizontal sections of `form`, from height `top` down."""
    heights = [z for z in np.arange(top, bottom, -step) if form.lower[2] < z < form.upper[2]]
    rows = ({"of": "form", "height": float(z), "gap": 0.0} for z in heights)
    return np.array([_behind_border(row, {"form": form}) for row in rows])


def _along_border(row: Mapping[str, Any], layers: Layers) -> Array:
    """On the posterior border of the layer, `distance` mm along it from the height of `near` down, `gap` mm behind it."""
    form, top = layers[row["of"]], float(row["near"][2])
    way = resample(posterior_border(form, top, max(top - 2.0 * row["distance"] - 10.0, form.lower[2])), STEP_MM)
    at = min(int(row["distance"] / STEP_MM), len(way) - 1)
    return np.asarray(way[at] - [0.0, row["gap"], 0.0])


def scalp_path(start: Array, rows: Sequence[Sequence[float]], depth: float, skin: Field) -> Array:
    """Return a smooth path from `start` through points seated `depth` mm under the skin."""
    seated = project(skin, np.array(rows, dtype=np.float64), level=-depth)
    line = catmull_rom(np.vstack([start, seated]), 0.6)
    free = np.linspace(0, 1, len(line)) > 0.12
    line[free] = project(skin, line[free], level=-depth, steps=3)
    return resample(line, 0.6)


RULES: Mapping[str, Callable[[Mapping[str, Any], Layers], Array]] = {
    "point": _point,
    "between": _between,
    "superficial_face": _superficial,
    "deep_face": _deep,
    "within": _within,
    "below": _below,
    "under_skin": _under_skin,
    "on_bone": _on_bone,
    "on_face": _on_face,
    "behind_border": _behind_border,
    "along_border": _along_border,
    "mid_face": _mid_face,
}
