"""The world of an attempt: one anatomy, the procedure's targets and landmarks on it, and the scanner."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from meshes._check import check_choice
from meshes.model import Anatomy
from meshes.patient import Patient
from scenarios.procedure_files import Procedure, load_procedure
from scenarios.sites import Ground, Needle, needle
from scenarios.targets import FoundTarget
from sim.anatomies import load_anatomy
from sim.release import program_version
from sim.training.trial_shared import Shared, shared_of
from sim.training.truth import NeedleTruth
from sim.ultrasound.pose_rules import named_poses
from sim.ultrasound.poses import ProbePose
from sim.ultrasound.probes import ProbeModel, probe_model
from sim.ultrasound.scanner import Scanner
from sim.ultrasound.settings import settings_from

Array = NDArray[np.float64]
Asked = Literal["left", "right", "both"]
USUAL_PROBE = "linear-12-3"
MOST_SCANNERS = 6


@dataclass(frozen=True, eq=False, repr=False)
class World:
    """Everything of an attempt that does not change in it.

    Parameters
    ----------
    procedure : Procedure
    side : {'left', 'right', 'both'}
        Asked for.
    anatomy : Anatomy
    ground : Ground
    truth : NeedleTruth
        What lies where, tissue at rest.
    targets : tuple of FoundTarget
        On the sides asked for.
    landmarks : mapping of str to (3,) array
        Where the landmarks to be marked truly lie on the skin, mm RAS.
    seed : int
        Of the image's speckle.
    about : mapping
        What makes a replay equal: procedure, side, anatomy, patient, seed, version.
    """

    procedure: Procedure
    side: Asked
    anatomy: Anatomy
    ground: Ground
    truth: NeedleTruth
    targets: tuple[FoundTarget, ...]
    landmarks: Mapping[str, Array]
    seed: int
    about: Mapping[str, Any]
    shared: Shared
    _scanners: OrderedDict[tuple[tuple[str, float], ...], Scanner] = field(default_factory=OrderedDict)
    _lock: Any = field(default_factory=RLock)

    def __repr__(self) -> str:
        return f"World({dict(self.about)})"

    @property
    def tool(self) -> Needle:
        """The needle of the procedure."""
        return needle(self.procedure.needle)

    @property
    def probe(self) -> ProbeModel:
        """The probe of the procedure's pose, or the usual one."""
        pose = named_poses().get(self.procedure.pose or "")
        return probe_model(USUAL_PROBE if pose is None else pose.probe)

    def settings(self, knobs: Mapping[str, float]) -> dict[str, Any]:
        """Return the scanner's settings for knobs as turned, the usual ones of the procedure's pose where they are not.

        Raises
        ------
        ValueError
            If a knob stands outside its range; the text gives the range.
        """
        pose = named_poses().get(self.procedure.pose or "")
        usual: dict[str, Any] = {"probe": self.probe.key, "seed": self.seed}
        if pose is not None:
            usual |= {"depth_mm": pose.depth_mm, "frequency_mhz": pose.frequency_mhz}
        return asdict(settings_from(usual | {k: v for k, v in knobs.items() if k != "doppler"}))

    def scanner(self, knobs: Mapping[str, float] = MappingProxyType({})) -> Scanner:
        """Return the scanner with its knobs turned so; kept for the next time, voxels shared. Raises as of `settings`."""
        key = tuple(sorted((k, float(v)) for k, v in knobs.items() if k != "doppler"))
        with self._lock:
            if key not in self._scanners:
                made = Scanner(self.shared.medium, **self.settings(knobs))
                spare = [k for k in self._scanners if k]  # the untouched scanner stays: it says how a probe presses
                if len(self._scanners) >= MOST_SCANNERS and spare:
                    del self._scanners[spare[0]]
                self._scanners[key] = made
            return self._scanners[key]

    def pose(self, name: str, side: str) -> ProbePose:
        """Return a named pose of the probe on this anatomy. Raises ValueError if there is none, or it cannot be placed."""
        return self.shared.pose(name, side)


def world_for(
    procedure: str, side: str = "right", anatomy: str | Path | Patient | Anatomy = "shipped", seed: int = 0
) -> World:
    """Return the world of an attempt.

    Parameters
    ----------
    procedure : str
        Key of a procedure, or the path of its file.
    side : {'right', 'left', 'both'}
        To be treated. A procedure that treats both sides in one attempt is always on both.
    anatomy : str, Path, Patient or Anatomy
        As of `sim.load_anatomy`. Its search trees and voxels are shared by all attempts on the same object.
    seed : int
        Of the image's speckle.

    Raises
    ------
    ValueError
        If the procedure or side is not known, both sides are asked of a procedure for one, or the anatomy lacks what a target is
        found by.
    FileNotFoundError
        If there is no such model file.
    """
    file = load_procedure(procedure)
    check_choice("side", side, ("right", "left", "both"))
    if file.sides == "both":
        side = "both"
    elif side == "both":
        raise ValueError(f"side is 'both', but {procedure} treats one side in an attempt; choose 'right' or 'left'.")
    body = anatomy if isinstance(anatomy, Anatomy) else load_anatomy(anatomy)
    shared = shared_of(body)
    targets, landmarks = shared.found(file, side)
    about = {
        "procedure": file.key, "side": side, "anatomy": body.name, "patient": _told(anatomy), "seed": int(seed),
        "version": program_version(),
    }  # fmt: skip
    return World(
        file, side, body, shared.ground, shared.truth, targets, landmarks, int(seed), MappingProxyType(about), shared  # type: ignore[arg-type]
    )  # fmt: skip


def _told(anatomy: str | Path | Patient | Anatomy) -> dict[str, Any] | None:
    """The measures of a patient that were given, as JSON can hold them."""
    if not isinstance(anatomy, Patient):
        return None
    given = {f.name: getattr(anatomy, f.name) for f in fields(Patient) if getattr(anatomy, f.name) != f.default}
    return {name: _plain(value) for name, value in given.items()}


def _plain(value: Any) -> Any:
    """Courses and mappings as plain dicts, tuples as lists."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {key: _plain(held) for key, held in value.items()}
    return [_plain(held) for held in value] if isinstance(value, tuple | list) else value
