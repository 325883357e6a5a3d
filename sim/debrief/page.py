"""The debrief of an attempt: one HTML file that holds everything, for the trainee to learn from and an examiner to sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sim.debrief.html import Html, page, paragraph, section
from sim.debrief.parts import about_procedure, heading, label_of, result, signatures
from sim.debrief.pictures import scan_figures, trace_figures
from sim.debrief.scores import history_section, scores
from sim.debrief.sites import has_map, site_map, site_rows, site_table
from sim.debrief.timeline import explained, notes_of, timeline
from sim.training.metrics import metric
from sim.training.reference import Mark, Reference, reference_for
from sim.training.state import TrialLog

if TYPE_CHECKING:
    from sim.app.scene.live import SceneModel
    from sim.app.shelf import Shelf
    from sim.training.world import World


def debrief(
    world: World,
    log: TrialLog,
    score: Mapping[str, Any],
    *,
    history: Sequence[Mapping[str, Any]] = (),
    scene: SceneModel | None = None,
) -> str:
    """Return the debrief page of an attempt.

    Parameters
    ----------
    world : World
        On which the attempt was made.
    log : TrialLog
        Of its `about`, `trainee` (a name), `started` (ISO 8601) and `mode` ('learn' or 'exam') are shown where they are.
    score : mapping
        As of `scoring.told`.
    history : sequence of mapping
        Earlier attempts at the procedure by the same trainee, oldest first, as `Records.attempts` gives them.
    scene : SceneModel, optional
        3-D model of the world's anatomy; made here if it is not given, which takes some seconds the first time.

    Returns
    -------
    str
        A whole HTML file without scripts or outside addresses: style, drawings and pictures lie within. The same for the same
        input.

    Raises
    ------
    ValueError
        If log or score are of another procedure than the world.
    RuntimeError
        If the machine has no working OpenGL for the 3-D pictures.
    """
    for what, key in (("log", log.procedure), ("score", score.get("procedure", world.procedure.key))):
        if key != world.procedure.key:
            raise ValueError(f"the {what} is of {key!r}, the world of {world.procedure.key!r}; they must be of one procedure.")
    critical = [dict(row) | {"label": label_of(row)} for row in score.get("critical", ())]
    notes = notes_of(log, critical)
    line = [timeline(log, notes), explained(notes) if notes else paragraph("Nothing happened that calls for a remark.")]
    parts = [
        heading(world, log),
        result(log, score),
        section("What happened, in time", "time", *line, number=1),
        _places(world, log, critical, scene),
        section("Ultrasound at the errors, and at the first injection", "scans", scan_figures(world, log, critical), number=3),
        scores(score, _runs(world.procedure.key), 4),
        history_section(score, history, bool(log.about.get("trainee")), 5),
        about_procedure(world, score, 6),
        signatures(log),
    ]
    return page(f"Debrief: {world.procedure.title}", parts)


def debrief_page(shelf: Shelf, attempt: str) -> str:
    """Return the debrief page of an attempt on record: it is replayed and scored anew.

    Parameters
    ----------
    shelf : Shelf
        With the records.
    attempt : str
        Id.

    Raises
    ------
    ValueError
        If there is no attempt of that id, or its procedure is not known any more.
    """
    from sim.training.scoring import score, told
    from sim.training.trial import replay

    records = shelf.records
    found = records.attempt(attempt)
    patient = str(found["about"].get("patient", "man"))
    world = shelf.world(found["procedure"], found["side"], patient)
    log = replay(world, records.actions(attempt))
    name = next((t["name"] for t in records.trainees() if t["id"] == found["trainee"]), None) if found["trainee"] else None
    about = dict(world.about) | found["about"] | {"started": found["started"], "trainee": name}
    log = replace(log, about=MappingProxyType(about))
    earlier: list[Any] = records.attempts(found["trainee"], found["procedure"]) if found["trainee"] else []
    before = [a for a in earlier if a["started"] < found["started"] and a["id"] != attempt]
    result = told(score(world, log, _reference(world)))
    return debrief(world, log, result, history=before, scene=shelf.model(patient))


def _places(world: World, log: TrialLog, critical: Sequence[Mapping[str, Any]], model: SceneModel | None) -> Html:
    """The section of 3-D pictures: a body map for a series of sites, else the needle's way."""
    from sim.app.scene.live import Scene, SceneModel

    with Scene(SceneModel(world.anatomy) if model is None else model, names=False) as scene:
        if has_map(world):
            rows = site_rows(world, log)
            return section("The sites on the body", "sites", site_map(world, rows, scene), site_table(world, rows), number=2)
        return section("The way of the needle", "way", trace_figures(world, log, critical, scene), number=2)


def _runs(procedure: str) -> int:
    """How many runs the pass marks come from; 0 without any."""
    try:
        return reference_for(procedure).runs
    except ValueError:
        return 0


def _reference(world: World) -> Reference:
    """The pass marks of a procedure; where no runs are shipped, none, so that the measures are told and not judged."""
    try:
        return reference_for(world.procedure.key)
    except ValueError:
        none = (None, None, None)
        marks = {k: Mark(k, metric(k).better, None, None, None, none, none, False) for k in world.procedure.metrics}
        return Reference(world.procedure.key, MappingProxyType(marks), 0, 0)
