"""The map from the shipped model to a real person: thin plates through landmarks, then drawn to his surfaces; nothing folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from meshes.maps import Chain
from meshes.model import Anatomy, SurfaceMesh
from meshes.points import load_table
from meshes.real_fit import Cloud, drawn, sampled
from meshes.terms import split_key
from meshes.warp import grid_round, warp_between

Array = NDArray[np.float64]
DRAWN_KINDS = ("bone", "muscle", "disc", "skin", "ligament")  # what the model is drawn to; tubes are too thin to pull
PROBES = 6000
FEWEST = 8  # landmarks from which an error can be told


@dataclass(frozen=True)
class Way:
    """A map with the least local volume ratio on the model's own vertices."""

    chain: Chain
    least_stretch: float


def map_to(model: Anatomy, real: Mapping[str, SurfaceMesh], known: Mapping[str, Array]) -> Way:
    """Return the map from `model` to a person.

    Parameters
    ----------
    model : Anatomy
    real : mapping of str to SurfaceMesh
        His surfaces by key, in Inion's frame.
    known : mapping of str to (3,) array
        His landmarks by the model's names, in Inion's frame.

    Raises
    ------
    ValueError
        If the landmarks cannot be reached without folding.
    """
    table = load_table("real_landmarks")["map"]
    plates = _plates(model, known, table["stiffness"])
    keys = [k for k, s in model.structures.items() if k in real and s.kind in DRAWN_KINDS]
    ours = {k: sampled(model[k].mesh) for k in keys}
    there = {k: Cloud(plates.apply(c.points), plates.normals(c.points, c.normals)) for k, c in ours.items()}
    steps = drawn(there, {k: sampled(real[k]) for k in keys}, table["widths_mm"])
    chain = Chain((*plates.maps, *steps))
    every = np.vstack([s.mesh.vertices_mm for s in model.structures.values()])
    least = float(np.linalg.det(chain.jacobian(every[:: max(len(every) // PROBES, 1)])).min())
    if least <= 0:
        raise ValueError("the model cannot be carried to these surfaces without folding; are two parts swapped?")
    return Way(chain, least)


def left_out_errors(model: Anatomy, known: Mapping[str, Array]) -> Mapping[str, float]:
    """Return how far (mm) each landmark is missed by the thin plates through all the others, by name.

    Only landmarks that a rule has found on his own surface, or that are sections of his own muscles, are asked and used: what
    was carried over with its bone would agree with the map by itself. An estimate of the map's error at a place where nothing
    was measured; errors at the landmarks themselves say nothing of it (Fitzpatrick et al., 1998, doi 10.1109/42.736021).
    """
    table, rules = load_table("real_landmarks")["map"], load_table("real_landmarks")["rule"]
    names = [n for n in known if n in model.landmarks and _on_its_own(split_key(n)[0], rules)]
    out = {}
    source, target = np.array([model.landmark(n) for n in names]), np.array([known[n] for n in names])
    for name, here, there in zip(names, source, target, strict=True):
        far = np.linalg.norm(source - here, axis=1) > table["apart_mm"]
        if far.sum() < FEWEST:
            continue
        plates = RBFInterpolator(source[far], target[far], kernel="linear", degree=1, smoothing=table["stiffness"][0])
        out[name] = float(np.linalg.norm(plates(here[None])[0] - there))
    return out


def _on_its_own(bare: str, rules: Mapping[str, Mapping[str, object]]) -> bool:
    rule = rules.get(bare, {})
    return "way" in rule or "away_from" in rule or bare == "inion" or "_at_" in bare


def _plates(model: Anatomy, known: Mapping[str, Array], stiffness: list[float]) -> Chain:
    """Thin plates through landmarks, as calm as is needed for no fold."""
    names = [n for n in known if n in model.landmarks]
    source, target = np.array([model.landmark(n) for n in names]), np.array([known[n] for n in names])
    around = grid_round(np.vstack([source, [[-190, -110, -210], [190, 120, 125]]]))
    for i, calm in enumerate(stiffness):
        try:
            return warp_between(source, target, stiffness=calm, around=around)
        except ValueError:
            if i == len(stiffness) - 1:
                raise
    raise AssertionError
