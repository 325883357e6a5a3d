"""The patients of a plan, each with the name that begins the ids of its items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from typing import Any

import meshes
from meshes import library
from meshes._check import unknown
from meshes.model import Anatomy
from meshes.patient import Patient, bent
from sim.batch.plan_model import Plan

SHIPPED = "shipped"


@dataclass(frozen=True)
class Someone:
    """One patient of a plan.

    Parameters
    ----------
    name : str
        'p0003' of the fourth person sampled, 'shipped', or a name of the plan.
    measures : mapping
        What `Patient` takes; empty is the shipped adult.
    sampled : mapping
        'seed' and 'index' of a person that was sampled, to draw the same one again with `meshes.population`.
    anatomy : mapping
        'name' and 'sha256' of a real anatomy, which is shown as it is; empty for the model and who is bent from it.
    """

    name: str
    measures: Mapping[str, Any] = field(default_factory=dict)
    sampled: Mapping[str, int] = field(default_factory=dict)
    anatomy: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return what JSON holds of the patient: name and measures always, the rest where there is any."""
        return {k: v for k, v in asdict(self).items() if v or k in ("name", "measures")}


def people(plan: Plan) -> Iterator[Someone]:
    """Yield the patients of a plan: the shipped adult, real ones, those that are given, those that are sampled.

    Raises
    ------
    ValueError
        If a real anatomy is not there.
    """
    import numpy as np

    from meshes.population import sample_patient

    asked = plan.patients
    if asked.shipped:
        yield Someone(SHIPPED)
    for name in asked.anatomies:
        yield Someone(name, anatomy={"name": name, "sha256": str(library.about(name)[library.SUM])})
    for person in asked.person:
        yield Someone(person.name, plain_patient(patient_from(person.measures)))
    seed = plan.seed if asked.seed is None else asked.seed
    for index in range(asked.count):
        drawn = sample_patient(np.random.default_rng([seed, index]))  # as `sample_population` draws person `index`
        yield Someone(f"p{index:04d}", plain_patient(drawn), {"seed": seed, "index": index})


def patient_from(measures: Mapping[str, Any]) -> Patient:
    """Return the person with these measures. Raises ValueError naming the nearest, or the range."""
    known = [f.name for f in fields(Patient)]
    for name in measures:
        if name not in known:
            raise ValueError(unknown("key", name, known))
    try:
        return Patient(**measures)
    except TypeError as error:
        raise ValueError(f"a measure is of the wrong kind: {error}.") from None


def plain_patient(patient: Patient) -> dict[str, Any]:
    """Return what JSON can hold of a person: the measures that differ from the shipped man's; `patient_from` takes them back."""
    return _changed(patient)


def anatomy_of(someone: Someone) -> Anatomy:
    """Return the anatomy of a patient. Raises ValueError if no person has these measures together, or it is not there."""
    if someone.anatomy:
        return library.read(someone.anatomy["name"])
    shipped = meshes.load_anatomy()
    return shipped if not someone.measures else bent(shipped, patient_from(someone.measures))


def _changed(part: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for f in fields(part):
        value = getattr(part, f.name)
        usual = f.default_factory() if f.default_factory is not MISSING else f.default
        if value is None or value == usual or (isinstance(value, Mapping) and not value):
            continue
        if is_dataclass(value):
            value = _changed(value)
        elif isinstance(value, Mapping):
            value = {k: list(v) if isinstance(v, tuple) else v for k, v in value.items()}
        out[f.name] = value
    return out
