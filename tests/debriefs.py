"""Logs to debrief, and what reads the page."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from sim.training.actions import action_from
from sim.training.metrics import measure, metric
from sim.training.reference import Reference, derive
from sim.training.state import TrialLog
from sim.training.trial import replay
from sim.training.world import World

VOID = {"meta", "img", "br", "line", "rect", "path", "circle", "polyline", "polygon"}
NAME = "Dr <script>alert(\"1\")</script> & 'Söhne'"
BEGUN = "2026-03-04T05:06:07+00:00"


class Reader(HTMLParser):
    """Elements, text and headings of a page; an element that is not closed in its order is an error."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attrs)))
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attrs)))

    def handle_endtag(self, name: str) -> None:
        assert self.open and self.open.pop() == name, f"</{name}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for element, attributes in self.elements if element == name]


def act(kind: str, at_s: float, **more: Any) -> Any:
    return action_from({"kind": kind, "at_s": float(at_s), **more})


def referred(world: World, log: TrialLog) -> Reference:
    """Marks that half of what a log measured would miss: experts twice as good, novices as bad again."""
    taken = measure(world, log, world.procedure.metrics)
    good, bad = [], []
    for i in range(3):
        for runs, factor in ((good, 0.5 + 0.05 * i), (bad, 1.5 + 0.05 * i)):
            turn = {k: 2.0 - factor if metric(k).better == "high" else factor for k in taken}
            held = {k: 8.0 if m.value is None else m.value + 0.1 for k, m in taken.items()}
            runs.append({k: value * turn[k] for k, value in held.items()})
    return derive(good, bad, world.procedure.metrics, world.procedure.key)


def given_about(log: TrialLog) -> TrialLog:
    return replace(log, about=dict(log.about) | {"trainee": NAME, "started": BEGUN, "mode": "exam", "patient": "man"})


def a_faulty_log(world: World) -> TrialLog:
    """No aspiration before the first injection, two punctures, a landmark marked badly."""
    t = world.targets[0]
    place = {"point_mm": t.skin_mm.tolist(), "direction": t.direction.tolist()}
    beside = {"point_mm": (t.skin_mm + [9.0, 0, 4]).tolist(), "direction": t.direction.tolist()}
    deep, off = float(t.depth_mm), (world.landmarks["inion"] + [4, 0, 0]).tolist()
    actions = [
        act("choose_side", 1, side="right"), act("mark", 5, name="inion", point_mm=off), act("needle_place", 20, **beside),
        act("needle_advance", 22, mm=deep), act("inject", 25, ml=0.5), act("needle_remove", 30), act("needle_place", 40, **place),
        act("needle_advance", 43, mm=deep), act("aspirate", 45), act("inject", 50, ml=1.0), act("needle_remove", 60),
        act("finish", 65),
    ]  # fmt: skip
    return given_about(replay(world, actions))
