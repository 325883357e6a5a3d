"""Other people: the shipped model bent smoothly to a person's measures.

The bend is one smooth, invertible map of space, so layers keep their order and nothing tears: the nerve
that lies between two muscles still does. It scales the head along its three axes, the neck across, and
the shoulders in breadth, with soft transitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from meshes.measure import Subject
from meshes.metrics import METRICS
from meshes.model import Anatomy, Structure, SurfaceMesh
from meshes.points import load_table

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A person's measures; what is not given follows the sex's mean.

    Parameters
    ----------
    sex : {'male', 'female'}
    head_length_mm, head_breadth_mm, head_height_mm : float, optional
        On the skin: glabella to opisthocranion; greatest breadth; tragion to vertex.
    neck_circumference_mm : float, optional
        Below the larynx.
    biacromial_breadth_mm : float, optional
        Over the acromia.

    Raises
    ------
    ValueError
        If a measure lies outside the range of `data/patient.toml`.

    References
    ----------
    gordon2014 (ANSUR II).
    """

    sex: str = "male"
    head_length_mm: float | None = None
    head_breadth_mm: float | None = None
    head_height_mm: float | None = None
    neck_circumference_mm: float | None = None
    biacromial_breadth_mm: float | None = None

    def __post_init__(self) -> None:
        check_choice("sex", self.sex, ("male", "female"))
        table = load_table("patient")
        for name in measures():
            value, (low, high) = getattr(self, name), table[name]["range"]
            if value is not None and not low <= float(value) <= high:
                raise ValueError(f"{name} is {value}, which is outside {low} to {high} mm ({table[name]['text']}).")

    def measure(self, name: str) -> float:
        """Return a measure in mm: the given one, or the sex's mean."""
        value = getattr(self, name)
        return float(load_table("patient")[name][self.sex] if value is None else value)


def measures() -> tuple[str, ...]:
    """Return the names of the measures that a patient may give."""
    return tuple(f.name for f in fields(Patient) if f.name != "sex")


@dataclass(frozen=True)
class Bend:
    """The map from the shipped model to a patient.

    Parameters
    ----------
    head : (3,) array
        Scales along x, y, z.
    neck, shoulder : float
        Scales across the neck, and of the shoulders' breadth.
    """

    head: Array
    neck: float
    shoulder: float

    def apply(self, points: Array) -> Array:
        """Return (n, 3) points of the shipped model in the patient, mm."""
        zones = load_table("patient")["zones"]
        z = points[:, 2]
        below_head = _smooth(z, *zones["head_to_neck"])[:, None]
        below_neck = _smooth(z, *zones["neck_to_shoulder"])[:, None]
        neck = np.array([self.neck, self.neck])
        trunk = np.array([self.shoulder, 1.0])
        across = self.head[:2] + below_head * (neck - self.head[:2]) + below_neck * (trunk - neck)
        return np.column_stack([points[:, :2] * across, z * self.head[2]])

    def directions(self, points: Array, vectors: Array, *, normals: bool = False) -> Array:
        """Return unit `vectors` (n, 3) at `points` carried along; `normals` stay square to surfaces."""
        jacobian = np.empty((len(points), 3, 3))
        for i in range(3):
            step = np.zeros(3)
            step[i] = 0.05
            jacobian[:, :, i] = (self.apply(points + step) - self.apply(points - step)) / 0.1
        if normals:
            jacobian = np.transpose(np.linalg.inv(jacobian), (0, 2, 1))
        moved = np.einsum("nij,nj->ni", jacobian, vectors)
        return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12))


def fit(anatomy: Anatomy, patient: Patient) -> Bend:
    """Return the bend that gives `anatomy` the patient's measures."""
    subject = Subject(anatomy)
    now = {name: METRICS[name.removesuffix("_mm")](subject, "median") for name in measures()}
    ratio = {name: patient.measure(name) / now[name] for name in measures()}
    head = np.array([ratio["head_breadth_mm"], ratio["head_length_mm"], ratio["head_height_mm"]])
    return Bend(head, ratio["neck_circumference_mm"], ratio["biacromial_breadth_mm"])


def bent(anatomy: Anatomy, patient: Patient) -> Anatomy:
    """Return `anatomy` bent to a patient: surfaces, centrelines, landmarks and curves alike."""
    bend = fit(anatomy, patient)
    structures = [_bent_structure(s, bend) for s in anatomy.structures.values()]
    meta = dict(anatomy.meta) | {"sex": patient.sex} | {n: round(patient.measure(n), 1) for n in measures()}
    landmarks = {k: bend.apply(v[None])[0] for k, v in anatomy.landmarks.items()}
    curves = {k: bend.apply(v) for k, v in anatomy.curves.items()}
    return Anatomy.of(anatomy.name, structures, landmarks, curves, meta)


def _bent_structure(s: Structure, bend: Bend) -> Structure:
    v = s.mesh.vertices_mm
    fibres = None if s.mesh.fibres is None else bend.directions(v, s.mesh.fibres)
    mesh = SurfaceMesh(
        bend.apply(v), s.mesh.faces, bend.directions(v, s.mesh.normals, normals=True), fibres, s.mesh.grain, s.mesh.tendon
    )
    line = None if s.centerline is None else bend.apply(s.centerline)
    branches: Mapping[str, Array] = MappingProxyType({k: bend.apply(b) for k, b in s.branches.items()})
    return replace(s, mesh=mesh, centerline=line, branches=branches)


def _smooth(z: Array, top: float, bottom: float) -> Array:
    """0 above `top`, 1 below `bottom`, smooth between."""
    t = np.clip((top - z) / (top - bottom), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))
