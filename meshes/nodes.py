"""Nodes of nerves and vessels that stand by a named place: a landmark, a foramen, a joint, the vertebral canal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from meshes.levels import level
from meshes.points import shared_points
from meshes.spine import facet_joints, transverse_foramina

Array = NDArray[np.float64]


def anchor(kind: str, name: str) -> Array:
    """Return the place (3,) mm RAS, right side, that a node names.

    Parameters
    ----------
    kind : {'landmark', 'foramen', 'joint', 'canal'}
        A shared bony point; the transverse foramen of a vertebra; the facet joint above it; the middle of its canal.
    name : str
        Of the point, without side, or the key of the vertebra.
    """
    return ANCHORS[check_choice("anchor", kind, ANCHORS)](name)


def anchored(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the node with `near` worked out from its `anchor` ({kind = name}) and `offset` (3,) mm, if it has one."""
    if "anchor" not in node:
        return node
    [(kind, name)] = node["anchor"].items()
    return {**node, "near": (anchor(kind, name) + np.array(node.get("offset", (0.0, 0.0, 0.0)))).tolist()}


def _landmark(name: str) -> Array:
    points = shared_points()
    return points[check_choice("landmark", name if name in points else f"{name}_right", points)]


ANCHORS: Mapping[str, Callable[[str], Array]] = {
    "landmark": _landmark,
    "foramen": lambda name: transverse_foramina()[name],
    "joint": lambda name: facet_joints()[name],
    "canal": lambda name: level(name).canal_centre(),
}
