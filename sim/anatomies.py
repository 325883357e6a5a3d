"""The anatomy that a user or a scenario asks for: shipped, of a patient, or from a file."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path

import meshes
from meshes import library
from meshes._check import nearest, unknown
from meshes.atlas_files import ATLASES
from meshes.model import Anatomy
from meshes.patient import Patient, bent
from scenarios.model import Scenario


def load_anatomy(source: str | Path | Patient = "shipped") -> Anatomy:
    """Return an anatomy.

    Parameters
    ----------
    source : str, Path or Patient
        'shipped', the name of an anatomy that was installed or imported, a patient's measures, or the path of a model file
        written by `inion build`.

    Raises
    ------
    FileNotFoundError
        If it is a path and there is no such file.
    ValueError
        If there is no anatomy of that name, telling the nearest; or if the file is not a model of this version.
    """
    if isinstance(source, Patient):
        return _of_patient(source)
    if isinstance(source, Path) and source.parent == Path():
        source = source.absolute()  # a path is never a name
    text, kept = str(source), library.names()
    if text != library.SHIPPED and library.NAME.fullmatch(text) and text not in kept and not Path(text).exists():
        raise ValueError(_no_source(text, kept))
    return meshes.load_anatomy(text)


def is_real(anatomy: Anatomy) -> bool:
    """Return whether an anatomy is that of a real person: such a one is shown as it is, and never bent to another."""
    return "estimated" in anatomy.meta


def both_sexes(anatomy: Anatomy) -> tuple[Anatomy, ...]:
    """Return an anatomy and, if it is the model of a man, the same as a woman; a real person stays alone."""
    if is_real(anatomy) or anatomy.meta.get("sex", "male") != "male":
        return (anatomy,)
    return anatomy, bent(anatomy, Patient(sex="female"))


def with_source(scenario: Scenario, source: str) -> Scenario:
    """Return a scenario that shows another anatomy, in place of its own source and patient.

    Parameters
    ----------
    scenario : Scenario
    source : str
        As of `load_anatomy`; a path starts in the working folder, not in the scenario's.
    """
    held = source == library.SHIPPED or source in library.names() or not Path(source).exists()
    own = scenario.anatomy.model_copy(update={"source": source if held else str(Path(source).absolute()), "patient": {}})
    return scenario.model_copy(update={"anatomy": own})


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
    kept = library.names()
    if asked.source in kept:
        with origin.at("anatomy", "source"):
            return meshes.load_anatomy(asked.source)
    path = Path(origin.folder) / asked.source
    if not path.is_file():
        raise origin.error(("anatomy", "source"), _no_source(asked.source, kept))
    with origin.at("anatomy", "source"):
        return load_anatomy(path)


def _no_source(source: str, known: tuple[str, ...]) -> str:
    near = nearest(source, [library.SHIPPED, *known, *ATLASES])
    hint = f" Did you mean {near[0]!r}?" if near and near[0] != source else ""
    cure = f" Install it with `inion atlas install {source}`." if source in ATLASES else hint
    return f"{source!r} is neither 'shipped', nor an anatomy that was installed or imported, nor a file.{cure}"


@cache
def _of_patient(patient: Patient) -> Anatomy:
    return bent(meshes.load_anatomy(), patient)
