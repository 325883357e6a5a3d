"""What all sessions of a server share: anatomies, their worlds and 3-D models, and the records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from meshes._check import check_choice
from meshes.model import Anatomy

if TYPE_CHECKING:
    from sim.app.scene.live import SceneModel
    from sim.records import Records
    from sim.training.world import World

MOST_WORLDS = 40
PATIENTS = ("man", "woman")
USUAL, USUAL_POSE = "gon-block-c2", "c2-oblique"


class Shelf:
    """Shared, read-only parts, each made when first asked for.

    Parameters
    ----------
    records : Records
        Where attempts are kept.
    seed : int
        Of the scatterers.
    rendering : {'auto', 'local', 'server'}
        Who draws the 3-D view at first: the browser, the server, or whoever can do it better.
    source : str, optional
        An anatomy of `sim.load_anatomy` in place of the man and the woman.
    """

    def __init__(self, records: Records, seed: int = 0, rendering: str = "server", source: str | None = None) -> None:
        self.records, self.seed, self.rendering = records, seed, rendering
        self.patients = PATIENTS if source is None else (source,)
        self._anatomies: dict[str, Anatomy] = {}
        self._models: dict[str, SceneModel] = {}
        self._worlds: dict[tuple[str, str, str], World] = {}

    def patient(self, asked: str) -> str:
        """Return the patient that is asked for; the first if none is. Raises ValueError if there is no such one."""
        return check_choice("patient", asked or self.patients[0], self.patients)

    def anatomy(self, patient: str) -> Anatomy:
        """Return the anatomy of 'man', 'woman', or a name or path of `sim.load_anatomy`."""
        held: Anatomy = _held(self._anatomies, patient, lambda: anatomy_of(patient))
        return held

    def model(self, patient: str) -> SceneModel:
        """Return the 3-D model of a patient."""
        from sim.app.scene.live import SceneModel

        held: SceneModel = _held(self._models, patient, lambda: SceneModel(self.anatomy(patient)))
        return held

    def world(self, procedure: str, side: str, patient: str) -> World:
        """Return the world of a procedure. Raises ValueError naming the nearest procedure."""
        from sim.training.world import world_for

        while len(self._worlds) >= MOST_WORLDS:
            self._worlds.pop(next(iter(self._worlds)))
        key = procedure, side, patient
        held: World = _held(self._worlds, key, lambda: world_for(procedure, side, self.anatomy(patient), self.seed))
        return held

    def warm(self, procedure: str = USUAL, side: str = "right", patient: str | None = None) -> None:
        """Make what an attempt needs, so that its first picture comes at once; of the first patient if none is named."""
        from sim.app.pictures import scan_image
        from sim.training.trial import start

        patient = patient or self.patients[0]
        self.model(patient)
        world = self.world(procedure, side, patient)
        pose = world.pose(world.procedure.pose or USUAL_POSE, "left" if side == "left" else "right")
        scan_image(world, start(world), 0.0, pose=pose)


def anatomy_of(patient: str) -> Anatomy:
    """Return the anatomy of 'man', the shipped one, or 'woman', or that of a name or path of `sim.load_anatomy`."""
    from meshes.patient import Patient
    from sim.anatomies import load_anatomy

    if patient in PATIENTS:
        return load_anatomy("shipped" if patient == "man" else Patient(sex="female"))
    return load_anatomy(patient)


def _held(shelf: dict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
    if key not in shelf:
        shelf[key] = make()
    return shelf[key]
