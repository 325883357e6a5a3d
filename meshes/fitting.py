"""From a person's measures to the map that gives them to the shipped model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from meshes.bends import Bump, Lordosis, Scales
from meshes.fat import Coat, Fat, coat_of
from meshes.maps import Chain, Map, unit
from meshes.measure import ENDPLATES, PLATE_MM, Subject, endplate, section_loop
from meshes.metrics import METRICS, neck_girth
from meshes.model import Anatomy, Structure
from meshes.points import load_table
from meshes.surface import path_length
from meshes.warp import grid_round, warp_between

Array = NDArray[np.float64]
HEAD = ("head_breadth_mm", "head_length_mm", "head_height_mm")
MEASURES = ("head_length_mm", "head_breadth_mm", "head_height_mm", "neck_circumference_mm", "biacromial_breadth_mm")
TUNED = ("neck_circumference_mm", "cervical_lordosis_deg")
PROTUBERANCE = "external_occipital_protuberance_mm"
SHAPES = {"cervical_lordosis_deg": "cobb_c2_c7", PROTUBERANCE: PROTUBERANCE.removesuffix("_mm"), "fat": "subcutis_at_c2"}
BODIES = ("c2", "c3", "c4", "c5", "c6", "c7", "t1", "t2")
ROUNDS = 8
CLOSE = 0.01  # mm or degrees
MOST_MODELS = 4
PROBES = 4000
LEAST_STRETCH = 0.1  # local volume ratio under which a person is refused
MOST_KEPT = 1.25  # stretch of the neck up to which its fat keeps the thickness that is asked for


@dataclass(frozen=True)
class Goal:
    """What a person shall measure; what is absent stays as it is.

    Parameters
    ----------
    measures : mapping
        Names of `MEASURES`, of `TUNED` and the protuberance to mm or degrees.
    fat_share : float, optional
        Thickness of the neck's fat in shares of the model's.
    protuberance : str
        Row of `[protuberance]`: how far it reaches.
    landmarks : mapping
        Names to (3,) mm, all hit exactly.
    """

    measures: Mapping[str, float]
    fat_share: float | None
    protuberance: str
    landmarks: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Model:
    """A model with what fits to it need, measured once.

    Parameters
    ----------
    anatomy : Anatomy
    now : mapping
        The model's own measures.
    girth : (n, 3) array
        The loop on its skin that is the neck's circumference, mm.
    plates : tuple of (point, tilt)
        The lower endplates of C2 and C7: the middle (3,) mm and the forward tilt, degrees.
    probes : (n, 3) array
        Points of it, mm, where folding is looked for.
    coat : Coat or None
        Its fat; None where it has no such neck.
    """

    anatomy: Anatomy
    now: Mapping[str, float] = field(repr=False)
    girth: Array = field(repr=False)
    plates: tuple[tuple[Array, float], ...] = field(repr=False)
    probes: Array = field(repr=False)
    coat: Coat | None = field(repr=False)


_MODELS: list[Model] = []  # the last few, so that a thousand people of one model cost one preparation


def model_of(anatomy: Anatomy) -> Model:
    """Return what fits to `anatomy` need, prepared once."""
    for model in _MODELS:
        if model.anatomy is anatomy:
            return model
    whole = Subject(anatomy)
    now = {n: float(METRICS[n.removesuffix("_mm")](whole, "median")) for n in MEASURES}
    for name, metric in SHAPES.items():
        try:
            now[name] = float(METRICS[metric](whole, "median"))
        except (KeyError, ValueError):  # a bust has no spine
            continue
    girth = section_loop(whole.query("skin"), *neck_girth(anatomy))
    plates = [endplate(whole, key) for key in ENDPLATES if TUNED[1] in now]
    every = np.vstack([s.mesh.vertices_mm for s in anatomy.structures.values()])
    probes = every[:: max(len(every) // PROBES, 1)]
    coat = coat_of(anatomy) if "fat" in now else None
    _MODELS[:] = [*_MODELS[1 - MOST_MODELS :], Model(anatomy, now, girth, tuple(plates), probes, coat)]
    return _MODELS[-1]


def chain_for(anatomy: Anatomy, goal: Goal) -> Chain:
    """Return the map that gives `anatomy` the measures and landmarks of `goal`.

    Raises
    ------
    ValueError
        If a measure cannot be reached, or the landmarks cannot without folding.
    """
    model = model_of(anatomy)
    chain = _tuned(model, goal)
    if chain.maps and np.linalg.det(chain.jacobian(model.probes)).min() < LEAST_STRETCH:
        told = ", ".join(f"{name} {value:g}" for name, value in goal.measures.items())
        raise ValueError(f"no person has these measures together, the model would fold: {told}.")
    if not goal.landmarks:
        return chain
    names = list(goal.landmarks)
    source = chain.apply(np.array([anatomy.landmark(n) for n in names]))
    corners = chain.apply(np.vstack([[s.mesh.vertices_mm.min(axis=0), s.mesh.vertices_mm.max(axis=0)] for s in _all(anatomy)]))
    target = np.array([goal.landmarks[n] for n in names])
    return Chain((*chain.maps, *warp_between(source, target, around=grid_round(corners)).maps))


def _all(anatomy: Anatomy) -> list[Structure]:
    return list(anatomy.structures.values())


def _tuned(model: Model, goal: Goal) -> Chain:
    """The maps of the measures, their knobs turned until the measures are met: one knob touches the others a little."""
    asked, now = goal.measures, model.now
    knobs = {n: asked[n] / now[n] if n in asked else 1.0 for n in MEASURES} | {TUNED[1]: 0.0}
    chain = _chain(model, goal, knobs)
    tuned = [n for n in TUNED if n in asked]
    for _ in range(ROUNDS if tuned else 0):
        got = {"neck_circumference_mm": path_length(chain.apply(model.girth)), "cervical_lordosis_deg": _cobb(model, chain)}
        if all(abs(asked[n] - got[n]) < CLOSE for n in tuned):
            break
        if "neck_circumference_mm" in tuned:
            knobs["neck_circumference_mm"] *= asked["neck_circumference_mm"] / got["neck_circumference_mm"]
        if "cervical_lordosis_deg" in tuned:
            knobs["cervical_lordosis_deg"] += asked["cervical_lordosis_deg"] - got["cervical_lordosis_deg"]
        chain = _chain(model, goal, knobs)
    return chain


def _cobb(model: Model, chain: Chain) -> float:
    """The angle (deg) between the model's endplates of C2 and C7 after a map."""
    tilts = []
    for middle, tilt in model.plates:
        way = PLATE_MM * np.array([0.0, np.cos(np.deg2rad(tilt)), -np.sin(np.deg2rad(tilt))])
        front, back = chain.apply(np.array([middle + way, middle - way]))
        tilts.append(float(np.rad2deg(np.arctan2(back[2] - front[2], front[1] - back[1]))))
    return tilts[1] - tilts[0] if len(tilts) == 2 else 0.0


def _chain(model: Model, goal: Goal, knobs: Mapping[str, float]) -> Chain:
    """The maps that do something, from the inmost to the outmost."""
    at, maps = model.anatomy.landmark, list[Map]()
    scales = Scales(np.array([knobs[n] for n in HEAD]), knobs["neck_circumference_mm"], knobs["biacromial_breadth_mm"])
    turn = knobs["cervical_lordosis_deg"]
    push = goal.measures[PROTUBERANCE] - model.now[PROTUBERANCE] if PROTUBERANCE in goal.measures else 0.0
    if push:
        row, deep = load_table("patient")["protuberance"][goal.protuberance], load_table("patient")["protuberance"]["deep"]
        outward = unit(at("inion") * np.array([0.0, 1.0, 1.0]))
        maps.append(Bump(at("inion"), outward, push, row["wide"], row["high"], deep))
    if goal.fat_share is not None and model.coat is not None:
        own, stretch = model.now["fat"], float(scales.across(at("c2_spinous_tip_skin")[None])[0, 1])
        stretch = min(max(stretch, 1 / MOST_KEPT), MOST_KEPT)
        maps.append(Fat(model.coat, goal.fat_share * own / stretch - own))
    if any(knobs[n] != 1.0 for n in MEASURES):
        maps.append(scales)
    if turn:
        bodies = Chain(tuple(maps)).apply(np.array([at(f"{n}_body") for n in BODIES]))
        maps.append(Lordosis(turn, _heights(bodies), bodies))
    return Chain(tuple(maps))


def _heights(bodies: Array) -> Array:
    """Where a lordosis begins (under C2), is whole (under C7), begins to return (under T1) and is undone, mm."""
    z = 0.5 * (bodies[:-1, 2] + bodies[1:, 2])
    back = load_table("patient")["lordosis"]["return"]
    return np.array([z[0], z[5], z[6], z[6] - back])
