"""A scripted expert: sees what a trainee can see, feels what a finger feels, and works by the procedure's steps."""

from __future__ import annotations

import numpy as np

from sim.training.scripted_hand import Hand, Style
from sim.training.scripted_needle import advance_to, give, line_up, plans
from sim.training.scripted_prepare import prepare, view_of
from sim.training.scripted_scan import find_view
from sim.training.scripted_sites import BY_KIND
from sim.training.state import TrialLog
from sim.training.world import World

MOST_PASSES = 3
CURRENTS_V = (1.0, 0.5)


def expert(world: World, rng: np.random.Generator, style: Style | None = None) -> TrialLog:
    """Return an attempt as an expert makes it, with a human hand's small errors.

    Landmarks are felt with a spread of a few millimetres about the true ones; places for the needle are measured from these marks
    or known as taught. By ultrasound the probe is laid by its manoeuvre and the needle planned from the picture, in which
    structures are recognised as a sonographer recognises them.

    Parameters
    ----------
    world : World
    rng : numpy.random.Generator
        Equal generators give equal logs.
    style : Style, optional
        By default left to chance.
    """
    hand = Hand(world, rng, "expert", style)
    prepare(hand)
    if world.procedure.guidance == "ultrasound":
        _guided(hand)
    else:
        BY_KIND[world.targets[0].kind](hand)
    hand.do("finish")
    return hand.log


def _guided(hand: Hand) -> None:
    """Find the view, bring the needle to the nerve in plane, give, and come out; a barred way is left for the next best."""
    view, row = find_view(hand), view_of(hand)
    for plan in plans(hand, row, view)[:MOST_PASSES]:
        line_up(hand, plan)
        if advance_to(hand, plan):
            break
        hand.do("needle_remove")
    if hand.state.needle is None:
        return
    if hand.world.procedure.stimulate:
        hand.to("stimulate")
        for volt in CURRENTS_V:
            hand.do("stimulate", volt=volt)
    for step in ("inject", "treat"):
        hand.to(step)
    give(hand, hand.world.targets[0].volume_ml)
    hand.to("end")
    hand.do("needle_remove")
