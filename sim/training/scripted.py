"""Scripted attempts, expert and novice, and the reference runs that are recorded from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Literal
from zlib import crc32

import numpy as np

from scenarios.procedure_files import load_procedure
from sim.training.metrics import measure
from sim.training.runs import ENDING, Run, Runs, save_runs
from sim.training.scripted_expert import expert
from sim.training.scripted_hand import Style, Who
from sim.training.scripted_novice import novice
from sim.training.state import TrialLog
from sim.training.trial import replay
from sim.training.world import World, world_for

__all__ = ["expert", "make_reference", "novice", "recorded", "remeasured", "scripted"]

PLAYERS: Mapping[Who, Callable[[World, np.random.Generator, Style], TrialLog]] = {"expert": expert, "novice": novice}
EVEN = 8  # seeds that cover the range of styles
SIDES: tuple[Literal["right", "left"], ...] = ("right", "left")


def scripted(world: World, who: Who, seed: int) -> TrialLog:
    """Return an attempt of a scripted hand.

    Parameters
    ----------
    world : World
    who : {'expert', 'novice'}
    seed : int
        Equal seeds give equal logs; those of another procedure, or of the other hand, have nothing in common. Any eight in a row
        cover the range of styles evenly, from flat to steep and from fast to slow, so that few runs stand for many hands.
    """
    numbers = [seed, list(PLAYERS).index(who), crc32(world.procedure.key.encode())]
    return PLAYERS[who](world, np.random.default_rng(numbers), _style(seed))


def recorded(procedure: str, runs: int = 8) -> Runs:
    """Return recorded runs of a procedure, on the shipped anatomy, with what was measured of them.

    Parameters
    ----------
    procedure : str
        Key.
    runs : int
        Of each hand. A procedure of one side is done right and left in turn: `about["sides"]` has the side of each run.

    Raises
    ------
    ValueError
        If `runs` is below 1, or the procedure is not known.
    """
    if runs < 1:
        raise ValueError(f"runs is {runs}; it must be 1 or more of each hand.")
    made, sides, rows = [], [], []
    for who in PLAYERS:
        for seed in range(runs):
            world = _world(procedure, SIDES[seed % 2])
            log = scripted(world, who, seed)
            made.append(Run(who, seed, log.actions))
            sides.append(str(log.side))
            rows.append({key: _kept(m.value) for key, m in measure(world, log).items()})
    about = {k: v for k, v in world.about.items() if k not in ("procedure", "side", "version")} | {"sides": sides}
    return Runs(load_procedure(procedure).key, sides[0], about, tuple(made), tuple(rows))


def remeasured(runs: Runs, which: Iterable[int] | None = None) -> tuple[Mapping[str, float | None], ...]:
    """Return what is measured of runs when they are replayed: of all, or of those at some places.

    Equal to `runs.measures` as long as nothing has changed in anatomy, procedure, trial or measures.
    """
    out = []
    for i in range(len(runs.runs)) if which is None else which:
        world = _world(runs.procedure, str(runs.about["sides"][i]))
        log = replay(world, runs.runs[i].actions)
        out.append({key: _kept(m.value) for key, m in measure(world, log).items()})
    return tuple(out)


def make_reference(procedure: str, folder: str | Path, runs: int = 8) -> Path:
    """Record the reference runs of a procedure and write them; equal code gives equal bytes.

    Parameters
    ----------
    procedure : str
        Key.
    folder : str or Path
        Where the file `<key>.json.gz` goes; made if it is not there.
    runs : int
        Of each hand.
    """
    goal = Path(folder)
    goal.mkdir(parents=True, exist_ok=True)
    return save_runs(goal / f"{procedure}{ENDING}", recorded(procedure, runs))


def _style(seed: int) -> Style:
    """One of an even series: its lean and pace are the quantiles of a normal law, in two orders that have little in common."""
    lean, pace = (NormalDist().inv_cdf(((step * seed + start) % EVEN + 0.5) / EVEN) for step, start in ((3, 0), (5, 5)))
    return Style(lean, pace)


@cache
def _world(procedure: str, side: str) -> World:
    return world_for(procedure, "right" if side == "both" else side)


def _kept(value: float | None) -> float | None:
    """A measure to six digits: enough for any mark, and short in a file."""
    return None if value is None else float(f"{value:.6g}")
