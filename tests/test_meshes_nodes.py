"""Nodes that stand by a named place."""

from __future__ import annotations

import numpy as np
import pytest

from meshes.levels import level
from meshes.nodes import ANCHORS, anchor, anchored
from meshes.points import shared_points
from meshes.spine import facet_joints, transverse_foramina


def test_each_kind_of_place_is_what_the_bones_say() -> None:
    assert np.array_equal(anchor("landmark", "menton"), shared_points()["menton"])
    assert np.array_equal(anchor("landmark", "porion"), shared_points()["porion_right"])
    assert np.array_equal(anchor("foramen", "axis"), transverse_foramina()["axis"])
    assert np.array_equal(anchor("joint", "third_cervical_vertebra"), facet_joints()["third_cervical_vertebra"])
    assert np.array_equal(anchor("canal", "axis"), level("axis").canal_centre())
    assert set(ANCHORS) == {"landmark", "foramen", "joint", "canal"}


def test_an_offset_is_added_and_the_rest_of_the_node_kept() -> None:
    node = {"name": "n", "seat": "on_bone", "anchor": {"landmark": "porion"}, "offset": [1, 2, -3], "gap": 0.5}
    got = anchored(node)
    assert got["near"] == pytest.approx(shared_points()["porion_right"] + [1, 2, -3])
    assert {k: got[k] for k in node} == node
    assert anchored({"anchor": {"landmark": "menton"}})["near"] == shared_points()["menton"].tolist()


def test_a_node_without_an_anchor_is_left_alone() -> None:
    node = {"seat": "point", "near": [1, 2, 3]}
    assert anchored(node) is node


def test_a_misspelt_place_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"landmark is 'poriom_right', which is not known. Did you mean 'porion_right'"):
        anchor("landmark", "poriom")
    with pytest.raises(ValueError, match=r"anchor is 'foramin', which is not known. Did you mean 'foramen'"):
        anchor("foramin", "axis")
