"""One trainee before one page: what the page asks, what it is answered. Knows nothing of networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.app import local
from sim.app import messages as m
from sim.app.cursor import Cursor, first_cursor
from sim.app.pictures import SCAN_QUALITY, coloured, jpeg, scan_image, told
from sim.app.telling import hello_told, procedure_told, state_told
from sim.training.actions import AnyAction, action_from
from sim.training.state import Event, Moment, TrialLog, TrialState

if TYPE_CHECKING:
    from sim.app.scene.live import Scene
    from sim.app.shelf import Shelf
    from sim.training.world import World
    from sim.ultrasound.image import BModeImage

Array = NDArray[np.float64]
SIZE = (720, 540)
GLANCED = ("procedure", "side", "mode", "last", "attempt", "step")
# What a trainee feels, sees or does without looking inside; an examination tells nothing else.
FELT = (
    "side_chosen", "confirmed", "step", "palpated", "probe_placed", "probe_moved", "probe_lifted", "knob", "needle_placed",
    "needle_removed", "pop", "bone_contact", "aspirated_clear", "aspirated_blood", "paraesthesia", "stimulated", "refused",
    "finished",
)  # fmt: skip
SURE = ("side_chosen", "needle_placed", "needle_removed", "finished")  # a step is ticked off only by what cannot be half done
PLAIN = {"injected": "{value:g} mL given.", "intravascular": "{value:g} mL given.", "marked": "Marked."}
EXAM_LAYER, LEARN_LAYER = "skin", "glass"
SPREAD_MM, CLOSE_MM = 80.0, 240.0  # targets nearer together than this are looked at this close, mm across the view
FINE_AFTER, FINE_QUALITY = 4, 88  # a view that has not changed for as many frames is drawn once more with smooth edges
FAR_MM = 110.0  # a probe dragged further is laid anew


class Session:
    """A page's attempt.

    Parameters
    ----------
    shelf : Shelf
    clock : callable
        Seconds; monotonic.
    """

    def __init__(self, shelf: Shelf, clock: Callable[[], float] = time.monotonic) -> None:
        self.shelf, self.clock = shelf, clock
        self.phase, self.mode, self.patient = "choose", "learn", "man"
        self.layer = LEARN_LAYER
        self.world: World | None = None
        self.state = TrialState()
        self.moments: list[Moment] = []
        self.attempt: str | None = None
        self.replayed: TrialLog | None = None
        self.events: list[Event] = []
        self.cursor: Cursor | None = None
        self.size = SIZE
        self.local = local.Local(shelf)
        self.n = 0
        self._scene: Scene | None = None
        self._scene_of = ""
        self._began, self._offset = 0.0, 0.0
        self._view: tuple[Any, ...] = ()
        self._scanned: TrialState | None = None
        self._frame: BModeImage | None = None
        self._idle = 0
        self._tip_of, self._tip_in = self.state, ""

    def call(self, value: Any) -> dict[str, Any]:
        """Answer one request of the page: a message, or a list of them, done in order.

        Returns
        -------
        dict
            'state' always; 'view' and 'scan' with the bytes of pictures; 'events' new ones; 'error' one line, if something was
            refused; 'n' the count of requests.
        """
        self.n += 1
        fresh, error = len(self.events), ""
        extra: dict[str, Any] = {}
        ticked = False
        for item in value if isinstance(value, list) else [value]:
            try:
                message = m.message_from(item)
                ticked |= message.do not in ("camera", "cursor", "look")
                extra |= self._do(message) or {}
            except (ValueError, KeyError) as fault:
                error = str(fault.args[0] if isinstance(fault, KeyError) else fault)
                break
        answer = {"n": self.n, "error": error, "events": [self._event(e) for e in self.events[fresh:]], **extra}
        if self.phase == "choose":
            return answer | {"state": {"phase": "choose"}}
        return answer | self._pictures(ticked) | {"state": self._told()}

    def close(self) -> None:
        """Free the window and write what is still to be written."""
        self.shelf.records.flush()
        self.local.close()
        if self._scene is not None:
            self._scene.close()
            self._scene = None

    @property
    def now_s(self) -> float:
        """Seconds since the attempt began; of a replay, the moment looked at."""
        if self.replayed is not None:
            return self.state.at_s
        return self._offset + self.clock() - self._began

    def _do(self, message: m.AnyMessage) -> dict[str, Any] | None:
        return HANDLERS[message.do](self, message)

    # Beginning and ending

    def _begin(self, message: m.Begin) -> dict[str, Any]:
        from sim.training.trial import start

        patient = self.shelf.patient(message.patient)
        world = self.shelf.world(message.procedure, message.side, patient)
        trainee = self.shelf.records.trainee_named(message.trainee) if message.trainee.strip() else None
        about = dict(world.about) | {"mode": message.mode, "patient": patient}
        self.attempt = self.shelf.records.begin(message.procedure, message.side, about, trainee)
        self._open(world, patient, message.mode, start(world), [], 0.0)
        return {"procedure": procedure_told(world, message.mode)}

    def _resume(self, message: m.Resume) -> dict[str, Any]:
        from sim.training.trial import replay, start

        found = self.shelf.records.attempt(message.attempt)
        world, patient, mode = self._world_of(found)
        log = replay(world, self.shelf.records.actions(message.attempt))
        state = log.moments[-1].state if log.moments else start(world)
        self.attempt = message.attempt
        self._open(world, patient, mode, state, list(log.moments), state.at_s)
        if state.finished:
            self.phase = "done"
        return {"procedure": procedure_told(world, mode)}

    def _replay(self, message: m.Replay) -> dict[str, Any]:
        from sim.training.trial import replay, start

        found = self.shelf.records.attempt(message.attempt)
        world, patient, _ = self._world_of(found)
        log = replay(world, self.shelf.records.actions(message.attempt))
        self.attempt = message.attempt
        self._open(world, patient, "learn", start(world), list(log.moments), 0.0)
        self.phase, self.replayed = "replay", log
        times = [[round(e.at_s, 2), e.kind, e.text] for e in log.events]
        return {"procedure": procedure_told(world, "learn"), "replay": {"seconds": log.seconds, "events": times}}

    def _seek(self, message: m.Seek) -> None:
        from sim.training.trial import start

        if self.replayed is None or self.world is None:
            raise ValueError("there is no replay; open one first.")
        before = [moment for moment in self.replayed.moments if moment.state.at_s <= message.at_s]
        self.state = before[-1].state if before else start(self.world)
        self.moments = before

    def _home(self, _message: m.Home) -> dict[str, Any]:
        self.shelf.records.flush()
        self.phase, self.world, self.attempt, self.replayed = "choose", None, None, None
        self.moments, self.events, self.state = [], [], TrialState()
        self.local.close()
        return self.hello()

    def hello(self) -> dict[str, Any]:
        """Return what the first page needs: procedures, attempts left open, attempts to look at."""
        return {"hello": hello_told(self.shelf.patients, self.shelf.records)}

    def _world_of(self, found: Mapping[str, Any]) -> tuple[World, str, str]:
        about = found["about"]
        patient, mode = str(about.get("patient", "man")), str(about.get("mode", "learn"))
        return self.shelf.world(found["procedure"], found["side"], patient), patient, mode

    def _open(self, world: World, patient: str, mode: str, state: TrialState, moments: list[Moment], offset: float) -> None:
        self.world, self.patient, self.mode, self.state, self.moments = world, patient, mode, state, moments
        self.phase, self.replayed, self.events = "attempt", None, []
        self.layer = LEARN_LAYER if mode == "learn" and world.procedure.guidance == "ultrasound" else EXAM_LAYER
        self._began, self._offset = self.clock(), offset
        self._first_look(world)
        self.cursor = first_cursor(world.ground)
        self._view, self._scanned, self._frame = (), None, None

    def _first_look(self, world: World) -> None:
        """From behind, close enough to work; the whole head where the sites are spread over it."""
        scene = self._scene_for(self.patient)
        scene.view("posterior")
        places = np.array([t.skin_mm for t in world.targets])
        if np.ptp(places, axis=0).max() < SPREAD_MM:
            scene.look_at(places.mean(axis=0), CLOSE_MM)

    # Doing

    def _acts(self, message: m.Acts) -> None:
        for each in message.acts:
            self.act(action_from({**each, "at_s": self.now_s}))

    def act(self, action: AnyAction) -> None:
        """Do one action, record it, and keep what happened."""
        from sim.training.trial import step

        if self.world is None or self.attempt is None or self.phase != "attempt":
            raise ValueError("no attempt is running; begin one first.")
        if self.mode == "exam" and action.kind == "probe_pose":
            raise ValueError("in an examination the probe is placed by hand.")
        moment = step(self.world, self.state, action)
        self.shelf.records.append(self.attempt, moment)
        self.state = moment.state
        self.moments.append(moment)
        self.events.extend(moment.events)
        if moment.state.finished:
            self._finish()

    def _finish(self) -> None:
        from sim.training import scoring
        from sim.training.reference import reference_for

        assert self.world is not None and self.attempt is not None
        self.phase = "done"
        result = scoring.told(scoring.score(self.world, self.log, reference_for(self.world.procedure.key)))
        self.shelf.records.finish(self.attempt, result)

    @property
    def log(self) -> TrialLog:
        """The attempt so far."""
        assert self.world is not None
        side: Any = self.world.side
        return TrialLog(self.world.procedure.key, side, tuple(self.moments), self.world.about)

    def _point(self, message: m.Aim) -> None:
        if self.world is None or self.cursor is None:
            raise ValueError("no attempt is running; begin one first.")
        place = local.place_under(self.scene(), message)
        if place is None:
            return
        if message.tool == "cursor":
            self.cursor = self.cursor.at(place)
            return
        self.act(self._slid_to(place))

    def _slid_to(self, place: Array) -> AnyAction:
        probe = self.state.probe
        if probe is not None:
            gap = place - probe.centre_mm
            along, across = float(gap @ probe.lateral), float(gap @ probe.elevation)
            if np.hypot(along, across) < FAR_MM and np.linalg.norm(gap) < FAR_MM:
                return action_from({"kind": "probe_slide", "along_mm": along, "across_mm": across, "at_s": self.now_s})
        return action_from({"kind": "probe_place", "point_mm": place.tolist(), "at_s": self.now_s})

    def _cursor(self, message: m.MoveCursor) -> None:
        if self.cursor is None:
            raise ValueError("no attempt is running; begin one first.")
        right, up = self.scene().axes()
        self.cursor = self.cursor.moved(message.right_mm * right + message.up_mm * up)

    def _here(self, message: m.AtCursor) -> None:
        if self.cursor is None:
            raise ValueError("no attempt is running; begin one first.")
        self.act(action_from(self.cursor.action(message.what, message.name) | {"at_s": self.now_s}))

    def _camera(self, message: m.Camera) -> None:
        if self.world is None:
            return
        scene = self._scene_for(self.patient)
        if message.width and message.height and (message.width, message.height) != self.size:
            self.size = (message.width, message.height)
            scene.resize(self.size)
        if message.layer is not None:
            if self.mode == "exam" and self.phase == "attempt" and message.layer != EXAM_LAYER:
                raise ValueError("in an examination nothing is revealed.")
            self.layer = message.layer
        if message.view is not None:
            scene.view(message.view)
        scene.orbit(message.azimuth_deg, message.elevation_deg)
        scene.pan(message.right, message.up)
        scene.zoom(message.zoom)
        self._view = ()

    # Pictures

    def scene(self) -> Scene:
        """Return the 3-D scene of the patient of now."""
        return self._scene_for(self.patient)

    def _scene_for(self, patient: str) -> Scene:
        from sim.app.scene.live import Scene

        if self._scene is None or self._scene_of != patient:
            if self._scene is not None:
                self._scene.close()
            self._scene, self._scene_of = Scene(self.shelf.model(patient), self.size), patient
        return self._scene

    def _pictures(self, fresh: bool) -> dict[str, Any]:
        """What has changed of the two pictures; the ultrasound, which pulses, also when a `fresh` frame is asked for."""
        assert self.world is not None
        answer: dict[str, Any] = {}
        if fresh or self.state is not self._scanned:
            self._scanned = self.state
            self._frame = scan_image(self.world, self.state, self.now_s)
            answer["scan"] = b"" if self._frame is None else jpeg(coloured(self._frame), SCAN_QUALITY)
            answer["round"] = {} if self._frame is None else told(self._frame)
        shown = (id(self.state.probe), id(self.state.needle), self.state.given_ml, len(self.state.marks), self.layer, self.cursor)
        if shown != self._view:
            self._view, self._idle = shown, 0
            if self.local.on:
                return answer | self.local.changes(self.scene(), self.layer, self._shown)
            answer["view"] = jpeg(self.view_picture())
        elif self._idle <= FINE_AFTER and not self.local.on:
            self._idle += 1
            if self._idle == FINE_AFTER:
                answer["view"] = jpeg(self.view_picture(fine=True), FINE_QUALITY)
        return answer

    def view_picture(self, fine: bool = False) -> NDArray[np.uint8]:
        """Return the 3-D view (rows, columns, 3) of now; `fine` has smooth edges, for a view at rest."""
        scene = self.scene()
        scene.show(self.layer)
        scene.update(**self._shown())
        return scene.image(fine=fine)

    def _shown(self) -> dict[str, Any]:
        from sim.app.showing import shown_in

        assert self.world is not None
        cursor = None if self.cursor is None else self.cursor.point_mm
        return shown_in(self.world, self.state, self.layer, cursor, self._frame)

    def redraw(self) -> None:
        """Let the next answer bring the view anew."""
        self._view = ()

    def glance(self) -> dict[str, Any]:
        """Return what an instructor sees of this page in a list."""
        if self.world is None:
            return {"phase": self.phase, "clock_s": 0.0} | dict.fromkeys(GLANCED, "")
        p = self.world.procedure
        return {
            "phase": self.phase, "procedure": p.key, "side": self.world.side, "mode": self.mode, "attempt": self.attempt or "",
            "clock_s": round(self.now_s, 1), "last": next((e.text for e in reversed(self.events) if e.text), ""),
            "step": next((s.text for s in p.steps if s.id == self.state.step), ""),
        }  # fmt: skip

    def both_pictures(self) -> bytes:
        """Return the 3-D view and the ultrasound side by side, as JPEG."""
        from sim.app.pictures import beside_each_other

        assert self.world is not None
        return jpeg(beside_each_other(self.view_picture(), scan_image(self.world, self.state, self.now_s)))

    def _told(self) -> dict[str, Any]:
        assert self.world is not None
        from sim.training.trial_path import at_rest

        if self.state is not self._tip_of:
            self._tip_of, self._tip_in = self.state, ""
            if self.state.needle is not None and (self.mode == "learn" or self.phase != "attempt"):
                rest = at_rest(self.world, self.state, self.state.needle.tip_mm[None])[0]
                self._tip_in = self.world.truth.tip(rest).key.replace("_", " ")
        known = state_told(self.world, self.state, self._tip_in)
        happened = {e.kind for moment in self.moments for e in moment.events}
        done = [s.id for s in self.world.procedure.steps if happened.intersection(s.done_when).intersection(SURE)]
        return known | {
            "done": done, "phase": self.phase, "mode": self.mode, "clock_s": round(self.now_s, 2), "attempt": self.attempt,
            "layer": self.layer,
        }  # fmt: skip

    def _event(self, event: Event) -> dict[str, Any]:
        from sim.training.trial_events import event_kinds

        at_s, severity = round(event.at_s, 2), event_kinds()[event.kind].severity
        if self.mode != "exam" or self.phase != "attempt" or event.kind in FELT:
            return {"at_s": at_s, "kind": event.kind, "severity": severity, "text": event.text}
        return {"at_s": at_s, "kind": "", "severity": "info", "text": PLAIN.get(event.kind, "").format(value=event.value)}


HANDLERS: Mapping[str, Callable[[Session, Any], dict[str, Any] | None]] = {
    "begin": Session._begin,
    "resume": Session._resume,
    "replay": Session._replay,
    "seek": Session._seek,
    "home": Session._home,
    "acts": Session._acts,
    "point": Session._point,
    "cursor": Session._cursor,
    "here": Session._here,
    "camera": Session._camera,
    "able": local.able,
    "draw": local.draw,
    "look": local.look,
    "tick": lambda _session, _message: None,
}
