"""Muscle recipes: rows of a data table, made of named points, read into sheets and sweeps.

A table such as `data/neck_muscles.toml` holds `[points]`, right side, each named for what it is, and one
`[muscle.<key>]` row for each muscle. Point names not found there are looked up among the shared bony
points (`landmarks.toml`, right side, without the `_right`).

A row of `shape = "sweep"` is a strap or spindle::

    nodes = ["c2_spine_tubercle", "oci_belly", "c1_transverse_tip_lower"]   # centroids, origin to insertion
    width = [[0, 8], [0.5, 21], [1, 9]]          # fraction of the length, full width in mm
    thickness = [[0, 6], [0.5, 13], [1, 6]]
    wide_along = [[0.7, 0, -0.7]]                # direction of the wide axis, or one at each end
    tendon = [0.1, 0.1]                          # shares of the length that are tendon

A row of `shape = "sheet"` is a flat muscle, fibres running from the first row to the last::

    rows = [["origin_medial", "origin_lateral"], [...], ["insertion_medial", "insertion_lateral"]]
    thickness = [[0, 1], [0.5, 5], [1, 1.5]]     # fraction of the length, full thickness in mm
    breadth = [[0, 0.5], [0.4, 1], [1, 0.6]]     # optional: factor on the thickness across the breadth
    edge = 0.25                                  # optional, with edge_share and step: see `sheets.loft`
    edge_share = 0.35
    step = 1.2
    tendon = [0.1, 0.05]
    tendon_breadth = [[0, 1, 1], [1, 2, 1]]      # optional: factors on `tendon` across the breadth
    aligned = true                               # optional: point j of every row lies on fibre j; then
                                                 # `thickness` may be a table with a value at every point

A muscle of several heads has `[[muscle.<key>.heads]]` rows instead. Every row carries `sources` and
`evidence`; `spacing` and `faces` say how finely it is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_choice, unknown
from meshes.fields import Field, smooth_union
from meshes.parts import Fibres
from meshes.points import load_table, shared_points
from meshes.sheets import Sheet, loft
from meshes.sweeps import Sweep, sweep

Array = NDArray[np.float64]


def recipe_points(table: str) -> dict[str, Array]:
    """Return the named points of a table and the shared ones of the right side and midline, (3,) mm RAS."""
    shared = shared_points()
    points = {name.removesuffix("_right"): at for name, at in shared.items() if not name.endswith("_left")}
    for name, row in load_table(table).get("points", {}).items():
        points[name] = np.array(row["at"] if isinstance(row, Mapping) else row, dtype=np.float64)
    return points


def read_recipe(table_row: Mapping[str, Any], points: Mapping[str, ArrayLike]) -> Sheet | Sweep:
    """Return the sheet or sweep that a recipe row describes.

    Parameters
    ----------
    table_row : mapping
        A row as the module's text shows; keys that only `Part` needs are ignored.
    points : mapping of str to (3,) array
        Named points, mm RAS.

    Raises
    ------
    ValueError
        If the shape is not known or a point has no such name; the nearest names are given.
    """
    shape = check_choice("shape", table_row["shape"], ("sheet", "sweep"))
    if shape == "sweep":
        return sweep(
            named(table_row["nodes"], points),
            width=_pairs(table_row["width"]),
            thickness=_pairs(table_row["thickness"]),
            wide_along=table_row["wide_along"],
            tendon=_two(table_row.get("tendon", (0.12, 0.12))),
            step_mm=table_row.get("step", 0.5),
        )
    return loft(
        [named(row, points) for row in table_row["rows"]],
        thickness=table_row["thickness"],
        breadth=_pairs(table_row["breadth"]) if "breadth" in table_row else None,
        edge=table_row.get("edge", 0.25),
        edge_share=table_row.get("edge_share", 0.35),
        tendon=_two(table_row.get("tendon", (0.0, 0.0))),
        tendon_breadth=table_row.get("tendon_breadth"),
        aligned=table_row.get("aligned", False),
        step_mm=table_row.get("step", 1.2),
    )


def read_heads(table_row: Mapping[str, Any], points: Mapping[str, ArrayLike]) -> tuple[Sheet | Sweep, ...]:
    """Return the forms of every head of a muscle: one for a plain row."""
    rows = table_row.get("heads") or [table_row]
    return tuple(read_recipe(row, points) for row in rows)


def joined(forms: Sequence[Field], blend: float = 2.0) -> Field:
    """Return the union of the fields of a muscle's heads, with fillets of about `blend` mm where they join."""
    return forms[0] if len(forms) == 1 else smooth_union(forms, blend)


def heads_fibres(heads: Sequence[Sheet | Sweep]) -> Fibres:
    """Return the fibre function of a muscle: each point asks the head that it lies in."""
    if len(heads) == 1:
        return heads[0].fibres_at
    forms = [head.field() for head in heads]

    def fibres(points: Array) -> tuple[Array, Array, Array]:
        nearest = np.argmin([form(points) for form in forms], axis=0)
        each = [head.fibres_at(points) for head in heads]
        rows = np.arange(len(points))
        return tuple(np.stack([e[i] for e in each])[nearest, rows] for i in range(3))

    return fibres


def named(names: Sequence[str], points: Mapping[str, ArrayLike]) -> Array:
    """Return the points (n, 3) that `names` stand for."""
    for name in names:
        if name not in points:
            raise ValueError(unknown("point", name, list(points)))
    return np.array([points[name] for name in names], dtype=np.float64)


def _pairs(value: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in value]


def _two(value: Sequence[float]) -> tuple[float, float]:
    return float(value[0]), float(value[1])
