"""Critical errors, each in a log made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from sim.training.critical import critical_errors
from sim.training.state import Event
from sim.training.world import World
from tests.attempts import Hand, in_plane_beside, keys

Array = NDArray[np.float64]
OFTEN = settings(max_examples=25, deadline=None)


def confirmed(world: World) -> Hand:
    return Hand(world, confirmed=tuple(range(len(world.procedure.checklist))))


def good_block(world: World) -> Hand:
    t = world.targets[0]
    return confirmed(world).hold(t.skin_mm, t.direction).push(t.depth_mm - 3).give(2.0, t, at=in_plane_beside(world)).out()


def test_a_good_block_has_no_critical_error(c2: World) -> None:
    assert critical_errors(c2, good_block(c2).log) == ()


def test_the_wrong_side(c2: World) -> None:
    t = c2.targets[0]
    assert keys(confirmed(c2).then(side="left").hold(t.skin_mm, t.direction).push(5)) == ["wrong_side"]
    mirrored = confirmed(c2).hold(t.skin_mm * [-1, 1, 1], t.direction * [-1, 1, 1]).push(15)
    assert keys(mirrored) == ["wrong_side"]
    assert "left" in critical_errors(c2, mirrored.log)[0].text


def test_dose_volume_aspiration_and_checklist(c2: World) -> None:
    t, place = c2.targets[0], in_plane_beside(c2)
    most = c2.procedure.product.most_ml
    hand = confirmed(c2).hold(t.skin_mm, t.direction).push(t.depth_mm - 3)
    hand.give(most, t, at=place)
    assert keys(hand) == ["wrong_product_volume"]
    hand.give(0.2, t, at=place, aspirated=False)
    assert set(keys(hand)) == {"wrong_product_volume", "dose_over_limit", "no_aspiration"}
    assert keys(Hand(c2).hold(t.skin_mm, t.direction).push(5)) == ["bone_defect_ignored"]


@pytest.mark.parametrize(
    ("nerve_or_artery", "error"),
    [("greater_occipital_nerve_right", "intraneural"), ("vertebral_artery_right", "artery_injection")],
)
def test_product_within_nerve_or_artery(c2: World, nerve_or_artery: str, error: str) -> None:
    t, line = c2.targets[0], c2.anatomy[nerve_or_artery].centerline
    assert line is not None
    place = line[int(np.linalg.norm(line - t.point_mm, axis=1).argmin())]
    hand = confirmed(c2).hold(t.skin_mm, t.direction).push(10).give(2.0, t, at=place)
    assert error in keys(hand)
    text = next(c.text for c in critical_errors(c2, hand.log) if c.key == error)
    assert "2 mL" in text and nerve_or_artery.split("_")[0] in text


def test_product_deep_to_the_plane(c2: World) -> None:
    t = c2.targets[0]
    deep = next(p for mm in np.arange(0, 40, 1.0) if c2.truth.below(p := t.point_mm + mm * t.direction, t.between[1]))
    hand = confirmed(c2).hold(t.skin_mm, t.direction).push(10)
    assert "beyond_plane" in keys(hand.give(2.0, t, at=deep))


def test_events_of_vessel_and_dura(c2: World) -> None:
    t = c2.targets[0]
    hand = confirmed(c2).hold(t.skin_mm, t.direction).push(20)
    hand.then(Event(9, "vessel_entered", "vertebral_artery_right"), Event(9.5, "dura_entered", "dura_mater"))
    assert keys(hand) == ["vertebral_artery", "dura"]
    assert critical_errors(c2, hand.log)[0].text == "The needle reached the right vertebral artery."
