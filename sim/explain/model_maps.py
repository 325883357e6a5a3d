"""The painted regions of the skin, carried from the full skin to the thinned one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.spatial import cKDTree

from meshes.model import Anatomy, MissingName
from scenarios.skin_maps import map_names, skin_map, skin_weight
from sim.explain.model_glb import Surface
from sim.explain.model_tools import hex_of
from sim.tables import table
from sim.theme import Theme

Array = NDArray[np.float64]

SIDES = ("right", "left")


def with_maps(anatomy: Anatomy, skin: Surface, theme: Theme) -> tuple[Surface, dict[str, Any]]:
    """Return the skin with a weight for each region and side, and where each is kept.

    Parameters
    ----------
    anatomy : Anatomy
    skin : Surface
        Thinned from the anatomy's.
    theme : Theme
        Of the regions' colours.

    Returns
    -------
    Surface, dict
        By region that the anatomy can bear: 'label', 'plain', 'colour', 'kind', and by side the column of its weights.
    """
    full = anatomy["skin"].mesh
    near = cKDTree(full.vertices_mm).query(np.asarray(skin.vertices_mm, dtype=np.float64))[1]
    told: dict[str, Any] = {}
    columns: list[Array] = []
    for name in map_names():
        try:
            both = [skin_weight(anatomy, name, side) for side in SIDES]
        except MissingName:  # a scan need not have all that the regions are built on
            continue
        row = skin_map(name)
        told[name] = {"label": row.label, "plain": row.plain, "kind": row.kind, "colour": hex_of(theme.colour(row.colour))}
        for side, weight in zip(SIDES, both, strict=True):
            told[name][side] = len(columns)
            columns.append(weight)
    if not columns:
        return skin, told
    weights = _smoothed(np.stack(columns, axis=1), full.faces, table("explain_model")["maps"]["smooth"])[near]
    return replace(skin, weights=np.round(255 * np.clip(weights, 0, 1)).astype(np.uint8)), told


def _smoothed(weights: Array, faces: NDArray[np.int64], times: int) -> Array:
    """Weights (n, k) moved half way to the mean of their neighbours, so often."""
    count = len(weights)
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    beside = csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    mean = diags(0.5 / np.maximum(np.asarray(beside.sum(axis=1)).ravel(), 1.0)) @ beside
    for _ in range(times):
        weights = 0.5 * weights + mean @ weights
    return weights
