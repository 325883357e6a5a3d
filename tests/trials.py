"""A trial in hand, on a real world."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.targets import FoundTarget
from sim.training.actions import action_from
from sim.training.state import Event, Moment
from sim.training.trial import start, step
from sim.training.trial_path import under_press
from sim.training.world import World

Array = NDArray[np.float64]
GON = "greater_occipital_nerve_right"


class Trial:
    """A trial in hand: does one thing after the other, a second each."""

    def __init__(self, world: World) -> None:
        self.world, self.state, self.moments = world, start(world), list[Moment]()

    def do(self, kind: str, **values: Any) -> tuple[Event, ...]:
        moment = step(self.world, self.state, action_from({"kind": kind, "at_s": self.state.at_s + 1.0, **values}))
        self.moments.append(moment)
        self.state = moment.state
        return moment.events

    def kinds(self, kind: str, **values: Any) -> list[str]:
        return [e.kind for e in self.do(kind, **values)]

    def into(self, target: FoundTarget, deeper_mm: float = 0.0) -> tuple[Event, ...]:
        self.do("needle_place", point_mm=target.skin_mm.tolist(), direction=target.direction.tolist())
        return self.do("needle_advance", mm=target.depth_mm + deeper_mm)

    def in_plane(self, short_mm: float) -> tuple[Event, ...]:
        """Probe at the target, needle in its plane, tip `short_mm` before the nerve's axis."""
        self.do("probe_pose", name="c2-oblique", side="right")
        pose = self.state.probe
        assert pose is not None
        aim = under_press(self.world, self.state, self.world.targets[0].point_mm)
        aim = aim - ((aim - pose.face_mm) @ pose.elevation) * pose.elevation
        self.do("needle_beside", end="other")
        needle = self.state.needle
        assert needle is not None
        way = aim - needle.entry_mm
        steep = np.degrees(np.arctan2(way @ pose.axis, way @ pose.lateral))
        self.do("needle_beside", end="other", steep_deg=float(steep))
        return self.do("needle_advance", mm=float(np.linalg.norm(way)) - short_mm)


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal bit for bit, arrays and nested dataclasses too."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.shape == b.shape and bool((a == b).all())
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "items"):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return bool(a == b)
