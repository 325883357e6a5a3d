"""Inion: an ultrasound-guided injection simulator for the head and neck.

`import sim` is all that a user needs: names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshes.model import Anatomy as Anatomy
    from meshes.model import Structure as Structure
    from meshes.patient import Patient as Patient
    from scenarios.faults import ScenarioError as ScenarioError
    from scenarios.loader import list_scenarios as list_scenarios
    from scenarios.loader import load_scenario as load_scenario
    from scenarios.model import Scenario as Scenario
    from scenarios.occipital import gon_landmark_definitions as gon_landmark_definitions
    from scenarios.occipital import medial_third_point as medial_third_point
    from scenarios.preempt import preempt_sites as preempt_sites
    from scenarios.sites import InjectionSite as InjectionSite
    from scenarios.validate import validate as validate
    from sim.anatomies import load_anatomy as load_anatomy
    from sim.app.notebook import train_here as train_here
    from sim.rendering import render as render
    from sim.ultrasound.doppler import DopplerSettings as DopplerSettings
    from sim.ultrasound.image import BModeImage as BModeImage
    from sim.ultrasound.placing import probe_pose as probe_pose
    from sim.ultrasound.poses import ProbePose as ProbePose
    from sim.ultrasound.scanner import Scanner as Scanner
    from sim.ultrasound.scene import Injectate as Injectate
    from sim.ultrasound.scene import ScanNeedle as ScanNeedle

_HOME = {
    "Anatomy": "meshes.model",
    "BModeImage": "sim.ultrasound.image",
    "DopplerSettings": "sim.ultrasound.doppler",
    "Injectate": "sim.ultrasound.scene",
    "InjectionSite": "scenarios.sites",
    "Patient": "meshes.patient",
    "ProbePose": "sim.ultrasound.poses",
    "ScanNeedle": "sim.ultrasound.scene",
    "Scanner": "sim.ultrasound.scanner",
    "Scenario": "scenarios.model",
    "ScenarioError": "scenarios.faults",
    "Structure": "meshes.model",
    "gon_landmark_definitions": "scenarios.occipital",
    "list_scenarios": "scenarios.loader",
    "load_anatomy": "sim.anatomies",
    "load_scenario": "scenarios.loader",
    "medial_third_point": "scenarios.occipital",
    "preempt_sites": "scenarios.preempt",
    "probe_pose": "sim.ultrasound.placing",
    "render": "sim.rendering",
    "train_here": "sim.app.notebook",
    "validate": "scenarios.validate",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from sim.release import program_version

        return program_version()
    if name not in _HOME:
        raise AttributeError(f"module 'sim' has no attribute {name!r}; it has {', '.join(__all__)}.")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
