"""The anatomy that a user or a scenario asks for: shipped, of a patient, or from a file."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path

import meshes
from meshes._check import unknown
from meshes.model import Anatomy
from meshes.patient import Patient, bent
from scenarios.model import Scenario


def load_anatomy(source: str | Path | Patient = "shipped") -> Anatomy:
    """Return an anatomy.

    Parameters
    ----------
    source : str, Path or Patient
        'shipped', a patient's measures, or the path of a model file written by `inion build`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a model of this version.
    """
    if isinstance(source, Patient):
        return _of_patient(source)
    return meshes.load_anatomy(str(source))


def both_sexes(anatomy: Anatomy) -> tuple[Anatomy, ...]:
    """Return an anatomy and, if it is a man's, the same as a woman."""
    if anatomy.meta.get("sex", "male") != "male":
        return (anatomy,)
    return anatomy, bent(anatomy, Patient(sex="female"))


def anatomy_for(scenario: Scenario) -> Anatomy:
    """Return the anatomy that a scenario asks for; its paths start in the scenario's folder.

    Raises
    ------
    ScenarioError
        If there is no such anatomy, or a measure is unknown or out of range.
    """
    asked, origin = scenario.anatomy, scenario.origin
    if asked.source == "shipped":
        if not asked.patient:
            return meshes.load_anatomy()
        known = [f.name for f in fields(Patient)]
        for name in asked.patient:
            if name not in known:
                raise origin.error(("anatomy", "patient", name), unknown("key", name, known))
        with origin.at("anatomy", "patient"):
            return load_anatomy(Patient(**asked.patient))  # type: ignore[arg-type]
    if asked.patient:
        raise origin.error(("anatomy", "patient"), "patients are made from the shipped anatomy; leave out `source`.")
    path = Path(origin.folder) / asked.source
    if not path.is_file():
        raise origin.error(("anatomy", "source"), f"{asked.source!r} is neither 'shipped' nor a file.")
    with origin.at("anatomy", "source"):
        return meshes.load_anatomy(str(path))


@cache
def _of_patient(patient: Patient) -> Anatomy:
    return bent(meshes.load_anatomy(), patient)
